//! Points in time, flush slots, and the clock everybody is handed.
//!
//! Nobody below the daemon reads a clock: a `Clock` is given, so that a test moves time by hand.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// Nanoseconds since the Unix epoch, UTC.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp(pub i64);

impl Stamp {
    /// The stamp `seconds` after the epoch.
    pub const fn from_seconds(seconds: i64) -> Stamp {
        Stamp(seconds * NANOS)
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(NANOS)
    }

    /// This stamp moved on by `by`; stays at the end of time instead of wrapping.
    pub fn plus(self, by: Duration) -> Stamp {
        Stamp(self.0.saturating_add(nanos(by)))
    }

    /// Time from `earlier` to here, zero if it is not earlier.
    pub fn since(self, earlier: Stamp) -> Duration {
        Duration::from_nanos(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

/// The aligned interval one flush belongs to. No two flushes of a filter share a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Slot {
    /// End of the interval, a multiple of `interval` since the epoch; the stamp of the flush.
    pub end: Stamp,
    /// Configured length; rates divide by it.
    pub interval: Duration,
}

impl Slot {
    /// The slot that is open at `at`: `start <= at < end`.
    ///
    /// # Panics
    /// If `interval` is zero.
    pub fn open_at(at: Stamp, interval: Duration) -> Slot {
        let length = nanos(interval);
        assert!(length > 0, "a slot has a length");
        Slot { end: Stamp((at.0.div_euclid(length) + 1) * length), interval }
    }

    /// The slot after this one.
    pub fn next(self) -> Slot {
        Slot { end: self.end.plus(self.interval), ..self }
    }

    /// Start of the interval, inclusive.
    pub fn start(self) -> Stamp {
        Stamp(self.end.0 - nanos(self.interval))
    }

    /// Length in seconds, fractions included.
    pub fn seconds(self) -> f64 {
        self.interval.as_secs_f64()
    }
}

/// Says what time it is.
pub trait Clock: Send + Sync {
    /// The wall clock now.
    fn now(&self) -> Stamp;
}

/// A clock that stands still until it is moved; for tests and trials.
#[derive(Debug, Default)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that stands at `at`.
    pub fn at(at: Stamp) -> ManualClock {
        ManualClock(AtomicI64::new(at.0))
    }

    /// Moves the clock on by `by`.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(nanos(by), Ordering::SeqCst);
    }

    /// Sets the clock, backwards too.
    pub fn set(&self, at: Stamp) {
        self.0.store(at.0, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Stamp {
        Stamp(self.0.load(Ordering::SeqCst))
    }
}

fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

const NANOS: i64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_aligned_to_the_wall_clock_and_holds_its_start() {
        let ten = Duration::from_secs(10);
        assert_eq!(Slot::open_at(Stamp::from_seconds(1234), ten).end, Stamp::from_seconds(1240));
        assert_eq!(Slot::open_at(Stamp::from_seconds(1240), ten).end, Stamp::from_seconds(1250));
        assert_eq!(Slot::open_at(Stamp::from_seconds(-1), ten).end, Stamp::from_seconds(0));
        let slot = Slot::open_at(Stamp::from_seconds(1240), ten);
        assert_eq!(slot.start(), Stamp::from_seconds(1240));
        assert_eq!(slot.next().end, Stamp::from_seconds(1260));
    }

    #[test]
    fn time_since_a_later_stamp_is_zero() {
        assert_eq!(Stamp(5).since(Stamp(9)), Duration::ZERO);
        assert_eq!(Stamp(9).since(Stamp(5)), Duration::from_nanos(4));
    }
}
