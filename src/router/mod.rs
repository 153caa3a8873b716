//! The router: who consumes what, answered when a feed opens and again when consumers change.
//!
//! There is no router thread: a feed asks here once, then serves its legs itself.

mod joint;

pub use joint::{Joint, JointKind, join};

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};

use crate::flow::{
    Delivery, Health, Inlet, Ledger, Leg, OnFull, Patience, Queue, Routes, Seat, SeriesTest, Test, Way,
    Wiring,
};
use crate::matcher::{Facts, Matcher};

/// Knows every consumer.
pub struct Router {
    consumers: RwLock<Vec<Arc<Consumer>>>,
    generation: AtomicU64,
    ledger: Ledger,
    wiring: Wiring,
}

/// What the router knows of a filter or output.
pub struct Consumer {
    /// Its section.
    pub name: Arc<str>,
    /// What it asks for.
    pub matcher: Matcher,
    /// What happens to a producer when its queue is full.
    pub on_full: WhenFull,
    /// Its queue.
    pub queue: Arc<Queue<Delivery>>,
    /// Its offer to be poured into.
    pub inlet: Option<Arc<dyn Inlet>>,
    /// Told when a lane of it panicked.
    pub health: Arc<Health>,
    /// Producers that must not wait for it, since that would close a cycle.
    pub loops: BTreeSet<Arc<str>>,
    /// Whether it reads what counters came to since they began.
    pub reads_totals: bool,
}

/// The option `on_full` of a filter or output.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum WhenFull {
    /// Producers that can wait do; for others the records are dropped and counted.
    #[default]
    Auto,
    /// Producers wait; an error where one of them cannot.
    Block,
    /// The records are dropped and counted.
    Drop,
    /// The daemon stops.
    Shutdown,
}

impl Router {
    /// A router without consumers.
    pub fn new(ledger: Ledger, wiring: Wiring) -> Router {
        Router { consumers: RwLock::default(), generation: AtomicU64::new(1), ledger, wiring }
    }

    /// Adds a consumer, or puts it in the place of the one of its name.
    pub fn put(&self, consumer: Consumer) {
        let mut consumers = self.consumers.write().expect(NEVER_POISONED);
        let consumer = Arc::new(consumer);
        match consumers.iter_mut().find(|known| known.name == consumer.name) {
            Some(known) => *known = consumer,
            None => consumers.push(consumer),
        }
        self.generation.fetch_add(1, Ordering::Release);
    }

    /// Removes a consumer: feeds stop offering to it at their next batch. Its queue is left to its runner.
    pub fn remove(&self, name: &str) {
        let mut consumers = self.consumers.write().expect(NEVER_POISONED);
        consumers.retain(|consumer| &*consumer.name != name);
        self.generation.fetch_add(1, Ordering::Release);
    }

    fn leg(&self, consumer: &Consumer, producer: &Arc<str>, seat: Seat, facts: &Facts, joint: Joint) -> Leg {
        let matcher = consumer.matcher.clone();
        let test = match joint.kind {
            JointKind::Yes => Test::Every,
            JointKind::Series => Test::Series(SeriesTest::new(matcher)),
            JointKind::Maybe if matcher.asks_kind(facts) => Test::Kind(matcher),
            JointKind::Maybe => Test::Record(matcher),
        };
        let way = match &consumer.inlet {
            Some(inlet) if self.wiring == Wiring::AsConfigured => Way::Lane(inlet.lane(seat)),
            _ => Way::Queue(Arc::clone(&consumer.queue)),
        };
        let word = if matches!(way, Way::Lane(_)) { "lane" } else { "queue" };
        Leg {
            test,
            way,
            on_full: joint.on_full,
            counts: self.ledger.joint(producer, &consumer.name, word),
            health: Arc::clone(&consumer.health),
            reads_totals: consumer.reads_totals,
        }
    }
}

impl Routes for Router {
    fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    fn legs(&self, producer: &Arc<str>, seat: Seat, facts: &Facts, patience: Patience) -> (u64, Vec<Leg>) {
        let consumers = self.consumers.read().expect(NEVER_POISONED);
        let legs = consumers.iter().filter_map(|consumer| {
            let looping = consumer.loops.contains(producer);
            let joint = join(&consumer.matcher, facts, patience, consumer.on_full, looping)?;
            Some(self.leg(consumer, producer, seat, facts, joint))
        });
        (self.generation(), legs.collect())
    }
}

impl WhenFull {
    /// What it comes to for a producer of this patience.
    pub fn resolve(self, patience: Patience, looping: bool) -> OnFull {
        match (self, patience) {
            (WhenFull::Shutdown, _) => OnFull::Shutdown,
            _ if looping => OnFull::DropInLoop,
            (WhenFull::Drop, _) | (WhenFull::Auto, Patience::Cannot) => OnFull::Drop,
            (WhenFull::Block, _) | (WhenFull::Auto, Patience::Waits) => OnFull::Block,
        }
    }
}

const NEVER_POISONED: &str = "no code panics while it holds the lock of the router";
