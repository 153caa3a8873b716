//! Samples as they travel: a batch with its text and its tally.

use std::ops::Range;
use std::sync::Arc;

use super::{Kind, Registry, SeriesId, Tally};
use crate::time::Stamp;

/// What a sample does to its series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum SampleKind {
    /// Adds `value / rate`.
    Counter,
    /// Sets the gauge.
    Gauge,
    /// Moves the gauge by `value`.
    GaugeDelta,
    /// One observation in milliseconds.
    Timer,
    /// One observation of type `h`.
    Histogram,
    /// One observation of type `d`.
    Distribution,
    /// One member; its text is in the batch.
    Set,
}

impl SampleKind {
    /// Text of the message field `kind`: `c g g+ ms h d s`.
    pub const fn text(self) -> &'static str {
        match self {
            SampleKind::Counter => "c",
            SampleKind::Gauge => "g",
            SampleKind::GaugeDelta => "g+",
            SampleKind::Timer => "ms",
            SampleKind::Histogram => "h",
            SampleKind::Distribution => "d",
            SampleKind::Set => "s",
        }
    }

    /// The kind whose text is `text`.
    pub fn from_text(text: &str) -> Option<SampleKind> {
        [
            SampleKind::Counter,
            SampleKind::Gauge,
            SampleKind::GaugeDelta,
            SampleKind::Timer,
            SampleKind::Histogram,
            SampleKind::Distribution,
            SampleKind::Set,
        ]
        .into_iter()
        .find(|kind| kind.text() == text)
    }

    /// The kind of series it belongs to.
    pub const fn series(self) -> Kind {
        match self {
            SampleKind::Counter => Kind::Counter,
            SampleKind::Gauge | SampleKind::GaugeDelta => Kind::Gauge,
            SampleKind::Timer => Kind::Timer,
            SampleKind::Histogram => Kind::Histogram,
            SampleKind::Distribution => Kind::Distribution,
            SampleKind::Set => Kind::Set,
        }
    }
}

/// The number that a sample or a sum stands for: they are finite, and what stands at an end of the range of f64 was sent
/// as infinite or went beyond it.
pub fn unbounded(value: f64) -> f64 {
    match value {
        f64::MAX => f64::INFINITY,
        f64::MIN => f64::NEG_INFINITY,
        value => value,
    }
}

/// One datum as a client sent it, its name already an id.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// Its series.
    pub series: SeriesId,
    /// What it does.
    pub kind: SampleKind,
    /// Finite. For a set: the bits of a `Span` of the member's text, see `Sample::member`.
    pub value: f64,
    /// In [1e-9, 1]; above 1 only in dialect `statsd`, where it makes less of a value.
    pub rate: f64,
}

impl Sample {
    /// A sample of a set; `member` lies in the text of its batch.
    pub fn of_set(series: SeriesId, member: Span) -> Sample {
        let bits = u64::from(member.start) << 32 | u64::from(member.len);
        Sample { series, kind: SampleKind::Set, value: f64::from_bits(bits), rate: 1.0 }
    }

    /// Where the member's text lies. Only for `SampleKind::Set`.
    pub fn member(&self) -> Span {
        let bits = self.value.to_bits();
        Span { start: (bits >> 32) as u32, len: bits as u32 }
    }
}

/// A range of the text of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// Number of bytes.
    pub len: u32,
}

/// Samples of one seat, in the order of arrival.
#[derive(Debug, Clone)]
pub struct SampleBatch {
    /// When the batch was received.
    pub at: Stamp,
    /// The samples.
    pub samples: Vec<Sample>,
    /// Members of sets, and the lines where a consumer reads them.
    pub text: Vec<u8>,
    /// The line of every sample, parallel to `samples`; empty when nobody reads lines.
    pub lines: Vec<Span>,
    /// What came beside the samples.
    pub tally: Tally,
    /// Names of the ids.
    pub names: Arc<Registry>,
}

impl SampleBatch {
    /// An empty batch whose ids `names` gave out.
    pub fn new(names: Arc<Registry>) -> SampleBatch {
        SampleBatch {
            at: Stamp(0),
            samples: Vec::new(),
            text: Vec::new(),
            lines: Vec::new(),
            tally: Tally::default(),
            names,
        }
    }

    /// Appends `bytes` to the text and says where they lie.
    pub fn keep(&mut self, bytes: &[u8]) -> Span {
        let start = self.text.len() as u32;
        self.text.extend_from_slice(bytes);
        Span { start, len: bytes.len() as u32 }
    }

    /// The bytes of `span`.
    pub fn text_of(&self, span: Span) -> &[u8] {
        &self.text[span.start as usize..][..span.len as usize]
    }

    /// The line of sample `index` as it came; empty if nobody asked for lines.
    pub fn line(&self, index: usize) -> &[u8] {
        self.lines.get(index).map_or(b"", |&span| self.text_of(span))
    }

    /// Whether the line of sample `index` has others beside it.
    pub fn is_packed(&self, index: usize) -> bool {
        let Some(span) = self.lines.get(index).filter(|span| span.len > 0) else { return false };
        let before = index.checked_sub(1).and_then(|before| self.lines.get(before));
        before == Some(span) || self.lines.get(index + 1) == Some(span)
    }

    /// All samples of the line of sample `index`.
    pub fn of_line(&self, index: usize) -> Range<usize> {
        if !self.is_packed(index) {
            return index..index + 1;
        }
        let span = self.lines[index];
        let before = self.lines[..index].iter().rev().take_while(|other| **other == span).count();
        let after = self.lines[index..].iter().take_while(|other| **other == span).count();
        index - before..index + after
    }

    /// Whether it carries neither sample nor tally.
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty() && self.tally.is_empty()
    }

    /// Empties the batch and keeps its memory.
    pub fn clear(&mut self) {
        self.samples.clear();
        self.text.clear();
        self.lines.clear();
        self.tally = Tally::default();
    }
}
