//! Typed fields of a message.

/// A named list of values of one type.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Names may repeat within a message.
    pub name: String,
    /// Unit or form of the values (`ms`, `B`, `count`, `ipv4` …), empty when nobody said.
    pub representation: String,
    /// All values of a field share one type.
    pub value: Value,
}

impl Field {
    /// A field with one value and no representation.
    pub fn new(name: impl Into<String>, value: impl Into<Value>) -> Field {
        Field { name: name.into(), representation: String::new(), value: value.into() }
    }
}

/// The values of one field.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Text.
    Strings(Vec<String>),
    /// Raw bytes; matchers treat them as text.
    Bytes(Vec<Vec<u8>>),
    /// 64-bit integers; matchers compare them as doubles.
    Integers(Vec<i64>),
    /// Doubles.
    Doubles(Vec<f64>),
    /// Truth values.
    Bools(Vec<bool>),
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::Strings(vec![text.to_owned()])
    }
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::Strings(vec![text])
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Value {
        Value::Doubles(vec![number])
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Value {
        Value::Integers(vec![number])
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Value {
        Value::Bools(vec![truth])
    }
}
