//! What real clients and servers sent to a socket, and what must come of it: every line is understood, every sum exact.
//!
//! The bytes are in `vectors/senders/`, with who sent them and which calls made them.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use heka::flow::Wiring;
use heka::pipeline::{Trial, builtin};
use heka::time::Stamp;

#[test]
fn the_statsd_client_of_pypi_is_understood_to_the_last_digit() {
    let expected = [
        ("counters.shop.orders.count", 3.0),
        ("counters.shop.visits.count", 12.0),
        ("counters.shop.piped.count", 7.0),
        ("gauges.shop.queue", 10.0),
        ("gauges.shop.temperature", -4.0),
        ("gauges.shop.depth", 2.5),
        ("timers.shop.db.sum", 332.75),
        ("timers.shop.db.count", 4.0),
        ("timers.shop.pipe.sum", 10.0),
        ("sets.shop.users.count", 2.0),
    ];
    for dialect in ["auto", "statsd"] {
        Outcome::of("statsd", &format!("dialect = '{dialect}'")).holds(18, &expected);
    }
}

#[test]
fn the_datadog_client_of_pypi_is_understood_with_its_event_and_its_check() {
    let options = "dialect = 'dogstatsd'\nclient_telemetry = 'drop'\nexternal_data_tag = 'ext'";
    let outcome = Outcome::of("datadog", options);
    let expected = [
        ("counters.shop.orders.count;dc=eu;env=prod;ext=E;kind=web;service=shop;version=1.2", 3.0),
        ("counters.shop.visits.count;dc=eu;env=prod;ext=E;service=shop;version=1.2", 12.0),
        ("counters.shop.backfill.count;dc=eu;env=prod;ext=E;service=shop;version=1.2", 9.0),
        ("gauges.shop.temperature;dc=eu;env=prod;ext=E;service=shop;version=1.2", -4.0),
        ("gauges.shop.level;dc=eu;env=prod;ext=E;service=shop;version=1.2", 3.0),
        ("timers.shop.size.sum;dc=eu;env=prod;ext=E;service=shop;version=1.2", 350.5),
        ("timers.shop.spread.sum;dc=eu;env=prod;ext=E;service=shop;version=1.2", 7.0),
        ("timers.shop.db.sum;dc=eu;env=prod;ext=E;service=shop;version=1.2", 320.0),
        ("sets.shop.users.count;dc=eu;env=prod;ext=E;service=shop;version=1.2", 2.0),
    ];
    let external = "ext=it-false_cn-web_pu-810fe89d";
    let expected = expected.map(|(name, value)| (name.replace("ext=E", external), value));
    outcome.holds(27, &expected.each_ref().map(|(name, value)| (name.as_str(), *value)));
    assert_eq!(outcome.counted("hekad_dropped_samples_total"), 11.0);
    assert_eq!(outcome.counted("hekad_late_samples_total"), 2.0);
    let tags = "dc:eu,env:prod,service:shop,step:2,version:1.2";
    outcome.says(&[
        "Deploy of café",
        "line one\nline two | piped",
        "warning",
        "deploys",
        "build-1",
        "low",
        "ci",
        tags,
    ]);
    outcome.says(&["db.up", "critical", "no answer\nm: twice", "db-1", "role:main", ":Severity: 2"]);
}

#[test]
fn the_telemetry_of_a_client_is_a_series_like_any_other_unless_it_is_dropped() {
    let outcome = Outcome::of("datadog", "dialect = 'dogstatsd'");
    let tags = "client=py;client_transport=udp;client_version=0.56.0;dc=eu;env=prod;service=shop;version=1.2";
    let sent = format!("counters.datadog.dogstatsd.client.bytes_sent.count;{tags}");
    let metrics = format!("counters.datadog.dogstatsd.client.metrics.count;{tags}");
    outcome.holds(27, &[(&sent, 1693.0), (&metrics, 14.0)]);
    assert_eq!(outcome.counted("hekad_dropped_samples_total"), 0.0);
    // It counts characters: an é has two bytes.
    let bytes: usize = datagrams("datadog").iter().take(16).map(Vec::len).sum();
    assert_eq!(bytes, 1694);
}

#[test]
fn hot_shots_is_understood_in_both_of_its_dialects() {
    let both = |gauge: f64, moved: f64| {
        [
            ("counters.shop.orders.count;dc=eu;kind=web", 3.0),
            ("counters.shop.visits.count;dc=eu", 12.0),
            ("gauges.shop.temperature;dc=eu", gauge),
            ("gauges.shop.moved;dc=eu", moved),
            ("timers.shop.size.sum;dc=eu", 350.5),
            ("timers.shop.db.sum;dc=eu", 325.0),
            ("timers.shop.net.sum;dc=eu", 5.0),
            ("sets.shop.users.count;dc=eu", 3.0),
        ]
    };
    let outcome = Outcome::of("hot-shots", "dialect = 'dogstatsd'");
    // It gives the length of a title in characters: one with an é is refused, since nobody knows where it ends.
    outcome.holds_but(1, 19, &both(-4.0, 3.0));
    outcome.holds_but(1, 19, &[("timers.shop.spread.sum;dc=eu", 7.0)]);
    outcome.says(&["shop.Deploy done", ":Payload: Deploy done", "success", "dc:eu", ":Severity: 5"]);
    outcome.says(&["shop.db.up", "critical", "no answer", "db-1", "dc:eu,role:main"]);
    // Without DogStatsD's rules a signed gauge moves.
    Outcome::of("hot-shots", "dialect = 'auto'").holds_but(1, 19, &both(17.5, 3.0));
    Outcome::of("hot-shots-telegraf", "dialect = 'influx'").holds(15, &both(17.5, 3.0));
}

#[test]
fn cadence_is_understood_line_by_line_and_packed() {
    let expected = [
        ("counters.shop.orders.count;dc=eu", 4.0),
        ("counters.shop.visits.count;beta=true;dc=eu;kind=web", 12.0),
        ("counters.shop.calls.count;dc=eu", 6.0),
        ("counters.shop.old.count;dc=eu", 9.0),
        ("counters.shop.boxed.count;dc=eu", 2.0),
        ("gauges.shop.queue;dc=eu", 12.0),
        ("gauges.shop.temperature;dc=eu", 21.5),
        ("timers.shop.db.sum;dc=eu", 385.0),
        ("timers.shop.db.count;dc=eu", 5.0),
        ("timers.shop.size.sum;dc=eu", 352.0),
        ("timers.shop.spread.sum;dc=eu", 13.0),
        ("sets.shop.users.count;dc=eu", 2.0),
    ];
    for file in ["cadence", "cadence-buffered"] {
        Outcome::of(file, "dialect = 'auto'").holds(19, &expected);
    }
}

#[test]
fn gunicorn_is_understood_with_and_without_tags() {
    let plain = [
        ("counters.web.gunicorn.requests.count", 3.0),
        ("counters.web.gunicorn.request.status.200.count", 2.0),
        ("counters.web.gunicorn.request.status.404.count", 1.0),
        ("gauges.web.gunicorn.workers", 1.0),
        ("timers.web.gunicorn.request.duration.count", 3.0),
        ("timers.web.gunicorn.request.duration.sum", 0.168 + 3.321 + 5.291),
    ];
    for dialect in ["auto", "statsd", "dogstatsd"] {
        Outcome::of("gunicorn", &format!("dialect = '{dialect}'")).holds(10, &plain);
    }
    let tagged = [
        ("counters.web.gunicorn.requests.count;dc=eu;env=prod", 3.0),
        ("counters.web.gunicorn.request.status.404.count;dc=eu;env=prod", 1.0),
        ("gauges.web.gunicorn.workers;dc=eu;env=prod", 1.0),
        ("timers.web.gunicorn.request.duration.sum;dc=eu;env=prod", 0.969 + 1.002 + 1.231),
    ];
    for dialect in ["auto", "dogstatsd"] {
        Outcome::of("gunicorn-tags", &format!("dialect = '{dialect}'")).holds(10, &tagged);
    }
}

#[test]
fn airflow_is_understood_with_and_without_the_tags_of_influx() {
    let plain = [
        ("counters.airflow.job_start.count", 1.0),
        ("counters.airflow.scheduler.orphaned_tasks.cleared.count", 0.0),
        ("gauges.airflow.executor.open_slots.LocalExecutor", 32.0),
        ("gauges.airflow.executor.open_slots", 32.0),
        ("timers.airflow.scheduler.scheduler_loop_duration.count", 5.0),
        (
            "timers.airflow.scheduler.scheduler_loop_duration.sum",
            13.669023 + 16.912527 + 19.944757 + 33.193907 + 153.255068,
        ),
    ];
    for dialect in ["auto", "statsd"] {
        Outcome::of("airflow", &format!("dialect = '{dialect}'")).holds(80, &plain);
    }
    let tagged = [
        ("counters.airflow.job_start.count", 1.0),
        ("gauges.airflow.executor.open_slots;executor_class_name=LocalExecutor;status=open", 32.0),
        ("gauges.airflow.executor.open_slots.LocalExecutor;status=open", 32.0),
        ("timers.airflow.scheduler.scheduler_loop_duration.sum", 51.161109 + 57.207151 + 254.62989),
        ("timers.airflow.scheduler.executor_heartbeat_duration.count;executor=LocalExecutor", 4.0),
    ];
    Outcome::of("airflow-influx", "dialect = 'influx'").holds(60, &tagged);
}

/// What came of a sender's bytes.
struct Outcome {
    /// Values in Graphite, by name without `stats.`.
    points: BTreeMap<String, f64>,
    /// Events and service checks, printed.
    messages: String,
    trial: Trial,
}

impl Outcome {
    fn of(file: &str, options: &str) -> Outcome {
        let config = format!(
            "[statsd]\ntype = 'StatsdInput'\n{options}\n[StatAccumFilter]\ndelete_idle_stats = true\n\
             [CarbonOutput]\naddress = '{CARBON}'\n\
             [LogOutput]\nmessage_matcher = \"Type =~ /^heka.statsd./\"\nencoder = 'RstEncoder'\n"
        );
        let start = Stamp::from_seconds(1_700_000_000);
        let mut trial = Trial::new(&config, &builtin(), Wiring::AsConfigured, start).expect("it is right");
        for datagram in datagrams(file) {
            trial.send("statsd", &datagram).expect("there is room");
        }
        trial.advance(Duration::from_secs(10));
        let written = trial.written(CARBON);
        let point = |line: &str| {
            let mut words = line.strip_prefix("stats.")?.split(' ');
            Some((words.next()?.to_owned(), words.next()?.parse().ok()?))
        };
        let points = written.lines().filter_map(point).collect();
        Outcome { points, messages: trial.written("stdout"), trial }
    }

    /// Every one of `lines` lines was understood, and the sums are these.
    fn holds(&self, lines: u64, expected: &[(&str, f64)]) {
        self.holds_but(0, lines, expected);
    }

    /// The same, but for so many bad lines.
    fn holds_but(&self, bad: u64, lines: u64, expected: &[(&str, f64)]) {
        assert_eq!(self.counted("hekad_lines_total"), lines as f64);
        assert_eq!(self.counted("hekad_bad_lines_total"), bad as f64);
        for (name, value) in expected {
            assert_eq!(self.points.get(*name), Some(value), "{name} of {:#?}", self.points);
        }
    }

    /// One message holds all of `texts`.
    fn says(&self, texts: &[&str]) {
        let mut messages = self.messages.split(":Timestamp:");
        let said = messages.any(|message| texts.iter().all(|text| message.contains(text)));
        assert!(said, "{texts:?} in {}", self.messages);
    }

    /// The sum of a counter of the daemon over its labels.
    fn counted(&self, metric: &str) -> f64 {
        let mut sum = 0.0;
        self.trial.ledger().own().visit(|name, _, _, value| sum += if name == metric { value } else { 0.0 });
        sum
    }
}

/// The datagrams of a file: behind the line that says who sent them, each behind its length.
fn datagrams(file: &str) -> Vec<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/senders").join(file);
    let bytes = std::fs::read(path).expect("what was sent can be read");
    let line =
        |from: usize| from + bytes[from..].iter().position(|&byte| byte == b'\n').expect("a line ends");
    let mut at = line(0) + 1;
    let mut datagrams = Vec::new();
    while at < bytes.len() {
        let end = line(at);
        let length: usize =
            std::str::from_utf8(&bytes[at..end]).expect("a number").parse().expect("a length");
        datagrams.push(bytes[end + 1..][..length].to_vec());
        at = end + 1 + length + 1;
    }
    datagrams
}

const CARBON: &str = "127.0.0.1:2003";
