//! What is asked of the files there are.

use std::io;
use std::path::Path;

use crate::tail::{FileId, Found};
use crate::time::Stamp;

/// The files there are.
pub trait Files {
    /// An open file.
    type Open;

    /// Opens a file that was found.
    ///
    /// # Errors
    /// If it cannot be, and whether that may pass.
    fn open(&mut self, file: &Found) -> Result<Self::Open, OpenError>;

    /// How an open file is now.
    ///
    /// # Errors
    /// What the system says.
    fn look(&mut self, open: &Self::Open) -> io::Result<Look>;

    /// Reads content at `offset`, both uncompressed; 0 at the end, for now.
    ///
    /// # Errors
    /// What the system says; `InvalidData` if it cannot be uncompressed.
    fn read(&mut self, open: &mut Self::Open, offset: u64, into: &mut [u8]) -> io::Result<usize>;

    /// The file that `path` names now, without opening it.
    fn named(&mut self, path: &Path) -> Option<Named>;
}

/// A file as its name shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Named {
    /// Which it is.
    pub id: FileId,
    /// Its bytes, compressed if it is.
    pub size: u64,
    /// When it was last written to.
    pub modified: Stamp,
}

/// An open file as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Which it is.
    pub id: FileId,
    /// Its bytes, compressed if it is.
    pub size: u64,
    /// When it was last written to.
    pub modified: Stamp,
    /// Whether it is compressed.
    pub packed: bool,
    /// Whether its compression ends too early: it is in the making, or was cut.
    pub cut: bool,
}

/// Why a file could not be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpenError {
    /// Its name stands for another file, or for none.
    Gone,
    /// Too many files are open.
    Full,
    /// It may not be read; why, and what to do.
    Refused(String),
}
