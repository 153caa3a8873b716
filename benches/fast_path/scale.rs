//! What a sample and a flush cost as series become more: ten thousand to a million.
//!
//! Samples: as many each time, spread over ever more names that are known and come in an order without pattern. Pushed
//! like what a socket gives, they pass parser, feed, lane and table. Flushes: every series has one sample; the tables
//! are flipped and merged, and the Graphite lines of the snapshot are written, part by part into one buffer. Both in CPU
//! time of one thread, the medians of some rounds.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use heka::aggregate::{Accumulator, AccumulatorRules, Chosen, Snapshot, Totals};
use heka::flow::SnapshotLines;
use heka::graphite::{Namespace, NamespaceOptions, TagMode};
use heka::metric::{Registry, SampleBatch};
use heka::statsd::{Parser, Rules};
use heka::time::{Slot, Stamp};

use crate::cpu::{cost_of, median};
use crate::lane::{Lane, Load, Mix};
use crate::plot;

/// What was measured at one number of series.
pub(crate) struct Figures {
    pub(crate) series: u64,
    /// Nanoseconds.
    pub(crate) sample: f64,
    /// Milliseconds of the merge.
    merge: f64,
    /// Milliseconds of writing the lines.
    lines: f64,
    /// Bytes of the lines.
    bytes: usize,
}

impl Figures {
    /// Milliseconds of a flush.
    pub(crate) fn flush(&self) -> f64 {
        self.merge + self.lines
    }

    /// Nanoseconds of a flush for each series.
    pub(crate) fn flush_a_series(&self) -> f64 {
        self.flush() * 1e6 / self.series as f64
    }
}

/// Prints a table of it, and draws it into the file `picture` if there is to be one.
pub(crate) fn print(picture: Option<&Path>) {
    let measured = MIXES.map(|(mix, name)| {
        println!("scale: {name}");
        println!(
            "{:>9}  {:>11}  {:>8}  {:>8}  {:>8}  {:>11}  {:>8}",
            "series", "ns a sample", "merge ms", "lines ms", "flush ms", "ns a series", "MB lines"
        );
        let rows = SERIES.map(|series| {
            let row = figures(Load { names: series, mix, ..Load::PLAIN });
            println!(
                "{:>9}  {:>11.1}  {:>8.2}  {:>8.2}  {:>8.2}  {:>11.0}  {:>8.1}",
                row.series,
                row.sample,
                row.merge,
                row.lines,
                row.flush(),
                row.flush_a_series(),
                row.bytes as f64 / 1e6
            );
            row
        });
        (name, rows)
    });
    if let Some(picture) = picture {
        let drawn = plot::drawn(&measured);
        std::fs::write(picture, drawn).unwrap_or_else(|error| panic!("{}: {error}", picture.display()));
        println!("scale: drawn into {}", picture.display());
    }
}

fn figures(load: Load) -> Figures {
    let datagrams = load.every_name(1);
    let sample = sample(&datagrams, load.names);
    let (merge, lines, bytes) = flush(&datagrams, load.names);
    Figures { series: load.names, sample, merge, lines, bytes }
}

/// Nanoseconds of a sample.
fn sample(datagrams: &[Vec<u8>], names: u64) -> f64 {
    let mut lane = Lane::new(ONE);
    let mut received = vec![Vec::new(); BATCH];
    let passes = SAMPLES.div_ceil(names);
    let mut round = || {
        let mut took = Duration::ZERO;
        for batch in (0..passes).flat_map(|_| datagrams.chunks(BATCH)) {
            // As the kernel leaves them: just written to the same few buffers.
            for (buffer, datagram) in received.iter_mut().zip(batch) {
                buffer.clear();
                buffer.extend_from_slice(datagram);
            }
            took += cost_of(|| lane.push(&received[..batch.len()])).0;
        }
        lane.end_interval(INTERVAL);
        took.as_secs_f64() * 1e9 / (passes * names) as f64
    };
    for _ in 0..WARM {
        round();
    }
    median((0..ROUNDS).map(|_| round()).collect())
}

/// Milliseconds of a merge and of writing its lines, and the bytes of these.
fn flush(datagrams: &[Vec<u8>], names: u64) -> (f64, f64, usize) {
    let known = Arc::new(Registry::new(2 * names as usize));
    let mut parser = Parser::new(Rules::default(), Arc::clone(&known), 1);
    let accumulator = Accumulator::new(AccumulatorRules::default(), Arc::clone(&known), Stamp(0));
    let table = accumulator.seat(0);
    let naming = Namespace::new(NamespaceOptions::default());
    let mut batch = SampleBatch::new(known);
    let mut part = Vec::new();
    let mut slot = Slot::open_at(Stamp::from_seconds(1_800_000_000), INTERVAL);
    let (mut merges, mut writes, mut bytes) = (Vec::new(), Vec::new(), 0);
    for number in 0..WARM + ROUNDS {
        for some in datagrams.chunks(BATCH) {
            batch.clear();
            some.iter().for_each(|datagram| parser.parse(datagram, false, &mut batch));
            assert!(table.pour(&batch, Chosen::All, accumulator.next_sequence()), "nobody closed it");
        }
        slot = slot.next();
        let (merge, snapshot) = cost_of(|| accumulator.flush(slot, Totals::Unwanted));
        let (write, length) = cost_of(|| write_lines(&snapshot, &naming, &mut part));
        assert_eq!(snapshot.len() as u64, names, "every name is a series");
        if number >= WARM {
            merges.push(merge.as_secs_f64() * 1e3);
            writes.push(write.as_secs_f64() * 1e3);
            bytes = length;
        }
    }
    (median(merges), median(writes), bytes)
}

/// Writes the lines as an output does; the number of their bytes.
fn write_lines(snapshot: &Snapshot, naming: &Namespace, part: &mut Vec<u8>) -> usize {
    let mut lines = SnapshotLines::new(snapshot, naming, &TagMode::Graphite);
    let (mut length, mut more) = (0, true);
    while more {
        part.clear();
        while more && part.len() < PART {
            more = lines.write_part(part);
        }
        length += part.len();
    }
    length
}

const ONE: &str = "[hekad]\nmax_series = 2000000\n[StatsdInput]\n[StatAccumFilter]\n";

const SERIES: [u64; 5] = [10_000, 30_000, 100_000, 300_000, 1_000_000];
const MIXES: [(Mix, &str); 2] =
    [(Mix::Kinds, "70 % counters, 20 % timers, 9 % gauges, 1 % sets"), (Mix::Counters, "counters alone")];

/// Samples of a round at least.
const SAMPLES: u64 = 1_000_000;
/// Datagrams that a lane takes at once.
const BATCH: usize = 27;
const WARM: usize = 2;
const ROUNDS: usize = 7;
const INTERVAL: Duration = Duration::from_secs(10);
/// Bytes of text that an output sends at once.
const PART: usize = 128 << 10;
