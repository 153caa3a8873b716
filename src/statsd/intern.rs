//! Remembers what a spelling, the raw bytes of a name and its tags, means: once per spelling and seat.

use std::sync::Arc;

use hashbrown::HashTable;
use rapidhash::v3::{RapidSecrets, rapidhash_v3_nano_inline};

use super::{Rules, name};
use crate::metric::{BadReason, Kind, Limit, Registry, SeriesId, spread};
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
        match self.table.find(spread(hash), |slot| slot.hash == hash) {
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
            let hash = place.hash;
            if let Some(slot) = self.table.find(spread(hash), |slot| slot.hash == hash) {
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
        let slot = Slot { start: place.start, hash: place.hash };
        match slot.answer(&self.records, name, &[], kind) {
            Some(outcome) => outcome,
            None => self.after_collision(place.hash, name, &[], kind),
        }
    }

    /// The outcome of a spelling whose hash another spelling has too.
    #[cold]
    #[inline(never)]
    fn after_collision(&mut self, hash: u32, name: &[u8], tags: &[u8], kind: Kind) -> Outcome {
        let is_it = |slot: &Slot| slot.answer(&self.records, name, tags, kind).is_some();
        let known = self
            .table
            .find(spread(hash), is_it)
            .and_then(|slot| slot.answer(&self.records, name, tags, kind));
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
    fn first_sight(&mut self, hash: u32, name: &[u8], tags: &[u8], kind: Kind) -> Outcome {
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
        let telemetry = self.rules.drop_client_telemetry && name.starts_with(CLIENT_TELEMETRY);
        if telemetry || self.rules.drop.is_match(&*series.name) {
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

    fn remember(&mut self, hash: u32, name: &[u8], tags: &[u8], header: Header) {
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
        let slot = Slot { start: self.records.len() as u32, hash };
        self.records.extend_from_slice(&header.packed().to_le_bytes());
        self.records.extend_from_slice(name);
        self.records.extend_from_slice(tags);
        self.table.insert_unique(spread(hash), slot, |slot| spread(slot.hash));
    }
}

/// Where a spelling is looked for, and its record where it was found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    hash: u32,
    start: u32,
    length: u32,
}

/// Where the record of a spelling is, and its hash: the records of others are passed by, and a table that grows reads
/// none.
#[derive(Debug, Clone, Copy)]
struct Slot {
    start: u32,
    hash: u32,
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
fn hash_of(name: &[u8], tags: &[u8], kind: Kind, secrets: &RapidSecrets) -> u32 {
    let mut hash = rapidhash_v3_nano_inline::<true, false>(name, secrets);
    if !tags.is_empty() {
        hash = hash.rotate_left(32) ^ rapidhash_v3_nano_inline::<true, false>(tags, secrets);
    }
    ((hash ^ (kind as u64).wrapping_mul(SPREAD)) >> 32) as u32
}

/// What names begin with under which DogStatsD's clients report what they send.
const CLIENT_TELEMETRY: &[u8] = b"datadog.dogstatsd.client.";

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
mod tests;
