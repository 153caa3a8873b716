//! The saved state: a successor goes on as if nobody had stopped.

use super::*;

/// Stops `bench` and starts a successor with a registry of its own, in which names get other ids.
fn restarted(bench: &Bench, rules: AccumulatorRules) -> Bench {
    let (bytes, kept) = bench.accumulator.save(bench.slot.next(), Some(bench.slot));
    let ledger = bench.accumulator.ledger();
    assert_eq!(ledger.restored + ledger.poured, ledger.flushed + kept);
    let saved = Saved::read(&bytes).unwrap();
    assert_eq!((Slot::from(saved.open), saved.last.map(Slot::from)), (bench.slot.next(), Some(bench.slot)));
    let names = Arc::new(Registry::new(1_000_000));
    for kind in Kind::ALL {
        names.resolve(Series::plain("another", kind));
    }
    let rules = AccumulatorRules { seed: 99, ..rules };
    let accumulator = Accumulator::restored(rules, Arc::clone(&names), Stamp::from_seconds(9999), saved);
    Bench { accumulator, names, slot: bench.slot }
}

/// What a snapshot says, by name: numbers as text, sets as sizes.
fn said(found: &Snapshot) -> Vec<String> {
    let name = |series| found.names.series(series).name.to_string();
    let counters = found.counters.iter().zip(&found.totals).map(|(p, shown)| {
        format!("c {} {} {:?} {:?}", name(p.series), shown.samples, { p.sum }, shown.total)
    });
    let gauges = found.gauges.iter().zip(&found.gauge_samples);
    let gauges = gauges.map(|(p, samples)| format!("g {} {samples} {:?}", name(p.series), { p.value }));
    let timers = found.timers.iter().map(|p| {
        let summary = found.summary(p);
        let (lower, upper) = summary.map_or((0.0, 0.0), |summary| (summary.lower, summary.upper));
        format!(
            "t {} {} {:.6} {lower} {upper} {:.6} {:.3}",
            name(p.series),
            p.samples,
            p.weight,
            p.total_weight,
            p.total_sum
        )
    });
    let sets = found.sets.iter().map(|p| format!("s {} {} {}", name(p.series), p.samples, p.cardinality));
    let mut said: Vec<String> = counters.chain(gauges).chain(timers).chain(sets).collect();
    said.sort();
    said
}

#[test]
fn a_gauge_that_ended_is_moved_from_0_by_a_delta_that_a_restart_follows() {
    for (idle, expected) in
        [(Idle::EndAfter(1), 1.0), (Idle::EndAfter(2), 11.0), (Idle::DeleteAfter(1), 11.0)]
    {
        let mut bench = Bench::new(rules(idle));
        bench.pour(0, &[Line(SampleKind::Gauge, "g", 10.0, 1.0)]);
        bench.flush();
        bench.pour(0, &[Line(SampleKind::GaugeDelta, "g", 1.0, 1.0)]);
        assert_eq!({ restarted(&bench, rules(idle)).flush().gauges[0].value }, expected, "{idle:?}");
    }
}

#[test]
fn gauges_totals_and_the_open_interval_survive() {
    let poured = || {
        let mut bench = Bench::new(AccumulatorRules::default());
        bench.pour(0, &ALL_KINDS);
        bench.flush();
        bench.pour(0, &[Line(SampleKind::Counter, "c", 3.0, 1.0), Line(SampleKind::Counter, "c", -1.0, 1.0)]);
        bench.pour(1, &[Line(SampleKind::GaugeDelta, "g", 5.0, 1.0), Line(SampleKind::Timer, "t", 9.0, 0.5)]);
        bench
    };
    let (mut next, mut steady) = (restarted(&poured(), AccumulatorRules::default()), poured());
    let view = |bench: &Bench| bench.accumulator.view(Stamp::from_seconds(10_000), Beside::Everything);
    let totals = |view: Snapshot| -> Vec<f64> {
        let timers = view.timers.iter().flat_map(|point| [point.total_weight, point.total_sum]);
        view.totals.iter().map(|shown| shown.total).chain(timers).collect()
    };
    assert_eq!(totals(view(&next)), totals(view(&steady)));
    next.pour(0, &[Line(SampleKind::GaugeDelta, "g", 1.0, 1.0)]);
    steady.pour(0, &[Line(SampleKind::GaugeDelta, "g", 1.0, 1.0)]);
    assert_eq!(said(&next.flush()), said(&steady.flush()));
    let ledger = next.accumulator.ledger();
    assert_eq!((ledger.restored, ledger.poured, ledger.flushed, ledger.held), (4, 1, 5, 0));
}

#[test]
fn the_first_view_has_what_came_in_the_open_interval_alone() {
    let bench = Bench::new(AccumulatorRules::default());
    bench.accumulator.view(Stamp::from_seconds(1001), Beside::Everything);
    bench.pour(0, &ALL_KINDS);
    bench.accumulator.view(Stamp::from_seconds(1002), Beside::Nothing);
    let next = restarted(&bench, AccumulatorRules::default());
    let view = next.accumulator.view(Stamp::from_seconds(1003), Beside::Everything);
    let sizes = (view.counters.len(), view.gauges.len(), view.timers.len(), view.sets.len());
    assert_eq!((sizes, view.sets[0].cardinality, view.timers[0].total_sum), ((1, 1, 1, 1), 1, 5.0));
}

#[test]
fn what_was_left_of_a_slot_that_is_over_is_flushed_alone() {
    let rules = AccumulatorRules {
        idle: IdleRules { gauges: Idle::DeleteAfter(3), ..IdleRules::default() },
        ..AccumulatorRules::default()
    };
    let bench = Bench::new(rules);
    bench.pour(0, &[Line(SampleKind::Counter, "c", 3.0, 1.0), Line(SampleKind::Gauge, "g", 1.0, 1.0)]);
    let mut next = restarted(&bench, rules);
    next.pour(0, &[Line(SampleKind::Counter, "c", 10.0, 1.0)]);
    let late = next.accumulator.flush_restored(bench.slot.next(), Totals::Wanted, 3);
    assert_eq!(said(&late), ["c c 1 3.0 3.0", "g g 1 1.0"]);
    // The gauge was idle for too long meanwhile.
    assert_eq!(said(&next.flush()), ["c c 1 10.0 13.0"]);
}

#[test]
fn another_version_and_malformed_bytes_are_told_apart() {
    let bench = Bench::new(AccumulatorRules::default());
    bench.pour(0, &ALL_KINDS);
    let (bytes, _) = bench.accumulator.save(bench.slot, None);
    let mut other = bytes.clone();
    other[0] = 200;
    assert_eq!(Saved::read(&other).unwrap_err(), SavedError::Version { found: 200 });
    for length in 0..bytes.len() {
        let error = Saved::read(&bytes[..length]).unwrap_err();
        assert!(matches!(error, SavedError::Malformed(_)), "{length}: {error}");
    }
}

proptest! {
    #[test]
    fn a_stop_between_any_two_batches_changes_no_flush(
        batches in prop::collection::vec((prop::collection::vec(any_line(), 0..12), 0usize..3, 0u8..4), 1..40),
        bound in 1usize..20,
    ) {
        let rules = AccumulatorRules { exact_samples: bound, exact_members: bound, ..AccumulatorRules::default() };
        let (mut stopped, mut steady) = (Bench::new(rules), Bench::new(rules));
        for (lines, seat, what) in &batches {
            stopped.pour(*seat, lines);
            steady.pour(*seat, lines);
            match what {
                0 => stopped = restarted(&stopped, rules),
                1 => prop_assert_eq!(close(&said(&stopped.flush())), close(&said(&steady.flush()))),
                _ => {}
            }
        }
        prop_assert_eq!(close(&said(&stopped.flush())), close(&said(&steady.flush())));
    }
}

/// The same text for numbers that differ in their last bits: what was saved is added in another order.
fn close(said: &[String]) -> Vec<String> {
    let rounded = |word: &str| match word.parse::<f64>() {
        Ok(number) => format!("{number:.5e}"),
        Err(_) => word.to_owned(),
    };
    said.iter().map(|line| line.split(' ').map(rounded).collect::<Vec<_>>().join(" ")).collect()
}
