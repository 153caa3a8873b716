//! The files of `tail::Files`, as they are on disk.

use std::fs::Metadata;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use super::open::open_file;
use super::packed::LogFile;
use crate::tail::{FileId, Files, Found, Look, Named, OpenError};
use crate::time::Stamp;

/// Files below a directory, so many of them open at most.
pub(super) struct DiskFiles {
    /// The directory, without links.
    pub(super) root: PathBuf,
    /// Where links may lead.
    pub(super) roots: Vec<PathBuf>,
    max_open: usize,
    open: Arc<()>,
    /// Files of other streams than the one whose turn it is.
    others: usize,
}

impl DiskFiles {
    pub(super) fn new(root: PathBuf, roots: Vec<PathBuf>, max_open: u32) -> DiskFiles {
        DiskFiles { root, roots, max_open: max_open as usize, open: Arc::default(), others: 0 }
    }

    /// Files that are open.
    pub(super) fn open_count(&self) -> usize {
        Arc::strong_count(&self.open) - 1
    }

    /// Begins the turn of a stream, which may hold a file open.
    pub(super) fn turn_of(&mut self, holds: bool) {
        self.others = self.open_count() - usize::from(holds);
    }
}

impl Files for DiskFiles {
    type Open = LogFile;

    fn open(&mut self, found: &Found) -> Result<LogFile, OpenError> {
        // Whoever holds a file may look at the next one: if that waited for others, they could all wait for each other.
        if self.others >= self.max_open {
            return Err(OpenError::Full);
        }
        let named_gz = found.path.extension().is_some_and(|extension| extension == "gz");
        let opened = open_file(&self.root, &found.path, &self.roots)
            .and_then(|file| LogFile::new(file, named_gz, Arc::clone(&self.open)));
        let file = opened.map_err(|error| refusal(&error))?;
        match file.file().metadata() {
            Ok(metadata) if id_of(&metadata) == found.id => Ok(file),
            Ok(_) => Err(OpenError::Gone),
            Err(error) => Err(refusal(&error)),
        }
    }

    fn look(&mut self, open: &LogFile) -> io::Result<Look> {
        let metadata = open.file().metadata()?;
        Ok(Look {
            id: id_of(&metadata),
            size: metadata.len(),
            modified: modified(&metadata),
            packed: open.is_packed(),
            cut: open.is_cut(),
        })
    }

    fn read(&mut self, open: &mut LogFile, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        loop {
            match open.read(offset, into) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => return read,
            }
        }
    }

    fn named(&mut self, path: &Path) -> Option<Named> {
        let metadata = match self.roots.is_empty() {
            true => std::fs::symlink_metadata(path),
            false => std::fs::metadata(path),
        };
        let metadata = metadata.ok()?;
        Some(Named { id: id_of(&metadata), size: metadata.len(), modified: modified(&metadata) })
    }
}

fn refusal(error: &io::Error) -> OpenError {
    match (error.kind(), error.raw_os_error()) {
        (ErrorKind::NotFound, _) => OpenError::Gone,
        (_, Some(nix::libc::EMFILE | nix::libc::ENFILE)) => OpenError::Full,
        (ErrorKind::PermissionDenied, _) => {
            OpenError::Refused("permission denied; let the user or a group of hekad read it".to_owned())
        }
        (_, Some(nix::libc::ELOOP)) => {
            OpenError::Refused("it is a link; name where it may lead in follow_links".to_owned())
        }
        _ => OpenError::Refused(error.to_string()),
    }
}

/// Which file it is.
pub(super) fn id_of(metadata: &Metadata) -> FileId {
    let born = metadata.created().ok().and_then(|born| born.duration_since(UNIX_EPOCH).ok());
    FileId {
        device: metadata.dev(),
        inode: metadata.ino(),
        born: born.map_or(0, |born| i64::try_from(born.as_nanos()).unwrap_or(i64::MAX)),
    }
}

/// When it was last written to.
pub(super) fn modified(metadata: &Metadata) -> Stamp {
    Stamp(metadata.mtime().saturating_mul(1_000_000_000).saturating_add(metadata.mtime_nsec()))
}
