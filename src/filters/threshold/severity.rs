//! Severities of syslog (<https://www.rfc-editor.org/rfc/rfc5424#section-6.2.1>), by number or word.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};

use crate::config::suggest;

/// A severity as written: 3 or "err".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeverityText(pub String);

/// The number of a severity.
///
/// # Errors
/// That it is none, with what was likely meant.
pub(super) fn number(text: &SeverityText) -> Result<i32, String> {
    let text = text.0.as_str();
    let place = WORDS.iter().position(|words| words.contains(&text));
    if let Some(number) = text.parse().ok().filter(|number| *number < WORDS.len()).or(place) {
        return Ok(number as i32);
    }
    let all: Vec<&str> = WORDS.iter().map(|words| words[0]).collect();
    Err(match suggest(text, WORDS.iter().flat_map(|words| words.iter().copied())) {
        Some(word) => format!("{text:?} is no severity; did you mean \"{word}\"?"),
        None => format!("{text:?} is no severity: 0 to 7, or {}", all.join(", ")),
    })
}

impl<'de> Deserialize<'de> for SeverityText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<SeverityText, D::Error> {
        deserializer.deserialize_any(SeverityVisitor)
    }
}

struct SeverityVisitor;

impl Visitor<'_> for SeverityVisitor {
    type Value = SeverityText;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a severity such as 3 or \"err\"")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<SeverityText, E> {
        Ok(SeverityText(text.to_owned()))
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<SeverityText, E> {
        Ok(SeverityText(number.to_string()))
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<SeverityText, E> {
        Ok(SeverityText(number.to_string()))
    }
}

impl Serialize for SeverityText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl JsonSchema for SeverityText {
    fn schema_name() -> Cow<'static, str> {
        "Severity".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["integer", "string"], "x-type": "severity" })
    }
}

/// By number; of each the word of syslog first.
const WORDS: [&[&str]; 8] = [
    &["emerg", "emergency", "panic"],
    &["alert"],
    &["crit", "critical"],
    &["err", "error"],
    &["warning", "warn"],
    &["notice"],
    &["info", "informational"],
    &["debug"],
];

/// What an alert has unless its rule says otherwise.
pub(super) const ERROR: i32 = 3;

/// What one has that is over.
pub(super) const INFORMATIONAL: i32 = 6;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn severities_are_numbers_or_words() {
        let number = |text: &str| number(&SeverityText(text.to_owned()));
        assert_eq!(
            ["0", "7", "err", "error", "warning", "critical"].map(|text| number(text).unwrap()),
            [0, 7, 3, 3, 4, 2]
        );
        assert_eq!(number("warnin").unwrap_err(), "\"warnin\" is no severity; did you mean \"warning\"?");
        let all = "0 to 7, or emerg, alert, crit, err, warning, notice, info, debug";
        for text in ["8", "-1", "", "unimportant"] {
            assert_eq!(number(text).unwrap_err(), format!("{text:?} is no severity: {all}"));
        }
    }
}
