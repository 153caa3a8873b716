//! Where something is sent: a network address, or a unix socket of datagrams as `unixgram:///path`.

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};

use super::address::{ADDRESS, Address, AddressError, read};

/// An address to send to. Whether the path of a socket can be one is told by [`flaw_of_socket`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// `host:port`
    Network(Address),
    /// `unixgram:///path`
    Socket(PathBuf),
}

impl Target {
    /// Reads what an [`Address`] may be, or a path after `unixgram://`.
    ///
    /// # Errors
    /// An [`AddressError`] that names the part at fault.
    pub fn parse(text: &str) -> Result<Target, AddressError> {
        match text.strip_prefix(SCHEME) {
            Some(path) => Ok(Target::Socket(path.into())),
            None => Address::parse(text).map(Target::Network),
        }
    }

    /// The network address, unless it is a socket.
    pub fn network(&self) -> Option<&Address> {
        match self {
            Target::Network(address) => Some(address),
            Target::Socket(_) => None,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Network(address) => address.fmt(out),
            Target::Socket(path) => write!(out, "{SCHEME}{}", path.display()),
        }
    }
}

impl Serialize for Target {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Target, D::Error> {
        // Its errors are those of an address.
        read(ADDRESS, Target::parse, deserializer)
    }
}

impl JsonSchema for Target {
    fn schema_name() -> Cow<'static, str> {
        "Target".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = Address::json_schema(generator);
        schema.insert("x-type".to_owned(), "address (host:port or unixgram:///path)".into());
        schema
    }
}

/// Why a path can be none of a unix socket, if it cannot.
pub fn flaw_of_socket(path: &Path) -> Option<&'static str> {
    match path.as_os_str().len() {
        _ if !path.is_absolute() => Some("must begin with a slash"),
        0..=LONGEST_PATH => None,
        _ => Some("must not be longer than 107 bytes"),
    }
}

const SCHEME: &str = "unixgram://";

/// What fits into the address of a unix socket, without the zero at its end.
const LONGEST_PATH: usize = 107;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_an_address_or_a_socket_and_prints_what_reads_as_the_same() {
        let table = [
            ("statsd.local:8125", Target::Network(Address::new("statsd.local", 8125))),
            ("[::1]:8125", Target::Network(Address::new("::1", 8125))),
            ("unixgram:///run/statsd.sock", Target::Socket("/run/statsd.sock".into())),
        ];
        for (text, target) in table {
            assert_eq!(Target::parse(text), Ok(target.clone()));
            assert_eq!(target.to_string(), text);
        }
        let error = Target::parse("unix:///run/statsd.sock").unwrap_err().to_string();
        assert_eq!(error, "`///run/statsd.sock` is not a port (0 to 65535)");
    }
}
