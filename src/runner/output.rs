//! Runs one output: its queue, its encoder, its retries, its ticks.

use std::sync::Arc;
use std::time::Duration;

use super::attempts::{Attempts, Next};
use super::{Ended, Step, Throttle, Ticks, built, guarded, let_go};
use crate::flow::{Count, Delivery, LossReason, Queue};
use crate::plugin::{
    Attempted, BuildError, EncodeError, Encoder, Fault, Frames, More, Outcome, Outgoing, Output, Stop,
};
use crate::time::{Clock, Stamp};

/// Builds the output anew.
pub type RebuildOutput = Box<dyn FnMut() -> Result<Box<dyn Output>, BuildError> + Send>;

/// The machine around one output.
pub struct OutputRunner {
    /// Its section.
    pub name: Arc<str>,
    /// The output; none while it waits for its next attempt after a panic.
    pub output: Option<Box<dyn Output>>,
    /// Makes another after a panic.
    pub rebuild: RebuildOutput,
    /// Writes the records, for outputs that want bytes.
    pub encoder: Option<Box<dyn Encoder>>,
    /// What is sent to it.
    pub queue: Arc<Queue<Delivery>>,
    /// When it ticks.
    pub ticks: Ticks,
    /// Attempts after failures.
    pub attempts: Attempts,
    /// Said when the stop can wait no longer: a delivery under way is given up.
    pub abort: Stop,
    /// Drives what the output waits for.
    pub runtime: tokio::runtime::Handle,
    /// Counts records delivered.
    pub delivered: Count,
    /// Counts failed attempts.
    pub retries: Count,
    /// Tells what deliveries take.
    pub clock: Arc<dyn Clock>,
    /// What became of the attempts so far.
    pub attempted: Attempted,
    /// What is being delivered.
    pub current: Option<Current>,
    /// What the delivery before was encoded in, whose memory the next one takes.
    pub spare: Frames,
    /// Keeps the log short.
    pub throttle: Throttle,
}

/// A delivery under way.
pub struct Current {
    delivery: Delivery,
    frames: Frames,
    /// Records of the pack looked at so far, and how far the encoder is within the next one.
    next: usize,
    from: usize,
    /// Whether `frames` holds what is to be sent before more is encoded.
    pending: bool,
    /// Records in `frames`, records given to the output before, records the encoder refused.
    encoded: usize,
    sent: usize,
    unencoded: usize,
    /// Records the output refused among those it was given.
    refused: usize,
}

impl OutputRunner {
    /// Does the next thing there is to do.
    pub fn step(&mut self, now: Stamp) -> Step {
        let longest = if self.queue.is_closed() { LAST_PAUSE } else { Duration::MAX };
        let pause = self.attempts.pause(now, longest).filter(|_| !self.abort.is_set());
        match (&self.output, pause) {
            (None, _) if self.queue.is_closed() && self.queue.is_empty() => return self.end(Ended::Failed),
            (_, Some(until)) => return Step::Pause { until },
            (None, None) => return self.try_again(now),
            (Some(_), None) => {}
        }
        if self.ticks.take(now).is_some() {
            return self.tick(now);
        }
        if self.current.is_none() {
            match self.queue.pop() {
                Some(delivery) => {
                    self.current = Some(Current::new(delivery, std::mem::take(&mut self.spare)));
                }
                None if self.queue.is_closed() => return self.finish(now),
                None => return Step::Idle { until: self.ticks.look_again(now) },
            }
        }
        if self.abort.is_set() {
            return self.give_up(LossReason::StopDeadline);
        }
        self.deliver(now)
    }

    fn deliver(&mut self, now: Stamp) -> Step {
        let current = self.current.as_mut().expect("a delivery is under way");
        if let Some(encoder) = &mut self.encoder {
            if !current.pending
                && let Some(error) = current.encode(&mut **encoder)
                && let Some(quiet) = self.throttle.allow("encode", now)
            {
                tracing::warn!("{}: a record cannot be encoded: {error}{quiet}", self.name);
            }
            if current.frames.ends.is_empty() {
                let whole = current.next >= current.delivery.pack.body.len();
                return if whole { self.settle() } else { Step::Worked };
            }
        }
        current.pending = true;
        let outgoing =
            Outgoing { delivery: &current.delivery, frames: &current.frames, now, before: self.attempted };
        let output = self.output.as_deref_mut().expect("the output is there");
        let abort = self.abort.clone();
        let sending = async {
            tokio::select! {
                biased;
                outcome = output.send(&outgoing) => outcome,
                () = abort.wait() => Outcome::Retry(Fault::new("the stop could wait no longer")),
            }
        };
        let sent = guarded(|| self.runtime.block_on(sending));
        match sent {
            Ok(Outcome::Delivered | Outcome::Partly { .. }) => {
                self.attempted.delivered = Some(now);
                self.attempted.took = self.clock.now().since(now);
            }
            Ok(Outcome::Retry(_) | Outcome::Refused(_)) | Err(_) => self.attempted.failed = Some(now),
        }
        match sent {
            Ok(Outcome::Delivered) => self.delivered(0),
            Ok(Outcome::Partly { refused, why }) => {
                if let Some(quiet) = self.throttle.allow("refused", now) {
                    tracing::warn!("{}: refused {refused} records: {why}{quiet}", self.name);
                }
                self.delivered(refused)
            }
            Ok(Outcome::Retry(fault)) => self.failed(&fault, now),
            Ok(Outcome::Refused(fault)) => {
                if let Some(quiet) = self.throttle.allow("refused", now) {
                    tracing::warn!("{}: refused: {fault}{quiet}", self.name);
                }
                self.give_up(LossReason::Refused)
            }
            Err(panic) => {
                self.give_up(LossReason::Fault);
                self.fault(&panic, now)
            }
        }
    }

    fn delivered(&mut self, refused: usize) -> Step {
        if self.attempts.succeed() {
            tracing::info!("{}: delivers again", self.name);
        }
        let current = self.current.as_mut().expect("a delivery is under way");
        current.pending = false;
        current.frames.clear();
        current.sent += std::mem::take(&mut current.encoded);
        // A plugin's word is taken, but not for more than it was given.
        current.refused += refused.min(current.delivery.len() - current.refused - current.unencoded);
        let more = self.encoder.is_some() && current.next < current.delivery.pack.body.len();
        if more { Step::Worked } else { self.settle() }
    }

    fn failed(&mut self, fault: &Fault, now: Stamp) -> Step {
        self.retries.add(1);
        let first = self.attempts.failed() == 0;
        match self.attempts.again(now) {
            Some(until) => {
                if first {
                    tracing::warn!("{}: {fault}; trying again", self.name);
                }
                Step::Pause { until }
            }
            None => {
                tracing::error!("{}: {fault}; giving up on {} records", self.name, self.held());
                self.attempts.succeed();
                self.give_up(LossReason::RetriesExhausted)
            }
        }
    }

    fn held(&self) -> usize {
        self.current.as_ref().map_or(0, |current| current.delivery.len())
    }

    /// Ends the delivery under way; what was not refused was delivered.
    fn settle(&mut self) -> Step {
        let mut current = self.current.take().expect("a delivery is under way");
        if current.frames.bytes.capacity() <= 2 * ENOUGH {
            current.frames.clear();
            self.spare = current.frames;
        }
        self.delivered.add((current.delivery.len() - current.unencoded - current.refused) as u64);
        let refused = (LossReason::Refused, current.refused);
        current.delivery.settle(&[(LossReason::Encode, current.unencoded), refused]);
        Step::Worked
    }

    /// Ends the delivery under way; what was neither sent nor refused is lost.
    fn give_up(&mut self, reason: LossReason) -> Step {
        if let Some(current) = self.current.take() {
            let sent = current.sent.saturating_sub(current.refused);
            let rest = current.delivery.len() - current.unencoded - current.refused - sent;
            self.delivered.add(sent as u64);
            let refused = (LossReason::Refused, current.refused);
            current.delivery.settle(&[(LossReason::Encode, current.unencoded), refused, (reason, rest)]);
        }
        Step::Worked
    }

    fn tick(&mut self, now: Stamp) -> Step {
        let output = self.output.as_deref_mut().expect("the output is there");
        let ticked = {
            // So that a tick can begin what is done in the background.
            let _inside = self.runtime.enter();
            guarded(|| output.tick(now))
        };
        match ticked {
            Ok(Ok(())) => Step::Worked,
            Ok(Err(fault)) | Err(fault) => self.fault(&fault, now),
        }
    }

    fn finish(&mut self, now: Stamp) -> Step {
        let output = self.output.as_deref_mut().expect("the output is there");
        let finished = guarded(|| output.finish(now));
        let_go(&self.name, self.output.take());
        match finished {
            Ok(Ok(())) => self.end(Ended::Finished),
            Ok(Err(fault)) | Err(fault) => {
                tracing::error!("{}: {fault} at the end", self.name);
                self.end(Ended::Failed)
            }
        }
    }

    fn fault(&mut self, fault: &Fault, now: Stamp) -> Step {
        let_go(&self.name, self.output.take());
        match self.attempts.fault(fault, now) {
            Next::Pause(until) => Step::Pause { until },
            Next::End(ended) => self.end(ended),
        }
    }

    fn try_again(&mut self, now: Stamp) -> Step {
        if self.abort.is_set() {
            return self.end(Ended::Failed);
        }
        match built(&mut self.rebuild) {
            Ok(output) => {
                tracing::info!("{}: restarted", self.name);
                self.output = Some(output);
                Step::Worked
            }
            Err(fault) => self.fault(&fault, now),
        }
    }

    fn end(&mut self, ended: Ended) -> Step {
        self.queue.close();
        let reason = if self.abort.is_set() { LossReason::StopDeadline } else { LossReason::Fault };
        self.give_up(reason);
        while let Some(delivery) = self.queue.pop() {
            delivery.settle(&[(reason, delivery.len())]);
        }
        Step::Done(ended)
    }
}

impl Current {
    fn new(delivery: Delivery, frames: Frames) -> Current {
        Current {
            delivery,
            frames,
            next: 0,
            from: 0,
            pending: false,
            encoded: 0,
            sent: 0,
            unencoded: 0,
            refused: 0,
        }
    }

    /// Encodes records until there is enough to send; the last error, if there was one.
    fn encode(&mut self, encoder: &mut dyn Encoder) -> Option<EncodeError> {
        let mut failed = None;
        while self.next < self.delivery.pack.body.len() && self.frames.bytes.len() < ENOUGH {
            if !self.delivery.chosen.contains(self.next) {
                self.next += 1;
                continue;
            }
            let record = self.delivery.pack.record(self.next);
            let (from, frames) = (&mut self.from, &mut self.frames);
            let (ends, bytes) = (frames.ends.len(), frames.bytes.len());
            let encoded = guarded(|| encoder.encode(record, from, frames));
            if encoded.is_err() {
                frames.ends.truncate(ends);
                frames.bytes.truncate(bytes);
            }
            match encoded.unwrap_or_else(|panic| Err(EncodeError(panic.to_string()))) {
                Ok(More::Again) => break,
                Ok(More::Done) => self.encoded += 1,
                Err(error) => {
                    self.unencoded += 1;
                    failed = Some(error);
                }
            }
            self.next += 1;
            self.from = 0;
        }
        failed
    }
}

/// The longest pause between attempts once a stop has begun: the peer may be back.
const LAST_PAUSE: Duration = Duration::from_millis(500);

/// Bytes encoded before they are sent.
const ENOUGH: usize = 1 << 20;
