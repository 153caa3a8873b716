//! The regular expressions of a matcher: compiled within limits, or turned into a comparison where that does.
//!
//! Heka's patterns are those of Go, which `regexp` compiles.

use std::fmt::{self, Display, Formatter};
use std::ops::Range;

use super::verdict::Verdict;
use crate::regexp::{self, Compiled, PatternError};

/// A pattern as written between the slashes, and the test it comes to.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    source: Box<str>,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    /// `^text$`
    Exact(Box<str>),
    /// `^text`
    Prefix(Box<str>),
    /// `text$`
    Suffix(Box<str>),
    Regex(Compiled),
}

impl Pattern {
    /// Compiles `source`, in which a slash is written `\/`.
    ///
    /// # Errors
    /// What is wrong, and the range of `source` to blame: all of it if the engine found the fault.
    pub(super) fn parse(source: &str) -> Result<Pattern, (PatternError, Range<usize>)> {
        let kind = match anchored_literal(source) {
            Some(kind) => kind,
            None => engine(source)?,
        };
        Ok(Pattern { source: source.into(), kind })
    }

    /// True if it runs the regular expression engine.
    pub(super) fn is_regex(&self) -> bool {
        matches!(self.kind, Kind::Regex(_))
    }

    /// True if it matches somewhere in `text`.
    ///
    /// As in Go, a byte that is no UTF-8 counts as one U+FFFD, so that `.` and `[^"]` do not stop at it.
    pub(super) fn matches(&self, text: &[u8]) -> bool {
        match &self.kind {
            Kind::Exact(literal) => text == literal.as_bytes(),
            Kind::Prefix(literal) => text.starts_with(literal.as_bytes()),
            Kind::Suffix(literal) => text.ends_with(literal.as_bytes()),
            Kind::Regex(compiled) => compiled.is_match(text),
        }
    }

    /// What is certain of every text that begins with `beginning`.
    pub(super) fn matches_beginning(&self, beginning: &[u8]) -> Verdict {
        let undecided = |literal: &str| match literal.as_bytes().starts_with(beginning) {
            true => Verdict::Maybe,
            false => Verdict::No,
        };
        match &self.kind {
            Kind::Prefix(literal) if beginning.starts_with(literal.as_bytes()) => Verdict::Yes,
            Kind::Prefix(literal) | Kind::Exact(literal) => undecided(literal),
            Kind::Suffix(_) | Kind::Regex(_) => Verdict::Maybe,
        }
    }
}

/// The same pattern, however it was compiled.
impl PartialEq for Pattern {
    fn eq(&self, other: &Pattern) -> bool {
        self.source == other.source
    }
}

impl Display for Pattern {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        write!(out, "/{}/", self.source)
    }
}

/// The comparison that `^literal`, `literal$` and `^literal$` come to; `None` if there is more to the pattern.
///
/// There are no flags outside of a pattern, so both anchors mean the ends of the text, and neither stops at a
/// newline. Escaped punctuation stands for itself.
fn anchored_literal(source: &str) -> Option<Kind> {
    let (at_start, rest) = source.strip_prefix('^').map_or((false, source), |rest| (true, rest));
    let mut literal = String::with_capacity(rest.len());
    let mut at_end = false;
    let mut characters = rest.chars();
    while let Some(character) = characters.next() {
        match character {
            '$' if characters.as_str().is_empty() => at_end = true,
            '\\' => match characters.next()? {
                escaped if escaped.is_ascii_punctuation() => literal.push(escaped),
                _ => return None,
            },
            '^' | '$' | '.' | '*' | '+' | '?' | '(' | ')' | '[' | ']' | '{' | '}' | '|' => return None,
            _ => literal.push(character),
        }
    }
    let literal = literal.into_boxed_str();
    match (at_start, at_end) {
        (true, true) => Some(Kind::Exact(literal)),
        (true, false) => Some(Kind::Prefix(literal)),
        (false, true) => Some(Kind::Suffix(literal)),
        // Searching is what the engine does best.
        (false, false) => None,
    }
}

fn engine(source: &str) -> Result<Kind, (PatternError, Range<usize>)> {
    regexp::compile(source).map(Kind::Regex)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::regexp::PROGRAM_LIMIT;

    fn shape(source: &str) -> String {
        match Pattern::parse(source).unwrap().kind {
            Kind::Exact(literal) => format!("exact {literal}"),
            Kind::Prefix(literal) => format!("prefix {literal}"),
            Kind::Suffix(literal) => format!("suffix {literal}"),
            Kind::Regex(_) => "regex".into(),
        }
    }

    fn matches(source: &str, text: impl AsRef<[u8]>) -> bool {
        Pattern::parse(source).unwrap().matches(text.as_ref())
    }

    #[test]
    fn anchored_literals_become_comparisons() {
        assert_eq!(shape("^logfile"), "prefix logfile");
        assert_eq!(shape(r"^heka\.stat"), "prefix heka.stat");
        assert_eq!(shape(r"^\/var\/log\/"), "prefix /var/log/");
        assert_eq!(shape("error$"), "suffix error");
        assert_eq!(shape(r"5\$$"), "suffix 5$");
        assert_eq!(shape("^a b$"), "exact a b");
        assert_eq!(shape("^"), "prefix ");
        assert_eq!(shape("$"), "suffix ");
        assert_eq!(shape("^$"), "exact ");
    }

    #[test]
    fn anything_with_a_meaning_of_its_own_stays_a_regular_expression() {
        for source in
            ["a", "^a.", "^a|b", "^a$b", "a^$", "^a+", r"^a\d", r"^a\n", "(?i)a$", "(?m)^a$", r"a\$"]
        {
            assert_eq!(shape(source), "regex", "{source}");
        }
    }

    #[test]
    fn the_end_is_the_end_of_the_text_not_of_a_line() {
        for source in ["a$", "[a]$", "^a$", "^[a]$"] {
            assert!(matches(source, "a"), "{source}");
            assert!(!matches(source, "a\n"), "{source}");
        }
        assert!(matches("(?m)a$", "a\nb"));
        assert!(!matches("a.b", "a\nb"));
    }

    #[test]
    fn bytes_that_are_no_text_count_as_one_character_each() {
        assert!(matches(r"^caf. \S+ ok$", b"caf\xe9 \xff\xfe ok"));
        assert!(matches(r#""[^"]{2}""#, b"\"\xe2\x82\""));
        assert!(!matches("^caf.$", b"caf\xe9\xe9"));
        assert!(matches("caf", b"\xff caf"));
        assert!(matches("^.$", "é"));
    }

    #[test]
    fn a_text_that_begins_so_decides_a_prefix_and_refutes_an_exact_text() {
        let ask =
            |source, beginning: &str| Pattern::parse(source).unwrap().matches_beginning(beginning.as_bytes());
        assert_eq!(ask("^heka", "heka.stat"), Verdict::Yes);
        assert_eq!(ask("^heka.stat", "heka"), Verdict::Maybe);
        assert_eq!(ask(r"^heka\.stat", "heka"), Verdict::Maybe);
        assert_eq!(ask("^heka", "logfile"), Verdict::No);
        assert_eq!(ask("^heka$", "heka"), Verdict::Maybe);
        assert_eq!(ask("^heka$", "heka."), Verdict::No);
        assert_eq!(ask("heka$", "heka"), Verdict::Maybe);
        assert_eq!(ask("heka", "heka"), Verdict::Maybe);
    }

    proptest! {
        #[test]
        fn what_a_beginning_makes_certain_is_true_of_every_text_with_it(
            source in r"\^?[ab]{0,3}\$?",
            text in "[ab]{0,4}",
            length in 0..5usize,
        ) {
            let pattern = Pattern::parse(&source).unwrap();
            let verdict = pattern.matches_beginning(&text.as_bytes()[..length.min(text.len())]);
            prop_assert!(verdict == Verdict::Maybe || verdict == pattern.matches(text.as_bytes()).into());
        }
    }

    #[test]
    fn what_the_engine_refuses_is_said_in_its_last_line() {
        let refused = |source: &str| Pattern::parse(source).unwrap_err();
        let syntax = |reason: &str| PatternError::Syntax { reason: reason.into() };
        assert_eq!(refused("a(b"), (syntax("unclosed group"), 0..3));
        assert_eq!(refused("[a"), (syntax("unclosed character class"), 0..2));
        assert_eq!(refused("*a"), (syntax("repetition operator missing expression"), 0..2));
        assert_eq!(refused(r"\pL{1000}").0, PatternError::TooLarge { limit: PROGRAM_LIMIT });
        let deep = "(".repeat(200) + &")".repeat(200);
        assert_eq!(refused(&deep).1, 0..400);
    }
}
