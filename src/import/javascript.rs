//! Reads the JavaScript that configuration files are written in: one object literal, with the constants around it.
//!
//! Nothing is run. What the environment is asked for stays a reference as long as it is joined with texts or has a default
//! behind `||` or `??`, both of which then count for an empty variable too. Understood are object and array literals, all kinds of quotes, numbers, `true`, `false`, `null`,
//! `undefined`, comments, trailing commas, `+` between texts or numbers, the other arithmetic operators between
//! numbers, `||` and `??`, `process.env.NAME`, `require('os').hostname()`, `.split(text)[number]`, `.replace(text, text)`,
//! `parseInt(…)` and `Number(…)`; in front of the object parentheses, `module.exports =` or `exports.NAME =`. The grammar is a
//! part of <https://tc39.es/ecma262/#sec-expressions>.

mod expression;
mod literals;
mod reader;
mod value;
mod words;

use super::SyntaxError;
use reader::Reader;
pub(super) use reader::{Taken, joined};
pub(super) use value::{Js, Member};
pub(super) use words::HOSTNAME;

/// What a file may ask about the machine.
#[derive(Clone, Copy)]
pub(super) struct Machine<'a> {
    /// `require('os').hostname()`
    pub(super) hostname: &'a str,
    /// `process.env`
    pub(super) environment: &'a dyn Fn(&str) -> Option<String>,
}

/// What a file was read as.
#[derive(Debug)]
pub(super) struct Read {
    /// The members of its object.
    pub(super) members: Vec<Member>,
    /// Variables whose value is part of them and was needed to read it, and the name of the host.
    pub(super) taken: Vec<Taken>,
}

/// Reads the one object of a file.
///
/// # Errors
/// With the place, where the file is anything but an object of constants.
pub(super) fn read_object(text: &str, machine: Machine<'_>) -> Result<Read, SyntaxError> {
    let mut reader = Reader::new(text, machine);
    reader.shebang();
    reader.assignment()?;
    let start = reader.at;
    let node = reader.expression()?;
    reader.blanks()?;
    while reader.take(";") {
        reader.blanks()?;
    }
    if reader.at < text.len() {
        return Err(reader.error("only one object can stand here; statements are not run"));
    }
    match node.value {
        Js::Object(members) => Ok(Read { members, taken: reader.taken }),
        _ => Err(SyntaxError::at(text, start, "the file must be one object: { port: 8125, … }")),
    }
}

#[cfg(test)]
mod tests;
