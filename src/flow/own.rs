//! The daemon's own metrics: one registry behind the `metrics` facade, read by the scrape endpoint and the ledger.
//!
//! Names and meanings stand once, in `OWN_METRICS`; whoever counts asks for a `Count` or a `Level` by that name.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Label, Metadata, Recorder, SharedString, Unit};
use metrics_util::registry::{AtomicStorage, Registry};

/// Holds every metric of this process. Clones share it.
#[derive(Clone)]
pub struct OwnMetrics {
    registry: Arc<Registry<Key, AtomicStorage>>,
}

/// A counter of the daemon's own.
#[derive(Debug, Clone)]
pub struct Count(Arc<AtomicU64>);

/// A gauge of the daemon's own.
#[derive(Debug, Clone)]
pub struct Level(Arc<AtomicU64>);

/// A metric the daemon has, for `HELP`, docs and tests.
#[derive(Debug, Clone, Copy)]
pub struct OwnMetric {
    /// Full name on the scrape endpoint.
    pub name: &'static str,
    /// Counter or gauge.
    pub kind: OwnMetricKind,
    /// One sentence: what is counted, and what to do when it moves.
    pub help: &'static str,
}

/// Type of a metric of the daemon's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnMetricKind {
    /// Only grows.
    Counter,
    /// Moves both ways.
    Gauge,
}

impl Default for OwnMetrics {
    fn default() -> OwnMetrics {
        OwnMetrics { registry: Arc::new(Registry::atomic()) }
    }
}

impl OwnMetrics {
    /// The counter `name` with these labels; the same cell for the same question.
    pub fn counter(&self, name: &'static str, labels: &[(&'static str, &str)]) -> Count {
        self.registry.get_or_create_counter(&key(name, labels), |cell| Count(Arc::clone(cell)))
    }

    /// The gauge `name` with these labels.
    pub fn level(&self, name: &'static str, labels: &[(&'static str, &str)]) -> Level {
        self.registry.get_or_create_gauge(&key(name, labels), |cell| Level(Arc::clone(cell)))
    }

    /// Calls `visit` with the name, the labels, the kind and the value of every metric, in no order.
    pub fn visit(&self, mut visit: impl FnMut(&str, &[(&str, &str)], OwnMetricKind, f64)) {
        let mut show = |key: &Key, kind, value| {
            let labels: Vec<(&str, &str)> = key.labels().map(|label| (label.key(), label.value())).collect();
            visit(key.name(), &labels, kind, value);
        };
        self.registry.visit_counters(|key, cell| {
            show(key, OwnMetricKind::Counter, cell.load(Ordering::Relaxed) as f64);
        });
        self.registry.visit_gauges(|key, cell| {
            show(key, OwnMetricKind::Gauge, f64::from_bits(cell.load(Ordering::Relaxed)));
        });
    }
}

impl Count {
    /// Adds `by`.
    pub fn add(&self, by: u64) {
        self.0.fetch_add(by, Ordering::Relaxed);
    }

    /// Brings it up to `value`, counted elsewhere.
    pub fn raise_to(&self, value: u64) {
        self.0.fetch_max(value, Ordering::Relaxed);
    }

    /// What it stands at.
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Level {
    /// Sets it.
    pub fn set(&self, value: f64) {
        self.0.store(value.to_bits(), Ordering::Relaxed);
    }

    /// What it stands at.
    pub fn value(&self) -> f64 {
        f64::from_bits(self.0.load(Ordering::Relaxed))
    }
}

/// So that plugins of other crates count with `metrics::counter!` and are seen on the scrape endpoint.
/// Histograms have no place on it: they are taken and forgotten.
impl Recorder for OwnMetrics {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        self.registry.get_or_create_counter(key, |cell| Counter::from_arc(Arc::clone(cell)))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        self.registry.get_or_create_gauge(key, |cell| Gauge::from_arc(Arc::clone(cell)))
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

fn key(name: &'static str, labels: &[(&'static str, &str)]) -> Key {
    let labels: Vec<Label> = labels.iter().map(|&(key, value)| Label::new(key, value.to_owned())).collect();
    Key::from_parts(name, labels)
}

/// Every metric of the daemon's own.
pub const OWN_METRICS: &[OwnMetric] = &[
    counter("hekad_records_offered_total", "Records a feed offered to a consumer."),
    counter("hekad_records_taken_total", "Records a consumer took."),
    counter("hekad_records_lost_total", "Records lost between a feed and a consumer, by reason."),
    counter("hekad_feed_records_total", "Records a producer sent."),
    counter("hekad_feed_unmatched_total", "Records no consumer asked for; see `hekad check --routes`."),
    counter("hekad_datagrams_total", "Datagrams, or chunks of a stream, an input decoded."),
    counter("hekad_lines_total", "Non-empty statsd lines an input decoded, bad ones too."),
    counter("hekad_bad_lines_total", "Statsd values refused, by reason; the log shows an example of each."),
    counter("hekad_decode_errors_total", "Records a decoder refused as a whole."),
    counter(
        "hekad_spellings_unremembered_total",
        "Names looked up anew because no more are remembered; stop the client that makes ever new ones.",
    ),
    counter("hekad_dropped_samples_total", "Samples the `drop` globs of an input took out."),
    counter(
        "hekad_kernel_drops_total",
        "Datagrams the kernel dropped at a full socket; raise receive_buffer.",
    ),
    counter(
        "hekad_truncated_datagrams_total",
        "Datagrams longer than 65,535 bytes, whose last line was refused.",
    ),
    counter("hekad_connections_total", "Connections an input accepted."),
    counter("hekad_connections_refused_total", "Connections closed at once: max_connections was reached."),
    counter("hekad_connections_idle_total", "Connections closed because nothing came within idle_timeout."),
    counter("hekad_long_lines_total", "Lines of a stream longer than max_line, dropped whole."),
    counter("hekad_unfinished_lines_total", "Last lines of connections that were cut off within them."),
    counter(
        "hekad_accept_errors_total",
        "Connections that could not be accepted; file descriptors may be short.",
    ),
    counter("hekad_table_poured_total", "Samples poured into the tables of a filter."),
    counter("hekad_table_flushed_total", "Samples of a filter's tables that are in a snapshot."),
    counter(
        "hekad_table_restored_total",
        "Samples of the open interval that the former run left to a filter's tables.",
    ),
    counter("hekad_table_kept_total", "Samples of the open interval that a filter left to the next run."),
    counter(
        "hekad_negative_counters_total",
        "Negative samples of counters: they are in the sums of flushes and left out of running totals.",
    ),
    gauge(
        "hekad_live_interval_seconds",
        "How far apart live views are: live_interval, or more where one takes longer than a fiftieth of it.",
    ),
    counter("hekad_table_lost_total", "Samples lost in the tables of a filter that ended by a fault."),
    counter("hekad_flushes_total", "Snapshots a filter made."),
    counter(
        "hekad_slots_skipped_total",
        "Slots a filter flushed late into the next, because the clock moved.",
    ),
    counter("hekad_clock_set_back_total", "Times the clock went back far, so that slots were begun again."),
    gauge("hekad_series", "Series named since the start."),
    gauge("hekad_series_limit", "Most series that are named; the rest share an overflow series."),
    counter("hekad_series_overflow_total", "Spellings that found no room and went to the overflow series."),
    counter("hekad_delivered_total", "Records an output delivered."),
    counter("hekad_retries_total", "Attempts of an output that failed and were repeated."),
    counter("hekad_plugin_faults_total", "Faults and panics of a plugin."),
    gauge("hekad_queue_packs", "Packs waiting in the queue of a consumer."),
    counter(
        "hekad_name_conflicts_total",
        "Series whose exposition name was taken by another type or series.",
    ),
    counter("hekad_names_reserved_total", "Series renamed because their name begins with hekad_."),
    counter(
        "hekad_doubled_series_total",
        "Points not shown because another aggregator's are, under the same name; narrow a message_matcher.",
    ),
    gauge("hekad_exposed_series", "Series on a scrape endpoint."),
    counter("hekad_scrapes_total", "Scrapes answered."),
    gauge("hekad_build_info", "Always 1; the version is a label."),
    gauge("hekad_start_time_seconds", "Unix time of the start."),
];

const fn counter(name: &'static str, help: &'static str) -> OwnMetric {
    OwnMetric { name, kind: OwnMetricKind::Counter, help }
}

const fn gauge(name: &'static str, help: &'static str) -> OwnMetric {
    OwnMetric { name, kind: OwnMetricKind::Gauge, help }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_question_gives_the_same_cell_and_the_facade_sees_it() {
        let own = OwnMetrics::default();
        own.counter("hekad_x_total", &[("input", "a")]).add(2);
        metrics::with_local_recorder(&own, || {
            metrics::counter!("hekad_x_total", "input" => "a").increment(3)
        });
        assert_eq!(own.counter("hekad_x_total", &[("input", "a")]).value(), 5);
        assert_eq!(own.counter("hekad_x_total", &[("input", "b")]).value(), 0);
    }

    #[test]
    fn names_are_given_once_and_counters_end_in_total() {
        for (index, metric) in OWN_METRICS.iter().enumerate() {
            assert!(OWN_METRICS[..index].iter().all(|other| other.name != metric.name), "{}", metric.name);
            let counts = metric.kind == OwnMetricKind::Counter;
            assert_eq!(metric.name.ends_with("_total"), counts, "{}", metric.name);
        }
    }
}
