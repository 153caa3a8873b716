//! The daemon's own metrics: one registry behind the `metrics` facade, read by the scrape endpoint and the ledger.
//!
//! Names, labels and meanings stand once, in `OWN_METRICS`; whoever counts asks for a `Count` or a `Level` by that name.

mod table;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub use table::OWN_METRICS;

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Label, Metadata, Recorder, SharedString, Unit};
use metrics_util::registry::AtomicStorage;

use crate::metric::{Limit, Registry};

/// Holds every metric of this process. Clones share it.
#[derive(Clone)]
pub struct OwnMetrics {
    registry: Arc<metrics_util::registry::Registry<Key, AtomicStorage>>,
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
    /// Names of its labels.
    pub labels: &'static [&'static str],
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
        OwnMetrics { registry: Arc::new(metrics_util::registry::Registry::atomic()) }
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

    /// What is counted by the registry of series.
    pub fn measure_names(&self, names: &Registry) {
        self.level("hekad_series", &[]).set(names.len() as f64);
        self.level("hekad_series_limit", &[]).set(names.max_series() as f64);
        self.level("hekad_prefixes", &[]).set(names.prefixes() as f64);
        for limit in Limit::ALL {
            self.counter("hekad_series_overflow_total", &[("limit", limit.label())])
                .raise_to(names.refused(limit));
        }
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
