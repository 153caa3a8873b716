//! `JsonDecoder`: payloads that are a JSON object become fields.
//!
//! Names of nested objects are joined: `{"a": {"b": 1}}` is the field `a.b`. Numbers are doubles, a list of values of one
//! kind is a field of several, any other list and what is nested deeper than asked is JSON text; null is no field. What
//! is no text in a string, a byte that is not UTF-8 or half of a surrogate pair, is read as U+FFFD. The options are those of Heka's `json.lua`, but for what collides with `type`.

use std::collections::BTreeMap;
use std::fmt;

use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

use crate::config::{Check, Violation};
use crate::logs::{Layout, parse_forgiving, parse_uuid};
use crate::matcher::{Fact, Facts};
use crate::message::{Field, Message, Text, Value, Values};
use crate::plugin::{BuildContext, BuildError, Declare, DecodeError, Decoder, Draft};
use crate::time::Stamp;

/// Options.
#[derive(Debug, Clone, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The Type of messages that map_fields gives none; "" keeps what the input gives them. Default "json".
    pub message_type: String,
    /// Which value becomes which header, which it is instead of a field: { Timestamp = "time", Severity = "level" }, with
    /// the name the field would have. The headers are Timestamp, Severity, Type, Logger, Hostname, Payload, EnvVersion, Pid
    /// and Uuid. A value that its header cannot hold is a field. Default: none.
    pub map_fields: BTreeMap<String, String>,
    /// How the Timestamp is written: directives of strftime, such as "%m/%d/%Y %H:%M:%S", which is UTC unless it says
    /// otherwise, or without a `%` a layout as in PayloadRegexDecoder, such as "EpochMilli". Default: a number is in
    /// nanoseconds, a text in one of the layouts that Go names, RFC 3339 among them.
    pub timestamp_format: String,
    /// How many names deep objects become fields of their own; what is below is JSON text. 0 is for all. Default 0.
    pub maximum_depth: u32,
    /// Put between the names of nested objects. Default ".".
    pub separator: String,
    /// Put before the name of every field. Default: nothing.
    pub prefix: String,
    /// Whether the JSON stays the payload of the message, which otherwise has none but what map_fields gives it. Default
    /// false.
    pub payload_keep: bool,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            message_type: "json".to_owned(),
            map_fields: BTreeMap::new(),
            timestamp_format: String::new(),
            maximum_depth: 0,
            separator: ".".to_owned(),
            prefix: String::new(),
            payload_keep: false,
        }
    }
}

/// How a timestamp is written.
enum Written {
    AsGoNames,
    Layout(Layout),
    Directives(String),
}

impl Config {
    fn written(&self) -> Written {
        match &*self.timestamp_format {
            "" => Written::AsGoNames,
            format if format.contains('%') => Written::Directives(format.to_owned()),
            layout => Written::Layout(Layout::new(layout)),
        }
    }
}

impl Check for Config {
    fn check(&self) -> Vec<Violation> {
        let mut violations = Vec::new();
        for header in self.map_fields.keys().filter(|header| !HEADERS.contains(&&***header)) {
            let violation = Violation::new("map_fields", format!("`{header}` is no header that can be set"));
            let help = format!("headers are {}", HEADERS.join(", "));
            violations.push(Violation { help: Some(help), ..violation }.of_element(header));
        }
        let message = match self.written() {
            Written::Layout(layout) if !layout.reads_time() => "has no part of a date or time".to_owned(),
            Written::Directives(format) => match strtime::format(&format, &jiff::Zoned::default()) {
                Err(error) => format!("does not parse: {error}"),
                Ok(_) => return violations,
            },
            _ => return violations,
        };
        violations.push(Violation::new("timestamp_format", message));
        violations
    }
}

impl Declare<dyn Decoder> for Config {
    const TYPE: &'static str = "JsonDecoder";
    const SUMMARY: &'static str = "Makes fields of payloads that are a JSON object.";

    fn emits(&self, _: &str, _: &str) -> Vec<Facts> {
        let is_given = !self.message_type.is_empty() && !self.map_fields.contains_key("Type");
        let type_ = if is_given { Fact::Is(self.message_type.as_str().into()) } else { Fact::Unknown };
        vec![Facts { type_, ..Facts::default() }]
    }

    fn build(&self, _: &BuildContext) -> Result<Box<dyn Decoder>, BuildError> {
        let headers = self.map_fields.iter();
        Ok(Box::new(JsonDecoder {
            type_: (!self.message_type.is_empty()).then(|| Text::new(&self.message_type)),
            // Most have a few.
            headers: headers.map(|(header, name)| (name.clone(), header.clone())).collect(),
            written: self.written(),
            depth: if self.maximum_depth == 0 { u32::MAX } else { self.maximum_depth },
            separator: self.separator.clone(),
            prefix: self.prefix.clone(),
            keep: self.payload_keep,
        }))
    }
}

const HEADERS: &[&str] =
    &["Timestamp", "Severity", "Type", "Logger", "Hostname", "Payload", "EnvVersion", "Pid", "Uuid"];

struct JsonDecoder {
    type_: Option<Text>,
    /// Names of values with their headers.
    headers: Vec<(String, String)>,
    written: Written,
    depth: u32,
    separator: String,
    prefix: String,
    keep: bool,
}

impl Decoder for JsonDecoder {
    fn decode(&mut self, record: &[u8], draft: &mut Draft) -> Result<(), DecodeError> {
        let read = self.read(record, record, draft).or_else(|error| match mended(record) {
            Some(mended) => self.read(&mended, record, draft),
            None => Err(error),
        });
        let message = read.map_err(|error| DecodeError(format!("no JSON object: {error}")))?;
        draft.messages.push(message);
        Ok(())
    }
}

impl JsonDecoder {
    /// The message of an object, which is `record` but for what was mended.
    fn read(&self, object: &[u8], record: &[u8], draft: &mut Draft) -> Result<Message, serde_json::Error> {
        let mut message = draft.begun();
        if let Some(type_) = &self.type_ {
            message.type_ = type_.clone();
        }
        if self.keep {
            message.payload.extend_from_slice(record);
        }
        let mut reader = serde_json::Deserializer::from_slice(object);
        let mut filling =
            Filling { decoder: self, message: &mut message, path: self.prefix.clone(), depth: 0 };
        reader.deserialize_map(&mut filling)?;
        reader.end()?;
        Ok(message)
    }
}

/// JSON with U+FFFD for what is no text in it; none if all of it is.
fn mended(record: &[u8]) -> Option<Vec<u8>> {
    let text = String::from_utf8_lossy(record);
    let mut mended = Vec::with_capacity(text.len());
    // Up to here it was copied.
    let mut from = 0;
    let mut at = 0;
    while let Some(backslash) = memchr::memchr(b'\\', &text.as_bytes()[at..]) {
        at += backslash;
        let rest = &text.as_bytes()[at..];
        match escaped_unit(rest) {
            Some(0xd800..=0xdbff) if matches!(escaped_unit(&rest[6..]), Some(0xdc00..=0xdfff)) => at += 12,
            Some(0xd800..=0xdfff) => {
                mended.extend_from_slice(&text.as_bytes()[from..at]);
                mended.extend_from_slice(b"\\ufffd");
                at += 6;
                from = at;
            }
            // What is escaped may be a backslash.
            _ => at = text.len().min(at + 2),
        }
    }
    let is_whole = from == 0 && matches!(text, std::borrow::Cow::Borrowed(_));
    mended.extend_from_slice(&text.as_bytes()[from..]);
    (!is_whole).then_some(mended)
}

/// The unit of UTF-16 that `\u` and four hex digits stand for, if the text begins with them.
fn escaped_unit(text: &[u8]) -> Option<u16> {
    let digits = text.strip_prefix(b"\\u")?.get(..4)?;
    digits.iter().try_fold(0, |unit, digit| Some(unit << 4 | char::from(*digit).to_digit(16)? as u16))
}

/// A message being filled, and where in the object.
struct Filling<'a> {
    decoder: &'a JsonDecoder,
    message: &'a mut Message,
    /// Names down to here, with the prefix.
    path: String,
    /// How many.
    depth: u32,
}

impl Filling<'_> {
    fn push(&mut self, value: Value) {
        if let Some(value) = self.header(value) {
            self.message.fields.push(Field::new(&*self.path, value));
        }
    }

    /// Sets the header that the value here is for; gives it back if it is for none, or does not fit.
    fn header(&mut self, value: Value) -> Option<Value> {
        let name = &self.path[self.decoder.prefix.len()..];
        let Some((_, header)) = self.decoder.headers.iter().find(|(known, _)| known == name) else {
            return Some(value);
        };
        let text = match &value {
            Value::Strings(Values::One(text)) => Some(text.clone()),
            _ => None,
        };
        let number = match &value {
            Value::Doubles(Values::One(number)) => Some(*number),
            Value::Integers(Values::One(number)) => Some(*number as f64),
            _ => None,
        };
        let whole = number.filter(|number| number.fract() == 0.0).map(|number| number as i32);
        let set = match (&**header, text) {
            ("Timestamp", text) => self.stamp(text.as_deref(), &value).map(Header::Timestamp),
            ("Severity", _) => whole.map(Header::Severity),
            ("Pid", _) => whole.map(Header::Pid),
            ("EnvVersion", None) => number.map(|number| Header::EnvVersion(number.to_string().into())),
            ("EnvVersion", Some(text)) => Some(Header::EnvVersion(text)),
            ("Type", Some(text)) => Some(Header::Type(text)),
            ("Logger", Some(text)) => Some(Header::Logger(text)),
            ("Hostname", Some(text)) => Some(Header::Hostname(text)),
            ("Payload", Some(text)) => Some(Header::Payload(text)),
            ("Uuid", Some(text)) => parse_uuid(text.as_bytes()).map(Header::Uuid),
            _ => None,
        };
        let Some(header) = set else { return Some(value) };
        header.set(self.message);
        None
    }

    fn stamp(&self, text: Option<&str>, value: &Value) -> Option<Stamp> {
        let now = self.message.timestamp;
        match (&self.decoder.written, text, value) {
            (Written::AsGoNames, Some(text), _) => parse_forgiving(text.as_bytes(), &TimeZone::UTC, now).ok(),
            (Written::AsGoNames, None, Value::Integers(nanos)) => nanos.first().map(|nanos| Stamp(*nanos)),
            (Written::Layout(layout), Some(text), _) => {
                layout.parse(text.as_bytes(), &TimeZone::UTC, now).ok()
            }
            (Written::Layout(layout), None, Value::Integers(_) | Value::Doubles(_)) => {
                let written = match value {
                    Value::Integers(numbers) => numbers.first()?.to_string(),
                    Value::Doubles(numbers) => numbers.first()?.to_string(),
                    _ => return None,
                };
                layout.parse(written.as_bytes(), &TimeZone::UTC, now).ok()
            }
            (Written::Directives(format), Some(text), _) => directives(format, text),
            _ => None,
        }
    }
}

/// A header and what it becomes.
enum Header {
    Timestamp(Stamp),
    Severity(i32),
    Pid(i32),
    EnvVersion(Text),
    Type(Text),
    Logger(Text),
    Hostname(Text),
    Payload(Text),
    Uuid([u8; 16]),
}

impl Header {
    fn set(self, message: &mut Message) {
        match self {
            Header::Timestamp(stamp) => message.timestamp = stamp,
            Header::Severity(severity) => message.severity = severity,
            Header::Pid(pid) => message.pid = pid,
            Header::EnvVersion(text) => message.env_version = text,
            Header::Type(text) => message.type_ = text,
            Header::Logger(text) => message.logger = text,
            Header::Hostname(text) => message.hostname = text,
            Header::Payload(text) => message.payload = text.as_bytes().to_vec(),
            Header::Uuid(uuid) => message.uuid = uuid,
        }
    }
}

fn directives(format: &str, text: &str) -> Option<Stamp> {
    let read = strtime::parse(format, text).ok()?;
    let at = match read.offset() {
        Some(_) => read.to_timestamp().ok()?,
        None => read.to_datetime().ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp(),
    };
    i64::try_from(at.as_nanosecond()).ok().map(Stamp)
}

/// What is at hand: of an object each entry is a name and a value, unless it is too deep.
impl<'de> Visitor<'de> for &mut Filling<'_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        if self.depth >= self.decoder.depth {
            let object = serde_json::Value::deserialize(MapAccessDeserializer::new(entries))?;
            self.push(object.to_string().into());
            return Ok(());
        }
        let length = self.path.len();
        while let Some(()) = entries.next_key_seed(Name(&mut *self))? {
            self.depth += 1;
            entries.next_value_seed(&mut *self)?;
            self.depth -= 1;
            self.path.truncate(length);
        }
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.push(value.into());
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.visit_integer(value);
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        match i64::try_from(value) {
            Ok(value) => self.visit_integer(value),
            Err(_) => self.push((value as f64).into()),
        }
        Ok(())
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.push(value.into());
        Ok(())
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.push(value.into());
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, values: A) -> Result<(), A::Error> {
        let values = Vec::<serde_json::Value>::deserialize(SeqAccessDeserializer::new(values))?;
        self.push(list(&values).unwrap_or_else(|| serde_json::Value::Array(values).to_string().into()));
        Ok(())
    }
}

impl Filling<'_> {
    /// A header may need it whole; a field is a double.
    fn visit_integer(&mut self, value: i64) {
        if let Some(value) = self.header(Value::from(value)) {
            let Value::Integers(values) = value else { unreachable!("it is given back as it was") };
            let double: Value = values.first().map_or(0.0, |value| *value as f64).into();
            self.message.fields.push(Field::new(&*self.path, double));
        }
    }
}

/// Values of one kind.
fn list(values: &[serde_json::Value]) -> Option<Value> {
    let texts = || values.iter().map(|value| value.as_str().map(Text::new)).collect::<Option<_>>();
    let numbers = || values.iter().map(serde_json::Value::as_f64).collect::<Option<_>>();
    let truths = || values.iter().map(serde_json::Value::as_bool).collect::<Option<_>>();
    if values.is_empty() {
        return None;
    }
    texts()
        .map(Value::Strings)
        .or_else(|| numbers().map(Value::Doubles))
        .or_else(|| truths().map(Value::Bools))
}

/// A value, of any kind.
impl<'de> DeserializeSeed<'de> for &mut Filling<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// A name, appended to the path.
struct Name<'a, 'f>(&'a mut Filling<'f>);

impl<'de> DeserializeSeed<'de> for Name<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name<'_, '_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<(), E> {
        let Name(filling) = self;
        if filling.depth > 0 {
            filling.path.push_str(&filling.decoder.separator);
        }
        filling.path.push_str(name);
        Ok(())
    }
}
