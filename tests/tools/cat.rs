//! `hekad cat` on frames that Heka's own tests have, whole, broken, growing, and with other tools at its end.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use heka::flow::Wiring;
use heka::pipeline::{Trial, builtin};
use heka::time::Stamp;
use serde_json::Value;
use tempfile::TempDir;

use super::{BINARY, hekad, stderr, stdout};

/// Bytes of the frames of another implementation: two messages, garbage, a third, garbage and the begin of a header.
fn stream() -> Vec<u8> {
    let vectors: Value =
        serde_json::from_str(include_str!("../vectors/framing.json")).expect("the vectors are JSON");
    let hex = vectors["framing"]["decode_stream"][0]["stream_hex"].as_str().expect("it is text");
    bytes(hex)
}

fn signed_frame() -> Vec<u8> {
    let vectors: Value =
        serde_json::from_str(include_str!("../vectors/framing.json")).expect("the vectors are JSON");
    bytes(vectors["framing"]["encode"][1]["frame_hex"].as_str().expect("it is text"))
}

fn bytes(hex: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("two digits");
    (0..hex.len()).step_by(2).map(digit).collect()
}

fn written(directory: &TempDir, name: &str, bytes: &[u8]) -> (PathBuf, String) {
    let path = directory.path().join(name);
    std::fs::write(&path, bytes).expect("it can be written");
    let text = path.display().to_string();
    (path, text)
}

#[test]
fn frames_of_another_implementation_are_printed_and_garbage_is_told_of_with_its_place() {
    let directory = TempDir::new().expect("a directory can be made");
    let stream = stream();
    let (_, path) = written(&directory, "a.pb", &stream);
    let output = hekad(&["cat", &path]);
    assert_eq!(output.status.code(), Some(0));
    let one =
        "\n:Timestamp: 2013-09-10 20:43:23 +0000 UTC\n:Type: hekabench\n:Hostname: trink-x230\n:Pid: 29375\n";
    let text = stdout(&output);
    assert_eq!(text.matches(":Type: hekabench\n").count(), 3, "{text}");
    assert_eq!(text.matches(&one[44..]).count(), 3, "{text}");
    let left = stream.len() - 206;
    let expected = format!(
        "{path}: 5 bytes at offset 134 are no frame\n{path}: {left} bytes at offset 206 are no frame\n\
         Skipped: {} bytes of no frame, 0 frames without a message\nProcessed: 3, matched: 3 messages\n",
        5 + left
    );
    assert_eq!(stderr(&output), expected);
}

#[test]
fn the_file_of_a_daemon_is_printed() {
    let directory = TempDir::new().expect("a directory can be made");
    let path = directory.path().join("a.pb").display().to_string();
    let config = format!(
        "[StatsdInput]\n[FileOutput]\nmessage_matcher = \"TRUE\"\npath = \"{path}\"\nencoder = \"ProtobufEncoder\"\n"
    );
    let start = Stamp::from_seconds(1_700_000_000);
    let mut trial = Trial::new(&config, &builtin(), Wiring::AsConfigured, start).expect("it is right");
    trial.send("StatsdInput", b"a:1|c\nb:2|ms\nc:3|g").expect("it takes them");
    trial.stop();
    let output = hekad(&["cat", "-match", "Fields[name] == 'b' && Fields[value] > 1", &path]);
    let text = stdout(&output);
    assert!(
        text.starts_with("\n:Timestamp: 2023-11-14 22:13:20 +0000 UTC\n:Type: heka.statsample\n"),
        "{text}"
    );
    assert!(text.contains("    | name:\"name\" type:string value:\"b\"\n"), "{text}");
    assert_eq!(stderr(&output), "Processed: 3, matched: 1 messages\n");
}

#[test]
fn what_matches_is_chosen_and_frames_stay_as_they_were() {
    let directory = TempDir::new().expect("a directory can be made");
    let stream = stream();
    let (_, path) = written(&directory, "a.pb", &[&stream[..134], &signed_frame()].concat());
    let output = hekad(&["cat", "-match", "Type == 'TEST'", "-format=heka", &path]);
    assert_eq!(output.stdout, signed_frame());
    assert_eq!(stderr(&output), "Processed: 3, matched: 1 messages\n");
    let json = hekad(&["cat", "--match", "Type == 'TEST'", "--format", "json", &path]);
    let message: Value = serde_json::from_str(&stdout(&json)).expect("it is one object");
    assert_eq!((&message["type"], &message["timestamp"]), (&"TEST".into(), &1416840893000000000_i64.into()));
    let out = directory.path().join("out.pb").display().to_string();
    let output = hekad(&["cat", "-match", "Pid > 0", "-format", "heka", "-output", &out, &path, &path]);
    assert_eq!(stderr(&output), "Processed: 6, matched: 4 messages\n");
    assert_eq!(std::fs::read(&out).expect("it was written"), [&stream[..134], &stream[..134]].concat());
    let count = hekad(&["cat", "-format", "count", "-offset", "67", &path]);
    assert_eq!(
        (stdout(&count), stderr(&count)),
        (String::new(), "Processed: 2, matched: 2 messages\n".to_owned())
    );
    let small = hekad(&["cat", "-format", "count", "-max-message-size", "40", &path]);
    let expected = format!(
        "{path}: 134 bytes at offset 0 are no frame\nSkipped: 134 bytes of no frame, 0 frames without a message\n\
         Processed: 1, matched: 1 messages\n"
    );
    assert_eq!(stderr(&small), expected);
}

#[test]
fn standard_input_is_read_and_a_frame_without_a_message_is_told_of() {
    // A frame of two bytes that end within a value.
    let bytes = [&[0x1e, 2, 8, 2, 0x1f, 0x08, 0x80][..], &signed_frame()].concat();
    let mut child = Command::new(BINARY)
        .args(["cat", "-format", "count", "-"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it can be started");
    child.stdin.take().expect("it is piped").write_all(&bytes).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    let expected = "standard input: the frame at offset 0 has no message: field 1 has wire type 0\n\
                    Skipped: 0 bytes of no frame, 1 frames without a message\nProcessed: 2, matched: 1 messages\n";
    assert_eq!(stderr(&output), expected);
}

#[test]
fn a_file_is_followed_until_ctrl_c() {
    let directory = TempDir::new().expect("a directory can be made");
    let frame = signed_frame();
    let (path, text) = written(&directory, "a.pb", &frame[..10]);
    let mut child = Command::new(BINARY)
        .args(["cat", "-tail", "-format", "json", &text])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it can be started");
    let mut out = BufReader::new(child.stdout.take().expect("it is piped"));
    append(&path, &[&frame[10..], &frame[..]].concat());
    for _ in 0..2 {
        let mut line = String::new();
        out.read_line(&mut line).expect("it prints");
        assert!(line.contains("\"type\":\"TEST\""), "{line}");
    }
    let told = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(told.expect("kill can be started").success());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(stderr(&output), "Processed: 2, matched: 2 messages\n");
}

fn append(path: &Path, bytes: &[u8]) {
    let mut file = std::fs::File::options().append(true).open(path).expect("it is there");
    file.write_all(bytes).expect("it can be written");
}

#[test]
fn a_pipe_that_closes_ends_it_quietly() {
    let directory = TempDir::new().expect("a directory can be made");
    let (_, path) = written(&directory, "a.pb", &signed_frame().repeat(20_000));
    let mut child = Command::new(BINARY)
        .args(["cat", "-format", "json", &path])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it can be started");
    let mut some = [0; 100];
    child.stdout.take().expect("it is piped").read_exact(&mut some).expect("it prints");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!((output.status.code(), stderr(&output)), (Some(0), String::new()));
}

#[test]
fn what_cannot_be_done_is_said_with_the_code_of_its_kind() {
    let directory = TempDir::new().expect("a directory can be made");
    let (_, path) = written(&directory, "a.pb", &signed_frame());
    let refused = |words: &[&str]| {
        let output = hekad(&[&["cat"], words].concat());
        (output.status.code().expect("it ended by itself"), stderr(&output))
    };
    let (code, error) = refused(&["-match", "Type = 'x'", &path]);
    assert_eq!(code, 2);
    assert!(error.starts_with("--match: "), "{error}");
    assert_eq!(refused(&["-tail", &path, &path]), (2, "--tail follows one file\n".to_owned()));
    assert_eq!(refused(&["-offset", "1", "-"]), (2, "--offset is a place in one file\n".to_owned()));
    assert_eq!(
        refused(&["-output", &path, &path]),
        (2, format!("{path} is read, and cannot be written to meanwhile\n"))
    );
    assert_eq!(
        refused(&["-max-message-size", "2GiB", &path]),
        (2, "--max-message-size is at most 1 GiB\n".to_owned())
    );
    let gone = directory.path().join("gone").display().to_string();
    let (code, error) = refused(&[&gone]);
    assert_eq!(code, 1);
    assert!(error.starts_with(&format!("cannot read {gone}: No such file")), "{error}");
    assert!(error.ends_with("Processed: 0, matched: 0 messages\n"), "{error}");
}
