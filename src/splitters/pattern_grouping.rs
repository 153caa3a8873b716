//! `PatternGroupingSplitter`: consecutive lines that match a pattern are one record, such as a stack trace.
//!
//! Any other line is a record of its own. A group ends with the first line that does not match, with `max_lines`, or with
//! the stream; so its last line is seen once the next line is whole.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::{Check, Violation};
use crate::plugin::{BuildContext, BuildError, Declare, Split, Splitter};
use crate::regexp::{Captures, Compiled, compile};

/// Options; names and defaults are Heka's.
#[derive(Debug, Clone, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Regular expression (RE2) of what ends a line, and stays at its end. Default "\n".
    #[serde(default = "newline")]
    pub delimiter: String,
    /// Regular expression (RE2) of lines that belong together, asked about each with what ends it.
    pub grouping: String,
    /// Lines of the longest group; the next line begins another. Default 99.
    #[serde(default = "most_lines")]
    pub max_lines: u32,
}

fn newline() -> String {
    "\n".to_owned()
}

fn most_lines() -> u32 {
    99
}

impl Check for Config {
    fn check(&self) -> Vec<Violation> {
        let mut violations = Vec::new();
        match compile(&self.delimiter) {
            Err((error, _)) => violations.push(Violation::new("delimiter", error.to_string())),
            Ok(compiled) if compiled.regex.is_match(b"") => violations
                .push(Violation::new("delimiter", "matches nothing at all, and so between any two bytes")),
            Ok(_) => {}
        }
        if let Err((error, _)) = compile(&self.grouping) {
            violations.push(Violation::new("grouping", error.to_string()));
        }
        if self.max_lines == 0 {
            violations.push(Violation::new("max_lines", "must be at least 1"));
        }
        violations
    }
}

impl Declare<dyn Splitter> for Config {
    const TYPE: &'static str = "PatternGroupingSplitter";
    const SUMMARY: &'static str = "Takes consecutive lines that match a pattern as one record.";

    fn build(&self, _: &BuildContext) -> Result<Box<dyn Splitter>, BuildError> {
        let compile =
            |pattern: &str| compile(pattern).map_err(|(error, _)| BuildError::new(error.to_string()));
        let delimiter = compile(&self.delimiter)?;
        Ok(Box::new(PatternGroupingSplitter {
            found: delimiter.captures(),
            delimiter,
            grouping: compile(&self.grouping)?,
            max_lines: self.max_lines,
            group: Group::default(),
        }))
    }
}

struct PatternGroupingSplitter {
    delimiter: Compiled,
    /// Memory for what it matches.
    found: Captures,
    grouping: Compiled,
    max_lines: u32,
    group: Group,
}

/// The lines that the buffer begins with and that were seen to belong together, so that none is asked about twice.
#[derive(Debug, Clone, Copy, Default)]
struct Group {
    end: usize,
    lines: u32,
}

impl PatternGroupingSplitter {
    /// Takes the group that ends where it does.
    fn group<'a>(&mut self, buffer: &'a [u8]) -> Split<'a> {
        let Group { end, .. } = std::mem::take(&mut self.group);
        Split::record(&buffer[..end], end)
    }
}

impl Splitter for PatternGroupingSplitter {
    fn split<'a>(&mut self, buffer: &'a [u8]) -> Split<'a> {
        if self.group.end > buffer.len() {
            self.group = Group::default();
        }
        loop {
            let start = self.group.end;
            if !self.delimiter.find_in_stream(buffer, start, &mut self.found) {
                return Split::nothing(0);
            }
            let end = self.found.get(0).expect("the whole match is there").end;
            let line = &buffer[start..end];
            if !self.grouping.is_match(line) {
                return match start {
                    0 => Split::record(line, line.len()),
                    _ => self.group(buffer),
                };
            }
            self.group = Group { end, lines: self.group.lines + 1 };
            if self.group.lines == self.max_lines {
                return self.group(buffer);
            }
        }
    }

    fn split_last<'a>(&mut self, buffer: &'a [u8]) -> Split<'a> {
        let split = self.split(buffer);
        if split.consumed == 0 && self.group.end > 0 {
            return self.group(buffer);
        }
        split
    }

    fn forget(&mut self) {
        self.group = Group::default();
    }
}
