//! The datagrams of a unix socket: a thread, a seat.

use std::io::ErrorKind;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recv};

use super::handed::HandedSocket;
use super::unix::{Access, SocketFile, UnixBindError, unix_datagrams};
use crate::plugin::{BuildError, Fault, Intake, Io, Note};

/// The datagrams of one socket. Whoever sends is held by the kernel while it is full: nothing is lost, so that it can
/// wait for a consumer that is full.
#[derive(Debug)]
pub struct UnixLane {
    socket: UnixDatagram,
    /// Where it is, for people.
    place: String,
    /// There as long as it is served; a name of the abstract kind has none.
    _file: Option<SocketFile>,
    buffer: Vec<u8>,
}

impl UnixLane {
    /// Binds the socket at `path`.
    ///
    /// # Errors
    /// [`UnixBindError`].
    pub fn bind(path: &Path, access: &Access) -> Result<UnixLane, UnixBindError> {
        let (socket, file) = unix_datagrams(path, access)?;
        UnixLane::over(socket, path, Some(file))
    }

    /// Binds the socket of that name in the abstract namespace of Linux, where whoever shares the network may send.
    ///
    /// # Errors
    /// [`UnixBindError`].
    #[cfg(target_os = "linux")]
    pub fn bind_abstract(name: &str) -> Result<UnixLane, UnixBindError> {
        use std::os::linux::net::SocketAddrExt;
        let path = PathBuf::from(format!("@{name}"));
        let bound = std::os::unix::net::SocketAddr::from_abstract_name(name)
            .and_then(|address| UnixDatagram::bind_addr(&address));
        match bound {
            Ok(socket) => UnixLane::over(socket, &path, None),
            Err(error) if error.kind() == ErrorKind::AddrInUse => Err(UnixBindError::Taken { path }),
            Err(source) => Err(UnixBindError::Refused { path, source }),
        }
    }

    /// Takes the datagrams of a socket that was handed over: its file, if it has one, is left alone.
    ///
    /// # Errors
    /// What the system says of the socket.
    pub fn handed(handed: HandedSocket) -> Result<UnixLane, BuildError> {
        let HandedSocket { socket, place } = handed;
        let unusable = |error| BuildError::new(format!("{place}/unixgram cannot be received on: {error}"));
        // Whoever opened it may have asked that it does not block; here it is what waits.
        socket.set_nonblocking(false).map_err(unusable)?;
        let socket = UnixDatagram::from(OwnedFd::from(socket));
        socket.set_read_timeout(Some(WAIT)).map_err(unusable)?;
        Ok(UnixLane { socket, place, _file: None, buffer: vec![0; LONGEST] })
    }

    fn over(socket: UnixDatagram, path: &Path, file: Option<SocketFile>) -> Result<UnixLane, UnixBindError> {
        let place = path.display().to_string();
        match socket.set_read_timeout(Some(WAIT)) {
            Ok(()) => Ok(UnixLane { socket, place, _file: file, buffer: vec![0; LONGEST] }),
            Err(source) => Err(UnixBindError::Refused { path: path.to_owned(), source }),
        }
    }

    /// Takes datagrams until a stop, and then what had arrived before it. Of one that is longer than fits the intake gets
    /// what `cut` leaves. `try_it` says how to send one to a path.
    ///
    /// # Errors
    /// What the system says of the socket.
    pub fn serve(
        &mut self,
        io: &Io,
        try_it: &dyn Fn(&str) -> String,
        cut: fn(&[u8]) -> &[u8],
    ) -> Result<(), Fault> {
        let place = &self.place;
        io.notes.note(Note::Listening(format!("listening on {place}/unixgram{}", try_it(place))));
        let mut intake = io.intakes.open_whole();
        while !io.stop.is_set() {
            // Waits for the first, then takes what there is.
            if self.take(&mut *intake, io, cut, MsgFlags::empty())? {
                for _ in 0..AT_ONCE {
                    if !self.take(&mut *intake, io, cut, MsgFlags::MSG_DONTWAIT)? {
                        break;
                    }
                }
            }
            if !intake.flush() {
                intake.wait(&io.stop);
            }
        }
        // What has arrived before the stop is taken, but a sender that goes on is not waited for.
        for _ in 0..LAST_DATAGRAMS {
            if !self.take(&mut *intake, io, cut, MsgFlags::MSG_DONTWAIT)? {
                break;
            }
        }
        intake.flush();
        Ok(())
    }

    /// Takes one datagram; whether there was one.
    fn take(
        &mut self,
        intake: &mut dyn Intake,
        io: &Io,
        cut: fn(&[u8]) -> &[u8],
        flags: MsgFlags,
    ) -> Result<bool, Fault> {
        // With MSG_TRUNC the length is that of the datagram, whatever fits.
        let length = match recv(self.socket.as_raw_fd(), &mut self.buffer, flags | MsgFlags::MSG_TRUNC) {
            Ok(length) => length,
            Err(Errno::EAGAIN | Errno::EINTR) => return Ok(false),
            Err(error) => return Err(Fault::caused("cannot receive", std::io::Error::from(error))),
        };
        let bytes = match self.buffer.get(..length) {
            Some(bytes) => bytes,
            None => {
                io.notes.note(Note::Truncated(1));
                cut(&self.buffer)
            }
        };
        if !intake.push(bytes, None) {
            intake.wait(&io.stop);
        }
        Ok(true)
    }
}

/// How long to wait for a datagram before looking whether to stop.
const WAIT: Duration = Duration::from_millis(100);

/// The longest datagram that is taken whole; the usual send buffer of a client holds less.
const LONGEST: usize = 256 << 10;

/// Datagrams taken before what they held is sent on.
const AT_ONCE: usize = 256;

/// Datagrams taken after the stop at most: more than a queue holds.
const LAST_DATAGRAMS: usize = 4096;
