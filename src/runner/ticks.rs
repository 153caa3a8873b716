//! When a plugin ticks: at multiples of its interval on the wall clock.

use std::time::Duration;

use super::FAR;
use crate::time::{Slot, Stamp};

/// The schedule of one plugin.
#[derive(Debug, Clone, Copy)]
pub struct Ticks {
    interval: Option<Duration>,
    due: Stamp,
}

impl Ticks {
    /// First due at the end of the slot that is open now; never without an interval.
    pub fn new(interval: Option<Duration>, now: Stamp) -> Ticks {
        let due = interval.map_or(Stamp(i64::MAX), |interval| Slot::open_at(now, interval).end);
        Ticks { interval, due }
    }

    /// How late the tick is that is due, if one is; the next one is after `now`. A clock that was set back starts over.
    pub fn take(&mut self, now: Stamp) -> Option<Duration> {
        let next = Slot::open_at(now, self.interval?).end;
        let late = (now >= self.due).then(|| now.since(self.due));
        if late.is_some() || next < self.due {
            self.due = next;
        }
        late
    }

    /// Whether it ticks at all.
    pub fn ticks(&self) -> bool {
        self.interval.is_some()
    }

    /// When to look again at the latest.
    pub fn look_again(&self, now: Stamp) -> Stamp {
        self.due.min(now.plus(FAR))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_aligned_and_a_late_one_is_not_repeated() {
        let at = Stamp::from_seconds;
        let mut ticks = Ticks::new(Some(Duration::from_secs(10)), at(1234));
        assert_eq!(ticks.take(at(1239)), None);
        assert_eq!(ticks.take(at(1240)), Some(Duration::ZERO));
        assert_eq!(ticks.take(at(1241)), None);
        assert_eq!(ticks.take(at(1275)), Some(Duration::from_secs(25)));
        assert_eq!(ticks.take(at(1279)), None);
        assert_eq!(ticks.take(at(1280)), Some(Duration::ZERO));
    }

    #[test]
    fn a_clock_set_back_does_not_stop_the_ticks() {
        let at = Stamp::from_seconds;
        let mut ticks = Ticks::new(Some(Duration::from_secs(10)), at(5000));
        assert_eq!(ticks.take(at(1000)), None);
        assert_eq!(ticks.take(at(1010)), Some(Duration::ZERO));
    }
}
