//! `ConsoleOutput` beside the reference: what statsd hands its console backend, and what hekad prints.

use std::time::Duration;

use serde_json::{Map, Value as Json};
use tempfile::TempDir;

use crate::harness::wait_until;
use crate::hekad::Hekad;
use crate::reference::Reference;

#[test]
fn it_prints_what_the_reference_gives_its_console_backend() {
    let Some(reference) = Reference::find() else { return };
    let directory = TempDir::new().expect("a directory can be made");
    let backend = directory.path().join("json.js");
    std::fs::write(&backend, BACKEND).expect("the backend can be written");
    let statsd = reference.statsd(&format!(
        "backends: ['{}'], flushInterval: 2000, percentThreshold: [90, -10, 99.9]",
        backend.display()
    ));
    let options = "percent_threshold = [90, -10, 99.9]\nown_stats = true\n";
    let hekad = Hekad::start_beside(2, options, "[ConsoleOutput]\npretty = false\n");
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port can be bound");
    for port in [statsd.port, hekad.udp] {
        // One datagram, so that no flush comes between its lines.
        socket.send_to(LINES.as_bytes(), ("127.0.0.1", port)).expect("it is sent");
    }
    let theirs = wait_until(FLUSHED, || flush_in(&statsd.printed()));
    let ours = wait_until(FLUSHED, || flush_in(&hekad.printed()));
    for key in ["counters", "timers", "gauges", "timer_data", "counter_rates", "sets", "pctThreshold"] {
        assert_eq!(without_own(&ours[key]), without_own(&theirs[key]), "{key}");
    }
    for (key, value) in
        [("statsd.packets_received", 1), ("statsd.metrics_received", 16), ("statsd.bad_lines_seen", 1)]
    {
        assert_eq!(
            (&ours["counters"][key], &theirs["counters"][key]),
            (&value.into(), &value.into()),
            "{key}"
        );
    }
    hekad.stop_cleanly();
}

/// The first flush with what was sent.
fn flush_in(printed: &str) -> Result<Json, String> {
    let documents = printed.lines().filter_map(|line| serde_json::from_str::<Json>(line).ok());
    let mut flushes = documents.filter(|document| document["counters"]["a.b"] == 21);
    flushes.next().ok_or(format!("no flush with what was sent in\n{printed}"))
}

fn without_own(value: &Json) -> Json {
    match value {
        Json::Object(keys) => {
            let others = keys.iter().filter(|(key, _)| !key.starts_with("statsd."));
            Json::Object(others.map(|(key, value)| (key.clone(), value.clone())).collect::<Map<_, _>>())
        }
        value => value.clone(),
    }
}

const LINES: &str = "a.b:1|c\na.b:2|c|@0.1\nneg:-2.5|c\nt x:5|ms|@0.5\nt x:50|ms\nt x:500|ms\nt x:0.25|ms\nt/y:7|ms\n\
                     g:5|g\ng:+1.5|g\ng2:-3|g\ns:u1|s\ns:u2|s\ns:u1|s\ntag:1|c|#env:prod\nbad:x|c";

/// The reference's backend prints for people; this one prints the same keys for programs.
const BACKEND: &str = "exports.init = function (startup, config, events) {
  events.on('flush', function (timestamp, metrics) {
    const sets = {};
    for (const key in metrics.sets) { sets[key] = metrics.sets[key].values(); }
    const { counters, timers, gauges, timer_data, counter_rates, pctThreshold } = metrics;
    console.log(JSON.stringify({ counters, timers, gauges, timer_data, counter_rates, sets, pctThreshold }));
  });
  return true;
};
";

const FLUSHED: Duration = Duration::from_secs(15);
