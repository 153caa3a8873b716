//! The shapes of lines that are read straight from the marks of the scan, and the cutting of text into windows.

use super::line::{Datum, Metric, kind_of, read_rate};
use crate::metric::BadReason;

/// `name:1|c`
/// `    ^ ^ ^` a line of these three marks, with a known type; its value, or why it is none.
#[inline(always)]
pub(super) fn plain<'a>(
    window: &'a [u8],
    start: usize,
    marks: &[u32],
) -> Option<(Metric<'a>, Result<Datum<'a>, BadReason>)> {
    let [colon, bar, end, ..] = *marks else { return None };
    let (colon, bar, end) = (colon as usize, bar as usize, end as usize);
    if !is_colon(window, colon) || !is_bar(window, bar) || !ends_line(window, end) {
        return None;
    }
    let kind = kind_of(without_end(&window[bar + 1..end]))?;
    let (name, values) = (&window[start..colon], &window[colon + 1..bar]);
    let datum = Datum::read(kind, values, 1.0);
    Some((Metric { name, tags: &[], kind, values, rate: Ok(1.0), time: None }, datum))
}

/// `name:1|c|@0.1|#k:v,k2:v2`
/// `    ^ ^ ^    ^  ^    ^  ^` sections after the type, whose own `:` mean nothing; in a rate they would.
pub(super) fn sectioned<'a>(window: &'a [u8], start: usize, marks: &[u32]) -> Option<(Metric<'a>, usize)> {
    let [colon, bar, first, ..] = *marks else { return None };
    let (colon, bar, mut open) = (colon as usize, bar as usize, first as usize);
    if !is_colon(window, colon) || !is_bar(window, bar) || !is_bar(window, open) {
        return None;
    }
    let kind = kind_of(&window[bar + 1..open])?;
    let (mut tags, mut rate, mut time) = (&[][..], Ok(1.0), None);
    let mut read = 3;
    while is_bar(window, open) {
        let inner = marks[read..].iter().take_while(|&&at| is_colon(window, at as usize)).count();
        let close = *marks.get(read + inner)? as usize;
        let section = &window[open + 1..close];
        let section = if ends_line(window, close) { without_end(section) } else { section };
        match section {
            [b'@', ..] if inner > 0 => return None,
            [b'@', text @ ..] => rate = read_rate(text),
            [b'#', text @ ..] => tags = text,
            [b'T', text @ ..] => time = Some(text),
            _ => {}
        }
        open = close;
        read += inner + 1;
    }
    let (name, values) = (&window[start..colon], &window[colon + 1..bar]);
    Some((Metric { name, tags, kind, values, rate, time }, read))
}

/// How many of `marks` belong to the first line, its end included.
pub(super) fn marks_of_line(window: &[u8], marks: &[u32]) -> usize {
    1 + marks.iter().take_while(|&&at| !ends_line(window, at as usize)).count()
}

/// Whether the mark `at` is a line feed or the end of the text.
#[inline(always)]
fn ends_line(window: &[u8], at: usize) -> bool {
    window.get(at).is_none_or(|&byte| byte == b'\n')
}

#[inline(always)]
fn is_bar(window: &[u8], at: usize) -> bool {
    window.get(at) == Some(&b'|')
}

#[inline(always)]
fn is_colon(window: &[u8], at: usize) -> bool {
    window.get(at) == Some(&b':')
}

/// `line` without `\n`, `\r\n` or `\r` at its end.
#[inline(always)]
pub(super) fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Cuts whole lines of at most `WINDOW` bytes from the front, or one line if it is longer.
pub(super) fn cut(text: &[u8]) -> (&[u8], &[u8]) {
    if text.len() <= WINDOW {
        return (text, &[]);
    }
    let end = memchr::memrchr(b'\n', &text[..WINDOW]).or_else(|| memchr::memchr(b'\n', text));
    text.split_at(end.map_or(text.len(), |at| at + 1))
}

/// Bytes scanned at once: their marks stay in the cache, whatever comes over a stream.
pub(super) const WINDOW: usize = 16 << 10;
