//! Filters: consumers that emit records of their own.

use std::sync::Arc;
use std::time::Duration;

use super::Fault;
use crate::flow::{Body, Delivery, Feed, Inlet, Sent, Trace};
use crate::time::Stamp;

/// Takes records and emits others.
pub trait Filter: Send {
    /// Called once before anything else, with what there is of lanes poured already.
    ///
    /// # Errors
    /// A fault.
    fn begin(&mut self, now: Stamp, emit: &mut Emit<'_>) -> Result<(), Fault> {
        let _ = (now, emit);
        Ok(())
    }

    /// Takes what its queue brought.
    ///
    /// # Errors
    /// A fault; the records of the delivery are lost.
    fn process(&mut self, delivery: &Delivery, emit: &mut Emit<'_>) -> Result<(), Fault>;

    /// Called at every multiple of `ticker_interval` on the wall clock, or soon after.
    ///
    /// # Errors
    /// A fault.
    fn tick(&mut self, now: Stamp, emit: &mut Emit<'_>) -> Result<(), Fault> {
        let _ = (now, emit);
        Ok(())
    }

    /// How often `beat` is called, if it is; less often where a beat takes more than a fiftieth of that.
    fn pulse(&self) -> Option<Duration> {
        None
    }

    /// Called at multiples of `pulse` on the wall clock, to show what is held.
    ///
    /// # Errors
    /// A fault.
    fn beat(&mut self, now: Stamp, emit: &mut Emit<'_>) -> Result<(), Fault> {
        let _ = (now, emit);
        Ok(())
    }

    /// Called once, when no more records can come.
    ///
    /// # Errors
    /// A fault.
    fn finish(&mut self, now: Stamp, emit: &mut Emit<'_>) -> Result<(), Fault> {
        let _ = (now, emit);
        Ok(())
    }

    /// Offers to be poured into on the producers' threads.
    fn inlet(&self) -> Option<Arc<dyn Inlet>> {
        None
    }
}

/// Where a filter emits: one feed for each of the facts its configuration declares.
pub struct Emit<'a> {
    /// In the order of `Declare::emits`.
    pub feeds: &'a mut [Feed],
    /// The trace of what is being processed; what is emitted carries it on.
    pub trace: Trace,
    /// What the filter's last tick took.
    pub last_tick: Duration,
    /// How many records of the delivery are nothing the filter could use; the runner books them as refused.
    pub refused: u64,
}

impl Emit<'_> {
    /// Whether anybody consumes what is sent through the `feed`-th feed.
    pub fn is_wanted(&mut self, feed: usize) -> bool {
        self.feeds.get_mut(feed).is_some_and(Feed::is_wanted)
    }

    /// Whether whoever consumes the `feed`-th feed reads what counters came to since they began.
    pub fn wants_totals(&mut self, feed: usize) -> bool {
        self.feeds.get_mut(feed).is_some_and(Feed::wants_totals)
    }

    /// Whether whoever consumes the `feed`-th feed reads the lines of samples, which are written only then.
    pub fn wants_lines(&mut self, feed: usize) -> bool {
        self.feeds.get_mut(feed).is_some_and(Feed::wants_lines)
    }

    /// Sends a body through the `feed`-th feed. What waits there, the runner waits for.
    pub fn send(&mut self, feed: usize, body: Body) {
        let trace = Trace { hops: self.trace.hops.saturating_add(1), ..self.trace.clone() };
        match self.feeds[feed].send(body, trace) {
            Sent::Done(_) | Sent::Wait => {}
        }
    }
}
