//! Numbers for what is cumulative and new, so that it is shown as 0 once to each scraper.
//!
//! Prometheus sees only how much a counter grows between two scrapes: what it had at the first one is lost to
//! `increase()`. A series is therefore given the next number when it is born; a scraper remembers through which number
//! it has seen.

use std::collections::VecDeque;
use std::time::Duration;

use crate::time::Stamp;

/// Numbers the births of a store.
#[derive(Debug, Default)]
pub struct Births {
    last: u64,
    /// Through which number there were births at a time, for the time of `RECENT`.
    marks: VecDeque<(Stamp, u64)>,
    old: u64,
}

impl Births {
    /// The number of a series that is born now; 0, which everybody has seen, once 2^32 were born.
    pub(super) fn next(&mut self) -> u32 {
        let Ok(next) = u32::try_from(self.last + 1) else { return 0 };
        self.last = next.into();
        next
    }

    /// Says what time it is; to be called often.
    pub(super) fn pass(&mut self, now: Stamp) {
        while let Some(&(at, through)) = self.marks.front().filter(|&&(at, _)| now.since(at) >= RECENT) {
            self.old = through;
            self.marks.pop_front();
            debug_assert!(at <= now);
        }
        // A clock that was set back leaves marks of the future: they are too young rather than too old.
        if self.marks.back().is_none_or(|&(at, through)| through != self.last && at < now) {
            self.marks.push_back((now, self.last));
        }
    }

    /// The last number there is.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// Through which number a scraper nobody knows is taken to have seen: all that is older than two minutes. It may be
    /// an old one under another address, to which an old series must not seem to begin again.
    pub fn old(&self) -> u64 {
        self.old
    }
}

/// How long a series is new to scrapers that were never seen.
const RECENT: Duration = Duration::from_secs(120);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn births_are_old_after_two_minutes() {
        let mut births = Births::default();
        assert_eq!((births.next(), births.next()), (1, 2));
        births.pass(Stamp::from_seconds(10));
        births.next();
        births.pass(Stamp::from_seconds(20));
        births.pass(Stamp::from_seconds(129));
        assert_eq!((births.last(), births.old()), (3, 0));
        births.pass(Stamp::from_seconds(130));
        assert_eq!(births.old(), 2);
        births.pass(Stamp::from_seconds(140));
        assert_eq!(births.old(), 3);
    }

    #[test]
    fn time_without_births_takes_no_memory() {
        let mut births = Births::default();
        (0..1000).for_each(|second| births.pass(Stamp::from_seconds(second)));
        assert!(births.marks.len() <= 2, "{}", births.marks.len());
    }
}
