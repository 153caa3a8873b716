//! Samples that went to an overflow series, as inputs and filters count them.

use std::sync::Arc;

use super::{Count, OwnMetrics};
use crate::metric::{Limit, Tally};

/// Their counters by limit. Clones share them.
#[derive(Clone)]
pub struct OverflowCounts(Arc<[Count]>);

impl OverflowCounts {
    /// Those of `maker`, the section of an input, or of a filter that makes samples: it stands where an input would.
    pub fn new(own: &OwnMetrics, maker: &str) -> OverflowCounts {
        let of = |limit: Limit| {
            own.counter("hekad_overflow_samples_total", &[("input", maker), ("limit", limit.label())])
        };
        OverflowCounts(Arc::new(Limit::ALL.map(of)))
    }

    /// Counts what a batch saw.
    pub fn add(&self, tally: &Tally) {
        for (count, &by) in self.0.iter().zip(&tally.overflowed).filter(|(_, by)| **by > 0) {
            count.add(by);
        }
    }
}
