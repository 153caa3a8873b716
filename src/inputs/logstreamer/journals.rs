//! Journals on disk: one file a stream, whole or not at all.

use std::io;
use std::io::ErrorKind::{IsADirectory, NotADirectory, NotFound};
use std::path::{Path, PathBuf};

use crate::plugin::replace_files;
use crate::tail::{JournalError, Position};

/// The journals of one section.
#[derive(Debug, Clone)]
pub(super) struct Journals {
    /// Where Heka kept those of all sections.
    shared: PathBuf,
    own: PathBuf,
}

/// Why a stream has no position though there is a journal.
#[derive(Debug, thiserror::Error)]
#[error("the journal {path} cannot be used: {why}")]
pub(super) struct Unusable {
    path: PathBuf,
    why: Reason,
}

/// Why there is no directory.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoDirectory {
    /// The system does not make it.
    #[error("{0}")]
    Made(io::Error),
    /// There is something else.
    #[error(
        "a file of that name is there, and no journal of Heka ({0}); move it away, or name another journal_directory"
    )]
    Taken(JournalError),
}

#[derive(Debug, thiserror::Error)]
enum Reason {
    #[error("{0}")]
    Read(io::Error),
    #[error("{0}")]
    Content(JournalError),
}

impl Journals {
    pub(super) fn new(base_dir: &Path, directory: &Path, section: &str) -> Journals {
        let shared = base_dir.join(directory);
        let own = shared.join(file_name(section));
        Journals { shared, own }
    }

    /// Makes the directory. Where the journal stands that Heka kept of a stream of the same name, that is moved aside first,
    /// to where `position` finds it; the new place of it.
    ///
    /// # Errors
    /// If it cannot be made.
    pub(super) fn create(&self) -> Result<Option<PathBuf>, NoDirectory> {
        let moved = match self.own.symlink_metadata() {
            Ok(metadata) if metadata.is_file() => Some(self.move_aside()?),
            _ => None,
        };
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&self.own).map_err(NoDirectory::Made)?;
        Ok(moved)
    }

    fn move_aside(&self) -> Result<PathBuf, NoDirectory> {
        let journal = std::fs::read(&self.own).map_err(NoDirectory::Made)?;
        match Position::read(&journal) {
            // Heka writes in place: an empty one is a journal that was cut off.
            Ok(_) | Err(JournalError::Empty) => {}
            Err(error) => return Err(NoDirectory::Taken(error)),
        }
        let aside = aside(&self.own);
        std::fs::rename(&self.own, &aside).map_err(NoDirectory::Made)?;
        Ok(aside)
    }

    /// Where they are.
    pub(super) fn directory(&self) -> &Path {
        &self.own
    }

    /// The journal of a stream.
    pub(super) fn path(&self, stream: &str) -> PathBuf {
        self.own.join(file_name(stream))
    }

    /// Where a stream was, by its own journal or by the one Heka left; none if there is neither.
    ///
    /// # Errors
    /// If a journal is there and cannot be used.
    pub(super) fn position(&self, stream: &str) -> Result<Option<Position>, Unusable> {
        let shared = self.shared.join(file_name(stream));
        for path in [self.path(stream), aside(&shared), shared] {
            let failed = |why| Unusable { path: path.clone(), why };
            match std::fs::read(&path) {
                Ok(journal) => {
                    let position = Position::read(&journal);
                    return position.map(Some).map_err(|error| failed(Reason::Content(error)));
                }
                // A section may have the name of a stream: then it is a directory, or a file where a directory will be.
                Err(error) if matches!(error.kind(), NotFound | IsADirectory | NotADirectory) => {}
                Err(error) => return Err(failed(Reason::Read(error))),
            }
        }
        Ok(None)
    }

    /// Keeps a journal that cannot be used beside those that can.
    pub(super) fn set_aside(&self, unusable: &Unusable) {
        let mut aside = unusable.path.clone().into_os_string();
        aside.push(".unreadable");
        // What cannot be renamed is replaced by the first commit: that it was there has been said.
        let _ = std::fs::rename(&unusable.path, aside);
    }
}

/// Writes journals of one section; what the system says of each.
pub(super) fn write(journals: &[(&Path, &Position)]) -> Vec<io::Result<()>> {
    let written = journals.iter().map(|(path, position)| (*path, position.written().into_bytes()));
    replace_files(&written.collect::<Vec<_>>())
}

/// Where a journal of Heka is kept whose place the directory of a section takes. No stream has that name.
fn aside(journal: &Path) -> PathBuf {
    let mut aside = journal.to_owned().into_os_string();
    aside.push("%heka");
    aside.into()
}

/// The name of a stream as that of a file: bytes that mean something to a file system or a person are escaped, and long
/// names are cut, with a checksum of the whole at the end.
fn file_name(stream: &str) -> String {
    let mut name = String::new();
    for (place, byte) in stream.bytes().enumerate() {
        match byte {
            b'.' if place == 0 => name.push_str("%2e"),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'_' | b'-' => name.push(char::from(byte)),
            byte => name.push_str(&format!("%{byte:02x}")),
        }
    }
    if name.is_empty() {
        name.push('%');
    }
    if name.len() > LONGEST {
        name.truncate(LONGEST);
        name.push_str(&format!("%{:08x}", crc32fast::hash(stream.as_bytes())));
    }
    name
}

/// Names of files end at 255 bytes, suffixes included.
const LONGEST: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tail::{Fingerprint, Head, Window};

    #[test]
    fn a_stream_cannot_leave_the_directory_and_no_two_share_a_file() {
        assert_eq!(file_name("nginx.access-1_a"), "nginx.access-1_a");
        assert_eq!(file_name("../a b"), "%2e.%2fa%20b");
        assert_eq!(file_name(""), "%");
        let long = |end: &str| file_name(&format!("{}{end}", "x".repeat(300)));
        assert!(long("a").len() < 220 && long("a") != long("b"));
    }

    #[test]
    fn the_own_journal_comes_before_the_one_of_heka_and_a_broken_one_is_said() {
        let directory = tempfile::TempDir::new().unwrap();
        let journals = Journals::new(directory.path(), Path::new("logstreamer"), "logs");
        journals.create().unwrap();
        assert!(journals.position("s").unwrap().is_none());
        let heka = r#"{"seek":7,"file_name":"/l/a","last_hash":"dc6d00ed4a287968635b8b5b96a505547e9161d3"}"#;
        std::fs::write(directory.path().join("logstreamer/s"), heka).unwrap();
        assert_eq!(journals.position("s").unwrap().unwrap().offset, 7);
        let position = Position {
            path: "/l/b".into(),
            offset: 9,
            fingerprint: Fingerprint::of(&Head::of(b"123456789"), &Window::of(b"123456789"), 9),
            id: None,
            modified: None,
        };
        write(&[(&journals.path("s"), &position)]).remove(0).unwrap();
        assert_eq!(journals.position("s").unwrap().unwrap().offset, 9);
        std::fs::write(journals.path("s"), "{").unwrap();
        let unusable = journals.position("s").unwrap_err();
        assert!(unusable.to_string().contains("logs/s cannot be used: it is malformed"), "{unusable}");
        journals.set_aside(&unusable);
        assert_eq!(journals.position("s").unwrap().unwrap().offset, 7);
    }

    #[test]
    fn a_journal_of_heka_in_the_place_of_the_directory_makes_room_and_anything_else_is_said() {
        let directory = tempfile::TempDir::new().unwrap();
        let journals = Journals::new(directory.path(), Path::new("logstreamer"), "nginx");
        let shared = directory.path().join("logstreamer");
        std::fs::create_dir(&shared).unwrap();
        let heka = r#"{"seek":7,"file_name":"/l/a","last_hash":"dc6d00ed4a287968635b8b5b96a505547e9161d3"}"#;
        std::fs::write(shared.join("nginx"), heka).unwrap();
        // A look before the start moves nothing.
        assert_eq!(journals.position("nginx").unwrap().unwrap().offset, 7);
        assert_eq!(journals.create().unwrap(), Some(shared.join("nginx%heka")));
        assert_eq!(journals.create().unwrap(), None);
        assert!(journals.directory().is_dir());
        assert_eq!(journals.position("nginx").unwrap().unwrap().offset, 7);
        // A stream of that name may be one of another section.
        let others = Journals::new(directory.path(), Path::new("logstreamer"), "others");
        assert_eq!(others.position("nginx").unwrap().unwrap().offset, 7);
        std::fs::write(shared.join("others"), "notes of somebody").unwrap();
        let error = others.create().unwrap_err().to_string();
        assert!(
            error.starts_with("a file of that name is there, and no journal of Heka (it is malformed"),
            "{error}"
        );
        assert_eq!(std::fs::read(shared.join("others")).unwrap(), b"notes of somebody");
    }
}
