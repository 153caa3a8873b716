//! The reference beside a hekad with the configuration that was imported from its `config.js`: the same samples in the
//! same intervals, and the same points in Graphite. Ports, host and a part of names are variables of the environment that
//! are set where the servers are started and not where it was imported.

use std::net::{Ipv4Addr, UdpSocket};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::admin;
use crate::harness::{Process, free_port, program, skip, wait_until};
use crate::hekad::binary;
use crate::sink::Sink;

#[test]
fn gauges_that_are_deleted_when_idle_are_moved_as_statsd_moves_them() {
    let steps = [("g:10|g", 10.0), ("g:+1|g", 1.0), ("g:-4|g", -4.0)];
    for server in both("gaugesMaxTTL: 1") {
        server.go(&steps);
        server.shows_its_own_numbers_alone();
    }
}

#[test]
fn gauges_that_may_be_idle_for_an_interval_are_moved_as_statsd_moves_them() {
    let steps = [("g:10|g", 10.0), ("", 10.0), ("g:+1|g", 1.0), ("g:+1|g", 2.0)];
    both("gaugesMaxTTL: 2").iter().for_each(|server| server.go(&steps));
}

/// The reference or hekad, and what it sends its flushes to.
struct Server {
    name: &'static str,
    _process: Process,
    _directory: TempDir,
    statsd: u16,
    admin: u16,
    sink: Sink,
}

/// Both, with further options; none where the reference is not installed.
fn both(options: &str) -> Vec<Server> {
    let script = admin::place().join("stats.js");
    let Some(node) = program("node").filter(|_| script.is_file()) else {
        skip(format!("there is no node, or no {}", script.display()));
        return Vec::new();
    };
    let config = CONFIG.replace("OPTIONS", options);
    let theirs = Server::start("statsd", |directory| {
        let file = directory.path().join("config.js");
        std::fs::write(&file, &config).expect("the configuration can be written");
        let mut command = Command::new(node);
        command.arg(script).arg(file);
        command
    });
    let ours = Server::start("hekad", |directory| {
        let file = directory.path().join("config.js");
        std::fs::write(&file, &config).expect("the configuration can be written");
        let imported = Command::new(binary()).args(["import", "statsd"]).arg(file).output();
        let imported = imported.expect("hekad can be started");
        let findings = String::from_utf8_lossy(&imported.stderr).into_owned();
        assert!(imported.status.success(), "{findings}");
        assert!(findings.contains("set where hekad is started: GRAPHITE_HOST, NAMES"), "{findings}");
        let config = String::from_utf8(imported.stdout).expect("a configuration is text");
        let file = directory.path().join("hekad.toml");
        let base = directory.path().join("state");
        std::fs::write(&file, format!("[hekad]\nbase_dir = \"{}\"\n{config}", base.display()))
            .expect("the configuration can be written");
        let mut command = Command::new(binary());
        command.arg("--config").arg(file).env_remove("HEKA_BASE_DIR").env_remove("HEKAD_LISTEN");
        command
    });
    vec![theirs, ours]
}

impl Server {
    fn start(name: &'static str, command: impl FnOnce(&TempDir) -> Command) -> Server {
        let directory = TempDir::new().expect("a directory can be made");
        let (statsd, admin, sink) = (free_port(), free_port(), Sink::start());
        let mut command = command(&directory);
        command.env("STATSD_PORT", statsd.to_string()).env("MGMT_PORT", admin.to_string());
        command.env("GRAPHITE_HOST", "127.0.0.1").env("GRAPHITE_PORT", sink.port.to_string());
        command.env("NAMES", "unit");
        let process = Process::start(&mut command, &directory.path().join("log"));
        let server = Server { name, _process: process, _directory: directory, statsd, admin, sink };
        wait_until(PATIENCE, || {
            let answer = admin::ask(admin, "health\n").map_err(|error| error.to_string())?;
            (answer == "health: up\n").then_some(()).ok_or(answer)
        });
        server
    }

    /// Sends a line in each interval, none where it is empty, and waits for what the gauge `g` is after it.
    fn go(&self, steps: &[(&str, f64)]) {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port can be bound");
        for (done, (line, _)) in steps.iter().enumerate() {
            if !line.is_empty() {
                socket.send_to(line.as_bytes(), (Ipv4Addr::LOCALHOST, self.statsd)).expect("it listens");
            }
            wait_until(PATIENCE, || {
                let found = self.values();
                (found.len() > done).then_some(()).ok_or(format!("{}: {found:?}", self.name))
            });
        }
        let expected: Vec<f64> = steps.iter().map(|(_, value)| *value).collect();
        assert_eq!(self.values()[..expected.len()], expected, "{}", self.name);
    }

    fn values(&self) -> Vec<f64> {
        let points = self.sink.points();
        points
            .get("unit.stats.gauges.g")
            .map_or_else(Vec::new, |points| points.iter().map(|(_, value)| *value).collect())
    }

    /// The last flush ended the gauge; what is left is the server's own.
    fn shows_its_own_numbers_alone(&self) {
        wait_until(PATIENCE, || {
            let ask = |command: &str| admin::ask(self.admin, command).map_err(|error| error.to_string());
            let (gauges, counters) = (ask("gauges\n")?, ask("counters\n")?);
            let is_so = gauges.starts_with("{ 'my.timestamp_lag': ")
                && gauges.matches(':').count() == 1
                && counters.starts_with("{\n  'my.bad_lines_seen': 0,");
            is_so.then_some(()).ok_or(format!("{}: {gauges}{counters}", self.name))
        });
    }
}

/// Each interval is a second.
const CONFIG: &str = "{
  address: '127.0.0.1', port: process.env.STATSD_PORT,
  mgmt_address: '127.0.0.1', mgmt_port: process.env.MGMT_PORT || 8126,
  graphiteHost: process.env.GRAPHITE_HOST, graphitePort: Number(process.env.GRAPHITE_PORT),
  flushInterval: 1000, deleteIdleStats: true, prefixStats: 'my', automaticConfigReload: false, OPTIONS,
  graphite: { legacyNamespace: false, globalPrefix: process.env.NAMES + '.stats' },
}
";

const PATIENCE: Duration = Duration::from_secs(20);
