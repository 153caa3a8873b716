//! What is kept of one series of the exposition.

use super::distribution::{Distribution, Observed};
use super::moments::{Moment, Moments};
use super::names::{FamilyType, Unit};
use super::shapes::Shape;
use super::sharing::{Member, Totals};
use crate::metric::SeriesId;
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

/// One series of the store. A million of them lie in memory, so it is small.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) value: Value,
    /// Whose it is, or was first.
    pub(super) series: SeriesId,
    /// When it last had samples, or was first seen.
    pub(super) touched: Moment,
    /// Number of its birth if it is cumulative and was new; 0 otherwise.
    pub(super) born: u32,
    pub(super) marks: Marks,
}

/// What else is known of a slot: the number of its profile, and what is true of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Marks(u32);

/// What may be true of a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// It was updated; one that was not is not rendered.
    Shown = 1,
    /// It has members: several series share it, or did.
    Shared = 2,
    /// It is alone in its family, which is called as its series is.
    Lone = 4,
}

/// The value of a series, in the unit that is exposed.
#[derive(Debug)]
pub(super) enum Value {
    /// The series is gone.
    Nothing,
    Counter {
        created: Moment,
        total: f64,
    },
    Gauge(f64),
    Distribution(Box<Distribution>),
}

/// Where a series is kept. Its owner remembers it; after the series expired it leads nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SlotId {
    pub(super) index: u32,
    /// Whose it is, or one of those that share it.
    pub(super) series: SeriesId,
}

impl SlotId {
    /// The number under which `series` is kept: whoever remembers that of a series knows where it is.
    pub fn new(series: SeriesId, number: u32) -> SlotId {
        SlotId { index: number, series }
    }

    /// Its number; slots are few, and so are their numbers.
    pub fn number(self) -> u32 {
        self.index
    }
}

impl Slot {
    /// Keeps a reading of a member, if there are several, or of the only series there is.
    pub(super) fn set(
        &mut self,
        reading: Reading<'_>,
        member: Option<&mut Member>,
        circumstances: Circumstances<'_>,
    ) -> Updated {
        let Circumstances { unit, age, touched, moments } = circumstances;
        let first = !self.marks.has(Mark::Shown);
        self.marks.set(Mark::Shown);
        let taken = match member {
            None => self.value.set(reading, unit, age, moments),
            // The last value is that of whoever moved last.
            Some(_) if matches!(self.value, Value::Gauge(_)) && !touched && !first => true,
            Some(member) => self.value.add(reading, member, age, moments),
        };
        if taken { Updated::Taken } else { Updated::Fell }
    }

    /// Whether a series is kept here.
    pub(super) fn is_used(&self) -> bool {
        !matches!(self.value, Value::Nothing)
    }

    /// The type of its family.
    pub(super) fn family_type(&self) -> FamilyType {
        match &self.value {
            Value::Distribution(kept) if kept.window.is_none() => FamilyType::Histogram,
            _ => FamilyType::of(self.series.kind()),
        }
    }

    /// The moments it has.
    pub(super) fn moments(&mut self) -> impl Iterator<Item = &mut Moment> {
        std::iter::once(&mut self.touched).chain(self.value.moment())
    }
}

/// How a reading comes.
pub(super) struct Circumstances<'m> {
    /// What becomes of the values of a series that is alone.
    pub(super) unit: Unit,
    /// The number of the age, if it is a distribution.
    pub(super) age: i64,
    /// Whether there were samples.
    pub(super) touched: bool,
    pub(super) moments: &'m mut Moments,
}

impl Marks {
    /// Those of a slot of which nothing is true yet.
    ///
    /// # Panics
    /// If there are 2^29 profiles.
    pub(super) fn new(profile: u32) -> Marks {
        assert!(profile < 1 << (32 - MARKS), "there are fewer rules than fit the memory");
        Marks(profile << MARKS)
    }

    /// The number of its profile.
    pub(super) fn profile(self) -> usize {
        (self.0 >> MARKS) as usize
    }

    pub(super) fn has(self, mark: Mark) -> bool {
        self.0 & mark as u32 != 0
    }

    pub(super) fn set(&mut self, mark: Mark) {
        self.0 |= mark as u32;
    }

    pub(super) fn unset(&mut self, mark: Mark) {
        self.0 &= !(mark as u32);
    }
}

/// Bits of `Mark`.
const MARKS: u32 = 3;

impl Value {
    /// The value of a series that has none yet.
    pub(super) fn new(family_type: FamilyType, shape: &Shape, at: Stamp, moments: &mut Moments) -> Value {
        match family_type {
            FamilyType::Counter => Value::Counter { total: 0.0, created: moments.number(at) },
            FamilyType::Gauge => Value::Gauge(0.0),
            FamilyType::Summary | FamilyType::Histogram => {
                Value::Distribution(Box::new(Distribution::new(shape, at)))
            }
        }
    }

    /// Takes the reading of the only series there is; false where its totals fell.
    fn set(&mut self, reading: Reading<'_>, unit: Unit, age: i64, moments: &mut Moments) -> bool {
        match (self, reading) {
            (Value::Counter { total, created }, Reading::Counter { total: now, created: begun }) => {
                let (now, before) = (unit.exposed(now), moments.stamp(*created));
                let taken = now >= *total || begun > before;
                if taken {
                    *total = now;
                }
                if taken && begun != before {
                    *created = moments.number(begun);
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
    fn add(&mut self, reading: Reading<'_>, member: &mut Member, age: i64, moments: &mut Moments) -> bool {
        let unit = member.unit();
        match (self, reading) {
            (Value::Counter { total, created }, Reading::Counter { total: now, created: begun }) => {
                let now = Totals { count: unit.exposed(now), sum: 0.0, created: begun };
                let Some((count, _)) = member.grow(now) else { return false };
                *total += count;
                if begun < moments.stamp(*created) {
                    *created = moments.number(begun);
                }
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
    pub(super) fn totals(&self, moments: &Moments) -> Totals {
        match self {
            Value::Counter { total, created } => {
                Totals { count: *total, sum: 0.0, created: moments.stamp(*created) }
            }
            Value::Distribution(kept) => Totals { count: kept.weight, sum: kept.sum, created: kept.created },
            Value::Gauge(_) | Value::Nothing => Totals { count: 0.0, sum: 0.0, created: Stamp(0) },
        }
    }

    /// The moment it has, if any.
    pub(super) fn moment(&mut self) -> Option<&mut Moment> {
        match self {
            Value::Counter { created, .. } => Some(created),
            _ => None,
        }
    }
}

fn mistaken(value: &mut Value, reading: Reading<'_>) -> ! {
    panic!("a series is updated in its own type: {value:?} with {reading:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_half_a_cache_line() {
        assert_eq!((size_of::<Value>(), size_of::<Slot>()), (16, 32));
    }

    #[test]
    fn marks_and_the_profile_are_apart() {
        let mut marks = Marks::new(5);
        marks.set(Mark::Shown);
        marks.set(Mark::Lone);
        marks.unset(Mark::Shown);
        let has = [Mark::Shown, Mark::Shared, Mark::Lone].map(|mark| marks.has(mark));
        assert_eq!((marks.profile(), has), (5, [false, false, true]));
    }
}
