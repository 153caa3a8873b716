//! `TcpInput`: records of streams, TCP or unix, in the clear or by TLS; messages of another hekad unless told otherwise.
//!
//! Every connection has a splitter of its own. A consumer that is full closes the peer's window: nothing is dropped. A
//! stop takes what has arrived, says so to the peers, and reads on for [`LINGER`], so that senders that listen lose
//! nothing. Limits: connections, bytes of a record (`[hekad] max_message_size`), the time in which one has to be whole,
//! and that of a handshake; each has its counter.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::{Check, Seconds, Violation, permissions};
use crate::flow::Patience;
use crate::matcher::{Fact, Facts};
use crate::message::Text;
use crate::net::{
    Asking, ByteLimits, ByteSink, Family, Handed, Place, PlaceError, StreamCounters, Taken, Tls, TlsServer,
    TlsSide, Transport, Wanted, flaws_of_keep_alive, keep_alive_after, resolve_to_listen, serve_bytes,
    tcp_listener,
};
use crate::plugin::{
    BoxFuture, BuildContext, BuildError, Declare, Endpoint, Fault, Input, Intake, Io, LocalFuture, Note,
    Protocol,
};

/// Options of `TcpInput`; names and defaults are Heka's where it had them.
#[derive(Debug, Clone, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Transport: "tcp" (default), "tcp4", "tcp6", or "unix" for the streams of a unix socket.
    #[serde(default)]
    pub net: Net,
    /// Where to listen: host:port, such as "127.0.0.1:5565"; with net = "unix" the path of a socket, whose file is removed
    /// at the stop. Or a socket that systemd hands over: "fd:NAME" by the FileDescriptorName= of its unit, or "fd:3" by its
    /// number; it stays open at the stop, and connections that come then wait in it for the next start.
    pub address: String,
    /// Whether connections are encrypted, as the table `tls` says. Default false.
    #[serde(default)]
    pub use_tls: bool,
    /// What TLS needs: a certificate and its key at least.
    #[serde(default)]
    pub tls: Tls,
    /// Whether the system asks after quiet peers, so that one that is gone without a word is noticed. Default false.
    #[serde(default)]
    pub keep_alive: bool,
    /// How long a connection is quiet before it does; a bare number is in seconds. Needs keep_alive. Without it: 30s.
    #[serde(default)]
    pub keep_alive_period: Option<Seconds>,
    /// Connections open at once; further ones are closed and counted. Default 1024.
    #[serde(default = "max_connections")]
    pub max_connections: u32,
    /// A connection that completes no record for so long is closed, in order. Default 1h.
    #[serde(default = "idle_timeout")]
    pub idle_timeout: Seconds,
    /// TLS: a connection that has not agreed on keys after so long is closed. Default 10s.
    #[serde(default = "handshake_timeout")]
    pub handshake_timeout: Seconds,
    /// Unix: who may send, as the mode of the file in octal digits; to write is to send. Default "0660".
    #[serde(default = "socket_mode")]
    pub socket_mode: String,
}

/// Transport of a listener.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Net {
    /// Any address.
    #[default]
    Tcp,
    /// Those of IPv4.
    Tcp4,
    /// Those of IPv6.
    Tcp6,
    /// A unix socket.
    Unix,
    /// Refused: packets of a unix socket would be cut at their ends, streams are not.
    Unixpacket,
}

fn max_connections() -> u32 {
    1024
}

fn idle_timeout() -> Seconds {
    Seconds(Duration::from_secs(3600))
}

fn handshake_timeout() -> Seconds {
    Seconds(Duration::from_secs(10))
}

fn socket_mode() -> String {
    "0660".to_owned()
}

impl Config {
    fn place(&self) -> Result<Place, PlaceError> {
        match self.net {
            Net::Tcp => Place::network(&self.address, Family::Any),
            Net::Tcp4 => Place::network(&self.address, Family::V4),
            Net::Tcp6 => Place::network(&self.address, Family::V6),
            Net::Unix | Net::Unixpacket => Place::unix(&self.address),
        }
    }

    fn limits(&self) -> ByteLimits {
        ByteLimits {
            max_connections: self.max_connections as usize,
            idle: self.idle_timeout.0,
            handshake: self.handshake_timeout.0,
            linger: LINGER,
            keep_alive: keep_alive_after(self.keep_alive, self.keep_alive_period),
        }
    }
}

impl Check for Config {
    fn check(&self) -> Vec<Violation> {
        let mut violations = self.tls.check(self.use_tls, TlsSide::Listening);
        violations.extend(flaws_of_keep_alive(self.keep_alive, self.keep_alive_period));
        let mut refuse = |key: &str, message: String| violations.push(Violation::new(key, message));
        match (self.net, self.place()) {
            (Net::Unixpacket, _) => refuse("net", "unixpacket is not served; use \"unix\"".to_owned()),
            (Net::Unix, Ok(Place::Abstract(_))) => {
                refuse("address", "must be the path of a socket".to_owned());
            }
            (_, Err(error)) => refuse("address", error.to_string()),
            (_, Ok(_)) => {}
        }
        if self.max_connections == 0 {
            refuse("max_connections", "must be at least 1".to_owned());
        }
        for (key, timeout) in
            [("idle_timeout", self.idle_timeout), ("handshake_timeout", self.handshake_timeout)]
        {
            if timeout.0 < Duration::from_secs(1) {
                refuse(key, "must be at least 1s".to_owned());
            }
        }
        if permissions(&self.socket_mode).is_none() {
            refuse("socket_mode", "must be octal digits from \"0\" to \"777\"".to_owned());
        }
        violations
    }
}

impl Declare<dyn Input> for Config {
    const TYPE: &'static str = "TcpInput";
    const SUMMARY: &'static str = "Takes records of streams, TCP or unix, by TLS if so configured: messages of another hekad unless told otherwise. With decoder = \"\" a record is the payload of a message.";
    const DECODER: Option<&'static str> = Some("ProtobufDecoder");
    const UNDECODED: bool = true;
    const SPLITTER: Option<&'static str> = Some("HekaFramingSplitter");

    fn emits(&self, name: &str, _: &str) -> Vec<Facts> {
        // The host of a message is its peer.
        vec![Facts { type_: Fact::Is(name.into()), logger: Fact::Is(name.into()), ..Facts::default() }]
    }

    fn patience(&self) -> Patience {
        Patience::Waits
    }

    fn listens(&self) -> Vec<Endpoint> {
        self.place().iter().map(|place| place.endpoint(self.protocol(), "address")).collect()
    }

    fn build(&self, context: &BuildContext) -> Result<Box<dyn Input>, BuildError> {
        let tls = self.use_tls.then(|| TlsServer::new(&self.tls, context.clock.now())).transpose()?;
        let listener = match self.place().map_err(|error| BuildError::new(error.to_string()))? {
            Place::Network(address, family) => {
                Listener::Tcp(tcp_listener(resolve_to_listen(&address, family)?)?)
            }
            Place::Handed(descriptor) => {
                let asking = Asking { section: &context.name, lane: 0, sockets: 1 };
                let handed = context.shared.the::<Handed>();
                let handed = handed.socket(&descriptor, self.wanted(), &asking)?;
                match self.protocol() {
                    #[cfg(unix)]
                    Protocol::Unix => {
                        let (listener, place) = handed.unix_listener()?;
                        Listener::Unix { listener, place, file: None }
                    }
                    _ => Listener::Tcp(handed.tcp_listener()?),
                }
            }
            #[cfg(unix)]
            Place::Path(path) => {
                let mode = permissions(&self.socket_mode)
                    .ok_or_else(|| BuildError::new("socket_mode is no mode"))?;
                let access = crate::net::Access::of(mode, None)?;
                let bound = crate::net::unix_listener(&path, &access);
                let (listener, file) = bound.map_err(|error| error.told("address"))?;
                Listener::Unix { listener, place: path.display().to_string(), file: Some(file) }
            }
            _ => return Err(BuildError::new("this system has no such sockets")),
        };
        Ok(Box::new(TcpInput { listener: Some(listener), limits: self.limits(), tls }))
    }
}

impl Config {
    /// What a socket that is handed over has to be.
    fn wanted(&self) -> Wanted {
        let (transport, family) = match self.net {
            Net::Tcp => (Transport::Tcp, Family::Any),
            Net::Tcp4 => (Transport::Tcp, Family::V4),
            Net::Tcp6 => (Transport::Tcp, Family::V6),
            Net::Unix | Net::Unixpacket => (Transport::Unix, Family::Any),
        };
        Wanted { transport, family }
    }

    fn protocol(&self) -> Protocol {
        match self.net {
            Net::Unix | Net::Unixpacket => Protocol::Unix,
            Net::Tcp | Net::Tcp4 | Net::Tcp6 => Protocol::Tcp,
        }
    }
}

struct TcpInput {
    /// Until it is served.
    listener: Option<Listener>,
    limits: ByteLimits,
    tls: Option<TlsServer>,
}

enum Listener {
    Tcp(std::net::TcpListener),
    #[cfg(unix)]
    Unix {
        listener: std::os::unix::net::UnixListener,
        /// Where it is, for people.
        place: String,
        /// There as long as it is served; that of one that was handed over is not ours.
        file: Option<crate::net::SocketFile>,
    },
}

impl Listener {
    fn shown(&self) -> String {
        match self {
            Listener::Tcp(listener) => match listener.local_addr() {
                Ok(address) => format!("{address}/tcp"),
                Err(error) => error.to_string(),
            },
            #[cfg(unix)]
            Listener::Unix { place, .. } => format!("{place}/unix"),
        }
    }
}

impl Input for TcpInput {
    fn run<'a>(&'a mut self, io: &'a Io) -> LocalFuture<'a, Result<(), Fault>> {
        Box::pin(self.serve(io))
    }
}

impl TcpInput {
    async fn serve(&mut self, io: &Io) -> Result<(), Fault> {
        let listener = self.listener.take().ok_or_else(|| Fault::new("its listener is used up"))?;
        let tls = self.tls.clone();
        let by = if tls.is_some() { " by TLS" } else { "" };
        io.notes.note(Note::Listening(format!("listening on {}{by}", listener.shown())));
        let counters = Arc::new(StreamCounters::default());
        let intakes = Arc::clone(&io.intakes);
        let (limits, counts, stop) = (self.limits.clone(), Arc::clone(&counters), io.stop.wait());
        let serving = async {
            match listener {
                Listener::Tcp(listener) => {
                    let sink_for = move |peer: SocketAddr| {
                        let mut intake = intakes.open();
                        intake.set_hostname(Text::from(peer.to_string()));
                        Sink(intake)
                    };
                    serve_bytes(listener, limits, tls, counts, stop, sink_for).await
                }
                #[cfg(unix)]
                Listener::Unix { listener, file: _file, .. } => {
                    let sink_for = move || Sink(intakes.open());
                    crate::net::serve_unix_bytes(listener, limits, tls, counts, stop, sink_for).await
                }
            }
        };
        let served = counters.noting(&*io.notes, serving).await;
        served.map_err(|error| Fault::caused("cannot serve the listener", error))
    }
}

/// The bytes of one connection.
struct Sink(Box<dyn Intake>);

impl ByteSink for Sink {
    fn bytes(&mut self, bytes: &[u8]) -> Taken {
        let before = self.0.found();
        let room = self.0.push(bytes, None);
        Taken { whole: self.0.found() > before, room, broken: false }
    }

    fn settle(&mut self) -> bool {
        self.0.flush()
    }

    fn finish(&mut self) -> bool {
        self.0.end(None) && self.0.flush()
    }

    fn ready(&mut self) -> BoxFuture<'_, ()> {
        self.0.ready()
    }
}

/// How long a connection that ends is read on.
const LINGER: Duration = Duration::from_secs(1);
