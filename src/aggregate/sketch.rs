//! A distribution of too many samples to keep: exact sums, and a histogram for everything that needs order.
//!
//! The histogram is HdrHistogram's (<http://hdrhistogram.org>), which counts whole numbers. Samples are
//! scaled by a power of two, so that its buckets, which are powers of two apart, fall on the same values at
//! any scale: sketches of different scales merge without loss, except near the lower end of the coarser one.

mod leveled;
mod saved;

use std::sync::Arc;

use hdrhistogram::Histogram;

use super::cells::finite;
use leveled::Leveled;
pub(super) use saved::SavedSketch;

/// A distribution past the exact bound.
///
/// With 2 digits a value it gives is within 0.4 % of the sample, as long as all magnitudes lie within 16
/// orders of ten of each other; then the smallest lose digits. One bucket counts to 2^32 - 1 and stays there.
#[derive(Debug, Clone)]
pub struct Sketch {
    count: u64,
    sum: f64,
    sum_squares: f64,
    mean: f64,
    /// Sum of squared differences from the mean.
    spread: f64,
    min: f64,
    max: f64,
    magnitudes: Magnitudes,
    digits: u8,
    /// A power of two; samples are counted as `sample * scale`.
    scale: f64,
    /// Zero and above.
    positive: Histogram<u32>,
    /// Below zero, by absolute value.
    negative: Option<Histogram<u32>>,
    /// Counts at given values, exact.
    leveled: Option<Leveled>,
}

impl Sketch {
    /// The sketch of `values`, which must be finite, with 1 to 3 significant decimal digits.
    ///
    /// Its scale is chosen for these values, and chosen anew when later ones do not fit.
    pub fn of(values: &[f64], digits: u8) -> Sketch {
        Sketch::with(None, values, digits)
    }

    /// The same, which knows at each of `levels`, ascending, how many samples do not exceed it.
    pub(super) fn with(levels: Option<Arc<[f64]>>, values: &[f64], digits: u8) -> Sketch {
        let digits = digits.clamp(1, MOST_DIGITS);
        let mut sketch = Sketch {
            count: 0,
            sum: 0.0,
            sum_squares: 0.0,
            mean: 0.0,
            spread: 0.0,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            magnitudes: Magnitudes::default(),
            digits,
            scale: 1.0,
            positive: histogram(digits),
            negative: None,
            leveled: levels.map(Leveled::new),
        };
        sketch.record(values);
        sketch
    }

    /// Adds `values`, which must be finite. Cheapest in runs of many.
    pub fn record(&mut self, values: &[f64]) {
        if values.is_empty() {
            return;
        }
        self.fit(Magnitudes::of(values));
        for &value in values {
            self.count_value(value, 1);
        }
        if let Some(leveled) = &mut self.leveled {
            values.iter().for_each(|&value| leveled.count(value, 1));
        }
        let sum: f64 = values.iter().sum();
        let mean = sum / values.len() as f64;
        let spread = values.iter().map(|value| (value - mean).powi(2)).sum();
        self.add_moments(values.len() as u64, mean, spread);
        self.sum = finite(self.sum + finite(sum));
        let squares: f64 = values.iter().map(|value| value * value).sum();
        self.sum_squares = finite(self.sum_squares + squares);
        self.min = values.iter().copied().fold(self.min, f64::min);
        self.max = values.iter().copied().fold(self.max, f64::max);
    }

    /// Adds `value`, which must be finite, so many times.
    pub(super) fn record_times(&mut self, value: f64, times: u32) {
        if times == 0 {
            return;
        }
        self.fit(Magnitudes::of(&[value]));
        self.count_value(value, times);
        if let Some(leveled) = &mut self.leveled {
            leveled.count(value, times);
        }
        self.add_moments(times.into(), value, 0.0);
        let times = f64::from(times);
        self.sum = finite(self.sum + finite(value * times));
        self.sum_squares = finite(self.sum_squares + finite(value * value * times));
        self.min = self.min.min(value);
        self.max = self.max.max(value);
    }

    /// Adds all samples of another sketch.
    pub fn merge(&mut self, other: &Sketch) {
        if other.count == 0 {
            return;
        }
        self.fit(other.magnitudes);
        for (value, count) in other.counted() {
            self.count_value(value, count);
        }
        let same_levels = match (&mut self.leveled, &other.leveled) {
            (Some(mine), Some(theirs)) => mine.merge(theirs),
            _ => false,
        };
        if !same_levels {
            self.leveled = None;
        }
        self.add_moments(other.count, other.mean, other.spread);
        self.sum = finite(self.sum + other.sum);
        self.sum_squares = finite(self.sum_squares + other.sum_squares);
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }

    /// Number of samples, exact.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Sum of the samples, exact but for rounding; at the end of the range of f64 if it exceeds it.
    pub fn sum(&self) -> f64 {
        self.sum
    }

    /// Sum of their squares, exact but for rounding; the largest number if it exceeds the range of f64.
    pub fn sum_squares(&self) -> f64 {
        self.sum_squares
    }

    /// The smallest sample, exact; infinite if there is none.
    pub fn min(&self) -> f64 {
        self.min
    }

    /// The largest sample, exact; minus infinite if there is none.
    pub fn max(&self) -> f64 {
        self.max
    }

    /// Population standard deviation, exact but for rounding: 0 if there is no sample, infinite if
    /// the squares exceed the range of f64.
    pub fn deviation(&self) -> f64 {
        let deviation = (self.spread / self.count.max(1) as f64).sqrt();
        if deviation.is_nan() { f64::INFINITY } else { deviation }
    }

    /// The `rank`-th smallest sample, from 1 on: exact at both ends, estimated between.
    pub fn value_at(&self, rank: u64) -> f64 {
        if rank <= 1 {
            return self.min;
        }
        if rank >= self.count {
            return self.max;
        }
        let mut passed = 0;
        for (value, count) in self.counted() {
            passed += u64::from(count);
            if passed >= rank {
                return value;
            }
        }
        self.max
    }

    /// Sum and sum of squares of the samples after the first `from` to the `to`-th, in ascending order: exact
    /// for all of them, estimated otherwise.
    pub fn sums(&self, from: u64, to: u64) -> (f64, f64) {
        if from == 0 && to >= self.count {
            return (self.sum, self.sum_squares);
        }
        let (mut sum, mut sum_squares, mut passed) = (0.0, 0.0, 0);
        for (value, count) in self.counted() {
            let next = passed + u64::from(count);
            let inside = next.min(to).saturating_sub(from.max(passed)) as f64;
            sum = finite(sum + inside * value);
            sum_squares = finite(sum_squares + inside * value * value);
            passed = next;
        }
        (sum, sum_squares)
    }

    /// Number of samples below `bound`: estimated, or exact if its next lower number is one of the levels.
    pub fn count_below(&self, bound: f64) -> u64 {
        self.buckets().take_while(|&(value, _)| value < bound).map(|(_, count)| u64::from(count)).sum()
    }

    /// Values and how often they were counted, ascending. As many do not exceed a level as is known.
    pub fn buckets(&self) -> impl Iterator<Item = (f64, u32)> {
        leveled::part(self.leveled.as_ref(), self.counted())
    }

    /// The same as the histogram has it.
    fn counted(&self) -> impl Iterator<Item = (f64, u32)> {
        let mut below: Vec<(f64, u32)> = Vec::new();
        if let Some(negative) = &self.negative {
            below.extend(recorded(negative).map(|(scaled, count)| (self.value_of(-scaled), count)));
            below.reverse();
        }
        let above = recorded(&self.positive).map(|(scaled, count)| (self.value_of(scaled), count));
        below.into_iter().chain(above)
    }

    fn value_of(&self, scaled: f64) -> f64 {
        (scaled / self.scale).clamp(self.min, self.max)
    }

    fn count_value(&mut self, value: f64, count: u32) {
        let scaled = ((value.abs() * self.scale + 0.5) as u64).min(HIGHEST);
        let histogram = match value < 0.0 {
            true => self.negative.get_or_insert_with(|| histogram(self.digits)),
            false => &mut self.positive,
        };
        histogram.record_n(scaled, count).expect("the histogram resizes up to the highest value");
    }

    /// Counts everything anew at another scale if `more` does not fit this one.
    fn fit(&mut self, more: Magnitudes) {
        self.magnitudes = self.magnitudes.with(more);
        let digits_kept = self.magnitudes.smallest * self.scale >= power_of_two(self.bits() - 1);
        if self.count > 0 && digits_kept && self.magnitudes.largest * self.scale <= HIGHEST as f64 {
            return;
        }
        let scale = power_of_two(self.magnitudes.exponent(self.bits()));
        if scale != self.scale {
            let counted: Vec<(f64, u32)> = self.counted().collect();
            self.scale = scale;
            self.positive = histogram(self.digits);
            self.negative = None;
            counted.into_iter().for_each(|(value, count)| self.count_value(value, count));
        }
    }

    /// Numbers below two to this are counted singly by the histogram.
    fn bits(&self) -> i32 {
        (2 * 10_u32.pow(u32::from(self.digits))).next_power_of_two().ilog2() as i32
    }

    /// Adds the mean and spread of `count` further samples (Chan, Golub and LeVeque 1979).
    fn add_moments(&mut self, count: u64, mean: f64, spread: f64) {
        let (mine, theirs) = (self.count as f64, count as f64);
        let both = mine + theirs;
        let apart = mean - self.mean;
        self.mean += apart * theirs / both;
        self.spread += spread + apart * apart * mine * theirs / both;
        self.count += count;
    }
}

/// The range of what is not zero, by absolute value.
#[derive(Debug, Clone, Copy)]
struct Magnitudes {
    smallest: f64,
    largest: f64,
}

impl Magnitudes {
    fn of(values: &[f64]) -> Magnitudes {
        let nonzero = values.iter().map(|value| value.abs()).filter(|&value| value > 0.0);
        nonzero.fold(Magnitudes::default(), |all, value| {
            all.with(Magnitudes { smallest: value, largest: value })
        })
    }

    fn with(self, other: Magnitudes) -> Magnitudes {
        Magnitudes { smallest: self.smallest.min(other.smallest), largest: self.largest.max(other.largest) }
    }

    /// The power of two to scale by: room for ten further powers at both ends if the range allows it, else
    /// digits for the smallest, and at any rate room for the largest.
    fn exponent(self, bits: i32) -> i32 {
        if self.largest == 0.0 {
            return bits + SPARE;
        }
        let (low, high) = (self.smallest.log2().floor() as i32, self.largest.log2().floor() as i32);
        let roomy = (bits + SPARE - low).min(HIGHEST_BITS - 1 - SPARE - high);
        let tight = (bits - low).min(HIGHEST_BITS - 1 - high);
        roomy.max(tight).clamp(-1000, 1000)
    }
}

impl Default for Magnitudes {
    fn default() -> Magnitudes {
        Magnitudes { smallest: f64::INFINITY, largest: 0.0 }
    }
}

fn histogram(digits: u8) -> Histogram<u32> {
    Histogram::new(digits).expect("1 to 5 digits are allowed")
}

/// Middle and count of every bucket that is not empty, ascending.
fn recorded(histogram: &Histogram<u32>) -> impl Iterator<Item = (f64, u32)> {
    histogram.iter_recorded().map(|bucket| {
        (histogram.median_equivalent(bucket.value_iterated_to()) as f64, bucket.count_at_value())
    })
}

fn power_of_two(exponent: i32) -> f64 {
    2f64.powi(exponent)
}

const HIGHEST_BITS: i32 = 62;

/// The largest number the histogram counts.
const HIGHEST: u64 = (1 << HIGHEST_BITS) - 1;

/// More would cost megabytes a series.
const MOST_DIGITS: u8 = 3;

/// Powers of two left free below and above the first samples.
const SPARE: i32 = 10;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sorted(values: &[f64]) -> Vec<f64> {
        let mut values = values.to_vec();
        values.sort_by(f64::total_cmp);
        values
    }

    fn near(found: f64, exact: f64) -> bool {
        (found - exact).abs() <= 0.01 * exact.abs()
    }

    /// Every rank of a sketch made in runs of 7 against the values themselves.
    fn compare(values: &[f64]) {
        let mut runs = values.chunks(7);
        let mut sketch = Sketch::of(runs.next().unwrap(), 2);
        runs.for_each(|run| sketch.record(run));
        for (rank, &exact) in sorted(values).iter().enumerate() {
            let found = sketch.value_at(rank as u64 + 1);
            assert!(near(found, exact), "rank {rank}: {found} for {exact}");
        }
    }

    #[test]
    fn every_rank_is_within_a_hundredth_whatever_the_magnitude() {
        compare(&(1..3000).map(f64::from).collect::<Vec<_>>());
        for scale in [1e-300, 1e-9, 1e-3, 1.0, 1e9, 1e300] {
            compare(&(1..500).map(|value| f64::from(value).powi(3) * scale).collect::<Vec<_>>());
        }
        compare(&(-300..300).map(|value| f64::from(value) * 0.01).collect::<Vec<_>>());
        compare(&[0.0; 20]);
    }

    #[test]
    fn the_scale_follows_when_later_values_do_not_fit() {
        let mut values = vec![5.0; 7];
        values
            .extend((0..30).map(|power| 10f64.powi(power - 15)).filter(|value| (1e-7..1e8).contains(value)));
        compare(&values);
        let mut sketch = Sketch::of(&[1e-3; 10], 2);
        sketch.record(&[1e15; 10]);
        assert!(near(sketch.value_at(15), 1e15));
        sketch.record(&[f64::MAX, f64::MIN, 5e-324]);
        assert_eq!(sketch.value_at(15), 0.0, "beside the largest number nothing else is left");
        assert_eq!((sketch.min(), sketch.max(), sketch.count()), (f64::MIN, f64::MAX, 23));
        assert_eq!(sketch.deviation(), f64::INFINITY);
    }

    #[test]
    fn parts_are_summed_from_either_end() {
        let values: Vec<f64> = (1..=10_000).map(f64::from).collect();
        let sketch = Sketch::of(&values, 2);
        for (from, to) in [(0, 100), (0, 9_000), (9_990, 10_000), (5_000, 5_001)] {
            let part = &values[from as usize..to as usize];
            let (sum, sum_squares) = sketch.sums(from, to);
            assert!(near(sum, part.iter().sum()), "{from}..{to}");
            assert!(near(sum_squares, part.iter().map(|value| value * value).sum()), "{from}..{to}");
        }
        assert_eq!(sketch.sums(0, 10_000), (50_005_000.0, 333_383_335_000.0));
    }

    #[test]
    fn the_deviation_does_not_cancel_far_from_zero() {
        let values: Vec<f64> = (0..5000).map(|value| 1e12 + f64::from(value % 2)).collect();
        let mut sketch = Sketch::of(&values[..1000], 2);
        values[1000..].chunks(1000).for_each(|run| sketch.record(run));
        assert!((sketch.deviation() - 0.5).abs() < 1e-9, "{}", sketch.deviation());
    }

    #[test]
    fn sums_that_leave_the_range_at_both_ends_are_still_numbers() {
        let (mut above, below) = (Sketch::of(&[1e308; 20], 2), Sketch::of(&[-1e308; 20], 2));
        assert_eq!((above.sum(), below.sum()), (f64::MAX, f64::MIN));
        let mut merged = above.clone();
        merged.merge(&below);
        above.record(&[-1e308; 20]);
        for sketch in [above, merged] {
            assert_eq!((sketch.sum(), sketch.sum_squares()), (0.0, f64::MAX));
            let (sum, sum_squares) = sketch.sums(1, 40);
            assert!(sum.is_finite() && sum_squares == f64::MAX, "{sum} {sum_squares}");
            assert_eq!(sketch.deviation(), f64::INFINITY);
        }
    }

    #[test]
    fn a_full_bucket_stays_full() {
        let mut sketch = Sketch::of(&[1.0], 2);
        sketch.count_value(1.0, u32::MAX);
        sketch.count_value(1.0, u32::MAX);
        sketch.count_value(2.0, 1);
        assert_eq!(sketch.buckets().collect::<Vec<_>>()[0].1, u32::MAX);
    }

    /// Every pattern of bits that is a number.
    fn finite_bits() -> impl Strategy<Value = f64> {
        any::<u64>().prop_map(f64::from_bits).prop_filter("finite", |value| value.is_finite())
    }

    proptest! {
        #[test]
        fn merged_sketches_are_the_sketch_of_all(
            first in prop::collection::vec(-1e6..1e6f64, 1..200),
            second in prop::collection::vec(-1e-3..1e-3f64, 1..200),
        ) {
            let all = sorted(&[&first[..], &second[..]].concat());
            let mut merged = Sketch::of(&first, 2);
            merged.merge(&Sketch::of(&second, 2));
            let mut other_way = Sketch::of(&second, 2);
            other_way.merge(&Sketch::of(&first, 2));
            for sketch in [merged, other_way] {
                prop_assert_eq!(sketch.count(), all.len() as u64);
                prop_assert_eq!((sketch.min(), sketch.max()), (all[0], all[all.len() - 1]));
                for (rank, &exact) in all.iter().enumerate() {
                    let found = sketch.value_at(rank as u64 + 1);
                    let error = (found - exact).abs();
                    prop_assert!(error <= 0.01 * exact.abs() + 1e-10, "{} for {}", found, exact);
                }
            }
        }

        #[test]
        fn any_finite_values_make_a_sketch(values in prop::collection::vec(finite_bits(), 1..20), digits: u8) {
            let mut sketch = Sketch::of(&values, digits);
            let copy = sketch.clone();
            sketch.merge(&copy);
            sketch.record(&values);
            prop_assert_eq!(sketch.count(), 3 * values.len() as u64);
            for rank in [1, 2, sketch.count() / 2, sketch.count()] {
                let value = sketch.value_at(rank);
                prop_assert!((sketch.min()..=sketch.max()).contains(&value));
            }
            sketch.sums(1, 2);
        }
    }
}
