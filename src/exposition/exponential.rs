//! The buckets of Prometheus' native histograms: bounds at powers of a base, so that errors are relative.
//!
//! In schema `s` bucket `i` holds what is greater than `base^(i-1)` and at most `base^i`, with `base = 2^(2^-s)`:
//! <https://prometheus.io/docs/specs/native_histograms/>. Two neighbours of a schema are one bucket of the schema below.
//! Everything is counted in schema 5 first, whose middle is within 1.1 % of each value.

use std::sync::LazyLock;

/// The finest schema there is here: 32 buckets from a power of two to the next.
pub(super) const FINEST: i8 = 5;

/// The coarsest schema Prometheus takes.
pub(super) const COARSEST: i8 = -4;

const AN_OCTAVE: usize = 1 << FINEST;

/// The bucket of `value`, which is above zero and finite, in the finest schema.
pub(super) fn index_of(value: f64) -> i32 {
    let (fraction, exponent) = split(value);
    let within = FRACTIONS.partition_point(|&bound| bound < fraction);
    (exponent - 1) * AN_OCTAVE as i32 + within as i32
}

/// The bucket of a coarser schema that holds the bucket `index` of the finest.
pub(super) fn coarsened(index: i32, schema: i8) -> i32 {
    halved(index, u32::from((FINEST - schema).unsigned_abs()))
}

/// The bucket that holds `index` when every `2^times` buckets become one.
pub(super) fn halved(index: i32, times: u32) -> i32 {
    -((-index) >> times)
}

/// The value that is said for the bucket: the one whose relative error is the least at both bounds.
pub(super) fn middle(index: i32, schema: i8) -> f64 {
    let (low, high) = (bound(index - 1, schema), bound(index, schema));
    // Halved before they are added up: the greatest two have a sum that is none.
    let middle = low / (low / 2.0 + high / 2.0) * high;
    if middle.is_finite() { middle } else { low }
}

/// The upper bound of a bucket, itself within.
pub(super) fn bound(index: i32, schema: i8) -> f64 {
    (f64::from(index) * f64::from(-schema).exp2()).exp2()
}

/// A fraction from 0.5 to 1 and the power of two it is to be multiplied by.
fn split(value: f64) -> (f64, i32) {
    let normal = value >= f64::MIN_POSITIVE;
    let (value, below) = if normal { (value, 0) } else { (value * SUBNORMAL, 54) };
    let bits = value.to_bits();
    let exponent = (bits >> 52) as i32 - 1022 - below;
    (f64::from_bits(bits & !(0x7FF << 52) | (1022 << 52)), exponent)
}

/// 2^54: what makes any subnormal number a normal one.
const SUBNORMAL: f64 = 18_014_398_509_481_984.0;

/// The bounds of the buckets from 0.5 to 1.
static FRACTIONS: LazyLock<[f64; AN_OCTAVE]> =
    LazyLock::new(|| std::array::from_fn(|step| (step as f64 / AN_OCTAVE as f64 - 1.0).exp2()));

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn powers_of_two_are_upper_bounds_of_their_buckets() {
        let table = [(1.0, 0), (2.0, 32), (0.5, -32), (1.000001, 1), (0.999999, 0), (4.0, 64)];
        for (value, index) in table {
            assert_eq!(index_of(value), index, "{value}");
        }
        assert_eq!(index_of(f64::MIN_POSITIVE), -1022 * 32);
        assert_eq!(index_of(5e-324), -1074 * 32);
        assert_eq!(index_of(f64::MAX), 1024 * 32);
    }

    #[test]
    fn the_greatest_numbers_have_a_middle_too() {
        for value in [f64::from_bits(0x7FE0_0000_0000_0001), f64::MAX] {
            let middle = middle(index_of(value), FINEST);
            assert!((middle / value - 1.0).abs() <= 0.022, "{value} {middle}");
        }
    }

    #[test]
    fn neighbours_meet_in_the_schema_below() {
        let coarse: Vec<i32> = (-4..=4).map(|index| halved(index, 1)).collect();
        assert_eq!(coarse, [-2, -1, -1, 0, 0, 1, 1, 2, 2]);
        assert_eq!((coarsened(32, 0), coarsened(33, 0), coarsened(33, FINEST)), (1, 2, 33));
    }

    proptest! {
        #[test]
        fn the_middle_is_near_every_value_of_its_bucket(bits in 1u64..f64::MAX.to_bits()) {
            let value = f64::from_bits(bits);
            prop_assume!(value.is_normal());
            let middle = middle(index_of(value), FINEST);
            prop_assert!((middle - value).abs() <= 0.011 * value, "{value} {middle}");
        }
    }
}
