//! From the pushes of a stream or socket to records: what a splitter leaves is kept until more comes, within bounds.

use crate::message::Text;
use crate::plugin::{SplitFault, Splitter};

/// What the runner does around every splitter of an input.
#[derive(Debug, Clone)]
pub struct SplitRules {
    /// Bytes of the longest record, the frame around a message included.
    pub max_record: usize,
    /// Bytes of the longest message.
    pub max_message: usize,
    /// Whether records are whole messages, rather than payloads.
    pub messages: bool,
    /// Whether the beginning of a longer one is a record.
    pub keep_truncated: bool,
    /// Bytes that the memory for unfinished records begins with.
    pub min_buffer: usize,
    /// Whether an unfinished record at the end of a stream is one.
    pub deliver_incomplete_final: bool,
}

/// Takes what is found.
pub(super) trait Records {
    /// Takes a record, and who signed it.
    fn record(&mut self, record: &[u8], signer: Option<Text>);

    /// Takes what begins with `example` and is none, or not all of one, and why; `size` of its bytes are known of.
    fn fault(&mut self, fault: SplitFault, size: usize, example: &[u8]);

    /// Bytes of the longest record there is room for.
    fn longest(&self) -> usize;
}

/// One stream, or one socket, being split.
pub(super) struct Splitting {
    splitter: Box<dyn Splitter>,
    rules: SplitRules,
    /// Whether every push is whole.
    whole: bool,
    /// What is no record yet.
    rest: Vec<u8>,
    /// Bytes to come that are done with already.
    skipped: usize,
    /// The next record found is the end of one that was too long.
    within_long: bool,
    /// Records found, those given up too.
    found: u64,
}

impl Splitting {
    pub(super) fn new(splitter: Box<dyn Splitter>, rules: SplitRules, whole: bool) -> Splitting {
        Splitting { splitter, rules, whole, rest: Vec::new(), skipped: 0, within_long: false, found: 0 }
    }

    /// Finds every record that `bytes` complete.
    pub(super) fn push(&mut self, bytes: &[u8], records: &mut dyn Records) {
        // There is no rest while something is skipped.
        let bytes = if self.skipped > 0 { self.skip(bytes) } else { bytes };
        if self.rest.is_empty() {
            let consumed = self.split(bytes, false, records);
            if consumed < bytes.len() {
                self.rest.reserve(self.rules.min_buffer.max(bytes.len() - consumed));
                self.rest.extend_from_slice(&bytes[consumed..]);
            }
        } else {
            let mut rest = std::mem::take(&mut self.rest);
            rest.extend_from_slice(bytes);
            let consumed = self.split(&rest, false, records);
            rest.drain(..consumed);
            self.rest = rest;
        }
        if self.whole && (self.within_long || self.skipped > 0 || !self.rest.is_empty()) {
            self.finish(records);
        }
    }

    /// What of `bytes` is behind those that are done with.
    fn skip<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let skipped = self.skipped.min(bytes.len());
        self.skipped -= skipped;
        &bytes[skipped..]
    }

    /// Records found so far, those given up too.
    pub(super) fn found(&self) -> u64 {
        self.found
    }

    /// Bytes that are part of no record yet. Those of one that was given up are done with.
    pub(super) fn pending(&self) -> usize {
        if self.within_long { 0 } else { self.rest.len() }
    }

    /// Nothing more comes: what is left is a record, or is given up.
    pub(super) fn finish(&mut self, records: &mut dyn Records) {
        let mut rest = std::mem::take(&mut self.rest);
        if !rest.is_empty() {
            let consumed = self.split(&rest, true, records);
            let left = &rest[consumed..];
            let deliver = self.whole || self.rules.deliver_incomplete_final;
            match left.is_empty() || std::mem::take(&mut self.within_long) {
                true => {}
                false if deliver && self.splitter.takes_rest() => records.record(left, None),
                false => records.fault(SplitFault::Incomplete, left.len(), left),
            }
            self.splitter.forget();
        }
        self.within_long = false;
        self.skipped = 0;
        // The memory is of use to the next datagram.
        rest.clear();
        self.rest = rest;
    }

    /// The number of bytes that are done with.
    fn split(&mut self, bytes: &[u8], last: bool, records: &mut dyn Records) -> usize {
        let mut done = 0;
        loop {
            let left = &bytes[done..];
            let split = match last {
                true => self.splitter.split_last(left),
                false => self.splitter.split(left),
            };
            if let Some(fault) = split.fault {
                records.fault(fault, split.consumed, left);
            }
            if let Some(record) = &split.record {
                self.take(record, split.signer, records);
            }
            if split.consumed == 0 {
                return done + self.give_up_if_long(left, records);
            }
            done += split.consumed;
            if done >= bytes.len() {
                self.skipped = done - bytes.len();
                return bytes.len();
            }
        }
    }

    fn take(&mut self, record: &[u8], signer: Option<Text>, records: &mut dyn Records) {
        self.found += 1;
        if std::mem::take(&mut self.within_long) {
            return;
        }
        if self.is_long(record, records) {
            self.cut(record, records);
        } else {
            records.record(record, signer);
        }
    }

    /// Whether there is no room for it: a message of it would be longer than any may be.
    fn is_long(&self, record: &[u8], records: &mut dyn Records) -> bool {
        // The room is asked for where it may be wanting.
        record.len() > self.rules.max_message / 2
            && self.splitter.is_bounded()
            && record.len() > self.longest(records)
    }

    fn longest(&self, records: &mut dyn Records) -> usize {
        if self.rules.messages { self.rules.max_record } else { self.rules.max_record.min(records.longest()) }
    }

    /// Gives up what is longer than any record and still not whole: its number of bytes, or none.
    fn give_up_if_long(&mut self, left: &[u8], records: &mut dyn Records) -> usize {
        if left.len() < self.rules.max_record || !self.splitter.is_bounded() {
            return 0;
        }
        if !std::mem::replace(&mut self.within_long, true) {
            self.cut(left, records);
        }
        self.splitter.forget();
        left.len()
    }

    fn cut(&self, record: &[u8], records: &mut dyn Records) {
        if self.rules.keep_truncated {
            records.fault(SplitFault::Truncated, record.len(), record);
            let longest = self.longest(records).min(record.len());
            records.record(&record[..longest], None);
        } else {
            records.fault(SplitFault::TooLong, record.len(), record);
        }
    }
}

#[cfg(test)]
mod tests;
