//! Legs: the ways from a feed to its consumers, and the offer a consumer makes to be poured into.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Delivery, JointCounts, Pack, Queue, Selection};
use crate::matcher::{Facts, Matcher};
use crate::metric::{SampleKind, SeriesId};

/// A producing thread: an input's lane number, or a filter. Numbers are given by the pipeline, densely.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seat(pub u32);

/// Whether a producer can be made to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// A stream or a file: it waits, nothing is lost.
    Waits,
    /// A datagram or a tick: what finds no room is lost, and counted.
    Cannot,
}

/// What a full queue does to a producer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFull {
    /// The producer waits.
    Block,
    /// The records are dropped and counted.
    Drop,
    /// The same, counted as `loop_full`: waiting would close a cycle.
    DropInLoop,
    /// The daemon stops.
    Shutdown,
}

/// A consumer's offer to take batches on the producer's thread.
pub trait Inlet: Send + Sync {
    /// The part of the consumer that belongs to `seat`; the same lane for the same seat.
    fn lane(&self, seat: Seat) -> Arc<dyn Lane>;
}

/// What one seat got of an inlet.
pub trait Lane: Send + Sync {
    /// Takes the chosen records of `pack`. Called on the seat's thread; must not block but on its own short lock.
    fn pour(&self, pack: &Pack, chosen: &Selection) -> Poured;
}

/// What became of a poured pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Poured {
    /// The chosen records are in.
    Taken,
    /// They were all read, and so many of them are nothing the consumer could use: they are lost as refused.
    Partly {
        /// Those it could not use.
        refused: u64,
    },
    /// The consumer has ended; nothing was taken.
    Closed,
}

/// One way from a feed to one consumer.
pub struct Leg {
    /// Which records it gets.
    pub test: Test,
    /// How they get there.
    pub way: Way,
    /// What a full queue does.
    pub on_full: OnFull,
    /// The books of this producer and consumer.
    pub counts: Arc<JointCounts>,
    /// Told when a lane panicked.
    pub health: Arc<Health>,
    /// Whether the consumer reads what counters came to since they began.
    pub reads_totals: bool,
}

/// Which records of a feed a leg gets.
pub enum Test {
    /// All: the facts of the stream decided.
    Every,
    /// Decided once per series.
    Series(SeriesTest),
    /// Asked of every record.
    Record(Matcher),
    /// The same, where the answer depends on Type and Logger alone.
    Kind(Matcher),
}

/// How records get to a consumer.
pub enum Way {
    /// Through its queue.
    Queue(Arc<Queue<Delivery>>),
    /// Taken by it on the producer's thread.
    Lane(Arc<dyn Lane>),
}

/// A matcher that reads only name, tags and kind, with its answers so far.
pub struct SeriesTest {
    pub(super) matcher: Matcher,
    // By SampleKind, then by index of the series: 0 not asked, 1 no, 2 yes.
    answers: [Vec<u8>; 7],
}

impl SeriesTest {
    /// Nothing asked yet.
    pub fn new(matcher: Matcher) -> SeriesTest {
        SeriesTest { matcher, answers: Default::default() }
    }

    /// The remembered answer for samples of `kind` of a series, or what `ask` says now.
    #[inline]
    pub(super) fn answer(
        &mut self,
        series: SeriesId,
        kind: SampleKind,
        ask: impl FnOnce(&Matcher) -> bool,
    ) -> bool {
        if let Some(&answer) = self.answers[kind as usize].get(series.index())
            && answer != 0
        {
            return answer == 2;
        }
        let yes = ask(&self.matcher);
        self.remember(series, kind, yes);
        yes
    }

    #[cold]
    fn remember(&mut self, series: SeriesId, kind: SampleKind, yes: bool) {
        let answers = &mut self.answers[kind as usize];
        if answers.len() <= series.index() {
            answers.resize((series.index() + 1).next_power_of_two(), 0);
        }
        answers[series.index()] = 1 + u8::from(yes);
    }
}

/// Whether a consumer's lane has panicked; shared with the consumer's runner.
#[derive(Debug, Default)]
pub struct Health(AtomicBool);

impl Health {
    /// Says that a lane panicked.
    pub fn fault(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether one did since this was last asked.
    pub fn take_fault(&self) -> bool {
        self.0.swap(false, Ordering::AcqRel)
    }
}

/// Knows the consumers: the router.
pub trait Routes: Send + Sync {
    /// Changes whenever an answer of `legs` might.
    fn generation(&self) -> u64;

    /// The legs of a feed whose records all satisfy `facts`, and the generation this is the answer of.
    fn legs(&self, producer: &Arc<str>, seat: Seat, facts: &Facts, patience: Patience) -> (u64, Vec<Leg>);
}
