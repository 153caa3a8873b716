//! Journals on disk: one file a stream, whole or not at all.

use std::io::{self, ErrorKind};
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

    /// Makes the directory.
    ///
    /// # Errors
    /// If it cannot be made.
    pub(super) fn create(&self) -> io::Result<()> {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&self.own)
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
        for path in [self.path(stream), self.shared.join(file_name(stream))] {
            let failed = |why| Unusable { path: path.clone(), why };
            match std::fs::read(&path) {
                Ok(journal) => {
                    let position = Position::read(&journal);
                    return position.map(Some).map_err(|error| failed(Reason::Content(error)));
                }
                // A section may have the name of a stream: then it is a directory.
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::IsADirectory) => {}
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
}
