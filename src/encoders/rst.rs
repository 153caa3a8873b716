//! `RstEncoder`: a record as reStructuredText, every header and field, for people who debug.
//!
//! The form is that of Heka's encoder (<https://hekad.readthedocs.io/en/v0.10.0/config/encoders/rst.html>): an empty line,
//! a line for each header, a line for each field, an empty line. Numbers and quoted text are written as Go writes them.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::Check;
use crate::exposition::go_number;
use crate::flow::RecordRef;
use crate::message::{Field, Message, Value, uuid_text};
use crate::plugin::{BuildContext, BuildError, Declare, EncodeError, Encoder, Frames, More};

/// It has no options of its own.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {}

impl Check for Config {}

impl Declare<dyn Encoder> for Config {
    const TYPE: &'static str = "RstEncoder";
    const SUMMARY: &'static str =
        "Writes every header and field of a record, one a line, to be read by people.";

    fn build(&self, _: &BuildContext) -> Result<Box<dyn Encoder>, BuildError> {
        Ok(Box::new(RstEncoder))
    }
}

struct RstEncoder;

impl Encoder for RstEncoder {
    fn encode(
        &mut self,
        record: RecordRef<'_>,
        _: &mut usize,
        frames: &mut Frames,
    ) -> Result<More, EncodeError> {
        write_message(&record.to_message(), &mut frames.bytes)?;
        frames.end();
        Ok(More::Done)
    }
}

/// Appends a message in this form.
///
/// # Errors
/// If its timestamp cannot be written.
pub(crate) fn write_message(message: &Message, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let at = jiff::Timestamp::from_nanosecond(message.timestamp.0.into())
        .map_err(|error| EncodeError(format!("its timestamp cannot be written: {error}")))?;
    let Message { type_, hostname, pid, logger, env_version, severity, .. } = message;
    let uuid = uuid_text(&message.uuid);
    let head = format!(
        "\n:Timestamp: {}\n:Type: {type_}\n:Hostname: {hostname}\n:Pid: {pid}\n:Uuid: {uuid}\n:Logger: {logger}\n:Payload: ",
        at.strftime("%Y-%m-%d %H:%M:%S +0000 UTC")
    );
    out.extend_from_slice(head.as_bytes());
    // Any bytes can be a payload.
    out.extend_from_slice(&message.payload);
    let mut rest = format!("\n:EnvVersion: {env_version}\n:Severity: {severity}\n:Fields:\n");
    message.fields.iter().for_each(|field| push_field(&mut rest, field));
    rest.push('\n');
    out.extend_from_slice(rest.as_bytes());
    Ok(())
}

fn push_field(text: &mut String, field: &Field) {
    let (kind, values): (_, Vec<String>) = match &field.value {
        Value::Strings(values) => ("string", values.iter().map(|value| quoted(value)).collect()),
        Value::Bytes(values) => ("bytes", values.iter().map(|value| STANDARD.encode(value)).collect()),
        Value::Integers(values) => ("integer", values.iter().map(i64::to_string).collect()),
        Value::Doubles(values) => ("double", values.iter().map(|&value| go_number(value)).collect()),
        Value::Bools(values) => ("bool", values.iter().map(bool::to_string).collect()),
    };
    let values = match &values[..] {
        [one] => one.clone(),
        several => format!("[{}]", several.join(",")),
    };
    text.push_str(&format!("    | name:{} type:{kind} value:{values}", quoted(&field.name)));
    if !field.representation.is_empty() {
        text.push_str(&format!(" representation:{}", quoted(&field.representation)));
    }
    text.push('\n');
}

/// Text in double quotes with Go's escapes.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for letter in text.chars() {
        let escape = match letter {
            '"' => "\\\"",
            '\\' => "\\\\",
            '\x07' => "\\a",
            '\x08' => "\\b",
            '\x0c' => "\\f",
            '\n' => "\\n",
            '\r' => "\\r",
            '\t' => "\\t",
            '\x0b' => "\\v",
            control if control.is_ascii_control() => {
                write!(quoted, "\\x{:02x}", u32::from(control)).expect(TAKES_TEXT);
                continue;
            }
            control if control.is_control() => {
                write!(quoted, "\\u{:04x}", u32::from(control)).expect(TAKES_TEXT);
                continue;
            }
            plain => {
                quoted.push(plain);
                continue;
            }
        };
        quoted.push_str(escape);
    }
    quoted.push('"');
    quoted
}

const TAKES_TEXT: &str = "text takes text";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Stamp;

    fn written(message: &Message) -> String {
        let mut out = Vec::new();
        write_message(message, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers_and_text_are_written_as_go_writes_them() {
        let numbers =
            [0.0, 0.5, 123456.0, 1234567.0, 1e21, 0.0001, 0.00001, -2.5e-7, f64::NAN, f64::NEG_INFINITY];
        let expected =
            ["0", "0.5", "123456", "1.234567e+06", "1e+21", "0.0001", "1e-05", "-2.5e-07", "NaN", "-Inf"];
        assert_eq!(numbers.map(go_number), expected);
        assert_eq!(quoted("a\"b\\c\n\u{1}\u{85}\u{e9}"), "\"a\\\"b\\\\c\\n\\x01\\u0085\u{e9}\"");
    }

    #[test]
    fn a_message_without_fields_ends_in_an_empty_line() {
        let message =
            Message { timestamp: Stamp::from_seconds(-1), payload: b"a\nb".to_vec(), ..Message::default() };
        let expected = "\n:Timestamp: 1969-12-31 23:59:59 +0000 UTC\n:Type: \n:Hostname: \n:Pid: 0\n\
                        :Uuid: 00000000-0000-0000-0000-000000000000\n:Logger: \n:Payload: a\nb\n:EnvVersion: \n\
                        :Severity: 7\n:Fields:\n\n";
        assert_eq!(written(&message), expected);
    }

    /// The message of Heka's own test.
    #[test]
    fn the_message_of_the_vectors_is_written_to_the_byte() {
        let vector: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/vectors/rst_encoder.json")).unwrap();
        let given = &vector["message"];
        let text = |key: &str| given[key].as_str().unwrap().to_owned();
        let number = |key: &str| given[key].as_i64().unwrap() as i32;
        let at: jiff::Timestamp = text("Timestamp").parse().unwrap();
        let mut uuid = [0; 16];
        let digits = text("Uuid").replace('-', "");
        for (place, byte) in uuid.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&digits[2 * place..][..2], 16).unwrap();
        }
        let message = Message {
            uuid,
            timestamp: Stamp(at.as_nanosecond() as i64),
            type_: text("Type").into(),
            logger: text("Logger").into(),
            severity: number("Severity"),
            payload: text("Payload").into_bytes(),
            env_version: text("EnvVersion").into(),
            pid: number("Pid"),
            hostname: text("Hostname").into(),
            fields: given["Fields"].as_array().unwrap().iter().map(field).collect(),
            signer: None,
        };
        assert_eq!(written(&message), vector["output"].as_str().unwrap());
    }

    fn field(given: &serde_json::Value) -> Field {
        let values = given["values"].as_array().unwrap();
        let texts = || values.iter().map(|value| value.as_str().unwrap().to_owned());
        let value = match &values[0] {
            serde_json::Value::Bool(_) => {
                Value::Bools(values.iter().map(|value| value.as_bool().unwrap()).collect())
            }
            serde_json::Value::String(_) if given["name"] == "bytes" => {
                Value::Bytes(texts().map(String::into_bytes).collect())
            }
            serde_json::Value::String(_) => Value::Strings(texts().map(Into::into).collect()),
            number if number.is_i64() => {
                Value::Integers(values.iter().map(|value| value.as_i64().unwrap()).collect())
            }
            _ => Value::Doubles(values.iter().map(|value| value.as_f64().unwrap()).collect()),
        };
        let representation = given["representation"].as_str().unwrap_or("").into();
        Field { name: given["name"].as_str().unwrap().into(), representation, value }
    }
}
