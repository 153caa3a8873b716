//! Where a subcommand sends: `udp://host:port`, `tcp://host:port`, `unixgram:PATH`, `unix:PATH`, or a file.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::config::Address;
use crate::net::Flooding;

/// Where something is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    Udp(Address),
    Tcp(Address),
    UnixDatagrams(PathBuf),
    UnixStream(PathBuf),
    File(PathBuf),
}

/// What an address without a scheme is meant as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bare {
    Udp,
    Tcp,
}

impl Target {
    /// Reads all but files.
    ///
    /// # Errors
    /// If it is none of these.
    pub(super) fn parse(text: &str, bare: Bare) -> Result<Target, String> {
        let address = |text: &str| {
            Address::parse(text).map_err(|error| {
                format!(
                    "{error}; a target looks like this: udp://127.0.0.1:8125, tcp://127.0.0.1:8125, \
                     unixgram:/run/statsd.sock, unix:/run/statsd.sock"
                )
            })
        };
        let path = |text: &str| PathBuf::from(text.strip_prefix("//").unwrap_or(text));
        match text.split_once(':') {
            Some(("udp", rest)) if rest.starts_with("//") => address(&rest[2..]).map(Target::Udp),
            Some(("tcp", rest)) if rest.starts_with("//") => address(&rest[2..]).map(Target::Tcp),
            Some(("unixgram", rest)) => Ok(Target::UnixDatagrams(path(rest))),
            Some(("unix", rest)) => Ok(Target::UnixStream(path(rest))),
            _ if bare == Bare::Tcp => address(text).map(Target::Tcp),
            _ => address(text).map(Target::Udp),
        }
    }

    /// Opens it.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn open(&self) -> io::Result<Flooding> {
        match self {
            Target::Udp(address) => Flooding::udp(address.host(), address.port()),
            Target::Tcp(address) => Flooding::tcp(address.host(), address.port()),
            Target::UnixDatagrams(path) => Flooding::unix_datagrams(path),
            Target::UnixStream(path) => Flooding::unix_stream(path),
            Target::File(path) => Flooding::file(path),
        }
    }

    /// Whether each packet is a datagram.
    pub(super) fn takes_datagrams(&self) -> bool {
        matches!(self, Target::Udp(_) | Target::UnixDatagrams(_))
    }
}

impl fmt::Display for Target {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Udp(address) => write!(out, "udp://{address}"),
            Target::Tcp(address) => write!(out, "tcp://{address}"),
            Target::UnixDatagrams(path) => write!(out, "unixgram:{}", path.display()),
            Target::UnixStream(path) => write!(out, "unix:{}", path.display()),
            Target::File(path) => write!(out, "{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read_as_they_are_shown() {
        let texts = ["udp://[::1]:8125", "tcp://a.b:1", "unixgram:/run/s.sock", "unix:s.sock"];
        for text in texts {
            assert_eq!(Target::parse(text, Bare::Udp).unwrap().to_string(), text);
        }
        let shown = |text, bare| Target::parse(text, bare).unwrap().to_string();
        assert_eq!(shown("unixgram:///run/s.sock", Bare::Udp), "unixgram:/run/s.sock");
        assert_eq!(shown("localhost:8125", Bare::Udp), "udp://localhost:8125");
        assert_eq!(shown("localhost:5565", Bare::Tcp), "tcp://localhost:5565");
        let error = Target::parse("http://a:1x", Bare::Udp).unwrap_err();
        assert!(error.contains("; a target looks like this: udp://127.0.0.1:8125, "), "{error}");
    }
}
