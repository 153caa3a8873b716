//! Problems as text: with source lines and carets for people, in one line for tests and logs.

use std::fmt::Write as _;
use std::ops::Range;

use annotate_snippets::{Annotation, AnnotationKind, Element, Group, Level, Renderer, Snippet};

use super::problem::{Note, Problem, Severity};
use super::sources::{Location, Source, Sources};

/// All problems by place, each with its line, carets and ways out, and a last line that counts them.
///
/// Control characters are escaped, whatever the sources and the environment held. Empty if there are no problems.
pub fn render(problems: &[Problem], sources: &Sources, colour: bool) -> String {
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let mut out = String::new();
    for problem in sorted(problems) {
        out.push_str(&rendered(problem, sources, &renderer));
        out.push_str("\n\n");
    }
    out.push_str(&summary(problems));
    out
}

/// `line:column: message`, or the message alone if it has no place.
pub fn one_line(problem: &Problem, sources: &Sources) -> String {
    let message = escaped(&problem.kind.to_string());
    let found = problem.at.as_ref().and_then(|at| Some((at, sources.source(at.source)?)));
    match found {
        Some((at, source)) => {
            let (line, column) = source.line_column(at.span.start);
            format!("{line}:{column}: {message}")
        }
        None => message,
    }
}

fn sorted(problems: &[Problem]) -> Vec<&Problem> {
    let mut sorted: Vec<&Problem> = problems.iter().collect();
    sorted.sort_by_key(|problem| problem.at.as_ref().map(|at| (at.source, at.span.start, at.span.end)));
    sorted
}

fn rendered(problem: &Problem, sources: &Sources, renderer: &Renderer) -> String {
    let level = match problem.severity() {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let shown = problem.at.as_ref().and_then(|at| Some((at, sources.source(at.source)?)));
    let mut elements: Vec<Element<'_>> = Vec::new();
    if let Some((at, source)) = shown {
        let mut notes: Vec<&Note> = problem.notes.iter().collect();
        notes.sort_by_key(|note| note.at.source != at.source);
        elements.push(snippet(source, at, &notes).into());
        for note in notes.into_iter().filter(|note| note.at.source != at.source) {
            if let Some(other) = sources.source(note.at.source) {
                let label = AnnotationKind::Context
                    .span(visible(other.text(), &note.at.span))
                    .label(escaped(&note.text));
                elements.push(bare_snippet(other).annotation(label).into());
            }
        }
    }
    let help = problem.kind.help().into_iter().chain(problem.help.iter().cloned());
    elements.extend(help.map(|help| Level::HELP.message(escaped(&help)).into()));
    let title = level.primary_title(escaped(&problem.kind.to_string()));
    if elements.is_empty() {
        return renderer.render(&[Group::with_title(title)]);
    }
    renderer.render(&[title.elements(elements)])
}

fn snippet<'a>(source: &'a Source, at: &Location, notes: &[&'a Note]) -> Snippet<'a, Annotation<'a>> {
    let here = notes.iter().filter(|note| note.at.source == at.source);
    let labels = here.map(|note| {
        AnnotationKind::Context.span(visible(source.text(), &note.at.span)).label(escaped(&note.text))
    });
    bare_snippet(source)
        .annotation(AnnotationKind::Primary.span(visible(source.text(), &at.span)))
        .annotations(labels)
}

fn bare_snippet(source: &Source) -> Snippet<'_, Annotation<'_>> {
    Snippet::source(source.text()).path(escaped(source.name()))
}

/// The span within the text, on boundaries of characters, and not past its first line.
fn visible(text: &str, span: &Range<usize>) -> Range<usize> {
    let start = text.floor_char_boundary(span.start);
    let end = text.ceil_char_boundary(span.end.min(text.len())).max(start);
    let line = text[start..end].find('\n').unwrap_or(end - start);
    start..start + line
}

/// The text with control characters as escapes, so that no value can write to a terminal.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_control() || is_direction(letter) {
            out.extend(letter.escape_default());
        } else {
            out.push(letter);
        }
    }
    out
}

/// Characters that turn the direction of a line around.
fn is_direction(letter: char) -> bool {
    matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// `3 problems (2 errors, 1 warning). Nothing was started.`
fn summary(problems: &[Problem]) -> String {
    if problems.is_empty() {
        return String::new();
    }
    let errors = problems.iter().filter(|problem| problem.severity() == Severity::Error).count();
    let warnings = problems.len() - errors;
    let mut out = counted(problems.len(), "problem");
    // Writing to a string cannot fail.
    let _ = write!(out, " ({}, {}).", counted(errors, "error"), counted(warnings, "warning"));
    if errors > 0 {
        out.push_str(" Nothing was started.");
    }
    out.push('\n');
    out
}

fn counted(count: usize, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}
