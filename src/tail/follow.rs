//! Follows one stream through its files: what is read next, and what a rotation was.
//!
//! A stream is its files one after the other, oldest first. A file is left when it is at its end, a newer one is there,
//! and nobody has written to it for a while, since a writer may hold a renamed file open. What a name stands for is
//! never trusted: bytes that were read are compared again with what stands before them, after each read, so that a file
//! that was truncated and has grown past the old position is noticed; and the rest of it is looked for in its copy.

mod current;
mod files;
mod leave;
mod lost;
mod search;
mod turn;

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use super::{FileId, Position, Slot};
use crate::time::Stamp;
use current::{Current, at_last_line};
use search::Search;

pub use files::{Files, Look, Named, OpenError};
pub use turn::{Closing, Happened, Reading, Turn};

/// Where a stream begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// At its oldest file that is not stale.
    Oldest,
    /// Behind the last line of its newest file.
    Newest,
    /// Where a journal says.
    At(Position),
}

/// What may be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// How long nobody has written to a file when it is left for a newer one.
    pub rotate_wait: Duration,
    /// How old a listing may be by which a file is opened at its beginning.
    pub fresh: Duration,
}

/// Follows one stream. `O` is an open file.
#[derive(Debug)]
pub struct Follower<O> {
    settings: Settings,
    slots: Vec<Slot>,
    /// The time of the step.
    now: Stamp,
    /// How often it was listed and when it last was, and how often it must have been to go on.
    listing: u64,
    listed_at: Stamp,
    needs: u64,
    place: Place<O>,
    /// The position in an earlier file, as long as no record of the current one is complete.
    behind: Option<Position>,
    /// The listing that must show what became of a file's content, once it is missed.
    missed: Option<u64>,
    /// Files that may not be read, as was said of each.
    refused: HashMap<FileId, Refusal>,
}

#[derive(Debug)]
struct Refusal {
    why: String,
    passed: bool,
}

#[derive(Debug)]
enum Place<O> {
    Nowhere(Beginning),
    In(Current<O>),
}

#[derive(Debug, Clone)]
enum Beginning {
    Start(Start),
    /// At the oldest file written to after that: the older ones were done before the position was lost.
    Since(Option<Stamp>),
}

impl<O> Follower<O> {
    /// A stream that begins at `start`.
    pub fn new(start: Start, settings: Settings) -> Follower<O> {
        Follower {
            settings,
            slots: Vec::new(),
            listing: 0,
            now: Stamp(i64::MIN),
            listed_at: Stamp(i64::MIN),
            needs: 1,
            place: Place::Nowhere(Beginning::Start(start)),
            behind: None,
            missed: None,
            refused: HashMap::new(),
        }
    }

    /// Takes the files of the stream, oldest first, as they all were at the time `now`.
    pub fn listed(&mut self, slots: Vec<Slot>, now: Stamp) {
        self.listing += 1;
        self.listed_at = now;
        self.refused.retain(|id, _| slots.iter().any(|slot| slot.has(*id)));
        if let Place::In(current) = &mut self.place
            && let Some(file) = slots.iter().flat_map(|slot| &slot.files).find(|file| file.id == current.id)
        {
            current.path.clone_from(&file.path);
        }
        self.slots = slots;
        self.place_current();
    }

    /// Remembers what is before the file that is read.
    fn place_current(&mut self) {
        if let Place::In(current) = &mut self.place
            && current.open.is_some()
            && let Some(place) = self.slots.iter().position(|slot| slot.has(current.id))
        {
            let before = self.slots[..place].iter().flat_map(|slot| &slot.files);
            current.older = before.map(|file| (file.id, file.modified)).collect();
        }
    }

    /// The first slot that can follow a file that is not listed any more.
    fn after_unlisted(&self) -> Option<usize> {
        let Place::In(current) = &self.place else { return None };
        self.slots.iter().position(|slot| slot.modified() >= current.modified && !current.is_after(slot))
    }

    /// Goes on in `entered`.
    fn go_to(&mut self, entered: Current<O>) {
        self.behind = self.position();
        self.place = Place::In(entered);
        self.place_current();
    }

    /// Does what is next: `into` is for what is read.
    pub fn step<F: Files<Open = O>>(&mut self, files: &mut F, into: &mut [u8], now: Stamp) -> Turn {
        self.now = now;
        if self.listing < self.needs {
            return Turn::Relist;
        }
        match &self.place {
            Place::Nowhere(beginning) => self.begin(files, beginning.clone()),
            Place::In(Current { open: None, .. }) => self.reopen(files, into, now),
            Place::In(_) => self.read_on(files, into, now),
        }
    }

    /// Takes note that `bytes`, a part of what was read, went on, and that the last `pending` bytes that went on are
    /// part of no record yet.
    pub fn pushed(&mut self, bytes: &[u8], pending: usize) {
        let Place::In(current) = &mut self.place else { return };
        let complete = bytes.len().saturating_sub(pending);
        if pending <= bytes.len() && current.offset + complete as u64 > 0 {
            let mut window = current.window.clone();
            window.extend(&bytes[..complete]);
            current.mark = Some((current.offset + complete as u64, window));
        }
        current.head.extend(current.offset, bytes);
        current.window.extend(bytes);
        current.offset += bytes.len() as u64;
    }

    /// The end of the last complete record; none before the first one.
    pub fn position(&self) -> Option<Position> {
        match &self.place {
            Place::In(current) => current.position().or_else(|| self.behind.clone()),
            Place::Nowhere(Beginning::Start(Start::At(position))) => Some(position.clone()),
            Place::Nowhere(_) => self.behind.clone(),
        }
    }

    /// What is being read, if anything is.
    pub fn reading(&self) -> Option<Reading> {
        let Place::In(current) = &self.place else { return None };
        Some(Reading { path: current.path.clone(), offset: current.offset })
    }

    /// Bytes of the stream that are not read yet, compressed where they are. The newest file grows while it waits for those
    /// before it: its name tells how long it is now.
    pub fn behind<F: Files<Open = O>>(&self, files: &mut F) -> u64 {
        let mut from = |first: Option<usize>| -> u64 {
            let rest = first.map_or(&[][..], |first| &self.slots[first..]);
            let Some((newest, rest)) = rest.split_last() else { return 0 };
            let newest = newest.file();
            let named = files.named(&newest.path).filter(|named| named.id == newest.id);
            let newest = named.map_or(newest.size, |named| named.size);
            rest.iter().map(|slot| slot.file().size).sum::<u64>() + newest
        };
        match &self.place {
            Place::In(current) => {
                let place = self.place_of(current.id);
                let size = place.map_or(0, |place| self.slots[place].file().size).max(current.size);
                let rest = if current.packed { 0 } else { size.saturating_sub(current.offset) };
                rest + from(place.map(|place| place + 1))
            }
            // Its last line is looked for.
            Place::Nowhere(Beginning::Start(Start::Newest)) => 0,
            Place::Nowhere(Beginning::Start(Start::At(position))) => {
                let own = position.id.and_then(|id| self.place_of(id));
                let first =
                    own.or_else(|| self.slots.iter().position(|slot| slot.file().path == position.path));
                match first {
                    Some(first) => from(Some(first)).saturating_sub(position.offset),
                    None => from(Some(0)),
                }
            }
            Place::Nowhere(Beginning::Start(Start::Oldest)) => from(self.first_after(None)),
            Place::Nowhere(Beginning::Since(since)) => from(self.first_after(*since)),
        }
    }

    /// Whether a file is open.
    pub fn is_open(&self) -> bool {
        matches!(&self.place, Place::In(Current { open: Some(_), .. }))
    }

    /// Closes the file until it is needed again.
    pub fn close(&mut self) {
        if let Place::In(current) = &mut self.place {
            current.open = None;
        }
    }

    /// How well the file would be gone on with if it was closed.
    pub fn closing(&self) -> Closing {
        match &self.place {
            Place::In(current) if current.packed => Closing::Dear,
            Place::In(current) if current.offset > 0 && current.offset < search::PROOF => Closing::Unsure,
            _ => Closing::Sure,
        }
    }

    /// The path that is read.
    pub fn path(&self) -> Option<&Path> {
        match &self.place {
            Place::In(current) => Some(&current.path),
            Place::Nowhere(_) => None,
        }
    }

    fn place_of(&self, id: FileId) -> Option<usize> {
        self.slots.iter().position(|slot| slot.has(id))
    }

    /// Whether it has not been said yet that the file may not be read.
    fn is_news(&mut self, id: FileId, why: &str, passed: bool) -> bool {
        let before = self.refused.insert(id, Refusal { why: why.to_owned(), passed });
        before.is_none_or(|before| before.passed != passed)
    }

    /// The files of the stream that were passed over, oldest first, and why.
    pub fn passed_over(&self) -> impl Iterator<Item = (&Path, &str)> {
        self.slots.iter().flat_map(|slot| &slot.files).filter_map(|file| {
            let refusal = self.refused.get(&file.id).filter(|refusal| refusal.passed)?;
            Some((&*file.path, &*refusal.why))
        })
    }

    /// Asks for another listing.
    fn relist(&mut self) -> Turn {
        self.needs = self.listing + 1;
        Turn::Relist
    }

    fn begin<F: Files<Open = O>>(&mut self, files: &mut F, beginning: Beginning) -> Turn {
        match beginning {
            Beginning::Start(Start::At(position)) => match self.search(files, &position, None) {
                Search::Found(current) => self.began(current),
                Search::Not(turn) => turn,
                Search::Nowhere => {
                    self.place = Place::Nowhere(Beginning::Since(position.modified));
                    Turn::Happened(Happened::Vanished { path: position.path })
                }
            },
            Beginning::Start(Start::Newest) => {
                let Some(newest) = self.slots.iter().rposition(|slot| !slot.file().stale) else {
                    return Turn::Rest;
                };
                match self.enter(files, newest) {
                    Ok(current) => match at_last_line(files, current) {
                        Ok(current) => self.began(current),
                        Err(_) => Turn::Rest,
                    },
                    Err(turn) => turn,
                }
            }
            Beginning::Start(Start::Oldest) => self.begin_after(files, None),
            Beginning::Since(since) => self.begin_after(files, since),
        }
    }

    /// The first file that is begun; `since` is when those before it were last written to.
    fn first_after(&self, since: Option<Stamp>) -> Option<usize> {
        let fits = |slot: &Slot| !slot.file().stale && since.is_none_or(|since| slot.modified() > since);
        self.slots.iter().position(fits)
    }

    fn begin_after<F: Files<Open = O>>(&mut self, files: &mut F, since: Option<Stamp>) -> Turn {
        let Some(first) = self.first_after(since) else { return Turn::Rest };
        match self.enter(files, first) {
            Ok(current) => self.began(current),
            Err(turn) => turn,
        }
    }

    fn began(&mut self, current: Current<O>) -> Turn {
        let (path, offset) = (current.path.clone(), current.offset);
        self.place = Place::In(current);
        self.place_current();
        Turn::Happened(Happened::Began { path, offset })
    }

    /// Opens the first file from slot `from` on that may be read, at its beginning. One that may not be is passed over
    /// if there is a newer one.
    fn enter<F: Files<Open = O>>(&mut self, files: &mut F, from: usize) -> Result<Current<O>, Turn> {
        // In an old listing a name and an inode may both have gone over to a later file.
        if self.now < self.listed_at || self.now.since(self.listed_at) > self.settings.fresh {
            return Err(self.relist());
        }
        for place in from..self.slots.len() {
            let file = self.slots[place].file().clone();
            let why = match files.open(&file) {
                Ok(open) => match files.look(&open) {
                    Ok(look) if look.id == file.id => {
                        return Ok(Current::new(open, file.path, look, self.listing));
                    }
                    Ok(_) => return Err(self.relist()),
                    Err(error) => error.to_string(),
                },
                Err(OpenError::Gone) => return Err(self.relist()),
                Err(OpenError::Full) => return Err(Turn::Full),
                Err(OpenError::Refused(why)) => why,
            };
            let passed = (place + 1 < self.slots.len()).then_some(file.size);
            if self.is_news(file.id, &why, passed.is_some()) {
                return Err(Turn::Happened(Happened::Refused { path: file.path, why, passed }));
            }
        }
        Err(Turn::Rest)
    }

    /// Opens again what was closed to make room.
    fn reopen<F: Files<Open = O>>(&mut self, files: &mut F, into: &mut [u8], now: Stamp) -> Turn {
        let Place::In(current) = &self.place else { return Turn::Rest };
        // Opening all that are many, to find nothing, would keep those out that have something.
        if self.place_of(current.id).is_some_and(|place| place + 1 == self.slots.len())
            && current.rests(files)
        {
            return Turn::Rest;
        }
        let position = current.here();
        if position.offset == 0 {
            // Nothing tells it from others: whatever is first now of what was not before it.
            let Some(next) = self.after_unlisted() else { return Turn::Rest };
            return match self.enter(files, next) {
                Ok(entered) => {
                    self.go_to(entered);
                    self.read_on(files, into, now)
                }
                Err(turn) => turn,
            };
        }
        match self.search(files, &position, None) {
            Search::Found(found) => {
                if let Place::In(current) = &mut self.place {
                    current.continue_in(found);
                }
                self.place_current();
                self.missed = None;
                self.read_on(files, into, now)
            }
            Search::Not(turn) => turn,
            Search::Nowhere => self.lost(files, None),
        }
    }

    fn read_on<F: Files<Open = O>>(&mut self, files: &mut F, into: &mut [u8], now: Stamp) -> Turn {
        let Place::In(current) = &mut self.place else { return Turn::Rest };
        let Some(open) = &mut current.open else { return Turn::Rest };
        let read = match files.read(open, current.offset, into) {
            Ok(read) => read,
            Err(error) => return self.broken(files, &error),
        };
        // After the read, not before: what is still there now was there then.
        let look = match files.look(open) {
            Ok(look) => look,
            Err(error) => return self.broken(files, &error),
        };
        if read > 0 {
            return match current.is_unchanged(files) {
                Ok(true) => {
                    current.quiet = None;
                    current.known = look.size;
                    self.missed = None;
                    Turn::Read(read)
                }
                Ok(false) => self.truncated(files),
                Err(error) => self.broken(files, &error),
            };
        }
        let changed = (look.size, look.modified) != (current.size, current.modified);
        if !current.packed && look.size < current.offset {
            return self.truncated(files);
        }
        if changed && !current.packed {
            match current.is_unchanged(files) {
                Ok(true) => {}
                Ok(false) => return self.truncated(files),
                Err(error) => return self.broken(files, &error),
            }
        }
        (current.size, current.modified, current.known) = (look.size, look.modified, look.size);
        current.cut = look.cut;
        if changed || current.quiet.is_none() {
            current.quiet = Some(now);
        }
        self.at_end(files, now)
    }
}

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
