//! Packs: a batch of records under the facts of its stream, with the trace that acknowledges it.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use super::{JointCounts, LossReason, RecordRef};
use crate::aggregate::{Distribution, Snapshot};
use crate::graphite::Namespace;
use crate::lock::locked;
use crate::matcher::{Fact, Facts};
use crate::message::Message;
use crate::metric::SampleBatch;
use crate::time::Stamp;

/// A receipt for data that an input can replay: done when the last clone is dropped.
pub trait Token: Send + Sync {
    /// Says that something under this token was lost, before the clone is dropped.
    fn failed(&self);
}

/// Several tokens held as one.
pub struct Tokens(pub Vec<Arc<dyn Token>>);

impl Token for Tokens {
    fn failed(&self) {
        self.0.iter().for_each(|token| token.failed());
    }
}

/// Where a pack comes from in time and in the router.
#[derive(Clone, Default)]
pub struct Trace {
    /// Held by everybody who still owes the data.
    pub ack: Option<Arc<dyn Token>>,
    /// Filters passed so far.
    pub hops: u8,
    /// When it was received or made.
    pub at: Stamp,
}

impl Trace {
    /// The trace of what a filter makes by itself.
    pub fn made_at(at: Stamp) -> Trace {
        Trace { at, ..Trace::default() }
    }
}

/// Number of a pack: the feed it came through and its count there. Uuids of samples are made of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Serial {
    /// Number of the feed among all feeds of all processes.
    pub feed: u64,
    /// Number of the pack within the feed.
    pub batch: u64,
}

/// One batch of one kind of record.
pub enum Body {
    /// Log records.
    Messages(Vec<Message>),
    /// Samples with the text their consumers asked for.
    Samples(SampleBatch),
    /// One flush and the names it is printed under.
    Snapshot {
        /// What was found.
        found: Arc<Snapshot>,
        /// How it is named.
        naming: Arc<Namespace>,
    },
}

/// Which kind of record a body has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum BodyKind {
    /// Log records.
    Messages,
    /// Samples.
    Samples,
    /// Flushes and live views.
    Snapshots,
}

impl BodyKind {
    /// All of them.
    pub const ALL: [BodyKind; 3] = [BodyKind::Messages, BodyKind::Samples, BodyKind::Snapshots];

    /// The word for people.
    pub const fn word(self) -> &'static str {
        match self {
            BodyKind::Messages => "messages",
            BodyKind::Samples => "samples",
            BodyKind::Snapshots => "flushes",
        }
    }
}

impl Body {
    /// Number of records; a snapshot is one.
    pub fn len(&self) -> usize {
        match self {
            Body::Messages(messages) => messages.len(),
            Body::Samples(batch) => batch.samples.len(),
            Body::Snapshot { .. } => 1,
        }
    }

    /// Whether there is no record in it; a batch of samples may still carry a tally.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes it holds, roughly.
    pub fn weight(&self) -> usize {
        match self {
            Body::Messages(messages) => messages.iter().map(Message::weight).sum(),
            Body::Samples(batch) => {
                size_of_val(&batch.samples[..]) + batch.text.len() + 8 * batch.lines.len()
            }
            Body::Snapshot { found, .. } => snapshot_weight(found),
        }
    }
}

/// Bytes a snapshot holds, roughly: columns, exact samples and members; a sketch as what it has at two digits.
pub fn snapshot_weight(found: &Snapshot) -> usize {
    let sketches =
        found.timers.iter().filter(|point| matches!(point.distribution, Distribution::Sketch(_))).count();
    let members = found.sets.iter().flat_map(|point| point.members.iter().flatten());
    size_of_val(&found.counters[..])
        + size_of_val(&found.totals[..])
        + size_of_val(&found.gauges[..])
        + size_of_val(&found.gauge_samples[..])
        + size_of_val(&found.timers[..])
        + size_of_val(&found.sets[..])
        + size_of_val(&found.values[..])
        + sketches * SKETCH_BYTES
        + members.map(|member| size_of_val(member) + member.len()).sum::<usize>()
}

/// Bytes of a sketch of two significant digits, roughly.
const SKETCH_BYTES: usize = 8 << 10;

/// Bytes of a pack without a record, of its place in a queue and of what the allocator adds, roughly.
const PACK_BYTES: usize = 256;

/// A body under the facts of its stream.
pub struct Pack {
    /// True of every record in it.
    pub facts: Arc<Facts>,
    /// Receipt, hops and time.
    pub trace: Trace,
    /// Its number.
    pub serial: Serial,
    /// The records.
    pub body: Body,
    /// Bytes it holds, once somebody has asked.
    weight: OnceLock<usize>,
    /// Where they go when everybody is done with them, if anybody wants them.
    pub(super) home: Option<Arc<Returns>>,
}

impl Drop for Pack {
    fn drop(&mut self) {
        if let Some(home) = self.home.take() {
            home.give(self.take_body());
        }
    }
}

/// Bodies that every consumer is done with, on their way back to whom they came from: to free a record on another thread
/// than that which made it costs more than to fill it.
#[derive(Default)]
pub(super) struct Returns(Mutex<Vec<Body>>);

impl Returns {
    fn give(&self, body: Body) {
        let mut bodies = self.lock();
        if bodies.len() < MOST_RETURNED && !body.is_empty() {
            bodies.push(body);
        }
    }

    pub(super) fn take(&self) -> Option<Body> {
        self.lock().pop()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Body>> {
        // Whole bodies are put in and taken out.
        locked(&self.0)
    }
}

/// Bodies that wait at most: more come back at once only where a queue was full and is no longer.
const MOST_RETURNED: usize = 4;

impl Pack {
    /// A body under the facts of its stream.
    pub fn new(facts: Arc<Facts>, trace: Trace, serial: Serial, body: Body) -> Pack {
        Pack { facts, trace, serial, body, weight: OnceLock::new(), home: None }
    }

    /// This pack, with where its records go in the end.
    #[must_use]
    pub(super) fn of(mut self, home: Option<Arc<Returns>>) -> Pack {
        self.home = home;
        self
    }

    /// The records, which it then no longer has.
    pub(super) fn take_body(&mut self) -> Body {
        std::mem::replace(&mut self.body, Body::Messages(Vec::new()))
    }

    /// The `index`-th record, borrowed.
    ///
    /// # Panics
    /// If there are fewer.
    pub fn record(&self, index: usize) -> RecordRef<'_> {
        match &self.body {
            Body::Messages(messages) => RecordRef::Message(&messages[index]),
            Body::Samples(batch) => {
                assert!(index < batch.samples.len(), "a record index is within its pack");
                RecordRef::Sample { pack: self, batch, index }
            }
            Body::Snapshot { found, naming } => RecordRef::Snapshot { pack: self, found, naming },
        }
    }
}

/// Which records of a pack a consumer was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// All of them.
    All,
    /// Those whose bit is set, record `i` at bit `i % 64` of word `i / 64`.
    Only(Vec<u64>),
}

impl Selection {
    /// Whether record `index` is chosen.
    pub fn contains(&self, index: usize) -> bool {
        match self {
            Selection::All => true,
            Selection::Only(words) => words.get(index / 64).is_some_and(|word| word >> (index % 64) & 1 == 1),
        }
    }

    /// Number of chosen records of a pack of `records`.
    pub fn len_of(&self, records: usize) -> usize {
        match self {
            Selection::All => records,
            Selection::Only(words) => words.iter().map(|word| word.count_ones() as usize).sum(),
        }
    }
}

/// A pack as one consumer sees it.
///
/// Whoever takes it from a queue says what became of every chosen record with `settle`.
pub struct Delivery {
    /// Shared with the other consumers.
    pub pack: Arc<Pack>,
    /// The records meant for this one.
    pub chosen: Selection,
    pub(super) joint: Arc<JointCounts>,
}

impl Delivery {
    /// The chosen records with their indexes, in order.
    pub fn records(&self) -> impl Iterator<Item = (usize, RecordRef<'_>)> {
        (0..self.pack.body.len())
            .filter(|&index| self.chosen.contains(index))
            .map(|index| (index, self.pack.record(index)))
    }

    /// Calls `visit` with every chosen flush or live view and the name of the aggregator that made it. The number of
    /// other records.
    pub fn each_snapshot(&self, mut visit: impl FnMut(&Snapshot, &str)) -> usize {
        let aggregator = match &self.pack.facts.logger {
            Fact::Is(logger) => logger,
            Fact::Prefix(_) | Fact::Unknown => "",
        };
        let mut others = 0;
        for (_, record) in self.records() {
            match record {
                RecordRef::Snapshot { found, .. } => visit(found, aggregator),
                _ => others += 1,
            }
        }
        others
    }

    /// Bytes it holds, roughly; what queues are bounded by. The whole pack, whatever was chosen of it.
    pub fn weight(&self) -> usize {
        *self.pack.weight.get_or_init(|| PACK_BYTES + self.pack.body.weight())
    }

    /// Number of chosen records.
    pub fn len(&self) -> usize {
        self.chosen.len_of(self.pack.body.len())
    }

    /// Whether no record was chosen.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Enters into the ledger that the records were read, and that so many of them are nothing the consumer could use.
    /// Their receipts are good: nothing would become of them another time.
    pub fn settle_read(&self, refused: u64) {
        self.joint.settle_read(self.len() as u64, refused);
    }

    /// Enters into the ledger what became of the records: so many lost for each reason, the rest taken.
    pub fn settle(&self, lost: &[(LossReason, usize)]) {
        let total: usize = lost.iter().map(|(_, count)| count).sum();
        self.joint.take((self.len() - total) as u64);
        for &(reason, count) in lost.iter().filter(|(_, count)| *count > 0) {
            self.joint.lose(reason, count as u64);
        }
        if total > 0
            && let Some(ack) = &self.pack.trace.ack
        {
            ack.failed();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_comes_back_when_its_last_consumer_is_done_and_no_more_than_are_of_use() {
        let home = Arc::new(Returns::default());
        let pack = |records: usize| {
            let body = Body::Messages(vec![Message::default(); records]);
            let pack = Pack::new(Arc::default(), Trace::default(), Serial::default(), body);
            Arc::new(pack.of(Some(Arc::clone(&home))))
        };
        let (first, second) = (pack(3), pack(0));
        let other = Arc::clone(&first);
        drop((first, second));
        assert!(home.take().is_none());
        drop(other);
        assert_eq!(home.take().expect("it came back").len(), 3);
        let packs: Vec<_> = (0..10).map(|_| pack(1)).collect();
        drop(packs);
        assert_eq!(std::iter::from_fn(|| home.take()).count(), MOST_RETURNED);
    }
}
