//! What became of each series, in four bytes as long as there is one aggregator.

use crate::exposition::SlotId;
use crate::metric::{Kind, SeriesId};

/// By kind and index.
#[derive(Debug, Default)]
pub(super) struct Places {
    kinds: [OfKind; Kind::ALL.len()],
    /// Whether there is a series that was refused.
    some_refused: bool,
}

#[derive(Debug, Default)]
struct OfKind {
    /// `NEW`, `REFUSED`, `ASKS`, `HIDDEN`, or how far the number of a slot is from `FIRST`.
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
    /// It is not shown: its name is another's.
    Refused,
    /// It was refused, and whatever had its name may have gone since.
    Asks,
    /// It is not shown: a rule hides it.
    Hidden,
}

impl Places {
    /// What became of a series.
    pub(super) fn of(&self, series: SeriesId) -> Place {
        self.kinds[series.kind() as usize].at(series)
    }

    /// Sets what became of a series; there are as many of its kind as `most`.
    pub(super) fn set(&mut self, series: SeriesId, place: Place, most: usize) {
        self.some_refused |= place == Place::Refused;
        let OfKind { slots, owners } = &mut self.kinds[series.kind() as usize];
        let index = series.index();
        if slots.len() <= index {
            slots.resize(most.max(index + 1), NEW);
        }
        let (slot, owner) = match place {
            Place::New => (NEW, 0),
            Place::Refused => (REFUSED, 0),
            Place::Asks => (ASKS, 0),
            Place::Hidden => (HIDDEN, 0),
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

    /// Lets those that were refused ask again.
    pub(super) fn ask_again(&mut self) {
        if std::mem::take(&mut self.some_refused) {
            let slots = self.kinds.iter_mut().flat_map(|kind| &mut kind.slots);
            slots.filter(|slot| **slot == REFUSED).for_each(|slot| *slot = ASKS);
        }
    }

    /// All slots, with their owners.
    pub(super) fn slots(&self) -> impl Iterator<Item = (SlotId, u16)> {
        let of_kind = |kind: Kind| {
            let places = &self.kinds[kind as usize];
            (0..places.slots.len()).filter_map(move |index| match places.at(SeriesId::new(kind, index)) {
                Place::At(slot, owner) => Some((slot, owner)),
                Place::New | Place::Refused | Place::Asks | Place::Hidden => None,
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
            Some(&ASKS) => Place::Asks,
            Some(&HIDDEN) => Place::Hidden,
            Some(&slot) => {
                let owner = self.owners.get(series.index()).copied().unwrap_or(0);
                Place::At(SlotId::new(series, slot - FIRST), owner)
            }
        }
    }
}

const NEW: u32 = 0;
const REFUSED: u32 = 1;
const ASKS: u32 = 2;
const HIDDEN: u32 = 3;
const FIRST: u32 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_what_it_was_set_to() {
        let mut places = Places::default();
        let id = |index| SeriesId::new(Kind::Gauge, index);
        let at = |index, slot, owner| Place::At(SlotId::new(id(index), slot), owner);
        let set = [
            (3, at(3, 7, 0)),
            (0, Place::Refused),
            (4, at(4, 0, 2)),
            (3, at(3, 8, 1)),
            (5, at(5, 9, 0)),
            (2, Place::Hidden),
        ];
        for (index, place) in set {
            places.set(id(index), place, 5);
        }
        let found = [0, 1, 2, 3, 4, 5, 6].map(|index| places.of(id(index)));
        assert_eq!(
            found,
            [Place::Refused, Place::New, Place::Hidden, at(3, 8, 1), at(4, 0, 2), at(5, 9, 0), Place::New]
        );
        let slots: Vec<(u32, u16)> = places.slots().map(|(slot, owner)| (slot.number(), owner)).collect();
        assert_eq!(slots, [(8, 1), (0, 2), (9, 0)]);
        assert_eq!(places.of(SeriesId::new(Kind::Counter, 3)), Place::New);
        places.ask_again();
        assert_eq!([0, 2].map(|index| places.of(id(index))), [Place::Asks, Place::Hidden]);
    }
}
