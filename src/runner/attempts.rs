//! The attempts of a filter or output: what a fault comes to, and when the next attempt is due.

use std::sync::Arc;
use std::time::Duration;

use super::{Backoff, Ended};
use crate::flow::Count;
use crate::plugin::Fault;
use crate::time::Stamp;

/// Where one plugin stands with its attempts.
pub struct Attempts {
    name: Arc<str>,
    backoff: Backoff,
    can_exit: bool,
    faults: Count,
    resume: Stamp,
}

/// What is to be done after a fault.
pub(super) enum Next {
    /// Wait until then.
    Pause(Stamp),
    /// End like this.
    End(Ended),
}

impl Attempts {
    /// Nothing has failed yet.
    pub fn new(name: Arc<str>, backoff: Backoff, can_exit: bool, faults: Count) -> Attempts {
        Attempts { name, backoff, can_exit, faults, resume: Stamp(i64::MIN) }
    }

    /// The time to wait for before anything else, if there is one: at most `longest` from now. A clock that was set back
    /// does not make it longer.
    pub(super) fn pause(&mut self, now: Stamp, longest: Duration) -> Option<Stamp> {
        self.resume = self.resume.min(now.plus(self.backoff.longest().min(longest)));
        (now < self.resume).then_some(self.resume)
    }

    /// The plugin failed as a whole.
    pub(super) fn fault(&mut self, fault: &Fault, now: Stamp) -> Next {
        self.faults.add(1);
        match self.again(now) {
            Some(resume) => {
                tracing::error!("{}: {fault}; next attempt in {:?}", self.name, resume.since(now));
                Next::Pause(resume)
            }
            None => {
                tracing::error!("{}: {fault}", self.name);
                Next::End(if self.can_exit { Ended::Exited } else { Ended::Failed })
            }
        }
    }

    /// An attempt failed: when the next is due, if there is to be one.
    pub(super) fn again(&mut self, now: Stamp) -> Option<Stamp> {
        let resume = self.backoff.fail(now)?;
        self.resume = resume;
        Some(resume)
    }

    /// The same where the peer asked for a pause of so much, which is kept up to the longest there can be.
    pub(super) fn again_after(&mut self, pause: Duration, now: Stamp) -> Option<Stamp> {
        let own = self.again(now)?;
        self.resume = own.max(now.plus(pause.min(self.backoff.longest())));
        Some(self.resume)
    }

    /// Attempts that failed in a row.
    pub(super) fn failed(&self) -> u32 {
        self.backoff.failed()
    }

    /// An attempt succeeded; whether earlier ones had failed.
    pub(super) fn succeed(&mut self) -> bool {
        self.backoff.succeed()
    }
}
