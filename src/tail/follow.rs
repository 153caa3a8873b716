//! Follows one stream through its files: what is read next, and what a rotation was.
//!
//! A stream is its files one after the other, oldest first. A file is left when it is at its end, a newer one is there,
//! and nobody has written to it for a while, since a writer may hold a renamed file open. What a name stands for is
//! never trusted: bytes that were read are compared again with what stands before them, after each read, so that a file
//! that was truncated and has grown past the old position is noticed; and the rest of it is looked for in its copy.

mod search;

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{FileId, Fingerprint, Found, Head, Position, Slot, Window};
use crate::time::Stamp;
use search::{Search, read_whole};

/// The files there are.
pub trait Files {
    /// An open file.
    type Open;

    /// Opens a file that was found.
    ///
    /// # Errors
    /// If it cannot be, and whether that may pass.
    fn open(&mut self, file: &Found) -> Result<Self::Open, OpenError>;

    /// How an open file is now.
    ///
    /// # Errors
    /// What the system says.
    fn look(&mut self, open: &Self::Open) -> io::Result<Look>;

    /// Reads content at `offset`, both uncompressed; 0 at the end, for now.
    ///
    /// # Errors
    /// What the system says; `InvalidData` if it cannot be uncompressed.
    fn read(&mut self, open: &mut Self::Open, offset: u64, into: &mut [u8]) -> io::Result<usize>;

    /// The file that `path` names now, without opening it.
    fn named(&mut self, path: &Path) -> Option<Named>;
}

/// A file as its name shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Named {
    /// Which it is.
    pub id: FileId,
    /// Its bytes, compressed if it is.
    pub size: u64,
    /// When it was last written to.
    pub modified: Stamp,
}

/// An open file as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Which it is.
    pub id: FileId,
    /// Its bytes, compressed if it is.
    pub size: u64,
    /// When it was last written to.
    pub modified: Stamp,
    /// Whether it is compressed.
    pub packed: bool,
    /// Whether its compression ends too early: it is in the making, or was cut.
    pub cut: bool,
}

/// Why a file could not be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpenError {
    /// Its name stands for another file, or for none.
    Gone,
    /// Too many files are open.
    Full,
    /// It may not be read; why, and what to do.
    Refused(String),
}

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

/// What is to be done next.
#[derive(Debug, PartialEq, Eq)]
pub enum Turn {
    /// So many bytes were read: they go to `pushed`, then `step` again.
    Read(usize),
    /// Something happened; `step` again.
    Happened(Happened),
    /// It cannot go on before it is `listed` again.
    Relist,
    /// Nothing is to be done before something changes.
    Rest,
    /// A file has to be closed elsewhere first.
    Full,
}

/// What happened to a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happened {
    /// It begins, at its first file or where a journal says.
    Began {
        /// In which file.
        path: PathBuf,
        /// Where in it.
        offset: u64,
    },
    /// A file is done, the next one begins.
    Rotated {
        /// The one that begins.
        path: PathBuf,
    },
    /// What was being read is now in another file, the same to the byte.
    Found {
        /// Which.
        path: PathBuf,
        /// Whether that was looked for because the file was truncated.
        truncated: bool,
    },
    /// A file was truncated and its rest is nowhere: the records in between are lost. What is held of a record has no
    /// end.
    Truncated {
        /// Which.
        path: PathBuf,
        /// Bytes of it that are known to be lost.
        gap: u64,
    },
    /// The file of the position is nowhere: what was unread in it is lost. What is held of a record has no end.
    Vanished {
        /// Which.
        path: PathBuf,
    },
    /// A file may not be read.
    Refused {
        /// Which.
        path: PathBuf,
        /// Why, and what to do.
        why: String,
        /// Bytes that are passed over with it, 0 if nobody knows how many; none if it is waited for. Where some are, what
        /// is held of a record has no end.
        passed: Option<u64>,
    },
}

/// What is being read of a stream, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// The file.
    pub path: PathBuf,
    /// Bytes of its content that were read.
    pub offset: u64,
}

/// How well a file that was closed would be gone on with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closing {
    /// It is told from all others, and read on where it was.
    Sure,
    /// It is told by its inode and few bytes: one that is removed and made anew in between might be taken for it.
    Unsure,
    /// It is compressed: it would be uncompressed from its beginning again.
    Dear,
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

/// The file that is read.
#[derive(Debug)]
struct Current<O> {
    /// None while it is closed to make room.
    open: Option<O>,
    path: PathBuf,
    id: FileId,
    packed: bool,
    /// Whether it ended too early when it was last seen.
    cut: bool,
    offset: u64,
    head: Head,
    window: Window,
    /// The end of the last complete record, and what stands before it; none before the first one of this file.
    mark: Option<(u64, Window)>,
    /// As it was last seen.
    size: u64,
    modified: Stamp,
    /// Its size when what was read of it was last seen to stand there still: after a truncation, the size that is listed
    /// is that of other content.
    known: u64,
    /// Since when it has been at its end like that.
    quiet: Option<Stamp>,
    /// Whether it is the copy of a file that was truncated: nobody writes to it.
    copy: bool,
    /// The files that were before it when it was last listed, as they were then: inodes are used again.
    older: HashSet<(FileId, Stamp)>,
    /// The listing it was chosen from, and the one in which copies of it were looked for.
    listed: u64,
    searched: u64,
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

    /// Bytes of the stream that are not read yet, compressed where they are.
    pub fn behind(&self) -> u64 {
        let from = |first: Option<usize>| -> u64 {
            let rest = first.map_or(&[][..], |first| &self.slots[first..]);
            rest.iter().map(|slot| slot.file().size).sum()
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
                    Ok(current) => match at_end(files, current) {
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

    /// Everything there is of the file was read.
    fn at_end<F: Files<Open = O>>(&mut self, files: &mut F, now: Stamp) -> Turn {
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
    fn unlisted<F: Files<Open = O>>(&mut self, files: &mut F, now: Stamp) -> Turn {
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
    fn leave_when_quiet<F: Files<Open = O>>(&mut self, files: &mut F, next: usize, now: Stamp) -> Turn {
        if !self.may_leave(next, now) {
            return Turn::Rest;
        }
        match self.cut(true) {
            Some(cut) => cut,
            None => self.leave(files, next),
        }
    }

    /// What is to be said of a file that ends too early, if it is one and that is news.
    fn cut(&mut self, passed: bool) -> Option<Turn> {
        let Place::In(current) = &self.place else { return None };
        let (id, path, why) = (current.id, current.path.clone(), CUT.to_owned());
        let is_news = current.cut && self.is_news(id, CUT, passed);
        is_news.then_some(Turn::Happened(Happened::Refused { path, why, passed: passed.then_some(0) }))
    }

    /// Whether nobody has written to the file for a while.
    fn is_quiet(&self, now: Stamp) -> bool {
        let Place::In(current) = &self.place else { return false };
        let wait = self.settings.rotate_wait;
        current.quiet.is_some_and(|since| now.since(since) >= wait) || now.since(current.modified) >= wait
    }

    /// Whether the file may be left for slot `next`: nobody is likely to write to it any more.
    fn may_leave(&self, next: usize, now: Stamp) -> bool {
        let Place::In(current) = &self.place else { return false };
        current.packed && !current.cut || current.copy || self.is_quiet(now) || next + 1 < self.slots.len()
    }

    fn leave<F: Files<Open = O>>(&mut self, files: &mut F, next: usize) -> Turn {
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

    fn continue_in(&mut self, found: Current<O>) -> Turn {
        let path = found.path.clone();
        self.missed = None;
        if let Place::In(current) = &mut self.place {
            current.continue_in(found);
        }
        self.place_current();
        Turn::Happened(Happened::Found { path, truncated: false })
    }

    /// What was read is not there any more: its file was truncated or written anew.
    fn truncated<F: Files<Open = O>>(&mut self, files: &mut F) -> Turn {
        let Place::In(current) = &self.place else { return Turn::Rest };
        let id = current.id;
        self.lost(files, Some(id))
    }

    /// What was read is not where it was. It is looked for in other files than `but`; what cannot be found begins anew.
    fn lost<F: Files<Open = O>>(&mut self, files: &mut F, but: Option<FileId>) -> Turn {
        if !self.miss() {
            return Turn::Relist;
        }
        let Place::In(current) = &self.place else { return Turn::Rest };
        let position = current.here();
        match self.search(files, &position, but) {
            Search::Found(found) => {
                let path = found.path.clone();
                self.continue_in(found);
                if let Place::In(current) = &mut self.place {
                    current.copy = but.is_some();
                }
                return Turn::Happened(Happened::Found { path, truncated: true });
            }
            Search::Not(turn) => {
                self.missed = Some(self.listing);
                return turn;
            }
            Search::Nowhere => {}
        }
        self.begin_anew(files)
    }

    /// What was being read is nowhere: goes on with the first file that was not done before.
    fn begin_anew<F: Files<Open = O>>(&mut self, files: &mut F) -> Turn {
        let Place::In(current) = &self.place else { return Turn::Rest };
        let (id, modified, path) = (current.id, current.modified, current.path.clone());
        let own = self.place_of(id);
        let gap = current.known.saturating_sub(current.offset);
        // A copy that it is not found in was made before the last bytes that were read here.
        let next = self
            .slots
            .iter()
            .position(|slot| slot.has(id) || slot.modified() > modified && !current.is_after(slot));
        match next.map(|next| self.enter(files, next)) {
            Some(Ok(entered)) => self.go_to(entered),
            Some(Err(turn)) => {
                self.missed = Some(self.listing);
                return turn;
            }
            None => {
                self.behind = self.position();
                self.place = Place::Nowhere(Beginning::Since(Some(modified)));
            }
        }
        Turn::Happened(match own {
            Some(_) => Happened::Truncated { path, gap },
            None => Happened::Vanished { path },
        })
    }

    /// Whether a listing later than the first miss of a content has been taken; asks for one if not.
    fn miss(&mut self) -> bool {
        match self.missed {
            Some(listing) if self.listing >= listing => {
                self.missed = None;
                true
            }
            Some(_) => false,
            None => {
                self.missed = Some(self.listing + 1);
                self.needs = self.listing + 1;
                false
            }
        }
    }

    /// A file cannot be read on. It is opened again; one that is damaged is passed over if there is a newer one.
    fn broken<F: Files<Open = O>>(&mut self, files: &mut F, error: &io::Error) -> Turn {
        let Place::In(current) = &mut self.place else { return Turn::Rest };
        // How much content there was is not known once some of it was read.
        let size = if current.offset == 0 { current.size } else { 0 };
        let (id, path) = (current.id, current.path.clone());
        let damaged = error.kind() == io::ErrorKind::InvalidData;
        let next = self.place_of(id).map(|place| place + 1).filter(|&next| next < self.slots.len());
        let passed = next.filter(|_| damaged).map(|_| size);
        if self.is_news(id, &error.to_string(), passed.is_some()) {
            return Turn::Happened(Happened::Refused { path, why: error.to_string(), passed });
        }
        match next {
            Some(next) if damaged => self.leave(files, next),
            _ => {
                self.close();
                Turn::Rest
            }
        }
    }
}

impl<O> Current<O> {
    fn new(open: O, path: PathBuf, look: Look, listing: u64) -> Current<O> {
        Current {
            open: Some(open),
            path,
            id: look.id,
            packed: look.packed,
            cut: false,
            offset: 0,
            head: Head::default(),
            window: Window::default(),
            mark: None,
            size: look.size,
            modified: look.modified,
            known: look.size,
            quiet: None,
            copy: false,
            older: HashSet::new(),
            listed: listing,
            searched: 0,
        }
    }

    /// Whether a slot was before it. A file that was compressed since keeps the time it was written to.
    fn is_after(&self, slot: &Slot) -> bool {
        let was = |file: &Found| self.older.iter().any(|(_, modified)| *modified == file.modified);
        slot.files.iter().any(|file| self.older.contains(&(file.id, file.modified)))
            || slot.files.iter().all(|file| file.is_packed_by_name() && was(file))
    }

    /// Where it has been read to.
    fn here(&self) -> Position {
        self.at(self.offset, &self.window)
    }

    /// The end of its last complete record.
    fn position(&self) -> Option<Position> {
        self.mark.as_ref().map(|(offset, window)| self.at(*offset, window))
    }

    fn at(&self, offset: u64, window: &Window) -> Position {
        Position {
            path: self.path.clone(),
            offset,
            fingerprint: Fingerprint::of(&self.head, window, offset),
            id: Some(self.id),
            modified: Some(self.modified),
        }
    }

    /// The same content goes on in another file.
    fn continue_in(&mut self, found: Current<O>) {
        self.open = found.open;
        (self.path, self.id, self.packed, self.cut) = (found.path, found.id, found.packed, false);
        (self.size, self.modified, self.known) = (found.size, found.modified, found.size);
        (self.quiet, self.listed, self.searched, self.copy) = (None, found.listed, 0, false);
    }

    /// Whether its name shows that nothing has happened since everything was read.
    fn rests<F: Files<Open = O>>(&self, files: &mut F) -> bool {
        let seen = Named { id: self.id, size: self.size, modified: self.modified };
        let was_at_end = self.quiet.is_some() && (self.packed || self.offset == self.size);
        was_at_end && files.named(&self.path) == Some(seen)
    }

    /// Whether what was read still stands in the file.
    fn is_unchanged<F: Files<Open = O>>(&mut self, files: &mut F) -> io::Result<bool> {
        // Nobody writes into the middle of a compressed file, and going back in one is dear.
        if self.packed || self.offset == 0 {
            return Ok(true);
        }
        let Some(open) = &mut self.open else { return Ok(false) };
        let (head, window) = (self.head.bytes(), self.window.bytes());
        let mut buffer = [0; Head::LENGTH];
        let same = |found: Option<&[u8]>, expected: &[u8]| found == Some(expected);
        if !same(read_whole(files, open, 0, &mut buffer[..head.len()])?, head) {
            return Ok(false);
        }
        let from = self.offset - window.len() as u64;
        Ok(same(read_whole(files, open, from, &mut buffer[..window.len()])?, window))
    }
}

/// Moves to the end of the last line of a file that was opened, or to its end if there is no line.
fn at_end<F: Files>(files: &mut F, mut current: Current<F::Open>) -> io::Result<Current<F::Open>> {
    let Some(open) = &mut current.open else { return Ok(current) };
    let mut block = vec![0; 64 << 10];
    let mut end: u64 = if current.packed { 0 } else { current.size.saturating_sub(block.len() as u64) };
    let mut tail = Vec::new();
    loop {
        let read = files.read(open, end, &mut block)?;
        if read == 0 {
            break;
        }
        end += read as u64;
        tail.extend_from_slice(&block[..read]);
        let kept = tail.len().saturating_sub(block.len() + Window::LENGTH);
        tail.drain(..kept);
    }
    let line = tail.iter().rposition(|&byte| byte == b'\n').map_or(tail.len(), |newline| newline + 1);
    current.offset = end - (tail.len() - line) as u64;
    let (head, window) = search::around(files, open, current.offset)?;
    (current.head, current.window) = (head, window);
    current.mark = Some((current.offset, current.window.clone()));
    Ok(current)
}

/// What is wrong with a compressed file that ends too early.
const CUT: &str = "its compression ends too early: it was cut, or is not complete yet";

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
