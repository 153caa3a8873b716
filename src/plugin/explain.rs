//! What an output makes of a series, told to a person: for `hekad match`.

use crate::metric::Series;

/// A series that is asked about, and what it would bring.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The series, as an aggregator names it.
    pub series: &'a Series,
    /// The value of its only sample, as it was sent; none if nobody cares.
    pub value: Option<f64>,
    /// The rate of that sample.
    pub rate: f64,
}

/// What an output makes of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Explained {
    /// What each rule has to do with it, in the order of the configuration.
    pub rules: Vec<ToldRule>,
    /// What becomes of it.
    pub fate: Fate,
    /// What is shown of it in the end, a line each; empty if it is hidden.
    pub shown: Vec<String>,
}

/// What becomes of a series.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Fate {
    /// It has the name that it has without rules.
    #[default]
    Unmapped,
    /// A rule names it.
    Mapped,
    /// It is not shown, for this reason.
    Hidden(String),
}

/// What a rule has to do with a series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldRule {
    /// Where its pattern is in the section of the output: `mapping[2].match`.
    pub key: String,
    /// The pattern.
    pub pattern: String,
    /// Whether the rule counts.
    pub outcome: RuleOutcome,
    /// Why.
    pub why: String,
}

/// Whether a rule counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleOutcome {
    /// It does.
    Wins,
    /// It matches, and another one counts.
    Beaten,
    /// It does not match.
    Misses,
    /// It was not asked.
    NotAsked,
}

/// Who asks for the streams of an input.
#[derive(Debug, Clone, Copy)]
pub struct Surveying<'a> {
    /// The section of the input.
    pub section: &'a str,
    /// Where state lives, if that is known.
    pub base_dir: Option<&'a std::path::Path>,
    /// What time it is.
    pub now: crate::time::Stamp,
}

/// What an input that reads files finds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Survey {
    /// The streams, by name.
    pub streams: Vec<SurveyedStream>,
    /// What is wrong beside them.
    pub trouble: Vec<String>,
}

/// A stream of files, as it is found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SurveyedStream {
    /// Its name.
    pub name: String,
    /// The file and the offset that its journal names, if it has one.
    pub position: Option<(std::path::PathBuf, u64)>,
    /// Its files, the oldest first: path, bytes, and whether it is too old to be begun.
    pub files: Vec<(std::path::PathBuf, u64, bool)>,
    /// What is wrong.
    pub trouble: Vec<String>,
}
