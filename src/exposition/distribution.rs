//! What is kept of one distribution: the aggregator's totals, a window for quantiles, and the buckets of histograms.
//!
//! A summary shows the totals of the aggregator. Histograms count here, from views that say what came since the last
//! one; their count and sum are counted beside the buckets, so that a view that was lost is missing in all of them.

use std::sync::Arc;

use super::names::Unit;
use super::native::Native;
use super::shapes::{Bounds, NativeRules, Shape};
use super::window::Window;
use crate::time::Stamp;

/// A distribution as one view found it: timers in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observed<'a> {
    /// What came since the last view.
    pub samples: Samples<'a>,
    /// Sum of `1 / rate` of these.
    pub weight: f64,
    /// When the time of the view began.
    pub since: Stamp,
    /// Sum of `value / rate` of all there were.
    pub total_sum: f64,
    /// Sum of `1 / rate` of all there were.
    pub total_weight: f64,
    /// When the totals were 0.
    pub created: Stamp,
}

/// The samples of a view, ascending.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Samples<'a> {
    /// All of them.
    Exact(&'a [f64]),
    /// How often each value came, and what they sum up to.
    Counted(&'a [(f64, u32)], f64),
}

/// What is kept of it.
#[derive(Debug)]
pub(super) struct Distribution {
    pub(super) sum: f64,
    pub(super) weight: f64,
    pub(super) created: Stamp,
    /// None where buckets take the place of quantiles.
    pub(super) window: Option<Window>,
    /// Of the window, in the order of the store's.
    pub(super) quantiles: Vec<f64>,
    /// Whether the quantiles are older than the window.
    pub(super) stale: bool,
    pub(super) counted: Option<Box<Counted>>,
}

/// Histograms of one distribution, in the unit that is exposed.
#[derive(Debug, Clone)]
pub(super) struct Counted {
    pub(super) created: Stamp,
    pub(super) sum: f64,
    /// What is counted with the next sample, less than one: counts are whole.
    carry: f64,
    /// How fine the native histogram is, if there is one.
    pub(super) rules: Option<NativeRules>,
    pub(super) classic: Option<(Arc<Bounds>, Box<[f64]>)>,
    pub(super) native: Option<Native>,
}

impl Distribution {
    pub(super) fn new(shape: &Shape, at: Stamp) -> Distribution {
        let counted = shape.buckets.is_some() || shape.native.is_some();
        Distribution {
            sum: 0.0,
            weight: 0.0,
            created: at,
            window: shape.buckets.is_none().then(Window::default),
            quantiles: Vec::new(),
            stale: true,
            counted: counted.then(|| Box::new(Counted::new(shape, at))),
        }
    }

    /// Takes what a view found; false where its totals fell, which are not taken then.
    pub(super) fn take(&mut self, observed: &Observed<'_>, unit: Unit, age: i64) -> bool {
        self.count(observed, unit, age);
        if observed.total_weight < self.weight && observed.created <= self.created {
            return false;
        }
        self.weight = observed.total_weight;
        self.sum = unit.exposed(observed.total_sum);
        self.created = observed.created;
        true
    }

    /// Takes the samples of a view, and leaves the totals.
    pub(super) fn count(&mut self, observed: &Observed<'_>, unit: Unit, age: i64) {
        if let Some(window) = self.window.as_mut().filter(|_| !observed.samples.is_empty()) {
            window.add(observed.samples.iter().map(|(value, count)| (unit.exposed(value), count)), age);
            self.stale = true;
        }
        if let Some(counted) = &mut self.counted {
            counted.take(observed, unit);
        }
    }

    /// Adds to the totals, in the unit that is exposed.
    pub(super) fn add(&mut self, weight: f64, sum: f64, created: Stamp) {
        self.weight += weight;
        self.sum += sum;
        self.created = self.created.min(created);
    }

    /// Forgets the samples of the last minutes.
    pub(super) fn forget_window(&mut self) {
        if let Some(window) = &mut self.window {
            *window = Window::default();
            self.stale = true;
        }
    }

    /// Drops what was counted here: it is to come once more.
    pub(super) fn restart(&mut self, at: Stamp) {
        self.forget_window();
        if let Some(counted) = &mut self.counted {
            let shape = Shape {
                buckets: counted.classic.as_ref().map(|(bounds, _)| Arc::clone(bounds)),
                native: counted.rules,
            };
            **counted = Counted::new(&shape, at);
        }
    }
}

impl Counted {
    fn new(shape: &Shape, at: Stamp) -> Counted {
        let zeros = |bounds: &Arc<Bounds>| vec![0.0; bounds.labels.len()].into();
        Counted {
            created: at,
            sum: 0.0,
            carry: 0.0,
            classic: shape.buckets.as_ref().map(|bounds| (Arc::clone(bounds), zeros(bounds))),
            rules: shape.native,
            native: shape.native.map(Native::new),
        }
    }

    fn take(&mut self, observed: &Observed<'_>, unit: Unit) {
        let count: f64 = observed.samples.iter().map(|(_, count)| f64::from(count)).sum();
        if count == 0.0 {
            return;
        }
        self.created = self.created.min(observed.since);
        // Every sample of a view counts as often as they do on average: their rates are not kept one by one.
        let times = observed.weight / count;
        let mut bucket = 0;
        let mut sum = 0.0;
        for (value, count) in observed.samples.iter() {
            let (value, weight) = (unit.exposed(value), f64::from(count) * times);
            sum = finite(sum + finite(value * weight));
            let count = (self.carry + weight + ROUNDING).floor();
            self.carry += weight - count;
            if let Some((bounds, counts)) = &mut self.classic {
                // Samples ascend, and so do the bounds.
                while bounds.values.get(bucket).is_some_and(|&bound| bound < value) {
                    bucket += 1;
                }
                counts[bucket] += count;
            }
            if let Some(native) = self.native.as_mut().filter(|_| count > 0.0) {
                native.add(value, count);
            }
        }
        // Of values that were counted each is near its samples only.
        if let Samples::Counted(_, exact) = observed.samples {
            sum = finite(unit.exposed(exact) * times);
        }
        self.sum = finite(self.sum + sum);
    }
}

impl<'a> Samples<'a> {
    fn is_empty(&self) -> bool {
        match self {
            Samples::Exact(values) => values.is_empty(),
            Samples::Counted(values, _) => values.is_empty(),
        }
    }

    fn iter(&self) -> impl Iterator<Item = (f64, u32)> + use<'a> {
        let (exact, counted): (&'a [f64], &'a [(f64, u32)]) = match *self {
            Samples::Exact(values) => (values, &[]),
            Samples::Counted(values, _) => (&[], values),
        };
        exact.iter().map(|&value| (value, 1)).chain(counted.iter().copied())
    }
}

/// What a whole number may lack that sums of rates came to.
const ROUNDING: f64 = 1e-6;

/// The end of the range for what exceeds it, so that a sum never becomes no number.
fn finite(value: f64) -> f64 {
    value.clamp(f64::MIN, f64::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::shapes::Shapes;
    use super::*;

    fn observed(samples: Samples<'_>, weight: f64) -> Observed<'_> {
        let since = Stamp(5);
        Observed { samples, weight, since, total_sum: 8000.0, total_weight: 4.0, created: Stamp(1) }
    }

    fn shape(bounds: &[f64]) -> Shape {
        Shapes::new([("*", bounds)], ["*"]).unwrap().of("x")
    }

    #[test]
    fn a_view_counts_by_weight_in_buckets_that_hold_their_bound() {
        let mut kept = Distribution::new(&shape(&[1.0, 2.0]), Stamp(7));
        assert!(kept.take(
            &observed(Samples::Exact(&[500.0, 1000.0, 1001.0, 3000.0]), 8.0),
            Unit::MILLISECONDS,
            0
        ));
        let counted = kept.counted.as_ref().unwrap();
        assert_eq!(counted.classic.as_ref().unwrap().1[..], [4.0, 2.0, 2.0]);
        assert_eq!((counted.sum, counted.created), (11.001999999999999, Stamp(5)));
        assert_eq!(counted.native.as_ref().unwrap().positive, [(-32, 2.0), (0, 2.0), (1, 2.0), (51, 2.0)]);
        assert!(kept.window.is_none());
        assert_eq!((kept.sum, kept.weight, kept.created), (8.0, 4.0, Stamp(1)));
    }

    #[test]
    fn counted_samples_are_as_many_single_ones() {
        let mut kept = Distribution::new(&shape(&[1.0]), Stamp(7));
        kept.take(&observed(Samples::Counted(&[(0.5, 3), (2.0, 2)], 5.25), 5.0), Unit::PLAIN, 0);
        assert_eq!(kept.counted.as_ref().unwrap().classic.as_ref().unwrap().1[..], [3.0, 2.0]);
        assert_eq!(kept.counted.as_ref().unwrap().sum, 5.25);
    }

    #[test]
    fn counts_are_whole_and_lose_nothing_of_the_weight() {
        let mut kept = Distribution::new(&shape(&[1.0]), Stamp(7));
        let mut counts = || {
            kept.take(&observed(Samples::Exact(&[1.0, 3.0]), 10.0 / 3.0), Unit::PLAIN, 0);
            kept.counted.as_ref().unwrap().classic.as_ref().unwrap().1.to_vec()
        };
        assert_eq!([counts(), counts(), counts()], [[1.0, 2.0], [3.0, 3.0], [5.0, 5.0]]);
    }

    #[test]
    fn totals_that_fell_are_not_taken_unless_they_began_anew() {
        let mut kept = Distribution::new(&Shape::default(), Stamp(7));
        let none = observed(Samples::Exact(&[]), 0.0);
        kept.created = Stamp(0);
        assert!(kept.take(&none, Unit::PLAIN, 0));
        assert!(!kept.take(&Observed { total_weight: 3.0, ..none }, Unit::PLAIN, 0));
        assert_eq!(kept.weight, 4.0);
        assert!(kept.take(&Observed { total_weight: 3.0, created: Stamp(2), ..none }, Unit::PLAIN, 0));
        assert_eq!(kept.weight, 3.0);
    }

    #[test]
    fn a_restart_forgets_what_was_counted_here() {
        let mut kept = Distribution::new(&shape(&[1.0]), Stamp(7));
        kept.take(&observed(Samples::Exact(&[0.5]), 1.0), Unit::PLAIN, 0);
        kept.restart(Stamp(9));
        let counted = kept.counted.as_ref().unwrap();
        assert_eq!(counted.classic.as_ref().unwrap().1[..], [0.0, 0.0]);
        assert_eq!(
            (counted.created, counted.native.as_ref().unwrap()),
            (Stamp(9), &Native::new(NativeRules::default()))
        );
    }
}
