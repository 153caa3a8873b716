//! Looks a directory through: which files there are, and which streams they make.

use std::collections::{BTreeMap, HashSet};
use std::fs::{DirEntry, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::files::{id_of, modified};
use super::open::followed;
use crate::tail::{FileId, Found, Odd, Order, Rules, order};
use crate::time::Stamp;

/// What is looked for.
pub(super) struct Scanner {
    /// The directory, as it is configured.
    pub(super) directory: PathBuf,
    pub(super) roots: Vec<PathBuf>,
    pub(super) rules: Rules,
    /// Files that were written to longer ago are stale; none if zero.
    pub(super) oldest: Duration,
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// The directory without links.
    pub(super) root: PathBuf,
    /// Every stream in its order.
    pub(super) streams: BTreeMap<String, Order>,
    /// Every directory, for whoever watches them.
    pub(super) directories: Vec<PathBuf>,
    /// Directories that could not be read, and names that have no number; each with what is wrong.
    pub(super) trouble: BTreeMap<PathBuf, Trouble>,
    /// Whether there were more files than are kept.
    pub(super) cut: bool,
    files: usize,
    /// What was passed over.
    others: Others,
}

/// What has another name than those that are looked for, to be told where nothing else is.
#[derive(Debug, Default)]
struct Others {
    files: usize,
    /// The first of them by name.
    file: Option<PathBuf>,
    /// A link that leads to a directory and is not followed.
    link: Option<PathBuf>,
}

/// What is wrong with a name.
#[derive(Debug)]
pub(super) enum Trouble {
    Directory(io::Error),
    Odd(Odd),
    /// It is a link that is not followed.
    Link,
}

impl Trouble {
    /// What is wrong with `path`.
    pub(super) fn told(&self, path: &Path) -> String {
        let path = path.display();
        match self {
            Trouble::Directory(error) => format!("the directory {path} cannot be read: {error}"),
            Trouble::Odd(odd) => format!("the place of {path} in its stream is not known: {odd}"),
            Trouble::Link => {
                format!("the link {path} is not followed; name the directory it leads into in follow_links")
            }
        }
    }
}

impl Scan {
    /// What to say where there is no file at all to be read.
    pub(super) fn nothing(&self) -> Option<String> {
        if !self.streams.is_empty() {
            return None;
        }
        let root = self.root.display();
        let others = match (&self.others.file, self.others.files) {
            (None, _) => String::new(),
            (Some(file), 1) => format!(", {} does not", file.display()),
            (Some(file), files) => format!(", none of {files} such as {}", file.display()),
        };
        let link = self.others.link.as_ref().map_or(String::new(), |link| {
            format!(
                "; the link {} is not followed: name the directory it leads into in follow_links",
                link.display()
            )
        });
        Some(format!("no file below {root} matches file_match{others}{link}"))
    }
}

impl Scanner {
    /// Looks twice, or until nothing has moved in between: a rename shows a file under both names, or under none.
    ///
    /// # Errors
    /// If the directory is not there; `Interrupted` if it does not come to rest.
    pub(super) fn settled(&self, now: Stamp) -> io::Result<Scan> {
        let mut before = self.scan(now)?;
        for _ in 0..TRIES {
            let after = self.scan(now)?;
            if names(&before) == names(&after) {
                return Ok(after);
            }
            before = after;
        }
        Err(io::ErrorKind::Interrupted.into())
    }

    /// Looks once.
    ///
    /// # Errors
    /// If the directory is not there.
    pub(super) fn scan(&self, now: Stamp) -> io::Result<Scan> {
        let root = self.directory.canonicalize()?;
        let mut scan = Scan { root: root.clone(), ..Scan::default() };
        let mut found: BTreeMap<String, Vec<Found>> = BTreeMap::new();
        let mut seen = HashSet::new();
        let mut waiting = vec![(root.clone(), 0)];
        while let Some((directory, depth)) = waiting.pop() {
            let entries = match std::fs::read_dir(&directory) {
                Ok(entries) => entries,
                Err(error) if directory == root => return Err(error),
                Err(error) => {
                    if error.kind() != io::ErrorKind::NotFound {
                        scan.trouble.insert(directory, Trouble::Directory(error));
                    }
                    continue;
                }
            };
            for entry in entries.filter_map(Result::ok) {
                match self.look(&root, &entry) {
                    Some(Looked::Directory(metadata))
                        if depth < DEEPEST && seen.insert((metadata.dev(), metadata.ino())) =>
                    {
                        waiting.push((entry.path(), depth + 1));
                    }
                    Some(Looked::File(metadata)) => {
                        self.take(&entry.path(), &metadata, now, &mut scan, &mut found)
                    }
                    Some(Looked::Link) if self.matches(&root, &entry.path()) => {
                        scan.trouble.insert(entry.path(), Trouble::Link);
                    }
                    Some(Looked::Link) if entry.path().is_dir() => {
                        scan.others.link.get_or_insert_with(|| entry.path());
                    }
                    Some(Looked::Other) => scan.others.add(entry.path()),
                    _ => {}
                }
            }
            scan.directories.push(directory);
        }
        let in_order = |(name, files)| (name, order(files, self.rules.sorts()));
        scan.streams = found.into_iter().map(in_order).collect();
        Ok(scan)
    }

    /// What an entry is, unless it is gone or neither a file nor a directory.
    fn look(&self, root: &Path, entry: &DirEntry) -> Option<Looked> {
        let kind = entry.file_type().ok()?;
        // Only what has the right name is asked about: the rest may be many.
        if kind.is_file() && !self.matches(root, &entry.path()) {
            return Some(Looked::Other);
        }
        let metadata = match kind.is_symlink() {
            true if self.roots.is_empty() => return Some(Looked::Link),
            true => match followed(root, &entry.path(), &self.roots) {
                Some(path) => std::fs::metadata(path).ok()?,
                None => return Some(Looked::Link),
            },
            false => entry.metadata().ok()?,
        };
        if metadata.is_dir() {
            return Some(Looked::Directory(metadata));
        }
        metadata.is_file().then_some(Looked::File(metadata))
    }

    fn matches(&self, root: &Path, path: &Path) -> bool {
        path.strip_prefix(root).is_ok_and(|below| self.rules.place(below.as_os_str().as_bytes()).is_some())
    }

    fn take(
        &self,
        path: &Path,
        metadata: &Metadata,
        now: Stamp,
        scan: &mut Scan,
        found: &mut BTreeMap<String, Vec<Found>>,
    ) {
        let Ok(below) = path.strip_prefix(&scan.root) else { return };
        let Some(placed) = self.rules.place(below.as_os_str().as_bytes()) else { return };
        if scan.files >= MOST_FILES {
            scan.cut = true;
            return;
        }
        scan.files += 1;
        if let Some(odd) = placed.odd {
            scan.trouble.insert(path.to_owned(), Trouble::Odd(odd));
        }
        let modified = modified(metadata);
        found.entry(placed.stream).or_default().push(Found {
            path: path.to_owned(),
            id: id_of(metadata),
            size: metadata.len(),
            modified,
            stale: !self.oldest.is_zero() && now.since(modified) > self.oldest,
            keys: placed.keys,
        });
    }
}

enum Looked {
    File(Metadata),
    Directory(Metadata),
    /// A link that leads nowhere, or to where none is followed.
    Link,
    /// A file of another name.
    Other,
}

impl Others {
    fn add(&mut self, path: PathBuf) {
        self.files += 1;
        if self.file.as_ref().is_none_or(|file| path < *file) {
            self.file = Some(path);
        }
    }
}

/// The names and what they stand for.
fn names(scan: &Scan) -> Vec<(&Path, Option<FileId>)> {
    let mut names: Vec<(&Path, Option<FileId>)> = Vec::new();
    for order in scan.streams.values() {
        match order {
            Order::Known(slots) => names.extend(
                slots.iter().flat_map(|slot| &slot.files).map(|file| (file.path.as_path(), Some(file.id))),
            ),
            Order::Unknown(paths) => names.extend(paths.iter().map(|path| (path.as_path(), None))),
        }
    }
    names
}

/// Files that are kept of one directory.
const MOST_FILES: usize = 100_000;

/// How deep directories are looked into.
const DEEPEST: usize = 32;

/// How often it is looked again while names move.
const TRIES: usize = 4;
