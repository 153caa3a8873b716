//! The cells of one table: arrays by series id, one a kind, into which samples are added.
//!
//! A sample costs an index and an add. What is allocated is allocated when a series is new, and kept from
//! interval to interval.

use std::collections::BTreeMap;
use std::sync::Arc;

use rapidhash::v3::RapidSecrets;

use super::distribution::DistributionCell;
use super::gauge::Gauges;
use super::kept::DISTRIBUTIONS;
use super::levels::Levels;
use super::set::SetCell;
use crate::metric::{Registry, Sample, SampleBatch, SampleKind, SeriesId, Tally};

/// What was poured into one table in one interval.
#[derive(Debug, Default)]
pub struct Cells {
    pub(super) counters: Vec<CounterCell>,
    pub(super) gauges: Gauges,
    /// Timers, histograms, distributions.
    pub(super) distributions: [Vec<DistributionCell>; 3],
    pub(super) sets: Vec<SetCell>,
    /// What the negative samples of counters came to, by index: rare, so they have no room in a cell.
    pub(super) negatives: BTreeMap<usize, CounterCell>,
    pub(super) tally: Tally,
    /// Samples in all cells.
    pub(super) samples: u64,
}

/// How much is kept exactly before an estimate takes its place, and what members of sets are hashed with.
#[derive(Debug, Clone)]
pub struct Bounds {
    /// Samples of a timer, histogram or distribution.
    pub exact_samples: usize,
    /// Members of a set.
    pub exact_members: usize,
    /// Significant decimal digits of the histogram that replaces exact samples, 1 to 3.
    pub significant_digits: u8,
    /// Whether sample rates weigh in everything that is said of a distribution, not in its count alone.
    pub weighted: bool,
    /// Which values samples are counted at exactly.
    pub(super) levels: Option<Arc<Levels>>,
    /// The same in all seats, whose estimates are united.
    pub(super) secrets: RapidSecrets,
}

/// A counter in one interval.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct CounterCell {
    pub(super) sum: f64,
    pub(super) samples: u64,
}

impl Cells {
    /// Adds one sample of `batch`.
    #[inline]
    pub(super) fn add(&mut self, sample: &Sample, batch: &SampleBatch, sequence: u64, bounds: &Bounds) {
        debug_assert_eq!(sample.kind.series(), sample.series.kind(), "a sample is of the kind of its series");
        let (series, names) = (sample.series, &*batch.names);
        match sample.kind {
            SampleKind::Counter => {
                cell(&mut self.counters, series, names).add(sample.value, sample.rate);
                if sample.value < 0.0 {
                    self.add_negative(series, sample);
                }
            }
            SampleKind::Gauge => {
                gauge(&mut self.gauges, series, names).set(series.index(), sample.value, sequence)
            }
            SampleKind::GaugeDelta => {
                gauge(&mut self.gauges, series, names).shift(series.index(), sample.value, sequence)
            }
            SampleKind::Timer => {
                cell(&mut self.distributions[0], series, names).add(sample.value, sample.rate, series, bounds)
            }
            SampleKind::Histogram => {
                cell(&mut self.distributions[1], series, names).add(sample.value, sample.rate, series, bounds)
            }
            SampleKind::Distribution => {
                cell(&mut self.distributions[2], series, names).add(sample.value, sample.rate, series, bounds)
            }
            SampleKind::Set => {
                cell(&mut self.sets, series, names).add(batch.text_of(sample.member()), bounds)
            }
        }
    }

    #[cold]
    fn add_negative(&mut self, series: SeriesId, sample: &Sample) {
        self.negatives.entry(series.index()).or_default().add(sample.value, sample.rate);
    }

    /// Adds the counters, gauges and the tally of another seat.
    pub(super) fn absorb_sums(&mut self, other: &Cells) {
        each(&mut self.counters, &other.counters, |_, mine, theirs| mine.absorb(theirs));
        self.gauges.absorb(&other.gauges);
        for (&index, theirs) in &other.negatives {
            self.negatives.entry(index).or_default().absorb(theirs);
        }
        self.tally.add(&other.tally);
    }

    /// Adds the distributions and sets of another seat.
    pub(super) fn absorb_parts(&mut self, other: &Cells, bounds: &Bounds) {
        for ((mine, theirs), kind) in
            self.distributions.iter_mut().zip(&other.distributions).zip(DISTRIBUTIONS)
        {
            each(mine, theirs, |index, mine, theirs| {
                mine.absorb(theirs, SeriesId::new(kind, index), bounds);
            });
        }
        each(&mut self.sets, &other.sets, |_, mine, theirs| mine.absorb(theirs, bounds));
    }

    /// Empties the counters, gauges and the tally for the next interval; lengths stay, and what is in use keeps its
    /// memory.
    pub(super) fn clear_sums(&mut self) {
        self.counters.fill(CounterCell::default());
        self.gauges.clear();
        self.negatives.clear();
        self.tally = Tally::default();
        self.samples = 0;
    }

    /// Empties the distributions and sets for the next interval, as `clear_sums` does the rest.
    pub(super) fn clear_parts(&mut self, bounds: &Bounds) {
        self.distributions.iter_mut().flatten().for_each(|cell| cell.clear(bounds));
        self.sets.iter_mut().for_each(|cell| cell.clear(bounds));
    }

    /// Samples in the distributions and sets.
    pub(super) fn samples_of_parts(&self) -> u64 {
        let distributions = self.distributions.iter().flatten().map(DistributionCell::samples).sum::<u64>();
        distributions + self.sets.iter().map(|cell| cell.samples).sum::<u64>()
    }

    /// Lengths of the arrays.
    pub(super) fn lengths(&self) -> Lengths {
        Lengths {
            counters: self.counters.len(),
            gauges: self.gauges.len(),
            distributions: [0, 1, 2].map(|which| self.distributions[which].len()),
            sets: self.sets.len(),
        }
    }

    /// Makes every array at least as long as `lengths` says, so that pouring need not.
    pub(super) fn lengthen(&mut self, lengths: &Lengths) {
        lengthen(&mut self.counters, lengths.counters);
        self.gauges.lengthen(lengths.gauges);
        self.lengthen_parts(lengths);
    }

    /// The same for the arrays of distributions and sets alone.
    pub(super) fn lengthen_parts(&mut self, lengths: &Lengths) {
        for (cells, &length) in self.distributions.iter_mut().zip(&lengths.distributions) {
            lengthen(cells, length);
        }
        lengthen(&mut self.sets, lengths.sets);
    }
}

/// How many cells of each kind there are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lengths {
    pub(super) counters: usize,
    pub(super) gauges: usize,
    pub(super) distributions: [usize; 3],
    pub(super) sets: usize,
}

impl Lengths {
    /// Cells of all kinds.
    pub(super) fn all(&self) -> usize {
        self.counters + self.gauges + self.distributions.iter().sum::<usize>() + self.sets
    }
}

impl CounterCell {
    #[inline]
    pub(super) fn add(&mut self, value: f64, rate: f64) {
        self.sum += if rate == 1.0 { value } else { value * (1.0 / rate) };
        self.samples += 1;
    }

    pub(super) fn absorb(&mut self, other: &CounterCell) {
        self.sum = finite(self.sum) + finite(other.sum);
        self.samples += other.samples;
    }
}

/// Sums of finite numbers can leave the range of f64; they stay at its end, so that two of them are never
/// NaN. What is NaN all the same is nothing: a running sum would never be a number again.
#[inline]
pub(super) fn finite(sum: f64) -> f64 {
    if sum.is_nan() { 0.0 } else { sum.clamp(f64::MIN, f64::MAX) }
}

/// Whether a sum stayed between the ends of the range of f64.
pub(super) fn within_range(sum: f64) -> bool {
    sum.abs() < f64::MAX
}

#[inline]
fn cell<'a, T: Default>(cells: &'a mut Vec<T>, series: SeriesId, names: &Registry) -> &'a mut T {
    let index = series.index();
    if index >= cells.len() {
        grow(cells, series, names);
    }
    &mut cells[index]
}

/// The gauges, with room for this one.
#[inline]
fn gauge<'a>(gauges: &'a mut Gauges, series: SeriesId, names: &Registry) -> &'a mut Gauges {
    if series.index() >= gauges.len() {
        gauges.lengthen(length_for(series, names));
    }
    gauges
}

/// Makes room for every series of the kind that has a name by now; `Vec` grows geometrically beneath.
#[cold]
fn grow<T: Default>(cells: &mut Vec<T>, series: SeriesId, names: &Registry) {
    lengthen(cells, length_for(series, names));
}

#[cold]
fn length_for(series: SeriesId, names: &Registry) -> usize {
    names.len_of(series.kind()).max(series.index() + 1)
}

pub(super) fn lengthen<T: Default>(cells: &mut Vec<T>, length: usize) {
    if length > cells.len() {
        cells.resize_with(length, T::default);
    }
}

/// Empties `memory` for the next interval, with room for as much as this one used and what chance adds to that (four
/// standard deviations of a count), so that a lane hardly ever has to make it, but for no more than `most`. Where
/// nothing was used, half of it is given back.
pub(super) fn recycle<T>(memory: &mut Vec<T>, used: usize, most: usize) {
    memory.clear();
    match used {
        0 => memory.shrink_to(memory.capacity() / 2),
        _ => {
            memory.reserve_exact(with_chance(used).min(most));
            memory.shrink_to(most);
        }
    }
}

/// More than `count`, by as much as hardly any interval has more by chance.
pub(super) fn with_chance(count: usize) -> usize {
    count.saturating_add(4 * count.isqrt() + 4)
}

/// Adds `theirs` to `mine`, by index.
fn each<T: Default>(mine: &mut Vec<T>, theirs: &[T], mut absorb: impl FnMut(usize, &mut T, &T)) {
    lengthen(mine, theirs.len());
    for (index, (mine, theirs)) in mine.iter_mut().zip(theirs).enumerate() {
        absorb(index, mine, theirs);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_stays_in_range_and_one_that_is_no_number_is_nothing() {
        let sums = [1.5, f64::INFINITY, f64::NEG_INFINITY, f64::NAN].map(finite);
        assert_eq!(sums, [1.5, f64::MAX, f64::MIN, 0.0]);
    }
}
