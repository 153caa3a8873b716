use super::super::namespace::{NamespaceOptions, Percent};
use super::super::parse::parse_line;
use super::super::tags::tests::pairs;
use super::*;
use proptest::prelude::*;

fn written(options: NamespaceOptions, interval: f64, write: impl FnOnce(&mut LineWriter<'_>)) -> Vec<String> {
    let (names, mut out) = (Namespace::new(options), Vec::new());
    let mut writer = LineWriter::new(&names, &TagMode::Graphite, 1700000000, interval, &mut out);
    write(&mut writer);
    let lines = writer.lines();
    let text = String::from_utf8(out).unwrap();
    assert_eq!(text.lines().count() as u64, lines);
    text.lines().map(|line| line.strip_suffix(" 1700000000").unwrap().to_string()).collect()
}

fn modern() -> NamespaceOptions {
    NamespaceOptions { legacy: false, ..Default::default() }
}

const ONE: Option<PercentNumbers> =
    Some(PercentNumbers { count: 1, mean: 5.0, bound: 5.0, sum: 5.0, sum_squares: 25.0 });

fn timer(percentiles: &[Option<PercentNumbers>]) -> TimerNumbers<'_> {
    TimerNumbers {
        samples: 1,
        count: 10.0,
        lower: 5.0,
        upper: 5.0,
        sum: 5.0,
        sum_squares: 25.0,
        mean: 5.0,
        median: 5.0,
        deviation: 0.0,
        percentiles,
    }
}

#[test]
fn counters_gauges_and_sets_are_lines_of_the_reference() {
    let all = |writer: &mut LineWriter<'_>| {
        writer.counter("c1", pairs(&[("env", "prod")]).borrowed(), 7.0);
        writer.gauge("g1", TagsRef::default(), 0.1);
        writer.set("u1", TagsRef::default(), 3);
        writer.own_counter("bad_lines_seen", 1.0);
        writer.own_gauge("timestamp_lag", 0.0);
        writer.number_of_stats(8);
    };
    assert_eq!(
        written(NamespaceOptions::default(), 2.0, all),
        [
            "stats.c1;env=prod 3.5",
            "stats_counts.c1;env=prod 7",
            "stats.gauges.g1 0.1",
            "stats.sets.u1.count 3",
            "stats.statsd.bad_lines_seen 0.5",
            "stats_counts.statsd.bad_lines_seen 1",
            "stats.gauges.statsd.timestamp_lag 0",
            "statsd.numStats 8"
        ]
    );
    let suffixed = NamespaceOptions { global_suffix: "h1".into(), flush_counts: false, ..modern() };
    assert_eq!(
        written(suffixed, 2.0, all)[..3],
        ["stats.counters.c1.rate.h1;env=prod 3.5", "stats.gauges.g1.h1 0.1", "stats.sets.u1.count.h1 3"]
    );
}

#[test]
fn a_timer_sends_all_its_statistics_in_the_order_of_the_reference() {
    let options = NamespaceOptions {
        percentiles: vec![Percent::of(99.9), Percent::of(50.0), Percent::of(-10.0)],
        ..modern()
    };
    let lines = written(options, 10.0, |writer| {
        writer.timer("t", pairs(&[("env", "prod")]).borrowed(), &timer(&[ONE, None, ONE]));
    });
    let expected: Vec<String> = [
        "count_99_9 1",
        "mean_99_9 5",
        "upper_99_9 5",
        "sum_99_9 5",
        "sum_squares_99_9 25",
        "count_top10 1",
        "mean_top10 5",
        "lower_top10 5",
        "sum_top10 5",
        "sum_squares_top10 25",
        "std 0",
        "upper 5",
        "lower 5",
        "count 10",
        "count_ps 1",
        "sum 5",
        "sum_squares 25",
        "mean 5",
        "median 5",
    ]
    .iter()
    .map(|line| format!("stats.timers.t.{}", line.replace(' ', ";env=prod ")))
    .collect();
    assert_eq!(lines, expected);
}

#[test]
fn an_idle_timer_sends_a_count_alone() {
    let idle = TimerNumbers { samples: 0, count: 0.0, ..timer(&[None]) };
    let lines = written(modern(), 10.0, |writer| writer.timer("t", TagsRef::default(), &idle));
    assert_eq!(lines, ["stats.timers.t.count 0", "stats.timers.t.count_ps 0"]);
}

#[test]
fn lines_are_those_of_stat_accum_input_under_its_rules() {
    let percentile = PercentNumbers { count: 4, mean: 15.0, bound: 20.0, sum: 60.0, sum_squares: 1000.0 };
    let percentiles = [Some(percentile)];
    let numbers =
        TimerNumbers { samples: 4, lower: 10.0, upper: 20.0, sum: 60.0, mean: 15.0, ..timer(&percentiles) };
    let lines = written(NamespaceOptions::heka(), 10.0, |writer| {
        writer.counter("c1", TagsRef::default(), 15.0);
        writer.gauge("g1", TagsRef::default(), 2.0);
        writer.timer("t1", TagsRef::default(), &numbers);
        writer.number_of_stats(3);
    });
    assert_eq!(
        lines,
        [
            "stats.counters.c1.rate 1.500000",
            "stats.counters.c1.count 15",
            "stats.gauges.g1 2.000000",
            "stats.timers.t1.count 4",
            "stats.timers.t1.count_ps 0.400000",
            "stats.timers.t1.lower 10.000000",
            "stats.timers.t1.upper 20.000000",
            "stats.timers.t1.sum 60.000000",
            "stats.timers.t1.mean 15.000000",
            "stats.timers.t1.mean_90 15.000000",
            "stats.timers.t1.upper_90 20.000000",
            "stats.statsd.numStats 3"
        ]
    );
    let idle = TimerNumbers { samples: 0, ..timer(&[None]) };
    let lines =
        written(NamespaceOptions::heka(), 10.0, |writer| writer.timer("t", TagsRef::default(), &idle));
    assert_eq!(lines.len(), 8);
    assert_eq!(lines[0], "stats.timers.t.count 0");
    assert!(lines[1..].iter().all(|line| line.ends_with(" 0.000000")), "{lines:?}");
}

/// What carbon 1.1 makes of a line: `MetricLineReceiver`, then `TaggedSeries.parse`.
fn carbon_takes(line: &str) -> Result<(), String> {
    let [path, value, stamp] = line.split_whitespace().collect::<Vec<_>>()[..] else {
        return Err(format!("not three fields: {line:?}"));
    };
    if value.parse::<f64>().is_err() || stamp.parse::<i64>().is_err() {
        return Err(format!("no numbers: {line:?}"));
    }
    if path.ends_with("\"}") && path.contains('{') {
        return Err(format!("read as another format: {path:?}"));
    }
    let mut segments = path.split(';');
    if segments.next().unwrap().trim_start_matches('~').is_empty() {
        return Err(format!("no metric: {path:?}"));
    }
    for segment in segments {
        let (tag, value) = segment.split_once('=').ok_or_else(|| format!("no tag: {segment:?}"))?;
        if tag.is_empty() || value.is_empty() || tag.contains(['!', '^']) || value.starts_with('~') {
            return Err(format!("illegal tag: {segment:?}"));
        }
    }
    Ok(())
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z.]{1,8}", "[~;=!^\"{} \t\n.a]{0,8}", any::<String>()]
}

fn any_mode() -> impl Strategy<Value = TagMode> {
    prop_oneof![
        Just(TagMode::Graphite),
        Just(TagMode::Drop),
        Just(TagMode::Path("{env}.{name}.{tags}".parse().unwrap())),
    ]
}

proptest! {
    #[test]
    fn any_series_gives_one_line_that_carbon_takes(
        name in any_text(),
        tags in proptest::collection::vec((prop_oneof![Just("env".to_string()), any_text()], any_text()), 0..4),
        value in any::<f64>(),
        mode in any_mode(),
        prefix in prop_oneof![Just(String::new()), any_text()],
    ) {
        let options = NamespaceOptions {
            global_prefix: prefix.clone(),
            prefix_gauge: String::new(),
            global_suffix: prefix,
            ..modern()
        };
        let (names, mut out) = (Namespace::new(options), Vec::new());
        let tags: Vec<(&str, &str)> = tags.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        LineWriter::new(&names, &mode, 17, 10.0, &mut out).gauge(&name, pairs(&tags).borrowed(), value);
        let text = String::from_utf8(out).unwrap();
        prop_assert_eq!(text.matches('\n').count(), 1);
        prop_assert_eq!(carbon_takes(text.strip_suffix('\n').unwrap()), Ok(()));
        let line = parse_line(text.as_bytes()).unwrap();
        prop_assert_eq!(line.stamp, 17);
        prop_assert!(line.value == value || value.is_nan());
    }
}
