//! Alerts as messages: a sentence for people, fields for programs.

use super::alert::{AlertState, Breach};
use super::options::Watching;
use super::severity;
use super::watch::Told;
use crate::flow::MessageMaker;
use crate::matcher::{Facts, FieldNames};
use crate::message::{Field, Message};
use crate::plugin::BuildContext;
use crate::time::Stamp;

/// Facts of the messages of the filter `name`.
pub(super) fn facts(name: &str, hostname: &str) -> Facts {
    let facts = MessageMaker::facts(MESSAGE_TYPE, name, hostname);
    Facts { severity: None, fields: FieldNames::Only(FIELDS), ..facts }
}

/// Makes the messages of the filter that is built.
pub(super) fn maker(context: &BuildContext) -> MessageMaker {
    MessageMaker::new(MESSAGE_TYPE, &context.name, &context.hostname, context.seed)
}

/// The message of what the flush that ended at `at` brought about.
pub(super) fn message(maker: &mut MessageMaker, told: &Told<'_>, at: Stamp) -> Message {
    let Told { rule, series, unit, event } = told;
    let mut message = maker.make(at, sentence(told));
    let is_over = event.state != AlertState::Firing;
    message.severity = if is_over { severity::INFORMATIONAL } else { rule.severity };
    let mut fields = vec![
        Field::new("rule", rule.name.as_str()),
        Field::new("series", &**series),
        Field::new("statistic", rule.word.as_str()),
        Field::new("condition", condition(event.breach)),
        Field::new("threshold", threshold(rule, event.breach)),
        Field::new("state", if is_over { "resolved" } else { "firing" }),
        Field::new("since", dated(event.since)).shown_as("date-time"),
    ];
    if let Some(value) = event.value {
        fields.insert(3, Field::new("value", value).shown_as(*unit));
    }
    message.fields = fields;
    message
}

/// What happened, in words.
fn sentence(told: &Told<'_>) -> String {
    let Told { rule, series, event, .. } = told;
    let (what, flushes) = (format!("{series} {}", rule.word), count(event.flushes));
    match (event.state, event.value) {
        (AlertState::GivenUp, _) => {
            format!("{what} has had no value for {flushes}, and is taken as no longer {}", was(told))
        }
        (AlertState::Firing, Some(value)) if event.breach != Breach::Absent => {
            format!("{what} is {}, {}", told.measured(value), wrong(told, value))
        }
        (AlertState::Firing, _) => format!("{series} has had no samples for {flushes}"),
        (AlertState::Resolved, _) if event.breach == Breach::Absent => {
            format!("{series} has samples again, after {flushes} without")
        }
        (AlertState::Resolved, Some(value)) => {
            format!("{what} is {}, no longer {}", told.measured(value), was(told))
        }
        (AlertState::Resolved, None) => format!("{what} is no longer {}", was(told)),
    }
}

/// What is wrong with a value.
fn wrong(told: &Told<'_>, value: f64) -> String {
    let Told { rule, event, .. } = told;
    let lasts = if event.flushes > 1 { format!(" for {}", count(event.flushes)) } else { String::new() };
    let compared = |before: f64, how: &str| {
        let percent = shown(((value - before) / before.abs() * 100.0).abs());
        let over = count(u32::try_from(rule.conditions.over).unwrap_or(u32::MAX));
        format!("{percent} % {how} than {over} before ({})", told.measured(before))
    };
    match event.breach {
        Breach::Above | Breach::Below if is_between(rule, event.breach, value) => {
            let end = shown(rule.conditions.clears_at.unwrap_or(value));
            format!("not back at {end} since it was {}", was(told))
        }
        Breach::Above | Breach::Below => format!("{}{lasts}", was(told)),
        Breach::Rose(before) => compared(before, "more"),
        Breach::Fell(before) => compared(before, "less"),
        Breach::Absent => was(told),
    }
}

/// Whether a value is no breach, but not where the alert is over.
fn is_between(rule: &Watching, breach: Breach, value: f64) -> bool {
    match breach {
        Breach::Above => rule.conditions.above.is_some_and(|above| value <= above),
        Breach::Below => rule.conditions.below.is_some_and(|below| value >= below),
        Breach::Rose(_) | Breach::Fell(_) | Breach::Absent => false,
    }
}

fn was(told: &Told<'_>) -> String {
    let threshold = shown(threshold(told.rule, told.event.breach));
    match told.event.breach {
        Breach::Above => format!("above {threshold}"),
        Breach::Below => format!("below {threshold}"),
        Breach::Rose(_) => format!("rising by more than {threshold} %"),
        Breach::Fell(_) => format!("falling by more than {threshold} %"),
        Breach::Absent => "without samples".to_owned(),
    }
}

fn condition(breach: Breach) -> &'static str {
    match breach {
        Breach::Above => "above",
        Breach::Below => "below",
        Breach::Rose(_) => "rises_by",
        Breach::Fell(_) => "falls_by",
        Breach::Absent => "absent_after",
    }
}

/// What the rule says of the condition that was met.
fn threshold(rule: &Watching, breach: Breach) -> f64 {
    let conditions = &rule.conditions;
    let number = match breach {
        Breach::Above => conditions.above,
        Breach::Below => conditions.below,
        Breach::Rose(_) => conditions.rises_by,
        Breach::Fell(_) => conditions.falls_by,
        Breach::Absent => conditions.absent_after.map(f64::from),
    };
    number.unwrap_or(0.0)
}

impl Told<'_> {
    fn measured(&self, value: f64) -> String {
        match self.unit {
            "" => shown(value),
            unit => format!("{} {unit}", shown(value)),
        }
    }
}

fn dated(at: Stamp) -> String {
    // What is beyond the years that can be written is a clock gone wrong; its nanoseconds say as much.
    jiff::Timestamp::from_nanosecond(at.0.into()).map_or_else(|_| at.0.to_string(), |at| at.to_string())
}

fn count(flushes: u32) -> String {
    if flushes == 1 { "1 flush".to_owned() } else { format!("{flushes} flushes") }
}

/// Six digits are enough for people.
fn shown(value: f64) -> String {
    let rounded = format!("{value:.5e}").parse().unwrap_or(value);
    if rounded != 0.0 && !(1e-6..1e15).contains(&rounded.abs()) && rounded.is_finite() {
        return format!("{rounded:e}");
    }
    rounded.to_string()
}

/// Type of the messages.
const MESSAGE_TYPE: &str = "heka.alert";

/// Fields a message can have.
const FIELDS: &[&str] = &["rule", "series", "statistic", "value", "condition", "threshold", "state", "since"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_with_six_digits() {
        let table = [
            (812.0, "812"),
            (0.1 + 0.2, "0.3"),
            (-1234.5678, "-1234.57"),
            (1_234_567.0, "1234570"),
            (1e300, "1e300"),
            (1.5e-9, "1.5e-9"),
            (0.0, "0"),
            (f64::INFINITY, "inf"),
        ];
        for (value, text) in table {
            assert_eq!(shown(value), text);
        }
    }
}
