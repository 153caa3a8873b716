//! `hekad flood` at hekad and at the reference: what it says it sent is what they count.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

use crate::harness::wait_until;
use crate::hekad::{Hekad, binary};
use crate::reference::Reference;

#[test]
fn hekad_counts_what_it_says_it_sent() {
    for (scheme, rate) in [("udp", "50000"), ("tcp", "0")] {
        let hekad = Hekad::start(600, None);
        let port = if scheme == "udp" { hekad.udp } else { hekad.tcp };
        let target = format!("{scheme}://127.0.0.1:{port}");
        let said = flooded(&[&target, "--count", "100000", "--rate", rate, "--names", "500"]);
        assert_eq!(hekad.datagrams_dropped(), 0);
        wait_until(SEEN, || {
            let page = hekad.page();
            let sum = |start: &str, end: &str| -> f64 {
                let samples = page.lines().filter(|line| line.starts_with(start));
                let of_name = samples.filter_map(|line| line.split_once(' '));
                of_name
                    .filter(|(name, _)| name.ends_with(end))
                    .map(|(_, value)| value.parse::<f64>().expect("a sample has a value"))
                    .sum()
            };
            let found = [
                sum("bench_c_", "_total"),
                sum("bench_t_", "_count"),
                (sum("bench_t_", "_sum") * 1e6).round() / 1e3,
                sum("bench_g_", ""),
                sum("hekad_lines_total", "}"),
            ];
            let expected = ["counter_sum", "timers", "timer_sum", "gauge_sum", "samples"];
            let expected = expected.map(|key| said[key].as_f64().expect("it is a number"));
            if found == expected { Ok(()) } else { Err(format!("{scheme}: {found:?} of {expected:?}")) }
        });
        hekad.stop_cleanly();
    }
}

#[test]
fn the_reference_sends_to_graphite_what_it_says_it_sent() {
    let Some(reference) = Reference::find() else { return };
    let graphite = Graphite::start();
    let server = reference.statsd(&format!(
        "backends: ['./backends/graphite'], graphiteHost: '127.0.0.1', graphitePort: {}, flushInterval: 1000, \
         deleteIdleStats: true",
        graphite.port
    ));
    let target = format!("127.0.0.1:{}", server.port);
    // What a port in JavaScript keeps up with, and its buffer holds.
    let words = [&target, "--workload", "W2", "--count", "60000", "--rate", "20000", "--names", "1000"];
    let said = flooded(&words);
    wait_until(SEEN, || {
        let found = *graphite.sums.lock().expect("nobody panics with it");
        let expected = ["counter_sum", "timers"].map(|key| said[key].as_f64().expect("it is a number"));
        if found == expected { Ok(()) } else { Err(format!("{found:?} of {expected:?}")) }
    });
}

fn flooded(words: &[&str]) -> Value {
    let output = Command::new(binary()).arg("flood").args(words).arg("--json").output();
    let output = output.expect("it can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("it is JSON")
}

/// A Graphite that adds up counts of counters and of timers.
struct Graphite {
    port: u16,
    sums: Arc<Mutex<[f64; 2]>>,
}

impl Graphite {
    fn start() -> Graphite {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let port = listener.local_addr().expect("it is bound").port();
        let sums = Arc::new(Mutex::new([0.0; 2]));
        let shared = Arc::clone(&sums);
        // It ends with the process: each flush has a connection of its own.
        std::thread::spawn(move || {
            for stream in listener.incoming().filter_map(Result::ok) {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    let mut words = line.split(' ');
                    let (Some(name), Some(value)) = (words.next(), words.next()) else { continue };
                    let value: f64 = value.parse().expect("a point has a value");
                    let mut sums = shared.lock().expect("nobody panics with it");
                    if name.starts_with("stats_counts.bench.c.") {
                        sums[0] += value;
                    } else if name.starts_with("stats.timers.bench.t.") && name.ends_with(".count") {
                        sums[1] += value;
                    }
                }
            }
        });
        Graphite { port, sums }
    }
}

const SEEN: Duration = Duration::from_secs(20);
