//! The matcher of each consumer: its own, or its type's.

use super::plan::PlannedInput;
use crate::config::{Problem, ProblemKind, Problems, Section};
use crate::matcher::Matcher;
use crate::plugin::{Declared, Plugin};

/// Compiles the matcher of a section; reports what keeps it from having one.
pub(super) fn of(
    section: &Section,
    plugin: &Plugin,
    declared: &Declared,
    inputs: &[PlannedInput],
    problems: &mut Problems,
) -> Option<Matcher> {
    if !declared.takes_records() {
        return none_of(section, plugin, problems);
    }
    if let Some(text) = section.text("message_matcher") {
        return compile(section, text, problems);
    }
    if section.has("message_matcher") {
        // It is no text, which has been reported.
        return None;
    }
    let Some(default) = declared.default_matcher() else {
        let kind = ProblemKind::MissingMatcher {
            section: section.name.clone(),
            type_name: plugin.type_name.to_owned(),
        };
        problems.push(Problem::at(section.name_at.clone(), kind));
        return None;
    };
    let text = without_directed(default, section, declared, inputs);
    Some(Matcher::parse(&text).expect("a default matcher parses, whatever the names of inputs"))
}

/// The matcher of a consumer that takes no records; reports options that are for those who do.
fn none_of(section: &Section, plugin: &Plugin, problems: &mut Problems) -> Option<Matcher> {
    for key in ["message_matcher", "on_full"].into_iter().filter(|key| section.has(key)) {
        let (key, type_name) = (key.to_owned(), plugin.type_name.to_owned());
        let at = section.key_at(&key);
        problems.push(Problem::at(at, ProblemKind::UnsupportedKey { key, type_name }));
    }
    Some(Matcher::parse("FALSE").expect("it is a word of the language"))
}

/// Compiles a matcher's text; reports why it is none, with the place in the text.
pub(super) fn compile(section: &Section, text: &str, problems: &mut Problems) -> Option<Matcher> {
    match Matcher::parse(text) {
        Ok(matcher) => Some(matcher),
        Err(error) => {
            let at = section.inner_span("message_matcher", error.span.clone());
            let kind = ProblemKind::BadMatcher { section: section.name.clone(), reason: error.to_string() };
            problems.push(Problem::at(at, kind));
            None
        }
    }
}

/// The default without the inputs that name another filter of this kind (`stat_accum_name`).
fn without_directed(
    default: &str,
    section: &Section,
    declared: &Declared,
    inputs: &[PlannedInput],
) -> String {
    let mut text = default.to_owned();
    if !declared.offers_inlet() {
        return text;
    }
    for input in inputs {
        if input.declared.directs_to().is_some_and(|name| name != section.name) {
            text.push_str(&format!(" && Logger != {}", quoted(&input.name)));
        }
    }
    text
}

/// A name as a string of the matcher language, which has no escape but for the quote it is in.
fn quoted(name: &str) -> String {
    format!("'{}'", name.replace('\'', "\\'"))
}
