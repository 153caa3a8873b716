//! The HTTP server: one an address, on which plugins mount paths.
//!
//! HTTP/1.1, GET and HEAD. Slow clients are bounded: the header has to come within ten seconds, what is written has to
//! be taken within thirty, and connections are capped. A handler is called on a thread of the runtime: it renders from
//! what it has at hand and does not block. Who may see what is the handlers' business.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

pub use http::{HeaderMap, Method, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::accept::{Connections, Either, Stopping, accept_until, race};
use super::bind::{BindError, tcp_listener};
pub use super::events::Events;
use super::exchange::rendered;
pub use super::exchange::{Answer, Body, Caller, Handler, Request, Response};
use super::owner::Protocol;

use crate::lock::{locked, locked_to_read, locked_to_write};

/// All HTTP servers of the daemon.
#[derive(Debug)]
pub struct HttpServers {
    limits: HttpLimits,
    sites: Mutex<BTreeMap<SocketAddr, Arc<Site>>>,
    serving: Mutex<BTreeMap<SocketAddr, Serving>>,
    connections: Arc<Connections>,
    /// The number of the next connection.
    numbers: Arc<AtomicU64>,
    stop: watch::Sender<bool>,
}

impl Default for HttpServers {
    fn default() -> HttpServers {
        HttpServers::new(HttpLimits::default())
    }
}

impl HttpServers {
    /// No server yet.
    pub fn new(limits: HttpLimits) -> HttpServers {
        HttpServers {
            limits,
            sites: Mutex::default(),
            serving: Mutex::default(),
            connections: Arc::default(),
            numbers: Arc::default(),
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
        let mut mounts = locked_to_write(&site.mounts);
        if mounts.contains_key(path) {
            return Err(MountError::Taken { address, path: path.to_owned() });
        }
        mounts.insert(path.to_owned(), handler);
        Ok(())
    }

    /// Mounts what one plugin serves, in the place of what it mounted before a fault; whether there was something.
    ///
    /// # Errors
    /// As `mount`, of the first path.
    pub fn mount_again(
        &self,
        address: SocketAddr,
        mounts: impl IntoIterator<Item = (&'static str, Arc<dyn Handler>)>,
    ) -> Result<bool, MountError> {
        let mut before = false;
        for (path, handler) in mounts {
            before |= self.unmount(address, path);
            self.mount(address, path, handler)?;
        }
        Ok(before)
    }

    /// Takes `path` on `address` away from its handler; returns whether there was one.
    pub fn unmount(&self, address: SocketAddr, path: &str) -> bool {
        let Some(site) = locked(&self.sites).get(&address).map(Arc::clone) else { return false };
        locked_to_write(&site.mounts).remove(path).is_some()
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
            let server = Server { site, limits: self.limits.clone(), numbers: Arc::clone(&self.numbers) };
            let server = server.run(listener, Arc::clone(&self.connections), async move {
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

    /// Answers a GET as the server of `address` would that comes on the connection of that number, without a socket;
    /// `None` if nothing is mounted there.
    pub fn call(
        &self,
        address: SocketAddr,
        path_and_query: &str,
        headers: &[(&str, &str)],
        connection: u64,
    ) -> Option<Answer> {
        let caller = Caller { peer: IpAddr::V4(Ipv4Addr::LOCALHOST), connection };
        let site = locked(&self.sites).get(&address).map(Arc::clone)?;
        let mut request = http::Request::get(path_and_query);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = match request.body(()) {
            Ok(request) => site.answer(&Request::of(request.into_parts().0, caller)),
            Err(_) => Response::text(StatusCode::BAD_REQUEST, "not a request\n"),
        };
        Some(answer.collect())
    }

    /// What became of the connections to all servers.
    pub fn connections(&self) -> &Connections {
        &self.connections
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
        let mounts = locked_to_read(&self.mounts);
        if let Some(handler) = mounts.get(path) {
            return Some(Arc::clone(handler));
        }
        let above = path.rmatch_indices('/').map(|(end, _)| format!("{}/*", &path[..end]));
        above.into_iter().find_map(|mount| mounts.get(&mount).map(Arc::clone))
    }

    fn not_found(&self, path: &str) -> Response {
        let mut text = format!("nothing at {path}; there is:\n");
        for mount in locked_to_read(&self.mounts).keys() {
            text.push_str(mount);
            text.push('\n');
        }
        Response::text(StatusCode::NOT_FOUND, text)
    }
}

impl fmt::Debug for Site {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mounts = locked_to_read(&self.mounts);
        out.debug_set().entries(mounts.keys()).finish()
    }
}

/// One server under way.
#[derive(Clone)]
struct Server {
    site: Arc<Site>,
    limits: HttpLimits,
    numbers: Arc<AtomicU64>,
}

impl Server {
    async fn run(
        self,
        listener: TcpListener,
        connections: Arc<Connections>,
        stop: impl Future<Output = ()> + Send,
    ) {
        let most = self.limits.max_connections;
        let connect = |stream, peer: SocketAddr, stopping| {
            let connection = self.numbers.fetch_add(1, Ordering::Relaxed);
            let caller = Caller { peer: peer.ip().to_canonical(), connection };
            self.clone().serve(stream, caller, stopping)
        };
        accept_until(listener, most, &connections, stop, connect, |stream| {
            // The client may be gone, and then there is nobody to tell.
            let _ = stream.try_write(BUSY);
        })
        .await;
    }

    async fn serve(self, stream: TcpStream, caller: Caller, mut stopping: Stopping) {
        give_up_after(&stream, self.limits.stalled);
        let mut protocol = http1::Builder::new();
        let protocol = protocol.timer(TokioTimer::new()).header_read_timeout(self.limits.header);
        let protocol = protocol.max_buf_size(LARGEST_HEADER);
        let ends = stopping.clone();
        let answer = service_fn(move |request: hyper::Request<Incoming>| {
            let response = self.site.answer(&Request::of(request.into_parts().0, caller));
            let response = rendered(response, &ends);
            async move { Ok::<_, Infallible>(response) }
        });
        let mut connection = pin!(protocol.serve_connection(TokioIo::new(stream), answer));
        if let Either::First(()) = race(stopping.begun(), connection.as_mut()).await {
            connection.as_mut().graceful_shutdown();
            // What fails here and above is the client's: gone, slow or no HTTP. It has been told what can be told.
            let _ = connection.await;
        }
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn give_up_after(stream: &TcpStream, stalled: Duration) {
    // Only a bound: without it a stalled client keeps its connection until it goes.
    let _ = socket2::SockRef::from(stream).set_tcp_user_timeout(Some(stalled));
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn give_up_after(_stream: &TcpStream, _stalled: Duration) {}

const BUSY: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nretry-after: 1\r\nconnection: close\r\n\r\n";
/// Bytes of header a client may send; also what is buffered for it before its handler is asked for more.
const LARGEST_HEADER: usize = 64 * 1024;

#[cfg(test)]
mod tests;
