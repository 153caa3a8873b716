//! `ProtobufEncoder`: whole messages in Heka's protobuf form, for another hekad.
//!
//! Samples and flushes are messages too, as they are for matchers. The form itself: `message/wire.rs`; the frame around
//! it is the output's (`use_framing`).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::Check;
use crate::flow::RecordRef;
use crate::message::wire;
use crate::plugin::{BuildContext, BuildError, Declare, EncodeError, Encoder, Frames, More};

/// It has no options.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {}

impl Check for Config {}

impl Declare<dyn Encoder> for Config {
    const TYPE: &'static str = "ProtobufEncoder";
    const SUMMARY: &'static str = "Writes whole messages in Heka's protobuf form.";

    fn takes_messages(&self) -> bool {
        true
    }

    fn build(&self, _: &BuildContext) -> Result<Box<dyn Encoder>, BuildError> {
        Ok(Box::new(ProtobufEncoder))
    }
}

struct ProtobufEncoder;

impl Encoder for ProtobufEncoder {
    fn encode(
        &mut self,
        record: RecordRef<'_>,
        _: &mut usize,
        frames: &mut Frames,
    ) -> Result<More, EncodeError> {
        wire::encode(&record.to_message(), &mut frames.bytes);
        frames.end();
        Ok(More::Done)
    }
}
