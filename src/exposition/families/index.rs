//! Families by name: a table to look a name up, and their order for a scrape. Neither has the names: they are made
//! when they are compared.

use std::cmp::Ordering;
use std::hash::{BuildHasher, RandomState};
use std::ops::Bound;

use hashbrown::HashTable;
use rapidhash::v3::{RapidSecrets, rapidhash_v3_seeded};

use super::family::{Called, FamilyId};
use super::order::{Order, Position};

/// Families by name.
#[derive(Debug)]
pub(in super::super) struct Index {
    /// By a few bits of their hash, so that no table is large: one that grows is hashed anew while scrapes and flushes
    /// wait.
    tables: Box<[HashTable<u32>]>,
    pub(in super::super) order: Order,
    hasher: Hasher,
}

impl Default for Index {
    fn default() -> Index {
        let tables = (0..TABLES).map(|_| HashTable::new()).collect();
        Index { tables, order: Order::default(), hasher: Hasher::random() }
    }
}

impl Index {
    /// Number of families.
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// The family of that name.
    pub(super) fn find(&self, name: &str, called: Called<'_>) -> Option<FamilyId> {
        let mut other = String::new();
        let hash = self.hasher.hash(name);
        let is_it = |&number: &u32| {
            called.name(FamilyId::unpack(number), &mut other);
            other == name
        };
        self.tables[table_of(hash)].find(hash, is_it).copied().map(FamilyId::unpack)
    }

    /// Whether a family other than `but` is called `stem`, or that with `_created`.
    pub(in super::super) fn has_stem(&self, stem: &str, but: FamilyId, called: Called<'_>) -> bool {
        let mut other = String::new();
        let hash = self.hasher.hash_base(stem);
        let is_it = |&number: &u32| {
            if number == but.pack() {
                return false;
            }
            called.name(FamilyId::unpack(number), &mut other);
            other == stem || other.strip_suffix(CREATED) == Some(stem)
        };
        self.tables[table_of(hash)].find(hash, is_it).is_some()
            || (base(stem) != stem && self.find(stem, called).is_some())
    }

    /// Adds a family of a name that no other has.
    pub(super) fn insert(&mut self, family: FamilyId, name: &str, called: Called<'_>) {
        let (hash, hasher) = (self.hasher.hash(name), &self.hasher);
        let hash_of = |&number: &u32| hash_of(number, hasher, called);
        self.tables[table_of(hash)].insert_unique(hash, family.pack(), hash_of);
        self.order.insert(family.pack(), comparing(name, called));
    }

    /// Puts one family in the place of another of the same name.
    pub(super) fn replace(&mut self, before: FamilyId, after: FamilyId, name: &str, called: Called<'_>) {
        let hash = self.hasher.hash(name);
        if let Some(number) = self.tables[table_of(hash)].find_mut(hash, |&number| number == before.pack()) {
            *number = after.pack();
        }
        self.order.replace(after.pack(), comparing(name, called));
    }

    /// Removes families, which are still called as they were.
    pub(super) fn remove(&mut self, gone: &[FamilyId], called: Called<'_>) {
        let mut name = String::new();
        let few = gone.len() < self.order.len() / FEW;
        for &family in gone {
            called.name(family, &mut name);
            let hash = self.hasher.hash(&name);
            let table = &mut self.tables[table_of(hash)];
            if let Ok(found) = table.find_entry(hash, |&number| number == family.pack()) {
                found.remove();
            }
            if few {
                self.order.remove(comparing(&name, called));
            }
        }
        if !few && !gone.is_empty() {
            let mut sorted: Vec<u32> = gone.iter().map(|family| family.pack()).collect();
            sorted.sort_unstable();
            self.order.retain(|number| sorted.binary_search(&number).is_err());
            self.shrink(called);
        }
    }

    /// Gives room back that is four times what is needed.
    fn shrink(&mut self, called: Called<'_>) {
        let Index { tables, hasher, .. } = self;
        for table in tables.iter_mut().filter(|table| table.capacity() > 4 * table.len().max(ROOM)) {
            table.shrink_to(2 * table.len(), |&number| hash_of(number, hasher, called));
        }
    }

    /// Where in the order the first family of a name within the bound is.
    pub(in super::super) fn seek(&self, start: Bound<&str>, called: Called<'_>) -> Position {
        let (name, same) = match start {
            Bound::Unbounded => return Position::default(),
            Bound::Included(name) => (name, Ordering::Equal),
            Bound::Excluded(name) => (name, Ordering::Less),
        };
        let mut compare = comparing(name, called);
        self.order.seek(|number| compare(number).then(same))
    }
}

fn hash_of(number: u32, hasher: &Hasher, called: Called<'_>) -> u64 {
    let mut name = String::new();
    called.name(FamilyId::unpack(number), &mut name);
    hasher.hash(&name)
}

/// Hashes names; they come from the network, so it is random.
#[derive(Debug)]
struct Hasher(RapidSecrets);

impl Hasher {
    fn random() -> Hasher {
        Hasher(RapidSecrets::seed(RandomState::new().hash_one(0)))
    }

    /// The hash of a name, which is that of its base.
    fn hash(&self, name: &str) -> u64 {
        self.hash_base(base(name))
    }

    fn hash_base(&self, base: &str) -> u64 {
        rapidhash_v3_seeded(base.as_bytes(), &self.0)
    }
}

/// A name without `_total` or `_created`: whoever looks for those who may be called nearly as a counter finds all of them
/// in one place.
fn base(name: &str) -> &str {
    name.strip_suffix("_total").or_else(|| name.strip_suffix(CREATED)).unwrap_or(name)
}

/// How a family is to one that is called `name`.
fn comparing(name: &str, called: Called<'_>) -> impl FnMut(u32) -> Ordering {
    let mut other = String::new();
    move |number| {
        called.name(FamilyId::unpack(number), &mut other);
        other.as_str().cmp(name)
    }
}

/// The table that has a hash. The bits are others than those a table looks at.
fn table_of(hash: u64) -> usize {
    (hash >> 40) as usize % TABLES
}

const TABLES: usize = 64;

const CREATED: &str = "_created";

/// A table with so much room is left as it is.
const ROOM: usize = 64;

/// Of so many families one is taken out of the order by itself; of more of them all are asked.
const FEW: usize = 64;
