//! How a flood goes, told on standard error while it goes: a line that is written over on a terminal, a line every ten
//! seconds elsewhere.

use std::io::Write;
use std::time::Duration;

use super::super::shown::grouped;
use super::sending::{Limit, Standing};

/// Tells how it stands.
pub(super) struct Progress {
    /// What is sent, and where to.
    what: String,
    limit: Limit,
    is_terminal: bool,
    /// Time and records when it told last.
    told: (Duration, u64),
    /// Letters of the line on the terminal.
    width: usize,
}

impl Progress {
    pub(super) fn new(what: String, limit: Limit, is_terminal: bool) -> Progress {
        Progress { what, limit, is_terminal, told: (Duration::ZERO, 0), width: 0 }
    }

    /// Tells, if it is time.
    pub(super) fn watch(&mut self, standing: &Standing) {
        let every = if self.is_terminal { OFTEN } else { SELDOM };
        if standing.elapsed.saturating_sub(self.told.0) < every {
            return;
        }
        let line = self.line(standing);
        match self.is_terminal {
            true => self.write_over(&line),
            false => anstream::eprintln!("{line}"),
        }
    }

    /// Takes the line off the terminal again.
    pub(super) fn clear(&mut self) {
        if self.width > 0 {
            self.write_over("");
        }
    }

    fn write_over(&mut self, line: &str) {
        let width = line.chars().count();
        let mut out = anstream::stderr();
        // Where nobody sees it, nothing is missed.
        let _ = write!(out, "\r{line}{}\r", " ".repeat(self.width.saturating_sub(width)));
        let _ = out.flush();
        self.width = width;
    }

    fn line(&mut self, standing: &Standing) -> String {
        let (time, records) = std::mem::replace(&mut self.told, (standing.elapsed, standing.records));
        let seconds = (standing.elapsed - time).as_secs_f64();
        let rate = (standing.records - records) as f64 / seconds.max(1e-9);
        let mut line =
            format!("{}: {} sent, {}/s", self.what, grouped(standing.records), grouped(rate as u64));
        if let Some((share, left)) = self.left(standing, rate) {
            line.push_str(&format!(", {:.0} %, {} left", share * 100.0, left));
        }
        let errors = standing.refused + standing.no_buffers;
        if errors > 0 {
            line.push_str(&format!(", {} errors", grouped(errors)));
        }
        if standing.full > 0 {
            line.push_str(&format!(", waited for room {} times", grouped(standing.full)));
        }
        line
    }

    /// Which share of the work is done, and how long the rest will take.
    fn left(&self, standing: &Standing, rate: f64) -> Option<(f64, String)> {
        match self.limit {
            Limit::Never => None,
            Limit::Time(time) => {
                let share = standing.elapsed.as_secs_f64() / time.as_secs_f64();
                let left = time.saturating_sub(standing.elapsed);
                Some((share.min(1.0), format!("{} s", left.as_secs_f64().ceil())))
            }
            Limit::Records(count) => {
                let share = standing.records as f64 / count as f64;
                let left = (count.saturating_sub(standing.records)) as f64 / rate;
                let left = if left.is_finite() { format!("{} s", left.ceil()) } else { "?".to_owned() };
                Some((share, left))
            }
        }
    }
}

const OFTEN: Duration = Duration::from_millis(200);
const SELDOM: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_the_rate_of_late_and_what_is_left() {
        let mut progress = Progress::new("W2 to udp://a:1".to_owned(), Limit::Records(4_000), false);
        let mut standing =
            Standing { elapsed: Duration::from_secs(10), records: 1_000, ..Standing::default() };
        assert_eq!(progress.line(&standing), "W2 to udp://a:1: 1,000 sent, 100/s, 25 %, 30 s left");
        standing = Standing {
            elapsed: Duration::from_secs(20),
            records: 1_200,
            refused: 1_500,
            full: 2,
            ..standing
        };
        let expected =
            "W2 to udp://a:1: 1,200 sent, 20/s, 30 %, 140 s left, 1,500 errors, waited for room 2 times";
        assert_eq!(progress.line(&standing), expected);
        standing.elapsed = Duration::from_secs(30);
        assert!(progress.line(&standing).contains("0/s, 30 %, ? left"));
        progress.limit = Limit::Time(Duration::from_secs(60));
        standing.elapsed = Duration::from_secs(45);
        assert!(progress.line(&standing).contains(", 75 %, 15 s left"));
    }
}
