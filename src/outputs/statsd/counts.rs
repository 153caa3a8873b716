//! What is counted of upstreams.

use std::sync::Arc;

use super::flush::Unsendable;
use crate::flow::{Count, Ledger, Level, OwnMetrics};

/// Why lines did not go out; also the label of their counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LostLines {
    /// There was no link to the upstream.
    Unreachable,
    /// The link broke before them.
    Broken,
    /// It is out of the ring, and when_down = "drop".
    Down,
    /// The upstream's host said twice that nobody listens.
    Refused,
    /// The line is longer than a datagram can be.
    TooLong,
}

impl LostLines {
    const ALL: [LostLines; 5] =
        [LostLines::Unreachable, LostLines::Broken, LostLines::Down, LostLines::Refused, LostLines::TooLong];

    const fn label(self) -> &'static str {
        match self {
            LostLines::Unreachable => "unreachable",
            LostLines::Broken => "broken",
            LostLines::Down => "down",
            LostLines::Refused => "refused",
            LostLines::TooLong => "too_long",
        }
    }
}

/// Counters of one upstream.
pub(super) struct UpstreamCounts {
    lines: Count,
    datagrams: Count,
    refused: Count,
    lost: [Count; LostLines::ALL.len()],
    dial_failures: Count,
    health_failures: Count,
}

impl UpstreamCounts {
    pub(super) fn new(ledger: &Ledger, output: &Arc<str>, upstream: &str) -> UpstreamCounts {
        let own = ledger.own();
        let labels = [("output", &**output), ("upstream", upstream)];
        let lost = |reason: LostLines| {
            let labels = [labels[0], labels[1], ("reason", reason.label())];
            let lost = own.counter("hekad_upstream_lines_lost_total", &labels);
            ledger.enter_lost_lines(output, upstream, reason.label(), &lost);
            lost
        };
        UpstreamCounts {
            lines: own.counter("hekad_upstream_lines_total", &labels),
            datagrams: own.counter("hekad_upstream_datagrams_total", &labels),
            refused: own.counter("hekad_upstream_datagrams_refused_total", &labels),
            lost: LostLines::ALL.map(lost),
            dial_failures: own.counter("hekad_upstream_dial_failures_total", &labels),
            health_failures: own.counter("hekad_upstream_health_failures_total", &labels),
        }
    }

    pub(super) fn sent(&self, lines: usize) {
        self.lines.add(lines as u64);
    }

    pub(super) fn sent_datagram(&self, lines: usize) {
        self.lines.add(lines as u64);
        self.datagrams.add(1);
    }

    /// The upstream's host told of an earlier datagram that nobody listens.
    pub(super) fn refused(&self) {
        self.refused.add(1);
    }

    pub(super) fn lost(&self, reason: LostLines, lines: u64) {
        self.lost[reason as usize].add(lines);
    }

    pub(super) fn dial_failed(&self) {
        self.dial_failures.add(1);
    }

    pub(super) fn health_failed(&self) {
        self.health_failures.add(1);
    }
}

/// What is counted of all upstreams of an output together.
pub(super) struct RouteCounts {
    /// Lines of which nobody was there to take them: every member of the ring was down.
    pub(super) homeless: Count,
    /// Members that are down.
    pub(super) down: Level,
    unsent_timers: Count,
    unsent_sets: Count,
}

impl RouteCounts {
    pub(super) fn new(own: &OwnMetrics, output: &str) -> RouteCounts {
        let labels = [("output", output)];
        let down = own.level("hekad_upstreams_down", &labels);
        down.set(0.0);
        let unsent =
            |reason| own.counter("hekad_flush_series_unsent_total", &[labels[0], ("reason", reason)]);
        RouteCounts {
            homeless: own.counter("hekad_upstreams_all_down_lines_total", &labels),
            down,
            unsent_timers: unsent("timer_estimated"),
            unsent_sets: unsent("set_estimated"),
        }
    }

    /// Series of flushes that cannot be sent.
    pub(super) fn unsendable(&self, series: Unsendable) {
        self.unsent_timers.add(series.timers);
        self.unsent_sets.add(series.sets);
    }
}
