//! Inputs, and what turns their bytes into records: splitters and decoders.

use std::borrow::Cow;
use std::sync::Arc;

use super::{BoxFuture, BuildError, Fault, LocalFuture, Stop};
use crate::flow::Token;
use crate::matcher::Facts;
use crate::message::{Message, Text, made_uuid, maker_number};
use crate::metric::{Registry, SampleBatch};
use crate::time::Clock;

/// Takes bytes in and pushes them into intakes.
///
/// `run` is called on a thread of its own for every lane; it returns when told to stop or when its source ended.
pub trait Input: Send {
    /// Runs until `io.stop` says stop.
    ///
    /// # Errors
    /// A fault; the runner restarts the input with back-off if it may.
    fn run<'a>(&'a mut self, io: &'a Io) -> LocalFuture<'a, Result<(), Fault>>;
}

/// What an input is given to run with.
#[derive(Clone)]
pub struct Io {
    /// Which lane this is, from 0.
    pub lane: u32,
    /// Opens intakes of this lane's seat.
    pub intakes: Arc<dyn Intakes>,
    /// Says when to stop.
    pub stop: Stop,
    /// Takes what is to be counted or said.
    pub notes: Arc<dyn Notes>,
    /// Runs the tasks of connections.
    pub runtime: tokio::runtime::Handle,
    /// For sockets that pace themselves; decisions about data take their time from the records.
    pub clock: Arc<dyn Clock>,
}

/// Opens intakes.
pub trait Intakes: Send + Sync {
    /// A new intake for one connection or file of this lane, whose records may begin in one push and end in another.
    /// They share the seat's decoder and feeds.
    fn open(&self) -> Box<dyn Intake>;

    /// A new intake for datagrams, or bodies: each push is whole, and what its last record lacks will not come.
    fn open_whole(&self) -> Box<dyn Intake>;

    /// A new intake for a stream that has a decoder of its own beside its splitter, and says who its messages are from.
    /// What is unfinished when it is dropped is neither taken nor counted: whoever opens it reads that again.
    ///
    /// # Errors
    /// If its decoder cannot be built.
    fn open_stream(&self, stream: StreamBase) -> Result<Box<dyn Intake>, BuildError>;
}

/// Takes the bytes of one connection, file or socket: splitter, decoder and feeds behind one door.
pub trait Intake: Send {
    /// Takes bytes. False when a full consumer must be waited for with `ready` or `wait` before the next push; the
    /// bytes are taken all the same.
    fn push(&mut self, bytes: &[u8], ack: Option<&Arc<dyn Token>>) -> bool;

    /// Sends on what was decoded so far. To be called before the input may block. False as in `push`.
    fn flush(&mut self) -> bool;

    /// Bytes that were pushed and are part of no record yet: the last ones.
    fn pending(&self) -> usize;

    /// Records found so far, those given up too; bytes that are none do not count.
    fn found(&self) -> u64;

    /// Says that messages of what is pushed from here on are from `host`, unless their decoder knows better.
    fn set_hostname(&mut self, host: Text);

    /// Says that what completes the last record will not come: it is one all the same where its splitter says so, or is
    /// given up. False as in `push`.
    fn end(&mut self, ack: Option<&Arc<dyn Token>>) -> bool;

    /// For tasks: ready when pushes are welcome again.
    fn ready(&mut self) -> BoxFuture<'_, ()>;

    /// For threads: blocks until pushes are welcome again or a stop was asked for.
    fn wait(&mut self, stop: &Stop);
}

/// What the messages of a stream begin as, beside what every message of the input does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamBase {
    /// Their type.
    pub type_: Text,
    /// Their logger: the name of the stream.
    pub logger: Text,
    /// Their host, if it is not that of the daemon.
    pub hostname: Option<Text>,
}

/// Something an input has to say beside its bytes. Numbers are what came since the last note of the kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// It listens; the text says where and what to try next. Logged once, at the start.
    Listening(String),
    /// Something an operator should change; logged.
    Advice(String),
    /// Datagrams the kernel dropped.
    KernelDrops(u64),
    /// Datagrams that were cut; their last line was not pushed.
    Truncated(u64),
    /// Connections accepted.
    Connected(u64),
    /// Connections that ended, of those accepted.
    Disconnected(u64),
    /// Connections refused: too many.
    Refused(u64),
    /// Connections closed: no line came for too long.
    Idle(u64),
    /// Lines too long, dropped.
    LongLines(u64),
    /// Lines discarded because their connection was cut off within them.
    Unfinished(u64),
    /// Connections that could not be accepted.
    AcceptErrors(u64),
    /// Connections closed: they did not agree on keys in time.
    LateHandshakes(u64),
    /// Connections closed: they could not agree on keys; and what was wrong with one of them.
    FailedHandshakes(u64, String),
}

/// Takes notes; the runner counts and logs them.
pub trait Notes: Send + Sync {
    /// Takes one note.
    fn note(&self, note: Note);
}

/// Finds records in a stream of bytes.
pub trait Splitter: Send {
    /// Finds the next record in `buffer`, which begins after the last one's end.
    fn split<'a>(&mut self, buffer: &'a [u8]) -> Split<'a>;

    /// The same where nothing more can come: at the end of a datagram or stream. What it leaves is no whole record.
    fn split_last<'a>(&mut self, buffer: &'a [u8]) -> Split<'a> {
        self.split(buffer)
    }

    /// Whether what is left of a datagram or of an ended stream may be taken as a record.
    fn takes_rest(&self) -> bool {
        true
    }

    /// Whether a record is bounded by `max_message_size`. Not where it is what was read at once, which has a bound.
    fn is_bounded(&self) -> bool {
        true
    }

    /// Told that what it was shown last was given up, and that the next buffer begins elsewhere.
    fn forget(&mut self) {}
}

/// What a splitter found.
pub struct Split<'a> {
    /// Bytes to forget; 0 when more are needed. More than there are: those that come next, too.
    pub consumed: usize,
    /// The record, if there is one.
    pub record: Option<Cow<'a, [u8]>>,
    /// Who signed it, where that was verified.
    pub signer: Option<Text>,
    /// What is wrong with the bytes to forget, if something is.
    pub fault: Option<SplitFault>,
}

impl<'a> Split<'a> {
    /// A record, and the bytes it took.
    pub fn record(record: &'a [u8], consumed: usize) -> Split<'a> {
        Split { consumed, record: Some(Cow::Borrowed(record)), signer: None, fault: None }
    }

    /// No record in so many bytes, which are done with: none if more are needed.
    pub fn nothing(consumed: usize) -> Split<'a> {
        Split { consumed, record: None, signer: None, fault: None }
    }

    /// The same, for this reason.
    #[must_use]
    pub fn for_fault(mut self, fault: SplitFault) -> Split<'a> {
        self.fault = Some(fault);
        self
    }
}

/// Why bytes of a stream are no record, or not all of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SplitFault {
    /// They stand between two frames.
    Garbage,
    /// A frame signed by somebody, or with a version of a key, that is not configured.
    UnknownSigner,
    /// A frame whose signature is not that of its signer.
    BadSignature,
    /// A record longer than `max_message_size` allows, dropped.
    TooLong,
    /// The same, of which the beginning is kept.
    Truncated,
    /// The stream ended within a record.
    Incomplete,
}

impl SplitFault {
    /// All of them.
    pub const ALL: [SplitFault; 6] = [
        SplitFault::Garbage,
        SplitFault::UnknownSigner,
        SplitFault::BadSignature,
        SplitFault::TooLong,
        SplitFault::Truncated,
        SplitFault::Incomplete,
    ];

    /// As the label of a counter.
    pub const fn label(self) -> &'static str {
        match self {
            SplitFault::Garbage => "garbage",
            SplitFault::UnknownSigner => "unknown_signer",
            SplitFault::BadSignature => "bad_signature",
            SplitFault::TooLong => "too_long",
            SplitFault::Truncated => "truncated",
            SplitFault::Incomplete => "incomplete",
        }
    }
}

/// Makes messages or samples of a record.
pub trait Decoder: Send {
    /// What is true of every message it makes of records of which `given` is true.
    fn facts(&self, given: &Facts) -> Facts {
        let _ = given;
        Facts::default()
    }

    /// Appends to the draft what the record holds.
    ///
    /// # Errors
    /// When the record as a whole is not what it should be. Single bad lines are counted in the draft's tally.
    fn decode(&mut self, record: &[u8], draft: &mut Draft) -> Result<(), DecodeError>;
}

/// What a decoder appends to.
pub struct Draft {
    /// What a new message starts as: headers the input knows.
    pub base: Message,
    /// Messages made.
    pub messages: Vec<Message>,
    /// Messages that everybody is done with: new ones begin in their memory.
    pub spare: Vec<Message>,
    /// Samples made.
    pub samples: SampleBatch,
    /// Whether a consumer reads the lines of samples.
    pub keep_lines: bool,
    /// Examples of what was refused, at most one a record; logged with a throttle.
    pub complaints: Vec<Complaint>,
    /// Names the messages of this seat.
    pub uuids: Uuids,
}

impl Draft {
    /// Nothing yet; messages start as `base`, names of samples are kept in `names`.
    pub fn new(base: Message, names: Arc<Registry>, uuids: Uuids) -> Draft {
        Draft {
            base,
            messages: Vec::new(),
            spare: Vec::new(),
            samples: SampleBatch::new(names),
            keep_lines: false,
            complaints: Vec::new(),
            uuids,
        }
    }

    /// A message as it begins: the base, with a uuid of its own unless it has one.
    pub fn begun(&mut self) -> Message {
        let mut message = self.base.clone();
        if message.uuid == [0; 16] {
            message.uuid = self.uuids.next();
        }
        self.give_memory(&mut message);
        message
    }

    /// A message without anything.
    pub fn blank(&mut self) -> Message {
        let mut message = Message::default();
        self.give_memory(&mut message);
        message
    }

    /// Gives it that of a message that is done with, where it has none of its own.
    fn give_memory(&mut self, message: &mut Message) {
        let Some(Message { mut payload, mut fields, .. }) = self.spare.pop() else { return };
        if message.payload.capacity() == 0 && payload.capacity() <= LARGEST_PAYLOAD {
            payload.clear();
            message.payload = payload;
        }
        if message.fields.capacity() == 0 && fields.capacity() <= MOST_FIELDS {
            fields.clear();
            message.fields = fields;
        }
    }
}

/// Bytes of a payload, and fields, whose memory is used again: what is larger costs more to fill than to find.
const LARGEST_PAYLOAD: usize = 2048;
const MOST_FIELDS: usize = 32;

/// Makes uuids that no other seat makes.
#[derive(Debug, Clone)]
pub struct Uuids {
    maker: u64,
    made: u64,
}

impl Uuids {
    /// Those of one lane of an input, in a process of that seed.
    pub fn of_seat(input: &str, lane: u32, seed: u64) -> Uuids {
        Uuids { maker: maker_number(seed, &format!("{input}#{lane}")), made: 0 }
    }

    /// The next one.
    #[expect(clippy::should_implement_trait, reason = "it never ends, and is no iterator of anything")]
    pub fn next(&mut self) -> [u8; 16] {
        self.made += 1;
        made_uuid(self.maker, self.made)
    }
}

/// An example of refused bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// Why, as the label of a counter.
    pub reason: &'static str,
    /// The bytes, cut short.
    pub text: Vec<u8>,
}

/// A record is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DecodeError(pub String);

#[cfg(test)]
mod tests {
    use crate::message::{Field, Message};
    use crate::plugin::testing::draft;

    #[test]
    fn a_message_begins_in_the_memory_of_another_and_has_nothing_of_it() {
        let (mut draft, mut plain) = (draft(), draft());
        let used = |payload: usize| Message {
            uuid: [7; 16],
            logger: "other".into(),
            pid: 5,
            payload: vec![b'x'; payload],
            fields: vec![Field::new("name", "value"); 3],
            signer: Some("ops".into()),
            ..Message::default()
        };
        draft.spare = vec![used(1 << 20), used(100), used(100)];
        let (begun, blank) = (draft.begun(), draft.blank());
        assert_eq!((&begun, &blank), (&plain.begun(), &Message::default()));
        for message in [begun, blank] {
            assert!(message.payload.capacity() >= 100 && message.fields.capacity() >= 3);
        }
        // One that was large holds no small one.
        assert_eq!(draft.begun().payload.capacity(), 0);
        assert!(draft.spare.is_empty());
    }
}
