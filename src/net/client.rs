//! An HTTP/1.1 client: one request at a time, over a connection that is kept.
//!
//! Nothing is spawned: whoever asks drives the connection meanwhile, and between two requests nobody does. So a connection
//! that the peer has closed since is found out when the next request is to be sent. Which status is good, and when to ask
//! again, is the asker's business; but a kept connection that breaks before it has answered is replaced at once, once:
//! peers close idle ones, and then no request was heard.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::time::timeout;

use super::{Connection, TlsClient, World, explained};

/// Asks one server.
pub struct HttpClient {
    world: Arc<World>,
    host: String,
    port: u16,
    connect_timeout: Duration,
    /// What is agreed on with the server before anything is asked, if it is.
    tls: Option<TlsClient>,
    kept: Option<Kept>,
    connects: u64,
}

/// What a server answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpAnswer {
    /// The status.
    pub status: StatusCode,
    /// The header fields.
    pub headers: HeaderMap,
    /// The body, or its first [`MOST_BODY`] bytes.
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// There is no connection.
    #[error("cannot connect: {0}")]
    Connect(#[source] io::Error),
    /// The answer takes too long.
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
    /// The connection ended, or what came is no HTTP.
    #[error("{why}")]
    Broken {
        /// What is at the bottom of it.
        why: String,
        /// All of it.
        #[source]
        error: hyper::Error,
    },
}

/// A connection that may be used again.
struct Kept {
    sender: SendRequest<Whole>,
    connection: http1::Connection<TokioIo<Box<dyn Connection>>, Whole>,
    /// Whether the connection has ended.
    ended: bool,
}

impl HttpClient {
    /// Will ask `host`, a name or an address, which is looked up at every connect.
    pub fn new(world: Arc<World>, host: &str, port: u16, connect_timeout: Duration) -> HttpClient {
        HttpClient { world, host: host.to_owned(), port, connect_timeout, tls: None, kept: None, connects: 0 }
    }

    /// This client, over TLS.
    #[must_use]
    pub fn over(self, tls: Option<TlsClient>) -> HttpClient {
        HttpClient { tls, ..self }
    }

    /// Connections made so far.
    pub fn connects(&self) -> u64 {
        self.connects
    }

    /// Sends a request, whose header names the host, and reads the answer within `within`, if that is bounded.
    ///
    /// # Errors
    /// [`HttpError`]; the request may have been heard nevertheless.
    pub async fn ask(
        &mut self,
        request: &http::Request<Bytes>,
        within: Option<Duration>,
    ) -> Result<HttpAnswer, HttpError> {
        if let Some(kept) = self.kept.take().filter(|kept| !kept.ended) {
            match self.exchange(kept, request, within).await {
                Err(HttpError::Broken { .. }) => {}
                other => return other,
            }
        }
        let kept = self.connect().await?;
        self.exchange(kept, request, within).await
    }

    async fn connect(&mut self) -> Result<Kept, HttpError> {
        let (world, host, port, within) = (&self.world, &self.host, self.port, self.connect_timeout);
        let connection = match &self.tls {
            Some(tls) => world.connect_tls(host, port, tls, within).await,
            None => world.connect_tcp(host, port, within).await,
        };
        let connection = connection.map_err(HttpError::Connect)?;
        self.connects += 1;
        let made = http1::handshake(TokioIo::new(connection)).await;
        let (sender, connection) = made.map_err(|error| self.broken(error))?;
        Ok(Kept { sender, connection, ended: false })
    }

    /// One request over one connection, which is kept if it can be used again.
    async fn exchange(
        &mut self,
        mut kept: Kept,
        request: &http::Request<Bytes>,
        within: Option<Duration>,
    ) -> Result<HttpAnswer, HttpError> {
        let answered = kept.exchange(request);
        let (answer, whole) = match within {
            Some(within) => timeout(within, answered).await.map_err(|_| HttpError::TimedOut(within))?,
            None => answered.await,
        }
        .map_err(|error| self.broken(error))?;
        self.kept = Some(kept).filter(|_| whole);
        Ok(answer)
    }

    fn broken(&self, error: hyper::Error) -> HttpError {
        HttpError::Broken { why: innermost(&error, &self.host), error }
    }
}

impl Kept {
    /// The answer, and whether its body was read to the end.
    async fn exchange(&mut self, request: &http::Request<Bytes>) -> hyper::Result<(HttpAnswer, bool)> {
        let Kept { sender, connection, ended } = self;
        driven(connection, ended, sender.ready()).await?;
        let (parts, body) = request.clone().into_parts();
        let sending = sender.send_request(http::Request::from_parts(parts, Whole(body)));
        let (parts, mut incoming) = driven(connection, ended, sending).await?.into_parts();
        let mut body = Vec::new();
        let mut whole = false;
        while !whole && body.len() < MOST_BODY {
            match driven(connection, ended, next_frame(&mut incoming)).await {
                Some(frame) => body.extend(frame?.into_data().unwrap_or_default()),
                None => whole = true,
            }
        }
        body.truncate(MOST_BODY);
        Ok((HttpAnswer { status: parts.status, headers: parts.headers, body }, whole))
    }
}

async fn next_frame(incoming: &mut Incoming) -> Option<hyper::Result<Frame<Bytes>>> {
    poll_fn(|context| Pin::new(&mut *incoming).poll_frame(context)).await
}

/// Does `work`, which waits for the connection, and the connection's own work.
async fn driven<T>(
    connection: &mut (impl Future + Unpin),
    ended: &mut bool,
    work: impl Future<Output = T>,
) -> T {
    let mut work = pin!(work);
    poll_fn(|context| {
        if !*ended {
            *ended = Pin::new(&mut *connection).poll(context).is_ready();
        }
        work.as_mut().poll(context)
    })
    .await
}

/// What is at the bottom of an error, which says more than what is above it; what TLS says of `host`, explained.
fn innermost(error: &hyper::Error, host: &str) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    match cause.downcast_ref::<io::Error>().and_then(|error| Some((error.kind(), error.get_ref()?))) {
        Some((kind, inner)) => match inner.downcast_ref::<rustls::Error>() {
            Some(inner) => explained(io::Error::new(kind, inner.clone()), host).to_string(),
            None => inner.to_string(),
        },
        None => cause.to_string(),
    }
}

/// A body that is there from the start.
struct Whole(Bytes);

impl Body for Whole {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let bytes = std::mem::take(&mut self.0);
        Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.len() as u64)
    }
}

/// Bytes of an answer's body that are read; a connection on which more comes is not kept.
pub const MOST_BODY: usize = 64 << 10;

#[cfg(test)]
mod tests;
