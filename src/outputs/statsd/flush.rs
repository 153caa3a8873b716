//! A flush as lines that say what its interval came to.
//!
//! Counters are their sums, gauges their values, sets their members, timers their samples. That can be said of sets and
//! timers only while all of it is known: beyond, there is nothing an upstream could add up rightly.

use crate::aggregate::Snapshot;
use crate::metric::{Kind, SampleKind, Series, SeriesId};
use crate::statsd::{Datum, TagStyle, write_line};

/// Series of a flush that no line can say.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unsendable {
    /// Timers with more samples than are kept.
    pub(super) timers: u64,
    /// Sets with more members than are kept.
    pub(super) sets: u64,
}

impl Unsendable {
    /// Those of `found`.
    pub(super) fn of(found: &Snapshot) -> Unsendable {
        let timers = found.timers.iter().filter(|point| found.exact(point).is_none()).count();
        let sets = found.sets.iter().filter(|point| point.members.is_none() && point.samples > 0).count();
        Unsendable { timers: timers as u64, sets: sets as u64 }
    }

    pub(super) fn is_none(self) -> bool {
        self == Unsendable::default()
    }

    pub(super) fn add(&mut self, other: Unsendable) {
        self.timers += other.timers;
        self.sets += other.sets;
    }
}

/// Calls `visit` with each line of a flush.
pub(super) fn each_line_of(found: &Snapshot, style: TagStyle, visit: impl FnMut(&[u8])) {
    let mut lines = Lines { found, style, visit, text: Vec::new() };
    for point in &found.counters {
        lines.write(point.series, &[(SampleKind::Counter, point.sum)], 1.0);
    }
    for point in &found.gauges {
        lines.write(point.series, &[(SampleKind::Gauge, point.value)], 1.0);
    }
    for point in &found.timers {
        let values = found.exact(point).unwrap_or_default();
        // The samples stand for as many as their weight says; which of them had which rate is not known any more.
        let rate = if point.weight > 0.0 { values.len() as f64 / point.weight } else { 1.0 };
        let kind = kind_of(point.series);
        let data: Vec<(SampleKind, f64)> = values.iter().map(|value| (kind, *value)).collect();
        lines.write(point.series, &data, rate);
    }
    for point in &found.sets {
        lines.members(point.series, point.members.as_deref().unwrap_or_default());
    }
}

struct Lines<'a, V> {
    found: &'a Snapshot,
    style: TagStyle,
    visit: V,
    text: Vec<u8>,
}

impl<V: FnMut(&[u8])> Lines<'_, V> {
    fn write(&mut self, series: SeriesId, data: &[(SampleKind, f64)], rate: f64) {
        let series = self.found.names.series(series);
        for &(kind, value) in data {
            self.line(&series, Datum { kind, value, member: b"", rate });
        }
    }

    fn members(&mut self, series: SeriesId, members: &[Box<[u8]>]) {
        let series = self.found.names.series(series);
        for member in members {
            self.line(&series, Datum { kind: SampleKind::Set, value: 0.0, member, rate: 1.0 });
        }
    }

    fn line(&mut self, series: &Series, datum: Datum<'_>) {
        self.text.clear();
        let name = series.name.as_bytes();
        write_line(&mut self.text, name, series.tags.borrowed(), datum, self.style);
        self.text.split(|&byte| byte == b'\n').for_each(&mut self.visit);
    }
}

/// The kind of the samples of a timer, histogram or distribution.
fn kind_of(series: SeriesId) -> SampleKind {
    match series.kind() {
        Kind::Histogram => SampleKind::Histogram,
        Kind::Distribution => SampleKind::Distribution,
        _ => SampleKind::Timer,
    }
}
