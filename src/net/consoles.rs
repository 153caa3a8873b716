//! Consoles: a line in, an answer out, over TCP; for people with telnet and for scripts.
//!
//! One an address, mounted by a plugin. Connections are capped, lines are bounded, whoever sends no whole line or takes no
//! answer for some time is closed. Lines are answered one after the other, each when the answer before is written, so
//! that a connection holds one answer at most. Who may ask for what is the console's business.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};

use super::accept::{Connections, Either, Stopping, accept_until, race};
use super::bind::{BindError, tcp_listener};
use super::lines::{Cut, LineCutter};
use super::owner::Protocol;

use crate::lock::locked;

/// Answers lines.
pub trait Console: Send + Sync {
    /// What is answered to `line`, which has no end of line, and comes from `peer`. Called on a thread of the runtime.
    fn answer(&self, line: &[u8], peer: IpAddr) -> Said;

    /// What is answered to a line that was longer than allowed and dropped.
    fn too_long(&self) -> Vec<u8>;
}

/// What a console says to a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// This.
    Answer(Vec<u8>),
    /// This, and then the connection is closed.
    Farewell(Vec<u8>),
}

/// Bounds of one console.
#[derive(Debug, Clone)]
pub struct ConsoleLimits {
    /// Connections open at once; the next is closed and counted.
    pub max_connections: usize,
    /// Time within which a connection has to send a whole line, and to take an answer.
    pub idle: Duration,
    /// Bytes of the longest line.
    pub max_line: usize,
}

/// What became of the connections of one console.
#[derive(Debug, Default)]
pub struct ConsoleCounters {
    /// Taken, refused and open ones.
    pub connections: Arc<Connections>,
    idle: AtomicU64,
    stalled: AtomicU64,
    long_lines: AtomicU64,
}

impl ConsoleCounters {
    /// Connections closed because no whole line came in time.
    pub fn idle(&self) -> u64 {
        self.idle.load(Ordering::Relaxed)
    }

    /// Connections closed because an answer was not taken in time.
    pub fn stalled(&self) -> u64 {
        self.stalled.load(Ordering::Relaxed)
    }

    /// Lines that were longer than allowed.
    pub fn long_lines(&self) -> u64 {
        self.long_lines.load(Ordering::Relaxed)
    }
}

/// All consoles of the daemon.
#[derive(Default)]
pub struct Consoles {
    mounted: Mutex<BTreeMap<SocketAddr, Mounted>>,
    serving: Mutex<Vec<(SocketAddr, SocketAddr, JoinHandle<()>)>>,
    stop: watch::Sender<bool>,
}

/// What is served at one address. The console can change under a server that runs.
#[derive(Clone)]
struct Mounted {
    console: Arc<Mutex<Arc<dyn Console>>>,
    limits: ConsoleLimits,
    counters: Arc<ConsoleCounters>,
}

impl Consoles {
    /// Has `console` answer on `address`, in the place of the one it had; its counters, which go on.
    pub fn mount(
        &self,
        address: SocketAddr,
        console: Arc<dyn Console>,
        limits: ConsoleLimits,
    ) -> Arc<ConsoleCounters> {
        let mut all = locked(&self.mounted);
        if let Some(mounted) = all.get(&address) {
            *locked(&mounted.console) = console;
            return Arc::clone(&mounted.counters);
        }
        let counters = Arc::<ConsoleCounters>::default();
        let console = Arc::new(Mutex::new(console));
        all.insert(address, Mounted { console, limits, counters: Arc::clone(&counters) });
        counters
    }

    /// Binds and serves every address that is mounted and not yet served. Each with the address it is bound to.
    ///
    /// # Errors
    /// [`BindError`], which names the holder of a taken port; what was bound before it is served.
    pub fn start(&self, runtime: &Handle) -> Result<Vec<(SocketAddr, SocketAddr)>, BindError> {
        let mut serving = locked(&self.serving);
        let _inside = runtime.enter();
        for (&address, mounted) in locked(&self.mounted).iter() {
            if serving.iter().any(|(served, ..)| *served == address) {
                continue;
            }
            let refused = |source| BindError::of(Protocol::Tcp, address, source);
            let listener = TcpListener::from_std(tcp_listener(address)?).map_err(refused)?;
            let local = listener.local_addr().map_err(refused)?;
            let task = runtime.spawn(mounted.clone().serve(listener, self.stop.subscribe()));
            serving.push((address, local, task));
        }
        Ok(serving.iter().map(|(address, local, _)| (*address, *local)).collect())
    }

    /// Closes everything.
    pub async fn stop(&self, grace: Duration) {
        self.stop.send_replace(true);
        let serving = std::mem::take(&mut *locked(&self.serving));
        for (.., mut task) in serving {
            if timeout(grace, &mut task).await.is_err() {
                task.abort();
            }
        }
    }

    /// What the console at `address` answers to `line`, without a socket; none if there is no console.
    pub fn ask(&self, address: SocketAddr, line: &[u8], peer: IpAddr) -> Option<Said> {
        let console =
            locked(&self.mounted).get(&address).map(|mounted| Arc::clone(&locked(&mounted.console)))?;
        Some(console.answer(line, peer))
    }
}

impl Mounted {
    async fn serve(self, listener: TcpListener, mut stop: watch::Receiver<bool>) {
        let (limit, connections) = (self.limits.max_connections, Arc::clone(&self.counters.connections));
        let stop = async move {
            // An error means that the consoles are gone, which is a stop too.
            let _ = stop.wait_for(|stop| *stop).await;
        };
        let connect = |stream, peer: SocketAddr, stopping| {
            let mounted = self.clone();
            let cutter = LineCutter::new(mounted.limits.max_line);
            Talk { mounted, stream, peer: peer.ip().to_canonical(), cutter }.hold(stopping)
        };
        accept_until(listener, limit, &connections, stop, connect, drop).await;
    }
}

/// One connection.
struct Talk {
    mounted: Mounted,
    stream: TcpStream,
    peer: IpAddr,
    cutter: LineCutter,
}

/// A line as it was cut.
enum Line {
    Whole(Vec<u8>),
    TooLong,
}

impl Talk {
    async fn hold(mut self, mut stopping: Stopping) {
        // Whatever is under way at a stop can be asked again.
        let _: Either<(), ()> = race(stopping.begun(), self.talk()).await;
    }

    /// Until the peer or its patience ends.
    async fn talk(&mut self) {
        let idle = self.mounted.limits.idle;
        let mut deadline = Instant::now() + idle;
        loop {
            let room = self.cutter.room();
            room.reserve(READ);
            let ended = match timeout_at(deadline, self.stream.read_buf(room)).await {
                Err(_) => return count(&self.mounted.counters.idle),
                Ok(Err(_)) => return,
                Ok(Ok(bytes)) => bytes == 0,
            };
            for line in self.lines(ended) {
                if !self.answer(line).await {
                    return;
                }
                deadline = Instant::now() + idle;
            }
            if ended {
                return;
            }
        }
    }

    /// The lines that are whole; at the end the last one, which may lack its newline.
    fn lines(&mut self, ended: bool) -> Vec<Line> {
        let mut lines = Vec::new();
        let mut each = |cut: Cut<'_>| match cut {
            Cut::Lines(text) => {
                let whole = text.split_inclusive(|&byte| byte == b'\n');
                lines.extend(whole.map(|line| Line::Whole(without_end(line).to_vec())));
            }
            Cut::TooLong(_) => lines.push(Line::TooLong),
        };
        self.cutter.cut(&mut each);
        if ended {
            self.cutter.finish(&mut each);
        }
        lines
    }

    /// Writes the answer to a line; whether to go on.
    async fn answer(&mut self, line: Line) -> bool {
        let (text, goes_on) = match self.said(&line) {
            Said::Answer(text) => (text, true),
            Said::Farewell(text) => (text, false),
        };
        let written = timeout(self.mounted.limits.idle, self.stream.write_all(&text)).await;
        if written.is_err() {
            count(&self.mounted.counters.stalled);
        }
        if !goes_on {
            // The peer may be gone already.
            let _ = self.stream.shutdown().await;
        }
        goes_on && matches!(written, Ok(Ok(())))
    }

    fn said(&self, line: &Line) -> Said {
        let console = Arc::clone(&locked(&self.mounted.console));
        match line {
            // An answer may take some time to put together; other tasks of the thread go on elsewhere.
            Line::Whole(line) => tokio::task::block_in_place(|| console.answer(line, self.peer)),
            Line::TooLong => {
                count(&self.mounted.counters.long_lines);
                Said::Answer(console.too_long())
            }
        }
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Bytes asked for at once.
const READ: usize = 4096;

#[cfg(test)]
mod tests;
