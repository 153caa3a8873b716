//! Holds every `crate::` path of `src/` against the floors of `docs/design.md`: a module imports only from below.
//!
//! Paths that climb to the crate root by `super::` count as `crate::` paths. `lib.rs` and `main.rs` are exempt: they
//! declare the modules. Comments, doc comments and literals are not read.

mod tokens;

use std::fmt;
use std::path::{Path, PathBuf};

use tokens::{Token, tokens};

#[test]
fn every_module_imports_only_from_lower_floors() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut offences = Vec::new();
    let mut files = 0;
    for file in rust_files(&source) {
        let place = file.strip_prefix(&source).expect("the file was found below src");
        let text = std::fs::read_to_string(&file).expect("a source file is readable text");
        files += 1;
        offences.extend(offences_of(place, &text));
    }
    assert!(files > 2, "no source files were found below {}", source.display());
    let listed: Vec<String> = offences.iter().map(Offence::to_string).collect();
    assert!(offences.is_empty(), "{} imports break the floors:\n{}", listed.len(), listed.join("\n"));
}

/// The table: each floor with its modules, lowest first.
const FLOORS: [&[&str]; 7] = [
    &["time", "lock", "message", "metric", "regexp"],
    &["statsd", "graphite", "exposition", "aggregate", "matcher", "logs", "tail", "import"],
    &["config", "flow", "plugin"],
    &["router", "runner", "buffer", "sandbox", "net"],
    &["inputs", "splitters", "decoders", "filters", "encoders", "outputs"],
    &["pipeline", "daemon"],
    &["cli", "client"],
];

/// Who may import whom inside a floor, where all others are strangers.
const NEIGHBOURS: [(&str, &str); 10] = [
    ("message", "time"),
    ("metric", "time"),
    ("metric", "lock"),
    ("plugin", "flow"),
    ("plugin", "config"),
    ("runner", "router"),
    ("runner", "buffer"),
    ("import", "exposition"),
    ("import", "graphite"),
    ("daemon", "pipeline"),
];

const MACHINERY: usize = 3;
const PLUGINS: usize = 4;

/// One import that the table forbids.
#[derive(Debug, PartialEq)]
struct Offence {
    file: PathBuf,
    line: usize,
    path: String,
    reason: &'static str,
}

impl fmt::Display for Offence {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "src/{}:{}: {}: {}", self.file.display(), self.line, self.path, self.reason)
    }
}

/// Lists what `text`, which stands at `file` below `src/`, imports against the table.
fn offences_of(file: &Path, text: &str) -> Vec<Offence> {
    let Some(home) = Home::of(file) else { return Vec::new() };
    let offence = |line, path: String, reason| Offence { file: file.to_path_buf(), line, path, reason };
    if floor_of(&home.module).is_none() {
        return vec![offence(1, home.module.clone(), "the module stands on no floor")];
    }
    root_paths(&tokens(text), home.depth)
        .into_iter()
        .filter(|import| !import.is_macro)
        .filter_map(|import| {
            let reason = home.refusal(&import.module)?;
            Some(offence(import.line, format!("crate::{}", import.module), reason))
        })
        .collect()
}

/// Where a file stands: its module at the crate root, and how many modules deep it is.
struct Home {
    module: String,
    depth: usize,
    is_sandbox_plugin: bool,
}

impl Home {
    /// Reads the place off a path below `src/`; nothing for the files that declare the modules.
    fn of(file: &Path) -> Option<Home> {
        let mut parts: Vec<String> =
            file.with_extension("").iter().map(|part| part.to_string_lossy().into_owned()).collect();
        if parts == ["lib"] || parts == ["main"] {
            return None;
        }
        if parts.last().is_some_and(|last| last == "mod") {
            parts.pop();
        }
        let is_sandbox_plugin = parts.get(1).is_some_and(|second| second == "sandbox");
        Some(Home { module: parts.first()?.clone(), depth: parts.len(), is_sandbox_plugin })
    }

    /// Says why this file may not import the root module `target`, or nothing where it may.
    fn refusal(&self, target: &str) -> Option<&'static str> {
        if self.module == target {
            return None;
        }
        let own = floor_of(&self.module)?;
        let Some(floor) = floor_of(target) else { return Some("it stands on no floor") };
        if floor > own {
            return Some("it stands on a higher floor");
        }
        if floor == own {
            let known = NEIGHBOURS.contains(&(self.module.as_str(), target));
            return (!known).then_some("they are strangers on one floor");
        }
        let machinery = own == PLUGINS && floor == MACHINERY;
        let visible = target == "net" || (target == "sandbox" && self.is_sandbox_plugin);
        (machinery && !visible).then_some("a plugin sees only net of the machinery")
    }
}

fn floor_of(module: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&module))
}

/// A path that begins at the crate root, by its first step.
#[derive(Debug, PartialEq)]
struct Import {
    module: String,
    line: usize,
    is_macro: bool,
}

/// Finds the paths that begin at the crate root: `crate::a`, `crate::{a, b::c}`, and `super::` climbed far enough.
fn root_paths(tokens: &[Token], depth: usize) -> Vec<Import> {
    let mut found = Vec::new();
    let mut braces = 0;
    let mut inline_modules = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        match tokens[at].text.as_str() {
            "{" => {
                braces += 1;
                if at >= 2 && tokens[at - 2].text == "mod" {
                    inline_modules.push(braces);
                }
            }
            "}" => {
                if inline_modules.last() == Some(&braces) {
                    inline_modules.pop();
                }
                braces -= 1;
            }
            "crate" | "super" if begins_a_path(tokens, at) => {
                let (climbed, after) = climb(tokens, at);
                if climbed.is_none_or(|steps| steps >= depth + inline_modules.len()) {
                    found.extend(first_steps(tokens, after));
                }
                at = after;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    found
}

/// Tells a path from the visibility `pub(in crate::a)`, from `pub(crate)` and from the middle of another path.
fn begins_a_path(tokens: &[Token], at: usize) -> bool {
    let before = at.checked_sub(1).map_or("", |index| tokens[index].text.as_str());
    let after = tokens.get(at + 1).map_or("", |token| token.text.as_str());
    after == "::" && before != "::" && before != "in"
}

/// Passes `crate::`, `super::` or `self::` steps; gives the number of `super` steps, or none after `crate`.
fn climb(tokens: &[Token], mut at: usize) -> (Option<usize>, usize) {
    if tokens[at].text == "crate" {
        return (None, at + 2);
    }
    let mut steps = 0;
    while tokens.get(at).is_some_and(|token| token.text == "super")
        && tokens.get(at + 1).is_some_and(|token| token.text == "::")
    {
        steps += 1;
        at += 2;
    }
    (Some(steps), at)
}

/// Reads the first step of the path at `at`, or the first step of every path of the group there.
fn first_steps(tokens: &[Token], at: usize) -> Vec<Import> {
    let Some(first) = tokens.get(at) else { return Vec::new() };
    if first.text != "{" {
        return vec![import_at(tokens, at)];
    }
    let mut found = Vec::new();
    let mut level = 0;
    let mut expected = true;
    for index in at..tokens.len() {
        match tokens[index].text.as_str() {
            "{" => level += 1,
            "}" if level == 1 => break,
            "}" => level -= 1,
            "," if level == 1 => expected = true,
            _ if level == 1 && expected => {
                expected = false;
                found.push(import_at(tokens, index));
            }
            _ => {}
        }
    }
    found
}

fn import_at(tokens: &[Token], at: usize) -> Import {
    let is_macro = tokens.get(at + 1).is_some_and(|token| token.text == "!");
    Import { module: tokens[at].text.clone(), line: tokens[at].line, is_macro }
}

fn rust_files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).expect("the directory is readable") {
        let path = entry.expect("the entry is readable").path();
        if path.is_dir() {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

mod of_the_check_itself {
    use super::*;

    fn lines(file: &str, text: &str) -> Vec<String> {
        offences_of(Path::new(file), text).iter().map(Offence::to_string).collect()
    }

    #[test]
    fn an_import_from_a_higher_floor_is_named_with_its_line() {
        let text = "//! crate::router in a comment\n\nuse crate::time::Slot;\nuse crate::flow::Pack;\n";
        assert_eq!(
            lines("aggregate/table.rs", text),
            ["src/aggregate/table.rs:4: crate::flow: it stands on a higher floor"]
        );
    }

    #[test]
    fn every_path_of_a_group_is_held_against_the_table() {
        let text =
            "use crate::{\n    metric::{Batch, aggregate},\n    graphite,\n    router::{self, Feed},\n};\n";
        assert_eq!(
            lines("statsd/mod.rs", text),
            [
                "src/statsd/mod.rs:3: crate::graphite: they are strangers on one floor",
                "src/statsd/mod.rs:4: crate::router: it stands on a higher floor"
            ]
        );
    }

    #[test]
    fn a_path_inside_an_expression_and_in_a_macro_counts() {
        let text = "fn f() { let x: crate::cli::X = $crate::pipeline::y(); crate::plugins! { A } }";
        assert_eq!(
            lines("flow/mod.rs", text),
            [
                "src/flow/mod.rs:1: crate::cli: it stands on a higher floor",
                "src/flow/mod.rs:1: crate::pipeline: it stands on a higher floor"
            ]
        );
    }

    #[test]
    fn visibilities_comments_and_literals_are_not_imports() {
        let text = r##"
            pub(crate) struct A;
            pub(in crate::cli) struct B<'a>(&'a str, char);
            /* crate::cli /* crate::cli */ crate::cli */
            /// [`crate::cli`]
            const C: &[&str] = &["crate::cli", r#"a " crate::cli"#, "\" crate::cli"];
            const D: [char; 3] = ['"', '\'', 'x'];
            fn crate_cli() { mycrate::cli::f(); }
        "##;
        assert_eq!(lines("time.rs", text), [""; 0]);
    }

    #[test]
    fn climbing_to_the_crate_root_counts_and_climbing_inside_the_module_does_not() {
        let text = "use super::cli;\nmod tests {\n    use super::super::cli;\n    use super::*;\n}\nuse super::time;";
        assert_eq!(
            lines("metric/mod.rs", text),
            [
                "src/metric/mod.rs:1: crate::cli: it stands on a higher floor",
                "src/metric/mod.rs:3: crate::cli: it stands on a higher floor"
            ]
        );
        assert_eq!(lines("metric/series.rs", "use super::cli;"), [""; 0]);
    }

    #[test]
    fn plugins_see_only_net_of_the_machinery_and_sandbox_plugins_the_sandbox() {
        let text = "use crate::net::A;\nuse crate::runner::B;\nuse crate::sandbox::C;\n";
        let reason = "a plugin sees only net of the machinery";
        assert_eq!(
            lines("outputs/carbon.rs", text),
            [
                format!("src/outputs/carbon.rs:2: crate::runner: {reason}"),
                format!("src/outputs/carbon.rs:3: crate::sandbox: {reason}")
            ]
        );
        assert_eq!(
            lines("outputs/sandbox.rs", text),
            [format!("src/outputs/sandbox.rs:2: crate::runner: {reason}")]
        );
    }

    #[test]
    fn the_neighbours_of_the_table_may_meet_in_one_direction() {
        assert_eq!(lines("plugin/mod.rs", "use crate::flow::A; use crate::config::B;"), [""; 0]);
        assert_eq!(lines("runner/mod.rs", "use crate::router::A;"), [""; 0]);
        assert_eq!(
            lines("flow/mod.rs", "use crate::plugin::A;"),
            ["src/flow/mod.rs:1: crate::plugin: they are strangers on one floor"]
        );
    }

    #[test]
    fn modules_without_a_floor_are_refused_on_both_ends() {
        assert_eq!(lines("misc.rs", ""), ["src/misc.rs:1: misc: the module stands on no floor"]);
        assert_eq!(
            lines("cli/mod.rs", "use crate::misc::A;"),
            ["src/cli/mod.rs:1: crate::misc: it stands on no floor"]
        );
    }
}
