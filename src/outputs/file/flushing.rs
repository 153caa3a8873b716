//! When what was written is flushed to the disk: Heka's rules, from numbers alone.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::time::{Slot, Stamp};

/// How the interval and the count are combined.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Operator {
    /// Both must have been reached.
    #[default]
    And,
    /// One of them is enough.
    Or,
}

/// The rules, and what has come since the last flush.
#[derive(Debug, Clone)]
pub(super) struct Flushing {
    interval: Duration,
    count: u64,
    operator: Operator,
    /// When the last flush was, or was not needed.
    last: Stamp,
    /// Records written since.
    records: u64,
}

impl Flushing {
    /// Nothing is written yet at `now`. An interval of nothing means that only the count counts.
    pub(super) fn new(interval: Duration, count: u64, operator: Operator, now: Stamp) -> Flushing {
        Flushing { interval, count, operator, last: now, records: 0 }
    }

    /// So many records were written.
    pub(super) fn wrote(&mut self, records: u64) {
        self.records += records;
    }

    /// Whether anything was written since the last flush.
    pub(super) fn is_owed(&self) -> bool {
        self.records > 0
    }

    /// Whether a flush is due at `now`.
    pub(super) fn is_due(&self, now: Stamp) -> bool {
        let counted = self.records >= self.count;
        self.is_owed()
            && match self.operator {
                _ if self.interval.is_zero() => counted,
                Operator::And => counted && self.has_elapsed(now),
                Operator::Or => counted || self.has_elapsed(now),
            }
    }

    /// All that was written is flushed.
    pub(super) fn flushed(&mut self, now: Stamp) {
        self.last = now;
        self.records = 0;
    }

    /// Whether the last flush was in an earlier interval of the clock than `now`: so every tick is one, however late.
    fn has_elapsed(&self, now: Stamp) -> bool {
        // A clock that was set back does not put a flush off.
        now < self.last || now >= Slot::open_at(self.last, self.interval).end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(millis: i64) -> Stamp {
        Stamp(millis * 1_000_000)
    }

    #[test]
    fn and_needs_the_interval_and_the_count() {
        let mut flushing = Flushing::new(SECOND, 3, Operator::And, at(0));
        assert!(!flushing.is_due(at(5000)));
        flushing.wrote(2);
        assert!(!flushing.is_due(at(5000)));
        flushing.wrote(1);
        assert!(!flushing.is_due(at(999)));
        assert!(flushing.is_due(at(1000)));
        flushing.flushed(at(1000));
        assert!(!flushing.is_owed());
        assert!(!flushing.is_due(at(2000)));
    }

    #[test]
    fn or_is_content_with_one_of_them_if_there_is_anything() {
        let mut flushing = Flushing::new(SECOND, 3, Operator::Or, at(0));
        assert!(!flushing.is_due(at(5000)));
        flushing.wrote(1);
        assert!(!flushing.is_due(at(999)));
        assert!(flushing.is_due(at(1000)));
        flushing.wrote(2);
        assert!(flushing.is_due(at(1)));
    }

    #[test]
    fn without_an_interval_the_count_alone_counts() {
        for operator in [Operator::And, Operator::Or] {
            let mut flushing = Flushing::new(Duration::ZERO, 2, operator, at(0));
            flushing.wrote(1);
            assert!(!flushing.is_due(at(1_000_000)));
            flushing.wrote(1);
            assert!(flushing.is_due(at(0)));
        }
    }

    #[test]
    fn a_late_tick_does_not_put_the_next_one_off() {
        let mut flushing = Flushing::new(SECOND, 1, Operator::And, at(0));
        flushing.flushed(at(1003));
        flushing.wrote(1);
        assert!(flushing.is_due(at(2001)));
    }

    #[test]
    fn a_clock_set_back_does_not_put_a_flush_off() {
        let mut flushing = Flushing::new(SECOND, 1, Operator::And, at(10_000));
        flushing.wrote(1);
        assert!(flushing.is_due(at(2000)));
    }
}
