//! Templates of messages: headers and fields made of text and of what a pattern captured.
//!
//! A key is a header (`Logger`, `Type`, `Payload`, `Hostname`, `Pid`, `Severity`, `Uuid`, `EnvVersion`) or the name of a
//! field, with a representation behind a `|` if it has one; `Payload|x` is a field too. In values `%Name%` stands for
//! what a group of that name captured.

use std::collections::BTreeMap;

use crate::message::{Field, Message, Text};

/// What is written into every message.
#[derive(Debug, Clone, Default)]
pub struct Template {
    lines: Vec<Line>,
}

#[derive(Debug, Clone)]
struct Line {
    target: Target,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq)]
enum Target {
    Logger,
    Type,
    Payload,
    Hostname,
    Pid,
    Severity,
    Uuid,
    EnvVersion,
    Field { name: Text, representation: Text },
}

#[derive(Debug, Clone)]
enum Part {
    Text(Box<str>),
    Group(usize),
}

/// Why a template was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// There is no such group.
    #[error("`%{0}%` stands for a group of that name, and the pattern has none")]
    UnknownGroup(String),
    /// No number where the header is one.
    #[error("must be a whole number, or be captured")]
    Number,
    /// No uuid where the header is one.
    #[error("must be a uuid, or be captured")]
    Uuid,
}

impl Template {
    /// Reads a template; `group` knows groups by their names.
    ///
    /// # Errors
    /// Everything that is wrong, each with its key.
    pub fn new(
        fields: &BTreeMap<String, String>,
        group: &dyn Fn(&str) -> Option<usize>,
    ) -> Result<Template, Vec<(String, TemplateError)>> {
        let (mut lines, mut errors) = (Vec::new(), Vec::new());
        for (key, value) in fields {
            match Line::new(key, value, group) {
                Ok(line) => lines.push(line),
                Err(error) => errors.push((key.clone(), error)),
            }
        }
        if errors.is_empty() { Ok(Template { lines }) } else { Err(errors) }
    }

    /// Writes it into `message`; `captured` has what groups captured. A number or uuid that is none is left as it was.
    pub fn fill<'a>(&self, message: &mut Message, captured: &dyn Fn(usize) -> &'a [u8]) {
        for line in &self.lines {
            line.fill(message, captured);
        }
    }
}

impl Line {
    fn new(key: &str, value: &str, group: &dyn Fn(&str) -> Option<usize>) -> Result<Line, TemplateError> {
        let target = Target::new(key);
        let parts = parts(value, group)?;
        if let [Part::Text(text)] = &parts[..] {
            match target {
                Target::Pid | Target::Severity => {
                    number(text.as_bytes()).ok_or(TemplateError::Number)?;
                }
                Target::Uuid => {
                    parse_uuid(text.as_bytes()).ok_or(TemplateError::Uuid)?;
                }
                _ => {}
            }
        }
        Ok(Line { target, parts })
    }

    fn fill<'a>(&self, message: &mut Message, captured: &dyn Fn(usize) -> &'a [u8]) {
        let bytes: Vec<u8>;
        let text: &[u8] = match &self.parts[..] {
            [Part::Text(text)] => text.as_bytes(),
            [Part::Group(group)] => captured(*group),
            parts => {
                bytes = parts
                    .iter()
                    .flat_map(|part| match part {
                        Part::Text(text) => text.as_bytes(),
                        Part::Group(group) => captured(*group),
                    })
                    .copied()
                    .collect();
                &bytes
            }
        };
        match &self.target {
            Target::Logger => message.logger = text_of(text),
            Target::Type => message.type_ = text_of(text),
            Target::Hostname => message.hostname = text_of(text),
            Target::EnvVersion => message.env_version = text_of(text),
            Target::Payload => message.payload = text.to_vec(),
            Target::Pid => message.pid = number(text).unwrap_or(message.pid),
            Target::Severity => message.severity = number(text).unwrap_or(message.severity),
            Target::Uuid => message.uuid = parse_uuid(text).unwrap_or(message.uuid),
            Target::Field { name, representation } => message.fields.push(Field {
                name: name.clone(),
                representation: representation.clone(),
                value: text_of(text).into(),
            }),
        }
    }
}

impl Target {
    fn new(key: &str) -> Target {
        match key {
            "Logger" => Target::Logger,
            "Type" => Target::Type,
            "Payload" => Target::Payload,
            "Hostname" => Target::Hostname,
            "Pid" => Target::Pid,
            "Severity" => Target::Severity,
            "Uuid" => Target::Uuid,
            "EnvVersion" => Target::EnvVersion,
            key => {
                let (name, representation) = key.split_once('|').unwrap_or((key, ""));
                Target::Field { name: name.into(), representation: representation.into() }
            }
        }
    }
}

/// Text and groups, at least one of them.
fn parts(value: &str, group: &dyn Fn(&str) -> Option<usize>) -> Result<Vec<Part>, TemplateError> {
    let (mut parts, mut text, mut rest) = (Vec::new(), String::new(), value);
    while let Some(at) = rest.find('%') {
        let name_length =
            rest[at + 1..].find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
        let is_group = name_length.filter(|length| *length > 0 && rest[at + 1 + length..].starts_with('%'));
        // A sign alone, or before something that is no name, is itself.
        let Some(length) = is_group else {
            text.push_str(&rest[..=at]);
            rest = &rest[at + 1..];
            continue;
        };
        let name = &rest[at + 1..at + 1 + length];
        let number = group(name).ok_or_else(|| TemplateError::UnknownGroup(name.to_owned()))?;
        text.push_str(&rest[..at]);
        if !text.is_empty() {
            parts.push(Part::Text(std::mem::take(&mut text).into()));
        }
        parts.push(Part::Group(number));
        rest = &rest[at + length + 2..];
    }
    text.push_str(rest);
    if !text.is_empty() || parts.is_empty() {
        parts.push(Part::Text(text.into()));
    }
    Ok(parts)
}

fn text_of(bytes: &[u8]) -> Text {
    Text::new(String::from_utf8_lossy(bytes))
}

/// A whole number, what is behind its point cut.
fn number(text: &[u8]) -> Option<i32> {
    let text = std::str::from_utf8(text).ok()?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    fraction.bytes().all(|byte| byte.is_ascii_digit()).then_some(())?;
    whole.parse().ok()
}

/// Sixteen bytes in hex digits, with dashes or without.
pub fn parse_uuid(text: &[u8]) -> Option<[u8; 16]> {
    let mut uuid = [0; 16];
    let mut digits = text.iter().filter(|byte| **byte != b'-').map(|byte| char::from(*byte).to_digit(16));
    for byte in &mut uuid {
        *byte = (digits.next()?? << 4 | digits.next()??) as u8;
    }
    digits.next().is_none().then_some(uuid)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn map(value: &Value) -> BTreeMap<String, String> {
        let entries = value.as_object().unwrap().iter();
        entries.map(|(key, value)| (key.clone(), value.as_str().unwrap().to_owned())).collect()
    }

    fn filled(template: &Value, captured: &BTreeMap<String, String>) -> Message {
        let names: Vec<&String> = captured.keys().collect();
        let group = |name: &str| names.iter().position(|known| *known == name);
        let template = Template::new(&map(template), &group).unwrap();
        let mut message = Message::default();
        template.fill(&mut message, &|group| captured[names[group]].as_bytes());
        message
    }

    #[test]
    fn templates_of_the_vectors_are_filled() {
        let vectors: Value = serde_json::from_str(include_str!("../../tests/vectors/decoders.json")).unwrap();
        for case in vectors["message_template"]["cases"].as_array().unwrap() {
            let found = filled(&case["template"], &map(&case["subs"]));
            let result = &case["result"];
            let text = |key: &str| result[key].as_str().unwrap_or("").to_owned();
            assert_eq!(
                [&*found.logger, &found.type_, &found.hostname],
                [&*text("Logger"), &text("Type"), &text("Hostname")]
            );
            assert_eq!(found.payload, text("Payload").into_bytes());
            assert_eq!(i64::from(found.pid), result["Pid"].as_i64().unwrap_or(0));
            assert_eq!(i64::from(found.severity), result["Severity"].as_i64().unwrap_or(7));
            let field = &result["Fields"][0];
            let expected = Field::new(field["name"].as_str().unwrap(), field["value"].as_str().unwrap());
            assert_eq!(found.fields, [expected.shown_as(field["representation"].as_str().unwrap())]);
        }
    }

    #[test]
    fn signs_that_stand_for_no_group_are_themselves() {
        let captured = BTreeMap::from([("a".to_owned(), "1".to_owned())]);
        let found = filled(&serde_json::json!({ "f": "100% %a%%a% %% %a b%" }), &captured);
        assert_eq!(found.fields, [Field::new("f", "100% 11 %% %a b%")]);
        let found = filled(
            &serde_json::json!({ "Payload|x": "", "Uuid": "12345678-90ab-cdef-1234-567890abcdef" }),
            &captured,
        );
        assert_eq!(found.fields, [Field::new("Payload", "").shown_as("x")]);
        assert_eq!(found.uuid[..4], [0x12, 0x34, 0x56, 0x78]);
    }

    #[test]
    fn errors_are_all_named_with_their_keys() {
        let template =
            serde_json::json!({ "a": "%b%", "Pid": "x", "Severity": "1.x", "Uuid": "12", "ok": "%" });
        let errors = Template::new(&map(&template), &|_| None).unwrap_err();
        let errors: Vec<String> = errors.iter().map(|(key, error)| format!("{key}: {error}")).collect();
        assert_eq!(
            errors,
            [
                "Pid: must be a whole number, or be captured",
                "Severity: must be a whole number, or be captured",
                "Uuid: must be a uuid, or be captured",
                "a: `%b%` stands for a group of that name, and the pattern has none",
            ]
        );
    }
}
