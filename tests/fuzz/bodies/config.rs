//! A configuration of any bytes is a plan or a list of problems, each with a place that exists.

use heka::config::{Location, Problem, Problems, Severity, Sources, one_line, render};
use heka::pipeline::{builtin, plan};
use heka::plugin::Plugins;

/// Reads `bytes` as a file; a line that says only `###` begins a second one.
pub(crate) fn run(bytes: &[u8]) {
    let mut problems = Problems::new();
    let mut sources = Sources::new();
    let cut = memchr(bytes, NEXT_FILE);
    sources.add("one.toml", &bytes[..cut.unwrap_or(bytes.len())], &mut problems);
    if let Some(cut) = cut {
        sources.add("two.toml", &bytes[cut + NEXT_FILE.len()..], &mut problems);
    }
    let planned =
        PLUGINS.with(|plugins| plan(&sources, plugins, &environment, "fuzz.example", &mut problems));
    let failed = problems.iter().any(|problem| problem.severity() == Severity::Error);
    assert_eq!(planned.is_none(), failed, "there is a plan, or an error says why not: {problems:?}");
    for problem in &problems {
        check(problem, &sources);
    }
    for colour in [false, true] {
        assert_eq!(render(&problems, &sources, colour).is_empty(), problems.is_empty());
    }
    if let Some(plan) = planned {
        assert!(plan.joints.iter().all(|joint| !joint.to_string().is_empty()));
        assert_eq!(plan.counts().values().sum::<usize>() > 0, !plan.inputs.is_empty());
    }
}

fn check(problem: &Problem, sources: &Sources) {
    let places = problem.at.iter().chain(problem.notes.iter().map(|note| &note.at));
    for at in places {
        check_place(at, sources, problem);
    }
    let line = one_line(problem, sources);
    assert!(
        !line.is_empty() && !line.contains(char::is_control),
        "one line, nothing that controls: {line:?}"
    );
}

fn check_place(at: &Location, sources: &Sources, problem: &Problem) {
    let source = sources.source(at.source).expect("a place is in a source");
    assert!(source.text().get(at.span.clone()).is_some(), "{at:?} of {problem:?} is no place");
    let (line, column) = source.line_column(at.span.start);
    assert!(line > 0 && column > 0 && line <= source.text().split('\n').count());
}

/// Variables whose values try to leave the place they are put in.
fn environment(name: &str) -> Option<String> {
    let value = match name {
        "TEXT" => "word",
        "NUMBER" => "10",
        "WILD" => "\"\n[x]\né\u{1b}[31m = '",
        "EMPTY" => "",
        _ => return None,
    };
    Some(value.to_owned())
}

fn memchr(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

const NEXT_FILE: &[u8] = b"\n###\n";

thread_local! {
    static PLUGINS: Plugins = builtin();
}
