//! Names and tags of series, by index: text behind text, in blocks, without a pointer or an allocation of their own.
//!
//! Of a million series with names of 30 bytes each takes 31 bytes of text and 5 of places.

use super::tags::{push_piece, take_piece};
use super::{Kind, Registry, SeriesId, SeriesRef, TagsRef};

/// The names of all series of one kind.
#[derive(Debug)]
pub struct Names {
    kind: Kind,
    /// All but the last one are full.
    blocks: Vec<NameList>,
}

/// Some names of one kind, in one piece of memory.
#[derive(Debug)]
pub struct NameList {
    kind: Kind,
    /// Of each the name behind its length, then its tags.
    text: String,
    /// Where each ends.
    ends: Vec<u32>,
}

impl Names {
    pub(super) fn new(kind: Kind) -> Names {
        Names { kind, blocks: Vec::new() }
    }

    /// Number of names; indexes are smaller.
    pub fn len(&self) -> usize {
        self.blocks.last().map_or(0, |last| (self.blocks.len() - 1) * BLOCK + last.len())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// The series of an index.
    ///
    /// # Panics
    /// If no series has it.
    pub fn get(&self, index: usize) -> SeriesRef<'_> {
        self.blocks[index / BLOCK].get(index % BLOCK)
    }

    /// All of them, in the order of their indexes.
    pub fn iter(&self) -> impl Iterator<Item = SeriesRef<'_>> {
        (0..self.len()).map(|index| self.get(index))
    }

    /// Appends a series of the kind; its index.
    pub(super) fn push(&mut self, series: SeriesRef<'_>) -> usize {
        match self.blocks.last_mut() {
            Some(last) if last.len() < BLOCK => last.push(series),
            last => {
                // As much as the block before needed is a good guess.
                let bytes = last.map_or(0, |last| {
                    last.text.shrink_to_fit();
                    last.text.len()
                });
                let mut block = NameList::of(self.kind);
                block.ends.reserve_exact(BLOCK);
                block.text.reserve_exact(bytes);
                block.push(series);
                self.blocks.push(block);
            }
        }
        self.len() - 1
    }
}

impl NameList {
    /// An empty one of series of `kind`.
    pub fn of(kind: Kind) -> NameList {
        NameList { kind, text: String::new(), ends: Vec::new() }
    }

    /// Takes the names of `series`, all of one kind, in the place of what was in it. The registry is locked for new
    /// names meanwhile.
    ///
    /// # Panics
    /// If `names` did not give the ids out.
    pub fn take(&mut self, names: &Registry, series: impl IntoIterator<Item = SeriesId>) {
        self.text.clear();
        self.ends.clear();
        let mut series = series.into_iter();
        let Some(first) = series.next() else { return };
        self.kind = first.kind();
        names.with_names(self.kind, |names| {
            std::iter::once(first).chain(series).for_each(|id| self.push(names.get(id.index())));
        });
    }

    /// Number of names.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Appends a series of the kind.
    fn push(&mut self, series: SeriesRef<'_>) {
        debug_assert_eq!(series.kind, self.kind, "names are kept kind by kind");
        push_piece(&mut self.text, series.name);
        self.text.push_str(series.tags.as_written());
        self.ends.push(u32::try_from(self.text.len()).expect("names are bounded, and lists short"));
    }

    /// The series at a place.
    ///
    /// # Panics
    /// If there are fewer.
    pub fn get(&self, at: usize) -> SeriesRef<'_> {
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        let text = &self.text[start..self.ends[at] as usize];
        let (name, tags) = take_piece(text).expect("every record begins with a name");
        SeriesRef { name, tags: TagsRef::read(tags), kind: self.kind }
    }

    /// All of them, in their order.
    pub fn iter(&self) -> impl Iterator<Item = SeriesRef<'_>> {
        (0..self.len()).map(|at| self.get(at))
    }
}

/// Names a block has.
const BLOCK: usize = 64;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::metric::{Resolved, Series};

    proptest! {
        #[test]
        fn names_are_found_by_their_index(
            wanted in prop::collection::vec((".{0,200}", prop::collection::vec((".{0,9}", ".{0,9}"), 0..3)), 0..200),
        ) {
            let series: Vec<Series> = wanted
                .into_iter()
                .map(|(name, tags)| Series { tags: tags.into_iter().collect(), ..Series::plain(&name, Kind::Gauge) })
                .collect();
            let mut names = Names::new(Kind::Gauge);
            for (index, series) in series.iter().enumerate() {
                prop_assert_eq!(names.push(series.borrowed()), index);
            }
            prop_assert_eq!((names.len(), names.is_empty()), (series.len(), series.is_empty()));
            let found: Vec<Series> = names.iter().map(SeriesRef::to_owned).collect();
            prop_assert_eq!(found, series);
        }
    }

    #[test]
    fn a_list_takes_names_in_the_place_of_others_and_in_their_memory() {
        let registry = Registry::new(10);
        let mut ids = Vec::new();
        for name in ["a.long.name", "b", "c"] {
            let Resolved::Known(id) = registry.resolve(Series::plain(name, Kind::Set)) else {
                panic!("there is room")
            };
            ids.push(id);
        }
        let mut list = NameList::of(Kind::Counter);
        list.take(&registry, ids[..1].iter().copied());
        let memory = list.text.as_ptr();
        list.take(&registry, [ids[2], ids[1]]);
        let found: Vec<&str> = list.iter().map(|series| series.name).collect();
        assert_eq!((found, list.text.as_ptr()), (vec!["c", "b"], memory));
    }
}
