//! Who has seen what: so that each scraper is shown 0 once before the value of what is new.
//!
//! A scraper is a connection. A new connection goes on where the latest one of the same kind (address, user agent, what
//! it accepts and asks) was: a scraper that connects anew, or closes after each scrape, is known again.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use crate::flow::Count;
use crate::net::http::Request;

/// The scrapers of one endpoint.
pub(super) struct Scrapers {
    known: HashMap<Scraper, Seen>,
    /// Counts scrapes, so that the latest is known.
    turn: u64,
    hasher: RandomState,
    forgotten: Count,
}

/// One scraper: its kind, and its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Scraper {
    kind: u64,
    connection: u64,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    through: u64,
    turn: u64,
}

impl Scrapers {
    pub(super) fn new(forgotten: Count) -> Scrapers {
        Scrapers { known: HashMap::new(), turn: 0, hasher: RandomState::new(), forgotten }
    }

    /// Who asked.
    pub(super) fn who(&self, request: &Request) -> Scraper {
        let fields = ["user-agent", "accept"].map(|name| request.header(name));
        let kind = self.hasher.hash_one((request.caller.peer, fields, &request.query));
        Scraper { kind, connection: request.caller.connection }
    }

    /// Through which birth it has seen, it or the latest of its kind; nothing if there was none.
    pub(super) fn has_seen(&self, scraper: Scraper) -> Option<u64> {
        let own = self.known.get(&scraper);
        let alike =
            || self.known.iter().filter(|(other, _)| other.kind == scraper.kind).map(|(_, seen)| seen);
        own.or_else(|| alike().max_by_key(|seen| seen.turn)).map(|seen| seen.through)
    }

    /// It has seen through that birth: a scrape of it was rendered to the end.
    pub(super) fn saw(&mut self, scraper: Scraper, through: u64) {
        self.turn += 1;
        let new = self.known.insert(scraper, Seen { through, turn: self.turn }).is_none();
        if new {
            // Of one kind they are mostly one scraper that closes its connections.
            self.keep(ALIKE, |other| other.kind == scraper.kind);
            let forgotten = self.keep(MOST, |_| true);
            self.forgotten.add(forgotten);
        }
    }

    /// Forgets the oldest of those that are `meant` until there are `most`; says how many.
    fn keep(&mut self, most: usize, meant: impl Fn(&Scraper) -> bool) -> u64 {
        let mut forgotten = 0;
        while self.known.keys().filter(|scraper| meant(scraper)).count() > most {
            let all = self.known.iter().filter(|(scraper, _)| meant(scraper));
            let oldest = all.min_by_key(|(_, seen)| seen.turn).map(|(&scraper, _)| scraper);
            oldest.map(|oldest| self.known.remove(&oldest));
            forgotten += 1;
        }
        forgotten
    }
}

/// Scrapers that are remembered.
const MOST: usize = 1024;

/// Scrapers of one kind that are.
const ALIKE: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::OwnMetrics;

    fn scrapers() -> (Scrapers, Count) {
        let forgotten = OwnMetrics::default().counter("hekad_scrapers_forgotten_total", &[]);
        (Scrapers::new(forgotten.clone()), forgotten)
    }

    #[test]
    fn a_connection_remembers_and_a_new_one_goes_on_where_the_latest_of_its_kind_was() {
        let (mut scrapers, _) = scrapers();
        let of = |kind, connection| Scraper { kind, connection };
        assert_eq!(scrapers.has_seen(of(1, 1)), None);
        scrapers.saw(of(1, 1), 5);
        scrapers.saw(of(1, 2), 9);
        scrapers.saw(of(1, 3), 7);
        assert_eq!(scrapers.has_seen(of(1, 1)), Some(5));
        assert_eq!(scrapers.has_seen(of(1, 4)), Some(7));
        assert_eq!(scrapers.has_seen(of(2, 1)), None);
    }

    #[test]
    fn scrapers_are_bounded_by_kind_and_all_together() {
        let (mut scrapers, forgotten) = scrapers();
        (0..100).for_each(|connection| scrapers.saw(Scraper { kind: 0, connection }, connection));
        assert_eq!((scrapers.known.len(), forgotten.value()), (ALIKE, 0));
        assert_eq!(scrapers.has_seen(Scraper { kind: 0, connection: 500 }), Some(99));
        (1..2000).for_each(|kind| scrapers.saw(Scraper { kind, connection: kind }, kind));
        assert_eq!((scrapers.known.len(), forgotten.value()), (MOST, 1999 + ALIKE as u64 - MOST as u64));
    }
}
