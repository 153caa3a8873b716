//! What a real prometheus reads off the scrape endpoint, and what promtool says of the page.

use std::collections::BTreeSet;

use crate::graphite::ODD;
use crate::hekad::Hekad;
use crate::prometheus::{Answer, Prometheus, promtool};

#[test]
fn prometheus_scrapes_and_queries_return_the_values() {
    let hekad = Hekad::start(1, None);
    let Some(prometheus) = Prometheus::start(hekad.scrape) else { return };
    hekad.send([
        "prom.requests:3|c\nprom.requests:2|c|@0.1",
        "prom.requests:4|c|#route:home,zone:b",
        "prom.load:40|g\nprom.load:+8|g\nprom.load:-0.5|g",
        "prom.latency:100|ms\nprom.latency:200|ms\nprom.latency:300|ms",
    ]);
    prometheus.wait_for_value("prom_requests_total{route=''}", 23.0);
    prometheus.wait_for_value("prom_requests_total{route='home', zone='b'}", 4.0);
    prometheus.wait_for_value("prom_load", 47.5);
    prometheus.wait_for_value("prom_latency_seconds_count", 3.0);
    prometheus.wait_for_value("prom_latency_seconds_sum", 0.6);
    prometheus.wait_for("prom_latency_seconds", |answers| {
        let inside = |answer: &Answer| answer.value.is_nan() || (0.1..=0.3).contains(&answer.value);
        let met = !answers.is_empty()
            && answers.iter().all(|each| !each.label("quantile").is_empty() && inside(each));
        if met { Ok(()) } else { Err(format!("{answers:?}")) }
    });
    // A set has the size of an interval, so its members are sent in every one of them until the size is seen.
    prometheus.wait_for("prom_users", |answers| {
        hekad.send(["prom.users:ann|s\nprom.users:bob|s\nprom.users:ann|s\nprom.users:eve|s"]);
        if answers.first().is_some_and(|answer| answer.value == 3.0) {
            Ok(())
        } else {
            Err(format!("{answers:?}"))
        }
    });
    // Totals grow over flushes; they are not what one interval held.
    hekad.send(["prom.requests:7|c"]);
    prometheus.wait_for_value("prom_requests_total{route=''}", 30.0);
    prometheus.wait_for_value("count({__name__=~'hekad_.+'}) > bool 0", 1.0);
    prometheus.wait_for_value("up", 1.0);
    hekad.stop_cleanly();
}

#[test]
fn promtool_accepts_the_scrape() {
    let hekad = Hekad::start(1, None);
    hekad.send(ODD);
    hekad.send(CONFLICTS);
    hekad.send(["fine.requests:5|c"]);
    hekad.wait_for_line("fine_requests_total 5");
    let page = hekad.page();
    assert_each_once(&page);
    let Some(verdict) = promtool(&page) else { return };
    // 3 stands for remarks on style, which a user's own names may deserve; ours may not.
    assert!(matches!(verdict.code, Some(0 | 3)), "promtool: {:?} {}\n{page}", verdict.code, verdict.remarks);
    let own: Vec<&str> = verdict.remarks.lines().filter(|remark| remark.starts_with("hekad_")).collect();
    assert!(own.is_empty(), "promtool has remarks:\n{}", own.join("\n"));
    let Some(prometheus) = Prometheus::start(hekad.scrape) else { return };
    prometheus.wait_for_value("fine_requests_total", 5.0);
    prometheus.wait_for_value("up", 1.0);
    hekad.stop_cleanly();
}

/// Asserts that no family is declared twice and no series is given twice: a scraper may refuse the page for it.
fn assert_each_once(page: &str) {
    let mut seen = BTreeSet::new();
    for line in page.lines().filter(|line| !line.is_empty()) {
        let subject = match line.strip_prefix("# ") {
            Some(comment) => comment.split(' ').take(2).collect::<Vec<_>>().join(" "),
            None => line.rsplit_once(' ').map_or(line, |(series, _)| series).to_string(),
        };
        assert!(seen.insert(subject.clone()), "{subject:?} comes twice in\n{page}");
    }
}

/// Names that become one name on the page, with the same type and with others.
const CONFLICTS: [&str; 13] = [
    "clash:1|c",
    "clash:1|g",
    "clash:1|ms",
    "clash:a|s",
    "clash.total:1|g",
    "clash_total:1|c",
    "clash_seconds:1|g",
    "clash_seconds_sum:1|g",
    "clash_seconds_count:1|c",
    "clash.seconds.count:1|g",
    "clash-one.two:1|c\nclash.one-two:1|c\nclash_one_two:1|c|#a:1",
    "clash_h:1|h\nclash_h_bucket:1|g\nclash_h_count:1|g",
    "hekad_samples_total:1|g\nhekad_samples:1|c",
];
