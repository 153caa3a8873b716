//! Where a series goes: a place of its own, one it shares, or none because another is in the way.

use std::collections::BTreeMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use super::super::exposing::Exposure;
use super::super::names::{FamilyType, Unit};
use super::super::sharing::Shared;
use super::super::slot::{Mark, Marks, Slot, SlotId, Value};
use super::expiring::Asleep;
use super::family::recorded;
use super::{Families, Family, FamilyId};
use crate::metric::SeriesId;
use crate::time::Stamp;

/// Why a series cannot have a name.
pub(super) struct InTheWay {
    pub(super) family: Arc<str>,
    /// A series of the same kind has the very name and labels.
    pub(super) same_kind: bool,
}

/// Where there is room for a series.
enum Room {
    /// Nothing is there.
    Free,
    /// It is to share this slot.
    Shared(u32),
}

impl Families {
    /// Where a series is in a family, if it is there.
    pub(super) fn place_of(&mut self, family: FamilyId, labels: &str, series: SeriesId) -> Option<SlotId> {
        let place = SlotId { index: self.slot_of(family, labels)?, series };
        let was_member = self.shared.get_mut(&place.index).is_some_and(|shared| shared.rejoin(series));
        (was_member || self.is_alive(place)).then_some(place)
    }

    /// Gives a series a place under a name, if there is room; in that family, if one has the name.
    pub(super) fn give(
        &mut self,
        (name, family): (&str, Option<FamilyId>),
        wanted: &Exposure,
        series: SeriesId,
        at: Stamp,
        new: bool,
    ) -> Result<SlotId, InTheWay> {
        match self.room(name, family, wanted, series)? {
            Room::Shared(index) => {
                self.join(index, series, self.unit_of(wanted, series));
                Ok(SlotId { index, series })
            }
            Room::Free => {
                let index = self.new_slot(name, wanted, series, at, new);
                self.file(index, name, wanted, family);
                Ok(SlotId { index, series })
            }
        }
    }

    /// Whether a series of this type can be `name{labels}`, or what is in the way.
    fn room(
        &self,
        name: &str,
        family: Option<FamilyId>,
        wanted: &Exposure,
        series: SeriesId,
    ) -> Result<Room, InTheWay> {
        let Some(family) = family else { return self.room_for_family(name, wanted.exposed.family_type) };
        let in_the_way = |same_kind| InTheWay { family: name.into(), same_kind };
        if self.type_of(family) != wanted.exposed.family_type {
            return Err(in_the_way(false));
        }
        let Some(index) = self.slot_of(family, &wanted.labels) else { return Ok(Room::Free) };
        let slot = &self.slots[index as usize];
        let merges = |profile: usize, of: SeriesId| self.profiles[profile].merges(of.kind());
        match merges(slot.marks.profile(), slot.series) && merges(wanted.profile as usize, series) {
            true => Ok(Room::Shared(index)),
            false => Err(in_the_way(slot.series.kind() == series.kind())),
        }
    }

    /// Whether there can be a family of a name that no other has.
    fn room_for_family(&self, name: &str, family_type: FamilyType) -> Result<Room, InTheWay> {
        let in_the_way = |family: &str| InTheWay { family: family.into(), same_kind: false };
        if let Some(family) = self.taker_with_suffix(name) {
            return Err(in_the_way(family));
        }
        for suffix in family_type.suffixes().iter().filter(|suffix| !suffix.is_empty()) {
            if let Some(family) = self.taker(&[name, suffix].concat()) {
                return Err(in_the_way(family));
            }
        }
        Ok(Room::Free)
    }

    /// The series that has a name and labels, or else the first of the family.
    pub(super) fn holder(&self, name: &str, labels: &str) -> Option<SeriesId> {
        let family = self.find(name)?;
        let slot = self.slot_of(family, labels).map(|slot| self.slots[slot as usize].series);
        slot.or(match family {
            FamilyId::Lone(slot) => Some(self.slots[slot as usize].series),
            FamilyId::Recorded(number) => Some(recorded(&self.recorded, number).first),
        })
    }

    /// The slot of a series of a family, if it has one with these labels.
    fn slot_of(&self, family: FamilyId, labels: &str) -> Option<u32> {
        match family {
            FamilyId::Lone(slot) => labels.is_empty().then_some(slot),
            FamilyId::Recorded(number) => recorded(&self.recorded, number).series.get(labels).copied(),
        }
    }

    /// What becomes of the values of a series.
    fn unit_of(&self, wanted: &Exposure, series: SeriesId) -> Unit {
        self.profiles[wanted.profile as usize].unit(series.kind())
    }

    /// Lets another series share a slot.
    fn join(&mut self, index: u32, series: SeriesId, unit: Unit) {
        let slot = &mut self.slots[index as usize];
        let shared = match self.shared.entry(index) {
            Entry::Occupied(shared) => shared.into_mut(),
            Entry::Vacant(none) => {
                slot.marks.set(Mark::Shared);
                let of_first = self.profiles[slot.marks.profile()].unit(slot.series.kind());
                none.insert(Shared::new(slot.series, of_first, slot.value.totals(&self.moments)))
            }
        };
        shared.join(series, unit);
    }

    /// Puts a slot into its family, which is a new one if there is none of the name.
    fn file(&mut self, index: u32, name: &str, wanted: &Exposure, family: Option<FamilyId>) {
        let number = match family {
            Some(FamilyId::Recorded(number)) => number,
            Some(lone @ FamilyId::Lone(other)) => {
                let slot = &mut self.slots[other as usize];
                slot.marks.unset(Mark::Lone);
                let (first, family_type) = (slot.series, slot.family_type());
                let number = self.record(name, first, 0, family_type);
                self.enter(number, "".into(), other);
                let (index, called) = self.index_to_change();
                index.replace(lone, FamilyId::Recorded(number), name, called);
                number
            }
            None if is_lone(name, wanted) => {
                self.slots[index as usize].marks.set(Mark::Lone);
                return self.add(FamilyId::Lone(index), name);
            }
            None => {
                let first = self.slots[index as usize].series;
                let number = self.record(name, first, wanted.profile, wanted.exposed.family_type);
                self.add(FamilyId::Recorded(number), name);
                number
            }
        };
        self.enter(number, Arc::clone(&wanted.labels), index);
    }

    fn add(&mut self, family: FamilyId, name: &str) {
        let (index, called) = self.index_to_change();
        index.insert(family, name, called);
    }

    /// Makes the record of a family without series.
    fn record(&mut self, name: &str, first: SeriesId, profile: u32, family_type: FamilyType) -> u32 {
        self.records_born += 1;
        let (name, born, series) = (name.into(), self.records_born, BTreeMap::new());
        let family = Some(Family { name, family_type, first, profile, born, series });
        match self.free_records.pop() {
            Some(number) => {
                self.recorded[number as usize] = family;
                number
            }
            None => {
                self.recorded.push(family);
                number_of(self.recorded.len() - 1)
            }
        }
    }

    fn enter(&mut self, family: u32, labels: Arc<str>, slot: u32) {
        let family = self.recorded[family as usize].as_mut().expect("it is there or was just made");
        family.series.insert(labels, slot);
    }

    fn new_slot(&mut self, name: &str, wanted: &Exposure, series: SeriesId, at: Stamp, new: bool) -> u32 {
        let woken = self.wake(name, wanted, series);
        let cumulative = wanted.exposed.family_type != FamilyType::Gauge;
        let born = if new && cumulative && woken.is_none() { self.births.next() } else { 0 };
        let (mut value, shared) = match woken {
            Some(woken) => (woken.value, Some(woken.shared)),
            None => (Value::new(wanted.exposed.family_type, &wanted.shape, at, &mut self.moments), None),
        };
        if let Value::Distribution(kept) = &mut value
            && let Some(counted) = &mut kept.counted
        {
            self.kept.restore(name, &wanted.labels, counted);
        }
        let (touched, marks) = (self.moments.number(at), Marks::new(wanted.profile));
        let index = self.place(Slot { value, series, touched, born, marks });
        if let Some(mut shared) = shared {
            shared.join(series, self.unit_of(wanted, series));
            self.shared.insert(index, shared);
            self.slots[index as usize].marks.set(Mark::Shared);
        }
        index
    }

    /// What slept under that name, if it is of the type that is wanted.
    fn wake(&mut self, name: &str, wanted: &Exposure, series: SeriesId) -> Option<Asleep> {
        if self.asleep.is_empty() || !self.profiles[wanted.profile as usize].merges(series.kind()) {
            return None;
        }
        let mut woken = self.asleep.remove(&(name.into(), Arc::clone(&wanted.labels)))?;
        if let Value::Distribution(kept) = &mut woken.value {
            kept.forget_window();
        }
        Some(woken).filter(|woken| woken.family_type == wanted.exposed.family_type)
    }

    /// Puts a slot where there is room for one.
    fn place(&mut self, slot: Slot) -> u32 {
        match self.free.pop() {
            Some(index) => {
                self.slots[index as usize] = slot;
                index
            }
            None => {
                self.slots.push(slot);
                number_of(self.slots.len() - 1)
            }
        }
    }
}

/// Whether a series that is alone under `name` names its family.
fn is_lone(name: &str, wanted: &Exposure) -> bool {
    !wanted.mapped && wanted.labels.is_empty() && name == wanted.exposed.name
}

/// A place as a number, of which families need one bit.
///
/// # Panics
/// If there are 2^31, which no memory holds.
fn number_of(place: usize) -> u32 {
    assert!(place < 1 << 31, "a store has fewer than 2^31 series");
    place as u32
}
