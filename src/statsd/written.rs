//! Samples as lines that a client would have sent: the way back from `parse`.
//!
//! Names are written as they are given, tags where a dialect has them. What would end a tag there becomes `_`, and so does
//! what would end the member of a set.

use crate::metric::{SampleKind, TagsRef};

/// Where a line has its tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TagStyle {
    /// `name:1|c|#k:v,bare`
    Dogstatsd,
    /// `name;k=v;bare:1|c`
    Carbon,
    /// `name,k=v,bare:1|c`
    Influx,
    /// `name#k=v,bare:1|c`
    Librato,
    /// `name[k=v,bare]:1|c`
    Signalfx,
    /// Nowhere.
    Drop,
}

/// What a line says of its name.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Datum<'a> {
    /// What it does.
    pub kind: SampleKind,
    /// How much; for a set it is `member` that counts.
    pub value: f64,
    /// The member of a set.
    pub member: &'a [u8],
    /// Its rate, which is written unless it is 1.
    pub rate: f64,
}

/// Appends the line of a sample, without a newline at its end.
///
/// A negative gauge is two lines, since with a sign alone it would be a change: first it is set to 0.
///
/// ```
/// use heka::metric::{SampleKind, Tags};
/// use heka::statsd::{Datum, TagStyle, write_line};
///
/// let tags = Tags::from([("env", "prod")]);
/// let datum = Datum { kind: SampleKind::Timer, value: 2.5, member: b"", rate: 0.1 };
/// let mut line = Vec::new();
/// write_line(&mut line, b"load", tags.borrowed(), datum, TagStyle::Dogstatsd);
/// assert_eq!(line, b"load:2.5|ms|@0.1|#env:prod");
/// ```
pub fn write_line(out: &mut Vec<u8>, name: &[u8], tags: TagsRef<'_>, datum: Datum<'_>, style: TagStyle) {
    let tags = tags_text(tags, style);
    let (of_name, of_end) = if style == TagStyle::Dogstatsd { ("", &*tags) } else { (&*tags, "") };
    let rate = if datum.rate == 1.0 { String::new() } else { format!("|@{}", datum.rate) };
    // Zero has no sign here.
    let value = datum.value + 0.0;
    let mut kind = datum.kind.text();
    let texts = match datum.kind {
        SampleKind::Set => [None, Some(member_text(datum.member))],
        SampleKind::GaugeDelta => {
            kind = SampleKind::Gauge.text();
            [None, Some(format!("{value:+}"))]
        }
        SampleKind::Gauge if value < 0.0 => [Some("0".to_owned()), Some(value.to_string())],
        _ => [None, Some(value.to_string())],
    };
    for (place, text) in texts.into_iter().flatten().enumerate() {
        if place > 0 {
            out.push(b'\n');
        }
        out.extend_from_slice(name);
        out.extend_from_slice(format!("{of_name}:{text}|{kind}{rate}{of_end}").as_bytes());
    }
}

/// The member of a set as a line can have it. The reference and its proxy take a colon for the end of a value.
pub fn member_text(member: &[u8]) -> String {
    String::from_utf8_lossy(member)
        .replace(|letter: char| letter.is_control() || matches!(letter, '|' | ':'), "_")
}

/// Tags with all that stands around them; nothing if there are none.
fn tags_text(tags: TagsRef<'_>, style: TagStyle) -> String {
    // Before the first, between two, between key and value, and after the last.
    let (first, between, equals, last) = match style {
        TagStyle::Dogstatsd => ("|#", ',', ':', ""),
        TagStyle::Carbon => (";", ';', '=', ""),
        TagStyle::Influx => (",", ',', '=', ""),
        TagStyle::Librato => ("#", ',', '=', ""),
        TagStyle::Signalfx => ("[", ',', '=', "]"),
        TagStyle::Drop => return String::new(),
    };
    // Beside a name a colon would end it, and a bracket the tags.
    let ends = |letter: char| {
        letter.is_control()
            || letter == '|'
            || letter == between
            || style != TagStyle::Dogstatsd && matches!(letter, ':' | ';' | ']')
    };
    let mut text = String::new();
    for (key, value) in tags.iter().filter(|(key, value)| !key.is_empty() || !value.is_empty()) {
        if text.is_empty() {
            text.push_str(first);
        } else {
            text.push(between);
        }
        text.push_str(&key.replace(|letter| ends(letter) || letter == equals, "_"));
        if !value.is_empty() {
            text.push(equals);
            text.push_str(&value.replace(ends, "_"));
        }
    }
    if !text.is_empty() {
        text.push_str(last);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::Tags;

    fn written(kind: SampleKind, value: f64, rate: f64, tags: &Tags, style: TagStyle) -> String {
        let mut out = Vec::new();
        let datum = Datum { kind, value, member: b"a|b\nc:d", rate };
        write_line(&mut out, b"n", tags.borrowed(), datum, style);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_kind_has_its_line() {
        let none = Tags::default();
        for (kind, value, rate, expected) in [
            (SampleKind::Counter, -1.5, 1.0, "n:-1.5|c"),
            (SampleKind::Counter, 2.0, 0.5, "n:2|c|@0.5"),
            (SampleKind::Gauge, 3.0, 1.0, "n:3|g"),
            (SampleKind::Gauge, -0.0, 1.0, "n:0|g"),
            (SampleKind::Gauge, -3.0, 1.0, "n:0|g\nn:-3|g"),
            (SampleKind::GaugeDelta, 3.0, 1.0, "n:+3|g"),
            (SampleKind::GaugeDelta, -3.0, 1.0, "n:-3|g"),
            (SampleKind::Timer, 0.25, 0.1, "n:0.25|ms|@0.1"),
            (SampleKind::Histogram, 1.0, 1.0, "n:1|h"),
            (SampleKind::Distribution, 1.0, 1.0, "n:1|d"),
            (SampleKind::Set, 0.0, 1.0, "n:a_b_c_d|s"),
        ] {
            assert_eq!(written(kind, value, rate, &none, TagStyle::Dogstatsd), expected);
        }
    }

    #[test]
    fn every_style_has_its_tags_in_its_own_place_and_none_ends_early() {
        let tags = Tags::from([("k", "v"), ("bare", ""), ("u:r", "a:b,c;d=e|f]")]);
        for (style, expected) in [
            (TagStyle::Dogstatsd, "n:1|c|@0.5|#k:v,bare,u_r:a:b_c;d=e_f]"),
            (TagStyle::Carbon, "n;k=v;bare;u_r=a_b,c_d=e_f_:1|c|@0.5"),
            (TagStyle::Influx, "n,k=v,bare,u_r=a_b_c_d=e_f_:1|c|@0.5"),
            (TagStyle::Librato, "n#k=v,bare,u_r=a_b_c_d=e_f_:1|c|@0.5"),
            (TagStyle::Signalfx, "n[k=v,bare,u_r=a_b_c_d=e_f_]:1|c|@0.5"),
            (TagStyle::Drop, "n:1|c|@0.5"),
        ] {
            assert_eq!(written(SampleKind::Counter, 1.0, 0.5, &tags, style), expected, "{style:?}");
        }
    }
}
