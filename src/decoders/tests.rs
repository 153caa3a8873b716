//! Heka's own cases of decoders (`tests/vectors/decoders.json`), and what they leave open.

use serde_json::{Value as Json, json};

use super::{json as json_decoder, multi, nginx_access, payload_regex, protobuf, stats_to_fields};
use crate::matcher::Fact;
use crate::message::{Field, Message, Value, Values, wire};
use crate::plugin::testing::{NOW, context, draft};
use crate::plugin::{BuildContext, Declare, Declared, Decoder, Plugin};
use crate::time::Stamp;

fn vectors(key: &str) -> Json {
    let vectors: Json = serde_json::from_str(include_str!("../../tests/vectors/decoders.json")).unwrap();
    vectors[key].clone()
}

fn built<C: Declare<dyn Decoder>>(config: Json) -> Result<Box<dyn Decoder>, String> {
    let config: C = serde_json::from_value(config).map_err(|error| error.to_string())?;
    match config.check().into_iter().next() {
        Some(violation) => Err(format!("{}: {}", violation.key, violation.message)),
        None => config.build(&context()).map_err(|error| error.to_string()),
    }
}

/// What becomes of a record, with the complaints about it.
fn decoded(
    decoder: &mut dyn Decoder,
    record: impl AsRef<[u8]>,
) -> Result<(Vec<Message>, Vec<&'static str>), String> {
    let mut draft = draft();
    decoder.decode(record.as_ref(), &mut draft).map_err(|error| error.to_string())?;
    Ok((draft.messages, draft.complaints.iter().map(|complaint| complaint.reason).collect()))
}

fn one(decoder: &mut dyn Decoder, record: impl AsRef<[u8]> + std::fmt::Debug) -> Message {
    let (mut messages, complaints) = decoded(decoder, &record).unwrap();
    assert_eq!((messages.len(), complaints.len()), (1, 0), "{record:?}: {complaints:?}");
    messages.remove(0)
}

fn fields(message: &Message) -> Vec<(String, Json)> {
    let one = |value: &Value| match value {
        Value::Strings(values) => json!(values[0].as_str()),
        Value::Doubles(values) => json!(values[0]),
        Value::Integers(values) => json!(values[0]),
        other => panic!("{other:?}"),
    };
    message.fields.iter().map(|field| (field.name.to_string(), one(&field.value))).collect()
}

#[test]
fn payloads_of_the_vectors_are_taken_apart() {
    let vectors = vectors("payload_regex_decoder");
    let usual = vectors["default_layout_in_tests"].clone();
    let mut held = 0;
    for case in vectors["cases"].as_array().unwrap() {
        let mut config = json!({ "match_regex": case["match_regex"], "timestamp_layout": usual });
        for key in ["timestamp_layout", "timestamp_location", "message_fields"] {
            if !case[key].is_null() {
                config[key] = case[key].clone();
            }
        }
        let decoder = built::<payload_regex::Config>(config);
        held += 1;
        if let Some(error) = case["init_error"].as_str() {
            let expected = if error.contains("must contain") {
                "match_regex: must have capture groups".to_owned()
            } else {
                format!("match_regex: unknown escape {}", &error[error.find('`').unwrap()..])
            };
            assert_eq!(decoder.err(), Some(expected), "{case}");
            continue;
        }
        let message = one(&mut *decoder.unwrap(), case["payload"].as_str().unwrap());
        match &case["timestamp"] {
            Json::Number(expected) => assert_eq!(Some(message.timestamp.0), expected.as_i64(), "{case}"),
            // Today at 17:16.
            Json::String(_) => assert_eq!(message.timestamp.seconds(), 1_699_982_160, "{case}"),
            _ => {
                assert_eq!(message.payload, case["result"]["Payload"].as_str().unwrap().as_bytes());
                let expected = case["result"]["Fields"].as_array().unwrap().iter().map(|field| {
                    let text = |key: &str| field[key].as_str().unwrap().to_owned();
                    Field::new(text("name"), text("value")).shown_as(text("representation"))
                });
                let mut expected: Vec<Field> = expected.collect();
                // In the order of their names.
                expected.sort_by(|one, other| one.name.cmp(&other.name));
                assert_eq!(message.fields, expected);
            }
        }
    }
    assert_eq!(held, 6);
}

#[test]
fn headers_are_set_by_the_groups_named_for_them_and_what_is_unread_is_said() {
    let config = json!({
        "match_regex": r"^(?P<Timestamp>\S+) (?P<Severity>\w+) (?:\[(?P<thread>\w+)\] )?(?P<rest>.*)",
        "timestamp_layout": "EpochMilli",
        "severity_map": { "ERROR": 3 },
        "message_fields": { "Logger": "app", "thread": "%thread%", "Payload": "%rest%!", "Type": "%thread%" },
    });
    let mut decoder = built::<payload_regex::Config>(config.clone()).unwrap();
    let message = one(&mut *decoder, "1414448234638.5 ERROR [main] it broke");
    assert_eq!((message.timestamp, message.severity), (Stamp(1_414_448_234_638_500_000), 3));
    assert_eq!((&*message.logger, &*message.type_, &*message.payload), ("app", "main", &b"it broke!"[..]));
    assert_eq!(message.fields, [Field::new("thread", "main")]);
    assert_ne!(message.uuid, [0; 16]);
    // A group that took part in nothing captured nothing; a severity may be a number.
    let message = one(&mut *decoder, "1414448234638 4 fine");
    assert_eq!((message.severity, message.fields), (4, vec![Field::new("thread", "")]));
    let (messages, complaints) = decoded(&mut *decoder, "soon WORSE x").unwrap();
    assert_eq!((messages[0].timestamp, messages[0].severity), (NOW, 7));
    assert_eq!(complaints, ["its severity is not in severity_map"]);
    assert_eq!(decoded(&mut *decoder, "other").err(), Some("no match".to_owned()));
    let mut passing = config;
    passing["log_errors"] = json!(false);
    let message = one(&mut *built::<payload_regex::Config>(passing).unwrap(), "other");
    assert_eq!((&*message.payload, message.fields.len()), (&b"other"[..], 0));
}

#[test]
fn a_byte_that_is_no_text_is_one_character_of_a_pattern() {
    let config = json!({
        "match_regex": r#"^(?P<A>.*) user (?P<N>\d) "(?P<Q>[^"]*)"$"#,
        "message_fields": { "A": "%A%", "N": "%N%", "Payload": "%Q%" },
    });
    let mut decoder = built::<payload_regex::Config>(config).unwrap();
    let message = one(&mut *decoder, b"caf\xe9 user 1 \"\xff\xe9\"");
    assert_eq!(fields(&message), [("A".to_owned(), json!("caf\u{fffd}")), ("N".to_owned(), json!("1"))]);
    assert_eq!(message.payload, b"\xff\xe9");
    let message = one(&mut *decoder, "café user 2 \"\"");
    assert_eq!(fields(&message), [("A".to_owned(), json!("café")), ("N".to_owned(), json!("2"))]);
}

#[test]
fn stats_of_the_vectors_become_fields() {
    let mut decoder = built::<stats_to_fields::Config>(json!({})).unwrap();
    for case in vectors("stats_to_fields_decoder")["cases"].as_array().unwrap() {
        let found = decoded(&mut *decoder, case["payload"].as_str().unwrap());
        if let Some(error) = case["error"].as_str() {
            assert_eq!(found.err().as_deref(), Some(error));
            continue;
        }
        let (messages, _) = found.unwrap();
        match case["timestamp_field_of_each"].as_array() {
            Some(timestamps) => {
                let found: Vec<Json> = messages.iter().map(|message| fields(message)[0].1.clone()).collect();
                assert_eq!(&found, timestamps);
                assert_ne!(messages[0].uuid, messages[1].uuid);
            }
            None => {
                let mut expected = case["fields"].clone();
                let timestamp = expected.as_object_mut().unwrap().remove("timestamp(int)").unwrap();
                let mut found = fields(&messages[0]);
                assert_eq!(found.remove(0), ("timestamp".to_owned(), timestamp));
                found.sort_by(|one, other| one.0.cmp(&other.0));
                let expected: Vec<(String, Json)> = expected
                    .as_object()
                    .unwrap()
                    .iter()
                    .map(|(name, value)| (name.clone(), value.clone()))
                    .collect();
                assert_eq!(found, expected);
            }
        }
    }
    assert_eq!(decoded(&mut *decoder, "a 1").err().as_deref(), Some("malformed statmetric line: 'a 1'"));
    assert!(decoded(&mut *decoder, "").unwrap().0.is_empty());
}

#[test]
fn cases_of_heka_s_lua_decoders_give_the_same_here() {
    let mut held = 0;
    for case in vectors("lua_decoders")["cases"].as_array().unwrap() {
        let script = case["decoder"].as_str().unwrap();
        let payload = case["payload"].as_str().unwrap_or("bogus message");
        let mut decoder = match script.strip_prefix("lua_decoders/").unwrap_or(script) {
            "nginx_access.lua" => built::<nginx_access::Config>(case["config"].clone()).unwrap(),
            "json.lua" => {
                let mut config = json!({
                    "map_fields": { "Severity": "severity", "Hostname": "hostname", "Timestamp": "time" },
                    "maximum_depth": 2, "separator": "-",
                });
                if !case["config"].is_string() {
                    config["timestamp_format"] = case["config"]["timestamp_format"].clone();
                }
                built::<json_decoder::Config>(config).unwrap()
            }
            script if script.starts_with("any of nginx_access") => {
                let mut decoder =
                    built::<nginx_access::Config>(json!({ "log_format": "$status $request" })).unwrap();
                assert_eq!(decoded(&mut *decoder, payload).err().unwrap(), "$status is not at its byte 0");
                held += 1;
                continue;
            }
            _ => continue,
        };
        let message = one(&mut *decoder, payload);
        assert_eq!(Some(message.timestamp.0), case["Timestamp"].as_i64(), "{case}");
        assert_eq!(i64::from(message.severity), case["Severity"].as_i64().unwrap_or(7), "{case}");
        assert_eq!(&*message.hostname, case["Hostname"].as_str().unwrap_or("host"), "{case}");
        let found = fields(&message);
        for (name, value) in case["fields"].as_object().unwrap() {
            assert!(found.contains(&(name.clone(), value.clone())), "{name} {value} of {found:?}");
        }
        for absent in case["absent_fields"].as_array().into_iter().flatten() {
            assert!(found.iter().all(|(name, _)| name != absent.as_str().unwrap()), "{absent} of {found:?}");
        }
        held += 1;
    }
    assert_eq!(held, 4);
}

#[test]
fn lines_of_nginx_keep_payload_and_type_as_asked() {
    let config = json!({ "log_format": "$status $request", "message_type": "access", "payload_keep": true });
    let message = one(&mut *built::<nginx_access::Config>(config).unwrap(), "200 GET /\n");
    assert_eq!((&*message.type_, &*message.payload), ("access", &b"200 GET /\n"[..]));
    assert_eq!(message.fields, [Field::new("status", 200.0), Field::new("request", "GET /")]);
    let message =
        one(&mut *built::<nginx_access::Config>(json!({ "log_format": "$status" })).unwrap(), "200");
    assert_eq!((&*message.type_, message.payload.len()), ("test", 0));
}

#[test]
fn a_type_that_is_given_is_known_before_a_record_is_read() {
    let type_of = |declared: &Declared| declared.emits("in", "host").remove(0).type_;
    let nginx = declared::<nginx_access::Config>("[a]\nlog_format = '$status'\nmessage_type = 'json'\n");
    let json = declared::<json_decoder::Config>("[b]\n");
    let mapped = declared::<json_decoder::Config>("[c]\nmap_fields = { Type = 't' }\n");
    assert_eq!(
        [&nginx, &json, &mapped].map(type_of),
        [Fact::Is("json".into()), Fact::Is("json".into()), Fact::Unknown]
    );
    // Of several it is what all of them give.
    let of = |parts: [&Declared; 2]| {
        let multi = declared::<multi::Config>("[m]\nsubs = ['a', 'b']\n");
        type_of(&multi.with_parts(parts.map(Clone::clone).into()))
    };
    assert_eq!((of([&nginx, &json]), of([&nginx, &mapped])), (Fact::Is("json".into()), Fact::Unknown));
}

#[test]
fn json_becomes_headers_and_fields() {
    let config = json!({
        "prefix": "p.", "payload_keep": true, "message_type": "app",
        "map_fields": {
            "Timestamp": "at", "Type": "kind", "Logger": "log.name", "Pid": "pid", "EnvVersion": "v",
            "Uuid": "id", "Severity": "level",
        },
    });
    let record = r#"{"at": "2014-02-10T08:46:36-08:00", "log": {"name": "l\u00e9", "x": null}, "pid": 7, "v": 0.8,
        "id": "12345678-90ab-cdef-1234-567890abcdef", "level": "high", "n": -3, "t": true, "e": {},
        "list": [1, 2.5], "words": ["a", "b"], "mixed": [1, "a"], "none": [], "big": 18446744073709551615}"#;
    let message = one(&mut *built::<json_decoder::Config>(config).unwrap(), record);
    assert_eq!(message.timestamp, Stamp::from_seconds(1_392_050_796));
    assert_eq!((&*message.type_, &*message.logger, &*message.env_version), ("app", "l\u{e9}", "0.8"));
    assert_eq!((message.pid, message.severity, message.uuid[0]), (7, 7, 0x12));
    assert_eq!(message.payload, record.as_bytes());
    let expected = [
        Field::new("p.level", "high"),
        Field::new("p.n", -3.0),
        Field::new("p.t", true),
        Field::new("p.list", Value::Doubles(vec![1.0, 2.5].into())),
        Field::new("p.words", Value::Strings(Values::Many(vec!["a".into(), "b".into()]))),
        Field::new("p.mixed", "[1,\"a\"]"),
        Field::new("p.none", "[]"),
        Field::new("p.big", 18_446_744_073_709_551_615.0),
    ];
    assert_eq!(message.fields, expected);
    let mut decoder = built::<json_decoder::Config>(json!({})).unwrap();
    for record in ["", "[1]", "7", "{\"a\": 1", "{\"a\": 1} x", "{\"a\": \"\u{1}\"}"] {
        let error = decoded(&mut *decoder, record).err().unwrap();
        assert!(error.starts_with("no JSON object: "), "{record}: {error}");
    }
    let deep = "{\"a\":".repeat(5000) + "1" + &"}".repeat(5000);
    assert!(decoded(&mut *decoder, &deep).is_err());
    let config = json!({ "timestamp_format": "EpochMilli", "map_fields": { "Timestamp": "t" } });
    let mut decoder = built::<json_decoder::Config>(config).unwrap();
    assert_eq!(one(&mut *decoder, "{\"t\": 1414448234638}").timestamp, Stamp(1_414_448_234_638_000_000));
    assert_eq!(one(&mut *decoder, "{\"t\": 1414448234638.5}").timestamp, Stamp(1_414_448_234_638_500_000));
}

#[test]
fn what_is_no_text_in_json_is_read_as_a_replacement() {
    let mut decoder = built::<json_decoder::Config>(json!({ "payload_keep": true })).unwrap();
    let record =
        b"{\"a\": \"caf\xe9\", \"b\\ud800\": \"\\udc00x\\ud83d\\ude00\\\\ud800 \\uD8FF\\u0041\", \"n\": 1}";
    let message = one(&mut *decoder, record);
    let expected = [
        Field::new("a", "caf\u{fffd}"),
        Field::new("b\u{fffd}", "\u{fffd}x\u{1f600}\\ud800 \u{fffd}A"),
        Field::new("n", 1.0),
    ];
    assert_eq!(message.fields, expected);
    assert_eq!((message.payload, &*message.type_), (record.to_vec(), "json"));
    for record in
        [&b"{\"a\": \xe9}"[..], b"{\"a\": \"\xe9\"", b"\\ud800", b"{\"a\": \"\\ud80", b"{\"\xe9\": \"\\"]
    {
        let error = decoded(&mut *decoder, record).err().unwrap();
        assert!(error.starts_with("no JSON object: "), "{record:?}: {error}");
    }
}

#[test]
fn messages_are_taken_as_they_are_sent() {
    let mut decoder = built::<protobuf::Config>(json!({})).unwrap();
    let sent = Message {
        uuid: [7; 16],
        timestamp: Stamp(5),
        type_: "TEST".into(),
        payload: b"x".to_vec(),
        fields: vec![Field::new("a", 1.5).shown_as("s")],
        ..Message::default()
    };
    let mut record = Vec::new();
    wire::encode(&sent, &mut record);
    let mut draft = draft();
    draft.base.signer = Some("ops".into());
    decoder.decode(&record, &mut draft).unwrap();
    assert_eq!(draft.messages, [Message { signer: Some("ops".into()), ..sent }]);
    // One without a uuid is given one, and nothing else of the input's.
    decoder.decode(&[0x10, 5], &mut draft).unwrap();
    assert_ne!(draft.messages[1].uuid, [0; 16]);
    assert_eq!((&*draft.messages[1].type_, &*draft.messages[1].hostname), ("", ""));
    let error = decoder.decode(&[0x10], &mut draft).unwrap_err();
    assert_eq!(error.to_string(), "no message: it ends within a value");
}

/// A MultiDecoder of these parts.
fn multi_of(config: Json, parts: Vec<Declared>) -> Box<dyn Decoder> {
    let config: multi::Config = serde_json::from_value(config).unwrap();
    config.build(&BuildContext { parts, ..context() }).unwrap()
}

fn declared<C: Declare<dyn Decoder>>(text: &str) -> Declared {
    let sources = crate::config::Sources::embedded("part.toml", text);
    let mut problems = crate::config::Problems::new();
    let sections = crate::config::sections(&sources, &|_| None, &mut problems);
    let read = (Plugin::of::<dyn Decoder, C>().read)(&sections.plugins[0], &[], &mut problems);
    assert!(problems.is_empty(), "{problems:?}");
    read.unwrap()
}

#[test]
fn the_first_decoder_that_takes_a_record_wins() {
    let parts = || {
        vec![
            declared::<nginx_access::Config>(
                "[a]\nlog_format = '$status $request'\nmessage_type = 'nginx'\n",
            ),
            declared::<json_decoder::Config>("[b]\n"),
        ]
    };
    let mut decoder = multi_of(json!({ "subs": ["a", "b"] }), parts());
    assert_eq!(&*one(&mut *decoder, "200 GET /").type_, "nginx");
    assert_eq!(&*one(&mut *decoder, "{}").type_, "json");
    assert_eq!(decoded(&mut *decoder, "x").err().as_deref(), Some("all subdecoders failed"));
    let mut decoder = multi_of(json!({ "subs": ["a", "b"], "log_sub_errors": true }), parts());
    assert_eq!(decoded(&mut *decoder, "{}").unwrap().1, ["refused by a subdecoder"]);
}

#[test]
fn all_decoders_take_what_the_ones_before_them_made() {
    let parts = vec![
        declared::<payload_regex::Config>(
            "[a]\nmatch_regex = '^(?P<word>\\w+) (?P<rest>.*)'\nmessage_fields = { word = '%word%', Payload = '%rest%' }\n",
        ),
        declared::<json_decoder::Config>("[b]\nmessage_type = ''\npayload_keep = true\n"),
        declared::<stats_to_fields::Config>("[c]\n"),
    ];
    let config = json!({ "subs": ["a", "b", "c"], "cascade_strategy": "all" });
    let mut decoder = multi_of(config, parts);
    let message = one(&mut *decoder, "first {\"n\": 1}");
    assert_eq!(message.fields, [Field::new("word", "first"), Field::new("n", 1.0)]);
    assert_eq!(message.payload, b"{\"n\": 1}");
    // The one in the middle does not take it; the last makes two of one.
    let (messages, _) = decoded(&mut *decoder, "x a 1 5").unwrap();
    let names: Vec<&str> = messages[0].fields.iter().map(|field| &*field.name).collect();
    assert_eq!((messages.len(), names), (1, vec!["word", "timestamp", "a"]));
    // Only the first one takes it.
    assert_eq!(one(&mut *decoder, "a  b").fields.len(), 1);
    assert!(decoded(&mut *decoder, "-").is_err());
}
