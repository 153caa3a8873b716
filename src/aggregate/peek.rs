//! What the open interval holds, for whoever asks: nothing is moved, reset or marked as seen.
//!
//! A series is there if it has samples in the open interval, or did not end with the last one. All answers are
//! in series id order, which is the order in which the names came.

use super::accumulator::{Accumulator, State};
use super::cells::{Bounds, CounterCell, finite};
use super::distribution::DistributionCell;
use super::gauge::Gauges;
use super::kept::DISTRIBUTIONS;
use super::live::AT_ONCE;
use super::set::SetCell;
use crate::metric::{Kind, SeriesId, Tally};
use crate::time::Stamp;

/// The samples of a timer, histogram or distribution in the open interval.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OpenTimer {
    /// The first ones, in the order of arrival within a seat.
    pub values: Vec<f64>,
    /// How many more there are.
    pub more: u64,
}

impl Accumulator {
    /// The sums of all counters.
    pub fn open_counters(&self) -> Vec<(SeriesId, f64)> {
        let (state, tables) = (self.lock(), self.all_tables());
        let idle = self.rules().idle.counters;
        let length = state.length(&tables, |lengths| lengths.counters, state.kept.counters.len());
        let mut sums = vec![CounterCell::default(); AT_ONCE];
        let mut negatives = sums.clone();
        let mut found = Vec::new();
        for start in (0..length).step_by(AT_ONCE) {
            state.counters_from(start, &tables, &mut sums, &mut negatives);
            for (index, cell) in (start..length).zip(&sums) {
                let kept = state.kept.counters.get(index);
                if cell.samples > 0 || kept.is_some_and(|kept| !kept.age.is_over(idle)) {
                    found.push((SeriesId::new(Kind::Counter, index), finite(cell.sum)));
                }
            }
        }
        found
    }

    /// The values of all gauges.
    pub fn open_gauges(&self) -> Vec<(SeriesId, f64)> {
        let (state, tables) = (self.lock(), self.all_tables());
        let idle = self.rules().idle.gauges;
        let length = state.length(&tables, |lengths| lengths.gauges, state.kept.gauges.len());
        let mut merged = Gauges::untouched(AT_ONCE);
        let mut found = Vec::new();
        for start in (0..length).step_by(AT_ONCE) {
            state.gauges_from(start, &tables, &mut merged);
            for (place, index) in (start..length).take(AT_ONCE).enumerate() {
                let kept = state.kept.gauges.get(index);
                if merged.samples(place) > 0 || kept.is_some_and(|kept| !kept.age.is_over(idle)) {
                    let value = merged.value(place, kept.map_or(0.0, |kept| kept.before(idle)));
                    found.push((SeriesId::new(Kind::Gauge, index), value));
                }
            }
        }
        found
    }

    /// The samples of all timers, histograms and distributions, `most` of each.
    pub fn open_timers(&self, most: usize) -> Vec<(SeriesId, OpenTimer)> {
        let (state, tables) = (self.lock(), self.all_tables());
        let idle = self.rules().idle.timers;
        let mut found = Vec::new();
        for (which, kind) in DISTRIBUTIONS.into_iter().enumerate() {
            let length = state.length(
                &tables,
                |lengths| lengths.distributions[which],
                state.kept.distributions[which].len(),
            );
            for start in (0..length).step_by(AT_ONCE) {
                let mut timers = vec![OpenTimer::default(); AT_ONCE.min(length - start)];
                let mut add = |index: usize, cell: &DistributionCell| timers[index - start].add(cell, most);
                let open = state.open.distributions[which].iter().enumerate().skip(start).take(AT_ONCE);
                open.for_each(|(index, cell)| add(index, cell));
                for table in &tables {
                    table.visit_distributions(which, start, AT_ONCE, &mut add);
                }
                let kept = |index| state.kept.distributions[which].get(index);
                for (index, timer) in (start..length).zip(timers) {
                    if !timer.is_empty() || kept(index).is_some_and(|kept| !kept.age.is_over(idle)) {
                        found.push((SeriesId::new(kind, index), timer));
                    }
                }
            }
        }
        found
    }

    /// The number of members of all sets, exact or estimated.
    pub fn open_sets(&self) -> Vec<(SeriesId, u64)> {
        let (state, tables) = (self.lock(), self.all_tables());
        let idle = self.rules().idle.sets;
        let bounds = self.bounds();
        let length = state.length(&tables, |lengths| lengths.sets, state.kept.sets.len());
        let mut found = Vec::new();
        for start in (0..length).step_by(SETS_AT_ONCE) {
            let cells = state.sets_from(start, SETS_AT_ONCE.min(length - start), &tables, &bounds);
            for (index, cell) in (start..length).zip(cells) {
                let kept = state.kept.sets.get(index);
                if cell.samples > 0 || kept.is_some_and(|kept| !kept.age.is_over(idle)) {
                    found.push((SeriesId::new(Kind::Set, index), cell.cardinality()));
                }
            }
        }
        found
    }

    /// What came beside the samples of the open interval.
    pub fn open_tally(&self) -> Tally {
        let state = self.lock();
        let mut tally = state.open.tally;
        self.all_tables().iter().for_each(|table| tally.add(&table.tally().0));
        tally
    }

    /// When the last batch was received.
    pub fn last_poured(&self) -> Option<Stamp> {
        self.all_tables().iter().filter_map(|table| table.tally().1).max()
    }
}

impl State {
    fn sets_from(
        &self,
        start: usize,
        count: usize,
        tables: &[std::sync::Arc<super::Table>],
        bounds: &Bounds,
    ) -> Vec<SetCell> {
        let mut cells = Vec::new();
        cells.resize_with(count, SetCell::default);
        let mut add = |index: usize, cell: &SetCell| cells[index - start].absorb(cell, bounds);
        let open = self.open.sets.iter().enumerate().skip(start).take(count);
        open.for_each(|(index, cell)| add(index, cell));
        tables.iter().for_each(|table| table.visit_sets(start, count, &mut add));
        cells
    }
}

impl OpenTimer {
    fn add(&mut self, cell: &DistributionCell, most: usize) {
        // What is in a sketch cannot be told one by one; what comes after it must not take the place of it.
        let room = if self.more > 0 || cell.sketch.is_some() { 0 } else { most - self.values.len() };
        let shown = cell.values.len().min(room);
        self.values.extend_from_slice(&cell.values[..shown]);
        self.more += cell.samples() - shown as u64;
    }

    fn is_empty(&self) -> bool {
        self.values.is_empty() && self.more == 0
    }
}

/// Sets whose members are brought together at once: each may have some ten thousand bytes of them.
const SETS_AT_ONCE: usize = 64;
