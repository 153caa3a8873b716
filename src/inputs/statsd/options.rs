//! The options of `StatsdInput`.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::{Address, Bytes, Check, OneOrMany, Seconds, Violation};

/// Options of `StatsdInput`.
#[derive(Debug, Clone, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Transport: "udp" (default) or "tcp", where a newline ends each line.
    pub net: Net,
    /// Where to listen, one address or a list. Default "127.0.0.1:8125".
    pub address: OneOrMany<Address>,
    /// UDP: threads and sockets for each address. More than one helps only with many clients, since the kernel gives
    /// all datagrams of a client to one of them. Default 1.
    pub lanes: u32,
    /// UDP: size of the socket's buffer, which holds a burst until it is read. Granted only as far as
    /// net.core.rmem_max allows; what was granted is said at the start. Default 25 MiB.
    pub receive_buffer: Bytes,
    /// TCP: bytes of the longest line; a longer one is dropped and counted. Default 8 KiB.
    pub max_line: Bytes,
    /// TCP: connections open at once; further ones are closed and counted. Default 1024.
    pub max_connections: u32,
    /// TCP: a connection that completes no line for so long is closed. Default 5m.
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
}

impl Default for Config {
    fn default() -> Config {
        Config {
            net: Net::Udp,
            address: OneOrMany(vec![Address::new("127.0.0.1", 8125)]),
            lanes: 1,
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
            Net::Tcp => 1,
        }
    }
}

impl Check for Config {
    fn check(&self) -> Vec<Violation> {
        let mut violations = Vec::new();
        let mut refuse = |key: &str, message: &str| violations.push(Violation::new(key, message));
        if self.address.0.is_empty() {
            refuse("address", "must name an address");
        }
        if !(1..=64).contains(&self.lanes) {
            refuse("lanes", "must be a number from 1 to 64");
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
