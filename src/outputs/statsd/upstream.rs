//! One upstream: its link, what it took, and what it lost.
//!
//! Where there are several, one that is gone must not hold the others: it is dialed in the background, at growing
//! pauses, and its lines are lost and counted meanwhile. One that is alone is waited for; trying again is the runner's.

use std::io::{self, ErrorKind};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use super::bundle::Bundle;
use super::counts::{LostLines, UpstreamCounts};
use super::options::{Config, LARGEST_DATAGRAM, Packing, Transport};
use crate::config::Target;
use crate::net::{
    Broken, Connection, Errand, UdpSender, UnixSender, World, is_closed, whole_lines, write_all,
};
use crate::plugin::Fault;
use crate::time::Stamp;

/// A statsd server that lines go to.
pub(super) struct Upstream {
    /// The section, for the log.
    output: Arc<str>,
    target: Target,
    config: Arc<Config>,
    world: Arc<World>,
    pub(super) counts: UpstreamCounts,
    link: Option<Link>,
    dialing: Option<Errand<Link>>,
    /// When it is to be dialed again: after a failure, or since its name may stand for another address.
    again: Stamp,
    /// Dials and sends that failed in a row, and what the last one said.
    failures: u32,
    trouble: String,
    /// Lines that were lost since it last took some, because it could not be reached or its link broke.
    missed: u64,
    /// Whether a dial failed since somebody asked, and there is no link.
    is_unreached: bool,
    /// Whether its host refused a datagram since somebody asked.
    has_refused: bool,
    /// Whether the last datagram was a probe, of which nothing was heard yet.
    is_probed: bool,
    /// What of the bundle is done with.
    done: Done,
    /// Numbers of the lines of the bundle that are lost.
    lost: Vec<Range<usize>>,
}

enum Link {
    Datagrams(Sender),
    Tcp(Box<dyn Connection>),
}

enum Sender {
    Udp(UdpSender),
    Unix(UnixSender),
}

#[derive(Default, Clone, Copy)]
struct Done {
    bytes: usize,
    lines: usize,
}

/// Why the rest of a bundle was not sent.
pub(super) struct Unsent {
    reason: LostLines,
    /// Whether it took nothing for too long.
    is_stall: bool,
    pub(super) fault: Fault,
}

impl Upstream {
    pub(super) fn new(
        output: Arc<str>,
        target: Target,
        config: Arc<Config>,
        world: Arc<World>,
        counts: UpstreamCounts,
    ) -> Upstream {
        Upstream {
            output,
            target,
            config,
            world,
            counts,
            link: None,
            dialing: None,
            again: Stamp(i64::MIN),
            failures: 0,
            trouble: String::new(),
            missed: 0,
            is_unreached: false,
            has_refused: false,
            is_probed: false,
            done: Done::default(),
            lost: Vec::new(),
        }
    }

    /// Gets ready for another bundle.
    pub(super) fn begin(&mut self) {
        self.done = Done::default();
        self.lost.clear();
    }

    /// Sends what is not yet sent of `bundle`. `alone` waits for the link as long as it takes to be made or refused.
    ///
    /// # Errors
    /// When the rest is unsent and not lost yet: it can be sent later.
    pub(super) async fn send(&mut self, bundle: &Bundle, now: Stamp, alone: bool) -> Result<(), Unsent> {
        if self.done.lines == bundle.records.len() {
            return Ok(());
        }
        self.reach(now, alone).await?;
        let sent = match self.link.take() {
            Some(Link::Tcp(connection)) => self.send_stream(connection, bundle).await,
            Some(Link::Datagrams(sender)) => self.send_datagrams(sender, bundle).await,
            None => unreachable!("it was reached"),
        };
        match &sent {
            Ok(()) => self.succeed(),
            // One that takes nothing would hold the others again and again if it was dialed at once.
            Err(unsent) if unsent.is_stall => self.fail(now),
            Err(_) => self.again = now,
        }
        sent
    }

    /// Gives up on what is not sent.
    pub(super) fn lose_rest(&mut self, bundle: &Bundle, unsent: &Unsent) {
        let rest = self.done.lines..bundle.records.len();
        self.missed += rest.len() as u64;
        self.lose(rest, unsent.reason);
    }

    /// Gives up on a line that others are not to get.
    pub(super) fn lose_share(&mut self) {
        self.missed += 1;
        self.counts.lost(LostLines::Down, 1);
    }

    /// Takes what is not sent out of `bundle`: it is another's.
    pub(super) fn hand_over(&self, bundle: &mut Bundle) -> Bundle {
        bundle.split_off(self.done.bytes, self.done.lines)
    }

    /// Why it cannot be reached, if that was found since this was last asked.
    pub(super) fn take_unreached(&mut self) -> Option<&str> {
        std::mem::take(&mut self.is_unreached).then_some(&*self.trouble)
    }

    /// It is said to be up: it is dialed with the next line, whatever failed before. Gives how many lines were lost
    /// meanwhile.
    pub(super) fn returns(&mut self) -> u64 {
        self.dialing = None;
        self.again = Stamp(i64::MIN);
        self.failures = 0;
        std::mem::take(&mut self.missed)
    }

    /// Whether its host refused a datagram since this was last asked.
    pub(super) fn take_refusal(&mut self) -> bool {
        // What is sent now tells nothing of an earlier probe.
        self.is_probed &= !self.has_refused;
        std::mem::take(&mut self.has_refused)
    }

    /// Sends an empty datagram, which is no line to anybody; whether the one before was not refused. The name is looked up
    /// again when its time is over: it may be back elsewhere.
    pub(super) fn probe(&mut self, now: Stamp) -> bool {
        if let Some(dialed) = self.dialing.as_mut().and_then(Errand::fetch) {
            self.dialing = None;
            self.is_probed = false;
            self.dialed(dialed, now);
        }
        if self.dialing.is_none() && self.is_due(now) {
            self.dial();
        }
        let Some(Link::Datagrams(Sender::Udp(socket))) = &self.link else {
            return false;
        };
        let was_probed = std::mem::replace(&mut self.is_probed, true);
        match socket.send(b"") {
            Ok(()) => was_probed,
            Err(_) => {
                self.counts.refused();
                // The next one tells what became of it.
                let _ = socket.send(b"");
                false
            }
        }
    }

    /// Lines of the bundle that are lost, by number.
    pub(super) fn lost(&self) -> impl Iterator<Item = usize> {
        self.lost.iter().cloned().flatten()
    }

    fn lose(&mut self, lines: Range<usize>, reason: LostLines) {
        self.counts.lost(reason, lines.len() as u64);
        self.lost.push(lines);
    }

    /// Sees to it that there is a link.
    async fn reach(&mut self, now: Stamp, alone: bool) -> Result<(), Unsent> {
        if let Some(Link::Tcp(connection)) = &mut self.link
            && is_closed(&mut **connection).await
        {
            self.link = None;
            self.again = now;
        }
        if let Some(dialed) = self.dialing.as_mut().and_then(Errand::fetch) {
            self.dialing = None;
            self.dialed(dialed, now);
        }
        if self.dialing.is_none() && (self.is_due(now) || (alone && self.link.is_none())) {
            self.dial();
        }
        // One whose link has just ended may be back at once: it is waited for a first time.
        if self.link.is_none()
            && (alone || self.failures == 0)
            && let Some(dialing) = self.dialing.take()
        {
            let dialed = dialing.wait().await;
            self.dialed(dialed, now);
        }
        match self.link {
            Some(_) => Ok(()),
            None => {
                let fault = Fault::new(format!("cannot reach {}: {}", self.target, self.trouble));
                Err(Unsent { reason: LostLines::Unreachable, is_stall: false, fault })
            }
        }
    }

    /// A clock that was set back does not make it wait longer.
    fn is_due(&mut self, now: Stamp) -> bool {
        let is_fixed = matches!(self.link, Some(Link::Tcp(_)));
        self.again = self.again.min(now.plus(self.config.dns_ttl.0.max(LONGEST_PAUSE)));
        !is_fixed && now >= self.again
    }

    fn dial(&mut self) {
        let (world, within) = (Arc::clone(&self.world), self.config.connect_timeout.0);
        let (target, protocol) = (self.target.clone(), self.config.protocol);
        self.dialing = Some(self.world.errand(async move {
            let sender = match (target, protocol) {
                (Target::Network(at), Transport::Tcp) => {
                    return Ok(Link::Tcp(world.connect_tcp(at.host(), at.port(), within).await?));
                }
                (Target::Network(at), Transport::Udp) => {
                    let looked_up = tokio::time::timeout(within, world.udp(at.host(), at.port())).await;
                    Sender::Udp(looked_up.unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()))?)
                }
                (Target::Socket(path), _) => Sender::Unix(world.unixgram(&path)?),
            };
            Ok(Link::Datagrams(sender))
        }));
    }

    fn dialed(&mut self, dialed: io::Result<Link>, now: Stamp) {
        match dialed {
            Ok(link) => {
                self.link = Some(link);
                self.again = now.plus(self.config.dns_ttl.0);
            }
            Err(error) => {
                self.counts.dial_failed();
                self.trouble = error.to_string();
                self.is_unreached = self.link.is_none();
                self.fail(now);
            }
        }
    }

    fn succeed(&mut self) {
        let failures = std::mem::take(&mut self.failures);
        match std::mem::take(&mut self.missed) {
            0 if failures == 0 => {}
            0 => tracing::info!("{}: {} takes lines again", self.output, self.target),
            missed => {
                tracing::warn!(
                    "{}: {} takes lines again; {missed} for it were lost",
                    self.output,
                    self.target
                );
            }
        }
    }

    /// Puts off the next dial, ever longer; while the old address still serves, by a fixed time.
    fn fail(&mut self, now: Stamp) {
        if self.link.is_some() {
            self.again = now.plus(self.config.dns_ttl.0.min(LONGEST_PAUSE));
            return;
        }
        if self.failures == 0 {
            tracing::warn!("{}: cannot reach {}: {}; trying again", self.output, self.target, self.trouble);
        }
        let pause = FIRST_PAUSE * (1 << self.failures.min(5));
        self.again = now.plus(pause.min(LONGEST_PAUSE));
        self.failures = self.failures.saturating_add(1);
    }

    async fn send_stream(
        &mut self,
        mut connection: Box<dyn Connection>,
        bundle: &Bundle,
    ) -> Result<(), Unsent> {
        let rest = &bundle.bytes[self.done.bytes..];
        let sent = write_all(&mut *connection, rest, self.config.send_timeout.0).await;
        let taken = sent.as_ref().map_or_else(|broken| broken.written, |()| rest.len());
        // A line that went out in part is no line to the peer: it is sent again whole.
        let whole = memchr::memrchr(b'\n', &rest[..taken]).map_or(0, |end| end + 1);
        let lines = newlines(&rest[..whole]);
        self.counts.sent(lines);
        self.step(whole, lines);
        match sent {
            Ok(()) => {
                self.link = Some(Link::Tcp(connection));
                Ok(())
            }
            Err(Broken { error, .. }) => Err(self.broken(error)),
        }
    }

    async fn send_datagrams(&mut self, sender: Sender, bundle: &Bundle) -> Result<(), Unsent> {
        while self.done.bytes < bundle.bytes.len() {
            let rest = &bundle.bytes[self.done.bytes..];
            let length = match self.config.packing {
                Packing::Full => whole_lines(rest, self.config.packet_size.length() + 1),
                Packing::Line => memchr::memchr(b'\n', rest).map_or(rest.len(), |end| end + 1),
            };
            let (datagram, lines) = (&rest[..length - 1], newlines(&rest[..length]));
            let place = self.done.lines..self.done.lines + lines;
            match self.send_datagram(&sender, datagram).await {
                Ok(None) => self.counts.sent_datagram(lines),
                Ok(Some(reason)) => self.lose(place, reason),
                Err(error) => return Err(self.broken(error)),
            }
            self.step(length, lines);
        }
        self.link = Some(Link::Datagrams(sender));
        Ok(())
    }

    /// Sends one datagram; why it alone is lost, if it is.
    ///
    /// # Errors
    /// When the link is of no more use.
    async fn send_datagram(&mut self, sender: &Sender, datagram: &[u8]) -> io::Result<Option<LostLines>> {
        if datagram.len() > LARGEST_DATAGRAM {
            return Ok(Some(LostLines::TooLong));
        }
        match sender {
            Sender::Udp(socket) => self.send_udp(socket, datagram),
            Sender::Unix(socket) => socket.send(datagram, self.config.send_timeout.0).await.map(|()| None),
        }
    }

    /// The same by UDP: once more if the peer's host had refused an earlier one, since then this one was not sent.
    fn send_udp(&mut self, socket: &UdpSender, datagram: &[u8]) -> io::Result<Option<LostLines>> {
        let is_refused = |sent: &io::Result<()>| {
            sent.as_ref().is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
        };
        let mut sent = socket.send(datagram);
        if is_refused(&sent) {
            self.counts.refused();
            self.has_refused = true;
            sent = socket.send(datagram);
        }
        if is_refused(&sent) { Ok(Some(LostLines::Refused)) } else { sent.map(|()| None) }
    }

    fn step(&mut self, bytes: usize, lines: usize) {
        self.done.bytes += bytes;
        self.done.lines += lines;
    }

    fn broken(&mut self, error: io::Error) -> Unsent {
        self.trouble = error.to_string();
        let is_stall = error.kind() == ErrorKind::TimedOut;
        let fault = Fault::caused(format!("cannot send to {}", self.target), error);
        Unsent { reason: LostLines::Broken, is_stall, fault }
    }
}

fn newlines(bytes: &[u8]) -> usize {
    memchr::memchr_iter(b'\n', bytes).count()
}

/// The first pause after a dial that failed; it doubles.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

const LONGEST_PAUSE: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Address;
    use crate::flow::Ledger;
    use crate::net::Tape;

    #[test]
    fn a_name_is_looked_up_again_when_its_time_is_over_and_the_old_address_serves_meanwhile() {
        let (tape, mut upstream) = upstream(Transport::Udp);
        let mut bundle = Bundle::default();
        bundle.push(b"a:1|c", 1);
        let at = Stamp::from_seconds;
        let send = |now, upstream: &mut Upstream| {
            upstream.begin();
            run(upstream.send(&bundle, now, false)).unwrap_or_else(|unsent| panic!("{}", unsent.fault));
            upstream.again
        };
        assert_eq!(send(at(100), &mut upstream), at(160));
        assert_eq!(send(at(159), &mut upstream), at(160));
        // The look-up of this one comes with the next.
        assert_eq!(send(at(160), &mut upstream), at(160));
        assert!(upstream.dialing.is_some());
        assert_eq!(send(at(161), &mut upstream), at(221));
        // Set back by an hour, the clock does not keep it from looking.
        assert_eq!(send(at(-3_600), &mut upstream), at(-3_540));
        assert_eq!(tape.datagrams("statsd:8125").len(), 5);
    }

    #[test]
    fn pauses_between_dials_grow_and_end() {
        let (tape, mut upstream) = upstream(Transport::Tcp);
        tape.refuse_connects("statsd:8125", 100);
        let mut bundle = Bundle::default();
        bundle.push(b"a:1|c", 1);
        let (mut now, mut pauses) = (Stamp::from_seconds(0), Vec::new());
        for _ in 0..8 {
            upstream.begin();
            let unsent = run(upstream.send(&bundle, now, false)).unwrap_err();
            assert_eq!(unsent.fault.to_string(), "cannot reach statsd:8125: connection refused");
            // Dialed in the background: what came of it is heard with the next bundle.
            if upstream.dialing.is_none() {
                pauses.push(upstream.again.since(now).as_secs());
                now = upstream.again;
            }
        }
        assert_eq!(pauses[..4], [1, 2, 4, 8]);
        upstream.failures = 60;
        upstream.dialed(Err(ErrorKind::TimedOut.into()), now);
        assert_eq!(upstream.again.since(now), LONGEST_PAUSE);
    }

    #[test]
    fn one_that_takes_nothing_is_left_alone_for_a_while() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let (_, mut upstream) = upstream(Transport::Tcp);
        let port = listener.local_addr().unwrap().port();
        upstream.target = Target::Network(Address::new("127.0.0.1", port));
        upstream.world = Arc::new(World::Real);
        let send_timeout = crate::config::Seconds(Duration::from_millis(50));
        upstream.config = Arc::new(Config { send_timeout, protocol: Transport::Tcp, ..Config::default() });
        let mut bundle = Bundle::default();
        // More than the kernel keeps for one who does not read.
        bundle.push(&[b'x'; 32 << 20], 1);
        let now = Stamp::from_seconds(100);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (stalled, at_once) = runtime.block_on(async {
            let stalled = upstream.send(&bundle, now, false).await.unwrap_err();
            (stalled, upstream.send(&bundle, now, false).await.unwrap_err())
        });
        let shown = upstream.target.to_string();
        assert_eq!(stalled.fault.to_string(), format!("cannot send to {shown}: timed out"));
        assert_eq!(at_once.fault.to_string(), format!("cannot reach {shown}: timed out"));
        assert_eq!(upstream.again, Stamp::from_seconds(101));
    }

    #[test]
    fn a_port_where_nobody_listens_is_noticed_and_a_probe_tells_when_somebody_does() {
        let listener = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        drop(listener);
        let (_, mut upstream) = upstream(Transport::Udp);
        upstream.target = Target::Network(Address::new("127.0.0.1", at.port()));
        upstream.world = Arc::new(World::Real);
        let mut bundle = Bundle::default();
        bundle.push(b"a:1|c", 1);
        let now = Stamp::from_seconds(100);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            // What the first came to is heard with the second.
            for expected in [false, true] {
                upstream.begin();
                assert!(upstream.send(&bundle, now, true).await.is_ok());
                assert_eq!(upstream.take_refusal(), expected);
            }
            assert_eq!([(); 3].map(|()| upstream.probe(now)), [false; 3]);
            let listener = std::net::UdpSocket::bind(at).unwrap();
            assert_eq!([(); 2].map(|()| upstream.probe(now)), [false, true]);
            let mut heard = [0; 16];
            assert_eq!(listener.recv(&mut heard).unwrap(), 0);
        });
    }

    fn upstream(protocol: Transport) -> (Arc<Tape>, Upstream) {
        let tape = Arc::new(Tape::new());
        let config = Arc::new(Config { protocol, ..Config::default() });
        let world = Arc::new(World::Trial(Arc::clone(&tape)));
        let counts = UpstreamCounts::new(&Ledger::default(), &"output".into(), "statsd:8125");
        let target = Target::Network(Address::new("statsd", 8125));
        (tape, Upstream::new("output".into(), target, config, world, counts))
    }

    fn run<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
    }
}
