//! Heka's message: ten headers and typed fields.
//!
//! Source: Heka's `message.proto` (mozilla-services/heka). Its protobuf form is in `wire`, the frame around it in
//! `framing`.

mod field;
pub mod framing;
pub mod wire;

pub use field::{Field, Value, Values};

/// Text of a header or field. Up to 23 bytes lie in place, longer ones are shared: a copy allocates nothing.
pub type Text = smol_str::SmolStr;

use crate::time::Stamp;

/// One log record.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// 16 raw bytes.
    pub uuid: [u8; 16],
    /// When it happened.
    pub timestamp: Stamp,
    /// Kind of message, `logfile` for example.
    pub type_: Text,
    /// Who logged it.
    pub logger: Text,
    /// Syslog severity 0 to 7; not checked, as in Heka. 7 when nobody said.
    pub severity: i32,
    /// The text. Bytes, since a log line need not be UTF-8.
    pub payload: Vec<u8>,
    /// Version of the message's schema, free text.
    pub env_version: Text,
    /// Process id of the sender, 0 when nobody said.
    pub pid: i32,
    /// Host of the sender.
    pub hostname: Text,
    /// In the order they were added; names may repeat.
    pub fields: Vec<Field>,
    /// The verified signer; never part of the wire form.
    pub signer: Option<Text>,
}

impl Default for Message {
    fn default() -> Message {
        Message {
            uuid: [0; 16],
            timestamp: Stamp(0),
            type_: Text::default(),
            logger: Text::default(),
            severity: DEFAULT_SEVERITY,
            payload: Vec::new(),
            env_version: Text::default(),
            pid: 0,
            hostname: Text::default(),
            fields: Vec::new(),
            signer: None,
        }
    }
}

impl Message {
    /// The `instance`-th field named `name`, counted from 0.
    pub fn field(&self, name: &str, instance: usize) -> Option<&Field> {
        self.fields.iter().filter(|field| field.name == name).nth(instance)
    }

    /// Bytes it holds, roughly. A text that others share counts too.
    pub fn weight(&self) -> usize {
        let headers = [&self.type_, &self.logger, &self.env_version, &self.hostname];
        let headers: usize = headers.into_iter().chain(&self.signer).map(text_weight).sum();
        let fields: usize = self.fields.iter().map(Field::weight).sum();
        size_of::<Message>() + self.payload.len() + headers + fields
    }
}

/// Bytes of a text that does not lie in place.
fn text_weight(text: &Text) -> usize {
    if text.is_heap_allocated() { text.len() } else { 0 }
}

/// Severity of a message that names none: debug.
pub const DEFAULT_SEVERITY: i32 = 7;

/// The number of one of the makers of messages in a process, which names itself and has `seed`.
pub fn maker_number(seed: u64, name: &str) -> u64 {
    seed ^ u64::from(crc32fast::hash(name.as_bytes())) << 32
}

/// A version 8 uuid (RFC 9562: custom) of a maker and the number of a message it makes.
pub fn made_uuid(maker: u64, number: u64) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&maker.to_be_bytes());
    bytes[8..].copy_from_slice(&number.to_be_bytes());
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    bytes
}

/// Writes a uuid as dashed lower-case text, the form matchers compare.
pub fn uuid_text(uuid: &[u8; 16]) -> String {
    let mut text = String::with_capacity(36);
    for (index, byte) in uuid.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        for nibble in [byte >> 4, byte & 15] {
            text.push(char::from_digit(nibble.into(), 16).expect("a nibble is a hex digit"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_weighs_what_its_texts_and_values_do() {
        let bare = Message::default().weight();
        let with = |field: Field| Message { fields: vec![field], ..Message::default() }.weight() - bare;
        let long = "x".repeat(50_000);
        let empty = with(Field::new("n", ""));
        assert_eq!(with(Field::new("n", long.as_str())), empty + 50_000);
        assert_eq!(with(Field::new(long.as_str(), 1)), empty + 50_000);
        assert_eq!(with(Field::new("n", 1).shown_as(long.as_str())), empty + 50_000);
        let bytes = Value::Bytes(Values::One(vec![0; 50_000]));
        assert_eq!(with(Field { value: bytes, ..Field::new("n", 1) }), empty + 50_000);
        let numbers = Value::Doubles(vec![0.0; 1000].into());
        assert_eq!(with(Field { value: numbers, ..Field::new("n", 1) }), empty + 8000);
        let hostname = Text::from(long.as_str());
        assert_eq!(Message { hostname, payload: vec![0; 7], ..Message::default() }.weight(), bare + 50_007);
    }

    #[test]
    fn a_uuid_is_written_dashed_and_lower_case() {
        let uuid =
            [0x12, 0x3e, 0x45, 0x67, 0xe8, 0x9b, 0x12, 0xd3, 0xa4, 0x56, 0x42, 0x66, 0x14, 0x17, 0x40, 0x00];
        assert_eq!(uuid_text(&uuid), "123e4567-e89b-12d3-a456-426614174000");
    }
}
