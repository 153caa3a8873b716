//! Where the reader is in the file, and the steps that everything else is made of.

use super::Machine;
use super::value::{Js, Node};
use crate::import::SyntaxError;

/// Reads a file from its start to its end.
pub(super) struct Reader<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
    /// Where its lines end, so that to say a line costs little however far the reader is.
    ends: Vec<usize>,
    pub(super) depth: usize,
    pub(super) machine: Machine<'a>,
    /// Keys and indices of what is being read.
    pub(super) path: Vec<String>,
    /// Variables whose value had to be taken as it is now, and the name of the host.
    pub(super) taken: Vec<Taken>,
}

/// A variable of the environment, or the name of the host, whose value is part of what was read.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::import) struct Taken {
    /// The key, with its parents: `servers[0].port`.
    pub(in crate::import) key: String,
    /// From 1.
    pub(in crate::import) line: usize,
    /// The name of the variable.
    pub(in crate::import) name: String,
    /// Its value, if it is set.
    pub(in crate::import) value: Option<String>,
}

impl<'a> Reader<'a> {
    /// A reader at the start of `text`.
    pub(super) fn new(text: &'a str, machine: Machine<'a>) -> Reader<'a> {
        let ends = text.match_indices('\n').map(|(end, _)| end).collect();
        Reader { text, at: 0, ends, depth: 0, machine, path: Vec::new(), taken: Vec::new() }
    }
}

impl Reader<'_> {
    pub(super) fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    pub(super) fn error(&self, message: impl Into<String>) -> SyntaxError {
        SyntaxError::at(self.text, self.at, message)
    }

    pub(super) fn line(&self) -> usize {
        self.ends.partition_point(|&end| end < self.at) + 1
    }

    /// What a value is now; of variables in it that is noted.
    pub(super) fn now(&mut self, value: Js) -> Js {
        match value {
            Js::Asked(asked) => {
                let (key, line) = (joined(&self.path), self.line());
                for (name, value) in asked.variables {
                    self.taken.push(Taken { key: key.clone(), line, name, value });
                }
                asked.now
            }
            Js::List(nodes) => {
                let now = |node: Node| Node { value: self.now(node.value), line: node.line };
                Js::List(nodes.into_iter().map(now).collect())
            }
            value => value,
        }
    }

    /// The same of several.
    pub(super) fn all_now(&mut self, values: Vec<Js>) -> Vec<Js> {
        values.into_iter().map(|value| self.now(value)).collect()
    }

    pub(super) fn shebang(&mut self) {
        if self.rest().starts_with("#!") {
            self.at = self.text.find('\n').unwrap_or(self.text.len());
        }
    }

    /// Passes blanks and comments.
    pub(super) fn blanks(&mut self) -> Result<(), SyntaxError> {
        loop {
            let rest = self.rest();
            let blank = rest.len()
                - rest
                    .trim_start_matches(|letter: char| letter.is_whitespace() || letter == '\u{feff}')
                    .len();
            if blank > 0 {
                self.at += blank;
            } else if rest.starts_with("//") {
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else if let Some(comment) = rest.strip_prefix("/*") {
                match comment.find("*/") {
                    Some(end) => self.at += end + 4,
                    None => return Err(self.error("this comment has no end: */ is missing")),
                }
            } else {
                return Ok(());
            }
        }
    }

    /// Takes `token` if it is next.
    pub(super) fn take(&mut self, token: &str) -> bool {
        let is_next = self.rest().starts_with(token);
        if is_next {
            self.at += token.len();
        }
        is_next
    }

    pub(super) fn expect(&mut self, token: &str, after: &str) -> Result<(), SyntaxError> {
        self.blanks()?;
        match self.take(token) {
            true => Ok(()),
            false => Err(self.error(format!("{after} `{token}` is expected"))),
        }
    }

    /// `module.exports =`, `exports.config =`, `'use strict';`
    pub(super) fn assignment(&mut self) -> Result<(), SyntaxError> {
        self.blanks()?;
        for strict in ["'use strict'", "\"use strict\""] {
            if self.take(strict) {
                self.blanks()?;
                self.take(";");
                self.blanks()?;
            }
        }
        let start = self.at;
        if self.take("module.exports") || self.take("exports.") {
            self.identifier();
            self.blanks()?;
            if !self.take("=") {
                self.at = start;
            }
        }
        Ok(())
    }

    pub(super) fn identifier(&mut self) -> Option<String> {
        let rest = self.rest();
        let is_part = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == '$';
        if rest.starts_with(|letter: char| letter.is_ascii_digit()) {
            return None;
        }
        let length = rest.find(|letter: char| !is_part(letter)).unwrap_or(rest.len());
        let name = rest[..length].to_owned();
        self.at += length;
        (length > 0).then_some(name)
    }

    /// A text that was put together, unless it is too long: a few of these steps could make gigabytes of a line.
    pub(super) fn bounded(&self, text: String) -> Result<String, SyntaxError> {
        match text.len() <= LONGEST_TEXT {
            true => Ok(text),
            false => Err(self.error(format!("this text becomes longer than {LONGEST_TEXT} bytes"))),
        }
    }
}

/// `servers[0].port`
pub(in crate::import) fn joined(path: &[String]) -> String {
    let mut joined = String::new();
    for part in path {
        if !joined.is_empty() && !part.starts_with('[') {
            joined.push('.');
        }
        joined.push_str(part);
    }
    joined
}

/// Bytes of the longest text that is put together.
const LONGEST_TEXT: usize = 64 << 10;
