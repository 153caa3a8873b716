//! A series as the registry looks for it: its hash and its id, eight bytes, so that the table grows without reading a
//! name.
//!
//! A table of a million names that is hashed anew would wait for the memory of each of them.

use std::hash::{BuildHasher, Hash, Hasher, RandomState};

use rapidhash::v3::{RapidSecrets, rapidhash_v3_seeded};

use super::{SeriesId, SeriesRef};

/// A named series in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) hash: u32,
    pub(super) id: SeriesId,
}

/// Hashes series; names come from the network, so it is random.
#[derive(Debug)]
pub(super) struct SeriesHasher(RapidSecrets);

impl SeriesHasher {
    pub(super) fn random() -> SeriesHasher {
        SeriesHasher(RapidSecrets::seed(RandomState::new().hash_one(0)))
    }

    /// The hash of `series`, by which it is wanted and entered.
    pub(super) fn hash(&self, series: SeriesRef<'_>) -> u32 {
        let mut hash = rapidhash_v3_seeded(series.name.as_bytes(), &self.0) ^ series.kind as u64;
        if !series.tags.is_empty() {
            let tags = rapidhash_v3_seeded(series.tags.as_written().as_bytes(), &self.0);
            hash = hash.rotate_left(23).wrapping_mul(SPREAD) ^ tags;
        }
        (hash.wrapping_mul(SPREAD) >> 32) as u32
    }
}

impl Entry {
    /// Its hash as tables want it.
    pub(super) fn spread(&self) -> u64 {
        spread(self.hash)
    }
}

impl Hash for Entry {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u32(self.hash);
    }
}

/// A hash in both halves, since tables look at either end.
#[inline]
pub(crate) fn spread(hash: u32) -> u64 {
    u64::from(hash) << 32 | u64::from(hash)
}

/// Hands a hash on that is one already.
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
        unreachable!("entries hash as 32 bits");
    }

    fn write_u32(&mut self, hash: u32) {
        self.0 = spread(hash);
    }
}

/// Odd, with half of its bits set.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::metric::{Kind, Series, Tags};

    #[test]
    fn hashes_differ_by_name_tags_and_kind() {
        let hasher = SeriesHasher::random();
        let mut series = Vec::new();
        for kind in Kind::ALL {
            for name in ["a", "b"] {
                series.push(Series::plain(name, kind));
                for value in ["1", "2"] {
                    series.push(Series { name: name.into(), tags: Tags::from([("k", value)]), kind });
                }
            }
        }
        let hashes: HashSet<u32> = series.iter().map(|series| hasher.hash(series.borrowed())).collect();
        assert_eq!(hashes.len(), series.len());
    }
}
