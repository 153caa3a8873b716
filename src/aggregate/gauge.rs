//! Gauges in one interval: the last absolute value of each and the deltas since, ordered by the batches they came in.
//!
//! The numbers of batches order what several seats poured: the last absolute value of all seats counts, with
//! the deltas of all seats after it. Batches of different seats that are poured while a flush passes count
//! for the interval they fall into, whatever their numbers.
//!
//! Most gauges are only set: such a one is sixteen bytes. What moved is kept aside.

use serde::{Deserialize, Serialize};

use super::cells::{finite, recycle, with_chance};

/// Gauges by index.
#[derive(Debug, Default)]
pub(super) struct Gauges {
    cells: Vec<GaugeCell>,
    /// The first `aside` are in use; the others keep memory for the next interval.
    moved: Vec<Moved>,
    aside: usize,
}

/// A gauge that was only set, or where it is kept aside.
#[derive(Debug, Clone, Copy, Default)]
struct GaugeCell {
    /// The bits of the last value; of one that is kept aside its place there.
    bits: u64,
    /// The batch it was set by.
    at: Sequence,
    /// Times it was set; `ASIDE` if it is kept aside.
    samples: u32,
}

/// A gauge that moved.
#[derive(Debug, Default)]
struct Moved {
    samples: u64,
    /// The last absolute value and the number of its batch.
    absolute: Option<(Sequence, f64)>,
    /// Sum of the deltas of each batch since, by ascending number within a seat.
    deltas: Vec<(Sequence, f64)>,
}

/// The number of a batch as far as 32 bits have it. Of two the later one is that with fewer numbers to go from the other
/// to it: no interval has two billion batches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Sequence(u32);

/// What is known of a gauge.
#[derive(Clone, Copy)]
struct Found<'a> {
    samples: u64,
    absolute: Option<(Sequence, f64)>,
    deltas: &'a [(Sequence, f64)],
}

impl Gauges {
    /// So many that were not touched.
    pub(super) fn untouched(count: usize) -> Gauges {
        let mut gauges = Gauges::default();
        gauges.lengthen(count);
        gauges
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.cells.len()
    }

    /// Makes it at least as long.
    pub(super) fn lengthen(&mut self, length: usize) {
        super::cells::lengthen(&mut self.cells, length);
    }

    /// Sets a gauge.
    #[inline]
    pub(super) fn set(&mut self, index: usize, value: f64, sequence: u64) {
        let cell = &mut self.cells[index];
        if cell.samples < MOST_SAMPLES {
            *cell =
                GaugeCell { bits: value.to_bits(), at: Sequence::of(sequence), samples: cell.samples + 1 };
        } else {
            self.aside(index).set(value, Sequence::of(sequence));
        }
    }

    /// Moves a gauge.
    #[inline]
    pub(super) fn shift(&mut self, index: usize, by: f64, sequence: u64) {
        self.aside(index).shift(by, Sequence::of(sequence));
    }

    /// Samples of a gauge.
    pub(super) fn samples(&self, index: usize) -> u64 {
        self.found(index).samples
    }

    /// The value of a gauge after the interval, if it was `before` it.
    #[inline]
    pub(super) fn value(&self, index: usize, before: f64) -> f64 {
        let Found { absolute, deltas, .. } = self.found(index);
        deltas.iter().fold(absolute.map_or(before, |(_, value)| value), moved)
    }

    /// Adds what another seat poured.
    pub(super) fn absorb(&mut self, other: &Gauges) {
        self.lengthen(other.len());
        self.absorb_from(other, 0);
    }

    /// Adds the gauges of another seat from `start` on, as many as there are here.
    pub(super) fn absorb_from(&mut self, other: &Gauges, start: usize) {
        for index in 0..self.len().min(other.len().saturating_sub(start)) {
            self.absorb_one(index, other.found(start + index));
        }
    }

    /// Empties all for the next interval and keeps memory.
    pub(super) fn clear(&mut self) {
        self.cells.fill(GaugeCell::default());
        let used = std::mem::take(&mut self.aside);
        for moved in &mut self.moved[..used] {
            moved.clear();
        }
        self.moved.truncate(if used == 0 { self.moved.len() / 2 } else { with_chance(used) });
    }

    /// Empties a gauge; the samples it had.
    pub(super) fn take(&mut self, index: usize) -> u64 {
        if index >= self.len() {
            return 0;
        }
        let samples = self.samples(index);
        self.cells[index] = GaugeCell::default();
        samples
    }

    fn absorb_one(&mut self, index: usize, other: Found<'_>) {
        if other.samples == 0 {
            return;
        }
        let cell = &mut self.cells[index];
        let samples = u64::from(cell.samples) + other.samples;
        if let (Some((at, value)), true) = (other.absolute, other.deltas.is_empty())
            && samples <= u64::from(MOST_SAMPLES)
        {
            if cell.samples == 0 || at.is_after(cell.at) {
                (cell.bits, cell.at) = (value.to_bits(), at);
            }
            cell.samples = samples as u32;
            return;
        }
        self.aside(index).absorb(other);
    }

    #[inline]
    fn found(&self, index: usize) -> Found<'_> {
        let cell = &self.cells[index];
        match cell.samples {
            0 => Found { samples: 0, absolute: None, deltas: &[] },
            ASIDE => {
                let moved = &self.moved[cell.bits as usize];
                Found { samples: moved.samples, absolute: moved.absolute, deltas: &moved.deltas }
            }
            samples => Found {
                samples: samples.into(),
                absolute: Some((cell.at, f64::from_bits(cell.bits))),
                deltas: &[],
            },
        }
    }

    /// The gauge where it is kept aside, from now on if it was not.
    fn aside(&mut self, index: usize) -> &mut Moved {
        let cell = self.cells[index];
        if cell.samples == ASIDE {
            return &mut self.moved[cell.bits as usize];
        }
        let place = self.aside;
        self.aside += 1;
        if place == self.moved.len() {
            self.moved.push(Moved::default());
        }
        self.cells[index] = GaugeCell { bits: place as u64, at: Sequence(0), samples: ASIDE };
        let moved = &mut self.moved[place];
        if cell.samples > 0 {
            moved.samples = cell.samples.into();
            moved.absolute = Some((cell.at, f64::from_bits(cell.bits)));
        }
        moved
    }
}

impl Moved {
    fn set(&mut self, value: f64, at: Sequence) {
        self.samples += 1;
        self.absolute = Some((at, value));
        self.deltas.clear();
    }

    #[inline]
    fn shift(&mut self, by: f64, at: Sequence) {
        self.samples += 1;
        match self.deltas.last_mut() {
            Some((last, sum)) if *last == at => *sum = finite(*sum + by),
            _ => self.push(by, at),
        }
    }

    fn absorb(&mut self, other: Found<'_>) {
        self.samples += other.samples;
        let after = |absolute: Option<(Sequence, f64)>, at: Sequence| {
            absolute.is_none_or(|(absolute, _)| at.is_after(absolute))
        };
        match other.absolute {
            Some((at, _)) if after(self.absolute, at) => {
                self.absolute = other.absolute;
                self.deltas.retain(|&(delta, _)| delta.is_after(at));
                self.deltas.extend(other.deltas);
            }
            _ => {
                let mine = self.absolute;
                self.deltas.extend(other.deltas.iter().filter(|&&(delta, _)| after(mine, delta)));
            }
        }
    }

    fn clear(&mut self) {
        let used = self.deltas.len();
        recycle(&mut self.deltas, used, MOST_DELTAS);
        self.samples = 0;
        self.absolute = None;
    }

    /// Appends; past the bound the older half becomes one, at the number of the next.
    fn push(&mut self, by: f64, at: Sequence) {
        if self.deltas.len() >= MOST_DELTAS {
            let older = self.deltas.drain(..MOST_DELTAS / 2).fold(0.0, |sum, delta| moved(sum, &delta));
            self.deltas[0].1 = finite(self.deltas[0].1 + older);
        }
        self.deltas.push((at, by));
    }
}

impl Sequence {
    #[inline]
    fn of(sequence: u64) -> Sequence {
        Sequence(sequence as u32)
    }

    fn is_after(self, other: Sequence) -> bool {
        self.0.wrapping_sub(other.0).cast_signed() > 0
    }
}

/// A gauge of an open interval, as it is kept over a restart: the order of batches no longer matters.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct SavedGauge {
    pub(super) samples: u64,
    /// Whether `value` is where the gauge stands; else it is by how much it moved.
    is_absolute: bool,
    value: f64,
}

impl Gauges {
    /// What is kept of a gauge, which need not be here.
    pub(super) fn save(&self, index: usize) -> SavedGauge {
        if index >= self.len() {
            return SavedGauge::default();
        }
        let found = self.found(index);
        SavedGauge {
            samples: found.samples,
            is_absolute: found.absolute.is_some(),
            value: self.value(index, 0.0),
        }
    }

    /// Adds what was saved, as if all of it had come with the batch `sequence`.
    pub(super) fn restore(&mut self, index: usize, saved: SavedGauge, sequence: u64) {
        self.lengthen(index + 1);
        let part = [(Sequence::of(sequence), finite(saved.value))];
        let (absolute, deltas) = match saved.is_absolute {
            true => (Some(part[0]), &part[..0]),
            false => (None, &part[..]),
        };
        self.absorb_one(index, Found { samples: saved.samples, absolute, deltas });
    }
}

/// A value after one batch of deltas. Each step stays in the range of f64, so that what left it at one end and comes
/// from the other is never NaN, which no later delta could move.
fn moved(value: f64, &(_, delta): &(Sequence, f64)) -> f64 {
    finite(value + delta)
}

/// Batches whose deltas one gauge keeps apart.
const MOST_DELTAS: usize = 64;

/// Marks a gauge that is kept aside.
const ASIDE: u32 = u32::MAX;

/// A gauge with more samples is kept aside, where they are counted to the end of 64 bits.
const MOST_SAMPLES: u32 = ASIDE - 1;

#[cfg(test)]
mod tests {
    use super::*;

    /// A single gauge.
    fn one() -> Gauges {
        Gauges::untouched(1)
    }

    /// Its value, if it was `before`, and its samples.
    fn found(gauges: &Gauges, before: f64) -> (f64, u64) {
        (gauges.value(0, before), gauges.samples(0))
    }

    #[test]
    fn deltas_after_the_absolute_value_of_the_same_batch_count_and_those_before_do_not() {
        let mut gauge = one();
        gauge.shift(0, 100.0, 1);
        gauge.set(0, 333.0, 1);
        gauge.shift(0, -10.0, 1);
        gauge.shift(0, 4.0, 1);
        assert_eq!(found(&gauge, 7.0), (327.0, 4));
    }

    #[test]
    fn without_an_absolute_value_the_value_before_is_moved() {
        let mut gauge = one();
        assert_eq!(found(&gauge, 10.0), (10.0, 0));
        gauge.shift(0, 5.0, 1);
        gauge.shift(0, -7.0, 2);
        assert_eq!(found(&gauge, 10.0), (8.0, 2));
    }

    #[test]
    fn the_last_absolute_value_of_two_seats_counts_with_the_deltas_after_it() {
        // The numbers of batches may come round the end of 32 bits within an interval.
        for start in [0, u64::from(u32::MAX) - 3] {
            let (mut first, mut second) = (one(), one());
            first.set(0, 10.0, start + 1);
            first.shift(0, 1.0, start + 2);
            second.shift(0, 100.0, start + 3);
            second.set(0, 20.0, start + 4);
            first.shift(0, 2.0, start + 5);
            second.shift(0, 3.0, start + 6);
            let mut other_way = one();
            other_way.absorb(&second);
            other_way.absorb(&first);
            first.absorb(&second);
            assert_eq!(found(&first, 0.0), (25.0, 6));
            assert_eq!(found(&other_way, 0.0), (25.0, 6));
        }
    }

    #[test]
    fn of_gauges_that_were_only_set_the_later_one_counts() {
        for start in [0, u64::from(u32::MAX)] {
            let (mut first, mut second) = (one(), one());
            first.set(0, 10.0, start);
            second.set(0, 20.0, start + 1);
            let mut merged = one();
            merged.absorb(&second);
            merged.absorb(&first);
            assert_eq!((found(&merged, 0.0), merged.aside), ((20.0, 2), 0));
        }
    }

    #[test]
    fn more_samples_than_a_cell_can_count_are_counted_aside() {
        let mut gauge = one();
        gauge.cells[0] = GaugeCell { bits: 3f64.to_bits(), at: Sequence(1), samples: MOST_SAMPLES };
        let mut other = one();
        other.absorb(&gauge);
        other.set(0, 4.0, 2);
        gauge.absorb(&other);
        assert_eq!(
            (found(&other, 0.0), gauge.samples(0)),
            ((4.0, u64::from(ASIDE)), 2 * u64::from(MOST_SAMPLES) + 1)
        );
    }

    #[test]
    fn a_gauge_that_moved_is_only_set_in_the_next_interval() {
        let mut gauges = Gauges::untouched(3);
        (0..3).for_each(|index| gauges.shift(index, 1.0, 1));
        assert_eq!((gauges.take(1), gauges.take(1), gauges.take(9)), (1, 0, 0));
        gauges.clear();
        gauges.set(2, 5.0, 2);
        assert_eq!((gauges.value(0, 7.0), gauges.value(2, 7.0), gauges.aside), (7.0, 5.0, 0));
        (0..5).for_each(|_| gauges.clear());
        assert_eq!(gauges.moved.len(), 0, "memory is given back");
    }

    #[test]
    fn past_the_bound_the_oldest_deltas_are_merged_and_none_is_lost() {
        let mut gauge = one();
        (1..=1000).for_each(|sequence| gauge.shift(0, 1.0, sequence));
        assert!(gauge.moved[0].deltas.len() <= MOST_DELTAS);
        assert_eq!(gauge.value(0, 0.0), 1000.0);
    }

    #[test]
    fn deltas_that_leave_the_range_at_both_ends_are_still_a_number() {
        let mut gauge = one();
        for (sequence, by) in [(1, f64::MAX), (1, f64::MAX), (2, f64::MIN), (2, f64::MIN)] {
            gauge.shift(0, by, sequence);
        }
        assert_eq!(gauge.value(0, 5.0), 0.0);
        (3..=1000)
            .for_each(|sequence| gauge.shift(0, if sequence < 500 { f64::MAX } else { f64::MIN }, sequence));
        assert_eq!(gauge.value(0, 5.0), f64::MIN);
    }

    #[test]
    fn deltas_beyond_the_range_stay_at_its_end() {
        let mut gauge = one();
        gauge.shift(0, f64::MAX, 1);
        gauge.shift(0, f64::MAX, 2);
        assert_eq!(gauge.value(0, 0.0), f64::MAX);
    }
}
