//! One stream: its place in its files, its intake, and what of it is committed.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use super::counts::Counts;
use super::files::DiskFiles;
use super::journals;
use super::packed::LogFile;
use crate::flow::Token;
use crate::lock::locked;
use crate::plugin::{Intake, Io, Note, StreamStatus};
use crate::tail::{Closing, Follower, Happened, Order, Position, Receipt, Receipts, Settings, Start, Turn};
use crate::time::Stamp;

impl Token for Receipt {
    fn failed(&self) {
        self.fail();
    }
}

/// See the module.
pub(super) struct Stream {
    pub(super) name: String,
    follower: Follower<LogFile>,
    intake: Box<dyn Intake>,
    pub(super) keeper: Arc<Keeper>,
    /// The receipt of what is read now.
    open: Option<Open>,
    /// Bytes that were read.
    read: u64,
    /// What keeps it from being read.
    pub(super) trouble: String,
    /// Whether there may be something to read.
    pub(super) ready: bool,
    /// Whether its files have no order.
    unordered: bool,
    /// Whether its position may have changed without a receipt.
    moved: bool,
    /// Since when it has had no files.
    gone: Option<Stamp>,
    /// How often it asked for a listing since it was last read.
    pub(super) relists: u32,
}

struct Open {
    receipt: Arc<Receipt>,
    token: Arc<dyn Token>,
}

/// What a turn came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Came {
    /// There is more.
    More,
    /// Nothing is to be done before something changes.
    Rest,
    /// It has to be listed anew.
    Relist,
    /// A file has to be closed elsewhere.
    Full,
}

/// What of a stream is delivered; outlives the stream, since receipts come back later.
pub(super) struct Keeper {
    path: PathBuf,
    kept: Mutex<Kept>,
}

struct Kept {
    receipts: Receipts<(Position, u64)>,
    /// What the journal says.
    written: Option<Position>,
    /// What it should say, if that could not be written.
    unwritten: Option<Position>,
    /// Bytes that were read and need not be read again.
    committed: u64,
    /// Whether it has been said that the journal cannot be written.
    complained: bool,
}

impl Stream {
    pub(super) fn new(
        name: String,
        start: Start,
        settings: Settings,
        intake: Box<dyn Intake>,
        journal: PathBuf,
    ) -> Stream {
        let written = match &start {
            Start::At(position) => Some(position.clone()),
            Start::Oldest | Start::Newest => None,
        };
        let kept =
            Kept { receipts: Receipts::default(), written, unwritten: None, committed: 0, complained: false };
        Stream {
            name,
            follower: Follower::new(start, settings),
            intake,
            keeper: Arc::new(Keeper { path: journal, kept: Mutex::new(kept) }),
            open: None,
            read: 0,
            trouble: String::new(),
            ready: true,
            unordered: false,
            moved: true,
            gone: None,
            relists: 0,
        }
    }

    /// Takes its files. What cannot be put in order is said, and not read.
    pub(super) fn listed(&mut self, order: Order, now: Stamp, io: &Io) {
        self.gone = None;
        match order {
            Order::Known(slots) => {
                if std::mem::take(&mut self.unordered) {
                    self.trouble.clear();
                }
                self.follower.listed(slots, now);
                self.ready = true;
            }
            Order::Unknown(paths) => {
                let names: Vec<String> =
                    paths.iter().take(3).map(|path| path.display().to_string()).collect();
                let more = if paths.len() > 3 { ", ..." } else { "" };
                self.trouble = format!(
                    "{} files and no `priority` to put them in order ({}{more}); name a group of file_match there",
                    paths.len(),
                    names.join(", ")
                );
                if !std::mem::replace(&mut self.unordered, true) {
                    io.notes
                        .note(Note::Advice(format!("stream {} is not read: {}", self.name, self.trouble)));
                }
            }
        }
    }

    /// Takes note that it has no files any more. What is open is read to its end.
    pub(super) fn unlisted(&mut self, now: Stamp) {
        self.gone.get_or_insert(now);
        self.follower.listed(Vec::new(), now);
        self.ready = true;
    }

    /// Whether it has had no files for long, and nobody owes anything of it: what it holds open is let go.
    pub(super) fn is_over(&self, now: Stamp) -> bool {
        let is_long = self.gone.is_some_and(|gone| now.since(gone) > GONE);
        is_long && !self.ready && self.open.is_none() && self.keeper.lock().receipts.is_empty()
    }

    /// Reads for a while.
    pub(super) fn turn(
        &mut self,
        files: &mut DiskFiles,
        buffer: &mut [u8],
        counts: &Counts,
        io: &Io,
    ) -> Came {
        if self.unordered {
            return Came::Rest;
        }
        let mut budget = BUDGET;
        while !io.stop.is_set() {
            match self.follower.step(files, buffer, io.clock.now()) {
                Turn::Read(read) => {
                    self.relists = 0;
                    counts.bytes.add(read as u64);
                    self.take(&buffer[..read], counts, io);
                    budget = budget.saturating_sub(read);
                    if budget == 0 {
                        return Came::More;
                    }
                }
                Turn::Happened(happened) => {
                    self.happened(happened, counts, io);
                    budget = budget.saturating_sub(EVENT);
                    if budget == 0 {
                        return Came::More;
                    }
                }
                Turn::Relist => return Came::Relist,
                Turn::Rest => return Came::Rest,
                Turn::Full => return Came::Full,
            }
        }
        Came::Rest
    }

    /// Brings what was read to the splitter, in pieces that end where a line does if they can, so that little is held
    /// between two of them. A piece is small beside what a pack may hold.
    fn take(&mut self, bytes: &[u8], counts: &Counts, io: &Io) {
        let mut rest = bytes;
        self.trouble.clear();
        while !rest.is_empty() {
            let pending = self.intake.pending();
            // A writer that goes on at its old place in a truncated file leaves a hole before it.
            if pending == 0 && rest[0] == 0 {
                let nuls = rest.iter().position(|&byte| byte != 0).unwrap_or(rest.len());
                self.follower.pushed(&rest[..nuls], 0);
                counts.nuls.add(nuls as u64);
                rest = &rest[nuls..];
                continue;
            }
            let piece = &rest[..rest.len().min(PIECE)];
            let end = match pending {
                0 => memchr::memrchr(b'\n', piece),
                _ => memchr::memchr(b'\n', piece),
            };
            let piece = end.map_or(piece, |end| &piece[..=end]);
            let token = self.owed();
            let ready = self.intake.push(piece, Some(&token));
            self.follower.pushed(piece, self.intake.pending());
            self.read += piece.len() as u64;
            rest = &rest[piece.len()..];
            if !ready {
                self.intake.wait(&io.stop);
                if io.stop.is_set() {
                    return;
                }
            }
        }
    }

    fn happened(&mut self, happened: Happened, counts: &Counts, io: &Io) {
        self.moved = true;
        if !matches!(happened, Happened::Refused { .. }) {
            self.trouble.clear();
        }
        let name = self.name.clone();
        let advise = |text: String| io.notes.note(Note::Advice(format!("stream {name}: {text}")));
        match happened {
            Happened::Began { path, offset } => {
                let text = format!("stream {name} begins at byte {offset} of {}", path.display());
                io.notes.note(Note::Listening(text));
            }
            Happened::Rotated { .. } => counts.rotations.add(1),
            Happened::Found { truncated: false, .. } => {}
            Happened::Found { truncated: true, .. } => counts.truncations.add(1),
            Happened::Truncated { path, gap } => {
                counts.truncations.add(1);
                counts.gap.add(gap);
                self.end(io);
                if gap > 0 {
                    advise(format!(
                        "{} was truncated before it was read to its end, and its copy is not among the files of the stream: {gap} bytes are lost",
                        path.display()
                    ));
                }
            }
            Happened::Vanished { path } => {
                counts.vanished.add(1);
                self.end(io);
                advise(format!(
                    "{} is gone, and what was not read of it; going on with the next file",
                    path.display()
                ));
            }
            Happened::Refused { path, why, passed } => {
                counts.unreadable.add(1);
                counts.gap.add(passed.unwrap_or(0));
                if passed.is_some() {
                    self.end(io);
                }
                let then = match passed {
                    Some(0) => format!("the rest of it is passed over for good; {BY_HAND}"),
                    Some(bytes) => format!("it is passed over for good with its {bytes} bytes; {BY_HAND}"),
                    None => "it is tried again until it can be read".to_owned(),
                };
                let trouble = format!("{} cannot be read: {why}", path.display());
                advise(format!("{trouble}; {then}"));
                self.trouble = trouble;
            }
        }
    }

    /// What would complete the last record will not come.
    pub(super) fn end(&mut self, io: &Io) {
        let token = (self.intake.pending() > 0).then(|| self.owed());
        if !self.intake.end(token.as_ref()) {
            self.intake.wait(&io.stop);
        }
    }

    /// Who is owed for what is read now.
    fn owed(&mut self) -> Arc<dyn Token> {
        let open = self.open.get_or_insert_with(|| {
            let receipt = Arc::<Receipt>::default();
            let token = Arc::clone(&receipt) as Arc<dyn Token>;
            Open { receipt, token }
        });
        Arc::clone(&open.token)
    }

    /// Sends on what was decoded, of all streams.
    pub(super) fn flush(&mut self, io: &Io) {
        if !self.intake.flush() {
            self.intake.wait(&io.stop);
        }
    }

    /// Ends the receipt of what was read so far.
    pub(super) fn close_receipt(&mut self) {
        if self.open.is_none() && !self.moved {
            return;
        }
        let Some(position) = self.follower.position() else { return };
        self.moved = false;
        if let Some(Open { receipt, token }) = self.open.take() {
            drop(token);
            self.keeper.lock().receipts.give(receipt, (position, self.read));
        } else {
            // While receipts are out, the last of them will say as much.
            self.moved = !self.keeper.reached(position);
        }
    }

    /// Bytes that were read and would be read again after a kill.
    pub(super) fn uncommitted(&self) -> u64 {
        self.read.saturating_sub(self.keeper.lock().committed)
    }

    pub(super) fn is_open(&self) -> bool {
        self.follower.is_open()
    }

    pub(super) fn closing(&self) -> Closing {
        self.follower.closing()
    }

    pub(super) fn close(&mut self) {
        self.follower.close();
    }

    /// The file that is read.
    pub(super) fn path(&self) -> Option<&std::path::Path> {
        self.follower.path()
    }

    pub(super) fn status(&self, files: &mut DiskFiles) -> StreamStatus {
        let reading = self.follower.reading();
        StreamStatus {
            stream: self.name.clone(),
            path: reading.as_ref().map_or_else(String::new, |reading| reading.path.display().to_string()),
            offset: reading.as_ref().map_or(0, |reading| reading.offset),
            behind: self.follower.behind(files),
            trouble: if self.trouble.is_empty() { self.passed_over() } else { self.trouble.clone() },
        }
    }

    /// Which files of it were passed over; empty if none was. An operator has as long to see it as they are there.
    fn passed_over(&self) -> String {
        let mut passed = self.follower.passed_over();
        let Some((path, why)) = passed.next() else { return String::new() };
        let others = match passed.count() {
            0 => String::new(),
            others => format!(", and so were {others} more"),
        };
        format!("{} was passed over: {why}; {BY_HAND}{others}", path.display())
    }
}

impl Keeper {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        locked(&self.kept)
    }

    /// Nothing was read since the last receipt: a position that is reached without a record is one as well.
    ///
    /// Whether that could be said.
    fn reached(&self, position: Position) -> bool {
        let mut kept = self.lock();
        let is_new = kept.written.as_ref().is_none_or(|written| {
            (written.offset, written.id) != (position.offset, position.id) || written.path != position.path
        });
        if kept.receipts.is_empty() && is_new {
            kept.unwritten = Some(position);
        }
        kept.receipts.is_empty()
    }

    /// Takes what its journal should say, if that is news.
    fn due(&self, until: Until) -> Option<Position> {
        let mut kept = self.lock();
        let settled = match until {
            Until::Now(now) => kept.receipts.settled(now),
            Until::Stop => kept.receipts.settled_at_stop(),
        };
        if let Some((position, read)) = settled {
            kept.committed = read;
            kept.unwritten = Some(position);
        }
        kept.unwritten.take()
    }

    /// Takes note that it says so, or why not. What an operator should know, once.
    fn written(&self, position: Position, written: std::io::Result<()>) -> Result<(), Option<String>> {
        let mut kept = self.lock();
        match written {
            Ok(()) => {
                kept.written = Some(position);
                kept.complained = false;
                Ok(())
            }
            Err(error) => {
                kept.unwritten = Some(position);
                let news = !std::mem::replace(&mut kept.complained, true);
                let text = format!(
                    "the journal {} cannot be written: {error}; after a stop or a kill, lines since its last writing are read again",
                    self.path.display()
                );
                Err(news.then_some(text))
            }
        }
    }
}

/// Which positions are settled.
#[derive(Debug, Clone, Copy)]
pub(super) enum Until {
    /// Those that are at a time.
    Now(Stamp),
    /// Those that are when the daemon has stopped.
    Stop,
}

/// Writes the journals of which there is news. `failed` is told of each that cannot be written, and once what an
/// operator should know of it.
pub(super) fn commit<'a>(
    keepers: impl Iterator<Item = &'a Arc<Keeper>>,
    until: Until,
    mut failed: impl FnMut(Option<String>),
) {
    let due: Vec<(&Keeper, Position)> =
        keepers.filter_map(|keeper| Some((&**keeper, keeper.due(until)?))).collect();
    let journals: Vec<_> = due.iter().map(|(keeper, position)| (keeper.path.as_path(), position)).collect();
    let written = journals::write(&journals);
    for ((keeper, position), written) in due.into_iter().zip(written) {
        if let Err(news) = keeper.written(position, written) {
            failed(news);
        }
    }
}

/// Bytes that one stream reads before another one has its turn.
const BUDGET: usize = 4 << 20;

/// What something that happened counts for in bytes.
const EVENT: usize = 64 << 10;

/// How long a stream is kept that has no files: a program may begin its log anew only when it has something to say.
const GONE: Duration = Duration::from_secs(600);

/// What to do about a file that was passed over.
const BY_HAND: &str =
    "once it can be read, a LogstreamerInput of its own whose file_match is that file reads it";

/// Bytes that go to the splitter at once.
const PIECE: usize = 32 << 10;
