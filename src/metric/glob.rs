//! Which series somebody means: a glob of names, or of names with tags.

use globset::{GlobBuilder, GlobMatcher};

use super::SeriesRef;

/// A glob of names, or of names with tags.
#[derive(Debug, Clone)]
pub struct SeriesGlob {
    /// None for `*`.
    matcher: Option<GlobMatcher>,
    with_tags: bool,
}

impl SeriesGlob {
    /// Most bytes of a glob.
    pub const LONGEST: usize = 400;

    /// Reads `glob`: `*`, `?`, `[a-z]`, `{a,b}`, and a backslash before what is meant as it stands; `*` passes dots. With
    /// a `#` in it, it is held against `name#key:value,key2:value2`.
    ///
    /// # Errors
    /// What is wrong with it, for whoever asked.
    pub fn new(glob: &str) -> Result<SeriesGlob, String> {
        if glob.len() > SeriesGlob::LONGEST {
            return Err(format!("the glob is longer than {} bytes", SeriesGlob::LONGEST));
        }
        let matcher = match glob {
            "*" | "" => None,
            _ => {
                let built = GlobBuilder::new(glob).backslash_escape(true).build();
                Some(built.map_err(|error| error.to_string())?.compile_matcher())
            }
        };
        Ok(SeriesGlob { matcher, with_tags: glob.contains('#') })
    }

    /// Whether it means this series.
    pub fn matches(&self, series: SeriesRef<'_>) -> bool {
        match &self.matcher {
            None => true,
            Some(matcher) if self.with_tags => {
                matcher.is_match(format!("{}#{}", series.name, series.tags_text()))
            }
            Some(matcher) => matcher.is_match(series.name),
        }
    }
}
