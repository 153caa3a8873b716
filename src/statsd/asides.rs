//! Lines that are no metrics: events and service checks of DogStatsD, made into messages.

use super::attributes::Attributes;
use super::event::Event;
use super::service_check::{ServiceCheck, Status};
use super::{Rules, name};
use crate::message::{Field, Message, Text};
use crate::metric::{BadReason, tags_text};
use crate::time::Stamp;

/// Takes events and service checks, and keeps what came of them until it is asked for.
#[derive(Debug)]
pub(super) struct Asides {
    /// Tags of the listener.
    tags: Vec<(String, String)>,
    made: Vec<Message>,
}

impl Asides {
    /// None if the dialect of the listener knows no such lines.
    pub(super) fn taken_by(rules: &Rules) -> Option<Asides> {
        rules.dialect.has_asides().then(|| Asides { tags: rules.tags.clone(), made: Vec::new() })
    }

    /// Reads a line without its end. None if it begins as neither.
    pub(super) fn read(&mut self, line: &[u8]) -> Option<Result<(), BadReason>> {
        let made = if line.starts_with(b"_e{") {
            Event::parse(line).map(|event| self.of_event(event))
        } else if line.starts_with(b"_sc|") {
            ServiceCheck::parse(line).map(|check| self.of_check(check))
        } else {
            return None;
        };
        Some(made.map(|message| self.made.push(message)))
    }

    /// What was made since the last call.
    pub(super) fn take(&mut self) -> Vec<Message> {
        std::mem::take(&mut self.made)
    }

    /// The text is the payload, the kind of alert decides the severity.
    fn of_event(&self, event: Event<'_>) -> Message {
        let alert_type = event.alert_type.unwrap_or(b"info");
        let severity = match alert_type {
            b"error" => ERROR,
            b"warning" => WARNING,
            b"success" => NOTICE,
            _ => INFORMATIONAL,
        };
        let mut fields = vec![
            text_field("title", &event.title),
            text_field("priority", event.priority.unwrap_or(b"normal")),
            text_field("alert_type", alert_type),
        ];
        push(&mut fields, "aggregation_key", event.aggregation_key);
        push(&mut fields, "source_type", event.source_type);
        self.message(EVENT_TYPE, severity, event.text, fields, &event.attributes)
    }

    /// The message is the payload, the status decides the severity.
    fn of_check(&self, check: ServiceCheck<'_>) -> Message {
        let severity = match check.status {
            Status::Ok => INFORMATIONAL,
            Status::Unknown => NOTICE,
            Status::Warning => WARNING,
            Status::Critical => CRITICAL,
        };
        let fields = vec![text_field("name", check.name), Field::new("status", check.status.word())];
        let payload = check.message.unwrap_or_default();
        self.message(SERVICE_CHECK_TYPE, severity, payload, fields, &check.attributes)
    }

    fn message(
        &self,
        type_: &str,
        severity: i32,
        payload: Vec<u8>,
        mut fields: Vec<Field>,
        attributes: &Attributes<'_>,
    ) -> Message {
        let tags = name::with_sections(Vec::new(), attributes.tags, &self.tags);
        if !tags.is_empty() {
            fields.push(Field::new("tags", tags_text(tags.borrowed())));
        }
        push(&mut fields, "container", attributes.container);
        push(&mut fields, "external_data", attributes.external_data);
        push(&mut fields, "cardinality", attributes.cardinality);
        Message {
            type_: type_.into(),
            timestamp: Stamp::from_seconds(attributes.timestamp.unwrap_or(0)),
            hostname: Text::new(String::from_utf8_lossy(attributes.hostname.unwrap_or_default())),
            severity,
            payload,
            fields,
            ..Message::default()
        }
    }
}

fn push(fields: &mut Vec<Field>, name: &str, text: Option<&[u8]>) {
    fields.extend(text.map(|text| text_field(name, text)));
}

fn text_field(name: &str, text: &[u8]) -> Field {
    Field::new(name, &*String::from_utf8_lossy(text))
}

/// Type of the message of an event.
pub const EVENT_TYPE: &str = "heka.statsd.event";

/// Type of the message of a service check.
pub const SERVICE_CHECK_TYPE: &str = "heka.statsd.service_check";

/// What both types begin with, and no other type.
pub const MESSAGE_TYPES: &str = "heka.statsd.";

/// Fields that a message of one of the types can have.
pub const MESSAGE_FIELDS: &[&str] = &[
    "title",
    "priority",
    "alert_type",
    "aggregation_key",
    "source_type",
    "name",
    "status",
    "tags",
    "container",
    "external_data",
    "cardinality",
];

// Severities of syslog (RFC 5424).
const CRITICAL: i32 = 2;
const ERROR: i32 = 3;
const WARNING: i32 = 4;
const NOTICE: i32 = 5;
const INFORMATIONAL: i32 = 6;

#[cfg(test)]
mod tests {
    use super::*;

    fn made(line: &str) -> Message {
        let rules = Rules::new("pre", vec![("env".into(), "prod".into())], &[]).unwrap();
        let mut asides = Asides::taken_by(&rules).unwrap();
        assert_eq!(asides.read(line.as_bytes()), Some(Ok(())), "{line}");
        let mut made = asides.take();
        assert_eq!((made.len(), asides.take()), (1, Vec::new()));
        let message = made.remove(0);
        assert!(message.type_.starts_with(MESSAGE_TYPES));
        assert!(message.fields.iter().all(|field| MESSAGE_FIELDS.contains(&&*field.name)));
        message
    }

    #[test]
    fn an_event_is_a_message_with_all_it_says() {
        let line =
            "_e{5,4}:title|te\\n|t:error|p:low|k:key|s:src|d:12|h:web|c:ci-1|e:it-x|card:high|#k:v,env:dev,b";
        let fields = [
            ("title", "title"),
            ("priority", "low"),
            ("alert_type", "error"),
            ("aggregation_key", "key"),
            ("source_type", "src"),
            ("tags", "b,env:prod,k:v"),
            ("container", "ci-1"),
            ("external_data", "it-x"),
            ("cardinality", "high"),
        ];
        let expected = Message {
            type_: "heka.statsd.event".into(),
            timestamp: Stamp::from_seconds(12),
            hostname: "web".into(),
            severity: 3,
            payload: b"te\n".to_vec(),
            fields: fields.map(|(name, value)| Field::new(name, value)).to_vec(),
            ..Message::default()
        };
        assert_eq!(made(line), expected);
    }

    #[test]
    fn what_an_event_does_not_say_is_as_dogstatsd_has_it() {
        let message = made("_e{1,0}:a|");
        let fields = [("title", "a"), ("priority", "normal"), ("alert_type", "info"), ("tags", "env:prod")];
        assert_eq!(message.fields, fields.map(|(name, value)| Field::new(name, value)));
        assert_eq!((message.severity, message.timestamp, &*message.hostname), (6, Stamp(0), ""));
        let severities =
            ["warning", "success", "dire"].map(|word| made(&format!("_e{{1,0}}:a||t:{word}")).severity);
        assert_eq!(severities, [4, 5, 6]);
    }

    #[test]
    fn a_service_check_is_a_message_whose_severity_is_its_status() {
        let message = made("_sc|db.up|2|h:db1|m:no answer");
        assert_eq!((&*message.type_, message.severity), ("heka.statsd.service_check", 2));
        assert_eq!((&message.payload[..], &*message.hostname), (&b"no answer"[..], "db1"));
        let fields = [("name", "db.up"), ("status", "critical"), ("tags", "env:prod")];
        assert_eq!(message.fields, fields.map(|(name, value)| Field::new(name, value)));
        let severities = ["0", "1", "3"].map(|status| made(&format!("_sc|a|{status}")).severity);
        assert_eq!(severities, [6, 4, 5]);
    }

    #[test]
    fn other_lines_are_left_alone() {
        let mut asides = Asides::taken_by(&Rules::default()).unwrap();
        for line in ["_e:1|c", "_sc:1|c", "_", "", "a:1|c", "e{1,1}:a|b"] {
            assert_eq!(asides.read(line.as_bytes()), None, "{line:?}");
        }
        assert_eq!(asides.read(b"_e{1,2}:a|b"), Some(Err(BadReason::BadLength)));
        assert_eq!(asides.take(), Vec::new());
    }
}
