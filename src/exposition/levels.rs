//! The bounds of classic histograms as values of samples, for whoever counts samples before they come here.

use super::exposing::Exposing;
use super::families::StoreRules;
use super::names::Unit;
use crate::metric::Series;

/// Says at which values a series has buckets.
#[derive(Debug)]
pub struct BucketLevels(Exposing);

impl BucketLevels {
    /// Those of a store that is made by the same rules.
    pub fn new(rules: &StoreRules) -> BucketLevels {
        let StoreRules { naming, shapes, mapping, .. } = rules.clone();
        BucketLevels(Exposing::new(naming, shapes, mapping))
    }

    /// The largest samples that its buckets hold, the infinite one aside; none if it has none.
    pub fn of(&self, series: &Series) -> Vec<f64> {
        let Ok(exposure) = self.0.expose(series) else { return Vec::new() };
        let bounds = exposure.shape.buckets.iter().flat_map(|bounds| bounds.values.iter());
        bounds.map(|&bound| exposure.exposed.unit.largest(bound)).collect()
    }
}

impl Unit {
    /// The largest value that is exposed as `bound` at most.
    fn largest(self, bound: f64) -> f64 {
        let mut value = bound / self.scale * self.divisor;
        // Both operations round: a few numbers up or down.
        for _ in 0..MOST_STEPS {
            if self.exposed(value) > bound {
                value = value.next_down();
            } else if self.exposed(value.next_up()) <= bound {
                value = value.next_up();
            } else {
                break;
            }
        }
        value
    }
}

const MOST_STEPS: usize = 64;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::shapes::Shapes;
    use super::*;
    use crate::metric::Kind;

    #[test]
    fn a_series_has_the_bounds_of_its_buckets_in_the_unit_of_its_samples() {
        let shapes = Shapes::new([("a.*", &[0.07, 0.75, 1.0][..])], []).unwrap();
        let levels = BucketLevels::new(&StoreRules { shapes, ..StoreRules::default() });
        let of = |name: &str, kind| levels.of(&Series::plain(name, kind));
        assert_eq!(of("a.histogram", Kind::Histogram), [0.07, 0.75, 1.0]);
        assert!(of("b", Kind::Timer).is_empty() && of("a.b", Kind::Counter).is_empty());
        for (level, whole) in of("a.timer", Kind::Timer).into_iter().zip([70.0, 750.0, 1000.0]) {
            assert!(whole <= level && level < whole + 1e-9, "{level}");
        }
    }

    proptest! {
        #[test]
        fn the_next_larger_sample_is_in_the_next_bucket(bound in 1e-6_f64..1e6, scale in 1e-3_f64..1e3) {
            for unit in [Unit::PLAIN, Unit::MILLISECONDS, Unit { scale, ..Unit::MILLISECONDS }] {
                let level = unit.largest(bound);
                prop_assert!(unit.exposed(level) <= bound && unit.exposed(level.next_up()) > bound);
            }
        }
    }
}
