//! What is too old leaves: its slot, the name of its family, and the moments it had.

use std::sync::Arc;

use super::super::names::FamilyType;
use super::super::sharing::Shared;
use super::super::slot::{Mark, Slot, Value};
use super::{Families, FamilyId};
use crate::time::Stamp;

/// What is kept of a slot that was shared and expired.
#[derive(Debug)]
pub(super) struct Asleep {
    pub(super) family_type: FamilyType,
    pub(super) value: Value,
    pub(super) shared: Shared,
}

/// What leaves at once.
#[derive(Default)]
struct Leaving {
    families: Vec<FamilyId>,
    slots: Vec<u32>,
    /// Slots that were shared, by names of families, and labels.
    shared: Vec<(Arc<str>, Arc<str>, u32)>,
}

impl Families {
    /// Removes what last had samples, or was first seen, longer ago than its ttl, and frees the names of families that
    /// become empty. Says how many series it removed.
    pub fn expire(&mut self, now: Stamp) -> usize {
        let oldest: Vec<Option<Stamp>> = self.profiles.iter().map(|profile| profile.oldest(now)).collect();
        if oldest.iter().all(Option::is_none) {
            return 0;
        }
        let mut leaving = Leaving::default();
        self.lone_that_leave(&oldest, &mut leaving);
        self.recorded_that_leave(&oldest, &mut leaving);
        let (index, called) = self.index_to_change();
        index.remove(&leaving.families, called);
        for family in leaving.families {
            if let FamilyId::Recorded(number) = family {
                self.recorded[number as usize] = None;
                self.free_records.push(number);
            }
        }
        leaving.shared.into_iter().for_each(|(name, labels, slot)| self.put_to_sleep(name, labels, slot));
        for &slot in &leaving.slots {
            self.slots[slot as usize].value = Value::Nothing;
        }
        self.free.extend(&leaving.slots);
        leaving.slots.len()
    }

    fn lone_that_leave(&self, oldest: &[Option<Stamp>], leaving: &mut Leaving) {
        let mut name = String::new();
        for (index, slot) in (0..).zip(&self.slots) {
            if !slot.marks.has(Mark::Lone) || !slot.is_used() || self.stays(slot, oldest) {
                continue;
            }
            leaving.slots.push(index);
            leaving.families.push(FamilyId::Lone(index));
            if slot.marks.has(Mark::Shared) {
                self.called().name(FamilyId::Lone(index), &mut name);
                leaving.shared.push((name.as_str().into(), "".into(), index));
            }
        }
    }

    fn recorded_that_leave(&mut self, oldest: &[Option<Stamp>], leaving: &mut Leaving) {
        let mut recorded = std::mem::take(&mut self.recorded);
        for (number, family) in (0..).zip(&mut recorded) {
            let Some(family) = family else { continue };
            let name = &family.name;
            family.series.retain(|labels, &mut index| {
                let slot = &self.slots[index as usize];
                let stays = self.stays(slot, oldest);
                if !stays {
                    leaving.slots.push(index);
                }
                if !stays && slot.marks.has(Mark::Shared) {
                    leaving.shared.push((Arc::clone(name), Arc::clone(labels), index));
                }
                stays
            });
            if family.series.is_empty() {
                leaving.families.push(FamilyId::Recorded(number));
            }
        }
        self.recorded = recorded;
    }

    fn stays(&self, slot: &Slot, oldest: &[Option<Stamp>]) -> bool {
        oldest[slot.marks.profile()].is_none_or(|oldest| self.moments.stamp(slot.touched) >= oldest)
    }

    fn put_to_sleep(&mut self, name: Arc<str>, labels: Arc<str>, index: u32) {
        let Some(mut shared) = self.shared.remove(&index) else { return };
        shared.leave();
        let slot = &mut self.slots[index as usize];
        let family_type = slot.family_type();
        let value = std::mem::replace(&mut slot.value, Value::Nothing);
        self.asleep.insert((name, labels), Asleep { family_type, value, shared });
    }

    /// Forgets moments that no series has any more, now and then.
    pub(super) fn sweep_moments(&mut self) {
        if self.moments.are_many() {
            let awake = self.slots.iter_mut().flat_map(Slot::moments);
            let asleep = self.asleep.values_mut().filter_map(|asleep| asleep.value.moment());
            self.moments.sweep(awake.chain(asleep));
        }
    }
}
