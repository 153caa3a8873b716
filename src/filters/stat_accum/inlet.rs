//! The inlet of the accumulator: a table for every seat, poured into on the seat's own thread.

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
        let shared = Shared { accumulator, tokens: Mutex::default(), poured, context: context.clone() };
        let shared = Arc::new(shared);
        Lanes { own: TableLane::new(OWN_SEAT, &shared), shared }
    }

    /// Pours what came through the queue.
    pub(super) fn pour_queued(&self, pack: &Pack, chosen: &Selection) -> Poured {
        self.own.pour(pack, chosen)
    }

    /// The receipts of what was poured before a flush that begins after this call.
    pub(super) fn take_tokens(&self) -> Vec<Arc<dyn Token>> {
        std::mem::take(&mut *self.shared.tokens.lock().expect(NEVER_POISONED))
    }
}

impl Inlet for Lanes {
    fn lane(&self, seat: Seat) -> Arc<dyn Lane> {
        Arc::new(TableLane::new(seat.0 as usize, &self.shared))
    }
}

impl Lane for TableLane {
    fn pour(&self, pack: &Pack, chosen: &Selection) -> Poured {
        match &pack.body {
            Body::Samples(batch) => {
                let chosen = match chosen {
                    Selection::All => Chosen::All,
                    Selection::Only(words) => Chosen::Bits(words),
                };
                self.pour_batch(batch, chosen, pack.trace.ack.as_ref())
            }
            Body::Messages(_) | Body::Snapshot { .. } => {
                let mut messages = self.messages.lock().expect(NEVER_POISONED);
                let messages = messages.get_or_insert_with(|| Messages::new(&self.shared.context));
                let batch = messages.samples_of(pack, chosen);
                match self.pour_batch(batch, Chosen::All, pack.trace.ack.as_ref()) {
                    Poured::Taken if batch.tally.bad_total() > 0 => {
                        Poured::Partly { refused: batch.tally.bad_total() }
                    }
                    poured => poured,
                }
            }
        }
    }
}

impl TableLane {
    fn new(seat: usize, shared: &Arc<Shared>) -> TableLane {
        let table = shared.accumulator.seat(seat);
        TableLane { table, shared: Arc::clone(shared), messages: Mutex::default() }
    }

    fn pour_batch(&self, batch: &SampleBatch, chosen: Chosen<'_>, ack: Option<&Arc<dyn Token>>) -> Poured {
        let count = chosen.count(batch.samples.len());
        if !self.table.pour(batch, chosen, self.shared.accumulator.next_sequence()) {
            return Poured::Closed;
        }
        self.shared.poured.add(count as u64);
        if let Some(ack) = ack {
            let mut tokens = self.shared.tokens.lock().expect(NEVER_POISONED);
            // A stream says the same for many batches.
            if !tokens.last().is_some_and(|last| Arc::ptr_eq(last, ack)) {
                tokens.push(Arc::clone(ack));
            }
        }
        Poured::Taken
    }
}

/// Seats are numbered from 0; the filter's own table is beyond them.
const OWN_SEAT: usize = usize::MAX;

const NEVER_POISONED: &str = "no code panics while it holds the tokens";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{Serial, Trace};
    use crate::plugin::testing::{NOW, context};

    struct Receipt;

    impl Token for Receipt {
        fn failed(&self) {}
    }

    #[test]
    fn a_receipt_that_comes_with_many_batches_is_kept_once() {
        let context = context();
        let rules = super::super::Config::default().accumulation(1);
        let accumulator = Arc::new(Accumulator::new(rules, Arc::clone(&context.names), NOW));
        let poured = context.ledger.table(&context.name).poured;
        let lanes = Lanes::new(accumulator, poured, &context);
        let receipts: [Arc<dyn Token>; 2] = [Arc::new(Receipt), Arc::new(Receipt)];
        let pour = |receipt: &Arc<dyn Token>| {
            let trace = Trace { ack: Some(Arc::clone(receipt)), ..Trace::made_at(NOW) };
            let body = Body::Samples(SampleBatch::new(Arc::clone(&context.names)));
            let pack = Pack::new(Arc::default(), trace, Serial::default(), body);
            assert_eq!(lanes.lane(Seat(0)).pour(&pack, &Selection::All), Poured::Taken);
        };
        [0, 0, 0, 1, 1, 0].iter().for_each(|&which| pour(&receipts[which]));
        let kept = lanes.take_tokens();
        let kept: Vec<bool> = kept.iter().map(|token| Arc::ptr_eq(token, &receipts[0])).collect();
        assert_eq!(kept, [true, false, true]);
    }
}
