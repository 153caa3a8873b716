//! What moves and through which doors: packs, feeds, legs, queues, lanes, and the ledger that counts them.
//!
//! All data passes a `Feed`. Who consumes it is the router's answer (`Routes`), asked when a feed opens and again
//! when routes changed; producers cannot tell a queue from a lane.

mod feed;
mod kinds;
mod ledger;
mod leg;
mod maker;
mod overflow;
mod own;
mod pack;
mod queue;
mod record;
mod snapshot_json;
mod snapshot_text;

pub use feed::{Feed, FeedSpec, Sent, Wiring};
pub use ledger::{FeedCounts, JointCounts, Ledger, LedgerError, LossReason, TableCounts};
pub use leg::{Health, Inlet, Lane, Leg, OnFull, Patience, Poured, Routes, Seat, SeriesTest, Test, Way};
pub use maker::MessageMaker;
pub use overflow::OverflowCounts;
pub use own::{Count, Level, OWN_METRICS, OwnMetric, OwnMetricKind, OwnMetrics};
use pack::Returns;
pub use pack::{Body, BodyKind, Delivery, Pack, Selection, Serial, Token, Tokens, Trace, snapshot_weight};
pub use queue::{Offered, Queue};
pub use record::{
    LIVE_TYPE, RecordRef, SAMPLE_FIELDS, SAMPLE_TYPE, SERIES_FIELDS, SNAPSHOT_TYPE, are_samples, sample_facts,
};
pub use snapshot_json::{Layout, write_flush_json};
pub use snapshot_text::{SnapshotLines, timer_numbers, write_backend_stats, write_snapshot};
