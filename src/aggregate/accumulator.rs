//! The accumulator of a filter: a table for every seat, and the flush that makes one snapshot of them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rapidhash::v3::RapidSecrets;

use super::cells::{Bounds, Cells};
use super::kept::Kept;
use super::snapshot::{OwnCounts, Snapshot, View};
use super::table::Table;
use crate::metric::Registry;
use crate::time::Slot;

/// Aggregates what any number of seats pour.
///
/// A sample poured during a flush is in its snapshot or in the next, never in both.
#[derive(Debug)]
pub struct Accumulator {
    rules: AccumulatorRules,
    names: Arc<Registry>,
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
}

/// Where the samples of an accumulator are; `poured == flushed + held` until it is closed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TableLedger {
    /// Samples poured since the accumulator exists.
    pub poured: u64,
    /// Samples the points of all snapshots count.
    pub flushed: u64,
    /// Samples in the tables, for the next snapshot.
    pub held: u64,
}

/// The tables, by the number of their seat.
#[derive(Debug, Default)]
struct Tables {
    seats: Vec<(usize, Arc<Table>)>,
    closed: bool,
}

/// What belongs to flushes alone.
#[derive(Debug, Default)]
struct State {
    kept: Kept,
    /// Empty cells, one for each table, in their order.
    spares: Vec<Cells>,
    flushed: u64,
}

impl Accumulator {
    /// An accumulator without a table; `names` gave out the ids of whatever will be poured.
    pub fn new(rules: AccumulatorRules, names: Arc<Registry>) -> Accumulator {
        Accumulator {
            rules,
            names,
            sequence: AtomicU64::new(0),
            tables: Mutex::default(),
            state: Mutex::default(),
        }
    }

    /// The table of a seat, always the same for the same number. It lives as long as the accumulator.
    pub fn seat(&self, seat: usize) -> Arc<Table> {
        let mut tables = self.tables();
        if let Some((_, table)) = tables.seats.iter().find(|(number, _)| *number == seat) {
            return Arc::clone(table);
        }
        let table = Arc::new(Table::new(self.rules.bounds()));
        if tables.closed {
            table.close();
        }
        tables.seats.push((seat, Arc::clone(&table)));
        table
    }

    /// Closes every table, and those that are asked for later: nobody will flush any more. The number of samples
    /// that no snapshot will have.
    pub fn close(&self) -> u64 {
        let mut tables = self.tables();
        tables.closed = true;
        tables.seats.iter().map(|(_, table)| table.close()).sum()
    }

    /// The number of the next batch, from 1 on; taken just before the batch is poured.
    pub fn next_sequence(&self) -> u64 {
        self.sequence.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Summarises everything poured since the last flush as the interval `slot`.
    ///
    /// Each table is locked for a swap only; merging and sorting happen on the calling thread.
    pub fn flush(&self, slot: Slot) -> Snapshot {
        let mut state = self.lock();
        let state = &mut *state;
        let bounds = self.rules.bounds();
        let mut flipped = self.flip(&mut state.spares);
        if flipped.is_empty() {
            flipped.push(Cells::default());
        }
        let (merged, others) = flipped.split_first_mut().expect("there is at least one");
        others.iter().for_each(|other| merged.absorb(other, &bounds));
        let own = self.rules.own_stats.then_some(OwnCounts { tally: merged.tally });
        let columns = state.kept.columns(merged, slot, &self.rules.idle, &bounds);
        flipped.iter_mut().for_each(|cells| cells.clear(&bounds));
        state.spares = flipped;
        let snapshot = Snapshot {
            view: View::Closed,
            slot,
            names: Arc::clone(&self.names),
            counters: columns.counters,
            gauges: columns.gauges,
            timers: columns.timers,
            sets: columns.sets,
            values: columns.values,
            own,
        };
        state.flushed += snapshot.samples();
        snapshot
    }

    /// Where the samples are. No flush is under way while it is answered.
    pub fn ledger(&self) -> TableLedger {
        let state = self.lock();
        let mut ledger = TableLedger { flushed: state.flushed, ..TableLedger::default() };
        for (_, table) in &self.tables().seats {
            let (poured, held) = table.poured_and_held();
            ledger.poured += poured;
            ledger.held += held;
        }
        ledger
    }

    /// Swaps the cells of every table for empty ones that are as long, so that no lane has to make room.
    fn flip(&self, spares: &mut Vec<Cells>) -> Vec<Cells> {
        let tables = self.tables().seats.clone();
        spares.resize_with(tables.len().max(spares.len()), Cells::default);
        let flipped = tables.iter().zip(spares.drain(..)).map(|((_, table), mut spare)| {
            spare.lengthen(&table.lengths());
            table.flip(spare)
        });
        flipped.collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AccumulatorRules {
    /// How much is kept exactly, and what members are hashed with.
    pub fn bounds(&self) -> Bounds {
        Bounds {
            exact_samples: self.exact_samples,
            exact_members: self.exact_members,
            significant_digits: self.significant_digits,
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
            idle: IdleRules::default(),
            own_stats: false,
            seed: 0,
        }
    }
}
