//! What stands in the place of a decoder where none is configured: a record is the payload of a message.

use crate::plugin::{DecodeError, Decoder, Draft};

/// See the module.
pub struct Undecoded;

impl Decoder for Undecoded {
    fn decode(&mut self, record: &[u8], draft: &mut Draft) -> Result<(), DecodeError> {
        let mut message = draft.begun();
        message.payload.extend_from_slice(record);
        draft.messages.push(message);
        Ok(())
    }
}
