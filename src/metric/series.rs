//! What a series is, and the number the registry gives it.

use std::borrow::Cow;

use super::{Tags, TagsRef};

/// What is done with the samples of a series; part of its identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Kind {
    /// Summed: `c` (and `m`).
    Counter = 0,
    /// Last value: `g`.
    Gauge = 1,
    /// Distribution of milliseconds: `ms`.
    Timer = 2,
    /// Distribution of anything: `h`.
    Histogram = 3,
    /// Distribution of anything: `d`.
    Distribution = 4,
    /// Distinct members: `s`.
    Set = 5,
}

impl Kind {
    /// All kinds, in the order of their numbers.
    pub const ALL: [Kind; 6] =
        [Kind::Counter, Kind::Gauge, Kind::Timer, Kind::Histogram, Kind::Distribution, Kind::Set];

    /// The statsd type letter.
    pub const fn letter(self) -> &'static str {
        match self {
            Kind::Counter => "c",
            Kind::Gauge => "g",
            Kind::Timer => "ms",
            Kind::Histogram => "h",
            Kind::Distribution => "d",
            Kind::Set => "s",
        }
    }

    /// The field's word for it, as used in metric names and logs.
    pub const fn word(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Timer => "timer",
            Kind::Histogram => "histogram",
            Kind::Distribution => "distribution",
            Kind::Set => "set",
        }
    }

    /// Whether its samples make a distribution (`ms`, `h`, `d`).
    pub const fn is_distribution(self) -> bool {
        matches!(self, Kind::Timer | Kind::Histogram | Kind::Distribution)
    }
}

/// Number of a series: its kind and a dense index among the series of that kind.
///
/// Tables are arrays by `index`; ids order by kind, then by age.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesId(u32);

impl SeriesId {
    /// The `index`-th series of `kind`.
    ///
    /// # Panics
    /// If `index` does not fit 29 bits.
    pub fn new(kind: Kind, index: usize) -> SeriesId {
        assert!(index < SeriesId::LIMIT, "a registry holds fewer than 2^29 series of a kind");
        SeriesId((kind as u32) << 29 | index as u32)
    }

    /// What the series is.
    pub fn kind(self) -> Kind {
        Kind::ALL[(self.0 >> 29) as usize]
    }

    /// Position among the series of its kind.
    pub fn index(self) -> usize {
        (self.0 & 0x1fff_ffff) as usize
    }

    /// Most series of one kind.
    pub const LIMIT: usize = 1 << 29;
}

/// Canonical identity of what samples are aggregated into.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Series {
    /// Sanitised, never empty.
    pub name: Box<str>,
    /// What tells it from others of its name.
    pub tags: Tags,
    /// What is done with its samples.
    pub kind: Kind,
}

/// The same, borrowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeriesRef<'a> {
    /// Sanitised, never empty.
    pub name: &'a str,
    /// What tells it from others of its name.
    pub tags: TagsRef<'a>,
    /// What is done with its samples.
    pub kind: Kind,
}

impl Series {
    /// A series without tags.
    pub fn plain(name: &str, kind: Kind) -> Series {
        Series { name: name.into(), tags: Tags::default(), kind }
    }

    /// The same, borrowed.
    pub fn borrowed(&self) -> SeriesRef<'_> {
        SeriesRef { name: &self.name, tags: self.tags.borrowed(), kind: self.kind }
    }

    /// Name and tags as the reference names what it aggregates: `name;k=v;k2`.
    pub fn reference_text(&self) -> Cow<'_, str> {
        self.borrowed().reference_text()
    }

    /// The tags as `k:v,k2:v2`, the text of the message field `tags`; a bare tag is `k`.
    pub fn tags_text(&self) -> String {
        self.borrowed().tags_text()
    }
}

impl<'a> SeriesRef<'a> {
    /// The series as something to keep.
    pub fn to_owned(self) -> Series {
        Series { name: self.name.into(), tags: self.tags.to_owned(), kind: self.kind }
    }

    /// Name and tags as the reference names what it aggregates: `name;k=v;k2`.
    pub fn reference_text(self) -> Cow<'a, str> {
        reference_text(self.name, self.tags)
    }

    /// The tags as `k:v,k2:v2`, the text of the message field `tags`; a bare tag is `k`.
    pub fn tags_text(self) -> String {
        tags_text(self.tags)
    }
}

/// A name and tags as the reference has them in one key: `name;k=v;k2`.
pub(crate) fn reference_text<'a>(name: &'a str, tags: TagsRef<'_>) -> Cow<'a, str> {
    if tags.is_empty() {
        return Cow::Borrowed(name);
    }
    let mut text = name.to_owned();
    for (key, value) in tags.iter() {
        text.push(';');
        text.push_str(key);
        if !value.is_empty() {
            text.push('=');
            text.push_str(value);
        }
    }
    Cow::Owned(text)
}

/// Tags as `k:v,k2:v2`; a bare tag is `k`.
pub(crate) fn tags_text(tags: TagsRef<'_>) -> String {
    let mut text = String::new();
    for (key, value) in tags.iter() {
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(key);
        if !value.is_empty() {
            text.push(':');
            text.push_str(value);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_names_a_series_with_its_tags() {
        let mut series = Series::plain("a.b", Kind::Counter);
        assert_eq!(series.reference_text(), "a.b");
        series.tags = Tags::from([("k", "v"), ("bare", "")]);
        assert_eq!(series.reference_text(), "a.b;k=v;bare");
    }

    #[test]
    fn an_id_carries_its_kind_and_index() {
        for kind in Kind::ALL {
            let id = SeriesId::new(kind, SeriesId::LIMIT - 1);
            assert_eq!((id.kind(), id.index()), (kind, SeriesId::LIMIT - 1));
        }
    }
}
