use super::*;

fn names(options: NamespaceOptions) -> Vec<String> {
    let names = Namespace::new(options);
    vec![
        names.counter_rate().around("K"),
        names.counter_count().map(|affix| affix.around("K")).unwrap_or_default(),
        names.timer("mean_90").around("K"),
        names.gauge().around("K"),
        names.set().around("K"),
        names.number_of_stats(),
        names.counter_rate().around(&names.own_name("bad_lines_seen")),
    ]
}

fn modern() -> NamespaceOptions {
    NamespaceOptions { legacy: false, ..Default::default() }
}

#[test]
fn names_are_those_of_the_reference() {
    assert_eq!(
        names(NamespaceOptions::default()),
        [
            "stats.K",
            "stats_counts.K",
            "stats.timers.K.mean_90",
            "stats.gauges.K",
            "stats.sets.K.count",
            "statsd.numStats",
            "stats.statsd.bad_lines_seen"
        ]
    );
    assert_eq!(
        names(modern()),
        [
            "stats.counters.K.rate",
            "stats.counters.K.count",
            "stats.timers.K.mean_90",
            "stats.gauges.K",
            "stats.sets.K.count",
            "stats.statsd.numStats",
            "stats.counters.statsd.bad_lines_seen.rate"
        ]
    );
}

#[test]
fn prefixes_act_in_the_new_namespace_and_an_empty_one_is_left_out() {
    let configured = |legacy| NamespaceOptions {
        legacy,
        global_prefix: "G".into(),
        prefix_counter: "C".into(),
        prefix_gauge: String::new(),
        ..Default::default()
    };
    assert_eq!(names(configured(true)), names(NamespaceOptions::default()));
    assert_eq!(names(configured(false))[..4], ["G.C.K.rate", "G.C.K.count", "G.timers.K.mean_90", "G.K"]);
    assert_eq!(names(configured(false))[5], "G.statsd.numStats");
    let dotted = NamespaceOptions { global_prefix: "a.".into(), prefix_counter: "c.".into(), ..modern() };
    assert_eq!(names(dotted)[0], "a.c.K.rate");
    let bare = NamespaceOptions { global_prefix: String::new(), ..modern() };
    assert_eq!(names(bare)[..2], ["counters.K.rate", "counters.K.count"]);
}

#[test]
fn the_suffix_and_the_own_prefix_act_in_both_namespaces() {
    let suffixed = NamespaceOptions { global_suffix: "host1".into(), ..Default::default() };
    assert_eq!(
        names(suffixed),
        [
            "stats.K.host1",
            "stats_counts.K.host1",
            "stats.timers.K.mean_90.host1",
            "stats.gauges.K.host1",
            "stats.sets.K.count.host1",
            "statsd.numStats.host1",
            "stats.statsd.bad_lines_seen.host1"
        ]
    );
    let own = |prefix: &str, legacy| {
        let options = NamespaceOptions { prefix_stats: prefix.into(), legacy, ..Default::default() };
        names(options)[5..].to_vec()
    };
    assert_eq!(own("p", true), ["p.numStats", "stats.p.bad_lines_seen"]);
    assert_eq!(own("p", false), ["stats.p.numStats", "stats.counters.p.bad_lines_seen.rate"]);
    assert_eq!(own("", true), [".numStats", "stats..bad_lines_seen"]);
}

#[test]
fn names_are_those_of_stat_accum_input_under_its_rules() {
    assert_eq!(names(NamespaceOptions::heka()), names(modern()));
    let legacy = NamespaceOptions { legacy: true, ..NamespaceOptions::heka() };
    assert_eq!(names(legacy.clone()), names(NamespaceOptions::default()));
    let bare = NamespaceOptions { prefix_stats: String::new(), ..legacy };
    assert_eq!(names(bare)[5], "numStats");
}

#[test]
fn counts_are_left_out_where_they_are_not_wanted() {
    let options = NamespaceOptions { flush_counts: false, ..Default::default() };
    assert_eq!(Namespace::new(options).counter_count(), None);
}

#[test]
fn a_percentile_is_named_after_its_own_text() {
    for (text, value, name) in
        [("90", 90.0, "90"), ("99.9", 99.9, "99_9"), ("-10", -10.0, "top10"), ("-0.5", -0.5, "top0_5")]
    {
        assert_eq!(Percent::parse(text), Ok(Percent { value, text: name.into() }));
        assert_eq!(Percent::of(value), Percent { value, text: name.into() });
    }
    for text in ["", "x", "nan", "inf", "9 9", "90%"] {
        assert_eq!(Percent::parse(text), Err(PercentError { text: text.into() }));
    }
    let twice = vec![Percent::of(90.0), Percent::of(-10.0), Percent::of(90.0)];
    let names = Namespace::new(NamespaceOptions { percentiles: twice, ..Default::default() });
    assert_eq!(names.percentiles(), [Percent::of(90.0), Percent::of(-10.0)]);
}

#[test]
fn configured_text_cannot_break_a_line() {
    let options = NamespaceOptions { global_prefix: "a b\n;c".into(), ..modern() };
    assert_eq!(names(options)[3], "a_b__c.gauges.K");
}
