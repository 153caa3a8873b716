//! The framed messages of a flood, of `Type` "hekabench": signed, corrupted and oversized ones among them.
//!
//! Sizes, fields and shares are those of Heka's heka-flood. Another is that a corrupted frame is always one that no reader
//! takes (the byte between header and message is wrong), so that what arrives can be told beforehand; Heka changes any
//! byte.

use crate::message::framing::{FrameError, MAX_MESSAGE_SIZE, RECORD_SEPARATOR, Signing, frame};
use crate::message::{Field, Message, Value, Values, made_uuid, maker_number, wire};
use crate::time::Stamp;

use super::packets::Packets;
use super::sums::Messages;

/// A flood of messages.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct MessageLoad {
    /// How large they are.
    pub(super) size: Size,
    /// Whether the text of payloads is of printable letters alone; else it is of any bytes.
    pub(super) ascii_only: bool,
    /// Percent of them that are signed.
    pub(super) signed: f64,
    /// Percent of them whose frame is broken.
    pub(super) corrupt: f64,
    /// Percent of them that are longer than a receiver takes.
    pub(super) oversized: f64,
    /// Bytes of the longest message a receiver takes.
    pub(super) max_message_size: usize,
    /// Who signs.
    pub(super) signing: Option<Signing>,
    /// Messages a second; 0 is as fast as it goes.
    pub(super) rate: f64,
}

/// How large messages are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Size {
    /// Payloads of so many letters behind their beginning.
    Same(usize),
    /// Payloads to 2 KiB, to 20 fields, and a field to 59 KiB that fills.
    Variable,
}

impl Default for MessageLoad {
    fn default() -> MessageLoad {
        MessageLoad {
            size: Size::Same(1000),
            ascii_only: true,
            signed: 0.0,
            corrupt: 0.0,
            oversized: 0.0,
            max_message_size: MAX_MESSAGE_SIZE,
            signing: None,
            rate: 0.0,
        }
    }
}

/// What a message was made as.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Made {
    pub(super) is_signed: bool,
    pub(super) is_corrupt: bool,
    pub(super) is_oversized: bool,
}

/// Who says it is the sender, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sender {
    pub(super) hostname: String,
    pub(super) pid: i32,
    pub(super) at: Stamp,
}

/// Prepares messages, each a packet, and says what each was made as.
///
/// # Errors
/// If one cannot be framed.
pub(super) fn messages(
    load: &MessageLoad,
    sender: &Sender,
    seed: u64,
    count: Option<u64>,
) -> Result<(Packets, Vec<Made>), FrameError> {
    let mut random = fastrand::Rng::with_seed(seed);
    let pool = count.map_or(POOL, |count| POOL.min(count));
    let (mut packets, mut made) = (Packets::default(), Vec::new());
    let (mut bytes, mut framed) = (Vec::new(), Vec::new());
    let mut sums = Messages::default();
    for number in 0..pool {
        let is_due = |percent: f64, sum: u64, before: f64| {
            let due = (number + 1) as f64 * percent / 100.0 + before;
            sum < due as u64
        };
        let is_signed = is_due(load.signed, sums.signed, ROUNDING) && load.signing.is_some();
        // As Heka has it, a message is not both. These come half a distance earlier, so that they seldom meet; where they
        // do, it is the next.
        let is_oversized = is_due(load.oversized, sums.oversized, 0.5) && !is_signed;
        let is_corrupt = is_due(load.corrupt, sums.corrupt, ROUNDING);
        let is = Made { is_signed, is_corrupt, is_oversized };
        sums.add(is, 1);
        bytes.clear();
        wire::encode(&message(load, sender, is_oversized, number, &mut random), &mut bytes);
        framed.clear();
        let signing = load.signing.as_ref().filter(|_| is_signed);
        frame(&bytes, signing, usize::MAX, &mut framed)?;
        if is.is_corrupt {
            let header = usize::from(framed[1]);
            framed[2 + header] = RECORD_SEPARATOR;
        }
        packets.push(&framed, 1);
        made.push(is);
    }
    Ok((packets, made))
}

fn message(
    load: &MessageLoad,
    sender: &Sender,
    is_oversized: bool,
    number: u64,
    random: &mut fastrand::Rng,
) -> Message {
    let mut message = Message {
        uuid: made_uuid(maker_number(random.u64(..), "flood"), number),
        timestamp: sender.at,
        type_: "hekabench".into(),
        pid: sender.pid,
        hostname: sender.hostname.as_str().into(),
        ..Message::default()
    };
    let over = if is_oversized { load.max_message_size } else { 0 };
    match load.size {
        Size::Same(length) => {
            message.severity = 6;
            message.env_version = "0.8".into();
            message.payload = payload(sender, length.max(over), load.ascii_only, random);
        }
        Size::Variable => {
            message.logger = "flood".into();
            message.env_version = "0.2".into();
            message.payload = payload(sender, random.usize(..3) * 1024 + over, load.ascii_only, random);
            push_fields(&mut message.fields, random);
        }
    }
    message
}

fn payload(sender: &Sender, length: usize, ascii_only: bool, random: &mut fastrand::Rng) -> Vec<u8> {
    let mut text = format!("hekabench: {} - ", sender.hostname).into_bytes();
    text.extend((0..length).map(|_| match ascii_only {
        true => random.u8(b' '..=b'}'),
        // A broken frame is passed over up to the next separator: none is to stand in a message.
        false => match random.u8(..) {
            RECORD_SEPARATOR => b' ',
            byte => byte,
        },
    }));
    text
}

fn push_fields(fields: &mut Vec<Field>, random: &mut fastrand::Rng) {
    let mut some = |name: &str, value: &dyn Fn(u8) -> Value| {
        fields.extend((0..random.u8(..5)).map(|number| Field::new(format!("{name}{number}"), value(number))));
    };
    some("string", &|number| format!("value{number}").into());
    some("bytes", &|number| Value::Bytes(Values::One(vec![number; 8])));
    some("int", &|number| i64::from(number).into());
    some("double", &|number| f64::from(number).into());
    some("bool", &|_| true.into());
    let filler = vec![0; random.usize(..60) * 1024];
    fields.push(Field::new("filler", Value::Bytes(Values::One(filler))));
}

/// What a share may lack to be whole after it was multiplied.
const ROUNDING: f64 = 1e-9;

/// Messages that are prepared; shares are exact to a tenth of a percent.
const POOL: u64 = 1_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::framing::{Found, HashFunction, find};

    fn sender() -> Sender {
        Sender { hostname: "web-1".to_owned(), pid: 42, at: Stamp::from_seconds(1_700_000_000) }
    }

    fn signing() -> Signing {
        Signing { name: "test".to_owned(), version: 1, key: b"key".to_vec(), hash: HashFunction::Sha1 }
    }

    #[test]
    fn messages_are_what_heka_floods_with() {
        let (packets, made) = messages(&MessageLoad::default(), &sender(), 1, Some(3)).unwrap();
        assert_eq!((packets.len(), made), (3, vec![Made::default(); 3]));
        let Found::Frame(found) = find(packets.packet(0), MAX_MESSAGE_SIZE) else { panic!("it is a frame") };
        let message = wire::decode(found.message).unwrap();
        assert_eq!((&*message.type_, message.severity, message.pid), ("hekabench", 6, 42));
        assert!(message.payload.starts_with(b"hekabench: web-1 - "));
        assert_eq!(message.payload.len(), 19 + 1000);
    }

    #[test]
    fn shares_are_evenly_spread_and_exact() {
        let signing = Some(signing());
        let load =
            MessageLoad { signed: 50.0, corrupt: 0.1, oversized: 10.0, signing, ..MessageLoad::default() };
        let (packets, made) = messages(&load, &sender(), 1, None).unwrap();
        let count = |is: fn(&Made) -> bool| made.iter().filter(|made| is(made)).count();
        assert_eq!(count(|made| made.is_signed), 500);
        assert_eq!(count(|made| made.is_corrupt), 1);
        assert_eq!(count(|made| made.is_oversized), 100);
        assert_eq!(count(|made| made.is_oversized && made.is_signed), 0);
        let Found::Frame(found) = find(packets.packet(1), MAX_MESSAGE_SIZE) else { panic!("it is a frame") };
        assert!(found.is_signed_with(b"key") && !found.is_signed_with(b"kez"));
    }

    #[test]
    fn what_is_broken_or_too_long_is_no_frame_for_a_reader() {
        for (size, ascii_only) in [(Size::Same(300), false), (Size::Variable, true)] {
            let load = MessageLoad { size, ascii_only, corrupt: 100.0, ..MessageLoad::default() };
            let (packets, _) = messages(&load, &sender(), 1, Some(20)).unwrap();
            let whole: usize = (0..20).filter(|&at| is_frame(packets.packet(at))).count();
            assert_eq!(whole, 0);
            let load = MessageLoad { size, ascii_only, oversized: 100.0, ..MessageLoad::default() };
            let (packets, _) = messages(&load, &sender(), 1, Some(20)).unwrap();
            assert!(
                (0..20)
                    .all(|at| packets.packet(at).len() > MAX_MESSAGE_SIZE && !is_frame(packets.packet(at)))
            );
            let load = MessageLoad { size, ascii_only, ..MessageLoad::default() };
            let (packets, _) = messages(&load, &sender(), 1, Some(100)).unwrap();
            assert!((0..100).all(|at| is_frame(packets.packet(at))));
        }
    }

    fn is_frame(packet: &[u8]) -> bool {
        matches!(find(packet, MAX_MESSAGE_SIZE), Found::Frame(found) if found.length == packet.len())
    }
}
