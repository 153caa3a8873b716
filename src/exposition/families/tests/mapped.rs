//! Tests of series that rules name, and of those that share one of the exposition.

use super::super::super::exposing::Hidden;
use super::super::super::mapping::{Action, GlobOrder, MatchType, MetricType, ObserverRule, Rule};
use super::super::super::names::Style;
use super::super::super::shapes::NativeRules;
use super::*;

fn rule(pattern: &str, name: &str, labels: &[(&str, &str)]) -> Rule {
    let labels = labels.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
    Rule { pattern: pattern.to_owned(), name: name.to_owned(), labels, ..Rule::default() }
}

fn mapped(rules: &[Rule]) -> Families {
    let mapping = Mapping::new(rules, GlobOrder::File).unwrap();
    store_of(StoreRules { mapping, quantiles: vec![0.5], ttl: TTL, ..StoreRules::default() })
}

/// What is shown, without comments.
fn samples(families: &mut Families) -> Vec<String> {
    text_samples(&rendered(families, 1))
}

fn at(families: &mut Families, series: SeriesId, reading: Reading<'_>, at: i64) -> Updated {
    let Claim::Exposed(claimed) = families.claim(series, Stamp(at), true) else { panic!("there is room") };
    families.update(claimed.slot, reading, Stamp(at), true)
}

fn counter(total: f64) -> Reading<'static> {
    Reading::Counter { total, created: Stamp(1) }
}

#[test]
fn a_rule_gives_name_labels_help_and_scale() {
    let api = Rule { scale: 1024.0, ..rule("api.*.get", "api_bytes", &[("endpoint", "$1"), ("empty", "")]) };
    let mut families = mapped(&[api, Rule { help: Some("H".into()), ..rule("load.*", "load", &[]) }]);
    put(&mut families, series("api.users.get", &[("env", "a"), ("zone", "")], Kind::Counter), 2.0, Stamp(0));
    put(&mut families, series("load.five", &[], Kind::Gauge), 0.5, Stamp(0));
    put(&mut families, series("other", &[], Kind::Counter), 1.0, Stamp(0));
    let expected = "# HELP api_bytes statsd counter api.*.get\n# TYPE api_bytes counter\n\
        api_bytes{endpoint=\"users\",env=\"a\",zone=\"true\"} 2048\n# HELP load H\n# TYPE load gauge\nload 0.5\n\
        # HELP other_total statsd counter other\n# TYPE other_total counter\nother_total 1\n";
    assert_eq!(rendered(&mut families, 1), expected);
}

#[test]
fn a_label_of_the_rule_replaces_a_tag_unless_tags_are_honored() {
    let shown = |honor_labels, value: &str| {
        let mut families = mapped(&[Rule { honor_labels, ..rule("a.*", "a", &[("env", value)]) }]);
        put(&mut families, series("a.x", &[("env", "tag"), ("b", "c")], Kind::Gauge), 1.0, Stamp(0));
        put(&mut families, series("a.x", &[], Kind::Gauge), 2.0, Stamp(0));
        samples(&mut families)
    };
    assert_eq!(shown(false, "$1"), ["a{b=\"c\",env=\"x\"} 1", "a{env=\"x\"} 2"]);
    assert_eq!(shown(true, "$1"), ["a{b=\"c\",env=\"tag\"} 1", "a{env=\"x\"} 2"]);
    assert_eq!(shown(false, ""), ["a 2", "a{b=\"c\"} 1"]);
    assert_eq!(shown(true, ""), ["a 2", "a{b=\"c\",env=\"tag\"} 1"]);
}

#[test]
fn what_a_rule_drops_or_leaves_without_a_name_is_hidden() {
    let regex = Rule { match_type: MatchType::Regex, ..rule("^b(.*)$", "$1", &[]) };
    let mut families = mapped(&[Rule { action: Action::Drop, ..rule("a.*", "", &[]) }, regex]);
    let mut claim = |name: &str| families.claim(series(name, &[], Kind::Gauge), Stamp(0), true);
    assert_eq!(claim("a.x"), Claim::Hidden(Hidden::Dropped));
    assert_eq!(claim("b"), Claim::Hidden(Hidden::Nameless));
    let Claim::Exposed(claimed) = claim("b-9") else { panic!("it has a name") };
    assert!(claimed.mapped);
    let mut names = Vec::new();
    families.each(|name, _, _| names.push(name.to_owned()));
    assert_eq!(names, ["_9"]);
}

#[test]
fn counters_that_become_one_are_added_up() {
    let mut families = mapped(&[rule("*.hits", "hits", &[])]);
    let [first, second] = ["a.hits", "b.hits"].map(|name| series(name, &[], Kind::Counter));
    assert_eq!(at(&mut families, first, counter(5.0), 1), Updated::Taken);
    assert_eq!(at(&mut families, second, counter(3.0), 1), Updated::Taken);
    assert_eq!(samples(&mut families), ["hits 8"]);
    assert_eq!(at(&mut families, first, counter(6.0), 2), Updated::Taken);
    assert_eq!(at(&mut families, second, counter(2.0), 2), Updated::Fell);
    assert_eq!(samples(&mut families), ["hits 9"]);
    let anew = Reading::Counter { total: 2.0, created: Stamp(2) };
    assert_eq!(at(&mut families, second, anew, 3), Updated::Taken);
    assert_eq!(samples(&mut families), ["hits 11"]);
    assert_eq!((families.len(), families.conflicts().refused), (1, 0));
}

#[test]
fn of_gauges_that_become_one_the_one_that_moved_last_counts() {
    let mut families = mapped(&[rule("*.load", "load", &[])]);
    let [first, second] = ["a.load", "b.load"].map(|name| series(name, &[], Kind::Gauge));
    let mut set = |series, value, touched| {
        let Claim::Exposed(claimed) = families.claim(series, Stamp(1), true) else { panic!("there is room") };
        families.update(claimed.slot, Reading::Gauge(value), Stamp(1), touched);
        samples(&mut families)
    };
    assert_eq!(set(first, 1.0, true), ["load 1"]);
    assert_eq!(set(second, 2.0, true), ["load 2"]);
    assert_eq!(set(first, 1.0, false), ["load 2"]);
    assert_eq!(set(first, 4.0, true), ["load 4"]);
}

#[test]
fn distributions_that_become_one_are_one_whatever_their_units() {
    let histogram = ObserverRule::Histogram { buckets: Some(vec![0.3, 100.0]), native: None };
    let rules = [rule("*.time", "took", &[]), Rule { observer: histogram, ..rule("*.size", "size", &[]) }];
    let mut families = mapped(&rules);
    for (name, kind) in [("a.time", Kind::Timer), ("b.time", Kind::Histogram)] {
        at(&mut families, series(name, &[], kind), reading(kind, 1000.0), 1);
    }
    for name in ["a.size", "b.size"] {
        at(&mut families, series(name, &[], Kind::Timer), reading(Kind::Timer, 750.0), 1);
    }
    let expected = [
        "size_bucket{le=\"0.3\"} 2",
        "size_bucket{le=\"100.0\"} 4",
        "size_bucket{le=\"+Inf\"} 4",
        "size_sum 1.5",
        "size_count 4",
        "took{quantile=\"0.5\"} 0.5",
        "took_sum 1001",
        "took_count 6",
    ];
    assert_eq!(samples(&mut families), expected);
}

#[test]
fn sets_and_other_types_are_not_added_up() {
    let mut families = mapped(&[rule("*.x", "x", &[])]);
    assert_eq!(plain(&mut families, "a.x", Kind::Set), Some(false));
    assert_eq!(plain(&mut families, "b.x", Kind::Set), None);
    assert_eq!(plain(&mut families, "a.x", Kind::Gauge), Some(true));
    assert_eq!(plain(&mut families, "a.x", Kind::Counter), Some(true));
    assert_eq!(samples(&mut families), ["x 1", "x_counter 1", "x_gauge 1"]);
}

#[test]
fn what_no_rule_names_does_not_share_with_what_one_does() {
    let mut families = mapped(&[rule("*.x", "a_y", &[])]);
    assert_eq!(plain(&mut families, "b.x", Kind::Gauge), Some(false));
    assert_eq!(plain(&mut families, "a.y", Kind::Gauge), None);
}

#[test]
fn names_made_as_statsd_exporter_makes_them_share() {
    let naming = Naming { style: Style::Exporter, counter_suffix: String::new(), ..Naming::default() };
    let mut families = store_of(StoreRules { naming, ..StoreRules::default() });
    for name in ["a.b", "a_b", "a--b"] {
        at(
            &mut families,
            series(name, &[("bare", ""), ("k--l", "1"), ("k_l", "2")], Kind::Counter),
            counter(2.0),
            1,
        );
    }
    assert_eq!(samples(&mut families), ["a_b{k_l=\"2\"} 6"]);
}

#[test]
fn a_series_that_is_shared_goes_on_where_it_was_after_it_expired() {
    let mut families = mapped(&[rule("*.hits", "hits", &[]), rule("*.took", "took", &[])]);
    let [first, second] = ["a.hits", "b.hits"].map(|name| series(name, &[], Kind::Counter));
    let [third, fourth] = ["a.took", "b.took"].map(|name| series(name, &[], Kind::Histogram));
    at(&mut families, first, counter(5.0), 1);
    at(&mut families, second, counter(3.0), 1);
    at(&mut families, third, reading(Kind::Histogram, 1.0), 1);
    at(&mut families, fourth, reading(Kind::Histogram, 2.0), 1);
    assert_eq!((families.expire(Stamp(12)), families.len()), (2, 0));
    at(&mut families, second, counter(4.0), 20);
    at(&mut families, fourth, reading(Kind::Histogram, 2.5), 20);
    assert_eq!(
        samples(&mut families),
        ["hits 9", "took{quantile=\"0.5\"} 250", "took_sum 3.5", "took_count 6"]
    );
    at(&mut families, first, counter(6.0), 21);
    assert_eq!(samples(&mut families)[0], "hits 10");
    let born = families.births().last();
    assert_eq!(born, 2, "what comes back is not new");
}

#[test]
fn a_rule_has_its_own_ttl() {
    let ttl = |ttl, pattern: &str| {
        let ttl = Some(Duration::from_nanos(ttl));
        Rule { ttl, ..rule(pattern, "m", &[("n", "$0")]) }
    };
    let mut families = mapped(&[ttl(0, "ever"), ttl(5, "short"), rule("usual", "m", &[("n", "$0")])]);
    for name in ["ever", "short", "usual"] {
        plain(&mut families, name, Kind::Gauge);
    }
    families.expire(Stamp(6));
    assert_eq!(samples(&mut families), ["m{n=\"ever\"} 1", "m{n=\"usual\"} 1"]);
    families.expire(Stamp(11));
    assert_eq!(samples(&mut families), ["m{n=\"ever\"} 1"]);
}

#[test]
fn a_rule_has_its_own_quantiles_and_window() {
    let summary = ObserverRule::Summary {
        quantiles: Some(vec![1.0, 0.25]),
        max_age: Some(Duration::from_secs(10)),
        ages: Some(1),
    };
    let mut families = mapped(&[Rule { observer: summary, ..rule("a", "a", &[]) }]);
    plain(&mut families, "a", Kind::Histogram);
    plain(&mut families, "b", Kind::Histogram);
    let quantiles = |families: &mut Families| {
        let all = samples(families);
        all.into_iter().filter(|line| line.contains("quantile")).collect::<Vec<_>>()
    };
    let [low, high, usual] = ["a{quantile=\"0.25\"}", "a{quantile=\"1.0\"}", "b{quantile=\"0.5\"} 250"];
    let expected = |one: &str, two: &str| [format!("{low} {one}"), format!("{high} {two}"), usual.to_owned()];
    assert_eq!(quantiles(&mut families), expected("250", "500"));
    families.pass(Stamp::from_seconds(10));
    assert_eq!(quantiles(&mut families), expected("NaN", "NaN"));
}

#[test]
fn a_histogram_has_the_buckets_of_the_rule_or_of_its_name_or_the_usual_ones() {
    let histogram = |buckets: Option<Vec<f64>>, native| ObserverRule::Histogram { buckets, native };
    let with = |observer, pattern: &str| Rule { observer, ..rule(pattern, "h", &[("n", "$0")]) };
    let coarse = NativeRules::new(2.0, 100).unwrap();
    let rules = [
        with(histogram(Some(vec![1.0]), Some(coarse)), "own"),
        with(histogram(None, None), "named"),
        with(histogram(None, None), "usual"),
        with(ObserverRule::AsConfigured, "named.too"),
    ];
    let mapping = Mapping::new(&rules, GlobOrder::File).unwrap();
    let shapes = Shapes::new([("named*", &[2.0, 3.0][..])], ["named"]).unwrap();
    let mut families = store_of(StoreRules { mapping, shapes, ..StoreRules::default() });
    let mut counted = |name: &str| {
        plain(&mut families, name, Kind::Timer);
        let slot = families.slots.last().unwrap();
        let Value::Distribution(kept) = &slot.value else { panic!("it is a distribution") };
        let counted = kept.counted.as_ref().unwrap();
        let bounds = counted.classic.as_ref().unwrap().0.values.len();
        (bounds, counted.native.as_ref().map(|native| native.schema))
    };
    let found = ["own", "named", "usual", "named.too"].map(&mut counted);
    assert_eq!(found, [(1, Some(0)), (2, Some(5)), (11, None), (2, None)]);
}

#[test]
fn a_rule_for_one_type_leaves_the_others_their_names() {
    let only = Rule { metric_type: Some(MetricType::Counter), ..rule("x", "counted", &[]) };
    let mut families = mapped(&[only]);
    plain(&mut families, "x", Kind::Counter);
    plain(&mut families, "x", Kind::Gauge);
    assert_eq!(samples(&mut families), ["counted 1", "x 1"]);
}

#[test]
fn a_name_of_the_daemons_own_is_no_rules_to_give() {
    let mut families = mapped(&[rule("*", "hekad_$1", &[])]);
    plain(&mut families, "up", Kind::Gauge);
    assert_eq!(samples(&mut families), ["client_hekad_up 1"]);
}
