//! A client that goes on sending while those it sends to come and go.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::harness::{pause, same};
use crate::sink::Sink;

/// A client that sends some thousand samples a second, whoever listens.
#[derive(Default)]
pub(crate) struct Load {
    sent: AtomicU64,
    ended: AtomicBool,
}

impl Load {
    /// One line a datagram.
    pub(crate) fn datagrams(&self, port: u16) {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port can be bound");
        self.send(1, |line| socket.send_to(line.as_bytes(), (Ipv4Addr::LOCALHOST, port)).is_ok());
    }

    /// Goes to whoever listens next as soon as the other end is closed.
    pub(crate) fn stream(&self, port: u16) {
        let mut stream: Option<TcpStream> = None;
        self.send(20, |lines| {
            if stream.as_mut().is_some_and(is_closed) {
                stream = None;
            }
            if stream.is_none() {
                stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok();
            }
            stream.as_mut().is_some_and(|stream| {
                stream.set_nonblocking(false).expect("it can be set");
                stream.write_all(lines.as_bytes()).expect("who listens reads");
                true
            })
        });
    }

    /// Ends it after what it sends now.
    pub(crate) fn end(&self) {
        self.ended.store(true, Ordering::SeqCst);
    }

    /// Samples that were sent.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::SeqCst)
    }

    /// So many lines at once.
    fn send(&self, lines: u64, mut send: impl FnMut(&str) -> bool) {
        for number in (0..).step_by(lines as usize) {
            if self.ended.load(Ordering::SeqCst) {
                return;
            }
            let line = |number: u64| format!("relay.load{}:1|c\n", number % NAMES);
            if send(&(number..number + lines).map(line).collect::<String>()) {
                self.sent.fetch_add(lines, Ordering::SeqCst);
            }
            pause(Duration::from_micros(200));
        }
    }
}

fn is_closed(stream: &mut TcpStream) -> bool {
    stream.set_nonblocking(true).expect("it can be set");
    !matches!(stream.read(&mut [0]), Err(error) if error.kind() == ErrorKind::WouldBlock)
}

/// Whether all of them together have so many of its samples, and no more.
pub(crate) fn expect_sum(sinks: &[Sink], sum: u64) -> Result<(), String> {
    let names = (0..NAMES).map(|name| format!("stats.counters.relay.load{name}.count"));
    let found: f64 = names.flat_map(|name| sinks.iter().map(move |sink| sink.sum(&name))).sum();
    if same(found, sum as f64) { Ok(()) } else { Err(format!("{found} samples have come, and not {sum}")) }
}

/// How many counters it sends.
pub(crate) const NAMES: u64 = 60;
