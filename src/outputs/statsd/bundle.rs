//! Lines to be sent, each once, with the records they stand for.

use std::borrow::Cow;

use super::flush::{Unsendable, each_line_of};
use crate::aggregate::View;
use crate::flow::{Delivery, LIVE_TYPE, RecordRef, SNAPSHOT_TYPE};
use crate::statsd::TagStyle;

/// Lines for one upstream, or for all of them, a newline after each.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Bundle {
    pub(super) bytes: Vec<u8>,
    /// Records of each line: all samples of it were chosen, or some.
    pub(super) records: Vec<u32>,
}

impl Bundle {
    pub(super) fn push(&mut self, line: &[u8], records: u32) {
        self.bytes.extend_from_slice(line);
        self.bytes.push(b'\n');
        self.records.push(records);
    }

    /// Takes out what follows the first `bytes` bytes, which are the first `lines` lines.
    pub(super) fn split_off(&mut self, bytes: usize, lines: usize) -> Bundle {
        Bundle { bytes: self.bytes.split_off(bytes), records: self.records.split_off(lines) }
    }

    /// Lines without their newlines, and the records of each.
    pub(super) fn lines(&self) -> impl Iterator<Item = (&[u8], u32)> {
        self.bytes.split(|&byte| byte == b'\n').zip(self.records.iter().copied())
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.records.clear();
    }
}

/// What of a delivery is in no line.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Unwritten {
    /// Samples and messages without a line.
    pub(super) without_line: usize,
    /// Live views, which say again what the next flush says.
    pub(super) live_views: usize,
    /// Flushes of which some series cannot be sent.
    pub(super) flushes: usize,
    /// Series that cannot be sent.
    pub(super) series: Unsendable,
}

impl Unwritten {
    /// Records that are not, or not wholly, in a line.
    pub(super) fn records(&self) -> usize {
        self.without_line + self.live_views + self.flushes
    }
}

/// Calls `visit` with each line of the records and the number of records that came of it, in order.
///
/// A line of several values is visited once if all of them were chosen; else each of them has a line of its own. Where a
/// record has several lines the first stands for the record; none stands for a flush that is not wholly written.
///
/// With a style every sample has a line of its own.
pub(super) fn each_line(
    delivery: &Delivery,
    style: Option<TagStyle>,
    mut visit: impl FnMut(&[u8], u32),
) -> Unwritten {
    let mut unwritten = Unwritten::default();
    let mut whole = 0..0;
    let mut torn = 0..0;
    for (index, record) in delivery.records() {
        match record {
            RecordRef::Sample { batch, .. } if style.is_none() && batch.is_packed(index) => {
                if whole.contains(&index) {
                    continue;
                }
                if !torn.contains(&index) {
                    let line = batch.of_line(index);
                    if line.clone().all(|sample| delivery.chosen.contains(sample)) {
                        visit(batch.line(index), line.len() as u32);
                        whole = line;
                        continue;
                    }
                    torn = line;
                }
            }
            RecordRef::Snapshot { found, .. } if found.view == View::Live => {
                unwritten.live_views += 1;
                continue;
            }
            RecordRef::Snapshot { found, .. } => {
                let unsendable = Unsendable::of(found);
                let mut records = u32::from(unsendable.is_none());
                unwritten.flushes += usize::from(!unsendable.is_none());
                unwritten.series.add(unsendable);
                each_line_of(found, style.unwrap_or(TagStyle::Dogstatsd), |line| {
                    visit(line, std::mem::take(&mut records))
                });
                continue;
            }
            // Their payload is Graphite's.
            RecordRef::Message(message) if [SNAPSHOT_TYPE, LIVE_TYPE].contains(&message.type_.as_str()) => {
                unwritten.without_line += 1;
                continue;
            }
            _ => {}
        }
        let written = style.and_then(|style| record.line_with_tags(style));
        let payload = written.map_or_else(|| record.payload(), Cow::Owned);
        let mut records = 1;
        for line in payload.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
            visit(line, std::mem::take(&mut records));
        }
        unwritten.without_line += records as usize;
    }
    unwritten
}
