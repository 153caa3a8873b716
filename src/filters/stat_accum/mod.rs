//! `StatAccumFilter`: aggregates samples and emits one snapshot a slot.
//!
//! Samples are poured on their producers' threads (it offers an inlet); the same samples as messages, or through its
//! queue, are taken too. Flushes are aligned to the wall clock and stamped with the end of their slot; no two share
//! one, not over a restart either. A sample is in one snapshot, never in two and never in none.
//!
//! In between it shows every `live_interval` what has moved, with totals. At a stop the open slot, gauges and totals are
//! left to the next run, which continues the slot or, if it is over, flushes it late.
//!
//! Options and defaults are those of Heka's StatAccumInput
//! (<https://hekad.readthedocs.io/en/v0.10.0/config/inputs/stataccum.html>), which is also its alias; formulas are
//! those of statsd (<https://github.com/statsd/statsd/blob/master/docs/metric_types.md>).

mod inlet;
mod messages;
mod options;

use std::sync::Arc;
use std::time::Duration;

use crate::aggregate::{Accumulator, Beside, Levels, LevelsOf, Saved, Snapshot, Totals, WantedLevels};
use crate::flow::{Body, Count, Delivery, Inlet, LIVE_TYPE, Poured, TableCounts, Tokens, Trace};
use crate::graphite::Namespace;
use crate::matcher::{Fact, Facts, FieldNames};
use crate::plugin::{
    Accumulators, BuildContext, BuildError, Declare, Emit, Fault, Filter, OwnNumbers, StateStore, Ticker,
    Unheard,
};
use crate::time::{Slot, Stamp};

pub use options::{AtStop, Config};

impl Declare<dyn Filter> for Config {
    const TYPE: &'static str = "StatAccumFilter";
    const SUMMARY: &'static str =
        "Aggregates samples: counters, gauges, timers and sets, one snapshot an interval.";
    const ALIASES: &'static [&'static str] = &["StatAccumInput"];

    fn named(&mut self, type_name: &str) {
        self.by_alias = type_name == "StatAccumInput";
    }

    fn emits(&self, name: &str, hostname: &str) -> Vec<Facts> {
        let facts = |message_type: &str| Facts {
            type_: Fact::Is(message_type.into()),
            logger: Fact::Is(name.into()),
            hostname: Fact::Is(hostname.into()),
            env_version: Fact::Is("".into()),
            fields: FieldNames::Unknown,
            ..Facts::default()
        };
        // In the order of `FLUSHES` and `VIEWS`.
        let mut emits = vec![facts(&self.message_type)];
        emits.extend(self.live().map(|_| facts(LIVE_TYPE)));
        emits
    }

    fn emits_snapshots(&self) -> bool {
        true
    }

    fn offers_inlet(&self) -> bool {
        true
    }

    fn ticker(&self) -> Ticker {
        Ticker::Every(DEFAULT_INTERVAL)
    }

    fn name_pattern(&self, hostname: &str) -> Option<String> {
        Some(Namespace::new(self.naming(hostname)).pattern())
    }

    fn default_matcher(&self) -> Option<&'static str> {
        Some("Type == 'heka.statsample'")
    }

    fn unheard(&self) -> Unheard {
        Unheard::IsLookedAt
    }

    fn build(&self, context: &BuildContext) -> Result<Box<dyn Filter>, BuildError> {
        let counts = context.ledger.table(&context.name);
        let own = context.own();
        let filter = [("filter", &*context.name)];
        let (accumulator, restored) = self.accumulator(context);
        counts.restored.add(restored.as_ref().map_or(0, |restored| restored.samples));
        let naming = Arc::new(Namespace::new(self.naming(&context.hostname)));
        let accumulator = Arc::new(accumulator.counting_at(levels(context, &naming)));
        messages::show_counters(own, &context.name);
        let offered = context.shared.the::<Accumulators>();
        let told = Arc::new(OwnNumbers::new(&self.statsd_prefix));
        offered.offer(&context.name, &accumulator, &told, counts.lost.clone(), own);
        Ok(Box::new(StatAccumFilter {
            inlet: Arc::new(inlet::Lanes::new(Arc::clone(&accumulator), counts.poured.clone(), context)),
            accumulator,
            told,
            naming,
            interval: context.ticker_interval.unwrap_or(DEFAULT_INTERVAL),
            live: self.live(),
            at_stop: self.at_stop,
            last: restored.as_ref().and_then(|restored| restored.last),
            restored,
            has_flushed: false,
            started: context.started,
            state: context.state.clone(),
            name: Arc::clone(&context.name),
            counts,
            flushes: own.counter("hekad_flushes_total", &filter),
            skipped: own.counter("hekad_slots_skipped_total", &filter),
            set_back: own.counter("hekad_clock_set_back_total", &filter),
            negatives: own.counter("hekad_negative_counters_total", &filter),
        }))
    }
}

struct StatAccumFilter {
    accumulator: Arc<Accumulator>,
    /// What others may look at beside it.
    told: Arc<OwnNumbers>,
    inlet: Arc<inlet::Lanes>,
    naming: Arc<Namespace>,
    interval: Duration,
    /// How often it shows what has moved, if it does.
    live: Option<Duration>,
    at_stop: AtStop,
    /// The last slot that was flushed, by the former run too.
    last: Option<Slot>,
    /// Whether this run has flushed a slot of its own.
    has_flushed: bool,
    /// What the former run left, before the first call.
    restored: Option<Restored>,
    started: Stamp,
    state: StateStore,
    name: Arc<str>,
    counts: TableCounts,
    flushes: Count,
    skipped: Count,
    set_back: Count,
    negatives: Count,
}

/// Where a former run stopped.
struct Restored {
    open: Slot,
    last: Option<Slot>,
    samples: u64,
}

impl Config {
    /// The accumulator, going on where the former run stopped if it left something.
    fn accumulator(&self, context: &BuildContext) -> (Accumulator, Option<Restored>) {
        let (rules, names) = (self.accumulation(context.seed), Arc::clone(&context.names));
        let Some(bytes) = context.state.take(&context.name) else {
            return (Accumulator::new(rules, names, context.started), None);
        };
        match Saved::read(&bytes) {
            Ok(saved) => {
                let (open, last, samples) = (saved.open.into(), saved.last.map(Slot::from), saved.samples);
                let restored = Restored { open, last, samples };
                (Accumulator::restored(rules, names, context.started, saved), Some(restored))
            }
            Err(error) => {
                context.state.refuse(&context.name, bytes, error);
                (Accumulator::new(rules, names, context.started), None)
            }
        }
    }
}

/// Where the samples of timers are counted exactly: at the bounds of bins here, and of what outputs show.
fn levels(context: &BuildContext, naming: &Arc<Namespace>) -> Levels {
    let naming = Arc::clone(naming);
    let own: LevelsOf = Arc::new(move |series| {
        let bins = naming.bins(&series.name, series.tags.borrowed());
        bins.into_iter().flat_map(|bins| bins.levels()).collect()
    });
    Levels::new(context.shared.the::<WantedLevels>(), own, Arc::clone(&context.names))
}

impl Filter for StatAccumFilter {
    fn begin(&mut self, now: Stamp, emit: &mut Emit<'_>) -> Result<(), Fault> {
        if let Some(Restored { open, .. }) = self.restored.take()
            && open.end <= now
        {
            // Its slot is over: it is flushed late, under its own stamp. Otherwise this run continues it.
            let passed = now.since(open.end).as_nanos() / open.interval.as_nanos().max(1);
            let passed = u32::try_from(passed).unwrap_or(u32::MAX);
            let found = self.accumulator.flush_restored(open, totals(emit), passed);
            self.send(found, emit);
            // The slots between were nobody's.
            self.last = Some(Slot { end: Slot::open_at(now, self.interval).start().max(open.end), ..open });
        }
        self.look(now, Beside::Everything, emit);
        Ok(())
    }

    fn process(&mut self, delivery: &Delivery, emit: &mut Emit<'_>) -> Result<(), Fault> {
        if let Poured::Partly { refused } = self.inlet.pour_queued(&delivery.pack, &delivery.chosen) {
            emit.refused += refused;
        }
        Ok(())
    }

    fn tick(&mut self, now: Stamp, emit: &mut Emit<'_>) -> Result<(), Fault> {
        let open = Slot::open_at(now, self.interval);
        if self.flush(Slot { end: open.start(), ..open }, now, emit) {
            self.look(now, self.turns(), emit);
        }
        Ok(())
    }

    fn pulse(&self) -> Option<Duration> {
        self.live
    }

    fn beat(&mut self, now: Stamp, emit: &mut Emit<'_>) -> Result<(), Fault> {
        self.look(now, self.turns(), emit);
        Ok(())
    }

    fn finish(&mut self, now: Stamp, emit: &mut Emit<'_>) -> Result<(), Fault> {
        // Nothing can come any more. If the clock was set back behind the start, the slot of the start is the first
        // there can be.
        let mut open = Slot::open_at(now.max(self.started), self.interval);
        if let Some(last) = self.last
            && last.end >= open.end
        {
            open = Slot { interval: self.interval, ..last }.next();
        }
        if self.at_stop == AtStop::Flush {
            self.flush(open, now, emit);
            open = open.next();
        }
        // Outputs that keep totals of their own see everything before they end.
        self.look(now, Beside::Nothing, emit);
        let (bytes, kept) = self.accumulator.save(open, self.last);
        self.counts.kept.add(kept);
        self.state.put(&self.name, bytes);
        Ok(())
    }

    fn inlet(&self) -> Option<Arc<dyn Inlet>> {
        Some(Arc::clone(&self.inlet) as Arc<dyn Inlet>)
    }
}

impl StatAccumFilter {
    /// Flushes into `slot`, unless a flush has had it: after the clock was set back, samples wait for the next free one.
    /// Whether it did.
    ///
    /// If the clock was set back far, it was wrong before: waiting for it to catch up would keep everything for hours.
    fn flush(&mut self, slot: Slot, now: Stamp, emit: &mut Emit<'_>) -> bool {
        if let Some(last) = self.last {
            let back = last.end.since(slot.end);
            if slot.end <= last.end && back <= FAR_BACK.max(self.interval * 10) {
                return false;
            }
            if slot.end <= last.end {
                self.set_back.add(1);
                self.started = self.started.min(slot.start());
            }
            let between = slot.end.since(last.end).as_nanos() / self.interval.as_nanos().max(1);
            self.skipped.add(u64::try_from(between).unwrap_or(0).saturating_sub(1));
        } else if slot.end <= self.started {
            // The slot was over before the daemon started.
            return false;
        }
        self.last = Some(slot);
        let tokens = self.inlet.take_tokens();
        let mut found = self.accumulator.flush(slot, totals(emit));
        if let Some(own) = &mut found.own {
            own.lag = self.has_flushed.then(|| now.since(slot.end).as_secs());
            self.told.tell_lag(own.lag);
            own.processing = emit.last_tick.as_secs_f64();
        }
        self.has_flushed = true;
        if !tokens.is_empty() {
            emit.trace = Trace { ack: Some(Arc::new(Tokens(tokens))), ..emit.trace.clone() };
        }
        self.send(found, emit);
        true
    }

    fn send(&mut self, found: Snapshot, emit: &mut Emit<'_>) {
        self.counts.flushed.add(found.samples);
        self.flushes.add(1);
        self.negatives.raise_to(self.accumulator.negatives());
        let (found, naming) = (Arc::new(found), Arc::clone(&self.naming));
        emit.send(FLUSHES, Body::Snapshot { found, naming });
    }

    /// Each series that had samples in an interval is named once more in the next.
    fn turns(&self) -> Beside {
        Beside::Turns { every: self.interval }
    }

    /// Shows what has moved, if somebody wants to see it and something has.
    fn look(&mut self, now: Stamp, beside: Beside, emit: &mut Emit<'_>) {
        if self.live.is_none() || !emit.is_wanted(VIEWS) {
            return;
        }
        let found = self.accumulator.view(now, beside);
        if !found.is_empty() {
            let (found, naming) = (Arc::new(found), Arc::clone(&self.naming));
            // A view owes nobody a receipt: what it shows is still here.
            emit.trace = Trace::made_at(now);
            emit.send(VIEWS, Body::Snapshot { found, naming });
        }
    }
}

impl Drop for StatAccumFilter {
    fn drop(&mut self) {
        // Nothing is held unless a fault ended it; from now on lanes say that the consumer has ended.
        let lost = self.accumulator.close();
        self.counts.lost.add(lost);
        let tokens = self.inlet.take_tokens();
        tokens.iter().filter(|_| lost > 0).for_each(|token| token.failed());
    }
}

/// Whether somebody reads the totals of flushes; most who do read those of views.
fn totals(emit: &mut Emit<'_>) -> Totals {
    if emit.wants_totals(FLUSHES) { Totals::Wanted } else { Totals::Unwanted }
}

/// A clock that goes back by more was wrong before.
const FAR_BACK: Duration = Duration::from_secs(60);

const DEFAULT_INTERVAL: Duration = Duration::from_secs(10);

/// The feed of flushes.
const FLUSHES: usize = 0;

/// The feed of live views.
const VIEWS: usize = 1;
