//! Unix sockets: the datagrams of one, and the listener for streams of another.

use std::os::fd::AsRawFd;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recv};

use super::stream::{Lines, Listener};
use super::{Config, Net};
use crate::net::{Access, SocketFile, UnixBindError, unix_datagrams, unix_listener};
use crate::plugin::{BuildError, Fault, Input, Intake, Io, LocalFuture, Note};

/// Binds the socket at `path`.
pub(super) fn listen(path: &Path, config: &Config) -> Result<Box<dyn Input>, BuildError> {
    let access = access(config)?;
    match config.net {
        Net::Unix => {
            let (listener, file) = unix_listener(path, &access).map_err(refused)?;
            let announcement = format!("listening on {}/unix", path.display());
            Ok(Box::new(Lines::over(Listener::Unix(listener, file), announcement, config)))
        }
        _ => {
            let (socket, file) = unix_datagrams(path, &access).map_err(refused)?;
            socket.set_read_timeout(Some(WAIT)).map_err(|error| BuildError::new(error.to_string()))?;
            let buffer = vec![0; LONGEST];
            Ok(Box::new(Datagrams { socket, file, buffer }))
        }
    }
}

fn refused(error: UnixBindError) -> BuildError {
    let help = match &error {
        UnixBindError::Taken { .. } => "stop that process, or give this section another `socket`",
        UnixBindError::NoSocket { .. } => "move it away, or give this section another `socket`",
        UnixBindError::Refused { .. } => "make the directory, and let this user write to it",
    };
    BuildError { message: error.to_string(), help: Some(help.to_owned()) }
}

/// Who may send, names looked up.
fn access(config: &Config) -> Result<Access, BuildError> {
    let mode = config.mode().ok_or_else(|| BuildError::new("socket_mode is no mode"))?;
    let owner = config.socket_owner.as_deref().unwrap_or("");
    let (user, group) = owner.split_once(':').unwrap_or((owner, ""));
    let user = number_of(user, "/etc/passwd").map_err(|()| unknown("user", user))?;
    let group = number_of(group, "/etc/group").map_err(|()| unknown("group", group))?;
    Ok(Access { mode, user, group })
}

fn unknown(what: &str, name: &str) -> BuildError {
    BuildError {
        message: format!("socket_owner: there is no {what} {name}"),
        help: Some("name one that this system has, or give its number".to_owned()),
    }
}

/// The number of a user or group, read here because a static binary cannot load what the system's look-up may ask for:
/// itself, or what the third field of its line in `file` says. None for no name.
fn number_of(name: &str, file: &str) -> Result<Option<u32>, ()> {
    if name.is_empty() {
        return Ok(None);
    }
    if let Ok(number) = name.parse() {
        return Ok(Some(number));
    }
    // A file that cannot be read has no such name.
    let lines = std::fs::read_to_string(file).unwrap_or_default();
    let fields = lines.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let number = fields.filter(|fields| fields[0] == name).find_map(|fields| fields.get(2)?.parse().ok());
    number.map(Some).ok_or(())
}

/// The datagrams of one socket. Whoever sends is held by the kernel while it is full: nothing is lost, so that it can
/// wait for a consumer that is full.
struct Datagrams {
    socket: UnixDatagram,
    file: SocketFile,
    buffer: Vec<u8>,
}

impl Datagrams {
    fn serve(&mut self, io: &Io) -> Result<(), Fault> {
        let path = self.file.path().display();
        io.notes.note(Note::Listening(format!(
            "listening on {path}/unixgram; try: hekad send --to {path} 'hello.world:1|c'"
        )));
        let mut intake = io.intakes.open_whole();
        while !io.stop.is_set() {
            // Waits for the first, then takes what there is.
            if self.take(&mut *intake, io, MsgFlags::empty())? {
                for _ in 0..AT_ONCE {
                    if !self.take(&mut *intake, io, MsgFlags::MSG_DONTWAIT)? {
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
            if !self.take(&mut *intake, io, MsgFlags::MSG_DONTWAIT)? {
                break;
            }
        }
        intake.flush();
        Ok(())
    }

    /// Takes one datagram; whether there was one.
    fn take(&mut self, intake: &mut dyn Intake, io: &Io, flags: MsgFlags) -> Result<bool, Fault> {
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
                super::without_cut(&self.buffer)
            }
        };
        if !intake.push(bytes, None) {
            intake.wait(&io.stop);
        }
        Ok(true)
    }
}

impl Input for Datagrams {
    fn run<'a>(&'a mut self, io: &'a Io) -> LocalFuture<'a, Result<(), Fault>> {
        Box::pin(async move { self.serve(io) })
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
