//! Where a series goes: a place of its own, one it shares, or none because another is in the way.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::exposing::Exposure;
use super::super::names::FamilyType;
use super::super::sharing::Shared;
use super::super::slot::{Slot, SlotId, Value};
use super::{Families, Family};
use crate::metric::{Kind, Series};
use crate::time::Stamp;

/// What is kept of a slot that was shared and expired.
#[derive(Debug)]
pub(super) struct Asleep {
    pub(super) family_type: FamilyType,
    pub(super) value: Value,
    pub(super) shared: Box<Shared>,
}

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
    /// Where a series is, if it is there.
    pub(super) fn place_of(&self, name: &str, labels: &str, series: &Arc<Series>) -> Option<SlotId> {
        let index = *self.families.get(name)?.series.get(labels)?;
        let slot = &self.slots[index as usize];
        Some(SlotId { index, generation: slot.generation, member: slot.member(series)? })
    }

    /// Gives a series a place under `name`, if there is room.
    pub(super) fn give(
        &mut self,
        name: &str,
        wanted: &Exposure,
        series: &Arc<Series>,
        at: Stamp,
        new: bool,
    ) -> Result<SlotId, InTheWay> {
        match self.room(name, wanted, series.kind)? {
            Room::Shared(index) => {
                let slot = &mut self.slots[index as usize];
                let member = slot.join(series, wanted.exposed.unit);
                Ok(SlotId { index, generation: slot.generation, member })
            }
            Room::Free => {
                let (slot, member) = self.new_slot(name, wanted, series, at, new);
                let place = self.place(slot, member);
                if !self.families.contains_key(name) {
                    self.new_family(name, wanted);
                }
                let family = self.families.get_mut(name).expect("it is there or was just made");
                family.series.insert(Arc::clone(&wanted.labels), place.index);
                Ok(place)
            }
        }
    }

    /// Whether a series of this type can be `name{labels}`, or what is in the way.
    fn room(&self, name: &str, wanted: &Exposure, kind: Kind) -> Result<Room, InTheWay> {
        let family_type = wanted.exposed.family_type;
        if let Some((found, family)) = self.families.get_key_value(name) {
            let in_the_way = |same_kind| InTheWay { family: Arc::clone(found), same_kind };
            if family.family_type != family_type {
                return Err(in_the_way(false));
            }
            let Some(&index) = family.series.get(&*wanted.labels) else { return Ok(Room::Free) };
            let slot = &self.slots[index as usize];
            return match slot.merges && wanted.merges {
                true => Ok(Room::Shared(index)),
                false => Err(in_the_way(slot.series.kind == kind)),
            };
        }
        for suffix in family_type.suffixes() {
            if let Some(family) = self.taken.get([name, suffix].concat().as_str()) {
                return Err(InTheWay { family: Arc::clone(family), same_kind: false });
            }
        }
        Ok(Room::Free)
    }

    fn new_family(&mut self, name: &str, wanted: &Exposure) {
        let name: Arc<str> = name.into();
        let family_type = wanted.exposed.family_type;
        for suffix in family_type.suffixes() {
            self.taken.insert([&name, *suffix].concat().into(), Arc::clone(&name));
        }
        self.families_born += 1;
        let family = Family {
            family_type,
            help: wanted.help.as_str().into(),
            in_seconds: wanted.in_seconds,
            born: self.families_born,
            series: BTreeMap::new(),
        };
        self.families.insert(name, family);
    }

    /// A slot for `name{labels}`, and which of its members the series is.
    fn new_slot(
        &mut self,
        name: &str,
        wanted: &Exposure,
        series: &Arc<Series>,
        at: Stamp,
        new: bool,
    ) -> (Slot, u32) {
        let woken = self.wake(name, wanted);
        let cumulative = wanted.exposed.family_type != FamilyType::Gauge;
        let born = if new && cumulative && woken.is_none() { self.births.next() } else { 0 };
        let (mut value, mut shared) = match woken {
            Some(woken) => (woken.value, Some(woken.shared)),
            None => (Value::new(wanted.exposed.family_type, &wanted.shape, at), None),
        };
        if let Value::Distribution(kept) = &mut value
            && let Some(counted) = &mut kept.counted
        {
            self.kept.restore(name, &wanted.labels, counted);
        }
        let member = shared.as_mut().map_or(0, |shared| shared.join(series, wanted.exposed.unit));
        let slot = Slot {
            generation: 0,
            born,
            series: Arc::clone(series),
            unit: wanted.exposed.unit,
            touched: at,
            shown: false,
            profile: wanted.profile,
            merges: wanted.merges,
            value,
            shared,
        };
        (slot, member)
    }

    /// What slept under that name, if it is of the type that is wanted.
    fn wake(&mut self, name: &str, wanted: &Exposure) -> Option<Asleep> {
        if self.asleep.is_empty() || !wanted.merges {
            return None;
        }
        let mut woken = self.asleep.remove(&(name.into(), Arc::clone(&wanted.labels)))?;
        if let Value::Distribution(kept) = &mut woken.value {
            kept.forget_window();
        }
        Some(woken).filter(|woken| woken.family_type == wanted.exposed.family_type)
    }

    /// Puts a slot where there is room for one.
    fn place(&mut self, mut slot: Slot, member: u32) -> SlotId {
        let Some(index) = self.free.pop() else {
            self.slots.push(slot);
            let index = u32::try_from(self.slots.len() - 1).expect("a registry names fewer than 2^32 series");
            return SlotId { index, generation: 0, member };
        };
        let generation = self.slots[index as usize].generation;
        slot.generation = generation;
        self.slots[index as usize] = slot;
        SlotId { index, generation, member }
    }
}
