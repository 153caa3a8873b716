//! A body without an end: events as they come, a heartbeat while none comes, and an end at once when the server stops.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

use super::accept::Stopping;

/// Where the pieces of an endless body come from.
pub trait Events: Send {
    /// The next piece, `None` at the end; if there is none yet, `context` is woken when there is.
    ///
    /// Asked only when the client has taken what went before: bounding what waits for a slow one is its own business.
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Vec<u8>>>;
}

/// What is there already, for whoever asks without a socket.
pub(super) fn waiting(events: &mut dyn Events) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut context = Context::from_waker(Waker::noop());
    while let Poll::Ready(Some(piece)) = events.poll_next(&mut context) {
        bytes.extend(piece);
    }
    bytes
}

/// Events on their way to a client.
pub(super) struct Stream {
    events: Box<dyn Events>,
    stopped: Pin<Box<dyn Future<Output = ()> + Send>>,
    heartbeat: Pin<Box<Sleep>>,
    ended: bool,
}

impl Stream {
    /// Sends `events` until they end or the server stops.
    pub(super) fn new(events: Box<dyn Events>, mut stopping: Stopping) -> Stream {
        Stream {
            events,
            stopped: Box::pin(async move { stopping.begun().await }),
            heartbeat: Box::pin(tokio::time::sleep(HEARTBEAT)),
            ended: false,
        }
    }

    pub(super) fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Option<Vec<u8>>> {
        if self.ended || self.stopped.as_mut().poll(context).is_ready() {
            self.ended = true;
            return Poll::Ready(None);
        }
        let piece = match self.events.poll_next(context) {
            Poll::Ready(piece) => piece,
            // Without it neither side would notice that the other is gone.
            Poll::Pending if self.heartbeat.as_mut().poll(context).is_ready() => Some(COMMENT.to_vec()),
            Poll::Pending => return Poll::Pending,
        };
        self.ended = piece.is_none();
        self.heartbeat.as_mut().reset(Instant::now() + HEARTBEAT);
        Poll::Ready(piece)
    }
}

/// How long nothing comes before a heartbeat does.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// A line that readers of events pass over.
const COMMENT: &[u8] = b":\n\n";
