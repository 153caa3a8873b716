//! A listener for lines, TCP or unix.

use std::net::TcpListener;
use std::sync::Arc;

use super::{Config, Framing};
use crate::net::{LineSink, StreamCounters, StreamLimits, reachable, serve_lines};
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
    /// Its file is there as long as it is served; that of one that was handed over is not ours.
    #[cfg(unix)]
    Unix(std::os::unix::net::UnixListener, Option<crate::net::SocketFile>),
}

impl Lines {
    /// Over a TCP listener.
    pub(super) fn over_tcp(listener: TcpListener, config: &Config) -> Result<Lines, BuildError> {
        let address = listener.local_addr().map_err(|error| BuildError::new(error.to_string()))?;
        let near = reachable(address);
        let announcement = format!(
            "listening on {address}/tcp; try: echo 'hello.world:1|c' | nc -q1 {} {}",
            near.ip(),
            near.port()
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
        let served = counters.noting(&*io.notes, serving).await;
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

    fn finish(&mut self) -> bool {
        self.intake.flush()
    }

    fn ready(&mut self) -> BoxFuture<'_, ()> {
        self.intake.ready()
    }

    fn too_long(&mut self, _: u64) {
        self.notes.note(Note::LongLines(1));
    }
}
