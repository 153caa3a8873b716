//! The file of the lines: what cannot be written is kept and tried again at the next tick.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use crate::flow::{Count, OwnMetrics};
use crate::plugin::{Left, append};

/// The file, and what it is owed.
pub(super) struct KeyLog {
    path: PathBuf,
    /// Whole lines, the oldest first.
    owed: String,
    /// Whether the last write failed.
    fails: bool,
    failures: Count,
    lost: Count,
}

/// What has changed with a write.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum News {
    /// It fails, and did not before: why.
    Fails(String),
    /// It is written to again.
    Recovers,
}

impl KeyLog {
    /// The file at `path` of the filter `name`.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub(super) fn open(path: &Path, own: &OwnMetrics, name: &str) -> io::Result<KeyLog> {
        appending(path)?;
        let counter = |counter| own.counter(counter, &[("filter", name)]);
        Ok(KeyLog {
            path: path.to_owned(),
            owed: String::new(),
            fails: false,
            failures: counter("hekad_key_flush_write_failures_total"),
            lost: counter("hekad_key_flush_lost_total"),
        })
    }

    /// Writes what is owed, and `lines` behind it. What finds no room among what is owed is lost.
    pub(super) fn write(&mut self, lines: &str) -> Option<News> {
        if self.owed.is_empty() || self.owed.len() + lines.len() <= MOST_OWED {
            self.owed.push_str(lines);
        } else {
            self.lost.add(count(lines));
        }
        if self.owed.is_empty() {
            return None;
        }
        match self.pay() {
            Ok(()) => {
                // What piled up is not kept for what comes.
                self.owed = String::new();
                std::mem::take(&mut self.fails).then_some(News::Recovers)
            }
            Err(why) => {
                self.failures.add(1);
                (!std::mem::replace(&mut self.fails, true)).then_some(News::Fails(why))
            }
        }
    }

    /// Gives up on what is owed, counting it as lost. The number of lines.
    pub(super) fn give_up(&mut self) -> u64 {
        let owed = count(&std::mem::take(&mut self.owed));
        self.lost.add(owed);
        owed
    }

    fn pay(&self) -> Result<(), String> {
        let path = self.path.display();
        let mut file = appending(&self.path).map_err(|error| format!("cannot open {path}: {error}"))?;
        let length = file.metadata().map_err(|error| format!("cannot look at {path}: {error}"))?.len();
        append(&mut file, length, self.owed.as_bytes(), false).map_err(|(error, left)| {
            let after = match left {
                Left::Nothing | Left::TakenBack => "",
                Left::Part => "; a part of it could not be taken back and will be there twice",
            };
            format!("cannot write to {path}: {error}{after}")
        })
    }
}

impl Drop for KeyLog {
    fn drop(&mut self) {
        self.give_up();
    }
}

/// Opened anew for every write, so that the file can be rotated.
fn appending(path: &Path) -> io::Result<File> {
    File::options().create(true).append(true).open(path)
}

fn count(lines: &str) -> u64 {
    lines.bytes().filter(|&byte| byte == b'\n').count() as u64
}

/// Bytes of lines that are kept, beside those of one tick.
const MOST_OWED: usize = 4 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_written_is_kept_up_to_a_limit_and_the_rest_counted() {
        let directory = tempfile::TempDir::new().unwrap();
        let (folder, own) = (directory.path().join("logs"), OwnMetrics::default());
        std::fs::create_dir(&folder).unwrap();
        let path = folder.join("keys.log");
        let mut log = KeyLog::open(&path, &own, "keys").unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        let (long, last) = ("x".repeat(MOST_OWED - 10) + "\n", "123456789\n123\n");
        let why = format!("cannot open {}: No such file or directory (os error 2)", path.display());
        assert_eq!(log.write(&long), Some(News::Fails(why)));
        assert_eq!(log.write(last), None);
        assert_eq!(log.write("12345678\n"), None);
        std::fs::create_dir(&folder).unwrap();
        assert_eq!(log.write(""), Some(News::Recovers));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), long + "12345678\n");
        assert_eq!((log.write(""), log.write("a\n"), log.give_up()), (None, None, 0));
        let counted = |name| own.counter(name, &[("filter", "keys")]).value();
        let counts = ["hekad_key_flush_write_failures_total", "hekad_key_flush_lost_total"].map(counted);
        assert_eq!(counts, [3, 2]);
    }
}
