//! The configurations of other programs, turned into ours.
//!
//! An importer is pure: text in, a commented `hekad.toml` and a list of findings out. It never evaluates what it reads;
//! variables of the environment become references where they can.
//! Every key of the file has a finding, so that nothing is lost in silence: it became something, is what happens anyway,
//! became something near, or has no counterpart. Reading files and showing findings is left to `cli`.

mod document;
mod exporter;
mod javascript;
mod keys;
mod statsd;
mod template;
mod yaml;

pub use document::Document;
pub use exporter::statsd_exporter;
pub use statsd::{statsd, statsd_proxy};
pub use template::Template;

/// What an importer made of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// The configuration, with comments.
    pub text: String,
    /// One for every key of the file, in its order.
    pub findings: Vec<Finding>,
    /// Variables of the environment without which a daemon with this configuration does not start.
    pub needed: Vec<String>,
}

impl Imported {
    /// The configuration with something in the place of every needed variable for which `is_set` says no: what is wrong
    /// with it is not that.
    pub fn text_to_check(&self, is_set: impl Fn(&str) -> bool) -> String {
        let unset = self.needed.iter().filter(|name| !is_set(name));
        unset.fold(self.text.clone(), |text, name| {
            text.replace(&format!("${{{name}}}"), &format!("${{{name}:-{ANYTHING}}}"))
        })
    }
}

/// What a variable without a default may be: a host, a part of a name.
const ANYTHING: &str = "unset.invalid";

/// What became of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The key with its parents: `graphite.globalPrefix`, `mappings[2].match`.
    pub key: String,
    /// Line of the file, from 1.
    pub line: usize,
    /// What became of it.
    pub fate: Fate,
}

/// What may become of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It became this: a key of ours, with its section.
    Translated(String),
    /// It says what happens without it.
    Default,
    /// It became something near; the text says how it differs.
    Approximated(String),
    /// There is no counterpart; the text says why, and what to do instead.
    Refused(String),
}

impl Finding {
    /// A finding about the key `key` in line `line`; an empty one is shown in quotes.
    pub fn new(key: impl Into<String>, line: usize, fate: Fate) -> Finding {
        let key = Some(key.into()).filter(|key: &String| !key.is_empty());
        Finding { key: key.unwrap_or_else(|| "\"\"".to_owned()), line, fate }
    }
}

/// A file that cannot be read as what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{line}:{column}: {message}")]
pub struct SyntaxError {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl SyntaxError {
    /// An error at the byte `at` of `text`.
    pub fn at(text: &str, at: usize, message: impl Into<String>) -> SyntaxError {
        let before = &text[..text.floor_char_boundary(at)];
        let start = before.rfind('\n').map_or(0, |end| end + 1);
        let line = before.bytes().filter(|&byte| byte == b'\n').count() + 1;
        SyntaxError { line, column: before[start..].chars().count() + 1, message: message.into() }
    }
}
