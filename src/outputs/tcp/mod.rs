//! `TcpOutput`: what its encoder writes, over a TCP connection that is kept open, by TLS if so configured; Heka's framing
//! around whole messages.
//!
//! At least once, as far as a peer lets know: a batch whose connection broke is sent again whole. Before every batch and at
//! every tick it listens whether the peer has ended: a peer that ends in order and reads on meanwhile, as `TcpInput` does,
//! loses nothing and gets nothing twice. Where the connection broke, or what came after the peer's end was refused, what
//! was written within the last two ticks goes again (`kept.rs`), at the next tick if no batch comes before; until its new connection
//! has stood for two ticks, no more is taken than can go again once more. What a peer that crashes had longer unread is lost, and
//! nobody can tell. Retries and back-off are the runner's.

mod kept;

use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use socket2::Socket;
use tokio::runtime::Handle;

use crate::config::{Address, Check, Seconds, Violation};
use crate::flow::{Count, OwnMetrics};
use crate::net::{
    Connection, Dialed, Dialing, Hearing, Tls, TlsClient, TlsSide, World, end, explained,
    flaws_of_keep_alive, hear, keep_alive_after, write_all,
};
use crate::plugin::{
    BuildContext, BuildError, Declare, Endpoint, Fault, LocalFuture, Outcome, Outgoing, Output, Protocol,
    Ticker,
};
use crate::time::Stamp;
use kept::Kept;

/// Options of `TcpOutput`; names and defaults are Heka's where it had them.
#[derive(Debug, Clone, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where to send to, as host:port. The name is looked up at every connect. Default "localhost:9125".
    pub address: Address,
    /// The address to connect from, as host:port, or host:0 for any port. Default: the system's choice.
    pub local_address: Option<Address>,
    /// Whether the connection is encrypted, as the table `tls` says. Default false.
    pub use_tls: bool,
    /// What TLS is to be like; nothing of it is needed where the system trusts who signed the peer's certificate.
    pub tls: Tls,
    /// Whether the system asks after a quiet peer, so that one that is gone without a word is noticed before something is
    /// sent. Default false.
    pub keep_alive: bool,
    /// How long the connection is quiet before it does; a bare number is in seconds. Needs keep_alive. Without it: 30s.
    pub keep_alive_period: Option<Seconds>,
    /// Records after which the connection is ended and made anew, so that a balancer in between can choose again; 0 never
    /// does. Default 0.
    pub reconnect_after: u64,
    /// How long connecting may take, the look-up of the name and the handshake of TLS included. Default 10s.
    pub connect_timeout: Seconds,
    /// How long the peer may take no byte before the connection is given up. Default 20s.
    pub send_timeout: Seconds,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            address: Address::new("localhost", 9125),
            local_address: None,
            use_tls: false,
            tls: Tls::default(),
            keep_alive: false,
            keep_alive_period: None,
            reconnect_after: 0,
            connect_timeout: Seconds(Duration::from_secs(10)),
            send_timeout: Seconds(Duration::from_secs(20)),
        }
    }
}

impl Check for Config {
    fn check(&self) -> Vec<Violation> {
        let mut violations = self.tls.check(self.use_tls, TlsSide::Connecting);
        violations.extend(flaws_of_keep_alive(self.keep_alive, self.keep_alive_period));
        let mut refuse = |key: &str, message: &str| violations.push(Violation::new(key, message));
        if self.address.port() == 0 {
            refuse("address", "needs a port other than 0");
        }
        for (key, timeout) in [("connect_timeout", self.connect_timeout), ("send_timeout", self.send_timeout)]
        {
            if timeout.0.is_zero() {
                refuse(key, "must be longer than 0");
            }
        }
        violations
    }
}

impl Declare<dyn Output> for Config {
    const TYPE: &'static str = "TcpOutput";
    const SUMMARY: &'static str = "Sends what its encoder writes over TCP, by TLS if so configured: to another hekad unless told otherwise.";

    fn sends_to(&self) -> Vec<Endpoint> {
        vec![Endpoint::new(Protocol::Tcp, &self.address, "address")]
    }

    fn takes_encoder(&self) -> bool {
        true
    }

    fn default_encoder(&self) -> Option<&'static str> {
        Some("ProtobufEncoder")
    }

    fn frames_messages(&self) -> bool {
        true
    }

    fn ticker(&self) -> Ticker {
        Ticker::Every(Duration::from_secs(1))
    }

    fn build(&self, context: &BuildContext) -> Result<Box<dyn Output>, BuildError> {
        let world: Arc<World> = context.shared.the();
        let tls = self.use_tls.then(|| world.tls(&self.tls, context.clock.now())).transpose()?;
        Ok(Box::new(TcpOutput {
            config: self.clone(),
            world,
            tls,
            connected: None,
            left: None,
            kept: Kept::default(),
            counts: Counts::new(context.own(), &context.name),
        }))
    }
}

struct TcpOutput {
    config: Config,
    world: Arc<World>,
    tls: Option<TlsClient>,
    connected: Option<Connected>,
    /// How the connection before ended, until there is another.
    left: Option<Left>,
    kept: Kept,
    counts: Counts,
}

struct Connected {
    connection: Box<dyn Connection>,
    /// The same, to be asked for its error; none in a trial.
    socket: Option<Socket>,
    /// Records sent.
    sent: u64,
    /// After one that broke: ticks it has to stand until it is trusted.
    on_trial: u8,
}

/// How a connection ended.
enum Left {
    /// In order; the socket says later whether what was written last was refused.
    InOrder(Option<Socket>),
    Broken,
}

/// Why a connection is ended.
#[derive(Debug, Clone, Copy)]
enum Reason {
    /// The peer has ended it.
    Closed,
    /// It broke.
    Broken,
    /// It has carried enough records.
    Reconnect,
}

struct Counts {
    connects: Count,
    /// By `Reason`.
    ended: [Count; 3],
    resent: Count,
}

impl Counts {
    fn new(own: &OwnMetrics, name: &str) -> Counts {
        let label = [("output", name)];
        let ended = |reason| own.counter("hekad_tcp_closed_total", &[("output", name), ("reason", reason)]);
        Counts {
            connects: own.counter("hekad_tcp_connects_total", &label),
            ended: ["closed", "broken", "reconnect"].map(ended),
            resent: own.counter("hekad_tcp_resent_records_total", &label),
        }
    }
}

impl Output for TcpOutput {
    fn send<'a>(&'a mut self, out: &'a Outgoing<'a>) -> LocalFuture<'a, Outcome> {
        Box::pin(async move {
            match self.deliver(&out.frames.bytes, &out.frames.ends).await {
                Ok(()) => {
                    self.kept.keep(&out.frames.bytes, out.frames.ends.len() as u64);
                    Outcome::Delivered
                }
                Err(fault) => Outcome::Retry(fault),
            }
        })
    }

    fn tick(&mut self, _: Stamp) -> Result<(), Fault> {
        // What may not have arrived does not wait for a batch. A failure is tried again at the next tick.
        drop(self.make_good());
        self.listen();
        if let Some(connected) = &mut self.connected {
            connected.on_trial = connected.on_trial.saturating_sub(1);
            self.kept.turn();
        }
        Ok(())
    }

    fn finish(&mut self, _: Stamp) -> Result<(), Fault> {
        let made_good = self.make_good();
        if let Some(mut connected) = self.connected.take() {
            end(&mut *connected.connection);
        }
        made_good.map_err(|fault| {
            Fault::new(format!("{} records written last may not have arrived: {fault}", self.kept.records()))
        })
    }
}

impl TcpOutput {
    /// Writes frames, on as many connections as they need.
    async fn deliver(&mut self, bytes: &[u8], ends: &[u32]) -> Result<(), Fault> {
        let was_on_trial = self.is_on_trial();
        if !self.listen() && was_on_trial {
            return Err(self.unreliable("breaks as soon as it is made"));
        }
        let mut next = 0;
        while next < ends.len() {
            self.connect().await?;
            if self.is_on_trial() && !self.kept.has_room(bytes.len()) {
                return Err(self.unreliable(
                    "has broken, and more than can be kept waits to see whether the next one holds",
                ));
            }
            let connected = self.connected.as_mut().expect("connected some lines above");
            let room = match self.config.reconnect_after {
                0 => ends.len(),
                most => most.saturating_sub(connected.sent).max(1) as usize,
            };
            let upto = ends.len().min(next.saturating_add(room));
            let start = if next == 0 { 0 } else { ends[next - 1] as usize };
            let part = &bytes[start..ends[upto - 1] as usize];
            let written = write_all(&mut *connected.connection, part, self.config.send_timeout.0).await;
            if let Err(broken) = written {
                self.leave(Reason::Broken);
                return Err(self.broke(broken.error));
            }
            connected.sent += (upto - next) as u64;
            next = upto;
            if self.config.reconnect_after > 0 && connected.sent >= self.config.reconnect_after {
                self.leave(Reason::Reconnect);
            }
        }
        Ok(())
    }

    /// Sends what the connection before may not have delivered, if it broke and there is no other yet.
    fn make_good(&mut self) -> Result<(), Fault> {
        self.judge();
        match self.left {
            Some(Left::Broken) if self.kept.records() > 0 => Handle::current().block_on(self.connect()),
            _ => Ok(()),
        }
    }

    /// Finds out whether all came that a connection carried that ended in order, a while after it did.
    fn judge(&mut self) {
        if let Some(Left::InOrder(socket)) = &self.left {
            let refused = socket.as_ref().is_some_and(|socket| !matches!(socket.take_error(), Ok(None)));
            self.left = refused.then_some(Left::Broken);
            if !refused {
                self.kept.forget();
            }
        }
    }

    /// Notices whether the peer has ended, or the connection broke; whether it is there.
    fn listen(&mut self) -> bool {
        let Some(connected) = &mut self.connected else { return false };
        match hear(&mut *connected.connection) {
            Hearing::Open => return true,
            Hearing::Closed => self.leave(Reason::Closed),
            Hearing::Broken(_) => self.leave(Reason::Broken),
        }
        false
    }

    /// Whether the connection followed one that broke, so lately that nobody knows whether it holds.
    fn is_on_trial(&self) -> bool {
        self.connected.as_ref().is_some_and(|connected| connected.on_trial > 0)
    }

    fn unreliable(&self, how: &str) -> Fault {
        Fault::new(format!("the connection to {} {how}", self.config.address))
    }

    /// Ends the connection; in order where it is whole.
    fn leave(&mut self, reason: Reason) {
        let Some(mut connected) = self.connected.take() else { return };
        self.counts.ended[reason as usize].add(1);
        self.left = Some(match reason {
            Reason::Broken => Left::Broken,
            Reason::Closed | Reason::Reconnect => {
                end(&mut *connected.connection);
                Left::InOrder(connected.socket)
            }
        });
    }

    /// Connects if it is not, and sends what the connection before may not have delivered.
    async fn connect(&mut self) -> Result<(), Fault> {
        if self.connected.is_some() {
            return Ok(());
        }
        let config = &self.config;
        let dialing = Dialing {
            host: config.address.host(),
            port: config.address.port(),
            local: config.local_address.as_ref(),
            keep_alive: keep_alive_after(config.keep_alive, config.keep_alive_period),
            within: config.connect_timeout.0,
        };
        let dialed = self.world.dial(&dialing, self.tls.as_ref()).await;
        let Dialed { connection, socket } =
            dialed.map_err(|error| Fault::caused(format!("cannot connect to {}", config.address), error))?;
        self.counts.connects.add(1);
        // A peer that refuses what it was sent says so within the time of a round trip, which a connect takes.
        self.judge();
        let broke = self.left.take().is_some();
        let on_trial = if broke { TICKS_ON_TRIAL } else { 0 };
        let connected = self.connected.insert(Connected { connection, socket, sent: 0, on_trial });
        if !broke {
            return Ok(());
        }
        let mut written = Ok(());
        for part in self.kept.parts() {
            if written.is_ok() {
                written = write_all(&mut *connected.connection, part, self.config.send_timeout.0).await;
            }
        }
        if let Err(broken) = written {
            self.leave(Reason::Broken);
            return Err(self.broke(broken.error));
        }
        self.counts.resent.add(self.kept.records());
        self.kept.renew();
        Ok(())
    }

    fn broke(&self, error: std::io::Error) -> Fault {
        let error = match self.tls {
            Some(_) => explained(error, self.config.address.host()),
            None => error,
        };
        Fault::caused(format!("the connection to {} broke", self.config.address), error)
    }
}

/// As long as what is written is kept.
const TICKS_ON_TRIAL: u8 = 2;

#[cfg(test)]
mod tests;
