//! `TokenSplitter`: a byte ends every record, or every so many of them do; it stays at the record's end.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::{Check, Violation};
use crate::plugin::{BuildContext, BuildError, Declare, Split, Splitter};

/// Options; names and defaults are Heka's.
#[derive(Debug, Clone, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The byte that ends a record, and stays at its end. Default "\n".
    pub delimiter: String,
    /// How many of them end a record: for records of a fixed number of lines. Default 1.
    pub count: u32,
}

impl Default for Config {
    fn default() -> Config {
        Config { delimiter: "\n".to_owned(), count: 1 }
    }
}

impl Check for Config {
    fn check(&self) -> Vec<Violation> {
        let mut violations = Vec::new();
        if self.delimiter.len() != 1 {
            let violation = Violation::new("delimiter", "must be one byte");
            let help = "RegexSplitter takes a regular expression".to_owned();
            violations.push(Violation { help: Some(help), ..violation });
        }
        if self.count == 0 {
            violations.push(Violation::new("count", "must be at least 1"));
        }
        violations
    }
}

impl Declare<dyn Splitter> for Config {
    const TYPE: &'static str = "TokenSplitter";
    const SUMMARY: &'static str = "Ends records with a byte, which stays at their end: lines.";

    fn build(&self, _: &BuildContext) -> Result<Box<dyn Splitter>, BuildError> {
        let delimiter = self.delimiter.bytes().next();
        let delimiter = delimiter.ok_or_else(|| BuildError::new("the delimiter is empty"))?;
        Ok(Box::new(TokenSplitter { delimiter, count: self.count as usize }))
    }
}

struct TokenSplitter {
    delimiter: u8,
    count: usize,
}

impl Splitter for TokenSplitter {
    fn split<'a>(&mut self, buffer: &'a [u8]) -> Split<'a> {
        // The usual case has a search of its own: one call a record.
        let end = match self.count {
            1 => memchr::memchr(self.delimiter, buffer),
            count => memchr::memchr_iter(self.delimiter, buffer).nth(count - 1),
        };
        match end {
            Some(end) => Split::record(&buffer[..=end], end + 1),
            None => Split::nothing(0),
        }
    }
}
