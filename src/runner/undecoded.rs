//! What stands in the place of a decoder where none is configured: a record is the payload of a message.

use crate::message::Message;
use crate::plugin::{DecodeError, Decoder, Draft};

/// See the module.
pub struct Undecoded;

impl Decoder for Undecoded {
    fn decode(&mut self, record: &[u8], draft: &mut Draft) -> Result<(), DecodeError> {
        let message = Message { payload: record.to_vec(), ..draft.begun() };
        draft.messages.push(message);
        Ok(())
    }
}
