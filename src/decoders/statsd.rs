//! `StatsdDecoder`: statsd datagrams, or chunks of whole lines, to samples; DogStatsD's events and service checks to
//! messages.
//!
//! The grammar is in `statsd/`. Names are interned per seat; a bad value is counted by reason and drops only itself.
//! What the sender of an event does not say is filled in here: when it was received, and on which host.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::{Check, Seconds, Violation};
use crate::flow::{Count, sample_facts};
use crate::matcher::{Fact, Facts, FieldNames};
use crate::message::{Message, Text};
use crate::plugin::{BuildContext, BuildError, Complaint, Declare, DecodeError, Decoder, Draft};
use crate::statsd::{Dialect, MESSAGE_FIELDS, MESSAGE_TYPES, Parser, Rules, RulesError};
use crate::time::Stamp;

/// Options; they may stand in the section of a `StatsdInput`.
#[derive(Debug, Clone, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Whose grammar lines are read by: "auto" (default) takes statsd, DogStatsD and carbon's tags, each as its clients mean
    /// it, and refuses what statsd accepts by accident; "statsd" is the reference to the letter, quirks included: any
    /// unknown type is a counter, `h`, `d` and `m` too, every `:` begins another value, the order of tags tells series
    /// apart; "dogstatsd" is DogStatsD as its agent reads it: a signed gauge is a value, not a change, `;` begins no tag, and
    /// names are as Datadog shows them. As "auto", but with tags in the name as other clients write them, and without events:
    /// "influx" (`a,k=v:1|c`), "librato" (`a#k=v:1|c`), "signalfx" (`a[k=v]:1|c`).
    pub dialect: Dialect,
    /// Whether names are cleaned as the reference does it: blanks become `_`, `/` becomes `-`, what is no letter, digit,
    /// `_`, `-` or `.` is deleted. Without it names are as they came, for rules of PrometheusOutput that ask for such characters;
    /// Graphite wants `clean_names` of StatAccumFilter then. Dialect "dogstatsd" has its own rule. Default true.
    pub sanitize_names: bool,
    /// Put before every name, with a dot between unless it ends in one. Default: none.
    pub prefix: String,
    /// Tags added to every series; a tag of the same key that a client sends is replaced. Default: none.
    pub tags: BTreeMap<String, String>,
    /// Tag under which the container that a DogStatsD client names (`|c:...`) is kept, such as "container_id"; each
    /// container then has series of its own. Default: it is left out.
    pub container_tag: String,
    /// The same for its external data (`|e:...`), commas written as `_`. Default: they are left out.
    pub external_data_tag: String,
    /// What becomes of what DogStatsD's clients send about themselves (`datadog.dogstatsd.client.*`): "keep" (default) or
    /// "drop", counted.
    pub client_telemetry: ClientTelemetry,
    /// How far the time that a DogStatsD client gives a counter or gauge (`|T...`) may lie before or after now until the
    /// sample is late, which is counted; about the interval of flushes. Default 10s.
    pub late_after: Seconds,
    /// What becomes of late samples: "aggregate" (default) in the open interval, where the sum is right and only its time is
    /// not, or "refuse".
    pub late_samples: LateSamples,
    /// Globs of names, prefix included, whose samples are dropped and counted; `*` also matches dots. Default: none.
    pub drop: Vec<String>,
}

/// What becomes of what clients send about themselves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ClientTelemetry {
    /// It is aggregated like anything.
    #[default]
    Keep,
    /// It is dropped.
    Drop,
}

/// What becomes of late samples.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LateSamples {
    /// They are aggregated in the open interval.
    #[default]
    Aggregate,
    /// They are refused.
    Refuse,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            dialect: Dialect::Auto,
            sanitize_names: true,
            prefix: String::new(),
            tags: BTreeMap::new(),
            container_tag: String::new(),
            external_data_tag: String::new(),
            client_telemetry: ClientTelemetry::Keep,
            late_after: Seconds(Duration::from_secs(10)),
            late_samples: LateSamples::Aggregate,
            drop: Vec::new(),
        }
    }
}

impl Config {
    fn rules(&self) -> Result<Rules, RulesError> {
        let rules = Rules::new(&self.prefix, self.tags.clone().into_iter().collect(), &self.drop)?
            .keeping_origin(&self.container_tag, &self.external_data_tag)?;
        // The reference takes a name as long as a datagram.
        let max_key = if self.dialect == Dialect::Statsd { LONGEST } else { rules.max_key };
        Ok(Rules {
            dialect: self.dialect,
            sanitise: self.sanitize_names,
            drop_client_telemetry: self.client_telemetry == ClientTelemetry::Drop,
            late_after: self.late_after.0,
            refuse_late: self.late_samples == LateSamples::Refuse,
            max_key,
            ..rules
        })
    }

    /// Builds the decoder of one seat.
    ///
    /// # Errors
    /// When the rules do not compile, which `check` has reported before.
    pub fn decoder(&self, context: &BuildContext) -> Result<StatsdDecoder, BuildError> {
        let rules = self.rules().map_err(|error| BuildError::new(error.to_string()))?;
        let unremembered =
            context.own().counter("hekad_spellings_unremembered_total", &[("input", &*context.name)]);
        let parser = Parser::new(rules, context.names.clone(), context.seed);
        Ok(StatsdDecoder { parser, unremembered, reported: 0 })
    }
}

/// Bytes of the longest datagram.
const LONGEST: usize = 65_507;

impl Check for Config {
    fn check(&self) -> Vec<Violation> {
        let mut violations = Vec::new();
        if !self.sanitize_names && self.dialect == Dialect::Dogstatsd {
            violations
                .push(Violation::new("sanitize_names", "may not be false with dialect = \"dogstatsd\""));
        }
        for (option, key) in
            [("container_tag", &self.container_tag), ("external_data_tag", &self.external_data_tag)]
        {
            if self.dialect == Dialect::Statsd && !key.is_empty() {
                violations.push(Violation::new(option, "means nothing with dialect = \"statsd\""));
            }
        }
        if self.dialect == Dialect::Statsd && self.late_samples == LateSamples::Refuse {
            violations.push(Violation::new("late_samples", "means nothing with dialect = \"statsd\""));
        }
        if !(Duration::from_secs(1)..=Duration::from_secs(86_400)).contains(&self.late_after.0) {
            violations.push(Violation::new("late_after", "must be between 1s and 24h"));
        }
        let mut refuse = |error: RulesError, element: Option<String>| {
            let violation = match &error {
                RulesError::Prefix { .. } => {
                    Violation::new("prefix", "may hold only letters, digits, `_`, `-` and `.`")
                }
                RulesError::Tag { .. } => Violation::new("tags", error.to_string()),
                RulesError::TagName { .. } => unreachable!("these rules keep no origin"),
                RulesError::Glob { source, .. } => {
                    Violation::new("drop", format!("the pattern does not compile: {}", source.kind()))
                }
            };
            violations.push(Violation { element, ..violation });
        };
        // One by one, so that every mistake is reported, and where it is.
        if let Err(error) = Rules::new(&self.prefix, Vec::new(), &[]) {
            refuse(error, None);
        }
        for (key, value) in &self.tags {
            if let Err(error) = Rules::new("", vec![(key.clone(), value.clone())], &[]) {
                refuse(error, Some(key.clone()));
            }
        }
        for (place, pattern) in self.drop.iter().enumerate() {
            if let Err(error) = Rules::new("", Vec::new(), std::slice::from_ref(pattern)) {
                refuse(error, Some(place.to_string()));
            }
        }
        for (option, key) in
            [("container_tag", &self.container_tag), ("external_data_tag", &self.external_data_tag)]
        {
            if let Err(error) = Rules::default().keeping_origin(key, "") {
                violations.push(Violation::new(option, error.to_string()));
            }
        }
        violations
    }
}

impl Declare<dyn Decoder> for Config {
    const TYPE: &'static str = "StatsdDecoder";
    const SUMMARY: &'static str =
        "Makes samples of statsd lines, and messages of DogStatsD's events and service checks.";

    fn emits(&self, name: &str, hostname: &str) -> Vec<Facts> {
        let mut facts = vec![sample_facts(name, hostname)];
        facts.extend(self.dialect.has_asides().then(|| message_facts(name)));
        facts
    }

    fn build(&self, context: &BuildContext) -> Result<Box<dyn Decoder>, BuildError> {
        Ok(Box::new(self.decoder(context)?))
    }
}

/// Facts of the events and service checks that `logger` receives: their hosts are those their senders name.
fn message_facts(logger: &str) -> Facts {
    Facts {
        type_: Fact::Prefix(MESSAGE_TYPES.into()),
        logger: Fact::Is(logger.into()),
        env_version: Fact::Is("".into()),
        pid: Some(0),
        fields: FieldNames::Only(MESSAGE_FIELDS),
        ..Facts::default()
    }
}

/// See the module.
pub struct StatsdDecoder {
    parser: Parser,
    unremembered: Count,
    /// How much of what the parser did not remember is in the counter, which all seats share.
    reported: u64,
}

impl StatsdDecoder {
    /// `message` with what its sender did not say.
    fn completed(message: Message, draft: &mut Draft) -> Message {
        let said = |text: Text, otherwise: &Text| if text.is_empty() { otherwise.clone() } else { text };
        Message {
            uuid: draft.uuids.next(),
            timestamp: if message.timestamp == Stamp(0) { draft.base.timestamp } else { message.timestamp },
            hostname: said(message.hostname, &draft.base.hostname),
            logger: draft.base.logger.clone(),
            ..message
        }
    }
}

impl Decoder for StatsdDecoder {
    fn decode(&mut self, record: &[u8], draft: &mut Draft) -> Result<(), DecodeError> {
        self.parser.parse(record, draft.keep_lines, &mut draft.samples);
        for message in self.parser.take_messages() {
            let message = StatsdDecoder::completed(message, draft);
            draft.messages.push(message);
        }
        let unremembered = self.parser.unremembered();
        if unremembered != self.reported {
            self.unremembered.add(unremembered - self.reported);
            self.reported = unremembered;
        }
        if let Some((reason, text)) = self.parser.take_example() {
            draft.complaints.push(Complaint { reason: reason.label(), text });
        }
        Ok(())
    }
}
