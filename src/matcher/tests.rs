//! What Heka answered, what is refused and why, and what facts decide.

use std::cell::Cell;

use serde_json::Value as Json;

use super::*;
use crate::message::{Field, Message, Value};
use crate::time::Stamp;

use MatcherErrorKind as Kind;

/// The message of Heka's own tests.
pub(super) fn message() -> Message {
    let uuid =
        [0x12, 0x3e, 0x45, 0x67, 0xe8, 0x9b, 0x12, 0xd3, 0xa4, 0x56, 0x42, 0x66, 0x14, 0x17, 0x40, 0x00];
    Message {
        uuid,
        timestamp: Stamp::from_seconds(1_400_000_000),
        type_: "TEST".into(),
        logger: "GoSpec".into(),
        severity: 6,
        payload: b"Test Payload".to_vec(),
        env_version: "0.8".into(),
        pid: 4711,
        hostname: "host.example".into(),
        fields: vec![
            Field::new("foo", "bar"),
            Field::new("number", 64),
            Field::new("bytes", Value::Bytes(vec![b"data".to_vec()].into())),
            Field::new("int", Value::Integers(vec![999, 1024].into())),
            Field::new("double", 99.9),
            Field::new("bool", true),
            Field::new("foo", "alternate"),
            Field::new("Payload", "name=test;type=web;"),
            Field::new("Timestamp", "Mon Jan 02 15:04:05 -0700 2006"),
            Field::new("zero", 0),
            Field::new("string", "43"),
        ],
        signer: None,
    }
}

fn vectors(group: &str) -> Vec<Json> {
    let all: Json = serde_json::from_str(include_str!("../../tests/vectors/matcher.json")).unwrap();
    let cases = all[group].as_array().unwrap().clone();
    assert!(!cases.is_empty(), "{group}");
    cases
}

pub(super) fn compiled(text: &str) -> Matcher {
    Matcher::parse(text).unwrap_or_else(|error| panic!("{text}: {error} at {:?}", error.span))
}

fn verdict(text: &str) -> Verdict {
    compiled(text).ask(&message())
}

/// The kind of error and the text it blames.
fn refused(text: &str) -> (Kind, &str) {
    let error = Matcher::parse(text).expect_err(text);
    (error.kind, &text[error.span])
}

#[test]
fn heka_and_this_agree_on_what_compiles_and_what_matches() {
    for case in vectors("must_not_compile") {
        let text = case.as_str().unwrap();
        assert!(Matcher::parse(text).is_err(), "{text}");
    }
    for (group, expected) in [("must_not_match", Verdict::No), ("must_match", Verdict::Yes)] {
        for case in vectors(group) {
            let text = case.as_str().unwrap();
            assert_eq!(verdict(text), expected, "{text}");
        }
    }
}

#[test]
fn quirks_are_kept_except_that_text_after_an_expression_is_an_error() {
    for (index, case) in vectors("quirks").into_iter().enumerate() {
        let text = case["expr"].as_str().unwrap();
        match case["result"].as_bool() {
            Some(_) if index < 2 => assert!(Matcher::parse(text).is_err(), "{text}"),
            Some(expected) => assert_eq!(verdict(text), expected.into(), "{text}"),
            None => assert!(Matcher::parse(text).is_err(), "{text}"),
        }
    }
    assert_eq!(refused("Type == 'TEST'\n && Severity == 0"), (Kind::Newline, "\n"));
    assert_eq!(refused("Type == 'TEST' Bogus == 'x'"), (Kind::TrailingText, "Bogus"));
    assert_eq!(refused("Fields[foo] != TRUE"), (Kind::TruthOperator, "!="));
}

#[test]
fn a_message_of_the_lua_sandbox_is_matched_as_in_heka() {
    let message = Message {
        timestamp: Stamp::from_seconds(1),
        fields: vec![
            Field::new("number", 1.0),
            Field::new("numbers", Value::Doubles(vec![1.0, 2.0, 3.0].into())),
            Field::new("string", "string"),
            Field::new("strings", Value::Strings(vec!["s1".into(), "s2".into(), "s3".into()].into())),
            Field::new("bool", true),
            Field::new("bools", Value::Bools(vec![true, false, false].into())),
        ],
        ..Message::default()
    };
    for case in vectors("lua_message_must_match") {
        assert!(compiled(case.as_str().unwrap()).matches(&message), "{case}");
    }
}

#[test]
fn the_table_of_expectations_holds() {
    for text in [
        "",
        "bogus",
        "Type = 'test'",
        "Pid == 'test='",
        "Invalid == 'bogus'",
        "Fields[]",
        "Fields[test][]",
        "Fields[test][a]",
        "Fields[test][0][]",
        "Fields[test][0][a]",
        "Fields[test][0][0][]",
        "Fields[test][xxxx",
        "Pid =~ /6/",
        "Pid =~ 6",
        "Type =~ /test",
        "Type == /test/",
        "Type =~ 'test'",
        r"Type =~ /\ytest/",
        "Type != 'test\"",
        "NIL",
        "Type == NIL",
        "Fields[test] > NIL",
        "(Type == 'TEST'",
    ] {
        assert!(Matcher::parse(text).is_err(), "{text}");
    }
    for text in [
        "FALSE",
        "Type == 'test'&&(Severity==7||Payload=='Test Payload')",
        "EnvVersion > '0.9'",
        "Severity >= 7",
        "Fields[foo] == 'ba'",
        "Fields[foo][1] == 'bar'",
        "Fields[foo][0][1] == 'bar'",
        "Fields[bool] == FALSE",
        "Type =~ /Test/",
        "Type !~ /TEST/",
        "Payload =~ /^Payload/",
        "Fields[int] =~ /999/",
        "Fields[zero] == \"0\"",
        "Fields[string] == 43",
        "Fields[int] == NIL",
        "Fields[int][0][1] == NIL",
        "Fields[missing] != NIL",
        "Type =~ /^te/",
        "Type =~ /st$/",
        "Logger =~ /./ && Type =~ /^anything/",
    ] {
        assert_eq!(verdict(text), Verdict::No, "{text}");
    }
    for text in [
        "TRUE",
        "(Severity == 7 || Payload == 'Test Payload') && Type == 'TEST'",
        "EnvVersion > '0.7'",
        "Severity >= 6",
        "Fields[foo] == 'bar'",
        "Fields[foo][1] == 'alternate'",
        "Fields[foo][1][0] == 'alternate'",
        "Fields[bool] == TRUE",
        "Type =~ /TEST/",
        "Type !~ /bogus/",
        r"Fields[Payload] =~ /name=\w+/",
        "Fields[int] == 999",
        "Fields[int][0][1] == 1024",
        "Fields[double] == 99.9",
        "Fields[int] != NIL",
        "Fields[int][0][2] == NIL",
        "Fields[missing] == NIL",
        "Type =~ /^TE/",
        "Type =~ /ST$/",
        "Type == 'test' && Severity == 7 || Payload == 'Test Payload'",
    ] {
        assert_eq!(verdict(text), Verdict::Yes, "{text}");
    }
}

#[test]
fn headers_nobody_set_have_their_defaults() {
    let text = "Type == '' && Timestamp == 0 && Pid == 0 && Severity == 7 && Hostname == '' && Payload == ''";
    assert!(compiled(text).matches(&Message::default()));
    assert!(compiled("Uuid == '00000000-0000-0000-0000-000000000000'").matches(&Message::default()));
}

#[test]
fn a_bool_field_matches_no_text_and_no_number() {
    let message =
        Message { fields: vec![Field::new("b", false), Field::new("s", "TRUE")], ..Message::default() };
    for text in
        ["Fields[b] == 'x'", "Fields[b] != 'x'", "Fields[b] == 0", "Fields[b] =~ /./", "Fields[b] !~ /x/"]
    {
        assert_eq!(compiled(text).ask(&message), Verdict::No, "{text}");
    }
    assert!(compiled("Fields[b] == FALSE && Fields[s] == TRUE && Fields[b] != NIL").matches(&message));
    assert!(!compiled("Fields[b] == TRUE || Fields[s] == FALSE || Fields[b] == NIL").matches(&message));
}

#[test]
fn a_backslash_escapes_the_quote_in_use_and_nothing_else() {
    let of = |type_: &str| Message { type_: type_.into(), ..Message::default() };
    assert!(compiled(r#"Type == 'a\'b"c'"#).matches(&of(r#"a'b"c"#)));
    assert!(compiled(r#"Type == 'a\"b'"#).matches(&of(r#"a\"b"#)));
    assert!(compiled(r"Type == 'a\\'").matches(&of(r"a\\")));
    assert!(compiled(r"Type =~ /^\/var\/\w+$/").matches(&of("/var/log")));
    assert!(compiled("Type == 'a\nb'").matches(&of("a\nb")));
    assert!(compiled("  Type\t== 'a' \n \r\n").matches(&of("a")));
}

#[test]
fn an_error_blames_the_bytes_that_are_wrong() {
    let character = |character, instead| Kind::UnexpectedCharacter { character, instead };
    let word = |word: &str, instead| Kind::UnknownWord { word: word.into(), instead };
    assert_eq!(refused(""), (Kind::Empty, ""));
    assert_eq!(refused(" \n"), (Kind::Empty, " \n"));
    assert_eq!(refused("Type = 'x'"), (character('=', Some("==")), "="));
    assert_eq!(refused("é"), (character('é', None), "é"));
    assert_eq!(refused("Typ == 'x'"), (word("Typ", Some("Type")), "Typ"));
    assert_eq!(refused("true"), (word("true", Some("TRUE")), "true"));
    assert_eq!(refused("TRUE and TRUE"), (word("and", Some("&&")), "and"));
    assert_eq!(refused("bogus"), (word("bogus", None), "bogus"));
    assert_eq!(refused("Type == 'x' )"), (Kind::StrayParenthesis, ")"));
    assert_eq!(refused("TRUE && (TRUE || (FALSE)"), (Kind::UnclosedParenthesis, "("));
    assert_eq!(refused("(TRUE Type == 'x')"), (Kind::TrailingText, "Type"));
    assert_eq!(refused("TRUE &&"), (Kind::ExpectedTest, ""));
    assert_eq!(refused("'x' == Type"), (Kind::ExpectedTest, "'x'"));
    assert_eq!(refused("NIL"), (Kind::LoneNil, "NIL"));
    assert_eq!(refused("Type == 'x"), (Kind::UnclosedString { quote: '\'' }, "'x"));
    assert_eq!(refused("Type =~ /x"), (Kind::UnclosedPattern, "/x"));
    assert_eq!(refused("Fields == 'x'"), (Kind::FieldWithoutName, "Fields"));
    assert_eq!(refused("Fields[] == 'x'"), (Kind::EmptyFieldName, "[]"));
    assert_eq!(refused("Fields[a == 'x'"), (Kind::UnclosedBracket, "[a == 'x'"));
    assert_eq!(refused("Fields[a][x] == 'x'"), (Kind::FieldIndex, "[x]"));
    assert_eq!(refused("Fields[a][+1] == 'x'"), (Kind::FieldIndex, "[+1]"));
    assert_eq!(refused("Fields[a][0][1][2] == 'x'"), (Kind::ThirdIndex, "[2]"));
    assert_eq!(refused("Fields[a] > NIL"), (Kind::NilOperator, ">"));
    assert_eq!(refused("Pid == NIL"), (Kind::NilHeader { variable: "Pid", unset: "0" }, "NIL"));
    for number in ["-1", "1E5", "1.2.3", "1e999", "6x", "6-1", ".", "+1"] {
        let text = format!("Pid == {number}");
        assert_eq!(refused(&text), (Kind::Number { text: number.into() }, number));
    }
}

#[test]
fn an_error_says_what_would_be_right() {
    let said = |text: &str| Matcher::parse(text).unwrap_err().to_string();
    assert_eq!(said("Payload 'x'"), "Payload takes ==, !=, >, >=, <, <=, =~ and !~");
    assert_eq!(said("Pid =~ /6/"), "Pid takes ==, !=, >, >=, < and <=");
    assert_eq!(said("Pid == '6'"), "Pid == wants a number without quotes");
    assert_eq!(said("Type =~ 'x'"), "Type =~ wants a regular expression between slashes: /text/");
    assert_eq!(
        said("Type == /x/"),
        "Type == wants a string in quotes (a regular expression goes with =~ or !~)"
    );
    assert_eq!(said("Typo == 'x'"), "there is no variable `Typo`; did you mean `Type`?");
    assert_eq!(
        said("Type =~ /a(?=b)/"),
        "look-around does not exist in this language; test what must not be there with `!~`"
    );
    assert_eq!(said(r"Type =~ /\ytest/"), r"unknown escape `\y`");
}

#[test]
fn a_fault_in_a_regular_expression_is_blamed_where_it_stands() {
    assert_eq!(refused(r"Type =~ /a\/\ytest/").1, r"\y");
    assert_eq!(refused("Type !~ /é(?<!b)c/").1, "(?<!");
    assert_eq!(refused("Type =~ /(a/ && TRUE").1, "/(a/");
    let (kind, blamed) = refused(r"Type =~ /(\pL{100}){100}/");
    assert_eq!(kind, Kind::Pattern(PatternError::TooLarge { limit: 1 << 20 }));
    assert_eq!(blamed, r"/(\pL{100}){100}/");
}

#[test]
fn a_matcher_is_bounded() {
    let nested = |depth: usize| "(".repeat(depth) + "TRUE" + &")".repeat(depth);
    compiled(&nested(200));
    assert_eq!(refused(&nested(201)), (Kind::TooDeep { limit: 200 }, "("));
    assert_eq!(refused(&"(".repeat(60_000)).0, Kind::TooDeep { limit: 200 });
    let long = format!("Type == '{}'", "é".repeat(40_000));
    assert_eq!(refused(&long).0, Kind::TooLong { length: long.len(), limit: 65_536 });
    let tests = |count: usize| vec!["TRUE"; count].join(" && ");
    compiled(&tests(1_000));
    assert_eq!(refused(&tests(1_001)), (Kind::TooManyTests { limit: 1_000 }, "TRUE"));
    let patterns = |count: usize, pattern: &str| vec![format!("Type =~ {pattern}"); count].join(" || ");
    compiled(&patterns(900, "/^a/"));
    assert_eq!(refused(&patterns(101, "/a/")), (Kind::TooManyPatterns { limit: 100 }, "/a/"));
}

#[test]
fn only_the_payload_header_counts_as_reading_the_payload() {
    assert!(compiled("Type == 'a' && (Pid == 1 || Payload =~ /x/)").reads_payload());
    assert!(!compiled("Fields[Payload] == 'x' && TRUE").reads_payload());
}

#[test]
fn tests_after_the_certain_answer_are_not_asked() {
    struct Counting(Cell<usize>);
    impl Subject for Counting {
        fn text(&self, _: Header) -> Known<'_> {
            self.0.set(self.0.get() + 1);
            Known::Is(b"x".as_slice().into())
        }
        fn number(&self, _: Number) -> Option<f64> {
            panic!("not to be asked")
        }
        fn field(&self, _: &str, _: usize, _: usize) -> FieldValue<'_> {
            panic!("not to be asked")
        }
    }
    let subject = Counting(Cell::new(0));
    assert_eq!(compiled("Type == 'x' || Pid == 1").ask(&subject), Verdict::Yes);
    assert_eq!(compiled("Type == 'y' && Fields[a] == 1").ask(&subject), Verdict::No);
    assert_eq!(subject.0.get(), 2);
}

/// What is true of a statsd stream's samples.
fn of_samples() -> Facts {
    Facts {
        type_: Fact::Is("heka.statsample".into()),
        severity: Some(6),
        fields: FieldNames::Only(&["name", "value", "kind", "rate", "tags"]),
        ..Facts::default()
    }
}

fn plan(text: &str) -> Plan {
    compiled(text).plan(&of_samples(), &["name", "tags", "kind"])
}

#[test]
fn facts_decide_what_they_can_and_a_series_what_it_knows() {
    for (text, expected) in [
        ("Type == 'heka.statsample'", Plan::Yes),
        ("Type =~ /^heka\\.stat/", Plan::Yes),
        ("Type != 'heka.statsample' && Payload =~ /x/", Plan::No),
        ("Type == 'heka.statsample' && Fields[name] =~ /x/", Plan::Series),
        ("Type == 'heka.statsample' && Fields[name] =~ /x/ && Fields[kind] != 'ms'", Plan::Series),
        ("Type == 'heka.statsample' && Fields[name] =~ /x/ && Fields[value] > 5", Plan::Maybe),
        ("Type == 'heka.statsample' && Payload =~ /x/", Plan::Maybe),
        ("Type == 'heka.statsample' && Fields[bogus] == 'x'", Plan::No),
        ("Type == 'heka.statsample' && Fields[bogus] == NIL", Plan::Yes),
        ("Type == 'heka.statsample' && Fields[rate] == NIL", Plan::Maybe),
        ("Severity < 7 || Payload == 'x'", Plan::Yes),
        ("Pid == 0", Plan::Maybe),
        // The branch with the payload is dead, so only the name is open.
        ("(Type == 'nginx' && Payload =~ /x/) || Fields[name] =~ /^api/", Plan::Series),
        ("(Type == 'heka.statsample' && Payload =~ /x/) || Fields[name] =~ /^api/", Plan::Maybe),
    ] {
        assert_eq!(plan(text), expected, "{text}");
    }
}

#[test]
fn a_known_beginning_decides_what_cannot_continue_it() {
    let facts = Facts { type_: Fact::Prefix("heka.stat".into()), ..Facts::default() };
    for (text, expected) in [
        ("Type == 'logfile'", Verdict::No),
        ("Type != 'logfile'", Verdict::Yes),
        ("Type == 'heka.statmetric'", Verdict::Maybe),
        ("Type != 'heka.statmetric'", Verdict::Maybe),
        ("Type =~ /^heka/", Verdict::Yes),
        ("Type !~ /^heka/", Verdict::No),
        ("Type =~ /^log/", Verdict::No),
        ("Type =~ /^heka.statm/", Verdict::Maybe),
        ("Type > 'a'", Verdict::Maybe),
        ("Logger == 'x'", Verdict::Maybe),
        ("Logger == 'x' && Type == 'x'", Verdict::No),
        ("Logger == 'x' || TRUE", Verdict::Yes),
    ] {
        assert_eq!(compiled(text).ask(&facts), expected, "{text}");
    }
    assert_eq!(compiled("Fields[a] == NIL").ask(&Facts::default()), Verdict::Maybe);
}

#[test]
fn a_signed_matcher_takes_what_its_signer_signed_and_nothing_else() {
    let signed = |signer: Option<&str>| Message { signer: signer.map(Into::into), ..message() };
    for text in ["TRUE", "Type == 'TEST'", "Type == 'TEST' && Severity == 6", "Type == 'x' || Severity == 6"]
    {
        let matcher = compiled(text).signed_by("ops");
        assert!(matcher.matches(&signed(Some("ops"))), "{text}");
        assert!(!matcher.matches(&signed(Some("op"))), "{text}");
        assert!(!matcher.matches(&signed(None)), "{text}");
        let nobody = Facts { signer: Fact::Is("".into()), ..Facts::default() };
        assert_eq!(matcher.plan(&nobody, &[]), Plan::No, "{text}");
    }
    assert!(!compiled("Type == 'x'").signed_by("ops").matches(&signed(Some("ops"))));
    assert_eq!(compiled("Type == 'x'").signed_by("ops").text(), "Signer == 'ops' && Type == 'x'");
    // It is no word of the language.
    assert!(Matcher::parse("Signer == 'ops'").is_err());
}

#[test]
fn a_matcher_that_asks_type_and_logger_says_so_of_what_is_open() {
    let facts = Facts { hostname: Fact::Is("web".into()), ..Facts::default() };
    for (text, expected) in [
        ("Type == 'x'", true),
        ("Type == 'x' && (Logger =~ /a/ || Logger == 'b')", true),
        ("Type == 'x' && Hostname == 'web'", true),
        ("Type == 'x' && Payload =~ /a/", false),
        ("Type == 'x' || Severity < 4", false),
        ("Logger == 'x' && Fields[a] != NIL", false),
    ] {
        assert_eq!(compiled(text).asks_kind(&facts), expected, "{text}");
    }
    assert!(!compiled("Hostname == 'web'").asks_kind(&Facts::default()));
}
