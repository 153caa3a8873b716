//! The HTTP server: one an address, on which plugins mount paths.
//!
//! HTTP/1.1, GET and HEAD. Slow clients are bounded: the header has to come within ten seconds, what is written has to
//! be taken within thirty, and connections are capped. A handler is called on a thread of the runtime: it renders from
//! what it has at hand and does not block. Who may see what is the handlers' business.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::task::{Context, Poll};
use std::time::Duration;

pub use http::{HeaderMap, Method, StatusCode};
use hyper::body::{Body as HyperBody, Bytes, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::accept::{Connections, Either, Stopping, accept_until, race};
use super::bind::{BindError, tcp_listener};
use super::owner::Protocol;

/// All HTTP servers of the daemon.
#[derive(Debug)]
pub struct HttpServers {
    limits: HttpLimits,
    sites: Mutex<BTreeMap<SocketAddr, Arc<Site>>>,
    serving: Mutex<BTreeMap<SocketAddr, Serving>>,
    connections: Arc<Connections>,
    stop: watch::Sender<bool>,
}

impl HttpServers {
    /// No server yet.
    pub fn new(limits: HttpLimits) -> HttpServers {
        HttpServers {
            limits,
            sites: Mutex::default(),
            serving: Mutex::default(),
            connections: Arc::default(),
            stop: watch::Sender::new(false),
        }
    }

    /// Has `handler` answer for `path` on `address`. A path that ends in `/*` answers for everything below it that no
    /// other mount answers for. Takes effect at once where the address is already served.
    ///
    /// # Errors
    /// [`MountError`]: another handler has the path, or it does not begin with a slash.
    pub fn mount(
        &self,
        address: SocketAddr,
        path: &str,
        handler: Arc<dyn Handler>,
    ) -> Result<(), MountError> {
        if !path.starts_with('/') {
            return Err(MountError::NotAPath { path: path.to_owned() });
        }
        let site = Arc::clone(locked(&self.sites).entry(address).or_default());
        let mut mounts = site.mounts.write().unwrap_or_else(PoisonError::into_inner);
        if mounts.contains_key(path) {
            return Err(MountError::Taken { address, path: path.to_owned() });
        }
        mounts.insert(path.to_owned(), handler);
        Ok(())
    }

    /// Takes `path` on `address` away from its handler; returns whether there was one.
    pub fn unmount(&self, address: SocketAddr, path: &str) -> bool {
        let Some(site) = locked(&self.sites).get(&address).map(Arc::clone) else { return false };
        site.mounts.write().unwrap_or_else(PoisonError::into_inner).remove(path).is_some()
    }

    /// Binds and serves every address that has a mount and is not yet served. Returns each with the address it is bound
    /// to, which differs where port 0 was asked for. Nothing is served if one cannot be bound.
    ///
    /// # Errors
    /// [`BindError`], which names the holder of a taken port.
    pub fn start(&self, runtime: &Handle) -> Result<Vec<(SocketAddr, SocketAddr)>, BindError> {
        let mut serving = locked(&self.serving);
        let mut bound = Vec::new();
        {
            let _inside = runtime.enter();
            for (&address, site) in
                locked(&self.sites).iter().filter(|(address, _)| !serving.contains_key(address))
            {
                let refused = |source| BindError::of(Protocol::Tcp, address, source);
                let listener = TcpListener::from_std(tcp_listener(address)?).map_err(refused)?;
                bound.push((address, listener.local_addr().map_err(refused)?, listener, Arc::clone(site)));
            }
        }
        for (address, local, listener, site) in bound {
            let mut stop = self.stop.subscribe();
            let server =
                serve(listener, site, self.limits.clone(), Arc::clone(&self.connections), async move {
                    // An error means that the servers are gone, which is a stop too.
                    let _ = stop.wait_for(|stop| *stop).await;
                });
            serving.insert(address, Serving { local, task: Some(runtime.spawn(server)) });
        }
        Ok(serving.iter().map(|(&address, serving)| (address, serving.local)).collect())
    }

    /// Stops accepting, lets requests under way finish within `grace`, then closes what is left.
    pub async fn stop(&self, grace: Duration) {
        self.stop.send_replace(true);
        let tasks: Vec<JoinHandle<()>> =
            locked(&self.serving).values_mut().filter_map(|serving| serving.task.take()).collect();
        let deadline = tokio::time::Instant::now() + grace;
        for mut task in tasks {
            if tokio::time::timeout_at(deadline, &mut task).await.is_err() {
                task.abort();
            }
        }
    }

    /// Answers a GET as the server of `address` would, without a socket; `None` if nothing is mounted there.
    pub fn call(
        &self,
        address: SocketAddr,
        path_and_query: &str,
        headers: &[(&str, &str)],
    ) -> Option<Answer> {
        let site = locked(&self.sites).get(&address).map(Arc::clone)?;
        let mut request = http::Request::get(path_and_query);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = match request.body(()) {
            Ok(request) => site.answer(&Request::of(request.into_parts().0)),
            Err(_) => Response::text(StatusCode::BAD_REQUEST, "not a request\n"),
        };
        Some(answer.collect())
    }

    /// What became of the connections to all servers.
    pub fn connections(&self) -> &Connections {
        &self.connections
    }
}

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

/// Bounds of the HTTP servers.
#[derive(Debug, Clone)]
pub struct HttpLimits {
    /// Connections open at once on one address; the next is answered 503 and counted.
    pub max_connections: usize,
    /// Time within which the header of a request has to be there, from the opening of the connection or the end of the
    /// last answer.
    pub header: Duration,
    /// Time after which a client that takes nothing of what is written is given up.
    pub stalled: Duration,
}

impl Default for HttpLimits {
    fn default() -> HttpLimits {
        HttpLimits { max_connections: 256, header: Duration::from_secs(10), stalled: Duration::from_secs(30) }
    }
}

/// Why a path could not be mounted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MountError {
    /// Another handler answers for the path.
    #[error("{address} already has a handler for {path}")]
    Taken {
        /// The server.
        address: SocketAddr,
        /// The path.
        path: String,
    },
    /// Paths begin with a slash.
    #[error("the path {path:?} does not begin with a slash")]
    NotAPath {
        /// What was given for a path.
        path: String,
    },
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
}

impl Request {
    fn of(parts: http::request::Parts) -> Request {
        let path = parts.uri.path().to_owned();
        let query = parts.uri.query().unwrap_or("").to_owned();
        Request { method: parts.method, path, query, headers: parts.headers }
    }

    /// The first header field of that name, in any case, if it is readable ASCII.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
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

    fn collect(self) -> Answer {
        let body = match self.body {
            Body::Whole(bytes) => bytes,
            Body::Chunks(mut next) => std::iter::from_fn(&mut next).flatten().collect(),
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
}

impl fmt::Debug for Body {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Body::Whole(bytes) => write!(out, "Whole({} bytes)", bytes.len()),
            Body::Chunks(_) => write!(out, "Chunks"),
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

#[derive(Debug)]
struct Serving {
    local: SocketAddr,
    task: Option<JoinHandle<()>>,
}

/// The mounts of one address.
#[derive(Default)]
struct Site {
    mounts: RwLock<BTreeMap<String, Arc<dyn Handler>>>,
}

impl Site {
    fn answer(&self, request: &Request) -> Response {
        let Some(handler) = self.handler(&request.path) else { return self.not_found(&request.path) };
        if request.method != Method::GET && request.method != Method::HEAD {
            let mut response = Response::text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n");
            response.headers.push(("allow".to_owned(), "GET, HEAD".to_owned()));
            return response;
        }
        handler.respond(request)
    }

    fn handler(&self, path: &str) -> Option<Arc<dyn Handler>> {
        let mounts = self.mounts.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(handler) = mounts.get(path) {
            return Some(Arc::clone(handler));
        }
        let above = path.rmatch_indices('/').map(|(end, _)| format!("{}/*", &path[..end]));
        above.into_iter().find_map(|mount| mounts.get(&mount).map(Arc::clone))
    }

    fn not_found(&self, path: &str) -> Response {
        let mut text = format!("nothing at {path}; there is:\n");
        for mount in self.mounts.read().unwrap_or_else(PoisonError::into_inner).keys() {
            text.push_str(mount);
            text.push('\n');
        }
        Response::text(StatusCode::NOT_FOUND, text)
    }
}

impl fmt::Debug for Site {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mounts = self.mounts.read().unwrap_or_else(PoisonError::into_inner);
        out.debug_set().entries(mounts.keys()).finish()
    }
}

async fn serve(
    listener: TcpListener,
    site: Arc<Site>,
    limits: HttpLimits,
    connections: Arc<Connections>,
    stop: impl Future<Output = ()> + Send,
) {
    let mut protocol = http1::Builder::new();
    protocol.timer(TokioTimer::new()).header_read_timeout(limits.header).max_buf_size(LARGEST_HEADER);
    let stalled = limits.stalled;
    let connect = |stream, _, stopping| {
        serve_connection(protocol.clone(), stream, Arc::clone(&site), stalled, stopping)
    };
    accept_until(listener, limits.max_connections, &connections, stop, connect, |stream| {
        // The client may be gone, and then there is nobody to tell.
        let _ = stream.try_write(BUSY);
    })
    .await;
}

async fn serve_connection(
    protocol: http1::Builder,
    stream: TcpStream,
    site: Arc<Site>,
    stalled: Duration,
    mut stopping: Stopping,
) {
    give_up_after(&stream, stalled);
    let answer = service_fn(move |request: hyper::Request<Incoming>| {
        let response = site.answer(&Request::of(request.into_parts().0));
        async move { Ok::<_, Infallible>(rendered(response)) }
    });
    let mut connection = pin!(protocol.serve_connection(TokioIo::new(stream), answer));
    if let Either::First(()) = race(stopping.begun(), connection.as_mut()).await {
        connection.as_mut().graceful_shutdown();
        // What fails here and above is the client's: gone, slow or no HTTP. It has been told what can be told.
        let _ = connection.await;
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn give_up_after(stream: &TcpStream, stalled: Duration) {
    // Only a bound: without it a stalled client keeps its connection until it goes.
    let _ = socket2::SockRef::from(stream).set_tcp_user_timeout(Some(stalled));
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn give_up_after(_stream: &TcpStream, _stalled: Duration) {}

fn rendered(response: Response) -> hyper::Response<Sending> {
    let mut rendered = hyper::Response::new(Sending(response.body));
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
struct Sending(Body);

impl HyperBody for Sending {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = match &mut self.0 {
            Body::Whole(bytes) => Some(std::mem::take(bytes)).filter(|bytes| !bytes.is_empty()),
            Body::Chunks(next) => std::iter::from_fn(next).find(|piece| !piece.is_empty()),
        };
        Poll::Ready(piece.map(|piece| Ok(Frame::data(Bytes::from(piece)))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(&self.0, Body::Whole(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Body::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Body::Chunks(_) => SizeHint::default(),
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

fn locked<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

const BUSY: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nretry-after: 1\r\nconnection: close\r\n\r\n";
/// Bytes of header a client may send; also what is buffered for it before its handler is asked for more.
const LARGEST_HEADER: usize = 64 * 1024;

#[cfg(test)]
#[path = "http_tests.rs"]
mod tests;
