//! The options of `StatFilter`.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::samples::ends_tag;
use super::template::Template;
use crate::config::{Check, Seconds, Violation};
use crate::message::Message;
use crate::metric::SampleKind;
use crate::statsd::Rules;

/// Options of `StatFilter`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// What is made of each message: a table [SECTION.Metric.ANY_NAME] for every sample.
    #[serde(rename = "Metric")]
    pub metric: BTreeMap<String, Metric>,
    /// The accumulator these samples are meant for, if there are several; those with a matcher of their own see them
    /// all the same. Default: every accumulator.
    pub stat_accum_name: Option<String>,
    /// How old a message may be, by its timestamp when it was received, to make samples; an older one is counted. So a
    /// log that is read late is no peak of now. "0": as old as it may be. Default: twice the longest ticker_interval of a
    /// StatAccumFilter of the configuration, 20s where there is none.
    pub max_age: Option<Seconds>,
}

/// One sample that every message makes.
#[derive(Debug, Clone, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Metric {
    /// What it does: "Counter" adds the value, "Timer" is one observation in milliseconds, "Gauge" is set to the value,
    /// "Set" counts different values.
    #[serde(rename = "type")]
    pub metric_type: MetricType,
    /// Its name, in which `%Name%` stands for a header of the message (Type, Logger, Hostname, Payload, EnvVersion,
    /// Severity, Pid) or for the first value of a field of that name, and `%%` for the sign. A message without that field
    /// makes no sample, and is counted. Names are cleaned as those of statsd.
    pub name: String,
    /// Its value, written like its name: "1", or "%request_time%".
    pub value: String,
    /// What the value is multiplied by: 1000 makes a Timer, which is in milliseconds, of `%request_time%` in seconds. Not
    /// for a Set. Default 1.0.
    #[serde(default = "one")]
    pub scale: f64,
    /// Whether each dot in what variables stand for becomes `_` in the name, so that it begins no further level of it.
    /// Default false.
    #[serde(default)]
    pub replace_dot: bool,
    /// Tags of the sample, their values written like its name. Default: none.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// What a sample does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
pub enum MetricType {
    /// Adds the value.
    Counter,
    /// One observation.
    Timer,
    /// Sets the gauge, whatever its sign.
    Gauge,
    /// One member.
    Set,
}

fn one() -> f64 {
    1.0
}

impl MetricType {
    pub(super) fn sample(self) -> SampleKind {
        match self {
            MetricType::Counter => SampleKind::Counter,
            MetricType::Timer => SampleKind::Timer,
            MetricType::Gauge => SampleKind::Gauge,
            MetricType::Set => SampleKind::Set,
        }
    }
}

impl Config {
    /// How old a message may be, if that is bounded. `longest_flush` is the longest interval of those who may take the
    /// samples, if they are of this configuration.
    pub(super) fn oldest(&self, longest_flush: Option<Duration>) -> Option<Duration> {
        match self.max_age {
            Some(Seconds(Duration::ZERO)) => None,
            Some(Seconds(age)) => Some(age),
            None => Some(longest_flush.map_or(AGE_OF_OTHERS, |interval| 2 * interval)),
        }
    }
}

/// How old a message may be whose samples go to aggregators elsewhere.
const AGE_OF_OTHERS: Duration = Duration::from_secs(20);

impl Check for Config {
    fn check(&self) -> Vec<Violation> {
        let mut violations = Vec::new();
        if self.metric.is_empty() {
            let help = "[SECTION.Metric.ANY_NAME] with its type, name and value".to_owned();
            let violation = Violation::new("Metric", "must have a table for a sample at least");
            violations.push(Violation { help: Some(help), ..violation });
        }
        for (id, metric) in &self.metric {
            violations.extend(metric.check(&format!("Metric.{id}")));
        }
        violations
    }
}

impl Metric {
    /// What is wrong with it; `path` leads to its table.
    fn check(&self, path: &str) -> Vec<Violation> {
        let mut violations = Vec::new();
        let key = |option: &str| format!("{path}.{option}");
        let mut template = |option: &str, text: &str, element: Option<&String>| match Template::new(text) {
            Ok(template) => Some(template),
            Err(error) => {
                let help = "`%%` stands for the sign itself".to_owned();
                let violation = Violation::new(key(option), error.to_string());
                violations.push(Violation { help: Some(help), element: element.cloned(), ..violation });
                None
            }
        };
        template("name", &self.name, None);
        let value = template("value", &self.value, None);
        for (tag, text) in &self.tags {
            template("tags", text, Some(tag));
        }
        if !self.scale.is_finite() || self.scale == 0.0 {
            violations.push(Violation::new(key("scale"), "must be a number other than 0"));
        } else if self.metric_type == MetricType::Set && self.scale != 1.0 {
            violations.push(Violation::new(key("scale"), "does not go with a Set, whose values are texts"));
        }
        if self.name.is_empty() {
            violations.push(Violation::new(key("name"), "must not be empty"));
        }
        if let Some(value) = value.filter(|value| value.constant().is_some())
            && let Some(flaw) = self.flaw_of(&value)
        {
            violations.push(Violation::new(key("value"), flaw));
        }
        for (tag, text) in &self.tags {
            if text.contains(ends_tag) {
                let message = "may hold no comma, semicolon or bar, and no control";
                violations.push(Violation::new(key("tags"), message).of_element(tag));
            }
            if let Err(error) = Rules::new("", vec![(tag.clone(), String::new())], &[]) {
                violations.push(Violation::new(key("tags"), error.to_string()).of_element(tag));
            }
        }
        violations
    }

    /// Why a value that is always the same can never be taken.
    fn flaw_of(&self, value: &Template) -> Option<&'static str> {
        let number = || value.number(&Message::default(), &mut String::new());
        match self.metric_type {
            MetricType::Set => None,
            _ if number().is_err() => Some("is no number, and has no %Field% that could be one"),
            MetricType::Timer if number().is_ok_and(|value| value * self.scale < 0.0) => {
                Some("must not be negative")
            }
            _ => None,
        }
    }
}
