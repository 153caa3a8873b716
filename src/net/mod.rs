//! Sockets: datagrams in, lines in, the HTTP server, consoles, and connections out.
//!
//! What arrives is handed on as bytes; splitting, decoding and retrying belong to others. Every bind error names the
//! process that holds the port.

mod accept;
mod bind;
mod bytes;
mod client;
mod consoles;
mod datagram;
mod dial;
mod errand;
mod events;
mod exchange;
mod flooding;
mod frames;
#[cfg(unix)]
mod grams;
mod handed;
pub mod http;
mod keep_alive;
mod lane;
mod lines;
mod owner;
mod pace;
mod place;
#[cfg(any(test, not(target_os = "linux")))]
pub mod plain;
mod reading;
#[cfg(target_os = "linux")]
mod receive;
mod sending;
mod streams;
mod tape;
mod tls;
#[cfg(unix)]
mod unix;
mod unixgram;

pub use crate::plugin::BoxFuture;
pub use accept::Connections;
pub use bind::{BindError, tcp_listener};
#[cfg(unix)]
pub use bytes::serve_unix_bytes;
pub use bytes::{ByteLimits, ByteSink, serve_bytes};
pub use client::{HttpAnswer, HttpClient, HttpError, MOST_BODY};
pub use consoles::{Console, ConsoleCounters, ConsoleLimits, Consoles, Said};
pub use datagram::{Batch, BindOptions, Bound, Datagram, Granted, Received};
pub use dial::{Connection, Dialed, Dialing, UdpSender, World};
pub use errand::Errand;
pub use flooding::{Flooded, Flooding, MOST, Packet, Stopwatch, Trouble, pause};
#[cfg(unix)]
pub use grams::UnixLane;
pub use handed::{Asking, Handed, HandedSocket, Transport, Wanted};
pub use http::{Answer, Caller, Handler, HttpLimits, HttpServers, MountError};
pub use keep_alive::{flaws_of_keep_alive, keep_alive_after};
pub use lane::{PushDatagram, UdpLane, reachable};
pub use lines::{Cut, LineCutter};
pub use owner::{Owner, Protocol, owner_of};
pub use pace::{LONGEST_PAUSE, Pace, USUAL_PAUSE};
pub use place::{DatagramNet, Family, Place, PlaceError, resolve_to_listen};
#[cfg(not(target_os = "linux"))]
pub use plain::{BATCH, UdpReceiver, Waker};
pub use reading::Taken;
#[cfg(target_os = "linux")]
pub use receive::{BATCH, UdpReceiver, Waker};
pub use sending::{Broken, Hearing, end, hear, is_closed, whole_lines, write_all};
#[cfg(unix)]
pub use streams::serve_unix_lines;
pub use streams::{Framing, LineSink, StreamCounters, StreamLimits, serve_lines};
pub use tape::{STDOUT, Tape};
pub use tls::{ClientAuth, Tls, TlsClient, TlsError, TlsServer, TlsSide, Version, explained};
#[cfg(unix)]
pub use unix::{Access, SocketFile, UnixBindError, unix_datagrams, unix_listener};
pub use unixgram::UnixSender;

/// The first address of `host`, a name or an address.
///
/// # Errors
/// If the name cannot be looked up, or has no address.
pub fn resolve(host: &str, port: u16) -> std::io::Result<std::net::SocketAddr> {
    let host = if host.is_empty() { "0.0.0.0" } else { host };
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    std::net::ToSocketAddrs::to_socket_addrs(&(bare, port))?
        .next()
        .ok_or_else(|| std::io::Error::new(std::io::ErrorKind::NotFound, format!("{host} has no address")))
}
