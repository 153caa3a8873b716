//! Families of a page in whatever format: a header, then samples.
//!
//! A family is contiguous by construction: its samples can only be written to the `FamilyWriter` that its header gave.
//! That no family comes twice is left to whoever walks them.

use super::distribution::Distribution;
use super::format::Format;
use super::names::FamilyType;
use super::number::label_number;
use super::protobuf::ProtobufFamily;
use super::text::TextFamily;
use crate::time::Stamp;

/// What stands above the samples of a family.
#[derive(Debug, Clone, Copy)]
pub struct Header<'h> {
    /// The name in text and protobuf, legal there.
    pub name: &'h str,
    /// What it is, in any characters.
    pub help: &'h str,
    /// Its type.
    pub family_type: FamilyType,
    /// Whether the name ends in the unit `seconds`.
    pub in_seconds: bool,
    /// Whether OpenMetrics allows it as a counter: see `stem`.
    pub open_counter: bool,
    /// Whether OpenMetrics is to leave `_created` out.
    pub without_created: bool,
}

/// What one series has to show.
#[derive(Debug, Clone, Copy)]
pub enum Sample<'a> {
    /// A running total.
    Counter {
        /// The total.
        value: f64,
        /// When it was 0.
        created: Stamp,
    },
    /// The last value.
    Gauge(f64),
    /// A summary or a histogram.
    Distribution(Shown<'a>),
}

/// A distribution as it is shown.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    pub(super) kept: &'a Distribution,
    pub(super) quantiles: &'a [Quantile],
    /// Whether what is cumulative of it is shown as 0.
    pub(super) at_zero: bool,
}

/// A quantile that summaries show, and its label.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Quantile {
    pub(super) quantile: f64,
    pub(super) label: Box<str>,
}

/// Appends the samples of one family to a buffer.
#[derive(Debug)]
pub struct FamilyWriter<'w>(Writer<'w>);

#[derive(Debug)]
enum Writer<'w> {
    Text(TextFamily<'w>),
    Protobuf(ProtobufFamily<'w>),
}

impl<'w> FamilyWriter<'w> {
    /// Writes the header of a family, to the end of `out`.
    pub fn begin(out: &'w mut Vec<u8>, format: Format, header: Header<'w>) -> FamilyWriter<'w> {
        FamilyWriter(match format {
            Format::Protobuf => Writer::Protobuf(ProtobufFamily::new(out, header)),
            _ => Writer::Text(TextFamily::begin(out, format, header)),
        })
    }

    /// Goes on with a family whose header was written in an earlier part.
    pub fn resume(out: &'w mut Vec<u8>, format: Format, header: Header<'w>) -> FamilyWriter<'w> {
        FamilyWriter(match format {
            // Nothing can be added to a message: the family comes in several.
            Format::Protobuf => Writer::Protobuf(ProtobufFamily::new(out, header)),
            _ => Writer::Text(TextFamily::resume(out, format, header)),
        })
    }

    /// Writes what a series has to show; `labels` as `push_labels` makes them.
    pub fn write(&mut self, labels: &str, sample: &Sample<'_>) {
        match &mut self.0 {
            Writer::Text(text) => text.write(labels, sample),
            Writer::Protobuf(protobuf) => protobuf.write(labels, sample),
        }
    }

    /// Bytes in the buffer, those that were there before and those about to be written included.
    pub fn len(&self) -> usize {
        match &self.0 {
            Writer::Text(text) => text.len(),
            Writer::Protobuf(protobuf) => protobuf.len(),
        }
    }

    /// Whether the buffer is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Ends the family, or this part of it.
    pub fn end(self) {
        if let Writer::Protobuf(protobuf) = self.0 {
            protobuf.end();
        }
    }
}

impl Quantile {
    /// The quantile of that value, in [0, 1].
    pub(super) fn new(quantile: f64) -> Quantile {
        Quantile { quantile, label: label_number(quantile).into() }
    }
}

impl Shown<'_> {
    /// The sum, in the unit that is exposed: of the summary or the histogram, whatever it is shown as.
    pub(super) fn sum(&self) -> f64 {
        match &self.kept.counted {
            _ if self.at_zero => 0.0,
            Some(counted) if counted.classic.is_some() => counted.sum,
            _ => self.kept.sum,
        }
    }

    /// The same of a native histogram.
    pub(super) fn native_sum(&self) -> f64 {
        self.kept.counted.as_ref().filter(|_| !self.at_zero).map_or(0.0, |counted| counted.sum)
    }

    /// The count of a summary. Counts are whole, as OpenMetrics wants: the sum of `1 / rate` is rounded.
    pub(super) fn count(&self) -> f64 {
        if self.at_zero { 0.0 } else { self.kept.weight.round() }
    }

    /// When the sum was 0.
    pub(super) fn created(&self) -> Stamp {
        match &self.kept.counted {
            Some(counted) if counted.classic.is_some() => counted.created,
            _ => self.kept.created,
        }
    }

    /// Cumulative counts of classic buckets with their places, the last that of all.
    pub(super) fn cumulative(&self) -> impl Iterator<Item = f64> {
        let classic = self.kept.counted.as_ref().and_then(|counted| counted.classic.as_ref());
        let mut passed = 0.0;
        classic.into_iter().flat_map(|(_, counts)| counts.iter()).map(move |count| {
            passed += if self.at_zero { 0.0 } else { *count };
            passed
        })
    }
}

/// The name of a counter without `_total`, where OpenMetrics allows it: a name of another family or of its samples must
/// not come of it.
pub fn stem(name: &str) -> Option<&str> {
    name.strip_suffix("_total").filter(|stem| !stem.is_empty() && !stem.ends_with("_created"))
}
