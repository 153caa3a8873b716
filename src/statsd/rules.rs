//! What a listener does to the names it receives, and the limits of what it remembers.

use std::time::Duration;

use globset::{Glob, GlobSet, GlobSetBuilder};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::name;

/// Whose grammar lines are read by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// statsd, DogStatsD and carbon's tags, each as its clients mean it; what only accident accepts is refused.
    #[default]
    Auto,
    /// The reference, quirks included.
    Statsd,
    /// DogStatsD as its agent reads it, with the names that Datadog makes of what it gets.
    Dogstatsd,
    /// As `Auto`, but for tags in the name: `a,k=v:1|c`.
    Influx,
    /// As `Auto`, but for tags in the name: `a#k=v,k2=v2:1|c`.
    Librato,
    /// As `Auto`, but for tags in the name: `a[k=v,k2=v2]b:1|c`, whose name is `ab`.
    Signalfx,
}

impl Dialect {
    /// Whether events and service checks are a part of it.
    pub fn has_asides(self) -> bool {
        matches!(self, Dialect::Auto | Dialect::Dogstatsd)
    }
}

/// The rules of one listener.
#[derive(Debug, Clone)]
pub struct Rules {
    /// Whose grammar.
    pub dialect: Dialect,
    /// Whether names are cleaned as the reference does it; otherwise they stay as sent. Dialect `dogstatsd` has its own rule.
    pub sanitise: bool,
    /// Whether a series that was named as it is written is meant, whatever the grammar says of the order of its tags: for
    /// what was a sample before.
    pub known_as_written: bool,
    /// Put before every name, with a `.` between unless it ends in one. Empty: none.
    pub prefix: String,
    /// Added to every series. A tag of the same key that a client sends is replaced: what the operator says of a
    /// listener holds for all that comes through it.
    pub tags: Vec<(String, String)>,
    /// Under which tag the container of a line (`|c:…`) is kept. Empty: not at all.
    pub container_tag: String,
    /// Under which tag the external data of a line (`|e:…`) are kept, their commas as `_`. Empty: not at all.
    pub external_data_tag: String,
    /// Names, prefix included, whose samples are dropped. A `*` also matches dots.
    pub drop: GlobSet,
    /// Whether what DogStatsD's clients send about themselves, `datadog.dogstatsd.client.*`, is dropped.
    pub drop_client_telemetry: bool,
    /// How far the time that a client gives a sample may be from its receipt until the sample is late.
    pub late_after: Duration,
    /// Whether late samples are refused.
    pub refuse_late: bool,
    /// Most bytes of a name and its tag section, as sent.
    pub max_key: usize,
    /// Most spellings (name, tag section and kind, as sent) that are remembered.
    pub max_spellings: usize,
}

impl Rules {
    /// Rules with the default limits.
    ///
    /// # Errors
    /// If the prefix or a tag holds what a client could not send either, or a glob is malformed.
    pub fn new(prefix: &str, tags: Vec<(String, String)>, drop: &[String]) -> Result<Rules, RulesError> {
        if name::sanitise(prefix.as_bytes()) != prefix {
            return Err(RulesError::Prefix { prefix: prefix.to_owned() });
        }
        for (key, value) in &tags {
            if key.is_empty()
                || name::tag_key(key.as_bytes()) != *key
                || name::tag_value(value.as_bytes()) != *value
            {
                return Err(RulesError::Tag { key: key.clone(), value: value.clone() });
            }
        }
        Ok(Rules { prefix: prefix.to_owned(), tags, drop: globs(drop)?, ..Rules::default() })
    }

    /// The same rules, with the origin of lines kept under these tags; empty ones keep nothing.
    ///
    /// # Errors
    /// If a name holds what no tag may hold.
    pub fn keeping_origin(self, container_tag: &str, external_data_tag: &str) -> Result<Rules, RulesError> {
        for key in [container_tag, external_data_tag] {
            if name::tag_key(key.as_bytes()) != key {
                return Err(RulesError::TagName { key: key.to_owned() });
            }
        }
        let (container_tag, external_data_tag) = (container_tag.to_owned(), external_data_tag.to_owned());
        Ok(Rules { container_tag, external_data_tag, ..self })
    }
}

impl Default for Rules {
    fn default() -> Rules {
        Rules {
            dialect: Dialect::Auto,
            sanitise: true,
            known_as_written: false,
            prefix: String::new(),
            tags: Vec::new(),
            container_tag: String::new(),
            external_data_tag: String::new(),
            drop: GlobSet::empty(),
            drop_client_telemetry: false,
            late_after: Duration::from_secs(10),
            refuse_late: false,
            max_key: 4096,
            max_spellings: 2_000_000,
        }
    }
}

/// Why a listener cannot have the rules it was given.
#[derive(Debug, Error)]
pub enum RulesError {
    /// The prefix holds bytes that no name may hold.
    #[error("prefix {prefix:?} may hold only letters, digits, '_', '-' and '.'")]
    Prefix {
        /// As written.
        prefix: String,
    },
    /// A static tag has no key, or holds bytes that no tag may hold.
    #[error("tag {key:?} = {value:?} has no key, or holds blanks at an end, controls, ',' or ';'")]
    Tag {
        /// As written.
        key: String,
        /// As written.
        value: String,
    },
    /// The name of a tag holds bytes that no tag may hold.
    #[error("tag name {key:?} holds blanks at an end, controls, ',', ':' or ';'")]
    TagName {
        /// As written.
        key: String,
    },
    /// A pattern of `drop` is malformed.
    #[error("malformed pattern {pattern:?}")]
    Glob {
        /// As written.
        pattern: String,
        /// What is wrong with it.
        #[source]
        source: globset::Error,
    },
}

fn globs(patterns: &[String]) -> Result<GlobSet, RulesError> {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        set.add(Glob::new(pattern).map_err(|source| RulesError::Glob { pattern: pattern.clone(), source })?);
    }
    set.build().map_err(|source| RulesError::Glob { pattern: patterns.join(" "), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(prefix: &str, tag: (&str, &str), glob: &str) -> String {
        let tags = vec![(tag.0.to_owned(), tag.1.to_owned())];
        Rules::new(prefix, tags, &[glob.to_owned()]).expect_err("one of the three is wrong").to_string()
    }

    #[test]
    fn what_no_client_could_send_is_refused_with_its_text() {
        assert_eq!(
            error("a b", ("k", "v"), "x"),
            r#"prefix "a b" may hold only letters, digits, '_', '-' and '.'"#
        );
        let tag = r#"tag "k" = "v;w" has no key, or holds blanks at an end, controls, ',' or ';'"#;
        assert_eq!(error("a", ("k", "v;w"), "x"), tag);
        assert_eq!(error("a", ("k", "v"), "a[b"), r#"malformed pattern "a[b""#);
    }
}
