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
        Parts { flush: self, writing, took: Duration::ZERO, lines, done: false, text: Vec::new() }
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
    }
}

/// Bytes of a line, roughly.
const LINE: usize = 50;

/// Lines of a timer beside those of percentiles.
const TIMER_LINES: usize = 9;

/// Bytes of text after which a part is sent.
const PART: usize = 128 << 10;
