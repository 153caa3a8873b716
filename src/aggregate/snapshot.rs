//! What one flush or one live view found: plain columns in series id order, without naming.

use std::ops::Range;
use std::sync::Arc;

use crate::metric::{Registry, SeriesId, Tally};
use crate::time::{Slot, Stamp};

/// Everything a filter aggregated in one slot, or what moved there since the last look.
///
/// Every column is in series id order. A point with `samples == 0` belongs to an idle series that is kept, or heals a
/// view that was lost. Names are looked up in `names`; prefixes, suffixes and percentiles are the business of whoever
/// prints.
#[derive(Debug)]
pub struct Snapshot {
    /// Whether a slot was closed, or only looked into.
    pub view: View,
    /// The interval; `slot.end` stamps everything made of this snapshot. A live view has the time since the last one.
    pub slot: Slot,
    /// Gave the ids out.
    pub names: Arc<Registry>,
    /// Counters.
    pub counters: Vec<CounterPoint>,
    /// More of the counters, in their order: in every live view, in others where somebody asked for it; else empty.
    pub totals: Vec<CounterTotal>,
    /// Gauges.
    pub gauges: Vec<GaugePoint>,
    /// Samples of the gauges, in their order, where there are totals; 2^32 - 1 may be more.
    pub gauge_samples: Vec<u32>,
    /// Timers, histograms and distributions.
    pub timers: Vec<TimerPoint>,
    /// Sets.
    pub sets: Vec<SetPoint>,
    /// The samples of all `Distribution::Exact`, each run sorted ascending.
    pub values: Vec<f64>,
    /// Samples that all points count together.
    pub samples: u64,
    /// The aggregator's own counters, where `own_stats` asks for them.
    pub own: Option<OwnCounts>,
}

/// What a snapshot is of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum View {
    /// A slot, closed by a flush: every series there is, once a slot.
    #[default]
    Closed,
    /// The time since the last view, nothing reset: the series touched in it, with their totals. Sums, samples and
    /// distributions are of that time alone.
    Live,
}

/// One counter. A flush of a million has a million: twelve bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(Rust, packed(4))]
pub struct CounterPoint {
    /// Which.
    pub series: SeriesId,
    /// Sum of `value / rate` over the interval; a live view leaves negative samples out.
    pub sum: f64,
}

/// What a counter came to since it began.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CounterTotal {
    /// Samples poured in the interval; 2^32 - 1 may be more.
    pub samples: u32,
    /// Sum of `value / rate` since `created`, negative samples left out; never reset by a flush, never smaller than before.
    pub total: f64,
    /// When the total was 0: not after the first sample.
    pub created: Stamp,
}

/// One gauge, in twelve bytes as well.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(Rust, packed(4))]
pub struct GaugePoint {
    /// Which.
    pub series: SeriesId,
    /// The last value.
    pub value: f64,
}

/// One timer, histogram or distribution.
#[derive(Debug, Clone)]
pub struct TimerPoint {
    /// Which.
    pub series: SeriesId,
    /// Samples poured in the interval, not weighted.
    pub samples: u64,
    /// Sum of `1 / rate` over the interval.
    pub weight: f64,
    /// The samples of the interval.
    pub distribution: Distribution,
    /// `weight` since the series was first seen.
    pub total_weight: f64,
    /// Sum of `value / rate` since the series was first seen: over `total_weight` it is the mean.
    pub total_sum: f64,
    /// When the totals were 0: not after the first sample.
    pub created: Stamp,
}

/// The samples of one interval.
#[derive(Debug, Clone)]
pub enum Distribution {
    /// All of them, sorted: this range of `Snapshot::values`.
    Exact(Range<usize>),
    /// Too many: exact sums, estimated percentiles.
    Sketch(Arc<super::Sketch>),
}

/// One set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetPoint {
    /// Which.
    pub series: SeriesId,
    /// Samples poured in the interval.
    pub samples: u64,
    /// Distinct members: exact, or HyperLogLog's estimate. In a live view the larger of the open interval's so far and
    /// the last closed one's, so that it does not sink at the begin of an interval.
    pub cardinality: u64,
    /// The members, sorted, while they are known exactly; never in a live view.
    pub members: Option<Box<[Box<[u8]>]>>,
}

/// What the reference statsd counts about itself, over the interval.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct OwnCounts {
    /// Datagrams, lines and bad values of the batches poured.
    pub tally: Tally,
    /// How late the flush was, in whole seconds; none for the first of a run.
    pub lag: Option<u64>,
    /// What the flush before took, in seconds.
    pub processing: f64,
}

impl Snapshot {
    /// Number of points, the reference's `numStats` without its own counters.
    pub fn len(&self) -> usize {
        self.counters.len() + self.gauges.len() + self.timers.len() + self.sets.len()
    }

    /// Whether there is no point in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The sorted samples of a point, if they are all known.
    pub fn exact(&self, point: &TimerPoint) -> Option<&[f64]> {
        match &point.distribution {
            Distribution::Exact(range) => Some(&self.values[range.clone()]),
            Distribution::Sketch(_) => None,
        }
    }
}

/// A number of samples as a point has it.
pub(super) fn few(samples: u64) -> u32 {
    u32::try_from(samples).unwrap_or(u32::MAX)
}
