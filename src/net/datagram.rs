//! What a lane receives, and what it was told and got: shared by the batched receiver and the plain one.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use super::bind::BindError;
use super::owner::Protocol;
use super::pace::USUAL_PAUSE;

/// How a UDP address is bound.
#[derive(Debug, Clone)]
pub struct BindOptions {
    /// Sockets that share the port, each with a thread of its own; at least 1. More need clients with many flows: the
    /// kernel spreads by flow.
    pub lanes: usize,
    /// Whether all lanes read one socket: two then work for one flow, whose datagrams they take in any order.
    pub one_socket: bool,
    /// Bytes asked for the receive buffer of each lane.
    pub receive_buffer: usize,
    /// Whether who sent a datagram is asked for as well.
    pub senders: bool,
    /// Longest pause of a busy lane before it receives; zero never pauses.
    pub pause: Duration,
}

impl Default for BindOptions {
    fn default() -> BindOptions {
        BindOptions {
            lanes: 1,
            one_socket: false,
            receive_buffer: 25 * 1024 * 1024,
            senders: false,
            pause: USUAL_PAUSE,
        }
    }
}

/// A bound UDP address.
#[derive(Debug)]
pub struct Bound<R> {
    /// The address, with the port the system chose if 0 was asked for.
    pub address: SocketAddr,
    /// One receiver a lane.
    pub lanes: Vec<R>,
    /// The receive buffer of each.
    pub granted: Granted,
}

/// What became of the wish for a receive buffer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Granted {
    /// Bytes asked for.
    pub asked: usize,
    /// Bytes granted: half of what the kernel reports, which doubles the number for its own bookkeeping.
    pub got: usize,
    /// What an administrator can do if less was granted than asked for.
    pub advice: Option<String>,
}

/// What a lane has seen since it was bound. `datagrams + dropped` is what reached the socket.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Received {
    /// Datagrams handed out, empty and truncated ones included.
    pub datagrams: u64,
    /// Bytes handed out.
    pub bytes: u64,
    /// Datagrams that were longer than the room for them.
    pub truncated: u64,
    /// Datagrams without a byte.
    pub empty: u64,
    /// Datagrams the kernel dropped, as far as looked: see `count_drops`.
    pub dropped: u64,
}

/// What one call received; lends the bytes until the next call.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    pub(super) arrivals: &'a [Arrival],
    pub(super) short: &'a [u8],
    pub(super) long: &'a [u8],
    pub(super) drained: bool,
}

impl<'a> Batch<'a> {
    /// The datagrams in the order of their arrival.
    pub fn datagrams(&self) -> impl ExactSizeIterator<Item = Datagram<'a>> + use<'a> {
        let Batch { arrivals, short, long, .. } = *self;
        arrivals.iter().enumerate().map(move |(index, arrival)| {
            let bytes = if arrival.length <= SHORT {
                &short[index * SHORT..][..arrival.length]
            } else {
                &long[index * LONG..][..arrival.length]
            };
            Datagram { bytes, truncated: arrival.truncated, sender: arrival.sender }
        })
    }

    /// Number of datagrams.
    pub fn len(&self) -> usize {
        self.arrivals.len()
    }

    /// Whether nothing arrived in time.
    pub fn is_empty(&self) -> bool {
        self.arrivals.is_empty()
    }

    /// Whether the socket was empty afterwards: the next call may block, so hand on what you hold before it.
    pub fn drained(&self) -> bool {
        self.drained
    }
}

/// One datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Datagram<'a> {
    /// Its bytes; may be none.
    pub bytes: &'a [u8],
    /// Whether it was longer than the room for it, so that its end is missing.
    pub truncated: bool,
    /// Who sent it, if that was asked for.
    pub sender: Option<IpAddr>,
}

/// Length and fate of one datagram; its bytes lie in the short slot of its place if they fit, else in the long one.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Arrival {
    pub(super) length: usize,
    pub(super) truncated: bool,
    pub(super) sender: Option<IpAddr>,
}

impl Received {
    pub(super) fn add(&mut self, arrivals: &[Arrival]) -> usize {
        let mut bytes = 0;
        for arrival in arrivals {
            bytes += arrival.length;
            self.truncated += u64::from(arrival.truncated);
            self.empty += u64::from(arrival.length == 0 && !arrival.truncated);
        }
        self.datagrams += arrivals.len() as u64;
        self.bytes += bytes as u64;
        bytes
    }
}

/// Binds `options.lanes` sockets to `address`.
///
/// Sockets may share a port only if all of them ask for it before they are bound, and then an older server of the same
/// user that asked for it too would go unnoticed and keep half of the datagrams. So with several lanes an exclusive
/// socket first proves the port free and is closed; between that and the binding another process may take the port,
/// which a second look cannot exclude either.
pub(super) fn bind_sockets(address: SocketAddr, options: &BindOptions) -> Result<Vec<Socket>, BindError> {
    let refused = |source| BindError::of(Protocol::Udp, address, source);
    let first = open(address, false).map_err(refused)?;
    if options.lanes <= 1 {
        return Ok(vec![first]);
    }
    let proved = local_address(&first).map_err(refused)?;
    drop(first);
    let mut sockets = vec![open(proved, true).map_err(refused)?];
    for _ in 1..options.lanes {
        let another = match options.one_socket {
            true => sockets[0].try_clone(),
            false => open(proved, true),
        };
        sockets.push(another.map_err(refused)?);
    }
    Ok(sockets)
}

/// Binds one socket beside others that were bound together.
pub(super) fn bind_beside(address: SocketAddr) -> Result<Socket, BindError> {
    open(address, true).map_err(|source| BindError::of(Protocol::Udp, address, source))
}

pub(super) fn local_address(socket: &Socket) -> io::Result<SocketAddr> {
    let address = socket.local_addr()?;
    address.as_socket().ok_or_else(|| io::ErrorKind::Unsupported.into())
}

/// The address of a socket as this host reaches it.
pub(super) fn on_this_host(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

fn open(address: SocketAddr, shared: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(socket2::Protocol::UDP))?;
    #[cfg(unix)]
    if shared {
        socket.set_reuse_port(true)?;
    }
    #[cfg(not(unix))]
    if shared {
        return Err(io::ErrorKind::Unsupported.into());
    }
    socket.bind(&address.into())?;
    Ok(socket)
}

/// Bytes of a short slot: an Ethernet frame's worth and more, so that busy lanes stay within a dense 128 KiB.
pub(super) const SHORT: usize = 2048;
/// Bytes of a long slot: more than the 65,507 a datagram over IPv4, or the 65,527 one over IPv6 can carry.
pub(super) const LONG: usize = 65_536;
