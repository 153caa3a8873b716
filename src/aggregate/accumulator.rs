//! The accumulator of a filter: a table for every seat, and the flush that makes one snapshot of them.
//!
//! What has moved between flushes is shown by `live`, what is kept over a restart is written by `saved`.

use std::collections::BTreeMap;
use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use rapidhash::v3::RapidSecrets;

use super::cells::{Bounds, Cells};
use super::distribution::DistributionCell;
use super::kept::{Columns, DISTRIBUTIONS, Kept, walk};
use super::levels::Levels;
use super::set::SetCell;
use super::snapshot::{OwnCounts, Snapshot, View};
use super::table::Table;
use crate::lock::locked;
use crate::metric::{Registry, SeriesId};
use crate::time::{Slot, Stamp};

/// Aggregates what any number of seats pour.
///
/// A sample poured during a flush is in its snapshot or in the next, never in both.
#[derive(Debug)]
pub struct Accumulator {
    rules: AccumulatorRules,
    names: Arc<Registry>,
    levels: Option<Arc<Levels>>,
    sequence: AtomicU64,
    tables: Mutex<Tables>,
    state: Mutex<State>,
}

/// How an accumulator aggregates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccumulatorRules {
    /// Samples of a timer, histogram or distribution kept exactly in an interval; beyond, percentiles are
    /// estimated.
    pub exact_samples: usize,
    /// Members of a set kept exactly in an interval; beyond, their number is estimated.
    pub exact_members: usize,
    /// Significant decimal digits of estimated percentiles, 1 to 3.
    pub significant_digits: u8,
    /// Whether sample rates weigh in everything that is said of a distribution, not in its count alone.
    pub weighted: bool,
    /// What becomes of series without samples.
    pub idle: IdleRules,
    /// Whether snapshots carry the tally of the batches poured.
    pub own_stats: bool,
    /// Should be random: members of sets come from the network, and whoever knows it can make members that collide.
    pub seed: u64,
}

/// What becomes of series without samples, by kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct IdleRules {
    /// Counters.
    pub counters: Idle,
    /// Gauges.
    pub gauges: Idle,
    /// Timers, histograms and distributions.
    pub timers: Idle,
    /// Sets.
    pub sets: Idle,
}

/// What becomes of a series that got no sample in an interval.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Idle {
    /// It stays: a gauge with its value, anything else with nothing.
    #[default]
    Keep,
    /// It stays until it was idle for so many intervals, and is not in the snapshot of the last of them; 0 is
    /// 1.
    ///
    /// It comes back with its next sample. A gauge then moves from 0; cumulative totals go on.
    DeleteAfter(u32),
    /// It is in the same snapshots, but ends with the last of them instead of with the one that it is not in: whoever
    /// asks what is open does not find it, and a gauge moves from 0 in the interval after.
    EndAfter(u32),
}

/// Whether a flush says what counters came to since they began, and how many samples counters and gauges had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Totals {
    /// It does.
    Wanted,
    /// Nobody reads them: they would be 24 bytes a counter.
    Unwanted,
}

/// Where the samples of an accumulator are; `restored + poured == flushed + deleted + held` until it is closed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TableLedger {
    /// Samples a former run left.
    pub restored: u64,
    /// Samples poured since the accumulator exists.
    pub poured: u64,
    /// Samples the points of all closed snapshots count.
    pub flushed: u64,
    /// Samples that were deleted with their series.
    pub deleted: u64,
    /// Samples in the tables, for the next snapshot.
    pub held: u64,
}

/// The tables, by the number of their seat.
#[derive(Debug, Default)]
struct Tables {
    seats: Vec<(usize, Arc<Table>)>,
    closed: bool,
}

/// What belongs to flushes and views alone.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) kept: Kept,
    /// What of the open interval has left the tables: distributions and sets that views took, and whatever a former run
    /// left.
    pub(super) open: Cells,
    /// Empty cells, one for each table, in their order.
    pub(super) spares: Vec<Cells>,
    /// Distributions that a flush took and no view has shown, by kind and index.
    pub(super) unseen: [BTreeMap<usize, DistributionCell>; 3],
    /// Whether there was ever a view, so that flushes leave something for the next.
    pub(super) viewed: bool,
    /// The last flush or view: what is new began later.
    pub(super) since: Stamp,
    /// The last view, or the start: what the next one shows came since, whatever was flushed between.
    pub(super) shown: Stamp,
    flushed: u64,
    pub(super) restored: u64,
    negatives: u64,
    /// Samples of the open interval that were deleted with their series.
    pub(super) deleted: u64,
}

impl Accumulator {
    /// An accumulator without a table that begins at `start`; `names` gave out the ids of whatever will be poured.
    pub fn new(rules: AccumulatorRules, names: Arc<Registry>, start: Stamp) -> Accumulator {
        Accumulator::with(rules, names, State::starting(start))
    }

    pub(super) fn with(rules: AccumulatorRules, names: Arc<Registry>, state: State) -> Accumulator {
        Accumulator {
            rules,
            names,
            levels: None,
            // What a former run left has the first number.
            sequence: AtomicU64::new(RESTORED),
            tables: Mutex::default(),
            state: Mutex::new(state),
        }
    }

    /// This one, which counts at `levels` exactly. Tables that were given out before do not.
    #[must_use]
    pub fn counting_at(self, levels: Levels) -> Accumulator {
        Accumulator { levels: Some(Arc::new(levels)), ..self }
    }

    /// How much is kept exactly.
    pub(super) fn bounds(&self) -> Bounds {
        Bounds { levels: self.levels.clone(), ..self.rules.bounds() }
    }

    /// The table of a seat, always the same for the same number. It lives as long as the accumulator.
    pub fn seat(&self, seat: usize) -> Arc<Table> {
        let mut tables = self.tables();
        if let Some((_, table)) = tables.seats.iter().find(|(number, _)| *number == seat) {
            return Arc::clone(table);
        }
        let table = Arc::new(Table::new(self.bounds()));
        if tables.closed {
            table.close();
        }
        tables.seats.push((seat, Arc::clone(&table)));
        table
    }

    /// Closes every table, and those that are asked for later: nobody will flush any more. The number of samples
    /// that no snapshot will have.
    pub fn close(&self) -> u64 {
        let open = mem::take(&mut self.lock().open).samples;
        let mut tables = self.tables();
        tables.closed = true;
        open + tables.seats.iter().map(|(_, table)| table.close()).sum::<u64>()
    }

    /// The number of the next batch; taken just before the batch is poured.
    pub fn next_sequence(&self) -> u64 {
        self.sequence.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Summarises everything poured since the last flush as the interval `slot`.
    ///
    /// Each table is locked for a swap only; merging and sorting happen on the calling thread.
    pub fn flush(&self, slot: Slot, totals: Totals) -> Snapshot {
        let mut state = self.lock();
        let mut flipped = self.flip(&mut state.spares);
        let bounds = self.bounds();
        // Views want to show what was taken; without them it need not be there twice.
        let handing = if state.viewed { Handing::Copy } else { Handing::Give };
        state.collect(&mut flipped, handing, &bounds);
        state.leave_to_view(&flipped, &bounds);
        let (sums, others) = flipped.split_first_mut().expect("there is at least one");
        others.iter().for_each(|other| sums.absorb_sums(other));
        let snapshot = self.close_slot(&mut state, sums, slot, totals);
        if handing == Handing::Give {
            state.give_back(&mut flipped[0]);
        }
        for cells in &mut flipped {
            cells.clear_sums();
            state.clear_taken(cells, &bounds);
        }
        state.open.clear_parts(&bounds);
        state.spares = flipped;
        state.since = slot.end.max(state.since);
        snapshot
    }

    /// Summarises what a former run left of the interval `slot`, and lets `passed` intervals pass after it. What is in
    /// the tables waits for the next flush.
    pub fn flush_restored(&self, slot: Slot, totals: Totals, passed: u32) -> Snapshot {
        let mut state = self.lock();
        let snapshot = self.close_slot(&mut state, &mut Cells::default(), slot, totals);
        state.open.clear_parts(&self.bounds());
        state.kept.pass(passed, &self.rules.idle);
        snapshot
    }

    /// Makes the snapshot of an interval whose counters and gauges are in `sums`, the rest in the open part.
    fn close_slot(&self, state: &mut State, sums: &mut Cells, slot: Slot, totals: Totals) -> Snapshot {
        sums.absorb_sums(&state.open);
        state.open.clear_sums();
        state.negatives += sums.negatives.values().map(|cell| cell.samples).sum::<u64>();
        let own = self.rules.own_stats.then_some(OwnCounts { tally: sums.tally, ..OwnCounts::default() });
        let columns = state.kept.columns(
            sums,
            &mut state.open,
            state.since,
            &self.rules.idle,
            totals == Totals::Wanted,
        );
        let snapshot = self.snapshot(View::Closed, slot, columns, own);
        state.flushed += snapshot.samples;
        snapshot
    }

    pub(super) fn snapshot(
        &self,
        view: View,
        slot: Slot,
        columns: Columns,
        own: Option<OwnCounts>,
    ) -> Snapshot {
        let Columns { counters, totals, gauges, gauge_samples, timers, sets, values, samples } = columns;
        let names = Arc::clone(&self.names);
        Snapshot {
            view,
            slot,
            names,
            counters,
            totals,
            gauges,
            gauge_samples,
            timers,
            sets,
            values,
            samples,
            own,
        }
    }

    /// Where the samples are. No flush is under way while it is answered.
    pub fn ledger(&self) -> TableLedger {
        let state = self.lock();
        let mut ledger = TableLedger {
            restored: state.restored,
            flushed: state.flushed,
            deleted: state.deleted,
            held: state.open.samples,
            poured: 0,
        };
        for (_, table) in &self.tables().seats {
            let (poured, held) = table.poured_and_held();
            ledger.poured += poured;
            ledger.held += held;
        }
        ledger
    }

    /// Negative samples of counters in all closed snapshots: they are in sums, and in no total.
    pub fn negatives(&self) -> u64 {
        self.lock().negatives
    }

    /// Swaps the cells of every table for empty ones that are as long, so that no lane has to make room. One at least.
    pub(super) fn flip(&self, spares: &mut Vec<Cells>) -> Vec<Cells> {
        let tables = self.tables_to_merge();
        spares.resize_with(tables.len().max(spares.len()), Cells::default);
        let flipped = tables.iter().zip(spares.drain(..)).map(|(table, mut spare)| {
            spare.lengthen(&table.lengths());
            table.flip(spare)
        });
        let mut flipped: Vec<Cells> = flipped.collect();
        if flipped.is_empty() {
            flipped.push(Cells::default());
        }
        flipped
    }

    pub(super) fn rules(&self) -> &AccumulatorRules {
        &self.rules
    }

    pub(super) fn names(&self) -> &Registry {
        &self.names
    }

    pub(super) fn all_tables(&self) -> Vec<Arc<Table>> {
        self.tables().seats.iter().map(|(_, table)| Arc::clone(table)).collect()
    }

    /// The one with the most series first: what is merged is merged into its cells, and the cells of others stay small.
    pub(super) fn tables_to_merge(&self) -> Vec<Arc<Table>> {
        let mut tables = self.all_tables();
        tables.sort_by_cached_key(|table| std::cmp::Reverse(table.lengths().all()));
        tables
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        locked(&self.state)
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        locked(&self.tables)
    }
}

impl State {
    /// Nothing yet, as of `start`.
    pub(super) fn starting(start: Stamp) -> State {
        State { since: start, shown: start, ..State::default() }
    }

    /// Brings the distributions and sets that were flipped out together in the first of `flipped`, and adds them to the
    /// open interval and to the totals.
    pub(super) fn collect(&mut self, flipped: &mut [Cells], handing: Handing, bounds: &Bounds) {
        let (parts, others) = flipped.split_first_mut().expect("there is at least one");
        others.iter().for_each(|other| parts.absorb_parts(other, bounds));
        for ((which, open), kind) in self.open.distributions.iter_mut().enumerate().zip(DISTRIBUTIONS) {
            let (kept, cells) = (&mut self.kept.distributions[which], &mut parts.distributions[which]);
            let length = open.len().max(cells.len());
            open.resize_with(length, DistributionCell::default);
            walk(kept, cells, |index, kept, cell| {
                if cell.samples() > 0 {
                    let series = SeriesId::new(kind, index);
                    cell.settle(series, bounds);
                    kept.grow(cell, self.since);
                    match handing {
                        Handing::Give if open[index].samples() == 0 => mem::swap(&mut open[index], cell),
                        _ => open[index].absorb(cell, series, bounds),
                    }
                }
            });
        }
        let sets = &mut self.open.sets;
        sets.resize_with(sets.len().max(parts.sets.len()), SetCell::default);
        walk(&mut self.kept.sets, &mut parts.sets, |index, kept, cell| {
            if cell.samples > 0 {
                kept.unseen += cell.samples;
                sets[index].absorb(cell, bounds);
            }
        });
    }

    /// Brings the distributions that were given to the open interval back to the cells they came from, whose memory they
    /// have.
    fn give_back(&mut self, cells: &mut Cells) {
        for (open, cells) in self.open.distributions.iter_mut().zip(&mut cells.distributions) {
            for (open, cell) in open.iter_mut().zip(cells).filter(|(_, cell)| cell.samples() == 0) {
                mem::swap(open, cell);
            }
        }
    }

    /// Keeps what a flush took from the tables for the next view, if there are views.
    pub(super) fn leave_to_view(&mut self, flipped: &[Cells], bounds: &Bounds) {
        if !self.viewed {
            return;
        }
        for ((unseen, cells), kind) in
            self.unseen.iter_mut().zip(&flipped[0].distributions).zip(DISTRIBUTIONS)
        {
            for (index, cell) in cells.iter().enumerate().filter(|(_, cell)| cell.samples() > 0) {
                unseen.entry(index).or_default().absorb(cell, SeriesId::new(kind, index), bounds);
            }
        }
    }

    /// Empties the parts that were flipped out: those of series that are idle for the interval give memory back.
    fn clear_taken(&self, cells: &mut Cells, bounds: &Bounds) {
        for (cells, open) in cells.distributions.iter_mut().zip(&self.open.distributions) {
            let idle = |index: usize| open.get(index).is_none_or(|cell| cell.samples() == 0);
            for (index, cell) in cells.iter_mut().enumerate() {
                if idle(index) { cell.clear(bounds) } else { cell.renew(bounds) }
            }
        }
        let idle = |index: usize| self.open.sets.get(index).is_none_or(|cell| cell.samples == 0);
        for (index, cell) in cells.sets.iter_mut().enumerate() {
            if idle(index) { cell.clear(bounds) } else { cell.renew() }
        }
    }
}

/// What becomes of the distributions that leave the tables for the open interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Handing {
    /// They are still where they were taken from.
    Copy,
    /// They are not, unless the open interval had some of the series: samples of thousands of busy timers fill memory.
    Give,
}

/// The number of what a former run left, before those of all batches.
pub(super) const RESTORED: u64 = 1;

impl AccumulatorRules {
    /// How much is kept exactly, and what members are hashed with.
    pub fn bounds(&self) -> Bounds {
        Bounds {
            exact_samples: self.exact_samples,
            exact_members: self.exact_members,
            significant_digits: self.significant_digits,
            weighted: self.weighted,
            levels: None,
            secrets: RapidSecrets::seed(self.seed),
        }
    }
}

impl Default for AccumulatorRules {
    fn default() -> AccumulatorRules {
        AccumulatorRules {
            exact_samples: 1024,
            exact_members: 1024,
            significant_digits: 2,
            weighted: false,
            idle: IdleRules::default(),
            own_stats: false,
            seed: 0,
        }
    }
}
