//! A series as the registry looks for it: with its hash, so that the table grows without reading a name.
//!
//! A table of a million names that is hashed anew would wait for the memory of each of them.

use std::borrow::Borrow;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::sync::Arc;

use rapidhash::v3::{RapidSecrets, rapidhash_v3_seeded};

use super::{Series, SeriesId};

/// A named series in the table, its id beside it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) series: Arc<Series>,
    pub(super) id: SeriesId,
    hash: u32,
}

/// A series that is looked for.
pub(super) struct Wanted<'a> {
    series: &'a Series,
    hash: u32,
}

/// What entries and what is wanted are compared by.
pub(super) trait Identity {
    fn hash(&self) -> u32;
    fn series(&self) -> &Series;
}

/// Hashes series; names come from the network, so it is random.
#[derive(Debug)]
pub(super) struct SeriesHasher(RapidSecrets);

impl SeriesHasher {
    pub(super) fn random() -> SeriesHasher {
        SeriesHasher(RapidSecrets::seed(RandomState::new().hash_one(0)))
    }

    /// The hash of `series`, by which it is wanted and entered.
    pub(super) fn hash(&self, series: &Series) -> u32 {
        let mut hash = rapidhash_v3_seeded(series.name.as_bytes(), &self.0) ^ series.kind as u64;
        for (key, value) in &series.tags {
            for text in [key, value] {
                hash =
                    hash.rotate_left(23).wrapping_mul(SPREAD) ^ rapidhash_v3_seeded(text.as_bytes(), &self.0);
            }
        }
        (hash.wrapping_mul(SPREAD) >> 32) as u32
    }
}

impl Entry {
    /// The entry of a series and its id.
    pub(super) fn new(series: Arc<Series>, id: SeriesId, hash: u32) -> Entry {
        Entry { series, id, hash }
    }
}

impl<'a> Wanted<'a> {
    /// A series with its hash.
    pub(super) fn new(series: &'a Series, hash: u32) -> Wanted<'a> {
        Wanted { series, hash }
    }
}

impl Identity for Entry {
    fn hash(&self) -> u32 {
        self.hash
    }

    fn series(&self) -> &Series {
        &self.series
    }
}

impl Identity for Wanted<'_> {
    fn hash(&self) -> u32 {
        self.hash
    }

    fn series(&self) -> &Series {
        self.series
    }
}

impl<'a> Borrow<dyn Identity + 'a> for Entry {
    fn borrow(&self) -> &(dyn Identity + 'a) {
        self
    }
}

impl PartialEq for dyn Identity + '_ {
    fn eq(&self, other: &Self) -> bool {
        self.hash() == other.hash() && self.series() == other.series()
    }
}

impl Eq for dyn Identity + '_ {}

impl Hash for dyn Identity + '_ {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u32(Identity::hash(self));
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Entry) -> bool {
        self as &dyn Identity == other as &dyn Identity
    }
}

impl Eq for Entry {}

impl Hash for Entry {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u32(self.hash);
    }
}

/// Hands a hash on that is one already: in both halves, since tables look at either end.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct HandOn(u64);

impl BuildHasher for HandOn {
    type Hasher = HandOn;

    fn build_hasher(&self) -> HandOn {
        HandOn(0)
    }
}

impl Hasher for HandOn {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("identities hash as 32 bits");
    }

    fn write_u32(&mut self, hash: u32) {
        self.0 = u64::from(hash) << 32 | u64::from(hash);
    }
}

/// Odd, with half of its bits set.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::metric::Kind;

    #[test]
    fn what_is_wanted_finds_its_entry_and_hashes_differ_by_name_tags_and_kind() {
        let hasher = SeriesHasher::random();
        let tags = |text: &str| vec![("k".into(), text.into())].into();
        let mut series = Vec::new();
        for kind in Kind::ALL {
            for name in ["a", "b"] {
                series.push(Series::plain(name, kind));
                series.push(Series { name: name.into(), tags: tags("1"), kind });
                series.push(Series { name: name.into(), tags: tags("2"), kind });
            }
        }
        let hashes: HashSet<u32> = series.iter().map(|series| hasher.hash(series)).collect();
        assert_eq!(hashes.len(), series.len());
        let wanted = |series| Wanted::new(series, hasher.hash(series));
        let id = SeriesId::new(Kind::Counter, 7);
        let entry = Entry::new(Arc::new(series[0].clone()), id, hasher.hash(&series[0]));
        let table = HashSet::from([entry]);
        let found = table.get(&wanted(&series[0]) as &dyn Identity).map(|entry| entry.id);
        assert_eq!(found, Some(id));
        assert!(!table.contains(&wanted(&series[1]) as &dyn Identity));
    }
}
