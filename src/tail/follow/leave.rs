//! A file that is at its end: when it is left, and for which.

use super::search::{self, Search};
use super::{Current, Files, Follower, Happened, Place, Turn};
use crate::tail::Window;
use crate::time::Stamp;

impl<O> Follower<O> {
    /// Everything there is of the file was read.
    pub(super) fn at_end<F: Files<Open = O>>(&mut self, files: &mut F, now: Stamp) -> Turn {
        let Place::In(current) = &self.place else { return Turn::Rest };
        let (id, listed) = (current.id, current.listed);
        let Some(place) = self.place_of(id) else {
            if self.listing <= listed {
                return self.relist();
            }
            return self.unlisted(files, now);
        };
        if place + 1 < self.slots.len() {
            return self.leave_when_quiet(files, place + 1, now);
        }
        if self.is_quiet(now)
            && let Some(cut) = self.cut(false)
        {
            return cut;
        }
        // A rename or a replacement shows in the name at once; other new files show when they are listed.
        let Place::In(current) = &self.place else { return Turn::Rest };
        if files.named(&current.path).is_some_and(|named| named.id == id) {
            Turn::Rest
        } else {
            self.relist()
        }
    }

    /// The file has no name any more that belongs to the stream.
    pub(super) fn unlisted<F: Files<Open = O>>(&mut self, files: &mut F, now: Stamp) -> Turn {
        let listing = self.listing;
        let Place::In(current) = &mut self.place else { return Turn::Rest };
        if current.searched < listing && current.offset > 0 {
            current.searched = listing;
            let (id, position) = (current.id, current.here());
            match self.search(files, &position, Some(id)) {
                Search::Found(found) => return self.continue_in(found),
                Search::Not(turn) => {
                    if let Place::In(current) = &mut self.place {
                        current.searched = listing - 1;
                    }
                    return turn;
                }
                Search::Nowhere => {}
            }
        }
        if let Some(next) = self.after_unlisted() {
            return self.leave_when_quiet(files, next, now);
        }
        let Place::In(current) = &self.place else { return Turn::Rest };
        match files.named(&current.path) {
            Some(named) if self.place_of(named.id).is_none() => self.relist(),
            _ => Turn::Rest,
        }
    }

    /// Leaves the file for slot `next`, if it may be left.
    pub(super) fn leave_when_quiet<F: Files<Open = O>>(
        &mut self,
        files: &mut F,
        next: usize,
        now: Stamp,
    ) -> Turn {
        if !self.may_leave(next, now) {
            return Turn::Rest;
        }
        match self.cut(true) {
            Some(cut) => cut,
            None => self.leave(files, next),
        }
    }

    /// What is to be said of a file that ends too early, if it is one and that is news.
    pub(super) fn cut(&mut self, passed: bool) -> Option<Turn> {
        let Place::In(current) = &self.place else { return None };
        let (id, path, why) = (current.id, current.path.clone(), CUT.to_owned());
        let is_news = current.cut && self.is_news(id, CUT, passed);
        is_news.then_some(Turn::Happened(Happened::Refused { path, why, passed: passed.then_some(0) }))
    }

    /// Whether nobody has written to the file for a while.
    pub(super) fn is_quiet(&self, now: Stamp) -> bool {
        let Place::In(current) = &self.place else { return false };
        let wait = self.settings.rotate_wait;
        current.quiet.is_some_and(|since| now.since(since) >= wait) || now.since(current.modified) >= wait
    }

    /// Whether the file may be left for slot `next`: nobody is likely to write to it any more.
    pub(super) fn may_leave(&self, next: usize, now: Stamp) -> bool {
        let Place::In(current) = &self.place else { return false };
        current.packed && !current.cut || current.copy || self.is_quiet(now) || next + 1 < self.slots.len()
    }

    pub(super) fn leave<F: Files<Open = O>>(&mut self, files: &mut F, next: usize) -> Turn {
        let mut entered = match self.enter(files, next) {
            Ok(entered) => entered,
            Err(turn) => return turn,
        };
        let Place::In(current) = &mut self.place else { return Turn::Rest };
        // A file whose copy was read in its place: it has not been truncated yet.
        if current.offset >= Window::LENGTH as u64 {
            match search::goes_on(files, &mut entered, current) {
                Ok(true) => {
                    entered.offset = current.offset;
                    return self.continue_in(entered);
                }
                Ok(false) => {}
                Err(error) => return self.broken(files, &error),
            }
        }
        let path = entered.path.clone();
        self.go_to(entered);
        Turn::Happened(Happened::Rotated { path })
    }

    pub(super) fn continue_in(&mut self, found: Current<O>) -> Turn {
        let path = found.path.clone();
        self.missed = None;
        if let Place::In(current) = &mut self.place {
            current.continue_in(found);
        }
        self.place_current();
        Turn::Happened(Happened::Found { path, truncated: false })
    }
}

/// What is wrong with a compressed file that ends too early.
const CUT: &str = "its compression ends too early: it was cut, or is not complete yet";
