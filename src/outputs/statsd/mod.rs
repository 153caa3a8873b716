//! `StatsdOutput`: forwards samples to statsd servers as the lines they came as.
//!
//! A line goes out as it was received, once, however many values it has, where all of its samples were chosen; else each
//! sample that was chosen has a line of its own. Lines that were refused at the door are no samples and go nowhere. A flush
//! goes out as lines that say what its interval came to. With route = "all" it is the reference's repeater, with
//! route = "hash" its `proxy.js` (<https://github.com/statsd/statsd/blob/master/docs/cluster_proxy.md>).
//!
//! Sums are not the same however often they are sent, so nothing is sent twice knowingly: what a socket took counts as
//! sent. A single upstream that cannot be reached is waited for by the runner's retries; of several, each loses its own
//! lines, counted, and never holds the others.

mod bundle;
mod counts;
mod flush;
mod health;
mod options;
mod upstream;

use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

pub use options::{Checked, Config, Packing, Route, Tagging, Transport, WhenDown};

use crate::config::Target;
use crate::flow::{Delivery, Pack};
use crate::net::World;
use crate::plugin::{
    BuildContext, BuildError, Declare, Endpoint, Fault, LocalFuture, Outcome, Outgoing, Output, Protocol,
    Ticker,
};
use crate::statsd::{Ring, TagStyle, routed_name};
use crate::time::Stamp;
use bundle::{Bundle, Unwritten, each_line};
use counts::{RouteCounts, UpstreamCounts};
use health::Health;
use upstream::{Unsent, Upstream};

impl Declare<dyn Output> for Config {
    const TYPE: &'static str = "StatsdOutput";
    const SUMMARY: &'static str =
        "Forwards samples and flushes to statsd servers, to all of them or each name to its own.";

    fn sends_to(&self) -> Vec<Endpoint> {
        let protocol = match self.protocol {
            Transport::Tcp => Protocol::Tcp,
            Transport::Udp => Protocol::Udp,
        };
        let endpoint = |upstream: &Target| match upstream {
            Target::Network(address) => Endpoint::new(protocol, address, "upstreams"),
            Target::Socket(path) => Endpoint::socket(path, "upstreams"),
        };
        self.upstreams.iter().map(endpoint).collect()
    }

    fn ticker(&self) -> Ticker {
        if self.checked() == Checked::None { Ticker::Never } else { Ticker::Every(CHECK_INTERVAL) }
    }

    fn default_matcher(&self) -> Option<&'static str> {
        Some("Type == 'heka.statsample'")
    }

    fn build(&self, context: &BuildContext) -> Result<Box<dyn Output>, BuildError> {
        let (config, world) = (Arc::new(self.clone()), context.shared.the::<World>());
        let names: Vec<String> = self.upstreams.iter().map(ToString::to_string).collect();
        let health = self.admin_ports().map(|ports| {
            // Sockets have no such port, which `check` has said.
            let hosts = self.upstreams.iter().filter_map(Target::network).map(|at| at.host().to_owned());
            let members = hosts.zip(ports);
            Health::new(Arc::clone(&world), self.health_timeout.0, members)
        });
        let upstreams = self.upstreams.iter().zip(&names).map(|(target, name)| {
            let counts = UpstreamCounts::new(&context.ledger, &context.name, name);
            let (config, world) = (Arc::clone(&config), Arc::clone(&world));
            Upstream::new(Arc::clone(&context.name), target.clone(), config, world, counts)
        });
        let upstreams: Vec<Upstream> = upstreams.collect();
        let bundles = if self.route == Route::Hash { upstreams.len() } else { 1 };
        let mut output = StatsdOutput {
            name: Arc::clone(&context.name),
            route: self.route,
            style: self.tags.style(),
            upstreams,
            names,
            ring: Ring::default(),
            when_down: self.when_down,
            refusing: (self.checked() == Checked::Icmp).then(|| vec![false; self.upstreams.len()]),
            down: vec![false; self.upstreams.len()],
            health,
            is_checked: false,
            counts: RouteCounts::new(context.own(), &context.name),
            bundles: std::iter::repeat_with(Bundle::default).take(bundles).collect(),
            nowhere: Nowhere::default(),
            unfinished: None,
        };
        output.close_ring();
        Ok(Box::new(output))
    }
}

struct StatsdOutput {
    name: Arc<str>,
    route: Route,
    /// How samples are written anew; none leaves them as they came.
    style: Option<TagStyle>,
    upstreams: Vec<Upstream>,
    names: Vec<String>,
    /// Of the members that get lines: all, or those that are up.
    ring: Ring,
    when_down: WhenDown,
    /// Members whose hosts say that nobody listens; none if they are not believed.
    refusing: Option<Vec<bool>>,
    /// Members that are down.
    down: Vec<bool>,
    health: Option<Health>,
    /// Whether members were asked a first time.
    is_checked: bool,
    counts: RouteCounts,
    /// What is being sent: one bundle for all, or one for each upstream.
    bundles: Vec<Bundle>,
    nowhere: Nowhere,
    /// The pack of which a single upstream still lacks some.
    unfinished: Option<Arc<Pack>>,
}

/// Records of a delivery that are in no bundle.
#[derive(Default)]
struct Nowhere {
    unwritten: Unwritten,
    without_member: usize,
}

impl Output for StatsdOutput {
    fn send<'a>(&'a mut self, out: &'a Outgoing<'a>) -> LocalFuture<'a, Outcome> {
        Box::pin(async move {
            if !std::mem::replace(&mut self.is_checked, true)
                && let Some(health) = &mut self.health
            {
                health.ask();
            }
            self.hear();
            let rest = self.unfinished.take().is_some_and(|pack| Arc::ptr_eq(&pack, &out.delivery.pack));
            if !rest {
                self.collect(out.delivery);
            }
            let mut unsent = Vec::new();
            unsent.resize_with(self.upstreams.len(), || None);
            loop {
                send_all(&mut self.upstreams, &self.bundles, out.now, &mut unsent).await;
                if !self.hand_over(&mut unsent) {
                    break;
                }
            }
            self.note_refusals();
            self.settle(unsent, out.delivery)
        })
    }

    fn tick(&mut self, now: Stamp) -> Result<(), Fault> {
        self.hear();
        self.probe(now);
        if let Some(health) = &mut self.health {
            self.is_checked = true;
            health.ask();
        }
        // On a tape the answers are there already.
        self.hear();
        Ok(())
    }
}

impl StatsdOutput {
    /// Takes what members told of their health, and closes the ring over those that are up.
    fn hear(&mut self) {
        let Some(health) = &mut self.health else { return };
        let changes = health.hear(|member, up| {
            if !up {
                self.upstreams[member].counts.health_failed();
            }
        });
        for change in &changes {
            let (output, member) = (&self.name, &self.names[change.member]);
            match &change.why {
                Some(why) => tracing::warn!("{output}: {member} leaves the ring: {why}"),
                None => match self.upstreams[change.member].returns() {
                    0 => tracing::info!("{output}: {member} is back in the ring"),
                    missed => {
                        tracing::warn!(
                            "{output}: {member} is back in the ring; {missed} lines for it were lost"
                        );
                    }
                },
            }
        }
        if !changes.is_empty() {
            self.close_ring();
        }
    }

    /// Takes members out that cannot be reached, though the last check found them up, and gives what waits for them to the
    /// others; whether there was any.
    fn hand_over(&mut self, unsent: &mut [Option<Unsent>]) -> bool {
        // One that is alone is waited for.
        let Some(health) = self.health.as_mut().filter(|_| unsent.len() > 1) else { return false };
        let mut left = Vec::new();
        for (member, upstream) in self.upstreams.iter_mut().enumerate() {
            if let Some(why) = upstream.take_unreached()
                && health.leave(member, why)
            {
                tracing::warn!("{}: {} leaves the ring: {why}", self.name, self.names[member]);
                upstream.counts.health_failed();
                left.push(member);
            }
        }
        if left.is_empty() {
            return false;
        }
        self.close_ring();
        if self.when_down == WhenDown::Drop {
            return false;
        }
        for member in left {
            unsent[member] = None;
            let waiting = self.upstreams[member].hand_over(&mut self.bundles[member]);
            for (line, records) in waiting.lines() {
                match self.ring.member_of(routed_name(line)) {
                    Some(other) => self.bundles[other].push(line, records),
                    None => {
                        self.nowhere.without_member += records as usize;
                        self.counts.homeless.add(1);
                    }
                }
            }
        }
        true
    }

    /// Takes members out whose hosts refused what was just sent.
    fn note_refusals(&mut self) {
        let Some(refusing) = &mut self.refusing else { return };
        let mut changed = false;
        for (member, is_refusing) in refusing.iter_mut().enumerate() {
            if self.upstreams[member].take_refusal() && !std::mem::replace(is_refusing, true) {
                self.upstreams[member].counts.health_failed();
                let (output, member) = (&self.name, &self.names[member]);
                tracing::warn!("{output}: {member} leaves the ring: nobody listens there");
                changed = true;
            }
        }
        if changed {
            self.close_ring();
        }
    }

    /// Tries members that are out since their hosts refused, and takes those back whose hosts do not any more.
    fn probe(&mut self, now: Stamp) {
        let Some(refusing) = &mut self.refusing else { return };
        let mut changed = false;
        for (member, is_refusing) in refusing.iter_mut().enumerate().filter(|(_, refusing)| **refusing) {
            if self.upstreams[member].probe(now) {
                *is_refusing = false;
                tracing::info!("{}: {} is back in the ring", self.name, self.names[member]);
                changed = true;
            } else {
                self.upstreams[member].counts.health_failed();
            }
        }
        if changed {
            self.close_ring();
        }
    }

    fn close_ring(&mut self) {
        if self.route == Route::All {
            return;
        }
        let is_down = |member: usize| {
            self.health.as_ref().is_some_and(|health| !health.is_up(member))
                || self.refusing.as_ref().is_some_and(|refusing| refusing[member])
        };
        self.down = (0..self.names.len()).map(is_down).collect();
        self.counts.down.set(self.down.iter().filter(|is_down| **is_down).count() as f64);
        let is_in = |member: &usize| self.when_down == WhenDown::Drop || !self.down[*member];
        let members = (0..self.names.len()).filter(is_in);
        self.ring = Ring::new(members.map(|member| (member, self.names[member].as_str())));
    }

    /// Puts the lines of a delivery into bundles.
    fn collect(&mut self, delivery: &Delivery) {
        self.bundles.iter_mut().for_each(Bundle::clear);
        self.upstreams.iter_mut().for_each(Upstream::begin);
        let mut without_member = 0;
        let unwritten = each_line(delivery, self.style, |line, records| {
            let bundle = match self.route {
                Route::All => Some(0),
                Route::Hash => self.ring.member_of(routed_name(line)),
            };
            match bundle {
                // Only where its share is dropped is it in the ring.
                Some(member) if self.route == Route::Hash && self.down[member] => {
                    without_member += records as usize;
                    self.upstreams[member].lose_share();
                }
                Some(bundle) => self.bundles[bundle].push(line, records),
                None => {
                    without_member += records as usize;
                    self.counts.homeless.add(1);
                }
            }
        });
        self.nowhere = Nowhere { unwritten, without_member };
        self.counts.unsendable(self.nowhere.unwritten.series);
    }

    /// What became of a delivery of which each upstream lacks what `unsent` says.
    fn settle(&mut self, mut unsent: Vec<Option<Unsent>>, delivery: &Delivery) -> Outcome {
        if self.upstreams.len() == 1
            && let Some(unsent) = unsent.pop().flatten()
        {
            self.unfinished = Some(Arc::clone(&delivery.pack));
            return Outcome::Retry(unsent.fault);
        }
        let bundles = self.bundles.len();
        let mut why = None;
        for (place, (upstream, unsent)) in self.upstreams.iter_mut().zip(unsent).enumerate() {
            if let Some(unsent) = unsent {
                upstream.lose_rest(&self.bundles[place % bundles], &unsent);
                why = Some(unsent.fault);
            }
        }
        match self.refused() {
            0 => Outcome::Delivered,
            refused => Outcome::Partly { refused, why: why.unwrap_or_else(|| self.nowhere.why()) },
        }
    }

    /// Records of which no upstream took the line.
    fn refused(&self) -> usize {
        let bundles = self.bundles.len();
        let lost_by_all = |(place, bundle): (usize, &Bundle)| {
            let mut times = vec![0; bundle.records.len()];
            let senders = self.upstreams.iter().skip(place).step_by(bundles);
            let count = senders.map(|sender| sender.lost().for_each(|line| times[line] += 1)).count();
            let lost = times.iter().zip(&bundle.records).filter(|(times, _)| **times == count);
            lost.map(|(_, records)| *records as usize).sum::<usize>()
        };
        let is_whole = self.upstreams.iter().all(|upstream| upstream.lost().next().is_none());
        let lost = if is_whole { 0 } else { self.bundles.iter().enumerate().map(lost_by_all).sum::<usize>() };
        lost + self.nowhere.unwritten.records() + self.nowhere.without_member
    }
}

impl Nowhere {
    fn why(&self) -> Fault {
        Fault::new(match self.unwritten {
            _ if self.without_member > 0 => "the upstreams that would take them are down",
            Unwritten { without_line: 1.., .. } => "a record has no line",
            Unwritten { live_views: 1.., .. } => "a live view says again what the next flush says",
            Unwritten { flushes: 1.., .. } => "of a flush some timers or sets are not known sample by sample",
            _ => "an upstream refused its lines",
        })
    }
}

/// Sends its bundle to every upstream of which nothing is unsent yet, to all at once; what is unsent goes there.
async fn send_all(upstreams: &mut [Upstream], bundles: &[Bundle], now: Stamp, unsent: &mut [Option<Unsent>]) {
    let alone = upstreams.len() == 1;
    let begin = |(place, upstream)| {
        let bundle = &bundles[place % bundles.len()];
        (place, Box::pin(Upstream::send(upstream, bundle, now, alone)))
    };
    let rest = upstreams.iter_mut().enumerate().filter(|(place, _)| unsent[*place].is_none());
    let mut sending: Vec<_> = rest.map(begin).collect();
    std::future::poll_fn(|context| {
        sending.retain_mut(|(place, sending)| match Pin::new(sending).poll(context) {
            Poll::Ready(sent) => {
                unsent[*place] = sent.err();
                false
            }
            Poll::Pending => true,
        });
        if sending.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// How often members are checked: as often as the reference's proxy does.
const CHECK_INTERVAL: Duration = Duration::from_secs(10);
