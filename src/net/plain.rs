//! Receives one datagram a call with nothing but the standard library: where there is no batched receive, and as the
//! twin that the batched one is tested against. It cannot see what the kernel drops.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use socket2::Socket;

use super::bind::BindError;
use super::datagram::{
    Arrival, Batch, BindOptions, Bound, Granted, LONG, Received, SHORT, bind_beside, bind_sockets,
    on_this_host,
};
use super::owner::Protocol;
use crate::time::Stamp;

/// Receives on one socket, one datagram a call.
#[derive(Debug)]
pub struct UdpReceiver {
    socket: UdpSocket,
    address: SocketAddr,
    short: Vec<u8>,
    long: Vec<u8>,
    arrival: Arrival,
    /// Whether senders are asked for.
    senders: bool,
    received: Received,
}

impl UdpReceiver {
    /// Binds `address`, one receiver a lane. Port 0 lets the system choose.
    ///
    /// # Errors
    /// [`BindError`], which names the holder of a taken port where that can be found.
    pub fn bind(address: SocketAddr, options: &BindOptions) -> Result<Bound<UdpReceiver>, BindError> {
        UdpReceiver::over_all(bind_sockets(address, options)?, address, options)
    }

    /// Binds one receiver to an address that lanes bound together hold, in the place of one of them that is gone.
    ///
    /// # Errors
    /// [`BindError`].
    pub fn rejoin(address: SocketAddr, options: &BindOptions) -> Result<Bound<UdpReceiver>, BindError> {
        UdpReceiver::over_all(vec![bind_beside(address)?], address, options)
    }

    /// Receives on a socket that was handed over. What it holds is received; its buffer never shrinks.
    ///
    /// # Errors
    /// What the system says of the socket.
    pub fn handed(socket: Socket, options: &BindOptions, _lane: usize) -> io::Result<Bound<UdpReceiver>> {
        if socket.recv_buffer_size()? < options.receive_buffer {
            // See `over_all`.
            let _ = socket.set_recv_buffer_size(options.receive_buffer);
        }
        let granted =
            Granted { asked: options.receive_buffer, got: socket.recv_buffer_size()?, advice: None };
        let mut lane = UdpReceiver::over(socket.into())?;
        lane.senders = options.senders;
        Ok(Bound { address: lane.address, lanes: vec![lane], granted })
    }

    fn over_all(
        sockets: Vec<Socket>,
        address: SocketAddr,
        options: &BindOptions,
    ) -> Result<Bound<UdpReceiver>, BindError> {
        let refused = |source| BindError::of(Protocol::Udp, address, source);
        let mut lanes = Vec::new();
        let mut got = options.receive_buffer;
        for socket in sockets {
            // A system that refuses the size keeps its own, which is read back and reported.
            let _ = socket.set_recv_buffer_size(options.receive_buffer);
            got = got.min(socket.recv_buffer_size().map_err(refused)?);
            let mut lane = UdpReceiver::over(socket.into()).map_err(refused)?;
            lane.senders = options.senders;
            lanes.push(lane);
        }
        let granted = Granted { asked: options.receive_buffer, got, advice: None };
        let address = lanes.first().map_or(address, |lane| lane.address);
        Ok(Bound { address, lanes, granted })
    }

    fn over(socket: UdpSocket) -> io::Result<UdpReceiver> {
        Ok(UdpReceiver {
            address: socket.local_addr()?,
            socket,
            short: vec![0; SHORT],
            long: vec![0; LONG],
            arrival: Arrival::default(),
            senders: false,
            received: Received::default(),
        })
    }

    /// Where it is bound.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it has seen so far; `dropped` stays zero.
    pub fn received(&self) -> Received {
        self.received
    }

    /// Takes no more: from now on the system refuses what is sent here. What has arrived can still be received.
    pub fn refuse_more(&self) {
        // See the twin.
        let _ = self.socket.connect(on_this_host(self.address));
    }

    /// A waker without effect: a waiting `receive` ends by its time alone.
    pub fn waker(&self) -> Waker {
        Waker
    }

    /// Takes one datagram; waits at most `wait` for it.
    ///
    /// # Errors
    /// What the system says of the socket.
    pub fn receive(&mut self, wait: Duration, _now: Stamp) -> io::Result<Batch<'_>> {
        self.socket.set_nonblocking(wait.is_zero())?;
        if !wait.is_zero() {
            self.socket.set_read_timeout(Some(wait))?;
        }
        let count = match self.socket.recv_from(&mut self.long) {
            Ok((length, sender)) => {
                self.arrival =
                    Arrival { length, truncated: false, sender: self.senders.then(|| sender.ip()) };
                if length <= SHORT {
                    self.short[..length].copy_from_slice(&self.long[..length]);
                }
                1
            }
            Err(error) if is_nothing(&error) => 0,
            Err(error) => return Err(error),
        };
        let arrivals = &std::slice::from_ref(&self.arrival)[..count];
        self.received.add(arrivals);
        Ok(Batch { arrivals, short: &self.short, long: &self.long, drained: count == 0 })
    }

    /// Does nothing: this receiver cannot see what the kernel drops.
    ///
    /// # Errors
    /// None.
    pub fn count_drops(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Ends a wait where that can be done.
#[derive(Debug, Clone)]
pub struct Waker;

impl Waker {
    /// Does nothing.
    pub fn wake(&self) {}
}

/// Datagrams one call takes at most.
pub const BATCH: usize = 1;

fn is_nothing(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), WouldBlock | TimedOut | Interrupted)
}
