//! `FileOutput` in a pipeline: what a stop leaves in its file, frames, rotation, and a place that cannot be written to.

use std::fs;
use std::time::Duration;

use heka::flow::Wiring;
use heka::message::framing::MAX_MESSAGE_SIZE;
use heka::pipeline::{Trial, builtin};
use heka::time::Stamp;
use tempfile::TempDir;

/// A pipeline of samples to a file of this name in `directory`.
fn started(directory: &TempDir, name: &str, options: &str) -> Result<Trial, String> {
    let path = directory.path().join(name);
    let text = format!(
        "[statsd]\ntype = \"StatsdInput\"\n\n[FileOutput]\nmessage_matcher = \"TRUE\"\npath = \"{}\"\n{options}",
        path.display()
    );
    Trial::new(&text, &builtin(), Wiring::AsConfigured, Stamp::from_seconds(1_700_000_000))
}

fn directory() -> TempDir {
    TempDir::new().expect("a directory can be made")
}

fn written(directory: &TempDir, name: &str) -> String {
    fs::read_to_string(directory.path().join(name)).expect("it was written")
}

#[test]
fn records_are_in_the_file_when_they_are_delivered() {
    let directory = directory();
    let mut trial = started(&directory, "a.log", "").expect("it starts");
    trial.send("statsd", b"a:1|c\nb:2|ms").expect("it takes them");
    assert_eq!(written(&directory, "a.log"), "a:1|c\nb:2|ms\n");
    trial.send("statsd", b"c:3|g").expect("it takes it");
    trial.stop();
    assert_eq!(written(&directory, "a.log"), "a:1|c\nb:2|ms\nc:3|g\n");
    assert_eq!(trial.ledger().check_settled(), Ok(()));
}

#[test]
fn messages_are_framed_unless_the_section_says_otherwise() {
    for (options, is_framed) in [("", true), ("use_framing = false\n", false)] {
        let directory = directory();
        let options = format!("encoder = \"ProtobufEncoder\"\n{options}");
        let mut trial = started(&directory, "a.pb", &options).expect("it starts");
        trial.send("statsd", b"a:1|c\nb:2|ms").expect("it takes them");
        trial.stop();
        let bytes = fs::read(directory.path().join("a.pb")).expect("it was written");
        // A frame begins with the record separator, and the length of its header in one byte.
        assert_eq!(bytes[0] == 0x1e, is_framed);
        if is_framed {
            let frames = frames(&bytes);
            assert_eq!(frames, 2);
        }
    }
}

/// The number of frames that `bytes` are, by the lengths in their headers.
fn frames(mut bytes: &[u8]) -> usize {
    let mut count = 0;
    while !bytes.is_empty() {
        let header = usize::from(bytes[1]);
        assert_eq!((bytes[0], bytes[2], bytes[2 + header]), (0x1e, 0x08, 0x1f));
        let digits = bytes[3..2 + header].iter().enumerate();
        let length = digits.fold(0, |sum, (place, &byte)| sum | (usize::from(byte & 0x7f) << (7 * place)));
        assert!(length <= MAX_MESSAGE_SIZE);
        bytes = &bytes[3 + header + length..];
        count += 1;
    }
    count
}

#[test]
fn an_hour_begins_another_file() {
    let directory = directory();
    let mut trial = started(&directory, "%s.log", "rotation_interval = 1\n").expect("it starts");
    trial.send("statsd", b"a:1|c").expect("it takes it");
    trial.advance(Duration::from_secs(3600));
    trial.send("statsd", b"b:1|c").expect("it takes it");
    trial.stop();
    let entries = fs::read_dir(directory.path()).expect("it is readable");
    let mut names: Vec<_> = entries.map(|entry| entry.expect("it is readable").file_name()).collect();
    names.sort();
    let texts: Vec<String> =
        names.iter().map(|name| written(&directory, name.to_str().expect("it is text"))).collect();
    assert_eq!(texts, ["a:1|c\n", "b:1|c\n"]);
}

#[test]
fn a_place_that_is_gone_is_tried_again_until_it_is_back_and_nothing_is_lost_or_twice() {
    let directory = directory();
    let mut trial = started(&directory, "logs/a.log", "").expect("it starts");
    trial.send("statsd", b"a:1|c").expect("it takes it");
    fs::rename(directory.path().join("logs"), directory.path().join("old")).expect("it can be moved");
    fs::write(directory.path().join("logs"), "in the way").expect("it can be written");
    trial.send("statsd", b"b:1|c").expect("it takes it");
    trial.send("statsd", b"c:1|c").expect("it takes it");
    trial.advance(Duration::from_secs(60));
    fs::remove_file(directory.path().join("logs")).expect("it can be removed");
    trial.advance(Duration::from_secs(60));
    trial.stop();
    assert_eq!(written(&directory, "old/a.log"), "a:1|c\n");
    assert_eq!(written(&directory, "logs/a.log"), "b:1|c\nc:1|c\n");
    assert_eq!(trial.ledger().check_settled(), Ok(()));
    assert_eq!(trial.ledger().lost_total(), 0);
}

#[test]
fn a_place_that_cannot_be_written_to_refuses_the_start() {
    let directory = directory();
    fs::write(directory.path().join("logs"), "in the way").expect("it can be written");
    let error = started(&directory, "logs/a.log", "").err().expect("it is refused");
    let path = directory.path().join("logs/a.log");
    assert!(error.starts_with(&format!("FileOutput: cannot open {}: ", path.display())), "{error}");
}
