//! An encoder whose frames go into Heka's framing: what `use_framing` puts around any other.

use crate::flow::RecordRef;
use crate::message::framing::frame;
use crate::plugin::{EncodeError, Encoder, Frames, More};

/// Frames what another encoder writes.
pub struct Framed {
    inner: Box<dyn Encoder>,
    /// Bytes of the longest message.
    limit: usize,
    /// What the other one wrote last.
    written: Frames,
}

impl Framed {
    /// Puts a frame around every frame of `inner`, which is refused if it is longer than `limit`.
    pub fn new(inner: Box<dyn Encoder>, limit: usize) -> Framed {
        Framed { inner, limit, written: Frames::default() }
    }
}

impl Encoder for Framed {
    fn encode(
        &mut self,
        record: RecordRef<'_>,
        from: &mut usize,
        frames: &mut Frames,
    ) -> Result<More, EncodeError> {
        self.written.clear();
        let more = self.inner.encode(record, from, &mut self.written)?;
        let before = (frames.bytes.len(), frames.ends.len());
        for message in self.written.iter() {
            if let Err(error) = frame(message, None, self.limit, &mut frames.bytes) {
                // Nothing of a record is left that is not written whole.
                frames.bytes.truncate(before.0);
                frames.ends.truncate(before.1);
                return Err(EncodeError(error.to_string()));
            }
            frames.end();
        }
        Ok(more)
    }
}
