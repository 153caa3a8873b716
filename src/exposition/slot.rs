//! What is kept of one series of the exposition.

use std::sync::Arc;

use super::distribution::{Distribution, Observed};
use super::names::{FamilyType, Unit};
use super::shapes::Shape;
use super::sharing::{Shared, Totals};
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
    /// Whose it is, or was first.
    pub(super) series: Arc<Series>,
    /// What becomes of the values of that series.
    pub(super) unit: Unit,
    /// When it last had samples, or was first seen.
    pub(super) touched: Stamp,
    /// False until the first update; such a series is not rendered.
    pub(super) shown: bool,
    /// The number of its profile.
    pub(super) profile: u32,
    /// Whether others may share it.
    pub(super) merges: bool,
    pub(super) value: Value,
    /// Those whose it is, if they are several or were.
    pub(super) shared: Option<Box<Shared>>,
}

/// The value of a series, in the unit that is exposed.
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
    /// Which of those that share it.
    pub(super) member: u32,
}

impl Slot {
    /// Keeps a reading of a member, of the age of that number; `touched` says whether there were samples.
    pub(super) fn set(&mut self, member: u32, reading: Reading<'_>, age: i64, touched: bool) -> Updated {
        let first = !std::mem::replace(&mut self.shown, true);
        let taken = match &mut self.shared {
            None => self.value.set(reading, self.unit, age),
            // The last value is that of whoever moved last.
            Some(_) if matches!(self.value, Value::Gauge(_)) && !touched && !first => true,
            Some(shared) => self.value.add(reading, shared, member, age),
        };
        if taken { Updated::Taken } else { Updated::Fell }
    }

    /// The number of a series among those whose slot it is.
    pub(super) fn member(&self, series: &Arc<Series>) -> Option<u32> {
        match &self.shared {
            Some(shared) => shared.find(series),
            None => (self.series == *series).then_some(0),
        }
    }

    /// Lets another series share it; its number.
    pub(super) fn join(&mut self, series: &Arc<Series>, unit: Unit) -> u32 {
        let (value, first, of_first) = (&self.value, &self.series, self.unit);
        let shared =
            self.shared.get_or_insert_with(|| Box::new(Shared::new(first, of_first, value.totals())));
        shared.join(series, unit)
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

    /// Takes the reading of the only series there is; false where its totals fell.
    fn set(&mut self, reading: Reading<'_>, unit: Unit, age: i64) -> bool {
        match (self, reading) {
            (Value::Counter { total, created }, Reading::Counter { total: now, created: begun }) => {
                let now = unit.exposed(now);
                let taken = now >= *total || begun > *created;
                if taken {
                    (*total, *created) = (now, begun);
                }
                taken
            }
            (Value::Gauge(value), Reading::Gauge(now)) => {
                *value = unit.exposed(now);
                true
            }
            (Value::Distribution(kept), Reading::Distribution(observed)) => kept.take(&observed, unit, age),
            (value, reading) => mistaken(value, reading),
        }
    }

    /// Adds the reading of one of several series; false where its totals fell.
    fn add(&mut self, reading: Reading<'_>, shared: &mut Shared, member: u32, age: i64) -> bool {
        let member = shared.member(member);
        let unit = member.unit;
        match (self, reading) {
            (Value::Counter { total, created }, Reading::Counter { total: now, created: begun }) => {
                let now = Totals { count: unit.exposed(now), sum: 0.0, created: begun };
                let Some((count, _)) = member.grow(now) else { return false };
                (*total, *created) = (*total + count, begun.min(*created));
                true
            }
            (Value::Gauge(value), Reading::Gauge(now)) => {
                *value = unit.exposed(now);
                true
            }
            (Value::Distribution(kept), Reading::Distribution(observed)) => {
                kept.count(&observed, unit, age);
                let (count, sum) = (observed.total_weight, unit.exposed(observed.total_sum));
                let Some((count, sum)) = member.grow(Totals { count, sum, created: observed.created }) else {
                    return false;
                };
                kept.add(count, sum, observed.created);
                true
            }
            (value, reading) => mistaken(value, reading),
        }
    }

    /// What the only series there was has brought.
    fn totals(&self) -> Totals {
        match self {
            Value::Counter { total, created } => Totals { count: *total, sum: 0.0, created: *created },
            Value::Distribution(kept) => Totals { count: kept.weight, sum: kept.sum, created: kept.created },
            Value::Gauge(_) | Value::Nothing => Totals { count: 0.0, sum: 0.0, created: Stamp(0) },
        }
    }
}

fn mistaken(value: &mut Value, reading: Reading<'_>) -> ! {
    panic!("a series is updated in its own type: {value:?} with {reading:?}")
}
