//! Accepting connections: a cap, back-off when the system is out of descriptors, and an orderly end.

use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

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

    /// Connections open now.
    pub fn open(&self) -> u64 {
        // Ends are read first: read the other way round, a connection between the reads would count below zero.
        let ended = self.ended.load(Ordering::Acquire);
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

/// Tells a connection that its server stops.
#[derive(Debug, Clone)]
pub(super) struct Stopping(watch::Receiver<bool>);

impl Stopping {
    /// Resolves when the server stops, or is gone.
    pub(super) async fn begun(&mut self) {
        // An error means that the server is gone, which is a stop too.
        let _ = self.0.wait_for(|stopping| *stopping).await;
    }
}

/// Serves connections, `limit` at a time, until `stop` resolves and the last one has ended. Those beyond the limit are
/// given to `refuse`. Never ends for an error of accepting.
pub(super) async fn accept_until<F>(
    listener: TcpListener,
    limit: usize,
    counters: &Arc<Connections>,
    stop: impl Future<Output = ()>,
    mut serve: impl FnMut(TcpStream, SocketAddr, Stopping) -> F,
    refuse: impl Fn(TcpStream),
) where
    F: Future<Output = ()> + Send + 'static,
{
    let (stopping, stopped) = watch::channel(false);
    let mut stop = pin!(stop);
    let mut open = JoinSet::new();
    let mut back_off = FIRST_BACK_OFF;
    while let Either::Second(accepted) = race(stop.as_mut(), listener.accept()).await {
        while open.try_join_next().is_some() {}
        match accepted {
            Ok((stream, _)) if open.len() >= limit => {
                counters.refused.fetch_add(1, Ordering::Relaxed);
                refuse(stream);
            }
            Ok((stream, peer)) => {
                counters.accepted.fetch_add(1, Ordering::Relaxed);
                back_off = FIRST_BACK_OFF;
                let connection = serve(stream, peer, Stopping(stopped.clone()));
                let end = CountEnd(Arc::clone(counters));
                open.spawn(async move {
                    let _end = end;
                    connection.await;
                });
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
    drop(listener);
    // Fails only if no connection listens.
    let _ = stopping.send(true);
    while open.join_next().await.is_some() {}
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
