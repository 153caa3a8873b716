//! `MultiDecoder`: several decoders, one after the other.
//!
//! With `cascade_strategy = "first-wins"` each record is tried with one after the other until one takes it. With "all"
//! each message that one makes is handed, by its payload and with what it holds so far, to the next; one that the next does
//! not take goes on as it was. Where none takes a record, it is refused.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::{Check, Violation};
use crate::plugin::{BuildContext, BuildError, Complaint, Declare, DecodeError, Decoder, Draft, Parts};

/// Options; names and defaults are Heka's.
#[derive(Debug, Clone, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Sections or types of decoders, in the order they are asked. They may be of this type too.
    pub subs: Vec<String>,
    /// "first-wins" (default): the first one that takes a record is the last that is asked; "all": each takes what the one
    /// before it made.
    #[serde(default)]
    pub cascade_strategy: Strategy,
    /// Whether what single decoders refuse is logged, although another one may take it. Default false.
    #[serde(default)]
    pub log_sub_errors: bool,
}

/// How decoders follow each other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// Until one takes the record.
    #[default]
    FirstWins,
    /// Each takes what the one before it made.
    All,
}

impl Check for Config {
    fn check(&self) -> Vec<Violation> {
        let empty = self.subs.is_empty();
        empty.then(|| Violation::new("subs", "must name a decoder at least")).into_iter().collect()
    }
}

impl Declare<dyn Decoder> for Config {
    const TYPE: &'static str = "MultiDecoder";
    const SUMMARY: &'static str = "Asks several decoders, until one takes a record or one after the other.";

    fn parts(&self) -> Option<Parts> {
        Some(Parts { key: "subs", names: self.subs.clone() })
    }

    fn build(&self, context: &BuildContext) -> Result<Box<dyn Decoder>, BuildError> {
        let subs = context.parts.iter().map(|part| part.build::<dyn Decoder>(context));
        let subs = subs.collect::<Result<Vec<_>, _>>()?;
        Ok(Box::new(MultiDecoder { subs, strategy: self.cascade_strategy, log: self.log_sub_errors }))
    }
}

struct MultiDecoder {
    subs: Vec<Box<dyn Decoder>>,
    strategy: Strategy,
    log: bool,
}

impl MultiDecoder {
    fn first(&mut self, record: &[u8], draft: &mut Draft) -> bool {
        let MultiDecoder { subs, log, .. } = self;
        subs.iter_mut().any(|sub| is_taken(&mut **sub, *log, record, draft))
    }

    /// Whether one of them took anything.
    fn all(&mut self, record: &[u8], draft: &mut Draft) -> bool {
        let MultiDecoder { subs, log, .. } = self;
        let start = draft.messages.len();
        let mut taken = false;
        for (place, sub) in subs.iter_mut().enumerate() {
            // What no decoder has taken yet is still the record.
            if place == 0 || !taken {
                taken |= is_taken(&mut **sub, *log, record, draft);
                continue;
            }
            for mut message in draft.messages.split_off(start) {
                let payload = std::mem::take(&mut message.payload);
                let base = std::mem::replace(&mut draft.base, message);
                let is_taken = is_taken(&mut **sub, *log, &payload, draft);
                let mut message = std::mem::replace(&mut draft.base, base);
                if !is_taken {
                    message.payload = payload;
                    draft.messages.push(message);
                }
            }
        }
        taken
    }
}

/// Whether `sub` takes the record; of what it refuses nothing is left.
fn is_taken(sub: &mut dyn Decoder, log: bool, record: &[u8], draft: &mut Draft) -> bool {
    let start = draft.messages.len();
    let Err(DecodeError(error)) = sub.decode(record, draft) else { return true };
    draft.messages.truncate(start);
    if log {
        draft.complaints.push(Complaint { reason: "refused by a subdecoder", text: error.into_bytes() });
    }
    false
}

impl Decoder for MultiDecoder {
    fn decode(&mut self, record: &[u8], draft: &mut Draft) -> Result<(), DecodeError> {
        let taken = match self.strategy {
            Strategy::FirstWins => self.first(record, draft),
            Strategy::All => self.all(record, draft),
        };
        if taken { Ok(()) } else { Err(DecodeError("all subdecoders failed".to_owned())) }
    }
}
