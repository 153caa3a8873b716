//! What the reference statsd sent to Graphite, value by value, against an imported configuration of each run.
//!
//! The vectors are runs of statsd 0.10.2 whose Graphite output was captured: configuration, datagrams, and every line of
//! each flush. Here they go through `import` and a trial.

use std::collections::BTreeMap;
use std::time::Duration;

use heka::flow::Wiring;
use heka::graphite::parse_line;
use heka::import::{Fate, statsd};
use heka::pipeline::{Trial, builtin};
use heka::time::Stamp;
use serde_json::{Value, json};

#[test]
fn every_run_of_the_reference_gives_the_same_lines_after_an_import() {
    let vectors: Vec<Value> =
        serde_json::from_str(include_str!("vectors/statsd_reference.json")).expect("the vectors are JSON");
    assert!(vectors.len() > 250, "only {} vectors", vectors.len());
    let wrong: Vec<String> = vectors
        .iter()
        .filter_map(|vector| run(vector).err().map(|error| format!("{}: {error}", vector["id"])))
        .collect();
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), vectors.len(), wrong.join("\n"));
}

/// Runs one vector: an empty flush first, then its datagrams, then those of later flushes.
fn run(vector: &Value) -> Result<(), String> {
    let seconds = vector["flush_interval_s"].as_u64().unwrap_or(1);
    let pickle = vector["config"]["graphiteProtocol"] == "pickle";
    let imported = imported(&vector["config"], seconds)?;
    let mut trial = Trial::new(&imported, &builtin(), Wiring::AsConfigured, Stamp::from_seconds(START))?;
    let interval = Duration::from_secs(seconds);
    trial.advance(interval);
    let mut read = written(&trial).len();
    let no_steps = Vec::new();
    let later = vector["later_flushes"].as_array().unwrap_or(&no_steps);
    for (number, step) in std::iter::once(vector).chain(later).enumerate() {
        for datagram in step["datagrams"].as_array().ok_or("no datagrams")? {
            for bytes in payloads(datagram) {
                trial.send("statsd", &bytes)?;
            }
        }
        trial.advance(interval);
        let text = written(&trial);
        let new = &text.as_bytes()[read..];
        read = text.len();
        // What crashes the reference or makes nonsense of it is not copied; that it did not end us is enough. Pickles are
        // bytes: their numbers are those of lines.
        if vector["class"] != "bug" && !pickle {
            compare(step, new).map_err(|error| format!("step {number}: {error}"))?;
        }
    }
    Ok(())
}

/// The configuration of a vector, imported as its user would do it.
fn imported(config: &Value, seconds: u64) -> Result<String, String> {
    let mut config = config.as_object().ok_or("no configuration")?.clone();
    config.insert("port".into(), 8125.into());
    config.insert("graphiteHost".into(), "127.0.0.1".into());
    config.insert("flushInterval".into(), (seconds * 1000).into());
    config.insert("backends".into(), json!(["./backends/graphite"]));
    let text = Value::Object(config).to_string();
    let imported = statsd(&text, "host", &|_| None).map_err(|error| error.to_string())?;
    let refused = imported.findings.iter().find(|finding| matches!(finding.fate, Fate::Refused(_)));
    refused.map_or(Ok(imported.text), |finding| Err(format!("the import refuses {finding:?}")))
}

fn written(trial: &Trial) -> String {
    trial.written("127.0.0.1:2003")
}

fn payloads(datagram: &Value) -> Vec<Vec<u8>> {
    if let Some(text) = datagram.as_str() {
        return vec![text.as_bytes().to_vec()];
    }
    if let Some(hex) = datagram["hex"].as_str() {
        let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("the vector has hexadecimals");
        return vec![(0..hex.len()).step_by(2).map(byte).collect()];
    }
    if let Some(chunks) = datagram["tcp"].as_array() {
        // What a listener of streams does: it hands over whole lines.
        let text: String = chunks.iter().filter_map(Value::as_str).collect();
        return text.split_inclusive('\n').map(|line| line.as_bytes().to_vec()).collect();
    }
    let times = datagram["times"].as_u64().unwrap_or(0) as usize;
    let part = |key: &str| datagram[key].as_str().unwrap_or("");
    vec![format!("{}{}{}", part("prefix"), part("repeat").repeat(times), part("suffix")).into_bytes()]
}

/// Every expected line must be there with its values, and nothing else but what the aggregator says of itself.
fn compare(step: &Value, lines: &[u8]) -> Result<(), String> {
    let mut found = BTreeMap::<String, Vec<f64>>::new();
    for line in lines.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
        let line = parse_line(line).map_err(|error| format!("{error}: {}", line.escape_ascii()))?;
        found.entry(line.path.to_owned()).or_default().push(line.value);
    }
    let nothing = serde_json::Map::new();
    let of = |key: &str| step[key].as_object().unwrap_or(&nothing);
    for (path, value) in of("expect_graphite").iter().chain(of("expect_internal")) {
        let wanted: Vec<f64> = match value {
            Value::Array(values) => values.iter().map(number).collect(),
            value => vec![number(value)],
        };
        let got = found.remove(path).unwrap_or_default();
        let same =
            wanted.len() == got.len() && wanted.iter().zip(&got).all(|(one, other)| is_same(*one, *other));
        if !same {
            return Err(format!("{path:.80}: wanted {wanted:?}, got {got:?}"));
        }
    }
    let more: Vec<&String> = found.keys().filter(|path| !OWN.iter().any(|own| path.contains(own))).collect();
    if more.is_empty() { Ok(()) } else { Err(format!("not expected: {more:.80?}")) }
}

fn number(value: &Value) -> f64 {
    match value {
        Value::String(text) => text.parse().expect("the vector has JavaScript's words for numbers"),
        value => value.as_f64().expect("the vector has numbers"),
    }
}

/// The reference adds in the order of arrival: sums in another order may differ in the last digits.
fn is_same(one: f64, other: f64) -> bool {
    one == other || one.is_nan() && other.is_nan() || (one - other).abs() <= 1e-9 * one.abs().max(other.abs())
}

/// What no vector has, since it tells of the run alone; `expect_internal` has the rest.
const OWN: [&str; 7] = [
    "numStats",
    "processing_time",
    "graphiteStats",
    ".bad_lines_seen",
    ".packets_received",
    ".metrics_received",
    "timestamp_lag",
];

const START: i64 = 1_700_000_000;
