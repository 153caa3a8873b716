use std::collections::BTreeMap;

use super::samples::Samples;
use super::*;
use crate::config::{Check, Seconds};
use crate::message::{Field, Message};
use crate::metric::SampleKind;
use crate::plugin::testing::{NOW, context};

fn metric(metric_type: MetricType, name: &str, value: &str) -> Metric {
    Metric {
        metric_type,
        name: name.to_owned(),
        value: value.to_owned(),
        scale: 1.0,
        replace_dot: false,
        tags: BTreeMap::new(),
    }
}

fn config(metrics: impl IntoIterator<Item = Metric>) -> Config {
    let named = metrics.into_iter().enumerate().map(|(number, metric)| (format!("m{number}"), metric));
    Config { metric: named.collect(), ..Config::default() }
}

fn message() -> Message {
    let fields = vec![
        Field::new("status", 200.0),
        Field::new("host", "www.example.com"),
        Field::new("time", "12.5"),
        Field::new("change", -3_i64),
        Field::new("path", "/a b;c"),
    ];
    Message { hostname: "h".into(), fields, timestamp: NOW, ..Message::default() }
}

/// What one message makes: series, kind and value of each sample; and what was skipped.
fn made(config: &Config) -> (Vec<String>, Vec<String>) {
    let context = context();
    let mut samples = Samples::new(config, &context).expect("the templates are right");
    let mut batch = SampleBatch { at: NOW, ..SampleBatch::new(Arc::clone(&context.names)) };
    samples.make(&message(), true, &mut batch);
    assert_eq!(batch.lines.len(), batch.samples.len());
    let shown = batch.samples.iter().zip(&batch.lines).map(|(sample, &line)| {
        let series = batch.names.series(sample.series);
        let value = match sample.kind {
            SampleKind::Set => String::from_utf8_lossy(batch.text_of(sample.member())).into_owned(),
            _ => sample.value.to_string(),
        };
        let line = String::from_utf8_lossy(batch.text_of(line)).into_owned();
        format!("{} {} {value} {} as {line}", series.name, series.tags_text(), sample.kind.text())
    });
    let shown = shown.collect();
    let mut skipped = Vec::new();
    samples.take_skipped(|metric, reason, count| skipped.push(format!("{metric} {reason} {count}")));
    (shown, skipped)
}

#[test]
fn each_metric_makes_a_sample_of_a_message() {
    let tags =
        BTreeMap::from([("host".to_owned(), "%host%".to_owned()), ("path".to_owned(), "%path%".to_owned())]);
    let (samples, skipped) = made(&config([
        Metric { tags, ..metric(MetricType::Counter, "http.%status%", "1") },
        metric(MetricType::Timer, "time", "%time%"),
        metric(MetricType::Gauge, "g", "%change%"),
        metric(MetricType::Set, "hosts", "%host%"),
        metric(MetricType::Counter, "of.%host%.%path%", "%status%"),
        Metric { replace_dot: true, ..metric(MetricType::Counter, "of.%host%", "%status%") },
    ]));
    assert_eq!(
        samples,
        [
            "http.200 host:www.example.com,path:/a b_c 1 c as http.200:1|c|#host:www.example.com,path:/a b_c",
            "time  12.5 ms as time:12.5|ms",
            "g  -3 g as g:0|g\ng:-3|g",
            "hosts  www.example.com s as hosts:www.example.com|s",
            "of.www.example.com.-a_b_c  200 c as of.www.example.com.-a_b_c:200|c",
            "of.www_example_com  200 c as of.www_example_com:200|c",
        ]
    );
    assert_eq!(skipped, [""; 0]);
}

#[test]
fn what_cannot_be_made_costs_its_own_sample_alone_and_is_counted_by_reason() {
    let (samples, skipped) = made(&config([
        metric(MetricType::Counter, "a.%other%", "1"),
        metric(MetricType::Counter, "a", "%other%"),
        metric(MetricType::Counter, "a", "%host%"),
        metric(MetricType::Timer, "a", "%change%"),
        metric(MetricType::Counter, "%%", "1"),
        metric(MetricType::Counter, "a", "1e%status%0"),
        metric(MetricType::Counter, "good", "%change%"),
        Metric {
            tags: BTreeMap::from([("t".to_owned(), "%other%".to_owned())]),
            ..metric(MetricType::Counter, "a", "1")
        },
    ]));
    assert_eq!(samples, ["good  -3 c as good:-3|c"]);
    assert_eq!(
        skipped,
        [
            "m0 no_field 1",
            "m1 no_field 1",
            "m2 bad_number 1",
            "m3 negative_timer 1",
            "m4 empty_name 1",
            "m5 not_finite 1",
            "m7 no_field 1",
        ]
    );
}

#[test]
fn messages_may_be_two_of_the_longest_intervals_old_unless_max_age_says_otherwise() {
    let seconds = std::time::Duration::from_secs;
    let aged =
        |age: Option<u64>| Config { max_age: age.map(|age| Seconds(seconds(age))), ..Config::default() };
    let minute = Some(seconds(60));
    let oldest = [None, Some(30), Some(0)].map(|age| aged(age).oldest(minute));
    assert_eq!(oldest, [Some(seconds(120)), Some(seconds(30)), None]);
    assert_eq!(aged(None).oldest(None), Some(seconds(20)));
}

#[test]
fn mistakes_name_their_keys() {
    let wrong = config([
        metric(MetricType::Counter, "a.%b", "x"),
        Metric {
            tags: BTreeMap::from([("a:b".to_owned(), "%".to_owned())]),
            ..metric(MetricType::Timer, "", "-1")
        },
        metric(MetricType::Set, "ok", "any text"),
    ]);
    let mistakes: Vec<String> = wrong.check().into_iter().map(|violation| violation.key).collect();
    assert_eq!(
        mistakes,
        [
            "Metric.m0.name",
            "Metric.m0.value",
            "Metric.m1.tags",
            "Metric.m1.name",
            "Metric.m1.value",
            "Metric.m1.tags",
        ]
    );
    let keys: Vec<String> = config([]).check().into_iter().map(|violation| violation.key).collect();
    assert_eq!(keys, ["Metric"]);
}
