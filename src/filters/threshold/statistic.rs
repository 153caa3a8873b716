//! Which number of a series is watched, and how it is read from a flush.
//!
//! Words are those of statsd's Graphite backend; a percentile need not be one that the accumulator sends.

use crate::aggregate::{Rank, Snapshot, TimerPoint};
use crate::config::suggest;
use crate::graphite::{Namespace, Percent, Rules};
use crate::metric::{Kind, SeriesId};

/// A number that a flush knows of a series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Statistic {
    /// What a gauge is.
    Value,
    /// A counter's sum a second.
    Rate,
    /// A counter's sum, how often a timer was sent, how many members a set has.
    Count,
    /// How often a timer was sent, a second.
    CountPerSecond,
    Mean,
    Median,
    Lower,
    Upper,
    Sum,
    Deviation,
    /// Of the samples up to this percentile.
    UpperOf(f64),
    MeanOf(f64),
    SumOf(f64),
    /// The smallest sample that this part of them, from 0 to 1, does not exceed.
    Quantile(f64),
}

/// What one flush says of a series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Reading {
    /// The number, if there is one.
    pub(super) value: Option<f64>,
    /// Whether a sample came.
    pub(super) sampled: bool,
    /// Whether the flush names the series at all.
    pub(super) present: bool,
}

impl Statistic {
    /// Reads a word such as `upper_90`.
    ///
    /// # Errors
    /// That no kind of series has it, and what was likely meant.
    pub(super) fn parse(text: &str) -> Result<Statistic, (String, String)> {
        if let Some((_, plain)) = PLAIN.iter().find(|(word, _)| *word == text) {
            return Ok(*plain);
        }
        for (before, of) in OF_PERCENTILES {
            let Some(rest) = text.strip_prefix(before) else { continue };
            let percent = Percent::parse(&rest.replacen('_', ".", 1)).map(|percent| percent.value);
            if let Ok(percent) = percent
                && percent > 0.0
                && percent <= 100.0
            {
                return Ok(of(percent));
            }
        }
        let message = format!("{text:?} is a statistic of no kind of series");
        let words = PLAIN.iter().map(|(word, _)| *word);
        let help = match suggest(text, words.chain(["upper_90", "mean_90", "sum_90", "p90"])) {
            Some(word) => format!("did you mean `{word}`?"),
            None => format!("gauges: value; counters: rate, count; sets: count; timers: {OF_TIMERS}"),
        };
        Err((message, help))
    }

    /// Whether series of this kind have it.
    pub(super) fn is_of(self, kind: Kind) -> bool {
        match self {
            Statistic::Value => kind == Kind::Gauge,
            Statistic::Rate => kind == Kind::Counter,
            Statistic::Count => kind != Kind::Gauge,
            _ => kind.is_distribution(),
        }
    }

    /// The unit in which a series of this kind has it; empty if it has none, or nobody knows which.
    pub(super) fn unit(self, kind: Kind) -> &'static str {
        match self {
            Statistic::Value | Statistic::Rate | Statistic::Count | Statistic::CountPerSecond => "",
            _ if kind == Kind::Timer => "ms",
            _ => "",
        }
    }

    /// What `found` says of `series`. What counts is 0 where nothing came; anything else is missing then.
    pub(super) fn read(self, found: &Snapshot, naming: &Namespace, series: SeriesId) -> Reading {
        match series.kind() {
            Kind::Counter => {
                let at = found.counters.binary_search_by_key(&series, |point| point.series).ok();
                let sum = at.map_or(0.0, |at| found.counters[at].sum);
                let samples = at.and_then(|at| found.totals.get(at)).map(|total| total.samples);
                let value = if self == Statistic::Rate { sum / seconds(found) } else { sum };
                let sampled = samples.map_or(sum != 0.0, |samples| samples > 0);
                Reading { value: Some(value), sampled, present: at.is_some() }
            }
            Kind::Gauge => {
                let at = found.gauges.binary_search_by_key(&series, |point| point.series).ok();
                let samples = at.and_then(|at| found.gauge_samples.get(at)).copied();
                let sampled = samples.map_or(at.is_some(), |samples| samples > 0);
                Reading { value: at.map(|at| found.gauges[at].value), sampled, present: at.is_some() }
            }
            Kind::Set => {
                let at = found.sets.binary_search_by_key(&series, |point| point.series).ok();
                let point = at.map(|at| &found.sets[at]);
                let value = point.map_or(0.0, |point| point.cardinality as f64);
                let sampled = point.is_some_and(|point| point.samples > 0);
                Reading { value: Some(value), sampled, present: at.is_some() }
            }
            Kind::Timer | Kind::Histogram | Kind::Distribution => {
                let at = found.timers.binary_search_by_key(&series, |point| point.series).ok();
                let point = at.map(|at| &found.timers[at]).filter(|point| point.samples > 0);
                let value = match point {
                    Some(point) => self.of_timer(found, naming, point),
                    None => matches!(self, Statistic::Count | Statistic::CountPerSecond).then_some(0.0),
                };
                Reading { value, sampled: point.is_some(), present: at.is_some() }
            }
        }
    }

    fn of_timer(self, found: &Snapshot, naming: &Namespace, point: &TimerPoint) -> Option<f64> {
        let rank = match naming.rules() {
            Rules::Statsd => Rank::Statsd,
            Rules::Heka => Rank::Heka,
        };
        let percentile = |percent| found.percentile(point, percent, rank);
        let summary = || found.summary(point);
        match self {
            Statistic::Count => Some(point.weight),
            Statistic::CountPerSecond => Some(point.weight / seconds(found)),
            Statistic::Mean => summary().map(|summary| summary.mean),
            Statistic::Median => summary().map(|summary| summary.median),
            Statistic::Lower => summary().map(|summary| summary.lower),
            Statistic::Upper => summary().map(|summary| summary.upper),
            Statistic::Sum => summary().map(|summary| summary.sum),
            Statistic::Deviation => summary().map(|summary| summary.std),
            Statistic::UpperOf(percent) => percentile(percent).map(|percentile| percentile.bound),
            Statistic::MeanOf(percent) => percentile(percent).map(|percentile| percentile.mean),
            Statistic::SumOf(percent) => percentile(percent).map(|percentile| percentile.sum),
            Statistic::Quantile(part) => found.quantile(point, part),
            Statistic::Value | Statistic::Rate => None,
        }
    }
}

fn seconds(found: &Snapshot) -> f64 {
    found.slot.interval.as_secs_f64()
}

const PLAIN: [(&str, Statistic); 10] = [
    ("value", Statistic::Value),
    ("rate", Statistic::Rate),
    ("count", Statistic::Count),
    ("count_ps", Statistic::CountPerSecond),
    ("mean", Statistic::Mean),
    ("median", Statistic::Median),
    ("lower", Statistic::Lower),
    ("upper", Statistic::Upper),
    ("sum", Statistic::Sum),
    ("std", Statistic::Deviation),
];

/// What goes before a percentile, and what that is.
type OfPercentile = (&'static str, fn(f64) -> Statistic);

const OF_PERCENTILES: [OfPercentile; 4] = [
    ("upper_", Statistic::UpperOf),
    ("mean_", Statistic::MeanOf),
    ("sum_", Statistic::SumOf),
    ("p", |percent| Statistic::Quantile(percent / 100.0)),
];

const OF_TIMERS: &str =
    "count, count_ps, mean, median, lower, upper, sum, std, upper_90, mean_90, sum_90, p99.9";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_with_any_percentile() {
        let parse = |text: &str| Statistic::parse(text).unwrap();
        assert_eq!(parse("upper_90"), Statistic::UpperOf(90.0));
        assert_eq!(parse("upper"), Statistic::Upper);
        assert_eq!(parse("mean_99_9"), Statistic::MeanOf(99.9));
        assert_eq!(parse("sum_99.9"), Statistic::SumOf(99.9));
        assert_eq!(parse("p50"), Statistic::Quantile(0.5));
        assert_eq!(parse("count_ps"), Statistic::CountPerSecond);
    }

    #[test]
    fn what_is_no_statistic_is_refused_with_the_nearest_or_all() {
        let refused = |text: &str| Statistic::parse(text).unwrap_err();
        assert_eq!(refused("uper_90").0, "\"uper_90\" is a statistic of no kind of series");
        assert_eq!(refused("uper_90").1, "did you mean `upper_90`?");
        assert_eq!(
            refused("latency").1,
            format!("gauges: value; counters: rate, count; sets: count; timers: {OF_TIMERS}")
        );
        for text in ["upper_0", "upper_101", "p", "upper_", "upper_-5", "mean_x", "p1e400", ""] {
            assert!(refused(text).0.ends_with("is a statistic of no kind of series"), "{text}");
        }
    }

    #[test]
    fn a_statistic_belongs_to_the_kinds_that_have_it() {
        let kinds = |statistic: Statistic| -> Vec<&str> {
            Kind::ALL.into_iter().filter(|&kind| statistic.is_of(kind)).map(Kind::word).collect()
        };
        assert_eq!(kinds(Statistic::Value), ["gauge"]);
        assert_eq!(kinds(Statistic::Rate), ["counter"]);
        assert_eq!(kinds(Statistic::Count), ["counter", "timer", "histogram", "distribution", "set"]);
        assert_eq!(kinds(Statistic::Quantile(0.5)), ["timer", "histogram", "distribution"]);
        let units = [Kind::Timer, Kind::Histogram].map(|kind| Statistic::Mean.unit(kind));
        assert_eq!((units, Statistic::Count.unit(Kind::Timer)), (["ms", ""], ""));
    }
}
