//! The statsd and datadog clients of PyPI, as their users call them.

use std::path::PathBuf;
use std::process::Command;

use crate::carbon::{Carbon, Written};
use crate::harness::{program, same, skip};
use crate::hekad::Hekad;

#[test]
fn the_statsd_client_of_pypi_is_understood() {
    let Some(python) = Python::with("statsd") else { return };
    let Some(carbon) = Carbon::start(1) else { return };
    let hekad = Hekad::start(1, Some(carbon.port));
    python.run(STATSD, &[hekad.udp, hekad.tcp]);
    let expected = Expected {
        sums: &[
            ("stats.counters.pypi.hits.count", 3.0),
            ("stats.counters.pypi.sampled.count", 40.0),
            ("stats.counters.pypi.piped.count", 9.0),
            ("stats.counters.pypi.stream.count", 500.0),
            ("stats.timers.pypi.wait.count", 3.0),
            ("stats.timers.pypi.wait.sum", 1_825.5),
            ("stats.timers.pypi.block.count", 1.0),
            ("stats.sets.pypi.users.count", 2.0),
        ],
        newest: &[("stats.gauges.pypi.load", 14.0), ("stats.gauges.pypi.cold", -7.0)],
    };
    expected.wait_for(&carbon);
    hekad.stop_cleanly();
}

#[test]
fn the_datadog_client_of_pypi_is_understood() {
    let Some(python) = Python::with("datadog") else { return };
    let Some(carbon) = Carbon::start(1) else { return };
    let hekad = Hekad::start(1, Some(carbon.port));
    python.run(DATADOG, &[hekad.udp]);
    let expected = Expected {
        sums: &[
            ("stats.counters.dd.hits.count;env=test", 6.0),
            ("stats.counters.dd.hits.count;env=test;route=home", 10.0),
            ("stats.counters.dd.sampled.count;env=test", 20.0),
            ("stats.timers.dd.size.count;env=test", 3.0),
            ("stats.timers.dd.size.sum;env=test", 60.0),
            ("stats.timers.dd.spread.count;env=test", 2.0),
            ("stats.timers.dd.spread.sum;env=test", 7.5),
            ("stats.timers.dd.wait.count;env=test;route=home", 2.0),
            ("stats.timers.dd.wait.sum;env=test;route=home", 400.0),
            ("stats.sets.dd.users.count;env=test", 2.0),
            ("stats.counters.dd.last.count;env=test", 1.0),
        ],
        newest: &[("stats.gauges.dd.load;env=test", 2.5)],
    };
    expected.wait_for(&carbon);
    hekad.stop_cleanly();
}

/// What a client's calls must amount to in carbon.
struct Expected {
    /// Metrics and the sum of their points.
    sums: &'static [(&'static str, f64)],
    /// Metrics and their newest value.
    newest: &'static [(&'static str, f64)],
}

impl Expected {
    fn wait_for(&self, carbon: &Carbon) {
        let names: Vec<&str> = self.sums.iter().chain(self.newest).map(|(name, _)| *name).collect();
        carbon.wait_for(&names, |written| self.check(written));
    }

    /// Objects with everything that is not as expected, not with the first only.
    fn check(&self, written: &Written) -> Result<(), String> {
        let mut objections = Vec::new();
        for (name, sum) in self.sums {
            let found = written.sum(name);
            if !same(found, *sum) {
                objections.push(format!("{name}: the sum is {found} and not {sum}"));
            }
        }
        objections
            .extend(self.newest.iter().filter_map(|(name, value)| written.expect_last(name, *value).err()));
        if objections.is_empty() { Ok(()) } else { Err(objections.join("\n")) }
    }
}

/// A python that has modules of PyPI.
pub(crate) struct Python(PathBuf);

impl Python {
    /// Finds a python that has `module`, or skips the test.
    pub(crate) fn with(module: &str) -> Option<Python> {
        let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache/heka-ci/venv"));
        let environment = std::env::var_os("HEKA_VENV").map(PathBuf::from).or(home);
        let candidates = [environment.map(|place| place.join("bin/python")), program("python3")];
        let knows = |python: &PathBuf| {
            let asked = Command::new(python).arg("-c").arg(format!("import {module}")).output();
            asked.is_ok_and(|output| output.status.success())
        };
        let found = candidates.into_iter().flatten().find(knows).map(Python);
        if found.is_none() {
            skip(format!("no python has the module {module}"));
        }
        found
    }

    /// Runs a script with the ports as its arguments; it fails with what the script prints as its error.
    pub(crate) fn run(&self, script: &str, ports: &[u16]) {
        self.run_with(script, &ports.iter().map(u16::to_string).collect::<Vec<_>>());
    }

    /// Runs a script with arguments, and fails with what it printed if it does.
    pub(crate) fn run_with(&self, script: &str, arguments: &[String]) {
        let mut command = Command::new(&self.0);
        command.arg("-c").arg(script).args(arguments);
        // The clients take the agent's address and their tags from such variables.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("DD_")) {
            command.env_remove(name);
        }
        let output = command.output().expect("python can be started");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// A set is sent in one pipeline, which is one datagram, so that no flush comes between its members.
const STATSD: &str = r#"
import datetime, random, sys, statsd
random.random = lambda: 0.0  # every sampled call is sent
udp = statsd.StatsClient("127.0.0.1", int(sys.argv[1]), prefix="pypi")
udp.incr("hits")
udp.incr("hits", 4)
udp.decr("hits", 2)
for _ in range(10):
    udp.incr("sampled", 2, rate=0.5)
udp.gauge("load", 12)
udp.gauge("load", 5, delta=True)
udp.gauge("load", -3, delta=True)
udp.gauge("cold", -7)
udp.timing("wait", 320)
udp.timing("wait", 5.5)
udp.timing("wait", datetime.timedelta(seconds=1.5))
with udp.timer("block"):
    pass
with udp.pipeline() as pipeline:
    pipeline.incr("piped", 4)
    pipeline.incr("piped", 5)
    for user in ("ann", "bob", "ann"):
        pipeline.set("users", user)
tcp = statsd.TCPStatsClient("127.0.0.1", int(sys.argv[2]), prefix="pypi")
for _ in range(500):
    tcp.incr("stream")
tcp.close()
"#;

/// Without a flush interval the client sends when it is told to, so that a set goes out in one datagram. An event and
/// a service check are in between: they are no samples, and what follows them is to arrive.
const DATADOG: &str = r#"
import sys
import datadog.dogstatsd.base as base
base.random = lambda: 0.0  # every sampled call is sent
client = base.DogStatsd(
    host="127.0.0.1", port=int(sys.argv[1]), namespace="dd", constant_tags=["env:test"],
    disable_telemetry=True, disable_buffering=False, flush_interval=0,
)
client.increment("hits")
client.increment("hits", 7)
client.decrement("hits", 2)
client.increment("hits", 10, tags=["route:home"])
for _ in range(10):
    client.increment("sampled", sample_rate=0.5)
client.gauge("load", 9)
client.gauge("load", 2.5)
for size in (10, 20, 30):
    client.histogram("size", size)
client.distribution("spread", 2.5)
client.distribution("spread", 5)
client.timing("wait", 150, tags=["route:home"])
client.timing("wait", 250, tags=["route:home"])
client.flush()
for user in ("ann", "bob", "ann"):
    client.set("users", user)
client.flush()
client.event("restarted", "all of it: 1|c")
client.service_check("up", base.DogStatsd.OK, message="fine")
client.increment("last")
client.flush()
"#;
