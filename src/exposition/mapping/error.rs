//! What can be wrong with a rule.

use thiserror::Error;

use super::super::shapes::ShapeError;
use super::glob::GlobError;
use super::template::TemplateError;
use crate::regexp::PatternError;

/// Something wrong with one of several rules.
#[derive(Debug, Clone, PartialEq, Error)]
#[error("rule {}: `{key}`: {fault}", rule + 1)]
pub struct RuleError {
    /// The number of the rule, from 0.
    pub rule: usize,
    /// The key it stands at, as in the configuration: `match`, `labels.method`.
    pub key: String,
    /// What it is.
    pub fault: RuleFault,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum RuleFault {
    /// The pattern is empty.
    #[error("must not be empty")]
    NoPattern,
    /// The glob is none.
    #[error(transparent)]
    Glob(#[from] GlobError),
    /// The regular expression is none.
    #[error(transparent)]
    Regex(#[from] PatternError),
    /// There is no name.
    #[error("must be given unless action = \"drop\"")]
    NoName,
    /// A name of a family cannot be so.
    #[error(
        "{character:?} cannot stand there: a name is letters, digits, `_` and `:`, and begins with no digit"
    )]
    Name {
        /// The first character that cannot stand there.
        character: char,
    },
    /// A name of a label cannot be so.
    #[error("is no name of a label: that is letters, digits and `_`, and begins with no digit")]
    Label,
    /// The label has a meaning of its own.
    #[error("means something else to Prometheus, as do `le`, `quantile` and what begins with `__`")]
    ReservedLabel,
    /// A template is none.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// The scale is 0 or no number.
    #[error("must be a number other than 0")]
    Scale,
    /// The scale is below 0.
    #[error("may be below 0 only with match_metric_type = \"gauge\"")]
    NegativeScale,
    /// The buckets are none.
    #[error(transparent)]
    Buckets(#[from] ShapeError),
}
