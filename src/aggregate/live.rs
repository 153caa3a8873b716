//! Live views: what has moved since the last one, with totals, without resetting anything.
//!
//! Counters and gauges are read where they are, some thousands at a time, so that a lane waits for microseconds.
//! Distributions and sets leave the tables for the open part of the interval, by a swap of arrays as at a flush: only so
//! can the samples since the last view be told from those before it. When to look is decided elsewhere.
//!
//! What a lost view had is named again in the interval after it, some groups of series with each view: all at once would
//! be a list as long as the registry.

use std::sync::Arc;
use std::time::Duration;

use super::accumulator::{Accumulator, Handing, Idle, State};
use super::cells::{Bounds, Cells, CounterCell, Lengths};
use super::distribution::DistributionCell;
use super::gauge::Gauges;
use super::kept::{Age, Columns, DISTRIBUTIONS, Kept, walk};
use super::snapshot::{CounterPoint, CounterTotal, GaugePoint, SetPoint, Snapshot, View, few};
use super::table::Table;
use crate::metric::{Kind, SeriesId};
use crate::time::{Slot, Stamp};

/// Which series a view has beside those that were touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beside {
    /// None.
    Nothing,
    /// Of those that had samples in the last closed interval the ones whose turn it is, so that each of them is named
    /// once in so much time: what a view that was lost had is made good.
    Turns {
        /// In what time all have their turn: the flush interval.
        every: Duration,
    },
    /// Whatever is kept: for who sees this accumulator for the first time.
    Everything,
}

impl Accumulator {
    /// What has moved since the last view, as of `now`.
    ///
    /// Points have the samples since the last view, those of the first one what the open interval has by then; what they
    /// have in sum over all views that follow it is what was poured. Points of
    /// series that are only there `beside` have none. Nothing is reset: the next flush has everything.
    pub fn view(&self, now: Stamp, beside: Beside) -> Snapshot {
        let mut state = self.lock();
        let state = &mut *state;
        state.viewed = true;
        let span = now.since(state.shown).max(SHORTEST);
        let beside = Named::between(state.shown, now, beside);
        let tables = self.tables_to_merge();
        self.take_parts(state, &tables);
        let mut columns = Columns::default();
        state.live_counters(&mut columns, &tables, beside);
        state.live_gauges(&mut columns, &tables, beside, self.rules().idle.gauges);
        let bounds = self.bounds();
        state.live_timers(&mut columns, beside, &bounds);
        columns.sets = state.live_sets(beside);
        columns.samples = columns.samples_of_points();
        state.renew_spares(&bounds);
        state.since = now;
        state.shown = now;
        self.snapshot(View::Live, Slot { end: now, interval: span }, columns, None)
    }

    /// Moves the distributions and sets of all tables to the open part; the spares have them in the end as well.
    pub(super) fn take_parts(&self, state: &mut State, tables: &[Arc<Table>]) {
        state.spares.resize_with(tables.len().max(state.spares.len()).max(1), Cells::default);
        for (table, spare) in tables.iter().zip(&mut state.spares) {
            spare.lengthen_parts(&table.lengths());
            table.flip_parts(spare);
            let samples = spare.samples_of_parts();
            table.give(samples);
            state.open.samples += samples;
        }
        let mut spares = std::mem::take(&mut state.spares);
        state.collect(&mut spares, Handing::Copy, &self.bounds());
        state.spares = spares;
    }
}

impl State {
    fn live_counters(&mut self, columns: &mut Columns, tables: &[Arc<Table>], beside: Named) {
        let length = self.length(tables, |lengths| lengths.counters, self.kept.counters.len());
        self.kept.counters.resize_with(length, Default::default);
        self.kept.shown.begin(length);
        let (mut sums, mut negatives) =
            (vec![CounterCell::default(); AT_ONCE], vec![CounterCell::default(); AT_ONCE]);
        for start in (0..length).step_by(AT_ONCE) {
            self.counters_from(start, tables, &mut sums, &mut negatives);
            let Kept { counters, shown, births, .. } = &mut self.kept;
            let kept = counters[start..].iter_mut().zip(&sums).zip(&negatives);
            for (index, ((kept, cell), negative)) in (start..).zip(kept) {
                let fresh = shown.show(index, cell.samples);
                if fresh == 0 && !beside.includes(index, kept.age) {
                    continue;
                }
                kept.begin(births, self.since);
                let before = shown.total(index);
                let total = kept.total_with(cell.sum, negative.sum, before);
                shown.set_total(index, total);
                let series = SeriesId::new(Kind::Counter, index);
                columns.counters.push(CounterPoint { series, sum: total - before });
                let created = births.at(kept.birth);
                columns.totals.push(CounterTotal { samples: few(fresh), total, created });
            }
        }
    }

    fn live_gauges(&mut self, columns: &mut Columns, tables: &[Arc<Table>], beside: Named, idle: Idle) {
        let length = self.length(tables, |lengths| lengths.gauges, self.kept.gauges.len());
        self.kept.gauges.resize_with(length, Default::default);
        let mut merged = Gauges::untouched(AT_ONCE);
        for start in (0..length).step_by(AT_ONCE) {
            self.gauges_from(start, tables, &mut merged);
            let kept = self.kept.gauges[start..].iter_mut().take(AT_ONCE);
            for (place, kept) in kept.enumerate() {
                let open = merged.samples(place);
                let samples = kept.seen.show(open);
                if samples > 0 || beside.includes(start + place, kept.age) {
                    let series = SeriesId::new(Kind::Gauge, start + place);
                    // What has ended since the last view is shown as it was.
                    let before = if open > 0 { kept.before(idle) } else { kept.value };
                    let value = merged.value(place, before);
                    columns.gauges.push(GaugePoint { series, value });
                    columns.gauge_samples.push(few(samples));
                }
            }
        }
    }

    /// What the open interval has of the counters from index `start` on, as many as fit, and of their negative samples.
    pub(super) fn counters_from(
        &self,
        start: usize,
        tables: &[Arc<Table>],
        sums: &mut [CounterCell],
        negatives: &mut [CounterCell],
    ) {
        sums.fill(CounterCell::default());
        negatives.fill(CounterCell::default());
        tables.iter().for_each(|table| table.add_counters(start, sums, negatives));
        for (index, cell) in self.open.counters.iter().enumerate().skip(start).take(sums.len()) {
            sums[index - start].absorb(cell);
        }
        for (&index, cell) in self.open.negatives.range(start..start + negatives.len()) {
            negatives[index - start].absorb(cell);
        }
    }

    /// The same of the gauges.
    pub(super) fn gauges_from(&self, start: usize, tables: &[Arc<Table>], merged: &mut Gauges) {
        merged.clear();
        tables.iter().for_each(|table| table.add_gauges(start, merged));
        merged.absorb_from(&self.open.gauges, start);
    }

    /// From what was just taken, and what the last flush took before this view could.
    fn live_timers(&mut self, columns: &mut Columns, beside: Named, bounds: &Bounds) {
        let none = DistributionCell::default();
        let State { kept, spares, unseen, .. } = self;
        for (which, kind) in DISTRIBUTIONS.into_iter().enumerate() {
            let mut unseen = std::mem::take(&mut unseen[which]);
            walk(
                &mut kept.distributions[which],
                &mut spares[0].distributions[which],
                |index, kept, taken| {
                    let series = SeriesId::new(kind, index);
                    let cell = match unseen.get_mut(&index) {
                        Some(cell) => {
                            cell.absorb(taken, series, bounds);
                            &*cell
                        }
                        None => &*taken,
                    };
                    if cell.samples() > 0 {
                        columns.timers.push(kept.point(series, cell, &mut columns.values));
                    } else if beside.includes(index, kept.age) {
                        columns.timers.push(kept.point(series, &none, &mut columns.values));
                    }
                },
            );
        }
    }

    fn live_sets(&mut self, beside: Named) -> Vec<SetPoint> {
        let mut points = Vec::new();
        walk(&mut self.kept.sets, &mut self.open.sets, |index, kept, open| {
            if kept.unseen > 0 || kept.changed || beside.includes(index, kept.age) {
                kept.changed = false;
                points.push(SetPoint {
                    series: SeriesId::new(Kind::Set, index),
                    samples: std::mem::take(&mut kept.unseen),
                    cardinality: open.cardinality().max(kept.closed),
                    members: None,
                });
            }
        });
        points
    }

    /// Empties the parts that were taken out of the tables.
    pub(super) fn renew_spares(&mut self, bounds: &Bounds) {
        for cells in &mut self.spares {
            cells.distributions.iter_mut().flatten().for_each(|cell| cell.renew(bounds));
            cells.sets.iter_mut().for_each(|cell| cell.renew());
        }
    }

    /// As long as the longest of the tables, of what a former run left, and of what is kept.
    pub(super) fn length(&self, tables: &[Arc<Table>], of: impl Fn(&Lengths) -> usize, kept: usize) -> usize {
        let lengths = tables.iter().map(|table| of(&table.lengths()));
        lengths.chain([of(&self.open.lengths()), kept]).max().unwrap_or(0)
    }
}

/// Series that one view names beside those that were touched.
#[derive(Debug, Clone, Copy)]
enum Named {
    Nothing,
    /// Those of so many groups, from this one on.
    Groups {
        first: i64,
        count: i64,
    },
    Everything,
}

impl Named {
    /// What the view at `now` names if the one before was at `last`. A clock that was set back gives nobody a turn.
    fn between(last: Stamp, now: Stamp, beside: Beside) -> Named {
        match beside {
            Beside::Nothing => Named::Nothing,
            Beside::Everything => Named::Everything,
            Beside::Turns { every } => {
                let turn = (i64::try_from(every.as_nanos()).unwrap_or(i64::MAX) / GROUPS).max(1);
                let first = last.0.div_euclid(turn) + 1;
                Named::Groups { first, count: now.0.div_euclid(turn) + 1 - first }
            }
        }
    }

    fn includes(self, index: usize, age: Age) -> bool {
        match self {
            Named::Nothing => false,
            Named::Groups { first, count } => {
                age == Age(0) && (index as i64).wrapping_sub(first).rem_euclid(GROUPS) < count
            }
            Named::Everything => age != Age::ABSENT,
        }
    }
}

/// Groups that have their turns one after the other; a series is in that of its index, so that each has as many.
const GROUPS: i64 = 64;

/// Cells read while a table is locked: some microseconds.
pub(super) const AT_ONCE: usize = 2048;

/// Two views at one moment, or a clock that was set back, still have some time between them: rates divide by it.
const SHORTEST: Duration = Duration::from_millis(1);
