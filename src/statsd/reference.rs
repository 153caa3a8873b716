//! The grammar of the reference statsd, its quirks included: dialect `statsd`.
//!
//! A line is `key *( ":" bit ) [ "|#" tags ]`, a bit `value "|" type [ "|@" rate ]`: every `:` begins another bit, which may
//! have a type of its own. Any type but `ms`, `g` and `s` is a counter. Numbers are what JavaScript's `Number` reads:
//! blanks around them, hexadecimals, `Infinity`, nothing but blanks for 0. A rate may be above 1. Rules are those of
//! <https://github.com/statsd/statsd/blob/master/lib/helpers.js> and `stats.js` beside it, as running them shows.
//!
//! Not copied is what crashes it or makes nonsense: rates it reads in part (`@1e-1`), as nothing (`@0`) or not at all
//! (`@+0.5`); negative timers whose type has blanks around it; sections swallowed as a tag. Infinite values are the
//! ends of the range of `f64` here, so that no sum turns to NaN; who prints them writes `Infinity`.

use super::line::{Datum, LEAST_RATE, Metric, last_rate, tags};
use crate::metric::{BadReason, Kind, SampleKind, is_blank};

/// The bits of `line`, which is neither empty nor ends in `\r` or `\n`.
pub(super) fn bits(line: &[u8]) -> impl Iterator<Item = Result<Bit<'_>, BadReason>> {
    let (head, tail) = halves(line);
    let mut parts = head.split(|&byte| byte == b':');
    let name = parts.next().unwrap_or_default();
    // A line without a `:` is one bit without a type.
    let alone = (!head.contains(&b':')).then_some(Err(BadReason::NoValue));
    let (tags, rate) = (tags(tail), last_rate(tail));
    alone.into_iter().chain(parts.map(move |bit| {
        let (kind, datum) = read(bit, rate)?;
        Ok(Bit { name, tags, kind, datum })
    }))
}

/// Whether the reference reads a metric as `auto` does, `line` being its line: one of the reference's types without
/// blanks, a plain number, no section before the tags but a rate.
pub(super) fn is_regular(metric: &Metric<'_>, line: &[u8]) -> bool {
    let (head, _) = halves(line);
    let mut sections = head.split(|&byte| byte == b'|').skip(1);
    let types = sections.next().is_some_and(|letters| is_plain(letters, metric.values));
    let rate = sections.next().is_none_or(|section| section.starts_with(b"@"));
    types && rate && sections.next().is_none() && metric.rate.is_ok()
}

/// Whether a type and a value mean the same in both.
#[inline(always)]
pub(super) fn is_plain(letters: &[u8], value: &[u8]) -> bool {
    match letters {
        b"s" => !value.is_empty(),
        b"c" | b"g" | b"ms" => {
            let blank = |byte: Option<&u8>| byte.is_none_or(|byte| *byte <= b' ');
            !blank(value.first()) && !blank(value.last())
        }
        _ => false,
    }
}

/// One value of a line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bit<'a> {
    pub(super) name: &'a [u8],
    pub(super) tags: &'a [u8],
    pub(super) kind: Kind,
    pub(super) datum: Datum<'a>,
}

/// A line before and from its tag section.
fn halves(line: &[u8]) -> (&[u8], &[u8]) {
    line.split_at(memchr::memmem::find(line, b"|#").unwrap_or(line.len()))
}

/// `5|ms|@0.1`
fn read(bit: &[u8], rate_behind: Option<Result<f64, BadReason>>) -> Result<(Kind, Datum<'_>), BadReason> {
    let mut fields = bit.split(|&byte| byte == b'|');
    let value = fields.next().unwrap_or_default();
    let letters = fields.next().ok_or(BadReason::NoType)?;
    let rate = match fields.next() {
        Some(field) => rate_of(field)?,
        // `|#k:v|@0.1`: swallowed as a tag there.
        None => rate_behind.unwrap_or(Ok(1.0))?,
    };
    if letters == b"s" {
        // No text is the member 0 there.
        return Ok((Kind::Set, Datum::Member(if value.is_empty() { b"0" } else { value })));
    }
    let number = number(value).ok_or(BadReason::BadNumber)?;
    // What is checked is the type as it stands, what counts is the type without blanks.
    Ok(match blanks_off(letters) {
        b"s" => (Kind::Set, Datum::Member(value)),
        b"ms" if number < 0.0 => return Err(BadReason::NegativeTimer),
        b"ms" => (Kind::Timer, Datum::Number { kind: SampleKind::Timer, value: number, rate }),
        b"g" => {
            let relative = matches!(value.first(), Some(b'+' | b'-'));
            let kind = if relative { SampleKind::GaugeDelta } else { SampleKind::Gauge };
            (Kind::Gauge, Datum::Number { kind, value: number, rate: 1.0 })
        }
        _ => (Kind::Counter, Datum::Number { kind: SampleKind::Counter, value: number, rate }),
    })
}

/// `@0.1`
fn rate_of(field: &[u8]) -> Result<f64, BadReason> {
    let rate = field.strip_prefix(b"@").and_then(number);
    rate.filter(|rate| (LEAST_RATE..f64::MAX).contains(rate)).ok_or(BadReason::BadRate)
}

/// What JavaScript's `Number` reads, where it is a number; `""`, which it reads as 0, is none to the reference.
///
/// What is infinite is the end of the range.
fn number(text: &[u8]) -> Option<f64> {
    let whole = std::str::from_utf8(text).ok().filter(|text| !text.is_empty())?;
    let text = whole.trim_matches(is_blank);
    let value = match text {
        "" => 0.0,
        "Infinity" | "+Infinity" => f64::INFINITY,
        "-Infinity" => f64::NEG_INFINITY,
        _ => with_radix(text).or_else(|| decimal(text))?,
    };
    Some(value.clamp(f64::MIN, f64::MAX))
}

/// `0x1f`, `0b11`, `0o17`, without a sign.
fn with_radix(text: &str) -> Option<f64> {
    let radix = match text.get(..2)? {
        "0x" | "0X" => 16,
        "0o" | "0O" => 8,
        "0b" | "0B" => 2,
        _ => return None,
    };
    let digits = &text[2..];
    let add = |sum: f64, digit: char| Some(sum * f64::from(radix) + f64::from(digit.to_digit(radix)?));
    if digits.is_empty() { None } else { digits.chars().try_fold(0.0, add) }
}

fn decimal(text: &str) -> Option<f64> {
    let legal = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
    if legal { text.parse().ok() } else { None }
}

/// The text without blanks at its ends, as far as they are ASCII.
fn blanks_off(text: &[u8]) -> &[u8] {
    let blank = |byte: u8| byte.is_ascii_whitespace() || byte == 0x0b;
    let start = text.iter().position(|&byte| !blank(byte)).unwrap_or(text.len());
    let end = text.iter().rposition(|&byte| !blank(byte)).map_or(start, |at| at + 1);
    &text[start..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(line: &str) -> Vec<String> {
        bits(line.as_bytes())
            .map(|bit| match bit {
                Ok(Bit { kind, datum: Datum::Number { value, rate, .. }, .. }) => {
                    format!("{} {value} {rate}", kind.letter())
                }
                Ok(Bit { kind, datum: Datum::Member(text), .. }) => {
                    format!("{} {}", kind.letter(), String::from_utf8_lossy(text))
                }
                Err(reason) => reason.label().to_owned(),
            })
            .collect()
    }

    #[test]
    fn numbers_are_what_javascript_reads() {
        let table = [
            ("5", Some(5.0)),
            (" 5\u{a0}", Some(5.0)),
            ("  ", Some(0.0)),
            ("", None),
            ("0x1F", Some(31.0)),
            ("0b11", Some(3.0)),
            ("0O17", Some(15.0)),
            ("-0x1F", None),
            ("0x", None),
            ("1e3", Some(1000.0)),
            (".5", Some(0.5)),
            ("5.", Some(5.0)),
            (".", None),
            ("Infinity", Some(f64::MAX)),
            ("-Infinity", Some(f64::MIN)),
            ("1e400", Some(f64::MAX)),
            ("inf", None),
            ("NaN", None),
            ("1_000", None),
            ("5abc", None),
            ("1n", None),
            ("\u{ff15}", None),
        ];
        for (text, value) in table {
            assert_eq!(number(text.as_bytes()), value, "{text:?}");
        }
        assert_eq!(number(b"\xff5"), None);
    }

    #[test]
    fn every_colon_begins_another_bit_with_a_type_of_its_own() {
        assert_eq!(shown("a:1|c:2|ms:3|g"), ["c 1 1", "ms 2 1", "g 3 1"]);
        assert_eq!(shown("a:1:2:3|c"), ["no_type", "no_type", "c 3 1"]);
        assert_eq!(shown("u:a:b|s"), ["no_type", "s b"]);
        assert_eq!(shown("a"), ["no_value"]);
        assert_eq!(shown("|#a:1"), ["no_value"]);
    }

    #[test]
    fn any_other_type_is_a_counter_and_blanks_around_one_are_taken_off_late() {
        assert_eq!(shown("a:1|h:2|d:3|m:4|:5|C"), ["c 1 1", "c 2 1", "c 3 1", "c 4 1", "c 5 1"]);
        assert_eq!(shown("u:abc| s:5| s:5| ms"), ["bad_number", "s 5", "ms 5 1"]);
        assert_eq!(shown("a:-5|ms:-5| ms"), ["negative_timer", "negative_timer"]);
        assert_eq!(shown("u:|s"), ["s 0"]);
    }

    #[test]
    fn a_rate_may_be_above_one_and_what_is_none_is_bad() {
        assert_eq!(shown("a:1|c|@2:1|c|@0.5 |x:1|c|@1e-1"), ["c 1 2", "c 1 0.5", "c 1 0.1"]);
        for rate in ["", "@", "0.1", "@x", "@0", "@-0.1", "@Infinity", "c", "T1656581400", "@1e-10"] {
            assert_eq!(shown(&format!("a:1|c|{rate}")), ["bad_rate"], "{rate}");
        }
        assert_eq!(shown("a:1|c|#k:v|@0.1"), ["c 1 0.1"]);
    }
}
