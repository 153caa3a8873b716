//! What an accumulator keeps from interval to interval: cumulative totals, values of gauges, who is idle, and how much
//! of it the last live view has shown.
//!
//! It turns the merged cells of an interval into the columns of a snapshot.

use std::sync::Arc;

use super::accumulator::{Idle, IdleRules};
use super::births::{Birth, Births};
use super::cells::{Cells, finite, within_range};
use super::distribution::DistributionCell;
use super::gauge::Gauges;
use super::set::SetCell;
use super::shown::{Seen, Shown};
use super::snapshot::{CounterPoint, CounterTotal, Distribution, GaugePoint, SetPoint, TimerPoint, few};
use crate::metric::{Kind, SeriesId};
use crate::time::Stamp;

/// Arrays by series id.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) counters: Vec<KeptCounter>,
    /// What views have shown of counters.
    pub(super) shown: Shown,
    /// When counters began.
    pub(super) births: Births,
    pub(super) gauges: Vec<KeptGauge>,
    pub(super) distributions: [Vec<KeptDistribution>; 3],
    pub(super) sets: Vec<KeptSet>,
}

/// The columns of a snapshot.
#[derive(Debug, Default)]
pub(super) struct Columns {
    pub(super) counters: Vec<CounterPoint>,
    /// Of each counter, or none.
    pub(super) totals: Vec<CounterTotal>,
    pub(super) gauges: Vec<GaugePoint>,
    /// Of each gauge, or none.
    pub(super) gauge_samples: Vec<u32>,
    pub(super) timers: Vec<TimerPoint>,
    pub(super) sets: Vec<SetPoint>,
    pub(super) values: Vec<f64>,
    /// In all of them.
    pub(super) samples: u64,
}

#[derive(Debug, Clone, Default)]
pub(super) struct KeptCounter {
    /// Of all closed intervals, negative samples left out.
    pub(super) total: f64,
    pub(super) birth: Birth,
    pub(super) age: Age,
}

#[derive(Debug, Clone, Default)]
pub(super) struct KeptGauge {
    pub(super) value: f64,
    pub(super) age: Age,
    pub(super) seen: Seen,
}

#[derive(Debug, Clone, Default)]
pub(super) struct KeptDistribution {
    /// Of everything that left the tables, that of the open interval included.
    pub(super) total_weight: f64,
    pub(super) total_sum: f64,
    pub(super) created: Stamp,
    pub(super) age: Age,
}

#[derive(Debug, Clone, Default)]
pub(super) struct KeptSet {
    /// Members in the last closed interval.
    pub(super) closed: u64,
    /// Whether no view has shown that yet.
    pub(super) changed: bool,
    /// Samples no view has shown.
    pub(super) unseen: u64,
    pub(super) age: Age,
}

/// Intervals since the last sample; `ABSENT` before the first one and after deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Age(pub(super) u32);

impl Columns {
    /// Samples of all points.
    pub(super) fn samples_of_points(&self) -> u64 {
        let counters = self.totals.iter().map(|point| u64::from(point.samples));
        let gauges = self.gauge_samples.iter().map(|&samples| u64::from(samples));
        let timers = self.timers.iter().map(|point| point.samples);
        counters.chain(gauges).chain(timers).chain(self.sets.iter().map(|point| point.samples)).sum()
    }
}

impl Kept {
    /// The columns of the interval in which the counters and gauges of `sums` were poured, and the distributions and
    /// sets of `open`, whose sketches are shared. What is new now began at `since`. Totals of counters where they are
    /// asked for.
    pub(super) fn columns(
        &mut self,
        sums: &mut Cells,
        open: &mut Cells,
        since: Stamp,
        idle: &IdleRules,
        totals: bool,
    ) -> Columns {
        let mut columns = Columns::default();
        let exact = open.distributions.iter().flatten().filter(|cell| cell.sketch.is_none());
        columns.values.reserve_exact(exact.map(|cell| cell.values.len()).sum());
        for (which, kind) in DISTRIBUTIONS.into_iter().enumerate() {
            walk(&mut self.distributions[which], &mut open.distributions[which], |index, kept, cell| {
                let series = SeriesId::new(kind, index);
                if kept.age.goes_on(cell.samples(), idle.timers) {
                    columns.timers.push(kept.point(series, cell, &mut columns.values));
                    columns.samples += cell.samples();
                }
            });
        }
        self.counters(&mut columns, sums, since, idle.counters, totals);
        self.gauges(&mut columns, &mut sums.gauges, idle.gauges, totals);
        self.sets(&mut columns, &mut open.sets, idle.sets);
        columns
    }

    /// Lets `intervals` pass in which nothing came.
    pub(super) fn pass(&mut self, intervals: u32, idle: &IdleRules) {
        self.counters.iter_mut().for_each(|kept| kept.age.pass(intervals, idle.counters));
        for kept in &mut self.gauges {
            kept.age.pass(intervals, idle.gauges);
            if kept.age == Age::ABSENT {
                kept.value = 0.0;
            }
        }
        let distributions = self.distributions.iter_mut().flatten();
        distributions.for_each(|kept| kept.age.pass(intervals, idle.timers));
        for kept in &mut self.sets {
            kept.age.pass(intervals, idle.sets);
            kept.closed = 0;
        }
    }

    fn counters(&mut self, columns: &mut Columns, sums: &mut Cells, since: Stamp, idle: Idle, totals: bool) {
        let points = &mut columns.counters;
        points.reserve_exact(sums.counters.len().max(self.counters.len()));
        let (negatives, births, shown) = (&sums.negatives, &mut self.births, &mut self.shown);
        walk(&mut self.counters, &mut sums.counters, |index, kept, cell| {
            if kept.age.goes_on(cell.samples, idle) {
                let negative = negatives.get(&index).map_or(0.0, |cell| cell.sum);
                kept.total = kept.total_with(cell.sum, negative, shown.total(index));
                shown.close(index, cell.samples);
                kept.begin(births, since);
                let series = SeriesId::new(Kind::Counter, index);
                points.push(CounterPoint { series, sum: finite(cell.sum) });
                columns.samples += cell.samples;
                if totals {
                    let created = births.at(kept.birth);
                    let samples = few(cell.samples);
                    columns.totals.push(CounterTotal { samples, total: kept.total, created });
                }
            }
        });
    }

    fn gauges(&mut self, columns: &mut Columns, cells: &mut Gauges, idle: Idle, totals: bool) {
        let length = self.gauges.len().max(cells.len());
        self.gauges.resize_with(length, KeptGauge::default);
        cells.lengthen(length);
        columns.gauges.reserve_exact(length);
        for (index, kept) in self.gauges.iter_mut().enumerate() {
            let (samples, before) = (cells.samples(index), kept.before(idle));
            if kept.age.goes_on(samples, idle) {
                kept.value = cells.value(index, before);
                kept.seen.close(samples);
                let series = SeriesId::new(Kind::Gauge, index);
                columns.gauges.push(GaugePoint { series, value: kept.value });
                if totals {
                    columns.gauge_samples.push(few(samples));
                }
                columns.samples += samples;
            } else {
                kept.value = 0.0;
            }
        }
    }

    fn sets(&mut self, columns: &mut Columns, cells: &mut Vec<SetCell>, idle: Idle) {
        walk(&mut self.sets, cells, |index, kept, cell| {
            let cardinality = cell.cardinality();
            kept.changed |= kept.closed != cardinality;
            kept.closed = cardinality;
            if kept.age.goes_on(cell.samples, idle) {
                columns.sets.push(SetPoint {
                    series: SeriesId::new(Kind::Set, index),
                    samples: cell.samples,
                    cardinality,
                    members: cell.sorted(),
                });
                columns.samples += cell.samples;
            }
        });
    }
}

impl KeptCounter {
    /// The total together with an open interval of that sum, `negative` of it from negative samples. It never goes
    /// back, not behind what views have shown, and not by what rounding does to either sum.
    pub(super) fn total_with(&self, sum: f64, negative: f64, shown: f64) -> f64 {
        let grown = match within_range(sum) {
            true => finite(finite(sum) - finite(negative)).max(0.0),
            // What went beyond the range says nothing of the total, which it would end.
            false => 0.0,
        };
        finite(self.total + grown).max(self.total).max(shown)
    }

    /// Says that what has not begun yet began at `since`.
    pub(super) fn begin(&mut self, births: &mut Births, since: Stamp) {
        if self.birth == Birth::default() {
            self.birth = births.of(since);
        }
    }
}

impl KeptGauge {
    /// What deltas of the open interval move it from.
    pub(super) fn before(&self, idle: Idle) -> f64 {
        if self.age.is_over(idle) { 0.0 } else { self.value }
    }
}

impl KeptDistribution {
    /// Enters what left a table.
    pub(super) fn grow(&mut self, taken: &DistributionCell, since: Stamp) {
        self.total_weight = finite(self.total_weight + taken.weight());
        let sum = taken.weighted_sum();
        if within_range(sum) {
            self.total_sum = finite(self.total_sum + sum);
        }
        if self.created == Stamp::default() {
            self.created = since;
        }
    }

    /// The point of what `cell` has; its exact samples go to the column of values.
    pub(super) fn point(
        &self,
        series: SeriesId,
        cell: &DistributionCell,
        values: &mut Vec<f64>,
    ) -> TimerPoint {
        let distribution = match &cell.sketch {
            Some(sketch) => Distribution::Sketch(Arc::clone(sketch)),
            None => exact(&cell.values, values),
        };
        TimerPoint {
            series,
            samples: cell.samples(),
            weight: cell.weight(),
            distribution,
            total_weight: self.total_weight,
            total_sum: self.total_sum,
            created: self.created,
        }
    }
}

impl Age {
    pub(super) const ABSENT: Age = Age(u32::MAX);

    /// Whether the series is in the snapshot of an interval in which it got `samples`.
    fn goes_on(&mut self, samples: u64, idle: Idle) -> bool {
        match samples {
            0 => self.pass(1, idle),
            _ => *self = Age(0),
        }
        *self != Age::ABSENT
    }

    /// Lets so many intervals pass without a sample.
    fn pass(&mut self, intervals: u32, idle: Idle) {
        let age = self.0.saturating_add(intervals).min(Age::ABSENT.0 - 1);
        match idle {
            _ if *self == Age::ABSENT => {}
            Idle::DeleteAfter(most) | Idle::EndAfter(most) if age >= most => *self = Age::ABSENT,
            Idle::Keep | Idle::DeleteAfter(_) | Idle::EndAfter(_) => *self = Age(age),
        }
    }

    /// Whether the open interval begins without the series.
    pub(super) fn is_over(self, idle: Idle) -> bool {
        match idle {
            Idle::EndAfter(most) => self.0.saturating_add(1) >= most,
            Idle::Keep | Idle::DeleteAfter(_) => self == Age::ABSENT,
        }
    }
}

impl Default for Age {
    fn default() -> Age {
        Age::ABSENT
    }
}

/// Appends the samples to the column of values, sorted.
fn exact(samples: &[f64], values: &mut Vec<f64>) -> Distribution {
    let start = values.len();
    values.extend_from_slice(samples);
    values[start..].sort_unstable_by(f64::total_cmp);
    Distribution::Exact(start..values.len())
}

/// Visits what is kept and what was poured, by index; both become as long as the longer one.
pub(super) fn walk<K: Default, C: Default>(
    kept: &mut Vec<K>,
    cells: &mut Vec<C>,
    mut visit: impl FnMut(usize, &mut K, &mut C),
) {
    let length = kept.len().max(cells.len());
    kept.resize_with(length, K::default);
    cells.resize_with(length, C::default);
    for (index, (kept, cell)) in kept.iter_mut().zip(cells).enumerate() {
        visit(index, kept, cell);
    }
}

/// The kinds of distributions, in the order of their arrays.
pub(super) const DISTRIBUTIONS: [Kind; 3] = [Kind::Timer, Kind::Histogram, Kind::Distribution];
