//! Records what outputs would have sent, and fails on demand: the network of a trial.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::lock::locked;

/// Everything written to the network of a trial, by `host:port`, or `stdout`.
#[derive(Debug, Default)]
pub struct Tape {
    reels: Mutex<BTreeMap<String, Reel>>,
}

impl Tape {
    /// An empty tape.
    pub fn new() -> Tape {
        Tape::default()
    }

    /// The bytes that `address` took, over all connections and datagrams.
    pub fn written(&self, address: &str) -> Vec<u8> {
        self.reel(address, |reel| reel.written.clone())
    }

    /// The datagrams that `address` took.
    pub fn datagrams(&self, address: &str) -> Vec<Vec<u8>> {
        self.reel(address, |reel| {
            reel.datagrams.iter().map(|place| reel.written[place.clone()].to_vec()).collect()
        })
    }

    /// Connections made to `address`.
    pub fn connects(&self, address: &str) -> u64 {
        self.reel(address, |reel| reel.connects)
    }

    /// The addresses that were connected to or written to.
    pub fn addresses(&self) -> Vec<String> {
        let reels = self.locked();
        reels
            .iter()
            .filter(|(_, reel)| reel.connects > 0 || !reel.written.is_empty())
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// Refuses the next `times` connects to `address`.
    pub fn refuse_connects(&self, address: &str, times: u32) {
        self.reel(address, |reel| reel.refuse_connects = times);
    }

    /// Fails the next `times` writes or datagrams to `address`; a connection is broken by it.
    pub fn refuse_writes(&self, address: &str, times: u32) {
        self.reel(address, |reel| reel.refuse_writes = times);
    }

    /// Has `address` accept `bytes` more, then breaks the connection that writes on; the one after it works again.
    pub fn break_after(&self, address: &str, bytes: usize) {
        self.reel(address, |reel| reel.break_after = Some(bytes));
    }

    /// Has `address` say `bytes` to whoever reads from it next.
    pub fn reply(&self, address: &str, bytes: &[u8]) {
        self.reel(address, |reel| {
            reel.replies.extend(bytes);
            reel.readers.drain(..).for_each(Waker::wake);
        });
    }

    /// Has `address` say `bytes` to whoever reads from it after something was written: answers in their order, each to what
    /// was written since the one before.
    pub fn answer(&self, address: &str, bytes: &[u8]) {
        self.reel(address, |reel| reel.answers.push_back(bytes.to_vec()));
    }

    pub(super) fn connect(self: &Arc<Tape>, address: &str) -> io::Result<TapeConnection> {
        self.reel(address, |reel| {
            if count_down(&mut reel.refuse_connects) {
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
            reel.connects += 1;
            Ok(TapeConnection { tape: Arc::clone(self), address: address.to_owned(), broken: false })
        })
    }

    pub(super) fn send(&self, address: &str, datagram: &[u8]) -> io::Result<()> {
        self.reel(address, |reel| {
            if count_down(&mut reel.refuse_writes) {
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
            let start = reel.written.len();
            reel.written.extend_from_slice(datagram);
            reel.datagrams.push(start..reel.written.len());
            Ok(())
        })
    }

    pub(super) fn print(&self, bytes: &[u8]) -> io::Result<()> {
        let taken = self.reel(STDOUT, |reel| reel.take(bytes))?;
        if taken < bytes.len() { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(()) }
    }

    fn reel<T>(&self, address: &str, with: impl FnOnce(&mut Reel) -> T) -> T {
        let mut reels = self.locked();
        if let Some(reel) = reels.get_mut(address) {
            return with(reel);
        }
        with(reels.entry(address.to_owned()).or_default())
    }

    fn locked(&self) -> MutexGuard<'_, BTreeMap<String, Reel>> {
        locked(&self.reels)
    }
}

#[derive(Debug, Default)]
struct Reel {
    written: Vec<u8>,
    /// Where in `written` each datagram lies.
    datagrams: Vec<Range<usize>>,
    connects: u64,
    refuse_connects: u32,
    refuse_writes: u32,
    break_after: Option<usize>,
    replies: VecDeque<u8>,
    answers: VecDeque<Vec<u8>>,
    /// Whether something was written since the last answer.
    is_asked: bool,
    readers: Vec<Waker>,
}

impl Reel {
    /// Takes what it is told to take of `bytes`.
    fn take(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if count_down(&mut self.refuse_writes) {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        let taken = match &mut self.break_after {
            None => bytes.len(),
            Some(0) if !bytes.is_empty() => {
                self.break_after = None;
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            Some(left) => {
                let taken = bytes.len().min(*left);
                *left -= taken;
                taken
            }
        };
        self.written.extend_from_slice(&bytes[..taken]);
        self.is_asked = true;
        self.readers.drain(..).for_each(Waker::wake);
        Ok(taken)
    }

    /// Says the next answer, if it is time for it.
    fn answer(&mut self) {
        if self.is_asked
            && let Some(answer) = self.answers.pop_front()
        {
            self.is_asked = false;
            self.replies.extend(answer);
        }
    }
}

/// A connection to an address of a tape.
#[derive(Debug)]
pub(super) struct TapeConnection {
    tape: Arc<Tape>,
    address: String,
    broken: bool,
}

impl AsyncWrite for TapeConnection {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.broken {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let taken = self.tape.reel(&self.address, |reel| reel.take(bytes));
        self.broken = taken.is_err();
        Poll::Ready(taken)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.broken = true;
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for TapeConnection {
    /// Reads replies; the end once the connection is broken.
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.tape.reel(&self.address, |reel| {
            if reel.replies.is_empty() && !self.broken {
                reel.answer();
            }
            if reel.replies.is_empty() && !self.broken {
                reel.readers.push(context.waker().clone());
                return Poll::Pending;
            }
            let length = room.remaining().min(reel.replies.len());
            for byte in reel.replies.drain(..length) {
                room.put_slice(&[byte]);
            }
            Poll::Ready(Ok(()))
        })
    }
}

fn count_down(left: &mut u32) -> bool {
    let any = *left > 0;
    *left = left.saturating_sub(1);
    any
}

/// What a trial's standard output is called on its tape.
pub const STDOUT: &str = "stdout";
