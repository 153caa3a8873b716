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
    each_named(
        found,
        &found.counters,
        |point| point.series,
        |point, series| {
            writer.counter(&series.name, &series.tags, point.sum);
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
        },
    );
    each_named(
        found,
        &found.gauges,
        |point| point.series,
        |point, series| {
            writer.gauge(&series.name, &series.tags, point.value);
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
    let mut count = found.len() as u64;
    if let Some(own) = &found.own {
        let counters = [
            ("bad_lines_seen", own.tally.bad_total()),
            ("packets_received", own.tally.datagrams),
            ("metrics_received", own.tally.lines),
        ];
        for (name, value) in counters {
            writer.own_counter(name, value as f64);
            count += 1;
        }
        if let Some(lag) = own.lag {
            writer.own_gauge("timestamp_lag", lag as f64);
            count += 1;
        }
        writer.own_number("processing_time", (own.processing * 1000.0).round());
    }
    writer.number_of_stats(count);
    writer.lines()
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
