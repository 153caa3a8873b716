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
use std::sync::{Arc, Mutex};

use crate::config::Descriptor;
use crate::flow::Patience;
use crate::lock::locked;
use crate::net::{Asking, Datagram, Handed, Place, UdpLane, resolve_to_listen, tcp_listener};
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
        self.places().len() as u32 * self.lanes_an_address()
    }

    fn listens(&self) -> Vec<Endpoint> {
        let protocol = match self.net {
            Net::Udp => Protocol::Udp,
            Net::Tcp => Protocol::Tcp,
            Net::Unixgram | Net::Unix => Protocol::Unix,
        };
        let endpoint = |place: &Place| {
            let key = if matches!(place, Place::Path(_)) { "socket" } else { "address" };
            place.endpoint(protocol, key)
        };
        self.places().iter().map(endpoint).collect()
    }

    fn directs_to(&self) -> Option<&str> {
        self.stat_accum_name.as_deref()
    }

    fn build(&self, context: &BuildContext) -> Result<Box<dyn Input>, BuildError> {
        let place = (context.lane / self.lanes_an_address()) as usize;
        let address = match &self.places()[place] {
            Place::Network(address, family) => resolve_to_listen(address, *family)?,
            Place::Handed(descriptor) => return self.over_handed(descriptor, context),
            Place::Path(path) => return unix::listen(path, self),
            Place::Abstract(_) => return Err(BuildError::new("there is no option for such a socket")),
        };
        match self.net {
            Net::Tcp => Ok(Box::new(stream::Lines::over_tcp(tcp_listener(address)?, self)?)),
            _ => {
                let siblings = context.shared.the::<Siblings>();
                let mut siblings = locked(&siblings.0);
                Ok(Box::new(Datagrams(self.lane(address, context, &mut siblings)?)))
            }
        }
    }
}

impl Config {
    /// Takes what comes to a socket that was handed over.
    fn over_handed(
        &self,
        descriptor: &Descriptor,
        context: &BuildContext,
    ) -> Result<Box<dyn Input>, BuildError> {
        let lanes = self.lanes_an_address();
        let lane = (context.lane % lanes) as usize;
        let sockets = if self.lanes_share_socket { 1 } else { lanes as usize };
        let asking = Asking { section: &context.name, lane, sockets };
        let handed = context.shared.the::<Handed>().socket(descriptor, self.wanted(), &asking)?;
        match self.net {
            Net::Udp => Ok(Box::new(Datagrams(UdpLane::handed(handed, &self.binding(), lane)?))),
            Net::Tcp => Ok(Box::new(stream::Lines::over_tcp(handed.tcp_listener()?, self)?)),
            Net::Unixgram | Net::Unix => unix::over_handed(handed, self),
        }
    }

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
        let bound = UdpLane::bind(address, &self.binding(), before)?;
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

/// The bytes up to the last newline of a datagram that was cut: half a number is no number.
fn without_cut(bytes: &[u8]) -> &[u8] {
    &bytes[..memchr::memrchr(b'\n', bytes).unwrap_or(0)]
}
