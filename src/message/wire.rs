//! The protobuf form of a message: Heka's `message.proto`, proto2.
//!
//! Written as Heka's Go code writes it: headers that nobody set are left out, type and representation of a field are
//! always there, lists of numbers are packed. Read from anybody: fields in any order, lists packed or not, unknown
//! fields passed over, text that is not UTF-8 mended with U+FFFD (a payload is bytes and stays as it is). Any bytes give
//! a message or an error, and no length that they claim is believed before it is there.
//!
//! Source: <https://github.com/mozilla-services/heka/blob/dev/message/message.proto>,
//! <https://protobuf.dev/programming-guides/encoding/>.

use super::{DEFAULT_SEVERITY, Field, Message, Text, Value, Values};
use crate::time::Stamp;

/// Why bytes are not a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// They end within a value.
    #[error("it ends within a value")]
    Truncated,
    /// A number of more than 64 bits.
    #[error("a number has more than 64 bits")]
    Varint,
    /// A key with the number 0, or one of more than 29 bits.
    #[error("a key has no valid number")]
    Key,
    /// A known field of a wire type that it does not have, or a wire type that there is not.
    #[error("field {number} has wire type {wire}")]
    WireType {
        /// Number of the field.
        number: u32,
        /// Its wire type as it was found.
        wire: u8,
    },
    /// A uuid that is not 16 bytes.
    #[error("its uuid has {0} bytes, not 16")]
    Uuid(usize),
    /// A field whose values are of no known type.
    #[error("a field has values of type {0}, which is none")]
    ValueType(u64),
}

/// Appends the protobuf form of `message` to `out`. Its signer is no part of it.
pub fn encode(message: &Message, out: &mut Vec<u8>) {
    if message.uuid != [0; 16] {
        put_bytes(UUID, &message.uuid, out);
    }
    put_number(TIMESTAMP, message.timestamp.0 as u64, out);
    put_text(TYPE, &message.type_, out);
    put_text(LOGGER, &message.logger, out);
    if message.severity != DEFAULT_SEVERITY {
        put_number(SEVERITY, i64::from(message.severity) as u64, out);
    }
    if !message.payload.is_empty() {
        put_bytes(PAYLOAD, &message.payload, out);
    }
    put_text(ENV_VERSION, &message.env_version, out);
    if message.pid != 0 {
        put_number(PID, i64::from(message.pid) as u64, out);
    }
    put_text(HOSTNAME, &message.hostname, out);
    for field in &message.fields {
        put_key(FIELDS, LENGTH, out);
        put_varint(field_length(field) as u64, out);
        put_field(field, out);
    }
}

/// Reads a message.
///
/// # Errors
/// If the bytes are something else.
pub fn decode(bytes: &[u8]) -> Result<Message, WireError> {
    let mut message = Message::default();
    decode_into(bytes, &mut message)?;
    Ok(message)
}

/// The same into a message that has nothing yet but memory.
///
/// # Errors
/// As `decode`; some of it may have been read.
pub fn decode_into(bytes: &[u8], message: &mut Message) -> Result<(), WireError> {
    let mut reader = Reader(bytes);
    while let Some((number, wire)) = reader.key()? {
        match number {
            UUID => {
                let uuid = reader.bytes(number, wire)?;
                message.uuid = uuid.try_into().map_err(|_| WireError::Uuid(uuid.len()))?;
            }
            TIMESTAMP => message.timestamp = Stamp(reader.number(number, wire)? as i64),
            TYPE => message.type_ = reader.text(number, wire)?,
            LOGGER => message.logger = reader.text(number, wire)?,
            // As C and Go do it, the upper bits of what should be 32 are dropped.
            SEVERITY => message.severity = reader.number(number, wire)? as i32,
            PAYLOAD => {
                // Of several the last one counts.
                message.payload.clear();
                message.payload.extend_from_slice(reader.bytes(number, wire)?);
            }
            ENV_VERSION => message.env_version = reader.text(number, wire)?,
            PID => message.pid = reader.number(number, wire)? as i32,
            HOSTNAME => message.hostname = reader.text(number, wire)?,
            FIELDS => decode_field(reader.bytes(number, wire)?, &mut message.fields)?,
            _ => reader.skip(number, wire)?,
        }
    }
    Ok(())
}

/// Reads a field and appends it. Its type says which of its values count, and stands before them where Heka wrote it;
/// where it stands behind one of them, the bytes are read again.
fn decode_field(bytes: &[u8], fields: &mut Vec<Field>) -> Result<(), WireError> {
    let (mut name, mut representation) = (Text::default(), Text::default());
    let mut value = Value::Strings(Values::default());
    let (mut any_value, mut again) = (false, false);
    let mut reader = Reader(bytes);
    while let Some((number, wire)) = reader.key()? {
        match number {
            NAME => name = reader.text(number, wire)?,
            REPRESENTATION => representation = reader.text(number, wire)?,
            VALUE_TYPE => {
                let typed = empty_of_type(reader.number(number, wire)?)?;
                if type_of(&typed) != type_of(&value) {
                    (again, value) = (any_value, typed);
                }
            }
            // What is read again is not read now: it may be bytes that the type at hand refuses and the last does not.
            _ if again || number > BOOLS => reader.skip(number, wire)?,
            _ => {
                any_value = true;
                let before = reader.0;
                if decode_value(&mut value, number, wire, &mut reader).is_err() {
                    again = true;
                    reader = Reader(before);
                    reader.skip(number, wire)?;
                }
            }
        }
    }
    if again {
        value = empty_of_type(type_of(&value))?;
        let mut reader = Reader(bytes);
        while let Some((number, wire)) = reader.key()? {
            decode_value(&mut value, number, wire, &mut reader)?;
        }
    }
    fields.push(Field { name, representation, value });
    Ok(())
}

/// Reads what stands under `number`, into `value` if it is of its type.
fn decode_value(value: &mut Value, number: u32, wire: u8, reader: &mut Reader<'_>) -> Result<(), WireError> {
    match (value, number) {
        (Value::Strings(values), STRINGS) => values.push(reader.text(number, wire)?),
        (Value::Bytes(values), BYTES) => values.push(reader.bytes(number, wire)?.to_vec()),
        (Value::Integers(values), INTEGERS) if wire == VARINT => values.push(reader.varint()? as i64),
        (Value::Integers(values), INTEGERS) => {
            let mut packed = Reader(reader.bytes(number, wire)?);
            while !packed.0.is_empty() {
                values.push(packed.varint()? as i64);
            }
        }
        (Value::Bools(values), BOOLS) if wire == VARINT => values.push(reader.varint()? != 0),
        (Value::Bools(values), BOOLS) => {
            let mut packed = Reader(reader.bytes(number, wire)?);
            while !packed.0.is_empty() {
                values.push(packed.varint()? != 0);
            }
        }
        (Value::Doubles(values), DOUBLES) if wire == FIXED64 => values.push(reader.double()?),
        (Value::Doubles(values), DOUBLES) => {
            let mut packed = Reader(reader.bytes(number, wire)?);
            while !packed.0.is_empty() {
                values.push(packed.double()?);
            }
        }
        _ => reader.skip(number, wire)?,
    }
    Ok(())
}

fn empty_of_type(value_type: u64) -> Result<Value, WireError> {
    Ok(match value_type {
        0 => Value::Strings(Values::default()),
        1 => Value::Bytes(Values::default()),
        2 => Value::Integers(Values::default()),
        3 => Value::Doubles(Values::default()),
        4 => Value::Bools(Values::default()),
        other => return Err(WireError::ValueType(other)),
    })
}

/// Bytes still to be read.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    /// Number and wire type of the next field; none at the end.
    pub(super) fn key(&mut self) -> Result<Option<(u32, u8)>, WireError> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let key = self.varint()?;
        match u32::try_from(key >> 3) {
            Ok(number @ 1..=LARGEST_NUMBER) => Ok(Some((number, (key & 7) as u8))),
            _ => Err(WireError::Key),
        }
    }

    #[inline]
    fn varint(&mut self) -> Result<u64, WireError> {
        match self.0 {
            // Most keys, lengths and types are of one byte.
            [byte @ 0..0x80, rest @ ..] => {
                self.0 = rest;
                Ok(u64::from(*byte))
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64, WireError> {
        let mut value = 0;
        for (place, &byte) in self.0.iter().enumerate() {
            // The tenth byte has room for one bit.
            if place == 9 && byte > 1 {
                return Err(WireError::Varint);
            }
            value |= u64::from(byte & 0x7f) << (7 * place);
            if byte < 0x80 {
                self.0 = &self.0[place + 1..];
                return Ok(value);
            }
        }
        Err(WireError::Truncated)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], WireError> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(WireError::Truncated)?;
        self.0 = rest;
        Ok(taken)
    }

    fn double(&mut self) -> Result<f64, WireError> {
        let bytes = self.take(8)?.try_into().expect("eight bytes were taken");
        Ok(f64::from_le_bytes(bytes))
    }

    pub(super) fn number(&mut self, number: u32, wire: u8) -> Result<u64, WireError> {
        if wire == VARINT { self.varint() } else { Err(WireError::WireType { number, wire }) }
    }

    pub(super) fn bytes(&mut self, number: u32, wire: u8) -> Result<&'a [u8], WireError> {
        if wire != LENGTH {
            return Err(WireError::WireType { number, wire });
        }
        let length = self.varint()?;
        self.take(usize::try_from(length).unwrap_or(usize::MAX))
    }

    #[inline]
    fn text(&mut self, number: u32, wire: u8) -> Result<Text, WireError> {
        let bytes = self.bytes(number, wire)?;
        // Mending costs several times as much as looking whether there is something to mend.
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Text::new(text)),
            Err(_) => Ok(Text::new(String::from_utf8_lossy(bytes))),
        }
    }

    /// Passes over a field that nobody knows. Groups, which message.proto never had, are refused.
    pub(super) fn skip(&mut self, number: u32, wire: u8) -> Result<(), WireError> {
        match wire {
            VARINT => self.varint().map(drop),
            FIXED64 => self.take(8).map(drop),
            LENGTH => self.bytes(number, wire).map(drop),
            FIXED32 => self.take(4).map(drop),
            _ => Err(WireError::WireType { number, wire }),
        }
    }
}

fn put_field(field: &Field, out: &mut Vec<u8>) {
    put_bytes(NAME, field.name.as_bytes(), out);
    put_number(VALUE_TYPE, type_of(&field.value), out);
    put_bytes(REPRESENTATION, field.representation.as_bytes(), out);
    match &field.value {
        Value::Strings(values) => values.iter().for_each(|text| put_bytes(STRINGS, text.as_bytes(), out)),
        Value::Bytes(values) => values.iter().for_each(|bytes| put_bytes(BYTES, bytes, out)),
        Value::Integers(values) if !values.is_empty() => {
            let length: usize = values.iter().map(|&value| varint_length(value as u64)).sum();
            put_key(INTEGERS, LENGTH, out);
            put_varint(length as u64, out);
            values.iter().for_each(|&value| put_varint(value as u64, out));
        }
        Value::Doubles(values) if !values.is_empty() => {
            put_key(DOUBLES, LENGTH, out);
            put_varint(8 * values.len() as u64, out);
            values.iter().for_each(|value| out.extend_from_slice(&value.to_le_bytes()));
        }
        Value::Bools(values) if !values.is_empty() => {
            put_key(BOOLS, LENGTH, out);
            put_varint(values.len() as u64, out);
            values.iter().for_each(|&value| out.push(u8::from(value)));
        }
        Value::Integers(_) | Value::Doubles(_) | Value::Bools(_) => {}
    }
}

/// Bytes that [`put_field`] appends.
fn field_length(field: &Field) -> usize {
    let values = match &field.value {
        Value::Strings(values) => values.iter().map(|text| length_of_bytes(text.len())).sum(),
        Value::Bytes(values) => values.iter().map(|bytes| length_of_bytes(bytes.len())).sum(),
        Value::Integers(values) => {
            packed_length(values.iter().map(|&value| varint_length(value as u64)).sum())
        }
        Value::Doubles(values) => packed_length(8 * values.len()),
        Value::Bools(values) => packed_length(values.len()),
    };
    length_of_bytes(field.name.len()) + 2 + length_of_bytes(field.representation.len()) + values
}

fn packed_length(length: usize) -> usize {
    if length == 0 { 0 } else { length_of_bytes(length) }
}

/// With its key, which is one byte for every number here.
fn length_of_bytes(length: usize) -> usize {
    1 + varint_length(length as u64) + length
}

fn varint_length(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

fn type_of(value: &Value) -> u64 {
    match value {
        Value::Strings(_) => 0,
        Value::Bytes(_) => 1,
        Value::Integers(_) => 2,
        Value::Doubles(_) => 3,
        Value::Bools(_) => 4,
    }
}

fn put_text(number: u32, text: &str, out: &mut Vec<u8>) {
    if !text.is_empty() {
        put_bytes(number, text.as_bytes(), out);
    }
}

pub(super) fn put_bytes(number: u32, bytes: &[u8], out: &mut Vec<u8>) {
    put_key(number, LENGTH, out);
    put_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

pub(super) fn put_number(number: u32, value: u64, out: &mut Vec<u8>) {
    put_key(number, VARINT, out);
    put_varint(value, out);
}

fn put_key(number: u32, wire: u8, out: &mut Vec<u8>) {
    put_varint(u64::from(number << 3 | u32::from(wire)), out);
}

fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

const UUID: u32 = 1;
const TIMESTAMP: u32 = 2;
const TYPE: u32 = 3;
const LOGGER: u32 = 4;
const SEVERITY: u32 = 5;
const PAYLOAD: u32 = 6;
const ENV_VERSION: u32 = 7;
const PID: u32 = 8;
const HOSTNAME: u32 = 9;
const FIELDS: u32 = 10;

const NAME: u32 = 1;
const VALUE_TYPE: u32 = 2;
const REPRESENTATION: u32 = 3;
const STRINGS: u32 = 4;
const BYTES: u32 = 5;
const INTEGERS: u32 = 6;
const DOUBLES: u32 = 7;
const BOOLS: u32 = 8;

const VARINT: u8 = 0;
const FIXED64: u8 = 1;
const LENGTH: u8 = 2;
const FIXED32: u8 = 5;

/// Numbers of fields have 29 bits.
const LARGEST_NUMBER: u32 = (1 << 29) - 1;

#[cfg(test)]
mod tests;
