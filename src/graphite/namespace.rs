//! What the statistics of a series are called: the naming rules that travel beside a snapshot.
//!
//! Everything but the series' own name is settled once, at configuration; a line is then a concatenation. The names
//! are those of statsd's Graphite backend (<https://github.com/statsd/statsd/blob/master/docs/graphite.md>) and of
//! Heka's StatAccumInput (<https://hekad.readthedocs.io/en/v0.10.0/config/inputs/stataccum.html>).

use super::histogram::{Bins, HistogramRule};
use super::number::write_number;
use crate::metric::TagsRef;

/// Whose statistics, in whose order and spelling.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Rules {
    /// Those of statsd: numbers as JavaScript prints them, an idle timer has a count alone.
    #[default]
    Statsd,
    /// Those of Heka's StatAccumInput: integers and six decimals, an idle timer is all zeros.
    Heka,
}

/// Prefixes, suffix and percentiles as configured; `Namespace::new` makes them into names.
///
/// A prefix that is empty adds nothing, one that ends in `.` no further dot.
#[derive(Debug, Clone, PartialEq)]
pub struct NamespaceOptions {
    /// Whose names.
    pub rules: Rules,
    /// `stats.K` and `stats_counts.K` for counters. Under statsd's rules the prefixes below then mean nothing.
    pub legacy: bool,
    /// First component of every name.
    pub global_prefix: String,
    /// Second component of counters.
    pub prefix_counter: String,
    /// Second component of timers, histograms and distributions.
    pub prefix_timer: String,
    /// Second component of gauges.
    pub prefix_gauge: String,
    /// Second component of sets.
    pub prefix_set: String,
    /// First component of the aggregator's own names; taken as it is under statsd's rules, even if empty.
    pub prefix_stats: String,
    /// Last component of every name, before its tags; empty for none.
    pub global_suffix: String,
    /// Whether a counter's sum is sent beside its rate.
    pub flush_counts: bool,
    /// Percentiles of timers.
    pub percentiles: Vec<Percent>,
    /// Statistics of timers that are sent; `upper_percent` stands for `upper_90` and all its like, `histogram` for all
    /// bins. Empty: all.
    pub timer_metrics: Vec<String>,
    /// Timers whose samples are counted in bins; the first rule that matches counts.
    pub histograms: Vec<HistogramRule>,
    /// Whether names are cleaned as the reference's Graphite backend does it, for names that came uncleaned.
    pub clean_names: bool,
    /// Whether what is infinite or no number is sent, in JavaScript's words, as the reference does; else it is left
    /// out.
    pub send_non_finite: bool,
}

impl NamespaceOptions {
    /// What StatAccumInput does when nothing is configured.
    pub fn heka() -> NamespaceOptions {
        NamespaceOptions { rules: Rules::Heka, legacy: false, ..NamespaceOptions::default() }
    }
}

impl Default for NamespaceOptions {
    /// What statsd does when nothing is configured.
    fn default() -> NamespaceOptions {
        NamespaceOptions {
            rules: Rules::Statsd,
            legacy: true,
            global_prefix: "stats".into(),
            prefix_counter: "counters".into(),
            prefix_timer: "timers".into(),
            prefix_gauge: "gauges".into(),
            prefix_set: "sets".into(),
            prefix_stats: "statsd".into(),
            global_suffix: String::new(),
            flush_counts: true,
            percentiles: vec![Percent::of(90.0)],
            timer_metrics: Vec::new(),
            histograms: Vec::new(),
            clean_names: false,
            send_non_finite: false,
        }
    }
}

/// One percentile threshold, with the text it has in names.
#[derive(Debug, Clone, PartialEq)]
pub struct Percent {
    /// The threshold; below zero for the top of the values instead of the bottom.
    pub value: f64,
    /// The text in names: `90`, `99_9`, `top10`.
    pub text: String,
}

impl Percent {
    /// Reads a threshold as it stands in the configuration: `90`, `99.9`, `-10`.
    ///
    /// The text in names is that text, its first `.` turned to `_` and its first `-` to `top`; `90.0` is thus not `90`.
    ///
    /// # Errors
    /// If `text` is no finite decimal number.
    pub fn parse(text: &str) -> Result<Percent, PercentError> {
        let text = text.trim();
        match text.parse::<f64>() {
            Ok(value) if value.is_finite() => {
                Ok(Percent { value, text: text.replacen('.', "_", 1).replacen('-', "top", 1) })
            }
            _ => Err(PercentError { text: text.to_string() }),
        }
    }

    /// The threshold `value`, its text the shortest that reads back as `value`.
    pub fn of(value: f64) -> Percent {
        let mut text = Vec::new();
        write_number(&mut text, value);
        let text = String::from_utf8(text).expect("numbers are written in ASCII");
        Percent { value, text: text.replacen('.', "_", 1).replacen('-', "top", 1) }
    }
}

/// A percentile threshold that is no number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no percentile: a number such as 90, 99.9 or -10 is needed")]
pub struct PercentError {
    /// What stood there.
    pub text: String,
}

/// What stands around a series' name in the name of one of its statistics.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Affix {
    /// Text in front of the series' name.
    pub before: Box<str>,
    /// Text after it; the tags follow.
    pub after: Box<str>,
}

impl Affix {
    /// The whole name of the statistic of the series `name`, tags aside.
    pub fn around(&self, name: &str) -> String {
        [&self.before, name, &self.after].concat()
    }
}

/// Names of all statistics, made of the options once.
#[derive(Debug, Clone)]
pub struct Namespace {
    options: NamespaceOptions,
    /// `sum / interval` of a counter.
    pub(super) counter_rate: Affix,
    /// `sum` of a counter.
    pub(super) counter_count: Option<Affix>,
    pub(super) gauge: Affix,
    pub(super) set: Affix,
    pub(super) timer: TimerAffixes,
    histograms: Vec<Bins>,
    number_of_stats: Affix,
}

/// Names of a timer's statistics, of those that are sent.
#[derive(Debug, Clone)]
pub(super) struct TimerAffixes {
    pub(super) count: Option<Affix>,
    pub(super) count_per_second: Option<Affix>,
    pub(super) lower: Option<Affix>,
    pub(super) upper: Option<Affix>,
    pub(super) sum: Option<Affix>,
    pub(super) sum_squares: Option<Affix>,
    pub(super) mean: Option<Affix>,
    pub(super) median: Option<Affix>,
    pub(super) deviation: Option<Affix>,
    /// Parallel to the percentiles.
    pub(super) percentiles: Vec<PercentAffixes>,
}

/// Names of the statistics of one percentile.
#[derive(Debug, Clone)]
pub(super) struct PercentAffixes {
    pub(super) count: Option<Affix>,
    pub(super) mean: Option<Affix>,
    /// `upper_P`, or `lower_P` where P is not above zero.
    pub(super) bound: Option<Affix>,
    pub(super) sum: Option<Affix>,
    pub(super) sum_squares: Option<Affix>,
}

impl Namespace {
    /// Names after these options. A percentile whose text another one has already is left out.
    pub fn new(mut options: NamespaceOptions) -> Namespace {
        let mut seen = std::collections::HashSet::new();
        options.percentiles.retain(|percent| seen.insert(percent.text.clone()));
        let namer = Namer::of(&options);
        let timer = namer.timer(&options);
        let histograms = match is_sent(&options, "histogram") {
            true => options.histograms.iter().map(|rule| namer.bins(rule)).collect(),
            false => Vec::new(),
        };
        let plain_counters = options.legacy;
        Namespace {
            counter_rate: namer.affix(&namer.counter_rate, if plain_counters { "" } else { ".rate" }),
            counter_count: options
                .flush_counts
                .then(|| namer.affix(&namer.counter_count, if plain_counters { "" } else { ".count" })),
            gauge: namer.affix(&namer.gauge, ""),
            set: namer.affix(&namer.set, ".count"),
            number_of_stats: namer.affix(&namer.number_of_stats, ""),
            timer,
            histograms,
            options,
        }
    }

    /// The options it was made of, repeated percentiles aside.
    pub fn options(&self) -> &NamespaceOptions {
        &self.options
    }

    /// Whose names these are.
    pub fn rules(&self) -> Rules {
        self.options.rules
    }

    /// The percentiles of timers, in the order in which `TimerNumbers` gives theirs.
    pub fn percentiles(&self) -> &[Percent] {
        &self.options.percentiles
    }

    /// What surrounds a counter's name where its rate is given.
    pub fn counter_rate(&self) -> &Affix {
        &self.counter_rate
    }

    /// What surrounds a counter's name where its sum is given, if it is.
    pub fn counter_count(&self) -> Option<&Affix> {
        self.counter_count.as_ref()
    }

    /// What surrounds a gauge's name.
    pub fn gauge(&self) -> &Affix {
        &self.gauge
    }

    /// What surrounds a set's name.
    pub fn set(&self) -> &Affix {
        &self.set
    }

    /// What surrounds a timer's name where `statistic` is given: `mean`, `upper_90`.
    pub fn timer(&self, statistic: &str) -> Affix {
        let namer = Namer::of(&self.options);
        namer.affix(&namer.timer, &format!(".{statistic}"))
    }

    /// Whether this statistic of timers is sent; that of a percentile is `upper_percent` and its like.
    pub fn sends(&self, statistic: &str) -> bool {
        is_sent(&self.options, statistic)
    }

    /// The bins of a timer, if its samples are counted in any.
    pub fn bins(&self, name: &str, tags: TagsRef<'_>) -> Option<&Bins> {
        self.histograms.iter().find(|bins| bins.are_of(name, tags))
    }

    /// The name of the number of series.
    pub fn number_of_stats(&self) -> String {
        self.number_of_stats.around("")
    }

    /// The whole name of one of the daemon's own numbers that is no series: `stats.statsd.processing_time`. None under
    /// Heka's rules, which know none.
    pub fn own_number(&self, name: &str) -> Option<String> {
        let options = &self.options;
        let global = if options.legacy { "stats" } else { options.global_prefix.as_str() };
        let affix = Namer::of(options).affix(&prefix(&[global, &options.prefix_stats]), "");
        (options.rules == Rules::Statsd).then(|| affix.around(name))
    }

    /// The series name of one of the aggregator's own counters or gauges: `statsd.bad_lines_seen`.
    pub fn own_name(&self, name: &str) -> String {
        own(&self.options, name)
    }
}

/// What stands in front of the names, by kind.
struct Namer {
    counter_rate: String,
    counter_count: String,
    timer: String,
    gauge: String,
    set: String,
    number_of_stats: String,
    suffix: String,
}

impl Namer {
    fn of(options: &NamespaceOptions) -> Namer {
        let (global, suffix) = (options.global_prefix.as_str(), options.global_suffix.as_str());
        let number_of_stats = own(options, "numStats");
        let suffix = if suffix.is_empty() { String::new() } else { format!(".{}", clean(suffix)) };
        let fixed = options.legacy && options.rules == Rules::Statsd;
        let under = |second: &str, configured: &str| match fixed {
            true => prefix(&["stats", second]),
            false => prefix(&[global, configured]),
        };
        let (counter_rate, counter_count) = match options.legacy {
            true => (under("", ""), prefix(&["stats_counts"])),
            false => (prefix(&[global, &options.prefix_counter]), prefix(&[global, &options.prefix_counter])),
        };
        Namer {
            counter_rate,
            counter_count,
            timer: under("timers", &options.prefix_timer),
            gauge: under("gauges", &options.prefix_gauge),
            set: under("sets", &options.prefix_set),
            number_of_stats: match options.legacy {
                true => clean(&number_of_stats),
                false => prefix(&[global]) + &clean(&number_of_stats),
            },
            suffix,
        }
    }

    fn affix(&self, before: &str, after: &str) -> Affix {
        Affix { before: before.into(), after: [after, &self.suffix].concat().into() }
    }

    fn bins(&self, rule: &HistogramRule) -> Bins {
        Bins::new(rule, |name| self.affix(&self.timer, &format!(".histogram.{name}")))
    }

    fn timer(&self, options: &NamespaceOptions) -> TimerAffixes {
        let affix = |statistic: &str| self.affix(&self.timer, &format!(".{statistic}"));
        let named = |statistic: &str| is_sent(options, statistic).then(|| affix(statistic));
        let of_percent = |statistic: &str, text: &str| {
            let sent = is_sent(options, &format!("{statistic}_percent"));
            sent.then(|| affix(&format!("{statistic}_{text}")))
        };
        TimerAffixes {
            count: named("count"),
            count_per_second: named("count_ps"),
            lower: named("lower"),
            upper: named("upper"),
            sum: named("sum"),
            sum_squares: named("sum_squares"),
            mean: named("mean"),
            median: named("median"),
            deviation: named("std"),
            percentiles: options
                .percentiles
                .iter()
                .map(|Percent { value, text }| PercentAffixes {
                    count: of_percent("count", text),
                    mean: of_percent("mean", text),
                    bound: of_percent(if *value > 0.0 { "upper" } else { "lower" }, text),
                    sum: of_percent("sum", text),
                    sum_squares: of_percent("sum_squares", text),
                })
                .collect(),
        }
    }
}

/// What `NamespaceOptions::timer_metrics` may name.
pub const TIMER_METRICS: [&str; 16] = [
    "std",
    "upper",
    "lower",
    "count",
    "count_ps",
    "sum",
    "sum_squares",
    "mean",
    "median",
    "histogram",
    "count_percent",
    "mean_percent",
    "upper_percent",
    "lower_percent",
    "sum_percent",
    "sum_squares_percent",
];

fn is_sent(options: &NamespaceOptions, statistic: &str) -> bool {
    options.timer_metrics.is_empty() || options.timer_metrics.iter().any(|sent| sent == statistic)
}

/// Joins components, each with its dot; the empty ones add nothing.
fn prefix(components: &[&str]) -> String {
    let mut text = String::new();
    for component in components.iter().filter(|component| !component.is_empty()) {
        text.push_str(&clean(component));
        if !text.ends_with('.') {
            text.push('.');
        }
    }
    text
}

fn own(options: &NamespaceOptions, name: &str) -> String {
    match options.rules {
        // The reference joins the two whatever the first is: an empty one leaves a leading dot.
        Rules::Statsd => format!("{}.{name}", options.prefix_stats),
        Rules::Heka => prefix(&[&options.prefix_stats]) + name,
    }
}

/// Makes configured text fit for a line: what would end a field or begin a tag becomes `_`.
pub fn clean(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    super::tags::push_clean(&mut out, text, super::tags::NAME);
    String::from_utf8(out).expect("cleaning keeps text UTF-8")
}

#[cfg(test)]
mod tests;
