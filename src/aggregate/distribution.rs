//! A timer, histogram or distribution in one interval: exact samples to a bound, then a sketch.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::cells::{Bounds, finite, recycle, with_chance};
use super::sketch::{SavedSketch, Sketch};
use crate::metric::SeriesId;

/// The samples of one series in one interval.
#[derive(Debug, Default)]
pub(super) struct DistributionCell {
    /// All samples; once there is a sketch, those not yet recorded in it.
    pub(super) values: Vec<f64>,
    /// How many of those values, sketched ones too, stand for sampled ones beside one of their own: only where rates weigh
    /// in everything.
    copies: u64,
    /// What `1 / rate` adds to the number of values.
    extra: f64,
    /// What `1 / rate` adds to the sum of the samples.
    extra_sum: f64,
    /// Shared with the snapshot made of it, until the cell is emptied.
    pub(super) sketch: Option<Arc<Sketch>>,
}

impl DistributionCell {
    /// Adds one sample.
    #[inline]
    pub(super) fn add(&mut self, value: f64, rate: f64, series: SeriesId, bounds: &Bounds) {
        if rate != 1.0 && bounds.weighted {
            return self.add_weighted(value, 1.0 / rate, series, bounds);
        }
        if self.values.len() >= bounds.exact_samples {
            self.drain(series, bounds);
        }
        self.values.push(value);
        if rate != 1.0 {
            self.extra += 1.0 / rate - 1.0;
            self.extra_sum = finite(self.extra_sum + value * (1.0 / rate - 1.0));
        }
    }

    /// Adds one sample as often as it happened: as that many values to the exact bound, beyond it at once.
    #[cold]
    fn add_weighted(&mut self, value: f64, weight: f64, series: SeriesId, bounds: &Bounds) {
        let times = weight.round().clamp(1.0, f64::from(u32::MAX)) as u32;
        self.copies += u64::from(times) - 1;
        self.extra += weight - f64::from(times);
        self.extra_sum = finite(self.extra_sum + value * (weight - f64::from(times)));
        if self.values.len() + times as usize > bounds.exact_samples {
            self.drain(series, bounds);
            if let Some(sketch) = &mut self.sketch {
                Arc::make_mut(sketch).record_times(value, times);
            }
        } else {
            self.values.extend(std::iter::repeat_n(value, times as usize));
        }
    }

    /// Number of samples.
    pub(super) fn samples(&self) -> u64 {
        self.counted() - self.copies
    }

    /// Number of values, copies included.
    fn counted(&self) -> u64 {
        self.values.len() as u64 + self.sketch.as_ref().map_or(0, |sketch| sketch.count())
    }

    /// Sum of `1 / rate`.
    pub(super) fn weight(&self) -> f64 {
        self.counted() as f64 + self.extra
    }

    /// Adds what another seat poured.
    pub(super) fn absorb(&mut self, other: &DistributionCell, series: SeriesId, bounds: &Bounds) {
        self.values.extend_from_slice(&other.values);
        self.copies += other.copies;
        self.extra += other.extra;
        self.extra_sum = finite(self.extra_sum + other.extra_sum);
        if let Some(theirs) = &other.sketch {
            match &mut self.sketch {
                Some(mine) => Arc::make_mut(mine).merge(theirs),
                mine => *mine = Some(Arc::clone(theirs)),
            }
        }
        self.settle(series, bounds);
    }

    /// Moves every sample into the sketch if there is one, or if they are too many to be exact.
    pub(super) fn settle(&mut self, series: SeriesId, bounds: &Bounds) {
        if self.sketch.is_some() || self.values.len() > bounds.exact_samples {
            self.drain(series, bounds);
        }
    }

    /// Sum of `value / rate`.
    pub(super) fn weighted_sum(&self) -> f64 {
        let exact = self.values.iter().fold(0.0, |sum, value| sum + value);
        let sketched = self.sketch.as_ref().map_or(0.0, |sketch| sketch.sum());
        finite(finite(exact + sketched) + self.extra_sum)
    }

    /// Empties the cell within an interval, which may go on: memory is only added.
    pub(super) fn renew(&mut self, bounds: &Bounds) {
        let used = usize::try_from(self.samples()).unwrap_or(usize::MAX);
        self.values.clear();
        if used > 0 {
            self.values.reserve_exact(with_chance(used).min(bounds.exact_samples));
        }
        self.copies = 0;
        self.extra = 0.0;
        self.extra_sum = 0.0;
        self.sketch = None;
    }

    /// Empties the cell and keeps memory for the next interval.
    pub(super) fn clear(&mut self, bounds: &Bounds) {
        let used = usize::try_from(self.samples()).unwrap_or(usize::MAX);
        recycle(&mut self.values, used, bounds.exact_samples);
        self.copies = 0;
        self.extra = 0.0;
        self.extra_sum = 0.0;
        self.sketch = None;
    }

    #[cold]
    fn drain(&mut self, series: SeriesId, bounds: &Bounds) {
        match &mut self.sketch {
            Some(sketch) => Arc::make_mut(sketch).record(&self.values),
            none => {
                let levels = bounds.levels.as_ref().and_then(|levels| levels.of(series));
                *none = Some(Arc::new(Sketch::with(levels, &self.values, bounds.significant_digits)));
            }
        }
        self.values.clear();
    }
}

/// The samples of an open interval, as they are kept over a restart.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SavedDistribution {
    values: Vec<f64>,
    copies: u64,
    extra: f64,
    extra_sum: f64,
    sketch: Option<SavedSketch>,
}

impl DistributionCell {
    pub(super) fn save(&self) -> SavedDistribution {
        SavedDistribution {
            values: self.values.clone(),
            copies: self.copies,
            extra: self.extra,
            extra_sum: self.extra_sum,
            sketch: self.sketch.as_ref().map(|sketch| sketch.save()),
        }
    }

    /// The cell that was saved.
    pub(super) fn restored(saved: SavedDistribution) -> DistributionCell {
        let SavedDistribution { mut values, copies, extra, extra_sum, sketch } = saved;
        values.retain(|value| value.is_finite());
        let sketch = sketch.map(|sketch| Arc::new(Sketch::restored(sketch)));
        let mut cell = DistributionCell {
            values,
            copies: 0,
            extra: finite(extra),
            extra_sum: finite(extra_sum),
            sketch,
        };
        cell.copies = copies.min(cell.counted().saturating_sub(1));
        cell
    }
}

#[cfg(test)]
mod tests {
    use rapidhash::v3::RapidSecrets;

    use super::*;
    use crate::metric::Kind;

    const BOUNDS: Bounds = Bounds {
        exact_samples: 4,
        exact_members: 4,
        significant_digits: 2,
        weighted: false,
        levels: None,
        secrets: RapidSecrets::seed(0),
    };

    fn timer() -> SeriesId {
        SeriesId::new(Kind::Timer, 0)
    }

    fn poured(values: impl IntoIterator<Item = u32>) -> DistributionCell {
        let mut cell = DistributionCell::default();
        values.into_iter().for_each(|value| cell.add(f64::from(value), 1.0, timer(), &BOUNDS));
        cell
    }

    #[test]
    fn samples_are_exact_to_the_bound_and_sketched_beyond() {
        assert!(poured(1..=4).sketch.is_none());
        let mut cell = poured(1..=5);
        cell.settle(timer(), &BOUNDS);
        assert_eq!((cell.values.len(), cell.samples()), (0, 5));
        assert_eq!(cell.sketch.as_ref().unwrap().sum(), 15.0);
    }

    #[test]
    fn two_exact_seats_are_sketched_when_they_exceed_the_bound_together() {
        let mut cell = poured(1..=3);
        cell.absorb(&poured(4..=5), timer(), &BOUNDS);
        assert_eq!((cell.samples(), cell.sketch.as_ref().unwrap().count()), (5, 5));
    }

    #[test]
    fn the_weight_counts_a_sampled_value_as_often_as_it_happened() {
        let mut cell = DistributionCell::default();
        (0..3).for_each(|_| cell.add(1.0, 0.3, timer(), &BOUNDS));
        assert!((cell.weight() - 10.0).abs() < 1e-12);
        assert_eq!(cell.samples(), 3);
    }

    #[test]
    fn where_rates_weigh_in_everything_a_sample_is_there_as_often_as_it_happened() {
        let bounds = Bounds { weighted: true, exact_samples: 100, ..BOUNDS };
        let mut cell = DistributionCell::default();
        cell.add(3.0, 0.1, timer(), &bounds);
        cell.add(7.0, 1.0, timer(), &bounds);
        assert_eq!((cell.samples(), cell.values.len(), cell.weight()), (2, 11, 11.0));
        assert_eq!(cell.weighted_sum(), 37.0);
        // A billion of them take no more room than a sketch, and no more time.
        cell.add(5.0, 1e-9, timer(), &bounds);
        assert_eq!((cell.samples(), cell.values.len()), (3, 0));
        let sketch = cell.sketch.as_ref().unwrap();
        assert_eq!((sketch.count(), sketch.sum()), (1_000_000_011, 5_000_000_037.0));
        assert!((sketch.value_at(500_000_000) / 5.0 - 1.0).abs() < 0.004);
        // What no whole number of values can say is in the weight alone.
        let mut third = DistributionCell::default();
        third.add(2.0, 0.3, timer(), &bounds);
        assert_eq!((third.values.len(), third.samples()), (3, 1));
        assert!(
            (third.weight() - 1.0 / 0.3).abs() < 1e-12 && (third.weighted_sum() - 2.0 / 0.3).abs() < 1e-12
        );
    }

    #[test]
    fn sums_that_leave_the_range_at_both_ends_are_still_a_number() {
        let (mut above, mut below) = (DistributionCell::default(), DistributionCell::default());
        for _ in 0..2 {
            above.add(f64::MAX / 8.0, 0.1, timer(), &BOUNDS);
            below.add(f64::MIN / 8.0, 0.1, timer(), &BOUNDS);
        }
        assert_eq!((above.extra_sum, below.extra_sum), (f64::MAX, f64::MIN));
        above.absorb(&below, timer(), &BOUNDS);
        assert_eq!(above.extra_sum, 0.0);
    }

    #[test]
    fn an_idle_cell_gives_its_memory_back_by_halves() {
        let mut cell = poured(1..=4);
        let capacities = [(); 4].map(|()| {
            cell.clear(&BOUNDS);
            (cell.samples(), cell.values.capacity())
        });
        assert_eq!(capacities, [(0, 4), (0, 2), (0, 1), (0, 0)]);
    }

    #[test]
    fn a_cell_has_room_for_what_it_had_and_some_more_but_not_beyond_the_bound() {
        let bounds = Bounds { exact_samples: 1000, ..BOUNDS };
        let mut cell = poured(1..=3);
        cell.clear(&bounds);
        assert_eq!(cell.values.capacity(), 11);
        (0..2500).for_each(|_| cell.add(1.0, 1.0, timer(), &bounds));
        cell.settle(timer(), &bounds);
        cell.clear(&bounds);
        assert_eq!((cell.samples(), cell.values.capacity()), (0, 1000));
    }
}
