//! Lines over TCP: connections are capped, slow ones closed, and whole lines handed on chunk by chunk.
//!
//! A connection that ends orderly gives its last line even without a newline. One that is cut off (by a reset, by the
//! idle limit or at a stop) does not: half a line could be a wrong number. It is counted instead. A stop takes what has
//! arrived, of connections that wait to be accepted too, and cuts off only those that go on sending.

use std::io::{self, Read};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use super::BoxFuture;
use super::accept::{Connections, Either, Stopping, accept_until, race};
use super::lines::{Cut, LineCutter};

/// Takes the lines of one connection.
pub trait LineSink: Send {
    /// Takes one or more whole lines. `false` asks the connection to read no further before `ready`: the lines are taken
    /// all the same.
    fn lines(&mut self, chunk: &[u8]) -> bool;

    /// Resolves when there is room again.
    fn ready(&mut self) -> BoxFuture<'_, ()>;

    /// A line of so many bytes was longer than allowed and dropped.
    fn too_long(&mut self, bytes: u64);
}

/// Bounds of a listener for lines.
#[derive(Debug, Clone)]
pub struct TcpLimits {
    /// Connections open at once; the next is closed and counted.
    pub max_connections: usize,
    /// Time within which a connection has to complete a line, from its opening or its last complete line. Bytes alone
    /// do not count, so that a peer that dribbles is closed too.
    pub idle: Duration,
    /// Bytes of the longest line, the newline not counted.
    pub max_line: usize,
}

impl Default for TcpLimits {
    fn default() -> TcpLimits {
        TcpLimits { max_connections: 1024, idle: Duration::from_secs(300), max_line: 64 * 1024 }
    }
}

/// What became of the connections of one listener for lines.
#[derive(Debug, Default)]
pub struct TcpCounters {
    /// Taken, refused and open ones.
    pub connections: Arc<Connections>,
    idle: AtomicU64,
    broken: AtomicU64,
    unfinished: AtomicU64,
}

impl TcpCounters {
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
}

/// Serves `listener` (see [`tcp_listener`](super::bind::tcp_listener)) until `stop` resolves and every connection has
/// handed on the whole lines that had arrived. Each connection gets a sink of its own.
///
/// # Errors
/// If the listener cannot be given to the runtime. Errors of accepting are counted and waited out.
pub async fn serve_lines<S: LineSink + 'static>(
    listener: TcpListener,
    limits: TcpLimits,
    counters: Arc<TcpCounters>,
    stop: impl Future<Output = ()>,
    mut sink_for: impl FnMut(SocketAddr) -> S,
) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let max_connections = limits.max_connections;
    let connections = Arc::clone(&counters.connections);
    let connect = |stream, peer, stopping| {
        let connection = LineConnection {
            stream,
            cutter: LineCutter::new(limits.max_line),
            sink: sink_for(peer),
            idle: limits.idle,
            stopping,
        };
        connection.serve(Arc::clone(&counters))
    };
    accept_until(listener, max_connections, &connections, stop, connect, drop).await;
    Ok(())
}

struct LineConnection<S> {
    stream: TcpStream,
    cutter: LineCutter,
    sink: S,
    idle: Duration,
    stopping: Stopping,
}

enum End {
    Orderly,
    Idle,
    Broken,
    Stopped,
}

impl<S: LineSink> LineConnection<S> {
    async fn serve(mut self, counters: Arc<TcpCounters>) {
        match self.read().await {
            End::Orderly => {
                let sink = &mut self.sink;
                // Nothing is read after this, so there is nothing to hold back.
                self.cutter.finish(&mut |cut| {
                    hand_on(sink, cut);
                });
                return;
            }
            End::Idle => counters.idle.fetch_add(1, Ordering::Relaxed),
            End::Broken => counters.broken.fetch_add(1, Ordering::Relaxed),
            End::Stopped => 0,
        };
        if self.cutter.open_bytes() > 0 {
            counters.unfinished.fetch_add(1, Ordering::Relaxed);
        }
    }

    async fn read(&mut self) -> End {
        let mut deadline = Instant::now() + self.idle;
        loop {
            let room = self.cutter.room();
            room.reserve(READ);
            let read = timeout_at(deadline, self.stream.read_buf(room));
            match race(self.stopping.begun(), read).await {
                Either::First(()) => return self.drain(),
                Either::Second(Err(_)) => return End::Idle,
                Either::Second(Ok(Ok(0))) => return End::Orderly,
                Either::Second(Ok(Ok(_))) => {}
                Either::Second(Ok(Err(_))) => return End::Broken,
            }
            let (any, room) = hand_on_whole(&mut self.cutter, &mut self.sink);
            if !room && let Either::First(()) = race(self.stopping.begun(), self.sink.ready()).await {
                return self.drain();
            }
            if any {
                deadline = Instant::now() + self.idle;
            }
        }
    }

    /// Takes what has arrived by now. Waits neither for the peer nor for room: what stays behind here would be lost.
    fn drain(&mut self) -> End {
        // The system is asked itself: the runtime answers by what it last heard of the socket, which may be old.
        let socket = SockRef::from(&self.stream);
        for _ in 0..LAST_READS {
            let room = self.cutter.room();
            let held = room.len();
            room.resize(held + READ, 0);
            let read = (&*socket).read(&mut room[held..]);
            room.truncate(held + read.as_ref().map_or(0, |bytes| *bytes));
            match read {
                Ok(0) => return End::Orderly,
                Ok(_) => {
                    hand_on_whole(&mut self.cutter, &mut self.sink);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return End::Stopped,
                Err(_) => return End::Broken,
            }
        }
        End::Stopped
    }
}

/// Hands on the lines that are whole. Gives whether there were any, and whether there is room for more.
fn hand_on_whole(cutter: &mut LineCutter, sink: &mut impl LineSink) -> (bool, bool) {
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

#[cfg(test)]
mod tests;
