//! Quantiles of the last minutes: a window that slides by ages.
//!
//! The window of a series is a few ages of equal length; the oldest is forgotten when a new one begins, as in the
//! clients of Prometheus. An age keeps its samples exactly while they are few, and exponential buckets beyond, whose
//! quantiles are within 1.1 % of a sample as long as all lie within nine orders of ten. What no sample came to costs
//! nothing.

use std::time::Duration;

use super::dense::Dense;
use super::exponential::index_of;
use crate::time::Stamp;

/// How long a window is, and in how many ages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowRules {
    /// What is older counts no more; between this and one age less is in the window.
    pub max_age: Duration,
    /// Number of ages, 1 or more.
    pub ages: u32,
}

impl Default for WindowRules {
    fn default() -> WindowRules {
        WindowRules { max_age: Duration::from_secs(600), ages: 5 }
    }
}

impl WindowRules {
    /// The number of the age that `at` is in.
    pub(super) fn age_at(&self, at: Stamp) -> i64 {
        let age = self.max_age.as_nanos() / u128::from(self.ages.max(1));
        at.0.div_euclid(i64::try_from(age).unwrap_or(i64::MAX).max(1))
    }
}

/// The samples of the last minutes of one series.
#[derive(Debug, Default)]
pub(super) struct Window {
    /// Oldest first, only those that have samples.
    ages: Vec<Age>,
}

#[derive(Debug)]
struct Age {
    number: i64,
    samples: Samples,
}

#[derive(Debug)]
enum Samples {
    /// All of them, ascending.
    Exact(Vec<f64>),
    Counted(Box<Counted>),
}

impl Window {
    /// Adds samples, ascending, each with how often it came, to the age of that number.
    pub(super) fn add(&mut self, samples: impl Iterator<Item = (f64, u32)>, age: i64) {
        if self.ages.last().is_none_or(|last| last.number < age) {
            if let Some(last) = self.ages.last_mut() {
                last.samples.close();
            }
            self.ages.reserve_exact(1);
            self.ages.push(Age { number: age, samples: Samples::Exact(Vec::new()) });
        }
        // A clock that was set back adds to the youngest age there is.
        let age = self.ages.last_mut().expect("one was just made if there was none");
        samples.for_each(|(value, count)| age.samples.add(value, count));
    }

    /// Forgets what is out of the window now that `age` has begun; whether there was anything.
    pub(super) fn forget(&mut self, age: i64, rules: &WindowRules) -> bool {
        let before = self.ages.len();
        // Ages of the future are of a clock that was wrong.
        self.ages.retain(|kept| kept.number > age - i64::from(rules.ages) && kept.number <= age + 1);
        if self.ages.is_empty() {
            self.ages = Vec::new();
        }
        self.ages.len() < before
    }

    /// Puts the nearest-rank quantiles of the window into `into`, NaN where it is empty: for each of `quantiles`, in
    /// [0, 1] and ascending, the smallest sample that at least this part of all does not exceed.
    pub(super) fn quantiles(&self, quantiles: &[f64], scratch: &mut Vec<(f64, u32)>, into: &mut Vec<f64>) {
        into.clear();
        scratch.clear();
        self.ages.iter().for_each(|age| age.samples.push(scratch));
        // Runs that ascend already, which a stable sort merges.
        scratch.sort_by(|(one, _), (other, _)| one.total_cmp(other));
        let all: u64 = scratch.iter().map(|&(_, count)| u64::from(count)).sum();
        let (mut passed, mut at) = (0, 0);
        for quantile in quantiles {
            let rank = ((quantile * all as f64).ceil() as u64).clamp(1, all.max(1));
            while let Some(&(_, count)) = scratch.get(at).filter(|_| passed < rank) {
                passed += u64::from(count);
                at += 1;
            }
            into.push(if all == 0 { f64::NAN } else { scratch[at.saturating_sub(1)].0 });
        }
    }

    /// Bytes it has on the heap.
    #[cfg(test)]
    pub(super) fn heap(&self) -> usize {
        let ages = self.ages.iter().map(|age| match &age.samples {
            Samples::Exact(values) => values.capacity() * size_of::<f64>(),
            Samples::Counted(counted) => {
                size_of::<Counted>() + counted.positive.heap() + counted.negative.heap()
            }
        });
        self.ages.capacity() * size_of::<Age>() + ages.sum::<usize>()
    }
}

impl Samples {
    fn add(&mut self, value: f64, count: u32) {
        match self {
            Samples::Exact(values) if values.len() + count as usize <= EXACT => {
                let at = values.partition_point(|&kept| kept <= value);
                if values.len() + count as usize > values.capacity() {
                    values.reserve_exact((count as usize).max(STEP));
                }
                (0..count).for_each(|_| values.insert(at, value));
            }
            Samples::Exact(values) => {
                let mut counted = Box::new(Counted::default());
                values.iter().for_each(|&value| counted.add(value, 1));
                counted.add(value, count);
                *self = Samples::Counted(counted);
            }
            Samples::Counted(counted) => counted.add(value, count),
        }
    }

    /// Nothing more is added: room for more is given back.
    fn close(&mut self) {
        match self {
            Samples::Exact(values) => values.shrink_to_fit(),
            Samples::Counted(counted) => {
                counted.positive.close();
                counted.negative.close();
            }
        }
    }

    /// Appends values with how often they came, ascending.
    fn push(&self, into: &mut Vec<(f64, u32)>) {
        match self {
            Samples::Exact(values) => into.extend(values.iter().map(|&value| (value, 1))),
            Samples::Counted(counted) => counted.push(into),
        }
    }
}

/// Samples by exponential buckets.
#[derive(Debug)]
struct Counted {
    min: f64,
    max: f64,
    zeros: u32,
    positive: Dense,
    negative: Dense,
}

impl Default for Counted {
    fn default() -> Counted {
        Counted {
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            zeros: 0,
            positive: Dense::default(),
            negative: Dense::default(),
        }
    }
}

impl Counted {
    fn add(&mut self, value: f64, count: u32) {
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        if value > 0.0 {
            self.positive.add(index_of(value), count);
        } else if value < 0.0 {
            self.negative.add(index_of(-value), count);
        } else {
            self.zeros = self.zeros.saturating_add(count);
        }
    }

    fn push(&self, into: &mut Vec<(f64, u32)>) {
        let within = |value: f64| value.clamp(self.min, self.max);
        let begin = into.len();
        // The ends are known exactly.
        into.push((self.min, 0));
        into.extend(self.negative.iter().rev().map(|(value, count)| (within(-value), count)));
        into.extend((self.zeros > 0).then_some((0.0, self.zeros)));
        into.extend(self.positive.iter().map(|(value, count)| (within(value), count)));
        into.push((self.max, 0));
        let last = into.len() - 1;
        for (end, bucket) in [(begin, begin + 1), (last, last - 1)] {
            let taken = into[bucket].1.min(1);
            into[bucket].1 -= taken;
            into[end].1 += taken;
        }
    }
}

/// Samples an age keeps exactly: half a KiB, about what buckets take.
const EXACT: usize = 64;

/// Room that is made at once.
const STEP: usize = 8;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RULES: WindowRules = WindowRules { max_age: Duration::from_secs(10), ages: 5 };

    fn quantiles(window: &Window, quantiles: &[f64]) -> Vec<f64> {
        let mut found = Vec::new();
        window.quantiles(quantiles, &mut Vec::new(), &mut found);
        found
    }

    fn once(values: &[f64]) -> impl Iterator<Item = (f64, u32)> {
        values.iter().map(|&value| (value, 1))
    }

    /// By definition: the smallest that at least this part does not exceed.
    fn nearest_rank(values: &[f64], quantile: f64) -> f64 {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        sorted[((quantile * sorted.len() as f64).ceil() as usize).clamp(1, sorted.len()) - 1]
    }

    #[test]
    fn the_window_has_the_samples_of_all_its_ages() {
        let mut window = Window::default();
        window.add(once(&[4.0]), 10);
        window.add(once(&[1.0, 3.0]), 12);
        window.add(once(&[2.0]), 12);
        assert_eq!(quantiles(&window, &[0.0, 0.25, 0.5, 0.75, 1.0]), [1.0, 1.0, 2.0, 3.0, 4.0]);
    }

    #[test]
    fn an_age_is_forgotten_as_a_whole_and_an_empty_window_is_not_a_number() {
        let mut window = Window::default();
        window.add(once(&[4.0]), 10);
        window.add(once(&[1.0]), 11);
        assert!(!window.forget(14, &RULES));
        assert!(window.forget(15, &RULES));
        assert_eq!(quantiles(&window, &[1.0]), [1.0]);
        assert!(window.forget(16, &RULES));
        assert!(quantiles(&window, &[0.5, 1.0]).iter().all(|value| value.is_nan()));
        assert_eq!(window.heap(), 0);
    }

    #[test]
    fn a_clock_set_back_adds_to_the_youngest_age_and_far_back_forgets_it() {
        let mut window = Window::default();
        window.add(once(&[4.0]), 10);
        window.add(once(&[5.0]), 9);
        assert!(!window.forget(9, &RULES));
        assert_eq!(quantiles(&window, &[0.0, 1.0]), [4.0, 5.0]);
        assert!(window.forget(8, &RULES));
    }

    #[test]
    fn ages_are_numbered_by_their_length() {
        assert_eq!(RULES.age_at(Stamp::from_seconds(7)), 3);
        assert_eq!(RULES.age_at(Stamp::from_seconds(8)), 4);
        assert_eq!(WindowRules::default().age_at(Stamp::from_seconds(240)), 2);
    }

    #[test]
    fn any_number_of_samples_takes_so_much_memory_and_no_more() {
        let mut window = Window::default();
        for exponent in -1000..1000 {
            window.add(once(&[f64::from(exponent).exp2(), -f64::from(exponent).exp2()]), 1);
        }
        assert!(window.heap() < 17_000, "{}", window.heap());
        window.add(std::iter::once((1.0, u32::MAX)), 1);
        assert_eq!(quantiles(&window, &[0.0, 1.0]), [-999f64.exp2(), 999f64.exp2()]);
    }

    proptest! {
        #[test]
        fn a_quantile_is_exact_of_few_samples_and_near_of_many(
            values in proptest::collection::vec(prop_oneof![0.001f64..1e5, -1e3f64..1e3, Just(0.0)], 1..400),
            quantile in 0f64..=1.0,
            ages in 1usize..4,
        ) {
            let mut window = Window::default();
            for (at, part) in values.chunks(values.len().div_ceil(ages)).enumerate() {
                let mut part = part.to_vec();
                part.sort_by(f64::total_cmp);
                window.add(once(&part), at as i64);
            }
            let expected = nearest_rank(&values, quantile);
            let found = quantiles(&window, &[quantile])[0];
            let few = values.len().div_ceil(ages) <= EXACT;
            let allowed = if few { 0.0 } else { 0.011 * expected.abs() };
            prop_assert!((found - expected).abs() <= allowed, "{found} {expected}");
        }
    }
}
