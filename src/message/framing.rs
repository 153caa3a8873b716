//! Heka's framing: the records of a stream of messages, signed or not.
//!
//! ```text
//! 0x1e | length of the header (1 byte) | header (protobuf) | 0x1f | message
//! ```
//!
//! The header has the length of the message and, where it is signed, the name of the signer, the version of its key and
//! the HMAC of the message. A reader that finds no frame where one should begin goes on at the next `0x1e`. The message
//! may be any bytes here; Heka puts its protobuf form there (`super::wire`).
//!
//! Source: <https://hekad.readthedocs.io/en/latest/message/index.html#stream-framing>,
//! <https://github.com/mozilla-services/heka/blob/dev/message/message.proto>.

use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use sha1::Sha1;

use super::wire::{Reader, put_bytes, put_number};

/// First byte of a frame.
pub const RECORD_SEPARATOR: u8 = 0x1e;

/// The byte between header and message.
pub const UNIT_SEPARATOR: u8 = 0x1f;

/// Bytes of the longest header.
pub const MAX_HEADER_SIZE: usize = 255;

/// Bytes of a frame beside its header and message.
pub const FRAMING_SIZE: usize = 3;

/// Bytes of the longest message, unless somebody says otherwise.
pub const MAX_MESSAGE_SIZE: usize = 64 << 10;

/// Bytes of the longest message that anybody can allow.
pub const LARGEST_LENGTH: usize = 256 << 20;

/// Bytes of the longest frame of messages of at most `message` bytes.
pub const fn max_record_size(message: usize) -> usize {
    message + MAX_HEADER_SIZE + FRAMING_SIZE
}

/// The hash functions of signatures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum HashFunction {
    /// HMAC-MD5; meant where the header names none.
    #[default]
    Md5,
    /// HMAC-SHA1.
    Sha1,
}

/// Who signs messages, and with what.
#[derive(Clone, PartialEq, Eq)]
pub struct Signing {
    /// Name of the signer.
    pub name: String,
    /// Version of its key.
    pub version: u32,
    /// The key.
    pub key: Vec<u8>,
    /// The hash function.
    pub hash: HashFunction,
}

/// Without the key, which nobody is to find in a log.
impl std::fmt::Debug for Signing {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Signing { name, version, hash, .. } = self;
        write!(out, "Signing({name} version {version}, {hash:?})")
    }
}

/// Why a message cannot be framed; the words are Heka's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The message is longer than allowed.
    #[error("message too big, requires {length} (MAX_MESSAGE_SIZE = {limit})")]
    MessageTooBig {
        /// Its bytes.
        length: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// The header is longer than its length can say: the name of the signer is too long.
    #[error("message header too big, requires {length} (MAX_HEADER_SIZE = {MAX_HEADER_SIZE})")]
    HeaderTooBig {
        /// Its bytes.
        length: usize,
    },
}

/// Appends `message`, of at most `limit` bytes, to `out` as a frame, signed if somebody signs.
///
/// # Errors
/// If message or header are too big; nothing is appended then.
pub fn frame(
    message: &[u8],
    signing: Option<&Signing>,
    limit: usize,
    out: &mut Vec<u8>,
) -> Result<(), FrameError> {
    if message.len() > limit.min(u32::MAX as usize) {
        return Err(FrameError::MessageTooBig { length: message.len(), limit });
    }
    let start = out.len();
    out.extend_from_slice(&[RECORD_SEPARATOR, 0]);
    put_number(MESSAGE_LENGTH, message.len() as u64, out);
    if let Some(signing) = signing {
        if signing.hash != HashFunction::Md5 {
            put_number(HASH_FUNCTION, 1, out);
        }
        put_bytes(SIGNER, signing.name.as_bytes(), out);
        put_number(KEY_VERSION, signing.version.into(), out);
        put_bytes(DIGEST, &digest(signing.hash, &signing.key, message), out);
    }
    let length = out.len() - start - 2;
    let Ok(byte) = u8::try_from(length) else {
        out.truncate(start);
        return Err(FrameError::HeaderTooBig { length });
    };
    out[start + 1] = byte;
    out.push(UNIT_SEPARATOR);
    out.extend_from_slice(message);
    Ok(())
}

/// What a reader found in a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found<'a> {
    /// A whole frame.
    Frame(Frame<'a>),
    /// The beginning of a frame whose message is too long.
    TooLong {
        /// Bytes before it that are of no frame.
        garbage: usize,
        /// Its own bytes, message included; not all of them need be there.
        length: usize,
        /// Bytes of the message.
        message_length: usize,
    },
    /// No whole frame: so many bytes are of no frame, and what follows them may be the beginning of one.
    Nothing {
        /// Bytes to pass over.
        garbage: usize,
    },
}

/// A frame of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Bytes before it that are of no frame.
    pub garbage: usize,
    /// Its own bytes, message included.
    pub length: usize,
    /// What its header says.
    pub header: Header<'a>,
    /// The message.
    pub message: &'a [u8],
}

/// What a header says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Header<'a> {
    /// Bytes of the message.
    pub message_length: u32,
    /// The hash function of the signature.
    pub hash: HashFunction,
    /// Who signed.
    pub signer: Option<&'a [u8]>,
    /// The version of its key.
    pub key_version: u32,
    /// The signature.
    pub digest: Option<&'a [u8]>,
}

/// Finds the first frame of `stream`, whose message should have at most `limit` bytes.
///
/// One that claims more than [`LARGEST_LENGTH`] is none: what looks like its header came about by chance.
pub fn find(stream: &[u8], limit: usize) -> Found<'_> {
    let mut garbage = 0;
    while let Some(at) = memchr::memchr(RECORD_SEPARATOR, &stream[garbage..]) {
        garbage += at;
        match at_start(&stream[garbage..], limit) {
            Start::Frame { length, header, message } => {
                return Found::Frame(Frame { garbage, length, header, message });
            }
            Start::TooLong { length, message_length } => {
                return Found::TooLong { garbage, length, message_length };
            }
            Start::Short => return Found::Nothing { garbage },
            Start::None => garbage += 1,
        }
    }
    Found::Nothing { garbage: stream.len() }
}

/// What begins at a record separator.
enum Start<'a> {
    Frame {
        length: usize,
        header: Header<'a>,
        message: &'a [u8],
    },
    TooLong {
        length: usize,
        message_length: usize,
    },
    /// Perhaps a frame: it needs more bytes.
    Short,
    None,
}

fn at_start(stream: &[u8], limit: usize) -> Start<'_> {
    let Some(&length) = stream.get(1) else { return Start::Short };
    let message_at = FRAMING_SIZE + usize::from(length);
    let Some(before) = stream.get(..message_at) else { return Start::Short };
    if before[message_at - 1] != UNIT_SEPARATOR {
        return Start::None;
    }
    let Some(header) = Header::read(&before[2..message_at - 1]) else { return Start::None };
    let message_length = header.message_length as usize;
    let length = message_at + message_length;
    if message_length > limit {
        let is_likely = message_length <= LARGEST_LENGTH;
        return if is_likely { Start::TooLong { length, message_length } } else { Start::None };
    }
    match stream.get(message_at..length) {
        Some(message) => Start::Frame { length, header, message },
        None => Start::Short,
    }
}

impl<'a> Header<'a> {
    /// Reads a header; none if the bytes are something else, or lack the length of the message.
    pub fn read(bytes: &'a [u8]) -> Option<Header<'a>> {
        let mut header = Header::default();
        let mut has_length = false;
        let mut reader = Reader(bytes);
        while let Some((number, wire)) = reader.key().ok()? {
            match number {
                MESSAGE_LENGTH => {
                    header.message_length = u32::try_from(reader.number(number, wire).ok()?).ok()?;
                    has_length = true;
                }
                HASH_FUNCTION => {
                    header.hash = match reader.number(number, wire).ok()? {
                        0 => HashFunction::Md5,
                        1 => HashFunction::Sha1,
                        _ => return None,
                    };
                }
                SIGNER => header.signer = Some(reader.bytes(number, wire).ok()?),
                KEY_VERSION => header.key_version = reader.number(number, wire).ok()? as u32,
                DIGEST => header.digest = Some(reader.bytes(number, wire).ok()?),
                _ => reader.skip(number, wire).ok()?,
            }
        }
        has_length.then_some(header)
    }
}

impl Frame<'_> {
    /// Whether it claims to be signed.
    pub fn is_signed(&self) -> bool {
        self.header.signer.is_some() || self.header.digest.is_some()
    }

    /// Whether the signature is that of the message with this key. The comparison takes the same time wherever they
    /// differ.
    pub fn is_signed_with(&self, key: &[u8]) -> bool {
        let Some(found) = self.header.digest else { return false };
        match self.header.hash {
            HashFunction::Md5 => mac::<Hmac<Md5>>(key, self.message).verify_slice(found).is_ok(),
            HashFunction::Sha1 => mac::<Hmac<Sha1>>(key, self.message).verify_slice(found).is_ok(),
        }
    }
}

fn digest(hash: HashFunction, key: &[u8], message: &[u8]) -> Vec<u8> {
    match hash {
        HashFunction::Md5 => mac::<Hmac<Md5>>(key, message).finalize().into_bytes().to_vec(),
        HashFunction::Sha1 => mac::<Hmac<Sha1>>(key, message).finalize().into_bytes().to_vec(),
    }
}

fn mac<M: Mac + KeyInit>(key: &[u8], message: &[u8]) -> M {
    let mut mac = <M as KeyInit>::new_from_slice(key).expect("an HMAC takes a key of any length");
    mac.update(message);
    mac
}

const MESSAGE_LENGTH: u32 = 1;
const HASH_FUNCTION: u32 = 3;
const SIGNER: u32 = 4;
const KEY_VERSION: u32 = 5;
const DIGEST: u32 = 6;

#[cfg(test)]
mod tests;
