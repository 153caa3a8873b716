//! The steps one by one, at 10,000 series; times are of a batch of about 900 samples, or of all series at a flush. Those
//! of log records: `records.rs`.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BatchSize, BenchmarkGroup, Criterion, Throughput, measurement::WallTime};
use heka::aggregate::{Accumulator, AccumulatorRules, Chosen, Snapshot, Totals};
use heka::exposition::{Claim, Cursor, Families, Format, Reader, Reading, StoreRules};
use heka::flow::write_snapshot;
use heka::graphite::{Namespace, NamespaceOptions, TagMode};
use heka::metric::{Registry, SampleBatch};
use heka::statsd::{Parser, Rules};
use heka::time::{Slot, Stamp};

use crate::lane::{Lane, Load};
use crate::records;

/// Runs every step.
pub(crate) fn all(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("fast_path");
    parse(&mut group);
    pour_and_flush(&mut group);
    lane(&mut group);
    records::matching(&mut group);
    records::encode(&mut group);
    records::tail(&mut group);
    records::decode(&mut group);
    group.finish();
}

/// The group that every step is in.
pub(crate) type Group<'a> = BenchmarkGroup<'a, WallTime>;

/// Parsing with every spelling known, with every spelling new, and with a tag section in a third of the lines.
fn parse(group: &mut Group<'_>) {
    for (name, load) in [("parse", LOAD), ("parse_tags", Load { tagged: 3, ..LOAD })] {
        let batches = batches(load);
        let names = Arc::new(Registry::new(100_000));
        let mut parser = Parser::new(Rules::default(), Arc::clone(&names), 1);
        let mut batch = SampleBatch::new(names);
        let mut next = 0;
        group.throughput(Throughput::Elements(samples_of(&batches)));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                batch.clear();
                batches[next].iter().for_each(|datagram| parser.parse(datagram, false, &mut batch));
                next = (next + 1) % batches.len();
                batch.samples.len()
            });
        });
    }
    let batches = batches(LOAD);
    let fresh = || {
        let names = Arc::new(Registry::new(100_000));
        (Parser::new(Rules::default(), Arc::clone(&names), 1), SampleBatch::new(names))
    };
    group.throughput(Throughput::Elements(samples_of(&batches)));
    group.bench_function("intern", |bencher| {
        let parse = |(mut parser, mut batch): (Parser, SampleBatch)| {
            batches[0].iter().for_each(|datagram| parser.parse(datagram, false, &mut batch));
            (parser, batch)
        };
        bencher.iter_batched(fresh, parse, BatchSize::SmallInput);
    });
}

/// Pouring a batch into a table; flushing what 50 batches left; writing that for Graphite and for a scraper.
fn pour_and_flush(group: &mut Group<'_>) {
    let parsed = parsed();
    let accumulator = Accumulator::new(AccumulatorRules::default(), Arc::clone(&parsed[0].names), Stamp(0));
    let table = accumulator.seat(0);
    let mut next = 0;
    group.throughput(Throughput::Elements(
        parsed.iter().map(|batch| batch.samples.len() as u64).sum::<u64>() / BATCHES as u64,
    ));
    group.bench_function("pour", |bencher| {
        bencher.iter(|| {
            if next == 0 {
                // As often as an interval of the load has batches, so that timers stay as long as they would.
                accumulator.flush(slot(), Totals::Unwanted);
            }
            table.pour(&parsed[next], Chosen::All, accumulator.next_sequence());
            next = (next + 1) % parsed.len();
        });
    });
    let pour = || {
        for batch in &parsed {
            table.pour(batch, Chosen::All, accumulator.next_sequence());
        }
    };
    accumulator.flush(slot(), Totals::Unwanted);
    pour();
    let snapshot = accumulator.flush(slot(), Totals::Wanted);
    group.throughput(Throughput::Elements(snapshot.len() as u64));
    group.bench_function("flush", |bencher| {
        bencher.iter_batched(pour, |()| accumulator.flush(slot(), Totals::Unwanted), BatchSize::PerIteration);
    });
    let naming = Namespace::new(NamespaceOptions::default());
    let mut out = Vec::new();
    group.bench_function("graphite_lines", |bencher| {
        bencher.iter(|| {
            out.clear();
            write_snapshot(&snapshot, &naming, &TagMode::Graphite, &mut out)
        });
    });
    exposition(group, &snapshot);
}

fn exposition(group: &mut Group<'_>, snapshot: &Snapshot) {
    let mut families = Families::new(StoreRules::default(), Arc::clone(&snapshot.names));
    for (point, total) in snapshot.counters.iter().zip(&snapshot.totals) {
        if let Claim::Exposed(claimed) = families.claim(point.series, STAMP, true) {
            let reading = Reading::Counter { total: total.total, created: total.created };
            families.update(claimed.slot, reading, STAMP, true);
        }
    }
    let mut out = Vec::new();
    group.throughput(Throughput::Elements(families.len() as u64));
    group.bench_function("exposition", |bencher| {
        bencher.iter(|| {
            out.clear();
            families.render(&Cursor::default(), &Reader::plain(Format::Text), &mut out, usize::MAX)
        });
    });
}

/// Everything from the datagram to the table.
fn lane(group: &mut Group<'_>) {
    let batches = batches(LOAD);
    let mut lane = Lane::new("[StatsdInput]\n[StatAccumFilter]\n");
    let mut next = 0;
    group.throughput(Throughput::Elements(samples_of(&batches)));
    group.bench_function("lane", |bencher| {
        bencher.iter(|| {
            if next == 0 {
                lane.end_interval(Duration::from_secs(10));
            }
            lane.push(&batches[next]);
            next = (next + 1) % batches.len();
        });
    });
    black_box(&lane.machines);
}

fn parsed() -> Vec<SampleBatch> {
    let names = Arc::new(Registry::new(100_000));
    let mut parser = Parser::new(Rules::default(), Arc::clone(&names), 1);
    let parse = |datagrams: &Vec<Vec<u8>>| {
        let mut batch = SampleBatch::new(Arc::clone(&names));
        datagrams.iter().for_each(|datagram| parser.parse(datagram, false, &mut batch));
        batch
    };
    batches(LOAD).iter().map(parse).collect()
}

fn batches(load: Load) -> Vec<Vec<Vec<u8>>> {
    load.datagrams(1, BATCHES * DATAGRAMS).chunks(DATAGRAMS).map(<[_]>::to_vec).collect()
}

/// Samples of a batch, on average.
fn samples_of(batches: &[Vec<Vec<u8>>]) -> u64 {
    let lines = |datagram: &Vec<u8>| datagram.iter().filter(|&&byte| byte == b'\n').count();
    batches.iter().flatten().map(lines).sum::<usize>() as u64 / batches.len() as u64
}

fn slot() -> Slot {
    Slot::open_at(STAMP, Duration::from_secs(10))
}

const STAMP: Stamp = Stamp(1_800_000_000_000_000_000);
const LOAD: Load = Load::PLAIN;
const BATCHES: usize = 200;
const DATAGRAMS: usize = 27;
