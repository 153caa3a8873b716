//! Feeds a section's tree to `serde`, and keeps the place and the kind of what it refuses.

use std::fmt;
use std::ops::Range;

use serde::de::value::StringDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Expected, IntoDeserializer, MapAccess, SeqAccess, Unexpected,
};
use serde::de::{VariantAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::problem::ProblemKind;
use super::suggestion::suggest;
use super::units::{
    ADDRESS, Address, BYTES, Bytes, LISTEN_ADDRESS, ListenAddress, MILLIS, Millis, ONE_OR_MANY, SECONDS,
    Seconds,
};
use super::value::{Kind, Table, Value};

/// Why `serde` refused a tree.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) kind: FaultKind,
    /// From the root to the value at fault; for a missing key, to the table that lacks it.
    pub(super) path: Vec<Step>,
    pub(super) span: Option<Range<usize>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Key(String),
    Index(usize),
}

/// The same as a [`ProblemKind`] before the key is known.
#[derive(Debug)]
pub(super) enum FaultKind {
    Type { expected: String, found: String },
    Range { expected: String, found: String },
    Choice { found: String, allowed: &'static [&'static str] },
    Missing(&'static str),
    Unit(Unit, String),
    Other(String),
}

/// The types whose errors are told apart.
#[derive(Debug, Clone, Copy)]
pub(super) enum Unit {
    Seconds,
    Millis,
    Bytes,
    Address,
    ListenAddress,
}

impl FaultKind {
    /// The problem at `key`.
    pub(super) fn at_key(self, key: String) -> ProblemKind {
        match self {
            FaultKind::Type { expected, found } => ProblemKind::WrongType { key, expected, found },
            FaultKind::Range { expected, found } => ProblemKind::IntegerOutOfRange { key, expected, found },
            FaultKind::Choice { found, allowed } => {
                let suggestion = suggest(&found, allowed.iter().copied()).map(str::to_owned);
                let allowed = allowed.iter().map(|word| (*word).to_owned()).collect();
                ProblemKind::UnknownChoice { key, found, suggestion, allowed }
            }
            FaultKind::Missing(missing) => {
                let message = format!("`{missing}` is missing");
                ProblemKind::InvalidValue { key, message }
            }
            FaultKind::Unit(unit, text) => unit.problem(key, &text),
            FaultKind::Other(message) => ProblemKind::InvalidValue { key, message },
        }
    }
}

impl Unit {
    fn named(name: &str) -> Option<Unit> {
        match name {
            SECONDS => Some(Unit::Seconds),
            MILLIS => Some(Unit::Millis),
            BYTES => Some(Unit::Bytes),
            ADDRESS => Some(Unit::Address),
            LISTEN_ADDRESS => Some(Unit::ListenAddress),
            _ => None,
        }
    }

    /// Reads the text once more, now for the error as a value.
    fn problem(self, key: String, text: &str) -> ProblemKind {
        let other = |key| ProblemKind::InvalidValue { key, message: format!("`{text}` is refused") };
        match self {
            Unit::Seconds => match Seconds::parse(text) {
                Err(error) => ProblemKind::BadDuration { key, error },
                Ok(_) => other(key),
            },
            Unit::Millis => match Millis::parse(text) {
                Err(error) => ProblemKind::BadDuration { key, error },
                Ok(_) => other(key),
            },
            Unit::Bytes => match Bytes::parse(text) {
                Err(error) => ProblemKind::BadSize { key, error },
                Ok(_) => other(key),
            },
            Unit::Address => match Address::parse(text) {
                Err(error) => ProblemKind::BadAddress { key, error },
                Ok(_) => other(key),
            },
            Unit::ListenAddress => match ListenAddress::parse(text) {
                Err(error) => ProblemKind::BadAddress { key, error },
                Ok(_) => other(key),
            },
        }
    }
}

impl Fault {
    fn new(kind: FaultKind) -> Fault {
        Fault { kind, path: Vec::new(), span: None }
    }

    fn below(mut self, step: Step, span: &Range<usize>) -> Fault {
        self.path.insert(0, step);
        self.span.get_or_insert_with(|| span.clone());
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:?}", self.kind)
    }
}

impl std::error::Error for Fault {}

impl serde::de::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Fault {
        Fault::new(FaultKind::Other(message.to_string()))
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Fault {
        Fault::new(FaultKind::Type {
            expected: plain(&expected.to_string()),
            found: described(&found).to_owned(),
        })
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Fault {
        let expected = plain(&expected.to_string());
        match found {
            Unexpected::Signed(number) => {
                Fault::new(FaultKind::Range { expected, found: number.to_string() })
            }
            Unexpected::Unsigned(number) => {
                Fault::new(FaultKind::Range { expected, found: number.to_string() })
            }
            other => Fault::new(FaultKind::Other(format!("expected {expected}, found {other}"))),
        }
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Fault {
        let found = format!("{length} elements");
        Fault::new(FaultKind::Type { expected: plain(&expected.to_string()), found })
    }

    fn unknown_variant(found: &str, allowed: &'static [&'static str]) -> Fault {
        Fault::new(FaultKind::Choice { found: found.to_owned(), allowed })
    }

    fn unknown_field(field: &str, allowed: &'static [&'static str]) -> Fault {
        Fault::unknown_variant(field, allowed)
    }

    fn missing_field(field: &'static str) -> Fault {
        Fault::new(FaultKind::Missing(field))
    }
}

impl<'de> IntoDeserializer<'de, Fault> for &'de Value {
    type Deserializer = ValueDeserializer<'de>;

    fn into_deserializer(self) -> ValueDeserializer<'de> {
        ValueDeserializer(self)
    }
}

/// Reads the entries of a table as a struct or map.
pub(super) fn deserialize<'de, C: serde::Deserialize<'de>>(table: &'de Table) -> Result<C, Fault> {
    C::deserialize(serde::de::value::MapAccessDeserializer::new(Entries { table, at: 0 }))
}

#[derive(Clone, Copy)]
pub(super) struct ValueDeserializer<'de>(&'de Value);

impl<'de> Deserializer<'de> for ValueDeserializer<'de> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.0.kind {
            Kind::String(text, _) => visitor.visit_borrowed_str(text),
            Kind::Integer(digits, radix) => visit_integer(digits, *radix, visitor),
            Kind::Float(number) => visitor.visit_f64(*number),
            Kind::Boolean(value) => visitor.visit_bool(*value),
            Kind::Datetime => Err(mistyped(&visitor, self.0)),
            Kind::Array(values) => visitor.visit_seq(Elements { values, at: 0 }),
            Kind::Table(table) => visitor.visit_map(Entries { table, at: 0 }),
            Kind::Damaged => Err(mistyped(&visitor, self.0)),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        if name == ONE_OR_MANY && !matches!(self.0.kind, Kind::Array(_)) {
            return visitor.visit_seq(Elements { values: std::slice::from_ref(self.0), at: 0 });
        }
        visitor.visit_newtype_struct(self).map_err(|fault| {
            match (Unit::named(name), &self.0.kind, &fault.kind) {
                (Some(unit), Kind::String(text, _), FaultKind::Other(_)) => {
                    Fault::new(FaultKind::Unit(unit, text.clone()))
                }
                _ => fault,
            }
        })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        // A table of something else is no choice at all, rather than a wrong one.
        let is_tagged =
            |table: &Table| matches!(&table.entries[..], [one] if variants.contains(&one.key.as_str()));
        match &self.0.kind {
            Kind::String(text, _) => visitor.visit_enum(StringDeserializer::<Fault>::new(text.clone())),
            Kind::Table(table) if is_tagged(table) => visitor.visit_enum(TaggedVariant { table }),
            _ => {
                let found = self.0.kind.described().to_owned();
                let words: Vec<String> = variants.iter().map(|word| format!("\"{word}\"")).collect();
                Err(Fault::new(FaultKind::Type { expected: words.join(" or "), found }))
            }
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

fn visit_integer<'de, V: Visitor<'de>>(digits: &str, radix: u32, visitor: V) -> Result<V::Value, Fault> {
    if let Ok(number) = i64::from_str_radix(digits, radix) {
        return visitor.visit_i64(number);
    }
    match u64::from_str_radix(digits, radix) {
        Ok(number) => visitor.visit_u64(number),
        Err(_) => {
            let expected = plain(&(&visitor as &dyn Expected).to_string());
            Err(Fault::new(FaultKind::Range { expected, found: digits.to_owned() }))
        }
    }
}

fn mistyped<'de, V: Visitor<'de>>(visitor: &V, value: &Value) -> Fault {
    let expected = plain(&(visitor as &dyn Expected).to_string());
    Fault::new(FaultKind::Type { expected, found: value.kind.described().to_owned() })
}

struct Entries<'de> {
    table: &'de Table,
    at: usize,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        let Some(entry) = self.table.entries.get(self.at) else { return Ok(None) };
        let key = StringDeserializer::<Fault>::new(entry.key.clone());
        let at_key = |fault: Fault| fault.below(Step::Key(entry.key.clone()), &entry.key_span);
        seed.deserialize(key).map(Some).map_err(at_key)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Fault> {
        let entry = &self.table.entries[self.at];
        self.at += 1;
        let value = ValueDeserializer(&entry.value);
        seed.deserialize(value).map_err(|fault| fault.below(Step::Key(entry.key.clone()), &entry.value.span))
    }
}

struct Elements<'de> {
    values: &'de [Value],
    at: usize,
}

impl<'de> SeqAccess<'de> for Elements<'de> {
    type Error = Fault;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Fault> {
        let Some(value) = self.values.get(self.at) else { return Ok(None) };
        let step = Step::Index(self.at);
        self.at += 1;
        seed.deserialize(ValueDeserializer(value)).map(Some).map_err(|fault| fault.below(step, &value.span))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.values.len() - self.at)
    }
}

/// `{ variant = value }`; the table has exactly one entry.
struct TaggedVariant<'de> {
    table: &'de Table,
}

impl<'de> EnumAccess<'de> for TaggedVariant<'de> {
    type Error = Fault;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Fault> {
        let entry = &self.table.entries[0];
        let variant = seed.deserialize(StringDeserializer::<Fault>::new(entry.key.clone()))?;
        Ok((variant, self))
    }
}

impl<'de> TaggedVariant<'de> {
    fn value(&self) -> ValueDeserializer<'de> {
        ValueDeserializer(&self.table.entries[0].value)
    }

    fn placed<T>(&self, result: Result<T, Fault>) -> Result<T, Fault> {
        let entry = &self.table.entries[0];
        result.map_err(|fault| fault.below(Step::Key(entry.key.clone()), &entry.value.span))
    }
}

impl<'de> VariantAccess<'de> for TaggedVariant<'de> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        let (expected, found) = ("a word, without a value".to_owned(), "a table".to_owned());
        Err(Fault::new(FaultKind::Type { expected, found }))
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Fault> {
        self.placed(seed.deserialize(self.value()))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _length: usize, visitor: V) -> Result<V::Value, Fault> {
        self.placed(self.value().deserialize_any(visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.placed(self.value().deserialize_any(visitor))
    }
}

/// What `serde` expects, in the words of the file.
fn plain(expected: &str) -> String {
    if let Some((_, range)) = INTEGERS.iter().find(|(name, _)| *name == expected) {
        return (*range).to_owned();
    }
    let words = match expected {
        "f32" | "f64" => "a number",
        "string" => "a string",
        "a boolean" => "true or false",
        "a character" => "a single character",
        "a map" => "a table",
        "a nonzero u8" | "a nonzero u16" | "a nonzero u32" | "a nonzero u64" | "a nonzero usize" => {
            "an integer greater than 0"
        }
        text if text.contains("sequence") || text.starts_with("an array") => "a list",
        text if text.starts_with("struct ") => "a table",
        text => text,
    };
    words.to_owned()
}

fn described(found: &Unexpected<'_>) -> &'static str {
    match found {
        Unexpected::Bool(_) => "a boolean",
        Unexpected::Unsigned(_) | Unexpected::Signed(_) => "an integer",
        Unexpected::Float(_) => "a float",
        Unexpected::Char(_) | Unexpected::Str(_) => "a string",
        Unexpected::Seq => "a list",
        Unexpected::Map => "a table",
        _ => "something else",
    }
}

const INTEGERS: [(&str, &str); 10] = [
    ("u8", "an integer from 0 to 255"),
    ("u16", "an integer from 0 to 65535"),
    ("u32", "an integer from 0 to 4294967295"),
    ("u64", "an integer, 0 or more"),
    ("usize", "an integer, 0 or more"),
    ("i8", "an integer from -128 to 127"),
    ("i16", "an integer from -32768 to 32767"),
    ("i32", "an integer from -2147483648 to 2147483647"),
    ("i64", "an integer"),
    ("isize", "an integer"),
];
