//! A snapshot in Graphite's words: the lines of one flush, as a payload, as fields, or straight into a buffer.

use crate::aggregate::{CounterPoint, GaugePoint, Percentile, Rank, SetPoint, Snapshot, TimerPoint};
use crate::graphite::{LineWriter, Namespace, PercentNumbers, Rules, TagMode, TimerNumbers, parse_line};
use crate::metric::{Kind, NameList, SeriesId, SeriesRef};

/// Appends the lines of a flush to `out`; the number of lines.
pub fn write_snapshot(found: &Snapshot, naming: &Namespace, tags: &TagMode, out: &mut Vec<u8>) -> u64 {
    let mut lines = SnapshotLines::new(found, naming, tags);
    while lines.write_part(out) {}
    lines.written
}

/// The lines of a flush, some at a time, so that nobody needs all of them at once.
///
/// Order: counters, timers, gauges, sets, the aggregator's own, the number of series: that of the reference.
pub struct SnapshotLines<'a> {
    found: &'a Snapshot,
    naming: &'a Namespace,
    tags: &'a TagMode,
    /// What is written next: its column, and the first point.
    column: Column,
    at: usize,
    own: OwnCounters,
    percentiles: Vec<Option<PercentNumbers>>,
    names: NameList,
    written: u64,
}

/// What a flush consists of, in the order in which it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Counters,
    Timers,
    Gauges,
    Sets,
    Own,
    Done,
}

impl Column {
    fn next(self) -> Column {
        match self {
            Column::Counters => Column::Timers,
            Column::Timers => Column::Gauges,
            Column::Gauges => Column::Sets,
            Column::Sets => Column::Own,
            Column::Own | Column::Done => Column::Done,
        }
    }
}

impl<'a> SnapshotLines<'a> {
    /// Nothing is written yet.
    pub fn new(found: &'a Snapshot, naming: &'a Namespace, tags: &'a TagMode) -> SnapshotLines<'a> {
        // Clients can send what the aggregator counts itself: both are one series.
        let own = OwnCounters::of(found, naming);
        let (column, at, percentiles, names) = (Column::Counters, 0, Vec::new(), NameList::of(Kind::Counter));
        SnapshotLines { found, naming, tags, column, at, own, percentiles, names, written: 0 }
    }

    /// Appends the lines of the next points, a thousand or so, to `out`; whether there are more.
    pub fn write_part(&mut self, out: &mut Vec<u8>) -> bool {
        let (found, slot) = (self.found, self.found.slot);
        let mut writer = LineWriter::new(self.naming, self.tags, slot.end.seconds(), slot.seconds(), out);
        let some = match self.column {
            Column::Counters => {
                let points = self.named(&found.counters, |point| point.series);
                points.map(|points| self.counters(points, &mut writer))
            }
            Column::Timers => {
                let points = self.named(&found.timers, |point| point.series);
                points.map(|points| self.timers(points, &mut writer))
            }
            Column::Gauges => {
                let points = self.named(&found.gauges, |point| point.series);
                points.map(|points| self.gauges(points, &mut writer))
            }
            Column::Sets => {
                let points = self.named(&found.sets, |point| point.series);
                points.map(|points| self.sets(points, &mut writer))
            }
            Column::Own => {
                self.own(&mut writer);
                None
            }
            Column::Done => None,
        };
        if some.is_none() {
            (self.column, self.at) = (self.column.next(), 0);
        }
        self.written += writer.lines();
        self.column != Column::Done
    }

    /// The next points of one kind, with the names of their series in `names`. The names are taken some at a time:
    /// whoever names a new series waits while they are locked.
    fn named<P>(&mut self, points: &'a [P], series_of: impl Fn(&P) -> SeriesId) -> Option<&'a [P]> {
        let rest = &points[self.at..];
        let kind = series_of(rest.first()?).kind();
        let some = &rest[..rest.len().min(NAMES_AT_ONCE)];
        let same = some.partition_point(|point| series_of(point).kind() == kind);
        let chosen = &some[..same];
        self.names.take(&self.found.names, chosen.iter().map(series_of));
        self.at += same;
        Some(chosen)
    }

    fn counters(&mut self, points: &[CounterPoint], writer: &mut LineWriter<'_>) {
        for (point, series) in points.iter().zip(self.names.iter()) {
            if !self.own.take(series, point.sum) {
                writer.counter(series.name, series.tags, point.sum);
            }
        }
    }

    fn timers(&mut self, points: &[TimerPoint], writer: &mut LineWriter<'_>) {
        for (point, series) in points.iter().zip(self.names.iter()) {
            let numbers = timer_numbers(self.found, point, self.naming, &mut self.percentiles);
            writer.timer(series.name, series.tags, &numbers);
            if point.samples > 0
                && let Some(bins) = self.naming.bins(series.name, series.tags)
            {
                writer.bins(series.name, series.tags, bins, |bound| self.found.count_below(point, bound));
            }
        }
    }

    fn gauges(&mut self, points: &[GaugePoint], writer: &mut LineWriter<'_>) {
        for (point, series) in points.iter().zip(self.names.iter()) {
            if !self.own.is_lag(series) {
                writer.gauge(series.name, series.tags, point.value);
            }
        }
    }

    fn sets(&self, points: &[SetPoint], writer: &mut LineWriter<'_>) {
        for (point, series) in points.iter().zip(self.names.iter()) {
            writer.set(series.name, series.tags, point.cardinality);
        }
    }

    fn own(&self, writer: &mut LineWriter<'_>) {
        let mut count = self.found.len() as u64 - self.own.taken;
        if let Some(counts) = &self.found.own {
            for OwnCounter { short, sum, .. } in &self.own.counters {
                writer.own_counter(short, *sum);
                count += 1;
            }
            if let Some(lag) = counts.lag {
                writer.own_gauge("timestamp_lag", lag as f64);
                count += 1;
            }
            writer.own_number("processing_time", (counts.processing * 1000.0).round());
        }
        writer.number_of_stats(count);
    }
}

/// The aggregator's own counters in a flush, with what clients sent under the same names; none where they are not
/// asked for.
pub(super) struct OwnCounters {
    pub(super) counters: Vec<OwnCounter>,
    /// Name of the gauge of the lag, if it is sent.
    lag: Option<String>,
    /// Points of clients that are in here, or replaced by what is.
    taken: u64,
}

pub(super) struct OwnCounter {
    short: &'static str,
    pub(super) name: String,
    pub(super) sum: f64,
}

impl OwnCounters {
    pub(super) fn of(found: &Snapshot, naming: &Namespace) -> OwnCounters {
        let Some(own) = &found.own else { return OwnCounters { counters: Vec::new(), lag: None, taken: 0 } };
        let counter = |(short, count): (&'static str, u64)| OwnCounter {
            short,
            name: naming.own_name(short),
            sum: count as f64,
        };
        let counts = [
            ("bad_lines_seen", own.tally.bad_total()),
            ("packets_received", own.tally.datagrams),
            ("metrics_received", own.tally.lines),
        ];
        let lag = own.lag.map(|_| naming.own_name("timestamp_lag"));
        OwnCounters { counters: counts.map(counter).into(), lag, taken: 0 }
    }

    /// Adds a client's counter if it is one of these; whether it is.
    pub(super) fn take(&mut self, series: SeriesRef<'_>, sum: f64) -> bool {
        let own = self.counters.iter_mut().find(|own| own.name == series.name && series.tags.is_empty());
        let Some(own) = own else { return false };
        own.sum += sum;
        self.taken += 1;
        true
    }

    /// Whether a client's gauge is the lag, which counts in its place.
    pub(super) fn is_lag(&mut self, series: SeriesRef<'_>) -> bool {
        let is_lag = series.tags.is_empty() && self.lag.as_deref() == Some(series.name);
        self.taken += u64::from(is_lag);
        is_lag
    }
}

/// Appends what an output says of its flushes, under the reference's names, with the stamp of `found`, if its own
/// numbers are asked for.
pub fn write_backend_stats(
    found: &Snapshot,
    naming: &Namespace,
    tags: &TagMode,
    numbers: &[(&str, f64)],
    out: &mut Vec<u8>,
) {
    if found.own.is_some() {
        let (stamp, seconds) = (found.slot.end.seconds(), found.slot.seconds());
        let mut writer = LineWriter::new(naming, tags, stamp, seconds, out);
        numbers.iter().for_each(|(name, value)| writer.own_number(&format!("graphiteStats.{name}"), *value));
    }
}

/// The numbers of a timer; `percentiles` is used for those of `naming`.
pub fn timer_numbers<'a>(
    found: &Snapshot,
    point: &TimerPoint,
    naming: &Namespace,
    percentiles: &'a mut Vec<Option<PercentNumbers>>,
) -> TimerNumbers<'a> {
    let rank = match naming.rules() {
        Rules::Statsd => Rank::Statsd,
        Rules::Heka => Rank::Heka,
    };
    percentiles.clear();
    let numbers = |percentile: Percentile| PercentNumbers {
        count: percentile.count as u64,
        mean: percentile.mean,
        bound: percentile.bound,
        sum: percentile.sum,
        sum_squares: percentile.sum_squares,
    };
    percentiles.extend(
        naming.percentiles().iter().map(|percent| found.percentile(point, percent.value, rank).map(numbers)),
    );
    let zero = TimerNumbers {
        samples: point.samples,
        count: point.weight,
        lower: 0.0,
        upper: 0.0,
        sum: 0.0,
        sum_squares: 0.0,
        mean: 0.0,
        median: 0.0,
        deviation: 0.0,
        percentiles,
    };
    match found.summary(point) {
        None => zero,
        Some(summary) => TimerNumbers {
            lower: summary.lower,
            upper: summary.upper,
            sum: summary.sum,
            sum_squares: summary.sum_squares,
            mean: summary.mean,
            median: summary.median,
            deviation: summary.std,
            ..zero
        },
    }
}

/// The lines as the payload of a message.
pub(super) fn payload(found: &Snapshot, naming: &Namespace) -> Vec<u8> {
    let mut lines = Vec::new();
    write_snapshot(found, naming, &TagMode::Graphite, &mut lines);
    lines
}

/// The lines as fields of a message: path and value.
pub(super) fn fields(found: &Snapshot, naming: &Namespace) -> Vec<(String, f64)> {
    let lines = payload(found, naming);
    let lines = lines.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    let parsed = lines.map(|line| parse_line(line).expect("lines written here can be read"));
    parsed.map(|line| (line.path.to_owned(), line.value)).collect()
}

/// Names taken while they are locked once.
pub(super) const NAMES_AT_ONCE: usize = 1024;
