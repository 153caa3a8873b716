//! A snapshot as one JSON document, with the keys of the reference's console backend.
//!
//! They are those of <https://github.com/statsd/statsd/blob/master/backends/console.js>: `counters`, `timers` (the samples,
//! sorted), `gauges`, `timer_data`, `counter_rates`, `sets` (the members), `pctThreshold`. A `timestamp` is added; and
//! what the reference does not know, `h` and `d`, has keys of its own where there is any. Samples and members that are
//! no longer all known are given as their number.

use super::snapshot_text::{NAMES_AT_ONCE, OwnCounters, timer_numbers};
use crate::aggregate::{CounterPoint, GaugePoint, Snapshot, TimerPoint};
use crate::graphite::{Namespace, Percent, PercentNumbers, TimerNumbers, write_integer, write_number};
use crate::metric::{Kind, NameList, SeriesId, SeriesRef};

/// How a document is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// On one line.
    Compact,
    /// A line for every key.
    Pretty,
}

/// Appends the document of a flush and a newline to `out`.
pub fn write_flush_json(found: &Snapshot, naming: &Namespace, layout: Layout, out: &mut Vec<u8>) {
    let mut json = Json { out, layout, depth: 0, is_first: true };
    json.object(|json| {
        json.key("timestamp");
        write_integer(json.out, found.slot.end.seconds());
        json.table("counters", |json| each_counter(found, naming, |name, sum| json.pair(name, sum)));
        timers(json, found, naming, ["timers", "timer_data"], Kind::Timer);
        gauges(json, found, naming);
        let seconds = found.slot.seconds();
        json.table("counter_rates", |json| {
            // A sum beyond the range has no rate within it.
            let rate = |sum: f64| if sum.abs() < f64::MAX { sum / seconds } else { sum };
            each_counter(found, naming, |name, sum| json.pair(name, rate(sum)));
        });
        sets(json, found);
        json.key("pctThreshold");
        json.numbers(naming.percentiles().iter().map(|percent| percent.value));
        timers(json, found, naming, ["histograms", "histogram_data"], Kind::Histogram);
        timers(json, found, naming, ["distributions", "distribution_data"], Kind::Distribution);
        if let Some(own) = &found.own {
            json.table("statsd_metrics", |json| {
                json.pair("processing_time", (own.processing * 1000.0).round())
            });
        }
    });
    out.push(b'\n');
}

/// Calls `visit` with every counter; the aggregator's own last, with what clients sent under the same names.
fn each_counter(found: &Snapshot, naming: &Namespace, mut visit: impl FnMut(&str, f64)) {
    let mut own = OwnCounters::of(found, naming);
    let point = |point: &CounterPoint, series: SeriesRef<'_>| {
        if !own.take(series, point.sum) {
            visit(&series.reference_text(), point.sum);
        }
    };
    each_named(found, &found.counters, |point| point.series, point);
    own.counters.iter().for_each(|counter| visit(&counter.name, counter.sum));
}

fn gauges(json: &mut Json<'_>, found: &Snapshot, naming: &Namespace) {
    let mut own = OwnCounters::of(found, naming);
    json.table("gauges", |json| {
        let point = |point: &GaugePoint, series: SeriesRef<'_>| {
            if !own.is_lag(series) {
                json.pair(&series.reference_text(), point.value);
            }
        };
        each_named(found, &found.gauges, |point| point.series, point);
        if let Some(lag) = found.own.as_ref().and_then(|own| own.lag) {
            json.pair(&naming.own_name("timestamp_lag"), lag as f64);
        }
    });
}

/// The samples and the statistics of the timers of one kind. Only those of `ms` are there even if there are none.
fn timers(json: &mut Json<'_>, found: &Snapshot, naming: &Namespace, keys: [&str; 2], kind: Kind) {
    let points: Vec<&TimerPoint> = found.timers.iter().filter(|point| point.series.kind() == kind).collect();
    if points.is_empty() && kind != Kind::Timer {
        return;
    }
    json.table(keys[0], |json| {
        each_named(
            found,
            &points,
            |point| point.series,
            |point, series| {
                json.key(&series.reference_text());
                match found.exact(point) {
                    Some(samples) => json.numbers(samples.iter().copied()),
                    None => json.number(point.samples as f64),
                }
            },
        );
    });
    json.table(keys[1], |json| {
        let mut room = Vec::new();
        each_named(
            found,
            &points,
            |point| point.series,
            |point, series| {
                let numbers = timer_numbers(found, point, naming, &mut room);
                json.table(&series.reference_text(), |json| {
                    timer_data(json, naming, &numbers, found.slot.seconds());
                    if numbers.samples > 0
                        && let Some(bins) = naming.bins(series.name, series.tags)
                    {
                        json.table("histogram", |json| {
                            let counts = bins.named_counts(|bound| found.count_below(point, bound));
                            counts.for_each(|(name, count)| json.pair(&name, count as f64));
                        });
                    }
                });
            },
        );
    });
}

/// The statistics that are sent.
fn timer_data(json: &mut Json<'_>, naming: &Namespace, timer: &TimerNumbers<'_>, seconds: f64) {
    if timer.samples == 0 {
        return json.sent(naming, &[("count_ps", 0.0), ("count", 0.0)]);
    }
    for (Percent { value, text }, numbers) in naming.percentiles().iter().zip(timer.percentiles) {
        let Some(PercentNumbers { count, mean, bound, sum, sum_squares }) = *numbers else { continue };
        let of_percent = [
            ("count", count as f64),
            ("mean", mean),
            (if *value > 0.0 { "upper" } else { "lower" }, bound),
            ("sum", sum),
            ("sum_squares", sum_squares),
        ];
        let sent = of_percent.into_iter().filter(|(name, _)| naming.sends(&format!("{name}_percent")));
        sent.for_each(|(name, value)| json.pair(&format!("{name}_{text}"), value));
    }
    let of_all = [
        ("std", timer.deviation),
        ("upper", timer.upper),
        ("lower", timer.lower),
        ("count", timer.count),
        ("count_ps", timer.count / seconds),
        ("sum", timer.sum),
        ("sum_squares", timer.sum_squares),
        ("mean", timer.mean),
        ("median", timer.median),
    ];
    json.sent(naming, &of_all);
}

fn sets(json: &mut Json<'_>, found: &Snapshot) {
    json.table("sets", |json| {
        each_named(
            found,
            &found.sets,
            |point| point.series,
            |point, series| {
                json.key(&series.reference_text());
                match &point.members {
                    Some(members) => json.list(members.iter(), |json, member| {
                        json.text(&String::from_utf8_lossy(member));
                    }),
                    None => json.number(point.cardinality as f64),
                }
            },
        );
    });
}

/// Visits points with the names of their series. The names are taken some at a time: whoever names a new series
/// waits while they are locked.
fn each_named<P>(
    found: &Snapshot,
    points: &[P],
    series_of: impl Fn(&P) -> SeriesId,
    mut visit: impl FnMut(&P, SeriesRef<'_>),
) {
    let mut taken = NameList::of(Kind::Counter);
    for same_kind in points.chunk_by(|a, b| series_of(a).kind() == series_of(b).kind()) {
        for chunk in same_kind.chunks(NAMES_AT_ONCE) {
            taken.take(&found.names, chunk.iter().map(&series_of));
            chunk.iter().zip(taken.iter()).for_each(|(point, series)| visit(point, series));
        }
    }
}

/// Writes JSON; lists stay on a line in either layout.
struct Json<'a> {
    out: &'a mut Vec<u8>,
    layout: Layout,
    depth: usize,
    /// Whether the object that is open has no key yet.
    is_first: bool,
}

impl Json<'_> {
    fn object(&mut self, fill: impl FnOnce(&mut Self)) {
        self.out.push(b'{');
        self.depth += 1;
        self.is_first = true;
        fill(self);
        self.depth -= 1;
        if !self.is_first {
            self.new_line();
        }
        self.is_first = false;
        self.out.push(b'}');
    }

    /// An object under a key.
    fn table(&mut self, key: &str, fill: impl FnOnce(&mut Self)) {
        self.key(key);
        self.object(fill);
    }

    fn pair(&mut self, key: &str, value: f64) {
        self.key(key);
        self.number(value);
    }

    /// Those of the statistics that are sent.
    fn sent(&mut self, naming: &Namespace, statistics: &[(&str, f64)]) {
        let sent = statistics.iter().filter(|(name, _)| naming.sends(name));
        sent.for_each(|(name, value)| self.pair(name, *value));
    }

    fn key(&mut self, key: &str) {
        if !std::mem::replace(&mut self.is_first, false) {
            self.out.push(b',');
        }
        self.new_line();
        self.text(key);
        self.out.extend_from_slice(if self.layout == Layout::Pretty { b": " } else { b":" });
    }

    fn numbers(&mut self, numbers: impl Iterator<Item = f64>) {
        self.list(numbers, |json, number| json.number(number));
    }

    fn list<T>(&mut self, items: impl Iterator<Item = T>, mut write: impl FnMut(&mut Self, T)) {
        self.out.push(b'[');
        for (place, item) in items.enumerate() {
            if place > 0 {
                self.out.extend_from_slice(if self.layout == Layout::Pretty { b", " } else { b"," });
            }
            write(self, item);
        }
        self.out.push(b']');
    }

    /// As JavaScript writes it; what went beyond the range of f64, which JSON has no word for, is `null`.
    fn number(&mut self, value: f64) {
        if value.abs() < f64::MAX {
            write_number(self.out, value);
        } else {
            self.out.extend_from_slice(b"null");
        }
    }

    fn text(&mut self, text: &str) {
        serde_json::to_writer(&mut *self.out, text).expect("a vector takes every text");
    }

    fn new_line(&mut self) {
        if self.layout == Layout::Pretty {
            self.out.push(b'\n');
            self.out.resize(self.out.len() + 2 * self.depth, b' ');
        }
    }
}
