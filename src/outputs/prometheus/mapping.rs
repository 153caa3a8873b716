//! Options of the mapping: rules as they stand in a section, and what they come to.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::options::{out_of_unit, window_violations};
use crate::config::{Seconds, Violation};
use crate::exposition::mapping::{Action, GlobOrder, MatchType, MetricType, ObserverRule, Rule};
use crate::exposition::{NativeRules, WindowRules};

/// One rule. Templates know `$1` or `${1}` for what the first `*` or group captured, `$0` for the whole name or match,
/// `$$` for a dollar.
#[derive(Debug, Clone, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct MappingRule {
    /// The pattern of statsd names: a glob whose `*` is one component between dots (default), or a regular expression.
    #[serde(rename = "match")]
    #[schemars(extend("x-example" = r#""api.*.get""#))]
    pub pattern: String,
    /// What `match` is: "glob" (default), or "regex", which may match anywhere in the name and is asked after all globs.
    #[serde(default)]
    pub match_type: MatchOption,
    /// The rule is for "counter", "gauge", "observer" (timers, histograms and distributions) or "set" alone. Default: all.
    #[serde(default)]
    pub match_metric_type: Option<MetricOption>,
    /// "map" (default) names what matches, "drop" does not show it; the latter takes no other option but those of matching.
    #[serde(default)]
    pub action: ActionOption,
    /// Template of the metric's name, as it is to be: neither counter_suffix nor a unit is added. Series whose name and
    /// labels become the same are added up; of gauges the one that moved last counts.
    #[serde(default)]
    #[schemars(extend("x-example" = r#""api_requests_total""#))]
    pub name: String,
    /// Labels with templates of their values; one that comes out empty is left out. They replace tags of the same name.
    #[serde(default)]
    #[schemars(extend("x-example" = r#"{ endpoint = "$1" }"#))]
    pub labels: BTreeMap<String, String>,
    /// Whether a tag of the sender counts more than a label of the rule. Default false.
    #[serde(default)]
    pub honor_labels: bool,
    /// The text of the HELP line; the first series of a metric decides. Default: the type and the pattern.
    #[serde(default)]
    pub help: Option<String>,
    /// A series that had no sample for so long is no longer shown; 0 shows it for ever. Default: the output's ttl.
    #[serde(default)]
    pub ttl: Option<Seconds>,
    /// What values are multiplied by: 1024 makes bytes of KiB. Timers are in seconds before that. Below 0 for gauges
    /// alone. Default 1.0.
    #[serde(default = "one")]
    pub scale: f64,
    /// Distributions are "summary" or "histogram". Default: by the options given here, else as without a rule.
    #[serde(default)]
    pub observer_type: Option<ObserverOption>,
    /// How summaries are shown.
    #[serde(default)]
    pub summary_options: Option<SummaryOptions>,
    /// How histograms are shown.
    #[serde(default)]
    pub histogram_options: Option<HistogramOptions>,
}

/// What a pattern is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MatchOption {
    /// A glob.
    #[default]
    Glob,
    /// A regular expression.
    Regex,
}

/// What a rule is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MetricOption {
    /// Counters.
    Counter,
    /// Gauges.
    Gauge,
    /// Distributions of every kind.
    Observer,
    /// Sets.
    Set,
}

/// What a rule does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ActionOption {
    /// Names what matches.
    #[default]
    Map,
    /// Does not show it.
    Drop,
}

/// What distributions are shown as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ObserverOption {
    /// Quantiles.
    Summary,
    /// Buckets.
    Histogram,
}

/// How summaries are shown.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct SummaryOptions {
    /// Quantiles. Default: the output's.
    pub quantiles: Option<Vec<f64>>,
    /// Of which time quantiles are. Default: the output's max_age.
    pub max_age: Option<Seconds>,
    /// In how many ages that time is divided, 1 to 60. Default: the output's.
    pub age_buckets: Option<u32>,
}

/// How histograms are shown.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct HistogramOptions {
    /// Upper bounds of the buckets, ascending, in the unit that is exposed. Default: the output's for that name, else
    /// [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10].
    pub buckets: Option<Vec<f64>>,
    /// Makes a native histogram too, for scrapers that accept protobuf: how much greater the bound of a bucket may be than
    /// the one before, from 1.022 to 65536. Default: the output's, if `native_histograms` has that name.
    pub native_histogram_bucket_factor: Option<f64>,
    /// Most native buckets of a series, 4 to 1000; where more are needed they become twice as wide. Default: the output's.
    pub native_histogram_max_buckets: Option<u32>,
}

/// Which of several globs counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OrderOption {
    /// The first.
    #[default]
    File,
    /// The most specific.
    Specific,
}

impl OrderOption {
    /// The same for the engine.
    pub(super) fn order(self) -> GlobOrder {
        match self {
            OrderOption::File => GlobOrder::File,
            OrderOption::Specific => GlobOrder::Specific,
        }
    }
}

impl MappingRule {
    /// The rule for the engine, where `window` and `native` are the output's own.
    pub(super) fn rule(&self, factor: f64, most: u32) -> Rule {
        Rule {
            pattern: self.pattern.clone(),
            match_type: match self.match_type {
                MatchOption::Glob => MatchType::Glob,
                MatchOption::Regex => MatchType::Regex,
            },
            metric_type: self.match_metric_type.map(MetricOption::metric_type),
            action: match self.action {
                ActionOption::Map => Action::Map,
                ActionOption::Drop => Action::Drop,
            },
            name: self.name.clone(),
            labels: self.labels.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
            honor_labels: self.honor_labels,
            help: self.help.clone(),
            ttl: self.ttl.map(|ttl| ttl.0),
            scale: self.scale,
            observer: self.observer(factor, most),
        }
    }

    fn observer(&self, factor: f64, most: u32) -> ObserverRule {
        let shown_as = self.observer_type.or(match (&self.summary_options, &self.histogram_options) {
            (Some(_), _) => Some(ObserverOption::Summary),
            (None, Some(_)) => Some(ObserverOption::Histogram),
            (None, None) => None,
        });
        match shown_as {
            None => ObserverRule::AsConfigured,
            Some(ObserverOption::Summary) => {
                let options = self.summary_options.clone().unwrap_or_default();
                ObserverRule::Summary {
                    quantiles: options.quantiles,
                    max_age: options.max_age.map(|age| age.0),
                    ages: options.age_buckets,
                }
            }
            Some(ObserverOption::Histogram) => {
                let options = self.histogram_options.clone().unwrap_or_default();
                ObserverRule::Histogram { native: options.native(factor, most), buckets: options.buckets }
            }
        }
    }

    /// What is wrong with it beside what the engine finds, by its keys.
    pub(super) fn violations(&self, window: WindowRules, factor: f64, most: u32) -> Vec<Violation> {
        let mut violations = Vec::new();
        if self.action == ActionOption::Drop {
            let idle = self.idle_where_dropped().into_iter();
            violations.extend(idle.map(|key| Violation::new(key, "means nothing with action = \"drop\"")));
        }
        if let Some(options) = &self.summary_options {
            if self.observer_type == Some(ObserverOption::Histogram) || self.histogram_options.is_some() {
                violations.push(Violation::new("summary_options", "means nothing to a histogram"));
            }
            violations.extend(options.violations(window));
        }
        if let Some(options) = &self.histogram_options {
            if self.observer_type == Some(ObserverOption::Summary) {
                violations.push(Violation::new("histogram_options", "means nothing to a summary"));
            }
            violations.extend(options.violations(factor, most));
        }
        violations
    }

    fn idle_where_dropped(&self) -> Vec<&'static str> {
        let given = [
            ("name", !self.name.is_empty()),
            ("labels", !self.labels.is_empty()),
            ("honor_labels", self.honor_labels),
            ("help", self.help.is_some()),
            ("ttl", self.ttl.is_some()),
            ("scale", self.scale != 1.0),
            ("observer_type", self.observer_type.is_some()),
            ("summary_options", self.summary_options.is_some()),
            ("histogram_options", self.histogram_options.is_some()),
        ];
        given.into_iter().filter(|(_, given)| *given).map(|(key, _)| key).collect()
    }
}

impl MetricOption {
    fn metric_type(self) -> MetricType {
        match self {
            MetricOption::Counter => MetricType::Counter,
            MetricOption::Gauge => MetricType::Gauge,
            MetricOption::Observer => MetricType::Observer,
            MetricOption::Set => MetricType::Set,
        }
    }
}

impl SummaryOptions {
    fn violations(&self, window: WindowRules) -> Vec<Violation> {
        let max_age = self.max_age.map_or(window.max_age, |age| age.0);
        let window = WindowRules { max_age, ages: self.age_buckets.unwrap_or(window.ages) };
        let own = |violation: &Violation| match violation.key.as_str() {
            "max_age" => self.max_age.is_some(),
            _ => self.age_buckets.is_some(),
        };
        let mut violations = out_of_unit(self.quantiles.as_deref().unwrap_or_default());
        violations.extend(window_violations(window).into_iter().filter(own));
        violations.iter_mut().for_each(|violation| violation.key.insert_str(0, "summary_options."));
        violations
    }
}

impl HistogramOptions {
    fn native(&self, factor: f64, most: u32) -> Option<NativeRules> {
        if self.native_histogram_bucket_factor.is_none() && self.native_histogram_max_buckets.is_none() {
            return None;
        }
        let factor = self.native_histogram_bucket_factor.unwrap_or(factor);
        NativeRules::new(factor, self.native_histogram_max_buckets.unwrap_or(most)).ok()
    }

    fn violations(&self, factor: f64, most: u32) -> Vec<Violation> {
        let of = |key: &str, given: bool, rules: Result<NativeRules, _>| {
            let error: crate::exposition::ShapeError = rules.err().filter(|_| given)?;
            Some(Violation::new(format!("histogram_options.{key}"), error.to_string()))
        };
        let (own_factor, own_most) = (self.native_histogram_bucket_factor, self.native_histogram_max_buckets);
        let of_factor = NativeRules::new(own_factor.unwrap_or(factor), 160);
        let of_most = NativeRules::new(2.0, own_most.unwrap_or(most));
        let mut violations = Vec::new();
        violations.extend(of("native_histogram_bucket_factor", own_factor.is_some(), of_factor));
        violations.extend(of("native_histogram_max_buckets", own_most.is_some(), of_most));
        violations
    }
}

fn one() -> f64 {
    1.0
}
