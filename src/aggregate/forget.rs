//! Deletes series by request: as if they had never had a sample, as far as flushes can tell.
//!
//! What the open interval has of them leaves the tables and is in no snapshot. Running totals go on, and what views have
//! not shown of a counter or timer they will still show: who adds up must not see a sum go back. A gauge moves from 0
//! when it comes back.

use super::accumulator::{Accumulator, State};
use super::cells::{Bounds, CounterCell};
use super::kept::{Age, Kept};
use super::shown::Seen;
use crate::metric::{Kind, SeriesId};

impl Accumulator {
    /// Deletes counters, gauges, timers, histograms and distributions; ids of sets are left alone. The number of samples
    /// that were deleted with them.
    pub fn forget(&self, series: &[SeriesId]) -> u64 {
        let mut state = self.lock();
        let state = &mut *state;
        let bounds = self.bounds();
        if series.iter().any(|id| id.kind().is_distribution()) {
            self.bring_together(state, &bounds);
        }
        let mut deleted = 0;
        for id in series {
            deleted += match id.kind() {
                Kind::Counter => self.forget_counter(state, id.index()),
                Kind::Gauge => self.forget_gauge(state, id.index()),
                Kind::Timer => state.forget_distribution(0, id.index(), &bounds),
                Kind::Histogram => state.forget_distribution(1, id.index(), &bounds),
                Kind::Distribution => state.forget_distribution(2, id.index(), &bounds),
                Kind::Set => 0,
            };
        }
        state.deleted += deleted;
        deleted
    }

    fn forget_counter(&self, state: &mut State, index: usize) -> u64 {
        let open = state.open.counters.get_mut(index).map(std::mem::take).unwrap_or_default();
        state.open.samples -= open.samples;
        let mut negative = state.open.negatives.remove(&index).unwrap_or_default();
        let mut sum = open;
        for table in self.all_tables() {
            let (cell, cell_negative): (CounterCell, CounterCell) = table.take_counter(index);
            sum.absorb(&cell);
            negative.absorb(&cell_negative);
        }
        if state.kept.counters.len() <= index && sum.samples > 0 {
            state.kept.counters.resize_with(index + 1, Default::default);
        }
        let Kept { counters, shown, births, .. } = &mut state.kept;
        if let Some(kept) = counters.get_mut(index) {
            if sum.samples > 0 {
                kept.begin(births, state.since);
            }
            kept.total = kept.total_with(sum.sum, negative.sum, shown.total(index));
            kept.age = Age::ABSENT;
            shown.close(index, sum.samples);
        }
        sum.samples
    }

    fn forget_gauge(&self, state: &mut State, index: usize) -> u64 {
        let open = state.open.gauges.take(index);
        state.open.samples -= open;
        let tables = self.all_tables();
        let samples = open + tables.iter().map(|table| table.take_gauge(index)).sum::<u64>();
        if let Some(kept) = state.kept.gauges.get_mut(index) {
            kept.value = 0.0;
            // Views have nothing to show of what is gone.
            kept.seen = Seen::default();
            kept.age = Age::ABSENT;
        }
        samples
    }

    /// Moves the distributions of all tables to the open part, and leaves the next view what it has to show of them.
    fn bring_together(&self, state: &mut State, bounds: &Bounds) {
        let tables = self.tables_to_merge();
        self.take_parts(state, &tables);
        let spares = std::mem::take(&mut state.spares);
        state.leave_to_view(&spares, bounds);
        state.spares = spares;
        state.renew_spares(bounds);
    }
}

impl State {
    fn forget_distribution(&mut self, which: usize, index: usize, bounds: &Bounds) -> u64 {
        if let Some(kept) = self.kept.distributions[which].get_mut(index) {
            kept.age = Age::ABSENT;
        }
        let Some(cell) = self.open.distributions[which].get_mut(index) else { return 0 };
        let samples = cell.samples();
        cell.clear(bounds);
        self.open.samples -= samples;
        samples
    }
}
