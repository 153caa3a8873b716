//! When the next packets of a flood are due, so that its rate is kept evenly.
//!
//! A packet is due when the records before it are; what is due together goes together, and nobody waits for less than
//! [`SHORTEST`], which would cost more than it evens out. Time in which nothing could be sent is caught up with to
//! [`CAUGHT_UP`]; what is beyond is let go and counted, since a burst of it would be another load.

use std::time::Duration;

/// Keeps a rate.
#[derive(Debug)]
pub(super) struct Pace {
    /// Records a second; 0 is as fast as it goes.
    rate: f64,
    /// Time that is not caught up with.
    let_go: Duration,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Due {
    /// Packets are to be sent that have so many records before their last one.
    Now(u64),
    /// Nothing for so long.
    In(Duration),
}

impl Pace {
    pub(super) fn new(rate: f64) -> Pace {
        Pace { rate, let_go: Duration::ZERO }
    }

    /// What is due `elapsed` after the begin, when so many records were sent.
    pub(super) fn due(&mut self, elapsed: Duration, sent: u64) -> Due {
        if self.rate <= 0.0 {
            return Due::Now(u64::MAX);
        }
        let next = sent as f64 / self.rate;
        let behind = elapsed.saturating_sub(self.let_go).as_secs_f64() - next;
        if behind < 0.0 {
            return Due::In(Duration::try_from_secs_f64(-behind).unwrap_or(LONGEST).clamp(SHORTEST, LONGEST));
        }
        let most = CAUGHT_UP.as_secs_f64();
        if behind > most {
            self.let_go += Duration::from_secs_f64(behind - most);
        }
        Due::Now((behind.min(most) * self.rate) as u64)
    }

    /// Time for which nothing was sent and that was not caught up with.
    pub(super) fn let_go(&self) -> Duration {
        self.let_go
    }
}

const SHORTEST: Duration = Duration::from_micros(250);
const LONGEST: Duration = Duration::from_millis(100);
const CAUGHT_UP: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_kept_evenly_and_nobody_spins() {
        let mut pace = Pace::new(1_000.0);
        assert_eq!(pace.due(Duration::ZERO, 0), Due::Now(0));
        assert_eq!(pace.due(Duration::ZERO, 31), Due::In(Duration::from_millis(31)));
        assert_eq!(pace.due(Duration::from_micros(30_990), 31), Due::In(SHORTEST));
        assert_eq!(pace.due(Duration::from_millis(33), 31), Due::Now(2));
        assert_eq!(Pace::new(0.001).due(Duration::from_secs(1), 1), Due::In(LONGEST));
        assert_eq!(Pace::new(0.0).due(Duration::ZERO, 1 << 40), Due::Now(u64::MAX));
    }

    #[test]
    fn a_long_silence_is_not_made_up_for_in_a_burst() {
        let mut pace = Pace::new(1_000.0);
        assert_eq!(pace.due(Duration::from_secs(3), 0), Due::Now(100));
        assert_eq!(pace.let_go(), Duration::from_millis(2_900));
        assert_eq!(pace.due(Duration::from_secs(3), 100), Due::Now(0));
    }
}
