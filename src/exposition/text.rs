//! Renders families: HELP, TYPE and samples.

use super::escape::{push_help, push_label_value};
use super::names::{FamilyType, label_name};

/// The content type of what `TextWriter` writes.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Appends families to a buffer.
///
/// A family is contiguous by construction: its samples can only be written to the `FamilyWriter` that its header gave.
/// That no family comes twice is left to whoever walks them.
#[derive(Debug)]
pub struct TextWriter<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> TextWriter<'a> {
    /// Writes to the end of `out`.
    pub fn new(out: &'a mut Vec<u8>) -> TextWriter<'a> {
        TextWriter { out }
    }

    /// Writes the header of a family. `name` is legal; `help` is escaped.
    pub fn family<'w>(&'w mut self, name: &'w str, help: &str, family_type: FamilyType) -> FamilyWriter<'w> {
        self.out.extend_from_slice(b"# HELP ");
        self.out.extend_from_slice(name.as_bytes());
        self.out.push(b' ');
        push_help(self.out, help);
        self.out.extend_from_slice(b"\n# TYPE ");
        self.out.extend_from_slice(name.as_bytes());
        self.out.push(b' ');
        self.out.extend_from_slice(family_type.word().as_bytes());
        self.out.push(b'\n');
        self.resume(name)
    }

    /// Goes on with a family whose header was written in an earlier part.
    pub fn resume<'w>(&'w mut self, name: &'w str) -> FamilyWriter<'w> {
        FamilyWriter { out: self.out, name }
    }
}

/// Appends samples of one family.
#[derive(Debug)]
pub struct FamilyWriter<'w> {
    out: &'w mut Vec<u8>,
    name: &'w str,
}

impl FamilyWriter<'_> {
    /// Writes a sample. `suffix` is empty, `_sum` or `_count`; `labels` as `push_labels` makes them.
    pub fn sample(&mut self, suffix: &str, labels: &str, value: f64) {
        self.name(suffix);
        if !labels.is_empty() {
            self.out.push(b'{');
            self.out.extend_from_slice(labels.as_bytes());
            self.out.push(b'}');
        }
        self.value(value);
    }

    /// Writes one quantile of a summary.
    pub fn quantile(&mut self, labels: &str, quantile: f64, value: f64) {
        self.name("");
        self.out.push(b'{');
        if !labels.is_empty() {
            self.out.extend_from_slice(labels.as_bytes());
            self.out.push(b',');
        }
        self.out.extend_from_slice(b"quantile=\"");
        write_value(self.out, quantile);
        self.out.extend_from_slice(b"\"}");
        self.value(value);
    }

    /// Bytes in the buffer, those that were there before included.
    pub fn len(&self) -> usize {
        self.out.len()
    }

    /// Whether the buffer is empty.
    pub fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    fn name(&mut self, suffix: &str) {
        self.out.extend_from_slice(self.name.as_bytes());
        self.out.extend_from_slice(suffix.as_bytes());
    }

    fn value(&mut self, value: f64) {
        self.out.push(b' ');
        write_value(self.out, value);
        self.out.push(b'\n');
    }
}

/// Appends the labels that tags make, without braces: `dc="eu",env="prod"`, sorted, every name once.
///
/// A tag without a value is `true`, since a label without one is none. Tags whose keys become one name share it, their
/// values joined by `,` in the order of the tags.
pub fn push_labels(out: &mut Vec<u8>, tags: &[(Box<str>, Box<str>)]) {
    let mut labels: Vec<(String, &str)> = tags
        .iter()
        .map(|(key, value)| (label_name(key), if value.is_empty() { "true" } else { value }))
        .collect();
    labels.sort_by(|(one, _), (other, _)| one.cmp(other));
    for (at, label) in labels.chunk_by(|(one, _), (other, _)| one == other).enumerate() {
        if at > 0 {
            out.push(b',');
        }
        out.extend_from_slice(label[0].0.as_bytes());
        out.extend_from_slice(b"=\"");
        for (at, (_, value)) in label.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            push_label_value(out, value);
        }
        out.push(b'"');
    }
}

/// Appends a number as Prometheus reads it: the shortest digits that read back as the same, `NaN`, `+Inf` or `-Inf`.
pub fn write_value(out: &mut Vec<u8>, value: f64) {
    let whole = value as i64;
    if whole as f64 == value && whole.unsigned_abs() < EXACT_INTEGERS {
        out.extend_from_slice(itoa::Buffer::new().format(whole).as_bytes());
    } else if value.is_finite() {
        let mut buffer = zmij::Buffer::new();
        let text = buffer.format_finite(value);
        out.extend_from_slice(text.strip_suffix(".0").unwrap_or(text).as_bytes());
    } else if value.is_nan() {
        out.extend_from_slice(b"NaN");
    } else {
        out.extend_from_slice(if value > 0.0 { b"+Inf" } else { b"-Inf" });
    }
}

/// Integers below this are floats of their own.
const EXACT_INTEGERS: u64 = 1 << 53;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value(number: f64) -> String {
        let mut out = Vec::new();
        write_value(&mut out, number);
        String::from_utf8(out).unwrap()
    }

    fn labels(tags: &[(&str, &str)]) -> String {
        let tags: Vec<_> = tags.iter().map(|&(key, value)| (key.into(), value.into())).collect();
        let mut out = Vec::new();
        push_labels(&mut out, &tags);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_family_is_a_header_and_its_samples() {
        let mut out = Vec::new();
        let mut writer = TextWriter::new(&mut out);
        let mut family = writer.family("x_seconds", "timer x\nof \\", FamilyType::Summary);
        family.quantile("", 0.5, 0.25);
        family.quantile("env=\"prod\"", 0.99, f64::NAN);
        family.sample("_sum", "env=\"prod\"", 1.5);
        family.sample("_count", "", 3.0);
        let expected = "# HELP x_seconds timer x\\nof \\\\\n# TYPE x_seconds summary\n\
                        x_seconds{quantile=\"0.5\"} 0.25\nx_seconds{env=\"prod\",quantile=\"0.99\"} NaN\n\
                        x_seconds_sum{env=\"prod\"} 1.5\nx_seconds_count 3\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn labels_are_sorted_escaped_and_named_once() {
        assert_eq!(labels(&[("env", "p\"r\\o\nd"), ("dc", "eu")]), r#"dc="eu",env="p\"r\\o\nd""#);
        assert_eq!(labels(&[("a.b", "1"), ("up", ""), ("a_b", "2")]), r#"a_b="1,2",up="true""#);
        assert_eq!(labels(&[]), "");
    }

    #[test]
    fn values_are_short_and_have_prometheus_words() {
        let table = [
            (0.0, "0"),
            (-0.0, "0"),
            (3.0, "3"),
            (0.1, "0.1"),
            (9007199254740993.0, "9007199254740992"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
        ];
        for (number, text) in table {
            assert_eq!(value(number), text);
        }
    }

    proptest! {
        #[test]
        fn a_value_written_and_read_is_the_same(bits in any::<u64>()) {
            let number = f64::from_bits(bits);
            prop_assume!(!number.is_nan());
            prop_assert_eq!(value(number).parse::<f64>().unwrap(), number);
        }
    }
}
