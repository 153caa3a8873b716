//! What an output has under way: deliveries in order, and their records that are encoded and not yet sent.

use std::collections::VecDeque;

use super::guarded;
use crate::flow::{Count, Delivery, LossReason};
use crate::plugin::{EncodeError, Encoder, Frames, Gathering, More};
use crate::time::Stamp;

/// Deliveries under way. Most outputs have one at a time; one that gathers has as many as fill what it sends.
#[derive(Default)]
pub struct HeldDeliveries {
    held: VecDeque<Held>,
    /// Records that are encoded and not yet sent.
    frames: Frames,
    /// Their number.
    encoded: usize,
    /// When the first of them was encoded.
    since: Option<Stamp>,
    /// Whether they are to be sent before more is encoded.
    pending: bool,
    /// Bytes that the deliveries hold.
    weight: usize,
}

struct Held {
    delivery: Delivery,
    /// Records of the pack looked at so far, and how far the encoder is within the next one.
    next: usize,
    from: usize,
    /// Records encoded and not yet sent, records given to the output before, records the encoder refused.
    encoded: usize,
    sent: usize,
    unencoded: usize,
    /// Records the output refused among those it was given.
    refused: usize,
}

impl HeldDeliveries {
    /// Whether nothing is under way.
    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Whether there is something to send before anything else.
    pub(super) fn is_pending(&self) -> bool {
        self.pending
    }

    /// Says that what there is is to be sent.
    pub(super) fn close(&mut self) {
        self.pending = true;
    }

    /// The first delivery and what is to be sent, once something is pending.
    pub(super) fn outgoing(&self) -> (&Delivery, &Frames) {
        (&self.held.front().expect("something is under way").delivery, &self.frames)
    }

    /// Records of all deliveries.
    pub(super) fn len(&self) -> usize {
        self.held.iter().map(|held| held.delivery.len()).sum()
    }

    /// Bytes that they hold, roughly: whole packs, whatever was chosen of them.
    pub(super) fn weight(&self) -> usize {
        self.weight
    }

    /// Number of records that are to be sent.
    pub(super) fn encoded(&self) -> usize {
        self.encoded
    }

    /// When the first record that is to be sent was encoded.
    pub(super) fn since(&self) -> Option<Stamp> {
        self.since
    }

    /// Takes a delivery that is sent as it is.
    pub(super) fn push_whole(&mut self, delivery: Delivery) {
        let (next, encoded) = (delivery.pack.body.len(), delivery.len());
        self.weight += delivery.weight();
        self.held.push_back(Held { next, encoded, ..Held::new(delivery) });
        self.encoded += encoded;
    }

    /// Takes a delivery that is to be encoded.
    pub(super) fn push(&mut self, delivery: Delivery) {
        self.weight += delivery.weight();
        self.held.push_back(Held::new(delivery));
    }

    /// Whether every record of every delivery was encoded, or refused by the encoder.
    pub(super) fn is_whole(&self) -> bool {
        self.held.back().is_none_or(Held::is_whole)
    }

    /// Encodes records of the last delivery until there is enough to send; whether there is. The last error goes to
    /// `failed`.
    pub(super) fn encode(
        &mut self,
        encoder: &mut dyn Encoder,
        enough: Gathering,
        now: Stamp,
        failed: &mut Option<EncodeError>,
    ) -> bool {
        let HeldDeliveries { held, frames, encoded, since, .. } = self;
        let Some(held) = held.back_mut() else { return false };
        loop {
            if *encoded >= enough.records || frames.bytes.len() >= enough.bytes {
                return true;
            }
            if held.is_whole() {
                return false;
            }
            if !held.delivery.chosen.contains(held.next) {
                held.next += 1;
                continue;
            }
            let taken = held.encode_next(encoder, frames);
            if !frames.ends.is_empty() {
                since.get_or_insert(now);
            }
            match taken {
                Ok(More::Again) => return true,
                Ok(More::Done) => *encoded += 1,
                Err(error) => *failed = Some(error),
            }
        }
    }

    /// Whether there is anything encoded.
    pub(super) fn has_frames(&self) -> bool {
        !self.frames.ends.is_empty()
    }

    /// What is pending was given to the output, which refused so many of it.
    pub(super) fn sent(&mut self, mut refused: usize) {
        for held in &mut self.held {
            let sent = std::mem::take(&mut held.encoded);
            // A plugin's word is taken, but not for more than it was given.
            let lost = refused.min(sent);
            held.sent += sent;
            held.refused += lost;
            refused -= lost;
        }
        self.forget_frames();
    }

    /// Ends the deliveries that are done with, counts what arrived; whether there was any.
    pub(super) fn settle_done(&mut self, delivered: &Count) -> bool {
        let mut any = false;
        while self.held.front().is_some_and(|held| held.is_whole() && held.encoded == 0) {
            let held = self.held.pop_front().expect("there is one");
            self.weight -= held.delivery.weight();
            held.settle(LossReason::Refused, delivered);
            any = true;
        }
        any
    }

    /// Ends all deliveries; what was neither sent nor refused is lost.
    pub(super) fn give_up(&mut self, reason: LossReason, delivered: &Count) {
        self.held.drain(..).for_each(|held| held.settle(reason, delivered));
        self.weight = 0;
        self.forget_frames();
    }

    fn forget_frames(&mut self) {
        self.frames.clear();
        if self.frames.bytes.capacity() > 2 * ENOUGH {
            self.frames = Frames::default();
        }
        (self.encoded, self.since, self.pending) = (0, None, false);
    }
}

impl Held {
    fn new(delivery: Delivery) -> Held {
        Held { delivery, next: 0, from: 0, encoded: 0, sent: 0, unencoded: 0, refused: 0 }
    }

    fn is_whole(&self) -> bool {
        self.next >= self.delivery.pack.body.len()
    }

    fn encode_next(&mut self, encoder: &mut dyn Encoder, frames: &mut Frames) -> Result<More, EncodeError> {
        let record = self.delivery.pack.record(self.next);
        let from = &mut self.from;
        let (ends, bytes) = (frames.ends.len(), frames.bytes.len());
        let encoded = guarded(|| encoder.encode(record, from, frames));
        if encoded.is_err() {
            frames.ends.truncate(ends);
            frames.bytes.truncate(bytes);
        }
        let encoded = encoded.unwrap_or_else(|panic| Err(EncodeError(panic.to_string())));
        match encoded {
            Ok(More::Again) => return encoded,
            Ok(More::Done) => self.encoded += 1,
            Err(_) => self.unencoded += 1,
        }
        self.next += 1;
        self.from = 0;
        encoded
    }

    /// Enters into the books what became of it: what was neither sent nor refused is lost for `reason`.
    fn settle(self, reason: LossReason, delivered: &Count) {
        let arrived = self.sent.saturating_sub(self.refused);
        let rest = self.delivery.len() - self.unencoded - self.refused - arrived;
        delivered.add(arrived as u64);
        let refused = (LossReason::Refused, self.refused);
        self.delivery.settle(&[(LossReason::Encode, self.unencoded), refused, (reason, rest)]);
    }
}

/// Memory of frames is kept up to twice this.
const ENOUGH: usize = Gathering::ONE_DELIVERY.bytes;
