//! Regular expressions as Go writes them (RE2), compiled for the engine we have, within limits.
//!
//! Heka's matchers and the mappings of statsd_exporter are written in them: <https://github.com/google/re2/wiki/Syntax>.
//! `translate` has the differences; `search` finds matches in bytes that are not all text.

mod search;
mod translate;

use std::ops::Range;

use regex::bytes::{Regex, RegexBuilder};

pub use self::search::Captures;

/// A compiled regular expression.
#[derive(Debug, Clone)]
pub struct Compiled {
    /// For the engine.
    pub regex: Regex,
    /// It has a part that can match U+FFFD.
    pub wide: bool,
}

/// Why a regular expression was refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PatternError {
    /// Look-ahead or look-behind.
    #[error("look-around does not exist in this language")]
    LookAround,
    /// A reference to a group.
    #[error("back-references do not exist in this language")]
    BackReference,
    /// A backslash before something that means nothing there.
    #[error("unknown escape `\\{}`", .text[1..].escape_debug())]
    Escape {
        /// Backslash and character.
        text: Box<str>,
    },
    /// A flag other than i, m, s and U.
    #[error("unknown flag `{}`; the flags are i, m, s and U", .flag.escape_debug())]
    Flag {
        /// The flag.
        flag: char,
    },
    /// Its program would be larger than the limit, in bytes.
    #[error("the regular expression needs more than {limit} bytes; repeat less")]
    TooLarge {
        /// Bytes allowed.
        limit: usize,
    },
    /// Anything else the engine finds.
    #[error("the regular expression does not compile: {reason}")]
    Syntax {
        /// The engine's words.
        reason: Box<str>,
    },
}

/// Compiles `source`, in which punctuation behind a backslash stands for itself, `\/` too.
///
/// # Errors
/// What is wrong, and the range of `source` to blame: all of it if the engine found the fault.
pub fn compile(source: &str) -> Result<Compiled, (PatternError, Range<usize>)> {
    let translation = translate::translate(source)?;
    let compiled = RegexBuilder::new(&translation.text)
        .size_limit(PROGRAM_LIMIT)
        .dfa_size_limit(PROGRAM_LIMIT)
        .nest_limit(NEST_LIMIT)
        .build();
    match compiled {
        Ok(regex) => Ok(Compiled { regex, wide: translation.wide }),
        Err(regex::Error::CompiledTooBig(limit)) => Err((PatternError::TooLarge { limit }, 0..source.len())),
        Err(error) => Err((PatternError::Syntax { reason: last_line(&error.to_string()) }, 0..source.len())),
    }
}

/// The engine draws its own carets under a text that is not the user's; its last line has the reason.
fn last_line(message: &str) -> Box<str> {
    let line = message.trim_end().lines().next_back().unwrap_or_default();
    line.strip_prefix("error: ").unwrap_or(line).into()
}

/// Bytes of a compiled program, and of the cache a search may fill.
pub const PROGRAM_LIMIT: usize = 1 << 20;

/// Depth of nested groups, classes and repetitions.
const NEST_LIMIT: u32 = 100;
