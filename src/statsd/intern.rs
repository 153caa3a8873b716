//! Remembers what a spelling, the raw bytes of a name and its tags, means: once per spelling and seat.

use std::sync::Arc;

use hashbrown::HashTable;
use rapidhash::v3::{RapidSecrets, rapidhash_v3_nano_inline};

use super::{Rules, name};
use crate::metric::{BadReason, Kind, Limit, Registry, SeriesId};
use crate::time::Stamp;

/// What becomes of the samples of a spelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// They belong to this series.
    Series(SeriesId),
    /// They belong to the overflow series of this kind, because of the limit.
    Overflow(Kind, Limit),
    /// They are refused.
    Refused(BadReason),
    /// The listener drops them.
    Dropped,
}

/// The spellings one seat has seen.
///
/// With many names a look-up costs what it misses in the cache, so everything is packed: eight bytes a slot, and
/// what is compared and what is answered lie in one record.
#[derive(Debug)]
pub(super) struct Interner {
    rules: Rules,
    names: Arc<Registry>,
    secrets: RapidSecrets,
    table: HashTable<Slot>,
    /// Records one after the other: the eight bytes of a `Header`, the name, the tag section.
    records: Vec<u8>,
    /// Spellings remembered that have no series of their own, and the bytes of their records.
    fruitless: usize,
    fruitless_bytes: usize,
    /// When the batch that is read was received.
    now: Stamp,
    unremembered: u64,
}

impl Interner {
    /// Remembers nothing yet. `seed` should be random: names come from the network, and whoever knows it can make
    /// spellings that collide.
    pub(super) fn new(rules: Rules, names: Arc<Registry>, seed: u64) -> Interner {
        let secrets = RapidSecrets::seed(seed);
        let (table, records) = (HashTable::new(), Vec::new());
        Interner {
            rules,
            names,
            secrets,
            table,
            records,
            fruitless: 0,
            fruitless_bytes: 0,
            now: Stamp(0),
            unremembered: 0,
        }
    }

    /// Says when what is asked from now on was received.
    pub(super) fn at(&mut self, now: Stamp) {
        self.now = now;
    }

    /// The series that has the samples of what a limit refused.
    pub(super) fn overflow(&self, kind: Kind) -> SeriesId {
        self.names.overflow(kind)
    }

    /// What becomes of samples of this spelling.
    #[inline(always)]
    pub(super) fn outcome(&mut self, name: &[u8], tags: &[u8], kind: Kind) -> Outcome {
        let hash = hash_of(name, tags, kind, &self.secrets);
        let tag = tag_of(hash);
        match self.table.find(hash, |slot| slot.tag == tag) {
            Some(slot) => match slot.answer(&self.records, name, tags, kind) {
                Some(outcome) => outcome,
                None => self.after_collision(hash, name, tags, kind),
            },
            None => self.first_sight(hash, name, tags, kind),
        }
    }

    /// What a spelling without tags will be looked for by.
    #[inline(always)]
    pub(super) fn place_of(&self, name: &[u8], kind: Kind) -> Place {
        Place { hash: hash_of(name, &[], kind, &self.secrets), start: UNKNOWN, length: name.len() as u32 }
    }

    /// Finds the records of several spellings. None waits for the memory of the one before.
    pub(super) fn approach<'a>(&self, places: impl Iterator<Item = &'a mut Place>) {
        let mut touched = 0;
        for place in places {
            let tag = tag_of(place.hash);
            if let Some(slot) = self.table.find(place.hash, |slot| slot.tag == tag) {
                place.start = slot.start;
                // A record may lie across two lines of the cache.
                let start = slot.start as usize;
                let end = start + HEADER + place.length as usize - 1;
                touched ^= self.records[start] ^ self.records.get(end).copied().unwrap_or_default();
            }
        }
        // What was read brought the records into the cache; nobody wants it otherwise.
        std::hint::black_box(touched);
    }

    /// The same as `outcome` for a spelling without tags whose place was approached.
    #[inline(always)]
    pub(super) fn outcome_at(&mut self, place: Place, name: &[u8], kind: Kind) -> Outcome {
        if place.start == UNKNOWN {
            // It may have become known since, by the line before.
            return self.outcome(name, &[], kind);
        }
        let slot = Slot { start: place.start, tag: tag_of(place.hash) };
        match slot.answer(&self.records, name, &[], kind) {
            Some(outcome) => outcome,
            None => self.after_collision(place.hash, name, &[], kind),
        }
    }

    /// The outcome of a spelling whose tag another spelling has too.
    #[cold]
    #[inline(never)]
    fn after_collision(&mut self, hash: u64, name: &[u8], tags: &[u8], kind: Kind) -> Outcome {
        let is_it = |slot: &Slot| slot.answer(&self.records, name, tags, kind).is_some();
        let known =
            self.table.find(hash, is_it).and_then(|slot| slot.answer(&self.records, name, tags, kind));
        known.unwrap_or_else(|| self.first_sight(hash, name, tags, kind))
    }

    /// Number of spellings remembered.
    pub(super) fn spellings(&self) -> usize {
        self.table.len()
    }

    /// How often a spelling found no room and was worked out without being remembered.
    pub(super) fn unremembered(&self) -> u64 {
        self.unremembered
    }

    #[cold]
    #[inline(never)]
    fn first_sight(&mut self, hash: u64, name: &[u8], tags: &[u8], kind: Kind) -> Outcome {
        // Not remembered: a long key costs nothing to refuse, and its bytes would fill the records.
        if name.len() + tags.len() > self.rules.max_key.min(MAX_KEY) {
            return Outcome::Refused(BadReason::TooLong);
        }
        let (outcome, lasting) = self.work_out(name, tags, kind);
        if lasting {
            self.remember(hash, name, tags, Header { kind, outcome, name: name.len(), tags: tags.len() });
        }
        outcome
    }

    /// The outcome, and whether it will be the same the next time.
    fn work_out(&self, name: &[u8], tags: &[u8], kind: Kind) -> (Outcome, bool) {
        if self.rules.known_as_written
            && let Some(id) = self.names.find(&name::as_written(name, tags, kind))
        {
            return (Outcome::Series(id), true);
        }
        let series = match name::canonical(name, tags, kind, &self.rules) {
            Ok(series) => series,
            Err(reason) => return (Outcome::Refused(reason), true),
        };
        if self.rules.drop.is_match(&*series.name) {
            return (Outcome::Dropped, true);
        }
        match self.names.admit(series, self.now) {
            Ok(id) => (Outcome::Series(id), true),
            Err(limit) => (Outcome::Overflow(kind, limit), limit.lasts()),
        }
    }

    /// Whether there is room for another record that answers with no series of its own.
    fn has_fruitless_room(&self, size: usize) -> bool {
        self.fruitless < self.rules.max_spellings / FRUITLESS_PART
            && self.fruitless_bytes + size <= MAX_RECORDS / FRUITLESS_PART
    }

    fn remember(&mut self, hash: u64, name: &[u8], tags: &[u8], header: Header) {
        let size = HEADER + name.len() + tags.len();
        let fruitless = !matches!(header.outcome, Outcome::Series(_));
        let full = self.table.len() >= self.rules.max_spellings || self.records.len() + size > MAX_RECORDS;
        // Garbage has no end; what is refused must not take the room of what counts.
        if full || fruitless && !self.has_fruitless_room(size) {
            self.unremembered += 1;
            return;
        }
        if fruitless {
            self.fruitless += 1;
            self.fruitless_bytes += size;
        }
        let slot = Slot { start: self.records.len() as u32, tag: tag_of(hash) };
        self.records.extend_from_slice(&header.packed().to_le_bytes());
        self.records.extend_from_slice(name);
        self.records.extend_from_slice(tags);
        let (records, secrets) = (&self.records[..], &self.secrets);
        self.table.insert_unique(hash, slot, |slot| slot.hash(records, secrets));
    }
}

/// Where a spelling is looked for, and its record where it was found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    hash: u64,
    start: u32,
    length: u32,
}

/// Where the record of a spelling is, and enough of its hash to pass by the records of most others.
#[derive(Debug, Clone, Copy)]
struct Slot {
    start: u32,
    tag: u32,
}

impl Slot {
    /// What becomes of samples of the spelling, if it is this one.
    #[inline(always)]
    fn answer(self, records: &[u8], name: &[u8], tags: &[u8], kind: Kind) -> Option<Outcome> {
        let (header, key) = self.record(records);
        let Header { kind: its_kind, outcome, name: name_len, tags: tags_len } = Header::unpacked(header);
        let same = name_len == name.len()
            && tags_len == tags.len()
            && its_kind == kind
            && key[..name.len()] == *name
            && (tags.is_empty() || key[name.len()..][..tags.len()] == *tags);
        same.then_some(outcome)
    }

    /// The packed header, and what follows it.
    #[inline(always)]
    fn record(self, records: &[u8]) -> (u64, &[u8]) {
        let record = &records[self.start as usize..];
        let (header, key) = record.split_first_chunk::<HEADER>().expect("every record begins with a header");
        (u64::from_le_bytes(*header), key)
    }

    /// The hash it was stored under, for when the table grows.
    fn hash(self, records: &[u8], secrets: &RapidSecrets) -> u64 {
        let (header, key) = self.record(records);
        let header = Header::unpacked(header);
        let (name, rest) = key.split_at(header.name);
        hash_of(name, &rest[..header.tags], header.kind, secrets)
    }
}

/// What stands before the bytes of a spelling.
struct Header {
    kind: Kind,
    outcome: Outcome,
    name: usize,
    tags: usize,
}

impl Header {
    /// Low half: a series as kind and index, as its id has it; a refusal and what else has no series as two kinds that
    /// do not exist, with the true kind behind. High half: the lengths.
    fn packed(&self) -> u64 {
        let kind = (self.kind as u64) << 8;
        let low = match self.outcome {
            Outcome::Series(id) => (id.kind() as u64) << KIND_AT | id.index() as u64,
            Outcome::Refused(reason) => REFUSED << KIND_AT | kind | reason as u64,
            Outcome::Dropped => DROPPED << KIND_AT | kind,
            Outcome::Overflow(_, limit) => DROPPED << KIND_AT | kind | (limit as u64 + 1),
        };
        low | (self.name as u64) << 32 | (self.tags as u64) << 48
    }

    #[inline(always)]
    fn unpacked(packed: u64) -> Header {
        let (name, tags) = ((packed >> 32) as u16 as usize, (packed >> 48) as usize);
        let index = packed as usize & ((1 << KIND_AT) - 1);
        let true_kind = || Kind::ALL[index >> 8];
        let (kind, outcome) = match packed as u32 as u64 >> KIND_AT {
            REFUSED => (true_kind(), Outcome::Refused(BadReason::ALL[index & 0xff])),
            DROPPED if index & 0xff == 0 => (true_kind(), Outcome::Dropped),
            DROPPED => (true_kind(), Outcome::Overflow(true_kind(), Limit::ALL[(index & 0xff) - 1])),
            kind => {
                let kind = Kind::ALL[kind as usize];
                (kind, Outcome::Series(SeriesId::new(kind, index)))
            }
        };
        Header { kind, outcome, name, tags }
    }
}

#[inline(always)]
fn hash_of(name: &[u8], tags: &[u8], kind: Kind, secrets: &RapidSecrets) -> u64 {
    let mut hash = rapidhash_v3_nano_inline::<true, false>(name, secrets);
    if !tags.is_empty() {
        hash = hash.rotate_left(32) ^ rapidhash_v3_nano_inline::<true, false>(tags, secrets);
    }
    hash ^ (kind as u64).wrapping_mul(SPREAD)
}

/// Bits of the hash that the table itself does not look at: it takes the lowest to find the slot and compares the
/// seven highest.
#[inline(always)]
fn tag_of(hash: u64) -> u32 {
    (hash >> 28) as u32
}

/// Most bytes of records; positions fit 32 bits.
const MAX_RECORDS: usize = 256 << 20;

/// Most bytes of a name and its tags, whatever the rules say: lengths fit 16 bits.
const MAX_KEY: usize = u16::MAX as usize;

/// One of so many spellings may be one that has no series of its own, and one of so many bytes belong to such.
const FRUITLESS_PART: usize = 4;

/// No record begins here: there are fewer bytes of them.
const UNKNOWN: u32 = u32::MAX;

const HEADER: usize = size_of::<u64>();

/// Where the kind stands in a packed outcome; indexes of series are smaller than `SeriesId::LIMIT`.
const KIND_AT: u32 = 29;

const REFUSED: u64 = 6;

const DROPPED: u64 = 7;

/// Odd, with half of its bits set: tells the kinds of one name apart in all bits of the hash.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::{Limits, NewSeries};

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
    fn refused_and_dropped_spellings_take_a_quarter_of_the_room_at_most() {
        let mut interner = interner(20, 8);
        for number in 0..10 {
            let name = format!("debug.{number}");
            assert_eq!(interner.outcome(name.as_bytes(), b"", Kind::Counter), Outcome::Dropped);
        }
        assert_eq!((interner.spellings(), interner.unremembered()), (2, 8));
        for number in 0..6 {
            assert_eq!(
                interner.outcome(format!("a{number}").as_bytes(), b"", Kind::Counter),
                counter(number)
            );
        }
        assert_eq!((interner.spellings(), interner.unremembered()), (8, 8));
    }

    #[test]
    fn an_answer_of_a_full_registry_is_asked_for_again() {
        let mut interner = interner(1, 10);
        assert_eq!(interner.outcome(b"a", b"", Kind::Counter), counter(0));
        for _ in 0..2 {
            let overflow = Outcome::Overflow(Kind::Counter, Limit::Series);
            assert_eq!(interner.outcome(b"b", b"", Kind::Counter), overflow);
        }
        assert_eq!((interner.spellings(), interner.names.overflowed()), (1, 2));
    }

    #[test]
    fn a_refusal_that_lasts_is_remembered_and_that_of_the_rate_is_not() {
        let new_series = Some(NewSeries { a_second: 1, burst: 1 });
        let limits = Limits { series_of: [("p".into(), 0)].into(), new_series, ..Limits::default() };
        let mut interner = Interner::new(Rules::default(), Arc::new(Registry::limited(limits)), 7);
        interner.at(Stamp::from_seconds(100));
        for _ in 0..3 {
            let overflow = |limit| Outcome::Overflow(Kind::Counter, limit);
            assert_eq!(interner.outcome(b"a", b"", Kind::Counter), counter(0));
            assert_eq!(interner.outcome(b"p.a", b"", Kind::Counter), overflow(Limit::Prefix));
            assert_eq!(interner.outcome(b"b", b"", Kind::Counter), overflow(Limit::Rate));
        }
        assert_eq!([Limit::Prefix, Limit::Rate].map(|limit| interner.names.refused(limit)), [1, 3]);
        interner.at(Stamp::from_seconds(101));
        assert_eq!(interner.outcome(b"b", b"", Kind::Counter), counter(1));
        assert_eq!(interner.spellings(), 3);
    }

    #[test]
    fn long_spellings_without_a_series_leave_the_bytes_to_others() {
        let limits = Limits { max_name: 1, ..Limits::default() };
        let rules = Rules { max_key: MAX_KEY, ..Rules::default() };
        let mut interner = Interner::new(rules, Arc::new(Registry::limited(limits)), 7);
        let many = MAX_RECORDS / FRUITLESS_PART / MAX_KEY + 10;
        let mut name = vec![b'x'; MAX_KEY];
        for number in 0..many {
            name[..8].copy_from_slice(format!("{number:08}").as_bytes());
            interner.outcome(&name, b"", Kind::Counter);
        }
        assert!(interner.records.len() <= MAX_RECORDS / FRUITLESS_PART);
        assert_eq!(interner.spellings() + interner.unremembered() as usize, many);
    }

    #[test]
    fn a_header_unpacked_is_what_was_packed() {
        let largest = SeriesId::new(Kind::Set, SeriesId::LIMIT - 1);
        let overflows = Limit::ALL.map(|limit| Outcome::Overflow(Kind::Set, limit));
        let others = [Outcome::Series(largest), Outcome::Refused(BadReason::Truncated), Outcome::Dropped];
        for outcome in others.into_iter().chain(overflows) {
            let header = Header { kind: Kind::Set, outcome, name: 65535, tags: 0 };
            let again = Header::unpacked(header.packed());
            assert_eq!((again.kind, again.outcome, again.name, again.tags), (Kind::Set, outcome, 65535, 0));
        }
    }

    #[test]
    fn spellings_are_found_again_after_the_table_has_grown() {
        let mut interner = interner(10_000, 10_000);
        for _ in 0..2 {
            for number in 0..3000 {
                let (name, tags) = (format!("a{number}"), format!("k:{}", number % 7));
                assert_eq!(
                    interner.outcome(name.as_bytes(), tags.as_bytes(), Kind::Counter),
                    counter(number)
                );
            }
        }
        assert_eq!(interner.spellings(), 3000);
    }

    #[test]
    fn a_spelling_behind_one_of_the_same_tag_is_found_or_made() {
        let mut interner = interner(10, 10);
        assert_eq!(interner.outcome(b"a", b"k:v", Kind::Counter), counter(0));
        let hash = hash_of(b"a", b"k:v", Kind::Counter, &interner.secrets);
        assert_eq!(interner.after_collision(hash, b"a", b"k:v", Kind::Counter), counter(0));
        for _ in 0..2 {
            assert_eq!(interner.after_collision(hash, b"b", b"k:v", Kind::Counter), counter(1));
            assert_eq!(interner.after_collision(hash, b"b", b"k:w", Kind::Counter), counter(2));
        }
        let gauge = Outcome::Series(SeriesId::new(Kind::Gauge, 0));
        assert_eq!(interner.after_collision(hash, b"a", b"k:v", Kind::Gauge), gauge);
        assert_eq!(interner.after_collision(hash, b"ak", b":v", Kind::Counter), counter(3));
        assert_eq!(interner.after_collision(hash, b"ak:v", b"", Kind::Counter), counter(4));
        assert_eq!(interner.after_collision(hash, b"a", b"k:", Kind::Counter), counter(5));
        assert_eq!(interner.after_collision(hash, b"a", b"", Kind::Counter), counter(6));
        assert_eq!(interner.outcome(b"a", b"k:v", Kind::Counter), counter(0));
        assert_eq!(interner.spellings(), 8);
    }
}
