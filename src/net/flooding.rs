//! Sends prepared packets as fast as they are taken: datagrams in batches (`sendmmsg(2)`), streams and files with
//! several packets a call.
//!
//! It says how many packets were taken, to the packet, and which trouble it met; what is in them, how fast they go and
//! when to stop is its user's. A call returns after a tenth of a second at the latest, so that its user can stop.

use std::fs::File;
use std::io::{self, IoSlice, Write};
use std::net::{TcpStream, UdpSocket};
#[cfg(unix)]
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::Path;
use std::time::{Duration, Instant};

use super::resolve;

/// A packet as it is handed over: one slice, so that a run of them is what the system takes.
pub type Packet<'a> = [IoSlice<'a>; 1];

/// Where packets go.
#[derive(Debug)]
pub struct Flooding {
    way: Way,
    /// Bytes of the next packet that a stream took already.
    begun: usize,
    /// Packets that are sent one by one, since only then a system says what is wrong.
    singly: usize,
}

#[derive(Debug)]
enum Way {
    Udp(UdpSocket),
    #[cfg(unix)]
    Unix(UnixDatagram),
    Tcp(TcpStream),
    #[cfg(unix)]
    UnixStream(UnixStream),
    File(File),
}

/// What became of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flooded {
    /// Packets that were taken whole.
    pub packets: usize,
    /// What was met instead of taking more.
    pub trouble: Option<Trouble>,
}

/// Why fewer packets were taken; another call may do better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// The peer, or the queue to it, had no room for a tenth of a second.
    Full,
    /// The system had no memory for it (ENOBUFS).
    NoBuffers,
    /// A datagram that was taken before found nobody at its port.
    Refused,
}

impl Flooding {
    /// Datagrams to a port.
    ///
    /// # Errors
    /// If the host has no address, or the system gives no socket.
    pub fn udp(host: &str, port: u16) -> io::Result<Flooding> {
        let peer = resolve(host, port)?;
        let any = if peer.is_ipv6() { "[::]:0" } else { "0.0.0.0:0" };
        let socket = UdpSocket::bind(any)?;
        socket.connect(peer)?;
        // The system may grant less; then calls are shorter, which is seen in the rate.
        let _ = socket2::SockRef::from(&socket).set_send_buffer_size(SEND_BUFFER);
        socket.set_write_timeout(Some(PATIENCE))?;
        Ok(Flooding::by(Way::Udp(socket)))
    }

    /// Datagrams to a unix socket.
    ///
    /// # Errors
    /// If nobody is there.
    #[cfg(unix)]
    pub fn unix_datagrams(path: &Path) -> io::Result<Flooding> {
        let socket = UnixDatagram::unbound()?;
        socket.connect(path)?;
        socket.set_write_timeout(Some(PATIENCE))?;
        Ok(Flooding::by(Way::Unix(socket)))
    }

    /// A stream to a unix socket.
    ///
    /// # Errors
    /// If nobody accepts it.
    #[cfg(unix)]
    pub fn unix_stream(path: &Path) -> io::Result<Flooding> {
        let stream = UnixStream::connect(path)?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Flooding::by(Way::UnixStream(stream)))
    }

    /// A stream to a unix socket, of which this system has none.
    ///
    /// # Errors
    /// Always.
    #[cfg(not(unix))]
    pub fn unix_stream(_: &Path) -> io::Result<Flooding> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Datagrams to a unix socket, of which this system has none.
    ///
    /// # Errors
    /// Always.
    #[cfg(not(unix))]
    pub fn unix_datagrams(_: &Path) -> io::Result<Flooding> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// A stream to a port.
    ///
    /// # Errors
    /// If nobody accepts it within some seconds.
    pub fn tcp(host: &str, port: u16) -> io::Result<Flooding> {
        let stream = TcpStream::connect_timeout(&resolve(host, port)?, CONNECT)?;
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Flooding::by(Way::Tcp(stream)))
    }

    /// The end of a file, which is made if it is not there.
    ///
    /// # Errors
    /// What the system says of it.
    pub fn file(path: &Path) -> io::Result<Flooding> {
        let file = File::options().create(true).append(true).open(path)?;
        Ok(Flooding::by(Way::File(file)))
    }

    fn by(way: Way) -> Flooding {
        Flooding { way, begun: 0, singly: 0 }
    }

    /// Sends of `packets`, in order, as many as are taken at once, at most [`MOST`]. The next call goes on with the
    /// first packet that was not taken whole; of that one a stream may have taken [`Flooding::begun`] bytes.
    ///
    /// # Errors
    /// What ends it: the connection broke, a datagram is too long, the disk is full.
    pub fn send(&mut self, packets: &[Packet<'_>]) -> io::Result<Flooded> {
        let most = if self.singly > 0 { 1 } else { MOST };
        let packets = &packets[..packets.len().min(most)];
        self.singly = self.singly.saturating_sub(1);
        let sent = match &mut self.way {
            Way::Udp(socket) => datagrams::send(socket, packets),
            #[cfg(unix)]
            Way::Unix(socket) => datagrams::send(socket, packets),
            Way::Tcp(stream) => stream_on(stream, packets, &mut self.begun),
            #[cfg(unix)]
            Way::UnixStream(stream) => stream_on(stream, packets, &mut self.begun),
            Way::File(file) => stream_on(file, packets, &mut self.begun),
        };
        let is_datagrams = self.is_datagrams();
        let taken = match sent {
            // The error that cut a batch of datagrams short is lost.
            Ok(count) if count < packets.len() && is_datagrams => Flooded { packets: count, trouble: None },
            Ok(count) => return Ok(Flooded { packets: count, trouble: None }),
            Err(error) => Flooded { packets: 0, trouble: Some(Trouble::of(error, is_datagrams)?) },
        };
        self.singly = SINGLY;
        Ok(taken)
    }

    /// Bytes of the next packet that were taken already; none by datagrams.
    pub fn begun(&self) -> usize {
        self.begun
    }

    /// Whether each packet is a datagram.
    pub fn is_datagrams(&self) -> bool {
        match &self.way {
            Way::Udp(_) => true,
            #[cfg(unix)]
            Way::Unix(_) => true,
            #[cfg(unix)]
            Way::UnixStream(_) => false,
            Way::Tcp(_) | Way::File(_) => false,
        }
    }

    /// What a peer answered to the last datagrams, if it refused them.
    pub fn last_trouble(&self) -> Option<Trouble> {
        let Way::Udp(socket) = &self.way else { return None };
        socket.take_error().ok().flatten().and_then(|error| Trouble::of(error, true).ok())
    }
}

impl Trouble {
    fn of(error: io::Error, is_datagrams: bool) -> io::Result<Trouble> {
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted => {
                Ok(Trouble::Full)
            }
            io::ErrorKind::ConnectionRefused if is_datagrams => Ok(Trouble::Refused),
            _ if error.raw_os_error() == Some(NO_BUFFERS) && is_datagrams => Ok(Trouble::NoBuffers),
            _ => Err(error),
        }
    }
}

/// Writes what is taken at once; the packets that were taken whole.
fn stream_on(out: &mut impl Write, packets: &[Packet<'_>], begun: &mut usize) -> io::Result<usize> {
    let Some(first) = packets.first() else { return Ok(0) };
    let mut bytes = match *begun {
        0 => out.write_vectored(packets.as_flattened())?,
        begun => begun + out.write(&first[0][begun..])?,
    };
    if bytes == *begun {
        return Err(io::ErrorKind::WriteZero.into());
    }
    let mut count = 0;
    while let Some([packet]) = packets.get(count).filter(|[packet]| packet.len() <= bytes) {
        bytes -= packet.len();
        count += 1;
    }
    *begun = bytes;
    Ok(count)
}

#[cfg(target_os = "linux")]
mod datagrams {
    use std::io;
    use std::os::fd::AsRawFd;

    use nix::sys::socket::{MsgFlags, MultiHeaders, sendmmsg};

    use super::{MOST, Packet};

    /// Sends them all with one call of the system; how many it took.
    pub(super) fn send(socket: &impl AsRawFd, packets: &[Packet<'_>]) -> io::Result<usize> {
        let mut headers = MultiHeaders::<()>::preallocate(packets.len(), None);
        let to_the_peer = [None; MOST];
        let results = sendmmsg(
            socket.as_raw_fd(),
            &mut headers,
            packets,
            &to_the_peer[..packets.len()],
            [],
            MsgFlags::empty(),
        )?;
        Ok(results.count())
    }
}

#[cfg(not(target_os = "linux"))]
mod datagrams {
    use std::io;

    use super::Packet;

    /// What both kinds of sockets can.
    pub(super) trait Sends {
        fn send_one(&self, datagram: &[u8]) -> io::Result<usize>;
    }

    impl Sends for std::net::UdpSocket {
        fn send_one(&self, datagram: &[u8]) -> io::Result<usize> {
            self.send(datagram)
        }
    }

    #[cfg(unix)]
    impl Sends for std::os::unix::net::UnixDatagram {
        fn send_one(&self, datagram: &[u8]) -> io::Result<usize> {
            self.send(datagram)
        }
    }

    /// Sends one after the other; how many were taken.
    pub(super) fn send(socket: &impl Sends, packets: &[Packet<'_>]) -> io::Result<usize> {
        for (count, [packet]) in packets.iter().enumerate() {
            match socket.send_one(packet) {
                Err(error) if count == 0 => return Err(error),
                Err(_) => return Ok(count),
                Ok(_) => {}
            }
        }
        Ok(packets.len())
    }
}

/// Measures time from its making on; the wall clock may be set meanwhile.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts one.
    #[expect(clippy::disallowed_methods, reason = "how fast a flood went is measured, not scheduled")]
    pub fn start() -> Stopwatch {
        Stopwatch(Instant::now())
    }

    /// How long ago it was started.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// Waits until the next packets are due.
#[expect(clippy::disallowed_methods, reason = "whoever floods at a rate waits between packets")]
pub fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// Packets one call takes at most.
pub const MOST: usize = 64;

/// How long a call waits for room.
const PATIENCE: Duration = Duration::from_millis(100);

/// How many datagrams go one by one after trouble.
const SINGLY: usize = 8;
const SEND_BUFFER: usize = 8 << 20;
const CONNECT: Duration = Duration::from_secs(5);

#[cfg(unix)]
const NO_BUFFERS: i32 = nix::libc::ENOBUFS;
/// `WSAENOBUFS`.
#[cfg(not(unix))]
const NO_BUFFERS: i32 = 10055;

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::TcpListener;

    use super::*;

    fn packets(texts: &[String]) -> Vec<Packet<'_>> {
        texts.iter().map(|text| [IoSlice::new(text.as_bytes())]).collect()
    }

    fn texts(count: usize) -> Vec<String> {
        (0..count).map(|number| format!("a.{number}:1|c")).collect()
    }

    #[test]
    fn datagrams_arrive_whole_and_in_order() {
        let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
        peer.set_read_timeout(Some(SOON)).unwrap();
        let mut flooding = Flooding::udp("127.0.0.1", peer.local_addr().unwrap().port()).unwrap();
        let texts = texts(MOST + 6);
        let all = packets(&texts);
        assert_eq!(flooding.send(&all).unwrap(), Flooded { packets: MOST, trouble: None });
        assert_eq!(flooding.send(&all[MOST..]).unwrap(), Flooded { packets: 6, trouble: None });
        let mut room = [0; 100];
        for text in &texts {
            let length = peer.recv(&mut room).unwrap();
            assert_eq!(&room[..length], text.as_bytes());
        }
        assert_eq!(flooding.last_trouble(), None);
    }

    #[test]
    fn a_port_without_a_listener_is_told_of_also_within_a_batch() {
        let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut flooding = Flooding::udp("127.0.0.1", port).unwrap();
        let texts = texts(20);
        let all = packets(&texts);
        let (mut at, mut refused) = (0, 0);
        while at < all.len() {
            let taken = flooding.send(&all[at..]).unwrap();
            at += taken.packets;
            refused += usize::from(taken.trouble == Some(Trouble::Refused));
        }
        assert!(refused > 0);
        assert_eq!(flooding.last_trouble(), Some(Trouble::Refused));
    }

    #[test]
    fn a_stream_goes_on_within_the_packet_it_stopped_in() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut flooding = Flooding::tcp("127.0.0.1", listener.local_addr().unwrap().port()).unwrap();
        let (mut peer, _) = listener.accept().unwrap();
        peer.set_nonblocking(true).unwrap();
        let texts: Vec<String> = (0..20).map(|number| number.to_string().repeat(1 << 20)).collect();
        let all = packets(&texts);
        let (mut at, mut was_full) = (0, false);
        let (mut read, mut room) = (Vec::new(), vec![0; 1 << 20]);
        while at < all.len() {
            let taken = flooding.send(&all[at..]).unwrap();
            at += taken.packets;
            if taken.trouble == Some(Trouble::Full) {
                was_full = true;
                while let Ok(length) = peer.read(&mut room) {
                    read.extend_from_slice(&room[..length]);
                }
            }
        }
        assert_eq!(flooding.begun(), 0);
        drop(flooding);
        peer.set_nonblocking(false).unwrap();
        peer.set_read_timeout(Some(SOON)).unwrap();
        peer.read_to_end(&mut read).unwrap();
        assert!(was_full && read == texts.concat().into_bytes());
    }

    #[cfg(unix)]
    #[test]
    fn a_unix_socket_that_is_full_keeps_what_it_took() {
        let directory = tempfile::TempDir::new().unwrap();
        let path = directory.path().join("statsd.sock");
        assert_eq!(Flooding::unix_datagrams(&path).unwrap_err().kind(), io::ErrorKind::NotFound);
        let peer = UnixDatagram::bind(&path).unwrap();
        peer.set_read_timeout(Some(SOON)).unwrap();
        let mut flooding = Flooding::unix_datagrams(&path).unwrap();
        let texts = texts(200);
        let all = packets(&texts);
        let mut at = 0;
        let mut room = [0; 100];
        while at < all.len() {
            let taken = flooding.send(&all[at..]).unwrap();
            let full = taken.trouble == Some(Trouble::Full) || taken.packets == 0;
            for text in &texts[at..at + taken.packets] {
                let length = peer.recv(&mut room).unwrap();
                assert_eq!(&room[..length], text.as_bytes());
            }
            at += taken.packets;
            assert!(!full, "what was read makes room");
        }
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_trouble_of_the_moment_ends_it() {
        let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut flooding = Flooding::udp("127.0.0.1", peer.local_addr().unwrap().port()).unwrap();
        let long = vec![b'x'; 70_000];
        assert_eq!(
            flooding.send(&[[IoSlice::new(&long)]]).unwrap_err().raw_os_error(),
            Some(nix::libc::EMSGSIZE)
        );
        let directory = tempfile::TempDir::new().unwrap();
        let mut file = Flooding::file(&directory.path().join("a.log")).unwrap();
        let taken = file.send(&[[IoSlice::new(b"a\n")], [IoSlice::new(b"b\n")]]).unwrap();
        assert_eq!(taken, Flooded { packets: 2, trouble: None });
        assert_eq!(std::fs::read(directory.path().join("a.log")).unwrap(), b"a\nb\n");
    }

    const SOON: Duration = Duration::from_secs(10);
}
