//! What a journal says: where reading goes on after the next start.
//!
//! It is one JSON object with the keys of Heka's journals (`file_name`, `seek`, `last_hash`), so that either program
//! goes on where the other one was, and keys of our own beside them: the version of the form, the hash of the file's
//! head, its device, inode, birth and last change, which tell apart what the last 500 bytes do not.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{FileId, Fingerprint};
use crate::time::Stamp;

/// A place between two records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The file, as it was called when it was last seen.
    pub path: PathBuf,
    /// Bytes of its content before the position, uncompressed.
    pub offset: u64,
    /// What stands before it.
    pub fingerprint: Fingerprint,
    /// Which file it was; none in Heka's journals.
    pub id: Option<FileId>,
    /// When it had last been written to; none in Heka's journals.
    pub modified: Option<Stamp>,
}

/// Why a journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// It is empty: Heka writes journals in place, and was cut off.
    #[error("it is empty")]
    Empty,
    /// It is not the JSON it should be.
    #[error("it is malformed: {0}")]
    Malformed(#[from] serde_json::Error),
    /// A later program wrote it.
    #[error("it has version {found}, this program reads {VERSION}")]
    Version {
        /// Its version.
        found: u32,
    },
    /// A hash is none.
    #[error("`{key}` is no SHA-1 in hexadecimal digits")]
    Hash {
        /// Which.
        key: &'static str,
    },
}

#[derive(Debug, Serialize, Deserialize)]
struct Written {
    #[serde(default, skip_serializing_if = "is_zero")]
    version: u32,
    file_name: String,
    seek: u64,
    last_hash: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    head_length: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    head_hash: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    device: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    inode: Option<u64>,
    /// As `modified`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    born: Option<i64>,
    /// Nanoseconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    modified: Option<i64>,
}

impl Position {
    /// Reads a journal, ours or Heka's.
    ///
    /// # Errors
    /// If it is neither.
    pub fn read(journal: &[u8]) -> Result<Position, JournalError> {
        if journal.trim_ascii().is_empty() {
            return Err(JournalError::Empty);
        }
        let written: Written = serde_json::from_slice(journal)?;
        if written.version > VERSION {
            return Err(JournalError::Version { found: written.version });
        }
        let head = match (&written.head_hash, written.head_length) {
            (Some(hash), Some(length)) => {
                Some((length, unhex(hash).ok_or(JournalError::Hash { key: "head_hash" })?))
            }
            _ => None,
        };
        let (head_length, head) = head.unwrap_or((0, [0; 20]));
        // Heka has no hash yet where it has read nothing.
        let window = match written.last_hash.as_str() {
            "" if written.seek == 0 => [0; 20],
            hash => unhex(hash).ok_or(JournalError::Hash { key: "last_hash" })?,
        };
        let id = written.device.zip(written.inode).map(|(device, inode)| FileId {
            device,
            inode,
            born: written.born.unwrap_or(0),
        });
        Ok(Position {
            path: written.file_name.into(),
            offset: written.seek,
            fingerprint: Fingerprint { head_length, head, window },
            id,
            modified: written.modified.map(Stamp),
        })
    }

    /// The journal that says it. Bytes of the name that are no text are replaced: the name is a hint, the fingerprint
    /// decides.
    pub fn written(&self) -> String {
        let print = &self.fingerprint;
        let written = Written {
            version: VERSION,
            file_name: self.path.to_string_lossy().into_owned(),
            seek: self.offset,
            last_hash: hex(&print.window),
            head_length: Some(print.head_length),
            head_hash: Some(hex(&print.head)),
            device: self.id.map(|id| id.device),
            inode: self.id.map(|id| id.inode),
            born: self.id.map(|id| id.born),
            modified: self.modified.map(|stamp| stamp.0),
        };
        let mut text = serde_json::to_string(&written).expect("numbers and texts can be written");
        text.push('\n');
        text
    }
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

fn hex(hash: &[u8; 20]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<[u8; 20]> {
    let digits = text.as_bytes();
    if digits.len() != 40 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let mut hash = [0; 20];
    for (byte, pair) in hash.iter_mut().zip(digits.chunks(2)) {
        let digit = |digit: u8| char::from(digit).to_digit(16).unwrap_or(0) as u8;
        *byte = digit(pair[0]) << 4 | digit(pair[1]);
    }
    Some(hash)
}

/// The form of the journal. Heka's have none.
const VERSION: u32 = 1;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tail::{Head, Window};

    fn position() -> Position {
        let head = Head::of(b"one\ntwo\n");
        Position {
            path: "/var/log/a.log".into(),
            offset: 8,
            fingerprint: Fingerprint::of(&head, &Window::of(b"one\ntwo\n"), 8),
            id: Some(FileId { device: 1, inode: 2, born: 3 }),
            modified: Some(Stamp(3)),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let text = position().written();
        assert_eq!(Position::read(text.as_bytes()).unwrap(), position());
        assert!(
            text.starts_with(r#"{"version":1,"file_name":"/var/log/a.log","seek":8,"last_hash":""#),
            "{text}"
        );
    }

    #[test]
    fn a_journal_of_heka_has_no_head_and_no_inode() {
        let text =
            r#"{"seek":500,"file_name":"/l/e.2","last_hash":"dc6d00ed4a287968635b8b5b96a505547e9161d3"}"#;
        let read = Position::read(text.as_bytes()).unwrap();
        assert_eq!((read.offset, read.path.to_str(), read.id), (500, Some("/l/e.2"), None));
        assert_eq!(read.fingerprint.head_length, 0);
        assert_eq!(read.fingerprint.window[..3], [0xdc, 0x6d, 0x00]);
        assert!(read.fingerprint.begins(&Head::of(b"anything")));
    }

    #[test]
    fn any_other_journal_is_an_error() {
        let error = |text: &str| Position::read(text.as_bytes()).unwrap_err().to_string();
        assert_eq!(error(" \n"), "it is empty");
        assert!(error(r#"{"seek":5"#).starts_with("it is malformed: EOF"));
        assert!(error(r#"{"seek":-5}"#).starts_with("it is malformed: invalid value"));
        let later = position().written().replace(r#""version":1"#, r#""version":2"#);
        assert_eq!(error(&later), "it has version 2, this program reads 1");
        let text = r#"{"seek":5,"file_name":"a","last_hash":"xyz"}"#;
        assert_eq!(error(text), "`last_hash` is no SHA-1 in hexadecimal digits");
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_position_or_an_error(bytes: Vec<u8>) {
            let _ = Position::read(&bytes);
        }
    }
}
