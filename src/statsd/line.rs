//! The grammar of one line, by bytes: the parser that decides what every line means.
//!
//! `parse` reads the lines most clients send without it; what that accepts, this reads the same way.

use super::number::number;
use crate::metric::{BadReason, Kind, SampleKind};

/// The metrics of `line`, which is neither empty nor ends in `\r` or `\n`.
///
/// `a:1:2|c|@0.5:320|ms|#k:v|@0.1` holds two metrics. A tag section stands for all metrics of its line and ends
/// them: what follows are sections of the last.
pub(super) fn metrics(line: &[u8]) -> Metrics<'_> {
    let (head, tail) = match memchr::memmem::find(line, b"|#") {
        Some(at) => (&line[..at], &line[at..]),
        None => (line, &[][..]),
    };
    Metrics { name: None, head: Some(head), tail, tags: tags(tail) }
}

/// Values of one name and type.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Metric<'a> {
    /// As sent; may be empty.
    pub(super) name: &'a [u8],
    /// The text of the tag section.
    pub(super) tags: &'a [u8],
    /// What the type letter says.
    pub(super) kind: Kind,
    /// Several values are separated by `:`; a set has one.
    pub(super) values: &'a [u8],
    /// In [`LEAST_RATE`, 1].
    pub(super) rate: Result<f64, BadReason>,
    /// The text behind `|T`.
    pub(super) time: Option<&'a [u8]>,
}

impl<'a> Metric<'a> {
    /// The text of every value.
    pub(super) fn each(&self) -> impl Iterator<Item = &'a [u8]> {
        let whole = self.kind == Kind::Set;
        self.values.split(move |&byte| byte == b':' && !whole)
    }
}

/// What one value of a line does, before its series is known.
#[derive(Debug, Clone, Copy)]
pub(super) enum Datum<'a> {
    Number { kind: SampleKind, value: f64, rate: f64 },
    Member(&'a [u8]),
}

impl<'a> Datum<'a> {
    #[inline(always)]
    pub(super) fn read(kind: Kind, text: &'a [u8], rate: f64) -> Result<Datum<'a>, BadReason> {
        match kind {
            Kind::Set if text.is_empty() => Err(BadReason::BadNumber),
            Kind::Set => Ok(Datum::Member(text)),
            kind => {
                read_value(kind, text, rate).map(|(kind, value, rate)| Datum::Number { kind, value, rate })
            }
        }
    }
}

/// What `metrics` gives: metrics, or why one is none.
#[derive(Debug)]
pub(super) struct Metrics<'a> {
    name: Option<&'a [u8]>,
    /// What is left before the tag section. None: nothing follows.
    head: Option<&'a [u8]>,
    tail: &'a [u8],
    tags: &'a [u8],
}

impl<'a> Iterator for Metrics<'a> {
    type Item = Result<Metric<'a>, BadReason>;

    fn next(&mut self) -> Option<Self::Item> {
        let head = self.head.take()?;
        Some(match self.name {
            Some(name) => self.metric(name, head),
            None => self.first(head),
        })
    }
}

impl<'a> Metrics<'a> {
    /// `name:1|c`
    /// `^^^^^` A `|` cannot be part of it: in `_sc|check|0|d:5` the value is missing.
    fn first(&mut self, head: &'a [u8]) -> Result<Metric<'a>, BadReason> {
        match memchr::memchr2(b':', b'|', head) {
            Some(at) if head[at] == b':' => {
                self.name = Some(&head[..at]);
                self.metric(&head[..at], &head[at + 1..])
            }
            _ => Err(BadReason::NoValue),
        }
    }

    /// `1:2|c|@0.5:320|ms`
    /// `^^^^^^^^^^^` one metric; the `:` after its type or rate begins the next.
    fn metric(&mut self, name: &'a [u8], text: &'a [u8]) -> Result<Metric<'a>, BadReason> {
        let bar = memchr::memchr(b'|', text).ok_or(BadReason::NoType)?;
        let (values, mut text) = (&text[..bar], &text[bar + 1..]);
        let letters = self.field(&mut text);
        let (mut rate, mut time) = (Ok(1.0), None);
        while let [b'|', section @ ..] = text {
            text = section;
            if section.starts_with(b"@") {
                rate = read_rate(&self.field(&mut text)[1..]);
            } else {
                let (section, rest) =
                    section.split_at(memchr::memchr(b'|', section).unwrap_or(section.len()));
                time = section.strip_prefix(b"T").or(time);
                text = rest;
            }
        }
        if self.head.is_none() {
            rate = last_rate(self.tail).unwrap_or(rate);
            time = last_time(self.tail).or(time);
        }
        let kind = kind_of(letters).ok_or(BadReason::UnknownType)?;
        Ok(Metric { name, tags: self.tags, kind, values, rate, time })
    }

    /// Cuts a type or a rate from the front of `text`. If a `:` ends it, what follows is left for the next metric.
    fn field(&mut self, text: &mut &'a [u8]) -> &'a [u8] {
        let whole = *text;
        let at = memchr::memchr2(b':', b'|', whole).unwrap_or(whole.len());
        *text = &whole[at..];
        if let [b':', next @ ..] = *text {
            self.head = Some(next);
            *text = &[];
        }
        &whole[..at]
    }
}

/// The kind of series that a type stands for.
#[inline(always)]
pub(super) fn kind_of(letters: &[u8]) -> Option<Kind> {
    match letters {
        b"c" | b"m" => Some(Kind::Counter),
        b"ms" => Some(Kind::Timer),
        b"g" => Some(Kind::Gauge),
        b"s" => Some(Kind::Set),
        b"h" => Some(Kind::Histogram),
        b"d" => Some(Kind::Distribution),
        _ => trimmed(letters).and_then(kind_of),
    }
}

/// The text without the blanks around it, as shell scripts leave them there; none if there are no blanks.
#[cold]
fn trimmed(text: &[u8]) -> Option<&[u8]> {
    let inside = text.trim_ascii();
    (inside.len() < text.len()).then_some(inside)
}

/// The text after the `@`.
///
/// # Errors
/// `BadRate` if it is no number in [`LEAST_RATE`, 1].
#[inline(always)]
pub(super) fn read_rate(text: &[u8]) -> Result<f64, BadReason> {
    match number(text) {
        Ok(rate) if (LEAST_RATE..=1.0).contains(&rate) => Ok(rate),
        _ => Err(BadReason::BadRate),
    }
}

/// A value of any kind but a set: what it does, its number, and the rate as far as the kind uses it.
///
/// # Errors
/// If it is no number, negative where it may not be, or too large, alone or divided by the rate.
#[inline(always)]
pub(super) fn read_value(kind: Kind, text: &[u8], rate: f64) -> Result<(SampleKind, f64, f64), BadReason> {
    let (value, text) = match number(text) {
        Ok(value) => (value, text),
        Err(error) => {
            let text = trimmed(text).ok_or(error)?;
            (number(text)?, text)
        }
    };
    let kind = match kind {
        Kind::Counter => SampleKind::Counter,
        Kind::Gauge if matches!(text.first(), Some(b'+' | b'-')) => SampleKind::GaugeDelta,
        Kind::Gauge => SampleKind::Gauge,
        Kind::Timer if value < 0.0 => return Err(BadReason::NegativeTimer),
        Kind::Timer => SampleKind::Timer,
        Kind::Histogram => SampleKind::Histogram,
        Kind::Distribution => SampleKind::Distribution,
        Kind::Set => SampleKind::Set,
    };
    if rate == 1.0 {
        Ok((kind, value, 1.0))
    } else {
        used_rate(kind, value, rate).map(|rate| (kind, value, rate))
    }
}

/// `rate` as far as a sample of this kind uses it: gauges and sets have no use for one.
///
/// A counter counts `value * (1 / rate)`, computed like that, and an observation is as much of a sum.
///
/// # Errors
/// `BadRate` if it is smaller than `LEAST_RATE` or no finite number, `NotFinite` if the value times `1 / rate` is no finite number.
pub fn used_rate(kind: SampleKind, value: f64, rate: f64) -> Result<f64, BadReason> {
    if !(LEAST_RATE..f64::MAX).contains(&rate) {
        return Err(BadReason::BadRate);
    }
    match kind {
        _ if !value.is_finite() => Err(BadReason::NotFinite),
        SampleKind::Gauge | SampleKind::GaugeDelta | SampleKind::Set => Ok(1.0),
        _ if (value * (1.0 / rate)).is_finite() => Ok(rate),
        _ => Err(BadReason::NotFinite),
    }
}

/// `|#k:v|@0.5|c:x`, of which the last `|#` is taken.
pub(super) fn tags(tail: &[u8]) -> &[u8] {
    tail.split(|&byte| byte == b'|').rev().find_map(|section| section.strip_prefix(b"#")).unwrap_or_default()
}

/// `|#k:v|@0.5|c:x`, of which the last `|@` is taken.
pub(super) fn last_rate(tail: &[u8]) -> Option<Result<f64, BadReason>> {
    tail.split(|&byte| byte == b'|').rev().find_map(|section| section.strip_prefix(b"@")).map(read_rate)
}

/// `|#k:v|T1656581400|c:x`, of which the last `|T` is taken.
pub(super) fn last_time(tail: &[u8]) -> Option<&[u8]> {
    tail.split(|&byte| byte == b'|').rev().find_map(|section| section.strip_prefix(b"T"))
}

/// The smallest rate: nobody samples one of more than a billion, and a smaller one lets a single line count for more
/// than all others ever will.
pub const LEAST_RATE: f64 = 1e-9;
