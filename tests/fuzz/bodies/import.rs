//! A file of another program, of any bytes, becomes a configuration that can be read and is planned or refused, or an
//! error with its place.

use heka::config::{ProblemKind, Problems, Severity, Sources, render};
use heka::import::{Imported, SyntaxError, statsd, statsd_proxy};
use heka::pipeline::{builtin, plan};
use heka::plugin::Plugins;

/// Reads `bytes` as each of the files that are JavaScript.
pub(crate) fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    check(&text, statsd(&text, "fuzz.example", &environment));
    check(&text, statsd_proxy(&text, "fuzz.example", &environment));
}

fn check(text: &str, imported: Result<Imported, SyntaxError>) {
    match imported {
        Ok(imported) => check_imported(text, &imported),
        Err(SyntaxError { line, column, message }) => {
            let there = text.split('\n').nth(line - 1).expect("the line is there");
            assert!(column >= 1 && column <= there.chars().count() + 1, "{line}:{column}: {message}");
            assert!(!message.is_empty());
        }
    }
}

fn check_imported(text: &str, Imported { text: config, findings, .. }: &Imported) {
    let lines = text.split('\n').count();
    for finding in findings {
        assert!((1..=lines).contains(&finding.line), "{finding:?}");
    }
    assert!(findings.is_sorted_by_key(|finding| finding.line), "findings are in the order of the file");
    let sources = Sources::embedded("imported.toml", config);
    let mut problems = Problems::new();
    let planned =
        PLUGINS.with(|plugins| plan(&sources, plugins, &environment, "fuzz.example", &mut problems));
    let failed = problems.iter().any(|problem| problem.severity() == Severity::Error);
    assert_eq!(planned.is_none(), failed, "there is a plan, or an error says why not: {problems:?}");
    // A value may be one that is refused; the text around it may not.
    let is_ours = |kind: &ProblemKind| {
        matches!(
            kind,
            ProblemKind::Syntax { .. }
                | ProblemKind::RepeatedKey { .. }
                | ProblemKind::RepeatedSection { .. }
                | ProblemKind::UnknownKey { .. }
                | ProblemKind::UnknownType { .. }
                | ProblemKind::WrongType { .. }
        )
    };
    let ours = problems.iter().find(|problem| is_ours(&problem.kind));
    assert!(ours.is_none(), "{}\n{config}", render(&problems, &sources, false));
}

fn environment(name: &str) -> Option<String> {
    let value = match name {
        "HOST" => "10.0.0.1",
        "PORT" => "8125",
        "WILD" => "\"\n[x]\né\u{1b}[31m = '",
        _ => return None,
    };
    Some(value.to_owned())
}

thread_local! {
    static PLUGINS: Plugins = builtin();
}
