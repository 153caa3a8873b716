//! The files of a stream in the order they are read.

use std::path::PathBuf;

use crate::time::Stamp;

/// Which file a name stands for. Where the file system does not say when a file was made, another one may have the
/// same later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId {
    /// The device it is on.
    pub device: u64,
    /// Its inode there, which is used again once it is removed.
    pub inode: u64,
    /// When it was made, in nanoseconds since the epoch; 0 where nobody knows.
    pub born: i64,
}

/// A file that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Where.
    pub path: PathBuf,
    /// Which.
    pub id: FileId,
    /// Bytes it takes, compressed if it is.
    pub size: u64,
    /// When it was last written to.
    pub modified: Stamp,
    /// Whether that is too long ago for it to be read from its beginning.
    pub stale: bool,
    /// Its place in the order.
    pub keys: Vec<i64>,
}

/// One place in the order: a file, or a file and its compressed copy, of which one goes when the other is complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// The plain file before the compressed one; never empty.
    pub files: Vec<Found>,
}

/// The order of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Oldest first.
    Known(Vec<Slot>),
    /// There are several files and nothing to sort them by.
    Unknown(Vec<PathBuf>),
}

impl Slot {
    /// The file that is read.
    ///
    /// # Panics
    /// If the slot is empty, which `order` never makes.
    pub fn file(&self) -> &Found {
        &self.files[0]
    }

    /// Whether one of its files is `id`.
    pub fn has(&self, id: FileId) -> bool {
        self.files.iter().any(|file| file.id == id)
    }

    /// When one of its files was last written to.
    pub fn modified(&self) -> Stamp {
        self.files.iter().map(|file| file.modified).max().unwrap_or_default()
    }
}

impl Found {
    /// Whether its name says that it is compressed.
    pub(super) fn is_packed_by_name(&self) -> bool {
        self.path.as_os_str().as_encoded_bytes().ends_with(PACKED)
    }
}

/// Puts the files of one stream in order. Files of equal keys follow each other as they were last written to; `sorts`
/// says whether there are keys.
pub fn order(mut files: Vec<Found>, sorts: bool) -> Order {
    files.sort_by(|one, other| {
        let stems = || stem(one).cmp(stem(other));
        one.keys.cmp(&other.keys).then_with(stems).then_with(|| one.path.cmp(&other.path))
    });
    let mut slots: Vec<Slot> = Vec::new();
    for file in files {
        match slots.last_mut() {
            Some(slot) if slot.file().keys == file.keys && stem(slot.file()) == stem(&file) => {
                slot.files.push(file);
            }
            _ => slots.push(Slot { files: vec![file] }),
        }
    }
    if !sorts && slots.len() > 1 {
        return Order::Unknown(slots.iter().map(|slot| slot.file().path.clone()).collect());
    }
    slots.sort_by(|one, other| {
        let keys = one.file().keys.cmp(&other.file().keys);
        keys.then_with(|| one.modified().cmp(&other.modified()))
    });
    Order::Known(slots)
}

/// The path without the suffix of compression.
fn stem(file: &Found) -> &[u8] {
    let path = file.path.as_os_str().as_encoded_bytes();
    path.strip_suffix(PACKED).unwrap_or(path)
}

/// The suffix of compressed files.
const PACKED: &[u8] = b".gz";

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, keys: &[i64], modified: i64) -> Found {
        let id = FileId { device: 1, inode: modified as u64, born: 0 };
        let modified = Stamp(modified);
        Found { path: path.into(), id, size: 0, modified, stale: false, keys: keys.to_vec() }
    }

    fn names(files: Vec<Found>, sorts: bool) -> Vec<Vec<String>> {
        let Order::Known(slots) = order(files, sorts) else { panic!("the order is known") };
        let name = |file: &Found| file.path.to_string_lossy().into_owned();
        slots.iter().map(|slot| slot.files.iter().map(name).collect()).collect()
    }

    #[test]
    fn a_compressed_copy_shares_the_slot_of_its_file() {
        let files = vec![
            found("l.1.gz", &[-1], 5),
            found("l", &[1], 9),
            found("l.2.gz", &[-2], 3),
            found("l.1", &[-1], 4),
        ];
        assert_eq!(names(files, true), [vec!["l.2.gz"], vec!["l.1", "l.1.gz"], vec!["l"]]);
    }

    #[test]
    fn equal_keys_are_read_as_they_were_written() {
        let files = vec![found("a", &[0], 9), found("b", &[0], 3), found("c", &[-1], 99)];
        assert_eq!(names(files, true), [["c"], ["b"], ["a"]]);
    }

    #[test]
    fn several_files_and_no_keys_have_no_order() {
        let files = vec![found("b", &[], 1), found("a", &[], 2)];
        assert_eq!(order(files, false), Order::Unknown(vec!["a".into(), "b".into()]));
        assert_eq!(names(vec![found("a.gz", &[], 1), found("a", &[], 2)], false), [["a", "a.gz"]]);
    }
}
