//! Intakes: splitter, decoder and feeds of one seat behind the door an input pushes bytes through.
//!
//! Connections and files of a seat have a splitter each and share its decoder, its draft and its feeds, behind one
//! lock taken once a push. A batch closes at 1,024 records, at 1 MiB, or when the input may block.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Poll;
use std::time::Duration;

use super::filter::panic_text;
use super::splitting::{Records, SplitRules, Splitting};
use crate::flow::{Body, Count, Feed, OverflowCounts, OwnMetrics, Sent, Token, Tokens, Trace};
use crate::lock::locked;
use crate::message::{Field, Message, Text, wire};
use crate::metric::{BadReason, SampleBatch, Tally};
use crate::plugin::{
    BoxFuture, BuildError, DecodeError, Decoder, Draft, Intake, Intakes, SplitFault, Splitter, Stop,
    StreamBase, Throttle, escaped,
};
use crate::time::Clock;

/// Opens the intakes of one seat.
pub struct SeatIntakes {
    side: Arc<Mutex<Side>>,
    splitter: Box<dyn Fn() -> Box<dyn Splitter> + Send + Sync>,
    rules: SplitRules,
    another: AnotherDecoder,
}

/// Makes a decoder like the seat's, for a stream that has one of its own.
type AnotherDecoder = Box<dyn Fn() -> Result<Box<dyn Decoder>, BuildError> + Send + Sync>;

/// The splitters and the decoder of one seat.
pub struct SeatDecoding {
    /// Makes a splitter for a connection, file or socket.
    pub splitter: Box<dyn Fn() -> Box<dyn Splitter> + Send + Sync>,
    /// What is done around them.
    pub rules: SplitRules,
    /// Decodes what all of them found that have no decoder of their own.
    pub decoder: Box<dyn Decoder>,
    /// Makes one for a stream.
    pub another: AnotherDecoder,
    /// What becomes of what it refuses.
    pub failures: DecodeFailures,
}

/// What becomes of records that a decoder refuses.
#[derive(Debug, Clone, Copy)]
pub struct DecodeFailures {
    /// Whether they are sent as messages.
    pub send: bool,
    /// Whether they are logged.
    pub log: bool,
}

/// The feeds of one seat of an input.
pub struct SeatFeeds {
    /// For samples.
    pub samples: Option<Feed>,
    /// For messages.
    pub messages: Option<Feed>,
}

/// What is counted of an input's data; shared by its lanes.
#[derive(Clone)]
pub struct InputCounts {
    datagrams: Count,
    lines: Count,
    dropped: Count,
    late: Count,
    bad: Arc<[Count]>,
    overflowed: OverflowCounts,
    decode_errors: Count,
    split_faults: Arc<[Count]>,
}

/// What the intakes of a seat share.
struct Side {
    name: Arc<str>,
    decoder: Box<dyn Decoder>,
    failures: DecodeFailures,
    draft: Draft,
    acks: Vec<Arc<dyn Token>>,
    feeds: SeatFeeds,
    counts: InputCounts,
    clock: Arc<dyn Clock>,
    throttle: Throttle,
    /// Bytes of the longest message.
    max_message: usize,
    /// Bytes of the records whose messages are in the draft.
    bytes: usize,
}

struct SeatIntake {
    side: Arc<Mutex<Side>>,
    /// What a stream has for itself, instead of what its seat has.
    own: Option<Own>,
    /// Whom messages are from, if it was told.
    host: Option<Text>,
    splitting: Splitting,
}

/// The decoder and the first message of one stream.
struct Own {
    decoder: Box<dyn Decoder>,
    base: Message,
}

impl InputCounts {
    /// The counters of the input `name`.
    pub fn new(own: &OwnMetrics, name: &str) -> InputCounts {
        let input = [("input", name)];
        let bad = BadReason::ALL.map(|reason| {
            own.counter("hekad_bad_lines_total", &[("input", name), ("reason", reason.label())])
        });
        let split_faults = SplitFault::ALL.map(|fault| {
            own.counter("hekad_split_faults_total", &[("input", name), ("reason", fault.label())])
        });
        InputCounts {
            datagrams: own.counter("hekad_datagrams_total", &input),
            lines: own.counter("hekad_lines_total", &input),
            dropped: own.counter("hekad_dropped_samples_total", &input),
            late: own.counter("hekad_late_samples_total", &input),
            bad: Arc::new(bad),
            overflowed: OverflowCounts::new(own, name),
            decode_errors: own.counter("hekad_decode_errors_total", &input),
            split_faults: Arc::new(split_faults),
        }
    }

    /// Counts values refused for `reason`.
    pub fn refuse(&self, reason: BadReason, count: u64) {
        self.bad[reason as usize].add(count);
    }

    fn add(&self, tally: &Tally) {
        self.datagrams.add(tally.datagrams);
        self.lines.add(tally.lines);
        self.dropped.add(tally.dropped);
        self.late.add(tally.late);
        for (count, &by) in self.bad.iter().zip(&tally.bad).filter(|(_, by)| **by > 0) {
            count.add(by);
        }
        self.overflowed.add(tally);
    }
}

impl SeatIntakes {
    /// The intakes of the seat of input `name`; `draft` holds what its messages start as.
    pub fn new(
        name: Arc<str>,
        kit: SeatDecoding,
        draft: Draft,
        feeds: SeatFeeds,
        counts: InputCounts,
        clock: Arc<dyn Clock>,
    ) -> SeatIntakes {
        let (acks, throttle) = (Vec::new(), Throttle::default());
        let SeatDecoding { splitter, rules, decoder, another, failures } = kit;
        let max_message = rules.max_message;
        let side = Side {
            name,
            decoder,
            failures,
            draft,
            acks,
            feeds,
            counts,
            clock,
            throttle,
            max_message,
            bytes: 0,
        };
        SeatIntakes { side: Arc::new(Mutex::new(side)), splitter, rules, another }
    }

    fn opened(&self, own: Option<Own>, whole: bool) -> Box<dyn Intake> {
        let splitting = Splitting::new((self.splitter)(), self.rules.clone(), whole);
        Box::new(SeatIntake { side: Arc::clone(&self.side), own, host: None, splitting })
    }
}

impl Intakes for SeatIntakes {
    fn open(&self) -> Box<dyn Intake> {
        self.opened(None, false)
    }

    fn open_whole(&self) -> Box<dyn Intake> {
        self.opened(None, true)
    }

    fn open_stream(&self, stream: StreamBase) -> Result<Box<dyn Intake>, BuildError> {
        let base = lock(&self.side).draft.base.clone();
        let base = Message {
            type_: stream.type_,
            logger: stream.logger,
            hostname: stream.hostname.unwrap_or(base.hostname),
            ..base
        };
        Ok(self.opened(Some(Own { decoder: (self.another)()?, base }), false))
    }
}

impl SeatIntake {
    /// Lets `split` find records, which are the stream's if it is one's. False as in `push`.
    fn split(&mut self, ack: Option<&Arc<dyn Token>>, split: impl FnOnce(&mut Splitting, &mut Side)) -> bool {
        let SeatIntake { side, own, host, splitting } = self;
        let mut side = lock(side);
        side.begin();
        side.owe(ack);
        if let Some(own) = own {
            side.lend(own);
            side.draft.base.timestamp = side.draft.samples.at;
        }
        if let Some(host) = host {
            std::mem::swap(&mut side.draft.base.hostname, host);
        }
        split(splitting, &mut side);
        if let Some(host) = host {
            std::mem::swap(&mut side.draft.base.hostname, host);
        }
        if let Some(own) = own {
            side.lend(own);
        }
        if side.is_full() { side.send() } else { side.is_ready() }
    }
}

impl Intake for SeatIntake {
    fn push(&mut self, bytes: &[u8], ack: Option<&Arc<dyn Token>>) -> bool {
        self.split(ack, |splitting, side| splitting.push(bytes, side))
    }

    fn flush(&mut self) -> bool {
        lock(&self.side).send()
    }

    fn pending(&self) -> usize {
        self.splitting.pending()
    }

    fn found(&self) -> u64 {
        self.splitting.found()
    }

    fn set_hostname(&mut self, host: Text) {
        self.host = Some(host);
    }

    fn end(&mut self, ack: Option<&Arc<dyn Token>>) -> bool {
        self.split(ack, |splitting, side| splitting.finish(side))
    }

    fn ready(&mut self) -> BoxFuture<'_, ()> {
        let side = Arc::clone(&self.side);
        Box::pin(std::future::poll_fn(move |context| {
            let mut side = lock(&side);
            for feed in side.feeds.iter_mut() {
                if feed.poll_ready(context).is_pending() {
                    return Poll::Pending;
                }
            }
            // What was decoded while the feed was full goes first.
            if side.send() {
                Poll::Ready(())
            } else {
                context.waker().wake_by_ref();
                Poll::Pending
            }
        }))
    }

    fn wait(&mut self, stop: &Stop) {
        while !stop.is_set() {
            let mut side = lock(&self.side);
            if side.feeds.iter_mut().all(|feed| feed.wait(LOOK_UP)) && side.send() {
                return;
            }
        }
    }
}

impl Drop for SeatIntake {
    fn drop(&mut self) {
        // The other intakes of the seat may be gone as well: nothing decoded is left behind.
        if !std::thread::panicking() {
            // The unfinished end of a stream is read again.
            if self.own.is_none() {
                self.end(None);
            }
            lock(&self.side).send();
        }
    }
}

/// The last intake is gone. What was decoded and found no room yet is waited for; what still finds none is lost.
impl Drop for Side {
    fn drop(&mut self) {
        for _ in 0..LAST_WAITS {
            if self.send() && self.is_ready() {
                return;
            }
            for feed in self.feeds.iter_mut() {
                feed.wait(LOOK_UP);
            }
        }
        self.acks.iter().for_each(|ack| ack.failed());
        let trace = Trace::made_at(self.draft.samples.at);
        if let Some(feed) = &mut self.feeds.samples {
            let none = SampleBatch::new(Arc::clone(&self.draft.samples.names));
            feed.lose(Body::Samples(std::mem::replace(&mut self.draft.samples, none)), trace.clone());
        }
        if let Some(feed) = &mut self.feeds.messages {
            feed.lose(Body::Messages(std::mem::take(&mut self.draft.messages)), trace);
        }
    }
}

impl SeatFeeds {
    fn iter_mut(&mut self) -> impl Iterator<Item = &mut Feed> {
        self.samples.iter_mut().chain(&mut self.messages)
    }
}

impl Side {
    /// Starts a batch: its time, and whether its lines are read.
    fn begin(&mut self) {
        if self.draft.samples.is_empty() && self.draft.messages.is_empty() {
            self.draft.samples.at = self.clock.now();
            self.draft.keep_lines = self.feeds.samples.as_mut().is_some_and(Feed::wants_lines);
            self.draft.base.timestamp = self.draft.samples.at;
        }
    }

    /// Remembers who waits for the records of the batch; a stream says the same for many blocks.
    fn owe(&mut self, ack: Option<&Arc<dyn Token>>) {
        if let Some(ack) = ack
            && !self.acks.last().is_some_and(|last| Arc::ptr_eq(last, ack))
        {
            self.acks.push(Arc::clone(ack));
        }
    }

    /// Changes the decoder and the first message for those of a stream, or back.
    fn lend(&mut self, own: &mut Own) {
        std::mem::swap(&mut self.decoder, &mut own.decoder);
        std::mem::swap(&mut self.draft.base, &mut own.base);
    }

    fn decode(&mut self, record: &[u8]) {
        let Side { decoder, draft, .. } = self;
        let decoded = catch_unwind(AssertUnwindSafe(|| decoder.decode(record, draft)));
        let error = match decoded {
            Ok(Ok(())) => None,
            Ok(Err(DecodeError(error))) => Some(error),
            Err(panic) => Some(panic_text(&*panic)),
        };
        if let Some(error) = error {
            self.counts.decode_errors.add(1);
            if self.failures.log {
                self.say("decode_error", &error, record);
            }
            if self.failures.send {
                let mut message = self.draft.begun();
                message.payload.extend_from_slice(record);
                message.fields.push(Field::new(Text::new_static("decode_failure"), true));
                let shown = &error[..error.floor_char_boundary(LONGEST_ERROR)];
                message.fields.push(Field::new(Text::new_static("decode_error"), shown));
                self.draft.messages.push(message);
            }
        }
        for complaint in std::mem::take(&mut self.draft.complaints) {
            self.say(complaint.reason, complaint.reason, &complaint.text);
        }
    }

    fn say(&mut self, site: &'static str, error: &str, example: &[u8]) {
        let now = self.draft.samples.at;
        if let Some(quiet) = self.throttle.allow(site, now) {
            let example = escaped(example);
            tracing::warn!("{}: bad input: {error} in \"{example}\"{quiet}", self.name);
        }
    }

    fn is_full(&self) -> bool {
        let samples = &self.draft.samples;
        samples.samples.len() + self.draft.messages.len() >= RECORDS
            || samples.text.len() + self.bytes >= BYTES
    }

    fn is_ready(&mut self) -> bool {
        self.feeds.iter_mut().all(Feed::retry)
    }

    /// A decoder that makes what it did not declare has no feed for it: that is an error of its own.
    fn refuse_undeclared(&mut self) {
        if self.feeds.samples.is_none() && !self.draft.samples.is_empty() {
            self.counts.decode_errors.add(self.draft.samples.samples.len() as u64);
            self.draft.samples.clear();
        }
        if self.feeds.messages.is_none() && !self.draft.messages.is_empty() {
            self.counts.decode_errors.add(self.draft.messages.len() as u64);
            self.draft.messages.clear();
        }
    }

    /// Sends what was decoded; false if a feed has to be waited for.
    fn send(&mut self) -> bool {
        if !self.is_ready() {
            return false;
        }
        let ack = match self.acks.len() {
            0 => None,
            1 => self.acks.pop(),
            _ => Some(Arc::new(Tokens(std::mem::take(&mut self.acks))) as Arc<dyn Token>),
        };
        let trace = Trace { ack, hops: 0, at: self.draft.samples.at };
        let mut done = true;
        self.refuse_undeclared();
        if let Some(feed) = self.feeds.samples.as_mut().filter(|_| !self.draft.samples.is_empty()) {
            self.counts.add(&self.draft.samples.tally);
            let next = match feed.reclaim() {
                Some(Body::Samples(mut batch)) => {
                    batch.clear();
                    batch
                }
                _ => SampleBatch::new(Arc::clone(&self.draft.samples.names)),
            };
            let batch = std::mem::replace(&mut self.draft.samples, next);
            match feed.send(Body::Samples(batch), trace.clone()) {
                Sent::Done(Some(Body::Samples(mut batch))) => {
                    batch.clear();
                    self.draft.samples = batch;
                }
                Sent::Done(_) => {}
                Sent::Wait => done = false,
            }
        }
        if let Some(feed) = self.feeds.messages.as_mut().filter(|_| !self.draft.messages.is_empty()) {
            let spare = &mut self.draft.spare;
            let mut room = if spare.is_empty() { std::mem::take(spare) } else { Vec::new() };
            // The next batch will have about as many.
            room.reserve(self.draft.messages.len());
            let messages = std::mem::replace(&mut self.draft.messages, room);
            self.bytes = 0;
            let back = match feed.send(Body::Messages(messages), trace) {
                Sent::Done(back) => back,
                Sent::Wait => {
                    done = false;
                    None
                }
            };
            if self.draft.spare.is_empty()
                && let Some(Body::Messages(used)) = back.or_else(|| feed.reclaim())
            {
                self.draft.spare = used;
            }
        }
        done
    }
}

impl Records for Side {
    fn record(&mut self, record: &[u8], signer: Option<Text>) {
        self.draft.base.signer = signer;
        let before = self.draft.messages.len();
        self.decode(record);
        if self.draft.messages.len() > before {
            self.bytes += record.len();
        }
    }

    fn fault(&mut self, fault: SplitFault, size: usize, example: &[u8]) {
        self.counts.split_faults[fault as usize].add(1);
        let long = |end: &str| {
            let limit = self.max_message;
            format!(
                "a record of {size} bytes at least, with its headers more than max_message_size ({limit}), {end}"
            )
        };
        let error = match fault {
            SplitFault::Garbage => "bytes that are no frame",
            SplitFault::UnknownSigner => "a frame of an unknown signer, or version of its key",
            SplitFault::BadSignature => "a frame whose signature is wrong",
            SplitFault::TooLong => &long("dropped"),
            SplitFault::Truncated => &long("cut short"),
            SplitFault::Incomplete => "an unfinished record at the end, dropped",
        };
        self.say(fault.label(), error, example);
    }

    /// As the payload of a message with the headers that the input gives it. What a decoder adds is not known.
    fn longest(&self) -> usize {
        if self.feeds.messages.is_none() {
            return usize::MAX;
        }
        let mut headers = Vec::new();
        wire::encode(&self.draft.base, &mut headers);
        let uuid = if self.draft.base.uuid == [0; 16] { UUID_BYTES } else { 0 };
        self.max_message.saturating_sub(headers.len() + uuid + PAYLOAD_BYTES)
    }
}

fn lock(side: &Arc<Mutex<Side>>) -> MutexGuard<'_, Side> {
    // A panic of a decoder is caught inside; one of a consumer's code must not end the producer either.
    locked(side)
}

/// Bytes of a uuid in a message.
const UUID_BYTES: usize = 18;

/// Bytes before a payload that tell its length.
const PAYLOAD_BYTES: usize = 6;

/// Bytes of the longest error in a message.
const LONGEST_ERROR: usize = 500;

/// Records after which a batch closes.
const RECORDS: usize = 1024;

/// Bytes of text after which a batch closes.
const BYTES: usize = 1 << 20;

/// How often `LOOK_UP` is waited when everything ends.
const LAST_WAITS: usize = 50;

/// How long a thread waits for room before it looks whether to stop.
const LOOK_UP: Duration = Duration::from_millis(100);
