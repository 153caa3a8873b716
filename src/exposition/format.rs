//! Which format a scraper gets: negotiation by the fields Accept and Accept-Encoding.
//!
//! <https://prometheus.io/docs/instrumenting/content_negotiation/>. Names are legal in every version, so that no way of
//! escaping them needs to be agreed upon. Who accepts nothing of it gets text, as everywhere in the field.

use super::names::Style;

/// A format of the exposition.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Format {
    /// Text 0.0.4.
    #[default]
    Text,
    /// The same with bounds and quantiles as Go's client writes them there: `le="1"`.
    GoText,
    /// OpenMetrics 1.0 text.
    OpenMetrics,
    /// The same for who knows only the draft of it.
    OpenMetricsDraft,
    /// `MetricFamily` messages, each after its length.
    Protobuf,
}

impl Format {
    /// The text that is served in that style.
    pub const fn text(style: Style) -> Format {
        match style {
            Style::Hekad => Format::Text,
            Style::Exporter => Format::GoText,
        }
    }

    /// What is best of what an Accept field names; text if there is none. statsd_exporter has no OpenMetrics.
    pub fn accepted(accept: Option<&str>, style: Style) -> Format {
        let ranges = accept.unwrap_or_default().split(',').map(MediaRange::parse);
        let mut best = (0.0, Format::text(style));
        for (quality, format) in ranges.filter_map(|range| Some((range.quality, range.format(style)?))) {
            // The first of equals: scrapers name first what they like best.
            if quality > best.0 {
                best = (quality, format);
            }
        }
        best.1
    }

    /// The content type, exactly.
    pub const fn content_type(self) -> &'static str {
        match self {
            Format::Text | Format::GoText => "text/plain; version=0.0.4; charset=utf-8",
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Format::OpenMetricsDraft => "application/openmetrics-text; version=0.0.1; charset=utf-8",
            Format::Protobuf => {
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
            }
        }
    }

    /// What ends a page.
    pub const fn end(self) -> &'static [u8] {
        if self.is_openmetrics() { b"# EOF\n" } else { b"" }
    }

    pub(super) const fn is_openmetrics(self) -> bool {
        matches!(self, Format::OpenMetrics | Format::OpenMetricsDraft)
    }
}

/// Whether an Accept-Encoding field allows gzip.
pub fn accepts_gzip(accept_encoding: Option<&str>) -> bool {
    let ranges = || accept_encoding.unwrap_or_default().split(',').map(MediaRange::parse);
    let named = |word: &str| ranges().find(|range| range.name == word).map(|range| range.quality > 0.0);
    named("gzip").or_else(|| named("x-gzip")).or_else(|| named("*")).unwrap_or(false)
}

/// One element of such a field: a name, parameters and a weight.
struct MediaRange<'a> {
    name: String,
    parameters: Vec<(String, &'a str)>,
    quality: f64,
}

impl<'a> MediaRange<'a> {
    fn parse(text: &'a str) -> MediaRange<'a> {
        let mut pieces = text.split(';').map(str::trim);
        let name = pieces.next().unwrap_or_default().to_ascii_lowercase();
        let mut range = MediaRange { name, parameters: Vec::new(), quality: 1.0 };
        for (key, value) in pieces.filter_map(|piece| piece.split_once('=')) {
            let (key, value) = (key.trim().to_ascii_lowercase(), value.trim().trim_matches('"'));
            if key == "q" {
                range.quality = value.parse().ok().filter(|q| (0.0..=1.0).contains(q)).unwrap_or(0.0);
            } else {
                range.parameters.push((key, value));
            }
        }
        range
    }

    fn format(&self, style: Style) -> Option<Format> {
        match (self.name.as_str(), self.parameter("version")) {
            ("application/openmetrics-text", _) if style == Style::Exporter => None,
            ("application/openmetrics-text", None | Some("1.0.0")) => Some(Format::OpenMetrics),
            ("application/openmetrics-text", Some("0.0.1")) => Some(Format::OpenMetricsDraft),
            // A reader of text 1.0.0 reads 0.0.4: it only has more ways to write names.
            ("text/plain", None | Some("0.0.4" | "1.0.0")) | ("text/*" | "*/*", _) => {
                Some(Format::text(style))
            }
            ("application/vnd.google.protobuf", _) => {
                let delimited = self.parameter("encoding").is_none_or(|encoding| encoding == "delimited");
                let family = self.parameter("proto") == Some("io.prometheus.client.MetricFamily");
                (delimited && family).then_some(Format::Protobuf)
            }
            _ => None,
        }
    }

    fn parameter(&self, name: &str) -> Option<&'a str> {
        self.parameters.iter().find(|(key, _)| key == name).map(|&(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Prometheus 2.42 asks, with native histograms and without, and as 3.0 does.
    const PROMETHEUS: [(&str, Format); 4] = [
        (
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
             text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            Format::OpenMetrics,
        ),
        (
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,\
             application/openmetrics-text;version=1.0.0;q=0.8,application/openmetrics-text;version=0.0.1;q=0.75,\
             text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            Format::Protobuf,
        ),
        (
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
             application/openmetrics-text;version=0.0.1;q=0.4,\
             text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
            Format::OpenMetrics,
        ),
        (
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,\
             application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
             text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
            Format::Protobuf,
        ),
    ];

    #[test]
    fn the_best_of_what_is_accepted_is_served_and_text_otherwise() {
        let table = [
            ("", Format::Text),
            ("*/*", Format::Text),
            ("text/html,application/xhtml+xml,*/*;q=0.8", Format::Text),
            ("application/openmetrics-text", Format::OpenMetrics),
            ("Application/OpenMetrics-Text ; Version=\"0.0.1\" ; Q=1", Format::OpenMetricsDraft),
            ("application/openmetrics-text;version=2.0.0,text/plain;q=0.1", Format::Text),
            ("application/openmetrics-text;q=0.4,text/plain;q=0.5", Format::Text),
            ("application/openmetrics-text;q=0", Format::Text),
            ("application/openmetrics-text;q=x", Format::Text),
            ("application/vnd.google.protobuf;proto=other;encoding=delimited", Format::Text),
            (
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text",
                Format::Text,
            ),
        ];
        for (accept, format) in table.into_iter().chain(PROMETHEUS) {
            assert_eq!(Format::accepted(Some(accept), Style::Hekad), format, "{accept}");
            let of_exporter = if format == Format::Protobuf { format } else { Format::GoText };
            assert_eq!(Format::accepted(Some(accept), Style::Exporter), of_exporter, "{accept}");
        }
        assert_eq!(Format::accepted(None, Style::Hekad), Format::Text);
    }

    #[test]
    fn gzip_is_used_where_it_is_allowed() {
        let table = [
            ("gzip", true),
            ("deflate, GZIP;q=0.5", true),
            ("gzip;q=0", false),
            ("gzip;q=0.000,*", false),
            ("*", true),
            ("*;q=0", false),
            ("x-gzip", true),
            ("identity", false),
            ("", false),
        ];
        for (accept, allowed) in table {
            assert_eq!(accepts_gzip(Some(accept)), allowed, "{accept}");
        }
        assert!(!accepts_gzip(None));
    }
}
