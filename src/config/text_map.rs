//! From the bytes of a string's value back to the bytes of the file it was written in.
//!
//! A value differs from its text by quotes, escapes, joined lines and substituted variables. Parsers of values
//! (matchers, templates) speak in bytes of the value; carets belong under the file.

use std::ops::Range;

/// Pieces of a value in order, each with the text it came from.
#[derive(Debug, Clone, Default)]
pub(super) struct TextMap {
    pieces: Vec<Piece>,
}

/// `value` bytes came from `text` bytes; one by one if the lengths are equal, else as a whole.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    pub(super) value: Range<usize>,
    pub(super) text: Range<usize>,
}

impl TextMap {
    /// Maps the value of the TOML string written as `token`, which starts at `offset` in the file.
    ///
    /// Also returns the value. A token that is not a whole string gives the value of what could be read.
    pub(super) fn of_string(token: &str, offset: usize) -> (String, TextMap) {
        let (content, basic) = content_of(token);
        let mut map = TextMap::default();
        let mut value = String::new();
        let mut at = content.start;
        while at < content.end {
            let rest = &token[at..content.end];
            let (decoded, length) = if basic { basic_piece(rest) } else { plain_piece(rest) };
            let start = value.len();
            value.push_str(&decoded);
            map.push(start..value.len(), offset + at..offset + at + length);
            at += length;
        }
        (value, map)
    }

    pub(super) fn push(&mut self, value: Range<usize>, text: Range<usize>) {
        let verbatim = |piece: &Piece| piece.value.len() == piece.text.len();
        if let Some(last) = self.pieces.last_mut() {
            let joined = last.value.end == value.start && last.text.end == text.start;
            if joined && verbatim(last) && value.len() == text.len() {
                last.value.end = value.end;
                last.text.end = text.end;
                return;
            }
        }
        self.pieces.push(Piece { value, text });
    }

    /// Where in the file the bytes `range` of the value come from; at least one place even for an empty range.
    pub(super) fn locate(&self, range: Range<usize>) -> Option<Range<usize>> {
        if range.start >= range.end {
            let at = self.point(range.start)?;
            return Some(at..at);
        }
        let first = self.pieces.iter().find(|piece| piece.value.end > range.start)?;
        let last = self
            .pieces
            .iter()
            .rev()
            .find(|piece| piece.value.start < range.end && !piece.value.is_empty())?;
        let start = first.position(range.start, first.text.start);
        let end = last.position(range.end, last.text.end);
        Some(start..end.max(start))
    }

    fn point(&self, at: usize) -> Option<usize> {
        match self.pieces.iter().find(|piece| piece.value.end > at) {
            Some(piece) => Some(piece.position(at, piece.text.start)),
            None => self.pieces.last().map(|piece| piece.text.end),
        }
    }
}

impl Piece {
    fn position(&self, at: usize, otherwise: usize) -> usize {
        if self.value.len() != self.text.len() {
            return otherwise;
        }
        (self.text.start + at.saturating_sub(self.value.start)).min(self.text.end)
    }
}

/// The bytes between the quotes, and whether escapes count in them.
fn content_of(token: &str) -> (Range<usize>, bool) {
    // A string that is not closed, in a text with syntax errors, goes on to its end.
    for (quote, basic) in [("\"\"\"", true), ("'''", false)] {
        if token.starts_with(quote) {
            let newline = ["\r\n", "\n"].iter().find(|newline| token[3..].starts_with(**newline));
            let start = 3 + newline.map_or(0, |newline| newline.len());
            let closed = token.len() >= 6 && token.ends_with(quote);
            return (start..if closed { token.len() - 3 } else { token.len() }.max(start), basic);
        }
    }
    match token.chars().next() {
        Some(quote @ ('"' | '\'')) => {
            let closed = token.len() >= 2 && token.ends_with(quote);
            (1..if closed { token.len() - 1 } else { token.len() }, quote == '"')
        }
        _ => (0..token.len(), false),
    }
}

/// The next piece of a basic string: an escape, a continued line, or a character.
fn basic_piece(rest: &str) -> (String, usize) {
    if !rest.starts_with('\\') {
        return plain_piece(rest);
    }
    let Some(letter) = rest[1..].chars().next() else { return plain_piece(rest) };
    let simple = |text: &str| (text.to_owned(), 1 + letter.len_utf8());
    match letter {
        'b' => simple("\u{8}"),
        't' => simple("\t"),
        'n' => simple("\n"),
        'f' => simple("\u{c}"),
        'r' => simple("\r"),
        'e' => simple("\u{1b}"),
        'x' => code_point(rest, 2),
        'u' => code_point(rest, 4),
        'U' => code_point(rest, 8),
        letter if letter.is_whitespace() => {
            let skipped = rest[1..].len() - rest[1..].trim_start_matches([' ', '\t', '\r', '\n']).len();
            (String::new(), 1 + skipped.max(1))
        }
        letter => simple(letter.encode_utf8(&mut [0; 4])),
    }
}

fn code_point(rest: &str, digits: usize) -> (String, usize) {
    let parsed =
        rest.get(2..2 + digits).and_then(|hex| u32::from_str_radix(hex, 16).ok()).and_then(char::from_u32);
    match parsed {
        Some(decoded) => (decoded.to_string(), 2 + digits),
        None => plain_piece(rest),
    }
}

fn plain_piece(rest: &str) -> (String, usize) {
    let character = rest.chars().next().unwrap_or_default();
    (character.to_string(), character.len_utf8())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn escapes_and_continued_lines_are_counted_as_written() {
        let token = "\"a\\t\\u00e9b\"";
        let (value, map) = TextMap::of_string(token, 10);
        assert_eq!(value, "a\té".to_owned() + "b");
        assert_eq!(map.locate(0..1), Some(11..12));
        assert_eq!(map.locate(1..2), Some(12..14));
        assert_eq!(map.locate(2..4), Some(14..20));
        assert_eq!(map.locate(4..5), Some(20..21));
        assert_eq!(map.locate(5..5), Some(21..21));
        let (value, map) = TextMap::of_string("\"\"\"\nab\\\n   cd\"\"\"", 0);
        assert_eq!(value, "abcd");
        assert_eq!(map.locate(2..4), Some(11..13));
    }

    #[test]
    fn string_that_is_not_closed_goes_on_to_its_end() {
        assert_eq!(TextMap::of_string("'aé", 0).0, "aé");
        assert_eq!(TextMap::of_string("\"a\\", 0).0, "a\\");
        assert_eq!(TextMap::of_string("'", 0).0, "");
        assert_eq!(TextMap::of_string("'''\nab''", 0).0, "ab''");
        assert_eq!(TextMap::of_string("\"\"\"", 0).0, "");
        assert_eq!(TextMap::of_string("'''\n''", 0).0, "''");
    }

    proptest! {
        #[test]
        fn value_is_what_toml_reads(text in "[\"'a-c\\\\nt\n é]{0,12}", quote in prop::sample::select(vec!["\"", "'", "\"\"\"", "'''"])) {
            let token = format!("{quote}{text}{quote}");
            if let Ok(parsed) = toml::de::DeValue::parse(&token)
                && let Some(expected) = parsed.get_ref().as_str()
                && parsed.span() == (0..token.len())
            {
                let (value, map) = TextMap::of_string(&token, 0);
                prop_assert_eq!(&value, expected);
                for at in 0..=value.len() {
                    if let Some(span) = map.locate(at..(at + 1).min(value.len())) {
                        prop_assert!(span.start <= span.end && span.end <= token.len());
                    }
                }
            }
        }
    }
}
