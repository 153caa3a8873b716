//! One lane of a UDP listener: a socket, a thread, a seat.

use std::net::SocketAddr;
use std::time::Duration;

use super::Config;
use crate::net::{BindOptions, Datagram, Granted, UdpReceiver};
use crate::plugin::{BuildError, Fault, Input, Intake, Io, LocalFuture, Note, Notes};

/// See the module.
pub(super) struct UdpLane {
    receiver: UdpReceiver,
    granted: Granted,
    said: Said,
}

/// What was noted already.
#[derive(Default)]
struct Said {
    dropped: u64,
    truncated: u64,
    listening: bool,
}

impl UdpLane {
    /// Binds the lanes of one address, or, where they were bound before, one in the place of a lane that is gone.
    pub(super) fn bind(
        address: SocketAddr,
        config: &Config,
        before: bool,
    ) -> Result<Vec<UdpLane>, BuildError> {
        let options = BindOptions {
            lanes: config.lanes as usize,
            one_socket: config.lanes_share_socket,
            receive_buffer: config.receive_buffer.length(),
            ..BindOptions::default()
        };
        let bind = if before && config.lanes > 1 { UdpReceiver::rejoin } else { UdpReceiver::bind };
        let bound = bind(address, &options).map_err(super::taken)?;
        let lane = |(number, receiver)| {
            // The first lane speaks for the address.
            let said = Said { listening: number > 0, ..Said::default() };
            UdpLane { receiver, granted: bound.granted.clone(), said }
        };
        Ok(bound.lanes.into_iter().enumerate().map(lane).collect())
    }

    fn announce(&mut self, io: &Io) {
        if std::mem::replace(&mut self.said.listening, true) {
            return;
        }
        let address = self.receiver.address();
        io.notes.note(Note::Listening(format!(
            "listening on {address}/udp; try: echo 'hello.world:1|c' | nc -u -w1 {} {}",
            super::reachable(address.ip()),
            address.port()
        )));
        if let Some(sysctl) = &self.granted.advice {
            io.notes.note(Note::Advice(format!(
                "asked for a receive buffer of {} bytes and got {}; bursts may be dropped; to allow it: {sysctl}",
                self.granted.asked, self.granted.got
            )));
        }
    }

    fn serve(&mut self, io: &Io) -> Result<(), Fault> {
        self.announce(io);
        let mut intake = io.intakes.open_whole();
        while !io.stop.is_set() {
            self.take(&mut *intake, io, WAIT)?;
        }
        // What has arrived before the stop is taken, but a sender that goes on is not waited for.
        for _ in 0..LAST_BATCHES {
            if !self.take(&mut *intake, io, Duration::ZERO)? {
                break;
            }
        }
        self.receiver
            .count_drops()
            .map_err(|error| Fault::caused("cannot read the socket's drops", error))?;
        self.note(&*io.notes);
        intake.flush();
        Ok(())
    }

    /// Takes one batch; whether there was anything.
    fn take(&mut self, intake: &mut dyn Intake, io: &Io, wait: Duration) -> Result<bool, Fault> {
        let batch = self
            .receiver
            .receive(wait, io.clock.now())
            .map_err(|error| Fault::caused("cannot receive", error))?;
        let (any, drained) = (!batch.is_empty(), batch.drained());
        for datagram in batch.datagrams() {
            // A feed of datagrams never waits: what finds no room is counted there.
            intake.push(whole_lines(&datagram), None);
        }
        if drained {
            intake.flush();
        }
        self.note(&*io.notes);
        Ok(any)
    }

    fn note(&mut self, notes: &dyn Notes) {
        let received = self.receiver.received();
        if received.dropped > self.said.dropped {
            notes.note(Note::KernelDrops(received.dropped - self.said.dropped));
            self.said.dropped = received.dropped;
        }
        if received.truncated > self.said.truncated {
            notes.note(Note::Truncated(received.truncated - self.said.truncated));
            self.said.truncated = received.truncated;
        }
    }
}

impl Input for UdpLane {
    fn run<'a>(&'a mut self, io: &'a Io) -> LocalFuture<'a, Result<(), Fault>> {
        Box::pin(async move { self.serve(io) })
    }
}

/// The lines of a datagram that are whole.
fn whole_lines<'a>(datagram: &Datagram<'a>) -> &'a [u8] {
    match datagram.truncated {
        false => datagram.bytes,
        true => super::without_cut(datagram.bytes),
    }
}

/// How long to wait for a datagram before looking whether to stop.
const WAIT: Duration = Duration::from_millis(100);

/// Batches taken after the stop at most.
const LAST_BATCHES: usize = 4096;
