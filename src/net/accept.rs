//! Accepting connections: a cap, back-off when the system is out of descriptors, and an orderly end.

use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// What became of the connections of a listener.
#[derive(Debug, Default)]
pub struct Connections {
    accepted: AtomicU64,
    refused: AtomicU64,
    failed: AtomicU64,
    ended: AtomicU64,
}

impl Connections {
    /// Connections taken.
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Connections closed at once because as many as allowed were open.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Times the system could not accept, mostly for want of file descriptors.
    pub fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    /// Connections that were taken and have ended.
    pub fn ended(&self) -> u64 {
        self.ended.load(Ordering::Acquire)
    }

    /// Connections open now.
    pub fn open(&self) -> u64 {
        // Ends are read first: read the other way round, a connection between the reads would count below zero.
        let ended = self.ended();
        self.accepted().saturating_sub(ended)
    }
}

/// Counts the end of a connection, even one that ends by a panic.
struct CountEnd(Arc<Connections>);

impl Drop for CountEnd {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::Release);
    }
}

/// Tells a connection that its server stops, and since when.
#[derive(Debug, Clone)]
pub(super) struct Stopping(watch::Receiver<Option<Instant>>);

impl Stopping {
    /// Resolves when the server stops, or is gone.
    pub(super) async fn begun(&mut self) {
        // An error means that the server is gone, which is a stop too.
        let _ = self.0.wait_for(Option::is_some).await;
    }

    /// When that was, or now.
    pub(super) fn since(&self) -> Instant {
        self.0.borrow().unwrap_or_else(Instant::now)
    }
}

/// A listener, of whatever kind.
pub(super) trait Listen: Sized + Sync {
    /// Its connections.
    type Stream: Send + 'static;
    /// Who is at their other end.
    type Peer;
    /// The same listener outside of the runtime.
    type Blocking;

    /// Waits for a connection.
    fn accept(&self) -> impl Future<Output = io::Result<(Self::Stream, Self::Peer)>> + Send;

    /// Takes it from the runtime.
    fn into_blocking(self) -> io::Result<Self::Blocking>;

    /// Accepts a connection that waits already. The listener does not block.
    fn accept_now(listener: &Self::Blocking) -> io::Result<(Self::Stream, Self::Peer)>;
}

impl Listen for TcpListener {
    type Stream = TcpStream;
    type Peer = SocketAddr;
    type Blocking = std::net::TcpListener;

    fn accept(&self) -> impl Future<Output = io::Result<(TcpStream, SocketAddr)>> + Send {
        TcpListener::accept(self)
    }

    fn into_blocking(self) -> io::Result<std::net::TcpListener> {
        self.into_std()
    }

    fn accept_now(listener: &std::net::TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, peer) = listener.accept()?;
        stream.set_nonblocking(true)?;
        Ok((TcpStream::from_std(stream)?, peer))
    }
}

#[cfg(unix)]
impl Listen for tokio::net::UnixListener {
    type Stream = tokio::net::UnixStream;
    type Peer = tokio::net::unix::SocketAddr;
    type Blocking = std::os::unix::net::UnixListener;

    fn accept(&self) -> impl Future<Output = io::Result<(Self::Stream, Self::Peer)>> + Send {
        tokio::net::UnixListener::accept(self)
    }

    fn into_blocking(self) -> io::Result<Self::Blocking> {
        self.into_std()
    }

    fn accept_now(listener: &Self::Blocking) -> io::Result<(Self::Stream, Self::Peer)> {
        let (stream, peer) = listener.accept()?;
        stream.set_nonblocking(true)?;
        Ok((tokio::net::UnixStream::from_std(stream)?, peer.into()))
    }
}

/// Serves connections, `limit` at a time, until `stop` resolves and the last one has ended. Those beyond the limit are
/// given to `refuse`. Never ends for an error of accepting. Those that wait to be accepted at the stop are served too,
/// told to stop from the start: their peers may have sent everything and gone.
pub(super) async fn accept_until<L, F>(
    listener: L,
    limit: usize,
    counters: &Arc<Connections>,
    stop: impl Future<Output = ()>,
    serve: impl FnMut(L::Stream, L::Peer, Stopping) -> F,
    refuse: impl Fn(L::Stream),
) where
    L: Listen,
    F: Future<Output = ()> + Send + 'static,
{
    let (stopping, stopped) = watch::channel(None);
    let mut stop = pin!(stop);
    let mut serving = Serving { open: JoinSet::new(), counters, stopping: Stopping(stopped), serve };
    let mut back_off = FIRST_BACK_OFF;
    while let Either::Second(accepted) = race(stop.as_mut(), listener.accept()).await {
        while serving.open.try_join_next().is_some() {}
        match accepted {
            Ok((stream, _)) if serving.open.len() >= limit => {
                counters.refused.fetch_add(1, Ordering::Relaxed);
                refuse(stream);
            }
            Ok((stream, peer)) => {
                back_off = FIRST_BACK_OFF;
                serving.spawn(stream, peer);
            }
            Err(_) => {
                counters.failed.fetch_add(1, Ordering::Relaxed);
                if let Either::First(()) = race(stop.as_mut(), tokio::time::sleep(back_off)).await {
                    break;
                }
                back_off = (back_off * 2).min(LAST_BACK_OFF);
            }
        }
    }
    // Fails only if nobody listens, and `serving` does.
    let _ = stopping.send(Some(Instant::now()));
    serving.take_queued(listener, limit).await;
    while serving.open.join_next().await.is_some() {}
}

/// The connections of one listener.
struct Serving<'a, S> {
    open: JoinSet<()>,
    counters: &'a Arc<Connections>,
    stopping: Stopping,
    serve: S,
}

impl<S> Serving<'_, S> {
    fn spawn<T, P, F>(&mut self, stream: T, peer: P)
    where
        S: FnMut(T, P, Stopping) -> F,
        F: Future<Output = ()> + Send + 'static,
    {
        self.counters.accepted.fetch_add(1, Ordering::Relaxed);
        let connection = (self.serve)(stream, peer, self.stopping.clone());
        let end = CountEnd(Arc::clone(self.counters));
        self.open.spawn(async move {
            let _end = end;
            connection.await;
        });
    }

    /// Serves what waits to be accepted, after the stop was told, and closes the listener. Waits for no peer: where the
    /// limit is reached or descriptors are short it waits for an open connection to end, which all of them are about to.
    async fn take_queued<L, F>(&mut self, listener: L, limit: usize)
    where
        L: Listen,
        S: FnMut(L::Stream, L::Peer, Stopping) -> F,
        F: Future<Output = ()> + Send + 'static,
    {
        // The system is asked itself: the runtime answers by what it last heard of the socket, which may be old.
        let Ok(listener) = listener.into_blocking() else {
            self.counters.failed.fetch_add(1, Ordering::Relaxed);
            return;
        };
        for _ in 0..MOST_QUEUED {
            while self.open.len() >= limit && self.open.join_next().await.is_some() {}
            match L::accept_now(&listener) {
                Ok((stream, peer)) => self.spawn(stream, peer),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => {
                    self.counters.failed.fetch_add(1, Ordering::Relaxed);
                    if self.open.join_next().await.is_none() {
                        return;
                    }
                }
            }
        }
    }
}

/// What of two futures was there first.
pub(super) enum Either<A, B> {
    First(A),
    Second(B),
}

/// Waits for whichever of the two is there first; the first wins a draw. The other is dropped.
pub(super) async fn race<A, B>(
    first: impl Future<Output = A>,
    second: impl Future<Output = B>,
) -> Either<A, B> {
    let (mut first, mut second) = (pin!(first), pin!(second));
    poll_fn(|context| {
        if let Poll::Ready(value) = first.as_mut().poll(context) {
            return Poll::Ready(Either::First(value));
        }
        second.as_mut().poll(context).map(Either::Second)
    })
    .await
}

const FIRST_BACK_OFF: Duration = Duration::from_millis(10);
const LAST_BACK_OFF: Duration = Duration::from_secs(1);
/// Connections taken at most after the stop: more than a backlog holds, and an end where new ones keep coming.
const MOST_QUEUED: usize = 4096;
