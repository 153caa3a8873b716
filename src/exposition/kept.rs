//! What a store leaves to that of the next run: the counts of histograms, and when they began.
//!
//! Totals are the aggregator's, which keeps them itself. Histograms are counted here, so that without this each would
//! begin anew with the daemon. The bytes are a version and postcard's list of series.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::distribution::Counted;
use super::exponential::{COARSEST, FINEST};
use super::families::Families;
use super::native::Native;
use super::slot::Value;
use crate::time::Stamp;

/// Histograms of a former run, until their series come again: by the names of families, and labels.
#[derive(Debug, Default)]
pub struct Kept(BTreeMap<(String, String), Saved>);

/// Why bytes are not what a store leaves.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeptError {
    /// Another version of the program wrote them.
    #[error("its histograms have version {found:?}, this program reads {VERSION}")]
    Version {
        /// Their version, if there is one.
        found: Option<u8>,
    },
    /// The version is right and the content is not.
    #[error("its histograms are malformed: {0}")]
    Malformed(#[from] postcard::Error),
}

#[derive(Debug, Serialize, Deserialize)]
struct Saved {
    /// Name of the family.
    name: String,
    /// The text of its labels.
    labels: String,
    created: i64,
    sum: f64,
    /// Bounds, and counts with the infinite bucket.
    classic: Option<(Vec<f64>, Vec<f64>)>,
    /// Schema, zeros, and buckets above and below zero.
    native: Option<(i8, f64, Buckets, Buckets)>,
}

type Buckets = Vec<(i32, f64)>;

impl Kept {
    /// Reads what `Families::kept` wrote. What cannot be right of one series is left out.
    ///
    /// # Errors
    /// If it is something else.
    pub fn read(bytes: &[u8]) -> Result<Kept, KeptError> {
        match bytes.split_first() {
            Some((&VERSION, rest)) => {
                let list: Vec<Saved> = postcard::from_bytes(rest)?;
                let right = list.into_iter().filter(Saved::is_right);
                Ok(Kept(right.map(|saved| ((saved.name.clone(), saved.labels.clone()), saved)).collect()))
            }
            other => Err(KeptError::Version { found: other.map(|(&found, _)| found) }),
        }
    }

    /// Puts what was kept of a series into `counted`, once, if it is counted as it was then.
    pub(super) fn restore(&mut self, name: &str, labels: &str, counted: &mut Counted) {
        if self.0.is_empty() {
            return;
        }
        let Some(saved) = self.0.remove(&(name.to_owned(), labels.to_owned())) else { return };
        let same_bounds = match (&saved.classic, &counted.classic) {
            (Some((saved, _)), Some((bounds, _))) => saved[..] == bounds.values[..],
            (saved, now) => saved.is_none() && now.is_none(),
        };
        let same_native = match (&saved.native, counted.rules) {
            // It may have become coarser since, and never finer.
            (Some((schema, ..)), Some(rules)) => *schema <= rules.schema,
            (saved, now) => saved.is_none() && now.is_none(),
        };
        if !same_bounds || !same_native {
            return;
        }
        (counted.created, counted.sum) = (Stamp(saved.created), saved.sum);
        if let (Some((_, counts)), Some((_, saved))) = (&mut counted.classic, saved.classic) {
            *counts = saved.into();
        }
        if let (Some(native), Some((schema, zeros, positive, negative))) = (&mut counted.native, saved.native)
        {
            *native = Native { schema, zeros, positive, negative, most: native.most };
        }
    }
}

impl Families {
    /// The histograms, for the next run.
    pub fn kept(&self) -> Vec<u8> {
        let mut list = Vec::new();
        self.each(|name, labels, slot| {
            if let Value::Distribution(kept) = &self.slots[slot as usize].value
                && let Some(counted) = kept.counted.as_deref()
            {
                list.push(Saved::of(name, labels, counted));
            }
        });
        let list = postcard::to_stdvec(&list).expect("a list of numbers and text can be written");
        [&[VERSION], &list[..]].concat()
    }
}

impl Saved {
    fn of(name: &str, labels: &str, counted: &Counted) -> Saved {
        let classic = |(bounds, counts): &(Arc<super::shapes::Bounds>, Box<[f64]>)| {
            (bounds.values.to_vec(), counts.to_vec())
        };
        let native =
            |native: &Native| (native.schema, native.zeros, native.positive.clone(), native.negative.clone());
        Saved {
            name: name.to_owned(),
            labels: labels.to_owned(),
            created: counted.created.0,
            sum: counted.sum,
            classic: counted.classic.as_ref().map(classic),
            native: counted.native.as_ref().map(native),
        }
    }

    /// Whether all of it can be right.
    fn is_right(&self) -> bool {
        let is_count = |count: &f64| count.is_finite() && *count >= 0.0;
        let whole = |(bounds, counts): &(Vec<f64>, Vec<f64>)| {
            counts.len() == bounds.len() + 1 && counts.iter().all(is_count)
        };
        let ordered = |buckets: &Buckets| {
            buckets.windows(2).all(|pair| pair[0].0 < pair[1].0)
                && buckets.iter().all(|(index, count)| index.abs() <= FARTHEST && is_count(count))
        };
        let native = |(schema, zeros, positive, negative): &(i8, f64, Buckets, Buckets)| {
            (COARSEST..=FINEST).contains(schema) && is_count(zeros) && ordered(positive) && ordered(negative)
        };
        self.sum.is_finite()
            && self.classic.as_ref().is_none_or(whole)
            && self.native.as_ref().is_none_or(native)
    }
}

/// The form of the bytes; 1 had statsd names.
const VERSION: u8 = 2;

/// No bucket of a number is farther from that of 1.
const FARTHEST: i32 = 1100 * 32;

#[cfg(test)]
mod tests {
    use super::super::distribution::{Observed, Samples};
    use super::super::families::{Claim, StoreRules};
    use super::super::shapes::Shapes;
    use super::super::slot::Reading;
    use super::*;
    use crate::metric::{Kind, Registry, Resolved, Series};

    fn store(bounds: &[f64], kept: Kept) -> Families {
        let shapes = Shapes::new([("*", bounds)], ["*"]).unwrap();
        let names = Arc::new(Registry::new(1));
        let (Resolved::Known(series) | Resolved::Overflow(series)) =
            names.resolve(Series::plain("x", Kind::Histogram));
        let mut store = Families::new(StoreRules { shapes, ..StoreRules::default() }, names);
        store.restore(kept);
        let Claim::Exposed(claimed) = store.claim(series, Stamp(5), false) else { panic!("there is room") };
        let observed = Observed {
            samples: Samples::Exact(&[1.0, 3.0]),
            weight: 2.0,
            since: Stamp(4),
            total_sum: 4.0,
            total_weight: 2.0,
            created: Stamp(4),
        };
        store.update(claimed.slot, Reading::Distribution(observed), Stamp(5), true);
        store
    }

    fn counted(store: &Families) -> &Counted {
        let Value::Distribution(kept) = &store.slots[0].value else { panic!("it is a distribution") };
        kept.counted.as_ref().unwrap()
    }

    #[test]
    fn histograms_go_on_where_the_former_run_stopped() {
        let first = store(&[2.0], Kept::default());
        let second = store(&[2.0], Kept::read(&first.kept()).unwrap());
        let found = counted(&second);
        assert_eq!((found.sum, found.created), (8.0, Stamp(4)));
        assert_eq!(found.classic.as_ref().unwrap().1[..], [2.0, 2.0]);
        assert_eq!(found.native.as_ref().unwrap().positive, [(0, 2.0), (51, 2.0)]);
    }

    #[test]
    fn other_bounds_begin_anew() {
        let first = store(&[2.0], Kept::default());
        let second = store(&[1.0, 2.0], Kept::read(&first.kept()).unwrap());
        assert_eq!(counted(&second).sum, 4.0);
    }

    #[test]
    fn other_bytes_are_an_error_or_nothing_and_never_more() {
        let bytes = store(&[2.0], Kept::default()).kept();
        assert_eq!(Kept::read(&[]).unwrap_err(), KeptError::Version { found: None });
        assert_eq!(Kept::read(&[9, 0]).unwrap_err(), KeptError::Version { found: Some(9) });
        for length in 1..bytes.len() {
            assert!(matches!(Kept::read(&bytes[..length]), Err(KeptError::Malformed(_))), "{length}");
        }
        for place in 0..bytes.len() {
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[place] ^= 1 << bit;
                if let Ok(kept) = Kept::read(&changed) {
                    drop(store(&[2.0], kept).kept());
                }
            }
        }
    }
}
