//! Every record seen as a message: what matchers are asked about and encoders print, built only where it is read.

use std::borrow::Cow;
use std::sync::Arc;

use super::{Pack, snapshot_text};
use crate::aggregate::Snapshot;
use crate::graphite::Namespace;
use crate::matcher::{Fact, Facts, FieldNames, FieldValue, Header, Known, Number, Subject};
use crate::message::{DEFAULT_SEVERITY, Field, Message, Text, made_uuid, uuid_text};
use crate::metric::{SampleBatch, SampleKind, Series, Tags};
use crate::statsd::{Datum, TagStyle, routed_name, write_line};
use crate::time::Stamp;

/// One record of a pack, borrowed.
#[derive(Clone, Copy)]
pub enum RecordRef<'a> {
    /// A log record.
    Message(&'a Message),
    /// A sample; as a message `Type 'heka.statsample'`.
    Sample {
        /// Its pack.
        pack: &'a Pack,
        /// The batch in that pack.
        batch: &'a SampleBatch,
        /// Its place in the batch.
        index: usize,
    },
    /// A flush; as a message `Type 'heka.statmetric'`.
    Snapshot {
        /// Its pack.
        pack: &'a Pack,
        /// What was found.
        found: &'a Arc<Snapshot>,
        /// How it is named.
        naming: &'a Arc<Namespace>,
    },
    /// Any sample of one series, where only name, tags and kind are known.
    Series {
        /// The series.
        series: &'a Series,
        /// What such a sample does.
        kind: SampleKind,
        /// Facts of the stream.
        facts: &'a Facts,
    },
}

impl<'a> RecordRef<'a> {
    pub(super) fn series(series: &'a Series, kind: SampleKind, pack: &'a Pack) -> RecordRef<'a> {
        RecordRef::Series { series, kind, facts: &pack.facts }
    }

    /// The record as a message, built if it is not one.
    ///
    /// The uuid of a sample is made of its feed, pack and place: the same whenever it is asked for, and another than those
    /// of other processes, whose feeds have other numbers.
    pub fn to_message(&self) -> Cow<'a, Message> {
        match *self {
            RecordRef::Message(message) => Cow::Borrowed(message),
            RecordRef::Sample { pack, batch, index } => Cow::Owned(sample_message(pack, batch, index)),
            RecordRef::Snapshot { pack, found, naming } => Cow::Owned(snapshot_message(pack, found, naming)),
            RecordRef::Series { series, kind, facts } => {
                let mut message = message_of(facts);
                message.fields = series_fields(series, kind);
                Cow::Owned(message)
            }
        }
    }

    /// The payload alone: the text of a message, the line of a sample, the Graphite lines of a snapshot.
    ///
    /// Where a line has several samples each has one of its own, so that all of them together say what it said.
    pub fn payload(&self) -> Cow<'a, [u8]> {
        match *self {
            RecordRef::Message(message) => Cow::Borrowed(&message.payload),
            RecordRef::Sample { batch, index, .. } => line(batch, index),
            RecordRef::Snapshot { found, naming, .. } => Cow::Owned(snapshot_text::payload(found, naming)),
            RecordRef::Series { .. } => Cow::Borrowed(b""),
        }
    }

    /// The line of a sample with its tags in the place that `style` has for them, those too that the listener gave it; none
    /// if it is no sample.
    pub fn line_with_tags(&self, style: TagStyle) -> Option<Vec<u8>> {
        match *self {
            RecordRef::Sample { batch, index, .. } => Some(own_line(batch, index, style)),
            RecordRef::Message(message) if message.type_.as_str() == SAMPLE_TYPE => {
                line_of_message(message, style)
            }
            _ => None,
        }
    }

    /// The timestamp: a message's own, when a sample was received, the end of a flush's slot.
    pub fn stamp(&self) -> Stamp {
        match self {
            RecordRef::Message(message) => message.timestamp,
            RecordRef::Sample { batch, .. } => batch.at,
            RecordRef::Snapshot { found, .. } => found.slot.end,
            RecordRef::Series { .. } => Stamp(0),
        }
    }

    fn facts(&self) -> Option<&'a Facts> {
        match *self {
            RecordRef::Message(_) => None,
            RecordRef::Sample { pack, .. } | RecordRef::Snapshot { pack, .. } => Some(&pack.facts),
            RecordRef::Series { facts, .. } => Some(facts),
        }
    }
}

impl Subject for RecordRef<'_> {
    fn text(&self, header: Header) -> Known<'_> {
        let Some(facts) = self.facts() else {
            let RecordRef::Message(message) = self else { unreachable!("only a message has no facts") };
            return message.text(header);
        };
        match (header, self) {
            (Header::Payload, RecordRef::Series { .. }) | (Header::Uuid, RecordRef::Series { .. }) => {
                Known::Unknown
            }
            (Header::Payload, _) => Known::Is(self.payload()),
            (Header::Uuid, RecordRef::Sample { pack, index, .. }) => {
                Known::Is(Cow::Owned(uuid_text(&uuid(pack, *index)).into_bytes()))
            }
            (Header::Uuid, RecordRef::Snapshot { pack, .. }) => {
                Known::Is(Cow::Owned(uuid_text(&uuid(pack, 0)).into_bytes()))
            }
            (Header::Type, _) => known(&facts.type_),
            (Header::Logger, _) => known(&facts.logger),
            (Header::Hostname, _) => known(&facts.hostname),
            (Header::EnvVersion, _) => known(&facts.env_version),
            // Only messages come in frames.
            (Header::Signer, _) => Known::Is(Cow::Borrowed(b"")),
            (Header::Uuid, RecordRef::Message(_)) => unreachable!("a message was answered above"),
        }
    }

    fn number(&self, number: Number) -> Option<f64> {
        let Some(facts) = self.facts() else {
            let RecordRef::Message(message) = self else { unreachable!("only a message has no facts") };
            return message.number(number);
        };
        match number {
            Number::Severity => Some(facts.severity.unwrap_or(DEFAULT_SEVERITY).into()),
            Number::Pid => Some(facts.pid.unwrap_or(0).into()),
            Number::Timestamp => match self {
                RecordRef::Sample { batch, .. } => Some(batch.at.0 as f64),
                RecordRef::Snapshot { found, .. } => Some(found.slot.end.0 as f64),
                _ => None,
            },
        }
    }

    fn field(&self, name: &str, instance: usize, item: usize) -> FieldValue<'_> {
        match self {
            RecordRef::Message(message) => Subject::field(*message, name, instance, item),
            _ if instance > 0 || item > 0 => FieldValue::Nil,
            RecordRef::Sample { batch, index, .. } => {
                let sample = &batch.samples[*index];
                match name {
                    "value" if sample.kind == SampleKind::Set => {
                        FieldValue::Text(Cow::Borrowed(batch.text_of(sample.member())))
                    }
                    "value" => FieldValue::Number(sample.value),
                    "rate" => FieldValue::Number(sample.rate),
                    "kind" => FieldValue::Text(Cow::Borrowed(sample.kind.text().as_bytes())),
                    "name" | "tags" => owned(series_field(&batch.names.series(sample.series), name)),
                    _ => FieldValue::Nil,
                }
            }
            RecordRef::Series { series, kind, .. } => match name {
                "name" | "tags" => owned(series_field(series, name)),
                "kind" => FieldValue::Text(Cow::Borrowed(kind.text().as_bytes())),
                "value" | "rate" => FieldValue::Unknown,
                _ => FieldValue::Nil,
            },
            RecordRef::Snapshot { found, naming, .. } => {
                let fields = snapshot_text::fields(found, naming);
                match fields.into_iter().find(|(path, _)| path == name) {
                    Some((_, value)) => FieldValue::Number(value),
                    None => FieldValue::Nil,
                }
            }
        }
    }
}

/// Facts of a stream of samples that `logger` on `hostname` receives.
pub fn sample_facts(logger: &str, hostname: &str) -> Facts {
    Facts {
        type_: Fact::Is(SAMPLE_TYPE.into()),
        logger: Fact::Is(logger.into()),
        hostname: Fact::Is(hostname.into()),
        env_version: Fact::Is("".into()),
        signer: Fact::Is("".into()),
        severity: Some(DEFAULT_SEVERITY),
        pid: Some(0),
        fields: FieldNames::Only(SAMPLE_FIELDS),
    }
}

/// Whether these are facts of a stream of samples. Messages may have their Type, but not what is known of their fields.
pub fn are_samples(facts: &Facts) -> bool {
    facts.type_ == Fact::Is(SAMPLE_TYPE.into()) && facts.fields == FieldNames::Only(SAMPLE_FIELDS)
}

fn known(fact: &Fact) -> Known<'_> {
    match fact {
        Fact::Is(text) => Known::Is(Cow::Borrowed(text.as_bytes())),
        // A view has no other source for its headers than the facts: what they leave open is empty.
        Fact::Prefix(_) | Fact::Unknown => Known::Is(Cow::Borrowed(b"")),
    }
}

fn owned(text: Option<String>) -> FieldValue<'static> {
    text.map_or(FieldValue::Nil, |text| FieldValue::Text(Cow::Owned(text.into_bytes())))
}

fn series_field(series: &Series, name: &str) -> Option<String> {
    match name {
        "name" => Some(series.name.to_string()),
        _ => (!series.tags.is_empty()).then(|| series.tags_text()),
    }
}

fn line(batch: &SampleBatch, index: usize) -> Cow<'_, [u8]> {
    if batch.is_packed(index) {
        Cow::Owned(own_line(batch, index, TagStyle::Dogstatsd))
    } else {
        Cow::Borrowed(batch.line(index))
    }
}

/// A line for one sample alone, with its tags in the place that `style` has for them.
///
/// Its name is as the client wrote it, so that it is routed as its line was, unless there were tags in it.
fn own_line(batch: &SampleBatch, index: usize, style: TagStyle) -> Vec<u8> {
    let sample = &batch.samples[index];
    let series = batch.names.series(sample.series);
    let member = if sample.kind == SampleKind::Set { batch.text_of(sample.member()) } else { b"" };
    let value = if sample.kind == SampleKind::Set { 0.0 } else { sample.value };
    let datum = Datum { kind: sample.kind, value, member, rate: sample.rate };
    let name = name_as_sent(batch.line(index), &series.name);
    let mut line = Vec::new();
    write_line(&mut line, name, series.tags.borrowed(), datum, style);
    line
}

/// The name in `line`, unless there is none or tags are in it: then `name`.
fn name_as_sent<'a>(line: &'a [u8], name: &'a str) -> &'a [u8] {
    let sent = routed_name(line);
    let is_whole = !sent.is_empty() && !sent.iter().any(|byte| b";,#[\n".contains(byte));
    if is_whole { sent } else { name.as_bytes() }
}

/// The same of a sample that came as a message; none if its fields do not say all of it.
fn line_of_message(message: &Message, style: TagStyle) -> Option<Vec<u8>> {
    let text = |name| match Subject::field(message, name, 0, 0) {
        FieldValue::Text(text) => String::from_utf8(text.into_owned()).ok(),
        _ => None,
    };
    let number = |name| match Subject::field(message, name, 0, 0) {
        FieldValue::Number(number) => Some(number),
        _ => None,
    };
    let (name, kind) = (text("name")?, SampleKind::from_text(&text("kind")?)?);
    let member = if kind == SampleKind::Set { text("value")? } else { String::new() };
    let value = if kind == SampleKind::Set { 0.0 } else { number("value")? };
    let datum = Datum { kind, value, member: member.as_bytes(), rate: number("rate").unwrap_or(1.0) };
    let tags = text("tags").unwrap_or_default();
    let pairs = tags.split(',').filter(|tag| !tag.is_empty());
    let tags: Tags = pairs.map(|tag| tag.split_once(':').unwrap_or((tag, ""))).collect();
    let mut line = Vec::new();
    write_line(&mut line, name_as_sent(&message.payload, &name), tags.borrowed(), datum, style);
    Some(line)
}

fn message_of(facts: &Facts) -> Message {
    let text = |fact: &Fact| match fact {
        Fact::Is(text) => Text::new(text),
        Fact::Prefix(_) | Fact::Unknown => Text::default(),
    };
    Message {
        type_: text(&facts.type_),
        logger: text(&facts.logger),
        hostname: text(&facts.hostname),
        env_version: text(&facts.env_version),
        severity: facts.severity.unwrap_or(DEFAULT_SEVERITY),
        pid: facts.pid.unwrap_or(0),
        ..Message::default()
    }
}

fn sample_message(pack: &Pack, batch: &SampleBatch, index: usize) -> Message {
    let sample = &batch.samples[index];
    let mut fields = series_fields(&batch.names.series(sample.series), sample.kind);
    let value = match sample.kind {
        SampleKind::Set => Field::new("value", &*String::from_utf8_lossy(batch.text_of(sample.member()))),
        _ => Field::new("value", sample.value),
    };
    fields.insert(1, value);
    fields.insert(3, Field::new("rate", sample.rate));
    Message {
        uuid: uuid(pack, index),
        timestamp: batch.at,
        payload: line(batch, index).into_owned(),
        fields,
        ..message_of(&pack.facts)
    }
}

/// `name`, `kind`, and `tags` unless there are none.
fn series_fields(series: &Series, kind: SampleKind) -> Vec<Field> {
    let mut fields = vec![Field::new("name", &*series.name), Field::new("kind", kind.text())];
    if !series.tags.is_empty() {
        fields.push(Field::new("tags", series.tags_text()));
    }
    fields
}

fn snapshot_message(pack: &Pack, found: &Arc<Snapshot>, naming: &Arc<Namespace>) -> Message {
    let mut fields = vec![Field::new("timestamp", found.slot.end.seconds())];
    fields.extend(
        snapshot_text::fields(found, naming).into_iter().map(|(path, value)| Field::new(path, value)),
    );
    Message {
        uuid: uuid(pack, 0),
        timestamp: found.slot.end,
        payload: snapshot_text::payload(found, naming),
        fields,
        ..message_of(&pack.facts)
    }
}

/// The uuid of a record: of its feed, its pack and its place in that.
fn uuid(pack: &Pack, index: usize) -> [u8; 16] {
    // Four bits in the middle are those of the version.
    let place = (index >> 12) << 16 | index & 0xfff;
    made_uuid(pack.serial.feed ^ place as u64, pack.serial.batch)
}

/// Message type of a sample.
pub const SAMPLE_TYPE: &str = "heka.statsample";

/// Message type of a flush; the default of Heka's accumulator.
pub const SNAPSHOT_TYPE: &str = "heka.statmetric";

/// Message type of a live view.
pub const LIVE_TYPE: &str = "heka.statlive";

/// Fields a sample can have.
pub const SAMPLE_FIELDS: &[&str] = &["name", "value", "kind", "rate", "tags"];

/// Those that are the same for all samples of a series and kind.
pub const SERIES_FIELDS: &[&str] = &["name", "kind", "tags"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{Body, Serial, Trace};

    #[test]
    fn every_record_of_a_pack_a_feed_and_a_process_has_a_uuid_of_its_own() {
        let of = |feed, batch, place| {
            let body = Body::Messages(Vec::new());
            uuid(&Pack::new(Arc::default(), Trace::default(), Serial { feed, batch }, body), place)
        };
        let mut uuids = std::collections::HashSet::new();
        // Of two processes, by their seeds.
        for seed in [0x0123_4567_89ab_cdef_u64, 0xfedc_ba98_7654_3210] {
            for feed in 0..2 {
                for place in (0..3).chain(4095..4098).chain([65_535, 65_536, 1 << 20]) {
                    assert!(uuids.insert(of(seed ^ feed << 32, 1, place)), "{feed} {place}");
                    assert!(uuids.insert(of(seed ^ feed << 32, 2, place)), "{feed} {place}");
                }
            }
        }
        let one = of(1 << 32, 3, 4097);
        assert_eq!(uuid_text(&one), "00000001-0001-8001-8000-000000000003");
    }
}
