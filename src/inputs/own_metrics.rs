//! `OwnMetricsInput`: the daemon's own metrics as samples, for stores that cannot scrape it.
//!
//! Counters are what they grew by since the last time, gauges what they stand at. They are statsd lines like any other, so
//! that everything that takes samples takes these.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::{Check, Seconds, Violation};
use crate::flow::{OWN_METRICS, OwnMetricKind, OwnMetrics};
use crate::metric::Registry;
use crate::plugin::{BuildContext, BuildError, Declare, Fault, Input, Intake, Io, LocalFuture, Ticker};
use crate::time::Stamp;

/// Options of `OwnMetricsInput`.
#[derive(Debug, Clone, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Beginning of the names; %HOSTNAME% stands for the host's name with `_` for its dots. The name of a metric follows
    /// without "hekad_" and "_total", then the values of its labels, as `hekad docs --metrics` has them, with `_` for what is no
    /// letter, digit, `-` or `_`: "heka.web1.records_lost.StatAccumFilter.CarbonOutput.queue.full". On a scrape endpoint what
    /// begins with "hekad" is taken. Default "heka.%HOSTNAME%".
    pub name: String,
    /// How often; best what the accumulator has. It is done between two of its flushes. Default 10s.
    pub ticker_interval: Seconds,
}

impl Default for Config {
    fn default() -> Config {
        Config { name: "heka.%HOSTNAME%".to_owned(), ticker_interval: Seconds::new(10) }
    }
}

impl Check for Config {
    fn check(&self) -> Vec<Violation> {
        let mut violations = Vec::new();
        let parts = self.name.replace("%HOSTNAME%", "host");
        if parts.is_empty() || parts.split('.').any(|part| part.is_empty() || part != cleaned(part)) {
            let message = "must be letters, digits, `-`, `_` and %HOSTNAME%, with single dots between";
            violations.push(Violation::new("name", message));
        }
        if !Ticker::RANGE.contains(&self.ticker_interval.0) {
            violations.push(Violation::new("ticker_interval", Ticker::OUT_OF_RANGE));
        }
        violations
    }
}

impl Declare<dyn Input> for Config {
    const TYPE: &'static str = "OwnMetricsInput";
    const SUMMARY: &'static str = "Sends the daemon's own metrics as samples, so that Graphite has them too. The options of StatsdDecoder stand in its section too.";
    const DECODER: Option<&'static str> = Some("StatsdDecoder");
    const SPLITTER: Option<&'static str> = Some("NullSplitter");

    fn build(&self, context: &BuildContext) -> Result<Box<dyn Input>, BuildError> {
        let host = cleaned(&context.hostname);
        Ok(Box::new(OwnMetricsInput {
            own: context.own().clone(),
            names: Arc::clone(&context.names),
            name: self.name.replace("%HOSTNAME%", &host),
            interval: self.ticker_interval.0,
            told: HashMap::new(),
        }))
    }
}

struct OwnMetricsInput {
    own: OwnMetrics,
    names: Arc<Registry>,
    name: String,
    interval: Duration,
    /// What counters stood at when they were told of, by their names and labels: two may have one name as samples.
    told: HashMap<String, f64>,
}

impl Input for OwnMetricsInput {
    fn run<'a>(&'a mut self, io: &'a Io) -> LocalFuture<'a, Result<(), Fault>> {
        Box::pin(async move {
            let mut intake = io.intakes.open_whole();
            while !io.stop.is_set() {
                tokio::select! {
                    () = tokio::time::sleep(until_next(self.interval, io.clock.now())) => {}
                    () = io.stop.wait() => {}
                }
                // At a stop too: what was lost since the last time must not go unsaid.
                self.tell(&mut *intake, io);
            }
            Ok(())
        })
    }
}

impl OwnMetricsInput {
    fn tell(&mut self, intake: &mut dyn Intake, io: &Io) {
        for datagram in self.datagrams() {
            if !intake.push(datagram.as_bytes(), None) {
                intake.wait(&io.stop);
            }
        }
        if !intake.flush() {
            intake.wait(&io.stop);
        }
    }

    /// A line for each metric, in datagrams of some.
    fn datagrams(&mut self) -> Vec<String> {
        self.own.measure_names(&self.names);
        let mut datagrams = vec![String::new()];
        let (told, beginning) = (&mut self.told, &self.name);
        self.own.visit(|metric, labels, kind, value| {
            if !value.is_finite() {
                return;
            }
            let name = full_name(beginning, metric, labels);
            if datagrams.last().is_none_or(|text| text.len() > LONG_ENOUGH) {
                datagrams.push(String::new());
            }
            let text = datagrams.last_mut().expect("there is one");
            // Writing to a string does not fail.
            let _ = match kind {
                OwnMetricKind::Counter => {
                    let before = told.insert(format!("{metric}{labels:?}"), value).unwrap_or(0.0);
                    writeln!(text, "{name}:{}|c", value - before)
                }
                // A sign would make it a change of what it was.
                OwnMetricKind::Gauge if value < 0.0 => writeln!(text, "{name}:0|g\n{name}:{value}|g"),
                OwnMetricKind::Gauge => writeln!(text, "{name}:{value}|g"),
            };
        });
        datagrams
    }
}

/// Bytes after which another datagram begins.
const LONG_ENOUGH: usize = 1024;

/// How long until the middle between two multiples of `interval` on the wall clock, at which filters tick.
fn until_next(interval: Duration, now: Stamp) -> Duration {
    let interval = i64::try_from(interval.as_nanos()).unwrap_or(i64::MAX);
    let past = (now.0 - interval / 2).rem_euclid(interval);
    Duration::from_nanos((interval - past).unsigned_abs())
}

fn full_name(beginning: &str, metric: &str, labels: &[(&str, &str)]) -> String {
    let known = OWN_METRICS.iter().find(|own| own.name == metric);
    let order = |label: &str| known.and_then(|own| own.labels.iter().position(|other| *other == label));
    let mut labels = labels.to_vec();
    labels.sort_by_key(|(label, _)| order(label));
    let short = metric.strip_prefix("hekad_").unwrap_or(metric);
    let short = short.strip_suffix("_total").unwrap_or(short);
    labels
        .iter()
        .fold(format!("{beginning}.{}", cleaned(short)), |name, (_, value)| name + "." + &cleaned(value))
}

/// As a part of a name: nothing in it that means something to statsd or Graphite, and never empty.
fn cleaned(text: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
    let part: String = text.chars().map(|letter| if plain(letter) { letter } else { '_' }).collect();
    if part.is_empty() { "_".to_owned() } else { part }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_told_by_what_they_grew_and_gauges_by_what_they_are() {
        let own = OwnMetrics::default();
        let mut input = OwnMetricsInput {
            own: own.clone(),
            names: Arc::new(Registry::new(1000)),
            name: "heka.web1".to_owned(),
            interval: Duration::from_secs(10),
            told: HashMap::new(),
        };
        // Asked for in another order than the table has.
        let labels = [("reason", "full"), ("way", "queue"), ("consumer", "my out.put"), ("producer", "a|b")];
        let lost = own.counter("hekad_records_lost_total", &labels);
        let lag = own.level("hekad_tick_lag_seconds", &[("filter", "")]);
        let mut told = |more: u64, at: f64| {
            lost.add(more);
            lag.set(at);
            let text = input.datagrams().concat();
            let ours = text.lines().filter(|line| line.contains("records_lost") || line.contains("tick_lag"));
            let mut ours: Vec<String> = ours.map(str::to_owned).collect();
            ours.sort();
            ours
        };
        let name = "heka.web1.records_lost.a_b.my_out_put.queue.full";
        assert_eq!(told(3, 0.25), [format!("{name}:3|c"), "heka.web1.tick_lag_seconds._:0.25|g".to_owned()]);
        let lag =
            ["heka.web1.tick_lag_seconds._:-0.5|g", "heka.web1.tick_lag_seconds._:0|g"].map(str::to_owned);
        assert_eq!(told(0, -0.5), [&[format!("{name}:0|c")][..], &lag].concat());
        assert_eq!(told(2, f64::NAN), [format!("{name}:2|c")]);
        // Another whose name is the same as a sample: what both grew by is added up.
        let labels = [("producer", "a_b"), ("consumer", "my_out_put"), ("way", "queue"), ("reason", "full")];
        own.counter("hekad_records_lost_total", &labels).add(7);
        assert_eq!(told(0, f64::NAN), [format!("{name}:0|c"), format!("{name}:7|c")]);
    }

    #[test]
    fn it_speaks_in_the_middle_between_two_ticks() {
        let seconds = |seconds: f64| Stamp((seconds * 1e9) as i64);
        let until = |now: f64| until_next(Duration::from_secs(10), seconds(now)).as_secs_f64();
        assert_eq!((until(100.0), until(104.5), until(105.0), until(109.0)), (5.0, 0.5, 10.0, 6.0));
    }
}
