//! `CarbonOutput`: flushes as Graphite's plaintext, over a TCP connection that is kept open, or UDP.
//!
//! At least once: a point is the same however often it is sent, so a flush whose connection broke is sent again whole,
//! with its own stamps, and the one before it too, since carbon does not say what it has read. Retries and back-off are
//! the runner's. Protocol: <https://graphite.readthedocs.io/en/latest/feeding-carbon.html>.

mod flush;

use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::{Address, Bytes, Check, Seconds, Violation};
use crate::flow::{BodyKind, Count, RecordRef};
use crate::graphite::{PathTemplate, TagMode, parse_line};
use crate::net::{Broken, Connection, UdpSender, World, is_closed, whole_lines, write_all};
use crate::plugin::{
    Attempted, BackendStatus, Backends, BuildContext, BuildError, Declare, Endpoint, Fault, LocalFuture,
    Outcome, Outgoing, Output, Protocol, Stored, Throttle,
};
use crate::time::{Clock, Stamp};
use flush::{Flush, TooLong, Writing};

/// Options of `CarbonOutput`.
#[derive(Debug, Clone, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where carbon listens. The name is looked up at every connect. Default "localhost:2003".
    pub address: Address,
    /// Transport: "tcp" (default) or "udp", where what is lost is lost.
    pub protocol: Transport,
    /// How points are written: "plaintext" (default) or "pickle", for carbon's pickle receiver (usually port 2004), whose
    /// points are cheaper for carbon to read.
    pub format: Format,
    /// What becomes of tags: "graphite" (default) writes carbon's own `name;key=value`, "statsd" the same as the reference
    /// does, where a tag without a value stays bare and a name may be empty, "path" makes them parts of the name by
    /// `tag_template`, "drop" leaves them out.
    pub tags: Tags,
    /// The name with tags = "path": `{name}` is the name, `{KEY}` the value of a tag, `{tags}` all tags not named.
    /// Default "{name}.{tags}".
    pub tag_template: String,
    /// Longest line that is sent by lines; longer ones are left out and counted. Carbon ends a connection at one of more than
    /// 16 KiB, and what stands behind it is lost. Default 16 KiB.
    pub max_line_length: Bytes,
    /// How long connecting may take, the look-up of the name included. Default 10s.
    pub connect_timeout: Seconds,
    /// How long carbon may take no byte of a flush before the connection is given up. Default 20s.
    pub send_timeout: Seconds,
    /// UDP: bytes of the largest datagram; lines are never cut. Default 1432.
    pub packet_size: Bytes,
}

/// How carbon is reached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// A connection.
    #[default]
    Tcp,
    /// Datagrams.
    Udp,
}

/// How points are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Lines.
    #[default]
    Plaintext,
    /// Python's serialisation.
    Pickle,
}

/// What becomes of tags.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Tags {
    /// `name;key=value`.
    #[default]
    Graphite,
    /// As the reference writes them.
    Statsd,
    /// Parts of the name.
    Path,
    /// Left out.
    Drop,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            address: Address::new("localhost", 2003),
            protocol: Transport::Tcp,
            format: Format::Plaintext,
            tags: Tags::Graphite,
            tag_template: "{name}.{tags}".to_owned(),
            max_line_length: Bytes(16 << 10),
            connect_timeout: Seconds(Duration::from_secs(10)),
            send_timeout: Seconds(Duration::from_secs(20)),
            packet_size: Bytes(1432),
        }
    }
}

impl Check for Config {
    fn check(&self) -> Vec<Violation> {
        let mut violations = Vec::new();
        if let Err(error) = self.tag_template.parse::<PathTemplate>() {
            violations.push(Violation::new("tag_template", format!("does not parse: {error}")));
        }
        if self.format == Format::Pickle && self.protocol == Transport::Udp {
            violations.push(Violation::new("format", "carbon takes pickles over TCP alone"));
        }
        if self.address.port() == 0 {
            violations.push(Violation::new("address", "needs a port other than 0"));
        }
        for (key, timeout) in [("connect_timeout", self.connect_timeout), ("send_timeout", self.send_timeout)]
        {
            if timeout.0.is_zero() {
                violations.push(Violation::new(key, "must be longer than 0"));
            }
        }
        if !(512..=1 << 20).contains(&self.max_line_length.0) {
            violations.push(Violation::new("max_line_length", "must be a size from 512 bytes to 1 MiB"));
        }
        if !(512..=65_507).contains(&self.packet_size.0) {
            violations.push(Violation::new("packet_size", "must be a size from 512 to 65507 bytes"));
        }
        violations
    }
}

impl Declare<dyn Output> for Config {
    const TYPE: &'static str = "CarbonOutput";
    const SUMMARY: &'static str = "Sends flushes to Graphite's carbon.";

    fn sends_to(&self) -> Vec<Endpoint> {
        let protocol = match self.protocol {
            Transport::Tcp => Protocol::Tcp,
            Transport::Udp => Protocol::Udp,
        };
        vec![Endpoint::new(protocol, &self.address, "address")]
    }

    fn stored(&self) -> Stored {
        match self.tags {
            Tags::Path if !self.tag_template.starts_with("{name}") => Stored::Renamed,
            _ => Stored::Named,
        }
    }

    fn takes(&self) -> &'static [BodyKind] {
        &[BodyKind::Messages, BodyKind::Snapshots]
    }

    fn default_matcher(&self) -> Option<&'static str> {
        Some("Type == 'heka.statmetric'")
    }

    fn build(&self, context: &BuildContext) -> Result<Box<dyn Output>, BuildError> {
        let tags = match self.tags {
            Tags::Graphite => TagMode::Graphite,
            Tags::Statsd => TagMode::Reference,
            Tags::Drop => TagMode::Drop,
            Tags::Path => {
                let template = self.tag_template.parse();
                TagMode::Path(template.map_err(|error| BuildError::new(format!("tag_template: {error}")))?)
            }
        };
        let output = CarbonOutput {
            config: self.clone(),
            world: context.shared.the(),
            backends: context.shared.the(),
            name: Arc::clone(&context.name),
            clock: Arc::clone(&context.clock),
            status: BackendStatus { last_flush: context.started, ..BackendStatus::default() },
            tags,
            connection: None,
            socket: None,
            before: None,
            part: Vec::new(),
            copy: Vec::new(),
            length: 0,
            too_long: context
                .own()
                .counter("hekad_flush_lines_too_long_total", &[("output", &*context.name)]),
            throttle: Throttle::every(TOLD_AGAIN),
        };
        output.backends.tell(&output.name, output.status);
        Ok(Box::new(output))
    }
}

struct CarbonOutput {
    config: Config,
    world: Arc<World>,
    /// Where it says how its flushes went, for who asks.
    backends: Arc<Backends>,
    name: Arc<str>,
    /// Tells what a flush took, for who asks alone.
    clock: Arc<dyn Clock>,
    status: BackendStatus,
    tags: TagMode,
    connection: Option<Box<dyn Connection>>,
    socket: Option<UdpSender>,
    /// What was sent before, which a broken connection may have swallowed.
    before: Option<Flush>,
    /// The part being sent.
    part: Vec<u8>,
    /// What of the flush being sent was sent, where that is what will be kept of it.
    copy: Vec<u8>,
    /// Bytes of the flush sent before.
    length: usize,
    /// Counts lines that are longer than can be sent.
    too_long: Count,
    throttle: Throttle,
}

impl Output for CarbonOutput {
    fn send<'a>(&'a mut self, out: &'a Outgoing<'a>) -> LocalFuture<'a, Outcome> {
        Box::pin(async move {
            let (flush, refused) = self.flush_of(out);
            let sent = match self.config.protocol {
                Transport::Tcp => self.send_stream(&flush).await,
                Transport::Udp => self.send_datagrams(&flush).await,
            };
            match sent {
                Ok((length, too_long)) => {
                    self.length = length;
                    self.leave_out(&too_long, out.now);
                    self.keep(flush);
                    self.tell(BackendStatus {
                        last_flush: out.now,
                        flush_time: self.clock.now().since(out.now).as_millis() as u64,
                        flush_length: length as u64,
                        ..self.status
                    });
                    refused.map_or(Outcome::Delivered, |(refused, why)| Outcome::Partly { refused, why })
                }
                Err(fault) => {
                    self.tell(BackendStatus { last_exception: out.now, ..self.status });
                    Outcome::Retry(fault)
                }
            }
        })
    }
}

impl CarbonOutput {
    /// What a delivery sends: a snapshot's lines, or the payloads of messages, which must be Graphite lines.
    ///
    /// With the number of records that are not, and what is wrong with the first of them.
    fn flush_of(&self, out: &Outgoing<'_>) -> (Flush, Option<(usize, Fault)>) {
        let (mut lines, mut refused) = (Vec::new(), None::<(usize, Fault)>);
        for (_, record) in out.delivery.records() {
            if let RecordRef::Snapshot { found, naming, .. } = record {
                let (found, naming) = (Arc::clone(found), Arc::clone(naming));
                let backend = self.backend_stats(&out.before);
                // A pack of a snapshot has no other record.
                return (Flush::Snapshot { found, naming, backend }, None);
            }
            let before = lines.len();
            if let Err(fault) = push_payload(&mut lines, &record.payload(), self.longest()) {
                lines.truncate(before);
                refused = Some(refused.map_or((1, fault), |(count, first)| (count + 1, first)));
            }
        }
        (Flush::Lines(lines), refused)
    }

    /// Keeps what a connection may have swallowed, in the form that takes less memory.
    fn keep(&mut self, flush: Flush) {
        let mut copy = std::mem::take(&mut self.copy);
        copy.shrink_to_fit();
        self.before = match self.config.protocol {
            Transport::Tcp if copy.is_empty() => Some(flush),
            Transport::Tcp => Some(Flush::Sent(copy)),
            // Nothing of a datagram is ever sent again.
            Transport::Udp => None,
        };
    }

    /// Says how the last attempt went.
    fn tell(&mut self, status: BackendStatus) {
        self.status = status;
        self.backends.tell(&self.name, status);
    }

    /// What the reference says of its last flush: seconds since the epoch, milliseconds, bytes.
    fn backend_stats(&self, before: &Attempted) -> [(&'static str, f64); 4] {
        let seconds = |stamp: Option<Stamp>| stamp.map_or(0, Stamp::seconds) as f64;
        [
            ("last_exception", seconds(before.failed)),
            ("last_flush", seconds(before.delivered)),
            ("flush_time", (before.took.as_secs_f64() * 1000.0).round()),
            ("flush_length", self.length as f64),
        ]
    }

    /// Bytes of the longest line that can be sent, its newline left out.
    fn longest(&self) -> usize {
        match (self.config.protocol, self.config.format) {
            (Transport::Udp, _) if self.config.max_line_length.0 > LONGEST_BY_UDP as u64 => LONGEST_BY_UDP,
            (Transport::Udp, _) | (Transport::Tcp, Format::Plaintext) => self.config.max_line_length.length(),
            // Carbon takes a pickle of 1 MiB.
            (Transport::Tcp, Format::Pickle) => LONGEST_IN_PICKLE,
        }
    }

    /// Counts lines that were left out, and says so: at once, and then once an hour.
    fn leave_out(&mut self, too_long: &TooLong, now: Stamp) {
        let Some((length, beginning)) = &too_long.first else { return };
        self.too_long.add(too_long.lines);
        if self.throttle.allow("too long", now).is_some() {
            tracing::warn!(
                "{}: {} lines are left out of each flush: they may have {} bytes, \"{beginning}…\" has {length}; shorten \
                 the name, or bound names by max_name of [hekad]",
                self.name,
                too_long.lines,
                self.longest(),
            );
        }
    }

    /// Sends a flush, and before it on a new connection the one before it, which the old one may have swallowed; the
    /// number of its bytes, and what was left out of it.
    async fn send_stream(&mut self, flush: &Flush) -> Result<(usize, TooLong), Fault> {
        if let Some(connection) = &mut self.connection
            && is_closed(&mut **connection).await
        {
            self.connection = None;
        }
        let fresh = self.connection.is_none();
        if fresh {
            let (host, port) = (self.config.address.host(), self.config.address.port());
            let connected = self.world.connect_tcp(host, port, self.config.connect_timeout.0).await;
            let address = &self.config.address;
            self.connection = Some(
                connected.map_err(|error| Fault::caused(format!("cannot connect to {address}"), error))?,
            );
        }
        let (pickles, longest) = (self.config.format == Format::Pickle, self.longest());
        let (part, patience) = (&mut self.part, self.config.send_timeout.0);
        let writing = Writing { tags: &self.tags, pickles, longest, clock: &*self.clock };
        let connection = &mut **self.connection.as_mut().expect("connected a line above");
        let mut sent = Ok((0, TooLong::default()));
        if let Some(before) = self.before.as_ref().filter(|_| fresh) {
            sent = write_flush(connection, before.parts(writing), part, None, patience).await;
        }
        if sent.is_ok() {
            self.copy.clear();
            let copy = flush.is_larger_than_its_text().then_some(&mut self.copy);
            sent = write_flush(connection, flush.parts(writing), part, copy, patience).await;
        }
        sent.map_err(|Broken { error, .. }| {
            self.connection = None;
            Fault::caused(format!("the connection to {} broke", self.config.address), error)
        })
    }

    async fn send_datagrams(&mut self, flush: &Flush) -> Result<(usize, TooLong), Fault> {
        let fault = |error| Fault::caused(format!("cannot send to {}", self.config.address), error);
        if self.socket.is_none() {
            let (host, port) = (self.config.address.host(), self.config.address.port());
            self.socket = Some(self.world.udp(host, port).await.map_err(fault)?);
        }
        let socket = self.socket.as_ref().expect("opened a line above");
        let longest = self.longest();
        let writing = Writing { tags: &self.tags, pickles: false, longest, clock: &*self.clock };
        let (mut parts, mut length) = (flush.parts(writing), 0);
        while parts.next(&mut self.part) {
            length += self.part.len();
            let mut rest = &self.part[..];
            while !rest.is_empty() {
                let (datagram, further) = rest.split_at(whole_lines(rest, self.config.packet_size.length()));
                if let Err(error) = socket.send(datagram) {
                    self.socket = None;
                    return Err(fault(error));
                }
                rest = further;
            }
        }
        Ok((length, parts.too_long()))
    }
}

/// Bytes that a datagram has over IPv4, without a newline.
const LONGEST_BY_UDP: usize = 65_507 - 1;

/// Bytes of a line in a pickle, far below what carbon takes of a whole one (1 MiB).
const LONGEST_IN_PICKLE: usize = 256 << 10;

/// How long it is not said again that lines are left out.
const TOLD_AGAIN: Duration = Duration::from_secs(3600);

/// Appends a payload that is Graphite lines of at most `longest` bytes.
fn push_payload(lines: &mut Vec<u8>, payload: &[u8], longest: usize) -> Result<(), Fault> {
    for line in payload.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
        if line.len() > longest {
            let (length, line) = (line.len(), line[..80].escape_ascii());
            return Err(Fault::new(format!(
                "a line has {length} bytes, and may have {longest}: \"{line}…\""
            )));
        }
        if let Err(error) = parse_line(line) {
            let line = line[..line.len().min(80)].escape_ascii();
            return Err(Fault::new(format!("a payload is no Graphite line ({error}): \"{line}\"")));
        }
        lines.extend_from_slice(line);
        lines.push(b'\n');
    }
    Ok(())
}

/// Writes a flush part by part through `part`, and to `copy` where one is wanted; the number of bytes, and what was
/// left out.
async fn write_flush(
    connection: &mut dyn Connection,
    mut parts: flush::Parts<'_>,
    part: &mut Vec<u8>,
    mut copy: Option<&mut Vec<u8>>,
    patience: Duration,
) -> Result<(usize, TooLong), Broken> {
    let mut length = 0;
    while parts.next(part) {
        length += part.len();
        if let Some(copy) = &mut copy {
            copy.extend_from_slice(part);
        }
        write_all(connection, part, patience).await?;
    }
    Ok((length, parts.too_long()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_name_their_key() {
        let config = Config { tag_template: "{name".to_owned(), packet_size: Bytes(1), ..Config::default() };
        let keys: Vec<String> = config.check().into_iter().map(|violation| violation.key).collect();
        assert_eq!(keys, ["tag_template", "packet_size"]);
    }
}
