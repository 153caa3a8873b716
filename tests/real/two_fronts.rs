//! Both front-ends of one daemon: what clients send and what a log says meet in the same series, and come to the same
//! figures in carbon, in prometheus and at upstreams.

use std::fs::File;
use std::io::Write;

use crate::carbon::Carbon;
use crate::harness::{same, unix_seconds, wait_until};
use crate::hekad::Hekad;
use crate::prometheus::Prometheus;
use crate::reference::Reference;

#[test]
fn samples_of_clients_and_of_a_log_are_the_same_in_carbon_in_prometheus_and_upstream() {
    let (Some(carbon), Some(reference)) = (Carbon::start(1), Reference::find()) else { return };
    let (statsd, upstream) = (reference.statsd(""), Hekad::start(1, None));
    let hekad = Hekad::start_on(|hekad| {
        std::fs::create_dir(hekad.directory().join("logs")).expect("it can be made");
        CONFIG
            .replace("LOGS", &hekad.directory().join("logs").display().to_string())
            .replace("UDP", &hekad.udp.to_string())
            .replace("CARBON", &carbon.port.to_string())
            .replace("SCRAPE", &hekad.scrape.to_string())
            .replace("HEKAD", &upstream.tcp.to_string())
            .replace("STATSD", &statsd.port.to_string())
    });
    let Some(prometheus) = Prometheus::start(hekad.scrape) else { return };
    let dropped_before = hekad.datagrams_dropped();
    let logs = hekad.directory().join("logs");
    let mut log = File::create(logs.join("access.log")).expect("it can be made");
    for round in 0..ROUNDS {
        let lines: String = (0..LINES).map(|line| line_of(round * LINES + line)).collect();
        log.write_all(lines.as_bytes()).expect("it can be written");
        // The log of the second half is another file.
        if round == ROUNDS / 2 {
            std::fs::rename(logs.join("access.log"), logs.join("access.log.1")).expect("it can be renamed");
            log = File::create(logs.join("access.log")).expect("it can be made");
        }
        let datagrams: Vec<String> = (0..DATAGRAMS)
            .map(|number| {
                format!(
                    "both.hits:3|c\nboth.hits:1|c|@0.25\nboth.took:{}|ms\nudp.load:{round}.5|g\nudp.hits:1|c",
                    number % 7
                )
            })
            .collect();
        hekad.send(datagrams.iter().map(String::as_str));
    }
    let (lines, datagrams) = ((ROUNDS * LINES) as f64, (ROUNDS * DATAGRAMS) as f64);
    let took: u64 = (0..ROUNDS * LINES).map(|line| line % 11).sum::<u64>()
        + ROUNDS * (0..DATAGRAMS).map(|number| number % 7).sum::<u64>();
    let counters = [
        ("both.hits", lines + 7.0 * datagrams),
        ("udp.hits", datagrams),
        ("log.status.200", lines / 2.0),
        ("log.status.404", lines / 2.0),
    ];
    let (timed, took) = (lines + datagrams, took as f64);
    let gauges = [("udp.load", ROUNDS as f64 - 0.5), ("log.last", lines - 1.0)];
    let exposed = |name: &str| name.replace('.', "_");

    for (name, value) in counters {
        prometheus.wait_for_value(&format!("{}_total", exposed(name)), value);
        carbon.wait_for_sum(&format!("stats.counters.{name}.count"), value);
    }
    carbon.wait_for_sum("stats.timers.both.took.count", timed);
    carbon.wait_for_sum("stats.timers.both.took.sum", took);
    prometheus.wait_for_value("both_took_seconds_count", timed);
    prometheus.wait_for_value("both_took_seconds_sum", took / 1_000.0);
    for (name, value) in gauges {
        prometheus.wait_for_value(&exposed(name), value);
        let name = format!("stats.gauges.{name}");
        carbon.wait_for(&[&name], |written| written.expect_last(&name, value));
    }
    assert_eq!(hekad.datagrams_dropped(), dropped_before);

    for (name, value) in counters {
        upstream.wait_for_line(&format!("{}_total {value}", exposed(name)));
    }
    for (name, value) in gauges {
        upstream.wait_for_line(&format!("{} {value}", exposed(name)));
    }
    upstream.wait_for_line(&format!("both_took_seconds_count {timed}"));
    upstream.wait_for_line(&format!("both_took_seconds_sum {}", took / 1_000.0));
    wait_until(std::time::Duration::from_secs(20), || {
        let (held, held_gauges) = (statsd.held("counters")?, statsd.held("gauges")?);
        let all =
            counters.iter().map(|pair| (&held, pair)).chain(gauges.iter().map(|pair| (&held_gauges, pair)));
        for (held, (name, value)) in all {
            if !held.get(*name).is_some_and(|found| same(*found, *value)) {
                return Err(format!("{name} is {:?} and not {value}", held.get(*name)));
            }
        }
        Ok(())
    });
    hekad.stop_cleanly();
    upstream.stop_cleanly();
}

fn line_of(number: u64) -> String {
    let status = if number.is_multiple_of(2) { 200 } else { 404 };
    format!(
        "192.0.2.7 [{:.3}] \"GET /{number} HTTP/1.1\" {status} {} {number}\n",
        unix_seconds(),
        number % 11
    )
}

const CONFIG: &str = r#"[StatsdInput]
address = "127.0.0.1:UDP"
[access]
type = "LogstreamerInput"
log_directory = "LOGS"
file_match = 'access\.log(\.(?P<Seq>\d+))?'
priority = ["^Seq"]
rotate_wait = "1s"
decoder = "nginx"
[nginx]
type = "NginxAccessDecoder"
log_format = '$remote_addr [$msec] "$request" $status $took $number'
message_type = "access"
[requests]
type = "StatFilter"
message_matcher = "Type == 'access'"
[requests.Metric.hits]
type = "Counter"
name = "both.hits"
value = "1"
[requests.Metric.status]
type = "Counter"
name = "log.status.%status%"
value = "1"
[requests.Metric.took]
type = "Timer"
name = "both.took"
value = "%took%"
[requests.Metric.last]
type = "Gauge"
name = "log.last"
value = "%number%"
[StatAccumFilter]
ticker_interval = 1
[CarbonOutput]
address = "127.0.0.1:CARBON"
[PrometheusOutput]
address = "127.0.0.1:SCRAPE"
[StatsdOutput]
upstreams = ["127.0.0.1:HEKAD", "127.0.0.1:STATSD"]
protocol = "tcp"
"#;

const ROUNDS: u64 = 20;

/// Lines a round.
const LINES: u64 = 500;

/// Datagrams a round, of five samples each.
const DATAGRAMS: u64 = 50;
