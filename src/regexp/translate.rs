//! Rewrites a regular expression of Go (RE2) for the engine we have.
//!
//! The two agree on most. Where they differ the meaning stays Go's: `\w`, `\d`, `\s` and `\b` know ASCII only, a `{`
//! that counts nothing and a `[` in a class are themselves, a class has no `&&`, `--` or `~~`, `\<` is a plain `<`,
//! and there are `\Q…\E` and octal escapes. Source: <https://github.com/google/re2/wiki/Syntax>. What is left to the
//! engine to refuse: unbalanced groups and classes, repetitions of nothing, unknown names of classes.

use std::ops::Range;

use super::PatternError;

/// A pattern for the engine.
pub(super) struct Translation {
    pub(super) text: String,
    /// It may have a part that matches U+FFFD.
    pub(super) wide: bool,
}

/// Translates `source`, in which `\/` is a slash.
///
/// # Errors
/// What is wrong, and the range of `source` to blame.
pub(super) fn translate(source: &str) -> Result<Translation, (PatternError, Range<usize>)> {
    let mut translator = Translator { source, at: 0, out: String::with_capacity(source.len()), wide: false };
    while let Some(character) = translator.next() {
        match character {
            '\\' => translator.escape(Place::Outside)?,
            '[' => translator.class()?,
            '(' => translator.group()?,
            '{' => translator.brace(),
            '.' => {
                translator.wide = true;
                translator.out.push('.');
            }
            '}' | ']' => translator.literal(character),
            // Meta characters and plain ones, which are the same in both.
            _ => {
                translator.wide |= !character.is_ascii();
                translator.out.push(character);
            }
        }
    }
    Ok(Translation { text: translator.out, wide: translator.wide })
}

struct Translator<'t> {
    source: &'t str,
    /// The next character to read.
    at: usize,
    out: String,
    wide: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Place {
    Outside,
    Class,
}

impl<'t> Translator<'t> {
    fn rest(&self) -> &'t str {
        &self.source[self.at..]
    }

    fn next(&mut self) -> Option<char> {
        let character = self.rest().chars().next()?;
        self.at += character.len_utf8();
        Some(character)
    }

    fn skip(&mut self, character: char) -> bool {
        let found = self.rest().starts_with(character);
        self.at += if found { character.len_utf8() } else { 0 };
        found
    }

    /// Writes `character` so that it stands for itself, in a class too.
    fn literal(&mut self, character: char) {
        self.wide |= !character.is_ascii();
        self.out.push_str(&regex::escape(character.encode_utf8(&mut [0; 4])));
    }

    /// Copies up to and with `end`, if it comes.
    fn copy_through(&mut self, end: &str) {
        if let Some(length) = self.rest().find(end) {
            self.out.push_str(&self.rest()[..length + end.len()]);
            self.at += length + end.len();
        }
    }

    /// `{2,5}` counts; any other `{` is a plain one.
    fn brace(&mut self) {
        let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
        let least = digits(self.rest());
        let after = &self.rest()[least..];
        let after = after.strip_prefix(',').map_or(after, |most| &most[digits(most)..]);
        let counts = least > 0 && after.starts_with('}');
        if counts {
            self.out.push('{');
            self.copy_through("}");
        } else {
            self.literal('{');
        }
    }

    /// `(`, `(?:`, `(?i-s:`, `(?i)`, `(?P<name>`, `(?<name>`
    fn group(&mut self) -> Result<(), (PatternError, Range<usize>)> {
        let start = self.at - 1;
        self.out.push('(');
        if !self.skip('?') {
            return Ok(());
        }
        self.out.push('?');
        if let Some(look) = ["=", "!", "<=", "<!"].iter().find(|look| self.rest().starts_with(**look)) {
            return Err((PatternError::LookAround, start..self.at + look.len()));
        }
        if self.rest().starts_with("P<") || self.rest().starts_with('<') {
            self.copy_through(">");
            return Ok(());
        }
        while let Some(flag) = self.next() {
            match flag {
                ':' | ')' => {
                    self.out.push(flag);
                    break;
                }
                'i' | 'm' | 's' | 'U' | '-' => self.out.push(flag),
                _ => return Err((PatternError::Flag { flag }, self.at - flag.len_utf8()..self.at)),
            }
        }
        Ok(())
    }

    /// `[a-z]`, `[^]"]`, `[[:alpha:]\d_]`
    fn class(&mut self) -> Result<(), (PatternError, Range<usize>)> {
        self.out.push('[');
        if self.skip('^') {
            self.wide = true;
            self.out.push('^');
        }
        let first = self.at;
        while !self.rest().is_empty() {
            if self.at > first && self.skip(']') {
                self.out.push(']');
                break;
            }
            if let Some(name) = self.rest().strip_prefix("[:") {
                let end = name
                    .trim_start_matches(|character: char| character.is_ascii_lowercase() || character == '^');
                if end.starts_with(":]") {
                    self.wide |= name.starts_with('^');
                    self.copy_through(":]");
                    continue;
                }
            }
            self.class_character()?;
            let mut ahead = self.rest().chars();
            if ahead.next() == Some('-') && ahead.next().is_some_and(|end| end != ']') {
                self.at += 1;
                self.out.push('-');
                self.class_character()?;
            }
        }
        Ok(())
    }

    fn class_character(&mut self) -> Result<(), (PatternError, Range<usize>)> {
        match self.next() {
            Some('\\') => self.escape(Place::Class),
            Some(character) => {
                self.literal(character);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// What follows a backslash.
    fn escape(&mut self, place: Place) -> Result<(), (PatternError, Range<usize>)> {
        let start = self.at - 1;
        let character = self.next();
        let unknown =
            |end: usize| (PatternError::Escape { text: self.source[start..end].into() }, start..end);
        let Some(character) = character else { return Err(unknown(self.at)) };
        match character {
            '0'..='7' => return self.octal(start, character),
            '8' | '9' => return Err((PatternError::BackReference, start..self.at)),
            'd' => self.out.push_str("[0-9]"),
            'w' => self.out.push_str("[0-9A-Za-z_]"),
            's' => self.out.push_str(r"[\t\n\f\r ]"),
            'D' => self.negated("[^0-9]"),
            'W' => self.negated("[^0-9A-Za-z_]"),
            'S' => self.negated(r"[^\t\n\f\r ]"),
            'a' | 'f' | 'n' | 'r' | 't' | 'v' => self.out.extend(['\\', character]),
            'x' | 'p' | 'P' => {
                self.wide = true;
                self.out.extend(['\\', character]);
                if self.rest().starts_with('{') {
                    self.copy_through("}");
                }
            }
            'b' | 'B' if place == Place::Outside => {
                self.out.push_str(if character == 'b' { r"(?-u:\b)" } else { r"(?-u:\B)" });
            }
            'A' | 'z' if place == Place::Outside => self.out.extend(['\\', character]),
            'Q' if place == Place::Outside => self.quoted(),
            _ if character.is_ascii() && !character.is_ascii_alphanumeric() => self.literal(character),
            _ => return Err(unknown(self.at)),
        }
        Ok(())
    }

    fn negated(&mut self, class: &str) {
        self.wide = true;
        self.out.push_str(class);
    }

    /// `\0`, `\12`, `\377`; a single digit other than 0 would refer to a group.
    fn octal(&mut self, start: usize, first: char) -> Result<(), (PatternError, Range<usize>)> {
        let more = self.rest().bytes().take(2).take_while(|byte| (b'0'..=b'7').contains(byte)).count();
        if first != '0' && more == 0 {
            return Err((PatternError::BackReference, start..self.at));
        }
        let digits = &self.source[start + 1..self.at + more];
        let code = u32::from_str_radix(digits, 8).expect("three octal digits at most");
        self.at += more;
        self.literal(char::from_u32(code).expect("octal escapes end at 511"));
        Ok(())
    }

    /// `\Q` makes everything up to `\E` plain.
    fn quoted(&mut self) {
        let plain = self.rest().split(r"\E").next().unwrap_or_default();
        self.at = (self.at + plain.len() + r"\E".len()).min(self.source.len());
        for character in plain.replace(r"\/", "/").chars() {
            self.literal(character);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::compile;
    use super::*;

    fn matches(source: &str, text: &str) -> bool {
        compile(source).unwrap().regex.is_match(text.as_bytes())
    }

    #[test]
    fn classes_named_by_a_letter_know_ascii_only() {
        assert!(!matches(r"\w", "é") && matches(r"\W", "é"));
        assert!(!matches(r"\d", "٣") && matches(r"[\D]", "٣"));
        assert!(!matches(r"\s", "\u{a0}") && !matches(r"\s", "\u{b}") && matches(r"[\s]", "\t"));
        assert!(matches(r"\bcaf\b", "café") && !matches(r"f\Bé", "café"));
    }

    #[test]
    fn brackets_and_braces_without_a_job_are_themselves() {
        assert!(matches(r#"^{"a":."#, r#"{"a":1}"#));
        assert!(matches(r#"{"level":\s*"error"}"#, r#"{"level": "error"}"#));
        assert!(matches("^a{,2}$", "a{,2}") && matches("^a{2,}b{3}c{1,2}$", "aaabbbcc"));
        assert!(matches("^[[(]+$", "[(") && matches("^[]a]+$", "]a") && matches("^[^]a]$", "b"));
        assert!(matches("^a]b}$", "a]b}"));
    }

    #[test]
    fn a_class_has_no_set_operations() {
        assert!(matches("^[a&&b]+$", "a&b") && matches("^[a~~b]+$", "a~b"));
        assert!(matches("^[+--]+$", "+,-") && matches("^[a-]+$", "a-") && matches(r"^[\w-.]+$", "a-."));
        assert!(matches("^[[:alpha:][:digit:]_]+$", "a1_") && !matches("[[:^alpha:]]", "a"));
    }

    #[test]
    fn escapes_are_those_of_go() {
        assert!(matches(r"^\<a\>\/\-\_$", "<a>/-_"));
        assert!(matches(r"^\Qa.b\/(\E.$", "a.b/(c") && matches(r"\Q.", "."));
        assert!(matches(r"^\x41\x{e9}\101\0$", "Aé\u{41}\0"));
        assert!(matches(r"^\A\pL\p{Greek}\P{L}\z$", "aα1"));
    }

    #[test]
    fn faults_are_blamed_on_their_own_bytes() {
        let refused = |source: &str| translate(source).err().unwrap();
        let escape = |text: &str| PatternError::Escape { text: text.into() };
        assert_eq!(refused(r"\ytest"), (escape(r"\y"), 0..2));
        assert_eq!(refused(r"aé\é"), (escape(r"\é"), 3..6));
        assert_eq!(refused(r"[\b]"), (escape(r"\b"), 1..3));
        assert_eq!(refused("a\\"), (escape("\\"), 1..2));
        assert_eq!(refused("a(?!b)"), (PatternError::LookAround, 1..4));
        assert_eq!(refused("(?<=b)a"), (PatternError::LookAround, 0..4));
        assert_eq!(refused(r"(a)\1"), (PatternError::BackReference, 3..5));
        assert_eq!(refused("(?x)a"), (PatternError::Flag { flag: 'x' }, 2..3));
    }
}
