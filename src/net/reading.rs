//! One accepted connection being read, whatever is made of its bytes: its patience, its room, its end.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout, timeout_at};

use super::BoxFuture;
use super::accept::{Either, Stopping, race};

/// Takes what a connection reads.
pub(super) trait Taking: Send {
    /// Where to append what is read: room for some is reserved.
    fn room(&mut self) -> &mut Vec<u8>;

    /// Takes what was appended.
    fn take(&mut self) -> Taken;

    /// Told that nothing is there to be read for now. False if there is no room for more.
    fn settle(&mut self) -> bool {
        true
    }

    /// Told that nothing more comes: what is held back is handed on. False if there is no room for it.
    fn finish(&mut self) -> bool;

    /// Resolves when there is room again.
    fn ready(&mut self) -> BoxFuture<'_, ()>;
}

/// What became of bytes that were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// Whether they completed a record.
    pub whole: bool,
    /// Whether there is room for more.
    pub room: bool,
    /// Whether nothing behind them can be understood.
    pub broken: bool,
}

/// A connection, and what takes its bytes.
pub(super) struct Reading<T, K> {
    pub(super) stream: T,
    pub(super) taking: K,
    /// Time within which a record has to be completed.
    pub(super) idle: Duration,
    pub(super) stopping: Stopping,
}

/// Why a connection is read no further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Orderly,
    Idle,
    Broken,
    /// A stop began; there may be more.
    Stopping,
    /// The stop could wait no longer.
    CutOff,
}

impl<T: AsyncRead + Unpin, K: Taking> Reading<T, K> {
    /// Reads until the peer ends, or tires, or a stop begins.
    pub(super) async fn read(&mut self) -> End {
        let mut deadline = Instant::now() + self.idle;
        loop {
            let read = match self.read_now().await {
                Poll::Ready(read) => read,
                Poll::Pending => match self.read_later(&mut deadline).await {
                    Ok(read) => read,
                    Err(end) => return end,
                },
            };
            match read {
                Ok(0) => return End::Orderly,
                Ok(_) => {}
                Err(_) => return End::Broken,
            }
            let taken = self.taking.take();
            if taken.broken {
                return End::Broken;
            }
            if !taken.room
                && let Either::First(()) = race(self.stopping.begun(), self.taking.ready()).await
            {
                return End::Stopping;
            }
            if taken.whole || !taken.room {
                deadline = Instant::now() + self.idle;
            }
        }
    }

    /// Hands on what is held back, and waits for room if there is none: nobody else would before another connection
    /// brings something. A stop is not waited for here.
    pub(super) async fn finish(&mut self) {
        if !self.taking.finish() {
            race(self.stopping.begun(), self.taking.ready()).await;
        }
    }

    /// Reads what is there. Where there is always something, the runtime says at times that there is not.
    async fn read_now(&mut self) -> Poll<io::Result<usize>> {
        let mut read = pin!(self.stream.read_buf(self.taking.room()));
        poll_fn(|context| Poll::Ready(read.as_mut().poll(context))).await
    }

    async fn read_later(&mut self, deadline: &mut Instant) -> Result<io::Result<usize>, End> {
        if !self.taking.settle() {
            if let Either::First(()) = race(self.stopping.begun(), self.taking.ready()).await {
                return Err(End::Stopping);
            }
            *deadline = Instant::now() + self.idle;
        }
        let read = timeout_at(*deadline, self.stream.read_buf(self.taking.room()));
        match race(self.stopping.begun(), read).await {
            Either::First(()) => Err(End::Stopping),
            Either::Second(Err(_)) => Err(End::Idle),
            Either::Second(Ok(read)) => Ok(read),
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin, K: Taking> Reading<T, K> {
    /// Says that this side is done, and reads on for `patience` at most, so that nothing is lost of what a peer sends
    /// that listens. The time in which there is no room does not count, up to [`LONGEST_WAIT`].
    pub(super) async fn linger(&mut self, patience: Duration) -> End {
        // A peer that cannot be told is read all the same.
        let _ = timeout(patience, self.stream.shutdown()).await;
        let last = Instant::now() + patience + LONGEST_WAIT;
        let mut deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            match timeout_at(deadline, self.stream.read_buf(self.taking.room())).await {
                Err(_) => break,
                Ok(Ok(0)) => return End::Orderly,
                Ok(Ok(_)) => {}
                Ok(Err(_)) => return End::Broken,
            }
            let taken = self.taking.take();
            if taken.broken {
                return End::Broken;
            }
            if !taken.room {
                let began = Instant::now();
                if timeout_at(last, self.taking.ready()).await.is_err() {
                    break;
                }
                deadline = (deadline + began.elapsed()).min(last);
            }
        }
        End::CutOff
    }
}

/// How long an ending connection waits for room at most.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
