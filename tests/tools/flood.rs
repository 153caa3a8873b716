//! `hekad flood`: its sums are those of what arrived, for every workload, over every way, and when it is interrupted.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use heka::message::framing::{Found, MAX_MESSAGE_SIZE, find};
use heka::message::wire;
use heka::metric::{Registry, SampleBatch, SampleKind};
use heka::statsd::{Parser, Rules};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{BINARY, hekad, stderr, stdout};

#[test]
fn every_workload_is_summed_as_it_arrived() {
    for workload in ["W1", "W2", "W2T", "W3", "W4", "W5"] {
        let (datagrams, said) = over_datagrams(&["--workload", workload, "--count", "30000", "--rate", "0"]);
        assert_eq!(sums(&datagrams), picked(&said), "{workload}");
        assert_eq!(said["samples"], 30_000, "{workload}");
        assert_eq!(said["datagrams"], datagrams.len(), "{workload}");
        assert_eq!(said["bytes"], datagrams.iter().map(Vec::len).sum::<usize>(), "{workload}");
        assert_eq!(said["interrupted"], false);
    }
}

#[test]
fn options_change_a_workload_and_sums_hold_when_prepared_packets_come_again() {
    let words =
        ["--mix", "c:1,ms:1,g:1,s:1", "--names", "40", "--name-length", "30", "--tags", "1", "--samples"];
    let words: Vec<&str> = words.into_iter().chain(["7", "--count", "900001", "--rate", "0"]).collect();
    let (datagrams, said) = over_datagrams(&words);
    assert_eq!(sums(&datagrams), picked(&said));
    assert_eq!(said["samples"], 900_001);
    // 10 names are sets, of 10,000 members each.
    assert_eq!((&said["gauge_series"], &said["set_series"]), (&json!(10), &json!(10)));
    let text = std::str::from_utf8(&datagrams[0]).expect("lines are text");
    assert_eq!(text.lines().count(), 7);
    assert!(text.lines().all(|line| line.find(':') == Some(30) && line.contains("|#tag0:value")));
    // What is prepared, 400,000 samples, was sent twice; the last datagram has what is left.
    let last = datagrams.last().expect("some arrived");
    assert_eq!(last.iter().filter(|&&byte| byte == b'|').count(), 2 * (100_001 % 7));
}

#[test]
fn the_same_seed_makes_the_same_datagrams() {
    let of = |seed| over_datagrams(&["--count", "500", "--rate", "0", "--seed", seed]).0;
    let first = of("5");
    assert!(first == of("5") && first != of("6"));
}

#[test]
fn an_interrupted_flood_says_what_it_sent_until_then() {
    let directory = TempDir::new().expect("a directory can be made");
    let path = directory.path().join("statsd.sock");
    let socket = UnixDatagram::bind(&path).expect("it can be bound");
    socket.set_read_timeout(Some(LONG)).expect("a time can be set");
    let target = format!("unixgram:{}", path.display());
    let child = started(&[&target, "--duration", "0", "--rate", "0", "--json"]);
    let mut datagrams: Vec<Vec<u8>> = (0..500).map(|_| received(&socket).expect("it sends")).collect();
    let told = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(told.expect("kill can be started").success());
    let ended = waited(child);
    while !ended.is_finished() {
        socket.set_read_timeout(Some(Duration::from_millis(20))).expect("a time can be set");
        datagrams.extend(received(&socket));
    }
    socket.set_nonblocking(true).expect("it can be set");
    datagrams.extend(std::iter::from_fn(|| received(&socket)));
    let output = ended.join().expect("it waits");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let said: Value = serde_json::from_str(&stdout(&output)).expect("it is JSON");
    assert_eq!((&said["interrupted"], &said["datagrams"]), (&json!(true), &json!(datagrams.len())));
    assert_eq!(sums(&datagrams), picked(&said));
}

#[test]
fn streams_get_ended_lines_and_exactly_as_many_as_asked_for() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let tcp = format!("tcp://{}", listener.local_addr().expect("it is bound"));
    let directory = TempDir::new().expect("a directory can be made");
    let path = directory.path().join("lines.sock");
    let unix = UnixListener::bind(&path).expect("it can be bound");
    let over_tcp = all_of(move || listener.accept().expect("it connects").0);
    let over_unix = all_of(move || unix.accept().expect("it connects").0);
    for (target, read) in [(tcp, over_tcp), (format!("unix:{}", path.display()), over_unix)] {
        let output = hekad(&["flood", &target, "--count", "12345", "--rate", "0", "--json"]);
        let said: Value = serde_json::from_str(&stdout(&output)).expect("it is JSON");
        let bytes = read.join().expect("it reads");
        assert!(bytes.ends_with(b"\n"));
        assert_eq!((&said["bytes"], said.get("datagrams")), (&json!(bytes.len()), None));
        assert_eq!(sums(&[bytes]), picked(&said));
        assert_eq!(said["samples"], 12_345);
    }
}

#[test]
fn people_and_pipes_are_told_without_colours_or_progress() {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
    let address = socket.local_addr().expect("it is bound").to_string();
    let output = hekad(&["flood", &address, "--workload", "w1", "--count", "3", "--rate", "0"]);
    let text = stdout(&output);
    assert!(text.starts_with(&format!("sent 3 samples to udp://{address} in 0.")), "{text}");
    assert!(text.contains("\n  counters                3  sum "), "{text}");
    assert!(text.contains("\n  3 datagrams, "), "{text}");
    assert_eq!(stderr(&output), "");
}

#[test]
fn nobody_there_is_said_with_the_way_out() {
    let port =
        UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port was free");
    let output = hekad(&["flood", &port.to_string(), "--count", "2", "--samples", "1", "--rate", "0"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stderr(&output), format!("nobody listens on udp://{port}; is hekad running there?\n"));
    let output = hekad(&["flood", &format!("tcp://{port}")]);
    assert_eq!(output.status.code(), Some(1));
    let start = format!("cannot send to tcp://{port}: Connection refused");
    assert!(stderr(&output).starts_with(&start), "{}", stderr(&output));
    let output = hekad(&["flood", "ftp://a:b"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn messages_of_a_test_of_heka_arrive_as_it_says() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    let directory = TempDir::new().expect("a directory can be made");
    let file = directory.path().join("flood.toml");
    let config = format!(
        "[mixed]\nip_address = \"{address}\"\nsender = \"tcp\"\nnum_messages = 2500\nvariable_size_messages = true\n\
         corrupt_percentage = 2.0\nsigned_percentage = 25.0\noversized_percentage = 1.0\nascii_only = true\n\
         [mixed.signer]\nname = \"ops\"\nhmac_key = \"secret\"\nhmac_hash = \"sha1\"\nversion = 1\n"
    );
    std::fs::write(&file, config).expect("it can be written");
    let read = all_of(move || listener.accept().expect("it connects").0);
    let file = file.display().to_string();
    let output = hekad(&["flood", "-config", &file, "-test", "mixed", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let said: Value = serde_json::from_str(&stdout(&output)).expect("it is JSON");
    let bytes = read.join().expect("it reads");
    let (mut rest, mut whole, mut signed) = (&bytes[..], 0, 0);
    while let Found::Frame(frame) = find(rest, MAX_MESSAGE_SIZE) {
        assert_eq!(wire::decode(frame.message).expect("it is a message").type_, "hekabench");
        whole += 1;
        signed += u64::from(frame.is_signed_with(b"secret"));
        rest = &rest[frame.garbage + frame.length..];
    }
    let number = |key: &str| said[key].as_u64().expect("it is a number");
    assert_eq!((number("messages"), number("signed"), number("corrupt")), (2_500, 625, 50));
    assert_eq!((number("oversized"), number("bytes")), (25, bytes.len() as u64));
    // Every second of the broken ones is signed, and every other second too long.
    assert_eq!((whole, signed), (2_500 - 50, 625 - 25));
}

#[test]
fn lines_of_a_log_are_appended_and_summed() {
    let directory = TempDir::new().expect("a directory can be made");
    let file = directory.path().join("access.log");
    std::fs::write(&file, "kept\n").expect("it can be written");
    let path = file.display().to_string();
    let output = hekad(&["flood", "--log", &path, "--count", "2000", "--rate", "0", "--json"]);
    let said: Value = serde_json::from_str(&stdout(&output)).expect("it is JSON");
    let text = std::fs::read_to_string(&file).expect("it was written");
    let lines: Vec<&str> = text.strip_prefix("kept\n").expect("it is kept").lines().collect();
    let with =
        |status: &str| lines.iter().filter(|line| line.contains(&format!("HTTP/1.1\" {status}"))).count();
    let by_status = ["status_2xx", "status_3xx", "status_4xx", "status_5xx"].map(|key| said[key].clone());
    assert_eq!((&said["lines"], lines.len()), (&json!(2000), 2000));
    assert_eq!(by_status, ["2", "3", "4", "5"].map(|status| json!(with(status))));
}

/// Floods a socket that loses nothing; what arrived, and what was said.
fn over_datagrams(words: &[&str]) -> (Vec<Vec<u8>>, Value) {
    let directory = TempDir::new().expect("a directory can be made");
    let path = directory.path().join("statsd.sock");
    let socket = UnixDatagram::bind(&path).expect("it can be bound");
    let target = format!("unixgram:{}", path.display());
    let child = started(&[&[target.as_str(), "--json"], words].concat());
    let ended = waited(child);
    socket.set_read_timeout(Some(Duration::from_millis(20))).expect("a time can be set");
    let mut datagrams = Vec::new();
    while !ended.is_finished() {
        datagrams.extend(received(&socket));
    }
    socket.set_nonblocking(true).expect("it can be set");
    datagrams.extend(std::iter::from_fn(|| received(&socket)));
    let output = ended.join().expect("it waits");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    (datagrams, serde_json::from_str(&stdout(&output)).expect("it is JSON"))
}

fn started(words: &[&str]) -> Child {
    let mut command = Command::new(BINARY);
    command.arg("flood").args(words).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("it can be started")
}

fn waited(child: Child) -> JoinHandle<std::process::Output> {
    let wait = move || child.wait_with_output().expect("it ends");
    Builder::new().spawn(wait).expect("a thread can be started")
}

/// Reads a connection to its end on a thread of its own.
fn all_of<R: Read>(accept: impl FnOnce() -> R + Send + 'static) -> JoinHandle<Vec<u8>> {
    let read = move || {
        let mut bytes = Vec::new();
        accept().read_to_end(&mut bytes).expect("it can be read");
        bytes
    };
    Builder::new().spawn(read).expect("a thread can be started")
}

fn received(socket: &UnixDatagram) -> Option<Vec<u8>> {
    let mut room = [0; 1 << 16];
    let length = socket.recv(&mut room).ok()?;
    Some(room[..length].to_vec())
}

/// The sums of lines by the parser of the daemon.
fn sums(packets: &[Vec<u8>]) -> BTreeMap<&'static str, f64> {
    let names = Arc::new(Registry::new(1_000_000));
    let mut batch = SampleBatch::new(Arc::clone(&names));
    let mut parser = Parser::new(Rules::default(), names, 0);
    let mut sums: BTreeMap<&str, f64> = SUMS.into_iter().map(|key| (key, 0.0)).collect();
    let mut gauges = BTreeMap::new();
    let (mut sets, mut members) = (BTreeSet::new(), BTreeSet::new());
    let mut timers = Vec::new();
    for packet in packets {
        batch.clear();
        parser.parse(packet, false, &mut batch);
        assert_eq!(batch.tally.bad.iter().sum::<u64>(), 0, "{:?}", String::from_utf8_lossy(packet));
        for sample in &batch.samples {
            let mut add = |key, value| *sums.get_mut(key).expect("it is a sum") += value;
            add("samples", 1.0);
            match sample.kind {
                SampleKind::Counter => {
                    add("counters", 1.0);
                    add("counter_sum", sample.value);
                }
                SampleKind::Timer => {
                    add("timers", 1.0);
                    timers.push((sample.value * 1e3).round() as u64);
                }
                SampleKind::Gauge => {
                    add("gauges", 1.0);
                    gauges.insert(format!("{:?}", sample.series), sample.value);
                }
                SampleKind::Set => {
                    add("sets", 1.0);
                    let series = format!("{:?}", sample.series);
                    members.insert((series.clone(), batch.text_of(sample.member()).to_vec()));
                    sets.insert(series);
                }
                other => panic!("no flood sends {other:?}"),
            }
        }
    }
    sums.insert("timer_sum", timers.iter().sum::<u64>() as f64 / 1e3);
    sums.insert("gauge_series", gauges.len() as f64);
    sums.insert("gauge_sum", gauges.values().sum());
    sums.insert("set_series", sets.len() as f64);
    sums.insert("set_members", members.len() as f64);
    sums
}

/// The same sums as a flood says them.
fn picked(said: &Value) -> BTreeMap<&'static str, f64> {
    SUMS.into_iter().map(|key| (key, said[key].as_f64().expect("it is a number"))).collect()
}

const SUMS: [&str; 11] = [
    "samples",
    "counters",
    "counter_sum",
    "timers",
    "timer_sum",
    "gauges",
    "gauge_series",
    "gauge_sum",
    "sets",
    "set_series",
    "set_members",
];

const LONG: Duration = Duration::from_secs(30);
