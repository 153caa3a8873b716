//! The management interface beside the reference's: npm statsd 0.9.0 on node gets the same datagrams and the same
//! commands, and must give the same answers.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::harness::{Process, free_port, program, skip, wait_until};
use crate::hekad::Hekad;

/// The reference under way.
struct Reference {
    _process: Process,
    _directory: TempDir,
    udp: u16,
    admin: u16,
}

impl Reference {
    /// Starts it, unless it is not installed.
    fn start() -> Option<Reference> {
        let Some(node) = program("node") else {
            skip("there is no node");
            return None;
        };
        let script = place().join("stats.js");
        if !script.is_file() {
            skip(format!("there is no {}", script.display()));
            return None;
        }
        let directory = TempDir::new().expect("a directory can be made");
        let (udp, admin, graphite) = (free_port(), free_port(), free_port());
        let config = format!(
            "{{ address: '127.0.0.1', port: {udp}, mgmt_address: '127.0.0.1', mgmt_port: {admin}, \
             flushInterval: 3600000, graphiteHost: '127.0.0.1', graphitePort: {graphite}, \
             automaticConfigReload: false }}"
        );
        let file = directory.path().join("config.js");
        std::fs::write(&file, config).expect("the configuration can be written");
        let mut command = Command::new(node);
        command.arg(script).arg(file);
        let process = Process::start(&mut command, &directory.path().join("log"));
        wait_until(PATIENCE, || match ask(admin, "health\n") {
            Ok(answer) if answer == "health: up\n" => Ok(()),
            other => Err(format!("{other:?}: {}", process.printed())),
        });
        Some(Reference { _process: process, _directory: directory, udp, admin })
    }
}

/// Where `.ci/install` puts the package.
pub(crate) fn place() -> PathBuf {
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_default());
    let given = std::env::var_os("HEKA_NODE").map(PathBuf::from);
    given.unwrap_or_else(|| home().join(".cache/heka-ci/node")).join("node_modules/statsd")
}

/// What is answered to `command`, until nothing more comes for a moment or the other side closes.
pub(crate) fn ask(port: u16, command: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), PATIENCE)?;
    stream.set_read_timeout(Some(PAUSE))?;
    stream.write_all(command.as_bytes())?;
    let mut answer = Vec::new();
    // An answer has no end that all of them share.
    let _ = stream.read_to_end(&mut answer);
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn send(port: u16, datagrams: &[String]) {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port can be bound");
    for datagram in datagrams {
        socket.send_to(datagram.as_bytes(), (Ipv4Addr::LOCALHOST, port)).expect("the loopback takes it");
    }
}

/// Samples of every kind, and timers of many lengths and widths, which are laid out in columns.
fn datagrams() -> Vec<String> {
    let mut datagrams = vec![
        "a.b:1|c\na.c:2|c|@0.1\na.d:-0.25|c\nx:5|g\nx:+2.5|g\nload.avg:0.75|g\n10:1|c\n2:1|c\n01:1|c"
            .to_owned(),
        "bad\nt:1|c|#env:x,host:y\nbig:1e21|c\nsmall:0.0000001|g\nun der/score:1|c\nneg:-7|g".to_owned(),
        "hits:1|c\nhits:320|ms\nusers:1|s\n".to_owned(),
    ];
    let mut state = 7_u64;
    for timer in 0..60_u64 {
        let mut datagram = String::new();
        for _ in 0..timer * 2 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let random = state >> 33;
            let value = match timer % 4 {
                0 => (random % 100) as f64,
                1 => (random % 1_000_000) as f64 / 1000.0,
                2 => random as f64 / 7.0,
                _ => [3.0, 0.5, random as f64][(random % 3) as usize],
            };
            writeln!(datagram, "timer.{timer}:{value}|ms").expect("text takes text");
        }
        datagrams.push(format!("{datagram}one.{timer}:{timer}|ms"));
    }
    datagrams
}

#[test]
fn every_command_is_answered_as_the_reference_does() {
    let Some(reference) = Reference::start() else { return };
    let port = free_port();
    let section = format!("[StatsdAdminOutput]\naddress = \"127.0.0.1:{port}\"\n");
    let hekad = Hekad::start_with(3600, None, &section);
    let datagrams = datagrams();
    send(reference.udp, &datagrams);
    send(hekad.udp, &datagrams);
    let packets = format!("'statsd.packets_received': {}", datagrams.len());
    for port in [reference.admin, port] {
        wait_until(PATIENCE, || match ask(port, "counters\n") {
            Ok(counters) if counters.contains(&packets) => Ok(()),
            other => Err(format!("{other:?}")),
        });
    }
    for command in COMMANDS {
        let line = format!("{command}\n");
        let theirs = ask(reference.admin, &line).expect("the reference answers");
        let ours = ask(port, &line).expect("hekad answers");
        assert_eq!(ours, theirs, "{command}");
    }
    for (command, port) in [("help", reference.admin), ("stats", reference.admin)] {
        let theirs = ask(port, &format!("{command}\n")).expect("the reference answers");
        assert!(theirs.starts_with(if command == "help" { "Commands: stats" } else { "uptime: " }));
    }
    hekad.stop_cleanly();
}

#[test]
fn several_commands_come_in_one_segment_and_the_last_without_its_end() {
    let port = free_port();
    let section = format!("[StatsdAdminOutput]\naddress = \"127.0.0.1:{port}\"\n");
    let hekad = Hekad::start_with(10, None, &section);
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("it is a socket");
    stream.write_all(b"health\r\ngauges\nhealth do").expect("it reads");
    stream.write_all(b"wn\nhealth").expect("it reads");
    stream.shutdown(Shutdown::Write).expect("it is open");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers and closes");
    assert_eq!(answer, "health: up\n{}\nEND\n\nhealth: down\nhealth: down\n");
    hekad.wait_for_line("hekad_admin_commands_total{output=\"StatsdAdminOutput\"} 4");
    hekad.wait_for_line("hekad_admin_connections_total{output=\"StatsdAdminOutput\"} 1");
    hekad.stop_cleanly();
}

/// In this order: what is deleted is missed by those after it.
const COMMANDS: [&str; 22] = [
    "counters",
    "timers",
    "gauges",
    "health",
    "health DOWN",
    "health neither",
    "health up",
    "nonsense",
    "",
    "Counters",
    " counters  and more",
    "delcounters a.* q a.* 10",
    "counters",
    "delgauges x load.* .* small",
    "gauges",
    "deltimers one.* timer.7 timer.7 *",
    "timers",
    "deltimers timer.*",
    "timers",
    "delcounters  big ",
    "delgauges",
    "quit",
];

const PATIENCE: Duration = Duration::from_secs(20);

/// How long nothing comes after an answer.
const PAUSE: Duration = Duration::from_millis(300);
