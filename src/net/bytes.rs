//! Bytes over streams, TCP or unix, in the clear or by TLS, for whoever finds records in them: connections are capped,
//! quiet ones closed, and every one is ended in order.
//!
//! In order is: this side says that it is done (with TLS by close_notify first) and goes on reading for a while, so that
//! a peer that listens loses nothing, neither at a stop nor because it was quiet for too long. A peer that goes on
//! sending is cut off when the time is up.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{sleep, timeout};

use super::BoxFuture;
use super::accept::{Either, Listen, Stopping, accept_until, race};
use super::reading::{End, Reading, Taken, Taking};
use super::streams::StreamCounters;
use super::tls::TlsServer;

/// Takes the bytes of one connection.
pub trait ByteSink: Send {
    /// Takes bytes, whether or not there is room for more.
    fn bytes(&mut self, bytes: &[u8]) -> Taken;

    /// Told that nothing is there to be read for now. False if there is no room for more.
    fn settle(&mut self) -> bool;

    /// Told that nothing more comes, so that what is held back goes on. False if there is no room for it.
    fn finish(&mut self) -> bool;

    /// Resolves when there is room again.
    fn ready(&mut self) -> BoxFuture<'_, ()>;
}

/// Bounds of a listener for bytes.
#[derive(Debug, Clone)]
pub struct ByteLimits {
    /// Connections open at once; the next is closed and counted.
    pub max_connections: usize,
    /// Time within which a connection has to complete a record, from its opening or the last one it completed.
    pub idle: Duration,
    /// Time within which a connection by TLS has to agree on keys.
    pub handshake: Duration,
    /// How long an ending connection is read on.
    pub linger: Duration,
    /// How long a TCP connection is quiet before the system asks whether its peer is there, if it does.
    pub keep_alive: Option<Duration>,
}

/// Serves `listener` until `stop` resolves and every connection has ended. Each connection gets a sink of its own, which
/// is told where its peer is.
///
/// # Errors
/// If the listener cannot be given to the runtime. Errors of accepting are counted and waited out.
pub async fn serve_bytes<S: ByteSink + 'static>(
    listener: TcpListener,
    limits: ByteLimits,
    tls: Option<TlsServer>,
    counters: Arc<StreamCounters>,
    stop: impl Future<Output = ()>,
    mut sink_for: impl FnMut(SocketAddr) -> S,
) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let keep_alive = limits.keep_alive;
    let prepare = move |stream: &tokio::net::TcpStream, peer| {
        if let Some(after) = keep_alive {
            // A connection that is gone already says so when it is read.
            let _ = SockRef::from(stream).set_tcp_keepalive(&TcpKeepalive::new().with_time(after));
        }
        sink_for(peer)
    };
    serve(listener, limits, tls, counters, stop, prepare).await;
    Ok(())
}

/// The same for a unix socket; see [`unix_listener`](super::unix::unix_listener).
///
/// # Errors
/// As `serve_bytes`.
#[cfg(unix)]
pub async fn serve_unix_bytes<S: ByteSink + 'static>(
    listener: std::os::unix::net::UnixListener,
    limits: ByteLimits,
    tls: Option<TlsServer>,
    counters: Arc<StreamCounters>,
    stop: impl Future<Output = ()>,
    mut sink_for: impl FnMut() -> S,
) -> io::Result<()> {
    let listener = tokio::net::UnixListener::from_std(listener)?;
    serve(listener, limits, tls, counters, stop, move |_: &tokio::net::UnixStream, _| sink_for()).await;
    Ok(())
}

async fn serve<L, S>(
    listener: L,
    limits: ByteLimits,
    tls: Option<TlsServer>,
    counters: Arc<StreamCounters>,
    stop: impl Future<Output = ()>,
    mut sink_for: impl FnMut(&L::Stream, L::Peer) -> S,
) where
    L: Listen,
    L::Stream: AsyncRead + AsyncWrite + Unpin,
    S: ByteSink + 'static,
{
    let max_connections = limits.max_connections;
    let connections = Arc::clone(&counters.connections);
    let connect = |stream: L::Stream, peer, stopping| {
        let taking = Bytes { read: Vec::new(), at_once: FIRST_READ, sink: sink_for(&stream, peer) };
        let connection = ByteConnection { taking, limits: limits.clone(), stopping };
        let (tls, counters) = (tls.clone(), Arc::clone(&counters));
        async move {
            match tls {
                None => connection.serve(stream, &counters).await,
                Some(tls) => connection.secure(&tls, stream, &counters).await,
            }
        }
    };
    accept_until(listener, max_connections, &connections, stop, connect, drop).await;
}

/// What takes the bytes of one connection, and its bounds.
struct ByteConnection<S> {
    taking: Bytes<S>,
    limits: ByteLimits,
    stopping: Stopping,
}

impl<S: ByteSink> ByteConnection<S> {
    /// Agrees on keys, then serves. One that is about to when a stop begins may have sent already: it has as long as the
    /// others have to end.
    async fn secure<T>(mut self, tls: &TlsServer, stream: T, counters: &StreamCounters)
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        let linger = self.limits.linger;
        let agreeing = timeout(self.limits.handshake, tls.accept(stream));
        let stopped = async {
            self.stopping.begun().await;
            sleep(linger).await;
        };
        match race(stopped, agreeing).await {
            Either::First(()) => {}
            Either::Second(Err(_)) => counters.late_handshake(),
            Either::Second(Ok(Err(error))) => counters.failed_handshake(&error),
            Either::Second(Ok(Ok(stream))) => self.serve(stream, counters).await,
        }
    }

    async fn serve<T: AsyncRead + AsyncWrite + Unpin>(self, stream: T, counters: &StreamCounters) {
        let ByteConnection { taking, limits, stopping } = self;
        let mut reading = Reading { stream, taking, idle: limits.idle, stopping };
        let end = reading.read().await;
        counters.ended(end);
        match end {
            End::Idle | End::Stopping => {
                reading.linger(limits.linger).await;
            }
            // The peer is done: it is told that it was understood.
            End::Orderly => {
                use tokio::io::AsyncWriteExt;
                // If it is gone, nobody misses it.
                let _ = timeout(limits.linger, reading.stream.shutdown()).await;
            }
            End::Broken | End::CutOff => {}
        }
        reading.finish().await;
    }
}

/// Bytes on their way to a sink.
struct Bytes<S> {
    read: Vec<u8>,
    /// Bytes asked for at once: more where there always are.
    at_once: usize,
    sink: S,
}

impl<S: ByteSink> Taking for Bytes<S> {
    fn room(&mut self) -> &mut Vec<u8> {
        self.read.reserve(self.at_once);
        &mut self.read
    }

    fn take(&mut self) -> Taken {
        let taken = self.sink.bytes(&self.read);
        if self.read.len() >= self.at_once {
            self.at_once = (self.at_once * 2).min(LARGEST_READ);
        }
        self.read.clear();
        taken
    }

    fn settle(&mut self) -> bool {
        self.sink.settle()
    }

    fn finish(&mut self) -> bool {
        self.sink.finish()
    }

    fn ready(&mut self) -> BoxFuture<'_, ()> {
        self.sink.ready()
    }
}

const FIRST_READ: usize = 4 * 1024;
const LARGEST_READ: usize = 64 * 1024;

#[cfg(test)]
mod tests;
