//! The grammar of DogStatsD as its agent reads it: dialect `dogstatsd`.
//!
//! ```text
//! line    := name ":" value *( ":" value ) "|" type *( "|" section )
//! type    := "c" | "g" | "ms" | "h" | "d" | "s"
//! section := "@" rate | "#" tags | "c:" container | "e:" external data | "card:" … | "T" seconds
//! ```
//!
//! Of a section that comes twice the last counts, and one that nobody knows is skipped. A line has one type; `;` in a name
//! begins no tag; a sign before the value of a gauge is a part of the number; an empty value between two `:` is none. The
//! value of a set is taken whole. Rules are those of
//! <https://docs.datadoghq.com/developers/dogstatsd/datagram_shell/> and of the agent's parser
//! (<https://github.com/DataDog/datadog-agent>, `comp/dogstatsd/server`); numbers, rates and blanks around them are read
//! as in `auto`.

use super::line::{Datum, Metric, kind_of, last_rate, last_time, tags};
use crate::metric::{BadReason, Kind, SampleKind};

/// The metric of `line`, which is neither empty nor ends in `\r` or `\n`.
///
/// # Errors
/// `NoValue`, `NoType` or `UnknownType` if there is none, `BadNumber` if all values are empty, unless the rate is bad.
pub(super) fn metric(line: &[u8]) -> Result<Metric<'_>, BadReason> {
    let bar = memchr::memchr(b'|', line);
    let (first, rest) = line.split_at(bar.unwrap_or(line.len()));
    let colon = memchr::memchr(b':', first).ok_or(BadReason::NoValue)?;
    let (name, values) = (&first[..colon], &first[colon + 1..]);
    let rest = rest.strip_prefix(b"|").ok_or(BadReason::NoType)?;
    let (letters, sections) = rest.split_at(memchr::memchr(b'|', rest).unwrap_or(rest.len()));
    let kind = kind_of(letters).filter(|_| !is_meter(letters)).ok_or(BadReason::UnknownType)?;
    let rate = last_rate(sections).unwrap_or(Ok(1.0));
    if kind != Kind::Set && values.iter().all(|&byte| byte == b':') {
        return Err(rate.err().unwrap_or(BadReason::BadNumber));
    }
    Ok(Metric { name, tags: tags(sections), kind, values, rate, time: last_time(sections) })
}

/// Whether a metric of one value means the same here as in `auto`, `letters` being its type.
#[inline(always)]
pub(super) fn is_plain(letters: &[u8], metric: &Metric<'_>) -> bool {
    let signed = || matches!(metric.values.trim_ascii_start().first(), Some(b'+' | b'-'));
    !is_meter(letters) && (metric.kind != Kind::Gauge || !signed()) && metric.time.is_none()
}

/// The datum of a line of this dialect: gauges are not moved.
pub(super) fn absolute(datum: Datum<'_>) -> Datum<'_> {
    match datum {
        Datum::Number { kind: SampleKind::GaugeDelta, value, rate } => {
            Datum::Number { kind: SampleKind::Gauge, value, rate }
        }
        other => other,
    }
}

/// `m` is a counter of other dialects.
#[inline(always)]
fn is_meter(letters: &[u8]) -> bool {
    letters.contains(&b'm') && letters.trim_ascii() == b"m"
}
