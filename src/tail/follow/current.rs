//! The file that is read: how far, and how it is told from others.

use std::collections::HashSet;
use std::io;
use std::path::PathBuf;

use super::search::{self, read_whole};
use super::{Files, Look, Named};
use crate::tail::{FileId, Fingerprint, Found, Head, Position, Slot, Window};
use crate::time::Stamp;

/// The file that is read.
#[derive(Debug)]
pub(super) struct Current<O> {
    /// None while it is closed to make room.
    pub(super) open: Option<O>,
    pub(super) path: PathBuf,
    pub(super) id: FileId,
    pub(super) packed: bool,
    /// Whether it ended too early when it was last seen.
    pub(super) cut: bool,
    pub(super) offset: u64,
    pub(super) head: Head,
    pub(super) window: Window,
    /// The end of the last complete record, and what stands before it; none before the first one of this file.
    pub(super) mark: Option<(u64, Window)>,
    /// As it was last seen.
    pub(super) size: u64,
    pub(super) modified: Stamp,
    /// Its size when what was read of it was last seen to stand there still: after a truncation, the size that is listed
    /// is that of other content.
    pub(super) known: u64,
    /// Since when it has been at its end like that.
    pub(super) quiet: Option<Stamp>,
    /// Whether it is the copy of a file that was truncated: nobody writes to it.
    pub(super) copy: bool,
    /// The files that were before it when it was last listed, as they were then: inodes are used again.
    pub(super) older: HashSet<(FileId, Stamp)>,
    /// The listing it was chosen from, and the one in which copies of it were looked for.
    pub(super) listed: u64,
    pub(super) searched: u64,
}

impl<O> Current<O> {
    pub(super) fn new(open: O, path: PathBuf, look: Look, listing: u64) -> Current<O> {
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
    pub(super) fn is_after(&self, slot: &Slot) -> bool {
        let was = |file: &Found| self.older.iter().any(|(_, modified)| *modified == file.modified);
        slot.files.iter().any(|file| self.older.contains(&(file.id, file.modified)))
            || slot.files.iter().all(|file| file.is_packed_by_name() && was(file))
    }

    /// Where it has been read to.
    pub(super) fn here(&self) -> Position {
        self.at(self.offset, &self.window)
    }

    /// The end of its last complete record.
    pub(super) fn position(&self) -> Option<Position> {
        self.mark.as_ref().map(|(offset, window)| self.at(*offset, window))
    }

    pub(super) fn at(&self, offset: u64, window: &Window) -> Position {
        Position {
            path: self.path.clone(),
            offset,
            fingerprint: Fingerprint::of(&self.head, window, offset),
            id: Some(self.id),
            modified: Some(self.modified),
        }
    }

    /// The same content goes on in another file.
    pub(super) fn continue_in(&mut self, found: Current<O>) {
        self.open = found.open;
        (self.path, self.id, self.packed, self.cut) = (found.path, found.id, found.packed, false);
        (self.size, self.modified, self.known) = (found.size, found.modified, found.size);
        (self.quiet, self.listed, self.searched, self.copy) = (None, found.listed, 0, false);
    }

    /// Whether its name shows that nothing has happened since everything was read.
    pub(super) fn rests<F: Files<Open = O>>(&self, files: &mut F) -> bool {
        let seen = Named { id: self.id, size: self.size, modified: self.modified };
        let was_at_end = self.quiet.is_some() && (self.packed || self.offset == self.size);
        was_at_end && files.named(&self.path) == Some(seen)
    }

    /// Whether what was read still stands in the file.
    pub(super) fn is_unchanged<F: Files<Open = O>>(&mut self, files: &mut F) -> io::Result<bool> {
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
pub(super) fn at_last_line<F: Files>(
    files: &mut F,
    mut current: Current<F::Open>,
) -> io::Result<Current<F::Open>> {
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
