//! Durations in seconds or in milliseconds where a bare number is given, or as text with units.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};
use thiserror::Error;

/// A duration whose bare number is in seconds: `10`, `0.5`, `"10"`, `"250ms"`, `"1h30m"`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seconds(pub Duration);

/// A duration whose bare number is in milliseconds: `200`, `"200"`, `"250ms"`, `"1m"`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Millis(pub Duration);

/// Why a text or a number is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DurationError {
    /// The text is empty.
    #[error("a duration is missing")]
    Empty,
    /// Something else where a number belongs.
    #[error("expected a number at `{rest}`")]
    NoNumber {
        /// The text from there on.
        rest: String,
    },
    /// A number among others without its unit.
    #[error("`{number}` lacks a unit (ns, us, ms, s, m, h or d)")]
    NoUnit {
        /// The number.
        number: String,
    },
    /// A unit nobody knows.
    #[error("`{unit}` is not a unit of time (ns, us, ms, s, m, h or d)")]
    UnknownUnit {
        /// The unit as written.
        unit: String,
    },
    /// Less than nothing.
    #[error("a duration cannot be negative")]
    Negative,
    /// More than can be counted.
    #[error("the duration is too long")]
    TooLong,
}

impl Seconds {
    /// So many whole seconds.
    pub const fn new(seconds: u64) -> Seconds {
        Seconds(Duration::from_secs(seconds))
    }

    /// So many milliseconds.
    pub const fn from_millis(millis: u64) -> Seconds {
        Seconds(Duration::from_millis(millis))
    }

    /// Reads a text; without any unit it is in seconds.
    pub fn parse(text: &str) -> Result<Seconds, DurationError> {
        parse(text, 1e9).map(Seconds)
    }

    /// The duration.
    pub const fn duration(self) -> Duration {
        self.0
    }

    /// Whether it is no time at all, which many keys take for "never".
    pub const fn is_zero(self) -> bool {
        self.0.is_zero()
    }
}

impl Millis {
    /// So many milliseconds.
    pub const fn new(millis: u64) -> Millis {
        Millis(Duration::from_millis(millis))
    }

    /// Reads a text; without any unit it is in milliseconds.
    pub fn parse(text: &str) -> Result<Millis, DurationError> {
        parse(text, 1e6).map(Millis)
    }

    /// The duration.
    pub const fn duration(self) -> Duration {
        self.0
    }

    /// Whether it is no time at all.
    pub const fn is_zero(self) -> bool {
        self.0.is_zero()
    }
}

/// Sums up pieces of number and unit; `bare` is the nanoseconds of a number that stands alone.
fn parse(text: &str, bare: f64) -> Result<Duration, DurationError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(DurationError::Empty);
    }
    if text.strip_prefix('-').is_some_and(|rest| rest.starts_with(|letter: char| letter.is_ascii_digit())) {
        return Err(DurationError::Negative);
    }
    if let Some((number, "")) = split_number(text) {
        return scaled(number, bare);
    }
    let mut sum = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let Some((number, after)) = split_number(rest) else {
            return Err(DurationError::NoNumber { rest: rest.to_owned() });
        };
        let after = after.trim_start();
        let length = after.find(|letter: char| !letter.is_alphabetic()).unwrap_or(after.len());
        let unit = &after[..length];
        let piece = scaled(number, nanos_of(unit, number)?)?;
        sum = sum.checked_add(piece).ok_or(DurationError::TooLong)?;
        rest = after[length..].trim_start();
    }
    if sum > LONGEST { Err(DurationError::TooLong) } else { Ok(sum) }
}

fn split_number(text: &str) -> Option<(&str, &str)> {
    let length = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(text.len());
    let (number, rest) = text.split_at(length);
    number.parse::<f64>().is_ok().then_some((number, rest))
}

fn nanos_of(unit: &str, number: &str) -> Result<f64, DurationError> {
    match unit {
        "" => Err(DurationError::NoUnit { number: number.to_owned() }),
        unit => match UNITS.iter().find(|(name, _)| *name == unit) {
            Some((_, nanos)) => Ok(*nanos as f64),
            None if unit == "µs" || unit == "μs" => Ok(1e3),
            None => Err(DurationError::UnknownUnit { unit: unit.to_owned() }),
        },
    }
}

/// Exact for whole numbers; fractions are rounded to nanoseconds.
fn scaled(number: &str, nanos: f64) -> Result<Duration, DurationError> {
    if let Ok(whole) = number.parse::<u64>() {
        let total = u128::from(whole) * nanos as u128;
        let total = u64::try_from(total).map_err(|_| DurationError::TooLong)?;
        return checked(Duration::from_nanos(total));
    }
    // `split_number` saw that it is a number, and an empty one is not.
    let fraction: f64 = number.parse().map_err(|_| DurationError::NoNumber { rest: number.to_owned() })?;
    from_number(fraction, nanos)
}

fn from_number(number: f64, nanos: f64) -> Result<Duration, DurationError> {
    if number < 0.0 {
        return Err(DurationError::Negative);
    }
    Duration::try_from_secs_f64(number * nanos / 1e9).map_err(|_| DurationError::TooLong).and_then(checked)
}

fn checked(duration: Duration) -> Result<Duration, DurationError> {
    if duration > LONGEST { Err(DurationError::TooLong) } else { Ok(duration) }
}

fn print(duration: Duration, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    if nanos == 0 {
        return out.write_str("0s");
    }
    for (unit, length) in UNITS {
        if nanos >= length {
            write!(out, "{}{unit}", nanos / length)?;
            nanos %= length;
        }
    }
    Ok(())
}

struct DurationVisitor {
    bare: f64,
}

impl<'de> Visitor<'de> for DurationVisitor {
    type Value = Duration;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = if self.bare == 1e9 { "seconds" } else { "milliseconds" };
        write!(out, "a duration ({unit}, or text such as \"250ms\" or \"1h30m\")")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Duration, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Duration, E> {
        let number = u64::try_from(number).map_err(|_| E::custom(DurationError::Negative))?;
        self.visit_u64(number)
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Duration, E> {
        scaled(&number.to_string(), self.bare).map_err(E::custom)
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Duration, E> {
        from_number(number, self.bare).map_err(E::custom)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Duration, E> {
        parse(text, self.bare).map_err(E::custom)
    }
}

macro_rules! duration_type {
    ($type:ident, $marker:ident, $bare:literal, $example:literal, $title:literal) => {
        impl fmt::Display for $type {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                print(self.0, out)
            }
        }

        impl From<$type> for Duration {
            fn from(value: $type) -> Duration {
                value.0
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<$type, D::Error> {
                let visitor = DurationVisitor { bare: $bare };
                deserializer.deserialize_newtype_struct($marker, visitor).map($type)
            }
        }

        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({
                    "type": ["integer", "number", "string"],
                    "x-type": $title,
                    "x-example": $example,
                })
            }
        }
    };
}

duration_type!(Seconds, SECONDS, 1e9, "\"10s\"", "duration (seconds or text)");
duration_type!(Millis, MILLIS, 1e6, "\"200ms\"", "duration (milliseconds or text)");

/// What these types call themselves to a deserializer, so that ours can tell their errors.
pub(in crate::config) const SECONDS: &str = "heka::Seconds";
pub(in crate::config) const MILLIS: &str = "heka::Millis";

/// Some 292 years: what `i64` nanoseconds hold.
const LONGEST: Duration = Duration::from_nanos(i64::MAX as u64);

const UNITS: [(&str, u64); 7] = [
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn millis(text: &str) -> Result<u128, String> {
        Seconds::parse(text).map(|seconds| seconds.0.as_millis()).map_err(|error| error.to_string())
    }

    #[test]
    fn durations_are_sums_of_numbers_with_units() {
        assert_eq!(millis("250ms"), Ok(250));
        assert_eq!(millis("1h30m"), Ok(5_400_000));
        assert_eq!(millis(" 1m 30.5 s "), Ok(90_500));
        assert_eq!(millis("10"), Ok(10_000));
        assert_eq!(Millis::parse("10"), Ok(Millis::new(10)));
        assert_eq!(Millis::parse("1s"), Ok(Millis::new(1000)));
        assert_eq!(Seconds::from_millis(90_250).to_string(), "1m30s250ms");
        assert_eq!(Seconds::default().to_string(), "0s");
    }

    #[test]
    fn texts_that_are_no_duration_say_why() {
        let unit = |unit: &str| format!("`{unit}` is not a unit of time (ns, us, ms, s, m, h or d)");
        assert_eq!(millis(""), Err("a duration is missing".to_owned()));
        assert_eq!(millis("soon"), Err("expected a number at `soon`".to_owned()));
        assert_eq!(millis("1x"), Err(unit("x")));
        assert_eq!(millis("1M"), Err(unit("M")));
        assert_eq!(millis("1h30"), Err("`30` lacks a unit (ns, us, ms, s, m, h or d)".to_owned()));
        assert_eq!(millis("-1s"), Err("a duration cannot be negative".to_owned()));
        assert_eq!(millis("1.2.3s"), Err("expected a number at `1.2.3s`".to_owned()));
        assert_eq!(millis("9999999999999h"), Err("the duration is too long".to_owned()));
        assert_eq!(millis("9999999999999999999999999h"), Err("the duration is too long".to_owned()));
    }

    #[test]
    fn bare_numbers_are_seconds_or_milliseconds_by_type() {
        assert_eq!(serde_json::from_str::<Seconds>("10").unwrap(), Seconds::new(10));
        assert_eq!(serde_json::from_str::<Seconds>("0.25").unwrap(), Seconds::from_millis(250));
        assert_eq!(serde_json::from_str::<Millis>("10").unwrap(), Millis::new(10));
        let error = serde_json::from_str::<Millis>("-1").unwrap_err();
        assert_eq!(error.to_string(), "a duration cannot be negative at line 1 column 2");
    }

    proptest! {
        #[test]
        fn printed_then_parsed_is_the_same(nanos in 0..i64::MAX as u64) {
            let seconds = Seconds(Duration::from_nanos(nanos));
            prop_assert_eq!(Seconds::parse(&seconds.to_string()), Ok(seconds));
        }

        #[test]
        fn any_text_gives_a_duration_or_an_error(text in "[0-9.a-zµ -]{0,24}|\\PC{0,12}") {
            if let Ok(seconds) = Seconds::parse(&text) {
                prop_assert!(seconds.0 <= LONGEST);
            }
        }
    }
}
