//! Cuts a stream of bytes into whole lines, chunk by chunk, and drops what is too long. Pure: knows no socket.

use memchr::{memchr, memchr_iter, memrchr};

/// Gathers what was read of one stream and hands out whole lines.
#[derive(Debug)]
pub struct LineCutter {
    held: Vec<u8>,
    /// Bytes at the start of `held` that were searched and have no newline.
    searched: usize,
    longest: usize,
    /// Bytes dropped so far of the line that is too long, while there is one.
    dropped: Option<u64>,
}

/// What is cut off a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut<'a> {
    /// One or more lines, each with its newline; the last of a stream may come without.
    Lines(&'a [u8]),
    /// A line of so many bytes was longer than allowed and dropped.
    TooLong(u64),
}

impl LineCutter {
    /// A cutter for lines of up to `longest` bytes, the newline not counted.
    pub fn new(longest: usize) -> LineCutter {
        LineCutter { held: Vec::new(), searched: 0, longest, dropped: None }
    }

    /// Where to append what was read. Only ever append.
    pub fn room(&mut self) -> &mut Vec<u8> {
        &mut self.held
    }

    /// Bytes of the line that is not complete, dropped ones included.
    pub fn open_bytes(&self) -> u64 {
        self.held.len() as u64 + self.dropped.unwrap_or(0)
    }

    /// Hands out what is whole and keeps the rest.
    pub fn cut(&mut self, each: &mut dyn FnMut(Cut<'_>)) {
        if let Some(last) = memrchr(b'\n', &self.held[self.searched..]) {
            let end = self.searched + last + 1;
            let mut start = 0;
            if let Some(dropped) = self.dropped.take() {
                start = memchr(b'\n', &self.held).map_or(end, |newline| newline + 1);
                each(Cut::TooLong(dropped + start as u64 - 1));
            }
            whole(&self.held[start..end], self.longest, each);
            self.held.drain(..end);
        }
        if self.dropped.is_some() || self.held.len() > self.longest {
            self.dropped = Some(self.open_bytes());
            self.held.clear();
        }
        self.searched = self.held.len();
    }

    /// Hands out the last line, which the stream ended without a newline. Call `cut` before.
    pub fn finish(&mut self, each: &mut dyn FnMut(Cut<'_>)) {
        match self.dropped.take() {
            Some(dropped) => each(Cut::TooLong(dropped + self.held.len() as u64)),
            None if !self.held.is_empty() => each(Cut::Lines(&self.held)),
            None => {}
        }
        self.held.clear();
        self.searched = 0;
    }
}

fn whole(lines: &[u8], longest: usize, each: &mut dyn FnMut(Cut<'_>)) {
    let mut run = 0;
    if lines.len() > longest + 1 {
        let mut line = 0;
        for newline in memchr_iter(b'\n', lines) {
            if newline - line > longest {
                if line > run {
                    each(Cut::Lines(&lines[run..line]));
                }
                each(Cut::TooLong((newline - line) as u64));
                run = newline + 1;
            }
            line = newline + 1;
        }
    }
    if run < lines.len() {
        each(Cut::Lines(&lines[run..]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What a stream read in `parts` is cut into: the bytes handed out, and the lengths dropped.
    fn cut_up(parts: &[&[u8]], longest: usize) -> (Vec<u8>, Vec<u64>) {
        let (mut kept, mut dropped) = (Vec::new(), Vec::new());
        let mut cutter = LineCutter::new(longest);
        let mut each = |cut: Cut<'_>| match cut {
            Cut::Lines(lines) => kept.extend_from_slice(lines),
            Cut::TooLong(length) => dropped.push(length),
        };
        for part in parts {
            cutter.room().extend_from_slice(part);
            cutter.cut(&mut each);
        }
        cutter.finish(&mut each);
        (kept, dropped)
    }

    #[test]
    fn a_chunk_ends_at_the_last_newline() {
        let mut cutter = LineCutter::new(100);
        let mut chunks = Vec::new();
        for part in [&b"a:1|c\nb:2"[..], b"|c\nc:3|c\nd", b"", b":4|c"] {
            cutter.room().extend_from_slice(part);
            cutter.cut(&mut |cut| chunks.push(format!("{cut:?}")));
        }
        assert_eq!(cutter.open_bytes(), 5);
        cutter.finish(&mut |cut| chunks.push(format!("{cut:?}")));
        let wanted = [&b"a:1|c\n"[..], b"b:2|c\nc:3|c\n", b"d:4|c"];
        assert_eq!(chunks, wanted.map(|lines| format!("{:?}", Cut::Lines(lines))));
    }

    #[test]
    fn a_line_of_the_greatest_length_is_kept_and_a_longer_one_dropped() {
        assert_eq!(cut_up(&[b"abcd\nabcde\nabc\n"], 4), (b"abcd\nabc\n".to_vec(), vec![5]));
        assert_eq!(cut_up(&[b"ab", b"cd", b"ef", b"gh\nok\n"], 4), (b"ok\n".to_vec(), vec![8]));
        assert_eq!(cut_up(&[b"ok\nabcdefgh"], 4), (b"ok\n".to_vec(), vec![8]));
    }

    proptest! {
        #[test]
        fn however_it_is_read_the_lines_are_the_same(
            stream in "[ab\n]{0,200}", longest in 0_usize..8, size in 1_usize..20,
        ) {
            let parts: Vec<&[u8]> = stream.as_bytes().chunks(size).collect();
            let lines = stream.split_inclusive('\n').map(|line| (line, line.trim_end_matches('\n').len()));
            let (kept, dropped): (Vec<_>, Vec<_>) = lines.partition(|&(_, length)| length <= longest);
            let kept: String = kept.into_iter().map(|(line, _)| line).collect();
            let dropped = dropped.into_iter().map(|(_, length)| length as u64).collect();
            prop_assert_eq!(cut_up(&parts, longest), (kept.into_bytes(), dropped));
        }
    }
}
