//! One producer and one consumer: whether they meet, how much is decided beforehand, and what a full queue does.
//!
//! The router opens legs by it and `check --routes` prints it, so that what is shown is what happens.

use super::WhenFull;
use crate::flow::{OnFull, Patience, SERIES_FIELDS};
use crate::matcher::{Facts, Matcher, Plan};

/// How a consumer joins a feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Joint {
    /// How much of the matcher's answer is known.
    pub kind: JointKind,
    /// What a full queue does to the producer.
    pub on_full: OnFull,
}

/// How much of a matcher's answer is known when the feed opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum JointKind {
    /// Every record passes.
    Yes,
    /// Decided once per series.
    Series,
    /// Asked of every record.
    Maybe,
}

impl JointKind {
    /// The word `check --routes` prints.
    pub const fn word(self) -> &'static str {
        match self {
            JointKind::Yes => "yes",
            JointKind::Series => "series",
            JointKind::Maybe => "maybe",
        }
    }
}

/// Joins a consumer to a stream of which `facts` are true; none if no record of it can pass.
pub fn join(
    matcher: &Matcher,
    facts: &Facts,
    patience: Patience,
    when_full: WhenFull,
    looping: bool,
) -> Option<Joint> {
    let kind = match matcher.plan(facts, SERIES_FIELDS) {
        Plan::No => return None,
        Plan::Yes => JointKind::Yes,
        Plan::Series => JointKind::Series,
        Plan::Maybe => JointKind::Maybe,
    };
    Some(Joint { kind, on_full: when_full.resolve(patience, looping) })
}

/// The word for what a full queue does.
impl std::fmt::Display for OnFull {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            OnFull::Block => "block",
            OnFull::Drop => "drop",
            OnFull::DropInLoop => "drop (loop)",
            OnFull::Shutdown => "shutdown",
        })
    }
}
