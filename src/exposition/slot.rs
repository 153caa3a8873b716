//! What is kept of one series.

use std::sync::Arc;

use super::distribution::{Distribution, Observed};
use super::names::FamilyType;
use super::shapes::Shape;
use crate::metric::Series;
use crate::time::Stamp;

/// A value of a series, as it was aggregated: timers in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Reading<'a> {
    /// A running total, and when it was 0.
    Counter {
        /// The total.
        total: f64,
        /// When it was 0.
        created: Stamp,
    },
    /// The last value; of a set its size.
    Gauge(f64),
    /// A distribution.
    Distribution(Observed<'a>),
}

/// What became of a reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Updated {
    /// It is shown.
    Taken,
    /// Its total is smaller than the last one and did not begin anew: it is not shown.
    Fell,
    /// The series expired: it must be claimed again.
    Gone,
}

/// One series of the store.
#[derive(Debug)]
pub(super) struct Slot {
    /// Counts the series that were kept here, so that an old `SlotId` is known as such.
    pub(super) generation: u32,
    /// Number of its birth if it is cumulative and was new; 0 otherwise.
    pub(super) born: u64,
    pub(super) series: Arc<Series>,
    /// When it last had samples, or was first seen.
    pub(super) touched: Stamp,
    pub(super) divisor: f64,
    /// False until the first update; such a series is not rendered.
    pub(super) shown: bool,
    pub(super) value: Value,
}

#[derive(Debug)]
pub(super) enum Value {
    /// The series is gone.
    Nothing,
    Counter {
        total: f64,
        created: Stamp,
    },
    Gauge(f64),
    Distribution(Box<Distribution>),
}

/// Where a series is kept. Its owner remembers it; after the series expired it leads nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SlotId {
    pub(super) index: u32,
    pub(super) generation: u32,
}

impl Slot {
    /// Keeps a reading of the age of that number.
    pub(super) fn set(&mut self, reading: Reading<'_>, age: i64) -> Updated {
        self.shown = true;
        let taken = match (&mut self.value, reading) {
            (Value::Counter { total, created }, Reading::Counter { total: now, created: begun }) => {
                let taken = now >= *total || begun > *created;
                if taken {
                    (*total, *created) = (now, begun);
                }
                taken
            }
            (Value::Gauge(value), Reading::Gauge(now)) => {
                *value = now;
                true
            }
            (Value::Distribution(kept), Reading::Distribution(observed)) => {
                kept.take(&observed, self.divisor, age)
            }
            (value, reading) => panic!("a series is updated in its own type: {value:?} with {reading:?}"),
        };
        if taken { Updated::Taken } else { Updated::Fell }
    }
}

impl Value {
    /// The value of a series that has none yet.
    pub(super) fn new(family_type: FamilyType, shape: &Shape, at: Stamp) -> Value {
        match family_type {
            FamilyType::Counter => Value::Counter { total: 0.0, created: at },
            FamilyType::Gauge => Value::Gauge(0.0),
            FamilyType::Summary | FamilyType::Histogram => {
                Value::Distribution(Box::new(Distribution::new(shape, at)))
            }
        }
    }
}
