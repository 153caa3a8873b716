//! Scenarios of reading: text in, typed structs or problems out.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::docs::{DocumentedOption, options};
use super::*;

mod properties;
mod refusals;

/// A plugin's options, with one of every kind of value.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Plugin {
    /// Where to listen.
    address: Address,
    /// How many there may be.
    #[serde(default = "ten")]
    count: u16,
    /// Seconds between flushes.
    #[serde(default)]
    flush_interval: Seconds,
    #[serde(default)]
    wait: Millis,
    #[serde(default)]
    size: Option<Bytes>,
    #[serde(default)]
    ratio: f64,
    #[serde(default)]
    #[schemars(extend("x-aliases" = ["old_style"]))]
    legacy: bool,
    #[serde(default)]
    full_action: FullAction,
    #[serde(default)]
    names: Vec<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    rules: Vec<Rule>,
    #[serde(default)]
    buffering: Option<Buffering>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize, serde::Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum FullAction {
    /// Stop the program.
    #[default]
    Shutdown,
    Drop,
    Block,
}

#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Rule {
    pattern: String,
    #[serde(default)]
    weight: u8,
}

#[derive(Debug, Clone, PartialEq, Deserialize, serde::Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Buffering {
    /// Greatest size of one file.
    max_file_size: Bytes,
    cursor_update_count: u32,
}

impl Default for Buffering {
    fn default() -> Buffering {
        Buffering { max_file_size: Bytes::mib(512), cursor_update_count: 1 }
    }
}

#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
struct Common {
    message_matcher: Option<String>,
    ticker_interval: Option<Seconds>,
}

impl Check for Plugin {
    fn check(&self) -> Vec<Violation> {
        let low = self.count < 2;
        if low { vec![Violation::new("count", "must be at least 2")] } else { Vec::new() }
    }
}

fn ten() -> u16 {
    10
}

fn lookup(name: &str) -> Option<String> {
    let value = match name {
        "PORT" => "8126",
        "RATIO" => "0.5",
        "YES" => "true",
        "NAME" => "graphite",
        "EVIL" => "\"\n[evil]\nkey = ']",
        "ZIP" => "007",
        "EMPTY" => "",
        _ => return None,
    };
    Some(value.to_owned())
}

fn read(text: &str) -> (Sections, Problems, Sources) {
    let sources = Sources::embedded("heka.toml", text);
    let mut problems = Problems::new();
    let sections = sections(&sources, &lookup, &mut problems);
    (sections, problems, sources)
}

/// Reads every plugin section as [`Plugin`].
fn plugins(text: &str) -> Result<Vec<Plugin>, Vec<String>> {
    let (sections, mut problems, sources) = read(text);
    let read =
        sections.plugins.iter().filter_map(|section| section.checked::<Plugin>(&mut problems)).collect();
    if problems.is_empty() { Ok(read) } else { Err(lines(&problems, &sources)) }
}

fn plugin(text: &str) -> Plugin {
    plugins(text).unwrap().remove(0)
}

fn lines(problems: &[Problem], sources: &Sources) -> Vec<String> {
    problems.iter().map(|problem| one_line(problem, sources)).collect()
}

#[track_caller]
fn refuses(text: &str, expected: &[&str]) {
    assert_eq!(plugins(text).unwrap_err(), expected, "of {text}");
}

#[test]
fn options_of_every_kind_are_read() {
    let text = "[UdpInput]\naddress = \"[::1]:8125\"\nCOUNT = 0x10\nflush_interval = 1.5\nWait = 20\nsize = \"64 KiB\"\n\
                ratio = 1\nlegacy = true\nfull_action = \"drop\"\nnames = ['a', \"b\"]\n[UdpInput.Headers]\nX-Key = \"v\"\n\
                [[UdpInput.rules]]\nPattern = 'a.*'\n[[UdpInput.rules]]\npattern = 'b'\nweight = 3\n\
                [UdpInput.buffering]\nmax_file_size = 1000\n";
    let rule = |pattern: &str, weight| Rule { pattern: pattern.to_owned(), weight };
    let expected = Plugin {
        address: Address::new("::1", 8125),
        count: 16,
        flush_interval: Seconds::from_millis(1500),
        wait: Millis::new(20),
        size: Some(Bytes::kib(64)),
        ratio: 1.0,
        legacy: true,
        full_action: FullAction::Drop,
        names: vec!["a".to_owned(), "b".to_owned()],
        headers: BTreeMap::from([("X-Key".to_owned(), "v".to_owned())]),
        rules: vec![rule("a.*", 0), rule("b", 3)],
        buffering: Some(Buffering { max_file_size: Bytes(1000), cursor_update_count: 1 }),
    };
    assert_eq!(plugin(text), expected);
}

#[test]
fn type_defaults_to_the_name_and_hekad_is_no_plugin() {
    let (sections, problems, _) = read("[hekad]\nmaxprocs = 2\n[UdpInput]\n[mine]\nType = 'CarbonOutput'\n");
    assert_eq!(problems, []);
    assert!(sections.global.as_ref().is_some_and(|global| global.has("MAXPROCS")));
    let types: Vec<_> = sections
        .plugins
        .iter()
        .map(|section| (section.name.as_str(), section.type_name.as_str(), section.has_type))
        .collect();
    assert_eq!(types, [("UdpInput", "UdpInput", false), ("mine", "CarbonOutput", true)]);
    assert_eq!(sections.plugins[1].type_at.span, 46..60);
}

#[test]
fn later_source_replaces_a_section_of_the_same_name() {
    let mut problems = Problems::new();
    let mut sources = Sources::embedded("a.toml", "[one]\ntype='A'\n[two]\ntype='B'");
    sources.add("b.toml", b"[one]\ntype='C'\n", &mut problems);
    let sections = sections(&sources, &lookup, &mut problems);
    assert_eq!(problems, []);
    let types: Vec<_> = sections.plugins.iter().map(|section| section.type_name.as_str()).collect();
    assert_eq!(types, ["C", "B"]);
    assert_eq!(sources.place(&sections.plugins[0].name_at), "b.toml:1:2");
}

#[test]
fn directory_is_read_in_order_of_names_and_other_files_are_ignored() {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in [("20.toml", "[a]\ntype='late'"), ("10.toml", "[a]\ntype='early'"), ("30.txt", "!")] {
        std::fs::write(directory.path().join(name), text).unwrap();
    }
    let mut problems = Problems::new();
    let sources = Sources::read(directory.path(), &mut problems);
    let sections = sections(&sources, &lookup, &mut problems);
    assert_eq!(problems, []);
    assert_eq!(sections.plugins[0].type_name, "late");
    let empty = tempfile::tempdir().unwrap();
    Sources::read(empty.path(), &mut problems);
    let missing = empty.path().join("none.toml");
    Sources::read(&missing, &mut problems);
    let messages = [
        format!("no `*.toml` in the directory `{}`", empty.path().display()),
        format!("cannot read `{}`: No such file or directory (os error 2)", missing.display()),
    ];
    assert_eq!(lines(&problems, &sources), messages);
}

#[test]
fn variables_are_replaced_in_values_bare_and_inside_strings() {
    let text = "[A]\naddress = \"${NAME}:%ENV[PORT]\" # ${NOT_SET}\ncount = %ENV[PORT]\nratio = ${RATIO}\n\
                legacy=${YES}\nnames = [${NAME}, \"${ZIP}\", ${ZIP}, '${EMPTY}', ${EMPTY:-x y}, \"$HOME 5% ^a$ $$\"]\n";
    let read = plugin(text);
    assert_eq!(read.address, Address::new("graphite", 8126));
    assert_eq!((read.count, read.ratio, read.legacy), (8126, 0.5, true));
    assert_eq!(read.names, ["graphite", "007", "007", "", "x y", "$HOME 5% ^a$ $$"]);
}

#[test]
fn text_of_a_variable_cannot_become_structure() {
    let text = "[A]\naddress = 'a:1'\nnames = [${EVIL}, \"<${EVIL}>\", '''${EVIL}''']\n";
    let evil = "\"\n[evil]\nkey = ']";
    assert_eq!(plugin(text).names, [evil.to_owned(), format!("<{evil}>"), evil.to_owned()]);
}

#[test]
fn references_that_cannot_be_replaced_are_reported_where_they_stand() {
    refuses("[A]\naddress = \"é${NOPE}:1\"\n", &["2:13: the environment variable `NOPE` is not set"]);
    refuses(
        "[A]\naddress = 'a:1'\ncount = %ENV[NOPE]\n",
        &["3:9: the environment variable `NOPE` is not set"],
    );
    refuses(
        "[A]\naddress = \"%ENV[this_has_no_ending\"\n",
        &["2:12: the reference to a variable is not closed"],
    );
    refuses("[A]\naddress='a:1'\ncount = ${PORT # x\n", &["3:9: the reference to a variable is not closed"]);
    let spaces = "2:12: ` spaces arent allowed` cannot be the name of an environment variable";
    refuses("[A]\naddress = \"%ENV[ spaces arent allowed]\"\n", &[spaces]);
    refuses("[A]\naddress = ${}\n", &["2:11: `` cannot be the name of an environment variable"]);
}

#[test]
fn variable_in_a_name_is_refused() {
    let name = "a variable cannot stand in a name, only in a value";
    let (_, problems, sources) = read("[%ENV[NAME]]\n[B]\n${NAME} = 1\n");
    assert_eq!(lines(&problems, &sources), [format!("1:2: {name}"), format!("3:1: {name}")]);
}

#[test]
fn two_structs_share_a_section() {
    let text = "[A]\naddress = 'a:1'\nMessage_Matcher = 'TRUE'\nticker_interval = 5\n[B]\naddress='a:1'\nmatcher = 1\n";
    let (sections, mut problems, sources) = read(text);
    let (common, plugin) = sections.plugins[0].split_typed::<Common, Plugin>(&mut problems).unwrap();
    let expected =
        Common { message_matcher: Some("TRUE".to_owned()), ticker_interval: Some(Seconds::new(5)) };
    assert_eq!((common, plugin.count), (expected, 10));
    assert_eq!(sections.plugins[1].split_typed::<Common, Plugin>(&mut problems), None);
    assert_eq!(lines(&problems, &sources), ["7:1: unknown option `matcher` in `B`"]);
    let alone =
        sections.plugins[0].typed_with::<Plugin>(&["message_matcher", "ticker_interval"], &mut problems);
    assert_eq!(alone.map(|plugin| plugin.count), Some(10));
}

#[test]
fn alias_of_an_option_is_read_and_counts_as_the_option() {
    assert!(plugin("[A]\naddress = 'a:1'\nOld_Style = true\n").legacy);
    let text = "[A]\naddress = 'a:1'\nold_style = true\nlegacy = true\n";
    assert_eq!(plugins(text).unwrap_err(), ["4:1: `legacy` is given twice in `A`"]);
}

#[test]
fn key_that_belongs_elsewhere_says_where() {
    let (sections, mut problems, _) = read("[A]\naddress = 'a:1'\nMaxProcs = 3\n");
    let mut reading = sections.plugins[0].reading();
    reading.elsewhere(&["maxprocs"], "[hekad]");
    assert!(reading.take::<Plugin>().is_some());
    assert!(!reading.finish(&mut problems));
    assert_eq!(problems[0].kind.to_string(), "`MaxProcs` does not belong in `A`");
    assert_eq!(problems[0].kind.help(), ["move `MaxProcs` to [hekad]"]);
}

#[test]
fn place_inside_a_string_is_found_past_escapes_and_variables() {
    let text = "[A]\nm = \"Type == \\\"x\\\" && ${NAME} = 1\"\nb = ${NAME}\nl = '''\nab\ncd'''\n";
    let (sections, _, _) = read(text);
    let section = &sections.plugins[0];
    assert_eq!(section.text("M"), Some("Type == \"x\" && graphite = 1"));
    let at = |key: &str, range| &text[section.inner_span(key, range).span];
    assert_eq!(at("m", 8..11), "\\\"x\\\"");
    assert_eq!(at("m", 15..23), "${NAME}");
    assert_eq!(at("m", 24..25), "=");
    assert_eq!(at("m", 26..27), "1");
    assert_eq!(at("b", 1..2), "${NAME}");
    assert_eq!(at("l", 3..5), "cd");
    assert_eq!(section.inner_span("none", 0..1).span, 1..2);
}

#[test]
fn problems_are_rendered_by_place_with_lines_carets_and_help() {
    let (sections, mut problems, sources) = read("[A]\ncount = '3'\nadress = 'a:1'\n[A]\n");
    sections.plugins[0].typed::<Plugin>(&mut problems);
    let expected = r#"error: `count`: expected an integer from 0 to 65535, found a string
 --> heka.toml:2:9
  |
2 | count = '3'
  |         ^^^
  |
  = help: write it without quotes

error: unknown option `adress` in `A`
 --> heka.toml:3:1
  |
3 | adress = 'a:1'
  | ^^^^^^
  |
  = help: did you mean `address`?
  = help: allowed: address, buffering, count, flush_interval, full_action, headers, legacy, names, ratio, rules, size, type, wait

error: section `A` is repeated
 --> heka.toml:4:2
  |
1 | [A]
  |  - first given here
...
4 | [A]
  |  ^
  |
  = help: give one of them another name and both the same `type`

error: `A` lacks the required option `address`
 --> heka.toml:4:2
  |
4 | [A]
  |  ^
  |
  = help: add it, such as: address = "127.0.0.1:8125"

4 problems (4 errors, 0 warnings). Nothing was started.
"#;
    assert_eq!(render(&problems, &sources, false), expected);
}

#[test]
fn colours_come_only_when_asked_and_control_characters_never() {
    let (_, problems, sources) = read("\"\\u001b[31m\" = 1\n");
    assert!(!render(&problems, &sources, false).contains('\u{1b}'));
    assert!(render(&problems, &sources, true).contains("\u{1b}["));
}

#[test]
fn options_document_themselves() {
    let documented = options::<Plugin>();
    let of = |key: &str| documented.iter().find(|option| option.key == key).cloned().unwrap();
    let option =
        |key: &str, kind: &str, default: Option<&str>, required, description: &str| DocumentedOption {
            key: key.to_owned(),
            kind: kind.to_owned(),
            default: default.map(str::to_owned),
            required,
            description: description.to_owned(),
        };
    assert_eq!(of("address"), option("address", "address (host:port)", None, true, "Where to listen."));
    assert_eq!(of("count"), option("count", "integer", Some("10"), false, "How many there may be."));
    let seconds = "duration (seconds or text)";
    assert_eq!(
        of("flush_interval"),
        option("flush_interval", seconds, Some("\"0s\""), false, "Seconds between flushes.")
    );
    let choices = "\"drop\" | \"block\" | \"shutdown\"";
    assert_eq!(of("full_action"), option("full_action", choices, Some("\"shutdown\""), false, ""));
    let size = option(
        "buffering.max_file_size",
        "size (bytes or text)",
        Some("\"512 MiB\""),
        false,
        "Greatest size of one file.",
    );
    assert_eq!(of("buffering.max_file_size"), size);
    assert_eq!(of("rules[].pattern"), option("rules[].pattern", "text", None, true, ""));
    assert_eq!(of("headers").kind, "table of text");
}
