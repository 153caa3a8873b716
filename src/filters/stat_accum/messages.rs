//! Samples that come as messages: `Type 'heka.statsample'` from a decoder, a sandbox, or another daemon.

use std::sync::Arc;

use crate::flow::{Pack, RecordRef, Selection};
use crate::message::{Message, Text, Value};
use crate::metric::{BadReason, Kind, OVERFLOW, Sample, SampleBatch, SampleKind};
use crate::plugin::BuildContext;
use crate::statsd::{LEAST_RATE, Outcome, Parser, Rules, used_rate};
use crate::time::Stamp;

/// Makes samples of messages, with spellings of its own.
pub(super) struct Messages {
    parser: Parser,
    batch: SampleBatch,
}

impl Messages {
    pub(super) fn new(context: &BuildContext) -> Messages {
        let names = Arc::clone(&context.names);
        Messages {
            parser: Parser::new(
                Rules { known_as_written: true, ..Rules::default() },
                Arc::clone(&names),
                context.seed,
            ),
            batch: SampleBatch::new(names),
        }
    }

    /// The samples of the chosen messages of a pack; what is no sample is counted in the tally of the batch.
    pub(super) fn samples_of(&mut self, pack: &Pack, chosen: &Selection) -> &SampleBatch {
        self.batch.clear();
        for index in (0..pack.body.len()).filter(|&index| chosen.contains(index)) {
            let taken = match pack.record(index) {
                RecordRef::Message(message) => self.take(message, pack.trace.at),
                _ => Err(BadReason::UnknownType),
            };
            if let Err(reason) = taken {
                self.batch.tally.refuse(reason);
            }
        }
        &self.batch
    }

    fn take(&mut self, message: &Message, at: Stamp) -> Result<(), BadReason> {
        let name = text(message, "name").ok_or(BadReason::EmptyName)?;
        let kind = text(message, "kind").and_then(SampleKind::from_text).ok_or(BadReason::UnknownType)?;
        let rate = number(message, "rate").unwrap_or(1.0);
        if !(LEAST_RATE..f64::MAX).contains(&rate) {
            return Err(BadReason::BadRate);
        }
        let series = match self.outcome(name, text(message, "tags").unwrap_or(""), kind.series(), at) {
            Outcome::Series(series) => series,
            Outcome::Overflow(kind, limit) => {
                self.batch.tally.overflow(limit);
                self.batch.names.overflow(kind)
            }
            Outcome::Refused(reason) => return Err(reason),
            Outcome::Dropped => return Ok(()),
        };
        let sample = if kind == SampleKind::Set {
            let member = text(message, "value").ok_or(BadReason::NoValue)?;
            Sample::of_set(series, self.batch.keep(member.as_bytes()))
        } else {
            let value = number(message, "value").ok_or(BadReason::BadNumber)?;
            if kind == SampleKind::Timer && value < 0.0 {
                return Err(BadReason::NegativeTimer);
            }
            Sample { series, kind, value, rate: used_rate(kind, value, rate)? }
        };
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
