//! Bins of timers: how many samples of an interval lie between bounds.
//!
//! A sample is in the first bin whose bound is above it; what is above the last bound is in none. Rules are those of
//! <https://github.com/statsd/statsd/blob/master/docs/metric_types.md> and its `histogram` option.

use super::namespace::Affix;
use super::number::write_number;
use crate::metric::{TagsRef, reference_text};

/// Which timers have bins, and which.
#[derive(Debug, Clone, PartialEq)]
pub struct HistogramRule {
    /// Timers whose name, with its tags as `name;key=value`, holds this text; empty for all.
    pub metric: String,
    /// Bounds in the order of the file; the last may be infinite. None: such timers have no bins.
    pub bounds: Vec<f64>,
}

/// The bins of one rule, with their names.
#[derive(Debug, Clone)]
pub struct Bins {
    metric: String,
    bins: Vec<(f64, Affix)>,
}

impl Bins {
    /// The bins of `rule`; `affix` makes the names of one of the text `bin_BOUND`.
    pub(super) fn new(rule: &HistogramRule, affix: impl Fn(&str) -> Affix) -> Bins {
        let bins = rule.bounds.iter().map(|&bound| (bound, affix(&format!("bin_{}", text_of(bound)))));
        Bins { metric: rule.metric.clone(), bins: bins.collect() }
    }

    /// Whether a timer is counted in them.
    pub(super) fn are_of(&self, name: &str, tags: TagsRef<'_>) -> bool {
        if self.metric.is_empty() || name.contains(&self.metric) {
            return true;
        }
        // Tags are rare and rules few: the whole key is put together only where the name alone does not match.
        !tags.is_empty() && reference_text(name, tags).contains(&self.metric)
    }

    /// The largest samples that its bins hold, those of an infinite bin aside.
    pub fn levels(&self) -> impl Iterator<Item = f64> {
        self.bins.iter().map(|(bound, _)| bound.next_down()).filter(|level| *level < f64::MAX)
    }

    /// The same counts under the names the reference gives bins: `bin_BOUND`.
    pub fn named_counts(&self, below: impl Fn(f64) -> u64) -> impl Iterator<Item = (String, u64)> {
        let names = self.bins.iter().map(|(bound, _)| format!("bin_{}", text_of(*bound)));
        names.zip(self.counts(below).map(|(_, count)| count))
    }

    /// Counts: for each bin the samples it has, given how many lie below a bound.
    pub fn counts(&self, below: impl Fn(f64) -> u64) -> impl Iterator<Item = (&Affix, u64)> {
        let mut counted = 0;
        self.bins.iter().map(move |(bound, affix)| {
            let within = below(*bound).saturating_sub(counted);
            counted += within;
            (affix, within)
        })
    }
}

/// The bound in a name: its first `.` is `_`, infinity is `inf`.
fn text_of(bound: f64) -> String {
    if bound.is_infinite() {
        return "inf".to_owned();
    }
    let mut text = Vec::new();
    write_number(&mut text, bound);
    String::from_utf8_lossy(&text).replacen('.', "_", 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::Tags;

    fn counts(bounds: &[f64], samples: &[f64]) -> Vec<(String, u64)> {
        let rule = HistogramRule { metric: String::new(), bounds: bounds.to_vec() };
        let bins = Bins::new(&rule, |name| Affix { before: name.into(), after: "".into() });
        let below = |bound: f64| samples.iter().filter(|&&sample| sample < bound).count() as u64;
        bins.counts(below).map(|(affix, count)| (affix.before.to_string(), count)).collect()
    }

    #[test]
    fn a_sample_is_in_the_first_bin_whose_bound_is_above_it() {
        let samples = [0.0, 1.0, 4.0, 5.0, 9.0, 10.0, 11.0, 100.0];
        assert_eq!(counts(&[5.0, 10.0], &samples), [("bin_5".to_owned(), 3), ("bin_10".to_owned(), 2)]);
        let named = ["bin_0_01", "bin_inf"].map(str::to_owned);
        assert_eq!(counts(&[0.01, f64::INFINITY], &samples), [(named[0].clone(), 1), (named[1].clone(), 7)]);
        // Bounds that go back find nothing that is not counted already.
        assert_eq!(counts(&[10.0, 5.0], &samples), [("bin_10".to_owned(), 5), ("bin_5".to_owned(), 0)]);
    }

    #[test]
    fn a_rule_matches_a_part_of_the_name_or_of_its_tags() {
        let bins = |metric: &str| Bins { metric: metric.to_owned(), bins: Vec::new() };
        let (none, tags) = (TagsRef::default(), Tags::from([("env", "prod")]));
        assert!(bins("").are_of("a.b", none));
        assert!(bins("b").are_of("a.b", none));
        assert!(bins("b;env=p").are_of("a.b", tags.borrowed()));
        assert!(!bins("c").are_of("a.b", tags.borrowed()));
    }
}
