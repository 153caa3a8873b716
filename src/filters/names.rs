//! What is counted of the names of samples that filters make of messages, beside what inputs count of theirs.

use crate::flow::{Count, OverflowCounts, OwnMetrics};
use crate::metric::Tally;

/// Counters of the names that one parser of a filter looks up. They are those of inputs: whoever adds these up has all.
pub(super) struct NameCounts {
    overflowed: OverflowCounts,
    unremembered: Count,
    /// How much of what the parser did not remember is in the counter, which all seats share.
    reported: u64,
}

impl NameCounts {
    /// Those of the filter `name`; it stands where an input would.
    pub(super) fn new(own: &OwnMetrics, name: &str) -> NameCounts {
        let overflowed = OverflowCounts::new(own, name);
        let unremembered = own.counter("hekad_spellings_unremembered_total", &[("input", name)]);
        NameCounts { overflowed, unremembered, reported: 0 }
    }

    /// Counts what a batch saw, and what its parser has not remembered in all.
    pub(super) fn add(&mut self, tally: &Tally, unremembered: u64) {
        self.overflowed.add(tally);
        if unremembered != self.reported {
            self.unremembered.add(unremembered - self.reported);
            self.reported = unremembered;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::Limit;

    #[test]
    fn what_a_parser_did_not_remember_is_added_once_and_by_every_seat() {
        let own = OwnMetrics::default();
        let mut seats = [NameCounts::new(&own, "stat"), NameCounts::new(&own, "stat")];
        let mut tally = Tally::default();
        tally.overflow(Limit::Series);
        seats[0].add(&tally, 3);
        seats[0].add(&Tally::default(), 3);
        seats[1].add(&tally, 2);
        let counted = |name, labels: &[(&'static str, &str)]| own.counter(name, labels).value();
        assert_eq!(counted("hekad_spellings_unremembered_total", &[("input", "stat")]), 5);
        let labels = [("input", "stat"), ("limit", "series")];
        assert_eq!(counted("hekad_overflow_samples_total", &labels), 2);
    }
}
