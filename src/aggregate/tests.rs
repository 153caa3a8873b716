//! Tests of tables, accumulator and snapshot together.

mod forget;
mod live;
mod saved;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::metric::{Kind, Registry, Sample, SampleBatch, SampleKind, Series, SeriesId, Tally};
use crate::time::{Slot, Stamp};

/// An accumulator with its registry, poured into by name.
struct Bench {
    accumulator: Accumulator,
    names: Arc<Registry>,
    slot: Slot,
}

/// One line: kind, name, value or member, rate.
#[derive(Debug, Clone)]
struct Line<'a>(SampleKind, &'a str, f64, f64);

impl Bench {
    fn new(rules: AccumulatorRules) -> Bench {
        let names = Arc::new(Registry::new(1_000_000));
        let slot = Slot::open_at(Stamp::from_seconds(1000), Duration::from_secs(10));
        let accumulator = Accumulator::new(rules, Arc::clone(&names), slot.start());
        Bench { accumulator, names, slot }
    }

    fn batch(&self, lines: &[Line]) -> SampleBatch {
        let mut batch = SampleBatch::new(Arc::clone(&self.names));
        batch.tally = Tally { lines: lines.len() as u64, ..Tally::default() };
        for &Line(kind, name, value, rate) in lines {
            let series = match self.names.resolve(Series::plain(name, kind.series())) {
                crate::metric::Resolved::Known(id) | crate::metric::Resolved::Overflow(id) => id,
            };
            let sample = match kind {
                SampleKind::Set => Sample::of_set(series, batch.keep(value.to_string().as_bytes())),
                _ => Sample { series, kind, value, rate },
            };
            batch.samples.push(sample);
        }
        batch
    }

    fn pour(&self, seat: usize, lines: &[Line]) {
        let batch = self.batch(lines);
        let table = self.accumulator.seat(seat);
        assert!(table.pour(&batch, Chosen::All, self.accumulator.next_sequence()));
    }

    fn flush(&mut self) -> Snapshot {
        self.slot = self.slot.next();
        self.accumulator.flush(self.slot, Totals::Wanted)
    }

    fn timer(&mut self, values: &[f64]) -> Snapshot {
        let lines: Vec<Line> = values.iter().map(|&value| Line(SampleKind::Timer, "t", value, 1.0)).collect();
        self.pour(0, &lines);
        self.flush()
    }
}

fn rules(idle: Idle) -> AccumulatorRules {
    let idle = IdleRules { counters: idle, gauges: idle, timers: idle, sets: idle };
    AccumulatorRules { idle, ..AccumulatorRules::default() }
}

const ALL_KINDS: [Line; 4] = [
    Line(SampleKind::Counter, "c", 10.0, 1.0),
    Line(SampleKind::Timer, "t", 5.0, 1.0),
    Line(SampleKind::Gauge, "g", 3.0, 1.0),
    Line(SampleKind::Set, "u", 1.0, 1.0),
];

#[test]
fn idle_series_stay_with_nothing_and_gauges_with_their_value() {
    let mut bench = Bench::new(rules(Idle::Keep));
    bench.pour(0, &ALL_KINDS);
    bench.flush();
    let snapshot = bench.flush();
    let series = SeriesId::new(Kind::Counter, 0);
    let created = Stamp::from_seconds(1000);
    let counter = CounterPoint { series, sum: 0.0 };
    assert_eq!(snapshot.totals, [CounterTotal { samples: 0, total: 10.0, created }]);
    assert_eq!(snapshot.counters, [counter]);
    let gauge = GaugePoint { series: SeriesId::new(Kind::Gauge, 0), value: 3.0 };
    assert_eq!((&snapshot.gauges[..], &snapshot.gauge_samples[..]), (&[gauge][..], &[0][..]));
    let timer = &snapshot.timers[0];
    assert_eq!((timer.samples, timer.weight, timer.total_weight, timer.total_sum), (0, 0.0, 1.0, 5.0));
    assert_eq!((snapshot.exact(timer), snapshot.summary(timer)), (Some(&[][..]), None));
    assert_eq!((snapshot.sets[0].samples, snapshot.sets[0].cardinality), (0, 0));
    assert_eq!((snapshot.len(), snapshot.samples, snapshot.slot), (4, 0, bench.slot));
}

#[test]
fn idle_series_are_deleted_when_told_and_come_back_with_their_totals() {
    let mut bench = Bench::new(rules(Idle::DeleteAfter(1)));
    bench.pour(0, &ALL_KINDS);
    assert_eq!(bench.flush().len(), 4);
    assert!(bench.flush().is_empty());
    bench.pour(0, &ALL_KINDS[..2]);
    bench.pour(0, &[Line(SampleKind::GaugeDelta, "g", 5.0, 1.0)]);
    let snapshot = bench.flush();
    assert_eq!((snapshot.counters[0].sum, snapshot.totals[0].total), (10.0, 20.0));
    assert_eq!((snapshot.timers[0].total_weight, snapshot.timers[0].total_sum), (2.0, 10.0));
    assert_eq!({ snapshot.gauges[0].value }, 5.0);
    assert!(snapshot.sets.is_empty());
}

#[test]
fn a_gauge_may_stay_idle_for_some_intervals() {
    let mut bench = Bench::new(rules(Idle::DeleteAfter(3)));
    bench.pour(0, &[Line(SampleKind::Gauge, "g", 10.0, 1.0)]);
    let sent: Vec<usize> = (0..4).map(|_| bench.flush().gauges.len()).collect();
    assert_eq!(sent, [1, 1, 1, 0]);
}

#[test]
fn a_gauge_that_ends_with_its_last_flush_is_moved_from_0_after_it() {
    let delta = [Line(SampleKind::GaugeDelta, "g", 1.0, 1.0)];
    let after = |idle: Idle, intervals: u32| {
        let mut bench = Bench::new(rules(idle));
        bench.pour(0, &[Line(SampleKind::Gauge, "g", 10.0, 1.0)]);
        for _ in 0..intervals {
            assert_eq!({ bench.flush().gauges[0].value }, 10.0);
        }
        bench.pour(0, &delta);
        let open = bench.accumulator.open_gauges()[0].1;
        let view = bench.accumulator.view(Stamp::from_seconds(9999), Beside::Nothing).gauges[0].value;
        let flushed = bench.flush().gauges[0].value;
        assert_eq!((open, view), (flushed, flushed));
        flushed
    };
    assert_eq!((after(Idle::EndAfter(1), 1), after(Idle::DeleteAfter(1), 1)), (1.0, 11.0));
    assert_eq!((after(Idle::EndAfter(2), 1), after(Idle::EndAfter(2), 2)), (11.0, 1.0));
    assert_eq!((after(Idle::DeleteAfter(2), 2), after(Idle::EndAfter(0), 1)), (11.0, 1.0));
}

#[test]
fn a_gauge_that_ended_before_a_view_could_show_it_is_shown_as_it_was() {
    let mut bench = Bench::new(rules(Idle::EndAfter(1)));
    let view = |bench: &Bench, at| bench.accumulator.view(Stamp::from_seconds(at), Beside::Nothing).gauges;
    view(&bench, 9000);
    bench.pour(0, &[Line(SampleKind::Gauge, "g", 10.0, 1.0)]);
    bench.flush();
    let shown = view(&bench, 9001);
    assert_eq!((shown.len(), { shown[0].value }), (1, 10.0));
    assert!(view(&bench, 9002).is_empty() && bench.flush().gauges.is_empty());
}

#[test]
fn a_series_that_was_named_but_never_poured_is_unknown() {
    let mut bench = Bench::new(rules(Idle::Keep));
    bench.batch(&ALL_KINDS);
    bench.pour(0, &[Line(SampleKind::Counter, "later", 1.0, 1.0)]);
    let snapshot = bench.flush();
    assert_eq!((snapshot.len(), snapshot.counters[0].series.index()), (1, 1));
}

#[test]
fn gauges_of_two_seats_follow_the_order_of_batches_over_intervals() {
    let mut bench = Bench::new(rules(Idle::Keep));
    bench.pour(1, &[Line(SampleKind::Gauge, "g", 100.0, 1.0), Line(SampleKind::GaugeDelta, "g", 1.0, 1.0)]);
    bench.pour(0, &[Line(SampleKind::Gauge, "g", 50.0, 1.0)]);
    bench.pour(1, &[Line(SampleKind::GaugeDelta, "g", 7.0, 1.0)]);
    assert_eq!({ bench.flush().gauges[0].value }, 57.0);
    bench.pour(0, &[Line(SampleKind::GaugeDelta, "g", -1.0, 1.0)]);
    bench.pour(1, &[Line(SampleKind::GaugeDelta, "g", -2.0, 1.0)]);
    assert_eq!({ bench.flush().gauges[0].value }, 54.0);
}

#[test]
fn the_tally_is_that_of_the_interval_and_only_there_when_asked_for() {
    let mut bench = Bench::new(AccumulatorRules { own_stats: true, ..AccumulatorRules::default() });
    bench.pour(0, &ALL_KINDS);
    bench.pour(1, &ALL_KINDS[..1]);
    assert_eq!(bench.flush().own.map(|own| own.tally.lines), Some(5));
    assert_eq!(bench.flush().own, Some(OwnCounts::default()));
    assert_eq!(Bench::new(AccumulatorRules::default()).flush().own, None);
}

#[test]
fn columns_are_in_series_order_and_values_sorted_in_runs() {
    let mut bench = Bench::new(AccumulatorRules::default());
    bench.pour(0, &[Line(SampleKind::Distribution, "x", 9.0, 1.0), Line(SampleKind::Timer, "x", 4.0, 1.0)]);
    bench.pour(1, &[Line(SampleKind::Histogram, "x", 2.0, 1.0), Line(SampleKind::Timer, "x", 3.0, 1.0)]);
    let snapshot = bench.flush();
    let kinds: Vec<Kind> = snapshot.timers.iter().map(|point| point.series.kind()).collect();
    assert_eq!(kinds, [Kind::Timer, Kind::Histogram, Kind::Distribution]);
    assert_eq!(snapshot.values, [3.0, 4.0, 2.0, 9.0]);
}

#[test]
fn counts_are_weighted_by_rates_and_values_are_not() {
    let mut bench = Bench::new(AccumulatorRules::default());
    let timers = [(100.0, 0.1), (200.0, 1.0), (300.0, 0.5)];
    bench.pour(0, &timers.map(|(value, rate)| Line(SampleKind::Timer, "t", value, rate)));
    bench.pour(0, &[Line(SampleKind::Counter, "c", 3.0, 0.1), Line(SampleKind::Counter, "c", 1.0, 1.0)]);
    let snapshot = bench.flush();
    let summary = snapshot.summary(&snapshot.timers[0]).unwrap();
    assert_eq!((summary.count, summary.samples, summary.sum, summary.mean), (13.0, 3, 600.0, 200.0));
    assert_eq!((summary.sum_squares, summary.std), (140000.0, 81.64965809277261));
    assert_eq!({ snapshot.counters[0].sum }, 31.0);
}

/// Values, then `lower upper sum sum_squares mean median std`: runs of statsd 0.10.2.
const SUMMARIES: [(&[f64], [f64; 7]); 6] = [
    (&[320.0], [320.0, 320.0, 320.0, 102400.0, 320.0, 320.0, 0.0]),
    (&[100.0, 200.0], [100.0, 200.0, 300.0, 50000.0, 150.0, 150.0, 50.0]),
    (&[3.0, 1.0, 2.0], [1.0, 3.0, 6.0, 14.0, 2.0, 2.0, 0.816496580927726]),
    (
        &[450.0, 120.0, 553.0, 994.0, 334.0, 844.0, 675.0, 496.0],
        [120.0, 994.0, 4466.0, 3036278.0, 558.25, 524.5, 260.56033370411546],
    ),
    (&[0.1, 0.2, 0.3, 1.005], [0.1, 1.005, 1.605, 1.1500249999999999, 0.40125, 0.25, 0.3556749745202774]),
    (&[1e200, 2e200], [1e200, 2e200, 3e200, f64::INFINITY, 1.5e200, 1.5e200, f64::INFINITY]),
];

#[test]
fn summaries_are_those_of_the_reference_to_the_bit() {
    for (values, expected) in SUMMARIES {
        let snapshot = Bench::new(AccumulatorRules::default()).timer(values);
        let summary = snapshot.summary(&snapshot.timers[0]).unwrap();
        let Summary { lower, upper, sum, sum_squares, mean, median, std, .. } = summary;
        assert_eq!([lower, upper, sum, sum_squares, mean, median, std], expected, "{values:?}");
        assert_eq!((summary.count, summary.samples), (values.len() as f64, values.len() as u64));
    }
}

type Case = (&'static [f64], f64, Option<[f64; 5]>);

/// Values, percentile, then `count mean bound sum sum_squares` or nothing: runs of statsd 0.10.2.
#[rustfmt::skip]
const PERCENTILES: [Case; 23] = [
    (&SKEWED, 25.0, Some([2.0, 227.0, 334.0, 454.0, 125956.0])),
    (&SKEWED, 50.0, Some([4.0, 350.0, 496.0, 1400.0, 574472.0])),
    (&SKEWED, 75.0, Some([6.0, 438.0, 675.0, 2628.0, 1335906.0])),
    (&SKEWED, 80.0, Some([6.0, 438.0, 675.0, 2628.0, 1335906.0])),
    (&SKEWED, 90.0, Some([7.0, 496.0, 844.0, 3472.0, 2048242.0])),
    (&SKEWED, 95.0, Some([8.0, 558.25, 994.0, 4466.0, 3036278.0])),
    (&SKEWED, -10.0, Some([1.0, 994.0, 994.0, 994.0, 988036.0])),
    (&SKEWED, -50.0, Some([4.0, 766.5, 553.0, 3066.0, 2461806.0])),
    (&[0.1, 0.2, 0.3, 1.005], 90.0, Some([4.0, 0.40125, 1.005, 1.605, 1.1500249999999999])),
    (&[1.0, 2.0, 3.0], 10.0, None),
    (&[1.0, 2.0, 3.0], 20.0, Some([1.0, 1.0, 1.0, 1.0, 1.0])),
    (&[1.0, 2.0, 3.0], 50.0, Some([2.0, 1.5, 2.0, 3.0, 5.0])),
    (&[1.0, 2.0, 3.0], 0.0, None),
    (&[1.0, 2.0, 3.0, 4.0, 5.0], 90.0, Some([5.0, 3.0, 5.0, 15.0, 55.0])),
    (&TEN, 75.0, Some([8.0, 4.5, 8.0, 36.0, 204.0])),
    (&TEN, 95.0, Some([10.0, 5.5, 10.0, 55.0, 385.0])),
    (&TEN, 100.0, Some([10.0, 5.5, 10.0, 55.0, 385.0])),
    (&TEN, -10.0, Some([1.0, 10.0, 10.0, 10.0, 100.0])),
    (&[7.0], 0.0, Some([1.0, 7.0, 7.0, 7.0, 49.0])),
    (&[42.0], -10.0, Some([1.0, 42.0, 42.0, 42.0, 1764.0])),
    // Nonsense of the reference (NaN, or nothing) that is given a meaning here: all samples.
    (&[1.0, 2.0, 3.0, 4.0, 5.0], -95.0, Some([5.0, 3.0, 1.0, 15.0, 55.0])),
    (&[1.0, 2.0, 3.0, 4.0, 5.0], -100.0, Some([5.0, 3.0, 1.0, 15.0, 55.0])),
    (&[1.0, 2.0, 3.0, 4.0, 5.0], 150.0, Some([5.0, 3.0, 5.0, 15.0, 55.0])),
];
const SKEWED: [f64; 8] = [450.0, 120.0, 553.0, 994.0, 334.0, 844.0, 675.0, 496.0];
const TEN: [f64; 10] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0];

#[test]
fn percentiles_are_those_of_the_reference_to_the_bit() {
    for (values, percent, expected) in PERCENTILES {
        let snapshot = Bench::new(AccumulatorRules::default()).timer(values);
        let found = snapshot.percentile(&snapshot.timers[0], percent, Rank::Statsd);
        let found = found.map(|part| [part.count, part.mean, part.bound, part.sum, part.sum_squares]);
        assert_eq!(found, expected, "{percent} of {values:?}");
    }
}

#[test]
fn percentiles_of_heka_take_in_fewer_at_ties_and_none_gives_the_ends() {
    let snapshot = Bench::new(AccumulatorRules::default()).timer(&[1.0, 2.0, 3.0, 4.0, 5.0]);
    let heka = |percent| {
        let part = snapshot.percentile(&snapshot.timers[0], percent, Rank::Heka).unwrap();
        (part.count, part.mean, part.bound)
    };
    assert_eq!(heka(90.0), (4.0, 2.5, 4.0));
    assert_eq!(heka(100.0), (5.0, 3.0, 5.0));
    assert_eq!(heka(1.0), (0.0, 1.0, 5.0));
    assert_eq!(heka(-50.0), (0.0, 1.0, 5.0));
    assert_eq!(heka(300.0), (5.0, 3.0, 5.0));
    let snapshot = Bench::new(AccumulatorRules::default()).timer(&[10.0, 10.0, 20.0, 20.0]);
    let part = snapshot.percentile(&snapshot.timers[0], 90.0, Rank::Heka).unwrap();
    assert_eq!((part.mean, part.bound), (15.0, 20.0));
}

#[test]
fn quantiles_are_of_nearest_rank() {
    let snapshot = Bench::new(AccumulatorRules::default()).timer(&TEN);
    let quantile = |q| snapshot.quantile(&snapshot.timers[0], q);
    assert_eq!(
        [0.0, 0.05, 0.1, 0.11, 0.5, 0.99, 1.0].map(quantile),
        [1., 1., 1., 2., 5., 10., 10.].map(Some)
    );
    let mut bench = Bench::new(AccumulatorRules::default());
    bench.timer(&TEN);
    let idle = bench.flush();
    assert_eq!(idle.quantile(&idle.timers[0], 0.5), None);
    assert_eq!(idle.percentile(&idle.timers[0], 50.0, Rank::Statsd), None);
}

#[test]
fn samples_below_a_bound_are_counted() {
    let values = [0.0, 1.0, 4.0, 5.0, 9.0, 10.0, 11.0, 100.0];
    for exact_samples in [8, 7] {
        let rules = AccumulatorRules { exact_samples, ..AccumulatorRules::default() };
        let snapshot = Bench::new(rules).timer(&values);
        let bounds = [-1.0, 5.0, 10.0, 100.0, f64::INFINITY];
        let below = bounds.map(|bound| snapshot.count_below(&snapshot.timers[0], bound));
        assert_eq!(below, [0, 3, 5, 7, 8]);
    }
}

#[test]
fn a_timer_past_the_bound_has_exact_sums_and_estimated_percentiles() {
    let values: Vec<f64> = (1..=10_000).map(|value| f64::from(value) * 0.37).collect();
    let sketched = Bench::new(AccumulatorRules::default()).timer(&values);
    let exact =
        Bench::new(AccumulatorRules { exact_samples: 20_000, ..AccumulatorRules::default() }).timer(&values);
    assert!(sketched.exact(&sketched.timers[0]).is_none() && exact.exact(&exact.timers[0]).is_some());
    let [mine, theirs] = [&sketched, &exact].map(|snapshot| snapshot.summary(&snapshot.timers[0]).unwrap());
    assert_eq!((mine.lower, mine.upper, mine.samples), (theirs.lower, theirs.upper, theirs.samples));
    for (mine, theirs) in [
        (mine.sum, theirs.sum),
        (mine.sum_squares, theirs.sum_squares),
        (mine.mean, theirs.mean),
        (mine.std, theirs.std),
    ] {
        assert!((mine / theirs - 1.0).abs() < 1e-12, "{mine} {theirs}");
    }
    for percent in [1.0, 25.0, 50.0, 90.0, 99.9, 100.0, -1.0, -50.0, -100.0] {
        let [mine, theirs] = [&sketched, &exact]
            .map(|snapshot| snapshot.percentile(&snapshot.timers[0], percent, Rank::Statsd).unwrap());
        assert_eq!(mine.count, theirs.count);
        for (mine, theirs) in
            [(mine.bound, theirs.bound), (mine.mean, theirs.mean), (mine.sum_squares, theirs.sum_squares)]
        {
            assert!((mine / theirs - 1.0).abs() < 0.01, "{percent}: {mine} {theirs}");
        }
    }
}

#[test]
fn no_sample_is_lost_or_counted_twice_when_flushes_run_into_pouring() {
    let bench = Bench::new(rules(Idle::DeleteAfter(1)));
    let lines: Vec<Line> = ALL_KINDS.iter().cycle().take(400).cloned().collect();
    let pouring = AtomicBool::new(true);
    let (mut samples, mut sum, mut observations, mut flushes) = (0, 0.0, 0, 0);
    let mut take = |snapshot: &Snapshot| {
        samples += snapshot.samples;
        sum += snapshot.counters.iter().map(|point| point.sum).sum::<f64>();
        observations +=
            snapshot.timers.iter().filter_map(|point| snapshot.exact(point)).map(<[f64]>::len).sum::<usize>();
        flushes += 1;
    };
    std::thread::scope(|scope| {
        let bench = &bench;
        let lanes: Vec<_> = (0..3)
            .map(|seat| {
                scope.spawn({
                    let lines = &lines;
                    move || (0..200).for_each(|_| bench.pour(seat, lines))
                })
            })
            .collect();
        let pouring = &pouring;
        scope.spawn(move || {
            lanes.into_iter().for_each(|lane| lane.join().unwrap());
            pouring.store(false, Ordering::SeqCst);
        });
        while pouring.load(Ordering::SeqCst) {
            take(&bench.accumulator.flush(bench.slot, Totals::Wanted));
            let ledger = bench.accumulator.ledger();
            assert_eq!(ledger.poured, ledger.flushed + ledger.held);
        }
    });
    take(&bench.accumulator.flush(bench.slot, Totals::Wanted));
    assert_eq!((samples, sum), (3 * 200 * 400, 3.0 * 200.0 * 100.0 * 10.0));
    let ledger = TableLedger { poured: samples, flushed: samples, ..TableLedger::default() };
    assert_eq!(bench.accumulator.ledger(), ledger);
    assert!(flushes > 1 && observations <= 60_000);
}

#[test]
fn the_ledger_says_what_waits_for_the_next_flush() {
    let mut bench = Bench::new(AccumulatorRules::default());
    bench.pour(0, &ALL_KINDS);
    assert_eq!(bench.accumulator.ledger(), TableLedger { poured: 4, held: 4, ..TableLedger::default() });
    bench.flush();
    bench.pour(5, &ALL_KINDS[..1]);
    assert_eq!(
        bench.accumulator.ledger(),
        TableLedger { poured: 5, flushed: 4, held: 1, ..TableLedger::default() }
    );
}

/// Everything but gauges: their order is that of batches, not of samples.
fn any_line() -> impl Strategy<Value = Line<'static>> {
    let kind = prop::sample::select(vec![
        SampleKind::Counter,
        SampleKind::Timer,
        SampleKind::Histogram,
        SampleKind::Distribution,
        SampleKind::Set,
    ]);
    let name = prop::sample::select(vec!["a", "b", "c"]);
    (kind, name, -50i32..1000, prop::sample::select(vec![1.0, 0.5, 0.1, 0.3]))
        .prop_map(|(kind, name, value, rate)| Line(kind, name, f64::from(value) * 0.1, rate))
}

#[test]
fn a_closed_accumulator_counts_what_it_held_and_gives_closed_tables() {
    let bench = Bench::new(AccumulatorRules::default());
    bench.pour(0, &ALL_KINDS);
    bench.pour(1, &ALL_KINDS[..2]);
    assert_eq!(bench.accumulator.close(), 6);
    let batch = bench.batch(&ALL_KINDS);
    assert!(!bench.accumulator.seat(0).pour(&batch, Chosen::All, 3));
    assert!(!bench.accumulator.seat(2).pour(&batch, Chosen::All, 4));
    assert_eq!(bench.accumulator.close(), 0);
    assert_eq!(bench.accumulator.ledger(), TableLedger { poured: 6, ..TableLedger::default() });
}

#[test]
fn no_samples_make_a_running_sum_that_is_no_number() {
    let mut bench = Bench::new(AccumulatorRules { exact_samples: 4, ..AccumulatorRules::default() });
    for (value, seat) in [(1e300, 0), (-1e300, 0), (1e308, 1), (-1e308, 1)] {
        let line = Line(SampleKind::Histogram, "h", value, if seat == 0 { 1e-8 } else { 1.0 });
        bench.pour(seat, &vec![line; 20]);
    }
    assert!(bench.flush().timers[0].total_sum.is_finite());
    bench.pour(0, &[Line(SampleKind::Histogram, "h", 1.0, 1.0)]);
    assert!(bench.flush().timers[0].total_sum.is_finite());
}

proptest! {
    #[test]
    fn splitting_a_batch_over_seats_changes_nothing(
        lines in prop::collection::vec((any_line(), 0usize..4), 0..300),
        bound in 1usize..80,
    ) {
        let exact_members = bound * 4;
        let rules = AccumulatorRules { exact_samples: bound, exact_members, ..AccumulatorRules::default() };
        let (mut one, mut many) = (Bench::new(rules), Bench::new(rules));
        for (line, seat) in &lines {
            one.pour(0, std::slice::from_ref(line));
            many.pour(*seat, std::slice::from_ref(line));
        }
        let (one, many) = (one.flush(), many.flush());
        prop_assert_eq!(one.counters.len(), many.counters.len());
        for (one, many) in one.totals.iter().zip(&many.totals) {
            prop_assert_eq!(one.samples, many.samples);
        }
        for (one, many) in one.counters.iter().zip(&many.counters) {
            prop_assert_eq!({ one.series }, { many.series });
            prop_assert!((one.sum - many.sum).abs() <= 1e-12 * one.sum.abs().max(1e3));
        }
        prop_assert_eq!(&one.values, &many.values);
        prop_assert_eq!(one.timers.len(), many.timers.len());
        for (left, right) in one.timers.iter().zip(&many.timers) {
            prop_assert_eq!((left.series, left.samples), (right.series, right.samples));
            prop_assert!((left.weight - right.weight).abs() <= 1e-12 * left.weight);
            let (mine, theirs) = (one.summary(left).unwrap(), many.summary(right).unwrap());
            prop_assert_eq!((mine.lower, mine.upper), (theirs.lower, theirs.upper));
            prop_assert!((mine.median - theirs.median).abs() <= 0.01 * mine.median.abs());
            prop_assert!((left.total_sum - right.total_sum).abs() <= 1e-12 * left.total_sum.abs().max(1e5));
        }
        for (one, many) in one.sets.iter().zip(&many.sets) {
            prop_assert_eq!((one.series, one.samples), (many.series, many.samples));
            prop_assert_eq!(one.cardinality, many.cardinality);
            prop_assert_eq!(&one.members, &many.members);
        }
        prop_assert_eq!(one.sets.len(), many.sets.len());
    }
}
