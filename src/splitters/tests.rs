//! Heka's own cases of splitters (`tests/vectors/splitters.json`), and what they leave open.

use serde_json::Value;

use super::{heka_framing, pattern_grouping, regex, token};
use crate::plugin::{BuildContext, Declare, Split, Splitter};

/// Heka's bound of a record.
const MAX_RECORD: usize = 65_794;

fn context() -> BuildContext {
    crate::plugin::testing::context()
}

/// The splitter of a case, or what its check says.
fn built(kind: &str, config: &Value) -> Result<Box<dyn Splitter>, String> {
    fn of<C: Declare<dyn Splitter>>(config: &Value) -> Result<Box<dyn Splitter>, String> {
        let config: C = serde_json::from_value(config.clone()).map_err(|error| error.to_string())?;
        if let Some(violation) = config.check().into_iter().next() {
            return Err(violation.message);
        }
        config.build(&context()).map_err(|error| error.to_string())
    }
    let mut config = config.clone();
    // That is the runner's.
    config.as_object_mut().map(|options| options.remove("keep_truncated"));
    match kind {
        "TokenSplitter" => of::<token::Config>(&config),
        "RegexSplitter" => of::<regex::Config>(&config),
        "PatternGroupingSplitter" => of::<pattern_grouping::Config>(&config),
        "HekaFramingSplitter" => of::<heka_framing::Config>(&config),
        other => panic!("no splitter: {other}"),
    }
}

/// Records with the bytes each took, and what is left.
fn split_all(splitter: &mut dyn Splitter, input: &str) -> (Vec<(String, usize)>, String) {
    let (mut records, mut at, mut last) = (Vec::new(), 0, false);
    loop {
        let buffer = &input.as_bytes()[at..];
        let Split { consumed, record, fault, .. } =
            if last { splitter.split_last(buffer) } else { splitter.split(buffer) };
        assert_eq!(fault, None);
        at += consumed;
        records.extend(record.map(|record| (String::from_utf8(record.into_owned()).unwrap(), consumed)));
        match (consumed, last) {
            (0, false) => last = true,
            (0, true) => return (records, input[at..].to_owned()),
            _ => {}
        }
    }
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(|text| text.as_str().unwrap().to_owned()).collect()
}

#[test]
fn cases_of_heka_are_split_as_heka_splits_them() {
    let vectors: Value = serde_json::from_str(include_str!("../../tests/vectors/splitters.json")).unwrap();
    let mut held = 0;
    for case in vectors["splitters"]["cases"].as_array().unwrap() {
        let kind = case["splitter"].as_str().unwrap();
        let splitter = built(kind, &case["config"]);
        if let Some(error) = case["init_error"].as_str() {
            let escape = &error[error.find('`').unwrap()..];
            assert_eq!(splitter.err().unwrap(), format!("unknown escape {escape}"), "{case}");
            held += 1;
            continue;
        }
        let mut splitter = splitter.unwrap();
        let input = case["input"].as_str().unwrap();
        if input.starts_with("65795 NUL") {
            // What is longer than a record is cut by the runner: `runner/splitting`.
            let split = splitter.split(&[0; MAX_RECORD]);
            assert!(split.consumed == 0 && split.record.is_none() && splitter.is_bounded());
            held += 1;
            continue;
        }
        let (found, rest) = split_all(&mut *splitter, input);
        let records: Vec<&str> = found.iter().map(|(record, _)| &**record).collect();
        let consumed: Vec<u64> = found.iter().map(|(_, consumed)| *consumed as u64).collect();
        let expected_consumed: Vec<u64> =
            case["consumed"].as_array().into_iter().flatten().map(|count| count.as_u64().unwrap()).collect();
        if let Some(first) = case["first_record"].as_str() {
            assert_eq!((records[0], &consumed[..1]), (first, &expected_consumed[..]), "{case}");
        } else if !case["records_after_the_two_empty_lines"].is_null() {
            assert_eq!(records[2..], texts(&case["records_after_the_two_empty_lines"]), "{case}");
            assert_eq!((&consumed[2..], &*rest), (&expected_consumed[..], "partial"), "{case}");
        } else {
            assert_eq!(records, texts(&case["records"]), "{case}");
            assert!(records.is_empty() || consumed == expected_consumed, "{case}: {consumed:?}");
            assert_eq!(rest, case["remaining"].as_str().unwrap_or(""), "{case}");
        }
        held += 1;
    }
    assert_eq!(held, 13);
}

#[test]
fn records_of_several_lines_end_with_every_so_many_of_them() {
    let mut splitter = built("TokenSplitter", &serde_json::json!({ "count": 2 })).unwrap();
    let (records, rest) = split_all(&mut *splitter, "a\nb\n\nc\nd\n");
    assert_eq!(records, [("a\nb\n".to_owned(), 4), ("\nc\n".to_owned(), 3)]);
    assert_eq!(rest, "d\n");
}

#[test]
fn a_byte_that_is_no_text_is_one_character() {
    let split_all = |splitter: &mut dyn Splitter, mut left: &[u8]| {
        let mut records = Vec::new();
        loop {
            let Split { consumed, record, .. } = splitter.split(left);
            records.extend(record.map(std::borrow::Cow::into_owned));
            left = &left[consumed..];
            if consumed == 0 {
                return (records, left.to_vec());
            }
        }
    };
    let mut splitter = built("RegexSplitter", &serde_json::json!({ "delimiter": "-(.)-" })).unwrap();
    let (records, rest) = split_all(&mut *splitter, b"a\xff-\xe9-b-\xc3\xa9-\xe9");
    assert_eq!(records, [&b"a\xff-\xe9"[..], "b-é".as_bytes()]);
    assert_eq!(rest, b"\xe9");
    let config = serde_json::json!({ "delimiter": "[^a-z ]\n", "grouping": "^ .b" });
    let mut splitter = built("PatternGroupingSplitter", &config).unwrap();
    let (records, rest) = split_all(&mut *splitter, b" \xe9b!\n \xffb\xff\nc\xe9\nd");
    assert_eq!(records, [&b" \xe9b!\n \xffb\xff\n"[..], b"c\xe9\n"]);
    assert_eq!(rest, b"d");
}

#[test]
fn a_group_is_cut_at_its_most_lines() {
    let config = serde_json::json!({ "grouping": "^ ", "max_lines": 2 });
    let mut splitter = built("PatternGroupingSplitter", &config).unwrap();
    let (records, rest) = split_all(&mut *splitter, " a\n b\n c\nd\n e\nf");
    let records: Vec<String> = records.into_iter().map(|(record, _)| record).collect();
    assert_eq!(records, [" a\n b\n", " c\n", "d\n", " e\n"]);
    assert_eq!(rest, "f");
}

#[test]
fn what_begins_a_record_is_kept_however_the_stream_is_cut() {
    let config = serde_json::json!({ "delimiter": "\n(\\d\\d )", "delimiter_eol": false });
    let text = "01 a\nb\n02 c\n\n03 d";
    for cut in 0..text.len() {
        let mut splitter = built("RegexSplitter", &config).unwrap();
        let (mut records, mut rest) = (Vec::new(), String::new());
        for piece in [&text[..cut], &text[cut..]] {
            rest.push_str(piece);
            loop {
                let split = splitter.split(rest.as_bytes());
                records.extend(split.record.map(|record| String::from_utf8(record.into_owned()).unwrap()));
                if split.consumed == 0 {
                    break;
                }
                rest.drain(..split.consumed);
            }
        }
        assert_eq!(
            (&records[..], &*rest),
            (&["01 a\nb".to_owned(), "02 c\n".to_owned()][..], "03 d"),
            "{cut}"
        );
    }
}

#[test]
fn signers_are_known_by_name_and_version() {
    let vectors: Value = serde_json::from_str(include_str!("../../tests/vectors/framing.json")).unwrap();
    let auth = &vectors["framing"]["auth"];
    let config = serde_json::json!({ "signer": auth["signers_config"] });
    let skipping = serde_json::json!({ "signer": auth["signers_config"], "skip_authentication": true });
    let expected = [None, None, Some("unknown_signer"), Some("bad_signature")];
    for (case, expected) in auth["cases"].as_array().unwrap().iter().zip(expected) {
        let hex = case["frame_hex"].as_str().unwrap();
        let stream: Vec<u8> =
            (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
        let mut splitter = built("HekaFramingSplitter", &config).unwrap();
        let split = splitter.split(&stream);
        assert_eq!(split.consumed, stream.len());
        assert_eq!(split.fault.map(|fault| fault.label()), expected, "{case}");
        assert_eq!(split.signer.as_deref().unwrap_or(""), case["pack_signer"].as_str().unwrap(), "{case}");
        assert_eq!(split.record.is_some(), case["accepted"].as_bool().unwrap(), "{case}");
        let split =
            built("HekaFramingSplitter", &skipping).unwrap().split(&stream).record.map(|record| record.len());
        assert_eq!(split, Some(95), "{case}");
        // Behind garbage that is a fault of its own.
        let stream = [b"garbage", &stream[..]].concat();
        let mut splitter = built("HekaFramingSplitter", &config).unwrap();
        let split = splitter.split(&stream);
        assert_eq!(split.fault.map(|fault| fault.label()), Some("garbage"));
        assert_eq!(split.consumed, if expected.is_some() { 7 } else { stream.len() });
    }
}
