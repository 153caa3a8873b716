//! Frames of a stream that is read piece by piece, with the offset of each and of what is none.

use crate::message::framing::{Found, find, max_record_size};

/// Finds frames.
#[derive(Debug)]
pub(super) struct Scanner {
    /// What was read; frames up to `at` were handed out.
    buffer: Vec<u8>,
    at: usize,
    /// Where `at` is in the stream.
    offset: u64,
    /// Bytes of no frame that end there.
    garbage: u64,
    /// Bytes of the longest message.
    limit: usize,
    is_ended: bool,
}

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next<'a> {
    /// Bytes of no frame.
    Garbage {
        /// Where they begin.
        offset: u64,
        /// How many they are.
        bytes: u64,
    },
    /// A frame.
    Frame {
        /// Where it begins.
        offset: u64,
        /// All of it.
        frame: &'a [u8],
        /// The message in it.
        message: &'a [u8],
    },
    /// More is to be read first.
    Nothing,
}

impl Scanner {
    /// A scanner of a stream that is read from `offset` on.
    pub(super) fn new(offset: u64, limit: usize) -> Scanner {
        Scanner { buffer: Vec::new(), at: 0, offset, garbage: 0, limit, is_ended: false }
    }

    /// Takes what was read.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..std::mem::take(&mut self.at));
        self.buffer.extend_from_slice(bytes);
    }

    /// Says that nothing more will come: what could have become a frame is none, and one behind its begin is found.
    pub(super) fn end(&mut self) {
        self.is_ended = true;
    }

    /// The next frame, or what is none before it.
    pub(super) fn next(&mut self) -> Next<'_> {
        loop {
            let rest = &self.buffer[self.at..];
            let (skipped, length) = match find(rest, self.limit) {
                Found::Frame(frame) => (frame.garbage, Some(frame.length)),
                Found::Nothing { garbage } if garbage < rest.len() && self.is_ended => (garbage + 1, None),
                Found::Nothing { garbage } => (garbage, None),
                // What is no frame for this reader is looked through for one.
                Found::TooLong { garbage, .. } => (garbage + 1, None),
            };
            self.pass(skipped);
            self.garbage += skipped as u64;
            let is_over = self.is_ended && self.at == self.buffer.len();
            if self.garbage > 0 && (length.is_some() || is_over) {
                let bytes = std::mem::take(&mut self.garbage);
                return Next::Garbage { offset: self.offset - bytes, bytes };
            }
            if let Some(length) = length {
                let (offset, start) = (self.offset, self.at);
                self.pass(length);
                let frame = &self.buffer[start..start + length];
                return Next::Frame { offset, frame, message: message_of(frame) };
            }
            if !self.is_ended || is_over {
                return Next::Nothing;
            }
        }
    }

    /// Bytes to read at once: no more than the longest frame, and some more, are ever held.
    pub(super) fn room(&self) -> usize {
        max_record_size(self.limit).clamp(1 << 12, 1 << 18)
    }

    fn pass(&mut self, bytes: usize) {
        self.at += bytes;
        self.offset += bytes as u64;
    }
}

/// What stands behind the header of a frame.
fn message_of(frame: &[u8]) -> &[u8] {
    &frame[3 + usize::from(frame[1])..]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::framing::frame;

    fn framed(message: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        frame(message, None, 1 << 20, &mut out).unwrap();
        out
    }

    /// What is found in a stream that is read in pieces: its offset, and the message, or the number of bytes.
    fn found(stream: &[u8], piece: usize) -> Vec<(u64, Result<Vec<u8>, u64>)> {
        let mut scanner = Scanner::new(100, 1 << 16);
        let mut found = Vec::new();
        let mut pieces = stream.chunks(piece);
        loop {
            let piece = pieces.next();
            match piece {
                Some(piece) => scanner.push(piece),
                None => scanner.end(),
            }
            loop {
                match scanner.next() {
                    Next::Garbage { offset, bytes } => found.push((offset, Err(bytes))),
                    Next::Frame { offset, frame, message } => {
                        assert_eq!(frame, framed(message));
                        found.push((offset, Ok(message.to_vec())));
                    }
                    Next::Nothing => break,
                }
            }
            if piece.is_none() {
                return found;
            }
        }
    }

    #[test]
    fn frames_and_what_is_none_have_their_offsets_however_they_are_read() {
        let stream =
            [&framed(b"one")[..], b"bogus", &framed(b"two"), b"\x1e\x02", &framed(b""), b"end"].concat();
        let expected = [
            (100, Ok(b"one".to_vec())),
            (108, Err(5)),
            (113, Ok(b"two".to_vec())),
            (121, Err(2)),
            (123, Ok(Vec::new())),
            (128, Err(3)),
        ];
        for piece in 1..=stream.len() {
            assert_eq!(found(&stream, piece), expected, "in pieces of {piece}");
        }
    }

    #[test]
    fn a_frame_behind_one_that_was_cut_off_is_found_at_the_end() {
        let long = framed(&[b'x'; 1000]);
        let stream = [&long[..20], &framed(b"kept")].concat();
        for piece in [1, 7, 100] {
            assert_eq!(found(&stream, piece), [(100, Err(20)), (120, Ok(b"kept".to_vec()))]);
        }
    }
}
