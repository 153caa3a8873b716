//! What is true of every record of a stream, known before one of them is read.

use std::borrow::Cow;

use super::subject::{FieldValue, Header, Known, Number, Subject};

/// What is true of every record of a stream. The default knows nothing.
///
/// Payload, uuid and timestamp are never known.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// Their type.
    pub type_: Fact,
    /// Their logger.
    pub logger: Fact,
    /// Their host name.
    pub hostname: Fact,
    /// Their schema version.
    pub env_version: Fact,
    /// Who signed them; the empty text if nobody did.
    pub signer: Fact,
    /// Their severity, if they share one.
    pub severity: Option<i32>,
    /// Their process id, if they share one.
    pub pid: Option<i32>,
    /// The fields they can have.
    pub fields: FieldNames,
}

/// What is known of one text header.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Fact {
    /// It may differ from record to record.
    #[default]
    Unknown,
    /// It is this text in every record.
    Is(Box<str>),
    /// It begins with this text in every record.
    Prefix(Box<str>),
}

/// Which fields the records can have.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum FieldNames {
    /// Any.
    #[default]
    Unknown,
    /// No others than these; a name outside the list is NIL, one inside may be missing too.
    Only(&'static [&'static str]),
}

/// A matcher asked about facts is asked about all records of the stream at once.
impl Subject for Facts {
    fn text(&self, header: Header) -> Known<'_> {
        let fact = match header {
            Header::Type => &self.type_,
            Header::Logger => &self.logger,
            Header::Hostname => &self.hostname,
            Header::EnvVersion => &self.env_version,
            Header::Signer => &self.signer,
            Header::Payload | Header::Uuid => return Known::Unknown,
        };
        match fact {
            Fact::Unknown => Known::Unknown,
            Fact::Is(text) => Known::Is(Cow::Borrowed(text.as_bytes())),
            Fact::Prefix(text) => Known::Prefix(text),
        }
    }

    fn number(&self, number: Number) -> Option<f64> {
        match number {
            Number::Timestamp => None,
            Number::Severity => self.severity.map(f64::from),
            Number::Pid => self.pid.map(f64::from),
        }
    }

    fn field(&self, name: &str, _instance: usize, _item: usize) -> FieldValue<'_> {
        match self.fields {
            FieldNames::Only(names) if !names.contains(&name) => FieldValue::Nil,
            FieldNames::Unknown | FieldNames::Only(_) => FieldValue::Unknown,
        }
    }
}
