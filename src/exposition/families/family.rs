//! Families, and what they are called.
//!
//! Most are a series without labels that no rule names, alone in its family: of those nothing is kept but the slot,
//! since name, type and help follow from the series. Others have a record.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::exposing::Exposing;
use super::super::names::FamilyType;
use super::super::slot::Slot;
use crate::metric::{Registry, SeriesId};

/// Which family: by its only slot, or by its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum FamilyId {
    /// That of a slot whose series is alone and names it.
    Lone(u32),
    /// One with a record.
    Recorded(u32),
}

/// A family that is more than a series of that name.
#[derive(Debug)]
pub(in super::super) struct Family {
    pub(in super::super) name: Arc<str>,
    pub(in super::super) family_type: FamilyType,
    /// The series that was there first, of which the help tells.
    pub(in super::super) first: SeriesId,
    /// The profile of that series.
    pub(in super::super) profile: u32,
    /// Tells it from an earlier family of the name; never 0.
    pub(in super::super) born: u64,
    /// Slots by the text of their labels.
    pub(in super::super) series: BTreeMap<Arc<str>, u32>,
}

/// What families are called.
#[derive(Clone, Copy)]
pub(in super::super) struct Called<'a> {
    pub(super) names: &'a Registry,
    pub(super) exposing: &'a Exposing,
    pub(super) slots: &'a [Slot],
    pub(super) families: &'a [Option<Family>],
}

impl FamilyId {
    /// The family as a number.
    pub(super) fn pack(self) -> u32 {
        match self {
            FamilyId::Lone(slot) => slot,
            FamilyId::Recorded(number) => number | RECORDED,
        }
    }

    /// The family of that number.
    pub(in super::super) fn unpack(number: u32) -> FamilyId {
        match number & RECORDED {
            0 => FamilyId::Lone(number),
            _ => FamilyId::Recorded(number & !RECORDED),
        }
    }
}

impl Called<'_> {
    /// Puts the name of a family into `into`.
    pub(in super::super) fn name(&self, family: FamilyId, into: &mut String) {
        match family {
            FamilyId::Lone(slot) => {
                let series = self.slots[slot as usize].series;
                with_name(self.names, series, |name| self.exposing.name(name, series.kind(), into));
            }
            FamilyId::Recorded(number) => {
                into.clear();
                into.push_str(&recorded(self.families, number).name);
            }
        }
    }
}

/// The family of a number that is in use.
pub(super) fn recorded(families: &[Option<Family>], number: u32) -> &Family {
    families[number as usize].as_ref().expect("a family that has a number is there")
}

/// Calls `use_it` with the statsd name of a series; the registry is locked for new names meanwhile.
pub(in super::super) fn with_name<T>(
    names: &Registry,
    series: SeriesId,
    use_it: impl FnOnce(&str) -> T,
) -> T {
    names.with_names(series.kind(), |names| use_it(names.get(series.index()).name))
}

/// Bit of a packed family that has a record.
const RECORDED: u32 = 1 << 31;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packed_family_is_the_same_unpacked() {
        for family in [FamilyId::Lone(0), FamilyId::Lone(7), FamilyId::Recorded(0), FamilyId::Recorded(7)] {
            assert_eq!(FamilyId::unpack(family.pack()), family);
        }
    }
}
