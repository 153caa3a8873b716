//! The matcher of each consumer: its own, or its type's.

use crate::config::{Problem, ProblemKind, Problems, Section};
use crate::matcher::Matcher;
use crate::plugin::{Declared, Plugin};

/// A producer whose samples are meant for one filter (`stat_accum_name`).
pub(super) struct Directed {
    /// Its name.
    pub(super) producer: String,
    /// The name of the filter.
    pub(super) to: String,
}

/// Compiles the matcher of a section; reports what keeps it from having one.
pub(super) fn of(
    section: &Section,
    plugin: &Plugin,
    declared: &Declared,
    directed: &[Directed],
    problems: &mut Problems,
) -> Option<Matcher> {
    if !declared.takes_records() {
        return none_of(section, plugin, problems);
    }
    let matcher = unsigned(section, plugin, declared, directed, problems)?;
    let Some(signer) = section.text("message_signer") else { return Some(matcher) };
    if signer.is_empty() {
        let (key, message) = ("message_signer".to_owned(), "must name a signer".to_owned());
        problems.push(section.problem_at("message_signer", ProblemKind::OutOfRange { key, message }));
        return None;
    }
    Some(matcher.signed_by(signer))
}

/// What its text asks, or that of its type.
fn unsigned(
    section: &Section,
    plugin: &Plugin,
    declared: &Declared,
    directed: &[Directed],
    problems: &mut Problems,
) -> Option<Matcher> {
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
    let text = without_directed(default, section, declared, directed);
    Some(Matcher::parse(&text).expect("a default matcher parses, whatever the names of producers"))
}

/// The matcher of a consumer that takes no records; reports options that are for those who do.
fn none_of(section: &Section, plugin: &Plugin, problems: &mut Problems) -> Option<Matcher> {
    for key in ["message_matcher", "message_signer", "on_full"].into_iter().filter(|key| section.has(key)) {
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

/// The default without the producers that name another filter of this kind.
fn without_directed(default: &str, section: &Section, declared: &Declared, directed: &[Directed]) -> String {
    let mut text = default.to_owned();
    if !declared.offers_inlet() {
        return text;
    }
    for Directed { producer, .. } in directed.iter().filter(|directed| directed.to != section.name) {
        text.push_str(&format!(" && Logger != {}", quoted(producer)));
    }
    text
}

/// A name as a string of the matcher language, which has no escape but for the quote it is in.
pub(super) fn quoted(name: &str) -> String {
    format!("'{}'", name.replace('\'', "\\'"))
}
