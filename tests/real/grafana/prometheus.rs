//! Rules by promtool, and every query for Prometheus by a prometheus that scrapes a daemon with all kinds of plugins.

use std::io::Write;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use super::boards::{Board, filled, folder, list, metrics_in};
use super::{ANSWERED, LOAD, Values, chosen, values_of};
use crate::harness::{free_port, http_get, program, skip, wait_until};
use crate::hekad::Hekad;
use crate::prometheus::Prometheus;

#[test]
fn promtool_takes_the_rules_and_every_alert_fires_as_its_test_says() {
    let Some(promtool) = program("promtool") else { return skip("promtool is not installed") };
    let files = folder().join("prometheus");
    let tests = std::fs::read_dir(files.join("tests")).expect("there are tests");
    let tests: Vec<_> = tests.map(|entry| entry.expect("it can be listed").path()).collect();
    let rules = ["rules.yml", "alerts.yml"].map(|name| files.join(name));
    let config = files.join("prometheus.yml");
    for (words, files) in [
        (&["check", "rules"][..], &rules[..]),
        (&["check", "config"], &[config][..]),
        (&["test", "rules"], &tests),
    ] {
        let output =
            Command::new(&promtool).args(words).args(files).output().expect("promtool can be started");
        let told =
            [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
        assert!(output.status.success(), "promtool {words:?}:\n{told}");
        assert!(told.matches("SUCCESS").count() >= files.len(), "promtool {words:?}:\n{told}");
    }
}

#[test]
fn every_query_for_prometheus_has_an_answer() {
    let mut shop = Shop::open();
    let rules = ["rules.yml", "alerts.yml"].map(|name| folder().join("prometheus").join(name));
    let Some(prometheus) = Prometheus::start_ruled(shop.hekad.scrape, &rules) else { return };
    wait_until(MOVED_WITHIN, || {
        shop.load();
        let moved = |metric: &&str| {
            let found = prometheus.query(&format!("sum({metric})")).unwrap_or_default();
            found.iter().any(|answer| answer.value > 0.0)
        };
        let still: Vec<_> = MOVED.iter().filter(|metric| !moved(metric)).collect();
        if still.is_empty() { Ok(()) } else { Err(format!("{still:?} did not move")) }
    });
    let mut count = 0;
    for board in Board::all().iter().filter(|board| board.is_for("prometheus")) {
        let values = values_of(board, |variable, values| match variable["query"]["query"].as_str() {
            // Those that take several take all.
            Some(_) if variable["multi"] == true => ".+".to_owned(),
            Some(query) => wait_until(ANSWERED, || {
                shop.load();
                let found = listed(&prometheus, &expression(query, values))?;
                chosen(variable, &found).ok_or(format!("{query} has only {found:?}"))
            }),
            None => variable["query"].as_str().expect("it is a text").to_owned(),
        });
        for query in board.queries() {
            let expression = expression(&query.text, &values);
            wait_until(ANSWERED, || {
                let answered = answer(&prometheus, &expression).inspect_err(|_| shop.load());
                answered.map_err(|error| format!("{}: {error}", query.place))
            });
            count += 1;
        }
    }
    assert!(count > 150, "{count} queries: they are not read any more");
    wait_until(ANSWERED, || {
        shop.load();
        check_rules(&prometheus)
    });
}

#[test]
fn what_is_shown_at_first_has_data_under_the_shipped_configuration() {
    let shipped = std::fs::read_to_string(folder().join("hekad.toml")).expect("it is there");
    let carbon = free_port();
    let hekad = Hekad::start_on(|hekad| {
        [("0.0.0.0:8125", hekad.udp), ("0.0.0.0:4352", hekad.scrape), ("graphite:2003", carbon)]
            .iter()
            .fold(shipped, |text, (address, port)| text.replace(address, &format!("127.0.0.1:{port}")))
    });
    let Some(prometheus) = Prometheus::start(hekad.scrape) else { return };
    let mut count = 0;
    for board in Board::all().iter().filter(|board| SHOWN.contains(&board.name.as_str())) {
        let values = values_of(board, |_, _| ".+".to_owned());
        // Those of collapsed rows are within them.
        for query in board.queries_of(list(&board.whole["panels"])) {
            wait_until(ANSWERED, || {
                hekad.send(LOAD);
                let answered = answer(&prometheus, &expression(&query.text, &values));
                answered.map_err(|error| format!("{} is shown without data: {error}", query.place))
            });
            count += 1;
        }
    }
    assert!(count > 80, "{count} queries: they are not read any more");
}

/// Objects where a rule has no answer, or where what an alert asks for is not there.
fn check_rules(prometheus: &Prometheus) -> Result<(), String> {
    for rule in prometheus.rules()? {
        if rule["health"] != "ok" {
            return Err(format!("{}: {} {}", rule["name"], rule["health"], rule["lastError"]));
        }
        let text = |key: &str| rule[key].as_str().unwrap_or_default().to_owned();
        if rule["type"] == "recording" {
            answer(prometheus, &text("name"))?;
        }
        metrics_in(&text("query")).iter().try_for_each(|name| answer(prometheus, name))?;
    }
    Ok(())
}

fn answer(prometheus: &Prometheus, expression: &str) -> Result<(), String> {
    let found = prometheus.query(expression)?;
    let is_there = found.iter().any(|answer| answer.value.is_finite());
    if is_there { Ok(()) } else { Err(format!("{expression}: {found:?}")) }
}

/// What Grafana would list for `label_values(SELECTOR, LABEL)`.
fn listed(prometheus: &Prometheus, query: &str) -> Result<Vec<String>, String> {
    let arguments = query.strip_prefix("label_values(").and_then(|rest| rest.strip_suffix(')'));
    let arguments = arguments.and_then(|both| both.rsplit_once(", "));
    let (selector, label) = arguments.ok_or(format!("{query} is no query"))?;
    let found = prometheus.query(&format!("group by ({label}) ({selector})"))?;
    Ok(found.iter().map(|answer| answer.label(label).to_owned()).collect())
}

fn expression(text: &str, values: &Values) -> String {
    filled(text, |name| match name {
        "__rate_interval" => "30s".to_owned(),
        "__range" => "1m".to_owned(),
        name => values.get(name).unwrap_or_else(|| panic!("no variable {name}")).clone(),
    })
}

/// A daemon with all kinds of plugins, and what is done to it.
struct Shop {
    hekad: Hekad,
    /// Where its HttpOutput and TcpOutput send to.
    _peer: Hekad,
    console: u16,
    log: PathBuf,
    turn: u32,
    _logs: TempDir,
}

impl Shop {
    fn open() -> Shop {
        let logs = TempDir::new().expect("a directory can be made");
        let console = free_port();
        let peer = Hekad::start(1, None);
        let hekad = Hekad::start_beside(1, "own_stats = true", &everything(logs.path(), console, &peer));
        Shop { hekad, _peer: peer, console, log: logs.path().join("shop.log"), turn: 0, _logs: logs }
    }

    fn load(&mut self) {
        self.turn += 1;
        self.hekad.send(LOAD);
        self.hekad.send([format!("flood.n{}:1|c", self.turn).as_str()]);
        self.hekad.send_stream("shop.stream:1|c\n");
        let log = std::fs::File::options().create(true).append(true).open(&self.log);
        log.and_then(|mut log| log.write_all(b"one line\n")).expect("a log can be written");
        let mut console = TcpStream::connect(("127.0.0.1", self.console)).expect("the console listens");
        console.write_all(b"stats\nnonsense\nquit\n").expect("the console reads");
        http_get(self.hekad.scrape, "/").expect("the page is served");
        // Names that conflict: an alert that waits for nothing.
        self.hekad.send(["shop.clash:1|g\nshop.clash:1|s"]);
    }
}

/// Sections that, with the load, make most of what can be told happen.
fn everything(logs: &Path, console: u16, peer: &Hekad) -> String {
    let [gone, also_gone, nobody] = [free_port(), free_port(), free_port()];
    let Hekad { tcp: taking, scrape: answering, .. } = peer;
    format!(
        r#"
[hekad.max_series_of]
flood = 3
[PrometheusOutput.buckets]
"shop.bucketed" = [0.01, 0.1, 1]
[[PrometheusOutput.mapping]]
match = "dropped.*"
action = "drop"
[logs]
type = "LogstreamerInput"
log_directory = "{logs}"
file_match = 'shop\.log'
[lines]
type = "StatFilter"
message_matcher = "Type == 'logfile'"
Metric.lines = {{ type = "Counter", name = "shop.lines", value = "1" }}
[CounterFilter]
ticker_interval = 1
[KeyFlushFilter]
ticker_interval = 1
log = "{logs}/keys"
[repeat]
type = "StatsdOutput"
protocol = "tcp"
upstreams = ["127.0.0.1:{gone}"]
on_full = "drop"
[repeat.retries]
delay = "10ms"
max_delay = "50ms"
[ring]
type = "StatsdOutput"
route = "hash"
upstreams = ["127.0.0.1:{gone}", "127.0.0.1:{also_gone}"]
admin_port = {nobody}
[once]
type = "StatsdOutput"
upstreams = ["127.0.0.1:{gone}"]
[StatsdAdminOutput]
address = "127.0.0.1:{console}"
[written]
type = "FileOutput"
path = "{logs}/flushes"
message_matcher = "Type == 'heka.statmetric'"
encoder = "PayloadEncoder"
[CarbonOutput]
address = "127.0.0.1:{taking}"
[NullOutput]
message_matcher = "TRUE"
[thresholds]
type = "ThresholdFilter"
[thresholds.rule.stock]
series = "shop.stock"
statistic = "value"
above = 1
[hooked]
type = "HttpOutput"
message_matcher = "Type == 'heka.alert'"
encoder = "PayloadEncoder"
address = "http://127.0.0.1:{answering}/-/healthy"
method = "GET"
[streamed]
type = "TcpOutput"
message_matcher = "Type == 'logfile'"
encoder = "PayloadEncoder"
address = "127.0.0.1:{taking}"
[cast]
type = "UdpOutput"
message_matcher = "Type == 'logfile'"
encoder = "PayloadEncoder"
address = "127.0.0.1:{gone}"
"#,
        logs = logs.display(),
    )
}

/// What the load makes happen; the rest of hekad's metrics is 0 while all is well.
const MOVED: [&str; 40] = [
    "hekad_admin_commands_total",
    "hekad_admin_commands_unknown_total",
    "hekad_admin_connections_total",
    "hekad_bad_lines_total",
    "hekad_connections_total",
    "hekad_datagrams_total",
    "hekad_delivered_total",
    "hekad_exposed_series",
    "hekad_feed_records_total",
    "hekad_file_bytes_total",
    "hekad_flushes_total",
    "hekad_http_answers_total",
    "hekad_http_connections_total",
    "hekad_http_connects_total",
    "hekad_lines_total",
    "hekad_mapped_series_total",
    "hekad_name_conflicts_total",
    "hekad_negative_counters_total",
    "hekad_overflow_samples_total",
    "hekad_prefix_series",
    "hekad_prefixes",
    "hekad_process_cpu_seconds",
    "hekad_process_resident_memory_bytes",
    "hekad_queue_packs",
    "hekad_records_lost_total",
    "hekad_records_taken_total",
    "hekad_retries_total",
    "hekad_scrapes_total",
    "hekad_series",
    "hekad_series_overflow_total",
    "hekad_table_flushed_total",
    "hekad_tail_bytes_total",
    "hekad_tail_streams",
    "hekad_tcp_connects_total",
    "hekad_threshold_alerts_total",
    "hekad_threshold_firing",
    "hekad_udp_datagrams_total",
    "hekad_upstream_lines_total",
    "hekad_upstreams_all_down_lines_total",
    "hekad_upstreams_down",
];

/// The dashboards that are of hekad alone.
const SHOWN: [&str; 2] = ["operations-prometheus", "overview-prometheus"];

const MOVED_WITHIN: Duration = Duration::from_secs(60);
