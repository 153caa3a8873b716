//! `PayloadRegexDecoder`: payloads that a regular expression takes apart.
//!
//! What its named groups capture goes into headers and fields as `message_fields` says. Groups named `Timestamp` and
//! `Severity` set those headers. Where the expression is a fixed format of nginx, NginxAccessDecoder is many times
//! faster.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use regex::bytes::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::{Check, Violation};
use crate::logs::{Layout, Template, parse_forgiving};
use crate::matcher::Facts;
use crate::message::Message;
use crate::plugin::{BuildContext, BuildError, Complaint, Declare, DecodeError, Decoder, Draft};
use crate::regexp::{Captures, Compiled, compile};
use crate::time::Stamp;

/// Options; names and defaults are Heka's.
#[derive(Debug, Clone, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Regular expression (RE2) with named groups, (?P<Name>...), looked for in the payload. The groups Timestamp and
    /// Severity set those headers. A byte that is not UTF-8 counts as one character.
    pub match_regex: String,
    /// What is written into the message: key by key a header (Logger, Type, Payload, Hostname, Pid, Severity, Uuid,
    /// EnvVersion) or the name of a field, with a representation behind a `|`: "ResponseTime|ms". In values `%Name%` stands
    /// for what that group captured. Default: nothing.
    #[serde(default)]
    pub message_fields: BTreeMap<String, String>,
    /// What words of the group Severity mean, as numbers from 0 to 7: { "ERROR" = 3 }. Default: the group captures numbers.
    #[serde(default)]
    pub severity_map: BTreeMap<String, i32>,
    /// How the group Timestamp is written: a layout of Go, which is the stamp Mon Jan 2 15:04:05 -0700 2006 written like
    /// it, such as "02/Jan/2006:15:04:05 -0700", or Epoch, EpochMilli, EpochMicro, EpochNano, each with or without a
    /// fraction. Where it does not fit, and by default, the layouts that Go names are tried. What a stamp lacks is that of
    /// the time of receipt: the day, or the year unless that would be more than a day ahead.
    #[serde(default)]
    pub timestamp_layout: String,
    /// Time zone of stamps that do not say theirs, such as "America/Los_Angeles". Default "UTC".
    #[serde(default = "utc")]
    pub timestamp_location: String,
    /// Whether a payload that does not match is an error, counted and logged, and the message given up. If false it passes
    /// as it is. Default true.
    #[serde(default = "yes")]
    pub log_errors: bool,
}

fn utc() -> String {
    "UTC".to_owned()
}

fn yes() -> bool {
    true
}

impl Config {
    fn layout(&self) -> Option<Layout> {
        (!self.timestamp_layout.is_empty()).then(|| Layout::new(&self.timestamp_layout))
    }

    fn zone(&self) -> Option<TimeZone> {
        match &*self.timestamp_location {
            // Where Go means the zone of the system.
            "Local" => Some(TimeZone::system()),
            "" | "UTC" => Some(TimeZone::UTC),
            name => TimeZone::get(name).ok(),
        }
    }

    fn template(&self, regex: &Regex) -> Result<Template, Vec<Violation>> {
        let group = |name: &str| group_of(regex, name);
        let template = Template::new(&self.message_fields, &group);
        template.map_err(|errors| {
            let violation = |(key, error): (String, crate::logs::TemplateError)| {
                Violation::new("message_fields", error.to_string()).of_element(key)
            };
            errors.into_iter().map(violation).collect()
        })
    }
}

fn group_of(regex: &Regex, name: &str) -> Option<usize> {
    regex.capture_names().position(|known| known == Some(name))
}

impl Check for Config {
    fn check(&self) -> Vec<Violation> {
        let mut violations = Vec::new();
        match compile(&self.match_regex) {
            Err((error, _)) => violations.push(Violation::new("match_regex", error.to_string())),
            Ok(compiled) if compiled.regex.captures_len() < 2 => {
                let violation = Violation::new("match_regex", "must have capture groups");
                let help = "name what is to be kept: (?P<Name>...)".to_owned();
                violations.push(Violation { help: Some(help), ..violation });
            }
            Ok(compiled) => {
                violations.extend(self.template(&compiled.regex).err().into_iter().flatten());
                if !self.severity_map.is_empty() && group_of(&compiled.regex, "Severity").is_none() {
                    violations.push(Violation::new("severity_map", "means nothing without a group Severity"));
                }
            }
        }
        for (word, severity) in &self.severity_map {
            if !(0..=7).contains(severity) {
                let violation = Violation::new("severity_map", "must be numbers from 0 to 7");
                violations.push(violation.of_element(word));
            }
        }
        if self.layout().is_some_and(|layout| !layout.reads_time()) {
            let violation = Violation::new("timestamp_layout", "has no part of a date or time");
            let help = "write Mon Jan 2 15:04:05 -0700 2006 as stamps are written".to_owned();
            violations.push(Violation { help: Some(help), ..violation });
        }
        if self.zone().is_none() {
            let violation = Violation::new("timestamp_location", "is no time zone that is known");
            let help = "\"UTC\", \"Local\", or a name such as \"Europe/Berlin\"".to_owned();
            violations.push(Violation { help: Some(help), ..violation });
        }
        violations
    }
}

impl Declare<dyn Decoder> for Config {
    const TYPE: &'static str = "PayloadRegexDecoder";
    const SUMMARY: &'static str = "Takes payloads apart with a regular expression.";

    fn emits(&self, _: &str, _: &str) -> Vec<Facts> {
        vec![Facts::default()]
    }

    fn build(&self, _: &BuildContext) -> Result<Box<dyn Decoder>, BuildError> {
        let compiled = compile(&self.match_regex).map_err(|(error, _)| BuildError::new(error.to_string()))?;
        let template = self.template(&compiled.regex).map_err(|violations| {
            BuildError::new(violations.into_iter().map(|violation| violation.message).collect::<String>())
        })?;
        let zone = self.zone().ok_or_else(|| BuildError::new("the time zone is not known"))?;
        Ok(Box::new(PayloadRegexDecoder {
            found: compiled.captures(),
            timestamp: group_of(&compiled.regex, "Timestamp"),
            severity: group_of(&compiled.regex, "Severity"),
            layout: self.layout(),
            severities: self.severity_map.clone(),
            log_errors: self.log_errors,
            compiled,
            template,
            zone,
        }))
    }
}

struct PayloadRegexDecoder {
    compiled: Compiled,
    /// Memory for what groups capture.
    found: Captures,
    timestamp: Option<usize>,
    severity: Option<usize>,
    layout: Option<Layout>,
    zone: TimeZone,
    severities: BTreeMap<String, i32>,
    template: Template,
    log_errors: bool,
}

impl PayloadRegexDecoder {
    fn stamp(&self, text: &[u8], received: Stamp) -> Option<Stamp> {
        let layout = self.layout.as_ref().and_then(|layout| layout.parse(text, &self.zone, received).ok());
        layout.or_else(|| parse_forgiving(text, &self.zone, received).ok())
    }

    fn severity(&self, text: &[u8]) -> Option<i32> {
        let text = std::str::from_utf8(text).ok()?;
        self.severities.get(text).copied().or_else(|| text.parse().ok())
    }

    /// Sets the headers that groups are named for; the name of one that could not be read, and its text.
    fn headers<'a>(
        &self,
        message: &mut Message,
        captured: &dyn Fn(usize) -> &'a [u8],
    ) -> Option<(&'static str, &'a [u8])> {
        let mut unread = None;
        if let Some(text) = self.timestamp.map(captured).filter(|text| !text.is_empty()) {
            match self.stamp(text, message.timestamp) {
                Some(stamp) => message.timestamp = stamp,
                None => unread = Some(("its timestamp fits no layout", text)),
            }
        }
        if let Some(text) = self.severity.map(captured).filter(|text| !text.is_empty()) {
            match self.severity(text) {
                Some(severity) => message.severity = severity,
                None => unread = Some(("its severity is not in severity_map", text)),
            }
        }
        unread
    }
}

impl Decoder for PayloadRegexDecoder {
    fn decode(&mut self, record: &[u8], draft: &mut Draft) -> Result<(), DecodeError> {
        let is_match = self.compiled.find(record, &mut self.found);
        if !is_match && self.log_errors {
            return Err(DecodeError("no match".to_owned()));
        }
        let mut message = draft.begun();
        message.payload.extend_from_slice(record);
        if is_match {
            let captured = |group: usize| -> &[u8] {
                self.found.get(group).map_or(&[][..], |captured| &record[captured])
            };
            // It is no reason to lose the message.
            if let Some((reason, text)) = self.headers(&mut message, &captured) {
                draft.complaints.push(Complaint { reason, text: text.to_vec() });
            }
            self.template.fill(&mut message, &captured);
        }
        draft.messages.push(message);
        Ok(())
    }
}
