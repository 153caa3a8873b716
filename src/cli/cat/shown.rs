//! A message as `hekad cat` prints it: text for people, or JSON for programs.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use crate::encoders::rst::write_message;
use crate::message::{Field, Message, Value, uuid_text};
use crate::plugin::EncodeError;

/// Appends a message as `RstEncoder` writes it; for a terminal with colours, and without what a terminal would obey.
///
/// # Errors
/// If its timestamp cannot be written.
pub(super) fn write_text(
    message: &Message,
    for_terminal: bool,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    if !for_terminal {
        return write_message(message, out);
    }
    let mut text = Vec::new();
    write_message(message, &mut text)?;
    for line in String::from_utf8_lossy(&text).split_inclusive('\n') {
        let safe: String = line
            .chars()
            .map(|letter| if letter.is_control() && !matches!(letter, '\n' | '\t') { '?' } else { letter })
            .collect();
        let key = safe.strip_prefix(':').and_then(|rest| rest.find(':')).map(|end| end + 2);
        let (colour, end) = match key {
            Some(end) => (CYAN, end),
            None if safe.starts_with("    | ") => (GREEN, safe.len()),
            None => ("", 0),
        };
        let (coloured, plain) = safe.split_at(end);
        let after = if end > 0 { PLAIN } else { "" };
        let (coloured, end) = match coloured.strip_suffix('\n') {
            Some(coloured) => (coloured, "\n"),
            None => (coloured, ""),
        };
        out.extend_from_slice(format!("{colour}{coloured}{after}{end}{plain}").as_bytes());
    }
    Ok(())
}

/// Appends a message as one JSON object and the end of a line. The keys are those of message.proto; the uuid is dashed
/// text, the timestamp in nanoseconds, bytes are base64.
pub(super) fn write_json(message: &Message, out: &mut Vec<u8>) {
    let shown = Shown {
        uuid: uuid_text(&message.uuid),
        timestamp: message.timestamp.0,
        type_: &message.type_,
        logger: &message.logger,
        severity: message.severity,
        payload: &String::from_utf8_lossy(&message.payload),
        env_version: &message.env_version,
        pid: message.pid,
        hostname: &message.hostname,
        fields: message.fields.iter().map(ShownField::of).collect(),
    };
    serde_json::to_writer(&mut *out, &shown).expect("all keys are text, and memory takes bytes");
    out.push(b'\n');
}

#[derive(Serialize)]
struct Shown<'a> {
    uuid: String,
    timestamp: i64,
    #[serde(rename = "type")]
    type_: &'a str,
    logger: &'a str,
    severity: i32,
    payload: &'a str,
    env_version: &'a str,
    pid: i32,
    hostname: &'a str,
    fields: Vec<ShownField<'a>>,
}

#[derive(Serialize)]
struct ShownField<'a> {
    name: &'a str,
    value_type: &'static str,
    representation: &'a str,
    #[serde(flatten)]
    values: ShownValues<'a>,
}

/// Under the names of the fields of a message's wire form.
#[derive(Serialize)]
enum ShownValues<'a> {
    #[serde(rename = "value_string")]
    Strings(Vec<&'a str>),
    #[serde(rename = "value_bytes")]
    Bytes(Vec<String>),
    #[serde(rename = "value_integer")]
    Integers(&'a [i64]),
    #[serde(rename = "value_double")]
    Doubles(&'a [f64]),
    #[serde(rename = "value_bool")]
    Bools(&'a [bool]),
}

impl ShownField<'_> {
    fn of(field: &Field) -> ShownField<'_> {
        let (value_type, values) = match &field.value {
            Value::Strings(values) => {
                ("STRING", ShownValues::Strings(values.iter().map(|value| value.as_str()).collect()))
            }
            Value::Bytes(values) => {
                ("BYTES", ShownValues::Bytes(values.iter().map(|value| STANDARD.encode(value)).collect()))
            }
            Value::Integers(values) => ("INTEGER", ShownValues::Integers(values)),
            Value::Doubles(values) => ("DOUBLE", ShownValues::Doubles(values)),
            Value::Bools(values) => ("BOOL", ShownValues::Bools(values)),
        };
        ShownField { name: &field.name, value_type, representation: &field.representation, values }
    }
}

const CYAN: &str = "\u{1b}[36m";
const GREEN: &str = "\u{1b}[32m";
const PLAIN: &str = "\u{1b}[0m";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Values;
    use crate::time::Stamp;

    fn message() -> Message {
        Message {
            timestamp: Stamp(1_500_000_000_000_000_001),
            type_: "TEST".into(),
            payload: b"a\x1b[2Jb".to_vec(),
            fields: vec![
                Field::new("foo", "bar").shown_as("text"),
                Field::new("raw", Value::Bytes(Values::One(vec![0, 1]))),
                Field::new("n", Value::Integers(vec![-1, 2].into())),
                Field::new("d", 0.5),
                Field::new("b", true),
            ],
            ..Message::default()
        }
    }

    #[test]
    fn json_has_the_names_of_the_protocol() {
        let mut out = Vec::new();
        write_json(&message(), &mut out);
        let expected = concat!(
            r#"{"uuid":"00000000-0000-0000-0000-000000000000","timestamp":1500000000000000001,"type":"TEST","logger":"","#,
            r#""severity":7,"payload":"a\u001b[2Jb","env_version":"","pid":0,"hostname":"","fields":["#,
            r#"{"name":"foo","value_type":"STRING","representation":"text","value_string":["bar"]},"#,
            r#"{"name":"raw","value_type":"BYTES","representation":"","value_bytes":["AAE="]},"#,
            r#"{"name":"n","value_type":"INTEGER","representation":"","value_integer":[-1,2]},"#,
            r#"{"name":"d","value_type":"DOUBLE","representation":"","value_double":[0.5]},"#,
            r#"{"name":"b","value_type":"BOOL","representation":"","value_bool":[true]}]}"#,
            "\n"
        );
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn a_pipe_gets_what_the_encoder_writes_and_a_terminal_colours_it_cannot_forge() {
        let (mut piped, mut shown, mut expected) = (Vec::new(), Vec::new(), Vec::new());
        write_text(&message(), false, &mut piped).unwrap();
        write_message(&message(), &mut expected).unwrap();
        assert_eq!(piped, expected);
        write_text(&message(), true, &mut shown).unwrap();
        let text = String::from_utf8(shown).unwrap();
        assert!(text.contains("\n\u{1b}[36m:Payload:\u{1b}[0m a?[2Jb\n"), "{text:?}");
        let field = "\n\u{1b}[32m    | name:\"d\" type:double value:0.5\u{1b}[0m\n";
        assert!(text.contains(field), "{text:?}");
        let bare = [CYAN, GREEN, PLAIN].iter().fold(text, |text, colour| text.replace(colour, ""));
        assert_eq!(bare, String::from_utf8(expected).unwrap().replace('\u{1b}', "?"));
    }
}
