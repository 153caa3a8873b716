//! What one delivery sends, a part at a time and as often as it has to be sent: a flush of a million series is never
//! in memory as text.

use std::sync::Arc;
use std::time::Duration;

use crate::aggregate::Snapshot;
use crate::flow::{SnapshotLines, snapshot_weight, write_backend_stats};
use crate::graphite::{Namespace, TagMode, write_pickles};
use crate::time::Clock;

/// What one delivery sends.
pub(super) enum Flush {
    /// The lines of a snapshot.
    Snapshot {
        /// What was found.
        found: Arc<Snapshot>,
        /// How it is named.
        naming: Arc<Namespace>,
        /// What the reference says of its last flush.
        backend: [(&'static str, f64); 4],
    },
    /// The payloads of messages.
    Lines(Vec<u8>),
    /// What was sent, as it was sent.
    Sent(Vec<u8>),
}

/// How a flush is written.
#[derive(Clone, Copy)]
pub(super) struct Writing<'a> {
    /// What becomes of tags.
    pub(super) tags: &'a TagMode,
    /// Whether lines become pickles.
    pub(super) pickles: bool,
    /// Bytes of the longest line that can be sent, its newline left out.
    pub(super) longest: usize,
    /// Tells what writing takes.
    pub(super) clock: &'a dyn Clock,
}

/// A flush being written.
pub(super) struct Parts<'a> {
    flush: &'a Flush,
    writing: Writing<'a>,
    /// What making lines has taken; sending them, between parts, is not in it.
    took: Duration,
    /// Of a snapshot, until all is written.
    lines: Option<SnapshotLines<'a>>,
    done: bool,
    /// The lines that pickles are made of.
    text: Vec<u8>,
    /// What was left out.
    too_long: TooLong,
}

/// Lines that are longer than can be sent.
#[derive(Debug, Default)]
pub(super) struct TooLong {
    /// How many.
    pub(super) lines: u64,
    /// Bytes of the first of them, and its beginning.
    pub(super) first: Option<(usize, String)>,
}

impl TooLong {
    /// Takes the lines longer than `longest` out of `text`, which is whole lines. Between two looks for a newline lie as
    /// many bytes as a line may have.
    fn take_from(&mut self, text: &mut Vec<u8>, longest: usize) {
        let mut start = 0;
        while text.len() - start > longest + 1 {
            let window = &text[start..=start + longest];
            if let Some(newline) = memchr::memrchr(b'\n', window) {
                start += newline + 1;
                continue;
            }
            let rest = &text[start..];
            let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            let beginning = || rest[..rest.len().min(80)].escape_ascii().to_string();
            self.first.get_or_insert_with(|| (length, beginning()));
            self.lines += 1;
            text.drain(start..(start + length + 1).min(text.len()));
        }
    }
}

impl Flush {
    /// Its parts from the first one on.
    pub(super) fn parts<'a>(&'a self, writing: Writing<'a>) -> Parts<'a> {
        let lines = match self {
            Flush::Snapshot { found, naming, .. } => Some(SnapshotLines::new(found, naming, writing.tags)),
            Flush::Lines(_) | Flush::Sent(_) => None,
        };
        let pickles = writing.pickles && !matches!(self, Flush::Sent(_));
        let writing = Writing { pickles, ..writing };
        let (text, too_long) = (Vec::new(), TooLong::default());
        Parts { flush: self, writing, took: Duration::ZERO, lines, done: false, text, too_long }
    }

    /// Whether what is sent takes less memory than what it is made of: the samples of timers are far more than the lines
    /// that tell of them.
    pub(super) fn is_larger_than_its_text(&self) -> bool {
        let Flush::Snapshot { found, naming, .. } = self else { return false };
        let timer = LINE * (TIMER_LINES + 5 * naming.percentiles().len());
        let others = found.len() - found.timers.len();
        snapshot_weight(found) > timer * found.timers.len() + 2 * LINE * others
    }
}

impl Parts<'_> {
    /// Writes the next part in the place of what is in `out`; whether there was one.
    pub(super) fn next(&mut self, out: &mut Vec<u8>) -> bool {
        out.clear();
        if self.done {
            return false;
        }
        if self.writing.pickles {
            let mut text = std::mem::take(&mut self.text);
            text.clear();
            self.write(&mut text);
            write_pickles(&text, out);
            self.text = text;
        } else {
            self.write(out);
        }
        true
    }

    /// What was left out so far.
    pub(super) fn too_long(self) -> TooLong {
        self.too_long
    }

    fn write(&mut self, out: &mut Vec<u8>) {
        match (&mut self.lines, self.flush) {
            (Some(lines), Flush::Snapshot { found, naming, backend }) => {
                let (began, mut more) = (self.writing.clock.now(), true);
                while more && out.len() < PART {
                    more = lines.write_part(out);
                }
                self.took += self.writing.clock.now().since(began);
                if !more {
                    let took = ("calculationtime", (self.took.as_secs_f64() * 1000.0).round());
                    write_backend_stats(found, naming, self.writing.tags, &[took], out);
                    write_backend_stats(found, naming, self.writing.tags, backend, out);
                    self.done = true;
                }
            }
            (_, Flush::Lines(bytes) | Flush::Sent(bytes)) => {
                out.extend_from_slice(bytes);
                self.done = true;
            }
            (None, Flush::Snapshot { .. }) => unreachable!("a snapshot has lines"),
        }
        self.too_long.take_from(out, self.writing.longest);
    }
}

/// Bytes of a line, roughly.
const LINE: usize = 50;

/// Lines of a timer beside those of percentiles.
const TIMER_LINES: usize = 9;

/// Bytes of text after which a part is sent.
const PART: usize = 128 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn left(text: &str, longest: usize) -> (String, u64) {
        let (mut bytes, mut too_long) = (text.as_bytes().to_vec(), TooLong::default());
        too_long.take_from(&mut bytes, longest);
        (String::from_utf8(bytes).unwrap(), too_long.lines)
    }

    #[test]
    fn lines_that_are_too_long_are_taken_out_wherever_they_stand() {
        let (short, fits, long) = ("a 1 2\n", "fits.5 1 2\n", "longer.5 1 2\n");
        let table: [&[&str]; 7] = [
            &[],
            &[fits],
            &[long],
            &[long, long],
            &[short, long, fits, short, long],
            &[fits, fits, long, short],
            &[short, short, short, short, fits],
        ];
        for lines in table {
            let kept: String = lines.iter().filter(|line| **line != long).copied().collect();
            let taken = lines.iter().filter(|line| **line == long).count() as u64;
            assert_eq!(left(&lines.concat(), 10), (kept, taken), "{lines:?}");
        }
        assert_eq!(left(&[long, short].concat(), usize::MAX - 1), ([long, short].concat(), 0));
    }

    #[test]
    fn the_first_one_is_told_by_its_beginning() {
        let (mut bytes, mut too_long) = (format!("{}\n", "x".repeat(100)).into_bytes(), TooLong::default());
        too_long.take_from(&mut bytes, 90);
        assert_eq!(too_long.first, Some((100, "x".repeat(80))));
    }
}
