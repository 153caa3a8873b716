//! `StatAccumFilter`: aggregates samples and emits one snapshot a slot.
//!
//! Samples are poured on their producers' threads (it offers an inlet); the same samples as messages, or through its
//! queue, are taken too. Flushes are aligned to the wall clock and stamped with the end of their slot; no two share
//! one. A sample is in one snapshot, never in two and never in none.
//!
//! Options and defaults are those of Heka's StatAccumInput
//! (<https://hekad.readthedocs.io/en/v0.10.0/config/inputs/stataccum.html>), which is also its alias; formulas are
//! those of statsd (<https://github.com/statsd/statsd/blob/master/docs/metric_types.md>).

mod inlet;
mod messages;
mod options;

use std::sync::Arc;

use crate::aggregate::Accumulator;
use crate::flow::{Body, Count, Delivery, Inlet, Tokens, Trace};
use crate::graphite::Namespace;
use crate::matcher::{Fact, Facts, FieldNames};
use crate::plugin::{BuildContext, BuildError, Declare, Emit, Fault, Filter, Ticker};
use crate::time::{Slot, Stamp};

pub use options::Config;

impl Declare<dyn Filter> for Config {
    const TYPE: &'static str = "StatAccumFilter";
    const SUMMARY: &'static str =
        "Aggregates samples: counters, gauges, timers and sets, one snapshot an interval.";
    const ALIASES: &'static [&'static str] = &["StatAccumInput"];

    fn named(&mut self, type_name: &str) {
        self.by_alias = type_name == "StatAccumInput";
    }

    fn emits(&self, name: &str, hostname: &str) -> Vec<Facts> {
        vec![Facts {
            type_: Fact::Is(self.message_type.as_str().into()),
            logger: Fact::Is(name.into()),
            hostname: Fact::Is(hostname.into()),
            env_version: Fact::Is("".into()),
            fields: FieldNames::Unknown,
            ..Facts::default()
        }]
    }

    fn offers_inlet(&self) -> bool {
        true
    }

    fn ticker(&self) -> Ticker {
        Ticker::Every(DEFAULT_INTERVAL)
    }

    fn default_matcher(&self) -> Option<&'static str> {
        Some("Type == 'heka.statsample'")
    }

    fn build(&self, context: &BuildContext) -> Result<Box<dyn Filter>, BuildError> {
        let rules = self.accumulation(context.seed);
        let accumulator = Arc::new(Accumulator::new(rules, Arc::clone(&context.names), context.started));
        let (poured, flushed, lost) = context.ledger.table(&context.name);
        let own = context.own();
        let filter = [("filter", &*context.name)];
        Ok(Box::new(StatAccumFilter {
            inlet: Arc::new(inlet::Lanes::new(Arc::clone(&accumulator), poured, context)),
            accumulator,
            naming: Arc::new(Namespace::new(self.naming(&context.hostname))),
            interval: context.ticker_interval.unwrap_or(DEFAULT_INTERVAL),
            last: None,
            started: context.started,
            flushed,
            lost,
            flushes: own.counter("hekad_flushes_total", &filter),
            skipped: own.counter("hekad_slots_skipped_total", &filter),
            set_back: own.counter("hekad_clock_set_back_total", &filter),
        }))
    }
}

struct StatAccumFilter {
    accumulator: Arc<Accumulator>,
    inlet: Arc<inlet::Lanes>,
    naming: Arc<Namespace>,
    interval: std::time::Duration,
    /// The last slot that was flushed.
    last: Option<Slot>,
    started: Stamp,
    flushed: Count,
    lost: Count,
    flushes: Count,
    skipped: Count,
    set_back: Count,
}

impl Filter for StatAccumFilter {
    fn process(&mut self, delivery: &Delivery, _: &mut Emit<'_>) -> Result<(), Fault> {
        self.inlet.pour_queued(&delivery.pack, &delivery.chosen);
        Ok(())
    }

    fn tick(&mut self, now: Stamp, emit: &mut Emit<'_>) -> Result<(), Fault> {
        let open = Slot::open_at(now, self.interval);
        self.flush(Slot { end: open.start(), ..open }, emit);
        Ok(())
    }

    fn finish(&mut self, now: Stamp, emit: &mut Emit<'_>) -> Result<(), Fault> {
        // Nothing can come any more: what the open slot has is all it will have. If the clock was set back behind the
        // start, that is the first slot there can be.
        let mut slot = Slot::open_at(now.max(self.started), self.interval);
        if let Some(last) = self.last
            && last.end >= slot.end
        {
            slot = last.next();
        }
        self.flush(slot, emit);
        Ok(())
    }

    fn inlet(&self) -> Option<Arc<dyn Inlet>> {
        Some(Arc::clone(&self.inlet) as Arc<dyn Inlet>)
    }
}

impl StatAccumFilter {
    /// Flushes into `slot`, unless a flush has had it: after the clock was set back, samples wait for the next free one.
    ///
    /// If the clock was set back far, it was wrong before: waiting for it to catch up would keep everything for hours.
    fn flush(&mut self, slot: Slot, emit: &mut Emit<'_>) {
        if let Some(last) = self.last {
            let back = last.end.since(slot.end);
            if slot.end <= last.end && back <= FAR_BACK.max(self.interval * 10) {
                return;
            }
            if slot.end <= last.end {
                self.set_back.add(1);
                self.started = self.started.min(slot.start());
            }
            let between = slot.end.since(last.end).as_nanos() / self.interval.as_nanos().max(1);
            self.skipped.add(u64::try_from(between).unwrap_or(0).saturating_sub(1));
        } else if slot.end <= self.started {
            // The slot was over before the daemon started.
            return;
        }
        self.last = Some(slot);
        let tokens = self.inlet.take_tokens();
        let found = Arc::new(self.accumulator.flush(slot));
        self.flushed.add(found.samples());
        self.flushes.add(1);
        if !tokens.is_empty() {
            emit.trace = Trace { ack: Some(Arc::new(Tokens(tokens))), ..emit.trace.clone() };
        }
        emit.send(0, Body::Snapshot { found, naming: Arc::clone(&self.naming) });
    }
}

impl Drop for StatAccumFilter {
    fn drop(&mut self) {
        // Nothing is held unless a fault ended it; from now on lanes say that the consumer has ended.
        self.lost.add(self.accumulator.close());
    }
}

/// A clock that goes back by more was wrong before.
const FAR_BACK: std::time::Duration = std::time::Duration::from_secs(60);

const DEFAULT_INTERVAL: std::time::Duration = std::time::Duration::from_secs(10);
