//! Connections out, real ones or those of a trial.
//!
//! Names are resolved at every connect, so that a peer that moved is found. When to connect again, and what to do with
//! what was not sent, is the runner's.

use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use socket2::{SockRef, Socket, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio::time::timeout;

use super::place::Family;
use super::tape::Tape;
use super::tls::TlsClient;
use crate::config::Address;

/// Where outputs send to.
#[derive(Debug, Clone, Default)]
pub enum World {
    /// The network and the standard output of this process.
    #[default]
    Real,
    /// A tape that records and fails on demand.
    Trial(Arc<Tape>),
}

/// A stream of bytes both ways.
pub trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for T {}

/// How to connect.
#[derive(Debug, Clone, Copy)]
pub struct Dialing<'a> {
    /// A name or an address.
    pub host: &'a str,
    /// Its port.
    pub port: u16,
    /// The address to connect from, if it is not the system's choice.
    pub local: Option<&'a Address>,
    /// How long the connection is quiet before the system asks whether the peer is there, if it does.
    pub keep_alive: Option<Duration>,
    /// How long all of it may take.
    pub within: Duration,
}

/// A connection that was made.
pub struct Dialed {
    /// What is written and read.
    pub connection: Box<dyn Connection>,
    /// Its socket, to be asked what became of it when the connection is given up; none in a trial.
    pub socket: Option<Socket>,
}

impl World {
    /// Connects to `host`, a name or an address, within `within`, the resolving included; tries all its addresses in
    /// turn. The connection sends at once what is written and notices a dead peer in about a minute when idle, and in
    /// twenty seconds when something is unacknowledged.
    ///
    /// # Errors
    /// What the last address tried said; `TimedOut` if the time was up.
    pub async fn connect_tcp(
        &self,
        host: &str,
        port: u16,
        within: Duration,
    ) -> io::Result<Box<dyn Connection>> {
        let dialing = Dialing { host, port, local: None, keep_alive: Some(KEEPALIVE_AFTER), within };
        Ok(self.dial(&dialing, None).await?.connection)
    }

    /// Connects as `dialing` says, and agrees on keys with the peer where there is `tls`, all of it in the time that it
    /// allows. The connection sends at once what is written and notices in twenty seconds that nothing of it is
    /// acknowledged.
    ///
    /// # Errors
    /// What the last address tried said; `TimedOut` if the time was up; what is wrong with the peer's certificate.
    pub async fn dial(&self, dialing: &Dialing<'_>, tls: Option<&TlsClient>) -> io::Result<Dialed> {
        let Dialing { host, port, within, .. } = *dialing;
        let (connection, socket): (Box<dyn Connection>, _) = match self {
            World::Trial(tape) => (Box::new(tape.connect(&place(host, port))?), None),
            World::Real => {
                let dialed = timeout(within, async {
                    let stream = connect(dialing).await?;
                    let socket = SockRef::from(&stream).try_clone()?;
                    let connection: Box<dyn Connection> = match tls {
                        None => Box::new(stream),
                        Some(tls) => tls.secure(host, Box::new(stream)).await?,
                    };
                    Ok::<_, io::Error>((connection, Some(socket)))
                });
                dialed.await??
            }
        };
        Ok(Dialed { connection, socket })
    }

    /// A socket that sends datagrams to `host`, resolved now.
    ///
    /// # Errors
    /// If the name has no address, or no socket can be opened.
    pub async fn udp(&self, host: &str, port: u16) -> io::Result<UdpSender> {
        self.udp_from(host, port, Family::Any, None).await
    }

    /// The same to an address of that family, from `local`.
    ///
    /// # Errors
    /// If one of the names has no address, or no socket can be opened.
    pub async fn udp_from(
        &self,
        host: &str,
        port: u16,
        family: Family,
        local: Option<&Address>,
    ) -> io::Result<UdpSender> {
        match self {
            World::Trial(tape) => Ok(UdpSender(Way::Trial(Arc::clone(tape), place(host, port)))),
            World::Real => {
                let mut found = lookup_host((bare(host), port)).await?;
                let peer = found.find(|peer| family.has(peer.ip())).ok_or_else(|| no_address(host))?;
                let socket = UdpSocket::bind(local_of(local, peer).await?)?;
                socket.connect(peer)?;
                Ok(UdpSender(Way::Real(socket)))
            }
        }
    }

    /// Writes `bytes` to the standard output, all or an error.
    ///
    /// # Errors
    /// What the standard output says.
    pub fn print(&self, bytes: &[u8]) -> io::Result<()> {
        match self {
            World::Trial(tape) => tape.print(bytes),
            World::Real => {
                let mut out = io::stdout().lock();
                out.write_all(bytes)?;
                out.flush()
            }
        }
    }
}

/// Sends datagrams to one peer.
#[derive(Debug)]
pub struct UdpSender(Way);

#[derive(Debug)]
enum Way {
    Real(UdpSocket),
    Trial(Arc<Tape>, String),
}

impl UdpSender {
    /// Sends one datagram; waits while the socket's send buffer is full.
    ///
    /// # Errors
    /// What the system says: `ConnectionRefused` is the peer's answer to an earlier datagram.
    pub fn send(&self, datagram: &[u8]) -> io::Result<()> {
        match &self.0 {
            Way::Real(socket) => socket.send(datagram).map(|_| ()),
            Way::Trial(tape, address) => tape.send(address, datagram),
        }
    }
}

async fn connect(dialing: &Dialing<'_>) -> io::Result<TcpStream> {
    let mut last = no_address(dialing.host);
    for address in lookup_host((bare(dialing.host), dialing.port)).await? {
        match connect_to(address, dialing).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

async fn connect_to(peer: SocketAddr, dialing: &Dialing<'_>) -> io::Result<TcpStream> {
    let socket = match peer {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    if dialing.local.is_some() {
        // A port of one's own must be free for the next connection as well.
        socket.set_reuseaddr(true)?;
        socket.bind(local_of(dialing.local, peer).await?)?;
    }
    let stream = socket.connect(peer).await?;
    prepare(&stream, dialing.keep_alive)?;
    Ok(stream)
}

/// Where to send from to reach `peer`.
async fn local_of(local: Option<&Address>, peer: SocketAddr) -> io::Result<SocketAddr> {
    let any = match peer {
        SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    let Some(local) = local else { return Ok(SocketAddr::new(any, 0)) };
    if local.host().is_empty() {
        return Ok(SocketAddr::new(any, local.port()));
    }
    let mut found = lookup_host((local.host(), local.port())).await?;
    found.find(|found| found.is_ipv4() == peer.is_ipv4()).ok_or_else(|| {
        let text = format!("{} has no address that reaches {}", local.host(), peer.ip());
        io::Error::new(io::ErrorKind::AddrNotAvailable, text)
    })
}

fn prepare(stream: &TcpStream, keep_alive: Option<Duration>) -> io::Result<()> {
    let socket = SockRef::from(stream);
    socket.set_tcp_nodelay(true)?;
    if let Some(after) = keep_alive {
        let keepalive = TcpKeepalive::new().with_time(after).with_interval(KEEPALIVE_EVERY);
        #[cfg(not(target_os = "openbsd"))]
        let keepalive = keepalive.with_retries(KEEPALIVE_TRIES);
        socket.set_tcp_keepalive(&keepalive)?;
    }
    #[cfg(any(target_os = "linux", target_os = "android"))]
    socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED))?;
    Ok(())
}

fn no_address(host: &str) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("{host} has no address"))
}

/// A host as resolvers take it: an IPv6 address without its brackets.
fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

fn place(host: &str, port: u16) -> String {
    if bare(host).contains(':') { format!("[{}]:{port}", bare(host)) } else { format!("{host}:{port}") }
}

pub(super) const KEEPALIVE_AFTER: Duration = Duration::from_secs(30);
const KEEPALIVE_EVERY: Duration = Duration::from_secs(10);
const KEEPALIVE_TRIES: u32 = 3;
#[cfg(any(target_os = "linux", target_os = "android"))]
const UNACKNOWLEDGED: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests {
    use std::io::Read;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::super::tape::STDOUT;
    use super::*;

    #[test]
    fn a_real_connection_carries_bytes_and_is_set_up() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let accepted = runtime().block_on(async {
            let mut connection = World::Real.connect_tcp("127.0.0.1", port, SOON).await.unwrap();
            connection.write_all(b"a 1 2\n").await.unwrap();
            let (mut accepted, _) = listener.accept().unwrap();
            let mut line = [0; 6];
            accepted.read_exact(&mut line).unwrap();
            assert_eq!(&line, b"a 1 2\n");

            let (host, keep_alive) = ("127.0.0.1", Some(KEEPALIVE_AFTER));
            let dialing = Dialing { host, port, local: None, keep_alive, within: SOON };
            let stream = connect(&dialing).await.unwrap();
            let socket = SockRef::from(&stream);
            assert!(socket.tcp_nodelay().unwrap() && socket.keepalive().unwrap());
            assert_eq!(socket.tcp_keepalive_time().unwrap(), KEEPALIVE_AFTER);
            #[cfg(target_os = "linux")]
            assert_eq!(socket.tcp_user_timeout().unwrap(), Some(UNACKNOWLEDGED));
            accepted
        });
        drop((accepted, listener));
        let refused =
            runtime().block_on(World::Real.connect_tcp("127.0.0.1", port, SOON)).map(|_| ()).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    }

    #[test]
    fn datagrams_go_to_their_peer() {
        let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = peer.local_addr().unwrap().port();
        runtime().block_on(World::Real.udp("127.0.0.1", port)).unwrap().send(b"a:1|c").unwrap();
        let mut room = [0; 100];
        assert_eq!(peer.recv(&mut room).unwrap(), 5);
        assert_eq!(&room[..5], b"a:1|c");
    }

    #[test]
    fn a_tape_records_by_address() {
        let (world, tape) = trial();
        runtime().block_on(async {
            for text in [&b"one "[..], b"two"] {
                world.connect_tcp("graphite", 2003, SOON).await.unwrap().write_all(text).await.unwrap();
            }
            let sender = world.udp("::1", 8125).await.unwrap();
            sender.send(b"a:1|c").unwrap();
            sender.send(b"").unwrap();
        });
        world.print(b"line\n").unwrap();
        assert_eq!(tape.written("graphite:2003"), b"one two");
        assert_eq!(tape.connects("graphite:2003"), 2);
        assert_eq!(tape.datagrams("[::1]:8125"), [&b"a:1|c"[..], b""]);
        assert_eq!(tape.written(STDOUT), b"line\n");
        assert_eq!(tape.addresses(), ["[::1]:8125", "graphite:2003", "stdout"]);
        assert_eq!(tape.written("elsewhere:1"), b"");
    }

    #[test]
    fn a_tape_fails_as_told_and_recovers() {
        let (world, tape) = trial();
        let dial = || async { world.connect_tcp("graphite", 2003, SOON).await };
        runtime().block_on(async {
            tape.refuse_connects("graphite:2003", 2);
            for _ in 0..2 {
                assert_eq!(dial().await.map(|_| ()).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
            }
            tape.break_after("graphite:2003", 4);
            let mut broken = dial().await.unwrap();
            assert_eq!(broken.write_all(b"abcdef").await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
            assert_eq!(broken.write_all(b"x").await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
            assert_eq!(broken.read(&mut [0; 4]).await.unwrap(), 0);
            tape.refuse_writes("graphite:2003", 1);
            let reset = dial().await.unwrap().write_all(b"x").await.unwrap_err();
            assert_eq!(reset.kind(), io::ErrorKind::ConnectionReset);
            dial().await.unwrap().write_all(b"gh").await.unwrap();
        });
        assert_eq!(tape.written("graphite:2003"), b"abcdgh");
        tape.break_after(STDOUT, 2);
        assert_eq!(world.print(b"line\n").unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        let sender = runtime().block_on(world.udp("peer", 1)).unwrap();
        tape.refuse_writes("peer:1", 1);
        assert_eq!(sender.send(b"a").unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        sender.send(b"b").unwrap();
        assert_eq!(tape.datagrams("peer:1"), [b"b"]);
    }

    #[test]
    fn a_tape_replies_to_whoever_waits() {
        let (world, tape) = trial();
        let read = async {
            let mut connection = world.connect_tcp("peer", 1, SOON).await.unwrap();
            let reader = tokio::spawn(async move {
                let mut room = [0; 5];
                connection.read_exact(&mut room).await.map(|_| room)
            });
            tokio::task::yield_now().await;
            tape.reply("peer:1", b"he");
            tokio::task::yield_now().await;
            tape.reply("peer:1", b"llo");
            reader.await.unwrap().unwrap()
        };
        assert_eq!(&runtime().block_on(read), b"hello");
    }

    const SOON: Duration = Duration::from_secs(10);

    fn trial() -> (World, Arc<Tape>) {
        let tape = Arc::new(Tape::new());
        (World::Trial(Arc::clone(&tape)), tape)
    }

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
    }
}
