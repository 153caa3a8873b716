//! Cuts the text of a matcher into tokens.

use std::ops::Range;

use super::error::{MatcherError, MatcherErrorKind as Kind};
use super::expression::{Quoted, Relation, Variable};
use super::pattern::Pattern;

/// One token.
#[derive(Debug, PartialEq)]
pub(super) enum Token<'t> {
    /// Letters, digits and underscores; what it means is the parser's business.
    Word(&'t str),
    Field(Variable),
    Relation(Relation),
    Match {
        negated: bool,
    },
    And,
    Or,
    Open,
    Close,
    Text(Quoted),
    Number(f64),
    Pattern(Pattern),
    /// The text is over; blanks and newlines at its end belong to nothing.
    End,
}

/// A reader of tokens.
pub(super) struct Lexer<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Lexer<'t> {
    pub(super) fn new(text: &'t str) -> Lexer<'t> {
        Lexer { text, at: 0 }
    }

    /// The next token and its bytes.
    pub(super) fn next(&mut self) -> Result<(Token<'t>, Range<usize>), MatcherError> {
        self.skip_blanks()?;
        let start = self.at;
        let token = self.token()?;
        Ok((token, start..self.at))
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn take(&mut self, length: usize) -> &'t str {
        let taken = &self.rest()[..length];
        self.at += length;
        taken
    }

    fn take_while(&mut self, holds: impl Fn(char) -> bool) -> &'t str {
        let rest = self.rest();
        self.take(rest.find(|character| !holds(character)).unwrap_or(rest.len()))
    }

    fn fault(&self, kind: Kind, start: usize) -> MatcherError {
        MatcherError { kind, span: start..self.at }
    }

    fn skip_blanks(&mut self) -> Result<(), MatcherError> {
        self.take_while(|character| matches!(character, ' ' | '\t'));
        if !self.rest().starts_with(['\r', '\n']) {
            return Ok(());
        }
        let start = self.at;
        self.at += if self.rest().starts_with("\r\n") { 2 } else { 1 };
        let newline = self.fault(Kind::Newline, start);
        self.take_while(|character| matches!(character, ' ' | '\t' | '\r' | '\n'));
        if self.rest().is_empty() { Ok(()) } else { Err(newline) }
    }

    fn token(&mut self) -> Result<Token<'t>, MatcherError> {
        let Some(first) = self.rest().chars().next() else { return Ok(Token::End) };
        for (symbol, token) in SYMBOLS {
            if self.rest().starts_with(symbol) {
                self.at += symbol.len();
                return Ok(token());
            }
        }
        match first {
            'A'..='Z' | 'a'..='z' | '_' => self.word(),
            '0'..='9' | '.' => self.number(),
            '"' | '\'' => self.string(first),
            '/' => self.pattern(),
            '-' | '+' => {
                let start = self.at;
                let text = self.take_while(is_of_number).into();
                Err(self.fault(Kind::Number { text }, start))
            }
            _ => {
                let start = self.at;
                self.at += first.len_utf8();
                Err(self.fault(Kind::UnexpectedCharacter { character: first, instead: meant(first) }, start))
            }
        }
    }

    fn word(&mut self) -> Result<Token<'t>, MatcherError> {
        let start = self.at;
        let word = self.take_while(|character| character.is_ascii_alphanumeric() || character == '_');
        if word != "Fields" {
            return Ok(Token::Word(word));
        }
        if !self.rest().starts_with('[') {
            return Err(self.fault(Kind::FieldWithoutName, start));
        }
        let name = self.bracket()?;
        if name.is_empty() {
            return Err(self.fault(Kind::EmptyFieldName, self.at - 2));
        }
        let instance = self.index()?;
        let item = self.index()?;
        if self.rest().starts_with('[') {
            let start = self.at;
            self.bracket()?;
            return Err(self.fault(Kind::ThirdIndex, start));
        }
        Ok(Token::Field(Variable::Field { name: name.into(), instance, item }))
    }

    /// An index in brackets, 0 if there is none.
    fn index(&mut self) -> Result<usize, MatcherError> {
        if !self.rest().starts_with('[') {
            return Ok(0);
        }
        let start = self.at;
        let digits = self.bracket()?;
        match digits.parse() {
            Ok(index) if !digits.starts_with('+') => Ok(index),
            _ => Err(self.fault(Kind::FieldIndex, start)),
        }
    }

    /// What stands between a bracket and the next closing one, on this line.
    fn bracket(&mut self) -> Result<&'t str, MatcherError> {
        let start = self.at;
        self.at += 1;
        let inside = self.take_while(|character| !matches!(character, ']' | '\n'));
        if !self.rest().starts_with(']') {
            return Err(self.fault(Kind::UnclosedBracket, start));
        }
        self.at += 1;
        Ok(inside)
    }

    fn number(&mut self) -> Result<Token<'t>, MatcherError> {
        let start = self.at;
        let text = self.take_while(is_of_number);
        match text.parse::<f64>() {
            // Only a lower-case e is an exponent, as in Heka.
            Ok(number) if number.is_finite() && !text.contains('E') => Ok(Token::Number(number)),
            _ => Err(self.fault(Kind::Number { text: text.into() }, start)),
        }
    }

    /// A backslash escapes the quote the string began with; before anything else both characters are kept.
    fn string(&mut self, quote: char) -> Result<Token<'t>, MatcherError> {
        let start = self.at;
        let Some(raw) = self.delimited(quote) else {
            return Err(self.fault(Kind::UnclosedString { quote }, start));
        };
        let mut value = String::with_capacity(raw.len());
        let mut characters = raw.chars();
        while let Some(character) = characters.next() {
            if character != '\\' {
                value.push(character);
                continue;
            }
            match characters.next() {
                Some(escaped) if escaped == quote => value.push(quote),
                other => value.extend(std::iter::once('\\').chain(other)),
            }
        }
        Ok(Token::Text(Quoted { value: value.into(), quote }))
    }

    fn pattern(&mut self) -> Result<Token<'t>, MatcherError> {
        let start = self.at;
        let Some(source) = self.delimited('/') else {
            return Err(self.fault(Kind::UnclosedPattern, start));
        };
        let pattern = Pattern::parse(source).map_err(|(error, span)| {
            // The whole pattern is shown with its slashes, a part of it without.
            let span = if span == (0..source.len()) {
                start..self.at
            } else {
                start + 1 + span.start..start + 1 + span.end
            };
            MatcherError { kind: error.into(), span }
        })?;
        Ok(Token::Pattern(pattern))
    }

    /// What stands between two `delimiter`s, where a backslash guards the character after it. Reads to the end
    /// and gives `None` if the second does not come.
    fn delimited(&mut self, delimiter: char) -> Option<&'t str> {
        let inside = &self.rest()[delimiter.len_utf8()..];
        let mut characters = inside.char_indices();
        while let Some((index, character)) = characters.next() {
            if character == delimiter {
                self.at += index + 2 * delimiter.len_utf8();
                return Some(&inside[..index]);
            }
            if character == '\\' {
                characters.next();
            }
        }
        self.at = self.text.len();
        None
    }
}

fn is_of_number(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '.' | '+' | '-')
}

/// What somebody who wrote `character` probably meant.
fn meant(character: char) -> Option<&'static str> {
    match character {
        '=' => Some("=="),
        '&' => Some("&&"),
        '|' => Some("||"),
        '!' => Some("!="),
        '~' => Some("=~"),
        _ => None,
    }
}

type Symbol = (&'static str, fn() -> Token<'static>);

/// Longer symbols before those they begin with.
const SYMBOLS: [Symbol; 12] = [
    ("==", || Token::Relation(Relation::Equal)),
    ("!=", || Token::Relation(Relation::NotEqual)),
    (">=", || Token::Relation(Relation::GreaterOrEqual)),
    ("<=", || Token::Relation(Relation::LessOrEqual)),
    (">", || Token::Relation(Relation::Greater)),
    ("<", || Token::Relation(Relation::Less)),
    ("=~", || Token::Match { negated: false }),
    ("!~", || Token::Match { negated: true }),
    ("&&", || Token::And),
    ("||", || Token::Or),
    ("(", || Token::Open),
    (")", || Token::Close),
];
