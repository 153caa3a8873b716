//! What bounds the naming of series, and which bound refused an identity.

use std::collections::BTreeMap;

use super::SeriesRef;

/// Bounds of a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Most series that are named.
    pub max_series: usize,
    /// Most series of one prefix that is not among `series_of`; none: as many as there is room for.
    pub max_series_per_prefix: Option<usize>,
    /// Components of a prefix.
    pub prefix_depth: usize,
    /// Most series of single prefixes, which may have any number of components; the empty one is that of names
    /// without a dot.
    pub series_of: BTreeMap<Box<str>, usize>,
    /// Series that may be new in a second; none: any number.
    pub new_series: Option<NewSeries>,
    /// Most tags of a series, those of the listener included.
    pub max_tags: usize,
    /// Most bytes of a name and its tags, as `name;key=value`.
    pub max_name: usize,
}

/// How fast series may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewSeries {
    /// In a second, in the long run.
    pub a_second: u32,
    /// At once, after a time without any.
    pub burst: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            max_series: 1_000_000,
            max_series_per_prefix: None,
            prefix_depth: 1,
            series_of: BTreeMap::new(),
            new_series: None,
            max_tags: 64,
            max_name: 64 << 10,
        }
    }
}

impl Limits {
    /// Whether the identity alone is within bounds.
    ///
    /// # Errors
    /// `Tags` or `Name`.
    pub(super) fn fits(&self, series: SeriesRef<'_>) -> Result<(), Limit> {
        if series.tags.iter().count() > self.max_tags {
            return Err(Limit::Tags);
        }
        let tags = series.tags.iter().map(|(key, value)| key.len() + value.len() + 2);
        if series.name.len() + tags.sum::<usize>() > self.max_name {
            return Err(Limit::Name);
        }
        Ok(())
    }

    /// The prefix a name is counted under: the longest of `series_of` it is below of, else its first `prefix_depth`
    /// components. The last component of a name is never part of its prefix.
    pub(super) fn prefix_of<'a>(&self, name: &'a str) -> &'a str {
        if !self.series_of.is_empty() {
            let mut configured = name.rmatch_indices('.').map(|(dot, _)| &name[..dot]);
            if let Some(prefix) = configured.find(|prefix| self.series_of.contains_key(*prefix)) {
                return prefix;
            }
        }
        let dots = name.match_indices('.').take(self.prefix_depth);
        dots.last().map_or("", |(dot, _)| &name[..dot])
    }

    /// Most series of `prefix`.
    pub(super) fn limit_of(&self, prefix: &str) -> Option<usize> {
        self.series_of.get(prefix).copied().or(self.max_series_per_prefix)
    }
}

/// Which bound refused an identity. Also the label of its counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Limit {
    /// As many series as allowed are named.
    Series,
    /// As many of its prefix are.
    Prefix,
    /// More are new than may be in a second.
    Rate,
    /// It has too many tags.
    Tags,
    /// Its name and tags are too long.
    Name,
}

impl Limit {
    /// All of them, in the order of their numbers.
    pub const ALL: [Limit; 5] = [Limit::Series, Limit::Prefix, Limit::Rate, Limit::Tags, Limit::Name];

    /// The label value.
    pub const fn label(self) -> &'static str {
        match self {
            Limit::Series => "series",
            Limit::Prefix => "prefix",
            Limit::Rate => "rate",
            Limit::Tags => "tags",
            Limit::Name => "name",
        }
    }

    /// Whether the same identity will be refused the next time too, and is worth remembering.
    ///
    /// When all room is taken, ever new names come for the most part; remembering them would be for nothing.
    pub const fn lasts(self) -> bool {
        matches!(self, Limit::Prefix | Limit::Tags | Limit::Name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::{Kind, Series};

    #[test]
    fn a_prefix_is_the_first_components_but_never_the_last() {
        let of = |depth, name| Limits { prefix_depth: depth, ..Limits::default() }.prefix_of(name);
        assert_eq!([of(1, "a"), of(1, "a.b"), of(1, "a.b.c")], ["", "a", "a"]);
        assert_eq!([of(2, "a"), of(2, "a.b"), of(2, "a.b.c"), of(2, "a.b.c.d")], ["", "a", "a.b", "a.b"]);
        assert_eq!([of(1, ".a"), of(1, "a."), of(2, "..")], ["", "a", "."]);
    }

    #[test]
    fn the_longest_prefix_of_the_table_counts_before_the_depth() {
        let series_of = [("api", 1), ("api.search", 2), ("", 3)];
        let series_of = series_of.map(|(prefix, most)| (prefix.into(), most)).into();
        let limits = Limits { series_of, max_series_per_prefix: Some(9), ..Limits::default() };
        let named = ["api.search.hits.all", "api.search", "api.searching.x", "web.api.x", "x"];
        let prefixes = named.map(|name| limits.prefix_of(name));
        assert_eq!(prefixes, ["api.search", "api", "api", "web", ""]);
        assert_eq!(prefixes.map(|prefix| limits.limit_of(prefix)), [2, 1, 1, 9, 3].map(Some));
    }

    #[test]
    fn tags_and_bytes_are_allowed_to_the_bound() {
        let limits = Limits { max_tags: 2, max_name: 9, ..Limits::default() };
        let with = |name: &str, tags: &[(&str, &str)]| {
            let tags = tags.iter().copied().collect();
            limits.fits(Series { tags, ..Series::plain(name, Kind::Set) }.borrowed())
        };
        assert_eq!(with("abcdefghi", &[]), Ok(()));
        assert_eq!(with("abcdefghij", &[]), Err(Limit::Name));
        assert_eq!(with("abc", &[("k", "v"), ("l", "")]), Err(Limit::Name));
        assert_eq!(with("ab", &[("k", "v"), ("l", "")]), Ok(()));
        assert_eq!(with("a", &[("k", ""), ("l", ""), ("m", "")]), Err(Limit::Tags));
    }
}
