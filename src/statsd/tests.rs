//! The wire table, and the two parsers against each other.

use std::sync::Arc;

use proptest::prelude::*;

use super::{Dialect, EVENT_TYPE, Outcome, Parser, Rules};
use crate::message::{Message, Value};
use crate::metric::{BadReason, Kind, Registry, Sample, SampleBatch, SampleKind, SeriesId};

fn parser() -> (Parser, SampleBatch) {
    parser_of(Dialect::Auto)
}

fn parser_of(dialect: Dialect) -> (Parser, SampleBatch) {
    let rules = Rules { dialect, ..Rules::new("", Vec::new(), &["debug.*".to_owned()]).unwrap() };
    let names = Arc::new(Registry::new(1000));
    (Parser::new(rules, Arc::clone(&names), 1), SampleBatch::new(names))
}

fn parsed(datagram: &[u8]) -> SampleBatch {
    parsed_as(Dialect::Auto, datagram)
}

fn parsed_as(dialect: Dialect, datagram: &[u8]) -> SampleBatch {
    read(dialect, datagram).0
}

/// Samples and messages.
fn read(dialect: Dialect, datagram: &[u8]) -> (SampleBatch, Vec<Message>) {
    let (mut parser, mut batch) = parser_of(dialect);
    parser.parse(datagram, true, &mut batch);
    assert_eq!(batch.lines.len(), batch.samples.len());
    (batch, parser.take_messages())
}

/// What the last column of the table says.
fn described(batch: &SampleBatch) -> String {
    let mut items: Vec<String> = batch.samples.iter().map(|sample| described_sample(sample, batch)).collect();
    for reason in BadReason::ALL {
        let count = batch.tally.bad[reason as usize] as usize;
        items.extend(std::iter::repeat_n(format!("!{}", reason.label()), count));
    }
    items.extend(std::iter::repeat_n("dropped".to_owned(), batch.tally.dropped as usize));
    items.join(" & ")
}

/// What the last column of the table says of messages: `event title "text"`, `check name "message"`.
fn described_message(message: &Message) -> String {
    let kind = if message.type_ == EVENT_TYPE { "event" } else { "check" };
    let Value::Strings(name) = &message.fields[0].value else { panic!("a title and a name are texts") };
    format!("{kind} {} \"{}\"", name[0], written(&message.payload))
}

fn described_sample(sample: &Sample, batch: &SampleBatch) -> String {
    let series = batch.names.series(sample.series);
    assert_eq!(series.kind, sample.kind.series());
    let value = match sample.kind {
        SampleKind::Set => written(batch.text_of(sample.member())),
        _ => sample.value.to_string(),
    };
    let tags = if series.tags.is_empty() { String::new() } else { format!("#{}", series.tags_text()) };
    let rate = if sample.rate == 1.0 { String::new() } else { format!(" @{}", sample.rate) };
    format!("{} {}{} {}{}", sample.kind.text(), series.name, written(tags.as_bytes()), value, rate)
}

/// Bytes with the escapes of the table.
fn written(bytes: &[u8]) -> String {
    let byte = |&byte: &u8| match byte {
        b' '..=b'~' => char::from(byte).to_string(),
        byte => format!("\\x{byte:02x}"),
    };
    bytes.iter().map(byte).collect()
}

/// The bytes that a column of the table stands for.
fn unescaped(column: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = column;
    while let Some(character) = rest.chars().next() {
        rest = &rest[character.len_utf8()..];
        if character != '\\' {
            bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        let (escape, after) = rest.split_at(1);
        rest = after;
        match escape {
            "n" => bytes.push(b'\n'),
            "r" => bytes.push(b'\r'),
            "t" => bytes.push(b'\t'),
            "\\" => bytes.push(b'\\'),
            "x" => {
                bytes.push(u8::from_str_radix(&rest[..2], 16).unwrap());
                rest = &rest[2..];
            }
            "{" => {
                let (inner, after) = rest.split_once('}').unwrap();
                let (text, times) = inner.rsplit_once('*').unwrap();
                bytes.extend(unescaped(text).repeat(times.parse().unwrap()));
                rest = after;
            }
            other => panic!("unknown escape {other:?} in {column:?}"),
        }
    }
    bytes
}

#[test]
fn every_row_of_the_wire_table_becomes_what_it_says() {
    hold(Dialect::Auto, include_str!("../../tests/wire/statsd.tsv"), 120);
}

#[test]
fn every_row_of_the_reference_s_wire_table_becomes_what_it_says() {
    hold(Dialect::Statsd, include_str!("../../tests/wire/statsd_reference.tsv"), 30);
}

#[test]
fn every_row_of_dogstatsd_s_wire_table_becomes_what_it_says() {
    hold(Dialect::Dogstatsd, include_str!("../../tests/wire/dogstatsd.tsv"), 50);
}

#[test]
fn every_row_of_the_wire_table_of_tag_styles_becomes_what_it_says() {
    let table = include_str!("../../tests/wire/tag_styles.tsv");
    let dialects = [
        ("auto", Dialect::Auto),
        ("influx", Dialect::Influx),
        ("librato", Dialect::Librato),
        ("signalfx", Dialect::Signalfx),
    ];
    for (name, dialect) in dialects {
        let rows = table.lines().filter_map(|row| row.strip_prefix(name)?.strip_prefix('\t'));
        hold(dialect, &rows.collect::<Vec<_>>().join("\n"), 4);
    }
}

fn hold(dialect: Dialect, table: &str, least: usize) {
    let (mut rows, mut wrong) = (0, Vec::new());
    for (number, row) in table.lines().enumerate().filter(|(_, row)| !row.starts_with('#')) {
        let (line, expected) =
            row.split_once('\t').unwrap_or_else(|| panic!("row {} has no tab", number + 1));
        // The expectation keeps its `\xNN`; only repetitions are written out.
        let expected = expected.replace("\\x", "\\\\x");
        let expected = String::from_utf8(unescaped(&expected)).unwrap();
        let (batch, messages) = read(dialect, &unescaped(line));
        let items = [described(&batch)].into_iter().filter(|items| !items.is_empty());
        let became = items.chain(messages.iter().map(described_message)).collect::<Vec<_>>().join(" & ");
        if became != expected {
            wrong.push(format!("row {}: {line}\n  became {became}\n  is not {expected}", number + 1));
        }
        rows += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(rows >= least, "only {rows} rows");
}

#[test]
fn datagrams_lines_and_kept_lines_are_counted_and_kept_once() {
    let (mut parser, mut batch) = parser();
    parser.parse(b"a:1:2|c\r\n\nbad\nu:x|s", true, &mut batch);
    parser.parse(b"", true, &mut batch);
    assert_eq!((batch.tally.datagrams, batch.tally.lines, batch.tally.bad_total()), (2, 3, 1));
    let lines: Vec<_> = batch.lines.iter().map(|&span| batch.text_of(span)).collect();
    assert_eq!(lines, [&b"a:1:2|c"[..], b"a:1:2|c", b"u:x|s"]);
    assert_eq!(batch.text, b"a:1:2|cxu:x|s");
}

#[test]
fn without_keep_lines_only_members_are_kept() {
    let (mut parser, mut batch) = parser();
    parser.parse(b"a:1|c\nu:x|s\nu:yz|s", false, &mut batch);
    assert_eq!((batch.lines.len(), &batch.text[..]), (0, &b"xyz"[..]));
}

#[test]
fn the_first_bad_line_is_the_example_until_it_is_taken() {
    let (mut parser, mut batch) = parser();
    assert_eq!(parser.take_example(), None);
    let long = [b'x'; 200];
    parser.parse(b"a:1|c\nb:x|c\r\nc:1|q", false, &mut batch);
    assert_eq!(parser.take_example(), Some((BadReason::BadNumber, b"b:x|c".to_vec())));
    assert_eq!(parser.take_example(), None);
    parser.parse(&long, false, &mut batch);
    assert_eq!(parser.take_example(), Some((BadReason::NoValue, vec![b'x'; 128])));
}

#[test]
fn a_bad_value_makes_no_series() {
    let (mut parser, mut batch) = parser();
    parser.parse(b"a:x|c\nb:-1|ms\nc:1|c|@0\nd:y:z|c", false, &mut batch);
    assert_eq!((batch.tally.bad_total(), batch.names.len(), parser.spellings()), (5, 0, 0));
}

#[test]
fn a_separated_series_resolves_as_its_line_does() {
    let (mut parser, mut batch) = parser();
    parser.parse(b"a b:1|c|#y:2,x:1", false, &mut batch);
    assert_eq!(
        parser.resolve("a_b", "x:1,y:2", Kind::Counter, batch.at),
        Outcome::Series(batch.samples[0].series)
    );
    assert_eq!(parser.resolve("%", "", Kind::Counter, batch.at), Outcome::Refused(BadReason::EmptyName));
    assert_eq!(parser.resolve("debug.x", "", Kind::Counter, batch.at), Outcome::Dropped);
}

#[test]
fn overflowing_series_share_one_and_are_asked_for_again() {
    let names = Arc::new(Registry::new(1));
    let mut parser = Parser::new(Rules::default(), Arc::clone(&names), 1);
    let mut batch = SampleBatch::new(names);
    parser.parse(b"a:1|c\nb:1|c\nb:1|c\nc:1|c", false, &mut batch);
    let series: Vec<_> = batch.samples.iter().map(|sample| sample.series.index()).collect();
    assert_eq!((series, parser.spellings()), (vec![0, 1, 1, 1], 1));
    assert_eq!(batch.samples[1].series, SeriesId::new(Kind::Counter, 1));
}

#[test]
fn lines_longer_than_a_window_and_lines_across_windows_are_read() {
    let packed = format!("a{}|c|@0.5\r\n", ":1".repeat(20_000));
    let short = "some.name.of.a.counter:1|c\nother:2|ms|#a:b\n".repeat(2_000);
    let batch = parsed(format!("{short}{packed}{short}{}", packed.trim_end()).as_bytes());
    assert_eq!((batch.samples.len(), batch.tally.lines, batch.tally.bad_total()), (48_000, 8_002, 0));
    assert_eq!(batch.samples.iter().filter(|sample| sample.rate == 0.5).count(), 40_000);
}

/// All of them.
const DIALECTS: [Dialect; 6] = [
    Dialect::Auto,
    Dialect::Statsd,
    Dialect::Dogstatsd,
    Dialect::Influx,
    Dialect::Librato,
    Dialect::Signalfx,
];

/// Lines made of what lines are made of, in any order.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        6 => prop::sample::select(vec!["a", "b c", "x;k=v", "%", "_e{1,1}", "_sc|a|0", "debug.", ""]).prop_map(str::to_owned),
        8 => prop::sample::select(vec![":", "|", "|c", "|ms", "|g", "|s", "|h", "|@", "|#", "\r", ":1", ":-2.5", "\n"])
            .prop_map(str::to_owned),
        4 => "[-+]?[0-9]{0,3}(\\.[0-9]{0,3})?(e-?[0-9]{1,3})?",
        3 => prop::sample::select(vec!["|@0.5", "|@2", "|#k:v,z", "|c:x", "|T1", "|T", "|m", "a,k=v[x]#b", "k:v", ",", "@", "#"])
            .prop_map(str::to_owned),
        3 => "\nn:[0-9]{1,3}\\|(c|ms|g|s)(\\|@0\\.[0-9])?(\\|#[a-c]:[a-c:,]{0,5})?(\\|c:x)?\r?\n",
    ];
    prop::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat().into_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_quick_parser_agrees_with_the_general_one(
        text in pieces(),
        dialect in prop::sample::select(DIALECTS.to_vec()),
    ) {
        let (mut parser, mut batch) = parser_of(dialect);
        parser.parse_generally(&text, &mut batch);
        let (quick, messages) = read(dialect, &text);
        prop_assert_eq!(described(&quick), described(&batch));
        prop_assert_eq!(quick.tally, batch.tally);
        prop_assert_eq!(messages, parser.take_messages());
        let lines = |batch: &SampleBatch| -> Vec<Vec<u8>> {
            batch.lines.iter().map(|&span| batch.text_of(span).to_vec()).collect()
        };
        prop_assert_eq!(lines(&quick), lines(&batch));
    }

    #[test]
    fn many_lines_are_taken_in_their_order_whether_their_names_are_new_or_not(
        lines in prop::collection::vec("[a-e]{1,2}:[0-9]{1,2}\\|(c|c|ms|g|s|x)(\\|#k:v)?", 0..150)
    ) {
        let text = lines.join("\n").into_bytes();
        let (mut parser, mut expected) = parser();
        parser.parse_generally(&text, &mut expected);
        let (mut parser, mut batch) = self::parser();
        for _ in 0..2 {
            batch.clear();
            parser.parse(&text, true, &mut batch);
            prop_assert_eq!(described(&batch), described(&expected));
        }
    }

    #[test]
    fn any_bytes_give_samples_in_range_or_reasons(text in prop::collection::vec(any::<u8>(), 0..400)) {
        let batch = parsed(&text);
        for sample in &batch.samples {
            prop_assert!((1e-9..=1.0).contains(&sample.rate));
            prop_assert!(sample.kind == SampleKind::Set || sample.value.is_finite());
        }
        for sample in &parsed_as(Dialect::Statsd, &text).samples {
            prop_assert!((1e-9..f64::MAX).contains(&sample.rate));
            prop_assert!(sample.kind == SampleKind::Set || sample.value.is_finite());
        }
    }

    #[test]
    fn a_sample_written_and_parsed_is_the_same(
        name in "[a-zA-Z0-9_.-]{1,20}", value in any::<f64>(), rate in 1e-3..=1.0f64, letter in "[cghd]",
        tags in "([a-z]{1,3}:[a-z]{1,3}(,[a-z]{1,3}:[a-z]{1,3}){0,3})?",
    ) {
        prop_assume!((value * (1.0 / rate)).is_finite() && !name.starts_with("debug."));
        let batch = parsed(format!("{name}:{value}|{letter}|#{tags}|@{rate}").as_bytes());
        prop_assert_eq!(batch.samples.len(), 1);
        let (sample, series) = (batch.samples[0], batch.names.series(batch.samples[0].series));
        prop_assert_eq!(sample.value.to_bits(), value.to_bits());
        prop_assert_eq!(sample.rate, if letter == "g" { 1.0 } else { rate });
        prop_assert_eq!(series.kind.letter(), letter);
        prop_assert_eq!(&*series.name, name);
    }
}
