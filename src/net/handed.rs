//! Sockets that whoever started this process opened and hands over: systemd's socket activation, sd_listen_fds(3).
//!
//! They are taken once, before the first thread, and kept for as long as the process runs: a plugin that is built anew
//! gets the same socket again. Whoever handed them over has them too, so that what comes while nobody reads waits in them
//! for the next start: nothing here ends, refuses or removes anything of theirs. Which of them a section asks for, and of
//! which kind it has to be, is checked when it is built; before, nothing is known of them.

use std::collections::HashMap;
use std::fmt;
#[cfg(unix)]
use std::io;
#[cfg(unix)]
use std::os::fd::OwnedFd;
use std::sync::Mutex;

use socket2::Socket;

use super::place::Family;
use crate::config::Descriptor;
use crate::lock::locked;
use crate::plugin::{BuildError, Endpoint, Protocol};

/// The sockets that were handed over to this process.
#[derive(Debug, Default)]
pub struct Handed {
    passed: Vec<Passed>,
    /// Which section has taken one, and under which name, by number.
    takers: Mutex<HashMap<u32, Taker>>,
    /// Why there are none although there seem to be.
    flaw: Option<String>,
}

/// Who has taken one, and as what.
type Taker = (String, Descriptor);

/// A descriptor that was handed over.
#[derive(Debug)]
struct Passed {
    number: u32,
    name: Option<String>,
    /// None where it is nothing that can be received on.
    open: Option<Open>,
}

/// A socket, what it is, and where.
#[derive(Debug)]
struct Open {
    socket: Socket,
    transport: Transport,
    place: String,
}

/// What a socket is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// Datagrams of a network.
    Udp,
    /// Connections of a network.
    Tcp,
    /// Datagrams of a unix socket.
    Unixgram,
    /// Connections of a unix socket.
    Unix,
}

impl Transport {
    fn protocol(self) -> Protocol {
        match self {
            Transport::Udp => Protocol::Udp,
            Transport::Tcp => Protocol::Tcp,
            Transport::Unixgram | Transport::Unix => Protocol::Unix,
        }
    }

    /// How it is said behind an address.
    fn word(self) -> &'static str {
        match self {
            Transport::Udp => "udp",
            Transport::Tcp => "tcp",
            Transport::Unixgram => "unixgram",
            Transport::Unix => "unix",
        }
    }

    /// How a .socket unit asks for it.
    fn directive(self) -> &'static str {
        match self {
            Transport::Udp => "ListenDatagram= with an address and a port",
            Transport::Tcp => "ListenStream= with an address and a port",
            Transport::Unixgram => "ListenDatagram= with a path",
            Transport::Unix => "ListenStream= with a path",
        }
    }
}

/// What a section can receive on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// Of which kind.
    pub transport: Transport,
    /// Which addresses count, of a network.
    pub family: Family,
}

/// Who asks for a socket.
#[derive(Debug, Clone, Copy)]
pub struct Asking<'a> {
    /// The section.
    pub section: &'a str,
    /// Which of the lanes of that address, from 0.
    pub lane: usize,
    /// How many sockets these lanes need: one each, or one for all of them.
    pub sockets: usize,
}

/// A socket of the same kind for this process to use, while the other one is kept.
#[derive(Debug)]
pub struct HandedSocket {
    /// The socket.
    pub socket: Socket,
    /// Where it is bound, for people.
    pub place: String,
}

impl HandedSocket {
    /// A listener that does not block: ready for tokio.
    ///
    /// # Errors
    /// What the system says of it.
    pub fn tcp_listener(self) -> Result<std::net::TcpListener, BuildError> {
        self.not_blocking("tcp").map(|(socket, _)| socket.into())
    }

    /// The same of a unix socket, and where it is. Its file, if it has one, is left alone.
    ///
    /// # Errors
    /// What the system says of it.
    #[cfg(unix)]
    pub fn unix_listener(self) -> Result<(std::os::unix::net::UnixListener, String), BuildError> {
        self.not_blocking("unix").map(|(socket, place)| (OwnedFd::from(socket).into(), place))
    }

    fn not_blocking(self, word: &str) -> Result<(Socket, String), BuildError> {
        let HandedSocket { socket, place } = self;
        match socket.set_nonblocking(true) {
            Ok(()) => Ok((socket, place)),
            Err(error) => Err(BuildError::new(format!("{place}/{word} cannot be listened on: {error}"))),
        }
    }
}

impl Handed {
    /// Takes what was handed over, and the variables that say so: whoever this process starts gets neither. To be called
    /// before there is a second thread, since others may read the environment.
    #[cfg(unix)]
    pub fn take(environment: &dyn Fn(&str) -> Option<String>) -> Handed {
        let flaw = flaw_of(environment, std::process::id());
        let names = environment("LISTEN_FDNAMES").unwrap_or_default();
        // Refused before it is asked: it makes room for as many as the variable says.
        let Ok(0..=MOST) = environment("LISTEN_FDS").unwrap_or_default().parse::<u32>() else {
            return Handed { flaw, ..Handed::default() };
        };
        let mut found = listenfd::ListenFd::from_env();
        // An empty text has one part, which is none.
        let mut names =
            names.split(':').map(str::to_owned).map(|name| Some(name).filter(|name| !name.is_empty()));
        let mut passed = Vec::new();
        for (number, index) in (FIRST..).zip(0..found.len()) {
            let open = opened(&mut found, index);
            passed.push(Passed { number, name: names.next().flatten(), open });
        }
        Handed { passed, flaw, ..Handed::default() }
    }

    /// There are none.
    #[cfg(not(unix))]
    pub fn take(_: &dyn Fn(&str) -> Option<String>) -> Handed {
        Handed::default()
    }

    /// These sockets, numbered from 3, each with its name, which may be empty, and what it is: for who hands them over
    /// within a process.
    pub fn of(sockets: Vec<(&str, Transport, Socket)>) -> Handed {
        let passed = (FIRST..).zip(sockets).map(|(number, (name, transport, socket))| {
            let name = Some(name.to_owned()).filter(|name| !name.is_empty());
            Passed { number, name, open: Some(Open { place: place_of(&socket), socket, transport }) }
        });
        Handed { passed: passed.collect(), ..Handed::default() }
    }

    /// The socket that `descriptor` names, for `asking`; the same one whenever that asks again.
    ///
    /// # Errors
    /// If it was not handed over, is of another kind than `wanted`, or belongs to another section.
    pub fn socket(
        &self,
        descriptor: &Descriptor,
        wanted: Wanted,
        asking: &Asking<'_>,
    ) -> Result<HandedSocket, BuildError> {
        let named: Vec<&Passed> = self.passed.iter().filter(|passed| passed.is(descriptor)).collect();
        let Some(first) = named.first() else { return Err(self.missing(descriptor)) };
        let fitting: Vec<(&Passed, &Open)> = named
            .iter()
            .filter_map(|passed| Some((*passed, passed.open.as_ref().filter(|open| open.fits(wanted))?)))
            .collect();
        if fitting.is_empty() {
            return Err(misfit(first, wanted));
        }
        if fitting.len() != asking.sockets {
            return Err(miscounted(descriptor, fitting.len(), asking.sockets));
        }
        let (passed, open) = fitting[asking.lane % fitting.len()];
        self.claim(passed, descriptor, asking.section)?;
        let unusable = |error| BuildError::new(format!("{passed} cannot be used: {error}"));
        Ok(HandedSocket { socket: open.socket.try_clone().map_err(unusable)?, place: open.place.clone() })
    }

    /// Those that none of the `endpoints` of a plan takes, each with what to write so that one does.
    pub fn idle<'a>(&'a self, endpoints: &'a [Endpoint]) -> impl Iterator<Item = String> + 'a {
        let takes = |passed: &Passed, endpoint: &Endpoint| {
            let protocol = passed.open.as_ref().map(|open| open.transport.protocol());
            endpoint.handed.as_ref().is_some_and(|descriptor| passed.is(descriptor))
                && protocol.is_none_or(|protocol| protocol == endpoint.protocol)
        };
        let idle = move |passed: &&Passed| !endpoints.iter().any(|endpoint| takes(passed, endpoint));
        self.passed.iter().filter(idle).map(|passed| match (&passed.name, &passed.open) {
            (_, None) => format!("{passed} was handed over, and no section can take it"),
            (Some(name), _) => told(passed, &Descriptor::Name(name.clone())),
            (None, _) => told(passed, &Descriptor::Number(passed.number)),
        })
    }

    fn claim(&self, passed: &Passed, descriptor: &Descriptor, section: &str) -> Result<(), BuildError> {
        let mut takers = locked(&self.takers);
        let (taker, under) =
            takers.entry(passed.number).or_insert_with(|| (section.to_owned(), descriptor.clone()));
        if taker == section && under == descriptor {
            return Ok(());
        }
        Err(BuildError {
            message: format!("{passed} is what `{taker}` has taken as {under}"),
            help: Some(format!("hand over a socket of its own for {descriptor}")),
        })
    }

    fn missing(&self, descriptor: &Descriptor) -> BuildError {
        let passed: Vec<String> = self.passed.iter().map(Passed::to_string).collect();
        let found = match (&self.flaw, passed.len()) {
            (Some(flaw), _) => flaw.clone(),
            (None, 0) => "none was".to_owned(),
            (None, 1) => format!("1 was: {}", passed[0]),
            (None, count) => format!("{count} were: {}", passed.join(", ")),
        };
        BuildError {
            message: format!("no socket was handed over as {descriptor}; {found}"),
            help: Some(
                "let a .socket unit of systemd start hekad, or systemd-socket-activate; without them write \
                 host:port or a path"
                    .to_owned(),
            ),
        }
    }
}

impl Passed {
    fn is(&self, descriptor: &Descriptor) -> bool {
        match descriptor {
            Descriptor::Number(number) => self.number == *number,
            Descriptor::Name(name) => self.name.as_ref() == Some(name),
        }
    }
}

impl fmt::Display for Passed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "descriptor {} (", self.number)?;
        if let Some(name) = &self.name {
            write!(out, "{name}, ")?;
        }
        match &self.open {
            Some(open) => write!(out, "{}/{})", open.place, open.transport.word()),
            None => write!(out, "no socket that listens)"),
        }
    }
}

impl Open {
    fn fits(&self, wanted: Wanted) -> bool {
        // A unix socket has no such address, and none is asked for.
        let ip =
            self.socket.local_addr().ok().and_then(|address| address.as_socket()).map(|found| found.ip());
        self.transport == wanted.transport && ip.is_none_or(|ip| wanted.family.has(ip))
    }
}

fn told(passed: &Passed, descriptor: &Descriptor) -> String {
    format!("{passed} was handed over, and no section takes it: address = \"{descriptor}\" does")
}

fn misfit(passed: &Passed, wanted: Wanted) -> BuildError {
    let Wanted { transport, family } = wanted;
    BuildError {
        message: format!("{passed} does not fit: wanted is {}{}", transport.word(), family.shown()),
        help: Some(format!(
            "give this section the `net` of that socket, or write {} in the unit",
            transport.directive()
        )),
    }
}

fn miscounted(descriptor: &Descriptor, found: usize, sockets: usize) -> BuildError {
    let message =
        format!("{found} of the sockets that were handed over are {descriptor}; wanted is {sockets}");
    let help = match sockets {
        1 => "ask for one by its number (fd:3), or name each of them in a .socket unit of its own",
        _ => "set lanes_share_socket = true, or hand over one a lane, each with ReusePort=yes",
    };
    BuildError { message, help: Some(help.to_owned()) }
}

/// Why nothing is taken of what the environment seems to say.
#[cfg(unix)]
fn flaw_of(environment: &dyn Fn(&str) -> Option<String>, own: u32) -> Option<String> {
    let fds = environment("LISTEN_FDS")?;
    if !matches!(fds.parse::<u32>(), Ok(0..=MOST)) {
        return Some(format!("LISTEN_FDS is {fds:?}, and should be a number up to {MOST}"));
    }
    let pid = environment("LISTEN_PID").filter(|pid| !pid.is_empty() && pid.parse() != Ok(own))?;
    Some(format!("LISTEN_PID is {pid}, and this process is {own}: what starts it has to `exec` it"))
}

/// The socket at `index`, whichever kind it is of; taken, it is closed on `exec`.
#[cfg(unix)]
fn opened(found: &mut listenfd::ListenFd, index: usize) -> Option<Open> {
    // One of another kind is an error and stays where it is, for the next to try.
    let (transport, descriptor) = taken(Transport::Udp, found.take_udp_socket(index))
        .or_else(|| taken(Transport::Tcp, found.take_tcp_listener(index)))
        .or_else(|| taken(Transport::Unixgram, found.take_unix_datagram(index)))
        .or_else(|| taken(Transport::Unix, found.take_unix_listener(index)))?;
    let socket = Socket::from(descriptor);
    let accepts = matches!(transport, Transport::Udp | Transport::Unixgram) || is_listener(&socket);
    accepts.then(|| Open { place: place_of(&socket), socket, transport })
}

#[cfg(unix)]
fn taken<S: Into<OwnedFd>>(
    transport: Transport,
    socket: io::Result<Option<S>>,
) -> Option<(Transport, OwnedFd)> {
    Some((transport, socket.ok()??.into()))
}

/// Whether it is a listener, and not a connection, as a unit with Accept=yes hands over.
#[cfg(unix)]
fn is_listener(socket: &Socket) -> bool {
    nix::sys::socket::getsockopt(socket, nix::sys::socket::sockopt::AcceptConn).unwrap_or(true)
}

/// Where it is bound, for people.
fn place_of(socket: &Socket) -> String {
    let nowhere = || "an unnamed socket".to_owned();
    let Ok(address) = socket.local_addr() else { return nowhere() };
    #[cfg(unix)]
    let path = address.as_pathname().map(|path| path.display().to_string());
    #[cfg(unix)]
    let path = path.or_else(|| {
        let name = address.as_abstract_namespace()?;
        Some(format!("@{}", String::from_utf8_lossy(name)))
    });
    #[cfg(not(unix))]
    let path = None;
    address.as_socket().map(|found| found.to_string()).or(path).unwrap_or_else(nowhere)
}

/// The number of the first descriptor.
const FIRST: u32 = 3;

/// More are not believed: systemd opens as many files itself.
#[cfg(unix)]
const MOST: u32 = 1024;

#[cfg(all(test, unix))]
mod tests;
