//! Runs one output: its queue, its encoder, its retries, its ticks.

use std::sync::Arc;
use std::time::Duration;

use super::attempts::{Attempts, Next};
use super::held::HeldDeliveries;
use super::{Ended, Step, Ticks, built, guarded, let_go};
use crate::flow::{Count, Delivery, Level, LossReason, Queue};
use crate::plugin::{
    Attempted, BuildError, Encoder, Fault, Gathering, Outcome, Outgoing, Output, Stop, Throttle,
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
    /// 1 while the last attempt failed.
    pub failing: Level,
    /// Seconds that the last delivery took.
    pub took: Level,
    /// Tells what deliveries take.
    pub clock: Arc<dyn Clock>,
    /// What became of the attempts so far.
    pub attempted: Attempted,
    /// What it wants to be given at once, if that is not what comes.
    pub gathering: Option<Gathering>,
    /// What is being delivered.
    pub held: HeldDeliveries,
    /// Keeps the log short.
    pub throttle: Throttle,
}

/// What there is to send.
enum Filled {
    /// Something.
    Ready,
    /// Nothing yet, but something was done.
    Worked,
    /// Something that waits for more until then.
    Waits(Stamp),
    /// Nothing.
    Nothing,
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
        if !self.held.is_pending() {
            match self.fill(now) {
                Filled::Ready => self.held.close(),
                Filled::Worked => return Step::Worked,
                Filled::Waits(until) => return Step::Idle { until: until.min(self.ticks.look_again(now)) },
                Filled::Nothing if self.queue.is_closed() => return self.finish(now),
                Filled::Nothing => return Step::Idle { until: self.ticks.look_again(now) },
            }
        }
        if self.abort.is_set() {
            return self.give_up(LossReason::StopDeadline);
        }
        self.deliver(now)
    }

    /// Sees to it that there is something to send.
    fn fill(&mut self, now: Stamp) -> Filled {
        let Some(encoder) = &mut self.encoder else {
            return match self.queue.pop() {
                Some(delivery) => {
                    self.held.push_whole(delivery);
                    Filled::Ready
                }
                None => Filled::Nothing,
            };
        };
        let enough = self.gathering.unwrap_or(Gathering::ONE_DELIVERY);
        let most = self.queue.limits().1 / 2;
        let (mut is_full, mut failed) = (false, None);
        while !is_full {
            if self.held.is_whole() {
                // A few records may keep large packs from the queue's bound.
                if self.held.weight() >= most {
                    is_full = true;
                    break;
                }
                let takes = self.gathering.is_some() || self.held.is_empty();
                let Some(delivery) = takes.then(|| self.queue.pop()).flatten() else { break };
                self.held.push(delivery);
            }
            is_full = self.held.encode(&mut **encoder, enough, now, &mut failed);
        }
        if let Some(error) = failed
            && let Some(quiet) = self.throttle.allow("encode", now)
        {
            tracing::warn!("{}: a record cannot be encoded: {error}{quiet}", self.name);
        }
        if !self.held.has_frames() {
            // Records that an encoder wrote nothing for have nowhere to go.
            self.held.sent(0);
            let any = self.held.settle_done(&self.delivered) || is_full;
            return if any { Filled::Worked } else { Filled::Nothing };
        }
        // A clock that was set back does not make it wait longer.
        let due = self.held.since().unwrap_or(now).plus(enough.wait).min(now.plus(enough.wait));
        let waits = !is_full && now < due && !self.queue.is_closed() && !self.abort.is_set();
        if waits { Filled::Waits(due) } else { Filled::Ready }
    }

    fn deliver(&mut self, now: Stamp) -> Step {
        let (delivery, frames) = self.held.outgoing();
        let outgoing = Outgoing { delivery, frames, now, before: self.attempted };
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
        self.failing.set(f64::from(!matches!(
            sent,
            Ok(Outcome::Delivered | Outcome::Partly { .. } | Outcome::Refused(_))
        )));
        match sent {
            Ok(Outcome::Delivered | Outcome::Partly { .. }) => {
                self.attempted.delivered = Some(now);
                self.attempted.took = self.clock.now().since(now);
                self.took.set(self.attempted.took.as_secs_f64());
            }
            Ok(Outcome::Retry(_) | Outcome::RetryAfter { .. } | Outcome::Refused(_)) | Err(_) => {
                self.attempted.failed = Some(now);
            }
        }
        match sent {
            Ok(Outcome::Delivered) => self.delivered(0),
            Ok(Outcome::Partly { refused, why }) => {
                if let Some(quiet) = self.throttle.allow("refused", now) {
                    tracing::warn!("{}: refused {refused} records: {why}{quiet}", self.name);
                }
                self.delivered(refused)
            }
            Ok(Outcome::Retry(fault)) => self.failed(&fault, Duration::ZERO, now),
            Ok(Outcome::RetryAfter { why, pause }) => self.failed(&why, pause, now),
            Ok(Outcome::Refused(fault)) => {
                if let Some(quiet) = self.throttle.allow("refused", now) {
                    tracing::warn!("{}: refused: {fault}{quiet}", self.name);
                }
                self.held.sent(self.held.encoded());
                self.held.settle_done(&self.delivered);
                Step::Worked
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
        self.held.sent(refused);
        self.held.settle_done(&self.delivered);
        Step::Worked
    }

    fn failed(&mut self, fault: &Fault, pause: Duration, now: Stamp) -> Step {
        self.retries.add(1);
        let first = self.attempts.failed() == 0;
        match self.attempts.again_after(pause, now) {
            Some(until) => {
                if first {
                    tracing::warn!("{}: {fault}; trying again", self.name);
                }
                Step::Pause { until }
            }
            None => {
                tracing::error!("{}: {fault}; giving up on {} records", self.name, self.held.len());
                self.attempts.succeed();
                self.give_up(LossReason::RetriesExhausted)
            }
        }
    }

    /// Ends what is under way; what was neither sent nor refused is lost.
    fn give_up(&mut self, reason: LossReason) -> Step {
        self.held.give_up(reason, &self.delivered);
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
        let finished = {
            let _inside = self.runtime.enter();
            guarded(|| output.finish(now))
        };
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

/// The longest pause between attempts once a stop has begun: the peer may be back.
const LAST_PAUSE: Duration = Duration::from_millis(500);
