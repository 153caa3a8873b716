use super::*;
use crate::metric::Kind;

fn glob(pattern: &str, name: &str) -> Rule {
    Rule { pattern: pattern.to_owned(), name: name.to_owned(), ..Rule::default() }
}

fn regex(pattern: &str, name: &str) -> Rule {
    Rule { match_type: MatchType::Regex, ..glob(pattern, name) }
}

fn labelled(rule: Rule, labels: &[(&str, &str)]) -> Rule {
    let labels = labels.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
    Rule { labels, ..rule }
}

fn only(metric_type: MetricType, rule: Rule) -> Rule {
    Rule { metric_type: Some(metric_type), ..rule }
}

fn mapping(rules: &[Rule]) -> Mapping {
    Mapping::new(rules, GlobOrder::File).unwrap()
}

/// `name{label="value",…}`, `-` where nothing matches, `dropped`.
fn mapped_as(mapping: &Mapping, name: &str, kind: Kind) -> String {
    match mapping.verdict(&Series::plain(name, kind)) {
        Verdict::Unmapped => "-".to_owned(),
        Verdict::Dropped(_) => "dropped".to_owned(),
        Verdict::Mapped(Mapped { name, labels, .. }) => {
            let labels: Vec<_> = labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
            format!("{name}{{{}}}", labels.join(","))
        }
    }
}

fn counter(mapping: &Mapping, name: &str) -> String {
    mapped_as(mapping, name, Kind::Counter)
}

/// The examples of the exporter's manual.
#[test]
fn names_and_labels_are_made_of_what_was_matched() {
    let mapping = mapping(&[
        labelled(
            glob("test.dispatcher.*.*.*", "dispatcher_events_total"),
            &[("processor", "$1"), ("action", "$2"), ("outcome", "$3"), ("job", "test_dispatcher")],
        ),
        labelled(
            glob("*.signup.*.*", "signup_events_total"),
            &[("provider", "$2"), ("outcome", "$3"), ("job", "${1}_server")],
        ),
        labelled(glob("test.*.*.counter", "${2}_total"), &[("provider", "$1")]),
        labelled(
            regex(r"(.*)\.(.*)--(.*)\.status\.(.*)\.count", "request_total"),
            &[("hostname", "$1"), ("exec", "$2"), ("protocol", "$3"), ("code", "$4")],
        ),
    ]);
    let table = [
        (
            "test.dispatcher.FooProcessor.send.success",
            "dispatcher_events_total{processor=FooProcessor,action=send,outcome=success,job=test_dispatcher}",
        ),
        (
            "foo_product.signup.facebook.failure",
            "signup_events_total{provider=facebook,outcome=failure,job=foo_product_server}",
        ),
        ("test.web-server.foo.bar", "-"),
        ("test.a.b.counter", "b_total{provider=a}"),
        ("web.nginx--http.status.200.count", "request_total{hostname=web,exec=nginx,protocol=http,code=200}"),
    ];
    for (name, expected) in table {
        assert_eq!(counter(&mapping, name), expected, "{name}");
    }
}

#[test]
fn globs_are_asked_before_regular_expressions_and_the_first_of_each_counts() {
    let mapping = mapping(&[
        regex("api", "first_regex"),
        regex(r"^api\.", "second_regex"),
        glob("api.*", "first_glob"),
        glob("*.get", "second_glob"),
        glob("api.get", "third_glob"),
    ]);
    let table = [
        ("api.get", "first_glob{}"),
        ("x.get", "second_glob{}"),
        ("api.get.all", "first_regex{}"),
        ("the.api", "first_regex{}"),
        ("x", "-"),
    ];
    for (name, expected) in table {
        assert_eq!(counter(&mapping, name), expected, "{name}");
    }
}

#[test]
fn the_most_specific_glob_counts_where_order_does_not() {
    let rules = [glob("*.*.c", "a"), glob("a.*.*", "b"), glob("a.b.*", "c"), glob("a.*.c", "d")];
    let mapping = Mapping::new(&rules, GlobOrder::Specific).unwrap();
    let names = ["a.b.c", "a.x.c", "a.x.x", "x.b.c"].map(|name| counter(&mapping, name));
    assert_eq!(names, ["c{}", "d{}", "b{}", "a{}"]);
}

#[test]
fn a_rule_for_one_type_leaves_the_others_to_those_after_it() {
    let mapping = mapping(&[
        only(MetricType::Counter, glob("a.*", "counters")),
        only(MetricType::Observer, glob("a.*", "observers")),
        only(MetricType::Gauge, regex("^a", "gauges")),
        only(MetricType::Set, regex("^a", "sets")),
    ]);
    let names = Kind::ALL.map(|kind| mapped_as(&mapping, "a.b", kind));
    assert_eq!(names, ["counters{}", "gauges{}", "observers{}", "observers{}", "observers{}", "sets{}"]);
    assert_eq!(mapped_as(&mapping, "a", Kind::Timer), "-");
}

#[test]
fn what_is_dropped_needs_no_name() {
    let drop = |rule: Rule| Rule { action: Action::Drop, ..rule };
    let mapping = mapping(&[glob("a.b", "kept"), drop(glob("a.*", "")), drop(regex(".", ""))]);
    let names = ["a.b", "a.c", "x"].map(|name| counter(&mapping, name));
    assert_eq!(names, ["kept{}", "dropped", "dropped"]);
}

#[test]
fn a_group_that_took_no_part_is_empty_and_the_whole_match_has_number_0() {
    let mapping =
        mapping(&[labelled(regex(r"b\.(x)?(\w)$", "${1}${2}_n"), &[("all", "$0")]), glob("*", "$1$0")]);
    assert_eq!(counter(&mapping, "a.b.c"), "c_n{all=b.c}");
    assert_eq!(counter(&mapping, "q"), "qq{}");
}

#[test]
fn everything_that_is_wrong_is_said_with_its_place() {
    let rules = [
        glob("a", "b"),
        labelled(glob("a*", "$1"), &[("9", "x"), ("__name__", "$"), ("quantile", "x")]),
        Rule { scale: f64::NAN, ..regex("(", "") },
        Rule { scale: -1.0, ..labelled(glob("*.*", "$3"), &[("a", "$2"), ("b", "$3")]) },
        Rule {
            observer: ObserverRule::Histogram { buckets: Some(vec![]), native: None },
            scale: -1.0,
            ..only(MetricType::Gauge, glob("a", "b"))
        },
    ];
    let errors = Mapping::new(&rules, GlobOrder::File).unwrap_err();
    let errors: Vec<String> = errors.iter().map(RuleError::to_string).collect();
    let reserved = "means something else to Prometheus, as do `le`, `quantile` and what begins with `__`";
    assert_eq!(
        errors,
        [
            "rule 2: `match`: `a*`: a `*` stands for a whole component; for parts of one use match_type = \"regex\"",
            "rule 2: `labels.9`: is no name of a label: that is letters, digits and `_`, and begins with no digit",
            &format!("rule 2: `labels.__name__`: {reserved}"),
            "rule 2: `labels.__name__`: `$` refers to nothing; write $1 or ${1} for what was matched, $$ for a dollar",
            &format!("rule 2: `labels.quantile`: {reserved}"),
            "rule 3: `match`: the regular expression does not compile: unclosed group",
            "rule 3: `name`: must be given unless action = \"drop\"",
            "rule 3: `scale`: must be a number other than 0",
            "rule 4: `name`: `$3` does not exist: the pattern has 2 `*`s",
            "rule 4: `labels.b`: `$3` does not exist: the pattern has 2 `*`s",
            "rule 4: `scale`: may be below 0 only with match_metric_type = \"gauge\"",
            "rule 5: `histogram_options.buckets`: 0 bounds; there may be 1 to 200",
        ]
    );
}

fn told(mapping: &Mapping, name: &str, kind: Kind) -> Vec<Why> {
    mapping.explain(&Series::plain(name, kind)).into_iter().map(|told| told.why).collect()
}

#[test]
fn every_rule_tells_why_it_counts_or_not() {
    let rules = [
        glob("a.b", "x"),
        glob("a.*.c", "x"),
        only(MetricType::Gauge, glob("a.*", "x")),
        glob("*.q", "x"),
        glob("a.q", "x"),
        regex("z", "x"),
    ];
    let misses = |reason: &str| Why::Misses(reason.to_owned());
    let wins = |captured: &[&str]| Why::Wins {
        captured: captured.iter().map(|&text| text.to_owned()).collect(),
        drops: false,
    };
    let mapping = mapping(&rules);
    assert_eq!(
        told(&mapping, "a.q", Kind::Timer),
        [
            misses("component 2 is \"q\", not \"b\""),
            misses("it has 3 components, the name 2"),
            misses("it is for match_metric_type = \"gauge\" alone, this is a timer"),
            wins(&["$1 = \"a\""]),
            Why::Beaten("rule 4 stands before it".to_owned()),
            Why::NotAsked,
        ]
    );
    assert_eq!(told(&mapping, "y", Kind::Timer)[5], misses("the regular expression finds nothing in it"));
    let specific = Mapping::new(&[glob("*", "x"), glob("a", "x")], GlobOrder::Specific).unwrap();
    let beaten = Why::Beaten("rule 2 is more specific".to_owned());
    assert_eq!(told(&specific, "a", Kind::Set), [beaten, wins(&[])]);
}
