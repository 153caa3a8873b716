//! What became of each series, in four bytes as long as there is one aggregator.

use crate::exposition::SlotId;
use crate::metric::{Kind, SeriesId};

/// By kind and index.
#[derive(Debug, Default)]
pub(super) struct Places([OfKind; Kind::ALL.len()]);

#[derive(Debug, Default)]
struct OfKind {
    /// `NEW`, `REFUSED`, or how far the number of a slot is from `FIRST`.
    slots: Vec<u32>,
    /// The numbers of aggregators, as far as there is another one than the first.
    owners: Vec<u16>,
}

/// What became of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// It never came.
    New,
    /// It is kept there and belongs to the aggregator of this number: totals of another one would move it back.
    At(SlotId, u16),
    /// It is not shown: its name is another's, or a rule hides it.
    Refused,
}

impl Places {
    /// What became of a series.
    pub(super) fn of(&self, series: SeriesId) -> Place {
        self.0[series.kind() as usize].at(series)
    }

    /// Sets what became of a series; there are as many of its kind as `most`.
    pub(super) fn set(&mut self, series: SeriesId, place: Place, most: usize) {
        let OfKind { slots, owners } = &mut self.0[series.kind() as usize];
        let index = series.index();
        if slots.len() <= index {
            slots.resize(most.max(index + 1), NEW);
        }
        let (slot, owner) = match place {
            Place::New => (NEW, 0),
            Place::Refused => (REFUSED, 0),
            Place::At(slot, owner) => (slot.number() + FIRST, owner),
        };
        slots[index] = slot;
        if owner > 0 && owners.len() <= index {
            owners.resize(slots.len(), 0);
        }
        if let Some(of_series) = owners.get_mut(index) {
            *of_series = owner;
        }
    }

    /// All slots, with their owners.
    pub(super) fn slots(&self) -> impl Iterator<Item = (SlotId, u16)> {
        let of_kind = |kind: Kind| {
            let places = &self.0[kind as usize];
            (0..places.slots.len()).filter_map(move |index| match places.at(SeriesId::new(kind, index)) {
                Place::At(slot, owner) => Some((slot, owner)),
                Place::New | Place::Refused => None,
            })
        };
        Kind::ALL.into_iter().flat_map(of_kind)
    }
}

impl OfKind {
    fn at(&self, series: SeriesId) -> Place {
        match self.slots.get(series.index()) {
            None | Some(&NEW) => Place::New,
            Some(&REFUSED) => Place::Refused,
            Some(&slot) => {
                let owner = self.owners.get(series.index()).copied().unwrap_or(0);
                Place::At(SlotId::new(series, slot - FIRST), owner)
            }
        }
    }
}

const NEW: u32 = 0;
const REFUSED: u32 = 1;
const FIRST: u32 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_what_it_was_set_to() {
        let mut places = Places::default();
        let id = |index| SeriesId::new(Kind::Gauge, index);
        let at = |index, slot, owner| Place::At(SlotId::new(id(index), slot), owner);
        let set =
            [(3, at(3, 7, 0)), (0, Place::Refused), (4, at(4, 0, 2)), (3, at(3, 8, 1)), (5, at(5, 9, 0))];
        for (index, place) in set {
            places.set(id(index), place, 5);
        }
        let found = [0, 1, 3, 4, 5, 6].map(|index| places.of(id(index)));
        assert_eq!(found, [Place::Refused, Place::New, at(3, 8, 1), at(4, 0, 2), at(5, 9, 0), Place::New]);
        let slots: Vec<(u32, u16)> = places.slots().map(|(slot, owner)| (slot.number(), owner)).collect();
        assert_eq!(slots, [(8, 1), (0, 2), (9, 0)]);
        assert_eq!(places.of(SeriesId::new(Kind::Counter, 3)), Place::New);
    }
}
