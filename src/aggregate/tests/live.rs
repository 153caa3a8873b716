//! Live views: everything is shown once, nothing is changed by looking.

use super::*;

fn at(seconds: i64) -> Stamp {
    Stamp::from_seconds(seconds)
}

impl Bench {
    fn view(&self, seconds: i64) -> Snapshot {
        self.accumulator.view(at(seconds), Beside::Nothing)
    }
}

#[test]
fn a_view_has_what_was_touched_since_the_last_one_and_totals_beside() {
    let bench = Bench::new(AccumulatorRules::default());
    bench.pour(0, &[Line(SampleKind::Counter, "c", 1.0, 0.5), Line(SampleKind::Counter, "d", 5.0, 1.0)]);
    bench.pour(1, &[Line(SampleKind::Gauge, "g", 7.0, 1.0), Line(SampleKind::Timer, "t", 3.0, 0.5)]);
    let first = bench.view(1002);
    assert_eq!(
        (first.view, first.slot),
        (View::Live, Slot { end: at(1002), interval: Duration::from_secs(2) })
    );
    let series = |kind, index| SeriesId::new(kind, index);
    let counter = |index, sum| CounterPoint { series: series(Kind::Counter, index), sum };
    let total = |total| CounterTotal { samples: 1, total, created: at(1000) };
    assert_eq!(first.counters, [counter(0, 2.0), counter(1, 5.0)]);
    assert_eq!(first.totals, [total(2.0), total(5.0)]);
    let gauge = |value| GaugePoint { series: series(Kind::Gauge, 0), value };
    assert_eq!((&first.gauges[..], &first.gauge_samples[..]), (&[gauge(7.0)][..], &[1][..]));
    bench.pour(1, &[Line(SampleKind::Counter, "c", 3.0, 1.0), Line(SampleKind::GaugeDelta, "g", -2.0, 1.0)]);
    bench.pour(0, &[Line(SampleKind::Timer, "t", 4.0, 1.0), Line(SampleKind::Timer, "t", 1.0, 1.0)]);
    let second = bench.view(1003);
    assert_eq!(second.counters, [counter(0, 3.0)]);
    assert_eq!(second.totals, [total(5.0)]);
    assert_eq!((&second.gauges[..], &second.gauge_samples[..]), (&[gauge(5.0)][..], &[1][..]));
    let timer = &second.timers[0];
    assert_eq!((timer.samples, timer.weight, timer.total_weight, timer.total_sum), (2, 2.0, 4.0, 11.0));
    assert_eq!((second.exact(timer), timer.created), (Some(&[1.0, 4.0][..]), at(1000)));
    assert!(bench.view(1004).is_empty());
}

#[test]
fn what_a_flush_takes_before_a_view_could_is_in_the_next_view() {
    let mut bench = Bench::new(AccumulatorRules::default());
    bench.pour(0, &[Line(SampleKind::Counter, "c", 1.0, 1.0), Line(SampleKind::Timer, "t", 3.0, 1.0)]);
    bench.view(1001);
    bench.pour(0, &[Line(SampleKind::Counter, "c", 2.0, 1.0), Line(SampleKind::Timer, "t", 4.0, 1.0)]);
    let flushed = bench.flush();
    assert_eq!((flushed.counters[0].sum, flushed.values.as_slice()), (3.0, &[3.0, 4.0][..]));
    let view = bench.view(1020);
    assert_eq!((view.totals[0].samples, view.counters[0].sum, view.totals[0].total), (1, 2.0, 3.0));
    assert_eq!((view.values.as_slice(), view.timers[0].total_weight), (&[4.0][..], 2.0));
    // Rates divide by the time since the last view, not since the flush.
    assert_eq!(view.slot, Slot { end: at(1020), interval: Duration::from_secs(19) });
    assert!(bench.view(1021).is_empty());
}

#[test]
fn what_had_samples_is_named_once_in_the_next_interval_and_the_first_view_has_everything() {
    let mut bench = Bench::new(AccumulatorRules::default());
    bench.pour(0, &ALL_KINDS);
    bench.view(1001);
    bench.flush();
    bench.view(1009);
    let names =
        |view: &Snapshot| [view.counters.len(), view.gauges.len(), view.timers.len(), view.sets.len()];
    let healing = Beside::Turns { every: Duration::from_secs(10) };
    let mut healed = [0; 4];
    for seconds in 1010..1020 {
        let view = bench.accumulator.view(at(seconds), healing);
        assert_eq!(view.samples, 0);
        assert!(view.timers.iter().all(|timer| timer.total_weight == 1.0));
        healed = std::array::from_fn(|kind| healed[kind] + names(&view)[kind]);
    }
    assert_eq!(healed, [1, 1, 1, 1]);
    bench.flush();
    // The set has no members any more, which is news.
    assert_eq!(names(&bench.accumulator.view(at(1030), healing)), [0, 0, 0, 1]);
    assert_eq!(names(&bench.accumulator.view(at(1031), Beside::Everything)), [1, 1, 1, 1]);
}

#[test]
fn a_view_names_a_share_of_what_had_samples_as_large_as_the_time_since_the_last_one() {
    let mut bench = Bench::new(AccumulatorRules::default());
    let names: Vec<String> = (0..1000).map(|number| format!("c{number}")).collect();
    let lines = names.iter().map(|name| Line(SampleKind::Counter, name, 1.0, 1.0));
    bench.pour(0, &lines.collect::<Vec<_>>());
    bench.view(1009);
    bench.flush();
    let healing = Beside::Turns { every: Duration::from_secs(10) };
    let share = bench.accumulator.view(at(1010), healing).counters.len();
    assert!((90..=110).contains(&share), "{share} of 1000 in a tenth of the time");
    assert_eq!(bench.accumulator.view(at(1009), healing).counters.len(), 0);
    assert_eq!(bench.accumulator.view(at(1019), healing).counters.len(), 1000);
    assert_eq!(bench.accumulator.view(at(1039), healing).counters.len(), 1000);
}

#[test]
fn a_set_shows_the_larger_of_the_open_interval_and_the_last_one() {
    let mut bench = Bench::new(AccumulatorRules::default());
    let members = |from: u32, to: u32| -> Vec<Line> {
        (from..to).map(|member| Line(SampleKind::Set, "s", f64::from(member), 1.0)).collect()
    };
    bench.pour(0, &members(0, 3));
    assert_eq!(bench.view(1001).sets[0].cardinality, 3);
    bench.flush();
    bench.view(1010);
    bench.pour(0, &members(0, 1));
    assert_eq!(bench.view(1011).sets[0].cardinality, 3);
    bench.pour(1, &members(1, 5));
    assert_eq!(bench.view(1012).sets[0].cardinality, 5);
    bench.flush();
    bench.flush();
    assert_eq!(bench.view(1030).sets[0].cardinality, 0);
}

#[test]
fn negative_samples_are_in_the_sum_and_in_no_total() {
    let mut bench = Bench::new(AccumulatorRules::default());
    let line = |value, rate| Line(SampleKind::Counter, "c", value, rate);
    bench.pour(0, &[line(5.0, 1.0), line(-2.0, 0.5)]);
    assert_eq!(bench.view(1001).totals[0].total, 5.0);
    bench.pour(1, &[line(-1.0, 1.0), line(1.0, 1.0)]);
    let view = bench.view(1002);
    assert_eq!((view.totals[0].total, view.counters[0].sum), (6.0, 1.0));
    let flushed = bench.flush();
    assert_eq!((flushed.counters[0].sum, flushed.totals[0].total), (1.0, 6.0));
    assert_eq!(bench.accumulator.negatives(), 2);
    bench.pour(0, &[line(-1.0, 1.0)]);
    assert_eq!(bench.flush().totals[0].total, 6.0);
}

proptest! {
    #[test]
    fn looking_changes_no_flush_and_shows_every_sample_once(
        steps in prop::collection::vec((prop::collection::vec(any_line(), 0..8), 0usize..3, 0u8..6), 1..60),
        bound in 1usize..20,
    ) {
        let rules = AccumulatorRules { exact_samples: bound, ..AccumulatorRules::default() };
        let (mut looked, mut plain) = (Bench::new(rules), Bench::new(rules));
        looked.view(1000);
        let (mut shown, mut poured, mut sums) = (0, 0, std::collections::BTreeMap::new());
        for (now, (lines, seat, what)) in (1001..).zip(&steps) {
            looked.pour(*seat, lines);
            plain.pour(*seat, lines);
            poured += lines.len() as u64;
            if *what == 0 {
                let (looked, plain) = (looked.flush(), plain.flush());
                prop_assert_eq!(looked.counters.len(), plain.counters.len());
                for (mine, theirs) in looked.counters.iter().zip(&plain.counters) {
                    // In which order seats are added up is no matter of looking, but of their sizes.
                    let (one, other) = (mine.series, theirs.series);
                    prop_assert_eq!(one, other);
                    prop_assert!((mine.sum - theirs.sum).abs() <= 1e-12 * theirs.sum.abs().max(1e3));
                }
                prop_assert_eq!(&looked.totals.iter().map(|total| total.samples).collect::<Vec<_>>(),
                    &plain.totals.iter().map(|total| total.samples).collect::<Vec<_>>());
                prop_assert_eq!(&looked.gauges, &plain.gauges);
                prop_assert_eq!(&looked.values, &plain.values);
                for (mine, theirs) in looked.timers.iter().zip(&plain.timers) {
                    prop_assert_eq!((mine.samples, mine.series), (theirs.samples, theirs.series));
                    let (total, other) = (mine.total_sum, theirs.total_sum);
                    prop_assert!((total - other).abs() <= 1e-9 * total.abs().max(1e6), "{total} {other}");
                }
                prop_assert_eq!(looked.timers.len(), plain.timers.len());
                prop_assert_eq!(&looked.sets, &plain.sets);
            }
            if *what < 4 {
                let view = looked.view(now);
                shown += view.samples;
                for (point, shown) in view.counters.iter().zip(&view.totals) {
                    let total = sums.entry(point.series).or_insert(0.0);
                    prop_assert!(shown.total >= *total);
                    *total = shown.total;
                }
            }
        }
        shown += looked.view(5000).samples;
        prop_assert_eq!(shown, poured);
        let ledger = looked.accumulator.ledger();
        prop_assert_eq!(ledger.poured, ledger.flushed + ledger.held);
    }
}
