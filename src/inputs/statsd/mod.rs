//! `StatsdInput`: statsd over UDP and TCP.
//!
//! UDP: datagrams up to 65,507 bytes whole, received in batches by `lanes` threads an address, every loss counted.
//! At most once: what the kernel drops is gone, and said. TCP: lines, with bounds on their length, on connections and
//! on their patience; a full consumer that may block closes the peer's window.
//!
//! Protocol: <https://github.com/statsd/statsd/blob/master/docs/metric_types.md>,
//! <https://docs.datadoghq.com/developers/dogstatsd/datagram_shell/>.

mod options;
mod tcp;
mod udp;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Mutex;

use crate::config::Address;
use crate::flow::{Patience, sample_facts};
use crate::matcher::Facts;
use crate::plugin::{BuildContext, BuildError, Declare, Endpoint, Input, Protocol};

pub use options::{Config, Net};

impl Declare<dyn Input> for Config {
    const TYPE: &'static str = "StatsdInput";
    const SUMMARY: &'static str =
        "Takes statsd samples over UDP or TCP. The options of StatsdDecoder stand in its section too.";
    const DECODER: Option<&'static str> = Some("StatsdDecoder");
    const SPLITTER: Option<&'static str> = Some("NullSplitter");

    fn emits(&self, name: &str, hostname: &str) -> Vec<Facts> {
        vec![sample_facts(name, hostname)]
    }

    fn patience(&self) -> Patience {
        match self.net {
            Net::Udp => Patience::Cannot,
            Net::Tcp => Patience::Waits,
        }
    }

    fn lanes(&self) -> u32 {
        self.address.0.len() as u32 * self.lanes_an_address()
    }

    fn listens(&self) -> Vec<Endpoint> {
        let protocol = match self.net {
            Net::Udp => Protocol::Udp,
            Net::Tcp => Protocol::Tcp,
        };
        self.address.0.iter().map(|address| Endpoint::new(protocol, address, "address")).collect()
    }

    fn directs_to(&self) -> Option<&str> {
        self.stat_accum_name.as_deref()
    }

    fn build(&self, context: &BuildContext) -> Result<Box<dyn Input>, BuildError> {
        let lanes = self.lanes_an_address();
        let address = resolve(&self.address.0[(context.lane / lanes) as usize])?;
        match self.net {
            Net::Tcp => Ok(Box::new(tcp::TcpLines::listen(address, self)?)),
            Net::Udp => {
                let siblings = context.shared.the::<Siblings>();
                let mut waiting = siblings.0.lock().expect("no code panics while it holds the siblings");
                let key = (context.name.to_string(), context.lane);
                if let Some(lane) = waiting.remove(&key) {
                    return Ok(Box::new(lane));
                }
                let mut bound = udp::UdpLane::bind(address, self)?;
                // Sockets of one address are bound together; the other lanes find theirs here.
                let first = context.lane / lanes * lanes;
                let mut own = None;
                for (lane, receiver) in (first..).zip(bound.drain(..)) {
                    match lane == context.lane {
                        true => own = Some(receiver),
                        false => drop(waiting.insert((context.name.to_string(), lane), receiver)),
                    }
                }
                let own = own.ok_or_else(|| BuildError::new("no socket for this lane"))?;
                Ok(Box::new(own))
            }
        }
    }
}

/// Lanes bound together with another one and not yet asked for, by section and lane number.
#[derive(Default)]
struct Siblings(Mutex<HashMap<(String, u32), udp::UdpLane>>);

fn resolve(address: &Address) -> Result<SocketAddr, BuildError> {
    crate::net::resolve(address.host(), address.port()).map_err(|error| BuildError {
        message: format!("{address} cannot be resolved: {error}"),
        help: Some("give an IP address of this machine".to_owned()),
    })
}

/// An address that could not be bound, with the way out.
fn taken(error: crate::net::BindError) -> BuildError {
    let help = matches!(error, crate::net::BindError::Taken { .. })
        .then(|| "stop that process, or give this section another `address`".to_owned());
    BuildError { message: error.to_string(), help }
}
