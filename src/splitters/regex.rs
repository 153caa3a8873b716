//! `RegexSplitter`: a regular expression (RE2) finds what is between records.
//!
//! What it matches is dropped, but for its capture group, if it has one: that stays at the end of the record before, or
//! goes to the beginning of the next. A record of no bytes is none.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::{Check, Violation};
use crate::plugin::{BuildContext, BuildError, Declare, Split, Splitter};
use crate::regexp::{Captures, Compiled, compile};

/// Options; names and defaults are Heka's.
#[derive(Debug, Clone, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Regular expression (RE2) of what is between records, with one capture group at most. What it matches is dropped, but
    /// for the group. It is asked about what is there so far: one whose match may go on, such as "\n+", ends at the end of
    /// what was read. Default "\n".
    pub delimiter: String,
    /// Whether what the group matches stays at the end of a record (true, the default) or goes to the beginning of the next
    /// one (false), of which nothing is seen then before the delimiter after it.
    pub delimiter_eol: bool,
}

impl Default for Config {
    fn default() -> Config {
        Config { delimiter: "\n".to_owned(), delimiter_eol: true }
    }
}

impl Check for Config {
    fn check(&self) -> Vec<Violation> {
        let message = match compile(&self.delimiter) {
            Err((error, _)) => error.to_string(),
            Ok(compiled) if compiled.regex.captures_len() > 2 => {
                "must not have more than one capture group; write (?:...) for the others".to_owned()
            }
            Ok(compiled) if compiled.regex.is_match(b"") => {
                "matches nothing at all, and so between any two bytes".to_owned()
            }
            Ok(_) => return Vec::new(),
        };
        vec![Violation::new("delimiter", message)]
    }
}

impl Declare<dyn Splitter> for Config {
    const TYPE: &'static str = "RegexSplitter";
    const SUMMARY: &'static str = "Ends records with what a regular expression matches.";

    fn build(&self, _: &BuildContext) -> Result<Box<dyn Splitter>, BuildError> {
        let compiled = compile(&self.delimiter).map_err(|(error, _)| BuildError::new(error.to_string()))?;
        let found = compiled.captures();
        Ok(Box::new(RegexSplitter { delimiter: compiled, found, at_end: self.delimiter_eol, begun: 0 }))
    }
}

struct RegexSplitter {
    delimiter: Compiled,
    /// Memory for what it matches.
    found: Captures,
    at_end: bool,
    /// Bytes of the capture that the buffer begins with.
    begun: usize,
}

impl Splitter for RegexSplitter {
    fn split<'a>(&mut self, buffer: &'a [u8]) -> Split<'a> {
        let begun = self.begun.min(buffer.len());
        if !self.delimiter.find_in_stream(buffer, begun, &mut self.found) {
            return Split::nothing(0);
        }
        let whole = self.found.get(0).expect("the whole match is there");
        let (end, consumed) = match self.found.get(1) {
            Some(kept) if kept.is_empty() => (whole.start, whole.end),
            None => (whole.start, whole.end),
            Some(kept) if self.at_end => (kept.end, whole.end),
            Some(kept) => {
                self.begun = kept.len();
                (whole.start, kept.start)
            }
        };
        match end {
            // Nothing before the capture that begins the first record: it is looked for behind it.
            0 if consumed == 0 && self.begun > 0 => self.split(buffer),
            0 => Split::nothing(consumed),
            end => Split::record(&buffer[..end], consumed),
        }
    }

    fn forget(&mut self) {
        self.begun = 0;
    }
}
