//! From messages to samples: names and values filled in, series looked up by their spelling.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::options::{Config, Metric};
use super::template::{NoNumber, NotClosed, Template};
use crate::message::Message;
use crate::metric::{BadReason, Sample, SampleBatch, SampleKind, cleaned};
use crate::plugin::BuildContext;
use crate::statsd::{Outcome, Parser, Rules, member_text};

/// Makes samples of messages, with spellings and memory of its own.
pub(super) struct Samples {
    metrics: Vec<Compiled>,
    parser: Parser,
    text: Text,
}

/// Memory for the texts of one sample.
#[derive(Default)]
struct Text {
    name: String,
    tags: String,
    value: String,
}

/// A metric whose templates are read.
struct Compiled {
    id: String,
    kind: SampleKind,
    name: Template,
    value: Amount,
    scale: f64,
    replace_dot: bool,
    tags: Vec<(String, Template)>,
    /// How many samples were not made since somebody asked, by reason.
    skipped: BTreeMap<&'static str, u64>,
}

enum Amount {
    /// The same of every message.
    Constant(f64),
    Filled(Template),
}

impl Samples {
    pub(super) fn new(config: &Config, context: &BuildContext) -> Result<Samples, NotClosed> {
        let metrics = config.metric.iter().map(|(id, metric)| Compiled::new(id, metric));
        Ok(Samples {
            metrics: metrics.collect::<Result<_, _>>()?,
            parser: Parser::new(Rules::default(), Arc::clone(&context.names), context.seed),
            text: Text::default(),
        })
    }

    /// Samples a message makes.
    pub(super) fn per_message(&self) -> usize {
        self.metrics.len()
    }

    /// Appends the samples of `message`, with a line for each if somebody reads them.
    pub(super) fn make(&mut self, message: &Message, keep_lines: bool, batch: &mut SampleBatch) {
        for metric in &mut self.metrics {
            match metric.sample(message, &mut self.parser, &mut self.text, batch) {
                Ok(sample) => {
                    batch.samples.push(sample);
                    if keep_lines {
                        let line = line(&sample, &self.text, batch);
                        let span = batch.keep(line.as_bytes());
                        batch.lines.push(span);
                    }
                }
                Err(reason) => *metric.skipped.entry(reason).or_default() += 1,
            }
        }
    }

    /// How often a spelling found no room among those remembered, since the start.
    pub(super) fn unremembered(&self) -> u64 {
        self.parser.unremembered()
    }

    /// Calls `visit` with each metric, why it made no sample, and how often since the last call.
    pub(super) fn take_skipped(&mut self, mut visit: impl FnMut(&str, &'static str, u64)) {
        for metric in &mut self.metrics {
            for (reason, count) in std::mem::take(&mut metric.skipped) {
                visit(&metric.id, reason, count);
            }
        }
    }
}

impl Compiled {
    fn new(id: &str, metric: &Metric) -> Result<Compiled, NotClosed> {
        let value = Template::new(&metric.value)?;
        let always =
            value.constant().and_then(|_| value.number(&Message::default(), &mut String::new()).ok());
        let kind = metric.metric_type.sample();
        let tags = metric.tags.iter().map(|(key, value)| Ok((key.clone(), Template::new(value)?)));
        Ok(Compiled {
            id: id.to_owned(),
            kind,
            name: Template::new(&metric.name)?,
            value: match always {
                Some(value) if kind != SampleKind::Set => Amount::Constant(value),
                _ => Amount::Filled(value),
            },
            scale: metric.scale,
            replace_dot: metric.replace_dot,
            tags: tags.collect::<Result<_, _>>()?,
            skipped: BTreeMap::new(),
        })
    }

    /// The sample that `message` makes, or the label of why it makes none.
    fn sample(
        &self,
        message: &Message,
        parser: &mut Parser,
        text: &mut Text,
        batch: &mut SampleBatch,
    ) -> Result<Sample, &'static str> {
        self.write_series(message, text)?;
        let value = match self.kind {
            SampleKind::Set => self.write_member(message, text, batch).map(|()| 0.0),
            _ => self.number(message, text),
        }?;
        let series = match parser.resolve(&text.name, &text.tags, self.kind.series(), batch.at) {
            Outcome::Series(series) => series,
            Outcome::Overflow(kind, limit) => {
                batch.tally.overflow(limit);
                batch.names.overflow(kind)
            }
            Outcome::Refused(reason) => return Err(reason.label()),
            Outcome::Dropped => unreachable!("these rules drop nothing"),
        };
        Ok(match self.kind {
            SampleKind::Set => Sample::of_set(series, batch.keep(text.value.as_bytes())),
            kind => Sample { series, kind, value, rate: 1.0 },
        })
    }

    fn write_series(&self, message: &Message, text: &mut Text) -> Result<(), &'static str> {
        text.name.clear();
        text.tags.clear();
        let replace_dot = self.replace_dot;
        // What a message says is a part of the name: it adds no tags.
        let illegal = |letter: char| letter == ';' || letter == '.' && replace_dot;
        if !self.name.fill(message, &mut text.name, illegal) {
            return Err(NO_FIELD);
        }
        for (key, value) in &self.tags {
            if !text.tags.is_empty() {
                text.tags.push(',');
            }
            text.tags.push_str(key);
            text.tags.push(':');
            if !value.fill(message, &mut text.tags, ends_tag) {
                return Err(NO_FIELD);
            }
        }
        Ok(())
    }

    fn write_member(
        &self,
        message: &Message,
        text: &mut Text,
        batch: &SampleBatch,
    ) -> Result<(), &'static str> {
        text.value.clear();
        if let Amount::Filled(template) = &self.value
            && !template.fill(message, &mut text.value, |_| false)
        {
            return Err(NO_FIELD);
        }
        // Positions in the text of a batch have 32 bits.
        let fits = u32::try_from(batch.text.len() + text.value.len()).is_ok();
        fits.then_some(()).ok_or(BadReason::TooLong.label())
    }

    fn number(&self, message: &Message, text: &mut Text) -> Result<f64, &'static str> {
        let value = match &self.value {
            Amount::Constant(value) => *value,
            Amount::Filled(template) => {
                template.number(message, &mut text.value).map_err(|error| match error {
                    NoNumber::Missing => NO_FIELD,
                    NoNumber::Bad(reason) => reason.label(),
                })?
            }
        };
        let value = value * self.scale;
        match self.kind {
            _ if !value.is_finite() => Err(BadReason::NotFinite.label()),
            SampleKind::Timer if value < 0.0 => Err(BadReason::NegativeTimer.label()),
            _ => Ok(value),
        }
    }
}

/// Whether the value of a tag cannot hold this letter.
pub(super) fn ends_tag(letter: char) -> bool {
    letter.is_control() || matches!(letter, ',' | ';' | '|')
}

/// A sample as a client would have sent it, for those who read lines.
fn line(sample: &Sample, text: &Text, batch: &SampleBatch) -> String {
    let name = cleaned(&text.name, &[';', '=']);
    let kind = sample.kind.text();
    let tags = if text.tags.is_empty() { String::new() } else { format!("|#{}", text.tags) };
    match sample.kind {
        SampleKind::Set => {
            let member = member_text(batch.text_of(sample.member()));
            format!("{name}:{member}|{kind}{tags}")
        }
        // With a sign it would be a change, but for that of zero.
        SampleKind::Gauge if sample.value < 0.0 => {
            format!("{name}:0|{kind}{tags}\n{name}:{}|{kind}{tags}", sample.value)
        }
        _ => format!("{name}:{}|{kind}{tags}", sample.value),
    }
}

/// Why there is no sample where a field is missing; the other reasons are those of statsd lines.
pub(super) const NO_FIELD: &str = "no_field";
