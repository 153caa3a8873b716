//! `StatsToFieldsDecoder`: the payload of a flush, lines `name value timestamp`, to fields.
//!
//! Each stat is a field of one double, after a field `timestamp` in seconds. Stats of another timestamp are a message of
//! their own, in the order in which timestamps first come.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::Check;
use crate::matcher::Facts;
use crate::message::{Field, Text};
use crate::plugin::{BuildContext, BuildError, Declare, DecodeError, Decoder, Draft};

/// It has no options.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {}

impl Check for Config {}

impl Declare<dyn Decoder> for Config {
    const TYPE: &'static str = "StatsToFieldsDecoder";
    const SUMMARY: &'static str = "Makes fields of the lines `name value timestamp` of a flush.";

    fn emits(&self, _: &str, _: &str) -> Vec<Facts> {
        vec![Facts::default()]
    }

    fn build(&self, _: &BuildContext) -> Result<Box<dyn Decoder>, BuildError> {
        Ok(Box::new(StatsToFieldsDecoder))
    }
}

struct StatsToFieldsDecoder;

impl Decoder for StatsToFieldsDecoder {
    fn decode(&mut self, record: &[u8], draft: &mut Draft) -> Result<(), DecodeError> {
        let text = std::str::from_utf8(record).map_err(|_| DecodeError("it is not UTF-8".to_owned()))?;
        let mut messages: Vec<(i64, Vec<Field>)> = Vec::new();
        for line in text.lines().filter(|line| !line.is_empty()) {
            let (name, value, timestamp) = stat(line)?;
            let known = messages.iter_mut().find(|(known, _)| *known == timestamp);
            let field = Field::new(name, value);
            match known {
                Some((_, fields)) => fields.push(field),
                None => {
                    let stamp = Field::new(Text::new_static("timestamp"), timestamp);
                    messages.push((timestamp, vec![stamp, field]));
                }
            }
        }
        for (place, (_, mut fields)) in messages.into_iter().enumerate() {
            let mut message = draft.begun();
            if place > 0 {
                // One uuid is for one message.
                message.uuid = draft.uuids.next();
            }
            message.payload = record.to_vec();
            message.fields.append(&mut fields);
            draft.messages.push(message);
        }
        Ok(())
    }
}

fn stat(line: &str) -> Result<(&str, f64, i64), DecodeError> {
    let refuse = |what: &str| DecodeError(format!("{what}: '{line}'"));
    let mut words = line.split(' ');
    let words = (words.next(), words.next(), words.next(), words.next());
    let (Some(name), Some(value), Some(timestamp), None) = words else {
        return Err(refuse("malformed statmetric line"));
    };
    let timestamp = timestamp.parse().map_err(|_| refuse("invalid timestamp"))?;
    let value = value.parse().map_err(|_| refuse("invalid value"))?;
    Ok((name, value, timestamp))
}
