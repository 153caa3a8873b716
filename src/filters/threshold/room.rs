//! How many series are watched and may be, and which are not.

use std::time::Duration;

use crate::metric::{Kind, SeriesId};
use crate::plugin::Throttle;
use crate::time::Stamp;

/// How many series are watched by all watches together, and how many may be.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) taken: usize,
    most: usize,
    /// Series that found none since somebody asked.
    refused: u64,
    /// The same since it was last said.
    unsaid: u64,
    throttle: Throttle,
}

/// Series by kind, a bit for each: the registry bounds them.
#[derive(Debug, Default)]
pub(super) struct Noted {
    words: [Vec<u64>; Kind::ALL.len()],
    count: usize,
}

impl Room {
    /// Room for so many.
    pub(super) fn new(most: usize) -> Room {
        Room { taken: 0, most, refused: 0, unsaid: 0, throttle: Throttle::every(SAID_FOR) }
    }

    /// Whether there is room for another one.
    pub(super) fn has_some(&self) -> bool {
        self.taken < self.most
    }

    /// Takes room for one; false if there is none, which is counted.
    pub(super) fn take(&mut self) -> bool {
        if self.has_some() {
            self.taken += 1;
            return true;
        }
        self.refused += 1;
        self.unsaid += 1;
        false
    }

    /// How many found none since the last call.
    pub(super) fn take_refused(&mut self) -> u64 {
        std::mem::take(&mut self.refused)
    }

    /// What there is to say at `now` of those that found none: at once, and then once an hour while there are more.
    pub(super) fn complaint(&mut self, now: Stamp) -> Option<String> {
        if self.unsaid == 0 {
            return None;
        }
        self.throttle.allow("refused", now)?;
        let (count, most) = (std::mem::take(&mut self.unsaid), self.most);
        let more = if count == 1 { "one more has".to_owned() } else { format!("{count} more have") };
        Some(format!(
            "{most} series are watched, as many as max_series allows, and {more} no alerts: raise max_series, or have the \
             rules name fewer series"
        ))
    }
}

impl Noted {
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(super) fn has(&self, series: SeriesId) -> bool {
        let word = self.words[series.kind() as usize].get(series.index() / 64);
        word.is_some_and(|word| word >> (series.index() % 64) & 1 == 1)
    }

    pub(super) fn note(&mut self, series: SeriesId) {
        if self.has(series) {
            return;
        }
        let (words, place) = (&mut self.words[series.kind() as usize], series.index() / 64);
        if words.len() <= place {
            words.resize(place + 1, 0);
        }
        words[place] |= 1 << (series.index() % 64);
        self.count += 1;
    }

    pub(super) fn forget(&mut self, series: SeriesId) {
        if self.has(series) {
            self.words[series.kind() as usize][series.index() / 64] &= !(1 << (series.index() % 64));
            self.count -= 1;
        }
    }
}

/// How long nothing more is said.
const SAID_FOR: Duration = Duration::from_secs(3600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_finds_no_room_is_said_at_once_and_once_an_hour_while_there_is_more() {
        let mut room = Room::new(2);
        let at = Stamp::from_seconds;
        assert_eq!([room.take(), room.take()], [true, true]);
        assert_eq!(room.complaint(at(10)), None);
        assert!(!room.take());
        let said = |more: &str| {
            Some(format!(
                "2 series are watched, as many as max_series allows, and {more} no alerts: raise max_series, or have the \
                 rules name fewer series"
            ))
        };
        assert_eq!(room.complaint(at(10)), said("one more has"));
        assert!(!room.take() && !room.take());
        assert_eq!(room.complaint(at(3609)), None);
        assert_eq!(room.complaint(at(3610)), said("2 more have"));
        assert_eq!(room.complaint(at(9999)), None);
        assert!(!room.take());
        // A clock that was set back keeps nothing from being said.
        assert_eq!(room.complaint(at(20)), said("one more has"));
        assert_eq!((room.take_refused(), room.take_refused()), (4, 0));
    }

    #[test]
    fn series_are_noted_by_kind_and_forgotten() {
        let mut noted = Noted::default();
        let [gauge, counter] = [Kind::Gauge, Kind::Counter].map(|kind| SeriesId::new(kind, 130));
        noted.note(gauge);
        noted.note(gauge);
        assert_eq!(
            (noted.has(gauge), noted.has(counter), noted.has(SeriesId::new(Kind::Gauge, 2))),
            (true, false, false)
        );
        noted.forget(counter);
        assert!(!noted.is_empty());
        noted.forget(gauge);
        assert!(noted.is_empty() && !noted.has(gauge));
    }
}
