//! Samples that come as messages: `Type 'heka.statsample'` from a decoder, a sandbox, or another daemon.
//!
//! What is refused is counted by its reason and said once a second at most, as inputs do with bad lines.

use std::sync::Arc;

use super::super::names::NameCounts;
use crate::flow::{Count, OwnMetrics, Pack, RecordRef, Selection};
use crate::message::{Message, Text, Value};
use crate::metric::{BadReason, Kind, OVERFLOW, Sample, SampleBatch, SampleKind};
use crate::plugin::{BuildContext, Throttle, escaped};
use crate::statsd::{LEAST_RATE, Outcome, Parser, Rules, used_rate};
use crate::time::Stamp;

/// Makes samples of messages, with spellings of its own.
pub(super) struct Messages {
    name: Arc<str>,
    parser: Parser,
    batch: SampleBatch,
    named: NameCounts,
    /// By `BadReason`.
    refused: [Count; BadReason::ALL.len()],
    throttle: Throttle,
}

/// Shows what is counted of messages of the filter `name` before one comes.
pub(super) fn show_counters(own: &OwnMetrics, name: &str) {
    refused(own, name);
    NameCounts::new(own, name);
}

fn refused(own: &OwnMetrics, name: &str) -> [Count; BadReason::ALL.len()] {
    BadReason::ALL.map(|reason| {
        let labels = [("filter", name), ("reason", reason.label())];
        own.counter("hekad_sample_messages_refused_total", &labels)
    })
}

impl Messages {
    pub(super) fn new(context: &BuildContext) -> Messages {
        let names = Arc::clone(&context.names);
        Messages {
            name: Arc::clone(&context.name),
            named: NameCounts::new(context.own(), &context.name),
            refused: refused(context.own(), &context.name),
            throttle: Throttle::default(),
            parser: Parser::new(
                Rules { known_as_written: true, ..Rules::default() },
                Arc::clone(&names),
                context.seed,
            ),
            batch: SampleBatch::new(names),
        }
    }

    /// The samples of the chosen messages of a pack; what is no sample is in the tally of the batch.
    pub(super) fn samples_of(&mut self, pack: &Pack, chosen: &Selection) -> &SampleBatch {
        self.batch.clear();
        for index in (0..pack.body.len()).filter(|&index| chosen.contains(index)) {
            let record = pack.record(index);
            let taken = match record {
                RecordRef::Message(message) => self.take(message, pack.trace.at),
                _ => Err(BadReason::UnknownType),
            };
            if let Err(reason) = taken {
                self.refuse(reason, record, pack.trace.at);
            }
        }
        self.named.add(&self.batch.tally, self.parser.unremembered());
        &self.batch
    }

    fn refuse(&mut self, reason: BadReason, record: RecordRef<'_>, at: Stamp) {
        self.batch.tally.refuse(reason);
        self.refused[reason as usize].add(1);
        if let Some(quiet) = self.throttle.allow(reason.label(), at) {
            let shown = match record {
                RecordRef::Message(message) => shown(message),
                _ => "no message, but a sample or a flush".to_owned(),
            };
            tracing::warn!("{}: bad sample: {} in {shown}{quiet}", self.name, reason.label());
        }
    }

    fn take(&mut self, message: &Message, at: Stamp) -> Result<(), BadReason> {
        let name = text(message, "name").ok_or(BadReason::EmptyName)?;
        let kind = text(message, "kind").and_then(SampleKind::from_text).ok_or(BadReason::UnknownType)?;
        let rate = number(message, "rate").unwrap_or(1.0);
        if !(LEAST_RATE..f64::MAX).contains(&rate) {
            return Err(BadReason::BadRate);
        }
        // A bad one names no series.
        let (member, value) = match kind {
            SampleKind::Set => (text(message, "value").ok_or(BadReason::NoValue)?, 0.0),
            _ => ("", number(message, "value").ok_or(BadReason::BadNumber)?),
        };
        if kind == SampleKind::Timer && value < 0.0 {
            return Err(BadReason::NegativeTimer);
        }
        let rate = used_rate(kind, value, rate)?;
        let tags = text(message, "tags").unwrap_or("");
        let (series, beyond) = match self.outcome(name, tags, kind.series(), at) {
            Outcome::Series(series) => (series, None),
            Outcome::Overflow(kind, limit) => (self.batch.names.overflow(kind), Some(limit)),
            Outcome::Refused(reason) => return Err(reason),
            Outcome::Dropped => return Ok(()),
        };
        let sample = match kind {
            SampleKind::Set => Sample::of_set(series, self.batch.keep(member.as_bytes())),
            _ => Sample { series, kind, value, rate },
        };
        if let Some(limit) = beyond {
            self.batch.tally.overflow(limit);
        }
        self.batch.samples.push(sample);
        Ok(())
    }

    /// No client can name an overflow series, but the parser of an input may have sent a sample there.
    fn outcome(&mut self, name: &str, tags: &str, kind: Kind, at: Stamp) -> Outcome {
        if name == OVERFLOW && tags.is_empty() {
            return Outcome::Series(self.batch.names.overflow(kind));
        }
        self.parser.resolve(name, tags, kind, at)
    }
}

/// A message for the log: its sample as a line of statsd, as far as it has one, and who sent it.
fn shown(message: &Message) -> String {
    let name = text(message, "name").unwrap_or_default();
    let kind = text(message, "kind").unwrap_or_default();
    let value = match number(message, "value") {
        Some(value) => value.to_string(),
        None => text(message, "value").unwrap_or_default().to_owned(),
    };
    let rate = number(message, "rate").map_or(String::new(), |rate| format!("|@{rate}"));
    let line = escaped(format!("{name}:{value}|{kind}{rate}").as_bytes());
    let [logger, host] = [&message.logger, &message.hostname].map(|from| escaped(from.as_str().as_bytes()));
    format!("\"{line}\", a message of the logger \"{logger}\" on \"{host}\"")
}

fn text<'a>(message: &'a Message, name: &str) -> Option<&'a str> {
    match &message.field(name, 0)?.value {
        Value::Strings(values) => values.first().map(Text::as_str),
        Value::Bytes(values) => values.first().and_then(|bytes| std::str::from_utf8(bytes).ok()),
        _ => None,
    }
}

fn number(message: &Message, name: &str) -> Option<f64> {
    match &message.field(name, 0)?.value {
        Value::Doubles(values) => values.first().copied(),
        Value::Integers(values) => values.first().map(|&value| value as f64),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{Body, Serial, Trace};
    use crate::message::Field;
    use crate::plugin::testing::{NOW, context};

    fn message(fields: Vec<Field>) -> Message {
        Message { logger: "app".into(), hostname: "h\n1".into(), fields, ..Message::default() }
    }

    #[test]
    fn what_is_refused_is_shown_as_a_line_with_who_sent_it() {
        let fields = vec![
            Field::new("name", "api.\x1b[1mtime"),
            Field::new("kind", "ms"),
            Field::new("value", -5.5),
            Field::new("rate", 2.0),
        ];
        assert_eq!(
            shown(&message(fields)),
            r#""api.\x1b[1mtime:-5.5|ms|@2", a message of the logger "app" on "h\n1""#
        );
        assert_eq!(shown(&message(Vec::new())), r#"":|", a message of the logger "app" on "h\n1""#);
    }

    #[test]
    fn a_sample_beyond_a_limit_is_counted_only_if_it_is_one() {
        let context = BuildContext { names: Arc::new(crate::metric::Registry::new(1)), ..context() };
        let mut messages = Messages::new(&context);
        let sample = |name: &str, value: Option<f64>| {
            let mut fields = vec![Field::new("name", name), Field::new("kind", "c")];
            fields.extend(value.map(|value| Field::new("value", value)));
            message(fields)
        };
        let body = Body::Messages(vec![
            sample("a", Some(1.0)),
            sample("b", Some(1.0)),
            sample("c", Some(1.0)),
            sample("d", None),
        ]);
        let pack = Pack::new(Arc::default(), Trace::made_at(NOW), Serial::default(), body);
        let batch = messages.samples_of(&pack, &Selection::All);
        assert_eq!((batch.samples.len(), batch.tally.bad_total()), (3, 1));
        let counted = |name, labels: &[(&'static str, &str)]| context.own().counter(name, labels).value();
        let beyond = [("input", "test"), ("limit", "series")];
        assert_eq!(counted("hekad_overflow_samples_total", &beyond), 2);
        let refused = [("filter", "test"), ("reason", "bad_number")];
        assert_eq!(counted("hekad_sample_messages_refused_total", &refused), 1);
    }

    #[test]
    fn what_is_refused_names_no_series() {
        let context = context();
        let mut messages = Messages::new(&context);
        let sample = |kind: &str, more: &[Field]| {
            let fields = [&[Field::new("name", "a"), Field::new("kind", kind)], more].concat();
            message(fields)
        };
        let body = Body::Messages(vec![
            sample("c", &[]),
            sample("s", &[]),
            sample("ms", &[Field::new("value", -1.0)]),
            sample("g", &[Field::new("value", f64::NAN)]),
        ]);
        let before = context.names.len();
        let pack = Pack::new(Arc::default(), Trace::made_at(NOW), Serial::default(), body);
        assert_eq!(messages.samples_of(&pack, &Selection::All).tally.bad_total(), 4);
        assert_eq!(context.names.len(), before);
    }
}
