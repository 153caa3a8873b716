//! The options of `PrometheusOutput`, and what they come to.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

use super::mapping::{MappingRule, OrderOption};
use crate::config::{Address, Check, Seconds, Violation};
use crate::exposition::mapping::{Mapping, Rule, RuleError};
use crate::exposition::{Naming, NativeRules, ShapeError, Shapes, StoreRules, Style, WindowRules};

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
    /// How much greater the bound of a native bucket may be than the one before, from 1.022 to 65536; the next power of a
    /// power of two below is taken. Default 1.022.
    pub native_histogram_bucket_factor: f64,
    /// Most native buckets of a series, 4 to 1000; where more are needed they become twice as wide. Default 160.
    pub native_histogram_max_buckets: u32,
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
    /// How names are made where no rule makes them: "hekad" (default), or "statsd_exporter", which says no unit behind
    /// timers, replaces `:` too, makes two dashes one `_`, leaves bare tags out, and adds up series whose names become the
    /// same. Bounds of buckets and quantiles are as it writes them too, le="1" where OpenMetrics has le="1.0", and no
    /// OpenMetrics is served. For its counters set counter_suffix = "" beside.
    pub naming: NamingOption,
    /// Which of several globs of `mapping` that match counts: "file" (default), the first, or "specific", the one that
    /// names the first component in which they differ.
    pub glob_order: OrderOption,
    /// Rules that give series other names, and labels made of parts of their names, as statsd_exporter has them: one
    /// `[[NAME.mapping]]` each. All globs are asked before any regular expression; one rule counts, once a series. See
    /// `hekad match`.
    #[schemars(extend("x-example" = r#"[{ match = "api.*.get", name = "api_gets", labels = { endpoint = "$1" } }]"#))]
    pub mapping: Vec<MappingRule>,
}

/// How names are made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NamingOption {
    /// In our own way.
    #[default]
    Hekad,
    /// As statsd_exporter does it.
    StatsdExporter,
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
            native_histogram_bucket_factor: 1.022,
            native_histogram_max_buckets: 160,
            start_at_zero: true,
            created_lines: true,
            max_scrapes: 8,
            ttl: Seconds(Duration::ZERO),
            naming: NamingOption::Hekad,
            glob_order: OrderOption::File,
            mapping: Vec::new(),
        }
    }
}

impl Check for Config {
    fn check(&self) -> Vec<Violation> {
        let mut violations = Vec::new();
        violations.extend(out_of_unit(&self.quantiles));
        let legal = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        if !self.counter_suffix.chars().all(legal) {
            violations.push(Violation::new("counter_suffix", "may hold only letters, digits and `_`"));
        }
        violations.extend(window_violations(self.window()));
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
        if let Err(error) = NativeRules::new(self.native_histogram_bucket_factor, 160) {
            violations.push(Violation::new("native_histogram_bucket_factor", error.to_string()));
        }
        if let Err(error) = NativeRules::new(2.0, self.native_histogram_max_buckets) {
            violations.push(Violation::new("native_histogram_max_buckets", error.to_string()));
        }
        self.check_mapping(&mut violations);
        violations
    }
}

impl Config {
    /// How series are shown.
    pub(super) fn rules(&self) -> Result<StoreRules, RulesError> {
        let buckets = self.buckets.0.iter().map(|(glob, bounds)| (glob.as_str(), &bounds[..]));
        let native =
            NativeRules::new(self.native_histogram_bucket_factor, self.native_histogram_max_buckets)?;
        Ok(StoreRules {
            naming: Naming {
                counter_suffix: self.counter_suffix.clone(),
                style: self.style(),
                ..Naming::default()
            },
            shapes: Shapes::new(buckets, self.native_histograms.iter().map(String::as_str))?
                .as_fine_as(native),
            window: self.window(),
            quantiles: self.quantiles.clone(),
            without_created: !self.created_lines,
            mapping: self.engine().map_err(|mut errors| RulesError::Mapping(errors.swap_remove(0)))?,
            ttl: self.ttl.0,
        })
    }

    /// Whose way of showing series it is.
    pub(super) const fn style(&self) -> Style {
        match self.naming {
            NamingOption::Hekad => Style::Hekad,
            NamingOption::StatsdExporter => Style::Exporter,
        }
    }

    fn window(&self) -> WindowRules {
        WindowRules { max_age: self.max_age.0, ages: self.age_buckets }
    }

    /// The rules of the mapping, compiled.
    fn engine(&self) -> Result<Mapping, Vec<RuleError>> {
        let (factor, most) = (self.native_histogram_bucket_factor, self.native_histogram_max_buckets);
        let rules: Vec<Rule> = self.mapping.iter().map(|rule| rule.rule(factor, most)).collect();
        Mapping::new(&rules, self.glob_order.order())
    }

    fn check_mapping(&self, violations: &mut Vec<Violation>) {
        let place = |rule: usize, key: &str| format!("mapping[{rule}].{key}");
        for error in self.engine().err().unwrap_or_default() {
            violations.push(Violation::new(place(error.rule, &error.key), error.fault.to_string()));
        }
        let (factor, most) = (self.native_histogram_bucket_factor, self.native_histogram_max_buckets);
        for (number, rule) in self.mapping.iter().enumerate() {
            for violation in rule.violations(self.window(), factor, most) {
                violations.push(Violation { key: place(number, &violation.key), ..violation });
            }
        }
        if self.mapping.len() > MOST_RULES {
            violations.push(Violation::new("mapping", format!("must have {MOST_RULES} rules or fewer")));
        }
    }
}

/// Why there are no rules of how series are shown; `check` finds all of it before.
#[derive(Debug, thiserror::Error)]
pub(super) enum RulesError {
    /// Of histograms.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// Of the mapping.
    #[error(transparent)]
    Mapping(RuleError),
}

/// Quantiles that are none, or too many.
pub(super) fn out_of_unit(quantiles: &[f64]) -> Vec<Violation> {
    let outside = |(_, quantile): &(usize, &f64)| !(0.0..=1.0).contains(*quantile);
    let refused = |(place, quantile): (usize, &f64)| {
        let message = format!("{quantile} is not between 0 and 1");
        Violation::new("quantiles", message).of_element(place)
    };
    let mut violations: Vec<Violation> = quantiles.iter().enumerate().filter(outside).map(refused).collect();
    if quantiles.len() > 100 {
        violations.push(Violation::new("quantiles", "must be 100 or fewer"));
    }
    violations
}

/// What is wrong with a window, by the keys of its options.
pub(super) fn window_violations(window: WindowRules) -> Vec<Violation> {
    let mut violations = Vec::new();
    if !(SHORTEST_WINDOW..=LONGEST_WINDOW).contains(&window.max_age) {
        violations.push(Violation::new("max_age", "must be from 1s to 1d"));
    }
    if !(1..=60).contains(&window.ages) {
        violations.push(Violation::new("age_buckets", "must be from 1 to 60"));
    }
    violations
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

/// Rules of one mapping at most.
const MOST_RULES: usize = 10_000;

const SHORTEST_WINDOW: Duration = Duration::from_secs(1);
const LONGEST_WINDOW: Duration = Duration::from_secs(86_400);
