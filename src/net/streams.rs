//! Lines over streams, TCP or unix: connections are capped, slow ones closed, and whole lines handed on chunk by chunk.
//!
//! Packets, each after its length, take the place of lines where that is the framing.
//!
//! A connection that ends orderly gives its last line even without a newline. One that is cut off (by a reset, by the
//! idle limit or at a stop) does not: half a line could be a wrong number. It is counted instead.
//!
//! A stop takes what has arrived, of connections that wait to be accepted too. It ends the other direction of each, which
//! tells a peer that looks before it sends, as outputs here do; what that one had sent is on its way and waited for. Only
//! who goes on sending for all that is cut off.

use std::io::{self, Read};
use std::net::{Shutdown, TcpListener};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::{Instant, timeout_at};

use super::BoxFuture;
use super::accept::{Connections, Listen, accept_until};
use super::frames::PacketCutter;
use super::lines::{Cut, LineCutter};
use super::reading::{End, Reading, Taken, Taking};
use crate::lock::locked;
use crate::plugin::{Note, Notes};

/// Takes the lines of one connection.
pub trait LineSink: Send {
    /// Takes one or more whole lines. `false` asks the connection to read no further before `ready`: the lines are taken
    /// all the same.
    fn lines(&mut self, chunk: &[u8]) -> bool;

    /// Told that nothing more comes. False if there is no room yet for what was taken.
    fn finish(&mut self) -> bool;

    /// Resolves when there is room again.
    fn ready(&mut self) -> BoxFuture<'_, ()>;

    /// A line of so many bytes was longer than allowed and dropped.
    fn too_long(&mut self, bytes: u64);
}

/// Bounds of a listener for lines.
#[derive(Debug, Clone)]
pub struct StreamLimits {
    /// Connections open at once; the next is closed and counted.
    pub max_connections: usize,
    /// Time within which a connection has to complete a line, from its opening or its last complete line. Bytes alone
    /// do not count, so that a peer that dribbles is closed too.
    pub idle: Duration,
    /// Bytes of the longest line, the newline not counted, or of the longest packet.
    pub max_line: usize,
    /// What ends a record.
    pub framing: Framing,
}

/// What ends a record of a stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Framing {
    /// A newline.
    #[default]
    Lines,
    /// The length before it says: DogStatsD's way on unix streams.
    Length,
}

impl Default for StreamLimits {
    fn default() -> StreamLimits {
        StreamLimits {
            max_connections: 1024,
            idle: Duration::from_secs(300),
            max_line: 64 * 1024,
            framing: Framing::Lines,
        }
    }
}

/// What became of the connections of one listener for lines.
#[derive(Debug, Default)]
pub struct StreamCounters {
    /// Taken, refused and open ones.
    pub connections: Arc<Connections>,
    idle: AtomicU64,
    broken: AtomicU64,
    unfinished: AtomicU64,
    late_handshakes: AtomicU64,
    failed_handshakes: AtomicU64,
    /// What was wrong with the last one that failed.
    failure: Mutex<String>,
}

impl StreamCounters {
    /// Connections closed because no line was completed in time.
    pub fn idle(&self) -> u64 {
        self.idle.load(Ordering::Relaxed)
    }

    /// Connections that ended with an error.
    pub fn broken(&self) -> u64 {
        self.broken.load(Ordering::Relaxed)
    }

    /// Lines discarded because their connection was cut off within them.
    pub fn unfinished(&self) -> u64 {
        self.unfinished.load(Ordering::Relaxed)
    }

    /// Connections closed because they did not agree on keys in time.
    pub fn late_handshakes(&self) -> u64 {
        self.late_handshakes.load(Ordering::Relaxed)
    }

    /// Connections closed because they could not agree on keys.
    pub fn failed_handshakes(&self) -> u64 {
        self.failed_handshakes.load(Ordering::Relaxed)
    }

    pub(super) fn ended(&self, end: End) {
        match end {
            End::Idle => self.idle.fetch_add(1, Ordering::Relaxed),
            End::Broken => self.broken.fetch_add(1, Ordering::Relaxed),
            End::Orderly | End::Stopping | End::CutOff => 0,
        };
    }

    pub(super) fn late_handshake(&self) {
        self.late_handshakes.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn failed_handshake(&self, error: &io::Error) {
        *locked(&self.failure) = error.to_string();
        self.failed_handshakes.fetch_add(1, Ordering::Relaxed);
    }

    /// Runs `serving` and notes what is counted meanwhile.
    pub async fn noting<T>(&self, notes: &dyn Notes, serving: impl Future<Output = T>) -> T {
        let mut said = Said::default();
        let watching = async {
            loop {
                tokio::time::sleep(LOOK).await;
                self.note(&mut said, notes);
            }
        };
        let served = tokio::select! {
            served = serving => served,
            () = watching => unreachable!("the watch does not end"),
        };
        self.note(&mut said, notes);
        served
    }

    fn note(&self, said: &mut Said, notes: &dyn Notes) {
        let connections = &self.connections;
        let since = |said: &mut u64, now: u64, note: &dyn Fn(u64) -> Note| {
            if now > *said {
                notes.note(note(now - *said));
                *said = now;
            }
        };
        let failure = || locked(&self.failure).clone();
        // Ends first: none is told of before its beginning.
        let ended = connections.ended();
        since(&mut said.accepted, connections.accepted(), &Note::Connected);
        since(&mut said.ended, ended, &Note::Disconnected);
        since(&mut said.refused, connections.refused(), &Note::Refused);
        since(&mut said.failed, connections.failed(), &Note::AcceptErrors);
        since(&mut said.idle, self.idle(), &Note::Idle);
        since(&mut said.unfinished, self.unfinished(), &Note::Unfinished);
        since(&mut said.late, self.late_handshakes(), &Note::LateHandshakes);
        let failed = |count| Note::FailedHandshakes(count, failure());
        since(&mut said.untrusted, self.failed_handshakes(), &failed);
    }
}

/// What was noted of the counters already.
#[derive(Default)]
struct Said {
    accepted: u64,
    ended: u64,
    refused: u64,
    failed: u64,
    idle: u64,
    unfinished: u64,
    late: u64,
    untrusted: u64,
}

/// How often the counters are looked at.
const LOOK: Duration = Duration::from_millis(500);

/// Serves `listener` (see [`tcp_listener`](super::bind::tcp_listener)) until `stop` resolves and every connection has
/// handed on the whole lines that had arrived. Each connection gets a sink of its own.
///
/// # Errors
/// If the listener cannot be given to the runtime. Errors of accepting are counted and waited out.
pub async fn serve_lines<S: LineSink + 'static>(
    listener: TcpListener,
    limits: StreamLimits,
    counters: Arc<StreamCounters>,
    stop: impl Future<Output = ()>,
    sink_for: impl FnMut() -> S,
) -> io::Result<()> {
    serve(tokio::net::TcpListener::from_std(listener)?, limits, counters, stop, sink_for).await;
    Ok(())
}

/// The same for a unix socket; see [`unix_listener`](super::unix::unix_listener).
///
/// # Errors
/// As `serve_lines`.
#[cfg(unix)]
pub async fn serve_unix_lines<S: LineSink + 'static>(
    listener: std::os::unix::net::UnixListener,
    limits: StreamLimits,
    counters: Arc<StreamCounters>,
    stop: impl Future<Output = ()>,
    sink_for: impl FnMut() -> S,
) -> io::Result<()> {
    serve(tokio::net::UnixListener::from_std(listener)?, limits, counters, stop, sink_for).await;
    Ok(())
}

async fn serve<L, S>(
    listener: L,
    limits: StreamLimits,
    counters: Arc<StreamCounters>,
    stop: impl Future<Output = ()>,
    mut sink_for: impl FnMut() -> S,
) where
    L: Listen,
    L::Stream: AsyncRead + AsSocket + Unpin,
    S: LineSink + 'static,
{
    let max_connections = limits.max_connections;
    let connections = Arc::clone(&counters.connections);
    let connect = |stream, _, stopping| {
        let taking = Lines { cutter: Cutter::new(&limits), sink: sink_for() };
        let reading = Reading { stream, taking, idle: limits.idle, stopping };
        serve_connection(reading, Arc::clone(&counters))
    };
    accept_until(listener, max_connections, &connections, stop, connect, drop).await;
}

/// A stream that the system can be asked about.
#[cfg(unix)]
trait AsSocket: std::os::fd::AsFd {}
#[cfg(unix)]
impl<T: std::os::fd::AsFd> AsSocket for T {}
#[cfg(windows)]
trait AsSocket: std::os::windows::io::AsSocket {}
#[cfg(windows)]
impl<T: std::os::windows::io::AsSocket> AsSocket for T {}

/// Cuts by either framing.
enum Cutter {
    Lines(LineCutter),
    Packets(PacketCutter),
}

impl Cutter {
    fn new(limits: &StreamLimits) -> Cutter {
        match limits.framing {
            Framing::Lines => Cutter::Lines(LineCutter::new(limits.max_line)),
            Framing::Length => Cutter::Packets(PacketCutter::new(limits.max_line)),
        }
    }

    fn room(&mut self) -> &mut Vec<u8> {
        match self {
            Cutter::Lines(lines) => lines.room(),
            Cutter::Packets(packets) => packets.room(),
        }
    }

    fn open_bytes(&self) -> u64 {
        match self {
            Cutter::Lines(lines) => lines.open_bytes(),
            Cutter::Packets(packets) => packets.open_bytes(),
        }
    }

    fn is_broken(&self) -> bool {
        matches!(self, Cutter::Packets(packets) if packets.is_broken())
    }

    fn cut(&mut self, each: &mut dyn FnMut(Cut<'_>)) {
        match self {
            Cutter::Lines(lines) => lines.cut(each),
            Cutter::Packets(packets) => packets.cut(each),
        }
    }

    /// Hands out what an orderly end makes whole: a line. A packet that is not complete stays open.
    fn finish(&mut self, each: &mut dyn FnMut(Cut<'_>)) {
        if let Cutter::Lines(lines) = self {
            lines.finish(each);
        }
    }
}

/// The lines of one connection.
struct Lines<S> {
    cutter: Cutter,
    sink: S,
}

impl<S: LineSink> Taking for Lines<S> {
    fn room(&mut self) -> &mut Vec<u8> {
        let room = self.cutter.room();
        room.reserve(READ);
        room
    }

    fn take(&mut self) -> Taken {
        let (whole, room) = hand_on_whole(&mut self.cutter, &mut self.sink);
        Taken { whole, room, broken: self.cutter.is_broken() }
    }

    fn finish(&mut self) -> bool {
        self.sink.finish()
    }

    fn ready(&mut self) -> BoxFuture<'_, ()> {
        self.sink.ready()
    }
}

async fn serve_connection<T, S>(mut reading: Reading<T, Lines<S>>, counters: Arc<StreamCounters>)
where
    T: AsyncRead + AsSocket + Unpin,
    S: LineSink,
{
    let mut end = reading.read().await;
    if end == End::Stopping {
        end = drain(&mut reading).await;
    }
    counters.ended(end);
    let Lines { cutter, sink } = &mut reading.taking;
    if end == End::Orderly {
        // Nothing is read after this, so there is nothing to hold back.
        cutter.finish(&mut |cut| {
            hand_on(sink, cut);
        });
    }
    if cutter.open_bytes() > 0 {
        counters.unfinished.fetch_add(1, Ordering::Relaxed);
    }
    reading.finish().await;
}

/// Takes what has arrived, and what comes until the peer has ended too or is quiet. Waits for no room: what stays behind
/// here would be lost.
async fn drain<T, S>(reading: &mut Reading<T, Lines<S>>) -> End
where
    T: AsyncRead + AsSocket + Unpin,
    S: LineSink,
{
    // Fails only where the peer is gone, which the next read says.
    let _ = SockRef::from(&reading.stream).shutdown(Shutdown::Write);
    for _ in 0..LAST_READS {
        let room = reading.taking.room();
        let held = room.len();
        room.resize(held + READ, 0);
        // The system is asked itself: the runtime answers by what it last heard of the socket, which may be old.
        let read = (&*SockRef::from(&reading.stream)).read(&mut room[held..]);
        room.truncate(held + read.as_ref().map_or(0, |bytes| *bytes));
        let read = match read {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let quiet = (Instant::now() + QUIET).min(reading.stopping.since() + LINGER);
                match timeout_at(quiet, reading.stream.read_buf(room)).await {
                    Ok(read) => read,
                    Err(_) => return End::CutOff,
                }
            }
            read => read,
        };
        match read {
            Ok(0) => return End::Orderly,
            Ok(_) if reading.taking.take().broken => return End::Broken,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return End::Broken,
        }
    }
    End::CutOff
}

/// Hands on the lines that are whole. Gives whether there were any, and whether there is room for more.
fn hand_on_whole(cutter: &mut Cutter, sink: &mut impl LineSink) -> (bool, bool) {
    let (mut any, mut room) = (false, true);
    cutter.cut(&mut |cut| {
        any = true;
        room &= hand_on(sink, cut);
    });
    (any, room)
}

fn hand_on(sink: &mut impl LineSink, cut: Cut<'_>) -> bool {
    match cut {
        Cut::Lines(lines) => sink.lines(lines),
        Cut::TooLong(bytes) => {
            sink.too_long(bytes);
            true
        }
    }
}

/// Bytes asked for at once.
const READ: usize = 16 * 1024;
/// Reads of one connection after the stop: 4 MiB, so that a peer that goes on sending does not hold the stop up.
const LAST_READS: usize = 256;
/// After so long without a byte nothing is on its way any more.
const QUIET: Duration = Duration::from_millis(100);
/// How long a stop waits for all connections together.
const LINGER: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
