//! A matcher of any text compiles or is blamed within its bytes; what compiles is sound about everything it is asked.

use std::sync::Arc;

use heka::flow::{Body, Pack, RecordRef, SERIES_FIELDS, Serial, Trace, sample_facts};
use heka::matcher::{Fact, Facts, FieldNames, Matcher, Plan, Verdict};
use heka::message::{Field, Message, Value};
use heka::metric::{Registry, SampleBatch};
use heka::statsd::{Parser, Rules};
use heka::time::Stamp;

/// Compiles `bytes` and asks about records and facts that are made once.
pub(crate) fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let matcher = match Matcher::parse(text) {
        Ok(matcher) => matcher,
        Err(error) => {
            assert!(text.get(error.span.clone()).is_some(), "{error:?} blames what is not there");
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let written = matcher.to_string();
    let again = Matcher::parse(&written).unwrap_or_else(|error| panic!("{written:?}: {error}"));
    assert!(again == matcher, "{written:?} is read as something else");
    assert_eq!(again.to_string(), written);
    RECORDS.with(|records| {
        for (message, facts) in &records.messages {
            ask_message(&matcher, message, facts);
        }
        for index in 0..records.samples.body.len() {
            ask_sample(&matcher, &records.samples, index);
        }
    });
}

fn ask_message(matcher: &Matcher, message: &Message, facts: &[Facts]) {
    let verdict = matcher.ask(message);
    assert_ne!(verdict, Verdict::Maybe, "nothing of a message is unknown");
    for facts in facts {
        let of_facts = matcher.ask(facts);
        assert!(
            of_facts == Verdict::Maybe || of_facts == verdict,
            "{of_facts:?} under {facts:?}: {message:?}"
        );
    }
}

/// A sample answers as the message it would be, as its series and its stream do where they are certain.
fn ask_sample(matcher: &Matcher, pack: &Pack, index: usize) {
    let record = pack.record(index);
    let verdict = matcher.ask(&record);
    let message = record.to_message().into_owned();
    assert_eq!(verdict, matcher.ask(&message), "{message:?}");
    let plan = matcher.plan(&pack.facts, SERIES_FIELDS);
    let Body::Samples(batch) = &pack.body else { unreachable!("a pack of samples") };
    let sample = &batch.samples[index];
    let series = batch.names.series(sample.series);
    let of_series =
        matcher.ask(&RecordRef::Series { series: &series, kind: sample.kind, facts: &pack.facts });
    assert!(
        of_series == Verdict::Maybe || of_series == verdict,
        "{of_series:?} of the series of {message:?}"
    );
    match plan {
        Plan::No => assert_eq!(verdict, Verdict::No, "{message:?}"),
        Plan::Yes => assert_eq!(verdict, Verdict::Yes, "{message:?}"),
        Plan::Series => assert_ne!(of_series, Verdict::Maybe, "{message:?}"),
        Plan::Maybe => {}
    }
}

/// What matchers are asked about.
struct Records {
    /// Messages, each with facts that are true of it.
    messages: Vec<(Message, Vec<Facts>)>,
    samples: Pack,
}

impl Records {
    fn new() -> Records {
        let messages = [Message::default(), plain(), full()];
        Records {
            messages: messages.into_iter().map(|message| (message.clone(), facts_of(&message))).collect(),
            samples: samples(),
        }
    }
}

fn plain() -> Message {
    Message {
        type_: "TEST".into(),
        logger: "GoSpec".into(),
        payload: b"Test Payload".to_vec(),
        env_version: "0.8".into(),
        hostname: "host".into(),
        severity: 6,
        pid: 1,
        ..Message::default()
    }
}

/// Every type of value, fields that repeat, bytes that are no text, numbers that are none.
fn full() -> Message {
    let doubles = Value::Doubles(vec![1.5, f64::NAN, f64::INFINITY, -0.0].into());
    let fields = [
        ("foo", Value::Strings(vec!["bar".into(), "".into(), "é\"'\\".into()].into())),
        ("foo", Value::from("alternate")),
        ("bytes", Value::Bytes(vec![b"data".to_vec(), vec![0xff, 0, b'\n']].into())),
        ("int", Value::Integers(vec![999, 1024, i64::MIN, i64::MAX].into())),
        ("double", doubles),
        ("bool", Value::Bools(vec![true, false].into())),
        ("none", Value::Strings(Vec::new().into())),
    ];
    Message {
        uuid: [0x12; 16],
        timestamp: Stamp(1_700_000_000_123_456_789),
        payload: vec![b'a', 0xff, b'\n', b'b'],
        severity: i32::MIN,
        pid: i32::MAX,
        fields: fields.into_iter().map(|(name, value)| Field::new(name, value)).collect(),
        ..plain()
    }
}

/// Everything headers can say of `message`, its beginnings alone, nothing, and the fields it has.
fn facts_of(message: &Message) -> Vec<Facts> {
    let facts = |fact: fn(&str) -> Fact, fields| Facts {
        type_: fact(&message.type_),
        logger: fact(&message.logger),
        hostname: fact(&message.hostname),
        env_version: fact(&message.env_version),
        signer: fact(message.signer.as_deref().unwrap_or_default()),
        severity: Some(message.severity),
        pid: None,
        fields,
    };
    let is = |text: &str| Fact::Is(text.into());
    let first = |text: &str| Fact::Prefix(text.chars().take(2).collect::<String>().into());
    let all = |text: &str| Fact::Prefix(text.into());
    let names = FieldNames::Only(&["foo", "bytes", "int", "double", "bool", "none"]);
    vec![
        Facts::default(),
        facts(is, names),
        facts(first, FieldNames::Unknown),
        Facts { pid: Some(message.pid), ..facts(all, FieldNames::Unknown) },
    ]
}

fn samples() -> Pack {
    let names = Arc::new(Registry::new(100));
    let mut batch = SampleBatch::new(Arc::clone(&names));
    batch.at = Stamp::from_seconds(1_700_000_000);
    let lines =
        b"foo:1|c|@0.1\nfoo:-2.5|g\nfoo:+1|g|#env:prod,up\nfoo.bar:320|ms\nfoo:1e3|h\nfoo:0|d\nfoo:bar|s";
    Parser::new(Rules::default(), names, 42).parse(lines, true, &mut batch);
    let facts = Arc::new(sample_facts("udp", "host"));
    Pack::new(facts, Trace::default(), Serial { feed: 1, batch: 1 }, Body::Samples(batch))
}

thread_local! {
    static RECORDS: Records = Records::new();
}
