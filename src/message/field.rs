//! Typed fields of a message.

use std::ops::Deref;

use super::{Text, text_weight};

/// A named list of values of one type.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Names may repeat within a message.
    pub name: Text,
    /// Unit or form of the values (`ms`, `B`, `count`, `ipv4` …), empty when nobody said.
    pub representation: Text,
    /// All values of a field share one type.
    pub value: Value,
}

impl Field {
    /// A field with one value and no representation.
    pub fn new(name: impl Into<Text>, value: impl Into<Value>) -> Field {
        Field { name: name.into(), representation: Text::default(), value: value.into() }
    }

    /// This field with a representation.
    #[must_use]
    pub fn shown_as(mut self, representation: impl Into<Text>) -> Field {
        self.representation = representation.into();
        self
    }

    /// Bytes it holds, roughly.
    pub(super) fn weight(&self) -> usize {
        let values = match &self.value {
            Value::Strings(values) => values.weight(text_weight),
            Value::Bytes(values) => values.weight(Vec::len),
            Value::Integers(values) => values.weight(|_| 0),
            Value::Doubles(values) => values.weight(|_| 0),
            Value::Bools(values) => values.weight(|_| 0),
        };
        size_of::<Field>() + text_weight(&self.name) + text_weight(&self.representation) + values
    }
}

/// The values of one field.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Text.
    Strings(Values<Text>),
    /// Raw bytes; matchers treat them as text.
    Bytes(Values<Vec<u8>>),
    /// 64-bit integers; matchers compare them as doubles.
    Integers(Values<i64>),
    /// Doubles.
    Doubles(Values<f64>),
    /// Truth values.
    Bools(Values<bool>),
}

/// A list that is nearly always of one value, which then lies in place. It is read as a slice.
#[derive(Debug, Clone)]
pub enum Values<T> {
    /// One value.
    One(T),
    /// Any number of them.
    Many(Vec<T>),
}

impl<T> Values<T> {
    /// Appends a value.
    pub fn push(&mut self, value: T) {
        match self {
            Values::Many(values) if values.is_empty() && values.capacity() == 0 => *self = Values::One(value),
            Values::Many(values) => values.push(value),
            Values::One(_) => {
                let Values::One(first) = std::mem::take(self) else { unreachable!("it was one") };
                *self = Values::Many(vec![first, value]);
            }
        }
    }
}

impl<T> Values<T> {
    /// Bytes of what does not lie in place, where each value has so many of its own.
    fn weight(&self, of: impl Fn(&T) -> usize) -> usize {
        match self {
            Values::One(value) => of(value),
            Values::Many(values) => size_of_val(&values[..]) + values.iter().map(of).sum::<usize>(),
        }
    }
}

impl<T> Default for Values<T> {
    fn default() -> Values<T> {
        Values::Many(Vec::new())
    }
}

impl<T> Deref for Values<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match self {
            Values::One(value) => std::slice::from_ref(value),
            Values::Many(values) => values,
        }
    }
}

/// However they are kept.
impl<T: PartialEq> PartialEq for Values<T> {
    fn eq(&self, other: &Values<T>) -> bool {
        **self == **other
    }
}

impl<T> From<Vec<T>> for Values<T> {
    fn from(values: Vec<T>) -> Values<T> {
        Values::Many(values)
    }
}

impl<T> FromIterator<T> for Values<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Values<T> {
        let mut all = Values::default();
        values.into_iter().for_each(|value| all.push(value));
        all
    }
}

impl From<Text> for Value {
    fn from(text: Text) -> Value {
        Value::Strings(Values::One(text))
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::Strings(Values::One(text.into()))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::Strings(Values::One(text.into()))
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Value {
        Value::Doubles(Values::One(number))
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Value {
        Value::Integers(Values::One(number))
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Value {
        Value::Bools(Values::One(truth))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_a_list_however_many_there_are() {
        let mut values = Values::default();
        assert!(values.is_empty());
        for (number, value) in (1..=3).zip([7, 8, 9]) {
            values.push(value);
            assert_eq!(values.len(), number);
        }
        assert_eq!(*values, [7, 8, 9]);
        assert_eq!(Values::One(7), Values::from(vec![7]));
        assert_eq!([7, 8].into_iter().collect::<Values<i64>>(), Values::Many(vec![7, 8]));
    }
}
