//! Which position may be committed: the last one before which everything was delivered.
//!
//! Receipts come back in any order; a position is committed when its own and all before it are back. One that comes
//! back as failed is passed after a while, since its loss is on the books of whoever lost it; but if the daemon stops
//! meanwhile, the loss may be part of the stop, and what is behind it is read again.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::time::Stamp;

/// Held by everybody who owes what was read under it.
#[derive(Debug, Default)]
pub struct Receipt {
    failed: AtomicBool,
}

impl Receipt {
    /// Says that something was lost.
    pub fn fail(&self) {
        self.failed.store(true, Ordering::Release);
    }
}

/// Receipts in the order of their positions.
#[derive(Debug)]
pub struct Receipts<P> {
    given: VecDeque<Given<P>>,
}

#[derive(Debug)]
struct Given<P> {
    receipt: Arc<Receipt>,
    position: P,
    failed_at: Option<Stamp>,
}

impl<P> Default for Receipts<P> {
    fn default() -> Receipts<P> {
        Receipts { given: VecDeque::new() }
    }
}

impl<P> Receipts<P> {
    /// Remembers that `position` is reached when `receipt` is back; nobody may get a clone of it any more.
    pub fn give(&mut self, receipt: Arc<Receipt>, position: P) {
        self.given.push_back(Given { receipt, position, failed_at: None });
    }

    /// How many are not settled.
    pub fn len(&self) -> usize {
        self.given.len()
    }

    /// Whether everything is settled.
    pub fn is_empty(&self) -> bool {
        self.given.is_empty()
    }

    /// The last position before which everything is back at `now`, if there is a new one.
    pub fn settled(&mut self, now: Stamp) -> Option<P> {
        for given in &mut self.given {
            if given.receipt.failed.load(Ordering::Acquire) {
                given.failed_at.get_or_insert(now);
            }
        }
        self.settle(|given| {
            given.failed_at.is_some_and(|failed_at| now.since(failed_at) >= GRACE || now < failed_at)
        })
    }

    /// The same when the daemon has stopped: what failed is to be read again.
    pub fn settled_at_stop(&mut self) -> Option<P> {
        self.settle(|_| false)
    }

    fn settle(&mut self, passes: impl Fn(&Given<P>) -> bool) -> Option<P> {
        let mut last = None;
        while let Some(given) = self.given.front_mut() {
            // The last clone elsewhere is gone, and what its holder did before is seen.
            let back = Arc::get_mut(&mut given.receipt).is_some();
            if !back || given.receipt.failed.load(Ordering::Acquire) && !passes(given) {
                break;
            }
            last = self.given.pop_front().map(|given| given.position);
        }
        last
    }
}

/// How long after a failure a stop may still have been its reason.
const GRACE: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_position_waits_for_those_before_it() {
        let held: Vec<Arc<Receipt>> = (0..3).map(|_| Arc::default()).collect();
        let mut receipts = Receipts::default();
        held.iter().enumerate().for_each(|(place, receipt)| receipts.give(Arc::clone(receipt), place));
        let mut held = held.into_iter().map(Some).collect::<Vec<_>>();
        assert_eq!(receipts.settled(Stamp(0)), None);
        held[1] = None;
        assert_eq!(receipts.settled(Stamp(0)), None);
        held[0] = None;
        assert_eq!(receipts.settled(Stamp(0)), Some(1));
        held[2] = None;
        assert_eq!((receipts.settled(Stamp(0)), receipts.len()), (Some(2), 0));
    }

    #[test]
    fn a_failure_is_passed_after_a_while_and_never_at_a_stop() {
        let mut receipts = Receipts::default();
        for place in 0..2 {
            let receipt = Arc::<Receipt>::default();
            receipt.fail();
            receipts.give(receipt, place);
        }
        assert_eq!(receipts.settled(Stamp::from_seconds(10)), None);
        assert_eq!(receipts.settled_at_stop(), None);
        assert_eq!(receipts.settled(Stamp::from_seconds(12)), Some(1));
    }

    proptest! {
        #[test]
        fn no_position_is_committed_past_one_that_is_owed(order in Just((0..20).collect::<Vec<usize>>()).prop_shuffle()) {
            let mut receipts = Receipts::default();
            let mut held: Vec<Option<Arc<Receipt>>> = (0..20).map(|_| Some(Arc::default())).collect();
            for (place, receipt) in held.iter().enumerate() {
                receipts.give(Arc::clone(receipt.as_ref().unwrap()), place);
            }
            for place in order {
                held[place] = None;
                if let Some(committed) = receipts.settled(Stamp(0)) {
                    prop_assert!(held[..=committed].iter().all(Option::is_none));
                    prop_assert!(held.get(committed + 1).is_none_or(Option::is_some));
                }
            }
            prop_assert!(receipts.is_empty());
        }
    }
}
