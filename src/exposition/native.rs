//! One native histogram: counts by exponential buckets, coarsened so that they stay few.
//!
//! <https://prometheus.io/docs/specs/native_histograms/>.

use super::exponential::{COARSEST, coarsened, halved, index_of};
use super::shapes::NativeRules;

/// Counts by exponential buckets, since the histogram was made.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Native {
    pub(super) schema: i8,
    /// Most buckets, those below zero included.
    pub(super) most: usize,
    /// Of what is nearer to zero than `ZERO_THRESHOLD`.
    pub(super) zeros: f64,
    /// Buckets that hold something, ascending.
    pub(super) positive: Vec<(i32, f64)>,
    /// The same of values below zero, by their absolute value.
    pub(super) negative: Vec<(i32, f64)>,
}

impl Native {
    /// One that has counted nothing.
    pub(super) fn new(rules: NativeRules) -> Native {
        let NativeRules { schema, most } = rules;
        Native { schema, most, zeros: 0.0, positive: Vec::new(), negative: Vec::new() }
    }

    /// The same as it was before anything was counted, as coarse as it is now.
    pub(super) fn emptied(&self) -> Native {
        Native::new(NativeRules { schema: self.schema, most: self.most })
    }

    /// Counts `value` so often.
    pub(super) fn add(&mut self, value: f64, count: f64) {
        if value.abs() <= ZERO_THRESHOLD {
            self.zeros += count;
            return;
        }
        let index = coarsened(index_of(value.abs()), self.schema);
        let buckets = if value > 0.0 { &mut self.positive } else { &mut self.negative };
        match buckets.binary_search_by_key(&index, |&(index, _)| index) {
            Ok(at) => buckets[at].1 += count,
            Err(at) => buckets.insert(at, (index, count)),
        }
        while self.positive.len() + self.negative.len() > self.most && self.schema > COARSEST {
            self.schema -= 1;
            self.positive = coarser(&self.positive);
            self.negative = coarser(&self.negative);
        }
    }

    /// Runs of buckets with at most two empty ones between, and their counts: first index and length of each run.
    pub(super) fn spans(buckets: &[(i32, f64)]) -> (Vec<(i32, u32)>, Vec<u64>) {
        let (mut spans, mut counts): (Vec<(i32, u32)>, Vec<u64>) = (Vec::new(), Vec::new());
        for &(index, count) in buckets {
            let next = spans.last().map(|&(first, length)| first + length as i32);
            match (spans.last_mut(), next) {
                (Some((_, length)), Some(next)) if index - next <= GAP => {
                    counts.extend((next..index).map(|_| 0));
                    *length += (index - next) as u32 + 1;
                }
                _ => spans.push((index, 1)),
            }
            counts.push(count as u64);
        }
        (spans, counts)
    }
}

fn coarser(buckets: &[(i32, f64)]) -> Vec<(i32, f64)> {
    let mut merged: Vec<(i32, f64)> = Vec::with_capacity(buckets.len());
    for &(index, count) in buckets {
        let index = halved(index, 1);
        match merged.last_mut() {
            Some((last, sum)) if *last == index => *sum += count,
            _ => merged.push((index, count)),
        }
    }
    merged
}

/// What is nearer to zero is counted as zero: 2^-128, as the clients of Prometheus do.
pub(super) const ZERO_THRESHOLD: f64 = 2.938_735_877_055_719e-39;

/// Empty buckets that cost less than another span.
const GAP: i32 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_counted_by_sign_and_bucket() {
        let mut native = Native::new(NativeRules::default());
        for (value, count) in [(1.0, 1.0), (1.01, 2.0), (0.0, 3.0), (-2.0, 4.0), (1e-40, 1.0), (1.0, 0.5)] {
            native.add(value, count);
        }
        assert_eq!(native.positive, [(0, 1.5), (1, 2.0)]);
        assert_eq!((native.negative, native.zeros, native.schema), (vec![(32, 4.0)], 4.0, 5));
    }

    #[test]
    fn resolution_is_halved_until_the_buckets_are_few() {
        let mut native = Native::new(NativeRules::default());
        (0..500).for_each(|step| native.add((f64::from(step) / 32.0).exp2(), 1.0));
        assert_eq!(native.schema, 3);
        assert!(native.positive.len() <= 160, "{}", native.positive.len());
        assert_eq!(native.positive.iter().map(|&(_, count)| count).sum::<f64>(), 500.0);
        assert_eq!(native.positive[1], (1, 4.0));
    }

    #[test]
    fn short_gaps_are_filled_and_long_ones_begin_a_span() {
        let (spans, counts) = Native::spans(&[(-3, 1.0), (-1, 2.0), (2, 3.0), (6, 1.0)]);
        assert_eq!(spans, [(-3, 6), (6, 1)]);
        assert_eq!(counts, [1, 0, 2, 0, 0, 3, 1]);
    }
}
