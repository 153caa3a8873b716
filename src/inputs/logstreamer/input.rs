//! The thread: lists, reads every stream in turn, commits, and waits.

use std::collections::{BTreeMap, HashSet};
use std::io::ErrorKind;
use std::ops::Bound::{Excluded, Included, Unbounded};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::counts::Counts;
use super::files::DiskFiles;
use super::journals::Journals;
use super::scan::{Scan, Scanner};
use super::stream::{Came, Stream, Until, commit};
use super::watch::{Changes, Watch};
use super::{Config, TYPE};
use crate::message::Text;
use crate::plugin::{
    AfterStop, BuildContext, BuildError, Fault, Input, Io, LocalFuture, Note, Notes, StreamBase, Streams,
};
use crate::tail::{Closing, Settings, Start};
use crate::time::Stamp;

/// See the module.
pub(super) struct Logstreamer {
    config: Config,
    name: Arc<str>,
    scanner: Scanner,
    journals: Journals,
    counts: Arc<Counts>,
    after_stop: Arc<AfterStop>,
    told: Arc<Streams>,
}

/// What a run has at hand.
struct Run<'a> {
    input: &'a Logstreamer,
    io: &'a Io,
    files: DiskFiles,
    watch: Watch,
    streams: BTreeMap<String, Stream>,
    /// The stream whose turn is first.
    first: String,
    /// When the next things are due.
    scan_at: Stamp,
    commit_at: Stamp,
    /// How long after the last time that was set to be.
    commit_every: Duration,
    tell_at: Stamp,
    /// Whether there was a listing, and what was said of it.
    listed: bool,
    said: HashSet<PathBuf>,
    missing: bool,
    /// Whether it has been said that no file matches.
    nothing: bool,
}

impl Logstreamer {
    pub(super) fn new(config: &Config, context: &BuildContext) -> Result<Logstreamer, BuildError> {
        let journals = Journals::new(&context.base_dir, &config.journal_directory, &context.name);
        Ok(Logstreamer {
            config: config.clone(),
            name: Arc::clone(&context.name),
            scanner: scanner(config, &context.name)?,
            journals,
            counts: Arc::new(Counts::new(context.own(), &context.name)),
            after_stop: context.shared.the::<AfterStop>(),
            told: context.shared.the::<Streams>(),
        })
    }

    fn serve(&mut self, io: &Io) -> Result<(), Fault> {
        let journals = self.journals.directory().display();
        let moved = self.journals.create().map_err(|error| {
            Fault::caused(format!("the directory of journals, {journals}, cannot be made"), error)
        })?;
        if let Some(moved) = moved {
            let moved = moved.display();
            io.notes.note(Note::Listening(format!(
                "the journal of Heka {journals} is now {moved}, and is gone on with: the directory of journals takes its place"
            )));
        }
        let directory = self.config.log_directory.display();
        io.notes.note(Note::Listening(format!("following files below {directory}")));
        let mut run = Run {
            input: self,
            io,
            files: DiskFiles::new(
                PathBuf::new(),
                self.config.follow_links.0.clone(),
                self.config.max_open_files,
            ),
            watch: Watch::new(),
            streams: BTreeMap::new(),
            first: String::new(),
            scan_at: Stamp(i64::MIN),
            commit_at: Stamp(i64::MIN),
            commit_every: Duration::ZERO,
            tell_at: Stamp(i64::MIN),
            listed: false,
            said: HashSet::new(),
            missing: false,
            nothing: false,
        };
        let ended = run.follow();
        if io.stop.is_set() {
            run.finish();
        }
        ended
    }
}

/// What finds the files of a section.
pub(super) fn scanner(config: &Config, section: &str) -> Result<Scanner, BuildError> {
    let rules = config.rules(section).map_err(|errors| {
        let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
        BuildError::new(errors.join("; "))
    })?;
    Ok(Scanner {
        directory: config.log_directory.clone(),
        roots: config.follow_links.0.clone(),
        rules,
        oldest: config.oldest_duration.0,
    })
}

impl Input for Logstreamer {
    fn run<'a>(&'a mut self, io: &'a Io) -> LocalFuture<'a, Result<(), Fault>> {
        Box::pin(async move { self.serve(io) })
    }
}

impl Run<'_> {
    fn follow(&mut self) -> Result<(), Fault> {
        let mut buffer = vec![0; BLOCK];
        let mut looked_at = Stamp(i64::MIN);
        while !self.io.stop.is_set() {
            let now = self.now();
            if now >= self.scan_at || self.scan_at.since(now) > self.input.config.rescan_interval.0 {
                self.scan(now)?;
            }
            // Polling decides: whoever has not been woken is looked at all the same.
            let check = self.input.config.check_data_interval.0;
            if now.since(looked_at) >= check || now < looked_at {
                self.streams.values_mut().for_each(|stream| stream.ready = true);
                looked_at = now;
            }
            let worked = self.read(&mut buffer);
            self.commit();
            self.tell();
            if !worked && !self.io.stop.is_set() {
                self.rest(looked_at);
            }
        }
        Ok(())
    }

    fn now(&self) -> Stamp {
        self.io.clock.now()
    }

    /// Gives every stream that is ready its turn; whether one of them has more.
    fn read(&mut self, buffer: &mut [u8]) -> bool {
        let (mut more, mut relist, mut full) = (false, None::<u32>, None);
        let Run { input, io, files, streams, first, .. } = self;
        let first = std::mem::take(first);
        let mut give = |name: &String, stream: &mut Stream| {
            if !stream.ready {
                return;
            }
            files.turn_of(stream.is_open());
            let came = stream.turn(files, buffer, &input.counts, io);
            stream.ready = came == Came::More || came == Came::Full;
            more |= came == Came::More;
            if came == Came::Relist {
                relist = Some(relist.map_or(stream.relists, |others| others.min(stream.relists)));
                stream.relists += 1;
            }
            if came == Came::Full && full.is_none() {
                full = Some(name.clone());
            }
        };
        let (from, before) = ((Included(&*first), Unbounded), (Unbounded, Excluded(&*first)));
        streams.range_mut::<str, _>(from).for_each(|(name, stream)| give(name, stream));
        streams.range_mut::<str, _>(before).for_each(|(name, stream)| give(name, stream));
        if let Some(full) = full {
            // Whoever found no room is the first to find some.
            self.first = full;
            more |= self.make_room();
        }
        if let Some(relists) = relist {
            // What one listing does not show the next one will; what several do not may never be shown.
            let soon = self.now().plus(SOON * (1 << relists.min(6)));
            self.scan_at = self.scan_at.min(soon);
        }
        more
    }

    /// Closes files for the stream that is the first to find none: those that were read to their end, and where there are
    /// none, those that are being read and had their turn. Whether there were any.
    fn make_room(&mut self) -> bool {
        // Enough for some turns: those that wait are many.
        let most = (self.input.config.max_open_files as usize / 4).max(1);
        let kinds: [fn(&Stream) -> bool; 4] = [
            |stream| !stream.ready && stream.closing() == Closing::Sure,
            |stream| !stream.ready && stream.closing() == Closing::Dear,
            |stream| !stream.ready && stream.closing() == Closing::Unsure,
            // What is compressed ends, and would be begun anew.
            |stream| stream.ready && stream.closing() != Closing::Dear,
        ];
        kinds.iter().any(|fits| self.close(most, fits) > 0)
    }

    /// Closes files of streams that fit, as many as `most`, those first whose turn was longest ago; how many.
    fn close(&mut self, most: usize, fits: impl Fn(&Stream) -> bool) -> usize {
        let (mut closed, first) = (0, &*self.first);
        let mut give = |stream: &mut Stream| {
            if closed < most && stream.is_open() && fits(stream) {
                stream.close();
                closed += 1;
            }
        };
        let (from, before) = ((Excluded(first), Unbounded), (Unbounded, Excluded(first)));
        self.streams.range_mut::<str, _>(from).for_each(|(_, stream)| give(stream));
        self.streams.range_mut::<str, _>(before).for_each(|(_, stream)| give(stream));
        closed
    }

    /// Looks the directory through. While names move nothing is taken from it.
    fn scan(&mut self, now: Stamp) -> Result<(), Fault> {
        let scanned = self.input.scanner.settled(now);
        let took = self.now().since(now);
        let every = self.input.config.rescan_interval.0;
        match scanned {
            Ok(scan) => {
                // A large directory is not to be looked through all the time.
                self.scan_at = self.now().plus(every.max(took * 5));
                self.missing = false;
                self.take(scan)?;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {
                self.scan_at = self.now().plus(SOON.max(took * 5));
            }
            Err(error) => {
                self.scan_at = self.now().plus(every.min(MISSING));
                if !std::mem::replace(&mut self.missing, true) {
                    let directory = self.input.config.log_directory.display();
                    self.advise(format!("{directory} cannot be read: {error}; it is looked for again"));
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, scan: Scan) -> Result<(), Fault> {
        self.say(&scan);
        self.files.root = scan.root;
        if let Some(advice) = self.watch.directories(&scan.directories) {
            self.advise(advice);
        }
        let now = self.now();
        for (name, stream) in &mut self.streams {
            if !scan.streams.contains_key(name) {
                stream.unlisted(now);
            }
        }
        self.streams.retain(|_, stream| {
            let is_over = stream.is_over(now);
            if is_over {
                stream.end(self.io);
            }
            !is_over
        });
        for (name, order) in scan.streams {
            if !self.streams.contains_key(&name) {
                let stream = self.begin(&name)?;
                self.streams.insert(name.clone(), stream);
            }
            if let Some(stream) = self.streams.get_mut(&name) {
                stream.listed(order, now, self.io);
            }
        }
        self.listed = true;
        Ok(())
    }

    /// A stream that was not there before.
    fn begin(&self, name: &str) -> Result<Stream, Fault> {
        let input = self.input;
        let start = match input.journals.position(name) {
            Ok(Some(position)) => Start::At(position),
            Ok(None) if input.config.initial_tail && !self.listed => Start::Newest,
            Ok(None) => Start::Oldest,
            Err(unusable) => {
                input.counts.journal_errors.add(1);
                self.advise(format!("{unusable}; the stream begins at its oldest file"));
                input.journals.set_aside(&unusable);
                Start::Oldest
            }
        };
        let base = StreamBase {
            type_: Text::new_static(TYPE),
            logger: Text::new(name),
            hostname: input.config.hostname.as_deref().map(Text::new),
        };
        let intake = self.io.intakes.open_stream(base).map_err(|error| Fault::new(error.message))?;
        let settings = Settings { rotate_wait: input.config.rotate_wait.0, fresh: FRESH };
        Ok(Stream::new(name.to_owned(), start, settings, intake, input.journals.path(name)))
    }

    /// Says what is wrong with names and directories, once for each.
    fn say(&mut self, scan: &Scan) {
        for (path, trouble) in &scan.trouble {
            if self.said.len() < MOST_SAID && self.said.insert(path.clone()) {
                self.advise(trouble.told(path));
            }
        }
        match scan.nothing() {
            Some(nothing) if !std::mem::replace(&mut self.nothing, true) => {
                self.advise(format!("{nothing}; it is looked for again"));
            }
            Some(_) => {}
            None => self.nothing = false,
        }
        if scan.cut && self.said.insert(PathBuf::new()) {
            self.advise("there are more files than are followed; make file_match narrower".to_owned());
        }
    }

    fn advise(&self, text: String) {
        self.io.notes.note(Note::Advice(text));
    }

    fn commit(&mut self) {
        let now = self.now();
        // Twice an interval: what a receipt covers is read in one half and delivered in the other.
        let every = self.input.config.commit_interval.0 / 2;
        if now < self.commit_at && self.commit_at.since(now) <= every.max(self.commit_every) {
            return;
        }
        self.streams.values_mut().for_each(Stream::close_receipt);
        commit(self.streams.values().map(|stream| &stream.keeper), Until::Now(now), |news| {
            not_written(&self.input.counts, &*self.io.notes, news);
        });
        // A disk that is slow, or that has many journals to take, is not to be written to all the time.
        let took = self.now().since(now);
        self.commit_every = every.max(took * 5);
        self.commit_at = self.now().plus(self.commit_every);
    }

    /// Says how the streams are, on the page and in numbers.
    fn tell(&mut self) {
        let now = self.now();
        if now < self.tell_at && self.tell_at.since(now) <= TELL {
            return;
        }
        self.tell_at = now.plus(TELL);
        let Run { input, streams, files, .. } = self;
        let counts = &input.counts;
        let status: Vec<_> = streams.values().map(|stream| stream.status(files)).collect();
        counts.streams.set(status.len() as f64);
        counts.open.set(self.files.open_count() as f64);
        counts.behind.set(status.iter().map(|status| status.behind as f64).sum());
        counts.troubled.set(status.iter().filter(|status| !status.trouble.is_empty()).count() as f64);
        counts.uncommitted.set(self.streams.values().map(|stream| stream.uncommitted() as f64).sum());
        self.input.told.tell(&self.input.name, status);
    }

    /// Sends on what there is and waits until something is to be done.
    fn rest(&mut self, looked_at: Stamp) {
        if let Some(stream) = self.streams.values_mut().next() {
            stream.flush(self.io);
        }
        let now = self.now();
        let due = looked_at.plus(self.input.config.check_data_interval.0);
        let due = due.min(self.scan_at).min(self.commit_at);
        let changes = self.watch.wait(due.since(now).min(LOOK_UP));
        let woken = !changes.written.is_empty() || changes.all || changes.names;
        self.wake(changes);
        if woken {
            // A writer writes line by line; reading each of them on its own would cost more than all together.
            let more = self.watch.wait_out(GATHER);
            self.wake(more);
        }
    }

    fn wake(&mut self, changes: Changes) {
        if changes.names || changes.all {
            let soon = self.now().plus(SOON);
            self.scan_at = self.scan_at.min(soon);
        }
        if changes.written.is_empty() && !changes.all {
            return;
        }
        for stream in self.streams.values_mut() {
            stream.ready |= changes.all || stream.path().is_some_and(|path| changes.written.contains(path));
        }
    }

    /// What was read goes on; what is delivered of it is committed when everything has ended.
    fn finish(&mut self) {
        for stream in self.streams.values_mut() {
            stream.close_receipt();
        }
        if let Some(stream) = self.streams.values_mut().next() {
            stream.flush(self.io);
        }
        let keepers: Vec<_> = self.streams.values().map(|stream| Arc::clone(&stream.keeper)).collect();
        let (notes, counts) = (Arc::clone(&self.io.notes), Arc::clone(&self.input.counts));
        self.input.after_stop.leave(move || {
            commit(keepers.iter(), Until::Stop, |news| {
                not_written(&counts, &*notes, news);
            });
        });
    }
}

/// Bytes that are read at once.
const BLOCK: usize = 256 << 10;

/// How soon after a change the directory is looked through: a rotation is several changes.
const SOON: Duration = Duration::from_millis(20);

/// How old a listing may be by which a file is begun.
const FRESH: Duration = Duration::from_secs(1);

/// How often a directory that is not there is looked for.
const MISSING: Duration = Duration::from_secs(5);

/// Counts a journal that cannot be written, and says why where that is news.
fn not_written(counts: &Counts, notes: &dyn Notes, news: Option<String>) {
    counts.journal_errors.add(1);
    news.into_iter().for_each(|text| notes.note(Note::Advice(text)));
}

/// How long to wait before looking whether to stop.
const LOOK_UP: Duration = Duration::from_millis(100);

/// How long changes are gathered.
const GATHER: Duration = Duration::from_millis(5);

/// How often the state of streams is said.
const TELL: Duration = Duration::from_secs(1);

/// Names of which something is said.
const MOST_SAID: usize = 1000;
