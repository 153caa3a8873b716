//! What stock Heka clients wrote to a socket, and what must come of it.
//!
//! The bytes are in `vectors/heka_clients/`, with who sent them and which calls made them.

use std::path::Path;
use std::time::Duration;

use heka::flow::Wiring;
use heka::net::STDOUT;
use heka::pipeline::{Trial, builtin};
use heka::time::Stamp;

#[test]
fn messages_of_the_go_client_are_read_field_by_field() {
    for file in ["go", "go-md5", "go-sha1"] {
        let printed = Run::of(file).printed();
        assert_eq!(printed.matches(":Timestamp: ").count(), 3, "{file}: {printed}");
        let last = printed.rsplit_once(":Timestamp: ").expect("there are three").1;
        assert_eq!(last.trim_end(), THE_LAST_OF_GO, "{file}");
    }
}

#[test]
fn messages_of_the_python_client_are_read_field_by_field() {
    for file in ["python", "python-md5", "python-sha1"] {
        let printed = Run::of(file).printed();
        assert_eq!(printed.matches(":Timestamp: ").count(), 4, "{file}: {printed}");
        for (key, values) in [
            (":Type: ", ["captured", "counter", "timer", "oldstyle"]),
            (":Logger: ", ["shop", "heka-py", "heka-py", "heka-py"]),
            (":Severity: ", ["3", "6", "6", "3"]),
            (":Payload: ", ["café", "3", "12", "it failed"]),
        ] {
            let said: Vec<&str> = printed.lines().filter_map(|line| line.strip_prefix(key)).collect();
            assert_eq!(said, values, "{file}");
        }
        assert!(printed.contains("| name:\"seconds\" type:double value:0.25\n"), "{file}: {printed}");
    }
}

#[test]
fn counters_and_timers_of_the_python_client_become_samples() {
    let graphite = Run::of("python").graphite();
    for line in ["stats.counters.orders.count 3", "stats.timers.db.sum 12", "stats.timers.db.count 1"] {
        assert!(graphite.contains(line), "{line} is missing in:\n{graphite}");
    }
}

#[test]
fn a_consumer_that_asks_for_a_signer_gets_what_it_signed() {
    for (file, messages) in [("go", 0), ("go-md5", 3), ("go-sha1", 3), ("python", 0), ("python-sha1", 4)] {
        assert_eq!(Run::of(file).taken("signed"), messages, "{file}");
    }
}

#[test]
fn a_frame_with_another_key_than_its_signer_s_is_refused() {
    let run = Run::with_key("go-sha1", "guess");
    assert_eq!((run.printed().as_str(), run.taken("LogOutput")), ("", 0));
}

/// A pipeline that has read what a client sent.
struct Run(Trial);

impl Run {
    fn of(file: &str) -> Run {
        Run::with_key(file, "secret")
    }

    fn with_key(file: &str, key: &str) -> Run {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/heka_clients").join(file);
        let bytes = std::fs::read(path).expect("what was sent can be read");
        let text = CONFIG.replace("KEY", key);
        let start = Stamp::from_seconds(1_780_000_000);
        let mut trial = Trial::new(&text, &builtin(), Wiring::AsConfigured, start)
            .unwrap_or_else(|problems| panic!("{problems}"));
        // A socket gives what it has, not what was sent at once.
        bytes.chunks(100).for_each(|piece| trial.send("heka", piece).expect("the input is there"));
        trial.advance(Duration::from_secs(10));
        trial.stop();
        Run(trial)
    }

    fn printed(&self) -> String {
        self.0.written(STDOUT)
    }

    fn graphite(&self) -> String {
        self.0.written("localhost:2003")
    }

    /// Records that a consumer has taken from the input.
    fn taken(&self, consumer: &str) -> u64 {
        let joints = self.0.ledger().joints();
        joints.iter().filter(|joint| &*joint.consumer == consumer).map(|joint| joint.taken()).sum()
    }
}

const CONFIG: &str = "
[heka]
type = 'StatsdInput'
net = 'tcp'
decoder = 'ProtobufDecoder'
splitter = 'HekaFramingSplitter'
[HekaFramingSplitter.signer.ops_1]
hmac_key = 'KEY'
[LogOutput]
message_matcher = 'Type !~ /^heka/'
encoder = 'RstEncoder'
[signed]
type = 'NullOutput'
message_matcher = 'Type !~ /^heka/'
message_signer = 'ops'
[counts]
type = 'StatFilter'
message_matcher = \"Type == 'counter'\"
max_age = 0
[counts.Metric.count]
type = 'Counter'
name = '%name%'
value = '%Payload%'
[times]
type = 'StatFilter'
message_matcher = \"Type == 'timer'\"
max_age = 0
[times.Metric.time]
type = 'Timer'
name = '%name%'
value = '%Payload%'
[StatAccumFilter]
[CarbonOutput]
";

const THE_LAST_OF_GO: &str = r#"2026-11-30 01:02:03 +0000 UTC
:Type: captured
:Hostname: host.example
:Pid: 4242
:Uuid: 01020304-0506-0708-090a-0b0c0d0e0f02
:Logger: go client
:Payload: line number €

:EnvVersion: 0.8
:Severity: 2
:Fields:
    | name:"text" type:string value:"value"
    | name:"count" type:integer value:[14,-1] representation:"count"
    | name:"seconds" type:double value:[0.25,1e+300] representation:"s"
    | name:"ok" type:bool value:[true,false]
    | name:"raw" type:bytes value:AB4f/w== representation:"B""#;
