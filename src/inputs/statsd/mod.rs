//! `StatsdInput`: statsd over UDP, TCP and unix sockets.
//!
//! UDP: datagrams up to 65,507 bytes whole, received in batches by `lanes` threads an address, every loss counted.
//! At most once: what the kernel drops is gone, and said. TCP: lines, with bounds on their length, on connections and
//! on their patience; a full consumer that may block closes the peer's window. Unix sockets: datagrams, lines, or packets
//! after their length; whoever sends is held while the socket is full, so that nothing is lost.
//!
//! Protocol: <https://github.com/statsd/statsd/blob/master/docs/metric_types.md>,
//! <https://docs.datadoghq.com/developers/dogstatsd/datagram_shell/>.

mod options;
mod stream;
#[cfg(unix)]
mod unix;
#[cfg(not(unix))]
#[path = "no_unix.rs"]
mod unix;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use crate::config::Address;
use crate::flow::Patience;
use crate::net::{BindOptions, Datagram, Family, UdpLane};
use crate::plugin::{
    BuildContext, BuildError, Declare, Endpoint, Fault, Input, Intake, Io, LocalFuture, Protocol,
};

pub use options::{Config, Framing, Net};

impl Declare<dyn Input> for Config {
    const TYPE: &'static str = "StatsdInput";
    const SUMMARY: &'static str = "Takes statsd samples over UDP, TCP or unix sockets. The options of StatsdDecoder stand in its section too.";
    const DECODER: Option<&'static str> = Some("StatsdDecoder");
    const SPLITTER: Option<&'static str> = Some("NullSplitter");

    fn patience(&self) -> Patience {
        match self.net {
            Net::Udp => Patience::Cannot,
            // The kernel holds who sends to a socket that is full.
            Net::Tcp | Net::Unixgram | Net::Unix => Patience::Waits,
        }
    }

    fn lanes(&self) -> u32 {
        match self.is_unix() {
            true => self.socket.0.len() as u32,
            false => self.addresses().len() as u32 * self.lanes_an_address(),
        }
    }

    fn listens(&self) -> Vec<Endpoint> {
        let protocol = match self.net {
            Net::Udp => Protocol::Udp,
            Net::Tcp => Protocol::Tcp,
            Net::Unixgram | Net::Unix => {
                return self.socket.0.iter().map(|path| Endpoint::socket(path, "socket")).collect();
            }
        };
        self.addresses().iter().map(|address| Endpoint::new(protocol, address, "address")).collect()
    }

    fn directs_to(&self) -> Option<&str> {
        self.stat_accum_name.as_deref()
    }

    fn build(&self, context: &BuildContext) -> Result<Box<dyn Input>, BuildError> {
        let lane = (context.lane / self.lanes_an_address()) as usize;
        if self.is_unix() {
            return unix::listen(&self.socket.0[lane], self);
        }
        let address = resolve(&self.addresses()[lane])?;
        match self.net {
            Net::Tcp => Ok(Box::new(stream::Lines::over_tcp(address, self)?)),
            _ => {
                let siblings = context.shared.the::<Siblings>();
                let mut siblings = siblings.0.lock().unwrap_or_else(PoisonError::into_inner);
                Ok(Box::new(Datagrams(self.lane(address, context, &mut siblings)?)))
            }
        }
    }
}

impl Config {
    /// The lane of `context`: bound with its siblings, which find theirs in `siblings`, or again after a fault.
    fn lane(
        &self,
        address: SocketAddr,
        context: &BuildContext,
        siblings: &mut Lanes,
    ) -> Result<UdpLane, BuildError> {
        let key = (Arc::clone(&context.name), context.lane);
        if let Some(lane) = siblings.get_mut(&key).and_then(Option::take) {
            return Ok(lane);
        }
        let before = siblings.contains_key(&key);
        let options = BindOptions {
            lanes: self.lanes as usize,
            one_socket: self.lanes_share_socket,
            receive_buffer: self.receive_buffer.length(),
            ..BindOptions::default()
        };
        let bound = UdpLane::bind(address, &options, before)?;
        let lanes = self.lanes_an_address();
        let first = if before { context.lane } else { context.lane / lanes * lanes };
        for (number, lane) in (first..).zip(bound) {
            siblings.insert((Arc::clone(&context.name), number), Some(lane));
        }
        siblings
            .get_mut(&key)
            .and_then(Option::take)
            .ok_or_else(|| BuildError::new("no socket for this lane"))
    }
}

/// Lanes by section and number: bound together with another one and not yet asked for, or, if none, asked for.
#[derive(Default)]
struct Siblings(Mutex<Lanes>);

type Lanes = HashMap<(Arc<str>, u32), Option<UdpLane>>;

/// A lane of UDP.
struct Datagrams(UdpLane);

impl Input for Datagrams {
    fn run<'a>(&'a mut self, io: &'a Io) -> LocalFuture<'a, Result<(), Fault>> {
        Box::pin(async move { self.0.serve(io, &try_udp, &mut push_lines) })
    }
}

fn try_udp(address: SocketAddr) -> String {
    format!("echo 'hello.world:1|c' | nc -u -w1 {} {}", address.ip(), address.port())
}

/// Pushes the lines of a datagram that are whole.
fn push_lines(datagram: &Datagram<'_>, intake: &mut dyn Intake) {
    let whole = match datagram.truncated {
        false => datagram.bytes,
        true => without_cut(datagram.bytes),
    };
    // A feed of datagrams never waits: what finds no room is counted there.
    intake.push(whole, None);
}

fn resolve(address: &Address) -> Result<SocketAddr, BuildError> {
    crate::net::resolve_to_listen(address, Family::Any)
}

/// The bytes up to the last newline of a datagram that was cut: half a number is no number.
fn without_cut(bytes: &[u8]) -> &[u8] {
    &bytes[..memchr::memrchr(b'\n', bytes).unwrap_or(0)]
}
