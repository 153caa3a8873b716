//! Network addresses as `host:port`, with IPv6 in brackets.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};
use thiserror::Error;

use super::listening::DescriptorError;

/// A host (a name, an IP address, or empty for "all of this machine") and a port; names are not resolved here.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    host: String,
    port: u16,
}

/// Why a text is not an address.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AddressError {
    /// The text is empty.
    #[error("an address is missing (host:port)")]
    Empty,
    /// No colon, or nothing behind it.
    #[error("`{text}` lacks a port (host:port)")]
    MissingPort {
        /// The text as written.
        text: String,
    },
    /// Not a port.
    #[error("`{port}` is not a port (0 to 65535)")]
    BadPort {
        /// The port as written.
        port: String,
    },
    /// An IPv6 address that cannot be told from its port.
    #[error("an IPv6 address belongs in brackets: [{host}]:port")]
    Unbracketed {
        /// What looks like the IPv6 address.
        host: String,
    },
    /// A bracket without its fellow.
    #[error("`{text}` has an opening bracket without a closing one")]
    UnclosedBracket {
        /// The text as written.
        text: String,
    },
    /// Something else than an IPv6 address in brackets.
    #[error("`{host}` is not an IPv6 address")]
    BadIpv6 {
        /// What stands in the brackets.
        host: String,
    },
    /// A host with characters no name has.
    #[error("`{host}` cannot be the name of a host")]
    BadHost {
        /// The host as written.
        host: String,
    },
    /// It would name a socket that is handed over, and names none.
    #[error("{0}")]
    Descriptor(#[from] DescriptorError),
}

impl Address {
    /// An address of checked parts; the host as in [`Address::host`].
    pub fn new(host: impl Into<String>, port: u16) -> Address {
        Address { host: host.into(), port }
    }

    /// Reads `host:port`, `1.2.3.4:port`, `[::1]:port` or `:port`.
    ///
    /// # Errors
    /// An [`AddressError`] that names the part at fault.
    pub fn parse(text: &str) -> Result<Address, AddressError> {
        if text.is_empty() {
            return Err(AddressError::Empty);
        }
        let missing_port = || AddressError::MissingPort { text: text.to_owned() };
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let unclosed = || AddressError::UnclosedBracket { text: text.to_owned() };
                let (host, rest) = rest.split_once(']').ok_or_else(unclosed)?;
                (ipv6(host)?, rest.strip_prefix(':').ok_or_else(missing_port)?)
            }
            None => {
                let (host, port) = text.rsplit_once(':').ok_or_else(missing_port)?;
                (name(host, text)?, port)
            }
        };
        if port.is_empty() {
            return Err(missing_port());
        }
        Ok(Address { host: host.to_owned(), port: port_of(port)? })
    }

    /// The host without brackets; empty for "all of this machine".
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port; 0 lets the system choose one to listen on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The host as an IP address, unless it is a name, empty, or has a zone.
    pub fn ip(&self) -> Option<IpAddr> {
        // A host that is no address is a name: nothing is lost.
        self.host.parse().ok()
    }

    /// Whether the address is of this machine only, as far as it can be told without resolving.
    pub fn is_loopback(&self) -> bool {
        self.host.eq_ignore_ascii_case("localhost") || self.ip().is_some_and(|ip| ip.is_loopback())
    }
}

fn ipv6(host: &str) -> Result<&str, AddressError> {
    let (address, zone) = host.split_once('%').unwrap_or((host, "-"));
    let proper = address.parse::<Ipv6Addr>().is_ok() && !zone.is_empty() && zone.chars().all(is_host_letter);
    if proper { Ok(host) } else { Err(AddressError::BadIpv6 { host: host.to_owned() }) }
}

fn name<'a>(host: &'a str, text: &str) -> Result<&'a str, AddressError> {
    if text.parse::<Ipv6Addr>().is_ok() {
        return Err(AddressError::Unbracketed { host: text.to_owned() });
    }
    if host.contains(':') {
        return Err(AddressError::Unbracketed { host: host.to_owned() });
    }
    let number_like = !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if !host.chars().all(is_host_letter) || (number_like && host.parse::<IpAddr>().is_err()) {
        return Err(AddressError::BadHost { host: host.to_owned() });
    }
    Ok(host)
}

fn is_host_letter(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '.' | '-' | '_')
}

fn port_of(port: &str) -> Result<u16, AddressError> {
    let digits = port.bytes().all(|byte| byte.is_ascii_digit());
    let bad = || AddressError::BadPort { port: port.to_owned() };
    if digits { port.parse().map_err(|_| bad()) } else { Err(bad()) }
}

impl fmt::Display for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(out, "[{}]:{}", self.host, self.port)
        } else {
            write!(out, "{}:{}", self.host, self.port)
        }
    }
}

impl std::str::FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Address, AddressError> {
        Address::parse(text)
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Address, D::Error> {
        read(ADDRESS, Address::parse, deserializer)
    }
}

/// Reads a text that `parse` takes, as the type that a deserializer knows by `name`.
pub(super) fn read<'de, D: Deserializer<'de>, T>(
    name: &'static str,
    parse: fn(&str) -> Result<T, AddressError>,
    deserializer: D,
) -> Result<T, D::Error> {
    deserializer.deserialize_newtype_struct(name, AddressVisitor(parse))
}

struct AddressVisitor<T>(fn(&str) -> Result<T, AddressError>);

impl<'de, T> Visitor<'de> for AddressVisitor<T> {
    type Value = T;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an address such as \"127.0.0.1:8125\"")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        (self.0)(text).map_err(E::custom)
    }
}

impl JsonSchema for Address {
    fn schema_name() -> Cow<'static, str> {
        "Address".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "x-type": "address (host:port)", "x-example": "\"127.0.0.1:8125\"" })
    }
}

/// What this type calls itself to a deserializer, so that ours can tell its errors.
pub(in crate::config) const ADDRESS: &str = "heka::Address";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_are_split_into_host_and_port() {
        assert_eq!(Address::parse("graphite.local:2003"), Ok(Address::new("graphite.local", 2003)));
        assert_eq!(Address::parse("[::1]:8125"), Ok(Address::new("::1", 8125)));
        assert_eq!(Address::parse(":4352"), Ok(Address::new("", 4352)));
        assert_eq!(Address::new("::1", 1).to_string(), "[::1]:1");
        assert!(Address::new("::1", 1).is_loopback() && !Address::new("", 1).is_loopback());
    }

    #[test]
    fn texts_that_are_no_address_say_which_part_is_at_fault() {
        let message = |text: &str| Address::parse(text).unwrap_err().to_string();
        assert_eq!(message(""), "an address is missing (host:port)");
        assert_eq!(message("localhost"), "`localhost` lacks a port (host:port)");
        assert_eq!(message("localhost:"), "`localhost:` lacks a port (host:port)");
        assert_eq!(message("localhost:http"), "`http` is not a port (0 to 65535)");
        assert_eq!(message("localhost:65536"), "`65536` is not a port (0 to 65535)");
        assert_eq!(message("localhost:+1"), "`+1` is not a port (0 to 65535)");
        assert_eq!(message("::1"), "an IPv6 address belongs in brackets: [::1]:port");
        assert_eq!(message("fe80::1::2:80"), "an IPv6 address belongs in brackets: [fe80::1::2]:port");
        assert_eq!(message("[::1:80"), "`[::1:80` has an opening bracket without a closing one");
        assert_eq!(message("[::1]"), "`[::1]` lacks a port (host:port)");
        assert_eq!(message("[local]:80"), "`local` is not an IPv6 address");
        assert_eq!(message("my host:80"), "`my host` cannot be the name of a host");
        assert_eq!(message("300.1.1.1:80"), "`300.1.1.1` cannot be the name of a host");
    }

    proptest! {
        #[test]
        fn printed_then_parsed_is_the_same(ip in any::<IpAddr>(), port in any::<u16>()) {
            let address = Address::new(ip.to_string(), port);
            prop_assert_eq!(Address::parse(&address.to_string()), Ok(address));
        }

        #[test]
        fn any_text_gives_an_address_or_an_error(text in "[\\[\\]:0-9a-f.%]{0,16}|\\PC{0,16}") {
            if let Ok(address) = Address::parse(&text) {
                prop_assert_eq!(Address::parse(&address.to_string()), Ok(address));
            }
        }
    }
}
