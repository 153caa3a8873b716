//! Aggregation: tables of cells that samples are poured into, and the snapshot a flush makes of them.

mod sketch;
mod snapshot;

pub use sketch::Sketch;
pub use snapshot::{CounterPoint, Distribution, GaugePoint, OwnCounts, SetPoint, Snapshot, TimerPoint};
