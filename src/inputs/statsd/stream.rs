//! A listener for lines, TCP or unix.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use super::{Config, Framing};
use crate::net::{LineSink, StreamCounters, StreamLimits, serve_lines, tcp_listener};
use crate::plugin::{BoxFuture, BuildError, Fault, Input, Intake, Io, LocalFuture, Note, Notes};

/// See the module.
pub(super) struct Lines {
    listener: Option<Listener>,
    limits: StreamLimits,
    /// Said when it listens.
    announcement: String,
}

/// What is listened on, until it is served.
pub(super) enum Listener {
    Tcp(TcpListener),
    /// Its file is there as long as it is served.
    #[cfg(unix)]
    Unix(std::os::unix::net::UnixListener, crate::net::SocketFile),
}

impl Lines {
    /// Binds a TCP listener.
    pub(super) fn over_tcp(address: SocketAddr, config: &Config) -> Result<Lines, BuildError> {
        let listener = tcp_listener(address).map_err(super::taken)?;
        let address =
            listener.local_addr().map_err(|error| BuildError::new(format!("{address}: {error}")))?;
        let announcement = format!(
            "listening on {address}/tcp; try: echo 'hello.world:1|c' | nc -q1 {} {}",
            super::reachable(address.ip()),
            address.port()
        );
        Ok(Lines::over(Listener::Tcp(listener), announcement, config))
    }

    pub(super) fn over(listener: Listener, announcement: String, config: &Config) -> Lines {
        let limits = StreamLimits {
            max_connections: config.max_connections as usize,
            idle: config.idle_timeout.0,
            max_line: config.max_line.length(),
            framing: match config.framing {
                Framing::Lines => crate::net::Framing::Lines,
                Framing::Length => crate::net::Framing::Length,
            },
        };
        Lines { listener: Some(listener), limits, announcement }
    }

    async fn serve(&mut self, io: &Io) -> Result<(), Fault> {
        io.notes.note(Note::Listening(self.announcement.clone()));
        let listener = self.listener.take().ok_or_else(|| Fault::new("its listener is used up"))?;
        let counters = Arc::new(StreamCounters::default());
        let notes = Arc::clone(&io.notes);
        let intakes = Arc::clone(&io.intakes);
        let sink_for = move || Sink { intake: intakes.open(), notes: Arc::clone(&notes) };
        let (limits, counts, stop) = (self.limits.clone(), Arc::clone(&counters), io.stop.wait());
        let serving = async {
            match listener {
                Listener::Tcp(listener) => serve_lines(listener, limits, counts, stop, sink_for).await,
                #[cfg(unix)]
                Listener::Unix(listener, _file) => {
                    crate::net::serve_unix_lines(listener, limits, counts, stop, sink_for).await
                }
            }
        };
        let mut said = Said::default();
        let watching = async {
            loop {
                tokio::time::sleep(LOOK).await;
                said.note(&counters, &*io.notes);
            }
        };
        let served = tokio::select! {
            served = serving => served,
            () = watching => unreachable!("the watch does not end"),
        };
        said.note(&counters, &*io.notes);
        served.map_err(|error| Fault::caused("cannot serve the listener", error))
    }
}

impl Input for Lines {
    fn run<'a>(&'a mut self, io: &'a Io) -> LocalFuture<'a, Result<(), Fault>> {
        Box::pin(self.serve(io))
    }
}

/// The lines of one connection.
struct Sink {
    intake: Box<dyn Intake>,
    notes: Arc<dyn Notes>,
}

impl LineSink for Sink {
    fn lines(&mut self, chunk: &[u8]) -> bool {
        // The next chunk may be long in coming, so what is decoded goes on now.
        let pushed = self.intake.push(chunk, None);
        pushed && self.intake.flush()
    }

    fn ready(&mut self) -> BoxFuture<'_, ()> {
        self.intake.ready()
    }

    fn too_long(&mut self, _: u64) {
        self.notes.note(Note::LongLines(1));
    }
}

/// What was noted of the counters already.
#[derive(Default)]
struct Said {
    accepted: u64,
    refused: u64,
    failed: u64,
    idle: u64,
    unfinished: u64,
}

impl Said {
    fn note(&mut self, counters: &StreamCounters, notes: &dyn Notes) {
        let connections = &counters.connections;
        let since = |said: &mut u64, now: u64, note: fn(u64) -> Note| {
            if now > *said {
                notes.note(note(now - *said));
                *said = now;
            }
        };
        since(&mut self.accepted, connections.accepted(), Note::Connected);
        since(&mut self.refused, connections.refused(), Note::Refused);
        since(&mut self.failed, connections.failed(), Note::AcceptErrors);
        since(&mut self.idle, counters.idle(), Note::Idle);
        since(&mut self.unfinished, counters.unfinished(), Note::Unfinished);
    }
}

/// How often the counters are looked at.
const LOOK: Duration = Duration::from_millis(500);
