//! What an accumulator keeps from interval to interval: cumulative totals, values of gauges, who is idle, and how much
//! of it the last live view has shown.
//!
//! It turns the merged cells of an interval into the columns of a snapshot.

use std::sync::Arc;

use super::accumulator::{Idle, IdleRules};
use super::cells::{Cells, finite, within_range};
use super::distribution::DistributionCell;
use super::gauge::GaugeCell;
use super::set::SetCell;
use super::snapshot::{CounterPoint, Distribution, GaugePoint, SetPoint, TimerPoint};
use crate::metric::{Kind, SeriesId};
use crate::time::Stamp;

/// Arrays by series id.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) counters: Vec<KeptCounter>,
    pub(super) gauges: Vec<KeptGauge>,
    pub(super) distributions: [Vec<KeptDistribution>; 3],
    pub(super) sets: Vec<KeptSet>,
}

/// The columns of a snapshot.
#[derive(Debug, Default)]
pub(super) struct Columns {
    pub(super) counters: Vec<CounterPoint>,
    pub(super) gauges: Vec<GaugePoint>,
    pub(super) timers: Vec<TimerPoint>,
    pub(super) sets: Vec<SetPoint>,
    pub(super) values: Vec<f64>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct KeptCounter {
    /// Of all closed intervals, negative samples left out.
    pub(super) total: f64,
    /// The total as the last view had it, that of the open interval included.
    pub(super) seen_total: f64,
    pub(super) created: Stamp,
    pub(super) age: Age,
    pub(super) seen: Seen,
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

/// Samples of the open interval that views have shown. Counted round the end of the range: after a flush it stands as
/// far below zero as samples were not shown before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Seen(u32);

impl Seen {
    /// Samples not shown yet, if the open interval has `samples` by now; from now on they are.
    pub(super) fn show(&mut self, samples: u64) -> u64 {
        let fresh = (samples as u32).wrapping_sub(self.0);
        self.0 = samples as u32;
        fresh.into()
    }

    /// Says that the interval was closed with `samples`.
    pub(super) fn close(&mut self, samples: u64) {
        self.0 = self.0.wrapping_sub(samples as u32);
    }
}

impl Kept {
    /// The columns of the interval in which the counters and gauges of `sums` were poured, and the distributions and
    /// sets of `open`, whose sketches are shared. What is new now began at `since`.
    pub(super) fn columns(
        &mut self,
        sums: &mut Cells,
        open: &mut Cells,
        since: Stamp,
        idle: &IdleRules,
    ) -> Columns {
        let mut columns = Columns::default();
        for (which, kind) in DISTRIBUTIONS.into_iter().enumerate() {
            walk(&mut self.distributions[which], &mut open.distributions[which], |index, kept, cell| {
                let series = SeriesId::new(kind, index);
                if kept.age.goes_on(cell.samples(), idle.timers) {
                    columns.timers.push(kept.point(series, cell, &mut columns.values));
                }
            });
        }
        columns.counters = self.counters(sums, since, idle.counters);
        columns.gauges = self.gauges(&mut sums.gauges, idle.gauges);
        columns.sets = self.sets(&mut open.sets, idle.sets);
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

    fn counters(&mut self, sums: &mut Cells, since: Stamp, idle: Idle) -> Vec<CounterPoint> {
        let mut points = Vec::with_capacity(sums.counters.len());
        let negatives = &sums.negatives;
        walk(&mut self.counters, &mut sums.counters, |index, kept, cell| {
            if kept.age.goes_on(cell.samples, idle) {
                let negative = negatives.get(&index).map_or(0.0, |cell| cell.sum);
                kept.total = kept.total_with(cell.sum, negative);
                kept.seen.close(cell.samples);
                kept.begin(since);
                points.push(CounterPoint {
                    series: SeriesId::new(Kind::Counter, index),
                    samples: cell.samples,
                    sum: finite(cell.sum),
                    total: kept.total,
                    created: kept.created,
                });
            }
        });
        points
    }

    fn gauges(&mut self, cells: &mut Vec<GaugeCell>, idle: Idle) -> Vec<GaugePoint> {
        let mut points = Vec::with_capacity(cells.len());
        walk(&mut self.gauges, cells, |index, kept, cell| {
            if kept.age.goes_on(cell.samples, idle) {
                kept.value = cell.value(kept.value);
                kept.seen.close(cell.samples);
                let series = SeriesId::new(Kind::Gauge, index);
                points.push(GaugePoint { series, samples: cell.samples, value: kept.value });
            } else {
                kept.value = 0.0;
            }
        });
        points
    }

    fn sets(&mut self, cells: &mut Vec<SetCell>, idle: Idle) -> Vec<SetPoint> {
        let mut points = Vec::with_capacity(cells.len());
        walk(&mut self.sets, cells, |index, kept, cell| {
            let cardinality = cell.cardinality();
            kept.changed |= kept.closed != cardinality;
            kept.closed = cardinality;
            if kept.age.goes_on(cell.samples, idle) {
                points.push(SetPoint {
                    series: SeriesId::new(Kind::Set, index),
                    samples: cell.samples,
                    cardinality,
                    members: cell.sorted(),
                });
            }
        });
        points
    }
}

impl KeptCounter {
    /// The total together with an open interval of that sum, `negative` of it from negative samples. It never goes
    /// back, not by what rounding does to either sum.
    pub(super) fn total_with(&self, sum: f64, negative: f64) -> f64 {
        let grown = match within_range(sum) {
            true => finite(finite(sum) - finite(negative)).max(0.0),
            // What went beyond the range says nothing of the total, which it would end.
            false => 0.0,
        };
        finite(self.total + grown).max(self.total).max(self.seen_total)
    }

    /// Says that what has not begun yet began at `since`.
    pub(super) fn begin(&mut self, since: Stamp) {
        if self.created == Stamp::default() {
            self.created = since;
        }
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
            Idle::DeleteAfter(most) if age >= most => *self = Age::ABSENT,
            Idle::Keep | Idle::DeleteAfter(_) => *self = Age(age),
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
