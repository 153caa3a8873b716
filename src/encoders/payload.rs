//! `PayloadEncoder`: the payload of a record, with a stamp before it if asked for.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::{Check, Violation};
use crate::flow::RecordRef;
use crate::plugin::{BuildContext, BuildError, Declare, EncodeError, Encoder, Frames, More};
use crate::time::{Clock, Stamp};

/// Options; names and defaults are Heka's.
#[derive(Debug, Clone, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Whether a newline follows every payload, also one that ends in a newline. Default true.
    pub append_newlines: bool,
    /// Whether a stamp and a blank go before every payload. Default false.
    pub prefix_ts: bool,
    /// Whether the stamp is the message's, rather than the time of writing. Default true.
    pub ts_from_message: bool,
    /// How the stamp is written, in the directives of strftime, UTC. Default "[%Y/%b/%d:%H:%M:%S %z]".
    pub ts_format: String,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            append_newlines: true,
            prefix_ts: false,
            ts_from_message: true,
            ts_format: "[%Y/%b/%d:%H:%M:%S %z]".to_owned(),
        }
    }
}

impl Check for Config {
    fn check(&self) -> Vec<Violation> {
        match formatted(&self.ts_format, Stamp(0)) {
            Ok(_) => Vec::new(),
            Err(error) => vec![Violation::new("ts_format", format!("does not parse: {error}"))],
        }
    }
}

impl Declare<dyn Encoder> for Config {
    const TYPE: &'static str = "PayloadEncoder";
    const SUMMARY: &'static str =
        "Writes the payload: a message's text, a sample's line, a flush's Graphite lines.";

    fn build(&self, context: &BuildContext) -> Result<Box<dyn Encoder>, BuildError> {
        Ok(Box::new(PayloadEncoder { config: self.clone(), clock: Arc::clone(&context.clock) }))
    }
}

struct PayloadEncoder {
    config: Config,
    clock: Arc<dyn Clock>,
}

impl Encoder for PayloadEncoder {
    fn encode(
        &mut self,
        record: RecordRef<'_>,
        _: &mut usize,
        frames: &mut Frames,
    ) -> Result<More, EncodeError> {
        if self.config.prefix_ts {
            let stamp = if self.config.ts_from_message { record.stamp() } else { self.clock.now() };
            let text = formatted(&self.config.ts_format, stamp)
                .map_err(|error| EncodeError(format!("its stamp cannot be written: {error}")))?;
            frames.bytes.extend_from_slice(text.as_bytes());
            frames.bytes.push(b' ');
        }
        frames.bytes.extend_from_slice(&record.payload());
        if self.config.append_newlines {
            frames.bytes.push(b'\n');
        }
        frames.end();
        Ok(More::Done)
    }
}

fn formatted(format: &str, stamp: Stamp) -> Result<String, jiff::Error> {
    let at = jiff::Timestamp::from_nanosecond(stamp.0.into())?.to_zoned(jiff::tz::TimeZone::UTC);
    jiff::fmt::strtime::format(format, &at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_stamp_is_that_of_heka() {
        let text =
            formatted(&Config::default().ts_format, Stamp::from_seconds(1_700_000_000)).expect("it is legal");
        assert_eq!(text, "[2023/Nov/14:22:13:20 +0000]");
    }

    #[test]
    fn an_unknown_directive_is_reported_with_its_key() {
        let config = Config { ts_format: "%!".to_owned(), ..Config::default() };
        let found = config.check();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].key, "ts_format");
    }
}
