//! Summaries and percentiles of the timers of a snapshot, by the formulas of the reference statsd and of
//! Heka.
//!
//! The reference is <https://github.com/statsd/statsd/blob/v0.10.2/lib/process_metrics.js>: raw values, not
//! weighted by sample rates; prefix sums over ascending values; population deviation in two passes.

use super::sketch::Sketch;
use super::snapshot::{Distribution, Snapshot, TimerPoint};
use crate::metric::unbounded;

/// What is said of all samples of a point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// Sum of `1 / rate`, the reference's `count`.
    pub count: f64,
    /// Number of samples.
    pub samples: u64,
    /// The smallest.
    pub lower: f64,
    /// The largest.
    pub upper: f64,
    /// Their sum, not weighted; infinite if it exceeds the range of f64.
    pub sum: f64,
    /// The sum of their squares, not weighted; infinite if it exceeds the range of f64.
    pub sum_squares: f64,
    /// `sum / samples`.
    pub mean: f64,
    /// The middle one, or the mean of the two middle ones.
    pub median: f64,
    /// Population standard deviation.
    pub std: f64,
}

/// What is said of the samples up to a percentile, or from it on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Percentile {
    /// Number of samples within.
    pub count: f64,
    /// Their mean.
    pub mean: f64,
    /// The largest of them, or the smallest for a negative percentile.
    pub bound: f64,
    /// Their sum.
    pub sum: f64,
    /// The sum of their squares.
    pub sum_squares: f64,
}

/// How many of `n` samples a percentile takes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rank {
    /// `round(|P| / 100 * n)`, halves up, the smallest for `P > 0`, else the largest. None of several: no
    /// percentile.
    Statsd,
    /// `n - floor((100 - P) / 100 * n + 0.5)` of the smallest. None: mean is the smallest sample, bound the
    /// largest.
    Heka,
}

impl Snapshot {
    /// What is said of all samples of a point; nothing if there is none.
    pub fn summary(&self, point: &TimerPoint) -> Option<Summary> {
        let ranked = self.ranked(point);
        let samples = ranked.len();
        if samples == 0 {
            return None;
        }
        let (sum, sum_squares) = ranked.sums(0, samples);
        let mean = sum / samples as f64;
        let median = match samples % 2 {
            1 => ranked.value(samples / 2 + 1),
            _ => (ranked.value(samples / 2) + ranked.value(samples / 2 + 1)) / 2.0,
        };
        Some(Summary {
            count: point.weight,
            samples,
            lower: ranked.value(1),
            upper: ranked.value(samples),
            sum,
            sum_squares,
            mean,
            median,
            std: ranked.deviation(mean),
        })
    }

    /// What is said of the samples up to the percentile `percent`, or from it on if it is negative.
    ///
    /// Nothing if there is no sample, or if `rank` says so. A percentile that takes in more than all takes in
    /// all.
    pub fn percentile(&self, point: &TimerPoint, percent: f64, rank: Rank) -> Option<Percentile> {
        let ranked = self.ranked(point);
        match ranked.len() {
            0 => None,
            1 => Some(ranked.part(0, 1, ranked.value(1))),
            _ => match rank {
                Rank::Statsd => ranked.statsd(percent),
                Rank::Heka => Some(ranked.heka(percent)),
            },
        }
    }

    /// The nearest-rank quantile `q` of 0 to 1: the smallest sample that at least `q` of them do not exceed.
    pub fn quantile(&self, point: &TimerPoint, q: f64) -> Option<f64> {
        let ranked = self.ranked(point);
        let samples = ranked.len();
        (samples > 0).then(|| ranked.value(((q * samples as f64).ceil() as u64).clamp(1, samples)))
    }

    /// Number of samples below `bound`, for histograms; estimated where percentiles are.
    pub fn count_below(&self, point: &TimerPoint, bound: f64) -> u64 {
        match self.ranked(point) {
            Ranked::Exact(values) => values.partition_point(|&value| value < bound) as u64,
            Ranked::Sketch(sketch) => sketch.count_below(bound),
        }
    }

    fn ranked<'a>(&'a self, point: &'a TimerPoint) -> Ranked<'a> {
        match &point.distribution {
            Distribution::Exact(range) => Ranked::Exact(&self.values[range.clone()]),
            Distribution::Sketch(sketch) => Ranked::Sketch(sketch),
        }
    }
}

/// Samples in ascending order, known or estimated.
#[derive(Clone, Copy)]
enum Ranked<'a> {
    Exact(&'a [f64]),
    Sketch(&'a Sketch),
}

impl Ranked<'_> {
    fn len(self) -> u64 {
        match self {
            Ranked::Exact(values) => values.len() as u64,
            Ranked::Sketch(sketch) => sketch.count(),
        }
    }

    /// The `rank`-th smallest, from 1 on.
    fn value(self, rank: u64) -> f64 {
        match self {
            Ranked::Exact(values) => unbounded(values[rank as usize - 1]),
            Ranked::Sketch(sketch) => unbounded(sketch.value_at(rank)),
        }
    }

    /// Sums of the samples after the first `from` to the `to`-th; differences of prefix sums, as in the
    /// reference.
    fn sums(self, from: u64, to: u64) -> (f64, f64) {
        match self {
            Ranked::Exact(values) => {
                let upper = prefix_sums(&values[..to as usize]);
                let lower = prefix_sums(&values[..from as usize]);
                (upper.0 - lower.0, upper.1 - lower.1)
            }
            Ranked::Sketch(sketch) => {
                let (sum, squares) = sketch.sums(from, to);
                (unbounded(sum), unbounded(squares))
            }
        }
    }

    fn deviation(self, mean: f64) -> f64 {
        match self {
            Ranked::Exact(values) => {
                let squares: f64 = match mean.is_finite() {
                    true => values.iter().map(|value| (value - mean) * (value - mean)).sum(),
                    false => values.iter().map(|&value| (unbounded(value) - mean).powi(2)).sum(),
                };
                (squares / values.len() as f64).sqrt()
            }
            Ranked::Sketch(sketch) => sketch.deviation(),
        }
    }

    fn statsd(self, percent: f64) -> Option<Percentile> {
        let samples = self.len();
        let within = (round_half_up(percent.abs() / 100.0 * samples as f64) as u64).min(samples);
        match within {
            0 => None,
            _ if percent > 0.0 => Some(self.part(0, within, self.value(within))),
            _ => Some(self.part(samples - within, samples, self.value(samples - within + 1))),
        }
    }

    fn heka(self, percent: f64) -> Percentile {
        let samples = self.len();
        let left_out = ((100.0 - percent) / 100.0 * samples as f64 + 0.5).floor();
        let within = ((samples as f64 - left_out).max(0.0) as u64).min(samples);
        match within {
            0 => {
                Percentile { count: 0.0, mean: self.value(1), bound: self.value(samples), ..Percentile::NONE }
            }
            _ => self.part(0, within, self.value(within)),
        }
    }

    fn part(self, from: u64, to: u64, bound: f64) -> Percentile {
        let (sum, sum_squares) = self.sums(from, to);
        let count = (to - from) as f64;
        Percentile { count, mean: sum / count, bound, sum, sum_squares }
    }
}

impl Percentile {
    const NONE: Percentile = Percentile { count: 0.0, mean: 0.0, bound: 0.0, sum: 0.0, sum_squares: 0.0 };
}

fn prefix_sums(values: &[f64]) -> (f64, f64) {
    // Ascending: only an end can stand for what is infinite.
    let ends = [values.first(), values.last()].into_iter().flatten();
    if ends.into_iter().any(|&value| unbounded(value).is_infinite()) {
        let values = values.iter().map(|&value| unbounded(value));
        return values.fold((0.0, 0.0), |(sum, squares), value| (sum + value, squares + value * value));
    }
    values.iter().fold((0.0, 0.0), |(sum, squares), value| (sum + value, squares + value * value))
}

/// JavaScript's `Math.round`: halves go up, also below zero.
fn round_half_up(number: f64) -> f64 {
    let floor = number.floor();
    if number - floor >= 0.5 { floor + 1.0 } else { floor }
}
