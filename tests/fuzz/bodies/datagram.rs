//! Datagrams of any bytes are samples and tallies, and whatever is made of them can be read by those it is sent to.

use std::sync::Arc;
use std::time::Duration;

use super::exposition::lint;
use heka::aggregate::{
    Accumulator, AccumulatorRules, Chosen, CounterTotal, Distribution, Idle, IdleRules, Snapshot, Totals,
};
use heka::exposition::{
    Claim, Cursor, Families, Format, Observed, Reader, Reading, Samples, Shapes, StoreRules, Updated,
};
use heka::flow::{Body, Pack, SNAPSHOT_TYPE, Serial, Trace, sample_facts, write_snapshot};
use heka::graphite::{Namespace, NamespaceOptions, Percent, TagMode, parse_line};
use heka::matcher::{Fact, Facts};
use heka::message::Message;
use heka::metric::{BadReason, Registry, Sample, SampleBatch, SampleKind, SeriesId};
use heka::statsd::{Dialect, Parser, Rules};
use heka::time::{Slot, Stamp};

/// Reads `bytes` as datagrams that two zero bytes part: through plain rules, through rules that change names, and in one
/// more dialect, by the first byte.
pub(crate) fn run(bytes: &[u8]) {
    let datagrams = datagrams(bytes);
    MADE_ONCE.with(|(rules, renderings)| {
        let further = 2 + usize::from(bytes.first().copied().unwrap_or_default()) % DIALECTS.len();
        for rules in rules[..2].iter().chain([&rules[further]]) {
            let (batch, asides) = read(rules, &datagrams);
            check_batch(&batch, asides.len());
            check_messages(&batch);
            aggregate(&batch, renderings);
        }
    });
}

/// A prefix, static tags, a drop glob, and limits that are easy to reach.
fn busy_rules() -> Rules {
    let tags = vec![("env".to_owned(), "prod".to_owned()), ("up".to_owned(), String::new())];
    let rules = Rules::new("pre.fix", tags, &["*debug*".to_owned()]).expect("legal rules");
    Rules { max_key: 24, max_spellings: 4, ..rules }
}

/// Rules of another dialect, which refuse what is late and drop what clients say of themselves.
fn rules_of(dialect: Dialect) -> Rules {
    Rules { dialect, refuse_late: true, drop_client_telemetry: true, ..Rules::default() }
}

/// Those whose rates are from 0 to 1.
const DIALECTS: [Dialect; 4] = [Dialect::Dogstatsd, Dialect::Influx, Dialect::Librato, Dialect::Signalfx];

fn datagrams(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut datagrams = Vec::new();
    while let Some(end) = bytes.windows(2).position(|window| window == b"\0\0") {
        datagrams.push(&bytes[..end]);
        bytes = &bytes[end + 2..];
    }
    datagrams.push(bytes);
    datagrams
}

/// What `datagrams` hold; the same whether lines are kept or not, and when they come again.
fn read(rules: &Rules, datagrams: &[&[u8]]) -> (SampleBatch, Vec<Message>) {
    let names = Arc::new(Registry::new(SERIES));
    let mut parser = Parser::new(rules.clone(), Arc::clone(&names), 42);
    let mut parse = |keep_lines: bool| {
        let mut batch = SampleBatch::new(Arc::clone(&names));
        datagrams.iter().for_each(|datagram| parser.parse(datagram, keep_lines, &mut batch));
        (batch, parser.take_messages())
    };
    let ((kept, asides), (bare, of_bare), (again, of_again)) = (parse(true), parse(false), parse(true));
    assert_eq!((&asides, &asides), (&of_bare, &of_again));
    assert!(again.samples.iter().map(bits).eq(kept.samples.iter().map(bits)), "read twice, read the same");
    assert_eq!((&again.text, &again.lines, &again.tally), (&kept.text, &kept.lines, &kept.tally));
    assert_eq!(bare.tally, kept.tally);
    assert_eq!(meanings(&bare), meanings(&kept));
    assert!(bare.lines.is_empty());
    if let Some((_, example)) = parser.take_example() {
        assert!(kept.tally.bad_total() > 0 && example.len() <= 128);
    }
    (kept, asides)
}

/// A sample as it is compared: a value may hold the bits of a span, so it is compared by its bits.
fn bits(sample: &Sample) -> (SeriesId, SampleKind, u64, u64) {
    (sample.series, sample.kind, sample.value.to_bits(), sample.rate.to_bits())
}

/// What a sample says; of one of a set its member, wherever that lies in the text.
type Meaning<'a> = (SeriesId, SampleKind, Result<u64, &'a [u8]>, u64);

fn meanings(batch: &SampleBatch) -> Vec<Meaning<'_>> {
    let meaning = |sample: &Sample| {
        let value = match sample.kind {
            SampleKind::Set => Err(batch.text_of(sample.member())),
            _ => Ok(sample.value.to_bits()),
        };
        (sample.series, sample.kind, value, sample.rate.to_bits())
    };
    batch.samples.iter().map(meaning).collect()
}

fn check_batch(batch: &SampleBatch, asides: usize) {
    assert_eq!(batch.lines.len(), batch.samples.len(), "every sample has its line");
    for (sample, &line) in batch.samples.iter().zip(&batch.lines) {
        let line = batch.text_of(line);
        assert!(!line.contains(&b'\n') && !line.is_empty(), "a line is one line");
        assert_eq!(sample.series.kind(), sample.kind.series());
        assert!(sample.rate > 0.0 && sample.rate <= 1.0, "{sample:?}");
        match sample.kind {
            SampleKind::Set => {
                let member = batch.text_of(sample.member());
                assert!(
                    line.windows(member.len().max(1)).any(|window| window == member),
                    "{member:?} of {line:?}"
                );
            }
            SampleKind::Timer => assert!(sample.value >= 0.0 && sample.value.is_finite(), "{sample:?}"),
            SampleKind::Counter => assert!((sample.value * (1.0 / sample.rate)).is_finite(), "{sample:?}"),
            _ => assert!(sample.value.is_finite(), "{sample:?}"),
        }
        let series = batch.names.series(sample.series);
        assert!(!series.name.is_empty() && series.kind == sample.kind.series());
    }
    let tally = &batch.tally;
    assert!(tally.bad[BadReason::Truncated as usize] == 0, "only the kernel cuts");
    let accounted = batch.samples.len() + asides + (tally.bad_total() + tally.dropped) as usize;
    assert!(accounted > 0 || tally.lines == 0, "no line is lost without a word");
}

/// Every sample can be looked at as a message.
fn check_messages(batch: &SampleBatch) {
    let pack = pack(sample_facts("udp", "host"), Body::Samples(batch.clone()));
    for index in 0..batch.samples.len().min(SHOWN) {
        let message = pack.record(index).to_message().into_owned();
        let line = batch.text_of(batch.lines[index]);
        // One of several values has a line of its own as a message.
        let fits = batch.is_packed(index) || message.payload == line;
        assert!(fits && !message.payload.is_empty(), "{message:?} of {line:?}");
        assert!(message.fields.len() >= 4);
    }
}

/// Pours the batch and every other sample of it into two seats, then the half alone, then nothing, and looks at a flush
/// of each.
fn aggregate(batch: &SampleBatch, renderings: &Renderings) {
    let rules = AccumulatorRules {
        exact_samples: 32,
        exact_members: 16,
        own_stats: true,
        idle: IdleRules { timers: Idle::DeleteAfter(1), ..IdleRules::default() },
        ..AccumulatorRules::default()
    };
    let accumulator = Accumulator::new(rules, Arc::clone(&batch.names), Stamp(0));
    let mut store = store(&batch.names);
    let mut slot = Slot::open_at(Stamp::from_seconds(1_700_000_000), Duration::from_secs(10));
    let mut half = vec![0_u64; batch.samples.len().div_ceil(64)];
    (0..batch.samples.len()).step_by(2).for_each(|index| half[index / 64] |= 1 << (index % 64));
    let (all, half) = (Chosen::All, Chosen::Bits(&half));
    let pours: [&[(usize, Chosen<'_>)]; 3] = [&[(0, all), (1, half)], &[(1, half)], &[]];
    let mut poured = 0;
    for (pours, (naming, tags)) in pours.into_iter().zip(renderings) {
        for &(seat, chosen) in pours {
            accumulator.seat(seat).pour(batch, chosen, accumulator.next_sequence());
            poured += chosen.count(batch.samples.len());
        }
        let found = Arc::new(accumulator.flush(slot, Totals::Wanted));
        let ledger = accumulator.ledger();
        assert_eq!((ledger.poured, ledger.flushed, ledger.held), (poured as u64, poured as u64, 0));
        check_points(&found);
        check_graphite(&found, naming, tags);
        if pours.len() == 1 {
            check_flush_message(&found, naming);
        }
        check_exposition(&found, &mut store);
        slot = slot.next();
    }
}

/// Points are in order and their totals are numbers, whatever was added up.
fn check_points(found: &Snapshot) {
    assert!(found.counters.is_sorted_by(|a, b| a.series < b.series));
    assert!(found.gauges.is_sorted_by(|a, b| a.series < b.series));
    assert!(found.timers.is_sorted_by(|a, b| a.series < b.series));
    assert!(found.sets.is_sorted_by(|a, b| a.series < b.series));
    assert!(found.counters.iter().all(|point| point.sum.is_finite()));
    assert!(
        found.totals.len() == found.counters.len()
            && found.totals.iter().all(|shown| shown.total.is_finite())
    );
    assert!(found.gauges.iter().all(|point| point.value.is_finite()));
    assert!(found.timers.iter().all(|point| point.total_sum.is_finite() && point.total_weight.is_finite()));
}

/// Every line is one that carbon reads.
fn check_graphite(found: &Arc<Snapshot>, naming: &Namespace, tags: &TagMode) {
    let mut text = Vec::new();
    let count = write_snapshot(found, naming, tags, &mut text);
    assert!(text.ends_with(b"\n"), "every line ends");
    let lines: Vec<&[u8]> = text[..text.len() - 1].split(|&byte| byte == b'\n').collect();
    assert_eq!(lines.len() as u64, count);
    for line in lines {
        let read = parse_line(line);
        let read = read.unwrap_or_else(|error| panic!("{error}: {}", line.escape_ascii()));
        assert!(read.stamp == found.slot.end.seconds() && !read.path.contains(char::is_control), "{read:?}");
    }
}

/// A flush can be looked at as a message: every line is a field.
fn check_flush_message(found: &Arc<Snapshot>, naming: &Arc<Namespace>) {
    let facts = Facts { type_: Fact::Is(SNAPSHOT_TYPE.into()), ..Facts::default() };
    let body = Body::Snapshot { found: Arc::clone(found), naming: Arc::clone(naming) };
    let message = pack(facts, body).record(0).to_message().into_owned();
    let lines = message.payload.iter().filter(|&&byte| byte == b'\n').count();
    assert_eq!(message.fields.len(), lines + 1, "one more is the timestamp");
}

/// Whose names, and what becomes of tags, flush by flush: a sketch makes a rendering slow, so not all of them each time.
fn renderings() -> Renderings {
    let percentiles = ["90", "99.9", "-10", "0", "100"].map(|text| Percent::parse(text).expect("a number"));
    let statsd = NamespaceOptions { percentiles: percentiles.to_vec(), ..NamespaceOptions::default() };
    let heka = NamespaceOptions { percentiles: percentiles.to_vec(), ..NamespaceOptions::heka() };
    let (statsd, heka) = (Arc::new(Namespace::new(statsd)), Arc::new(Namespace::new(heka)));
    let path = TagMode::Path("{name}.{tags}".parse().expect("a legal template"));
    [(Arc::clone(&statsd), TagMode::Graphite), (heka, path), (statsd, TagMode::Drop)]
}

/// A scrape in parts is legal, and has the series that are exposed.
fn check_exposition(found: &Snapshot, store: &mut Families) {
    let at = found.slot.end;
    for (point, &CounterTotal { total, created, .. }) in found.counters.iter().zip(&found.totals) {
        show(store, point.series, Reading::Counter { total, created }, at);
    }
    for point in &found.gauges {
        show(store, point.series, Reading::Gauge(point.value), at);
    }
    for point in &found.timers {
        let sketched: Vec<(f64, u32)> = match &point.distribution {
            Distribution::Exact(_) => Vec::new(),
            Distribution::Sketch(sketch) => sketch.buckets().collect(),
        };
        let sketched_sum = match &point.distribution {
            Distribution::Exact(_) => 0.0,
            Distribution::Sketch(sketch) => sketch.sum(),
        };
        let reading = Reading::Distribution(Observed {
            samples: found.exact(point).map_or(Samples::Counted(&sketched, sketched_sum), Samples::Exact),
            weight: point.weight,
            since: found.slot.start(),
            total_sum: point.total_sum,
            total_weight: point.total_weight,
            created: point.created,
        });
        show(store, point.series, reading, at);
    }
    for point in &found.sets {
        show(store, point.series, Reading::Gauge(point.cardinality as f64), at);
    }
    let text = String::from_utf8(rendered(store, Format::Text)).expect("a scrape is UTF-8");
    let families = lint::read(&text).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(families.len(), store.families());
    for format in [Format::OpenMetrics, Format::Protobuf] {
        assert!(rendered(store, format).len() >= families.len());
    }
}

fn rendered(store: &mut Families, format: Format) -> Vec<u8> {
    let (mut page, mut cursor) = (Vec::new(), Some(Cursor::default()));
    while let Some(from) = cursor {
        cursor = store.render(&from, &Reader::plain(format), &mut page, 64);
    }
    page
}

fn store(names: &Arc<Registry>) -> Families {
    let shapes = Shapes::new([("*h*", &[-1.0, 0.5, 100.0][..])], ["*a*"]).expect("legal globs and bounds");
    let rules = StoreRules { shapes, quantiles: vec![0.0, 0.5, 0.99, 1.0], ..StoreRules::default() };
    Families::new(rules, Arc::clone(names))
}

fn show(store: &mut Families, id: SeriesId, reading: Reading<'_>, at: Stamp) {
    if let Claim::Exposed(claimed) = store.claim(id, at, true) {
        assert_ne!(store.update(claimed.slot, reading, at, true), Updated::Gone, "it was just claimed");
    }
}

fn pack(facts: Facts, body: Body) -> Pack {
    Pack::new(Arc::new(facts), Trace::default(), Serial::default(), body)
}

/// Few, so that the overflow series is met.
const SERIES: usize = 16;

/// Samples made into messages, so that a long datagram stays quick.
const SHOWN: usize = 50;

/// Naming and tags of each of the three flushes.
type Renderings = [(Arc<Namespace>, TagMode); 3];

thread_local! {
    static MADE_ONCE: (Vec<Rules>, Renderings) = {
        let further = DIALECTS.into_iter().map(rules_of);
        ([Rules::default(), busy_rules()].into_iter().chain(further).collect(), renderings())
    };
}
