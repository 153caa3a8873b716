//! What the HTTP server and its handlers hand each other: a request, and a response, whole or in pieces.

use std::convert::Infallible;
use std::fmt;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{HeaderMap, Method, StatusCode};
use hyper::body::{Body as HyperBody, Bytes, Frame, SizeHint};

use super::accept::Stopping;
use super::events::{self, Events, Stream};

/// Answers requests for the path it is mounted on.
pub trait Handler: Send + Sync {
    /// The answer; must not block. For HEAD the body is left out by the server.
    fn respond(&self, request: &Request) -> Response;
}

impl<F: Fn(&Request) -> Response + Send + Sync> Handler for F {
    fn respond(&self, request: &Request) -> Response {
        self(request)
    }
}

/// What a client asked.
#[derive(Debug, Clone)]
pub struct Request {
    /// GET or HEAD.
    pub method: Method,
    /// The path, as sent.
    pub path: String,
    /// What follows the question mark, as sent; empty if nothing does.
    pub query: String,
    /// The header fields.
    pub headers: HeaderMap,
    /// Who asked.
    pub caller: Caller,
}

/// Where a request came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Caller {
    /// The client's address.
    pub peer: IpAddr,
    /// Number of the connection: requests of one connection have one, and no other connection has it.
    pub connection: u64,
}

impl Request {
    pub(super) fn of(parts: http::request::Parts, caller: Caller) -> Request {
        let path = parts.uri.path().to_owned();
        let query = parts.uri.query().unwrap_or("").to_owned();
        Request { method: parts.method, path, query, headers: parts.headers, caller }
    }

    /// The first header field of that name, in any case, if it is readable ASCII.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// All header fields of that name, joined as one list.
    pub fn header_list(&self, name: &str) -> Option<String> {
        let fields: Vec<&str> =
            self.headers.get_all(name).iter().filter_map(|field| field.to_str().ok()).collect();
        (!fields.is_empty()).then(|| fields.join(","))
    }

    /// The first value of `name` in the query, with `%XX` and `+` resolved.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let pairs = self.query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        pairs
            .map(|(key, value)| (unescaped(key), value))
            .find(|(key, _)| key == name)
            .map(|(_, value)| unescaped(value))
    }
}

/// What a handler answers.
#[derive(Debug)]
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The content type, exactly as sent.
    pub content_type: String,
    /// Further header fields; those that are none by the rules of HTTP are left out.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Body,
}

impl Response {
    /// A short text.
    pub fn text(status: StatusCode, text: impl Into<String>) -> Response {
        let body = Body::Whole(text.into().into_bytes());
        Response { status, content_type: "text/plain; charset=utf-8".to_owned(), headers: Vec::new(), body }
    }

    /// The whole of it, put together; of events what is there already.
    pub fn collect(self) -> Answer {
        let body = match self.body {
            Body::Whole(bytes) => bytes,
            Body::Chunks(mut next) => std::iter::from_fn(&mut next).flatten().collect(),
            Body::Events(mut source) => events::waiting(&mut *source),
        };
        Answer { status: self.status.as_u16(), content_type: self.content_type, headers: self.headers, body }
    }
}

/// The body of a response.
pub enum Body {
    /// All of it; sent with its length.
    Whole(Vec<u8>),
    /// Piece by piece until `None`, asked for as the client takes them; pieces of about 64 KiB are best.
    Chunks(Box<dyn FnMut() -> Option<Vec<u8>> + Send>),
    /// Piece by piece as they come, until the client goes, the events end or the server stops.
    Events(Box<dyn Events>),
}

impl fmt::Debug for Body {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Body::Whole(bytes) => write!(out, "Whole({} bytes)", bytes.len()),
            Body::Chunks(_) => write!(out, "Chunks"),
            Body::Events(_) => write!(out, "Events"),
        }
    }
}

/// A whole response, as [`HttpServers::call`] gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status, as a number.
    pub status: u16,
    /// The content type.
    pub content_type: String,
    /// Further header fields.
    pub headers: Vec<(String, String)>,
    /// The body, put together.
    pub body: Vec<u8>,
}

pub(super) fn rendered(response: Response, stopping: &Stopping) -> hyper::Response<Sending> {
    let mut rendered = hyper::Response::new(Sending::of(response.body, stopping));
    *rendered.status_mut() = response.status;
    let content_type = ("content-type".to_owned(), response.content_type);
    for (name, value) in std::iter::once(content_type).chain(response.headers) {
        if let (Ok(name), Ok(value)) = (name.parse::<http::HeaderName>(), http::HeaderValue::try_from(value))
        {
            rendered.headers_mut().append(name, value);
        }
    }
    rendered
}

/// A body under way.
pub(super) enum Sending {
    Whole(Vec<u8>),
    Chunks(Box<dyn FnMut() -> Option<Vec<u8>> + Send>),
    Stream(Stream),
}

impl Sending {
    fn of(body: Body, stopping: &Stopping) -> Sending {
        match body {
            Body::Whole(bytes) => Sending::Whole(bytes),
            Body::Chunks(next) => Sending::Chunks(next),
            Body::Events(events) => Sending::Stream(Stream::new(events, stopping.clone())),
        }
    }
}

impl HyperBody for Sending {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = match &mut *self {
            Sending::Whole(bytes) => Some(std::mem::take(bytes)).filter(|bytes| !bytes.is_empty()),
            Sending::Chunks(next) => std::iter::from_fn(next).find(|piece| !piece.is_empty()),
            Sending::Stream(stream) => match stream.poll_piece(context) {
                Poll::Ready(piece) => piece,
                Poll::Pending => return Poll::Pending,
            },
        };
        Poll::Ready(piece.map(|piece| Ok(Frame::data(Bytes::from(piece)))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Sending::Whole(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Sending::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Sending::Chunks(_) | Sending::Stream(_) => SizeHint::default(),
        }
    }
}

fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let escaped = hexadecimal(after).filter(|_| *first == b'%');
        bytes.push(escaped.unwrap_or(if *first == b'+' { b' ' } else { *first }));
        rest = if escaped.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The byte that two hexadecimal digits at the start of `digits` stand for.
fn hexadecimal(digits: &[u8]) -> Option<u8> {
    let digit = |at: usize| char::from(*digits.get(at)?).to_digit(16);
    u8::try_from(digit(0)? * 16 + digit(1)?).ok()
}
