//! Options of `StatsdOutput`.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::{Bytes, Check, OneOrMany, Seconds, Target, Violation, flaw_of_socket};
use crate::statsd::TagStyle;

/// Options of `StatsdOutput`. Where `health` is checked its `ticker_interval` is how often: default 10s.
#[derive(Debug, Clone, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where lines go: statsd servers as "host:port", or as "unixgram:///PATH" those that take datagrams at a unix socket;
    /// one at least. Samples go out as the lines they came as; of a line of several values only those that were chosen.
    /// Flushes, where message_matcher takes Type == 'heka.statmetric', go out under the names that samples have: counters
    /// as the sum of the interval, gauges as their value (a negative one after 0), sets as their members, timers as their
    /// samples, each at their mean rate. A member of a set is as the client wrote it in the client's own line alone; in all
    /// others `|`, `:` and controls, which end a value, become `_`: of `2001:db8::1` comes `2001_db8__1`. Timers and sets
    /// that are only estimated (see exact_samples and exact_members) cannot be sent: they are counted in
    /// hekad_flush_series_unsent_total and their flush is booked as refused, as live views are. What an accumulator counts
    /// of itself is not sent.
    pub upstreams: Vec<Target>,
    /// Who gets which line: "all" (default) sends every line to every upstream, as the reference's repeater does;
    /// "hash" sends all lines of a name to one of them, the one the reference's proxy would choose.
    pub route: Route,
    /// Where lines have their tags: "raw" (default) leaves lines as they came, and has the tags of flushes as "dogstatsd"
    /// does: `name:1|c|#k:v`. "carbon" has `name;k=v:1|c`, "influx" `name,k=v:1|c`, "librato" `name#k=v:1|c`, "signalfx"
    /// `name[k=v]:1|c`, "drop" none. All but "raw" write every sample anew, in a line of its own, with its name, value and
    /// rate and with the tags the listener gave it too; what would end a tag there becomes `_`.
    pub tags: Tagging,
    /// Transport of upstreams that have a host: "udp" (default), where what is lost is lost, or "tcp".
    pub protocol: Transport,
    /// Datagrams: "full" (default) puts as many lines in a datagram as `packet_size` bears, "line" one, as the reference's
    /// proxy does.
    pub packing: Packing,
    /// Datagrams: bytes of the largest one of several lines; lines are never cut. Default 1432.
    pub packet_size: Bytes,
    /// UDP: how long the address a name was resolved to is used before the name is looked up again. Default 1m.
    pub dns_ttl: Seconds,
    /// How long connecting or a look-up may take. Default 3s.
    pub connect_timeout: Seconds,
    /// TCP and unix sockets: how long an upstream may take nothing before its connection is given up. Default 5s.
    pub send_timeout: Seconds,
    /// With route = "hash": how it is known that a member is down: "admin" asks each at its `admin_port`, and takes one that
    /// cannot be connected to, or whose name cannot be resolved, for down until it answers "up" again; "icmp", for UDP,
    /// believes the member's host, which refuses datagrams where nobody listens, and probes with an empty datagram every
    /// `ticker_interval` until one is not refused any more; "none" takes all to be up. What is sent before a refusal is
    /// heard is lost. Default: "admin" where `admin_port` is given, else "none".
    pub health: Option<Checked>,
    /// With route = "hash": what becomes of the share of a member that is down: "rehash" (default) gives its names to the
    /// others until it is back, as the reference's proxy does, by TCP what waits for it when it cannot be connected to, too;
    /// "drop" loses it, counted as reason "down", so that no name ever stands on two members. By TCP what the connection had
    /// taken when it broke, and the rest of a batch in which it breaks, is lost; by UDP what is sent before a check, each
    /// `ticker_interval`, or a refusal tells that nobody listens.
    pub when_down: WhenDown,
    /// With route = "hash": the port where a member tells whether it is up, one for all or a list in the order of
    /// `upstreams`. Members that do not answer "up" leave the ring until they do. Without it nobody is checked.
    pub admin_port: Option<OneOrMany<u16>>,
    /// How long a member may take to tell that it is up. Default 5s.
    pub health_timeout: Seconds,
}

/// Who gets which line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Route {
    /// Everybody gets everything.
    #[default]
    All,
    /// A name has its member.
    Hash,
}

/// Where lines have their tags.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Tagging {
    /// Where they came.
    #[default]
    Raw,
    /// At the end, after `|#`.
    Dogstatsd,
    /// Behind the name, after `;`.
    Carbon,
    /// Behind the name, after `,`.
    Influx,
    /// Behind the name, after `#`.
    Librato,
    /// Behind the name, in brackets.
    Signalfx,
    /// Nowhere.
    Drop,
}

impl Tagging {
    /// How samples are written anew, if they are.
    pub(super) fn style(self) -> Option<TagStyle> {
        match self {
            Tagging::Raw => None,
            Tagging::Dogstatsd => Some(TagStyle::Dogstatsd),
            Tagging::Carbon => Some(TagStyle::Carbon),
            Tagging::Influx => Some(TagStyle::Influx),
            Tagging::Librato => Some(TagStyle::Librato),
            Tagging::Signalfx => Some(TagStyle::Signalfx),
            Tagging::Drop => Some(TagStyle::Drop),
        }
    }
}

/// How it is known that a member is down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Checked {
    /// It is asked.
    Admin,
    /// Its host tells.
    Icmp,
    /// Not at all.
    None,
}

/// What becomes of the share of a member that is down.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum WhenDown {
    /// The others get it.
    #[default]
    Rehash,
    /// It is lost.
    Drop,
}

/// How upstreams are reached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// Datagrams.
    #[default]
    Udp,
    /// Connections.
    Tcp,
}

/// How many lines a datagram has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Packing {
    /// As many as fit.
    #[default]
    Full,
    /// One.
    Line,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            upstreams: Vec::new(),
            route: Route::All,
            tags: Tagging::Raw,
            protocol: Transport::Udp,
            packing: Packing::Full,
            packet_size: Bytes(1432),
            dns_ttl: Seconds(Duration::from_secs(60)),
            connect_timeout: Seconds(Duration::from_secs(3)),
            send_timeout: Seconds(Duration::from_secs(5)),
            health: None,
            when_down: WhenDown::Rehash,
            admin_port: None,
            health_timeout: Seconds(Duration::from_secs(5)),
        }
    }
}

impl Check for Config {
    fn check(&self) -> Vec<Violation> {
        let mut violations = self.upstream_violations();
        violations.extend(self.admin_violations());
        violations.extend(self.health_violations());
        if !(512..=LARGEST_DATAGRAM as u64).contains(&self.packet_size.0) {
            violations.push(Violation::new("packet_size", "must be a size from 512 to 65507 bytes"));
        }
        if self.dns_ttl.0 < Duration::from_secs(1) {
            violations.push(Violation::new("dns_ttl", "must be at least 1s"));
        }
        let timeouts = [
            ("connect_timeout", self.connect_timeout),
            ("send_timeout", self.send_timeout),
            ("health_timeout", self.health_timeout),
        ];
        let zeros = timeouts.into_iter().filter(|(_, timeout)| timeout.0.is_zero());
        violations.extend(zeros.map(|(key, _)| Violation::new(key, "must be longer than 0")));
        violations
    }
}

impl Config {
    fn upstream_violations(&self) -> Vec<Violation> {
        let mut violations = Vec::new();
        if self.upstreams.is_empty() {
            let mut none = Violation::new("upstreams", "names no upstream");
            none.help = Some("upstreams = [\"statsd.example:8125\"]".to_owned());
            violations.push(none);
        }
        if self.upstreams.len() > MOST_UPSTREAMS {
            violations.push(Violation::new("upstreams", format!("names more than {MOST_UPSTREAMS}")));
        }
        for (place, upstream) in self.upstreams.iter().enumerate() {
            let message = match upstream {
                Target::Network(address) if address.port() == 0 => "needs a port other than 0",
                Target::Network(address) if address.host().is_empty() => "needs a host",
                Target::Socket(_) if self.protocol == Transport::Tcp => {
                    "takes datagrams, not protocol = \"tcp\""
                }
                upstream if self.upstreams[..place].contains(upstream) => "is named before",
                Target::Network(_) => continue,
                Target::Socket(path) => match flaw_of_socket(path) {
                    Some(flaw) => flaw,
                    None => continue,
                },
            };
            violations.push(Violation::new("upstreams", message).of_element(place));
        }
        violations
    }

    fn admin_violations(&self) -> Vec<Violation> {
        let Some(OneOrMany(ports)) = &self.admin_port else {
            return Vec::new();
        };
        let upstreams = self.upstreams.len();
        let message = match ports.len() {
            _ if self.route == Route::All => "is for route = \"hash\"".to_owned(),
            _ if ports.contains(&0) => "must be ports other than 0".to_owned(),
            _ if self.upstreams.iter().any(|upstream| upstream.network().is_none()) => {
                "is for upstreams that have a host".to_owned()
            }
            1 => return Vec::new(),
            ports if ports == upstreams => return Vec::new(),
            _ => format!("must be one port, or a list of one for each of {upstreams} upstreams"),
        };
        vec![Violation::new("admin_port", message)]
    }

    fn health_violations(&self) -> Vec<Violation> {
        let takes_datagrams = |upstream: &Target| upstream.network().is_some();
        let mut violations = Vec::new();
        let message = match self.health {
            Some(_) if self.route == Route::All => Some("is for route = \"hash\""),
            Some(Checked::Admin) if self.admin_port.is_none() => Some("needs an admin_port"),
            Some(Checked::Icmp | Checked::None) if self.admin_port.is_some() => {
                Some("must be \"admin\" where there is an admin_port")
            }
            Some(Checked::Icmp)
                if self.protocol == Transport::Tcp || !self.upstreams.iter().all(takes_datagrams) =>
            {
                Some("can be \"icmp\" by UDP alone")
            }
            _ => None,
        };
        violations.extend(message.map(|message| Violation::new("health", message)));
        if self.when_down == WhenDown::Drop && self.checked() == Checked::None {
            violations.push(Violation::new("when_down", "is for members whose health is checked"));
        }
        violations
    }

    /// How it is known that a member is down.
    pub(super) fn checked(&self) -> Checked {
        match self.admin_port {
            _ if self.route == Route::All => Checked::None,
            Some(_) => self.health.unwrap_or(Checked::Admin),
            None => self.health.unwrap_or(Checked::None),
        }
    }

    /// Where each upstream tells how it is, if they do.
    pub(super) fn admin_ports(&self) -> Option<Vec<u16>> {
        let OneOrMany(ports) = self.admin_port.as_ref()?;
        Some((0..self.upstreams.len()).map(|place| *ports.get(place).unwrap_or(&ports[0])).collect())
    }
}

/// The most UDP carries.
pub(super) const LARGEST_DATAGRAM: usize = 65_507;

/// Upstreams are checked, counted and dialed one by one.
const MOST_UPSTREAMS: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Address;

    #[test]
    fn one_admin_port_is_for_all_and_a_list_for_each() {
        let upstreams = ["a", "b"].map(|host| Target::Network(Address::new(host, 1))).to_vec();
        let of = |ports: &[u16]| Config {
            upstreams: upstreams.clone(),
            route: Route::Hash,
            admin_port: Some(OneOrMany(ports.to_vec())),
            ..Config::default()
        };
        assert_eq!(of(&[8126]).admin_ports(), Some(vec![8126, 8126]));
        assert_eq!(of(&[8126, 8128]).admin_ports(), Some(vec![8126, 8128]));
        assert_eq!(Config::default().admin_ports(), None);
        assert_eq!(of(&[1, 2]).check(), []);
        let message = "must be one port, or a list of one for each of 2 upstreams";
        assert_eq!(of(&[1, 2, 3]).check(), [Violation::new("admin_port", message)]);
        assert_eq!(of(&[]).check(), [Violation::new("admin_port", message)]);
    }
}
