//! One lane of a UDP listener: a socket, a thread, a seat. What a datagram is pushed as is up to the input.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use super::bind::BindError;
use super::datagram::{BindOptions, Datagram, Granted};
use super::handed::HandedSocket;
#[cfg(not(target_os = "linux"))]
use super::plain::UdpReceiver;
#[cfg(target_os = "linux")]
use super::receive::UdpReceiver;
use crate::plugin::{BuildError, Fault, Intake, Io, Note, Notes};

/// See the module.
#[derive(Debug)]
pub struct UdpLane {
    receiver: UdpReceiver,
    /// Whether somebody else has the socket too, and keeps it when this lane ends.
    handed: bool,
    granted: Granted,
    said: Said,
}

/// What was noted already.
#[derive(Debug, Default)]
struct Said {
    dropped: u64,
    truncated: u64,
    listening: bool,
}

impl UdpLane {
    /// Binds the lanes of one address, or, where they were bound before, one in the place of a lane that is gone.
    ///
    /// # Errors
    /// [`BindError`], which names the holder of a taken port.
    pub fn bind(address: SocketAddr, options: &BindOptions, before: bool) -> Result<Vec<UdpLane>, BindError> {
        let bind = if before && options.lanes > 1 { UdpReceiver::rejoin } else { UdpReceiver::bind };
        let bound = bind(address, options)?;
        let lane = |(number, receiver)| {
            // The first lane speaks for the address.
            let said = Said { listening: number > 0, ..Said::default() };
            UdpLane { receiver, handed: false, granted: bound.granted.clone(), said }
        };
        Ok(bound.lanes.into_iter().enumerate().map(lane).collect())
    }

    /// The lane `number` of an address whose socket was handed over.
    ///
    /// # Errors
    /// What the system says of the socket.
    pub fn handed(handed: HandedSocket, options: &BindOptions, number: usize) -> Result<UdpLane, BuildError> {
        let HandedSocket { socket, place } = handed;
        let unusable = |error| BuildError::new(format!("{place}/udp cannot be received on: {error}"));
        let mut bound = UdpReceiver::handed(socket, options, number).map_err(unusable)?;
        let receiver = bound.lanes.pop().ok_or_else(|| BuildError::new("no socket for this lane"))?;
        let said = Said { listening: number > 0, ..Said::default() };
        Ok(UdpLane { receiver, handed: true, granted: bound.granted, said })
    }

    fn announce(&mut self, io: &Io, try_it: &dyn Fn(SocketAddr) -> String) {
        if std::mem::replace(&mut self.said.listening, true) {
            return;
        }
        let address = self.receiver.address();
        io.notes.note(Note::Listening(format!(
            "listening on {address}/udp{}; try: {}",
            if self.handed { ", handed over" } else { "" },
            try_it(reachable(address))
        )));
        if let Some(sysctl) = &self.granted.advice {
            io.notes.note(Note::Advice(format!(
                "asked for a receive buffer of {} bytes and got {}; bursts may be dropped; to allow it: {sysctl}",
                self.granted.asked, self.granted.got
            )));
        }
    }

    /// Gives datagrams to `push` until a stop, and then what had arrived before it. `try_it` says how to send one to an
    /// address.
    ///
    /// # Errors
    /// What the system says of the socket.
    pub fn serve(
        &mut self,
        io: &Io,
        try_it: &dyn Fn(SocketAddr) -> String,
        push: &mut PushDatagram<'_>,
    ) -> Result<(), Fault> {
        self.announce(io, try_it);
        let mut intake = io.intakes.open_whole();
        while !io.stop.is_set() {
            self.take(&mut *intake, io, push, WAIT)?;
        }
        // What has arrived before the stop is taken; a sender that goes on is refused, and not waited for. Of a socket that
        // was handed over it is not refused: what comes from now on waits there for the next start.
        if !self.handed {
            self.receiver.refuse_more();
        }
        for _ in 0..LAST_BATCHES {
            match self.take(&mut *intake, io, push, Duration::ZERO)? {
                Found::Nothing => break,
                Found::All if self.handed => break,
                Found::All | Found::Some => {}
            }
        }
        self.receiver
            .count_drops()
            .map_err(|error| Fault::caused("cannot read the socket's drops", error))?;
        self.note(&*io.notes);
        intake.flush();
        Ok(())
    }

    /// Takes one batch; what it was of what there is.
    fn take(
        &mut self,
        intake: &mut dyn Intake,
        io: &Io,
        push: &mut PushDatagram<'_>,
        wait: Duration,
    ) -> Result<Found, Fault> {
        let batch = self
            .receiver
            .receive(wait, io.clock.now())
            .map_err(|error| Fault::caused("cannot receive", error))?;
        let drained = batch.drained();
        let found = match (batch.is_empty(), drained) {
            (true, _) => Found::Nothing,
            (false, true) => Found::All,
            (false, false) => Found::Some,
        };
        for datagram in batch.datagrams() {
            // A feed of datagrams never waits: what finds no room is counted there.
            push(&datagram, intake);
        }
        if drained {
            intake.flush();
        }
        self.note(&*io.notes);
        Ok(found)
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

/// How much a batch was of what the socket held.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Found {
    Nothing,
    Some,
    All,
}

/// Pushes a datagram.
pub type PushDatagram<'a> = dyn FnMut(&Datagram<'_>, &mut dyn Intake) + 'a;

/// Where a client of this machine reaches a listener.
pub fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(v4) if v4.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(v6) if v6.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// How long to wait for a datagram before looking whether to stop.
const WAIT: Duration = Duration::from_millis(100);

/// Batches taken after the stop at most.
const LAST_BATCHES: usize = 4096;
