//! Outputs and encoders.

use std::time::Duration;

use super::{Fault, LocalFuture};
use crate::flow::{Delivery, RecordRef};
use crate::time::Stamp;

/// Brings records out of the daemon.
pub trait Output: Send {
    /// Delivers what was encoded. Called again with the same records after `Outcome::Retry`.
    fn send<'a>(&'a mut self, out: &'a Outgoing<'a>) -> LocalFuture<'a, Outcome>;

    /// Called at every multiple of `ticker_interval`.
    ///
    /// # Errors
    /// A fault.
    fn tick(&mut self, now: Stamp) -> Result<(), Fault> {
        let _ = now;
        Ok(())
    }

    /// Called once after a stop, when no more records can come, unless the stop could not wait: the time to leave
    /// something to a successor.
    ///
    /// # Errors
    /// A fault.
    fn finish(&mut self, now: Stamp) -> Result<(), Fault> {
        let _ = now;
        Ok(())
    }
}

/// What an output is to deliver.
pub struct Outgoing<'a> {
    /// The records; of several deliveries that were gathered, the first.
    pub delivery: &'a Delivery,
    /// The records as its encoder wrote them; empty if it has none.
    pub frames: &'a Frames,
    /// When this attempt began.
    pub now: Stamp,
    /// What became of the attempts before.
    pub before: Attempted,
}

/// What an output's runner knows of the attempts so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Attempted {
    /// When the last one that succeeded began.
    pub delivered: Option<Stamp>,
    /// What that one took.
    pub took: Duration,
    /// When the last one that failed began.
    pub failed: Option<Stamp>,
}

/// What became of a delivery.
#[derive(Debug)]
pub enum Outcome {
    /// All of it arrived, as far as one can know.
    Delivered,
    /// It may arrive if it is tried again.
    Retry(Fault),
    /// The same, but not before so much time has passed, as the peer asked for. The runner waits no longer than its own
    /// longest pause.
    RetryAfter {
        /// Why.
        why: Fault,
        /// What the peer asked for.
        pause: Duration,
    },
    /// So many of its records will never arrive; the rest did.
    Partly {
        /// Records that cannot be delivered.
        refused: usize,
        /// Why, of one of them.
        why: Fault,
    },
    /// What was given will never arrive.
    Refused(Fault),
}

impl Outcome {
    /// What became of a delivery that was printed on standard output.
    pub fn of_printing(printed: std::io::Result<()>) -> Outcome {
        match printed {
            Ok(()) => Outcome::Delivered,
            // Nobody reads any more, and nobody will.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {
                Outcome::Refused(Fault::caused("standard output is closed", error))
            }
            Err(error) => Outcome::Retry(Fault::caused("cannot print", error)),
        }
    }
}

/// How many records an output is given at once. What is gathered is held by the runner until it is delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gathering {
    /// Most records.
    pub records: usize,
    /// Bytes of their frames from which on no more are taken.
    pub bytes: usize,
    /// How long they wait for others where there are fewer.
    pub wait: Duration,
}

impl Gathering {
    /// What outputs are given that do not gather: records of one delivery, about a megabyte of them.
    pub const ONE_DELIVERY: Gathering =
        Gathering { records: usize::MAX, bytes: 1 << 20, wait: Duration::ZERO };
}

/// Writes records as bytes.
pub trait Encoder: Send {
    /// Appends the frames of one record to `frames`, calling `frames.end` after each. `More::Again` asks to be
    /// called with the same record once what is there was sent; `from` is its to remember how far it was.
    ///
    /// # Errors
    /// When the record cannot be written; nothing of it may be left in `frames`.
    fn encode(
        &mut self,
        record: RecordRef<'_>,
        from: &mut usize,
        frames: &mut Frames,
    ) -> Result<More, EncodeError>;
}

/// Whether a record is written whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum More {
    /// It is.
    Done,
    /// There is more of it.
    Again,
}

/// A record cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct EncodeError(pub String);

/// Encoded bytes with the end of every frame.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frames {
    /// All frames, one after the other.
    pub bytes: Vec<u8>,
    /// Where each ends.
    pub ends: Vec<u32>,
}

impl Frames {
    /// Says that a frame ends here.
    pub fn end(&mut self) {
        self.ends.push(self.bytes.len() as u32);
    }

    /// The frames in order.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| &self.bytes[start as usize..end as usize])
    }

    /// Empties it and keeps its memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }
}
