//! What an accumulator keeps from interval to interval: cumulative totals, values of gauges, and who is idle.
//!
//! It turns the merged cells of an interval into the columns of a snapshot.

use std::sync::Arc;

use super::accumulator::{Idle, IdleRules};
use super::cells::{Bounds, Cells, CounterCell, finite};
use super::distribution::DistributionCell;
use super::gauge::GaugeCell;
use super::set::SetCell;
use super::snapshot::{CounterPoint, Distribution, GaugePoint, SetPoint, TimerPoint};
use crate::metric::{Kind, SeriesId};
use crate::time::{Slot, Stamp};

/// Arrays by series id.
#[derive(Debug, Default)]
pub(super) struct Kept {
    counters: Vec<KeptCounter>,
    gauges: Vec<KeptGauge>,
    distributions: [Vec<KeptDistribution>; 3],
    sets: Vec<Age>,
}

/// The columns of a snapshot.
#[derive(Debug)]
pub(super) struct Columns {
    pub(super) counters: Vec<CounterPoint>,
    pub(super) gauges: Vec<GaugePoint>,
    pub(super) timers: Vec<TimerPoint>,
    pub(super) sets: Vec<SetPoint>,
    pub(super) values: Vec<f64>,
}

#[derive(Debug, Default)]
struct KeptCounter {
    total: f64,
    created: Stamp,
    age: Age,
}

#[derive(Debug, Default)]
struct KeptGauge {
    value: f64,
    age: Age,
}

#[derive(Debug, Default)]
struct KeptDistribution {
    total_weight: f64,
    total_sum: f64,
    created: Stamp,
    age: Age,
}

/// Intervals since the last sample; `ABSENT` before the first one and after deletion.
#[derive(Debug, Clone, Copy)]
struct Age(u32);

impl Kept {
    /// The columns of the interval in which `cells` were poured; shares the sketches of the cells.
    pub(super) fn columns(
        &mut self,
        cells: &mut Cells,
        slot: Slot,
        idle: &IdleRules,
        bounds: &Bounds,
    ) -> Columns {
        let mut timers = Vec::new();
        let mut values = Vec::new();
        let kept = self.distributions.iter_mut().zip(&mut cells.distributions);
        for ((kept, cells), kind) in kept.zip([Kind::Timer, Kind::Histogram, Kind::Distribution]) {
            walk(kept, cells, |index, kept, cell| {
                if kept.created == Stamp::default() && cell.samples() > 0 {
                    kept.created = slot.start();
                }
                timers.extend(kept.point(SeriesId::new(kind, index), cell, idle.timers, bounds, &mut values));
            });
        }
        Columns {
            counters: self.counters(&mut cells.counters, slot, idle.counters),
            gauges: self.gauges(&mut cells.gauges, idle.gauges),
            timers,
            sets: self.sets(&mut cells.sets, idle.sets),
            values,
        }
    }

    fn counters(&mut self, cells: &mut Vec<CounterCell>, slot: Slot, idle: Idle) -> Vec<CounterPoint> {
        let mut points = Vec::with_capacity(cells.len());
        walk(&mut self.counters, cells, |index, kept, cell| {
            if kept.age.goes_on(cell.samples, idle) {
                if kept.created == Stamp::default() {
                    kept.created = slot.start();
                }
                let sum = finite(cell.sum);
                kept.total = finite(kept.total + sum);
                let series = SeriesId::new(Kind::Counter, index);
                points.push(CounterPoint {
                    series,
                    samples: cell.samples,
                    sum,
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
        walk(&mut self.sets, cells, |index, age, cell| {
            if age.goes_on(cell.samples, idle) {
                points.push(SetPoint {
                    series: SeriesId::new(Kind::Set, index),
                    samples: cell.samples,
                    cardinality: cell.cardinality(),
                    members: cell.sorted(),
                });
            }
        });
        points
    }
}

impl KeptDistribution {
    fn point(
        &mut self,
        series: SeriesId,
        cell: &mut DistributionCell,
        idle: Idle,
        bounds: &Bounds,
        values: &mut Vec<f64>,
    ) -> Option<TimerPoint> {
        let (samples, weight) = (cell.samples(), cell.weight());
        if !self.age.goes_on(samples, idle) {
            return None;
        }
        cell.settle(bounds);
        let (distribution, sum) = match &cell.sketch {
            Some(sketch) => (Distribution::Sketch(Arc::clone(sketch)), sketch.sum()),
            None => exact(&cell.values, values),
        };
        self.total_weight = finite(self.total_weight + weight);
        self.total_sum = finite(self.total_sum + finite(sum + cell.extra_sum()));
        let (total_weight, total_sum, created) = (self.total_weight, self.total_sum, self.created);
        Some(TimerPoint { series, samples, weight, distribution, total_weight, total_sum, created })
    }
}

impl Age {
    const ABSENT: Age = Age(u32::MAX);

    /// Whether the series is in the snapshot of an interval in which it got `samples`.
    fn goes_on(&mut self, samples: u64, idle: Idle) -> bool {
        if samples > 0 {
            *self = Age(0);
            return true;
        }
        match idle {
            _ if self.0 == Age::ABSENT.0 => false,
            Idle::Keep => true,
            Idle::DeleteAfter(intervals) if self.0 + 1 < intervals => {
                self.0 += 1;
                true
            }
            Idle::DeleteAfter(_) => {
                *self = Age::ABSENT;
                false
            }
        }
    }
}

impl Default for Age {
    fn default() -> Age {
        Age::ABSENT
    }
}

/// Appends the samples to the column of values, sorted; adds them in that order, which no seat changes.
fn exact(samples: &[f64], values: &mut Vec<f64>) -> (Distribution, f64) {
    let start = values.len();
    values.extend_from_slice(samples);
    let sorted = &mut values[start..];
    sorted.sort_unstable_by(f64::total_cmp);
    let sum = sorted.iter().fold(0.0, |sum, value| sum + value);
    (Distribution::Exact(start..values.len()), sum)
}

/// Visits what is kept and what was poured, by index; both become as long as the longer one.
fn walk<K: Default, C: Default>(
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
