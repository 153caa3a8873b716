//! Looks for the file a position is in.

use std::io;

use super::{Current, Files, Follower, OpenError, Turn};
use crate::tail::{FileId, Found, Head, Position, Window};

/// What came of looking.
pub(super) enum Search<O> {
    /// It goes on there.
    Found(Current<O>),
    /// No file has that content.
    Nowhere,
    /// That cannot be said now; this comes first.
    Not(Turn),
}

impl<O> Follower<O> {
    /// Looks for the content that `position` stands behind, in other files than `but`.
    pub(super) fn search<F: Files<Open = O>>(
        &mut self,
        files: &mut F,
        position: &Position,
        but: Option<FileId>,
    ) -> Search<O> {
        let mut waits = false;
        for file in self.candidates(position, but) {
            let open = match files.open(&file) {
                Ok(open) => open,
                Err(OpenError::Gone) => return Search::Not(self.relist()),
                Err(OpenError::Full) => return Search::Not(Turn::Full),
                Err(OpenError::Refused(why)) => {
                    if !self.refused.contains_key(&file.id) && self.is_news(file.id, &why, false) {
                        let (path, passed) = (file.path, None);
                        return Search::Not(Turn::Happened(super::Happened::Refused { path, why, passed }));
                    }
                    // It may be the one: a position is not given up while it can be right.
                    waits |= position.id.is_none_or(|id| id == file.id);
                    continue;
                }
            };
            match self.tried(files, open, &file, position) {
                Ok(Some(current)) => return Search::Found(current),
                Ok(None) => {}
                // Damaged, or gone meanwhile: it is no place to go on.
                Err(_) => {}
            }
        }
        if waits { Search::Not(Turn::Rest) } else { Search::Nowhere }
    }

    /// Files that may hold the content, the likely ones first: the same file, those before it or of its name, then the
    /// newest. What few bytes stand before is told by them alone only of its own file and of what is
    /// before that.
    fn candidates(&self, position: &Position, but: Option<FileId>) -> Vec<Found> {
        let own = position.id.and_then(|id| self.place_of(id));
        let rank = |place: usize, file: &Found| match own {
            _ if Some(file.id) == position.id => 0,
            Some(own) if place < own => 1 + own - place,
            None if file.path == position.path => 1,
            _ => 2 + 2 * self.slots.len() - place,
        };
        let proves = |place: usize, file: &Found| {
            position.offset >= PROOF
                || Some(file.id) == position.id
                || position.modified.is_none_or(|modified| modified == file.modified)
                || own.is_some_and(|own| place < own)
        };
        let mut ranked: Vec<(usize, &Found)> = Vec::new();
        for (place, slot) in self.slots.iter().enumerate() {
            let files = slot.files.iter().filter(|file| Some(file.id) != but && proves(place, file));
            ranked.extend(files.map(|file| (rank(place, file), file)));
        }
        ranked.sort_by_key(|(rank, _)| *rank);
        ranked.into_iter().map(|(_, file)| file.clone()).collect()
    }

    /// The file at the position, if that is in it.
    fn tried<F: Files<Open = O>>(
        &self,
        files: &mut F,
        mut open: O,
        file: &Found,
        position: &Position,
    ) -> io::Result<Option<Current<O>>> {
        let look = files.look(&open)?;
        if look.id != file.id {
            return Ok(None);
        }
        let is_it = match position.offset {
            // Nothing stands before it: only the names of the file can tell.
            0 => file.path == position.path && position.id.is_none_or(|id| id == file.id),
            offset if !look.packed && look.size < offset => false,
            _ => {
                let mut head = [0; Head::LENGTH];
                let length = usize::from(position.fingerprint.head_length);
                let head = read_whole(files, &mut open, 0, &mut head[..length])?;
                head.is_some_and(|head| position.fingerprint.begins(&Head::of(head)))
            }
        };
        if !is_it {
            return Ok(None);
        }
        let (head, window) = around(files, &mut open, position.offset)?;
        let before = position.offset.min(Window::LENGTH as u64) as usize;
        if position.offset > 0 && (window.bytes().len() < before || !position.fingerprint.ends(&window)) {
            return Ok(None);
        }
        let mut current = Current::new(open, file.path.clone(), look, self.listing);
        current.offset = position.offset;
        (current.head, current.window) = (head, window);
        current.mark = Some((current.offset, current.window.clone()));
        Ok(Some(current))
    }
}

/// The head of a file as far as `offset`, and what stands before `offset`; less where the file is shorter.
pub(super) fn around<F: Files>(files: &mut F, open: &mut F::Open, offset: u64) -> io::Result<(Head, Window)> {
    let mut buffer = [0; Head::LENGTH];
    let length = offset.min(Head::LENGTH as u64) as usize;
    let head = read_whole(files, open, 0, &mut buffer[..length])?.map(Head::of).unwrap_or_default();
    let length = offset.min(Window::LENGTH as u64) as usize;
    let from = offset - length as u64;
    let window = read_whole(files, open, from, &mut buffer[..length])?.map(Window::of).unwrap_or_default();
    Ok((head, window))
}

/// Whether `entered` begins with all that was read of `current`.
pub(super) fn goes_on<F: Files>(
    files: &mut F,
    entered: &mut Current<F::Open>,
    current: &Current<F::Open>,
) -> io::Result<bool> {
    let Some(open) = &mut entered.open else { return Ok(false) };
    if !entered.packed && entered.size < current.offset {
        return Ok(false);
    }
    let mut head = [0; Head::LENGTH];
    let length = current.head.bytes().len();
    if read_whole(files, open, 0, &mut head[..length])? != Some(current.head.bytes()) {
        return Ok(false);
    }
    let (_, window) = around(files, open, current.offset)?;
    Ok(window == current.window)
}

/// Fills `into` from `offset` on; none if the file ends before.
pub(super) fn read_whole<'a, F: Files>(
    files: &mut F,
    open: &mut F::Open,
    offset: u64,
    into: &'a mut [u8],
) -> io::Result<Option<&'a [u8]>> {
    let mut filled = 0;
    while filled < into.len() {
        match files.read(open, offset + filled as u64, &mut into[filled..])? {
            0 => return Ok(None),
            read => filled += read,
        }
    }
    Ok(Some(into))
}

/// Bytes that tell a file.
pub(super) const PROOF: u64 = 32;
