//! The harness turns red on a defect: an accumulator that loses samples in its lanes alone.

use std::sync::Arc;

use heka::config::{Check, Violation};
use heka::flow::{Body, Delivery, Inlet, Lane, Pack, Poured, Seat, Selection, TableCounts};
use heka::matcher::Facts;
use heka::metric::SampleBatch;
use heka::pipeline::builtin;
use heka::plugin::{BuildContext, BuildError, Declare, Emit, Fault, Filter, Ticker};
use heka::time::Stamp;
use schemars::JsonSchema;
use serde::Deserialize;

use super::case::Case;
use super::run::run_all;

/// A `StatAccumFilter` with a defect.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Config {
    /// Every so manieth sample of a batch is lost in a lane.
    loses_every: usize,
}

impl Default for Config {
    fn default() -> Config {
        Config { loses_every: usize::MAX }
    }
}

impl Check for Config {
    fn check(&self) -> Vec<Violation> {
        Vec::new()
    }
}

type Sound = heka::filters::stat_accum::Config;

impl Declare<dyn Filter> for Config {
    const TYPE: &'static str = "LossyFilter";
    const SUMMARY: &'static str = "Loses samples in its lanes.";

    fn emits(&self, name: &str, hostname: &str) -> Vec<Facts> {
        Sound::default().emits(name, hostname)
    }

    fn offers_inlet(&self) -> bool {
        true
    }

    fn ticker(&self) -> Ticker {
        Sound::default().ticker()
    }

    fn default_matcher(&self) -> Option<&'static str> {
        Sound::default().default_matcher()
    }

    fn build(&self, context: &BuildContext) -> Result<Box<dyn Filter>, BuildError> {
        // The sound filter counts what reaches it under its own name; what was offered is counted here.
        let TableCounts { poured, flushed, .. } =
            context.ledger.table(&format!("{} offered", context.name).into());
        let inner = Sound::default().build(context)?;
        Ok(Box::new(Lossy { inner, every: self.loses_every, poured, flushed }))
    }
}

struct Lossy {
    inner: Box<dyn Filter>,
    every: usize,
    poured: heka::flow::Count,
    flushed: heka::flow::Count,
}

impl Filter for Lossy {
    fn process(&mut self, delivery: &Delivery, emit: &mut Emit<'_>) -> Result<(), Fault> {
        self.poured.add(delivery.len() as u64);
        self.flushed.add(delivery.len() as u64);
        self.inner.process(delivery, emit)
    }

    fn tick(&mut self, now: Stamp, emit: &mut Emit<'_>) -> Result<(), Fault> {
        self.inner.tick(now, emit)
    }

    fn finish(&mut self, now: Stamp, emit: &mut Emit<'_>) -> Result<(), Fault> {
        self.inner.finish(now, emit)
    }

    fn inlet(&self) -> Option<Arc<dyn Inlet>> {
        let (inner, poured, flushed) = (self.inner.inlet()?, self.poured.clone(), self.flushed.clone());
        Some(Arc::new(LossyInlet { inner, every: self.every, poured, flushed }))
    }
}

struct LossyInlet {
    inner: Arc<dyn Inlet>,
    every: usize,
    poured: heka::flow::Count,
    flushed: heka::flow::Count,
}

impl Inlet for LossyInlet {
    fn lane(&self, seat: Seat) -> Arc<dyn Lane> {
        let (poured, flushed) = (self.poured.clone(), self.flushed.clone());
        Arc::new(LossyLane { inner: self.inner.lane(seat), every: self.every, poured, flushed })
    }
}

struct LossyLane {
    inner: Arc<dyn Lane>,
    every: usize,
    poured: heka::flow::Count,
    flushed: heka::flow::Count,
}

impl Lane for LossyLane {
    fn pour(&self, pack: &Pack, chosen: &Selection) -> Poured {
        let Body::Samples(batch) = &pack.body else { return self.inner.pour(pack, chosen) };
        let all = batch.samples.len();
        self.poured.add(all as u64);
        let mut kept = SampleBatch { at: batch.at, ..SampleBatch::new(Arc::clone(&batch.names)) };
        kept.tally = batch.tally;
        let samples = batch.samples.iter().enumerate();
        kept.samples.extend(samples.filter(|(index, _)| (index + 1) % self.every != 0).map(|(_, s)| *s));
        self.flushed.add(kept.samples.len() as u64);
        let facts = Arc::clone(&pack.facts);
        let pack = Pack::new(facts, pack.trace.clone(), pack.serial, Body::Samples(kept));
        self.inner.pour(&pack, chosen)
    }
}

fn case(loses_every: &str) -> Case {
    let text = format!(
        "# A seeded defect.\n\n[config]\n[statsd]\ntype = \"StatsdInput\"\n\n[LossyFilter]\n{loses_every}\n\
         [CarbonOutput]\naddress = \"127.0.0.1:2003\"\n\n\
         [steps]\nsend statsd a:1|c\\na:2|c\\na:3|c\\na:4|c\\na:5|c\\na:6|c\\na:7|c\\na:8|c\nadvance 10s\n\n\
         [expect 127.0.0.1:2003]\n\n[ledger]\n"
    );
    Case::parse(&text).expect("it is a case")
}

#[test]
fn an_accumulator_that_loses_every_seventh_sample_in_its_lanes_is_found() {
    let plugins = builtin().filter::<Config>();
    let (ran, wrong) = run_all(&case("loses_every = 7\n"), &plugins).expect("it runs");
    assert!(ran.found[0].starts_with("stats.counters.a.rate 2.9 1700000010\n"), "{}", ran.found[0]);
    let wrong = wrong.join("\n");
    // The books as configured, and both other wirings against it.
    assert!(
        wrong.contains("AsConfigured: tables of LossyFilter offered: restored 0, poured 8, aggregated 7"),
        "{wrong}"
    );
    for wiring in ["Queues", "Messages"] {
        let gives = format!("{wiring} gives at 127.0.0.1:2003\nstats.counters.a.rate 3.6 1700000010\n");
        assert!(wrong.contains(&gives), "{wrong}");
        assert!(wrong.contains(&format!("{wiring} books\n")), "{wrong}");
    }
}

#[test]
fn the_same_accumulator_without_the_defect_is_not() {
    let plugins = builtin().filter::<Config>();
    let (ran, wrong) = run_all(&case(""), &plugins).expect("it runs");
    assert_eq!(wrong, Vec::<String>::new());
    assert!(ran.found[0].starts_with("stats.counters.a.rate 3.6 1700000010\n"), "{}", ran.found[0]);
}

#[test]
fn a_queue_where_a_lane_should_be_is_found() {
    // It declares an inlet and offers none, so that as configured its records go through a queue.
    let plugins = builtin().filter::<Unkept>();
    let mut case = case("");
    case.config = case.config.replace("LossyFilter", "UnkeptFilter");
    let (_, wrong) = run_all(&case, &plugins).expect("it runs");
    let lane = "AsConfigured: statsd -> UnkeptFilter goes by {\"queue\"}, not {\"lane\"}";
    assert!(wrong.iter().any(|fault| fault == lane), "{wrong:?}");
}

/// Promises an inlet.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Unkept {}

impl Check for Unkept {}

impl Declare<dyn Filter> for Unkept {
    const TYPE: &'static str = "UnkeptFilter";
    const SUMMARY: &'static str = "Promises an inlet and offers none.";

    fn emits(&self, name: &str, hostname: &str) -> Vec<Facts> {
        Sound::default().emits(name, hostname)
    }

    fn offers_inlet(&self) -> bool {
        true
    }

    fn default_matcher(&self) -> Option<&'static str> {
        Sound::default().default_matcher()
    }

    fn build(&self, _: &BuildContext) -> Result<Box<dyn Filter>, BuildError> {
        Ok(Box::new(Takes))
    }
}

struct Takes;

impl Filter for Takes {
    fn process(&mut self, _: &Delivery, _: &mut Emit<'_>) -> Result<(), Fault> {
        Ok(())
    }
}
