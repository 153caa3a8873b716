//! What holds of every matcher, shown on random ones.

use proptest::prelude::*;

use super::tests::{compiled, message};
use super::*;
use crate::message::{Field, Message, Value};

/// Texts that meet each other often.
fn word() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "[ab]{1,3}", Just("TRUE".to_owned()), r#"[ab'"\\é]{0,4}"#]
}

fn quoted() -> impl Strategy<Value = String> {
    prop_oneof![
        r#"([ab"é]|\\'|\\[\\"ab]){0,4}"#.prop_map(|text| format!("'{text}'")),
        r#"([ab'é]|\\"|\\[\\'ab]){0,4}"#.prop_map(|text| format!("\"{text}\"")),
    ]
}

fn relation() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["==", "!=", ">", ">=", "<", "<="])
}

fn pattern() -> impl Strategy<Value = String> {
    (prop::sample::select(vec!["=~", "!~"]), r"\^?(a|b|\.|\\w|\\/|[é-]|\[ab\]){0,3}\$?")
        .prop_map(|(operator, text)| format!("{operator} /{text}/"))
}

fn header() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["Type", "Logger", "Hostname", "EnvVersion", "Payload"])
}

fn field() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["Fields[a]", "Fields[b]", "Fields[a][1]", "Fields[b][0][1]", "Fields[c]"])
}

fn literal() -> impl Strategy<Value = String> {
    prop_oneof![
        (relation(), quoted()).prop_map(|(relation, text)| format!("{relation} {text}")),
        (relation(), 0..3u8).prop_map(|(relation, number)| format!("{relation} {number}")),
        prop::sample::select(vec!["== TRUE", "== FALSE", "== NIL", "!= NIL"]).prop_map(str::to_owned),
        pattern(),
    ]
}

fn test() -> impl Strategy<Value = String> {
    prop_oneof![
        (header(), relation(), quoted())
            .prop_map(|(header, relation, text)| format!("{header} {relation} {text}")),
        (header(), pattern()).prop_map(|(header, pattern)| format!("{header} {pattern}")),
        (prop::sample::select(vec!["Severity", "Pid", "Timestamp"]), relation(), prop::num::f64::POSITIVE)
            .prop_map(|(number, relation, literal)| format!("{number} {relation} {literal}")),
        (prop::sample::select(vec!["Severity", "Pid"]), relation(), 0..3u8)
            .prop_map(|(number, relation, literal)| format!("{number}{relation}{literal}")),
        (field(), literal()).prop_map(|(field, literal)| format!("{field} {literal}")),
        Just("TRUE".to_owned()),
        Just("FALSE".to_owned()),
    ]
}

fn expression() -> impl Strategy<Value = String> {
    test().prop_recursive(4, 16, 2, |inner| {
        (inner.clone(), prop::sample::select(vec!["&&", "||"]), inner, any::<bool>()).prop_map(
            |(left, connective, right, parentheses)| match parentheses {
                true => format!("({left} {connective} {right})"),
                false => format!("{left}{connective}{right}"),
            },
        )
    })
}

fn values() -> impl Strategy<Value = Value> {
    prop_oneof![
        prop::collection::vec(word(), 0..3)
            .prop_map(|texts| Value::Strings(texts.into_iter().map(Into::into).collect())),
        prop::collection::vec(prop::collection::vec(any::<u8>(), 0..3), 0..3)
            .prop_map(|values| Value::Bytes(values.into())),
        prop::collection::vec(0..3i64, 0..3).prop_map(|values| Value::Integers(values.into())),
        prop::collection::vec(prop_oneof![Just(1.0), any::<f64>()], 0..3)
            .prop_map(|values| Value::Doubles(values.into())),
        prop::collection::vec(any::<bool>(), 0..3).prop_map(|values| Value::Bools(values.into())),
    ]
}

fn messages() -> impl Strategy<Value = Message> {
    let field =
        (prop::sample::select(vec!["a", "b"]), values()).prop_map(|(name, value)| Field::new(name, value));
    (word(), word(), word(), 0..3i32, 0..3i32, prop::collection::vec(field, 0..4)).prop_map(
        |(type_, logger, payload, severity, pid, fields)| Message {
            type_: type_.into(),
            logger: logger.into(),
            payload: payload.into_bytes(),
            severity,
            pid,
            fields,
            ..Message::default()
        },
    )
}

/// Says as much of `text` as `choice` allows.
fn fact(text: &str, choice: u8) -> Fact {
    match choice % 3 {
        0 => Fact::Unknown,
        1 => Fact::Is(text.into()),
        _ => Fact::Prefix(text.chars().take(usize::from(choice) / 3).collect::<String>().into()),
    }
}

/// Something true of `message`.
fn facts(message: &Message, choices: [u8; 7]) -> Facts {
    let says = |choice: u8| choice % 2 == 1;
    Facts {
        type_: fact(&message.type_, choices[0]),
        logger: fact(&message.logger, choices[1]),
        hostname: fact(&message.hostname, choices[2]),
        env_version: fact(&message.env_version, choices[3]),
        signer: Fact::Is(message.signer.as_deref().unwrap_or_default().into()),
        severity: says(choices[4]).then_some(message.severity),
        pid: says(choices[5]).then_some(message.pid),
        fields: match message.fields.iter().any(|field| field.name == "b") {
            _ if says(choices[6]) => FieldNames::Unknown,
            true => FieldNames::Only(&["a", "b"]),
            false => FieldNames::Only(&["a"]),
        },
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn any_text_compiles_or_is_blamed_within_its_bytes(
        text in prop_oneof![
            any::<String>(),
            r#"(Type|Fields|Pid|TRUE|NIL|[\[\]()'"/\\é=!~<>&|0-9.e \n^${}?*+-]){0,24}"#,
            r#"Type =~ /[\[\]()\\a-zQE0-9é^${}?*+:<|&.-]{0,12}/"#,
        ]
    ) {
        match Matcher::parse(&text) {
            Ok(matcher) => { matcher.matches(&message()); }
            Err(error) => {
                prop_assert!(text.get(error.span.clone()).is_some(), "{:?}", error);
                prop_assert!(!error.to_string().is_empty());
            }
        }
    }

    #[test]
    fn a_matcher_written_and_read_again_is_the_same(text in expression()) {
        let matcher = compiled(&text);
        let written = matcher.to_string();
        let again = compiled(&written);
        prop_assert_eq!(&again, &matcher, "{}", written);
        prop_assert_eq!(again.to_string(), written);
    }

    #[test]
    fn what_is_certain_under_facts_is_true_of_every_message_they_are_true_of(
        text in expression(),
        message in messages(),
        choices in any::<[u8; 7]>(),
    ) {
        let matcher = compiled(&text);
        let facts = facts(&message, choices);
        let of_message = matcher.ask(&message);
        prop_assert_ne!(of_message, Verdict::Maybe);
        let of_facts = matcher.ask(&facts);
        prop_assert!(of_facts == Verdict::Maybe || of_facts == of_message, "{:?}", facts);
    }
}
