//! Sizes in bytes, as a number or as text with a unit.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};
use thiserror::Error;

/// A number of bytes: `8192`, `"64KB"` (64 000), `"8 MiB"` (8 388 608).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(pub u64);

/// Why a text or a number is not a size.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SizeError {
    /// The text is empty.
    #[error("a size is missing")]
    Empty,
    /// No number at the start.
    #[error("`{text}` does not begin with a number of bytes")]
    NoNumber {
        /// The text as written.
        text: String,
    },
    /// A unit nobody knows.
    #[error("`{unit}` is not a unit of size (B, KB, MB, GB, TB, KiB, MiB, GiB or TiB)")]
    UnknownUnit {
        /// The unit as written.
        unit: String,
    },
    /// Less than nothing.
    #[error("a size cannot be negative")]
    Negative,
    /// A fraction of a byte.
    #[error("a size must come to whole bytes")]
    Fraction,
    /// More than can be counted.
    #[error("the size is too large")]
    TooLarge,
}

impl Bytes {
    /// So many times 1024 bytes.
    pub const fn kib(count: u64) -> Bytes {
        Bytes(count << 10)
    }

    /// So many times 1024 times 1024 bytes.
    pub const fn mib(count: u64) -> Bytes {
        Bytes(count << 20)
    }

    /// The bytes as a length in memory; the greatest length there is if they are more.
    pub fn length(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }

    /// Reads a text; without a unit it is in bytes. Units are read without regard to case.
    pub fn parse(text: &str) -> Result<Bytes, SizeError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(SizeError::Empty);
        }
        if text.starts_with('-') {
            return Err(SizeError::Negative);
        }
        let length =
            text.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(text.len());
        let (number, unit) = text.split_at(length);
        let factor = factor_of(unit.trim())?;
        multiplied(number, factor)
            .unwrap_or_else(|| Err(SizeError::NoNumber { text: text.to_owned() }))
            .map(Bytes)
    }
}

fn factor_of(unit: &str) -> Result<u64, SizeError> {
    let found = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit));
    match found {
        Some((_, factor)) => Ok(*factor),
        None if unit.is_empty() => Ok(1),
        None => Err(SizeError::UnknownUnit { unit: unit.to_owned() }),
    }
}

/// The product of a decimal number and a unit, in whole numbers; `None` if it is no number.
fn multiplied(number: &str, factor: u64) -> Option<Result<u64, SizeError>> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) || number.ends_with('.') {
        return None;
    }
    let fraction = fraction.trim_end_matches('0');
    let scale = u32::try_from(fraction.len()).ok().and_then(|places| 10u128.checked_pow(places));
    let total = scale.and_then(|scale| {
        let number: u128 = format!("{whole}{fraction}").parse().ok()?;
        Some((number.checked_mul(u128::from(factor))?, scale))
    });
    Some(match total {
        Some((total, scale)) if total % scale != 0 => Err(SizeError::Fraction),
        Some((total, scale)) => u64::try_from(total / scale).map_err(|_| SizeError::TooLarge),
        None => Err(SizeError::TooLarge),
    })
}

impl fmt::Display for Bytes {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact = |factor: &u64| self.0 != 0 && self.0.is_multiple_of(*factor);
        match UNITS.iter().find(|(_, factor)| factor.is_power_of_two() && exact(factor)) {
            Some((unit, factor)) if *factor > 1 => write!(out, "{} {unit}", self.0 / factor),
            _ => write!(out, "{}", self.0),
        }
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
        deserializer.deserialize_newtype_struct(BYTES, BytesVisitor)
    }
}

struct BytesVisitor;

impl<'de> Visitor<'de> for BytesVisitor {
    type Value = Bytes;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a size (bytes, or text such as \"8 MiB\")")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Bytes, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Bytes, E> {
        u64::try_from(number).map(Bytes).map_err(|_| E::custom(SizeError::Negative))
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Bytes, E> {
        Ok(Bytes(number))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Bytes, E> {
        Bytes::parse(text).map_err(E::custom)
    }
}

impl JsonSchema for Bytes {
    fn schema_name() -> Cow<'static, str> {
        "Bytes".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["integer", "string"],
            "x-type": "size (bytes or text)",
            "x-example": "\"8 MiB\"",
        })
    }
}

/// What this type calls itself to a deserializer, so that ours can tell its errors.
pub(in crate::config) const BYTES: &str = "heka::Bytes";

/// Largest first.
const UNITS: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("TB", 1_000_000_000_000),
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("KB", 1_000),
    ("B", 1),
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn units_are_powers_of_1024_with_an_i_and_of_1000_without() {
        assert_eq!(Bytes::parse("8 MiB"), Ok(Bytes::mib(8)));
        assert_eq!(Bytes::parse("64kb"), Ok(Bytes(64_000)));
        assert_eq!(Bytes::parse("1.5KiB"), Ok(Bytes(1536)));
        assert_eq!(Bytes::parse("512"), Ok(Bytes(512)));
        assert_eq!(Bytes::mib(512).to_string(), "512 MiB");
        assert_eq!(Bytes(65_536).to_string(), "64 KiB");
        assert_eq!(Bytes(0).to_string(), "0");
        assert_eq!(Bytes(1000).to_string(), "1000");
    }

    #[test]
    fn texts_that_are_no_size_say_why() {
        let unit = "x".to_owned();
        assert_eq!(Bytes::parse("8x"), Err(SizeError::UnknownUnit { unit }));
        assert_eq!(Bytes::parse(""), Err(SizeError::Empty));
        assert_eq!(Bytes::parse("-1"), Err(SizeError::Negative));
        assert_eq!(Bytes::parse("1.5"), Err(SizeError::Fraction));
        assert_eq!(Bytes::parse("1.2.3 MB"), Err(SizeError::NoNumber { text: "1.2.3 MB".to_owned() }));
        assert_eq!(Bytes::parse("MB"), Err(SizeError::NoNumber { text: "MB".to_owned() }));
        assert_eq!(Bytes::parse("99999999999 TiB"), Err(SizeError::TooLarge));
    }

    proptest! {
        #[test]
        fn printed_then_parsed_is_the_same(bytes in any::<u64>(), shift in 0u32..64) {
            let bytes = Bytes(bytes >> shift << (shift / 2));
            prop_assert_eq!(Bytes::parse(&bytes.to_string()), Ok(bytes));
        }

        #[test]
        fn any_text_gives_a_size_or_an_error(text in "[0-9.]{0,30} ?[a-zA-Z]{0,3}|\\PC{0,12}") {
            if let Err(error) = Bytes::parse(&text) {
                prop_assert!(!error.to_string().is_empty());
            }
        }
    }
}
