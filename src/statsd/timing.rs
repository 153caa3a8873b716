//! Times that clients give their samples: `a:1|c|T1656581400`, DogStatsD 1.3.
//!
//! Such a sample was counted by the client already and means the second it names. An interval that has been flushed is
//! not opened again, and the parser does not know the open one. So a sample whose time is near its receipt is like any
//! other; one that is late is counted as such, and then either aggregated in the open interval, where a sum stays right
//! and only its time is not, or refused.

use std::time::Duration;

use super::Rules;
use super::attributes::seconds;
use crate::metric::{BadReason, Kind};
use crate::time::Stamp;

/// What a listener does with times.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timing {
    late_after: Duration,
    refuse_late: bool,
}

/// What becomes of a sample with a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Timed {
    /// It is near enough to now.
    InTime,
    /// It is late.
    Late,
}

impl Timing {
    pub(super) fn of(rules: &Rules) -> Timing {
        Timing { late_after: rules.late_after, refuse_late: rules.refuse_late }
    }

    /// What becomes of a sample that says `text` and was received at `received`.
    ///
    /// # Errors
    /// `BadTimestamp` if it is no whole number of seconds, or 0.
    pub(super) fn judge(self, text: &[u8], received: Stamp) -> Result<Timed, BadReason> {
        let said = Stamp::from_seconds(seconds(text)?);
        if said == Stamp(0) {
            return Err(BadReason::BadTimestamp);
        }
        let apart = Duration::from_nanos(received.0.abs_diff(said.0));
        Ok(if apart > self.late_after { Timed::Late } else { Timed::InTime })
    }

    /// Whether samples that are late are refused.
    pub(super) fn refuses(self) -> bool {
        self.refuse_late
    }
}

/// Whether a time means anything to samples of `kind`: only counts and last values can be made before they are sent.
pub(super) fn has_time(kind: Kind) -> bool {
    matches!(kind, Kind::Counter | Kind::Gauge)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_late_when_it_is_farther_from_now_than_allowed_in_either_direction() {
        let timing = Timing { late_after: Duration::from_secs(10), refuse_late: true };
        let judge = |text: &str| timing.judge(text.as_bytes(), Stamp::from_seconds(1000));
        for text in ["990", "1000", "1010"] {
            assert_eq!(judge(text), Ok(Timed::InTime), "{text}");
        }
        for text in ["989", "1011", "1", "9223372036"] {
            assert_eq!(judge(text), Ok(Timed::Late), "{text}");
        }
        for text in ["", "0", "-5", "1e3", "1000.0", "9223372037"] {
            assert_eq!(judge(text), Err(BadReason::BadTimestamp), "{text}");
        }
    }
}
