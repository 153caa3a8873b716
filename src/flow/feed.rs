//! A producer's end of the router.
//!
//! A feed decides who gets which record, pours into lanes on the spot, offers to queues, and keeps at most one pack
//! that a full queue of a consumer who may block did not take. It never blocks by itself.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use super::kinds::{Kinds, Taken};
use super::{
    Body, Delivery, FeedCounts, Leg, LossReason, Offered, OnFull, Pack, Patience, Poured, Queue, RecordRef,
    Returns, Routes, Seat, Selection, Serial, SeriesTest, Test, Trace, Way,
};
use crate::matcher::Facts;
use crate::metric::SampleBatch;

/// How a feed reaches its consumers. Anything but `AsConfigured` is for trials, which compare them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Wiring {
    /// Lanes where an inlet is offered, queues elsewhere.
    #[default]
    AsConfigured,
    /// Queues only.
    Queues,
    /// Queues only, and every sample a message of its own.
    Messages,
}

/// What a feed is opened with.
pub struct FeedSpec {
    /// Name of the producer.
    pub producer: Arc<str>,
    /// Its seat.
    pub seat: Seat,
    /// Number of the feed: another for every feed of a pipeline, and of other processes.
    pub number: u64,
    /// True of every record it will send.
    pub facts: Arc<Facts>,
    /// Whether the producer can wait.
    pub patience: Patience,
    /// Filters a record may have passed before it is lost.
    pub max_hops: u8,
    /// How consumers are reached.
    pub wiring: Wiring,
    /// The producer's books.
    pub counts: FeedCounts,
    /// Raised when a full queue asks for the daemon to stop.
    pub shutdown: Arc<AtomicBool>,
}

/// A producer's end of the router. Belongs to one thread at a time.
pub struct Feed {
    spec: FeedSpec,
    routes: Arc<dyn Routes>,
    legs: Vec<Leg>,
    seen: u64,
    batch: u64,
    waiting: Vec<(usize, Delivery)>,
    spare: Spare,
    kinds: Kinds,
    /// What comes back of its packs, once that was asked for.
    returns: Option<Arc<Returns>>,
}

/// Memory of the last batch for the next: bits of a selection, and of the union of all.
#[derive(Default)]
struct Spare {
    chosen: Vec<u64>,
    union: Vec<u64>,
}

/// What became of a pack that was sent.
pub enum Sent {
    /// Everybody has it; the body is back if nobody keeps it, so that its memory can be used again.
    Done(Option<Body>),
    /// A consumer that may block is full: nothing more is to be sent before `retry`, `poll_ready` or `wait` says so.
    Wait,
}

impl Feed {
    /// Opens a feed; the legs are asked for now.
    pub fn open(spec: FeedSpec, routes: Arc<dyn Routes>) -> Feed {
        let (seen, legs) = routes.legs(&spec.producer, spec.seat, &spec.facts, spec.patience);
        Feed {
            spec,
            routes,
            legs,
            seen,
            batch: 0,
            waiting: Vec::new(),
            spare: Spare::default(),
            kinds: Kinds::default(),
            returns: None,
        }
    }

    /// Whether there is a consumer at all.
    pub fn is_wanted(&mut self) -> bool {
        self.refresh();
        !self.legs.is_empty()
    }

    /// Whether a consumer reads the text of samples, so that a decoder must keep their lines.
    pub fn wants_lines(&mut self) -> bool {
        self.refresh();
        self.spec.wiring == Wiring::Messages
            || self.legs.iter().any(|leg| match (&leg.way, &leg.test) {
                (Way::Queue(_), _) => true,
                (_, Test::Record(matcher) | Test::Kind(matcher)) => matcher.reads_payload(),
                _ => false,
            })
    }

    /// Whether a consumer reads what counters came to since they began.
    pub fn wants_totals(&mut self) -> bool {
        self.refresh();
        self.legs.iter().any(|leg| leg.reads_totals)
    }

    /// Sends a batch to everybody whose matcher takes a record of it. Never blocks.
    ///
    /// # Panics
    /// If a pack is still waiting.
    pub fn send(&mut self, body: Body, trace: Trace) -> Sent {
        assert!(self.waiting.is_empty(), "a feed is ready before it sends again");
        self.refresh();
        self.batch += 1;
        let records = body.len();
        self.spec.counts.records.add(records as u64);
        let serial = Serial { feed: self.spec.number, batch: self.batch };
        let home = self.returns.clone();
        let mut pack = Pack::new(Arc::clone(&self.spec.facts), trace, serial, body).of(home);
        if pack.trace.hops > self.spec.max_hops {
            let unmatched = self.refuse(&pack, LossReason::Hops);
            self.spec.counts.unmatched.add(unmatched);
            return Sent::Done(Some(pack.take_body()));
        }
        let back = match self.spec.wiring {
            Wiring::Messages => {
                expanded(pack).into_iter().for_each(|pack| drop(self.deliver(pack)));
                None
            }
            Wiring::AsConfigured | Wiring::Queues => self.deliver(pack),
        };
        if self.waiting.is_empty() { Sent::Done(back.map(|mut pack| pack.take_body())) } else { Sent::Wait }
    }

    /// A body that was sent and that every consumer is done with, whatever is in it, so that its memory can be used again.
    /// Those that came back before it was first asked for are gone.
    pub fn reclaim(&mut self) -> Option<Body> {
        self.returns.get_or_insert_default().take()
    }

    /// Brings a pack to its consumers; gives it back if none of them keeps it.
    fn deliver(&mut self, pack: Pack) -> Option<Pack> {
        self.kinds.forget();
        let mut matched = Union::new(pack.body.len(), std::mem::take(&mut self.spare.union));
        self.pour(&pack, &mut matched);
        let pack = self.offer(pack, &mut matched);
        self.spec.counts.unmatched.add(matched.missing());
        self.spare.union = matched.words;
        pack
    }

    /// Offers again what waits; true when nothing waits any more.
    pub fn retry(&mut self) -> bool {
        for (leg, delivery) in std::mem::take(&mut self.waiting) {
            self.offer_one(leg, delivery);
        }
        self.waiting.is_empty()
    }

    /// The same for a task: ready when nothing waits any more.
    pub fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            if self.retry() {
                return Poll::Ready(());
            }
            let (queue, weight) = self.full_queue().expect("only a queue makes a feed wait");
            if queue.poll_room(weight, context).is_pending() {
                return Poll::Pending;
            }
        }
    }

    /// The same for a thread: blocks for at most `wait`; true when nothing waits any more.
    pub fn wait(&mut self, wait: Duration) -> bool {
        if self.retry() {
            return true;
        }
        if let Some((queue, weight)) = self.full_queue() {
            queue.wait_for_room(weight, wait);
        }
        self.retry()
    }

    /// The first queue that is waited for, and how much room is needed there.
    fn full_queue(&self) -> Option<(&Queue<Delivery>, usize)> {
        let (leg, delivery) = self.waiting.first()?;
        match &self.legs[*leg].way {
            Way::Queue(queue) => Some((queue, delivery.weight())),
            Way::Lane(_) => None,
        }
    }

    /// Enters records as lost that could not even be sent: the stop cannot wait any longer.
    pub fn lose(&mut self, body: Body, trace: Trace) {
        let facts = Arc::clone(&self.spec.facts);
        self.refuse(&Pack::new(facts, trace, Serial::default(), body), LossReason::StopDeadline);
    }

    /// Gives up on what waits, entering it as lost: the stop cannot wait any longer.
    pub fn abandon(&mut self) {
        for (_, delivery) in self.waiting.drain(..) {
            delivery.settle(&[(LossReason::StopDeadline, delivery.len())]);
        }
    }

    fn refresh(&mut self) {
        if self.waiting.is_empty() && self.routes.generation() != self.seen {
            self.reload();
        }
    }

    fn reload(&mut self) {
        let spec = &self.spec;
        (self.seen, self.legs) = self.routes.legs(&spec.producer, spec.seat, &spec.facts, spec.patience);
    }

    /// Pours into every lane. A lane that has closed is asked for anew at once.
    fn pour(&mut self, pack: &Pack, matched: &mut Union) {
        let mut served: Vec<Arc<str>> = Vec::new();
        let mut index = 0;
        while let Some(leg) = self.legs.get_mut(index) {
            index += 1;
            let Way::Lane(lane) = &leg.way else { continue };
            let lane = Arc::clone(lane);
            if served.contains(&leg.counts.consumer) {
                continue;
            }
            let Some((chosen, count)) = choose(&mut leg.test, pack, &mut self.spare.chosen, &mut self.kinds)
            else {
                continue;
            };
            match catch_unwind(AssertUnwindSafe(|| lane.pour(pack, &chosen))) {
                Ok(poured @ (Poured::Taken | Poured::Partly { .. })) => {
                    let refused = if let Poured::Partly { refused } = poured { refused } else { 0 };
                    leg.counts.offer(count);
                    leg.counts.settle_read(count, refused);
                    matched.add(&chosen);
                }
                Ok(Poured::Closed) => {
                    let done = self.legs[..index - 1].iter().filter(|leg| matches!(leg.way, Way::Lane(_)));
                    served.extend(done.map(|leg| Arc::clone(&leg.counts.consumer)));
                    let before = self.seen;
                    self.reload();
                    if self.seen == before {
                        // The consumer is gone and the router has not heard yet: the joint bears the loss.
                        let leg = &self.legs[index - 1];
                        leg.counts.offer(count);
                        leg.counts.lose(LossReason::Closed, count);
                        matched.add(&chosen);
                    } else {
                        index = 0;
                    }
                }
                Err(_panic) => {
                    leg.counts.offer(count);
                    leg.counts.lose(LossReason::Fault, count);
                    leg.health.fault();
                    matched.add(&chosen);
                }
            }
            if let Selection::Only(words) = chosen {
                self.spare.chosen = words;
            }
        }
    }

    /// Offers to every queue; gives the pack back if there was none to take it.
    fn offer(&mut self, pack: Pack, matched: &mut Union) -> Option<Pack> {
        let mut shared: Option<Arc<Pack>> = None;
        let mut own = Some(pack);
        for index in 0..self.legs.len() {
            let leg = &mut self.legs[index];
            if !matches!(leg.way, Way::Queue(_)) {
                continue;
            }
            let seen = shared.as_deref().or(own.as_ref()).expect("the pack is here or shared");
            let Some((chosen, count)) = choose(&mut leg.test, seen, &mut self.spare.chosen, &mut self.kinds)
            else {
                continue;
            };
            matched.add(&chosen);
            let pack = shared.get_or_insert_with(|| Arc::new(own.take().expect("shared once")));
            let delivery = Delivery { pack: Arc::clone(pack), chosen, joint: Arc::clone(&leg.counts) };
            leg.counts.offer(count);
            self.offer_one(index, delivery);
        }
        own
    }

    fn offer_one(&mut self, index: usize, delivery: Delivery) {
        let leg = &self.legs[index];
        let Way::Queue(queue) = &leg.way else { unreachable!("only deliveries to queues are offered") };
        let weight = delivery.weight();
        match queue.offer(delivery, weight, self.spec.patience) {
            Offered::Taken => {}
            Offered::Closed(delivery) => delivery.settle(&[(LossReason::Closed, delivery.len())]),
            Offered::Full(delivery) => match leg.on_full {
                OnFull::Block => self.waiting.push((index, delivery)),
                OnFull::Drop => delivery.settle(&[(LossReason::Full, delivery.len())]),
                OnFull::DropInLoop => delivery.settle(&[(LossReason::LoopFull, delivery.len())]),
                OnFull::Shutdown => {
                    delivery.settle(&[(LossReason::Full, delivery.len())]);
                    self.spec.shutdown.store(true, Ordering::Release);
                }
            },
        }
    }

    /// Enters records as lost for those who would have got them. The number of the others.
    fn refuse(&mut self, pack: &Pack, reason: LossReason) -> u64 {
        self.kinds.forget();
        let mut matched = Union::new(pack.body.len(), std::mem::take(&mut self.spare.union));
        for leg in &mut self.legs {
            let chosen = choose(&mut leg.test, pack, &mut self.spare.chosen, &mut self.kinds);
            let Some((chosen, count)) = chosen else { continue };
            leg.counts.offer(count);
            leg.counts.lose(reason, count);
            matched.add(&chosen);
            if let Selection::Only(words) = chosen {
                self.spare.chosen = words;
            }
        }
        let missing = matched.missing();
        self.spare.union = matched.words;
        missing
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.abandon();
    }
}

/// The records of `pack` that pass `test`, in the memory of `words`, and their number; none if there is nothing to
/// hand over.
fn choose(test: &mut Test, pack: &Pack, words: &mut Vec<u64>, kinds: &mut Kinds) -> Option<(Selection, u64)> {
    let records = pack.body.len();
    let all = Some((Selection::All, records as u64));
    match (test, &pack.body) {
        // A batch without samples still carries its tally to those who take everything.
        (Test::Every, _) => return all,
        (Test::Series(series), Body::Samples(batch)) => fill(words, records, |index| {
            let sample = &batch.samples[index];
            series.answer(sample.series, sample.kind, |matcher| {
                let name = batch.names.series(sample.series);
                matcher.matches(&RecordRef::series(&name, sample.kind, pack))
            })
        }),
        (Test::Kind(matcher), Body::Messages(messages)) => {
            match kinds.ask(messages, |index| matcher.matches(&messages[index])) {
                Taken::None => return None,
                Taken::All => return all,
                Taken::Some { of, kinds } => fill(words, records, |index| kinds >> of[index] & 1 == 1),
                Taken::Unknown => fill(words, records, |index| matcher.matches(&messages[index])),
            }
        }
        (Test::Series(SeriesTest { matcher, .. }) | Test::Record(matcher) | Test::Kind(matcher), _) => {
            fill(words, records, |index| matcher.matches(&pack.record(index)));
        }
    }
    match words.iter().map(|word| word.count_ones() as usize).sum() {
        0 => None,
        count if count == records => all,
        count => Some((Selection::Only(std::mem::take(words)), count as u64)),
    }
}

/// Sets the bits of the records that are chosen, and no others.
fn fill(words: &mut Vec<u64>, records: usize, mut is_chosen: impl FnMut(usize) -> bool) {
    words.clear();
    words.extend((0..records).step_by(64).map(|start| {
        let indexes = start..records.min(start + 64);
        indexes.rev().fold(0, |word, index| word << 1 | u64::from(is_chosen(index)))
    }));
}

/// Counts the records that no leg chose.
struct Union {
    records: usize,
    all: bool,
    words: Vec<u64>,
}

impl Union {
    /// Nothing chosen yet of so many records; `memory` is used for it, whatever is in it.
    fn new(records: usize, mut memory: Vec<u64>) -> Union {
        memory.clear();
        Union { records, all: false, words: memory }
    }

    fn add(&mut self, chosen: &Selection) {
        match chosen {
            _ if self.all => {}
            Selection::All => self.all = true,
            Selection::Only(words) => {
                self.words.resize(words.len(), 0);
                self.words.iter_mut().zip(words).for_each(|(mine, theirs)| *mine |= theirs);
            }
        }
    }

    fn missing(&self) -> u64 {
        if self.all {
            return 0;
        }
        let seen: usize = self.words.iter().map(|word| word.count_ones() as usize).sum();
        (self.records - seen) as u64
    }
}

/// The same records with every sample a message of its own; the tally travels before them.
fn expanded(mut pack: Pack) -> Vec<Pack> {
    let Body::Samples(batch) = &mut pack.body else { return vec![pack] };
    let tally = SampleBatch { at: batch.at, ..SampleBatch::new(Arc::clone(&batch.names)) };
    let tally = SampleBatch { tally: std::mem::take(&mut batch.tally), ..tally };
    let count = batch.samples.len();
    let messages = (0..count).map(|index| pack.record(index).to_message().into_owned()).collect();
    let with = |body| Pack::new(Arc::clone(&pack.facts), pack.trace.clone(), pack.serial, body);
    let mut packs = Vec::new();
    if !tally.is_empty() {
        packs.push(with(Body::Samples(tally)));
    }
    if count > 0 {
        packs.push(with(Body::Messages(messages)));
    }
    packs
}

#[cfg(test)]
mod tests;
