//! Texts with variables: `%Name%` stands for a header or for the first value of a field, `%%` for the sign itself.

use std::fmt::Write;

use crate::message::{Message, Value};
use crate::metric::BadReason;
use crate::statsd::number;

/// A text whose variables are filled from a message.
#[derive(Debug, Clone)]
pub(super) struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone)]
enum Part {
    Text(Box<str>),
    Variable(Variable),
}

#[derive(Debug, Clone)]
enum Variable {
    Type,
    Logger,
    Hostname,
    Payload,
    EnvVersion,
    Severity,
    Pid,
    Field(Box<str>),
}

/// A sign that begins a variable which does not end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the `%` of `%{rest}` is not closed")]
pub(super) struct NotClosed {
    /// What stands behind the sign.
    rest: String,
}

/// Why there is no number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoNumber {
    /// A field is missing, or has no value.
    Missing,
    /// It is none that can be taken.
    Bad(BadReason),
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// If a variable is not closed.
    pub(super) fn new(text: &str) -> Result<Template, NotClosed> {
        let (mut parts, mut plain, mut rest) = (Vec::new(), String::new(), text);
        while let Some((before, after)) = rest.split_once('%') {
            let (name, behind) = after.split_once('%').ok_or_else(|| NotClosed { rest: after.to_owned() })?;
            plain.push_str(before);
            if name.is_empty() {
                plain.push('%');
            } else {
                if !plain.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut plain).into()));
                }
                parts.push(Part::Variable(Variable::named(name)));
            }
            rest = behind;
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            parts.push(Part::Text(plain.into()));
        }
        Ok(Template { parts })
    }

    /// The text, if it has no variables.
    pub(super) fn constant(&self) -> Option<&str> {
        match &self.parts[..] {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// Appends the text as `message` fills it, with `_` for every letter of a variable that is `illegal`. Whether there
    /// was a value for every variable.
    pub(super) fn fill(&self, message: &Message, out: &mut String, illegal: impl Fn(char) -> bool) -> bool {
        self.parts.iter().all(|part| match part {
            Part::Text(text) => {
                out.push_str(text);
                true
            }
            Part::Variable(variable) => {
                let start = out.len();
                let found = variable.write(message, out);
                if out[start..].contains(&illegal) {
                    let legal = out[start..].replace(&illegal, "_");
                    out.truncate(start);
                    out.push_str(&legal);
                }
                found
            }
        })
    }

    /// What `message` makes of the template as a number; `memory` is used for its text.
    ///
    /// # Errors
    /// If a variable has no value, or if it is no finite number.
    pub(super) fn number(&self, message: &Message, memory: &mut String) -> Result<f64, NoNumber> {
        if let [Part::Variable(Variable::Field(name))] = &self.parts[..] {
            let field = message.field(name, 0).ok_or(NoNumber::Missing)?;
            let value = match &field.value {
                Value::Doubles(values) => Some(*values.first().ok_or(NoNumber::Missing)?),
                Value::Integers(values) => Some(*values.first().ok_or(NoNumber::Missing)? as f64),
                _ => None,
            };
            if let Some(value) = value {
                return value.is_finite().then_some(value).ok_or(NoNumber::Bad(BadReason::NotFinite));
            }
        }
        memory.clear();
        if !self.fill(message, memory, |_| false) {
            return Err(NoNumber::Missing);
        }
        number(memory.trim().as_bytes()).map_err(NoNumber::Bad)
    }
}

impl Variable {
    fn named(name: &str) -> Variable {
        match name {
            "Type" => Variable::Type,
            "Logger" => Variable::Logger,
            "Hostname" => Variable::Hostname,
            "Payload" => Variable::Payload,
            "EnvVersion" => Variable::EnvVersion,
            "Severity" => Variable::Severity,
            "Pid" => Variable::Pid,
            field => Variable::Field(field.into()),
        }
    }

    /// Appends its value; whether there is one. A header always has one.
    fn write(&self, message: &Message, out: &mut String) -> bool {
        match self {
            Variable::Type => out.push_str(&message.type_),
            Variable::Logger => out.push_str(&message.logger),
            Variable::Hostname => out.push_str(&message.hostname),
            Variable::Payload => out.push_str(&String::from_utf8_lossy(&message.payload)),
            Variable::EnvVersion => out.push_str(&message.env_version),
            Variable::Severity => write_shown(out, message.severity),
            Variable::Pid => write_shown(out, message.pid),
            Variable::Field(name) => {
                return message.field(name, 0).is_some_and(|field| write_first(&field.value, out));
            }
        }
        true
    }
}

/// Appends the first value of a field; whether it has one.
fn write_first(value: &Value, out: &mut String) -> bool {
    match value {
        Value::Strings(values) => values.first().map(|text| out.push_str(text)),
        Value::Bytes(values) => values.first().map(|bytes| out.push_str(&String::from_utf8_lossy(bytes))),
        Value::Integers(values) => values.first().map(|integer| write_shown(out, integer)),
        Value::Doubles(values) => values.first().map(|double| write_shown(out, double)),
        Value::Bools(values) => values.first().map(|truth| write_shown(out, truth)),
    }
    .is_some()
}

fn write_shown(out: &mut String, value: impl std::fmt::Display) {
    write!(out, "{value}").expect("a string takes any text");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Field;

    fn filled(template: &str, message: &Message) -> Option<String> {
        let mut text = String::new();
        let template = Template::new(template).expect("it is a template");
        template.fill(message, &mut text, |letter| letter == '.').then_some(text)
    }

    fn message() -> Message {
        let fields = vec![
            Field::new("text", "a.b"),
            Field::new("text", "second"),
            Field::new("double", 0.25),
            Field::new("large", 1e21),
            Field::new("integer", -7_i64),
            Field::new("truth", true),
            Field::new("bytes", Value::Bytes(vec![b"x\xff".to_vec()].into())),
            Field::new("none", Value::Strings(Vec::new().into())),
        ];
        Message {
            type_: "t".into(),
            hostname: "h.example".into(),
            payload: b"p".to_vec(),
            fields,
            ..Message::default()
        }
    }

    #[test]
    fn variables_are_headers_and_the_first_values_of_fields() {
        let cases = [
            ("%Type%.%Hostname%.%Payload%.%Severity%.%Pid%", "t.h_example.p.7.0"),
            ("%text%-%double%-%integer%-%truth%", "a_b-0_25--7-true"),
            ("%large%", "1000000000000000000000"),
            ("%bytes%%Logger%|", "x\u{fffd}|"),
            ("100%% of %Type%", "100% of t"),
            ("", ""),
        ];
        for (template, expected) in cases {
            assert_eq!(filled(template, &message()).as_deref(), Some(expected), "{template}");
        }
    }

    #[test]
    fn a_field_that_is_missing_or_empty_leaves_nothing() {
        assert_eq!(filled("a.%other%.%text%", &message()), None);
        assert_eq!(filled("%none%", &message()), None);
    }

    #[test]
    fn a_sign_that_is_not_closed_is_an_error() {
        let error = Template::new("a.%Type%.%b").expect_err("it is not closed");
        assert_eq!(error.to_string(), "the `%` of `%b` is not closed");
        assert!(Template::new("%").is_err() && Template::new("%%%").is_err());
    }

    #[test]
    fn numbers_are_those_of_fields_and_of_texts() {
        let mut message = message();
        message.fields.push(Field::new("size", " 12.5 "));
        message.fields.push(Field::new("endless", f64::INFINITY));
        let number = |template: &str| {
            Template::new(template).expect("it is a template").number(&message, &mut String::new())
        };
        assert_eq!(
            ["1", "%double%", "%integer%", "%size%", "%Pid%1"].map(number),
            [Ok(1.0), Ok(0.25), Ok(-7.0), Ok(12.5), Ok(1.0)]
        );
        assert_eq!(number("%other%"), Err(NoNumber::Missing));
        assert_eq!(number("%text%"), Err(NoNumber::Bad(BadReason::BadNumber)));
        assert_eq!(number("%endless%"), Err(NoNumber::Bad(BadReason::NotFinite)));
    }
}
