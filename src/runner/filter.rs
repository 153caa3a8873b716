//! Runs one filter: its queue, its ticks, its feeds, its faults.

use std::sync::Arc;
use std::time::Duration;

use super::attempts::{Attempts, Next};
use super::beats::Beats;
use super::{Ended, Step, Ticks, built, guarded, let_go};
use crate::flow::{Delivery, Feed, Health, Level, LossReason, Queue, Trace};
use crate::matcher::Facts;
use crate::plugin::{BuildError, Emit, Fault, Filter};
use crate::time::{Clock, Stamp};

/// Builds the filter anew and tells the router of its inlet.
pub type RebuildFilter = Box<dyn FnMut() -> Result<Box<dyn Filter>, BuildError> + Send>;

/// The machine around one filter.
pub struct FilterRunner {
    /// Its section.
    pub name: Arc<str>,
    /// The filter; none while it waits for its next attempt.
    pub filter: Option<Box<dyn Filter>>,
    /// Makes another after a fault.
    pub rebuild: RebuildFilter,
    /// What is sent to it.
    pub queue: Arc<Queue<Delivery>>,
    /// Told when a lane of it panicked.
    pub health: Arc<Health>,
    /// Where it emits.
    pub feeds: Vec<Feed>,
    /// Facts of the feeds that are to be opened.
    pub emits: Vec<Facts>,
    /// When it ticks.
    pub ticks: Ticks,
    /// Tells what its beats take.
    pub clock: Arc<dyn Clock>,
    /// How long its last tick took, and how late it was, in seconds, if it ticks.
    pub ticked: Option<(Level, Level)>,
    /// What its last tick took.
    pub last_tick: Duration,
    /// How far apart its beats are, in seconds, if it has any.
    pub pace: Option<Level>,
    /// Its beats; none before it has begun.
    pub beats: Begun,
    /// Attempts after failures.
    pub attempts: Attempts,
}

/// Whether a filter has begun, and its beats since.
#[derive(Default)]
pub struct Begun(Option<Beats>);

impl FilterRunner {
    /// Does the next thing there is to do.
    pub fn step(&mut self, now: Stamp) -> Step {
        if self.feeds.iter_mut().any(|feed| !feed.retry()) {
            return Step::Blocked;
        }
        if self.health.take_fault() && self.filter.is_some() {
            return self.fault(&Fault::new("panicked while it was poured into"), now);
        }
        if self.filter.is_none() {
            return self.try_again(now);
        }
        let Some(beats) = self.beats.0 else { return self.begin(now) };
        if let Some(late) = self.ticks.take(now) {
            return self.tick(late, now);
        }
        if beats.is_due(now) {
            return self.beat(beats, now);
        }
        if let Some(delivery) = self.queue.pop() {
            return self.process(&delivery, now);
        }
        if self.queue.is_closed() {
            return self.finish(now);
        }
        Step::Idle { until: self.ticks.look_again(now).min(beats.look_again(now)) }
    }

    fn begin(&mut self, now: Stamp) -> Step {
        let pulse = self.filter.as_deref().and_then(|filter| filter.pulse());
        self.beats = Begun(Some(Beats::new(pulse, now)));
        self.call(Trace::made_at(now), now, |filter, emit| filter.begin(now, emit))
    }

    fn tick(&mut self, late: Duration, now: Stamp) -> Step {
        let began = self.clock.now();
        let step = self.call(Trace::made_at(now), now, |filter, emit| filter.tick(now, emit));
        self.last_tick = self.clock.now().since(began);
        if let Some((took, lag)) = &self.ticked {
            took.set(self.last_tick.as_secs_f64());
            lag.set(late.as_secs_f64());
        }
        step
    }

    fn beat(&mut self, mut beats: Beats, now: Stamp) -> Step {
        let began = self.clock.now();
        let step = self.call(Trace::made_at(now), now, |filter, emit| filter.beat(now, emit));
        beats.done(now, self.clock.now().since(began));
        if let (Some(pace), Some(apart)) = (&self.pace, beats.apart()) {
            pace.set(apart.as_secs_f64());
        }
        // After a fault another filter begins.
        self.beats.0 = self.beats.0.map(|_| beats);
        step
    }

    /// The feed that waits for room, if one does.
    pub fn waiting_feed(&mut self) -> Option<&mut Feed> {
        self.feeds.iter_mut().find_map(|feed| (!feed.retry()).then_some(feed))
    }

    fn process(&mut self, delivery: &Delivery, now: Stamp) -> Step {
        let mut refused = 0;
        let step = self.call(delivery.pack.trace.clone(), now, |filter, emit| {
            let processed = filter.process(delivery, emit);
            refused = emit.refused;
            processed
        });
        match step {
            Step::Worked => delivery.settle_read(refused),
            _ => delivery.settle(&[(LossReason::Fault, delivery.len())]),
        }
        step
    }

    fn finish(&mut self, now: Stamp) -> Step {
        let step = self.call(Trace::made_at(now), now, |filter, emit| filter.finish(now, emit));
        let_go(&self.name, self.filter.take());
        match step {
            Step::Worked => self.end(Ended::Finished),
            _ => self.end(Ended::Failed),
        }
    }

    fn call(
        &mut self,
        trace: Trace,
        now: Stamp,
        work: impl FnOnce(&mut dyn Filter, &mut Emit<'_>) -> Result<(), Fault>,
    ) -> Step {
        let filter = self.filter.as_deref_mut().expect("a filter is called while it is there");
        let mut emit = Emit { feeds: &mut self.feeds, trace, last_tick: self.last_tick, refused: 0 };
        match guarded(|| work(filter, &mut emit)) {
            Ok(Ok(())) => {
                self.attempts.succeed();
                Step::Worked
            }
            Ok(Err(fault)) | Err(fault) => self.fault(&fault, now),
        }
    }

    fn fault(&mut self, fault: &Fault, now: Stamp) -> Step {
        let_go(&self.name, self.filter.take());
        self.beats = Begun(None);
        match self.attempts.fault(fault, now) {
            Next::Pause(until) => Step::Pause { until },
            Next::End(ended) => self.end(ended),
        }
    }

    fn try_again(&mut self, now: Stamp) -> Step {
        if self.queue.is_closed() {
            return self.end(Ended::Failed);
        }
        if let Some(until) = self.attempts.pause(now, Duration::MAX) {
            return Step::Pause { until };
        }
        match built(&mut self.rebuild) {
            Ok(filter) => {
                tracing::info!("{}: restarted", self.name);
                self.filter = Some(filter);
                Step::Worked
            }
            Err(fault) => self.fault(&fault, now),
        }
    }

    fn end(&mut self, ended: Ended) -> Step {
        self.queue.close();
        let reason = if ended == Ended::Finished { LossReason::Closed } else { LossReason::Fault };
        while let Some(delivery) = self.queue.pop() {
            delivery.settle(&[(reason, delivery.len())]);
        }
        Step::Done(ended)
    }
}

/// What a panic said.
pub(super) fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text =
        panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(|s| s.as_str()));
    format!("panicked: {}", text.unwrap_or("no text"))
}
