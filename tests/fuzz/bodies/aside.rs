//! Any line is an event or a reason, and a service check or a reason; what was read and is written again reads the same.

use std::sync::Arc;

use heka::metric::{Registry, SampleBatch};
use heka::statsd::{
    Attributes, EVENT_TYPE, Event, MESSAGE_FIELDS, Parser, Rules, SERVICE_CHECK_TYPE, ServiceCheck,
};

/// Reads `bytes` as a line, alone and behind the beginnings of both.
pub(crate) fn run(bytes: &[u8]) {
    for start in [&b""[..], b"_e{", b"_sc|"] {
        let line = [start, bytes].concat();
        check_event(&line);
        check_service_check(&line);
        check_datagram(&line);
    }
}

fn check_event(line: &[u8]) {
    let Ok(event) = Event::parse(line) else { return };
    assert!(!event.title.is_empty() && event.title.len() + event.text.len() < line.len());
    let written = written_event(&event);
    assert_eq!(Event::parse(&written).as_ref(), Ok(&event), "{}", written.escape_ascii());
}

fn check_service_check(line: &[u8]) {
    let Ok(check) = ServiceCheck::parse(line) else { return };
    assert!(
        !check.name.is_empty() && check.message.as_ref().is_none_or(|message| message.len() < line.len())
    );
    let written = written_check(&check);
    assert_eq!(ServiceCheck::parse(&written).as_ref(), Ok(&check), "{}", written.escape_ascii());
}

/// Every line of a datagram that begins as one of both is a message, or bad, once.
fn check_datagram(datagram: &[u8]) {
    let names = Arc::new(Registry::new(100));
    let mut parser = Parser::new(Rules::default(), Arc::clone(&names), 42);
    let mut batch = SampleBatch::new(names);
    parser.parse(datagram, false, &mut batch);
    let messages = parser.take_messages();
    let lines = datagram.split(|&byte| byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let (mut events, mut checks, mut bad) = (0, 0, 0);
    for line in lines {
        let (event, check) = (line.starts_with(b"_e{"), line.starts_with(b"_sc|"));
        events += usize::from(event && Event::parse(line).is_ok());
        checks += usize::from(check && ServiceCheck::parse(line).is_ok());
        bad += u64::from(event && Event::parse(line).is_err() || check && ServiceCheck::parse(line).is_err());
    }
    let of_type = |type_: &str| messages.iter().filter(|message| message.type_ == type_).count();
    assert_eq!((of_type(EVENT_TYPE), of_type(SERVICE_CHECK_TYPE)), (events, checks));
    assert!(messages.len() == events + checks && batch.tally.bad_total() >= bad);
    for field in messages.iter().flat_map(|message| &message.fields) {
        assert!(MESSAGE_FIELDS.contains(&&*field.name), "{field:?}");
    }
}

fn written_event(event: &Event<'_>) -> Vec<u8> {
    let (title, text) = (escaped(&event.title), escaped(&event.text));
    let mut line = format!("_e{{{},{}}}:", title.len(), text.len()).into_bytes();
    line.extend([&title[..], b"|", &text].concat());
    for (mark, section) in [
        ("p:", event.priority),
        ("t:", event.alert_type),
        ("k:", event.aggregation_key),
        ("s:", event.source_type),
    ] {
        push(&mut line, mark, section);
    }
    push_attributes(&mut line, &event.attributes);
    line
}

fn written_check(check: &ServiceCheck<'_>) -> Vec<u8> {
    let status =
        ["ok", "warning", "critical", "unknown"].iter().position(|word| *word == check.status.word());
    let mut line = [b"_sc|", check.name, b"|"].concat();
    line.extend(status.expect("one of four").to_string().bytes());
    push_attributes(&mut line, &check.attributes);
    let message = check.message.as_ref().map(|message| escaped(&replaced(message, b"m:", b"m\\:")));
    push(&mut line, "m:", message.as_deref());
    line
}

fn push_attributes(line: &mut Vec<u8>, attributes: &Attributes<'_>) {
    let date = attributes.timestamp.map(|seconds| seconds.to_string());
    push(line, "d:", date.as_ref().map(String::as_bytes));
    push(line, "h:", attributes.hostname);
    push(line, "#", Some(attributes.tags));
    push(line, "c:", attributes.container);
    push(line, "e:", attributes.external_data);
    push(line, "card:", attributes.cardinality);
}

fn push(line: &mut Vec<u8>, mark: &str, section: Option<&[u8]>) {
    if let Some(section) = section {
        line.extend([b"|", mark.as_bytes(), section].concat());
    }
}

fn escaped(text: &[u8]) -> Vec<u8> {
    replaced(text, b"\n", b"\\n")
}

fn replaced(mut text: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut made = Vec::new();
    while let Some(at) = text.windows(from.len()).position(|window| window == from) {
        made.extend([&text[..at], to].concat());
        text = &text[at + from.len()..];
    }
    made.extend_from_slice(text);
    made
}
