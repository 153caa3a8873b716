//! The tree of one section: values with their places, variables already replaced.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::{Problem, ProblemKind, Problems};
use super::sources::Location;
use super::substitution::{self, Environment};
use super::text_map::TextMap;

/// Entries in the order of the file.
#[derive(Debug, Clone, Default)]
pub(super) struct Table {
    pub(super) entries: Vec<Entry>,
}

#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_span: Range<usize>,
    pub(super) value: Value,
}

#[derive(Debug, Clone)]
pub(super) struct Value {
    pub(super) kind: Kind,
    pub(super) span: Range<usize>,
}

#[derive(Debug, Clone)]
pub(super) enum Kind {
    /// The text and, if variables were replaced in it, what it was before.
    String(String, Option<Before>),
    /// Digits without underscores, and their radix.
    Integer(String, u32),
    Float(f64),
    Boolean(bool),
    Datetime,
    Array(Vec<Value>),
    Table(Table),
    /// A value whose variable could not be had; the problem is reported already.
    Damaged,
}

/// A text whose variables were replaced.
#[derive(Debug, Clone)]
pub(super) struct Before {
    /// As the parser read it.
    pub(super) text: String,
    /// From bytes of the text after to bytes of `text`.
    pub(super) map: TextMap,
}

impl Table {
    /// The first entry of this name, whatever the case.
    pub(super) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key.eq_ignore_ascii_case(key))
    }

    /// Takes out the first entry of this name, whatever the case.
    pub(super) fn take(&mut self, key: &str) -> Option<Entry> {
        let at = self.entries.iter().position(|entry| entry.key.eq_ignore_ascii_case(key))?;
        Some(self.entries.remove(at))
    }
}

impl Kind {
    /// The kind in words, with its article.
    pub(super) fn described(&self) -> &'static str {
        match self {
            Kind::String(..) => "a string",
            Kind::Integer(..) => "an integer",
            Kind::Float(_) => "a float",
            Kind::Boolean(_) => "a boolean",
            Kind::Datetime => "a date",
            Kind::Array(_) => "a list",
            Kind::Table(_) => "a table",
            Kind::Damaged => "nothing",
        }
    }
}

/// Turns what the TOML parser read into our tree, replacing variables on the way.
pub(super) struct Converter<'a> {
    pub(super) source: usize,
    pub(super) text: &'a str,
    pub(super) environment: Environment<'a>,
    pub(super) problems: &'a mut Problems,
}

impl Converter<'_> {
    pub(super) fn table(&mut self, table: &DeTable<'_>) -> Table {
        let mut ordered: Vec<_> = table.iter().collect();
        ordered.sort_by_key(|(key, _)| key.span().start);
        Table { entries: ordered.into_iter().filter_map(|(key, value)| self.entry(key, value)).collect() }
    }

    /// None for a key that is a variable: nothing more can be said of it.
    fn entry(
        &mut self,
        key: &Spanned<std::borrow::Cow<'_, str>>,
        value: &Spanned<DeValue<'_>>,
    ) -> Option<Entry> {
        let key_span = key.span();
        let mut name = key.get_ref().clone().into_owned();
        if self.is_bare(&key_span) {
            self.report(key_span.clone(), ProblemKind::VariableInName);
            if !matches!(value.get_ref(), DeValue::Table(_)) {
                return None;
            }
            // As written, rather than as masked for the parser.
            name = self.text[key_span.clone()].to_owned();
        }
        let mut value = self.value(value);
        if matches!(value.kind, Kind::Table(_)) {
            // The parser gives a table the place of its whole header; its name is what is meant.
            value.span = key_span.clone();
        }
        Some(Entry { key: name, key_span, value })
    }

    fn value(&mut self, value: &Spanned<DeValue<'_>>) -> Value {
        let span = value.span();
        let kind = match value.get_ref() {
            DeValue::String(_) if self.is_bare(&span) => self.bare(span.clone()),
            DeValue::String(text) => self.string(text, span.clone()),
            DeValue::Integer(number) => Kind::Integer(number.as_str().to_owned(), number.radix()),
            DeValue::Float(number) => float(number.as_str()),
            DeValue::Boolean(value) => Kind::Boolean(*value),
            DeValue::Datetime(_) => Kind::Datetime,
            DeValue::Array(values) => Kind::Array(values.iter().map(|value| self.value(value)).collect()),
            DeValue::Table(table) => Kind::Table(self.table(table)),
        };
        Value { kind, span }
    }

    fn string(&mut self, text: &str, span: Range<usize>) -> Kind {
        let expanded = substitution::expand(text, self.environment);
        if expanded.problems.is_empty() {
            let before = expanded.map.map(|map| Before { text: text.to_owned(), map });
            return Kind::String(expanded.text, before);
        }
        let token = self.text.get(span.clone()).unwrap_or_default();
        let (written, map) = TextMap::of_string(token, span.start);
        // In a string with mistakes the parser may have gone on with another text than was written.
        let map = (written == *text).then_some(map);
        for (range, problem) in expanded.problems {
            let inside = map.as_ref().and_then(|map| map.locate(range));
            self.report(inside.unwrap_or(span.clone()), problem);
        }
        Kind::Damaged
    }

    fn bare(&mut self, span: Range<usize>) -> Kind {
        match substitution::bare_value(&self.text[span.clone()], self.environment) {
            Ok(text) => scalar(text),
            Err(problem) => {
                self.report(span, problem);
                Kind::Damaged
            }
        }
    }

    fn is_bare(&self, span: &Range<usize>) -> bool {
        self.text.get(span.clone()).is_some_and(substitution::is_reference)
    }

    fn report(&mut self, span: Range<usize>, kind: ProblemKind) {
        self.problems.push(Problem::at(Location { source: self.source, span }, kind));
    }
}

/// What a variable's text stands for where no quotes are: a number or boolean if it is one, else a string.
fn scalar(text: String) -> Kind {
    let number_like = text.starts_with(|letter: char| letter.is_ascii_digit() || "+-".contains(letter));
    if !number_like && text != "true" && text != "false" {
        return Kind::String(text, None);
    }
    match toml::de::DeValue::parse(&text) {
        Ok(value) if value.span() == (0..text.len()) => match value.into_inner() {
            DeValue::Integer(number) => Kind::Integer(number.as_str().to_owned(), number.radix()),
            DeValue::Float(number) => float(number.as_str()),
            DeValue::Boolean(value) => Kind::Boolean(value),
            _ => Kind::String(text, None),
        },
        _ => Kind::String(text, None),
    }
}

fn float(digits: &str) -> Kind {
    Kind::Float(digits.parse().unwrap_or(f64::NAN))
}
