//! Where something listens: a network address, or a socket that another process opened and hands over, as `fd:3` by its
//! number or `fd:statsd` by its name.
//!
//! Numbers begin at 3, as systemd has it; names are those of FileDescriptorName= in its units.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};
use thiserror::Error;

use super::address::{Address, AddressError, read};

/// An address to listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListenAddress {
    /// `host:port`
    Network(Address),
    /// `fd:3` or `fd:statsd`
    Handed(Descriptor),
}

/// Which of the sockets that were handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Descriptor {
    /// The one of that number.
    Number(u32),
    /// That of this name, or, where several have it, the one that fits.
    Name(String),
}

/// Why a text names no socket that is handed over.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DescriptorError {
    /// Nothing behind the colon.
    #[error("`fd:` lacks the number or the name of a socket that is handed over (fd:3, fd:statsd)")]
    Empty,
    /// A number that none has.
    #[error("`{text}` is none that is handed over: their numbers begin at 3")]
    Number {
        /// The text as written.
        text: String,
    },
    /// Too long for a name, or with characters that none has.
    #[error("`{text}` cannot be the name of a socket: up to 255 characters of ASCII, none of them a colon")]
    Name {
        /// The text as written.
        text: String,
    },
}

impl Descriptor {
    /// Reads `fd:3` or `fd:statsd`; none where the text does not begin with `fd:`.
    ///
    /// # Errors
    /// A [`DescriptorError`] that says what is wrong behind the colon.
    pub fn parse(text: &str) -> Option<Result<Descriptor, DescriptorError>> {
        text.strip_prefix(PREFIX).map(|which| Descriptor::of(which, text))
    }

    fn of(which: &str, text: &str) -> Result<Descriptor, DescriptorError> {
        let text = || text.to_owned();
        let digits = which.strip_prefix(['-', '+']).unwrap_or(which);
        if which.is_empty() {
            Err(DescriptorError::Empty)
        } else if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            let number = which.parse().ok().filter(|number| *number >= FIRST && digits == which);
            number.map(Descriptor::Number).ok_or_else(|| DescriptorError::Number { text: text() })
        } else if which.len() <= LONGEST_NAME && which.bytes().all(is_of_a_name) {
            Ok(Descriptor::Name(which.to_owned()))
        } else {
            Err(DescriptorError::Name { text: text() })
        }
    }
}

/// Whether the name of a descriptor may have it: sd_listen_fds_with_names(3).
fn is_of_a_name(byte: u8) -> bool {
    (b' '..=b'~').contains(&byte) && byte != b':'
}

impl ListenAddress {
    /// Reads what an [`Address`] may be, or a [`Descriptor`].
    ///
    /// # Errors
    /// An [`AddressError`] that names the part at fault.
    pub fn parse(text: &str) -> Result<ListenAddress, AddressError> {
        match Descriptor::parse(text) {
            Some(descriptor) => Ok(ListenAddress::Handed(descriptor?)),
            None => Address::parse(text).map(ListenAddress::Network),
        }
    }
}

impl fmt::Display for Descriptor {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Descriptor::Number(number) => write!(out, "{PREFIX}{number}"),
            Descriptor::Name(name) => write!(out, "{PREFIX}{name}"),
        }
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ListenAddress::Network(address) => address.fmt(out),
            ListenAddress::Handed(descriptor) => descriptor.fmt(out),
        }
    }
}

impl Serialize for ListenAddress {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ListenAddress {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<ListenAddress, D::Error> {
        read(LISTEN_ADDRESS, ListenAddress::parse, deserializer)
    }
}

impl JsonSchema for ListenAddress {
    fn schema_name() -> Cow<'static, str> {
        "ListenAddress".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = Address::json_schema(generator);
        schema.insert("x-type".to_owned(), "address (host:port or fd:NAME)".into());
        schema
    }
}

/// What this type calls itself to a deserializer, so that ours can tell its errors.
pub(in crate::config) const LISTEN_ADDRESS: &str = "heka::ListenAddress";

const PREFIX: &str = "fd:";

/// The number of the first descriptor that is handed over; those before it are standard input and outputs.
const FIRST: u32 = 3;

const LONGEST_NAME: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_that_is_handed_over_has_a_number_or_a_name() {
        let handed = |descriptor| Ok(ListenAddress::Handed(descriptor));
        for (text, expected) in [
            ("fd:3", handed(Descriptor::Number(3))),
            ("fd:statsd", handed(Descriptor::Name("statsd".to_owned()))),
            ("fd:hekad-statsd.socket", handed(Descriptor::Name("hekad-statsd.socket".to_owned()))),
            ("fd:3rd", handed(Descriptor::Name("3rd".to_owned()))),
            ("fd:-", handed(Descriptor::Name("-".to_owned()))),
            ("[::1]:8125", Ok(ListenAddress::Network(Address::new("::1", 8125)))),
        ] {
            let parsed = ListenAddress::parse(text);
            assert_eq!(parsed, expected, "{text}");
            assert_eq!(parsed.map(|parsed| parsed.to_string()).as_deref(), Ok(text));
        }
    }

    #[test]
    fn texts_that_name_none_say_why() {
        let message = |text: &str| ListenAddress::parse(text).unwrap_err().to_string();
        let empty = "`fd:` lacks the number or the name of a socket that is handed over (fd:3, fd:statsd)";
        assert_eq!(message("fd:"), empty);
        for text in ["fd:-1", "fd:+3", "fd:0", "fd:2", "fd:4294967296"] {
            let expected = format!("`{text}` is none that is handed over: their numbers begin at 3");
            assert_eq!(message(text), expected);
        }
        for text in ["fd:a:b", "fd:\u{e9}", "fd:a\tb", &format!("fd:{}", "a".repeat(256))] {
            let rule = "cannot be the name of a socket: up to 255 characters of ASCII, none of them a colon";
            assert_eq!(message(text), format!("`{text}` {rule}"));
        }
        assert_eq!(message("localhost"), "`localhost` lacks a port (host:port)");
    }
}
