//! The inlet of the accumulator: a table for every seat, poured into on the seat's own thread.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use super::messages::Messages;
use crate::aggregate::{Accumulator, Chosen, Table};
use crate::flow::{Body, Count, Inlet, Lane, Pack, Poured, Seat, Selection, Token};
use crate::metric::SampleBatch;
use crate::plugin::BuildContext;

/// The lanes of one accumulator.
pub(super) struct Lanes {
    shared: Arc<Shared>,
    /// The filter's own seat: what comes through its queue.
    own: TableLane,
}

struct Shared {
    accumulator: Arc<Accumulator>,
    closed: AtomicBool,
    /// Receipts for what is in the tables.
    tokens: Mutex<Vec<Arc<dyn Token>>>,
    poured: Count,
    context: BuildContext,
}

/// One seat's lane.
struct TableLane {
    table: Arc<Table>,
    shared: Arc<Shared>,
    /// For samples that come as messages; made when the first comes.
    messages: Mutex<Option<Messages>>,
}

impl Lanes {
    pub(super) fn new(accumulator: Arc<Accumulator>, poured: Count, context: &BuildContext) -> Lanes {
        let (closed, tokens) = (AtomicBool::new(false), Mutex::default());
        let shared = Arc::new(Shared { accumulator, closed, tokens, poured, context: context.clone() });
        Lanes { own: TableLane::new(OWN_SEAT, &shared), shared }
    }

    /// Pours what came through the queue.
    pub(super) fn pour_queued(&self, pack: &Pack, chosen: &Selection) {
        self.own.pour(pack, chosen);
    }

    /// The receipts of what was poured before a flush that begins after this call.
    pub(super) fn take_tokens(&self) -> Vec<Arc<dyn Token>> {
        std::mem::take(&mut *self.shared.tokens.lock().expect(NEVER_POISONED))
    }

    /// From now on lanes say that the consumer has ended.
    pub(super) fn close(&self) {
        self.shared.closed.store(true, Ordering::Release);
    }
}

impl Inlet for Lanes {
    fn lane(&self, seat: Seat) -> Arc<dyn Lane> {
        Arc::new(TableLane::new(seat.0 as usize, &self.shared))
    }
}

impl Lane for TableLane {
    fn pour(&self, pack: &Pack, chosen: &Selection) -> Poured {
        if self.shared.closed.load(Ordering::Acquire) {
            return Poured::Closed;
        }
        match &pack.body {
            Body::Samples(batch) => {
                let chosen = match chosen {
                    Selection::All => Chosen::All,
                    Selection::Only(words) => Chosen::Bits(words),
                };
                self.pour_batch(batch, chosen, pack.trace.ack.as_ref());
            }
            Body::Messages(_) | Body::Snapshot { .. } => {
                let mut messages = self.messages.lock().expect(NEVER_POISONED);
                let messages = messages.get_or_insert_with(|| Messages::new(&self.shared.context));
                self.pour_batch(messages.samples_of(pack, chosen), Chosen::All, pack.trace.ack.as_ref());
            }
        }
        Poured::Taken
    }
}

impl TableLane {
    fn new(seat: usize, shared: &Arc<Shared>) -> TableLane {
        let table = shared.accumulator.seat(seat);
        TableLane { table, shared: Arc::clone(shared), messages: Mutex::default() }
    }

    fn pour_batch(&self, batch: &SampleBatch, chosen: Chosen<'_>, ack: Option<&Arc<dyn Token>>) {
        let count = chosen.count(batch.samples.len());
        self.table.pour(batch, chosen, self.shared.accumulator.next_sequence());
        self.shared.poured.add(count as u64);
        if let Some(ack) = ack {
            self.shared.tokens.lock().expect(NEVER_POISONED).push(Arc::clone(ack));
        }
    }
}

/// Seats are numbered from 0; the filter's own table is beyond them.
const OWN_SEAT: usize = usize::MAX;

const NEVER_POISONED: &str = "no code panics while it holds the tokens";
