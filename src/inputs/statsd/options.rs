//! The options of `StatsdInput`.

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::{
    Address, Bytes, Check, Descriptor, ListenAddress, OneOrMany, Seconds, Violation, flaw_of_socket,
    permissions,
};
use crate::net::{BindOptions, Family, Place, Transport, Wanted};

/// Options of `StatsdInput`.
#[derive(Debug, Clone, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Transport: "udp" (default); "tcp", where a newline ends each line; "unixgram" for the datagrams of a unix socket,
    /// whose senders wait instead of losing anything when it is full; "unix" for its streams.
    pub net: Net,
    /// Where to listen, one address or a list: host:port, by UDP and TCP; or a socket that systemd hands over, whatever
    /// `net` says, as "fd:NAME" by the FileDescriptorName= of its unit, or by its number as "fd:3". Such a socket stays
    /// open at the stop, and what comes then waits in it for the next start. Without it: 127.0.0.1:8125.
    pub address: Option<OneOrMany<ListenAddress>>,
    /// Unix: the path of the socket, or a list of paths. A file that a killed process left there is removed; the
    /// directory should be one that only the daemon may write to.
    pub socket: OneOrMany<PathBuf>,
    /// Unix: who may send, as the mode of the file in octal digits; to write is to send. Default "0660".
    pub socket_mode: String,
    /// Unix: owner of the file, as USER, USER:GROUP or :GROUP, names or numbers. Default: that of the process.
    pub socket_owner: Option<String>,
    /// Unix streams: what ends a record: "lines" (default), or "length" for four bytes, little end first, before each
    /// packet, as DogStatsD's clients send over unixstream. A packet longer than max_line ends the connection.
    pub framing: Framing,
    /// UDP: threads and sockets for each address. More than one helps only with many clients, since the kernel gives
    /// all datagrams of a client to one of them. Default 1.
    pub lanes: u32,
    /// UDP: whether all lanes of an address read one socket. Two then work for one client, and take what it sends in any
    /// order: the last value of a gauge may be an older one. Default false.
    pub lanes_share_socket: bool,
    /// UDP: size of the socket's buffer, which holds a burst until it is read. Granted only as far as
    /// net.core.rmem_max allows; what was granted is said at the start. Default 25 MiB.
    pub receive_buffer: Bytes,
    /// Streams: bytes of the longest line; a longer one is dropped and counted. Default 8 KiB.
    pub max_line: Bytes,
    /// Streams: connections open at once; further ones are closed and counted. Default 1024.
    pub max_connections: u32,
    /// Streams: a connection that completes no line for so long is closed. Default 5m.
    pub idle_timeout: Seconds,
    /// The accumulator these samples are meant for, if there are several; those with a matcher of their own see them
    /// all the same. Default: every accumulator.
    pub stat_accum_name: Option<String>,
}

/// Transport of a listener.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Net {
    /// Datagrams.
    #[default]
    Udp,
    /// Lines on a stream.
    Tcp,
    /// Datagrams of a unix socket.
    Unixgram,
    /// Streams of a unix socket.
    Unix,
}

/// What ends a record of a unix stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Framing {
    /// A newline.
    #[default]
    Lines,
    /// The length before it says.
    Length,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            net: Net::Udp,
            address: None,
            socket: OneOrMany(Vec::new()),
            socket_mode: "0660".to_owned(),
            socket_owner: None,
            framing: Framing::Lines,
            lanes: 1,
            lanes_share_socket: false,
            receive_buffer: Bytes(25 << 20),
            max_line: Bytes(8 << 10),
            max_connections: 1024,
            idle_timeout: Seconds(Duration::from_secs(300)),
            stat_accum_name: None,
        }
    }
}

impl Config {
    pub(super) fn lanes_an_address(&self) -> u32 {
        match self.net {
            Net::Udp => self.lanes,
            Net::Tcp | Net::Unixgram | Net::Unix => 1,
        }
    }

    /// Whether it listens on paths, not on addresses.
    pub(super) fn is_unix(&self) -> bool {
        matches!(self.net, Net::Unixgram | Net::Unix)
    }

    /// Where it listens.
    pub(super) fn places(&self) -> Vec<Place> {
        let addresses = self.addresses().iter().map(|address| match address {
            ListenAddress::Network(address) => Place::Network(address.clone(), Family::Any),
            ListenAddress::Handed(descriptor) => Place::Handed(descriptor.clone()),
        });
        match (&self.address, self.is_unix()) {
            (None, false) => vec![Place::Network(Address::new("127.0.0.1", 8125), Family::Any)],
            _ => self.socket.0.iter().cloned().map(Place::Path).chain(addresses).collect(),
        }
    }

    fn addresses(&self) -> &[ListenAddress] {
        self.address.as_ref().map_or(&[], |addresses| &addresses.0)
    }

    /// What a socket that is handed over has to be.
    pub(super) fn wanted(&self) -> Wanted {
        let transport = match self.net {
            Net::Udp => Transport::Udp,
            Net::Tcp => Transport::Tcp,
            Net::Unixgram => Transport::Unixgram,
            Net::Unix => Transport::Unix,
        };
        Wanted { transport, family: Family::Any }
    }

    /// How the lanes of an address are bound.
    pub(super) fn binding(&self) -> BindOptions {
        BindOptions {
            lanes: self.lanes as usize,
            one_socket: self.lanes_share_socket,
            receive_buffer: self.receive_buffer.length(),
            ..BindOptions::default()
        }
    }

    /// The mode of socket files, if it is one.
    pub(super) fn mode(&self) -> Option<u32> {
        permissions(&self.socket_mode)
    }

    /// The number of a socket that several lanes ask for.
    fn asked_by_many(&self) -> Option<&Descriptor> {
        let several = self.net == Net::Udp && self.lanes > 1 && !self.lanes_share_socket;
        self.addresses().iter().filter(|_| several).find_map(|address| match address {
            ListenAddress::Handed(descriptor @ Descriptor::Number(_)) => Some(descriptor),
            _ => None,
        })
    }

    fn check_socket(&self, violations: &mut Vec<Violation>) {
        let mut refuse = |key: &str, message: String| violations.push(Violation::new(key, message));
        let is_handed = |address: &ListenAddress| matches!(address, ListenAddress::Handed(_));
        if self.is_unix() && self.socket.0.is_empty() && !self.addresses().iter().any(is_handed) {
            refuse("net", "needs the path of a `socket`".to_owned());
        }
        if self.is_unix() && !self.addresses().iter().all(is_handed) {
            refuse("address", "means nothing for a unix socket; give the path of a `socket`".to_owned());
        }
        if !self.is_unix() && !self.socket.0.is_empty() {
            refuse("socket", "needs net = \"unixgram\" or \"unix\"".to_owned());
        }
        if self.framing == Framing::Length && self.net != Net::Unix {
            refuse("framing", "needs net = \"unix\"".to_owned());
        }
        if self.mode().is_none() {
            refuse("socket_mode", "must be octal digits from \"0\" to \"777\"".to_owned());
        }
        for (place, path) in self.socket.0.iter().enumerate() {
            let flaw = flaw_of_socket(path).map(|flaw| Violation::new("socket", flaw).of_element(place));
            violations.extend(flaw);
        }
    }
}

impl Check for Config {
    fn check(&self) -> Vec<Violation> {
        let mut violations = Vec::new();
        self.check_socket(&mut violations);
        let mut refuse = |key: &str, message: &str| violations.push(Violation::new(key, message));
        if let Some(descriptor) = self.asked_by_many() {
            let rule = format!("`{descriptor}` is one socket: 1, or lanes_share_socket = true");
            refuse("lanes", &rule);
        }
        if self.address.as_ref().is_some_and(|addresses| addresses.0.is_empty()) {
            refuse("address", "must name an address");
        }
        if !(1..=64).contains(&self.lanes) {
            refuse("lanes", "must be a number from 1 to 64");
        }
        if self.lanes_share_socket && (self.lanes < 2 || self.net != Net::Udp) {
            refuse("lanes_share_socket", "needs net = \"udp\" and two `lanes` at least");
        }
        if !(4096..=1 << 30).contains(&self.receive_buffer.0) {
            refuse("receive_buffer", "must be a size from 4 KiB to 1 GiB");
        }
        if !(64..=1 << 20).contains(&self.max_line.0) {
            refuse("max_line", "must be a size from 64 bytes to 1 MiB");
        }
        if self.max_connections == 0 {
            refuse("max_connections", "must be at least 1");
        }
        if self.idle_timeout.0 < Duration::from_secs(1) {
            refuse("idle_timeout", "must be at least 1s");
        }
        violations
    }
}
