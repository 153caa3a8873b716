//! Looking into the open interval, and deleting from it.

use super::*;

fn id(kind: Kind, index: usize) -> SeriesId {
    SeriesId::new(kind, index)
}

fn view(bench: &Bench, seconds: i64) -> Snapshot {
    bench.accumulator.view(Stamp::from_seconds(seconds), Beside::Nothing)
}

#[test]
fn the_open_interval_is_told_over_all_seats_and_stays_as_it_is() {
    let mut bench = Bench::new(AccumulatorRules::default());
    bench.pour(0, &ALL_KINDS);
    bench.pour(0, &[Line(SampleKind::Timer, "t", 9.0, 0.5), Line(SampleKind::Counter, "d", -4.0, 1.0)]);
    // A view moves distributions and sets; what was poured before and after it is told together.
    view(&bench, 1001);
    bench.pour(1, &ALL_KINDS);
    bench.pour(1, &[Line(SampleKind::GaugeDelta, "g", 2.0, 1.0), Line(SampleKind::Set, "u", 7.0, 1.0)]);
    let accumulator = &bench.accumulator;
    let (counter, gauge) = (|index| id(Kind::Counter, index), |index| id(Kind::Gauge, index));
    for _ in 0..2 {
        assert_eq!(accumulator.open_counters(), [(counter(0), 20.0), (counter(1), -4.0)]);
        assert_eq!(accumulator.open_gauges(), [(gauge(0), 5.0)]);
        let timer = |values: &[f64], more| (id(Kind::Timer, 0), OpenTimer { values: values.to_vec(), more });
        assert_eq!(accumulator.open_timers(9), [timer(&[5.0, 9.0, 5.0], 0)]);
        assert_eq!(accumulator.open_timers(2), [timer(&[5.0, 9.0], 1)]);
        assert_eq!(accumulator.open_sets(), [(id(Kind::Set, 0), 2)]);
        assert_eq!((accumulator.open_tally().lines, accumulator.last_poured()), (12, Some(Stamp(0))));
    }
    let flushed = bench.flush();
    assert_eq!((flushed.counters[0].sum, flushed.gauges[0].value, flushed.samples), (20.0, 5.0, 12));
    // Kept series are there without a sample.
    let accumulator = &bench.accumulator;
    assert_eq!(accumulator.open_counters(), [(counter(0), 0.0), (counter(1), 0.0)]);
    assert_eq!(accumulator.open_gauges(), [(gauge(0), 5.0)]);
    assert_eq!(accumulator.open_timers(9), [(id(Kind::Timer, 0), OpenTimer::default())]);
    assert_eq!(accumulator.open_sets(), [(id(Kind::Set, 0), 0)]);
    assert_eq!(accumulator.open_tally(), Tally::default());
}

#[test]
fn what_ended_with_the_last_flush_is_not_told() {
    let told = |idle: Idle| {
        let mut bench = Bench::new(rules(idle));
        bench.pour(0, &ALL_KINDS);
        bench.flush();
        let open = &bench.accumulator;
        let gauges = open.open_gauges().len();
        (open.open_counters().len(), gauges, open.open_timers(9).len(), open.open_sets().len())
    };
    assert_eq!((told(Idle::EndAfter(1)), told(Idle::EndAfter(2))), ((0, 0, 0, 0), (1, 1, 1, 1)));
    assert_eq!((told(Idle::DeleteAfter(1)), told(Idle::Keep)), ((1, 1, 1, 1), (1, 1, 1, 1)));
}

#[test]
fn samples_in_a_sketch_are_counted_and_not_told() {
    let bench = Bench::new(AccumulatorRules { exact_samples: 2, ..AccumulatorRules::default() });
    for value in 1..=5 {
        bench.pour(0, &[Line(SampleKind::Timer, "t", f64::from(value), 1.0)]);
    }
    let told = bench.accumulator.open_timers(100);
    assert_eq!(told, [(id(Kind::Timer, 0), OpenTimer { values: Vec::new(), more: 5 })]);
}

#[test]
fn what_is_deleted_is_in_no_flush_and_comes_back_with_its_next_sample() {
    let mut bench = Bench::new(AccumulatorRules::default());
    bench.pour(0, &ALL_KINDS);
    bench.pour(1, &ALL_KINDS);
    bench.flush();
    bench.pour(0, &ALL_KINDS);
    bench.pour(1, &[Line(SampleKind::Counter, "d", 1.0, 1.0), Line(SampleKind::Timer, "t", 6.0, 1.0)]);
    let series = [Kind::Counter, Kind::Gauge, Kind::Timer, Kind::Set].map(|kind| id(kind, 0));
    // Of the set nothing is deleted, and what nobody has is nothing.
    assert_eq!(bench.accumulator.forget(&series), 1 + 1 + 2);
    assert_eq!(
        bench.accumulator.forget(&[id(Kind::Counter, 99), id(Kind::Timer, 99), id(Kind::Gauge, 99)]),
        0
    );
    let ledger = TableLedger { poured: 14, flushed: 8, deleted: 4, held: 2, ..TableLedger::default() };
    assert_eq!(bench.accumulator.ledger(), ledger);
    assert_eq!(bench.accumulator.open_counters(), [(id(Kind::Counter, 1), 1.0)]);
    assert_eq!((bench.accumulator.open_gauges(), bench.accumulator.open_timers(9)), (Vec::new(), Vec::new()));
    let flushed = bench.flush();
    assert_eq!((flushed.counters.len(), flushed.gauges.len(), flushed.timers.len()), (1, 0, 0));
    assert_eq!((flushed.counters[0].series, flushed.sets[0].cardinality), (id(Kind::Counter, 1), 1));
    bench.pour(0, &[Line(SampleKind::GaugeDelta, "g", 2.0, 1.0), Line(SampleKind::Counter, "c", 1.0, 1.0)]);
    let flushed = bench.flush();
    assert_eq!((flushed.gauges[0].value, flushed.counters[0].sum), (2.0, 1.0));
    // The running total has what was deleted from the flush.
    assert_eq!(flushed.totals[0].total, 31.0);
}

#[test]
fn views_show_of_counters_and_timers_what_was_deleted_and_never_a_smaller_total() {
    let bench = Bench::new(AccumulatorRules::default());
    bench.pour(0, &ALL_KINDS);
    assert_eq!(view(&bench, 1001).totals[0].total, 10.0);
    bench.pour(0, &ALL_KINDS[..3]);
    let series = [Kind::Counter, Kind::Gauge, Kind::Timer].map(|kind| id(kind, 0));
    assert_eq!(bench.accumulator.forget(&series), 6);
    let shown = view(&bench, 1002);
    let total = shown.totals[0];
    assert_eq!((total.samples, shown.counters[0].sum, total.total), (1, 10.0, 20.0));
    assert_eq!((shown.timers[0].samples, shown.timers[0].total_sum), (1, 10.0));
    assert!(shown.gauges.is_empty() && view(&bench, 1003).is_empty());
    bench.pour(0, &ALL_KINDS[..1]);
    let shown = view(&bench, 1004);
    assert_eq!((shown.totals[0].samples, shown.counters[0].sum, shown.totals[0].total), (1, 10.0, 30.0));
}

#[test]
fn what_is_deleted_does_not_come_back_with_a_restart_and_totals_do() {
    let bench = Bench::new(AccumulatorRules::default());
    bench.pour(0, &ALL_KINDS);
    let series = [Kind::Counter, Kind::Gauge, Kind::Timer].map(|kind| id(kind, 0));
    assert_eq!(bench.accumulator.forget(&series), 3);
    let (bytes, kept) = bench.accumulator.save(bench.slot, None);
    assert_eq!(kept, 1);
    let saved = Saved::read(&bytes).expect("it was written a line above");
    let names = Arc::new(Registry::new(100));
    let rules = AccumulatorRules::default();
    let again = Accumulator::restored(rules, Arc::clone(&names), Stamp::from_seconds(1000), saved);
    assert_eq!((again.open_counters(), again.open_gauges()), (Vec::new(), Vec::new()));
    assert_eq!((again.open_timers(9), again.open_sets().len()), (Vec::new(), 1));
    let mut bench = Bench { accumulator: again, names, ..bench };
    bench.pour(0, &ALL_KINDS[..1]);
    assert_eq!(bench.flush().totals[0].total, 20.0);
}
