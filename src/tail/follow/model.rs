//! A file system that is a table, a writer that rotates, and a reader that loses nothing: what the tests try.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use crate::tail::{
    FileId, Files, Follower, Found, Happened, Look, Named, OpenError, Order, Position, Rules, RulesSpec,
    Settings, Start, Turn, order,
};
use crate::time::Stamp;

/// The files of one directory by name. Inodes are used again as soon as nobody holds them.
#[derive(Default)]
pub(super) struct Disk {
    pub(super) names: BTreeMap<String, Rc<Node>>,
    /// All that may still be open.
    nodes: Vec<std::rc::Weak<Node>>,
    pub(super) now: Stamp,
    /// Whether it says when a file was made.
    births: bool,
    /// Names that may not be read.
    pub(super) refused: Vec<String>,
}

#[derive(Debug)]
pub(super) struct Node {
    id: FileId,
    pub(super) content: RefCell<Content>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Content {
    pub(super) bytes: Vec<u8>,
    pub(super) modified: Stamp,
    pub(super) packed: bool,
}

impl Disk {
    pub(super) fn create(&mut self, name: &str, content: Content) -> Rc<Node> {
        self.nodes.retain(|node| node.strong_count() > 0);
        let used: Vec<u64> =
            self.nodes.iter().filter_map(|node| node.upgrade()).map(|node| node.id.inode).collect();
        let inode = (1..).find(|inode| !used.contains(inode)).expect("there are numbers");
        let born = if self.births { self.now.0 } else { 0 };
        let node = Rc::new(Node { id: FileId { device: 1, inode, born }, content: RefCell::new(content) });
        self.nodes.push(Rc::downgrade(&node));
        self.names.insert(name.to_owned(), Rc::clone(&node));
        node
    }

    pub(super) fn append(&mut self, node: &Node, bytes: &[u8]) {
        let mut content = node.content.borrow_mut();
        content.bytes.extend_from_slice(bytes);
        content.modified = self.now;
    }

    pub(super) fn rename(&mut self, from: &str, to: &str) {
        if let Some(node) = self.names.remove(from) {
            self.names.insert(to.to_owned(), node);
        }
    }

    pub(super) fn listed(&self, rules: &Rules) -> Vec<crate::tail::Slot> {
        let found = |(name, node): (&String, &Rc<Node>)| {
            let placed = rules.place(name.as_bytes())?;
            let content = node.content.borrow();
            Some(Found {
                path: name.into(),
                id: node.id,
                size: content.bytes.len() as u64,
                modified: content.modified,
                stale: false,
                keys: placed.keys,
            })
        };
        match order(self.names.iter().filter_map(found).collect(), rules.sorts()) {
            Order::Known(slots) => slots,
            Order::Unknown(paths) => panic!("no order of {paths:?}"),
        }
    }
}

impl Files for Disk {
    type Open = Rc<Node>;

    fn open(&mut self, file: &Found) -> Result<Rc<Node>, OpenError> {
        let name = file.path.to_str().expect("names are text");
        if self.refused.iter().any(|refused| refused == name) {
            return Err(OpenError::Refused("permission denied".to_owned()));
        }
        let node = self.names.get(name).ok_or(OpenError::Gone)?;
        if node.id == file.id { Ok(Rc::clone(node)) } else { Err(OpenError::Gone) }
    }

    fn look(&mut self, open: &Rc<Node>) -> io::Result<Look> {
        let content = open.content.borrow();
        Ok(Look {
            id: open.id,
            size: content.bytes.len() as u64,
            modified: content.modified,
            packed: content.packed,
            cut: false,
        })
    }

    fn read(&mut self, open: &mut Rc<Node>, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let content = open.content.borrow();
        let rest = content.bytes.get(offset as usize..).unwrap_or_default();
        let length = rest.len().min(into.len());
        into[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    }

    fn named(&mut self, path: &Path) -> Option<Named> {
        let node = self.names.get(path.to_str()?)?;
        let content = node.content.borrow();
        Some(Named { id: node.id, size: content.bytes.len() as u64, modified: content.modified })
    }
}

/// A program that logs numbered lines to `app.log` and rotates it.
pub(super) struct World {
    pub(super) disk: Disk,
    pub(super) rules: Rules,
    writer: Rc<Node>,
    pub(super) written: u64,
    /// A line of which only the beginning is written.
    part: Option<Vec<u8>>,
    follower: Follower<Rc<Node>>,
    pending: Vec<u8>,
    pub(super) lines: Vec<String>,
    pub(super) committed: Option<Position>,
    pub(super) happened: VecDeque<Happened>,
}

/// What is done one after the other is told apart by the clock of a file system, whose steps are not longer.
pub(super) const TICK: Duration = Duration::from_millis(5);

pub(super) const WAIT: Duration = Duration::from_secs(5);

impl World {
    pub(super) fn new() -> World {
        World::matching(r"app\.log(\.(?P<Seq>\d+))?(\.gz)?", &["^Seq"])
    }

    /// On a file system that says when a file was made.
    pub(super) fn with_births() -> World {
        let mut world = World::new();
        world.disk.births = true;
        world.disk.names.clear();
        let modified = world.disk.now;
        world.writer = world.disk.create("app.log", Content { modified, ..Content::default() });
        world
    }

    pub(super) fn matching(file_match: &str, priority: &[&str]) -> World {
        let spec = RulesSpec {
            file_match: file_match.to_owned(),
            priority: priority.iter().map(|&name| name.to_owned()).collect(),
            ..RulesSpec::default()
        };
        let rules = Rules::new(&spec, "app").expect("the rules are right");
        let mut disk = Disk { now: Stamp::from_seconds(1000), ..Disk::default() };
        let writer = disk.create("app.log", Content { modified: disk.now, ..Content::default() });
        World {
            disk,
            rules,
            writer,
            written: 0,
            part: None,
            follower: follower(None),
            pending: Vec::new(),
            lines: Vec::new(),
            committed: None,
            happened: VecDeque::new(),
        }
    }

    fn line(number: u64) -> Vec<u8> {
        // Of many lengths, so that places of lines differ between files; none too short to tell its file.
        format!("line {number} {}\n", "x".repeat((40 + number * 37 % 90) as usize)).into_bytes()
    }

    pub(super) fn write(&mut self, lines: u64) {
        for _ in 0..lines {
            let rest = self.part.take().unwrap_or_else(|| World::line(self.written));
            self.disk.append(&self.writer, &rest);
            self.written += 1;
        }
    }

    /// Writes the first bytes of a line, enough to tell its file.
    pub(super) fn write_part(&mut self) {
        if self.part.is_none() {
            let line = World::line(self.written);
            let cut = 32 + self.written as usize % (line.len() - 32);
            self.disk.append(&self.writer, &line[..cut]);
            self.part = Some(line[cut..].to_vec());
        }
    }

    fn shift(&mut self) {
        let numbers: Vec<(u64, String)> = self
            .disk
            .names
            .keys()
            .filter_map(|name| {
                let number = name.strip_prefix("app.log.")?;
                let (number, suffix) = number.split_once('.').unwrap_or((number, ""));
                Some((number.parse().ok()?, suffix.to_owned()))
            })
            .collect();
        let mut numbers = numbers;
        numbers.sort();
        for (number, suffix) in numbers.into_iter().rev() {
            let name = |number: u64| match suffix.as_str() {
                "" => format!("app.log.{number}"),
                suffix => format!("app.log.{number}.{suffix}"),
            };
            self.disk.rename(&name(number), &name(number + 1));
        }
    }

    /// Renames and creates; the writer writes `late` lines more to the renamed file.
    pub(super) fn rotate(&mut self, late: u64) {
        self.shift();
        self.disk.rename("app.log", "app.log.1");
        let modified = self.disk.now;
        let fresh = self.disk.create("app.log", Content { modified, ..Content::default() });
        self.pass(TICK);
        self.write(late);
        self.writer = fresh;
    }

    /// Copies and truncates.
    pub(super) fn copy_truncate(&mut self, keeps_copy: bool) {
        if keeps_copy {
            self.shift();
            let bytes = self.writer.content.borrow().bytes.clone();
            self.disk.create("app.log.1", Content { bytes, modified: self.disk.now, packed: false });
        }
        self.pass(TICK);
        let mut content = self.writer.content.borrow_mut();
        content.bytes.clear();
        content.modified = self.disk.now;
    }

    /// The first half of a compression: both files are there.
    pub(super) fn pack(&mut self, number: u64) {
        let name = format!("app.log.{number}");
        let packed = format!("{name}.gz");
        if let Some(node) = self.disk.names.get(&name).cloned()
            && !self.disk.names.contains_key(&packed)
        {
            let content = Content { packed: true, ..node.content.borrow().clone() };
            self.disk.create(&packed, content);
        }
    }

    /// The second half: the plain files go.
    pub(super) fn drop_packed(&mut self) {
        let packed: Vec<String> = self.disk.names.keys().cloned().collect();
        for name in packed.iter().filter_map(|name| name.strip_suffix(".gz")) {
            self.disk.names.remove(name);
        }
    }

    /// The oldest file goes, unless a line that is not complete may begin in it.
    pub(super) fn drop_oldest(&mut self) {
        let slots = self.disk.listed(&self.rules);
        if slots.len() > 1 && self.part.is_none() {
            for file in &slots[0].files {
                self.disk.names.remove(file.path.to_str().expect("names are text"));
            }
        }
    }

    pub(super) fn pass(&mut self, time: Duration) {
        self.disk.now = self.disk.now.plus(time);
    }

    /// One step of the reader, with a buffer of so many bytes; whether there may be more to do.
    pub(super) fn step(&mut self, buffer: usize) -> bool {
        let mut buffer = vec![0; buffer];
        let now = self.disk.now;
        match self.follower.step(&mut self.disk, &mut buffer, now) {
            Turn::Read(read) => {
                // In two pieces, as a splitter that is handed blocks gets them.
                for piece in [&buffer[..read / 2], &buffer[read / 2..read]] {
                    self.pending.extend_from_slice(piece);
                    let end = self.pending.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
                    let complete: Vec<u8> = self.pending.drain(..end).collect();
                    let text = String::from_utf8(complete).expect("lines are text");
                    self.lines.extend(text.lines().map(str::to_owned));
                    self.follower.pushed(piece, self.pending.len());
                }
                true
            }
            Turn::Happened(happened) => {
                if matches!(happened, Happened::Truncated { .. } | Happened::Vanished { .. }) {
                    self.pending.clear();
                }
                self.happened.push_back(happened);
                true
            }
            Turn::Relist => {
                let slots = self.disk.listed(&self.rules);
                self.follower.listed(slots, now);
                true
            }
            Turn::Rest | Turn::Full => false,
        }
    }

    /// Bytes that are not read yet.
    pub(super) fn behind(&mut self) -> u64 {
        self.follower.behind(&mut self.disk)
    }

    /// Reads until nothing is left to do, a rescan included.
    pub(super) fn settle(&mut self, buffer: usize) {
        let slots = self.disk.listed(&self.rules);
        self.follower.listed(slots, self.disk.now);
        for _ in 0..100_000 {
            if !self.step(buffer) {
                return;
            }
        }
        panic!("the reader does not come to rest: {:?}", self.follower);
    }

    pub(super) fn close(&mut self) {
        self.follower.close();
    }

    pub(super) fn passed_over(&self) -> Vec<String> {
        self.follower.passed_over().map(|(path, why)| format!("{}: {why}", path.display())).collect()
    }

    pub(super) fn commit(&mut self) {
        if let Some(position) = self.follower.position() {
            // Through its journal, as it would be.
            let journal = position.written();
            self.committed = Some(Position::read(journal.as_bytes()).expect("it was written"));
        }
    }

    pub(super) fn kill(&mut self) {
        self.pending.clear();
        self.follower = follower(self.committed.clone());
    }

    /// Ends the last line and reads everything.
    pub(super) fn finish(&mut self) {
        self.write(1);
        for _ in 0..4 {
            self.settle(1000);
            self.pass(WAIT);
        }
        self.settle(1000);
    }

    /// The lines that were written.
    pub(super) fn all(&self) -> Vec<String> {
        let line = |number| String::from_utf8(World::line(number)).expect("lines are text");
        (0..self.written).map(|number| line(number).trim_end_matches('\n').to_owned()).collect()
    }
}

fn follower(from: Option<Position>) -> Follower<Rc<Node>> {
    Follower::new(
        from.map_or(Start::Oldest, Start::At),
        Settings { rotate_wait: WAIT, fresh: Duration::ZERO },
    )
}
