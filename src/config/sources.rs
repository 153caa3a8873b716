//! The texts a configuration is made of, and places in them.
//!
//! Decides which files are read and in what order; what they say is left to the sections.

use std::ops::Range;
use std::path::{Path, PathBuf};

use super::problem::{Problem, ProblemKind, Problems};

/// Every text of one configuration, in the order in which later sections replace earlier ones.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    sources: Vec<Source>,
}

/// One file, or one text that came with the program.
#[derive(Debug, Clone)]
pub struct Source {
    name: String,
    text: String,
    readable: bool,
}

/// A stretch of one source, in bytes of its original text (before any substitution).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Location {
    /// Index into [`Sources`].
    pub source: usize,
    /// Bytes from the start of the text; empty for a place between two characters.
    pub span: Range<usize>,
}

impl Sources {
    /// Sources of nothing.
    pub fn new() -> Sources {
        Sources::default()
    }

    /// Reads the file at `path`, or, if it is a directory, every `*.toml` directly in it by order of name.
    ///
    /// A file that cannot be read, or a directory without a `*.toml`, is a problem; the files that could be read
    /// are there all the same, so that their mistakes are reported with it.
    pub fn read(path: &Path, problems: &mut Problems) -> Sources {
        let mut sources = Sources::new();
        match files_of(path) {
            Ok(files) if files.is_empty() => {
                problems
                    .push(Problem::nowhere(ProblemKind::EmptyDirectory { path: path.display().to_string() }));
            }
            Ok(files) => files.iter().for_each(|file| sources.read_file(file, problems)),
            Err(error) => problems.push(unreadable(path, &error)),
        }
        sources
    }

    /// A single text under the name that messages show for it.
    pub fn embedded(name: &str, text: &str) -> Sources {
        let mut problems = Problems::new();
        let mut sources = Sources::new();
        sources.add(name, text.as_bytes(), &mut problems);
        sources
    }

    /// Adds a text of any bytes; bytes that are not UTF-8 are a problem, and the text then has no sections.
    pub fn add(&mut self, name: &str, bytes: &[u8], problems: &mut Problems) {
        let invalid = std::str::from_utf8(bytes).err().map(|error| error.valid_up_to());
        if let Some(at) = invalid {
            let text = String::from_utf8_lossy(bytes);
            let end = at + text[at..].chars().next().map_or(0, char::len_utf8);
            let location = Location { source: self.sources.len(), span: at..end };
            problems.push(Problem::at(location, ProblemKind::NotUtf8));
        }
        let text = String::from_utf8_lossy(bytes).into_owned();
        self.sources.push(Source { name: name.to_owned(), text, readable: invalid.is_none() });
    }

    /// The sources in reading order.
    pub fn iter(&self) -> impl Iterator<Item = &Source> {
        self.sources.iter()
    }

    /// The source a [`Location`] speaks of.
    pub fn source(&self, index: usize) -> Option<&Source> {
        self.sources.get(index)
    }

    /// Whether there is no text at all.
    pub fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }

    /// `file:line:column` of the start of `location`.
    pub fn place(&self, location: &Location) -> String {
        let Some(source) = self.source(location.source) else { return String::new() };
        let (line, column) = source.line_column(location.span.start);
        format!("{}:{line}:{column}", source.name)
    }

    fn read_file(&mut self, path: &Path, problems: &mut Problems) {
        match std::fs::read(path) {
            Ok(bytes) => self.add(&path.display().to_string(), &bytes, problems),
            Err(error) => problems.push(unreadable(path, &error)),
        }
    }
}

impl Source {
    /// The path or the name shown for an embedded text.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The original text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether the text was UTF-8; if not, it is shown in messages but has no sections.
    pub(super) fn is_readable(&self) -> bool {
        self.readable
    }

    /// Line and column of a byte, both from 1, the column in characters; the end of the text if beyond it.
    pub fn line_column(&self, byte: usize) -> (usize, usize) {
        let before = &self.text[..self.text.floor_char_boundary(byte)];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        (line, before[line_start..].chars().count() + 1)
    }
}

/// The environment of this process, as the closure the readers want.
///
/// A variable whose value is not UTF-8 counts as unset.
pub fn environment(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
    // A value that is not UTF-8 could not stand in a configuration: as good as unset.
    std::env::var(name).ok()
}

fn files_of(path: &Path) -> std::io::Result<Vec<PathBuf>> {
    if !std::fs::metadata(path)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let file = entry?.path();
        if file.extension().is_some_and(|extension| extension == "toml") && !file.is_dir() {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Problem {
    let reason = error.to_string();
    Problem::nowhere(ProblemKind::Unreadable { path: path.display().to_string(), reason })
}
