//! The four roles as `config/` has them: processes that speak TLS with each other, each restarted once under load.

use std::fs::File;
use std::io::Write;
use std::net::{Ipv4Addr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::alerting;
use crate::books::books;
use crate::harness::{Process, free_port, pause, same, wait_until};
use crate::hekad::{Stopped, binary};
use crate::load::{Load, expect_sum};
use crate::openssl::OpenSsl;
use crate::sink::Sink;

#[test]
fn what_four_roles_hand_on_by_tls_is_whole_though_each_of_them_was_restarted() {
    let directory = TempDir::new().expect("a directory can be made");
    let (Some(openssl), Some((_server, alerts))) = (OpenSsl::found(), alerting::server(&directory, 0, None))
    else {
        return;
    };
    let sink = Sink::start();
    let fleet = Fleet::new(&directory, &openssl, sink.port, alerts);
    let [mut analyzer, mut aggregator, mut router, mut agent] =
        ["analyzer", "aggregator", "router", "agent"].map(|role| fleet.start(role));

    let (load, log, ended) = (Load::default(), Log::new(&fleet.logs), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| load.stream(agent.port));
        scope.spawn(|| log.write(&ended));
        scope.spawn(|| slow_requests(agent.port, &ended));
        pause(Duration::from_secs(1));
        for (role, consumer) in [(&mut aggregator, "StatAccumFilter"), (&mut router, "aggregator")] {
            assert_eq!(role.restart(consumer), 0);
            pause(Duration::from_secs(1));
        }
        analyzer.restart("StatAccumFilter");
        wait_until(ALERTED, || {
            let notes = alerting::read(&directory);
            let told = |body: &str| body.starts_with("api.latency upper_90 is 812 ms, above 500");
            let bodies: Vec<&str> = notes.iter().map(|note| note.body.as_str()).collect();
            bodies.iter().any(|body| told(body)).then_some(()).ok_or(format!("{bodies:?}"))
        });
        load.end();
        ended.store(true, Ordering::SeqCst);
    });
    // What the agent has taken goes on before it ends; what it has not read of the log is read by the next.
    agent.restart("router");
    wait_until(ARRIVED, || {
        expect_sum(std::slice::from_ref(&sink), load.sent())?;
        let (found, written) = (sink.sum("stats.counters.nginx.200.count"), log.written());
        if same(found, written as f64) { Ok(()) } else { Err(format!("{found} lines of {written}")) }
    });
    for role in [agent, router, aggregator, analyzer] {
        role.stop();
    }
}

/// The folders, ports and certificates that the roles share.
struct Fleet {
    certificates: PathBuf,
    logs: PathBuf,
    state: PathBuf,
    variables: Vec<(&'static str, String)>,
    ports: Vec<(&'static str, u16)>,
}

impl Fleet {
    fn new(directory: &TempDir, openssl: &OpenSsl, graphite: u16, alerts: u16) -> Fleet {
        let folder = |name: &str| {
            let folder = directory.path().join(name);
            std::fs::create_dir(&folder).expect("it can be made");
            folder
        };
        let (certificates, logs, state) = (folder("tls"), folder("logs"), folder("state"));
        for (from, to) in [("ca.pem", "ca.pem"), ("server.pem", "cert.pem"), ("server.key", "key.pem")] {
            std::fs::copy(openssl.place(from), certificates.join(to)).expect("it can be copied");
        }
        let ports = ["agent", "router", "aggregator", "analyzer"].map(|role| (role, free_port())).to_vec();
        let port = |role: &str| ports.iter().find(|(name, _)| *name == role).expect("a role").1;
        let variables = vec![
            ("ROUTER", format!("localhost:{}", port("router"))),
            ("AGGREGATOR", format!("localhost:{}", port("aggregator"))),
            ("ANALYZER", format!("localhost:{}", port("analyzer"))),
            ("GRAPHITE", format!("127.0.0.1:{graphite}")),
            ("SCRAPE", format!("127.0.0.1:{}", free_port())),
            ("STATSD", format!("127.0.0.1:{}", free_port())),
            ("ALERTS", format!("http://127.0.0.1:{alerts}/alerts")),
        ];
        Fleet { certificates, logs, state, variables, ports }
    }

    /// Starts a role on its shipped configuration, but for intervals of a second.
    fn start(&self, name: &'static str) -> Role {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("config/{name}.toml"));
        let shipped = std::fs::read_to_string(shipped).expect("it can be read");
        let config = self.state.join(format!("{name}.toml"));
        std::fs::write(&config, shipped.replace("ticker_interval = 10", "ticker_interval = 1"))
            .expect("it can be written");
        let port = self.ports.iter().find(|(role, _)| *role == name).expect("a role").1;
        let mut command = Command::new(binary());
        command.arg("-config").arg(config).env("HEKA_BASE_DIR", self.state.join(name));
        command.env("LISTEN", format!("127.0.0.1:{port}"));
        command.env("CERTS", &self.certificates).env("LOGS", &self.logs);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        let mut role = Role { port, command, log: self.state.join(format!("{name}.log")), process: None };
        role.begin();
        role
    }
}

/// One of the processes.
struct Role {
    port: u16,
    command: Command,
    log: PathBuf,
    process: Option<Process>,
}

impl Role {
    fn begin(&mut self) {
        // What the run before printed was read when it stopped.
        drop(std::fs::remove_file(&self.log));
        let mut process = Process::start(&mut self.command, &self.log);
        let listening = format!("listening on 127.0.0.1:{}/tcp", self.port);
        wait_until(ARRIVED, || {
            process.assert_alive();
            let printed = process.printed();
            printed.contains(&listening).then_some(()).ok_or(printed)
        });
        self.process = Some(process);
    }

    /// Stops it and starts it again; the records that were lost on their way to `consumer` by its books.
    fn restart(&mut self, consumer: &str) -> u64 {
        let lost = books(&self.end(), consumer).lost;
        self.begin();
        lost
    }

    fn end(&mut self) -> Stopped {
        let mut process = self.process.take().expect("it runs");
        process.ask_to_stop();
        let status = process.wait(ARRIVED);
        Stopped { code: status.code(), printed: process.printed() }
    }

    fn stop(mut self) {
        let stopped = self.end();
        assert_eq!(stopped.code, Some(0), "it printed:\n{}", stopped.printed);
    }
}

/// An access log that grows.
struct Log {
    path: PathBuf,
    written: AtomicU64,
}

impl Log {
    fn new(folder: &Path) -> Log {
        Log { path: folder.join("access.log"), written: AtomicU64::new(0) }
    }

    fn write(&self, ended: &AtomicBool) {
        let mut file = File::options().create(true).append(true).open(&self.path).expect("it can be opened");
        while !ended.load(Ordering::SeqCst) {
            let time = jiff::Timestamp::now().strftime("%d/%b/%Y:%H:%M:%S +0000");
            let line = format!("10.0.0.1 - - [{time}] \"GET / HTTP/1.1\" 200 512 \"-\" \"curl/8.5\"\n");
            file.write_all(line.repeat(20).as_bytes()).expect("it can be written");
            self.written.fetch_add(20, Ordering::SeqCst);
            pause(Duration::from_millis(10));
        }
    }

    fn written(&self) -> u64 {
        self.written.load(Ordering::SeqCst)
    }
}

/// Timers of a service that is too slow, by UDP: whoever is away has missed them.
fn slow_requests(port: u16, ended: &AtomicBool) {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port can be bound");
    while !ended.load(Ordering::SeqCst) {
        // A refusal is of a datagram before.
        let _ = socket.send_to(b"api.latency:812|ms", (Ipv4Addr::LOCALHOST, port));
        pause(Duration::from_millis(20));
    }
}

const ARRIVED: Duration = Duration::from_secs(30);

const ALERTED: Duration = Duration::from_secs(40);
