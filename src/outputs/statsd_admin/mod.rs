//! `StatsdAdminOutput`: the management interface of the reference, for scripts that know it and for looking by hand.
//!
//! A command a line, over TCP, with the reference's words, answers and framing
//! (<https://github.com/statsd/statsd/blob/master/docs/admin_interface.md>). What it shows is what the open interval
//! holds; names are the clients'. It takes no records: it asks the accumulators themselves. There is no password, so
//! that what deletes or switches is only for this machine, unless other networks are named.
//!
//! It differs from the reference where that cannot be relied upon: commands end with a line, however they are cut into
//! segments; `sets` and `top` are new; `config` shows this program's options; a browser that was made to send a request
//! here is hung up on.

mod desk;
mod inspect;
mod network;

use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::desk::Desk;
use self::network::Network;
use crate::config::{Address, Bytes, Check, Seconds, Violation};
use crate::flow::{Count, OwnMetrics};
use crate::net::{ConsoleCounters, ConsoleLimits, Consoles};
use crate::plugin::{
    BuildContext, BuildError, Declare, Endpoint, Fault, LocalFuture, Outcome, Outgoing, Output, Protocol,
    Ticker,
};
use crate::time::Stamp;

/// Options of `StatsdAdminOutput`.
#[derive(Debug, Clone, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where to listen. Whoever reaches it may read: names, values and options (not passwords). Default
    /// "127.0.0.1:8126".
    pub address: Address,
    /// Networks, such as "10.0.0.0/8", from which `delcounters`, `deltimers`, `delgauges`, `health up` and `health down`
    /// are taken, beside this machine. The reference takes them from everywhere: ["0.0.0.0/0", "::/0"]. Default: none.
    pub allow_writes_from: Vec<String>,
    /// Connections open at once; further ones are closed and counted. From 1 to 1024, default 16.
    pub max_connections: u32,
    /// A connection that sends no whole line, or does not take an answer, for so long is closed. Default 5m.
    pub idle_timeout: Seconds,
    /// Bytes of the longest line; a longer one is answered ERROR and counted. From 64 bytes to 1 MiB, default 8 KiB.
    pub max_line: Bytes,
    /// Bytes of the longest answer, about; the rest of a longer one is told as a number and counted. From 4 KiB to
    /// 1 GiB, default 8 MiB.
    pub max_answer: Bytes,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            address: Address::new("127.0.0.1", 8126),
            allow_writes_from: Vec::new(),
            max_connections: 16,
            idle_timeout: Seconds(Duration::from_secs(300)),
            max_line: Bytes(8 << 10),
            max_answer: Bytes(8 << 20),
        }
    }
}

impl Check for Config {
    fn check(&self) -> Vec<Violation> {
        let mut violations = Vec::new();
        for (place, network) in self.allow_writes_from.iter().enumerate() {
            if let Err(error) = network.parse::<Network>() {
                violations.push(Violation::new("allow_writes_from", error.to_string()).of_element(place));
            }
        }
        let mut refuse = |key: &str, message: &str| violations.push(Violation::new(key, message));
        if !(1..=1024).contains(&self.max_connections) {
            refuse("max_connections", "must be from 1 to 1024");
        }
        if self.idle_timeout.0 < Duration::from_secs(1) {
            refuse("idle_timeout", "must be at least 1s");
        }
        if !(64..=1 << 20).contains(&self.max_line.0) {
            refuse("max_line", "must be a size from 64 bytes to 1 MiB");
        }
        if !(4 << 10..=1 << 30).contains(&self.max_answer.0) {
            refuse("max_answer", "must be a size from 4 KiB to 1 GiB");
        }
        violations
    }
}

impl Declare<dyn Output> for Config {
    const TYPE: &'static str = "StatsdAdminOutput";
    const SUMMARY: &'static str = "Answers the commands of statsd's management interface, a line each: help, stats, counters and so on.";

    fn listens(&self) -> Vec<Endpoint> {
        vec![Endpoint::new(Protocol::Tcp, &self.address, "address")]
    }

    fn takes_records(&self) -> bool {
        false
    }

    fn ticker(&self) -> Ticker {
        Ticker::Every(Duration::from_secs(1))
    }

    fn build(&self, context: &BuildContext) -> Result<Box<dyn Output>, BuildError> {
        let address = crate::net::resolve(self.address.host(), self.address.port())
            .map_err(|error| BuildError::new(format!("{} cannot be resolved: {error}", self.address)))?;
        let writers = self.allow_writes_from.iter().map(|network| network.parse());
        let writers: Result<Vec<Network>, _> = writers.collect();
        let writers = writers.map_err(|error| BuildError::new(format!("allow_writes_from: {error}")))?;
        let limits = ConsoleLimits {
            max_connections: self.max_connections as usize,
            idle: self.idle_timeout.0,
            max_line: self.max_line.length(),
        };
        let desk = Desk::new(context, writers, self.max_answer.length());
        let counters = context.shared.the::<Consoles>().mount(address, Arc::new(desk), limits);
        let counts = Counts::new(context.own(), &context.name);
        Ok(Box::new(StatsdAdminOutput { counters, counts }))
    }
}

struct StatsdAdminOutput {
    counters: Arc<ConsoleCounters>,
    counts: Counts,
}

/// What is counted of connections.
struct Counts {
    accepted: Count,
    refused: Count,
    failed: Count,
    idle: Count,
    stalled: Count,
    long_lines: Count,
}

impl Counts {
    fn new(own: &OwnMetrics, name: &str) -> Counts {
        let counter = |metric| own.counter(metric, &[("output", name)]);
        Counts {
            accepted: counter("hekad_admin_connections_total"),
            refused: counter("hekad_admin_connections_refused_total"),
            failed: counter("hekad_admin_accept_errors_total"),
            idle: counter("hekad_admin_connections_idle_total"),
            stalled: counter("hekad_admin_connections_stalled_total"),
            long_lines: counter("hekad_admin_long_lines_total"),
        }
    }
}

impl Output for StatsdAdminOutput {
    fn send<'a>(&'a mut self, _: &'a Outgoing<'a>) -> LocalFuture<'a, Outcome> {
        Box::pin(async { Outcome::Refused(Fault::new("it takes no records")) })
    }

    fn tick(&mut self, _: Stamp) -> Result<(), Fault> {
        let (counters, counts) = (&*self.counters, &self.counts);
        counts.accepted.raise_to(counters.connections.accepted());
        counts.refused.raise_to(counters.connections.refused());
        counts.failed.raise_to(counters.connections.failed());
        counts.idle.raise_to(counters.idle());
        counts.stalled.raise_to(counters.stalled());
        counts.long_lines.raise_to(counters.long_lines());
        Ok(())
    }
}
