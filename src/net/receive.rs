//! Receives datagrams in batches: one socket of one lane, whole datagrams, every loss counted.
//!
//! One of three modules with `unsafe` (`statsd/scan.rs` and `daemon/memory.rs` are the others): `recvmmsg(2)`, `poll(2)`, `eventfd(2)` and `SO_MEMINFO` have no safe wrapper that
//! keeps its buffers. `plain` is the safe twin, which the tests hold this one against. When to pause is `pace`'s.
#![expect(unsafe_code, reason = "recvmmsg, poll, eventfd and SO_MEMINFO are called through libc")]

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::time::Duration;

use nix::libc;
use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Socket, Type};

use super::bind::BindError;
use super::datagram::{
    Arrival, Batch, BindOptions, Bound, Granted, LONG, Received, SHORT, bind_beside, bind_sockets,
    local_address, on_this_host,
};
use super::owner::Protocol;
use super::pace::Pace;
use crate::time::Stamp;

/// Receives on one socket, batch by batch. Belongs to one thread.
#[derive(Debug)]
pub struct UdpReceiver {
    socket: Socket,
    address: SocketAddr,
    wake: Arc<File>,
    buffers: Buffers,
    pace: Pace,
    received: Received,
    last: LastCall,
    drops: Drops,
}

impl UdpReceiver {
    /// Binds `address`, one receiver a lane, and asks for the receive buffers. Port 0 lets the system choose.
    ///
    /// # Errors
    /// [`BindError`], which names the holder of a taken port.
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

    /// Receives on a socket that was handed over, as the lane of that number. What it holds is received; its buffer grows
    /// and never shrinks.
    ///
    /// # Errors
    /// What the system says of the socket.
    pub fn handed(socket: Socket, options: &BindOptions, lane: usize) -> io::Result<Bound<UdpReceiver>> {
        let kernel_bytes = grow(&socket, options.receive_buffer)?;
        let mut granted = Granted { asked: options.receive_buffer, got: kernel_bytes / 2, advice: None };
        if granted.got < granted.asked {
            let asked = granted.asked;
            let advice =
                format!("sysctl -w net.core.rmem_max={asked}, or ReceiveBuffer={asked} in its .socket unit");
            granted.advice = Some(advice);
        }
        let mut receiver = UdpReceiver::over(socket, kernel_bytes, options.pause, LONG)?;
        receiver.take_up(options, lane);
        Ok(Bound { address: receiver.address, lanes: vec![receiver], granted })
    }

    fn over_all(
        sockets: Vec<Socket>,
        address: SocketAddr,
        options: &BindOptions,
    ) -> Result<Bound<UdpReceiver>, BindError> {
        let refused = |source| BindError::of(Protocol::Udp, address, source);
        let mut lanes = Vec::with_capacity(sockets.len());
        let mut granted = Granted { asked: options.receive_buffer, got: usize::MAX, advice: None };
        for (number, socket) in sockets.into_iter().enumerate() {
            let kernel_bytes = grant(&socket, options.receive_buffer).map_err(refused)?;
            granted.got = granted.got.min(kernel_bytes / 2);
            let mut lane = UdpReceiver::over(socket, kernel_bytes, options.pause, LONG).map_err(refused)?;
            lane.take_up(options, number);
            lanes.push(lane);
        }
        if granted.got < granted.asked {
            granted.advice = Some(format!("sysctl -w net.core.rmem_max={}", granted.asked));
        }
        let address = lanes.first().map_or(address, |lane| lane.address);
        Ok(Bound { address, lanes, granted })
    }

    /// Does what the options ask of the lane of that number.
    fn take_up(&mut self, options: &BindOptions, number: usize) {
        if options.senders {
            self.buffers.ask_for_senders();
        }
        // What one socket drops is counted once.
        self.drops.elsewhere = options.one_socket && number > 0;
    }

    fn over(socket: Socket, kernel_bytes: usize, pause: Duration, room: usize) -> io::Result<UdpReceiver> {
        Ok(UdpReceiver {
            address: local_address(&socket)?,
            drops: Drops { counter: drop_counter(&socket)?, ..Drops::default() },
            socket,
            wake: Arc::new(File::from(event()?)),
            buffers: Buffers::new(room),
            pace: Pace::new(BATCH, kernel_bytes, pause),
            received: Received::default(),
            last: LastCall::default(),
        })
    }

    /// Where it is bound.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it has seen so far. `dropped` is brought up to date once a second and when the socket falls idle.
    pub fn received(&self) -> Received {
        self.received
    }

    /// Takes no more: from now on the system refuses what is sent here, and tells whoever sends, instead of keeping it for
    /// a socket that is about to end. What has arrived can still be received.
    pub fn refuse_more(&self) {
        // A socket that has a peer takes from nobody else, and this one has itself. Where that cannot be, what comes
        // between the last look and the end is lost without a word, as it is with any other program.
        let _ = self.socket.connect(&on_this_host(self.address).into());
    }

    /// Ends a waiting `receive` from another thread.
    pub fn waker(&self) -> Waker {
        Waker(Arc::clone(&self.wake))
    }

    /// Takes what has arrived, up to [`BATCH`] datagrams; waits at most `wait` for the first one. The batch is empty if
    /// none came or the waker was used. `now` is the time of the call; a busy lane may pause some milliseconds first.
    ///
    /// # Errors
    /// What the system says of the socket; the receiver can be used again.
    pub fn receive(&mut self, wait: Duration, now: Stamp) -> io::Result<Batch<'_>> {
        let pause = self.pace.next(self.last.datagrams, self.last.bytes, now);
        pause_for(pause);
        let probably_waiting = !pause.is_zero() || self.last.datagrams == BATCH;
        let mut count = if probably_waiting { self.take()? } else { 0 };
        if count == 0 && self.wait(wait)? {
            count = self.take()?;
        }
        let arrivals = self.buffers.settle(count);
        let bytes = self.received.add(arrivals);
        self.last = LastCall { datagrams: count, bytes };
        self.drops.stale |= count > 0;
        if self.drops.due(count, now) {
            self.drops.looked = Some(now);
            self.count_drops()?;
        }
        Ok(self.buffers.batch(count))
    }

    /// Brings `received().dropped` up to date: what the kernel has dropped for this socket, to the datagram.
    ///
    /// # Errors
    /// What the system says of the socket.
    pub fn count_drops(&mut self) -> io::Result<()> {
        self.drops.stale = false;
        if self.drops.elsewhere {
            return Ok(());
        }
        let counter = drop_counter(&self.socket)?;
        self.received.dropped += u64::from(counter.wrapping_sub(self.drops.counter));
        self.drops.counter = counter;
        Ok(())
    }

    fn take(&mut self) -> io::Result<usize> {
        self.last.datagrams = 0;
        match self.buffers.fill(self.socket.as_raw_fd()) {
            Err(error) if is_nothing(&error) => Ok(0),
            other => other,
        }
    }

    /// Whether a datagram came within `wait`.
    fn wait(&self, wait: Duration) -> io::Result<bool> {
        let watch = |fd: RawFd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
        let mut watched = [watch(self.socket.as_raw_fd()), watch(self.wake.as_raw_fd())];
        // Rounded up: a wait of less than a millisecond must not become a spin.
        let milliseconds = i32::try_from(wait.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX);
        // SAFETY: `watched` is an array of 2 initialised `pollfd` that outlives the call.
        let ready = unsafe { libc::poll(watched.as_mut_ptr(), 2, milliseconds) };
        if ready < 0 {
            let error = io::Error::last_os_error();
            return if is_nothing(&error) { Ok(false) } else { Err(error) };
        }
        if watched[1].revents != 0 {
            // Reading sets the event back; that nothing was there to read means another wake did it.
            let _ = (&*self.wake).read(&mut [0; 8]);
        }
        Ok(watched[0].revents != 0)
    }
}

/// Ends a wait in [`UdpReceiver::receive`]; may be cloned and sent to other threads.
#[derive(Debug, Clone)]
pub struct Waker(Arc<File>);

impl Waker {
    /// Ends the current wait, or the next one.
    pub fn wake(&self) {
        // Only fails when the event's counter is full of wakes, and then it is set.
        let _ = (&*self.0).write(&1_u64.to_ne_bytes());
    }
}

/// Datagrams one call takes at most.
pub const BATCH: usize = 64;

#[derive(Debug, Default)]
struct LastCall {
    datagrams: usize,
    bytes: usize,
}

#[derive(Debug, Default)]
struct Drops {
    /// The kernel's count at the last look; it wraps.
    counter: u32,
    looked: Option<Stamp>,
    /// Whether anything arrived since the last look.
    stale: bool,
    /// Whether another lane counts them.
    elsewhere: bool,
}

impl Drops {
    fn due(&self, arrived: usize, now: Stamp) -> bool {
        let fell_idle = arrived == 0 && self.stale;
        fell_idle || self.looked.is_none_or(|looked| now.since(looked) >= LOOK_EVERY || now < looked)
    }
}

/// Room for a batch. Every datagram has a short slot in a dense block, and behind it a long slot for what does not fit;
/// the long block is only touched by long datagrams.
struct Buffers {
    short: Vec<u8>,
    long: Vec<u8>,
    /// The pieces of every datagram, two each. Pointed to by `headers`.
    _pieces: Vec<libc::iovec>,
    headers: Vec<libc::mmsghdr>,
    /// Room for the sender of every datagram, if they are asked for. Pointed to by `headers`.
    senders: Vec<libc::sockaddr_storage>,
    arrivals: [Arrival; BATCH],
}

impl Buffers {
    /// Room for datagrams of up to `room` bytes, more than a short slot and at most a long one.
    fn new(room: usize) -> Buffers {
        assert!(room > SHORT && room <= LONG, "a long slot begins with room for the short one");
        let mut short = vec![0_u8; BATCH * SHORT];
        let mut long = vec![0_u8; BATCH * LONG];
        let (short_start, long_start) = (short.as_mut_ptr(), long.as_mut_ptr());
        let piece = |start: *mut u8, offset: usize, length: usize| libc::iovec {
            iov_base: start.wrapping_add(offset).cast(),
            iov_len: length,
        };
        let mut pieces: Vec<libc::iovec> = (0..BATCH)
            .flat_map(|index| {
                let rest = piece(long_start, index * LONG + SHORT, room - SHORT);
                [piece(short_start, index * SHORT, SHORT), rest]
            })
            .collect();
        let pieces_start = pieces.as_mut_ptr();
        let headers = (0..BATCH).map(|index| header(pieces_start.wrapping_add(index * 2))).collect();
        Buffers {
            short,
            long,
            _pieces: pieces,
            headers,
            senders: Vec::new(),
            arrivals: [Arrival::default(); BATCH],
        }
    }

    /// Has every header point to room for the sender.
    fn ask_for_senders(&mut self) {
        // SAFETY: `sockaddr_storage` is a C struct of integers, for which all zeros is a value: of no family.
        self.senders = vec![unsafe { std::mem::zeroed() }; BATCH];
        let start = self.senders.as_mut_ptr();
        for (index, header) in self.headers.iter_mut().enumerate() {
            header.msg_hdr.msg_name = start.wrapping_add(index).cast();
        }
    }

    /// Receives without waiting; returns the number of datagrams, whose headers are then filled.
    fn fill(&mut self, socket: RawFd) -> io::Result<usize> {
        if !self.senders.is_empty() {
            // The kernel writes there how much of the room it used.
            for header in &mut self.headers {
                header.msg_hdr.msg_namelen = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
            }
        }
        // SAFETY: `headers` holds BATCH headers. Each points to two pieces of `_pieces`, and these to disjoint ranges of
        // `short` and `long`: all four vectors are never resized and live as long as `self`, which is borrowed
        // exclusively here, so nobody reads them while the kernel writes. No control room is offered, and no room for names
        // unless `senders` has one for every header, which is never resized either.
        let count = unsafe {
            libc::recvmmsg(
                socket,
                self.headers.as_mut_ptr(),
                BATCH as libc::c_uint,
                libc::MSG_DONTWAIT as _,
                std::ptr::null_mut(),
            )
        };
        usize::try_from(count).map_err(|_| io::Error::last_os_error())
    }

    /// Reads the first `count` headers and puts the datagrams that did not fit into a short slot together.
    fn settle(&mut self, count: usize) -> &[Arrival] {
        for (index, (arrival, header)) in self.arrivals.iter_mut().zip(&self.headers[..count]).enumerate() {
            let truncated = header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0;
            let sender = self.senders.get(index).and_then(ip_of);
            *arrival = Arrival { length: header.msg_len as usize, truncated, sender };
            if arrival.length > SHORT {
                let first = &self.short[index * SHORT..][..SHORT];
                self.long[index * LONG..][..SHORT].copy_from_slice(first);
            }
        }
        &self.arrivals[..count]
    }

    fn batch(&self, count: usize) -> Batch<'_> {
        let arrivals = &self.arrivals[..count];
        Batch { arrivals, short: &self.short, long: &self.long, drained: count < BATCH }
    }
}

impl std::fmt::Debug for Buffers {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Buffers").finish_non_exhaustive()
    }
}

/// The address that the kernel wrote.
fn ip_of(sender: &libc::sockaddr_storage) -> Option<IpAddr> {
    let start = std::ptr::from_ref(sender);
    match i32::from(sender.ss_family) {
        libc::AF_INET => {
            // SAFETY: a storage is as large and as aligned as any address, and this one is of IPv4 by its family.
            let address = unsafe { &*start.cast::<libc::sockaddr_in>() };
            Some(IpAddr::from(u32::from_be(address.sin_addr.s_addr).to_be_bytes()))
        }
        libc::AF_INET6 => {
            // SAFETY: as above, of IPv6.
            let address = unsafe { &*start.cast::<libc::sockaddr_in6>() };
            Some(IpAddr::from(address.sin6_addr.s6_addr).to_canonical())
        }
        _ => None,
    }
}

// SAFETY: the raw pointers in `headers` and `_pieces` lead only into vectors of the same value, whose heap blocks stay
// where they are when it moves to another thread.
unsafe impl Send for Buffers {}

fn header(pieces: *mut libc::iovec) -> libc::mmsghdr {
    // SAFETY: `mmsghdr` is a C struct of integers and pointers, for which all zeros is a value: no name, no control.
    let mut header: libc::mmsghdr = unsafe { std::mem::zeroed() };
    header.msg_hdr.msg_iov = pieces;
    header.msg_hdr.msg_iovlen = 2;
    header
}

/// Asks for a receive buffer of `bytes` and returns what the kernel then reports, which is twice what it grants.
fn grant(socket: &Socket, bytes: usize) -> io::Result<usize> {
    socket.set_recv_buffer_size(bytes)?;
    let got = socket.recv_buffer_size()?;
    if got / 2 >= bytes {
        return Ok(got);
    }
    // Passes the limit of the system if this process may; if not, what was granted stands and is reported.
    let _ = setsockopt(socket, sockopt::RcvBufForce, &bytes);
    socket.recv_buffer_size()
}

/// The same for a socket that somebody with more rights may have given a larger buffer than is to be had here: to ask for
/// more than the limit would shrink it to that.
fn grow(socket: &Socket, bytes: usize) -> io::Result<usize> {
    let had = socket.recv_buffer_size()?;
    if had / 2 >= bytes {
        return Ok(had);
    }
    // What would be granted, tried on a socket that nobody needs.
    let trial = Socket::new(Domain::UNIX, Type::DGRAM, None)?;
    match grant(&trial, bytes)? > had {
        true => grant(socket, bytes),
        false => Ok(had),
    }
}

fn event() -> io::Result<OwnedFd> {
    // SAFETY: takes no pointer.
    let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: `fd` was just opened and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Datagrams the kernel has dropped for this socket since it was opened; wraps. Costs a system call, no datagram: the
/// `SO_RXQ_OVFL` message shows the same counter, but only with the next datagram, and there may be none.
fn drop_counter(socket: &Socket) -> io::Result<u32> {
    let mut numbers = [0_u32; SK_MEMINFO_VARS];
    let mut length = size_of_val(&numbers) as libc::socklen_t;
    // SAFETY: `numbers` has `length` bytes, any bytes are values of it, and both outlive the call.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            SO_MEMINFO,
            numbers.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(numbers[SK_MEMINFO_DROPS]) }
}

fn is_nothing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

fn pause_for(pause: Duration) {
    if !pause.is_zero() {
        #[expect(clippy::disallowed_methods, reason = "letting datagrams gather is this module's purpose")]
        std::thread::sleep(pause);
    }
}

/// How old the count of drops may become on a busy socket.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// `include/uapi/asm-generic/socket.h`, Linux 4.12 and later.
const SO_MEMINFO: libc::c_int = 55;
/// `include/uapi/linux/sock_diag.h`.
const SK_MEMINFO_DROPS: usize = 8;
/// `include/uapi/linux/sock_diag.h`.
const SK_MEMINFO_VARS: usize = 9;

#[cfg(test)]
mod tests;
