//! The store behind a scrape endpoint: families with the last value of each series, and what is in the way of what.
//!
//! Pure: the owner puts it behind a lock, hands stamps in, and lets go of the lock between the parts of a scrape.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use super::names::{Exposed, FamilyType, Naming};
use super::slot::{Reading, Slot, SlotId};
use super::text::{TextWriter, push_labels};
use crate::metric::{Kind, Series};
use crate::time::Stamp;

/// Families by name, each with its series.
///
/// A name has one type: that of the family that was first. A series of another type, or of another kind with the same
/// labels, is *diverted*: its name gets its kind appended (`x_gauge`). If that is taken too it is *refused*, as is a
/// second series of one kind whose name and labels became the same (`a.b` and `a_b`): two totals must never alternate
/// in one series. A summary `x` takes `x_sum` and `x_count` as well.
#[derive(Debug, Default)]
pub struct Families {
    naming: Naming,
    families: BTreeMap<Arc<str>, Family>,
    /// Which family has samples of this name.
    taken: HashMap<Box<str>, Arc<str>>,
    slots: Vec<Slot>,
    free: Vec<u32>,
    families_born: u64,
    conflicts: Conflicts,
}

#[derive(Debug)]
struct Family {
    family_type: FamilyType,
    help: Box<str>,
    /// Tells it from an earlier family of the name.
    born: u64,
    /// Slots by the text of their labels.
    series: BTreeMap<Arc<str>, u32>,
}

/// What a series was given.
#[derive(Debug, Clone, PartialEq)]
pub enum Claim {
    /// It is exposed.
    Exposed(Claimed),
    /// It is not: another series has its name.
    Refused {
        /// The family in the way.
        with: Arc<str>,
    },
}

/// How a series is exposed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claimed {
    /// Where to put its values.
    pub slot: SlotId,
    /// Whether it was not exposed before.
    pub new: bool,
    /// Whether its kind was appended to its name.
    pub diverted: bool,
    /// Whether `client_` was put before its name because the name was the daemon's own.
    pub renamed: bool,
}

/// What was in the way of what, since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conflicts {
    /// Series whose kind was appended to their name.
    pub diverted: u64,
    /// Claims that were refused.
    pub refused: u64,
    /// Both by the name that was wanted, for the first `Conflicts::NAMES` names.
    pub by_name: BTreeMap<Box<str>, u64>,
    /// Conflicts over further names.
    pub beyond: u64,
}

impl Conflicts {
    /// Most names that are kept.
    pub const NAMES: usize = 1000;

    fn count(&mut self, name: &str) {
        if let Some(count) = self.by_name.get_mut(name) {
            *count += 1;
        } else if self.by_name.len() < Conflicts::NAMES {
            self.by_name.insert(name.into(), 1);
        } else {
            self.beyond += 1;
        }
    }
}

/// How far a scrape has come; the default is its beginning.
#[derive(Debug, Clone, Default)]
pub struct Cursor {
    family: Option<(Arc<str>, u64)>,
    /// The last series written, if the family has more.
    labels: Option<Arc<str>>,
}

impl Families {
    /// An empty store that names by `naming`.
    pub fn new(naming: Naming) -> Families {
        Families { naming, ..Families::default() }
    }

    /// Gives `series` a place, the one it has or a new one. A new one is shown after its first update.
    ///
    /// Conflicts are counted when a series is first diverted and whenever one is refused, so remember the answer.
    pub fn claim(&mut self, series: &Arc<Series>, at: Stamp) -> Claim {
        let exposed = self.naming.expose(series);
        let second = self.naming.diverted(&exposed, series.kind);
        let labels = labels_of(series);
        let claimed =
            |slot, new, diverted| Claim::Exposed(Claimed { slot, new, diverted, renamed: exposed.renamed });
        for (name, diverted) in [(&exposed.name, false), (&second, true)] {
            if let Some(slot) = self.place_of(name, &labels).filter(|slot| self.series_at(*slot) == series) {
                return claimed(slot, false, diverted);
            }
        }
        let Err(in_the_way) = self.room(&exposed.name, &exposed, &labels, series.kind) else {
            return claimed(self.place(&exposed.name, &exposed, labels, series, at), true, false);
        };
        self.conflicts.count(&exposed.name);
        if !in_the_way.same_kind && self.room(&second, &exposed, &labels, series.kind).is_ok() {
            self.conflicts.diverted += 1;
            return claimed(self.place(&second, &exposed, labels, series, at), true, true);
        }
        self.conflicts.refused += 1;
        Claim::Refused { with: in_the_way.family }
    }

    /// Sets the value of a series. False if it expired: it must be claimed again.
    ///
    /// # Panics
    /// If the reading is not of the series' type.
    pub fn update(&mut self, slot: SlotId, reading: Reading<'_>, at: Stamp) -> bool {
        let Some(slot) =
            self.slots.get_mut(slot.index as usize).filter(|found| found.generation == slot.generation)
        else {
            return false;
        };
        assert_eq!(reading.family_type(), slot.family_type, "a series is updated in its own type");
        slot.updated = at;
        slot.set(reading);
        true
    }

    /// Whether the series is still kept there.
    pub fn is_alive(&self, slot: SlotId) -> bool {
        self.slots.get(slot.index as usize).is_some_and(|found| found.generation == slot.generation)
    }

    /// Removes what was last updated, or claimed, before `older_than`, and frees the names of families that become
    /// empty. Says how many series it removed.
    pub fn expire(&mut self, older_than: Stamp) -> usize {
        let Families { families, slots, free, taken, .. } = self;
        let before = free.len();
        families.retain(|name, family| {
            family.series.retain(|_, index| {
                let slot = &mut slots[*index as usize];
                let stays = slot.updated >= older_than;
                if !stays {
                    slot.generation = slot.generation.wrapping_add(1);
                    slot.value = None;
                    free.push(*index);
                }
                stays
            });
            if family.series.is_empty() {
                for suffix in family.family_type.suffixes() {
                    taken.remove([name, *suffix].concat().as_str());
                }
            }
            !family.series.is_empty()
        });
        free.len() - before
    }

    /// Appends the next part of a scrape, about `about` bytes or a little more, and says where the part after it
    /// begins; `None` when the scrape is complete.
    ///
    /// Between two parts the store may change: what was there from the first part to the last comes exactly once.
    pub fn render(&self, from: &Cursor, into: &mut Vec<u8>, about: usize) -> Option<Cursor> {
        let full = into.len().saturating_add(about.max(1));
        let start = match &from.family {
            None => Bound::Unbounded,
            Some((name, _)) if from.labels.is_some() => Bound::Included(&**name),
            Some((name, _)) => Bound::Excluded(&**name),
        };
        for (name, family) in self.families.range::<str, _>((start, Bound::Unbounded)) {
            let begun = from.family.as_ref().filter(|(begun, _)| begun == name);
            if begun.is_some_and(|&(_, born)| born != family.born) {
                continue;
            }
            let after = begun.and(from.labels.as_deref());
            let labels = self.render_family(name, family, after, into, full);
            if labels.is_some() || into.len() >= full {
                return Some(Cursor { family: Some((Arc::clone(name), family.born)), labels });
            }
        }
        None
    }

    /// Conflicts so far.
    pub fn conflicts(&self) -> &Conflicts {
        &self.conflicts
    }

    /// Number of series.
    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Whether there is no series.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of families.
    pub fn families(&self) -> usize {
        self.families.len()
    }
}

/// Why a series cannot have a name.
struct InTheWay {
    family: Arc<str>,
    /// A series of the same kind has the very name and labels.
    same_kind: bool,
}

impl Families {
    fn place_of(&self, name: &str, labels: &str) -> Option<SlotId> {
        let index = *self.families.get(name)?.series.get(labels)?;
        Some(SlotId { index, generation: self.slots[index as usize].generation })
    }

    fn series_at(&self, slot: SlotId) -> &Arc<Series> {
        &self.slots[slot.index as usize].series
    }

    /// Whether a series of this type can be `name{labels}`, or what is in the way.
    fn room(&self, name: &str, exposed: &Exposed, labels: &str, kind: Kind) -> Result<(), InTheWay> {
        let wanted = exposed.family_type;
        if let Some((found, family)) = self.families.get_key_value(name) {
            let in_the_way = |same_kind| InTheWay { family: Arc::clone(found), same_kind };
            if family.family_type != wanted {
                return Err(in_the_way(false));
            }
            return match family.series.get(labels) {
                Some(&index) => Err(in_the_way(self.slots[index as usize].series.kind == kind)),
                None => Ok(()),
            };
        }
        for suffix in wanted.suffixes() {
            if let Some(family) = self.taken.get([name, suffix].concat().as_str()) {
                return Err(InTheWay { family: Arc::clone(family), same_kind: false });
            }
        }
        Ok(())
    }

    /// Puts a series where `room` found room.
    fn place(
        &mut self,
        name: &str,
        exposed: &Exposed,
        labels: Arc<str>,
        series: &Arc<Series>,
        at: Stamp,
    ) -> SlotId {
        let slot = self.new_slot(exposed, series, at);
        if !self.families.contains_key(name) {
            self.new_family(name, exposed.family_type, series);
        }
        let family = self.families.get_mut(name).expect("it is there or was just made");
        family.series.insert(labels, slot.index);
        slot
    }

    fn new_family(&mut self, name: &str, family_type: FamilyType, series: &Series) {
        let name: Arc<str> = name.into();
        for suffix in family_type.suffixes() {
            self.taken.insert([&name, *suffix].concat().into(), Arc::clone(&name));
        }
        self.families_born += 1;
        let (born, help) = (self.families_born, help_of(series).into());
        self.families.insert(name, Family { family_type, help, born, series: BTreeMap::new() });
    }

    fn new_slot(&mut self, exposed: &Exposed, series: &Arc<Series>, at: Stamp) -> SlotId {
        let mut slot = Slot {
            generation: 0,
            family_type: exposed.family_type,
            divisor: exposed.divisor,
            series: Arc::clone(series),
            updated: at,
            value: None,
        };
        let Some(index) = self.free.pop() else {
            self.slots.push(slot);
            let index = u32::try_from(self.slots.len() - 1).expect("a registry names fewer than 2^32 series");
            return SlotId { index, generation: 0 };
        };
        slot.generation = self.slots[index as usize].generation;
        let generation = slot.generation;
        self.slots[index as usize] = slot;
        SlotId { index, generation }
    }

    /// Writes a family, or what comes after the labels `after`, until the buffer has `full` bytes. Returns the last
    /// labels written if there may be more.
    fn render_family(
        &self,
        name: &str,
        family: &Family,
        after: Option<&str>,
        into: &mut Vec<u8>,
        full: usize,
    ) -> Option<Arc<str>> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut series =
            family.series.range::<str, _>((start, Bound::Unbounded)).filter_map(|(labels, &index)| {
                self.slots[index as usize].value.as_ref().map(|value| (labels, value))
            });
        let mut next = series.next();
        next?;
        let mut text = TextWriter::new(into);
        let mut writer = match after {
            None => text.family(name, &family.help, family.family_type),
            Some(_) => text.resume(name),
        };
        while let Some((labels, value)) = next {
            value.write(&mut writer, labels);
            next = series.next();
            if writer.len() >= full && next.is_some() {
                return Some(Arc::clone(labels));
            }
        }
        None
    }
}

fn labels_of(series: &Series) -> Arc<str> {
    let mut labels = Vec::new();
    push_labels(&mut labels, &series.tags);
    String::from_utf8(labels).expect("labels are made of text").into()
}

fn help_of(series: &Series) -> String {
    let unit = match series.kind {
        Kind::Timer => ", in seconds",
        Kind::Set => ", distinct members of the last interval",
        _ => "",
    };
    format!("statsd {} {}{unit}", series.kind.word(), series.name)
}

#[cfg(test)]
mod tests;
