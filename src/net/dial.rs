//! Connections out, real ones or those of a trial.
//!
//! Names are resolved at every connect, so that a peer that moved is found. When to connect again, and what to do with
//! what was not sent, is the runner's.

use std::io::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use super::tape::Tape;

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
        match self {
            World::Trial(tape) => Ok(Box::new(tape.connect(&place(host, port))?)),
            World::Real => {
                let stream = timeout(within, connect(host, port)).await??;
                Ok(Box::new(stream))
            }
        }
    }

    /// A socket that sends datagrams to `host`, resolved now.
    ///
    /// # Errors
    /// If the name has no address, or no socket can be opened.
    pub async fn udp(&self, host: &str, port: u16) -> io::Result<UdpSender> {
        match self {
            World::Trial(tape) => Ok(UdpSender(Way::Trial(Arc::clone(tape), place(host, port)))),
            World::Real => {
                let peer = lookup_host((bare(host), port)).await?.next().ok_or_else(|| no_address(host))?;
                let any = match peer {
                    SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
                    SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
                };
                let socket = UdpSocket::bind(any)?;
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

async fn connect(host: &str, port: u16) -> io::Result<TcpStream> {
    let mut last = no_address(host);
    for address in lookup_host((bare(host), port)).await? {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                prepare(&stream)?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn prepare(stream: &TcpStream) -> io::Result<()> {
    let socket = SockRef::from(stream);
    socket.set_tcp_nodelay(true)?;
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE_AFTER).with_interval(KEEPALIVE_EVERY);
    #[cfg(not(target_os = "openbsd"))]
    let keepalive = keepalive.with_retries(KEEPALIVE_TRIES);
    socket.set_tcp_keepalive(&keepalive)?;
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

const KEEPALIVE_AFTER: Duration = Duration::from_secs(30);
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

            let stream = connect("127.0.0.1", port).await.unwrap();
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
