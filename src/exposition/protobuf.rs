//! The protobuf form: `MetricFamily` messages, each after its length.
//!
//! Messages and their numbers are those of
//! <https://github.com/prometheus/client_model/blob/master/io/prometheus/client/metrics.proto>. Nothing can be added to
//! a message once its length is written, so a family comes in several where it is rendered in several parts, or has
//! native histograms and summaries; Prometheus reads each by itself.

use prost::Message;

use super::names::FamilyType;
use super::native::{Native, ZERO_THRESHOLD};
use super::page::{Header, Sample, Shown};
use crate::time::Stamp;

/// Appends samples of one family.
#[derive(Debug)]
pub(super) struct ProtobufFamily<'w> {
    out: &'w mut Vec<u8>,
    family: MetricFamily,
    /// Bytes the family will take, about.
    pending: usize,
}

impl<'w> ProtobufFamily<'w> {
    pub(super) fn new(out: &'w mut Vec<u8>, header: Header<'w>) -> ProtobufFamily<'w> {
        let family = MetricFamily {
            name: Some(header.name.to_owned()),
            help: Some(header.help.to_owned()),
            family_type: Some(type_of(header.family_type).into()),
            metric: Vec::new(),
            unit: (header.in_seconds && header.name.ends_with("_seconds")).then(|| "seconds".to_owned()),
        };
        ProtobufFamily { out, family, pending: 0 }
    }

    pub(super) fn write(&mut self, labels: &str, sample: &Sample<'_>) {
        let mut metric = Metric { label: pairs(labels), ..Metric::default() };
        let metric_type = match sample {
            Sample::Counter { value, created } => {
                metric.counter =
                    Some(Counter { value: Some(*value), created: Some(Timestamp::of(*created)) });
                MetricType::Counter
            }
            Sample::Gauge(value) => {
                metric.gauge = Some(Gauge { value: Some(*value) });
                MetricType::Gauge
            }
            Sample::Distribution(shown) => distribution(shown, &mut metric),
        };
        if self.family.family_type != Some(metric_type.into()) {
            self.flush();
            self.family.family_type = Some(metric_type.into());
        }
        self.pending += metric.encoded_len() + 3;
        self.family.metric.push(metric);
    }

    pub(super) fn len(&self) -> usize {
        self.out.len() + self.pending
    }

    pub(super) fn end(mut self) {
        self.flush();
    }

    fn flush(&mut self) {
        if !self.family.metric.is_empty() {
            // A vector has room for everything.
            let _ = self.family.encode_length_delimited(self.out);
            self.family.metric.clear();
            self.pending = 0;
        }
    }
}

fn type_of(family_type: FamilyType) -> MetricType {
    match family_type {
        FamilyType::Counter => MetricType::Counter,
        FamilyType::Gauge => MetricType::Gauge,
        FamilyType::Summary => MetricType::Summary,
        FamilyType::Histogram => MetricType::Histogram,
    }
}

fn distribution(shown: &Shown<'_>, metric: &mut Metric) -> MetricType {
    let Some(counted) = &shown.kept.counted else {
        metric.summary = Some(summary(shown));
        return MetricType::Summary;
    };
    let mut histogram = Histogram::default();
    if let Some((bounds, _)) = &counted.classic {
        let cumulative: Vec<u64> = shown.cumulative().map(|count| count as u64).collect();
        histogram.sample_count = cumulative.last().copied();
        histogram.sample_sum = Some(shown.sum());
        histogram.created = Some(Timestamp::of(shown.created()));
        // The infinite bucket has the sample count: it need not be said twice.
        let finite = bounds.values.iter().zip(cumulative);
        histogram.bucket = finite
            .map(|(&bound, count)| Bucket { cumulative_count: Some(count), upper_bound: Some(bound) })
            .collect();
    }
    if let Some(native) = &counted.native {
        histogram.sample_sum = Some(shown.native_sum());
        histogram.created = Some(Timestamp::of(counted.created));
        match shown.at_zero {
            true => histogram.take(&native.emptied()),
            false => histogram.take(native),
        }
    }
    metric.histogram = Some(histogram);
    MetricType::Histogram
}

fn summary(shown: &Shown<'_>) -> Summary {
    let quantiles = shown.quantiles.iter().zip(&shown.kept.quantiles);
    Summary {
        sample_count: Some(shown.count() as u64),
        sample_sum: Some(shown.sum()),
        quantile: quantiles
            .map(|(quantile, &value)| Quantile { quantile: Some(quantile.quantile), value: Some(value) })
            .collect(),
        created: Some(Timestamp::of(shown.created())),
    }
}

impl Histogram {
    /// Takes the buckets of a native histogram, and what they add up to.
    fn take(&mut self, native: &Native) {
        let zeros = native.zeros as u64;
        self.schema = Some(native.schema.into());
        // Above zero also where nothing was counted: this tells it from a classic histogram.
        self.zero_threshold = Some(ZERO_THRESHOLD);
        self.zero_count = Some(zeros);
        let (positive, negative) = (Native::spans(&native.positive), Native::spans(&native.negative));
        self.sample_count = Some(zeros + positive.1.iter().sum::<u64>() + negative.1.iter().sum::<u64>());
        (self.positive_span, self.positive_delta) = spans_and_deltas(positive);
        (self.negative_span, self.negative_delta) = spans_and_deltas(negative);
    }
}

/// Spans by their distance from the one before, counts by their difference from the one before.
fn spans_and_deltas((spans, counts): (Vec<(i32, u32)>, Vec<u64>)) -> (Vec<BucketSpan>, Vec<i64>) {
    let (mut end, mut before) = (0, 0);
    let spans = spans.into_iter().map(|(first, length)| {
        let offset = first - std::mem::replace(&mut end, first + length as i32);
        BucketSpan { offset: Some(offset), length: Some(length) }
    });
    let deltas = counts.into_iter().map(|count| {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        count - std::mem::replace(&mut before, count)
    });
    (spans.collect(), deltas.collect())
}

/// The pairs of a text as `push_labels` makes it.
fn pairs(mut labels: &str) -> Vec<LabelPair> {
    let mut pairs = Vec::new();
    while let Some((name, rest)) = labels.split_once("=\"") {
        let mut value = String::new();
        let mut pieces = rest.char_indices();
        let mut end = rest.len();
        while let Some((at, piece)) = pieces.next() {
            match piece {
                '"' => {
                    end = at + 1;
                    break;
                }
                '\\' => {
                    value.extend(pieces.next().map(|(_, letter)| if letter == 'n' { '\n' } else { letter }))
                }
                piece => value.push(piece),
            }
        }
        pairs.push(LabelPair { name: Some(name.to_owned()), value: Some(value) });
        labels = rest[end..].strip_prefix(',').unwrap_or_default();
    }
    pairs
}

impl Timestamp {
    fn of(at: Stamp) -> Timestamp {
        let nanos = i32::try_from(at.0.rem_euclid(1_000_000_000)).unwrap_or(0);
        Timestamp { seconds: Some(at.seconds()), nanos: Some(nanos) }
    }
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct MetricFamily {
    #[prost(string, optional, tag = "1")]
    pub(super) name: Option<String>,
    #[prost(string, optional, tag = "2")]
    pub(super) help: Option<String>,
    #[prost(enumeration = "MetricType", optional, tag = "3")]
    pub(super) family_type: Option<i32>,
    #[prost(message, repeated, tag = "4")]
    pub(super) metric: Vec<Metric>,
    #[prost(string, optional, tag = "5")]
    pub(super) unit: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
#[repr(i32)]
pub(super) enum MetricType {
    Counter = 0,
    Gauge = 1,
    Summary = 2,
    Histogram = 4,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Metric {
    #[prost(message, repeated, tag = "1")]
    pub(super) label: Vec<LabelPair>,
    #[prost(message, optional, tag = "2")]
    pub(super) gauge: Option<Gauge>,
    #[prost(message, optional, tag = "3")]
    pub(super) counter: Option<Counter>,
    #[prost(message, optional, tag = "4")]
    pub(super) summary: Option<Summary>,
    #[prost(message, optional, tag = "7")]
    pub(super) histogram: Option<Histogram>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct LabelPair {
    #[prost(string, optional, tag = "1")]
    pub(super) name: Option<String>,
    #[prost(string, optional, tag = "2")]
    pub(super) value: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Gauge {
    #[prost(double, optional, tag = "1")]
    pub(super) value: Option<f64>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Counter {
    #[prost(double, optional, tag = "1")]
    pub(super) value: Option<f64>,
    #[prost(message, optional, tag = "3")]
    pub(super) created: Option<Timestamp>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Summary {
    #[prost(uint64, optional, tag = "1")]
    pub(super) sample_count: Option<u64>,
    #[prost(double, optional, tag = "2")]
    pub(super) sample_sum: Option<f64>,
    #[prost(message, repeated, tag = "3")]
    pub(super) quantile: Vec<Quantile>,
    #[prost(message, optional, tag = "4")]
    pub(super) created: Option<Timestamp>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Quantile {
    #[prost(double, optional, tag = "1")]
    pub(super) quantile: Option<f64>,
    #[prost(double, optional, tag = "2")]
    pub(super) value: Option<f64>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Histogram {
    #[prost(uint64, optional, tag = "1")]
    pub(super) sample_count: Option<u64>,
    #[prost(double, optional, tag = "2")]
    pub(super) sample_sum: Option<f64>,
    #[prost(message, repeated, tag = "3")]
    pub(super) bucket: Vec<Bucket>,
    #[prost(sint32, optional, tag = "5")]
    pub(super) schema: Option<i32>,
    #[prost(double, optional, tag = "6")]
    pub(super) zero_threshold: Option<f64>,
    #[prost(uint64, optional, tag = "7")]
    pub(super) zero_count: Option<u64>,
    #[prost(message, repeated, tag = "9")]
    pub(super) negative_span: Vec<BucketSpan>,
    #[prost(sint64, repeated, packed = "false", tag = "10")]
    pub(super) negative_delta: Vec<i64>,
    #[prost(message, repeated, tag = "12")]
    pub(super) positive_span: Vec<BucketSpan>,
    #[prost(sint64, repeated, packed = "false", tag = "13")]
    pub(super) positive_delta: Vec<i64>,
    #[prost(message, optional, tag = "15")]
    pub(super) created: Option<Timestamp>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Bucket {
    #[prost(uint64, optional, tag = "1")]
    pub(super) cumulative_count: Option<u64>,
    #[prost(double, optional, tag = "2")]
    pub(super) upper_bound: Option<f64>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct BucketSpan {
    #[prost(sint32, optional, tag = "1")]
    pub(super) offset: Option<i32>,
    #[prost(uint32, optional, tag = "2")]
    pub(super) length: Option<u32>,
}

/// `google.protobuf.Timestamp`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Timestamp {
    #[prost(int64, optional, tag = "1")]
    pub(super) seconds: Option<i64>,
    #[prost(int32, optional, tag = "2")]
    pub(super) nanos: Option<i32>,
}

#[cfg(test)]
mod tests;
