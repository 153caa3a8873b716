//! Any bytes are a message or an error; a message that is written again reads the same, and is framed and found.

use heka::message::{framing, wire};

/// Reads `bytes` as the protobuf form of a message.
pub(crate) fn run(bytes: &[u8]) {
    let message = match wire::decode(bytes) {
        Ok(message) => message,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    let mut written = Vec::new();
    wire::encode(&message, &mut written);
    let again = wire::decode(&written).expect("what is written can be read");
    let mut twice = Vec::new();
    wire::encode(&again, &mut twice);
    // Not the messages: a number that is none equals nothing.
    assert_eq!(written, twice);
    let mut framed = Vec::new();
    framing::frame(&written, None, framing::MAX_MESSAGE_SIZE, &mut framed).expect("what is read is short");
    match framing::find(&framed, framing::MAX_MESSAGE_SIZE) {
        framing::Found::Frame(found) => assert_eq!((found.garbage, found.message), (0, &*written)),
        found => panic!("{found:?}"),
    }
}
