//! Aggregation: tables of cells that samples are poured into, and the snapshot a flush makes of them.
//!
//! Every seat pours into a `Table` of its own, whose cells are arrays by series id; the `Accumulator` of a
//! filter flips the tables at a flush, merges them and answers with a `Snapshot`. Percentiles and names are
//! decided by whoever prints: a snapshot keeps the distributions and answers `summary`, `percentile` and
//! `quantile`. When to flush, and what the numbers are called, is decided elsewhere.
//!
//! Between flushes `live` shows what has moved, with totals. What is kept from interval to interval (`kept`) and the
//! open interval can be written at a stop and taken up by a successor (`saved`). Whoever asks is told what the open
//! interval holds (`peek`), and may have series deleted (`forget`).

mod accumulator;
mod births;
mod cells;
mod distribution;
mod forget;
mod gauge;
mod kept;
mod levels;
mod live;
mod peek;
mod percentile;
mod saved;
mod set;
mod shown;
mod sketch;
mod snapshot;
mod table;
#[cfg(test)]
mod tests;

pub use accumulator::{Accumulator, AccumulatorRules, Idle, IdleRules, TableLedger, Totals};
pub use cells::{Bounds, Cells};
pub use levels::{Levels, LevelsOf, WantedLevels};
pub use live::Beside;
pub use peek::OpenTimer;
pub use percentile::{Percentile, Rank, Summary};
pub use saved::{Saved, SavedError, SavedSlot};
pub use sketch::Sketch;
pub use snapshot::{
    CounterPoint, CounterTotal, Distribution, GaugePoint, OwnCounts, SetPoint, Snapshot, TimerPoint, View,
};
pub use table::{Chosen, Table};
