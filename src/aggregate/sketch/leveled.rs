//! How many samples of a sketch do not exceed given values, exactly.

use std::sync::Arc;

/// Samples counted between levels.
#[derive(Debug, Clone)]
pub(super) struct Leveled {
    /// Ascending.
    pub(super) levels: Arc<[f64]>,
    /// Samples that exceed the level before and not this one; at last those that exceed all.
    pub(super) counts: Box<[u64]>,
}

impl Leveled {
    pub(super) fn new(levels: Arc<[f64]>) -> Leveled {
        let counts = vec![0; levels.len() + 1].into();
        Leveled { levels, counts }
    }

    pub(super) fn count(&mut self, value: f64, times: u32) {
        let place = self.levels.partition_point(|&level| level < value);
        self.counts[place] += u64::from(times);
    }

    /// Adds those of another sketch; false if it has other levels.
    pub(super) fn merge(&mut self, other: &Leveled) -> bool {
        let same = self.levels == other.levels;
        if same {
            self.counts.iter_mut().zip(&other.counts).for_each(|(mine, theirs)| *mine += theirs);
        }
        same
    }

    /// The numbers between two levels.
    fn between(&self, place: usize) -> (f64, f64) {
        let below = place.checked_sub(1).map_or(f64::NEG_INFINITY, |before| self.levels[before].next_up());
        (below, self.levels.get(place).copied().unwrap_or(f64::INFINITY))
    }
}

/// Values and how often they were counted, ascending, so that as many do not exceed a level as `leveled` says: a bucket
/// on both sides of one becomes two.
pub(super) fn part(
    leveled: Option<&Leveled>,
    buckets: impl Iterator<Item = (f64, u32)>,
) -> impl Iterator<Item = (f64, u32)> {
    let (mut place, mut taken) = (0, 0);
    buckets.flat_map(move |(value, count)| {
        let Some(leveled) = leveled else { return Parts::One(Some((value, count))) };
        let (mut parts, mut rest) = (Vec::new(), count);
        while rest > 0 {
            let free = leveled.counts[place] - taken;
            if free == 0 && place + 1 < leveled.counts.len() {
                (place, taken) = (place + 1, 0);
                continue;
            }
            // What a bucket could not count is beyond the last.
            let some = if place + 1 < leveled.counts.len() { free.min(rest.into()) } else { rest.into() };
            let (from, to) = leveled.between(place);
            parts.push((value.clamp(from, to), some as u32));
            taken = (taken + some).min(leveled.counts[place]);
            rest -= some as u32;
        }
        Parts::Many(parts.into_iter())
    })
}

/// A bucket, or what it was parted into: most are whole.
enum Parts {
    One(Option<(f64, u32)>),
    Many(std::vec::IntoIter<(f64, u32)>),
}

impl Iterator for Parts {
    type Item = (f64, u32);

    fn next(&mut self) -> Option<(f64, u32)> {
        match self {
            Parts::One(one) => one.take(),
            Parts::Many(many) => many.next(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Sketch;

    fn below(sketch: &Sketch, level: f64) -> u64 {
        let parts = sketch.buckets().take_while(|&(value, _)| value <= level);
        parts.map(|(_, count)| u64::from(count)).sum()
    }

    #[test]
    fn a_bucket_on_both_sides_of_a_level_is_parted() {
        let values: Vec<f64> = [748.0, 749.0, 750.0, 751.0, 751.0].repeat(600);
        let sketch = Sketch::with(Some([749.0, 750.0].into()), &values, 2);
        assert_eq!([749.0, 750.0, 751.0].map(|level| below(&sketch, level)), [1200, 1800, 3000]);
        assert_eq!((sketch.min(), sketch.max(), sketch.value_at(1500)), (748.0, 751.0, 750.0));
        let estimated = Sketch::of(&values, 2);
        assert_eq!(below(&estimated, 749.0), 0);
    }

    proptest! {
        #[test]
        fn levels_are_exact_whatever_was_merged_and_kept_over_a_restart(
            first in proptest::collection::vec(-1e4_f64..1e4, 1..300),
            second in proptest::collection::vec(-10.0_f64..10.0, 1..300),
            levels in proptest::collection::btree_set(-100_i32..100, 1..20),
        ) {
            let levels: std::sync::Arc<[f64]> = levels.into_iter().map(f64::from).collect();
            let round = |value: &f64| value.round();
            let (first, second): (Vec<f64>, Vec<f64>) =
                (first.iter().map(round).collect(), second.iter().map(round).collect());
            let mut sketch = Sketch::with(Some(levels.clone()), &first, 2);
            sketch.record_times(3.0, 7);
            sketch.merge(&Sketch::with(Some(levels.clone()), &second, 2));
            let all = || first.iter().chain(&second).copied().chain([3.0; 7]);
            let restored = Sketch::restored(sketch.save());
            for sketch in [&sketch, &restored] {
                for &level in &levels[..] {
                    let exact = all().filter(|&value| value <= level).count() as u64;
                    prop_assert_eq!(below(sketch, level), exact, "{}", level);
                }
                prop_assert_eq!(below(sketch, f64::INFINITY), all().count() as u64);
                prop_assert!(sketch.buckets().is_sorted_by(|first, second| first.0 <= second.0));
            }
        }
    }
}
