//! The alerts of one series under one rule: when they begin, go on and end. Numbers and stamps in, events out.
//!
//! There are two that know nothing of each other: that of the number, and that of missing samples.

use std::collections::VecDeque;
use std::time::Duration;

use super::statistic::Reading;
use crate::time::Stamp;

/// When there is an alert.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Conditions {
    pub(super) above: Option<f64>,
    pub(super) below: Option<f64>,
    /// Where one of `above` or `below` is over.
    pub(super) clears_at: Option<f64>,
    /// In percent of the value `over` flushes before.
    pub(super) rises_by: Option<f64>,
    pub(super) falls_by: Option<f64>,
    pub(super) over: usize,
    /// Flushes in a row.
    pub(super) for_flushes: u32,
    /// Flushes in a row without a sample.
    pub(super) absent_after: Option<u32>,
    pub(super) repeat_every: Option<Duration>,
    /// Flushes in a row without a value after which nobody can say that an alert goes on.
    pub(super) gives_up_after: u32,
}

/// What is wrong with a series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Breach {
    Above,
    Below,
    /// From this value, `over` flushes before.
    Rose(f64),
    Fell(f64),
    Absent,
}

/// Something that is to be told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Event {
    pub(super) state: AlertState,
    pub(super) breach: Breach,
    /// What the flush says; none where it says nothing.
    pub(super) value: Option<f64>,
    /// The end of the first flush that was wrong.
    pub(super) since: Stamp,
    /// How many flushes it has been wrong, or has been missing.
    pub(super) flushes: u32,
}

/// What becomes of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AlertState {
    /// It is there, or still is.
    Firing,
    /// It is over.
    Resolved,
    /// It is taken as over, as the series has gone.
    GivenUp,
}

/// Where one series stands under one rule.
#[derive(Debug, Default)]
pub(super) struct Standing {
    /// Whether a flush has named it.
    seen: bool,
    /// The last values, not a number where there was none; as many as the rule looks back.
    past: VecDeque<f64>,
    level: Alert,
    absence: Alert,
    /// Flushes in a row without a value.
    idle: u32,
    /// Flushes in a row that did not know the series.
    gone: u32,
}

/// One alert, there or coming.
#[derive(Debug, Default)]
struct Alert {
    /// Flushes in a row that were wrong.
    run: u32,
    /// The end of the first of them.
    since: Stamp,
    breach: Option<Breach>,
    /// Whether the alert that is there was told of.
    told: bool,
    /// When one was told of last.
    last: Option<Stamp>,
}

/// What came of a flush.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) events: Vec<Event>,
    /// Alerts that began and were told of too lately to be told of again.
    pub(super) held_back: u64,
}

impl Standing {
    /// Takes what a flush that ended at `at` says. A series that no flush has named yet can be missing alone.
    pub(super) fn take(&mut self, rule: &Conditions, reading: Reading, at: Stamp, outcome: &mut Outcome) {
        self.seen |= reading.present;
        self.gone = if reading.present { 0 } else { self.gone.saturating_add(1) };
        if self.seen {
            self.take_level(rule, reading.value.filter(|value| !value.is_nan()), at, outcome);
        }
        if let Some(most) = rule.absent_after {
            self.take_absence(rule, reading, most, at, outcome);
        }
    }

    /// Number of alerts that are there.
    pub(super) fn firing(&self) -> usize {
        usize::from(self.level.breach.is_some()) + usize::from(self.absence.breach.is_some())
    }

    /// Whether nothing would be other than it is if this began anew: no flush has known the series for as long as an
    /// alert would go on, there is no alert and none is coming, and what was told of last is long ago.
    pub(super) fn has_gone(&self, rule: &Conditions, at: Stamp) -> bool {
        let looked_back = if rule.compares() { u32::try_from(rule.over).unwrap_or(u32::MAX) } else { 0 };
        // What is watched for its absence has only begun when it has gone.
        rule.absent_after.is_none()
            && self.gone >= rule.gives_up_after.max(looked_back)
            && self.level.is_quiet(rule.repeat_every, at)
    }

    fn take_level(&mut self, rule: &Conditions, value: Option<f64>, at: Stamp, outcome: &mut Outcome) {
        let breach = value.and_then(|value| rule.breach(value, self.before(rule)));
        self.remember(rule, value);
        let Some(value) = value else {
            self.idle = self.idle.saturating_add(1);
            if self.level.breach.is_none() {
                self.level.run = 0;
            } else if self.idle >= rule.gives_up_after {
                self.level.end(AlertState::GivenUp, None, self.idle, outcome);
            }
            return;
        };
        self.idle = 0;
        match (breach, self.level.breach) {
            (None, None) => self.level.run = 0,
            (None, Some(firing)) if rule.is_over(firing, value) => {
                let flushes = self.level.run;
                self.level.end(AlertState::Resolved, Some(value), flushes, outcome);
            }
            (found, before) => {
                // What is wrong in another way is another alert.
                if let (Some(found), Some(before)) = (found, before)
                    && std::mem::discriminant(&found) != std::mem::discriminant(&before)
                {
                    let flushes = self.level.run;
                    self.level.end(AlertState::Resolved, Some(value), flushes, outcome);
                }
                self.level.count(at);
                if let Some(breach) = found.or(before)
                    && self.level.run >= rule.for_flushes
                {
                    self.level.tell(breach, Some(value), rule.repeat_every, at, outcome);
                }
            }
        }
    }

    fn take_absence(
        &mut self,
        rule: &Conditions,
        reading: Reading,
        most: u32,
        at: Stamp,
        outcome: &mut Outcome,
    ) {
        if reading.sampled {
            let flushes = self.absence.run;
            if self.absence.breach.is_some() {
                self.absence.end(AlertState::Resolved, reading.value, flushes, outcome);
            }
            self.absence.run = 0;
            return;
        }
        self.absence.count(at);
        if self.absence.run >= most {
            self.absence.tell(Breach::Absent, None, rule.repeat_every, at, outcome);
        }
    }

    /// The value that the rule compares with, if it does and there is one.
    fn before(&self, rule: &Conditions) -> Option<f64> {
        let full = rule.compares() && self.past.len() >= rule.over;
        self.past.front().copied().filter(|value| full && value.is_finite())
    }

    fn remember(&mut self, rule: &Conditions, value: Option<f64>) {
        if rule.compares() {
            if self.past.len() >= rule.over {
                self.past.pop_front();
            }
            self.past.push_back(value.unwrap_or(f64::NAN));
        }
    }
}

impl Conditions {
    /// Whether it looks back.
    pub(super) fn compares(&self) -> bool {
        self.rises_by.is_some() || self.falls_by.is_some()
    }

    /// What is wrong with a value, given the one `over` flushes before. A change from 0 has no percent.
    fn breach(&self, value: f64, before: Option<f64>) -> Option<Breach> {
        if self.above.is_some_and(|above| value > above) {
            return Some(Breach::Above);
        }
        if self.below.is_some_and(|below| value < below) {
            return Some(Breach::Below);
        }
        let before = before.filter(|before| *before != 0.0)?;
        let change = (value - before) / before.abs() * 100.0;
        if self.rises_by.is_some_and(|most| change > most) {
            return Some(Breach::Rose(before));
        }
        self.falls_by.is_some_and(|most| change < -most).then_some(Breach::Fell(before))
    }

    /// Whether an alert ends with a value that is no breach.
    fn is_over(&self, firing: Breach, value: f64) -> bool {
        match firing {
            Breach::Above => self.clears_at.is_none_or(|end| value <= end),
            Breach::Below => self.clears_at.is_none_or(|end| value >= end),
            Breach::Rose(_) | Breach::Fell(_) | Breach::Absent => true,
        }
    }
}

impl Alert {
    fn count(&mut self, at: Stamp) {
        if self.run == 0 {
            self.since = at;
        }
        self.run = self.run.saturating_add(1);
    }

    /// Whether there is no alert, none is coming, and the next one would be told of at once.
    fn is_quiet(&self, pause: Option<Duration>, at: Stamp) -> bool {
        let is_muted = pause.zip(self.last).is_some_and(|(pause, last)| at >= last && at.since(last) < pause);
        self.breach.is_none() && self.run == 0 && !is_muted
    }

    /// The alert is there; told of at once, but not sooner after the last time than `pause`.
    fn tell(
        &mut self,
        breach: Breach,
        value: Option<f64>,
        pause: Option<Duration>,
        at: Stamp,
        outcome: &mut Outcome,
    ) {
        let begins = self.breach.is_none();
        self.breach = Some(breach);
        // A clock that was set back does not keep anybody from being told.
        let is_due = |last: Stamp| pause.is_some_and(|pause| at < last || at.since(last) >= pause);
        let tells = match (self.told, self.last) {
            (false, None) => true,
            (false, Some(last)) => pause.is_none() || is_due(last),
            (true, last) => last.is_some_and(is_due),
        };
        if !tells {
            outcome.held_back += u64::from(begins);
            return;
        }
        (self.told, self.last) = (true, Some(at));
        let (state, since, flushes) = (AlertState::Firing, self.since, self.run);
        outcome.events.push(Event { state, breach, value, since, flushes });
    }

    /// The alert is over, which is told if it was.
    fn end(&mut self, state: AlertState, value: Option<f64>, flushes: u32, outcome: &mut Outcome) {
        let breach = self.breach.take();
        self.run = 0;
        if let Some(breach) = breach.filter(|_| std::mem::take(&mut self.told)) {
            outcome.events.push(Event { state, breach, value, since: self.since, flushes });
        }
    }
}

#[cfg(test)]
mod tests;
