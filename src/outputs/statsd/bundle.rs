//! Lines to be sent, each once, with the records they stand for.

use crate::flow::{Delivery, RecordRef};
use crate::metric::Span;

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

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.records.clear();
    }
}

/// Calls `visit` with each line of the records and the number of records that came of it, in order.
///
/// A line of several values is visited once. The payload of a message may have several lines: the first stands for the
/// record. A record without a line is visited as an empty one.
pub(super) fn each_line(delivery: &Delivery, mut visit: impl FnMut(&[u8], u32)) {
    let mut last: Option<(Span, &[u8], u32)> = None;
    for (_, record) in delivery.records() {
        if let RecordRef::Sample { batch, index, .. } = record
            && let Some(&span) = batch.lines.get(index)
            && span.len > 0
        {
            match &mut last {
                Some((before, _, records)) if *before == span => *records += 1,
                _ => {
                    if let Some((_, line, records)) = last.replace((span, batch.text_of(span), 1)) {
                        visit(line, records);
                    }
                }
            }
            continue;
        }
        let payload = record.payload();
        let mut lines = payload.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
        visit(lines.next().unwrap_or_default(), 1);
        lines.for_each(|line| visit(line, 0));
    }
    if let Some((_, line, records)) = last {
        visit(line, records);
    }
}
