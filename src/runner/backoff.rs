//! Back-off with jitter between attempts.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::{Check, Seconds, Violation};
use crate::time::Stamp;

/// The block `[NAME.retries]`.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retries {
    /// Longest pause between two attempts. Default 30s.
    pub max_delay: Seconds,
    /// First pause; doubled after every attempt that fails. Default 250ms.
    pub delay: Seconds,
    /// Up to so much is added to every pause, at random, so that a fleet does not knock at once. Default 500ms.
    pub max_jitter: Seconds,
    /// Attempts after the first before giving up: -1 (default) never gives up, 0 gives up at once.
    pub max_retries: i64,
}

impl Default for Retries {
    fn default() -> Retries {
        Retries {
            max_delay: Seconds(Duration::from_secs(30)),
            delay: Seconds(Duration::from_millis(250)),
            max_jitter: Seconds(Duration::from_millis(500)),
            max_retries: -1,
        }
    }
}

impl Check for Retries {
    fn check(&self) -> Vec<Violation> {
        let mut violations = Vec::new();
        if self.max_retries < -1 {
            violations.push(Violation::new("max_retries", "must be -1 (for ever) or a number of attempts"));
        }
        if self.delay.0 > self.max_delay.0 {
            violations.push(Violation::new("delay", "must not be longer than `max_delay`"));
        }
        violations
    }
}

/// Where one plugin stands with its attempts.
#[derive(Debug)]
pub struct Backoff {
    retries: Retries,
    failed: u32,
    random: fastrand::Rng,
}

impl Backoff {
    /// Nothing has failed yet.
    pub fn new(retries: Retries, seed: u64) -> Backoff {
        Backoff { retries, failed: 0, random: fastrand::Rng::with_seed(seed) }
    }

    /// An attempt at `now` failed: when the next is due, or none if it was the last.
    pub fn fail(&mut self, now: Stamp) -> Option<Stamp> {
        let attempts = u32::try_from(self.retries.max_retries).unwrap_or(u32::MAX);
        if self.failed >= attempts {
            return None;
        }
        let doubled = self.retries.delay.0.saturating_mul(1 << self.failed.min(20));
        let jitter = self.retries.max_jitter.0.mul_f64(self.random.f64());
        self.failed += 1;
        Some(now.plus(doubled.min(self.retries.max_delay.0) + jitter))
    }

    /// The longest pause there can be.
    pub fn longest(&self) -> Duration {
        self.retries.max_delay.0 + self.retries.max_jitter.0
    }

    /// An attempt succeeded; whether earlier ones had failed.
    pub fn succeed(&mut self) -> bool {
        std::mem::take(&mut self.failed) > 0
    }

    /// Attempts that failed in a row.
    pub fn failed(&self) -> u32 {
        self.failed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(milliseconds: u64) -> Seconds {
        Seconds(Duration::from_millis(milliseconds))
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_start_over_after_success() {
        let retries = Retries { max_delay: seconds(1000), max_jitter: seconds(0), ..Retries::default() };
        let mut backoff = Backoff::new(retries, 1);
        let pauses = |backoff: &mut Backoff, n| -> Vec<i64> {
            (0..n).map(|_| backoff.fail(Stamp(0)).expect("it retries for ever").0 / 1_000_000).collect()
        };
        assert_eq!(pauses(&mut backoff, 4), [250, 500, 1000, 1000]);
        assert!(backoff.succeed());
        assert!(!backoff.succeed());
        assert_eq!(pauses(&mut backoff, 1), [250]);
    }

    #[test]
    fn jitter_stays_within_its_bound() {
        let mut backoff = Backoff::new(Retries { delay: seconds(0), ..Retries::default() }, 7);
        for _ in 0..100 {
            let pause = backoff.fail(Stamp(0)).expect("it retries for ever").0;
            assert!((0..500_000_000).contains(&pause), "{pause}");
        }
    }

    #[test]
    fn it_gives_up_after_max_retries() {
        let mut backoff = Backoff::new(Retries { max_retries: 2, ..Retries::default() }, 1);
        assert!(backoff.fail(Stamp(0)).is_some());
        assert!(backoff.fail(Stamp(0)).is_some());
        assert_eq!(backoff.fail(Stamp(0)), None);
    }
}
