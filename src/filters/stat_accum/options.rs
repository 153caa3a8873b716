//! The options of `StatAccumFilter`, and what they come to.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::aggregate::{AccumulatorRules, Idle, IdleRules};
use crate::config::{Check, OneOrMany, PercentText, Seconds, Violation};
use crate::flow::LIVE_TYPE;
use crate::graphite::{HistogramRule, NamespaceOptions, Percent, Rules, TIMER_METRICS};

/// Options of `StatAccumFilter`.
///
/// `ticker_interval` is the interval between flushes: default 10 seconds, down to "100ms".
#[derive(Debug, Clone, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Whose formulas and names: "statsd" (default; "heka" where the type is written StatAccumInput) or "heka",
    /// which ranks percentiles as the older statsd, prints six decimals and sends all statistics of idle timers.
    pub rules: Option<RuleSet>,
    /// Percentiles of timers, one or a list; negative ones take the largest samples (statsd's "top"). Default 90.
    pub percent_threshold: OneOrMany<PercentText>,
    /// Type of the messages that flushes are. Default "heka.statmetric".
    pub message_type: String,
    /// `stats.K` and `stats_counts.K` for counters, as before statsd 0.3; the prefixes below then mean nothing under
    /// statsd's rules. Default false.
    pub legacy_namespaces: bool,
    /// First part of every name. Default "stats".
    pub global_prefix: String,
    /// Second part of the names of counters. Default "counters".
    pub counter_prefix: String,
    /// Second part of the names of timers, histograms and distributions. Default "timers".
    pub timer_prefix: String,
    /// Second part of the names of gauges. Default "gauges".
    pub gauge_prefix: String,
    /// Second part of the names of sets. Default "sets".
    pub set_prefix: String,
    /// Part of the names of the aggregator's own numbers. Default "statsd".
    pub statsd_prefix: String,
    /// Last part of every name, before its tags; %HOSTNAME% stands for the host's name with `_` for its dots. Set it
    /// where several daemons send the same names to one Graphite. Default: none.
    pub global_suffix: String,
    /// Whether the sum of a counter is sent beside its rate. Default true.
    pub flush_counts: bool,
    /// Forget every series that had no sample in an interval, instead of sending zeros or a gauge's last value.
    /// Default false.
    pub delete_idle_stats: bool,
    /// The same for counters alone. Default: as delete_idle_stats.
    pub delete_counters: Option<bool>,
    /// The same for timers, histograms and distributions alone. Default: as delete_idle_stats.
    pub delete_timers: Option<bool>,
    /// The same for gauges alone. Default: as delete_idle_stats.
    pub delete_gauges: Option<bool>,
    /// The same for sets alone. Default: as delete_idle_stats.
    pub delete_sets: Option<bool>,
    /// Intervals a gauge that is to be deleted may be idle before it is. Default 1.
    pub gauges_max_ttl: u32,
    /// When a gauge that is to be deleted ends: "idle" (default), once it was idle for gauges_max_ttl intervals, so that
    /// `+1` in the next interval still moves it; or "flush", with the last flush it is in, as in the reference: with a
    /// gauges_max_ttl of 1 each interval begins without it, and `+1` moves it from 0.
    pub gauges_end: GaugesEnd,
    /// Statistics of timers that are sent: "std", "upper", "lower", "count", "count_ps", "sum", "sum_squares", "mean",
    /// "median", "histogram", and with "_percent" for all percentiles "count_percent", "mean_percent", "upper_percent",
    /// "lower_percent", "sum_percent", "sum_squares_percent". Default: all.
    pub timer_metrics: Vec<String>,
    /// Bins in which the samples of timers are counted, as `NAME.histogram.bin_BOUND`: a list of tables of `metric`, a
    /// text that the name (with tags as `name;key=value`) holds, "" for all, and `bins`, upper bounds of which the last
    /// may be "inf". A sample is in the first bin whose bound is above it. The first table that matches counts.
    /// Default: none.
    #[schemars(extend("x-example" = r#"histogram = [{ metric = "api", bins = [10, 100, "inf"] }]"#))]
    pub histogram: Vec<HistogramTable>,
    /// Whether names are cleaned again when they are sent, as the reference's Graphite backend does where names are not
    /// cleaned as they come (`sanitize_names = false`). Default false.
    pub clean_names: bool,
    /// Whether numbers that are infinite, or none, are sent as `Infinity` and `NaN`, as the reference does, instead of
    /// being left out. Default false.
    pub send_non_finite: bool,
    /// Whether the reference's own numbers are sent: the counters bad_lines_seen, packets_received and
    /// metrics_received, the gauge timestamp_lag (whole seconds, from the second flush on), processing_time
    /// (milliseconds of the flush before), what making the lines of the flush took CarbonOutput, sending aside:
    /// graphiteStats.calculationtime (milliseconds), and what it says of its last flush: graphiteStats.last_flush,
    /// last_exception (seconds since 1970), flush_time (milliseconds) and flush_length (bytes). Default false.
    pub own_stats: bool,
    /// Samples of a timer kept exactly in an interval; beyond, percentiles are estimated to 1 % (count, sum and bounds
    /// stay exact). Default 1024.
    pub exact_samples: u32,
    /// Members of a set kept exactly in an interval; beyond, their number is estimated to 1 %. Default 1024.
    pub exact_members: u32,
    /// Significant digits of estimated percentiles, 1 to 3; a digit more takes ten times the memory. Default 2.
    pub significant_digits: u8,
    /// Whether the sample rate of a timer weighs in everything: a value sent with `@0.1` is there ten times for sums, means and
    /// percentiles too. Without it, as with the reference, it counts ten times in `count` and `count_ps` alone.
    /// Default false.
    pub sample_rate_weighting: bool,
    /// How often live views show what has moved since the last one, with totals: what a scrape or the page sees. 0 for
    /// never. Views come less often where making one takes more than a fiftieth of the time. Default 1s.
    pub live_interval: Seconds,
    /// What becomes of the open interval at a stop: "keep" (default) leaves it to the next run in the state directory,
    /// which continues it or flushes it late; "flush" flushes it under the stamp of its end, for where the state
    /// directory does not outlive the daemon. Gauges and totals are kept either way.
    pub at_stop: AtStop,
    #[serde(skip)]
    #[schemars(skip)]
    pub(super) by_alias: bool,
}

/// Timers and their bins.
#[derive(Debug, Clone, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct HistogramTable {
    /// A text that the name holds.
    #[serde(default)]
    pub metric: String,
    /// Upper bounds, ascending.
    pub bins: Vec<PercentText>,
}

impl HistogramTable {
    fn rule(&self) -> Result<HistogramRule, String> {
        let bound = |text: &PercentText| match text.0.trim() {
            "inf" => Ok(f64::INFINITY),
            number => number
                .parse()
                .ok()
                .filter(|bound: &f64| bound.is_finite())
                .ok_or_else(|| format!("{number:?} is no bound of a bin: a number or \"inf\" is needed")),
        };
        let bounds: Vec<f64> = self.bins.iter().map(bound).collect::<Result<_, _>>()?;
        match bounds.is_sorted() {
            true => Ok(HistogramRule { metric: self.metric.clone(), bounds }),
            false => Err("the bounds of bins must ascend".to_owned()),
        }
    }
}

/// When a gauge that is to be deleted ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum GaugesEnd {
    /// With the first flush it is not in.
    #[default]
    Idle,
    /// With the last flush it is in.
    Flush,
}

/// What becomes of the open interval at a stop.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AtStop {
    /// The next run continues it.
    #[default]
    Keep,
    /// It is flushed before its time.
    Flush,
}

/// Whose formulas and names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RuleSet {
    /// Those of statsd.
    Statsd,
    /// Those of Heka's StatAccumInput.
    Heka,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            rules: None,
            percent_threshold: OneOrMany(vec![PercentText("90".to_owned())]),
            message_type: crate::flow::SNAPSHOT_TYPE.to_owned(),
            legacy_namespaces: false,
            global_prefix: "stats".to_owned(),
            counter_prefix: "counters".to_owned(),
            timer_prefix: "timers".to_owned(),
            gauge_prefix: "gauges".to_owned(),
            set_prefix: "sets".to_owned(),
            statsd_prefix: "statsd".to_owned(),
            global_suffix: String::new(),
            flush_counts: true,
            delete_idle_stats: false,
            delete_counters: None,
            delete_timers: None,
            delete_gauges: None,
            delete_sets: None,
            gauges_max_ttl: 1,
            gauges_end: GaugesEnd::default(),
            timer_metrics: Vec::new(),
            histogram: Vec::new(),
            clean_names: false,
            send_non_finite: false,
            own_stats: false,
            exact_samples: 1024,
            exact_members: 1024,
            significant_digits: 2,
            sample_rate_weighting: false,
            live_interval: Seconds(Duration::from_secs(1)),
            at_stop: AtStop::default(),
            by_alias: false,
        }
    }
}

impl Config {
    /// How samples are aggregated; `seed` is that of the process.
    pub(super) fn accumulation(&self, seed: u64) -> AccumulatorRules {
        let idle = |own: Option<bool>, deleted| match own.unwrap_or(self.delete_idle_stats) {
            true => deleted,
            false => Idle::Keep,
        };
        let gauges = match self.gauges_end {
            GaugesEnd::Idle => Idle::DeleteAfter(self.gauges_max_ttl),
            GaugesEnd::Flush => Idle::EndAfter(self.gauges_max_ttl),
        };
        AccumulatorRules {
            exact_samples: self.exact_samples as usize,
            exact_members: self.exact_members as usize,
            significant_digits: self.significant_digits,
            weighted: self.sample_rate_weighting,
            idle: IdleRules {
                counters: idle(self.delete_counters, Idle::EndAfter(1)),
                gauges: idle(self.delete_gauges, gauges),
                timers: idle(self.delete_timers, Idle::EndAfter(1)),
                sets: idle(self.delete_sets, Idle::EndAfter(1)),
            },
            own_stats: self.own_stats,
            seed,
        }
    }

    /// How often there are live views, if there are.
    pub(super) fn live(&self) -> Option<Duration> {
        Some(self.live_interval.0).filter(|interval| !interval.is_zero())
    }

    /// How what is found is named.
    pub(super) fn naming(&self, hostname: &str) -> NamespaceOptions {
        let host = hostname.replace(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-', "_");
        let default = if self.by_alias { RuleSet::Heka } else { RuleSet::Statsd };
        NamespaceOptions {
            rules: match self.rules.unwrap_or(default) {
                RuleSet::Statsd => Rules::Statsd,
                RuleSet::Heka => Rules::Heka,
            },
            legacy: self.legacy_namespaces,
            global_prefix: self.global_prefix.clone(),
            prefix_counter: self.counter_prefix.clone(),
            prefix_timer: self.timer_prefix.clone(),
            prefix_gauge: self.gauge_prefix.clone(),
            prefix_set: self.set_prefix.clone(),
            prefix_stats: self.statsd_prefix.clone(),
            global_suffix: self.global_suffix.replace("%HOSTNAME%", &host),
            flush_counts: self.flush_counts,
            percentiles: self
                .percent_threshold
                .0
                .iter()
                .filter_map(|percent| Percent::parse(&percent.0).ok())
                .collect(),
            timer_metrics: self.timer_metrics.clone(),
            histograms: self.histogram.iter().filter_map(|table| table.rule().ok()).collect(),
            clean_names: self.clean_names,
            send_non_finite: self.send_non_finite,
        }
    }
}

impl Check for Config {
    fn check(&self) -> Vec<Violation> {
        let mut violations = Vec::new();
        for (place, percent) in self.percent_threshold.0.iter().enumerate() {
            let message = match Percent::parse(&percent.0) {
                Err(error) => error.to_string(),
                Ok(percent) if !(-100.0..=100.0).contains(&percent.value) => {
                    format!("{} is not between -100 and 100", percent.value)
                }
                Ok(_) => continue,
            };
            violations.push(Violation::new("percent_threshold", message).of_element(place));
        }
        for (place, name) in self.timer_metrics.iter().enumerate() {
            if !TIMER_METRICS.contains(&name.as_str()) {
                let message = format!("{name:?} is none of {}", TIMER_METRICS.join(", "));
                violations.push(Violation::new("timer_metrics", message).of_element(place));
            }
        }
        for (place, table) in self.histogram.iter().enumerate() {
            if let Err(message) = table.rule() {
                violations.push(Violation::new("histogram", message).of_element(place));
            }
        }
        if !(1..=3).contains(&self.significant_digits) {
            violations.push(Violation::new("significant_digits", "must be 1, 2 or 3"));
        }
        if self.exact_samples == 0 || self.exact_samples > 1 << 20 {
            violations.push(Violation::new("exact_samples", "must be a number from 1 to 1048576"));
        }
        if self.exact_members == 0 || self.exact_members > 1 << 20 {
            violations.push(Violation::new("exact_members", "must be a number from 1 to 1048576"));
        }
        if self.message_type.is_empty() {
            violations.push(Violation::new("message_type", "must not be empty"));
        }
        if self.message_type == LIVE_TYPE {
            violations.push(Violation::new("message_type", "is the type of live views"));
        }
        let range = Duration::from_millis(100)..=Duration::from_secs(3600);
        if self.live().is_some_and(|interval| !range.contains(&interval)) {
            violations.push(Violation::new("live_interval", "must be 0 or from 100ms to 1h"));
        }
        violations
    }
}
