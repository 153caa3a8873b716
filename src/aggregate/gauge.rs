//! A gauge in one interval: its last absolute value and the deltas since, ordered by the batches they came
//! in.
//!
//! The numbers of batches order what several seats poured: the last absolute value of all seats counts, with
//! the deltas of all seats after it. Batches of different seats that are poured while a flush passes count
//! for the interval they fall into, whatever their numbers.

use serde::{Deserialize, Serialize};

use super::cells::{finite, recycle};

/// A gauge in one interval.
#[derive(Debug, Default)]
pub(super) struct GaugeCell {
    pub(super) samples: u64,
    /// The last absolute value and the number of its batch.
    absolute: Option<(u64, f64)>,
    /// Sum of the deltas of each batch since, by ascending number within a seat.
    deltas: Vec<(u64, f64)>,
}

impl GaugeCell {
    /// Sets the gauge.
    #[inline]
    pub(super) fn set(&mut self, value: f64, sequence: u64) {
        self.samples += 1;
        self.absolute = Some((sequence, value));
        self.deltas.clear();
    }

    /// Moves the gauge.
    #[inline]
    pub(super) fn shift(&mut self, by: f64, sequence: u64) {
        self.samples += 1;
        match self.deltas.last_mut() {
            Some((last, sum)) if *last == sequence => *sum = finite(*sum + by),
            _ => self.push(by, sequence),
        }
    }

    /// Adds what another seat poured.
    pub(super) fn absorb(&mut self, other: &GaugeCell) {
        if other.samples == 0 {
            return;
        }
        self.samples += other.samples;
        let (mine, theirs) = (position(self.absolute), position(other.absolute));
        if theirs > mine {
            self.absolute = other.absolute;
            self.deltas.retain(|&(sequence, _)| sequence > theirs);
            self.deltas.extend(&other.deltas);
        } else {
            self.deltas.extend(other.deltas.iter().filter(|&&(sequence, _)| sequence > mine));
        }
    }

    /// The value after the interval, if it was `before` it.
    pub(super) fn value(&self, before: f64) -> f64 {
        let start = self.absolute.map_or(before, |(_, value)| value);
        self.deltas.iter().fold(start, moved)
    }

    /// Empties the cell and keeps memory for the next interval.
    pub(super) fn clear(&mut self) {
        let used = self.deltas.len();
        recycle(&mut self.deltas, used, MOST_DELTAS);
        self.samples = 0;
        self.absolute = None;
    }

    /// Appends; past the bound the older half becomes one, at the number of the next.
    fn push(&mut self, by: f64, sequence: u64) {
        if self.deltas.len() >= MOST_DELTAS {
            let older = self.deltas.drain(..MOST_DELTAS / 2).fold(0.0, |sum, delta| moved(sum, &delta));
            self.deltas[0].1 = finite(self.deltas[0].1 + older);
        }
        self.deltas.push((sequence, by));
    }
}

/// A gauge of an open interval, as it is kept over a restart: the order of batches no longer matters.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct SavedGauge {
    samples: u64,
    /// Whether `value` is where the gauge stands; else it is by how much it moved.
    is_absolute: bool,
    value: f64,
}

impl GaugeCell {
    pub(super) fn save(&self) -> SavedGauge {
        let is_absolute = self.absolute.is_some();
        SavedGauge { samples: self.samples, is_absolute, value: self.value(0.0) }
    }

    /// The cell that was saved, as if all of it had come with the batch `sequence`.
    pub(super) fn restored(saved: SavedGauge, sequence: u64) -> GaugeCell {
        let part = (sequence, finite(saved.value));
        match saved {
            SavedGauge { samples: 0, .. } => GaugeCell::default(),
            SavedGauge { samples, is_absolute: true, .. } => {
                GaugeCell { samples, absolute: Some(part), deltas: Vec::new() }
            }
            SavedGauge { samples, is_absolute: false, .. } => {
                GaugeCell { samples, absolute: None, deltas: vec![part] }
            }
        }
    }
}

/// A value after one batch of deltas. Each step stays in the range of f64, so that what left it at one end and comes
/// from the other is never NaN, which no later delta could move.
fn moved(value: f64, &(_, delta): &(u64, f64)) -> f64 {
    finite(value + delta)
}

/// Numbers begin at 1: no absolute value comes before all.
fn position(absolute: Option<(u64, f64)>) -> u64 {
    absolute.map_or(0, |(sequence, _)| sequence)
}

/// Batches whose deltas one cell keeps apart.
const MOST_DELTAS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deltas_after_the_absolute_value_of_the_same_batch_count_and_those_before_do_not() {
        let mut cell = GaugeCell::default();
        cell.shift(100.0, 1);
        cell.set(333.0, 1);
        cell.shift(-10.0, 1);
        cell.shift(4.0, 1);
        assert_eq!((cell.value(7.0), cell.samples), (327.0, 4));
    }

    #[test]
    fn without_an_absolute_value_the_value_before_is_moved() {
        let mut cell = GaugeCell::default();
        cell.shift(5.0, 1);
        cell.shift(-7.0, 2);
        assert_eq!(cell.value(10.0), 8.0);
    }

    #[test]
    fn the_last_absolute_value_of_two_seats_counts_with_the_deltas_after_it() {
        let (mut first, mut second) = (GaugeCell::default(), GaugeCell::default());
        first.set(10.0, 1);
        first.shift(1.0, 2);
        second.shift(100.0, 3);
        second.set(20.0, 4);
        first.shift(2.0, 5);
        second.shift(3.0, 6);
        let mut other_way = GaugeCell::default();
        other_way.absorb(&second);
        other_way.absorb(&first);
        first.absorb(&second);
        assert_eq!((first.value(0.0), first.samples), (25.0, 6));
        assert_eq!((other_way.value(0.0), other_way.samples), (25.0, 6));
    }

    #[test]
    fn past_the_bound_the_oldest_deltas_are_merged_and_none_is_lost() {
        let mut cell = GaugeCell::default();
        (1..=1000).for_each(|sequence| cell.shift(1.0, sequence));
        assert!(cell.deltas.len() <= MOST_DELTAS);
        assert_eq!(cell.value(0.0), 1000.0);
    }

    #[test]
    fn deltas_that_leave_the_range_at_both_ends_are_still_a_number() {
        let mut cell = GaugeCell::default();
        for (sequence, by) in [(1, f64::MAX), (1, f64::MAX), (2, f64::MIN), (2, f64::MIN)] {
            cell.shift(by, sequence);
        }
        assert_eq!(cell.value(5.0), 0.0);
        (3..=1000)
            .for_each(|sequence| cell.shift(if sequence < 500 { f64::MAX } else { f64::MIN }, sequence));
        assert_eq!(cell.value(5.0), f64::MIN);
    }

    #[test]
    fn deltas_beyond_the_range_stay_at_its_end() {
        let mut cell = GaugeCell::default();
        cell.shift(f64::MAX, 1);
        cell.shift(f64::MAX, 2);
        assert_eq!(cell.value(0.0), f64::MAX);
    }
}
