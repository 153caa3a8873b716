//! Counts of neighbouring exponential buckets, from the first to the last that is used.

use super::exponential::{FINEST, coarsened, halved, middle};

/// Counts of neighbouring buckets.
#[derive(Debug)]
pub(super) struct Dense {
    schema: i8,
    /// The bucket of the first count.
    first: i32,
    counts: Counts,
}

impl Default for Dense {
    fn default() -> Dense {
        Dense { schema: FINEST, first: 0, counts: Counts::Wide(Vec::new()) }
    }
}

impl Dense {
    /// Counts in the bucket of that index of the finest schema; coarsens where the buckets would be too many.
    pub(super) fn add(&mut self, finest: i32, count: u32) {
        let mut index = coarsened(finest, self.schema);
        if self.counts.len() == 0 {
            self.first = index;
        }
        while self.span_with(index) > MOST {
            self.halve();
            index = coarsened(finest, self.schema);
        }
        let (span, before) = (self.span_with(index), self.first.abs_diff(index.min(self.first)) as usize);
        self.first = self.first.min(index);
        let counts = self.counts.wide();
        if span > counts.len() {
            counts.reserve_exact(span - counts.len());
            counts.splice(0..0, std::iter::repeat_n(0, before));
            counts.resize(span, 0);
        }
        let cell = &mut counts[self.first.abs_diff(index) as usize];
        *cell = cell.saturating_add(count);
    }

    /// Nothing more is added: room is given back.
    pub(super) fn close(&mut self) {
        self.counts.narrow();
    }

    /// Bytes it has on the heap.
    #[cfg(test)]
    pub(super) fn heap(&self) -> usize {
        match &self.counts {
            Counts::Wide(counts) => counts.capacity() * size_of::<u32>(),
            Counts::Middle(counts) => counts.len() * size_of::<u16>(),
            Counts::Narrow(counts) => counts.len(),
        }
    }

    fn span_with(&self, index: i32) -> usize {
        let last = self.first + (self.counts.len() as i32 - 1).max(0);
        last.max(index).abs_diff(self.first.min(index)) as usize + 1
    }

    fn halve(&mut self) {
        self.schema -= 1;
        let first = halved(self.first, 1);
        let mut counts = Vec::with_capacity(self.counts.len() / 2 + 1);
        for (index, at) in (self.first..).zip(0..self.counts.len()) {
            let into = halved(index, 1).abs_diff(first) as usize;
            counts.resize(into + 1, 0);
            counts[into] = u32::saturating_add(counts[into], self.counts.at(at));
        }
        (self.first, self.counts) = (first, Counts::Wide(counts));
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = (f64, u32)> {
        let counts = (0..self.counts.len()).map(|at| (at, self.counts.at(at)));
        let counts = counts.filter(|&(_, count)| count > 0);
        counts.map(|(at, count)| (middle(self.first + at as i32, self.schema), count))
    }
}

/// Counts in as few bytes as the largest needs, once nothing more is added.
#[derive(Debug)]
enum Counts {
    Wide(Vec<u32>),
    Middle(Box<[u16]>),
    Narrow(Box<[u8]>),
}

impl Counts {
    fn len(&self) -> usize {
        match self {
            Counts::Wide(counts) => counts.len(),
            Counts::Middle(counts) => counts.len(),
            Counts::Narrow(counts) => counts.len(),
        }
    }

    fn at(&self, at: usize) -> u32 {
        match self {
            Counts::Wide(counts) => counts[at],
            Counts::Middle(counts) => counts[at].into(),
            Counts::Narrow(counts) => counts[at].into(),
        }
    }

    /// The counts, to add to them.
    fn wide(&mut self) -> &mut Vec<u32> {
        if !matches!(self, Counts::Wide(_)) {
            *self = Counts::Wide((0..self.len()).map(|at| self.at(at)).collect());
        }
        match self {
            Counts::Wide(counts) => counts,
            _ => unreachable!("they were just made wide"),
        }
    }

    fn narrow(&mut self) {
        let Counts::Wide(counts) = self else { return };
        let all = || counts.iter().copied();
        let narrow = all().map(|count| u8::try_from(count).ok()).collect::<Option<_>>();
        let middle = || all().map(|count| u16::try_from(count).ok()).collect::<Option<_>>();
        match narrow.map(Counts::Narrow).or_else(|| middle().map(Counts::Middle)) {
            Some(fewer) => *self = fewer,
            None => counts.shrink_to_fit(),
        }
    }
}

/// Buckets at most: 32 powers of two in the finest schema, 4 KiB.
const MOST: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(dense: &Dense) -> Vec<u32> {
        dense.iter().map(|(_, count)| count).collect()
    }

    #[test]
    fn buckets_are_added_on_both_sides() {
        let mut dense = Dense::default();
        for (index, count) in [(5, 1), (7, 2), (3, 3), (5, 4)] {
            dense.add(index, count);
        }
        assert_eq!((counted(&dense), dense.first, dense.counts.len()), (vec![3, 5, 2], 3, 5));
    }

    #[test]
    fn buckets_too_far_apart_are_halved_until_they_fit() {
        let mut dense = Dense::default();
        for index in [0, 1, 2, 1023] {
            dense.add(index, 1);
        }
        assert_eq!((dense.schema, dense.counts.len()), (FINEST, 1024));
        dense.add(-1025, 1);
        assert_eq!((dense.schema, counted(&dense)), (FINEST - 2, vec![1, 1, 2, 1]));
    }

    #[test]
    fn counts_that_are_closed_take_few_bytes_and_can_be_added_to() {
        for (count, bytes) in [(255, 3), (256, 6), (65_536, 12)] {
            let mut dense = Dense::default();
            dense.add(1, count);
            dense.add(3, 1);
            dense.close();
            assert_eq!((counted(&dense), dense.heap()), (vec![count, 1], bytes));
            dense.add(2, 7);
            assert_eq!(counted(&dense), [count, 7, 1]);
        }
    }
}
