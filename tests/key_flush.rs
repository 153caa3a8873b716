//! The log of `KeyFlushFilter` as a file.

use std::time::Duration;

use heka::flow::Wiring;
use heka::pipeline::{Trial, builtin};
use heka::time::Stamp;

fn started(log: &str) -> Result<Trial, String> {
    let text = format!(
        "[statsd]\ntype = \"StatsdInput\"\n\n[KeyFlushFilter]\nlog = \"{log}\"\nticker_interval = 10\n"
    );
    Trial::new(&text, &builtin(), Wiring::AsConfigured, Stamp::from_seconds(1_700_000_000))
}

#[test]
fn lines_are_added_to_the_file_every_interval_and_at_the_stop() {
    let directory = tempfile::TempDir::new().expect("a directory can be made");
    let log = directory.path().join("keys.log");
    std::fs::write(&log, "before\n").expect("it can be written");
    let mut trial = started(log.to_str().expect("it is text")).expect("it starts");
    trial.send("statsd", b"a:1|c\nb:1:2|ms\na:2|g\na:3|c").expect("it takes them");
    trial.advance(Duration::from_secs(20));
    trial.send("statsd", b"c:1|c").expect("it takes it");
    trial.stop();
    let (first, last) = (at("30"), at("40"));
    let expected = format!("before\n{first} count=3 key=a\n{first} count=2 key=b\n{last} count=1 key=c\n");
    assert_eq!(std::fs::read_to_string(&log).expect("it was written"), expected);
    assert_eq!(trial.ledger().check_settled(), Ok(()));
}

#[test]
fn lines_that_cannot_be_written_are_kept_and_written_at_the_next_tick() {
    let directory = tempfile::TempDir::new().expect("a directory can be made");
    let folder = directory.path().join("logs");
    std::fs::create_dir(&folder).expect("it can be made");
    let log = folder.join("keys.log");
    let mut trial = started(log.to_str().expect("it is text")).expect("it starts");
    std::fs::remove_dir_all(&folder).expect("it can be removed");
    trial.send("statsd", b"a:1|c\na:2|c").expect("it takes them");
    trial.advance(Duration::from_secs(10));
    trial.send("statsd", b"b:1|c").expect("it takes it");
    trial.advance(Duration::from_secs(10));
    assert_eq!(counted(&trial, "hekad_key_flush_write_failures_total"), 2);
    std::fs::create_dir(&folder).expect("it can be made");
    // Nothing comes any more: what is kept is written all the same.
    trial.advance(Duration::from_secs(10));
    let expected = format!("{} count=2 key=a\n{} count=1 key=b\n", at("30"), at("40"));
    assert_eq!(std::fs::read_to_string(&log).expect("it was written"), expected);
    trial.send("statsd", b"c:1|c").expect("it takes it");
    trial.stop();
    let expected = format!("{expected}{} count=1 key=c\n", at("50"));
    assert_eq!(std::fs::read_to_string(&log).expect("it was written"), expected);
    assert_eq!(counted(&trial, "hekad_key_flush_lost_total"), 0);
    let joint = trial.ledger().joints().into_iter().find(|joint| &*joint.consumer == "KeyFlushFilter");
    let joint = joint.expect("there is such a joint");
    assert_eq!((joint.offered(), joint.taken(), joint.lost_total()), (4, 4, 0));
    assert_eq!(trial.ledger().check_settled(), Ok(()));
}

#[cfg(target_os = "linux")]
#[test]
fn lines_that_could_not_be_written_before_the_stop_are_counted_as_lost() {
    let mut trial = started("/dev/full").expect("it starts");
    trial.send("statsd", b"a:1|c\nb:2|c").expect("it takes them");
    trial.advance(Duration::from_secs(10));
    assert_eq!(counted(&trial, "hekad_plugin_faults_total"), 0);
    trial.send("statsd", b"b:2|c").expect("it takes it");
    trial.stop();
    let losses = ["hekad_key_flush_write_failures_total", "hekad_key_flush_lost_total"];
    assert_eq!(losses.map(|name| counted(&trial, name)), [2, 3]);
}

fn at(time: &str) -> String {
    format!("Tue Nov 14 2023 22:13:{time} GMT+0000 (Coordinated Universal Time)")
}

/// What all counters of that name come to.
fn counted(trial: &Trial, name: &str) -> u64 {
    let mut sum = 0.0;
    trial.ledger().own().visit(|other, _, _, value| sum += if other == name { value } else { 0.0 });
    sum as u64
}

#[test]
fn a_file_that_cannot_be_opened_refuses_the_start() {
    let error = started("/nonexistent/keys.log").err().expect("it is refused");
    assert!(error.starts_with("KeyFlushFilter: /nonexistent/keys.log cannot be opened: "), "{error}");
}
