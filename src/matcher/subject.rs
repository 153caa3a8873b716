//! What a matcher can be asked about: a view that hands out headers and fields and may not know some of them.

use std::borrow::Cow;

use crate::message::{Message, Value, uuid_text};

/// Anything a matcher can be asked about.
///
/// A borrowed view: a test asks for the one value it reads, so nothing else need exist.
pub trait Subject {
    /// The value of a text header; one that was never set is the empty text.
    fn text(&self, header: Header) -> Known<'_>;

    /// The value of a numeric header, `None` if it is not known.
    fn number(&self, number: Number) -> Option<f64>;

    /// The `item`-th value of the `instance`-th field named `name`, both counted from 0.
    fn field(&self, name: &str, instance: usize, item: usize) -> FieldValue<'_>;
}

/// The headers that hold text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Header {
    /// Compared as dashed lower-case text.
    Uuid,
    /// Kind of message.
    Type,
    /// Who logged it.
    Logger,
    /// The text of the record, any bytes.
    Payload,
    /// Version of the message's schema.
    EnvVersion,
    /// Host of the sender.
    Hostname,
    /// Who signed the message, where that was verified. No word of the language: see `Matcher::signed_by`.
    Signer,
}

impl Header {
    /// The name matchers use, `EnvVersion` for example.
    pub const fn name(self) -> &'static str {
        match self {
            Header::Uuid => "Uuid",
            Header::Type => "Type",
            Header::Logger => "Logger",
            Header::Payload => "Payload",
            Header::EnvVersion => "EnvVersion",
            Header::Hostname => "Hostname",
            Header::Signer => "Signer",
        }
    }

    /// Every text header that the language knows.
    pub const ALL: [Header; 6] =
        [Header::Uuid, Header::Type, Header::Logger, Header::Payload, Header::EnvVersion, Header::Hostname];
}

/// The headers that hold a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Number {
    /// Nanoseconds since the Unix epoch. Compared as a double, so to about 200 ns today.
    Timestamp,
    /// Syslog severity, 7 when nobody said.
    Severity,
    /// Process id of the sender, 0 when nobody said.
    Pid,
}

impl Number {
    /// The name matchers use, `Severity` for example.
    pub const fn name(self) -> &'static str {
        match self {
            Number::Timestamp => "Timestamp",
            Number::Severity => "Severity",
            Number::Pid => "Pid",
        }
    }

    /// Every numeric header.
    pub const ALL: [Number; 3] = [Number::Timestamp, Number::Severity, Number::Pid];
}

/// What is known of a text header.
#[derive(Debug, Clone, PartialEq)]
pub enum Known<'a> {
    /// It may be anything.
    Unknown,
    /// It begins with this text.
    Prefix(&'a str),
    /// It is this.
    Is(Cow<'a, [u8]>),
}

/// What is known of one value of a field.
#[derive(Debug, Clone, PartialEq)]
pub enum FieldValue<'a> {
    /// It may be anything, or missing.
    Unknown,
    /// Field, instance or item is missing.
    Nil,
    /// A value of a STRING or BYTES field.
    Text(Cow<'a, [u8]>),
    /// A value of an INTEGER or DOUBLE field.
    Number(f64),
    /// A value of a BOOL field.
    Bool(bool),
}

/// Everything of a message is known.
impl Subject for Message {
    fn text(&self, header: Header) -> Known<'_> {
        Known::Is(Cow::Borrowed(match header {
            Header::Uuid => return Known::Is(Cow::Owned(uuid_text(&self.uuid).into_bytes())),
            Header::Type => self.type_.as_bytes(),
            Header::Logger => self.logger.as_bytes(),
            Header::Payload => &self.payload,
            Header::EnvVersion => self.env_version.as_bytes(),
            Header::Hostname => self.hostname.as_bytes(),
            Header::Signer => self.signer.as_deref().unwrap_or_default().as_bytes(),
        }))
    }

    fn number(&self, number: Number) -> Option<f64> {
        Some(match number {
            Number::Timestamp => self.timestamp.0 as f64,
            Number::Severity => self.severity.into(),
            Number::Pid => self.pid.into(),
        })
    }

    fn field(&self, name: &str, instance: usize, item: usize) -> FieldValue<'_> {
        let Some(field) = Message::field(self, name, instance) else { return FieldValue::Nil };
        let value = match &field.value {
            Value::Strings(values) => values.get(item).map(|text| FieldValue::Text(text.as_bytes().into())),
            Value::Bytes(values) => values.get(item).map(|bytes| FieldValue::Text(bytes.into())),
            Value::Integers(values) => values.get(item).map(|&integer| FieldValue::Number(integer as f64)),
            Value::Doubles(values) => values.get(item).map(|&double| FieldValue::Number(double)),
            Value::Bools(values) => values.get(item).map(|&truth| FieldValue::Bool(truth)),
        };
        value.unwrap_or(FieldValue::Nil)
    }
}
