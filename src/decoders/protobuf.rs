//! `ProtobufDecoder`: records that are whole messages in Heka's protobuf form, as another hekad sends them.
//!
//! The message is taken as it is, headers and all; who signed it is what the splitter verified. The form itself:
//! `message/wire.rs`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::Check;
use crate::matcher::Facts;
use crate::message::wire;
use crate::plugin::{BuildContext, BuildError, Declare, DecodeError, Decoder, Draft};

/// It has no options.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {}

impl Check for Config {}

impl Declare<dyn Decoder> for Config {
    const TYPE: &'static str = "ProtobufDecoder";
    const SUMMARY: &'static str =
        "Takes messages in Heka's protobuf form, as HekaFramingSplitter finds them.";

    fn emits(&self, _: &str, _: &str) -> Vec<Facts> {
        vec![Facts::default()]
    }

    fn takes_messages(&self) -> bool {
        true
    }

    fn build(&self, _: &BuildContext) -> Result<Box<dyn Decoder>, BuildError> {
        Ok(Box::new(ProtobufDecoder))
    }
}

struct ProtobufDecoder;

impl Decoder for ProtobufDecoder {
    fn decode(&mut self, record: &[u8], draft: &mut Draft) -> Result<(), DecodeError> {
        let mut message = draft.blank();
        wire::decode_into(record, &mut message)
            .map_err(|error| DecodeError(format!("no message: {error}")))?;
        if message.uuid == [0; 16] {
            // One without a uuid has none to be known by.
            message.uuid = draft.uuids.next();
        }
        message.signer = draft.base.signer.clone();
        draft.messages.push(message);
        Ok(())
    }
}
