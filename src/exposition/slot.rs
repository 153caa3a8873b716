//! The last value of one series, in the unit that is exposed.

use std::sync::Arc;

use super::names::FamilyType;
use super::text::FamilyWriter;
use crate::metric::Series;
use crate::time::Stamp;

/// A value of a series, as it was aggregated: timers in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Reading<'a> {
    /// A running total.
    Counter(f64),
    /// The last value; of a set its size.
    Gauge(f64),
    /// A distribution.
    Summary {
        /// Quantile in [0, 1] and value, ascending; one that does not ascend is left out.
        quantiles: &'a [(f64, f64)],
        /// Running sum of the values.
        sum: f64,
        /// Running count.
        count: f64,
    },
}

/// One series of the store.
#[derive(Debug)]
pub(super) struct Slot {
    /// Counts the series that were kept here, so that an old `SlotId` is known as such.
    pub(super) generation: u32,
    pub(super) family_type: FamilyType,
    pub(super) divisor: f64,
    pub(super) series: Arc<Series>,
    pub(super) updated: Stamp,
    /// None until the first update; such a series is not rendered.
    pub(super) value: Option<Value>,
}

/// What is rendered of it.
#[derive(Debug)]
pub(super) enum Value {
    Single(f64),
    Summary { quantiles: Vec<(f64, f64)>, sum: f64, count: f64 },
}

/// Where a series is kept. Its owner remembers it; after the series expired it leads nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SlotId {
    pub(super) index: u32,
    pub(super) generation: u32,
}

impl Slot {
    /// Keeps a reading, in the unit that is exposed.
    pub(super) fn set(&mut self, reading: Reading<'_>) {
        let divisor = self.divisor;
        match reading {
            Reading::Counter(value) | Reading::Gauge(value) => {
                self.value = Some(Value::Single(value / divisor))
            }
            Reading::Summary { quantiles: new, sum, count } => {
                // The vector of the last reading is used again, so that an update allocates nothing.
                let mut quantiles = match self.value.take() {
                    Some(Value::Summary { quantiles, .. }) => quantiles,
                    _ => Vec::with_capacity(new.len()),
                };
                quantiles.clear();
                for &(quantile, value) in new {
                    if quantiles.last().is_none_or(|&(last, _)| quantile > last) {
                        quantiles.push((quantile, value / divisor));
                    }
                }
                self.value = Some(Value::Summary { quantiles, sum: sum / divisor, count });
            }
        }
    }
}

impl Value {
    /// Writes the samples of one series.
    pub(super) fn write(&self, writer: &mut FamilyWriter<'_>, labels: &str) {
        match self {
            Value::Single(value) => writer.sample("", labels, *value),
            Value::Summary { quantiles, sum, count } => {
                for &(quantile, value) in quantiles {
                    writer.quantile(labels, quantile, value);
                }
                writer.sample("_sum", labels, *sum);
                writer.sample("_count", labels, *count);
            }
        }
    }
}

impl Reading<'_> {
    pub(super) fn family_type(&self) -> FamilyType {
        match self {
            Reading::Counter(_) => FamilyType::Counter,
            Reading::Gauge(_) => FamilyType::Gauge,
            Reading::Summary { .. } => FamilyType::Summary,
        }
    }
}
