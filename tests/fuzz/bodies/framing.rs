//! Any stream is frames and garbage, the same ones whole and byte by byte; nothing is kept that is longer than a frame.

use heka::message::framing::{Found, find, max_record_size};

/// Reads `bytes` as a stream of frames.
pub(crate) fn run(bytes: &[u8]) {
    for limit in [16, 1000] {
        let whole = frames(&[bytes], limit);
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(whole, frames(&single, limit), "{}", bytes.escape_ascii());
        let halves = bytes.split_at(bytes.len() / 2);
        assert_eq!(whole, frames(&[halves.0, halves.1], limit), "{}", bytes.escape_ascii());
    }
}

/// What is found in a stream that comes in pieces: messages, and what is left in the end.
fn frames(pieces: &[&[u8]], limit: usize) -> (Vec<Vec<u8>>, Vec<u8>) {
    let (mut found, mut rest) = (Vec::new(), Vec::new());
    // Bytes to come of a message that is too long.
    let mut skipped = 0;
    for piece in pieces {
        let skipping = piece.len().min(skipped);
        skipped -= skipping;
        rest.extend_from_slice(&piece[skipping..]);
        loop {
            match find(&rest, limit) {
                Found::Frame(frame) => {
                    assert!(frame.message.len() <= limit && frame.length <= max_record_size(limit));
                    // Whoever has no key is not taken in, and nothing panics over a digest of any length.
                    assert!(frame.is_signed() || !frame.is_signed_with(b"key"));
                    found.push(frame.message.to_vec());
                    let end = frame.garbage + frame.length;
                    rest.drain(..end);
                }
                Found::TooLong { garbage, length, message_length } => {
                    assert!(message_length > limit && length <= max_record_size(message_length));
                    let end = rest.len().min(garbage + length);
                    skipped = garbage + length - end;
                    rest.drain(..end);
                }
                Found::Nothing { garbage } => {
                    rest.drain(..garbage);
                    break;
                }
            }
        }
        assert!(rest.len() < max_record_size(limit), "{} bytes are kept", rest.len());
    }
    (found, rest)
}
