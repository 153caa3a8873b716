//! What a step comes to, and what is told of a stream.

use std::path::PathBuf;

/// What is to be done next.
#[derive(Debug, PartialEq, Eq)]
pub enum Turn {
    /// So many bytes were read: they go to `pushed`, then `step` again.
    Read(usize),
    /// Something happened; `step` again.
    Happened(Happened),
    /// It cannot go on before it is `listed` again.
    Relist,
    /// Nothing is to be done before something changes.
    Rest,
    /// A file has to be closed elsewhere first.
    Full,
}

/// What happened to a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happened {
    /// It begins, at its first file or where a journal says.
    Began {
        /// In which file.
        path: PathBuf,
        /// Where in it.
        offset: u64,
    },
    /// A file is done, the next one begins.
    Rotated {
        /// The one that begins.
        path: PathBuf,
    },
    /// What was being read is now in another file, the same to the byte.
    Found {
        /// Which.
        path: PathBuf,
        /// Whether that was looked for because the file was truncated.
        truncated: bool,
    },
    /// A file was truncated and its rest is nowhere: the records in between are lost. What is held of a record has no
    /// end.
    Truncated {
        /// Which.
        path: PathBuf,
        /// Bytes of it that are known to be lost.
        gap: u64,
    },
    /// The file of the position is nowhere: what was unread in it is lost. What is held of a record has no end.
    Vanished {
        /// Which.
        path: PathBuf,
    },
    /// A file may not be read.
    Refused {
        /// Which.
        path: PathBuf,
        /// Why, and what to do.
        why: String,
        /// Bytes that are passed over with it, 0 if nobody knows how many; none if it is waited for. Where some are, what
        /// is held of a record has no end.
        passed: Option<u64>,
    },
}

/// What is being read of a stream, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// The file.
    pub path: PathBuf,
    /// Bytes of its content that were read.
    pub offset: u64,
}

/// How well a file that was closed would be gone on with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closing {
    /// It is told from all others, and read on where it was.
    Sure,
    /// It is told by its inode and few bytes: one that is removed and made anew in between might be taken for it.
    Unsure,
    /// It is compressed: it would be uncompressed from its beginning again.
    Dear,
}
