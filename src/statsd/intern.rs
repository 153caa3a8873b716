//! Remembers what a spelling, the raw bytes of a name and its tags, means: once per spelling and seat.

use std::sync::Arc;

use hashbrown::HashTable;
use rapidhash::v3::{RapidSecrets, rapidhash_v3_nano_inline};

use super::{Rules, name};
use crate::metric::{BadReason, Kind, Registry, Resolved, SeriesId};

/// What becomes of the samples of a spelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// They belong to this series.
    Series(SeriesId),
    /// They are refused.
    Refused(BadReason),
    /// The listener drops them.
    Dropped,
}

/// The spellings one seat has seen.
#[derive(Debug)]
pub(super) struct Interner {
    rules: Rules,
    names: Arc<Registry>,
    secrets: RapidSecrets,
    table: HashTable<Spelling>,
    /// Name and tag section of every spelling, one after the other.
    raw: Vec<u8>,
    unremembered: u64,
}

impl Interner {
    /// Remembers nothing yet. `seed` should be random: names come from the network, and whoever knows it can make
    /// spellings that collide.
    pub(super) fn new(rules: Rules, names: Arc<Registry>, seed: u64) -> Interner {
        let secrets = RapidSecrets::seed(seed);
        Interner { rules, names, secrets, table: HashTable::new(), raw: Vec::new(), unremembered: 0 }
    }

    /// What becomes of samples of this spelling.
    #[inline(always)]
    pub(super) fn outcome(&mut self, name: &[u8], tags: &[u8], kind: Kind) -> Outcome {
        let hash = self.hash(name, tags, kind);
        let raw = &self.raw[..];
        match self.table.find(hash, |known| known.hash == hash && known.is(name, tags, kind, raw)) {
            Some(known) => known.outcome,
            None => self.first_sight(hash, name, tags, kind),
        }
    }

    /// Number of spellings remembered.
    pub(super) fn spellings(&self) -> usize {
        self.table.len()
    }

    /// How often a spelling found no room and was worked out without being remembered.
    pub(super) fn unremembered(&self) -> u64 {
        self.unremembered
    }

    #[inline(always)]
    fn hash(&self, name: &[u8], tags: &[u8], kind: Kind) -> u64 {
        let mut hash = rapidhash_v3_nano_inline::<true, false>(name, &self.secrets);
        if !tags.is_empty() {
            hash = hash.rotate_left(32) ^ rapidhash_v3_nano_inline::<true, false>(tags, &self.secrets);
        }
        hash ^ (kind as u64).wrapping_mul(SPREAD)
    }

    #[cold]
    #[inline(never)]
    fn first_sight(&mut self, hash: u64, name: &[u8], tags: &[u8], kind: Kind) -> Outcome {
        // Not remembered: a long key costs nothing to refuse, and its bytes would fill the arena.
        if name.len() + tags.len() > self.rules.max_key {
            return Outcome::Refused(BadReason::TooLong);
        }
        match self.work_out(name, tags, kind) {
            (outcome, true) => self.remember(hash, name, tags, kind, outcome),
            (outcome, false) => outcome,
        }
    }

    /// The outcome, and whether it will be the same the next time.
    fn work_out(&self, name: &[u8], tags: &[u8], kind: Kind) -> (Outcome, bool) {
        let series = match name::canonical(name, tags, kind, &self.rules) {
            Ok(series) => series,
            Err(reason) => return (Outcome::Refused(reason), true),
        };
        if self.rules.drop.is_match(&*series.name) {
            return (Outcome::Dropped, true);
        }
        match self.names.resolve(series) {
            Resolved::Known(id) => (Outcome::Series(id), true),
            Resolved::Overflow(id) => (Outcome::Series(id), false),
        }
    }

    fn remember(&mut self, hash: u64, name: &[u8], tags: &[u8], kind: Kind, outcome: Outcome) -> Outcome {
        let size = name.len() + tags.len();
        if self.table.len() >= self.rules.max_spellings || self.raw.len() + size > MAX_RAW {
            self.unremembered += 1;
            return outcome;
        }
        let start = self.raw.len() as u32;
        self.raw.extend_from_slice(name);
        self.raw.extend_from_slice(tags);
        let (name_len, tags_len) = (name.len() as u32, tags.len() as u32);
        let spelling = Spelling { hash, start, name_len, tags_len, kind, outcome };
        self.table.insert_unique(hash, spelling, |known| known.hash);
        outcome
    }
}

#[derive(Debug)]
struct Spelling {
    hash: u64,
    start: u32,
    name_len: u32,
    tags_len: u32,
    outcome: Outcome,
    kind: Kind,
}

impl Spelling {
    #[inline(always)]
    fn is(&self, name: &[u8], tags: &[u8], kind: Kind, raw: &[u8]) -> bool {
        if self.name_len as usize != name.len() || self.tags_len as usize != tags.len() || self.kind != kind {
            return false;
        }
        let key = &raw[self.start as usize..];
        key[..name.len()] == *name && (tags.is_empty() || key[name.len()..][..tags.len()] == *tags)
    }
}

/// Most bytes of spellings that are remembered; positions fit 32 bits.
const MAX_RAW: usize = 256 << 20;

/// Odd, with half of its bits set: tells the kinds of one name apart in all bits of the hash.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use super::*;

    fn interner(max_series: usize, max_spellings: usize) -> Interner {
        let drop = ["debug.*".to_owned()];
        let rules = Rules { max_spellings, max_key: 20, ..Rules::new("", Vec::new(), &drop).unwrap() };
        Interner::new(rules, Arc::new(Registry::new(max_series)), 7)
    }

    fn counter(index: usize) -> Outcome {
        Outcome::Series(SeriesId::new(Kind::Counter, index))
    }

    #[test]
    fn spellings_of_one_series_share_its_id() {
        let mut interner = interner(10, 10);
        assert_eq!(interner.outcome(b"a b", b"x:1,y:2", Kind::Counter), counter(0));
        assert_eq!(interner.outcome(b"a_b", b"y:2,x:1", Kind::Counter), counter(0));
        assert_eq!(interner.outcome(b"a_b;y=2", b"x:1", Kind::Counter), counter(0));
        assert_eq!(interner.outcome(b"a_b", b"", Kind::Counter), counter(1));
        assert_eq!(interner.spellings(), 4);
        assert_eq!(interner.outcome(b"a b", b"x:1,y:2", Kind::Counter), counter(0));
        assert_eq!(interner.spellings(), 4);
    }

    #[test]
    fn where_the_name_ends_and_the_kind_tell_spellings_apart() {
        let mut interner = interner(10, 10);
        assert_eq!(interner.outcome(b"ab", b"c", Kind::Counter), counter(0));
        assert_eq!(interner.outcome(b"a", b"bc", Kind::Counter), counter(1));
        let gauge = Outcome::Series(SeriesId::new(Kind::Gauge, 0));
        assert_eq!(interner.outcome(b"ab", b"c", Kind::Gauge), gauge);
    }

    #[test]
    fn refused_and_dropped_spellings_are_remembered_but_long_ones_are_not() {
        let mut interner = interner(10, 10);
        for _ in 0..2 {
            assert_eq!(interner.outcome(b"%", b"", Kind::Counter), Outcome::Refused(BadReason::EmptyName));
            assert_eq!(interner.outcome(b"debug.a.b", b"", Kind::Counter), Outcome::Dropped);
            let long = interner.outcome(&[b'a'; 15], &[b'b'; 6], Kind::Counter);
            assert_eq!(long, Outcome::Refused(BadReason::TooLong));
        }
        assert_eq!((interner.spellings(), interner.names.len()), (2, 0));
    }

    #[test]
    fn beyond_the_limit_a_spelling_is_worked_out_each_time_and_counted() {
        let mut interner = interner(10, 1);
        for _ in 0..2 {
            assert_eq!(interner.outcome(b"a", b"", Kind::Counter), counter(0));
            assert_eq!(interner.outcome(b"b", b"", Kind::Counter), counter(1));
        }
        assert_eq!((interner.spellings(), interner.unremembered()), (1, 2));
    }

    #[test]
    fn an_answer_of_a_full_registry_is_asked_for_again() {
        let mut interner = interner(1, 10);
        assert_eq!(interner.outcome(b"a", b"", Kind::Counter), counter(0));
        for _ in 0..2 {
            assert_eq!(interner.outcome(b"b", b"", Kind::Counter), counter(1));
        }
        assert_eq!((interner.spellings(), interner.names.overflowed()), (1, 2));
    }
}
