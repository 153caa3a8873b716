//! What single plugins let others look at, by the sections they stand in: shared by type, see `Shared`.
//!
//! Whoever reads it must do without: a plugin that ended, or has not begun, is not here.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, Weak};

use crate::aggregate::Accumulator;
use crate::flow::{Count, OwnMetrics};
use crate::lock::locked;
use crate::metric::SeriesId;
use crate::time::Stamp;

/// The accumulators there are.
#[derive(Debug, Default)]
pub struct Accumulators(Mutex<BTreeMap<Arc<str>, OfferedAccumulator>>);

/// An accumulator others may look into.
#[derive(Debug, Clone)]
pub struct OfferedAccumulator {
    accumulator: Weak<Accumulator>,
    own: Arc<OwnNumbers>,
    /// Samples its tables lost, and those of them that were deleted by request.
    lost: Count,
    deleted: Count,
}

/// What an accumulator says of itself beside its series.
#[derive(Debug)]
pub struct OwnNumbers {
    /// What its own numbers are called, up to the dot.
    pub prefix: String,
    /// Seconds that the last flush was late, if it sends that.
    lag: Mutex<Option<u64>>,
}

impl OwnNumbers {
    /// Those called `prefix`, before a flush.
    pub fn new(prefix: &str) -> OwnNumbers {
        OwnNumbers { prefix: prefix.to_owned(), lag: Mutex::default() }
    }

    /// Says how late the last flush was.
    pub fn tell_lag(&self, lag: Option<u64>) {
        *locked(&self.lag) = lag;
    }

    /// How late the last flush was, if it said so.
    pub fn lag(&self) -> Option<u64> {
        *locked(&self.lag)
    }
}

impl Accumulators {
    /// Offers the accumulator of the filter `name`, in the place of the one it had before a fault. What is deleted from
    /// its tables is counted in `lost` too, so that the books add up.
    pub fn offer(
        &self,
        name: &Arc<str>,
        accumulator: &Arc<Accumulator>,
        own: &Arc<OwnNumbers>,
        lost: Count,
        metrics: &OwnMetrics,
    ) {
        let deleted = metrics.counter("hekad_table_deleted_total", &[("filter", &**name)]);
        let (accumulator, own) = (Arc::downgrade(accumulator), Arc::clone(own));
        let offered = OfferedAccumulator { accumulator, own, lost, deleted };
        locked(&self.0).insert(Arc::clone(name), offered);
    }

    /// Those whose filters run, by name.
    pub fn all(&self) -> Vec<(Arc<str>, OfferedAccumulator)> {
        let running = |offered: &OfferedAccumulator| offered.accumulator.strong_count() > 0;
        let all = locked(&self.0);
        let all = all.iter().filter(|(_, offered)| running(offered));
        all.map(|(name, offered)| (Arc::clone(name), offered.clone())).collect()
    }
}

impl OfferedAccumulator {
    /// The accumulator, unless its filter has ended.
    pub fn get(&self) -> Option<Arc<Accumulator>> {
        self.accumulator.upgrade()
    }

    /// What it says of itself.
    pub fn own(&self) -> &OwnNumbers {
        &self.own
    }

    /// Deletes series and counts the samples that are gone with them.
    pub fn forget(&self, series: &[SeriesId]) {
        let deleted = self.get().map_or(0, |accumulator| accumulator.forget(series));
        self.deleted.add(deleted);
        self.lost.add(deleted);
    }
}

/// What outputs to Graphite say of their last flush.
#[derive(Debug, Default)]
pub struct Backends(Mutex<BTreeMap<Arc<str>, BackendStatus>>);

/// The last flush of one output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BackendStatus {
    /// When the last one that arrived was sent, or the start.
    pub last_flush: Stamp,
    /// When the last one failed, or 0.
    pub last_exception: Stamp,
    /// What the last one took, in milliseconds.
    pub flush_time: u64,
    /// Its bytes.
    pub flush_length: u64,
}

impl Backends {
    /// Says how the output `name` is.
    pub fn tell(&self, name: &Arc<str>, status: BackendStatus) {
        locked(&self.0).insert(Arc::clone(name), status);
    }

    /// All of them, by name.
    pub fn all(&self) -> Vec<(Arc<str>, BackendStatus)> {
        locked(&self.0).iter().map(|(name, status)| (Arc::clone(name), *status)).collect()
    }
}

/// The streams that inputs read, by input.
#[derive(Debug, Default)]
pub struct Streams(Mutex<BTreeMap<Arc<str>, Vec<StreamStatus>>>);

/// A stream of files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StreamStatus {
    /// Its name.
    pub stream: String,
    /// The file it is in, if it is in one.
    pub path: String,
    /// Bytes of that file that were read.
    pub offset: u64,
    /// Bytes of the stream that were not read yet.
    pub behind: u64,
    /// What keeps it from being read, and what to do; empty if nothing does.
    pub trouble: String,
}

impl Streams {
    /// Says how the streams of the input `name` are.
    pub fn tell(&self, name: &Arc<str>, streams: Vec<StreamStatus>) {
        locked(&self.0).insert(Arc::clone(name), streams);
    }

    /// All of them, by input.
    pub fn all(&self) -> Vec<(Arc<str>, Vec<StreamStatus>)> {
        locked(&self.0).iter().map(|(name, streams)| (Arc::clone(name), streams.clone())).collect()
    }
}

/// The configuration that runs, a line for each value: what is secret is not in it.
#[derive(Debug, Default)]
pub struct Configured(pub Vec<String>);
