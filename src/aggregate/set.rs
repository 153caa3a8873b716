//! A set in one interval: its members to a bound, then HyperLogLog.
//!
//! The estimate has 2^17 registers: standard error 0.3 %, 96 KiB a set. Its hash has one seed for all
//! seats of an accumulator, so that their estimates can be united, and none that a client knows.

use std::hash::DefaultHasher;

use cardinality_estimator::CardinalityEstimator;
use hashbrown::HashTable;
use rapidhash::v3::rapidhash_v3_seeded;
use serde::{Deserialize, Serialize};

use super::cells::{Bounds, recycle, with_chance};

/// The members of one set in one interval.
#[derive(Debug, Default)]
pub(super) struct SetCell {
    pub(super) samples: u64,
    members: HashTable<Member>,
    text: Vec<u8>,
    estimate: Option<Box<Estimate>>,
}

/// A member, its text in the cell's.
#[derive(Debug, Clone, Copy)]
struct Member {
    hash: u64,
    start: usize,
    len: usize,
}

/// Hashes are handed to it; the hasher in its type is never asked.
type Estimate = CardinalityEstimator<u64, DefaultHasher, 17, 6>;

impl SetCell {
    /// Adds one sample.
    #[inline]
    pub(super) fn add(&mut self, member: &[u8], bounds: &Bounds) {
        self.samples += 1;
        self.insert(member, rapidhash_v3_seeded(member, &bounds.secrets), bounds);
    }

    /// Adds what another seat poured.
    pub(super) fn absorb(&mut self, other: &SetCell, bounds: &Bounds) {
        self.samples += other.samples;
        for member in &other.members {
            self.insert(other.text_of(member), member.hash, bounds);
        }
        if let Some(theirs) = &other.estimate {
            self.estimated().merge(theirs);
        }
    }

    /// Number of distinct members, exact or estimated.
    pub(super) fn cardinality(&self) -> u64 {
        match &self.estimate {
            Some(estimate) => estimate.estimate() as u64,
            None => self.members.len() as u64,
        }
    }

    /// The members, sorted, while they are known.
    pub(super) fn sorted(&self) -> Option<Box<[Box<[u8]>]>> {
        if self.estimate.is_some() {
            return None;
        }
        let mut members: Vec<Box<[u8]>> =
            self.members.iter().map(|member| self.text_of(member).into()).collect();
        members.sort_unstable();
        Some(members.into())
    }

    /// Empties the cell within an interval, which may go on: memory is only added.
    pub(super) fn renew(&mut self) {
        self.members.clear();
        self.text.clear();
        self.samples = 0;
        self.estimate = None;
    }

    /// Empties the cell and keeps memory for the next interval.
    pub(super) fn clear(&mut self, bounds: &Bounds) {
        let (members, text) = (self.members.len(), self.text.len());
        self.members.clear();
        if self.samples == 0 {
            // A table of three members is the smallest there is.
            let half = if self.members.capacity() > 3 { self.members.capacity() / 2 } else { 0 };
            self.members.shrink_to(half, |member| member.hash);
        } else {
            self.members.reserve(with_chance(members).min(bounds.exact_members), |member| member.hash);
        }
        recycle(&mut self.text, text, bounds.exact_members.saturating_mul(MEAN_MEMBER_BYTES));
        self.samples = 0;
        self.estimate = None;
    }

    fn insert(&mut self, text: &[u8], hash: u64, bounds: &Bounds) {
        if let Some(estimate) = &mut self.estimate {
            estimate.insert_hash(hash);
            return;
        }
        let known = self.members.find(hash, |known| known.hash == hash && self.text_of(known) == text);
        if known.is_some() {
            return;
        }
        let room = bounds.exact_members.saturating_mul(MEAN_MEMBER_BYTES).saturating_sub(self.text.len());
        if self.members.len() >= bounds.exact_members || text.len() > room {
            self.estimated().insert_hash(hash);
            return;
        }
        let member = Member { hash, start: self.text.len(), len: text.len() };
        self.text.extend_from_slice(text);
        self.members.insert_unique(hash, member, |member| member.hash);
    }

    /// The estimate; the members known so far go into it.
    fn estimated(&mut self) -> &mut Estimate {
        let (members, text) = (&mut self.members, &mut self.text);
        self.estimate.get_or_insert_with(|| {
            let mut estimate = Box::new(Estimate::new());
            members.drain().for_each(|member| estimate.insert_hash(member.hash));
            text.clear();
            estimate
        })
    }

    fn text_of(&self, member: &Member) -> &[u8] {
        &self.text[member.start..][..member.len]
    }
}

/// The members of an open interval, as they are kept over a restart.
#[derive(Serialize, Deserialize)]
pub(super) struct SavedMembers {
    samples: u64,
    members: Vec<Vec<u8>>,
    estimate: Option<Box<Estimate>>,
}

impl std::fmt::Debug for SavedMembers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SavedMembers({} samples)", self.samples)
    }
}

impl SetCell {
    pub(super) fn save(&self) -> SavedMembers {
        let members = self.members.iter().map(|member| self.text_of(member).to_vec()).collect();
        SavedMembers { samples: self.samples, members, estimate: self.estimate.clone() }
    }

    /// The cell that was saved; hashed with the seed it was hashed with then.
    pub(super) fn restored(saved: SavedMembers, bounds: &Bounds) -> SetCell {
        let mut cell = SetCell { estimate: saved.estimate, ..SetCell::default() };
        for member in &saved.members {
            cell.insert(member, rapidhash_v3_seeded(member, &bounds.secrets), bounds);
        }
        cell.samples = saved.samples;
        cell
    }
}

/// Members longer than this on average are estimated before they reach the bound: their text is bounded too.
const MEAN_MEMBER_BYTES: usize = 256;

#[cfg(test)]
mod tests {
    use rapidhash::v3::RapidSecrets;

    use super::*;

    const BOUNDS: Bounds = Bounds {
        exact_samples: 4,
        exact_members: 1024,
        significant_digits: 2,
        weighted: false,
        levels: None,
        secrets: RapidSecrets::seed(0),
    };

    fn poured(members: std::ops::Range<u32>) -> SetCell {
        let mut cell = SetCell::default();
        members.for_each(|member| cell.add(format!("user{member}").as_bytes(), &BOUNDS));
        cell
    }

    #[test]
    fn members_are_exact_and_sorted_to_the_bound() {
        let mut cell = SetCell::default();
        [b"b".as_slice(), b"a", b"", b"b"].iter().for_each(|member| cell.add(member, &BOUNDS));
        let expected: Box<[Box<[u8]>]> = [b"".as_slice(), b"a", b"b"].map(Box::from).into();
        assert_eq!((cell.samples, cell.cardinality(), cell.sorted()), (4, 3, Some(expected)));
        assert_eq!(poured(0..1024).cardinality(), 1024);
    }

    #[test]
    fn beyond_the_bound_the_estimate_is_within_a_hundredth() {
        for count in [1025, 5_000, 20_000, 100_000, 1_000_000] {
            let cell = poured(0..count);
            let error = cell.cardinality() as f64 / f64::from(count) - 1.0;
            assert!(error.abs() < 0.01, "{count}: {error}");
            assert_eq!((cell.sorted(), cell.samples), (None, u64::from(count)));
        }
    }

    #[test]
    fn seats_are_united_whether_exact_or_estimated() {
        let cases = [(0..600, 300..900, 900.0), (0..600, 500..1_700, 1_700.0), (0..3_000, 10..500, 3_000.0)];
        for (first, second, expected) in cases {
            let mut cell = poured(first.clone());
            cell.absorb(&poured(second.clone()), &BOUNDS);
            let mut other_way = poured(second);
            other_way.absorb(&poured(first), &BOUNDS);
            assert_eq!(cell.cardinality(), other_way.cardinality());
            assert!((cell.cardinality() as f64 / expected - 1.0).abs() < 0.01, "{}", cell.cardinality());
        }
    }

    #[test]
    fn another_seed_gives_members_another_hash() {
        let other = Bounds { secrets: RapidSecrets::seed(1), ..BOUNDS };
        let hashes = [BOUNDS, other].map(|bounds| {
            let mut cell = SetCell::default();
            cell.add(b"user1", &bounds);
            cell.members.iter().next().map(|member| member.hash)
        });
        assert_ne!(hashes[0], hashes[1]);
    }

    #[test]
    fn long_members_are_estimated_before_they_fill_the_memory() {
        let mut cell = SetCell::default();
        for number in 0..100 {
            let mut member = vec![b'x'; 60_000];
            member.extend_from_slice(format!("{number}").as_bytes());
            cell.add(&member, &BOUNDS);
        }
        assert!(cell.text.len() <= 1024 * MEAN_MEMBER_BYTES);
        assert!((98..=102).contains(&cell.cardinality()), "{}", cell.cardinality());
    }
}
