//! When a filter shows what it holds: at multiples of an interval, less often where that costs too much.

use std::time::Duration;

use super::FAR;
use crate::time::{Slot, Stamp};

/// The schedule of one filter.
#[derive(Debug, Clone, Copy)]
pub(super) struct Beats {
    interval: Option<Duration>,
    due: Stamp,
    /// What the last beats took. The least of them counts: a thread that was interrupted has not worked.
    costs: [Duration; 3],
}

impl Beats {
    /// First due at the next multiple of the interval; never without one.
    pub(super) fn new(interval: Option<Duration>, now: Stamp) -> Beats {
        let due = interval.map_or(Stamp(i64::MAX), |interval| Slot::open_at(now, interval).end);
        Beats { interval, due, costs: [Duration::ZERO; 3] }
    }

    /// Whether a beat is due.
    pub(super) fn is_due(&self, now: Stamp) -> bool {
        // A clock that was set back must not end the beats.
        now >= self.due || self.due.since(now) > self.furthest()
    }

    /// Says that the beat at `now` took `cost`, and when the next one is due: at a multiple of the interval, and so late
    /// that beats cost less than a fiftieth of a core.
    pub(super) fn done(&mut self, now: Stamp, cost: Duration) {
        let Some(interval) = self.interval else { return };
        self.costs.rotate_right(1);
        self.costs[0] = cost;
        let earliest = now.plus(self.rest());
        self.due = Slot::open_at(Stamp(earliest.0 - 1), interval).end.max(Slot::open_at(now, interval).end);
    }

    /// How far apart beats are now.
    pub(super) fn apart(&self) -> Option<Duration> {
        Some(self.interval?.max(self.rest()))
    }

    /// When to look again at the latest.
    pub(super) fn look_again(&self, now: Stamp) -> Stamp {
        self.due.min(now.plus(FAR))
    }

    fn rest(&self) -> Duration {
        self.costs.iter().min().map_or(Duration::ZERO, |cost| *cost * SHARE)
    }

    fn furthest(&self) -> Duration {
        self.interval.map_or(Duration::MAX, |interval| interval + self.rest() + interval)
    }
}

/// A beat is followed by so many times of what it took.
const SHARE: u32 = 50;

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(milliseconds: i64) -> Stamp {
        Stamp(milliseconds * 1_000_000)
    }

    #[test]
    fn beats_are_aligned_and_each_is_due_once() {
        let mut beats = Beats::new(Some(SECOND), at(10_400));
        assert!(!beats.is_due(at(10_999)));
        assert!(beats.is_due(at(11_000)));
        beats.done(at(11_003), Duration::ZERO);
        assert!(!beats.is_due(at(11_999)));
        assert!(beats.is_due(at(12_000)));
        assert_eq!(beats.apart(), Some(SECOND));
    }

    #[test]
    fn what_costs_too_much_comes_less_often_and_one_interruption_does_not_count() {
        let mut beats = Beats::new(Some(SECOND), at(0));
        let dear = Duration::from_millis(70);
        beats.done(at(1_000), dear);
        beats.done(at(2_000), dear);
        assert!(beats.is_due(at(3_000)));
        beats.done(at(3_000), dear);
        assert!(!beats.is_due(at(6_999)));
        assert!(beats.is_due(at(7_000)));
        assert_eq!(beats.apart(), Some(dear * 50));
        beats.done(at(7_000), Duration::from_millis(1));
        assert!(beats.is_due(at(8_000)));
    }

    #[test]
    fn without_an_interval_nothing_is_due_and_a_clock_set_back_ends_nothing() {
        assert!(!Beats::new(None, at(0)).is_due(at(1_000_000)));
        let mut beats = Beats::new(Some(SECOND), at(5_000_000));
        assert!(beats.is_due(at(1_000)));
        beats.done(at(1_000), Duration::ZERO);
        assert!(!beats.is_due(at(1_500)));
        assert!(beats.is_due(at(2_000)));
    }
}
