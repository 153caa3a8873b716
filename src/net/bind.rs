//! Binding, and the errors of it: each names the address, and a taken one names the process that has it.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Socket, Type};

use super::owner::{Owner, Protocol, owner_of};
use crate::plugin::BuildError;

/// Why an address could not be bound.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another socket has the port.
    #[error("{address}/{} is held by {}", protocol.word(), holder(owner.as_ref()))]
    Taken {
        /// What was to be bound.
        address: SocketAddr,
        /// Datagrams or streams.
        protocol: Protocol,
        /// The process that has it; `None` if this user may not see it.
        owner: Option<Owner>,
    },
    /// The user may not bind it: a port below 1024, or a policy.
    #[error(
        "{address}/{} may not be bound by this user (ports below 1024 need CAP_NET_BIND_SERVICE)",
        protocol.word()
    )]
    NotPermitted {
        /// What was to be bound.
        address: SocketAddr,
        /// Datagrams or streams.
        protocol: Protocol,
    },
    /// No interface of this host has the address.
    #[error("{address}/{}: no interface of this host has the address {}", protocol.word(), address.ip())]
    NotAvailable {
        /// What was to be bound.
        address: SocketAddr,
        /// Datagrams or streams.
        protocol: Protocol,
    },
    /// Anything else the system refused.
    #[error("{address}/{} cannot be bound", protocol.word())]
    Refused {
        /// What was to be bound.
        address: SocketAddr,
        /// Datagrams or streams.
        protocol: Protocol,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl BindError {
    /// The error for what the system said of `address`; looks the owner up when the port is taken.
    pub fn of(protocol: Protocol, address: SocketAddr, source: io::Error) -> BindError {
        match source.kind() {
            io::ErrorKind::AddrInUse => {
                BindError::Taken { address, protocol, owner: owner_of(protocol, address) }
            }
            io::ErrorKind::PermissionDenied => BindError::NotPermitted { address, protocol },
            io::ErrorKind::AddrNotAvailable => BindError::NotAvailable { address, protocol },
            _ => BindError::Refused { address, protocol, source },
        }
    }
}

impl BindError {
    /// The port, if it is this very process that has it already: two of its sections want it.
    pub fn held_by_itself(&self) -> Option<u16> {
        match self {
            BindError::Taken { address, owner: Some(owner), .. } if is_this_process(owner) => {
                Some(address.port())
            }
            _ => None,
        }
    }
}

impl From<BindError> for BuildError {
    fn from(error: BindError) -> BuildError {
        let help = match error.held_by_itself() {
            Some(port) => Some(format!("give one of the sections that listen on port {port} another one")),
            None => matches!(error, BindError::Taken { .. })
                .then(|| "stop that process, or give this section another `address`".to_owned()),
        };
        BuildError { message: error.to_string(), help }
    }
}

/// Listens on `address`, without blocking: ready for tokio. A port whose last connections linger may be taken over.
///
/// # Errors
/// [`BindError`], which names the holder of a taken port.
pub fn tcp_listener(address: SocketAddr) -> Result<TcpListener, BindError> {
    open_listener(address).map_err(|source| BindError::of(Protocol::Tcp, address, source))
}

fn open_listener(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(socket2::Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

fn holder(owner: Option<&Owner>) -> String {
    match owner {
        Some(owner) if is_this_process(owner) => "this process itself".to_owned(),
        Some(owner) => owner.to_string(),
        None => "another process, which this user may not see".to_owned(),
    }
}

fn is_this_process(owner: &Owner) -> bool {
    owner.pid == std::process::id()
}

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_this_process_has_is_no_reason_to_stop_a_process() {
        let held = tcp_listener("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = held.local_addr().unwrap();
        let error = tcp_listener(address).unwrap_err();
        assert_eq!(error.held_by_itself(), Some(address.port()));
        let error = BuildError::from(error);
        assert_eq!(error.message, format!("{address}/tcp is held by this process itself"));
        let help = format!("give one of the sections that listen on port {} another one", address.port());
        assert_eq!(error.help, Some(help));
    }

    #[test]
    fn a_taken_port_names_its_owner() {
        let owner = Some(Owner { pid: 1, command: "init".to_owned() });
        let address = "127.0.0.1:8125".parse().unwrap();
        let error = BindError::Taken { address, protocol: Protocol::Udp, owner };
        assert_eq!(error.held_by_itself(), None);
        let error = BuildError::from(error);
        assert_eq!(error.message, "127.0.0.1:8125/udp is held by pid 1 (init)");
        let help = "stop that process, or give this section another `address`";
        assert_eq!(error.help.as_deref(), Some(help));
    }

    #[test]
    fn every_refusal_has_a_text_of_its_own() {
        let address: SocketAddr = "192.0.2.1:25".parse().unwrap();
        let text = |kind: io::ErrorKind| BindError::of(Protocol::Tcp, address, kind.into()).to_string();
        assert_eq!(
            text(io::ErrorKind::PermissionDenied),
            "192.0.2.1:25/tcp may not be bound by this user (ports below 1024 need CAP_NET_BIND_SERVICE)"
        );
        assert_eq!(
            tcp_listener(address).unwrap_err().to_string(),
            "192.0.2.1:25/tcp: no interface of this host has the address 192.0.2.1"
        );
        assert_eq!(text(io::ErrorKind::OutOfMemory), "192.0.2.1:25/tcp cannot be bound");
        assert_eq!(
            text(io::ErrorKind::AddrInUse),
            "192.0.2.1:25/tcp is held by another process, which this user may not see"
        );
    }
}
