//! The text forms, 0.0.4 and OpenMetrics 1.0: HELP, TYPE, UNIT and samples.
//!
//! <https://prometheus.io/docs/instrumenting/exposition_formats/> and
//! <https://prometheus.io/docs/specs/om/open_metrics_spec/>. Both have the same samples, but that OpenMetrics has
//! `_created` beside what is cumulative, and no sum or quantile below zero, which it forbids.

use super::escape::{push_help, push_label_value, push_open_help};
use super::format::Format;
use super::names::{FamilyType, Style};
use super::number::write_value;
use super::page::{Header, Sample, Shown, stem};
use crate::metric::TagsRef;
use crate::time::Stamp;

/// Appends samples of one family.
#[derive(Debug)]
pub(super) struct TextFamily<'w> {
    out: &'w mut Vec<u8>,
    name: &'w str,
    /// OpenMetrics: the name that `_created` follows; none where there is no such line.
    created: Option<&'w str>,
    open: bool,
    /// Whether a whole number in a label is written without ".0".
    go: bool,
}

impl<'w> TextFamily<'w> {
    pub(super) fn begin(out: &'w mut Vec<u8>, format: Format, header: Header<'w>) -> TextFamily<'w> {
        let open = format.is_openmetrics();
        let counter = header.family_type == FamilyType::Counter;
        let (name, word) = match stem(header.name).filter(|_| open && counter && header.open_counter) {
            Some(stem) => (stem, "counter"),
            None if open && counter => (header.name, "unknown"),
            None => (header.name, header.family_type.word()),
        };
        line(out, "# HELP ", name, |out| match open {
            true => push_open_help(out, header.help),
            false => push_help(out, header.help),
        });
        line(out, "# TYPE ", name, |out| out.extend_from_slice(word.as_bytes()));
        if open && header.in_seconds && name.ends_with("_seconds") {
            line(out, "# UNIT ", name, |out| out.extend_from_slice(b"seconds"));
        }
        TextFamily::resume(out, format, header)
    }

    pub(super) fn resume(out: &'w mut Vec<u8>, format: Format, header: Header<'w>) -> TextFamily<'w> {
        let open = format.is_openmetrics();
        let created = match header.family_type {
            _ if !open || header.without_created => None,
            FamilyType::Gauge => None,
            FamilyType::Counter => stem(header.name).filter(|_| header.open_counter),
            FamilyType::Summary | FamilyType::Histogram => Some(header.name),
        };
        TextFamily { out, name: header.name, created, open, go: format == Format::GoText }
    }

    pub(super) fn write(&mut self, labels: &str, sample: &Sample<'_>) {
        match sample {
            Sample::Counter { value, created } => {
                self.sample("", labels, *value);
                self.created(labels, *created);
            }
            Sample::Gauge(value) => self.sample("", labels, *value),
            Sample::Distribution(shown) => {
                self.distribution(labels, shown);
                self.created(labels, shown.created());
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        self.out.len()
    }

    fn distribution(&mut self, labels: &str, shown: &Shown<'_>) {
        let classic = shown.kept.counted.as_ref().and_then(|counted| counted.classic.as_ref());
        let Some((bounds, _)) = classic else { return self.summary(labels, shown) };
        let mut count = 0.0;
        for (label, cumulative) in bounds.labels.iter().zip(shown.cumulative()) {
            self.labelled("_bucket", labels, "le", label, cumulative);
            count = cumulative;
        }
        // OpenMetrics: neither where there may be values below zero; the last bucket has the count.
        if !self.open || (!bounds.are_negative() && shown.sum() >= 0.0) {
            self.sample("_sum", labels, shown.sum());
            self.sample("_count", labels, count);
        }
    }

    fn summary(&mut self, labels: &str, shown: &Shown<'_>) {
        for (quantile, &value) in shown.quantiles.iter().zip(&shown.kept.quantiles) {
            if !(self.open && value < 0.0) {
                self.labelled("", labels, "quantile", &quantile.label, value);
            }
        }
        if !(self.open && shown.sum() < 0.0) {
            self.sample("_sum", labels, shown.sum());
        }
        self.sample("_count", labels, shown.count());
    }

    fn created(&mut self, labels: &str, at: Stamp) {
        if let Some(name) = self.created {
            self.out.extend_from_slice(name.as_bytes());
            self.out.extend_from_slice(b"_created");
            self.braces(labels);
            self.value(at.0 as f64 / 1e9);
        }
    }

    fn sample(&mut self, suffix: &str, labels: &str, value: f64) {
        self.name(suffix);
        self.braces(labels);
        self.value(value);
    }

    /// Writes a sample with one label more, whose value is a number.
    fn labelled(&mut self, suffix: &str, labels: &str, label: &str, text: &str, value: f64) {
        self.name(suffix);
        self.out.push(b'{');
        if !labels.is_empty() {
            self.out.extend_from_slice(labels.as_bytes());
            self.out.push(b',');
        }
        self.out.extend_from_slice(label.as_bytes());
        self.out.extend_from_slice(b"=\"");
        let number = text.strip_suffix(".0").filter(|_| self.go).unwrap_or(text);
        self.out.extend_from_slice(number.as_bytes());
        self.out.extend_from_slice(b"\"}");
        self.value(value);
    }

    fn name(&mut self, suffix: &str) {
        self.out.extend_from_slice(self.name.as_bytes());
        self.out.extend_from_slice(suffix.as_bytes());
    }

    fn braces(&mut self, labels: &str) {
        if !labels.is_empty() {
            self.out.push(b'{');
            self.out.extend_from_slice(labels.as_bytes());
            self.out.push(b'}');
        }
    }

    fn value(&mut self, value: f64) {
        self.out.push(b' ');
        write_value(self.out, value);
        self.out.push(b'\n');
    }
}

fn line(out: &mut Vec<u8>, begin: &str, name: &str, rest: impl FnOnce(&mut Vec<u8>)) {
    out.extend_from_slice(begin.as_bytes());
    out.extend_from_slice(name.as_bytes());
    out.push(b' ');
    rest(out);
    out.push(b'\n');
}

/// Appends the labels that tags make, without braces: `dc="eu",env="prod"`, sorted, every name once.
///
/// A tag without a value is `true`, since a label without one is none. Tags whose keys become one name share it, their
/// values joined by `,` in the order of the tags.
pub fn push_labels(out: &mut Vec<u8>, tags: TagsRef<'_>) {
    out.extend_from_slice(escaped_labels(&labels_of_tags(tags, Style::Hekad)).as_bytes());
}

/// The labels that tags make, sorted, every name once.
///
/// As statsd_exporter has it, a tag without a value is no label, and of tags whose keys become one name the last counts.
pub(super) fn labels_of_tags(tags: TagsRef<'_>, style: Style) -> Vec<(String, String)> {
    let value = |value: &str| match (value, style) {
        ("", Style::Hekad) => Some("true".to_owned()),
        ("", Style::Exporter) => None,
        (value, _) => Some(value.to_owned()),
    };
    let named = tags.iter().filter_map(|(key, text)| Some((style.label_name(key), value(text)?)));
    let mut labels: Vec<(String, String)> = named.collect();
    labels.sort_by(|(one, _), (other, _)| one.cmp(other));
    labels.dedup_by(|later, kept| {
        let same = later.0 == kept.0;
        if same && style == Style::Hekad {
            kept.1.push(',');
            kept.1.push_str(&later.1);
        } else if same {
            std::mem::swap(&mut kept.1, &mut later.1);
        }
        same
    });
    labels
}

/// The text of labels, without braces.
pub(super) fn escaped_labels(labels: &[(String, String)]) -> String {
    let mut out = Vec::new();
    for (at, (name, value)) in labels.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"=\"");
        push_label_value(&mut out, value);
        out.push(b'"');
    }
    String::from_utf8(out).expect("labels are made of text")
}

#[cfg(test)]
mod tests {
    use super::super::distribution::{Observed, Samples};
    use super::super::names::Unit;
    use super::super::page::{FamilyWriter, Quantile};
    use super::super::shapes::{Shape, Shapes};
    use super::*;
    use crate::exposition::distribution::Distribution;
    use crate::metric::Tags;

    fn labels(tags: &[(&str, &str)]) -> String {
        let tags: Tags = tags.iter().copied().collect();
        let mut out = Vec::new();
        push_labels(&mut out, tags.borrowed());
        String::from_utf8(out).unwrap()
    }

    fn written(format: Format, header: Header<'_>, samples: &[(&str, Sample<'_>)]) -> String {
        let mut out = Vec::new();
        let mut family = FamilyWriter::begin(&mut out, format, header);
        samples.iter().for_each(|(labels, sample)| family.write(labels, sample));
        family.end();
        String::from_utf8(out).unwrap()
    }

    fn header(name: &str, family_type: FamilyType) -> Header<'_> {
        Header {
            name,
            help: "x \"y\"\n",
            family_type,
            in_seconds: true,
            open_counter: true,
            without_created: false,
        }
    }

    /// One second twice and three once, of which `sum` is said.
    fn kept(shape: &Shape, sum: f64) -> Distribution {
        let mut kept = Distribution::new(shape, Stamp::from_seconds(3));
        let observed = Observed {
            samples: Samples::Exact(&[1.0, 1.0, 3.0]),
            weight: 3.0,
            since: Stamp::from_seconds(2),
            total_sum: sum,
            total_weight: 3.4,
            created: Stamp(1_500_000_000),
        };
        kept.take(&observed, Unit::PLAIN, 0);
        kept.quantiles = vec![sum / 5.0, f64::NAN];
        kept
    }

    fn distribution(format: Format, kept: &Distribution, at_zero: bool) -> String {
        let quantiles = [Quantile::new(0.5), Quantile::new(1.0)];
        let classic = kept.counted.is_some();
        let family_type = if classic { FamilyType::Histogram } else { FamilyType::Summary };
        let shown = Sample::Distribution(Shown { kept, quantiles: &quantiles, at_zero });
        written(format, header("d_seconds", family_type), &[("a=\"b\"", shown)])
    }

    #[test]
    fn a_counter_has_its_suffix_in_its_samples_alone_in_openmetrics() {
        let sample = Sample::Counter { value: 1.5, created: Stamp(1_500_000_000) };
        let samples = [("", sample), ("a=\"b\"", sample)];
        let text = written(Format::Text, header("x_total", FamilyType::Counter), &samples);
        let expected =
            "# HELP x_total x \"y\"\\n\n# TYPE x_total counter\nx_total 1.5\nx_total{a=\"b\"} 1.5\n";
        assert_eq!(text, expected);
        let open = written(Format::OpenMetrics, header("x_total", FamilyType::Counter), &samples);
        let expected = "# HELP x x \\\"y\\\"\\n\n# TYPE x counter\nx_total 1.5\nx_created 1.5\n\
                        x_total{a=\"b\"} 1.5\nx_created{a=\"b\"} 1.5\n";
        assert_eq!(open, expected);
    }

    #[test]
    fn what_openmetrics_allows_as_no_counter_is_unknown() {
        let sample = [("", Sample::Counter { value: 1.0, created: Stamp(0) })];
        let unknown = |header: Header<'_>| written(Format::OpenMetrics, header, &sample);
        let expected =
            |name: &str| format!("# HELP {name} x \\\"y\\\"\\n\n# TYPE {name} unknown\n{name} 1\n");
        assert_eq!(unknown(header("x_count", FamilyType::Counter)), expected("x_count"));
        assert_eq!(unknown(header("_total", FamilyType::Counter)), expected("_total"));
        assert_eq!(unknown(header("x_created_total", FamilyType::Counter)), expected("x_created_total"));
        let taken = Header { open_counter: false, ..header("x_total", FamilyType::Counter) };
        assert_eq!(unknown(taken), expected("x_total"));
    }

    #[test]
    fn a_unit_is_said_where_the_name_has_it() {
        let unit = |header: Header<'_>| written(Format::OpenMetrics, header, &[]).contains("# UNIT");
        assert!(unit(header("x_seconds", FamilyType::Gauge)));
        assert!(unit(header("x_seconds_total", FamilyType::Counter)));
        assert!(!unit(header("x", FamilyType::Gauge)));
        assert!(!unit(Header { in_seconds: false, ..header("x_seconds", FamilyType::Gauge) }));
        assert!(!written(Format::Text, header("x_seconds", FamilyType::Gauge), &[]).contains("# UNIT"));
    }

    #[test]
    fn a_summary_has_quantiles_sum_and_count() {
        let expected = "# HELP d_seconds x \"y\"\\n\n# TYPE d_seconds summary\n\
                        d_seconds{a=\"b\",quantile=\"0.5\"} 1\nd_seconds{a=\"b\",quantile=\"1.0\"} NaN\n\
                        d_seconds_sum{a=\"b\"} 5\nd_seconds_count{a=\"b\"} 3\n";
        assert_eq!(distribution(Format::Text, &kept(&Shape::default(), 5.0), false), expected);
        let open = distribution(Format::OpenMetrics, &kept(&Shape::default(), 5.0), true);
        let expected = "# HELP d_seconds x \\\"y\\\"\\n\n# TYPE d_seconds summary\n# UNIT d_seconds seconds\n\
                        d_seconds{a=\"b\",quantile=\"0.5\"} 1\nd_seconds{a=\"b\",quantile=\"1.0\"} NaN\n\
                        d_seconds_sum{a=\"b\"} 0\nd_seconds_count{a=\"b\"} 0\nd_seconds_created{a=\"b\"} 1.5\n";
        assert_eq!(open, expected);
    }

    #[test]
    fn a_histogram_has_buckets_that_add_up_to_its_count() {
        let shape = Shapes::new([("*", &[1.0, 2.0][..])], []).unwrap().of("d");
        let expected = "# HELP d_seconds x \"y\"\\n\n# TYPE d_seconds histogram\n\
                        d_seconds_bucket{a=\"b\",le=\"1.0\"} 2\nd_seconds_bucket{a=\"b\",le=\"2.0\"} 2\n\
                        d_seconds_bucket{a=\"b\",le=\"+Inf\"} 3\n\
                        d_seconds_sum{a=\"b\"} 5\nd_seconds_count{a=\"b\"} 3\n";
        assert_eq!(distribution(Format::Text, &kept(&shape, 9.0), false), expected);
        assert_eq!(distribution(Format::GoText, &kept(&shape, 9.0), false), expected.replace(".0\"", "\""));
        let open = distribution(Format::OpenMetrics, &kept(&shape, 9.0), true);
        let samples = "d_seconds_bucket{a=\"b\",le=\"1.0\"} 0\nd_seconds_bucket{a=\"b\",le=\"2.0\"} 0\n\
                       d_seconds_bucket{a=\"b\",le=\"+Inf\"} 0\nd_seconds_sum{a=\"b\"} 0\n\
                       d_seconds_count{a=\"b\"} 0\nd_seconds_created{a=\"b\"} 2\n";
        assert!(open.ends_with(&format!("seconds\n{samples}")), "{open}");
    }

    #[test]
    fn openmetrics_has_nothing_below_zero_that_it_forbids() {
        let open = distribution(Format::OpenMetrics, &kept(&Shape::default(), -5.0), false);
        let samples = "d_seconds{a=\"b\",quantile=\"1.0\"} NaN\nd_seconds_count{a=\"b\"} 3\n";
        assert!(open.contains(&format!("seconds\n{samples}")), "{open}");
        let shape = Shapes::new([("*", &[-1.0][..])], []).unwrap().of("d");
        let open = distribution(Format::OpenMetrics, &kept(&shape, 9.0), false);
        assert!(!open.contains("_sum") && !open.contains("_count"), "{open}");
    }

    #[test]
    fn labels_are_sorted_escaped_and_named_once() {
        assert_eq!(labels(&[("env", "p\"r\\o\nd"), ("dc", "eu")]), r#"dc="eu",env="p\"r\\o\nd""#);
        assert_eq!(labels(&[("a.b", "1"), ("up", ""), ("a_b", "2")]), r#"a_b="1,2",up="true""#);
        assert_eq!(labels(&[]), "");
    }
}
