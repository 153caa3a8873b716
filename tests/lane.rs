//! A statsd lane in memory, for measurements: real intake, parser, feed and tables, without a socket or a thread.

use std::sync::Arc;
use std::time::Duration;

use heka::config::{Problems, Sources, render};
use heka::flow::Wiring;
use heka::net::{Handed, Tape, World};
use heka::pipeline::{Machines, Setting, builtin, plan};
use heka::plugin::Intake;
use heka::runner::Step;
use heka::time::{Clock, ManualClock, Stamp};

/// One lane of the input `StatsdInput` and everything behind it.
pub(crate) struct Lane {
    pub(crate) machines: Machines,
    intake: Box<dyn Intake>,
    clock: Arc<ManualClock>,
    // Last, so that it outlives what is driven by it.
    _runtime: tokio::runtime::Runtime,
}

impl Lane {
    /// Builds the configuration `text`, wired as configured.
    pub(crate) fn new(text: &str) -> Lane {
        let sources = Sources::embedded("lane.toml", text);
        let mut problems = Problems::new();
        let planned = plan(&sources, &builtin(), &|_| None, "lane.host", &mut problems);
        let planned = planned.unwrap_or_else(|| panic!("{}", render(&problems, &sources, false)));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime of one thread can be started");
        let clock = Arc::new(ManualClock::at(Stamp::from_seconds(1_800_000_000)));
        let setting = Setting {
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            runtime: runtime.handle().clone(),
            wiring: Wiring::AsConfigured,
            world: World::Trial(Arc::new(Tape::new())),
            handed: Handed::default(),
            base_dir: "/nonexistent".into(),
            state: heka::plugin::StateStore::default(),
            seed: 1,
        };
        let machines = Machines::build(planned, setting).expect("nothing is opened here");
        let intake = machines.inputs[0].intakes.open();
        Lane { machines, intake, clock, _runtime: runtime }
    }

    /// A further intake of each lane of the input.
    #[allow(dead_code, reason = "only measurements have several lanes")]
    pub(crate) fn intakes(&self) -> Vec<Box<dyn Intake>> {
        self.machines.inputs.iter().map(|input| input.intakes.open()).collect()
    }

    /// Pushes datagrams as a UDP lane does that found so many at once: one batch, unless they are too many for it.
    pub(crate) fn push(&mut self, datagrams: &[Vec<u8>]) {
        for datagram in datagrams {
            assert!(self.intake.push(datagram, None), "a feed of datagrams never waits");
        }
        assert!(self.intake.flush(), "a feed of datagrams never waits");
    }

    /// Lets the interval end: filters flush, outputs deliver.
    pub(crate) fn end_interval(&mut self, interval: Duration) {
        self.clock.advance(interval);
        self.work();
    }

    /// Lets filters and outputs do what there is to do.
    pub(crate) fn work(&mut self) {
        let now = self.clock.now();
        for filter in &mut self.machines.filters {
            while filter.step(now) == Step::Worked {}
        }
        for output in &mut self.machines.outputs {
            while output.step(now) == Step::Worked {}
        }
    }
}

/// What a load is made of.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    /// Series of all types together.
    pub(crate) names: u64,
    /// Of what types they are.
    pub(crate) mix: Mix,
    /// Every so many lines one has tags; 0 for none.
    pub(crate) tagged: u64,
    /// The tags of those lines.
    pub(crate) tags: &'static str,
}

/// Types of a load.
#[derive(Clone, Copy, PartialEq, Eq)]
#[allow(dead_code, reason = "only measurements have counters alone")]
pub(crate) enum Mix {
    /// Of 100 lines 70 counters, 20 timers, 9 gauges and a set.
    Kinds,
    /// Counters alone.
    Counters,
}

impl Load {
    /// All types, 10,000 series, no tags.
    pub(crate) const PLAIN: Load =
        Load { names: 10_000, mix: Mix::Kinds, tagged: 0, tags: "|#env:prod,region:eu-1,az:b" };

    /// Datagrams of up to 1,432 bytes, of lines whose names are drawn.
    pub(crate) fn datagrams(self, seed: u64, count: usize) -> Vec<Vec<u8>> {
        let mut random = Random(seed);
        let drawn = std::iter::repeat_with(|| {
            let number = random.below(self.names);
            self.line(number, &mut random)
        });
        packed(drawn).take(count).collect()
    }

    /// Datagrams of up to 1,432 bytes that have every name once, in an order without pattern.
    #[allow(dead_code, reason = "only measurements visit every name")]
    pub(crate) fn every_name(self, seed: u64) -> Vec<Vec<u8>> {
        let mut random = Random(seed);
        let mut numbers: Vec<u64> = (0..self.names).collect();
        for last in (1..numbers.len()).rev() {
            numbers.swap(last, random.below(last as u64 + 1) as usize);
        }
        packed(numbers.into_iter().map(|number| self.line(number, &mut random))).collect()
    }

    fn line(self, number: u64, random: &mut Random) -> String {
        // The type follows from the name, so that there are as many series as names.
        let (letter, value) = match number * 61 % 100 {
            _ if self.mix == Mix::Counters => ("c", random.below(9).to_string()),
            0..70 => ("c", random.below(9).to_string()),
            70..90 => ("ms", format!("{}.{}", random.below(300), random.below(10))),
            90..99 => ("g", random.below(99_999).to_string()),
            _ => ("s", format!("user{}", random.below(1_000))),
        };
        let tags = if self.tagged > 0 && number.is_multiple_of(self.tagged) { self.tags } else { "" };
        let kind = &letter[..1];
        format!("bench.{kind}.web-{:03}.requests.endpoint_{number:07}:{value}|{letter}{tags}\n", number % 240)
    }
}

/// Packs lines into datagrams, as many as fit each.
fn packed(lines: impl Iterator<Item = String>) -> impl Iterator<Item = Vec<u8>> {
    let mut lines = lines.peekable();
    std::iter::from_fn(move || {
        let mut datagram = lines.next()?.into_bytes();
        while let Some(line) = lines.next_if(|line| datagram.len() + line.len() <= LONGEST) {
            datagram.extend_from_slice(line.as_bytes());
        }
        Some(datagram)
    })
}

/// Numbers without pattern, the same for the same seed: SplitMix64 (<https://prng.di.unimi.it/splitmix64.c>).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ mixed >> 31) % limit
    }
}

/// Bytes of a datagram at most: what fits an Ethernet frame.
const LONGEST: usize = 1432;
