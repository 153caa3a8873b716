//! The options of `PrometheusOutput`, and what they come to.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

use crate::config::{Address, Check, Seconds, Violation};
use crate::exposition::{Naming, ShapeError, Shapes, StoreRules, WindowRules};

/// Options of `PrometheusOutput`.
#[derive(Debug, Clone, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where to serve /metrics, /-/conflicts, /-/healthy and /-/ready. Default "127.0.0.1:4352".
    pub address: Address,
    /// What the names of counters end in; a name that ends in it already is left as it is. OpenMetrics knows only
    /// counters that end in "_total": others have the type unknown there. Default "_total".
    pub counter_suffix: String,
    /// Quantiles of timers, histograms and distributions: the smallest sample of the last minutes (see max_age) that
    /// this part of them does not exceed. Sample rates do not count in it. Default [0.5, 0.9, 0.99].
    pub quantiles: Vec<f64>,
    /// Of which time quantiles are: between this and one age (see age_buckets) less. NaN where nothing came in it.
    /// Default 10m.
    pub max_age: Seconds,
    /// In how many ages that time is divided, 1 to 60; each is forgotten as a whole. An age has its first 64 samples
    /// exactly, more in buckets whose quantiles are within 1.1 % of a sample. Default 5.
    pub age_buckets: u32,
    /// Distributions that are classic histograms instead of summaries: globs of statsd names, each with the upper bounds
    /// of its buckets, ascending, in the unit that is exposed (seconds for timers); `*` also matches dots. The first glob
    /// of the file that matches counts. The infinite bucket is there by itself; samples count as often as 1 / rate says,
    /// on average over a second and in whole numbers. Counts outlast a clean stop. Default: none.
    #[schemars(extend("x-example" = r#"buckets = { "api.*" = [0.01, 0.1, 1], "*.bytes" = [1000, 1000000] }"#))]
    pub buckets: BucketTable,
    /// Globs of the statsd names of distributions that are native histograms for scrapers that accept protobuf: buckets
    /// within 1.1 % of a sample while 160 are enough, twice as wide again and again where they are not. Text has the
    /// classic histogram, if `buckets` says so, or the summary. Prometheus asks for protobuf with
    /// --enable-feature=native-histograms. Default: none.
    pub native_histograms: Vec<String>,
    /// Whether a new counter, and what is cumulative of a new summary or histogram, is shown as 0 to each scraper once
    /// before its value: increase() and rate() see only growth between scrapes, and would not see what was there at the
    /// first one. Only for scrapers that say X-Prometheus-Scrape-Timeout-Seconds, as Prometheus does; others change
    /// nothing. Default true.
    pub start_at_zero: bool,
    /// Whether OpenMetrics has a `_created` line beside what is cumulative. Prometheus keeps each as a series of its own:
    /// without them a scrape of many counters is a third smaller. Default true.
    pub created_lines: bool,
    /// Scrapes answered at once, 1 to 1000; the next has the answer 503 and is counted. Default 8.
    pub max_scrapes: u32,
    /// A series that had no sample for so long is no longer shown; 0 (default) shows it for ever. Prometheus looks back
    /// five minutes: less makes gaps.
    pub ttl: Seconds,
}

impl Default for Config {
    fn default() -> Config {
        let window = WindowRules::default();
        Config {
            address: Address::new("127.0.0.1", 4352),
            counter_suffix: "_total".to_owned(),
            quantiles: vec![0.5, 0.9, 0.99],
            max_age: Seconds(window.max_age),
            age_buckets: window.ages,
            buckets: BucketTable::default(),
            native_histograms: Vec::new(),
            start_at_zero: true,
            created_lines: true,
            max_scrapes: 8,
            ttl: Seconds(Duration::ZERO),
        }
    }
}

impl Check for Config {
    fn check(&self) -> Vec<Violation> {
        let mut violations = Vec::new();
        let outside = |(_, quantile): &(usize, &f64)| !(0.0..=1.0).contains(*quantile);
        for (place, quantile) in self.quantiles.iter().enumerate().filter(outside) {
            let message = format!("{quantile} is not between 0 and 1");
            violations.push(Violation::new("quantiles", message).of_element(place));
        }
        if self.quantiles.len() > 100 {
            violations.push(Violation::new("quantiles", "must be 100 or fewer"));
        }
        let legal = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        if !self.counter_suffix.chars().all(legal) {
            violations.push(Violation::new("counter_suffix", "may hold only letters, digits and `_`"));
        }
        if !(SHORTEST_WINDOW..=LONGEST_WINDOW).contains(&self.max_age.0) {
            violations.push(Violation::new("max_age", "must be from 1s to 1d"));
        }
        if !(1..=60).contains(&self.age_buckets) {
            violations.push(Violation::new("age_buckets", "must be from 1 to 60"));
        }
        if !(1..=1000).contains(&self.max_scrapes) {
            violations.push(Violation::new("max_scrapes", "must be from 1 to 1000"));
        }
        // One by one, so that every mistake is reported, and where it is.
        for (glob, bounds) in &self.buckets.0 {
            if let Err(error) = Shapes::new([(glob.as_str(), &bounds[..])], []) {
                violations.push(Violation::new("buckets", error.to_string()).of_element(glob));
            }
        }
        for (place, glob) in self.native_histograms.iter().enumerate() {
            if let Err(error) = Shapes::new([], [glob.as_str()]) {
                violations.push(Violation::new("native_histograms", error.to_string()).of_element(place));
            }
        }
        violations
    }
}

impl Config {
    /// How series are shown.
    pub(super) fn rules(&self) -> Result<StoreRules, ShapeError> {
        let buckets = self.buckets.0.iter().map(|(glob, bounds)| (glob.as_str(), &bounds[..]));
        Ok(StoreRules {
            naming: Naming { counter_suffix: self.counter_suffix.clone(), ..Naming::default() },
            shapes: Shapes::new(buckets, self.native_histograms.iter().map(String::as_str))?,
            window: WindowRules { max_age: self.max_age.0, ages: self.age_buckets },
            quantiles: self.quantiles.clone(),
            without_created: !self.created_lines,
        })
    }
}

/// Globs with bounds, in the order of the file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BucketTable(pub Vec<(String, Vec<f64>)>);

impl JsonSchema for BucketTable {
    fn schema_name() -> Cow<'static, str> {
        "BucketTable".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "additionalProperties": { "type": "array", "items": { "type": "number" } }
        })
    }
}

impl<'de> Deserialize<'de> for BucketTable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<BucketTable, D::Error> {
        deserializer.deserialize_map(TableVisitor)
    }
}

impl Serialize for BucketTable {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (glob, bounds) in &self.0 {
            map.serialize_entry(glob, bounds)?;
        }
        map.end()
    }
}

struct TableVisitor;

impl<'de> Visitor<'de> for TableVisitor {
    type Value = BucketTable;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a table of globs with bounds")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<BucketTable, A::Error> {
        let mut table = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            table.push(entry);
        }
        Ok(BucketTable(table))
    }
}

const SHORTEST_WINDOW: Duration = Duration::from_secs(1);
const LONGEST_WINDOW: Duration = Duration::from_secs(86_400);
