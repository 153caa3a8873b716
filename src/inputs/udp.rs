//! `UdpInput`: datagrams, UDP or of a unix socket; each is split on its own, and by default is one record.
//!
//! UDP is at most once: what the kernel drops at a full socket is gone, and counted. Whoever sends to a unix socket is held
//! while it is full, so that nothing is lost.

use std::net::{IpAddr, SocketAddr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::{Bytes, Check, Violation, permissions};
use crate::flow::Patience;
use crate::matcher::{Fact, Facts};
use crate::message::Text;
use crate::net::{
    Asking, BindOptions, Datagram, DatagramNet, Handed, Place, PlaceError, UdpLane, resolve_to_listen,
};
use crate::plugin::{BuildContext, BuildError, Declare, Endpoint, Fault, Input, Intake, Io, LocalFuture};

/// Options of `UdpInput`; names and defaults are Heka's where it had them.
#[derive(Debug, Clone, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Transport: "udp" (default), "udp4", "udp6", or "unixgram" for the datagrams of a unix socket.
    #[serde(default)]
    pub net: DatagramNet,
    /// Where to listen: host:port, such as "127.0.0.1:5565"; with net = "unixgram" the path of a socket, whose file is removed
    /// at the stop, or on Linux a name after "@", which has no file and is open to all. Or a socket that systemd hands over:
    /// "fd:NAME" by the FileDescriptorName= of its unit, or "fd:3" by its number; it stays open at the stop, and what comes
    /// then waits in it for the next start.
    pub address: String,
    /// UDP: whether the host of a message is the address it came from, not this one. Default false.
    #[serde(default)]
    pub set_hostname: bool,
    /// UDP: size of the socket's buffer, which holds a burst until it is read. Granted only as far as net.core.rmem_max
    /// allows; what was granted is said at the start. Default 25 MiB.
    #[serde(default = "receive_buffer")]
    pub receive_buffer: Bytes,
    /// Unix: who may send, as the mode of the file in octal digits; to write is to send. Heka's was "0666".
    /// Default "0660".
    #[serde(default = "socket_mode")]
    pub socket_mode: String,
}

fn receive_buffer() -> Bytes {
    Bytes(25 << 20)
}

fn socket_mode() -> String {
    "0660".to_owned()
}

impl Config {
    fn place(&self) -> Result<Place, PlaceError> {
        self.net.place(&self.address)
    }
}

impl Check for Config {
    fn check(&self) -> Vec<Violation> {
        let mut violations = Vec::new();
        let mut refuse = |key: &str, message: String| violations.push(Violation::new(key, message));
        if let Err(error) = self.place() {
            refuse("address", error.to_string());
        }
        if self.set_hostname && self.net == DatagramNet::Unixgram {
            refuse("set_hostname", "means nothing for a unix socket".to_owned());
        }
        if !(4096..=1 << 30).contains(&self.receive_buffer.0) {
            refuse("receive_buffer", "must be a size from 4 KiB to 1 GiB".to_owned());
        }
        if permissions(&self.socket_mode).is_none() {
            refuse("socket_mode", "must be octal digits from \"0\" to \"777\"".to_owned());
        }
        violations
    }
}

impl Declare<dyn Input> for Config {
    const TYPE: &'static str = "UdpInput";
    const SUMMARY: &'static str = "Takes datagrams, UDP or of a unix socket, each split on its own. Without a decoder a record is the payload of a message.";
    const UNDECODED: bool = true;
    const SPLITTER: Option<&'static str> = Some("NullSplitter");

    fn emits(&self, name: &str, hostname: &str) -> Vec<Facts> {
        let hostname = if self.set_hostname { Fact::Unknown } else { Fact::Is(hostname.into()) };
        let name = || Fact::Is(name.into());
        vec![Facts { type_: name(), logger: name(), hostname, ..Facts::default() }]
    }

    fn patience(&self) -> Patience {
        match self.net {
            DatagramNet::Unixgram => Patience::Waits,
            DatagramNet::Udp | DatagramNet::Udp4 | DatagramNet::Udp6 => Patience::Cannot,
        }
    }

    fn listens(&self) -> Vec<Endpoint> {
        self.place().iter().map(|place| place.endpoint(self.net.protocol(), "address")).collect()
    }

    fn build(&self, context: &BuildContext) -> Result<Box<dyn Input>, BuildError> {
        let options = BindOptions {
            receive_buffer: self.receive_buffer.length(),
            senders: self.set_hostname,
            ..BindOptions::default()
        };
        match self.place().map_err(|error| BuildError::new(error.to_string()))? {
            Place::Handed(descriptor) => {
                let asking = Asking { section: &context.name, lane: 0, sockets: 1 };
                let handed = context.shared.the::<Handed>();
                let handed = handed.socket(&descriptor, self.net.wanted(), &asking)?;
                #[cfg(unix)]
                if self.net == DatagramNet::Unixgram {
                    return Ok(Box::new(Unixgram(crate::net::UnixLane::handed(handed)?)));
                }
                Ok(Box::new(Udp { lane: UdpLane::handed(handed, &options, 0)?, sender: None }))
            }
            Place::Network(address, family) => {
                let bound = UdpLane::bind(resolve_to_listen(&address, family)?, &options, false)?;
                let lane = bound.into_iter().next().ok_or_else(|| BuildError::new("no socket was bound"))?;
                Ok(Box::new(Udp { lane, sender: None }))
            }
            #[cfg(unix)]
            Place::Path(path) => {
                let mode = permissions(&self.socket_mode)
                    .ok_or_else(|| BuildError::new("socket_mode is no mode"))?;
                let access = crate::net::Access::of(mode, None)?;
                let lane = crate::net::UnixLane::bind(&path, &access);
                Ok(Box::new(Unixgram(lane.map_err(|error| error.told("address"))?)))
            }
            #[cfg(target_os = "linux")]
            Place::Abstract(name) => {
                let lane = crate::net::UnixLane::bind_abstract(&name);
                Ok(Box::new(Unixgram(lane.map_err(|error| error.told("address"))?)))
            }
            #[cfg(not(target_os = "linux"))]
            _ => Err(BuildError::new("this system has no such sockets")),
        }
    }
}

/// Datagrams of a network.
struct Udp {
    lane: UdpLane,
    /// Who sent the last one, if that is asked for.
    sender: Option<IpAddr>,
}

impl Input for Udp {
    fn run<'a>(&'a mut self, io: &'a Io) -> LocalFuture<'a, Result<(), Fault>> {
        let Udp { lane, sender } = self;
        let mut push = |datagram: &Datagram<'_>, intake: &mut dyn Intake| {
            if datagram.sender.is_some() && datagram.sender != *sender {
                *sender = datagram.sender;
                intake.set_hostname(sender.map_or_else(Text::default, |sender| sender.to_string().into()));
            }
            // None that the system can send is longer than the room; the end of one that were would be missing.
            if !datagram.truncated {
                intake.push(datagram.bytes, None);
            }
        };
        Box::pin(async move { lane.serve(io, &try_it, &mut push) })
    }
}

fn try_it(address: SocketAddr) -> String {
    format!("echo hello | nc -u -w1 {} {}", address.ip(), address.port())
}

/// Datagrams of a unix socket.
#[cfg(unix)]
struct Unixgram(crate::net::UnixLane);

#[cfg(unix)]
impl Input for Unixgram {
    fn run<'a>(&'a mut self, io: &'a Io) -> LocalFuture<'a, Result<(), Fault>> {
        Box::pin(async move { self.0.serve(io, &|_| String::new(), whole) })
    }
}

/// The beginning of a datagram is one record: the decoder sees that its end is missing, or takes what there is.
#[cfg(unix)]
fn whole(bytes: &[u8]) -> &[u8] {
    bytes
}
