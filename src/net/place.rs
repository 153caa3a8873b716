//! Where Heka's `net` and `address` say to listen or to send.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::handed::{Transport, Wanted};
use crate::config::{Address, AddressError, Descriptor, DescriptorError, flaw_of_socket};
use crate::plugin::{BuildError, Endpoint, Protocol};

/// Which addresses of a host count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Family {
    /// All of them.
    #[default]
    Any,
    /// Those of IPv4.
    V4,
    /// Those of IPv6.
    V6,
}

impl Family {
    /// Whether `ip` is of it.
    pub fn has(self, ip: IpAddr) -> bool {
        match self {
            Family::Any => true,
            Family::V4 => ip.is_ipv4(),
            Family::V6 => ip.is_ipv6(),
        }
    }

    /// How it is said.
    pub(super) fn shown(self) -> &'static str {
        match self {
            Family::Any => "",
            Family::V4 => " of IPv4",
            Family::V6 => " of IPv6",
        }
    }
}

/// Transports of datagrams, as Heka's `net` names them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DatagramNet {
    /// Any address.
    #[default]
    Udp,
    /// Those of IPv4.
    Udp4,
    /// Those of IPv6.
    Udp6,
    /// A unix socket.
    Unixgram,
}

impl DatagramNet {
    /// The place that `address` names.
    ///
    /// # Errors
    /// [`PlaceError`].
    pub fn place(self, address: &str) -> Result<Place, PlaceError> {
        match self {
            DatagramNet::Udp => Place::network(address, Family::Any),
            DatagramNet::Udp4 => Place::network(address, Family::V4),
            DatagramNet::Udp6 => Place::network(address, Family::V6),
            DatagramNet::Unixgram => Place::unix(address),
        }
    }

    /// What a socket that is handed over has to be.
    pub fn wanted(self) -> Wanted {
        match self {
            DatagramNet::Udp => Wanted { transport: Transport::Udp, family: Family::Any },
            DatagramNet::Udp4 => Wanted { transport: Transport::Udp, family: Family::V4 },
            DatagramNet::Udp6 => Wanted { transport: Transport::Udp, family: Family::V6 },
            DatagramNet::Unixgram => Wanted { transport: Transport::Unixgram, family: Family::Any },
        }
    }

    /// Under which protocol others clash with it.
    pub fn protocol(self) -> Protocol {
        if self == DatagramNet::Unixgram { Protocol::Unix } else { Protocol::Udp }
    }
}

/// A place to listen on or to send to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A host and a port.
    Network(Address, Family),
    /// A unix socket by its path.
    Path(PathBuf),
    /// A unix socket by its name in the abstract namespace of Linux.
    Abstract(String),
    /// A socket that another process opened and hands over: one to listen on.
    Handed(Descriptor),
}

/// Why a text is no place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    /// It is no address.
    #[error("{0}")]
    Address(#[from] AddressError),
    /// An address of another family than `net` says.
    #[error("`{address}` is no address{}", .family.shown())]
    Family {
        /// The address.
        address: String,
        /// The family.
        family: Family,
    },
    /// It is no path of a socket.
    #[error("{0}")]
    Path(String),
    /// It would name a socket that is handed over, and names none.
    #[error("{0}")]
    Descriptor(#[from] DescriptorError),
    /// A name without a letter, or where there are none.
    #[error("`{0}` is no name in the abstract namespace of Linux")]
    Abstract(String),
}

impl Place {
    /// A host and a port, or a socket that is handed over.
    ///
    /// # Errors
    /// [`PlaceError`].
    pub fn network(text: &str, family: Family) -> Result<Place, PlaceError> {
        if let Some(descriptor) = Descriptor::parse(text) {
            return Ok(Place::Handed(descriptor?));
        }
        let address = Address::parse(text)?;
        match address.ip() {
            Some(ip) if !family.has(ip) => Err(PlaceError::Family { address: text.to_owned(), family }),
            _ => Ok(Place::Network(address, family)),
        }
    }

    /// A path, or a name after `@`, or a socket that is handed over.
    ///
    /// # Errors
    /// [`PlaceError`].
    pub fn unix(text: &str) -> Result<Place, PlaceError> {
        if let Some(descriptor) = Descriptor::parse(text) {
            return Ok(Place::Handed(descriptor?));
        }
        if let Some(name) = text.strip_prefix('@') {
            return match !name.is_empty() && name.len() < LONGEST_NAME && cfg!(target_os = "linux") {
                true => Ok(Place::Abstract(name.to_owned())),
                false => Err(PlaceError::Abstract(text.to_owned())),
            };
        }
        match flaw_of_socket(Path::new(text)) {
            Some(flaw) => Err(PlaceError::Path(flaw.to_string())),
            None => Ok(Place::Path(text.into())),
        }
    }

    /// The same for the plan, given by the option `key`.
    pub fn endpoint(&self, protocol: Protocol, key: &'static str) -> Endpoint {
        match self {
            Place::Network(address, _) => Endpoint::new(protocol, address, key),
            Place::Path(path) => Endpoint::socket(path, key),
            Place::Abstract(name) => Endpoint::socket(Path::new(&format!("@{name}")), key),
            Place::Handed(descriptor) => Endpoint::handed(protocol, descriptor, key),
        }
    }
}

/// The first address of `address` to listen on, of that family.
///
/// # Errors
/// If there is none.
pub fn resolve_to_listen(address: &Address, family: Family) -> Result<SocketAddr, BuildError> {
    let unresolved = |error: &dyn std::fmt::Display| BuildError {
        message: format!("{address} cannot be resolved: {error}"),
        help: Some("give an IP address of this machine".to_owned()),
    };
    let ip: IpAddr = match (address.host(), family) {
        ("", Family::V6) => Ipv6Addr::UNSPECIFIED.into(),
        ("", _) => Ipv4Addr::UNSPECIFIED.into(),
        (host, _) => {
            let mut found = (host, address.port()).to_socket_addrs().map_err(|error| unresolved(&error))?;
            return found
                .find(|found| family.has(found.ip()))
                .ok_or_else(|| unresolved(&format!("{host} has no address{}", family.shown())));
        }
    };
    Ok(SocketAddr::new(ip, address.port()))
}

/// Bytes that a name of the abstract namespace is shorter than.
const LONGEST_NAME: usize = 108;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_places_or_say_why_not() {
        let network = |text, family| Place::network(text, family).map_err(|error| error.to_string());
        assert_eq!(network("[::1]:5", Family::V6), Ok(Place::Network(Address::new("::1", 5), Family::V6)));
        assert_eq!(network("[::1]:5", Family::V4), Err("`[::1]:5` is no address of IPv4".to_owned()));
        assert_eq!(network("a", Family::Any), Err("`a` lacks a port (host:port)".to_owned()));
        assert_eq!(network("fd:3", Family::V6), Ok(Place::Handed(Descriptor::Number(3))));
        let none = "`fd:-1` is none that is handed over: their numbers begin at 3";
        assert_eq!(network("fd:-1", Family::Any), Err(none.to_owned()));
        let unix = |text| Place::unix(text).map_err(|error| error.to_string());
        assert_eq!(unix("/run/a.sock"), Ok(Place::Path("/run/a.sock".into())));
        assert_eq!(unix("fd:statsd"), Ok(Place::Handed(Descriptor::Name("statsd".to_owned()))));
        assert_eq!(unix("fd:-1"), Err(none.to_owned()));
        assert_eq!(unix("@"), Err("`@` is no name in the abstract namespace of Linux".to_owned()));
        #[cfg(target_os = "linux")]
        assert_eq!(unix("@heka"), Ok(Place::Abstract("heka".to_owned())));
    }

    #[test]
    fn a_host_is_listened_on_by_the_family_that_is_asked_for() {
        let listened = |host: &str, family| resolve_to_listen(&Address::new(host, 7), family);
        assert_eq!(listened("", Family::Any).unwrap(), "0.0.0.0:7".parse().unwrap());
        assert_eq!(listened("", Family::V6).unwrap(), "[::]:7".parse().unwrap());
        assert_eq!(listened("127.0.0.1", Family::V4).unwrap(), "127.0.0.1:7".parse().unwrap());
        let none = listened("127.0.0.1", Family::V6).unwrap_err().message;
        assert_eq!(none, "127.0.0.1:7 cannot be resolved: 127.0.0.1 has no address of IPv6");
    }
}
