//! What is counted of streams.

use crate::flow::{Count, Level, OwnMetrics};

/// The counters of one input.
pub(super) struct Counts {
    pub(super) bytes: Count,
    pub(super) rotations: Count,
    pub(super) truncations: Count,
    pub(super) vanished: Count,
    pub(super) gap: Count,
    pub(super) unreadable: Count,
    pub(super) nuls: Count,
    pub(super) journal_errors: Count,
    pub(super) streams: Level,
    pub(super) open: Level,
    pub(super) behind: Level,
    pub(super) uncommitted: Level,
    pub(super) troubled: Level,
}

impl Counts {
    pub(super) fn new(own: &OwnMetrics, input: &str) -> Counts {
        let label = [("input", input)];
        Counts {
            bytes: own.counter("hekad_tail_bytes_total", &label),
            rotations: own.counter("hekad_tail_rotations_total", &label),
            truncations: own.counter("hekad_tail_truncations_total", &label),
            vanished: own.counter("hekad_tail_vanished_total", &label),
            gap: own.counter("hekad_tail_gap_bytes_total", &label),
            unreadable: own.counter("hekad_tail_unreadable_total", &label),
            nuls: own.counter("hekad_tail_nul_bytes_total", &label),
            journal_errors: own.counter("hekad_tail_journal_errors_total", &label),
            streams: own.level("hekad_tail_streams", &label),
            open: own.level("hekad_tail_open_files", &label),
            behind: own.level("hekad_tail_behind_bytes", &label),
            uncommitted: own.level("hekad_tail_uncommitted_bytes", &label),
            troubled: own.level("hekad_tail_troubled_streams", &label),
        }
    }
}
