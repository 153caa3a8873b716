//! A snapshot in Graphite's words: the lines of one flush, as a payload, as fields, or straight into a buffer.

use std::sync::Arc;

use crate::aggregate::{Percentile, Rank, Snapshot, TimerPoint};
use crate::graphite::{LineWriter, Namespace, PercentNumbers, Rules, TagMode, TimerNumbers, parse_line};
use crate::metric::{Series, SeriesId};

/// Appends the lines of a flush to `out`; the number of lines.
///
/// Order: counters, timers, gauges, sets, the aggregator's own, the number of series: that of the reference.
pub fn write_snapshot(found: &Snapshot, naming: &Namespace, tags: &TagMode, out: &mut Vec<u8>) -> u64 {
    let mut writer = LineWriter::new(naming, tags, found.slot.end.seconds(), found.slot.seconds(), out);
    // Clients can send what the aggregator counts itself: both are one series.
    let mut own = OwnCounters::of(found, naming);
    each_named(
        found,
        &found.counters,
        |point| point.series,
        |point, series| {
            if !own.take(series, point.sum) {
                writer.counter(&series.name, &series.tags, point.sum);
            }
        },
    );
    let mut percentiles = Vec::new();
    each_named(
        found,
        &found.timers,
        |point| point.series,
        |point, series| {
            let numbers = timer_numbers(found, point, naming, &mut percentiles);
            writer.timer(&series.name, &series.tags, &numbers);
            if point.samples > 0
                && let Some(bins) = naming.bins(&series.name, &series.tags)
            {
                writer.bins(&series.name, &series.tags, bins, |bound| found.count_below(point, bound));
            }
        },
    );
    each_named(
        found,
        &found.gauges,
        |point| point.series,
        |point, series| {
            if !own.is_lag(series) {
                writer.gauge(&series.name, &series.tags, point.value);
            }
        },
    );
    each_named(
        found,
        &found.sets,
        |point| point.series,
        |point, series| {
            writer.set(&series.name, &series.tags, point.cardinality);
        },
    );
    let mut count = found.len() as u64 - own.taken;
    if let Some(counts) = &found.own {
        for OwnCounter { short, sum, .. } in &own.counters {
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
    writer.lines()
}

/// The aggregator's own counters in a flush, with what clients sent under the same names; none where they are not
/// asked for.
struct OwnCounters {
    counters: Vec<OwnCounter>,
    /// Name of the gauge of the lag, if it is sent.
    lag: Option<String>,
    /// Points of clients that are in here, or replaced by what is.
    taken: u64,
}

struct OwnCounter {
    short: &'static str,
    name: String,
    sum: f64,
}

impl OwnCounters {
    fn of(found: &Snapshot, naming: &Namespace) -> OwnCounters {
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
    fn take(&mut self, series: &Series, sum: f64) -> bool {
        let own = self.counters.iter_mut().find(|own| *own.name == *series.name && series.tags.is_empty());
        let Some(own) = own else { return false };
        own.sum += sum;
        self.taken += 1;
        true
    }

    /// Whether a client's gauge is the lag, which counts in its place.
    fn is_lag(&mut self, series: &Series) -> bool {
        let is_lag = series.tags.is_empty() && self.lag.as_deref() == Some(&*series.name);
        self.taken += u64::from(is_lag);
        is_lag
    }
}

/// Appends what an output says of its flush before the one in `found`, under the reference's names, if its own numbers
/// are asked for.
pub fn write_backend_stats(found: &Snapshot, naming: &Namespace, numbers: &[(&str, f64)], out: &mut Vec<u8>) {
    if found.own.is_some() {
        let (stamp, seconds) = (found.slot.end.seconds(), found.slot.seconds());
        let mut writer = LineWriter::new(naming, &TagMode::Graphite, stamp, seconds, out);
        numbers.iter().for_each(|(name, value)| writer.own_number(&format!("graphiteStats.{name}"), *value));
    }
}

/// Visits points with the names of their series. The names are taken some at a time: whoever names a new series
/// waits while they are locked.
fn each_named<P>(
    found: &Snapshot,
    points: &[P],
    series_of: impl Fn(&P) -> SeriesId,
    mut visit: impl FnMut(&P, &Series),
) {
    let mut taken: Vec<Arc<Series>> = Vec::with_capacity(points.len().min(NAMES_AT_ONCE));
    for same_kind in points.chunk_by(|a, b| series_of(a).kind() == series_of(b).kind()) {
        for chunk in same_kind.chunks(NAMES_AT_ONCE) {
            found.names.with_names(series_of(&chunk[0]).kind(), |names| {
                taken.extend(chunk.iter().map(|point| Arc::clone(&names[series_of(point).index()])));
            });
            chunk.iter().zip(&taken).for_each(|(point, series)| visit(point, series));
            taken.clear();
        }
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
const NAMES_AT_ONCE: usize = 1024;
