//! What is read, and what is refused with its place.

use proptest::prelude::*;

use super::*;

const MACHINE: Machine<'_> =
    Machine { hostname: "a.b", environment: &|name| (name == "X").then(|| "7".to_owned()) };

/// The value of the key `k` of `{ k: TEXT }`.
fn value(text: &str) -> Result<Js, String> {
    let read = read_object(&format!("{{ k: {text} }}"), MACHINE).map_err(|error| error.to_string())?;
    Ok(read.members.into_iter().next().map_or(Js::Undefined, |member| member.node.value.now().clone()))
}

fn text(text: &str) -> Result<Js, String> {
    Ok(Js::Text(text.to_owned()))
}

#[test]
fn constants_are_what_javascript_makes_of_them() {
    let numbers = [
        ("1", 1.0),
        ("-1.5e3", -1500.0),
        ("0x1F", 31.0),
        ("0o17 + 0b11", 18.0),
        (".5", 0.5),
        ("60 * 1000", 60_000.0),
        ("1 + 2 * 3 - 8 / 4", 5.0),
        ("(1 + 2) * 3", 9.0),
        ("parseInt(process.env.X, 10) + 1", 8.0),
        ("Number('2.5')", 2.5),
        ("1_000", 1000.0),
        ("0125", 85.0),
        ("-010000", -4096.0),
        ("00", 0.0),
        ("09.5", 9.5),
        ("08e1", 80.0),
        ("Number('0125')", 125.0),
    ];
    for (text, number) in numbers {
        assert_eq!(value(text), Ok(Js::Number(number)), "{text}");
    }
    assert_eq!(value(r#"'a\'b' + "\n" + `c${1 + 1}\x41\u00e9\ud83d\ude00\u{1f600}`"#), text("a'b\nc2Aé😀😀"));
    assert_eq!(value(r"'b\101\1\18\0\08\8\377\400\477'"), text("bA\u{1}\u{1}8\0\u{0}88\u{ff} 0'7"));
    assert_eq!(value(r"`\0`"), text("\0"));
    assert_eq!(value("process.env.Y || 'z'"), text("z"));
    assert_eq!(value("process.env['X'] || 'z'"), text("7"));
    assert_eq!(value("process.env.Y ?? null"), Ok(Js::Null));
    assert_eq!(value("require('os').hostname().split('.')[0]"), text("a"));
    assert_eq!(value("require(\"os\").hostname().split('.').reverse().join('-')"), text("b-a"));
    assert_eq!(value("require('os').hostname().replace(/\\./g, '_')"), text("a_b"));
    assert_eq!(value("'x' + 1 + true"), text("x1true"));
    assert_eq!(value("!0"), Ok(Js::Bool(true)));
    assert_eq!(value("[ { a: 1, }, ][0]['a']"), Ok(Js::Number(1.0)));
}

/// Each of these would take minutes if a step cost what lies before it.
#[test]
fn the_time_it_takes_grows_with_the_file_alone() {
    let sum = format!("1{}", "\n+1".repeat(200_000));
    assert_eq!(value(&sum), Ok(Js::Number(200_001.0)));
    let many: String = (0..100_000).map(|key| format!("k{key}: 1,\n")).collect();
    let read = read_object(&format!("{{ a: 1, k7: 2, {many} a: 3 }}"), MACHINE).unwrap();
    assert_eq!(read.members.len(), 100_001);
    let of = |place: usize| (read.members[place].key.as_str(), read.members[place].line);
    assert_eq!((of(0), of(7), of(100_000)), (("k0", 1), ("k7", 8), ("a", 100_001)));
}

/// The text that is written for the key `k` of `{ k: TEXT }`, and the variables whose values had to be taken.
fn written(text: &str) -> (String, Vec<String>) {
    let read = read_object(&format!("{{ k: {text} }}"), MACHINE).unwrap();
    let written = match &read.members[0].node.value {
        Js::Asked(asked) => asked.template.written(),
        value => format!("={}", value.text()),
    };
    let taken = read.taken.iter().map(|Taken { key, line, name, value }| {
        format!("{line} {key} {name} {}", value.as_deref().unwrap_or("-"))
    });
    (written, taken.collect())
}

#[test]
fn the_environment_is_referred_to_where_texts_and_defaults_are_all_there_is() {
    let table = [
        ("process.env.Y", "${Y}"),
        ("process.env['X'] || 'z'", "${X:-z}"),
        ("process.env.X ?? 8125", "${X:-8125}"),
        ("process.env.X || undefined", "${X}"),
        ("process.env.X || 'a' || 'b'", "${X:-a}"),
        ("parseInt(process.env.X || '1', 10) || 2", "${X:-1}"),
        ("+process.env.Y || 8125", "${Y:-8125}"),
        ("Number(process.env.Y)", "${Y}"),
        ("String(process.env.Y)", "${Y}"),
        ("process.env.Y + '.stats'", "${Y}.stats"),
        ("'${A}' + process.env.X + process.env.Y", "${-:-$}{A}${X}${Y}"),
        ("`a${process.env.Y}b${1}${process.env.X || 'c'}$`", "a${Y}b1${X:-c}$"),
        ("('a' + process.env.Y) || 'b'", "a${Y}"),
        ("[process.env.X][0] || { a: process.env.Y }['a']", "=7"),
        ("{ a: process.env.Y }['a']", "${Y}"),
    ];
    for (text, expected) in table {
        assert_eq!(written(text).0, expected, "{text}");
    }
    assert_eq!(written("process.env.Y + process.env.X || 'a'").0, "=undefined7");
}

#[test]
fn what_is_made_of_a_variable_here_is_told_with_its_value() {
    let table = [
        ("process.env.X.split('.')[0]", "=7", "1 k X 7"),
        ("!process.env.Y", "=true", "1 k Y -"),
        ("60 * process.env.X", "=420", "1 k X 7"),
        ("parseInt(process.env.X) + 1", "=8", "1 k X 7"),
        ("process.env.Y || '}'", "=}", "1 k Y -"),
        ("process.env.Y || process.env.X", "${X}", "1 k Y -"),
        ("process.env['A B'] || 'c'", "=c", "1 k A B -"),
        ("process.env[process.env.X] || 'c'", "=c", "1 k X 7, 1 k 7 -"),
        ("[\n1, process.env.X].join('-')", "=1-7", "2 k X 7"),
    ];
    for (text, value, taken) in table {
        let (found, told) = written(text);
        assert_eq!((found.as_str(), told.join(", ").as_str()), (value, taken), "{text}");
    }
    let read = read_object("{ a: [ 1, { b: process.env.X * 1 } ] }", MACHINE).unwrap();
    assert_eq!(read.taken[0].key, "a[1].b");
}

#[test]
fn wrappings_comments_and_commas_are_passed_by() {
    let texts = [
        "{a:1}",
        "({ 'a': 1, })",
        "#!/usr/bin/env node\n'use strict';\nmodule.exports = { \"a\": 1 };",
        "/* b */ // c\n{ a /* d */ : 1 // e\n}",
        "exports.config = {a:2, a:1}",
    ];
    for text in texts {
        let members = read_object(text, MACHINE).unwrap().members;
        let found: Vec<_> = members.iter().map(|member| (&*member.key, &member.node.value)).collect();
        assert_eq!(found, [("a", &Js::Number(1.0))], "{text}");
    }
}

#[test]
fn whatever_would_have_to_run_is_refused_with_its_place() {
    let errors = [
        ("fs.read()", "1:6: `fs` would have to be run, which is not done; write its value in its place"),
        (
            "require('fs').x()",
            "1:6: only require('os').hostname() is understood; write the value in its place",
        ),
        ("'a'.big()", "1:10: `big` is not understood here; write its result"),
        ("'a", "1:6: this text has no closing quote"),
        ("[1", "1:9: after the value a `,` or `]` is expected"),
        ("'a' - 1", "1:10: texts and numbers alone can be joined"),
        ("1 ? 2 : 3", "1:8: the operator `?` is not supported; write its result in its place"),
        ("'a' === 'b'", "1:10: the operator `===` is not supported; write its result in its place"),
        ("0125.5", "1:6: a number that begins with 0 is octal: it has neither a point nor an exponent"),
        ("010e1", "1:6: a number that begins with 0 is octal: it has neither a point nor an exponent"),
        ("`\\101`", "1:8: a template has no octal escapes; write \\x and two hexadecimal digits"),
        ("\u{e9}", "1:6: `\u{e9}` would have to be run, which is not done; write its value in its place"),
    ];
    for (text, error) in errors {
        assert_eq!(value(text), Err(error.to_owned()));
    }
    let error = |text: &str| read_object(text, MACHINE).unwrap_err().to_string();
    assert_eq!(error("{}\n var x"), "2:2: only one object can stand here; statements are not run");
    assert_eq!(error("[]"), "1:1: the file must be one object: { port: 8125, … }");
    assert_eq!(error(""), "1:1: the file ends where a value is expected");
    assert_eq!(error("/* x"), "1:1: this comment has no end: */ is missing");
    let long = format!("{{ k: 'a.'{} }}", ".replace(/\\./g, '................')".repeat(5));
    assert!(error(&long).ends_with("this text becomes longer than 65536 bytes"), "{}", error(&long));
    assert!(error(&"[".repeat(100_000)).ends_with("nested more than 64 deep"));
    assert!(error(&"-".repeat(100_000)).ends_with("nested more than 64 deep"));
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "[a-z0-9'\"`{}\\[\\](),:;./*+|?$\\\\ \n-]{0,60}") {
        // What counts is that it comes back.
        let _ = read_object(&text, MACHINE);
        let _ = read_object(&format!("{{ a: {text} }}"), MACHINE);
    }
}
