//! Adds to a file whole: either all of what is given is in it, or nothing of it.

use std::fs::File;
use std::io::{self, ErrorKind, Write};

/// What can be added to at its end and cut again.
pub trait Appended {
    /// Adds a part of `bytes`; how much.
    fn add(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// Its length.
    fn length(&self) -> io::Result<u64>;

    /// Cuts it at `length`.
    fn cut(&mut self, length: u64) -> io::Result<()>;

    /// Brings all of it to the disk.
    fn flush(&mut self) -> io::Result<()>;
}

impl Appended for File {
    fn add(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write(bytes)
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}

/// What became of bytes that could not be added.
#[derive(Debug, PartialEq, Eq)]
pub enum Left {
    /// None of them is in the file.
    Nothing,
    /// Some were, and were taken back.
    TakenBack,
    /// Some are in the file and could not be taken back.
    Part,
}

/// Adds all of `bytes` to `file`, which is `length` long, and flushes it if that is asked for.
///
/// # Errors
/// Why not all of it could be added, and what is left of it.
pub fn append(
    file: &mut impl Appended,
    length: u64,
    bytes: &[u8],
    flush: bool,
) -> Result<(), (io::Error, Left)> {
    let mut added = 0;
    let error = loop {
        if added == bytes.len() {
            match flush.then(|| file.flush()) {
                None | Some(Ok(())) => return Ok(()),
                Some(Err(error)) => break error,
            }
        }
        match file.add(&bytes[added..]) {
            Ok(0) => break ErrorKind::WriteZero.into(),
            Ok(more) => added += more,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => break error,
        }
    };
    Err((error, take_back(file, length, added)))
}

fn take_back(file: &mut impl Appended, length: u64, added: usize) -> Left {
    if added == 0 {
        return Left::Nothing;
    }
    // What somebody else added behind it is not ours to cut.
    let is_last = file.length().is_ok_and(|now| now == length + added as u64);
    if is_last && file.cut(length).is_ok() { Left::TakenBack } else { Left::Part }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A disk with so much room, written to in small parts.
    struct Disk {
        bytes: Vec<u8>,
        room: usize,
        part: usize,
        is_interrupted: bool,
        can_cut: bool,
        can_flush: bool,
    }

    impl Disk {
        fn of(room: usize) -> Disk {
            let bytes = b"before\n".to_vec();
            Disk { bytes, room, part: 4, is_interrupted: true, can_cut: true, can_flush: true }
        }
    }

    impl Appended for Disk {
        fn add(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.is_interrupted = !self.is_interrupted;
            if !self.is_interrupted {
                return Err(ErrorKind::Interrupted.into());
            }
            let part = bytes.len().min(self.part).min(self.room);
            if part == 0 {
                return Err(ErrorKind::StorageFull.into());
            }
            self.room -= part;
            self.bytes.extend_from_slice(&bytes[..part]);
            Ok(part)
        }

        fn length(&self) -> io::Result<u64> {
            Ok(self.bytes.len() as u64)
        }

        fn cut(&mut self, length: u64) -> io::Result<()> {
            if !self.can_cut {
                return Err(ErrorKind::PermissionDenied.into());
            }
            self.bytes.truncate(length as usize);
            Ok(())
        }

        fn flush(&mut self) -> io::Result<()> {
            if self.can_flush { Ok(()) } else { Err(io::Error::other("the disk is broken")) }
        }
    }

    fn appended(disk: &mut Disk) -> Result<(), (ErrorKind, Left)> {
        append(disk, 7, b"a line\nanother line\n", true).map_err(|(error, left)| (error.kind(), left))
    }

    #[test]
    fn what_is_written_in_parts_is_whole() {
        let mut disk = Disk::of(100);
        assert_eq!(appended(&mut disk), Ok(()));
        assert_eq!(disk.bytes, b"before\na line\nanother line\n");
    }

    #[test]
    fn a_full_disk_leaves_nothing_of_it_wherever_it_is_full() {
        for room in 0..20 {
            let mut disk = Disk::of(room);
            let left = if room == 0 { Left::Nothing } else { Left::TakenBack };
            assert_eq!(appended(&mut disk), Err((ErrorKind::StorageFull, left)), "{room}");
            assert_eq!(disk.bytes, b"before\n", "{room}");
        }
    }

    #[test]
    fn what_cannot_be_flushed_is_taken_back() {
        let mut disk = Disk { can_flush: false, ..Disk::of(100) };
        assert_eq!(appended(&mut disk), Err((ErrorKind::Other, Left::TakenBack)));
        assert_eq!(disk.bytes, b"before\n");
    }

    #[test]
    fn what_others_added_behind_it_is_not_cut() {
        let mut disk = Disk::of(10);
        disk.bytes.extend_from_slice(b"theirs\n");
        assert_eq!(appended(&mut disk), Err((ErrorKind::StorageFull, Left::Part)));
        assert_eq!(disk.bytes, b"before\ntheirs\na line\nano");
    }

    #[test]
    fn what_cannot_be_cut_is_said_to_be_left() {
        let mut disk = Disk { can_cut: false, ..Disk::of(10) };
        assert_eq!(appended(&mut disk), Err((ErrorKind::StorageFull, Left::Part)));
    }
}
