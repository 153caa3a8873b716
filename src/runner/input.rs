//! Runs one lane of an input: restarts it with back-off, takes its notes.

use std::sync::Arc;

use super::{Backoff, InputCounts, built, guarded};
use crate::flow::{Count, OwnMetrics};
use crate::metric::BadReason;
use crate::plugin::{BuildError, Fault, Input, Io, Note, Notes, Stop, Throttle};
use crate::time::Clock;

/// How a lane of an input ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputEnd {
    /// It was told to stop, or its source ended and it may.
    Finished,
    /// It ended by a fault, or its source ended, and that ends the daemon.
    Failed,
}

/// What a lane is run with.
pub struct InputLane {
    /// Section of the input.
    pub name: Arc<str>,
    /// Makes another after a fault.
    pub rebuild: Box<dyn FnMut() -> Result<Box<dyn Input>, BuildError> + Send>,
    /// Attempts after faults.
    pub backoff: Backoff,
    /// Whether it may end without ending the daemon.
    pub can_exit: bool,
    /// Counts faults.
    pub faults: Count,
    /// The clock.
    pub clock: Arc<dyn Clock>,
}

/// Runs a lane on the calling thread until it is told to stop.
pub fn run_input(mut lane: InputLane, mut input: Box<dyn Input>, io: &Io) -> InputEnd {
    loop {
        let began = lane.clock.now();
        let ran = guarded(|| io.runtime.block_on(input.run(io)));
        if io.stop.is_set() {
            return InputEnd::Finished;
        }
        let fault = match ran {
            Ok(Ok(())) if lane.can_exit => return InputEnd::Finished,
            Ok(Ok(())) => Fault::new("its source ended"),
            Ok(Err(fault)) | Err(fault) => fault,
        };
        // It ran for longer than it would have to wait: the fault is a new one.
        if lane.clock.now().since(began) > lane.backoff.longest() {
            lane.backoff.succeed();
        }
        // Its socket is closed before another is opened in its place.
        if let Err(fault) = guarded(|| drop(input)) {
            tracing::error!("{}: {fault}", lane.name);
        }
        match lane.restart(&fault, &io.stop, &io.runtime) {
            Some(again) => input = again,
            None if io.stop.is_set() || lane.can_exit => return InputEnd::Finished,
            None => return InputEnd::Failed,
        }
    }
}

impl InputLane {
    fn restart(
        &mut self,
        fault: &Fault,
        stop: &Stop,
        runtime: &tokio::runtime::Handle,
    ) -> Option<Box<dyn Input>> {
        let mut fault = fault.to_string();
        loop {
            self.faults.add(1);
            let now = self.clock.now();
            let Some(resume) = self.backoff.fail(now) else {
                tracing::error!("{}: {fault}", self.name);
                return None;
            };
            let pause = resume.since(now);
            tracing::error!("{}: {fault}; next attempt in {pause:?}", self.name);
            runtime.block_on(async {
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = stop.wait() => {}
                }
            });
            if stop.is_set() {
                return None;
            }
            match built(&mut self.rebuild) {
                Ok(input) => {
                    tracing::info!("{}: restarted", self.name);
                    return Some(input);
                }
                Err(again) => fault = again.to_string(),
            }
        }
    }
}

/// Counts and logs what an input has to say.
pub struct InputNotes {
    name: Arc<str>,
    counts: InputCounts,
    kernel_drops: Count,
    truncated: Count,
    connected: Count,
    disconnected: Count,
    refused: Count,
    idle: Count,
    long_lines: Count,
    unfinished: Count,
    accept_errors: Count,
    late_handshakes: Count,
    failed_handshakes: Count,
    throttle: std::sync::Mutex<Throttle>,
    clock: Arc<dyn Clock>,
}

impl InputNotes {
    /// The notes of the input `name`.
    pub fn new(own: &OwnMetrics, name: Arc<str>, counts: InputCounts, clock: Arc<dyn Clock>) -> InputNotes {
        let count = |metric| own.counter(metric, &[("input", &*name)]);
        let handshakes =
            |reason| own.counter("hekad_handshakes_failed_total", &[("input", &*name), ("reason", reason)]);
        InputNotes {
            kernel_drops: count("hekad_kernel_drops_total"),
            truncated: count("hekad_truncated_datagrams_total"),
            connected: count("hekad_connections_total"),
            disconnected: count("hekad_connections_ended_total"),
            refused: count("hekad_connections_refused_total"),
            idle: count("hekad_connections_idle_total"),
            long_lines: count("hekad_long_lines_total"),
            unfinished: count("hekad_unfinished_lines_total"),
            accept_errors: count("hekad_accept_errors_total"),
            late_handshakes: handshakes("late"),
            failed_handshakes: handshakes("refused"),
            throttle: std::sync::Mutex::default(),
            name,
            counts,
            clock,
        }
    }

    fn warn(&self, site: &'static str, text: &str) {
        let mut throttle = self.throttle.lock().expect("no code panics while it holds the throttle");
        if let Some(quiet) = throttle.allow(site, self.clock.now()) {
            tracing::warn!("{}: {text}{quiet}", self.name);
        }
    }
}

impl Notes for InputNotes {
    fn note(&self, note: Note) {
        match note {
            Note::Listening(text) => tracing::info!("{}: {text}", self.name),
            Note::Advice(text) => tracing::warn!("{}: {text}", self.name),
            Note::KernelDrops(datagrams) => {
                self.kernel_drops.add(datagrams);
                self.warn(
                    "kernel_drops",
                    &format!("the kernel dropped {datagrams} datagrams: the socket was full"),
                );
            }
            Note::Truncated(datagrams) => {
                self.truncated.add(datagrams);
                self.counts.refuse(BadReason::Truncated, datagrams);
                self.warn("truncated", "a datagram was cut; its last line is refused");
            }
            Note::Connected(count) => self.connected.add(count),
            Note::Disconnected(count) => self.disconnected.add(count),
            Note::Refused(count) => {
                self.refused.add(count);
                self.warn("refused", &format!("{count} connections refused: max_connections is reached"));
            }
            Note::Idle(count) => self.idle.add(count),
            Note::LongLines(count) => {
                self.long_lines.add(count);
                self.warn("long_line", &format!("{count} lines longer than max_line were dropped"));
            }
            Note::Unfinished(count) => self.unfinished.add(count),
            Note::LateHandshakes(count) => {
                self.late_handshakes.add(count);
                self.warn("late_handshake", &format!("{count} peers did not agree on keys in time"));
            }
            Note::FailedHandshakes(count, why) => {
                self.failed_handshakes.add(count);
                self.warn("handshake", &format!("{count} peers could not agree on keys, one of them: {why}"));
            }
            Note::AcceptErrors(count) => {
                self.accept_errors.add(count);
                self.warn("accept", "a connection could not be accepted; are file descriptors short?");
            }
        }
    }
}
