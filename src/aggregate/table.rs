//! The table of one seat: cells behind a mutex that is locked once a batch, and once by a flush.

use std::mem;
use std::sync::{Mutex, MutexGuard};

use super::cells::{Bounds, Cells, CounterCell, Lengths};
use super::distribution::DistributionCell;
use super::gauge::Gauges;
use super::set::SetCell;
use crate::lock::locked;
use crate::metric::{SampleBatch, Tally};
use crate::time::Stamp;

/// Where the lane of one seat pours its batches.
#[derive(Debug)]
pub struct Table {
    bounds: Bounds,
    inside: Mutex<Inside>,
}

/// Which samples of a batch are meant.
#[derive(Debug, Clone, Copy)]
pub enum Chosen<'a> {
    /// All of them.
    All,
    /// Those whose bit is set, bit `i % 64` of word `i / 64` for sample `i`.
    Bits(&'a [u64]),
}

impl Chosen<'_> {
    /// How many of a batch of `samples` are meant.
    pub fn count(self, samples: usize) -> usize {
        match self {
            Chosen::All => samples,
            Chosen::Bits(bits) => bits.iter().map(|word| word.count_ones() as usize).sum(),
        }
    }
}

#[derive(Debug, Default)]
struct Inside {
    cells: Cells,
    /// Samples poured since the table exists.
    poured: u64,
    /// When the last batch was received.
    last: Option<Stamp>,
    /// Whether nobody will flush any more.
    closed: bool,
}

impl Table {
    /// An empty table.
    pub fn new(bounds: Bounds) -> Table {
        Table { bounds, inside: Mutex::default() }
    }

    /// Pours the chosen samples of `batch` in their order, and its tally.
    ///
    /// `sequence` orders batches over all seats, see `Accumulator::next_sequence`. The table is locked once. False if
    /// the table is closed: then nothing was poured.
    pub fn pour(&self, batch: &SampleBatch, chosen: Chosen<'_>, sequence: u64) -> bool {
        let mut inside = self.lock();
        if inside.closed {
            return false;
        }
        let count = match chosen {
            Chosen::All => {
                for sample in &batch.samples {
                    inside.cells.add(sample, batch, sequence, &self.bounds);
                }
                batch.samples.len() as u64
            }
            Chosen::Bits(bits) => self.pour_bits(&mut inside.cells, batch, bits, sequence),
        };
        inside.cells.tally.add(&batch.tally);
        inside.cells.samples += count;
        inside.poured += count;
        inside.last = Some(batch.at);
        true
    }

    /// Takes no more samples from now on and forgets those it holds; their number. 0 if it was closed before.
    pub fn close(&self) -> u64 {
        let mut inside = self.lock();
        inside.closed = true;
        mem::take(&mut inside.cells).samples
    }

    /// Takes what was poured and leaves `spare`, which must be empty. Costs the lane a swap.
    pub fn flip(&self, spare: Cells) -> Cells {
        debug_assert_eq!(spare.samples, 0, "spare cells are empty");
        mem::replace(&mut self.lock().cells, spare)
    }

    /// Takes the distributions and sets alone and leaves those of `spare`, which must be empty. What they count still
    /// counts as held here until `give` says that it was taken elsewhere.
    pub(super) fn flip_parts(&self, spare: &mut Cells) {
        debug_assert_eq!(spare.samples_of_parts(), 0, "spare cells are empty");
        let mut inside = self.lock();
        mem::swap(&mut inside.cells.distributions, &mut spare.distributions);
        mem::swap(&mut inside.cells.sets, &mut spare.sets);
    }

    /// Says that `samples` flipped out as parts are held elsewhere now.
    pub(super) fn give(&self, samples: u64) {
        self.lock().cells.samples -= samples;
    }

    /// Adds the counters from index `start` on to `sums`, as many as fit, their negative samples to `negatives`.
    ///
    /// The table is locked meanwhile: ask for some thousands at once.
    pub(super) fn add_counters(&self, start: usize, sums: &mut [CounterCell], negatives: &mut [CounterCell]) {
        let inside = self.lock();
        let Some(cells) = inside.cells.counters.get(start..) else { return };
        sums.iter_mut().zip(cells).for_each(|(sum, cell)| sum.absorb(cell));
        for (&index, cell) in inside.cells.negatives.range(start..start + negatives.len()) {
            negatives[index - start].absorb(cell);
        }
    }

    /// Adds the gauges from index `start` on to `merged`, as many as fit. The table is locked meanwhile.
    pub(super) fn add_gauges(&self, start: usize, merged: &mut Gauges) {
        merged.absorb_from(&self.lock().cells.gauges, start);
    }

    /// Calls `visit` with the distributions of one kind from index `start` on, `count` of them at most. The table is
    /// locked meanwhile.
    pub(super) fn visit_distributions(
        &self,
        which: usize,
        start: usize,
        count: usize,
        visit: &mut dyn FnMut(usize, &DistributionCell),
    ) {
        let inside = self.lock();
        let cells = inside.cells.distributions[which].iter().enumerate().skip(start).take(count);
        cells.for_each(|(index, cell)| visit(index, cell));
    }

    /// The same with the sets.
    pub(super) fn visit_sets(&self, start: usize, count: usize, visit: &mut dyn FnMut(usize, &SetCell)) {
        let inside = self.lock();
        let cells = inside.cells.sets.iter().enumerate().skip(start).take(count);
        cells.for_each(|(index, cell)| visit(index, cell));
    }

    /// What came beside the samples of the open interval, and when the last batch was received.
    pub(super) fn tally(&self) -> (Tally, Option<Stamp>) {
        let inside = self.lock();
        (inside.cells.tally, inside.last)
    }

    /// Takes the counter at `index` out, and what its negative samples came to.
    pub(super) fn take_counter(&self, index: usize) -> (CounterCell, CounterCell) {
        let cells = &mut self.lock().cells;
        let cell = cells.counters.get_mut(index).map(mem::take).unwrap_or_default();
        cells.samples -= cell.samples;
        (cell, cells.negatives.remove(&index).unwrap_or_default())
    }

    /// Takes the gauge at `index` out; its samples.
    pub(super) fn take_gauge(&self, index: usize) -> u64 {
        let cells = &mut self.lock().cells;
        let samples = cells.gauges.take(index);
        cells.samples -= samples;
        samples
    }

    /// Lengths of the arrays now.
    pub(super) fn lengths(&self) -> Lengths {
        self.lock().cells.lengths()
    }

    /// Samples poured since the table exists, and those not flipped out yet.
    pub(super) fn poured_and_held(&self) -> (u64, u64) {
        let inside = self.lock();
        (inside.poured, inside.cells.samples)
    }

    fn pour_bits(&self, cells: &mut Cells, batch: &SampleBatch, bits: &[u64], sequence: u64) -> u64 {
        let mut count = 0;
        for (samples, &word) in batch.samples.chunks(64).zip(bits) {
            let mut word = word;
            if samples.len() < 64 {
                word &= (1 << samples.len()) - 1;
            }
            count += u64::from(word.count_ones());
            while word != 0 {
                cells.add(&samples[word.trailing_zeros() as usize], batch, sequence, &self.bounds);
                word &= word - 1;
            }
        }
        count
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        // Whoever panicked while pouring lost its batch; the samples of all others are still good.
        locked(&self.inside)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rapidhash::v3::RapidSecrets;

    use super::*;
    use crate::metric::{Kind, Registry, Sample, SampleKind, SeriesId};

    const BOUNDS: Bounds = Bounds {
        exact_samples: 1024,
        exact_members: 1024,
        significant_digits: 2,
        weighted: false,
        levels: None,
        secrets: RapidSecrets::seed(0),
    };

    fn batch_of(count: u32) -> SampleBatch {
        let mut batch = SampleBatch::new(Arc::new(Registry::new(10)));
        batch.tally.lines = 3;
        let series = SeriesId::new(Kind::Counter, 0);
        batch.samples = (0..count)
            .map(|value| Sample { series, kind: SampleKind::Counter, value: f64::from(value), rate: 1.0 })
            .collect();
        batch
    }

    #[test]
    fn only_the_chosen_samples_are_poured_and_the_tally_always() {
        let table = Table::new(BOUNDS);
        let mut bits = [0; 16];
        bits[0] = 1 << 3 | 1 << 63;
        bits[1] = 1 << 5 | 1 << 6;
        assert!(table.pour(&batch_of(70), Chosen::Bits(&bits), 1));
        assert_eq!(table.poured_and_held(), (3, 3));
        let cells = table.flip(Cells::default());
        assert_eq!((cells.counters[0].sum, cells.counters[0].samples), (3.0 + 63.0 + 69.0, 3));
        assert_eq!(cells.tally.lines, 3);
        assert_eq!(table.poured_and_held(), (3, 0));
    }

    #[test]
    fn samples_beyond_the_bits_are_not_chosen() {
        let table = Table::new(BOUNDS);
        assert!(table.pour(&batch_of(1030), Chosen::Bits(&[u64::MAX; 16]), 1));
        assert_eq!(table.poured_and_held(), (1024, 1024));
        assert!(table.pour(&batch_of(1030), Chosen::All, 2));
        assert_eq!(table.poured_and_held(), (2054, 2054));
    }

    #[test]
    fn a_closed_table_takes_nothing_and_has_counted_what_it_held() {
        let table = Table::new(BOUNDS);
        assert!(table.pour(&batch_of(5), Chosen::All, 1));
        assert_eq!(table.close(), 5);
        assert!(!table.pour(&batch_of(5), Chosen::All, 2));
        assert_eq!((table.poured_and_held(), table.close()), ((5, 0), 0));
    }

    #[test]
    fn a_panic_while_pouring_loses_nothing_that_others_poured() {
        let table = Table::new(BOUNDS);
        assert!(table.pour(&batch_of(5), Chosen::All, 1));
        let panics = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _inside = table.lock();
            panic!("as an index out of bounds would");
        }));
        assert!(panics.is_err());
        assert!(table.pour(&batch_of(2), Chosen::All, 2));
        assert_eq!(table.close(), 7);
    }

    #[test]
    fn a_flip_keeps_the_memory_of_the_spare_cells() {
        let table = Table::new(BOUNDS);
        assert!(table.pour(&batch_of(1), Chosen::All, 1));
        let mut spare = Cells::default();
        spare.lengthen(&table.lengths());
        let memory = spare.counters.as_ptr();
        table.flip(spare);
        assert!(table.pour(&batch_of(1), Chosen::All, 2));
        assert_eq!(table.flip(Cells::default()).counters.as_ptr(), memory);
    }
}
