//! `UdpOutput`: a datagram for every record, UDP or to a unix socket.
//!
//! At most once by UDP: nobody hears of what gets lost on the way. What is longer than a datagram may be is refused and
//! counted. A unix socket that is full holds this output, so that nothing is lost there. A batch that was interrupted goes
//! on where it was. Retries and back-off are the runner's.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::{Address, Bytes, Check, Seconds, Violation};
use crate::flow::Count;
use crate::net::{DatagramNet, Place, PlaceError, UdpSender, UnixSender, World};
use crate::plugin::{
    BuildContext, BuildError, Declare, Endpoint, Fault, Frames, LocalFuture, Outcome, Outgoing, Output,
    Ticker,
};
use crate::time::Stamp;

/// Options of `UdpOutput`; names and defaults are Heka's where it had them.
#[derive(Debug, Clone, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Transport: "udp" (default), "udp4", "udp6", or "unixgram" for a unix socket.
    #[serde(default)]
    pub net: DatagramNet,
    /// Where to send to: host:port, or with net = "unixgram" the path of a socket. The name is looked up once a minute.
    pub address: String,
    /// UDP: the address to send from, as host:port, or host:0 for any port. Default: the system's choice.
    #[serde(default)]
    pub local_address: Option<Address>,
    /// Bytes of the longest record; a longer one is refused and counted. UDP can carry no more than the default.
    /// Default 65507.
    #[serde(default = "max_message_size")]
    pub max_message_size: Bytes,
    /// Unix: how long the peer may have no room before the attempt is given up. Default 5s.
    #[serde(default = "send_timeout")]
    pub send_timeout: Seconds,
}

fn max_message_size() -> Bytes {
    Bytes(LARGEST)
}

fn send_timeout() -> Seconds {
    Seconds(Duration::from_secs(5))
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
        match self.place() {
            Err(error) => refuse("address", error.to_string()),
            Ok(Place::Handed(_)) => {
                let rule = "a socket that is handed over (`fd:`) is listened on; write host:port or a path";
                refuse("address", rule.to_owned());
            }
            Ok(Place::Abstract(_)) => refuse("address", "must be the path of a socket".to_owned()),
            Ok(Place::Network(address, _)) if address.port() == 0 => {
                refuse("address", "needs a port other than 0".to_owned());
            }
            Ok(_) => {}
        }
        if self.local_address.is_some() && self.net == DatagramNet::Unixgram {
            refuse("local_address", "means nothing for a unix socket".to_owned());
        }
        if !(512..=LARGEST).contains(&self.max_message_size.0) {
            refuse("max_message_size", "must be a size from 512 to 65507 bytes".to_owned());
        }
        if self.send_timeout.0.is_zero() {
            refuse("send_timeout", "must be longer than 0".to_owned());
        }
        violations
    }
}

impl Declare<dyn Output> for Config {
    const TYPE: &'static str = "UdpOutput";
    const SUMMARY: &'static str = "Sends a datagram for every record, UDP or to a unix socket.";

    fn sends_to(&self) -> Vec<Endpoint> {
        self.place().iter().map(|place| place.endpoint(self.net.protocol(), "address")).collect()
    }

    fn takes_encoder(&self) -> bool {
        true
    }

    fn ticker(&self) -> Ticker {
        Ticker::Every(Duration::from_secs(60))
    }

    fn build(&self, context: &BuildContext) -> Result<Box<dyn Output>, BuildError> {
        let place = self.place().map_err(|error| BuildError::new(error.to_string()))?;
        let label = [("output", &*context.name)];
        Ok(Box::new(UdpOutput {
            config: self.clone(),
            place,
            world: context.shared.the(),
            sender: None,
            stopped: None,
            datagrams: context.own().counter("hekad_udp_datagrams_total", &label),
            refused: context.own().counter("hekad_udp_refused_total", &label),
        }))
    }
}

struct UdpOutput {
    config: Config,
    place: Place,
    world: Arc<World>,
    sender: Option<Sender>,
    /// Where the last attempt was interrupted.
    stopped: Option<Interrupted>,
    datagrams: Count,
    refused: Count,
}

enum Sender {
    Udp(UdpSender),
    Unix(UnixSender),
}

/// Where a batch was interrupted, and what tells it from another.
#[derive(PartialEq)]
struct Interrupted {
    next: usize,
    too_long: usize,
    frames: usize,
    bytes: usize,
    /// The frame that was not sent.
    frame: Vec<u8>,
}

impl Output for UdpOutput {
    fn send<'a>(&'a mut self, out: &'a Outgoing<'a>) -> LocalFuture<'a, Outcome> {
        Box::pin(self.deliver(out.frames))
    }

    /// The name is looked up again with the next datagram.
    fn tick(&mut self, _: Stamp) -> Result<(), Fault> {
        if matches!(self.sender, Some(Sender::Udp(_))) {
            self.sender = None;
        }
        Ok(())
    }
}

impl UdpOutput {
    async fn deliver(&mut self, frames: &Frames) -> Outcome {
        let (first, mut too_long) = self.interrupted(frames);
        for (place, frame) in frames.iter().enumerate().skip(first) {
            if frame.len() as u64 > self.config.max_message_size.0 {
                too_long += 1;
                continue;
            }
            match self.send_one(frame).await {
                Ok(()) => self.datagrams.add(1),
                Err(error) if is_too_long(&error) => too_long += 1,
                Err(error) => {
                    // A peer that comes back is another one, and a name may lead elsewhere.
                    self.sender = None;
                    let (frames, bytes) = (frames.ends.len(), frames.bytes.len());
                    let frame = frame.to_vec();
                    self.stopped = Some(Interrupted { next: place, too_long, frames, bytes, frame });
                    return Outcome::Retry(Fault::caused(
                        format!("cannot send to {}", self.config.address),
                        error,
                    ));
                }
            }
        }
        if too_long == 0 {
            return Outcome::Delivered;
        }
        let most = self.config.max_message_size.0;
        let why = Fault::new(format!("a record is longer than a datagram may be ({most} bytes)"));
        Outcome::Partly { refused: too_long, why }
    }

    /// Where to begin, and how many records before were too long: in the middle, if this is the batch that was interrupted.
    fn interrupted(&mut self, frames: &Frames) -> (usize, usize) {
        let Some(stopped) = self.stopped.take() else { return (0, 0) };
        let is_the_same = stopped.frames == frames.ends.len()
            && stopped.bytes == frames.bytes.len()
            && frames.iter().nth(stopped.next) == Some(&*stopped.frame);
        if is_the_same { (stopped.next, stopped.too_long) } else { (0, 0) }
    }

    /// Sends one datagram: by UDP once more if the peer's host had refused an earlier one, since then this one was not
    /// sent.
    async fn send_one(&mut self, datagram: &[u8]) -> io::Result<()> {
        let sender = match &mut self.sender {
            Some(sender) => sender,
            none => none.insert(open(&self.world, &self.place, self.config.local_address.as_ref()).await?),
        };
        match sender {
            Sender::Unix(socket) => socket.send(datagram, self.config.send_timeout.0).await,
            Sender::Udp(socket) => {
                for _ in 0..2 {
                    match socket.send(datagram) {
                        Err(error) if error.kind() == ErrorKind::ConnectionRefused => self.refused.add(1),
                        sent => return sent,
                    }
                }
                // As much as can be done: it went on its way to a host where nobody listens.
                Ok(())
            }
        }
    }
}

async fn open(world: &World, place: &Place, local: Option<&Address>) -> io::Result<Sender> {
    match place {
        Place::Network(address, family) => {
            let socket = world.udp_from(address.host(), address.port(), *family, local).await?;
            Ok(Sender::Udp(socket))
        }
        Place::Path(path) => Ok(Sender::Unix(world.unixgram(path)?)),
        Place::Abstract(_) | Place::Handed(_) => Err(ErrorKind::Unsupported.into()),
    }
}

/// Whether the system says that it is longer than a datagram may be on this way.
#[cfg(unix)]
fn is_too_long(error: &io::Error) -> bool {
    error.raw_os_error() == Some(nix::libc::EMSGSIZE)
}

/// The same where the system has no such word.
#[cfg(not(unix))]
fn is_too_long(_: &io::Error) -> bool {
    false
}

/// The most that UDP over IPv4 can carry.
const LARGEST: u64 = 65_507;
