//! Heka's own frames and streams (`tests/vectors/framing.json`), and what must hold of any.

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::message::{Field, Message, wire};
use crate::time::Stamp;

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../../tests/vectors/framing.json")).unwrap()
}

fn bytes(hex: &Value) -> Vec<u8> {
    let digits = hex.as_str().unwrap();
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

fn encoded(message: &Message) -> Vec<u8> {
    let mut out = Vec::new();
    wire::encode(message, &mut out);
    out
}

/// A message as the vectors give it: header by header.
fn message(given: &Value) -> Message {
    let text = |key: &str| given[key].as_str().unwrap_or_default().into();
    let mut uuid = [0; 16];
    if let Some(written) = given["Uuid"].as_str() {
        let digits = Value::from(written.replace('-', ""));
        uuid = bytes(&digits).try_into().unwrap();
    }
    let fields = given["Fields"].as_array().into_iter().flatten();
    Message {
        uuid,
        timestamp: Stamp(given["Timestamp"].as_i64().unwrap()),
        type_: text("Type"),
        logger: text("Logger"),
        severity: given["Severity"].as_i64().unwrap_or(7) as i32,
        payload: given["Payload"]
            .as_str()
            .unwrap_or_default()
            .replace("x * 65536", &"x".repeat(65_536))
            .into(),
        env_version: text("EnvVersion"),
        pid: given["Pid"].as_i64().unwrap_or(0) as i32,
        hostname: text("Hostname"),
        fields: fields
            .map(|field| Field::new(field["name"].as_str().unwrap(), field["value"].as_str().unwrap()))
            .collect(),
        signer: None,
    }
}

#[test]
fn frames_of_the_vectors_are_written_to_the_byte() {
    let vectors = vectors();
    let cases = vectors["framing"]["encode"].as_array().unwrap();
    for case in cases {
        let signing = case["signer"].as_object().map(|signer| Signing {
            name: signer["name"].as_str().unwrap().replace("x * 255", &"x".repeat(255)),
            version: 0,
            key: Vec::new(),
            hash: HashFunction::Md5,
        });
        let given = if case["message"].is_null() { &cases[0]["message"] } else { &case["message"] };
        let mut out = b"before".to_vec();
        let framed = frame(&encoded(&message(given)), signing.as_ref(), MAX_MESSAGE_SIZE, &mut out);
        match case["error"].as_str() {
            Some(error) => {
                // Heka begins its errors with a capital.
                assert!(framed.unwrap_err().to_string().eq_ignore_ascii_case(error), "{framed:?}");
                assert_eq!(out, b"before");
            }
            None => assert_eq!(out, [&b"before"[..], &bytes(&case["frame_hex"])].concat(), "{case}"),
        }
    }
    assert_eq!(cases.len(), 4);
}

#[test]
fn the_message_of_the_vectors_is_written_and_read_to_the_byte() {
    let vectors = vectors();
    let expected = message(&vectors["test_message_pipeline"]);
    let written = bytes(&vectors["framing"]["auth"]["message_hex"]);
    assert_eq!(encoded(&expected), written);
    assert_eq!(wire::decode(&written), Ok(expected.clone()));
    let record = bytes(&vectors["framing"]["queue_record"]["frame_hex"]);
    let mut out = Vec::new();
    let other = Message { payload: b"Write me out to the network".to_vec(), ..expected };
    frame(&encoded(&other), None, MAX_MESSAGE_SIZE, &mut out).unwrap();
    assert_eq!((out.len(), out), (115, record));
}

#[test]
fn streams_of_the_vectors_are_read_step_by_step() {
    let vectors = vectors();
    for case in vectors["framing"]["decode_stream"].as_array().unwrap() {
        let (Some(steps), stream) = (case["steps"].as_array(), &case["stream_hex"]) else { continue };
        let stream = bytes(stream);
        let mut rest = &stream[..];
        for step in steps {
            let record = bytes(&step["record_hex"]);
            let consumed = step["consumed"].as_u64().unwrap() as usize;
            match find(rest, MAX_MESSAGE_SIZE) {
                Found::Frame(found) => {
                    assert_eq!(found.garbage + found.length, consumed, "{step}");
                    assert_eq!(rest[found.garbage..consumed], record, "{step}");
                    assert!(record.ends_with(found.message) && !found.is_signed());
                    assert_eq!(wire::decode(found.message).unwrap().type_, "hekabench");
                }
                Found::Nothing { garbage } => {
                    assert!(record.is_empty(), "{step}");
                    assert_eq!(garbage, consumed, "{step}");
                }
                found @ Found::TooLong { .. } => panic!("{found:?}"),
            }
            rest = &rest[consumed..];
        }
    }
}

#[test]
fn signatures_of_the_vectors_are_judged_as_heka_judges_them() {
    let vectors = vectors();
    let auth = &vectors["framing"]["auth"];
    let key = auth["signers_config"]["test_1"]["hmac_key"].as_str().unwrap().as_bytes();
    for case in auth["cases"].as_array().unwrap() {
        let stream = bytes(&case["frame_hex"]);
        let Found::Frame(found) = find(&stream, MAX_MESSAGE_SIZE) else { panic!("{case}") };
        assert_eq!(found.message, bytes(&auth["message_hex"]));
        assert_eq!(found.header.signer, Some(&b"test"[..]));
        assert!(found.is_signed());
        // Only version 1 has this key.
        let accepted = found.header.key_version == 1 && found.is_signed_with(key);
        assert_eq!(accepted, case["accepted"].as_bool().unwrap(), "{case}");
        assert!(!found.is_signed_with(b"another"));
        if case["accepted"] == true {
            let hash = if case["hash"] == "MD5" { HashFunction::Md5 } else { HashFunction::Sha1 };
            let signing = Signing { name: "test".to_owned(), version: 1, key: key.to_vec(), hash };
            let mut out = Vec::new();
            frame(found.message, Some(&signing), MAX_MESSAGE_SIZE, &mut out).unwrap();
            let Found::Frame(again) = find(&out, MAX_MESSAGE_SIZE) else { panic!("{case}") };
            assert_eq!(again.header.digest, found.header.digest, "{case}");
        }
    }
}

#[test]
fn a_header_without_length_or_with_one_that_nobody_allows_is_no_frame() {
    // Alone in front of a frame that is one.
    for header in [
        &[][..],
        &[0x18, 1],
        &[8, 0xff, 0xff, 0xff, 0xff, 0x1f],
        &[8, 0x81, 0x80, 0x80, 0x80, 1],
        &[0x18, 2, 8, 1],
    ] {
        let mut stream = vec![RECORD_SEPARATOR, header.len() as u8];
        stream.extend([header, &[UNIT_SEPARATOR]].concat());
        let garbage = stream.len();
        frame(b"abcd", None, 4, &mut stream).unwrap();
        let Found::Frame(found) = find(&stream, 4) else { panic!("{header:?}") };
        assert_eq!((found.garbage, found.message), (garbage, &b"abcd"[..]), "{header:?}");
    }
}

#[test]
fn a_frame_of_a_message_that_is_too_long_is_told_by_its_header() {
    let mut stream = b"xx".to_vec();
    frame(b"abcde", None, 5, &mut stream).unwrap();
    for end in 7..=stream.len() {
        let found = find(&stream[..end], 4);
        assert_eq!(found, Found::TooLong { garbage: 2, length: 10, message_length: 5 }, "{end}");
    }
    assert_eq!(find(&stream[..6], 4), Found::Nothing { garbage: 2 });
}

proptest! {
    #[test]
    fn frames_are_found_again_whatever_is_between_and_however_the_stream_is_cut(
        messages in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..300), 0..3u8), 1..5),
        garbage in prop::collection::vec(any::<u8>().prop_filter("begins a frame", |byte| *byte != RECORD_SEPARATOR), 0..9),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut stream = Vec::new();
        for (message, signed) in &messages {
            stream.extend_from_slice(&garbage);
            let hash = if *signed == 1 { HashFunction::Md5 } else { HashFunction::Sha1 };
            let signing = Signing { name: "a".to_owned(), version: 3, key: b"key".to_vec(), hash };
            frame(message, (*signed > 0).then_some(&signing), 300, &mut stream).unwrap();
        }
        let cut = cut.index(stream.len() + 1);
        let (mut read, mut at) = (Vec::new(), 0);
        for end in [cut, stream.len()] {
            loop {
                match find(&stream[at..end], 300) {
                    Found::Frame(found) => {
                        prop_assert_eq!(found.is_signed(), found.is_signed_with(b"key"));
                        read.push((found.message.to_vec(), found.is_signed()));
                        at += found.garbage + found.length;
                    }
                    Found::Nothing { garbage } => {
                        at += garbage;
                        break;
                    }
                    Found::TooLong { .. } => prop_assert!(false, "none is"),
                }
            }
        }
        let expected: Vec<_> = messages.into_iter().map(|(message, signed)| (message, signed > 0)).collect();
        prop_assert_eq!(read, expected);
        prop_assert_eq!(at, stream.len());
    }

    #[test]
    fn any_bytes_are_passed_in_the_end(stream in prop::collection::vec(prop::sample::select(vec![0x1eu8, 0x1f, 2, 8, 0, 1]), 0..60)) {
        let mut at = 0;
        loop {
            match find(&stream[at..], 16) {
                Found::Frame(found) => {
                    prop_assert!(found.length >= FRAMING_SIZE && found.message.len() <= 16);
                    at += found.garbage + found.length;
                }
                Found::Nothing { garbage } => {
                    at += garbage;
                    // What is left may be the beginning of a frame, and is not longer than one.
                    prop_assert!(at == stream.len() || stream[at] == RECORD_SEPARATOR);
                    prop_assert!(stream.len() - at < max_record_size(16));
                    break;
                }
                Found::TooLong { garbage, length, message_length } => {
                    prop_assert!(message_length > 16 && length > message_length);
                    at = stream.len().min(at + garbage + length);
                }
            }
            prop_assert!(at <= stream.len());
        }
    }
}
