//! What other servers' own tests say of a line, held against the dialect that is closest to each.
//!
//! `vectors/statsd_peers.json` has assertions from the tests of eight servers. They contradict each other; where ours is meant
//! to differ, `DIFFERENT` says what we give and why.

use std::sync::Arc;

use heka::message::{Message, Value as Values};
use heka::metric::{BadReason, Registry, Sample, SampleBatch, SampleKind};
use heka::statsd::{Dialect, EVENT_TYPE, Parser, Rules};
use serde_json::Value;

#[test]
fn lines_mean_what_other_servers_tests_say_they_mean() {
    let (mut held, mut wrong) = (0, Vec::new());
    let mut different = DIFFERENT.to_vec();
    for vector in vectors() {
        let id = vector["id"].as_str().expect("a vector has an id");
        let read = Read::of(&vector);
        held += 1;
        let differs = read.difference(&vector);
        match (differs, different.iter().position(|(other, _, _)| *other == id)) {
            (None, None) => {}
            (Some(what), None) => wrong.push(format!("{id}: {what}: we give {}", read.shown())),
            (None, Some(_)) => wrong.push(format!("{id} is no different: take it off the list")),
            (Some(_), Some(place)) => {
                let (_, ours, _) = different.swap_remove(place);
                if ours != read.shown() {
                    wrong.push(format!("{id}: we give {}, not {ours}", read.shown()));
                }
            }
        }
    }
    wrong.extend(different.iter().map(|(id, _, _)| format!("there is no vector {id}")));
    assert!(wrong.is_empty(), "{} vectors are wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(held, 194);
}

/// What a vector's datagrams came to.
struct Read {
    batch: SampleBatch,
    messages: Vec<Message>,
}

impl Read {
    fn of(vector: &Value) -> Read {
        let names = Arc::new(Registry::new(100));
        let rules = Rules { dialect: dialect(vector), ..Rules::default() };
        let rules = match vector["dialect"].as_str() {
            // It keeps containers under that label.
            Some("multi-tag/statsd_exporter") => {
                rules.keeping_origin("container_id", "").expect("a legal tag")
            }
            _ => rules,
        };
        let mut parser = Parser::new(rules, Arc::clone(&names), 1);
        let mut batch = SampleBatch::new(names);
        for datagram in vector["datagrams"].as_array().expect("there are datagrams") {
            parser.parse(&bytes(datagram), true, &mut batch);
        }
        Read { batch, messages: parser.take_messages() }
    }

    /// What is not as the vector says.
    fn difference(&self, vector: &Value) -> Option<String> {
        let bad = self.batch.tally.bad_total();
        if let Some(event) = vector["expect_event"].as_object() {
            return self.message_differs(event.iter());
        }
        if let Some(check) = vector["expect_service_check"].as_object() {
            return self.message_differs(check.iter());
        }
        if vector["expect_bad_packet"] == true {
            return (bad == 0).then(|| "is not bad".to_owned());
        }
        let expected_bad = vector["expect_bad_lines"].as_u64().unwrap_or(0);
        if bad != expected_bad {
            return Some(format!("{bad} bad values, not {expected_bad}"));
        }
        let expected = self.expected(vector);
        if expected.len() != self.batch.samples.len() {
            return Some(format!("{} samples, not {}", self.batch.samples.len(), expected.len()));
        }
        let timed = expected.iter().filter(|expected| expected.get("timestamp").is_some()).count() as u64;
        if timed > 0 && self.batch.tally.late != timed {
            return Some("its time is not seen".to_owned());
        }
        self.batch
            .samples
            .iter()
            .zip(&expected)
            .find_map(|(sample, expected)| self.sample_differs(sample, expected))
    }

    /// One expectation for each sample.
    fn expected(&self, vector: &Value) -> Vec<Value> {
        let mut all = Vec::new();
        for expected in vector["expect_parsed"].as_array().into_iter().flatten() {
            match expected["values"].as_array() {
                Some(values) => all.extend(values.iter().map(|value| {
                    let mut one = expected.clone();
                    one["value"] = value.clone();
                    one
                })),
                None => all.push(expected.clone()),
            }
        }
        all
    }

    fn sample_differs(&self, sample: &Sample, expected: &Value) -> Option<String> {
        let series = self.batch.names.series(sample.series);
        let text = |key: &str| expected[key].as_str();
        let name = text("name").map(|name| name.split_once(";").map_or(name, |(name, _)| name));
        if name.is_some_and(|name| *name != *series.name) {
            return Some("another name".to_owned());
        }
        let kind = text("type").or(text("raw_type"));
        if kind.is_some_and(|kind| !kinds(kind).contains(&sample.kind)) {
            return Some("another kind".to_owned());
        }
        let relative = expected["relative"].as_bool().or(text("sign").map(|_| true));
        let is_relative = sample.kind == SampleKind::GaugeDelta;
        if relative.is_some_and(|relative| relative != is_relative) {
            return Some("not as relative".to_owned());
        }
        if text("set_value").is_some_and(|member| member.as_bytes() != self.batch.text_of(sample.member())) {
            return Some("another member".to_owned());
        }
        let tags: Vec<String> =
            series.tags_text().split(',').filter(|tag| !tag.is_empty()).map(str::to_owned).collect();
        if expected_tags(expected).is_some_and(|expected| expected != tags) {
            return Some("other tags".to_owned());
        }
        value_differs(sample, expected).or_else(|| rate_differs(sample, expected))
    }

    fn message_differs<'a>(&self, expected: impl Iterator<Item = (&'a String, &'a Value)>) -> Option<String> {
        let [message] = &self.messages[..] else { return Some("no message".to_owned()) };
        let field = |name: &str| match message.field(name, 0).map(|field| &field.value) {
            Some(Values::Strings(texts)) => texts[0].to_string(),
            _ => String::new(),
        };
        let statuses = ["ok", "warning", "critical", "unknown"];
        expected.into_iter().find_map(|(key, value)| {
            let same = match (key.as_str(), value) {
                ("text", Value::String(text)) => message.payload == text.as_bytes(),
                ("date" | "timestamp", Value::Number(date)) => {
                    Some(message.timestamp.seconds()) == date.as_i64()
                }
                ("hostname", Value::String(host)) => message.hostname == *host,
                ("status", Value::Number(status)) => {
                    status.as_u64().is_some_and(|status| field("status") == statuses[status as usize])
                }
                ("tags", tags) => sorted(tags) == field("tags").split(',').collect::<Vec<_>>(),
                (key, Value::String(text)) => field(key) == *text,
                _ => false,
            };
            (!same).then(|| format!("another {key}"))
        })
    }

    /// Samples, bad values and messages in a line.
    fn shown(&self) -> String {
        let samples = self.batch.samples.iter().map(|sample| {
            let series = self.batch.names.series(sample.series);
            let value = match sample.kind {
                SampleKind::Set => String::from_utf8_lossy(self.batch.text_of(sample.member())).into_owned(),
                _ => sample.value.to_string(),
            };
            let tags =
                if series.tags.is_empty() { String::new() } else { format!("#{}", series.tags_text()) };
            let rate = if sample.rate == 1.0 { String::new() } else { format!(" @{}", sample.rate) };
            format!("{} {}{tags} {value}{rate}", sample.kind.text(), series.name)
        });
        let tally = &self.batch.tally;
        let bad = BadReason::ALL.into_iter().flat_map(|reason| {
            std::iter::repeat_n(format!("!{}", reason.label()), tally.bad[reason as usize] as usize)
        });
        let messages = self.messages.iter().map(|message| {
            let kind = if message.type_ == EVENT_TYPE { "event" } else { "check" };
            format!("{kind} {}", String::from_utf8_lossy(&message.payload))
        });
        samples.chain(bad).chain(messages).collect::<Vec<_>>().join(" & ")
    }
}

/// The dialect that is closest to the server a vector is from.
fn dialect(vector: &Value) -> Dialect {
    let title = vector["title"].as_str().unwrap_or_default();
    match vector["dialect"].as_str().expect("a vector has a dialect") {
        "dogstatsd/adp" | "dogstatsd/veneur" => Dialect::Dogstatsd,
        // It tells the styles of tags apart by itself.
        "multi-tag/statsd_exporter" if title.starts_with("SignalFx") => Dialect::Signalfx,
        "multi-tag/statsd_exporter" if title.starts_with("librato") => Dialect::Librato,
        "multi-tag/statsd_exporter" if title.starts_with("influxdb") => Dialect::Influx,
        _ => Dialect::Auto,
    }
}

/// Samples that a server's word for a type can be.
fn kinds(word: &str) -> &'static [SampleKind] {
    match word {
        "counter" | "c" | "m" => &[SampleKind::Counter],
        "gauge" | "g" => &[SampleKind::Gauge, SampleKind::GaugeDelta],
        "gauge-delta" => &[SampleKind::GaugeDelta],
        "timer" | "summary" | "observer" => {
            &[SampleKind::Timer, SampleKind::Histogram, SampleKind::Distribution]
        }
        "ms" => &[SampleKind::Timer],
        "histogram" => &[SampleKind::Histogram],
        "distribution" => &[SampleKind::Distribution],
        "set" => &[SampleKind::Set],
        other => panic!("no type is {other}"),
    }
}

/// As `k:v`, sorted; empty ones are none.
fn expected_tags(expected: &Value) -> Option<Vec<String>> {
    if let Some(labels) = expected["labels"].as_object() {
        return Some(
            labels.iter().map(|(key, value)| format!("{key}:{}", value.as_str().unwrap_or("?"))).collect(),
        );
    }
    expected["tags"].is_array().then(|| sorted(&expected["tags"]))
}

fn sorted(tags: &Value) -> Vec<String> {
    let texts = tags.as_array().into_iter().flatten().filter_map(Value::as_str);
    let mut tags: Vec<String> =
        texts.filter(|tag| !tag.is_empty()).map(|tag| tag.replacen('=', ":", 1)).collect();
    tags.sort();
    tags
}

/// A server may say the value as sent, divided by the rate, in seconds, or without its sign.
fn value_differs(sample: &Sample, expected: &Value) -> Option<String> {
    let raw = expected["raw_value"].as_str().map(|text| text.parse().expect("a number"));
    let value = expected["value"].as_f64().or(raw)?;
    let value = if expected["sign"] == "-" { -value } else { value };
    let scaled = match sample.kind {
        SampleKind::Counter if expected.get("sample_rate").is_none() => sample.value * (1.0 / sample.rate),
        SampleKind::Timer if expected["type"] == "observer" => sample.value / 1000.0,
        _ => sample.value,
    };
    (scaled != value).then(|| format!("{scaled}, not {value}"))
}

/// Gauges and sets have no use for a rate.
fn rate_differs(sample: &Sample, expected: &Value) -> Option<String> {
    if matches!(sample.kind, SampleKind::Gauge | SampleKind::GaugeDelta | SampleKind::Set) {
        return None;
    }
    let weight = expected["weight"].as_f64().or(expected["repeat"].as_f64()).map(|weight| 1.0 / weight);
    let rate = expected["sample_rate"].as_f64().or(weight)?;
    (rate != sample.rate).then(|| format!("rate {}, not {rate}", sample.rate))
}

fn vectors() -> Vec<Value> {
    serde_json::from_str(include_str!("vectors/statsd_peers.json")).expect("a list of vectors")
}

/// Text, or bytes in hexadecimal.
fn bytes(datagram: &Value) -> Vec<u8> {
    match (datagram.as_str(), datagram["hex"].as_str()) {
        (Some(text), _) => text.as_bytes().to_vec(),
        (None, Some(hex)) => {
            let digits: Vec<char> = hex.chars().collect();
            let byte = |pair: &[char]| u8::from_str_radix(&pair.iter().collect::<String>(), 16);
            digits.chunks(2).map(|pair| byte(pair).expect("hexadecimal digits")).collect()
        }
        (None, None) => panic!("no datagram is {datagram}"),
    }
}

/// Vectors that we do not follow: what we give instead, and why.
const DIFFERENT: &[(&str, &str, &str)] = &[
    ("gostatsd-lex-52", "!bad_number", EMPTY),
    ("gostatsd-lex-55", "c a.packing 1 & c a.packing 2 & !bad_number", EMPTY),
    ("gostatsd-lex-58", "g a.packing 1 & g a.packing 2 & !bad_number", EMPTY),
    ("gostatsd-lex-59", "!bad_number & !bad_number & !bad_number", EMPTY),
    ("statsd_exporter-line-8", "d foo##tag2:baz,tag1:bar 0.01 @0.2", HASH),
    ("statsd_exporter-line-31", "h foo##tag2:baz,tag1:bar 0.01 @0.2", HASH),
    ("statsd_exporter-line-16", "c foo.test#tag1,tag2 100", BARE),
    ("statsd_exporter-line-23", "c foo#tag_without_a_value 100", BARE),
    ("statsd_exporter-line-24", "c foo#tag:value,tag_without_a_value 100", BARE),
    ("statsd_exporter-line-17", "c tag1bartag2bazfoo.test 100", NAMES),
    ("statsd_exporter-line-18", "c tag1bartag2bazfoo.test 100", NAMES),
    ("statsd_exporter-line-22", "c foo#09digits:0,tag.with.dots:1 100", NAMES),
    ("statsd_exporter-line-53", "!bad_rate", RATE),
    ("statsd_exporter-line-54", "!bad_rate", RATE),
    ("brubeck-bad-27", "g this.are.some.floats 12.89", BLANK),
    ("brubeck-bad-29", "g this.are.some.floats 1", SKIPPED),
    ("veneur-bad-10", "c foo 1", SKIPPED),
    ("veneur-bad-25", "event bar", SKIPPED),
    ("veneur-bad-14", "c foo 1 @0.2", LAST),
    ("veneur-bad-15", "c foo#bar 1", LAST),
    ("veneur-localonly", "h a.b.c#tag2:quacks,veneurlocalonly 1", MAGIC),
    ("veneur-globalonly", "h a.b.c#tag2:quacks,veneurglobalonly 1", MAGIC),
    ("heka-parse-2", "g _sample.gauge 123", LEADING),
    ("bioyino-glued-no-newline", "g+ complex.bioyino.test1 -10000000000 & !unknown_type", GLUED),
    ("bioyino-bad-utf8", "g+ borets1 1000 & g+ gorets -1000", UTF8),
    ("adp-invalid-utf8-tag", "g my.gauge#env:prod,tag:\u{fffd}\u{fffd} 1", UTF8),
    (
        "adp-permissive-name",
        "g codeheap_non_nmethods.usage#datacenter:localhost.dev,env:dev,service:foobar 0.3054",
        DATADOG,
    ),
    ("adp-nonfinite-inf", "!bad_number", WORDS),
    ("adp-nonfinite--inf", "!bad_number", WORDS),
    ("cernan-gauge-sample", "g foo 1 & !unknown_type & !unknown_type & !bad_rate", CERNAN),
    (
        "cernan-api",
        "g zrth 0 & g+ snd 2.2 & h thd 3.3 & c fth 4 & c fvth 5.5 @0.1 & g+ sxth -6.6 & g+ svth 7.77 & !negative_timer",
        NEGATIVE,
    ),
    ("cernan-bad-1", "", NOTHING),
];

const EMPTY: &str = "an empty value is bad, in all dialects but `dogstatsd`, whose agent skips it";
const HASH: &str = "a `#` inside a tag section is a part of the tag";
const BARE: &str = "a tag without a value is kept, its name tells series apart";
const NAMES: &str = "names and tags are cleaned when they are read, the exporter does it later";
const RATE: &str = "what is sampled at an unknown rate is refused, not counted once";
const BLANK: &str = "blanks around a value are taken off, as scripts leave them";
const SKIPPED: &str =
    "sections that nobody knows, empty ones too, are skipped, so that newer clients are understood";
const LAST: &str = "of a section that comes twice the last counts, as for the agent";
const MAGIC: &str = "no tag has a meaning of its own";
const LEADING: &str = "a blank before a name becomes `_` as in the reference; Heka trimmed it";
const GLUED: &str = "metrics are parted by line feeds alone";
const UTF8: &str = "a byte that is no UTF-8 is deleted from a name and replaced in a tag, each by itself";
const DATADOG: &str = "names are as Datadog shows them; ADP leaves that to Datadog";
const WORDS: &str = "a word for infinity is no number, and is counted";
const CERNAN: &str = "a gauge is not scaled by a rate, a rate follows a `|`, and none is above 1";
const NEGATIVE: &str = "no time is negative";
const NOTHING: &str = "an empty datagram is legal";
