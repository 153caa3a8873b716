//! The hand-written form against prost's, derived from the same schema, and against frames of Heka's own tests.

use proptest::prelude::*;
use prost::Message as _;

use super::*;

/// `message.proto` once more, for prost. Text is bytes, since Go does not check it.
#[derive(Clone, PartialEq, prost::Message)]
struct Twin {
    #[prost(bytes = "vec", optional, tag = "1")]
    uuid: Option<Vec<u8>>,
    #[prost(int64, required, tag = "2")]
    timestamp: i64,
    #[prost(bytes = "vec", optional, tag = "3")]
    type_: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "4")]
    logger: Option<Vec<u8>>,
    #[prost(int32, optional, tag = "5", default = "7")]
    severity: Option<i32>,
    #[prost(bytes = "vec", optional, tag = "6")]
    payload: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "7")]
    env_version: Option<Vec<u8>>,
    #[prost(int32, optional, tag = "8")]
    pid: Option<i32>,
    #[prost(bytes = "vec", optional, tag = "9")]
    hostname: Option<Vec<u8>>,
    #[prost(message, repeated, tag = "10")]
    fields: Vec<TwinField>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct TwinField {
    #[prost(bytes = "vec", required, tag = "1")]
    name: Vec<u8>,
    #[prost(int32, required, tag = "2")]
    value_type: i32,
    #[prost(bytes = "vec", required, tag = "3")]
    representation: Vec<u8>,
    #[prost(bytes = "vec", repeated, tag = "4")]
    strings: Vec<Vec<u8>>,
    #[prost(bytes = "vec", repeated, tag = "5")]
    bytes: Vec<Vec<u8>>,
    #[prost(int64, repeated, packed = "true", tag = "6")]
    integers: Vec<i64>,
    #[prost(double, repeated, packed = "true", tag = "7")]
    doubles: Vec<f64>,
    #[prost(bool, repeated, packed = "true", tag = "8")]
    bools: Vec<bool>,
}

fn twin(message: &Message) -> Twin {
    let text = |text: &Text| (!text.is_empty()).then(|| text.as_bytes().to_vec());
    Twin {
        uuid: (message.uuid != [0; 16]).then(|| message.uuid.to_vec()),
        timestamp: message.timestamp.0,
        type_: text(&message.type_),
        logger: text(&message.logger),
        severity: (message.severity != DEFAULT_SEVERITY).then_some(message.severity),
        payload: (!message.payload.is_empty()).then(|| message.payload.clone()),
        env_version: text(&message.env_version),
        pid: (message.pid != 0).then_some(message.pid),
        hostname: text(&message.hostname),
        fields: message.fields.iter().map(twin_field).collect(),
    }
}

fn twin_field(field: &Field) -> TwinField {
    let mut twin = TwinField {
        name: field.name.as_bytes().to_vec(),
        value_type: type_of(&field.value) as i32,
        representation: field.representation.as_bytes().to_vec(),
        ..TwinField::default()
    };
    match &field.value {
        Value::Strings(values) => twin.strings = values.iter().map(|text| text.as_bytes().to_vec()).collect(),
        Value::Bytes(values) => twin.bytes = values.to_vec(),
        Value::Integers(values) => twin.integers = values.to_vec(),
        Value::Doubles(values) => twin.doubles = values.to_vec(),
        Value::Bools(values) => twin.bools = values.to_vec(),
    }
    twin
}

fn encoded(message: &Message) -> Vec<u8> {
    let mut out = Vec::new();
    encode(message, &mut out);
    out
}

fn text() -> impl Strategy<Value = Text> {
    prop_oneof![Just(""), Just("a"), Just("é"), Just("a text of more than twenty-three bytes")]
        .prop_map(Text::new)
}

fn values() -> impl Strategy<Value = Value> {
    use prop::collection::vec;
    prop_oneof![
        vec(text(), 0..4).prop_map(|values| Value::Strings(values.into())),
        vec(vec(any::<u8>(), 0..200), 0..4).prop_map(|values| Value::Bytes(values.into())),
        vec(any::<i64>(), 0..40).prop_map(|values| Value::Integers(values.into())),
        vec(-1e9..1e9f64, 0..40).prop_map(|values| Value::Doubles(values.into())),
        vec(any::<bool>(), 0..4).prop_map(|values| Value::Bools(values.into())),
    ]
}

fn messages() -> impl Strategy<Value = Message> {
    let field = (text(), text(), values());
    let field = field.prop_map(|(name, representation, value)| Field { name, representation, value });
    let texts = (text(), text(), text(), text());
    let numbers = (any::<[u8; 16]>(), any::<i64>(), any::<i32>(), any::<i32>());
    let payload = prop::collection::vec(any::<u8>(), 0..300);
    (texts, numbers, payload, prop::collection::vec(field, 0..5)).prop_map(
        |((type_, logger, env_version, hostname), (uuid, timestamp, severity, pid), payload, fields)| {
            Message {
                uuid,
                timestamp: Stamp(timestamp),
                type_,
                logger,
                severity,
                payload,
                env_version,
                pid,
                hostname,
                fields,
                signer: None,
            }
        },
    )
}

proptest! {
    #[test]
    fn what_is_written_is_what_prost_writes_and_reads_the_same(message in messages()) {
        let bytes = encoded(&message);
        prop_assert_eq!(&bytes, &twin(&message).encode_to_vec());
        prop_assert_eq!(decode(&bytes), Ok(message));
    }

    #[test]
    fn any_bytes_are_a_message_or_an_error_and_what_is_one_is_written_and_read_again(
        bytes in prop::collection::vec(any::<u8>(), 0..64)
    ) {
        if let Ok(message) = decode(&bytes) {
            prop_assert_eq!(decode(&encoded(&message)), Ok(message));
        }
    }

    #[test]
    fn what_is_cut_short_is_what_prost_makes_of_it(message in messages(), cut in any::<prop::sample::Index>()) {
        let bytes = encoded(&message);
        let cut = &bytes[..cut.index(bytes.len() + 1)];
        let read = Twin::decode(cut).map_err(drop);
        prop_assert_eq!(decode(cut).map(|message| twin(&message)).map_err(drop), read);
    }
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

#[test]
fn lists_may_be_packed_or_not_whoever_wrote_them() {
    // Field "n", INTEGER: 1 alone, then 2 and 3 packed, then 4 alone.
    let field = hex("0a016e 1002 3001 32020203 3004");
    let message = decode(&[&hex("1001 52"), &[field.len() as u8][..], &field].concat()).unwrap();
    assert_eq!(message.fields, [Field::new("n", Value::Integers(vec![1, 2, 3, 4].into()))]);
    // DOUBLE alone and BOOL packed, as the Lua sandbox of Heka writes them, without a representation.
    let bytes =
        hex("108094ebdc03 52130a066e756d626572 1003 39000000000000f03f 520e0a05626f6f6c73 1004 4203010000");
    let fields = decode(&bytes).unwrap().fields;
    let expected =
        [Field::new("number", 1.0), Field::new("bools", Value::Bools(vec![true, false, false].into()))];
    assert_eq!(fields, expected);
}

#[test]
fn values_of_another_type_than_the_field_says_do_not_count() {
    // The type behind the values; a text in a field of doubles.
    let bytes = hex("1001 52 15 0a0164 2201 78 39 0000000000000040 3a00 1003 1a00");
    assert_eq!(decode(&bytes).unwrap().fields, [Field::new("d", 2.0)]);
}

#[test]
fn unknown_fields_are_passed_over() {
    // 2047 of every wire type, then the timestamp.
    let bytes = hex("f87f 2a f97f 0102030405060708 fa7f 03 616263 fd7f 01020304 1001");
    assert_eq!(decode(&bytes), Ok(Message { timestamp: Stamp(1), ..Message::default() }));
}

#[test]
fn errors_say_what_is_wrong() {
    let error = |text: &str| decode(&hex(text)).unwrap_err();
    assert_eq!(error("0a 03 616263"), WireError::Uuid(3));
    assert_eq!(error("0a ff ff ff ff 0f"), WireError::Truncated);
    assert_eq!(error("10"), WireError::Truncated);
    assert_eq!(error("10 ff ff ff ff ff ff ff ff ff 02"), WireError::Varint);
    assert_eq!(error("00 01"), WireError::Key);
    assert_eq!(error("12 01 61"), WireError::WireType { number: 2, wire: 2 });
    assert_eq!(error("5b 5c"), WireError::WireType { number: 11, wire: 3 });
    assert_eq!(error("52 05 0a0161 1005"), WireError::ValueType(5));
    assert_eq!(error("5b 5c").to_string(), "field 11 has wire type 3");
}
