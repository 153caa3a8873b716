//! References to environment variables in values: `%ENV[NAME]` (as Heka had it), `${NAME}` and `${NAME:-default}`, whose
//! names begin with no digit.
//!
//! A substituted text is never read as TOML again: inside a string it stays in the string, and a bare reference
//! stands for one integer, float, boolean or string. Where values stand is left to the TOML parser, so a bare
//! reference is masked as a string of the same length: positions stay what they were.

use std::ops::Range;

use super::problem::{ProblemKind, ReferenceError};
use super::text_map::TextMap;

/// Looks a variable up by its name.
pub(super) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// One reference as written.
#[derive(Debug, PartialEq, Eq)]
struct Reference<'a> {
    name: &'a str,
    default: Option<&'a str>,
}

/// A text with its references replaced.
pub(super) struct Expanded {
    pub(super) text: String,
    /// From bytes of `text` to bytes of the text before; `None` if nothing was replaced.
    pub(super) map: Option<TextMap>,
    /// What could not be replaced, by bytes of the text before.
    pub(super) problems: Vec<(Range<usize>, ProblemKind)>,
}

/// Replaces every reference in the value of a string. Replacements are not looked at again.
pub(super) fn expand(text: &str, environment: Environment<'_>) -> Expanded {
    let mut expanded = Expanded { text: String::new(), map: None, problems: Vec::new() };
    let mut map = TextMap::default();
    let mut at = 0;
    while let Some((range, reference)) = next_reference(text, at) {
        expanded.copy(&mut map, text, at..range.start);
        match reference.and_then_value(environment) {
            Ok(value) => {
                let start = expanded.text.len();
                expanded.text.push_str(&value);
                map.push(start..expanded.text.len(), range.clone());
                expanded.map = Some(TextMap::default());
            }
            Err(problem) => expanded.problems.push((range.clone(), problem)),
        }
        at = range.end;
    }
    expanded.copy(&mut map, text, at..text.len());
    expanded.map = expanded.map.map(|_| map);
    expanded
}

/// The value of the bare reference that makes up all of `text`.
pub(super) fn bare_value(text: &str, environment: Environment<'_>) -> Result<String, ProblemKind> {
    match next_reference(text, 0) {
        Some((range, reference)) if range == (0..text.len()) => reference.and_then_value(environment),
        _ => Err(ProblemKind::BadReference { error: ReferenceError::MissingDelimiter }),
    }
}

/// Whether a reference begins at the first byte of `text`.
pub(super) fn is_reference(text: &str) -> bool {
    OPENINGS.iter().any(|(opening, _)| begins_with(text, opening))
}

/// Whether `text` begins a reference with this opening. `${1}` is none: it is for the templates of mappings.
fn begins_with(text: &str, opening: &str) -> bool {
    let digit = |rest: &str| opening == "${" && rest.starts_with(|letter: char| letter.is_ascii_digit());
    text.strip_prefix(opening).is_some_and(|rest| !digit(rest))
}

/// The text with each bare reference masked as a TOML string of the same length.
pub(super) fn mask(text: &str) -> String {
    let mut masked = text.as_bytes().to_vec();
    let mut at = 0;
    while at < text.len() {
        let rest = &text.as_bytes()[at..];
        at += match rest[0] {
            b'#' => line_length(rest),
            b'"' | b'\'' => string_length(rest),
            b'%' | b'$' if is_reference(&text[at..]) => {
                let length = bare_length(&text[at..]);
                masked[at..at + length].fill(b'x');
                masked[at] = b'\'';
                masked[at + length - 1] = b'\'';
                length
            }
            _ => 1,
        };
    }
    String::from_utf8(masked).expect("whole references are replaced by ASCII")
}

impl Expanded {
    fn copy(&mut self, map: &mut TextMap, text: &str, range: Range<usize>) {
        let start = self.text.len();
        self.text.push_str(&text[range.clone()]);
        map.push(start..self.text.len(), range);
    }
}

trait Resolve {
    fn and_then_value(self, environment: Environment<'_>) -> Result<String, ProblemKind>;
}

impl Resolve for Result<Reference<'_>, ReferenceError> {
    fn and_then_value(self, environment: Environment<'_>) -> Result<String, ProblemKind> {
        let reference = self.map_err(|error| ProblemKind::BadReference { error })?;
        let value = environment(reference.name);
        match (value, reference.default) {
            (Some(value), None) => Ok(value),
            (Some(value), Some(_)) if !value.is_empty() => Ok(value),
            (_, Some(default)) => Ok(default.to_owned()),
            (None, None) => Err(ProblemKind::UnsetVariable { name: reference.name.to_owned() }),
        }
    }
}

/// The first reference at or after `from`, with its bytes; one that does not end reaches to the end of its line.
fn next_reference(text: &str, from: usize) -> Option<(Range<usize>, Result<Reference<'_>, ReferenceError>)> {
    let (start, opening, closing) = OPENINGS
        .iter()
        .filter_map(|(opening, closing)| {
            let mut found = text[from..].match_indices(opening).map(|(at, _)| from + at);
            let at = found.find(|&at| begins_with(&text[at..], opening))?;
            Some((at, *opening, *closing))
        })
        .min()?;
    let inside = &text[start + opening.len()..];
    let Some(length) = inside.find(closing) else {
        return Some((start..start + bare_length(&text[start..]), Err(ReferenceError::MissingDelimiter)));
    };
    let end = start + opening.len() + length + closing.len_utf8();
    Some((start..end, reference(opening, &inside[..length])))
}

fn reference<'a>(opening: &str, inside: &'a str) -> Result<Reference<'a>, ReferenceError> {
    let (name, default) = match inside.split_once(":-") {
        Some((name, default)) if opening == "${" => (name, Some(default)),
        _ => (inside, None),
    };
    let illegal =
        |letter: char| letter.is_whitespace() || letter.is_control() || "%$[]{}=\"'".contains(letter);
    if name.is_empty() || name.contains(illegal) {
        return Err(ReferenceError::IllegalCharacters { name: name.to_owned() });
    }
    Ok(Reference { name, default })
}

/// Bytes of the bare reference at the start of `text`, to the end of the line if it does not end there.
fn bare_length(text: &str) -> usize {
    let line = &text[..line_length(text.as_bytes())];
    let closing =
        OPENINGS.iter().find(|(opening, _)| text.starts_with(opening)).map_or(']', |(_, closing)| *closing);
    match line.find(closing) {
        Some(at) => at + closing.len_utf8(),
        None => line.trim_end().len(),
    }
}

fn line_length(rest: &[u8]) -> usize {
    rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len())
}

/// Bytes of the TOML string at the start of `rest`; to the end of the line, or of the text, if it is not closed.
fn string_length(rest: &[u8]) -> usize {
    let quote = rest[0];
    let triple = [quote; 3];
    let long = rest.starts_with(&triple);
    let mut at = if long { 3 } else { 1 };
    while at < rest.len() {
        match rest[at] {
            b'\\' if quote == b'"' => at += 1,
            b'\n' if !long => return at,
            byte if byte == quote && !long => return at + 1,
            _ if long && rest[at..].starts_with(&triple) => {
                let quotes = rest[at..].iter().take_while(|byte| **byte == quote).count();
                return at + quotes.min(5);
            }
            _ => {}
        }
        at += 1;
    }
    rest.len()
}

const OPENINGS: [(&str, char); 2] = [("%ENV[", ']'), ("${", '}')];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lookup(name: &str) -> Option<String> {
        match name {
            "ENCODER" => Some("PayloadEncoder".to_owned()),
            "EMPTY" => Some(String::new()),
            "AGAIN" => Some("${ENCODER}".to_owned()),
            _ => None,
        }
    }

    fn expanded(text: &str) -> Result<String, Vec<(Range<usize>, ProblemKind)>> {
        let expanded = expand(text, &lookup);
        if expanded.problems.is_empty() { Ok(expanded.text) } else { Err(expanded.problems) }
    }

    #[test]
    fn references_are_replaced_once_and_other_signs_are_kept() {
        assert_eq!(expanded("a %ENV[ENCODER] ${ENCODER}"), Ok("a PayloadEncoder PayloadEncoder".to_owned()));
        assert_eq!(expanded("${NONE:-b:-c}|${EMPTY:-d}|${EMPTY}|"), Ok("b:-c|d||".to_owned()));
        assert_eq!(expanded("${AGAIN}"), Ok("${ENCODER}".to_owned()));
        assert_eq!(expanded("50% $ $$ %{x} ^a$ %ENV"), Ok("50% $ $$ %{x} ^a$ %ENV".to_owned()));
        assert_eq!(expanded("${1}_${ENCODER}_${22"), Ok("${1}_PayloadEncoder_${22".to_owned()));
    }

    #[test]
    fn references_that_cannot_be_read_say_where_and_why() {
        let bad = |error| ProblemKind::BadReference { error };
        assert_eq!(expanded("x %ENV[no_end"), Err(vec![(2..13, bad(ReferenceError::MissingDelimiter))]));
        let name = " spaces arent allowed".to_owned();
        let illegal = bad(ReferenceError::IllegalCharacters { name });
        assert_eq!(expanded("%ENV[ spaces arent allowed]"), Err(vec![(0..27, illegal)]));
        assert_eq!(
            expanded("é${NONE}"),
            Err(vec![(2..9, ProblemKind::UnsetVariable { name: "NONE".to_owned() })])
        );
    }

    #[test]
    fn bare_references_are_masked_outside_of_strings_and_comments_only() {
        let text = "a = %ENV[N] # ${X}\nb = \"${Y}\"\nc = '''\n${Z}'''\nd = ${P:-81}\ne = ${é\n";
        let masked = "a = 'xxxxx' # ${X}\nb = \"${Y}\"\nc = '''\n${Z}'''\nd = 'xxxxxx'\ne = 'xx'\n";
        assert_eq!(mask(text), masked);
    }

    proptest! {
        #[test]
        fn masking_keeps_every_position(text in "[%$EN\\[\\]{}V\"'#\n a=é\\\\]{0,40}") {
            prop_assert_eq!(mask(&text).len(), text.len());
            expand(&text, &lookup);
        }
    }
}
