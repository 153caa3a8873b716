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
    let at = |time: &str| format!("Tue Nov 14 2023 22:13:{time} GMT+0000 (Coordinated Universal Time)");
    let (first, last) = (at("30"), at("40"));
    let expected = format!("before\n{first} count=3 key=a\n{first} count=2 key=b\n{last} count=1 key=c\n");
    assert_eq!(std::fs::read_to_string(&log).expect("it was written"), expected);
    assert_eq!(trial.ledger().check_settled(), Ok(()));
}

#[test]
fn a_file_that_cannot_be_opened_refuses_the_start() {
    let error = started("/nonexistent/keys.log").err().expect("it is refused");
    assert!(error.starts_with("KeyFlushFilter: /nonexistent/keys.log cannot be opened: "), "{error}");
}
