//! What plugins leave at a clean stop for the same section of the next run.
//!
//! One file holds all of it; reading and writing the file is the daemon's. Its bytes are a mark, a version, a CRC-32 of
//! the rest, and postcard's map of sections (<https://postcard.jamesmunns.com/wire-format>). What a plugin's part means
//! is the plugin's.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use crate::lock::locked;

/// What a former run left, and what this one leaves. Clones share it.
#[derive(Clone, Default)]
pub struct StateStore {
    inside: Arc<Mutex<Inside>>,
}

#[derive(Default)]
struct Inside {
    found: Parts,
    left: Parts,
    refused: BTreeMap<String, Refused>,
}

type Parts = BTreeMap<String, Vec<u8>>;

/// A part that its plugin could not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// What is wrong with it.
    pub why: String,
    bytes: Vec<u8>,
}

/// Why a file is not what this program writes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// It does not begin as a state file does.
    #[error("it is no state file")]
    Mark,
    /// Another version of the program wrote it.
    #[error("it has version {found}, this program reads {VERSION}")]
    Version {
        /// Its version.
        found: u8,
    },
    /// It was cut short or changed.
    #[error("its checksum is wrong: it was cut short or changed")]
    Checksum,
    /// The checksum is right and the content is not.
    #[error("it is malformed: {0}")]
    Malformed(#[from] postcard::Error),
}

impl StateStore {
    /// Reads a file that `bytes` wrote.
    ///
    /// # Errors
    /// If it is something else.
    pub fn read(file: &[u8]) -> Result<StateStore, StateError> {
        let rest = file.strip_prefix(MARK).ok_or(StateError::Mark)?;
        let (&version, rest) = rest.split_first().ok_or(StateError::Checksum)?;
        if version != VERSION {
            return Err(StateError::Version { found: version });
        }
        let (checksum, parts) = rest.split_first_chunk::<4>().ok_or(StateError::Checksum)?;
        if crc32fast::hash(parts) != u32::from_le_bytes(*checksum) {
            return Err(StateError::Checksum);
        }
        let inside = Inside { found: postcard::from_bytes(parts)?, ..Inside::default() };
        Ok(StateStore { inside: Arc::new(Mutex::new(inside)) })
    }

    /// What the section of that name left in the former run, once.
    pub fn take(&self, section: &str) -> Option<Vec<u8>> {
        self.lock().found.remove(section)
    }

    /// Says that what was taken cannot be used; it is kept aside, and the daemon says why.
    pub fn refuse(&self, section: &str, bytes: Vec<u8>, why: impl ToString) {
        self.lock().refused.insert(section.to_owned(), Refused { why: why.to_string(), bytes });
    }

    /// Leaves `bytes` to the section of that name in the next run.
    pub fn put(&self, section: &str, bytes: Vec<u8>) {
        self.lock().left.insert(section.to_owned(), bytes);
    }

    /// Sections of the former run that nobody has asked about. They are left to the next run.
    pub fn unclaimed(&self) -> Vec<String> {
        self.lock().found.keys().cloned().collect()
    }

    /// Parts that could not be used, by section.
    pub fn refused(&self) -> BTreeMap<String, Refused> {
        self.lock().refused.clone()
    }

    /// The file for the next run.
    pub fn bytes(&self) -> Vec<u8> {
        let inside = self.lock();
        let mut parts = inside.found.clone();
        parts.extend(inside.left.iter().map(|(section, bytes)| (section.clone(), bytes.clone())));
        written(&parts)
    }

    /// A file of the parts that could not be used.
    pub fn refused_bytes(&self) -> Vec<u8> {
        let refused = self.refused().into_iter();
        written(&refused.map(|(section, refused)| (section, refused.bytes)).collect())
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        locked(&self.inside)
    }
}

fn written(parts: &Parts) -> Vec<u8> {
    let parts = postcard::to_stdvec(parts).expect("a map of bytes can be written");
    let checksum = crc32fast::hash(&parts).to_le_bytes();
    [MARK, &[VERSION], &checksum, &parts].concat()
}

const MARK: &[u8] = b"hekad state\n";

/// The form of the file.
const VERSION: u8 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_found_once_and_what_nobody_takes_is_passed_on() {
        let store = StateStore::default();
        store.put("a", vec![1, 2]);
        store.put("b", vec![3]);
        let next = StateStore::read(&store.bytes()).unwrap();
        assert_eq!((next.take("a"), next.take("a"), next.take("c")), (Some(vec![1, 2]), None, None));
        assert_eq!(next.unclaimed(), ["b"]);
        next.put("c", vec![4]);
        let third = StateStore::read(&next.bytes()).unwrap();
        assert_eq!((third.take("a"), third.take("b"), third.take("c")), (None, Some(vec![3]), Some(vec![4])));
    }

    #[test]
    fn a_part_that_is_refused_is_kept_aside() {
        let store = StateStore::default();
        store.refuse("a", vec![7], "too old");
        assert_eq!(store.refused()["a"].why, "too old");
        assert_eq!(StateStore::read(&store.bytes()).unwrap().take("a"), None);
        assert_eq!(StateStore::read(&store.refused_bytes()).unwrap().take("a"), Some(vec![7]));
    }

    #[test]
    fn any_other_bytes_are_an_error() {
        let store = StateStore::default();
        store.put("a", vec![1, 2, 3]);
        let file = store.bytes();
        let error = |bytes: &[u8]| StateStore::read(bytes).err();
        assert_eq!(error(b""), Some(StateError::Mark));
        assert_eq!(error(&file[..MARK.len()]), Some(StateError::Checksum));
        for length in MARK.len() + 1..file.len() {
            assert_eq!(error(&file[..length]), Some(StateError::Checksum), "{length}");
        }
        for place in 0..file.len() {
            let mut changed = file.clone();
            changed[place] ^= 1;
            assert!(error(&changed).is_some(), "{place}");
        }
        let mut newer = file.clone();
        newer[MARK.len()] = 9;
        assert_eq!(error(&newer), Some(StateError::Version { found: 9 }));
    }
}
