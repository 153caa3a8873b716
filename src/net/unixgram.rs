//! Datagrams to a unix socket. The peer's queue is short, and a datagram waits until there is room in it: nothing is
//! dropped on the way, but a peer that does not read holds the sender, as long as this one has patience.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::dial::World;
use super::tape::Tape;

/// Sends datagrams to one unix socket.
#[derive(Debug)]
pub struct UnixSender(Way);

#[derive(Debug)]
enum Way {
    #[cfg(unix)]
    Real(tokio::net::UnixDatagram),
    Trial(Arc<Tape>, String),
}

impl World {
    /// A socket that sends datagrams to the one at `path`, under which a tape has them.
    ///
    /// # Errors
    /// If nobody is there, or unix sockets are not to be had.
    pub fn unixgram(&self, path: &Path) -> io::Result<UnixSender> {
        match self {
            World::Trial(tape) => Ok(UnixSender(Way::Trial(Arc::clone(tape), path.display().to_string()))),
            #[cfg(unix)]
            World::Real => {
                let socket = tokio::net::UnixDatagram::unbound()?;
                socket.connect(path)?;
                Ok(UnixSender(Way::Real(socket)))
            }
            #[cfg(not(unix))]
            World::Real => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}

impl UnixSender {
    /// Sends one datagram, and waits for room at the peer for `patience` at most.
    ///
    /// # Errors
    /// What the system says, after which the socket is of no more use, since a peer that comes back is another one;
    /// `TimedOut` if there was no room.
    #[cfg_attr(not(unix), expect(unused_variables, reason = "a tape has room at once"))]
    pub async fn send(&self, datagram: &[u8], patience: Duration) -> io::Result<()> {
        match &self.0 {
            #[cfg(unix)]
            Way::Real(socket) => {
                let sent = tokio::time::timeout(patience, socket.send(datagram)).await;
                sent.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())).map(|_| ())
            }
            Way::Trial(tape, path) => tape.send(path, datagram),
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::net::UnixDatagram;

    use super::*;

    #[test]
    fn a_peer_gets_datagrams_holds_the_sender_when_it_does_not_read_and_is_missed_when_it_is_gone() {
        let directory = tempfile::TempDir::new().unwrap();
        let path = directory.path().join("statsd.sock");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            assert_eq!(World::Real.unixgram(&path).unwrap_err().kind(), io::ErrorKind::NotFound);
            let peer = UnixDatagram::bind(&path).unwrap();
            let sender = World::Real.unixgram(&path).unwrap();
            sender.send(b"a:1|c", Duration::from_secs(10)).await.unwrap();
            let mut room = [0; 16];
            assert_eq!(peer.recv(&mut room).unwrap(), 5);
            assert_eq!(&room[..5], b"a:1|c");
            let full = loop {
                if let Err(error) = sender.send(b"b:1|c", Duration::from_millis(20)).await {
                    break error;
                }
            };
            assert_eq!(full.kind(), io::ErrorKind::TimedOut);
            drop(peer);
            assert!(sender.send(b"c:1|c", Duration::from_secs(10)).await.is_err());
            assert_eq!(World::Real.unixgram(&path).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        });
    }
}
