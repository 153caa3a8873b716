//! Why each rule counts for a series, or does not: for `hekad match`.

use super::rule::{Action, Mismatch, Pattern, mismatch};
use super::{Compiled, Mapping};
use crate::metric::Series;

/// What one rule has to do with a series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The number of the rule, from 0.
    pub rule: usize,
    /// Its pattern, as it was written.
    pub pattern: String,
    /// Why.
    pub why: Why,
}

/// Why a rule counts, or does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// It counts; what its groups captured is with their numbers.
    Wins {
        /// `$1 = "users"`, one after the other.
        captured: Vec<String>,
        /// Whether it drops.
        drops: bool,
    },
    /// It matches too, and another one counts, for this reason.
    Beaten(String),
    /// It does not match, for this reason.
    Misses(String),
    /// It is a regular expression, and a glob matched.
    NotAsked,
}

impl Mapping {
    /// What every rule has to do with a series, in their order.
    pub fn explain(&self, series: &Series) -> Vec<Told> {
        let winner = self.winner(&series.name, series.kind);
        let told = |(number, rule): (usize, &Compiled)| {
            let why = match winner {
                Some(winner) if winner == number => wins(rule, &series.name),
                _ => self.loses(number, rule, winner, series),
            };
            Told { rule: number, pattern: rule.source().to_owned(), why }
        };
        self.rules.iter().enumerate().map(told).collect()
    }

    fn loses(&self, number: usize, rule: &Compiled, winner: Option<usize>, series: &Series) -> Why {
        let by_glob = winner.is_some_and(|winner| self.rules[winner].glob().is_some());
        if rule.glob().is_none() && by_glob {
            return Why::NotAsked;
        }
        if let Some(reason) = misses(rule, &series.name) {
            return Why::Misses(reason);
        }
        if !rule.admits(series.kind) {
            let only = rule.metric_type.map(|only| only.word()).unwrap_or_default();
            return Why::Misses(format!(
                "it is for match_metric_type = \"{only}\" alone, this is a {}",
                series.kind.word()
            ));
        }
        let winner = winner.expect("a rule that matches wins where no other does");
        Why::Beaten(match winner < number {
            true => format!("rule {} stands before it", winner + 1),
            false => format!("rule {} is more specific", winner + 1),
        })
    }
}

fn wins(rule: &Compiled, name: &str) -> Why {
    let group = |(number, text): (usize, String)| format!("${number} = {text:?}");
    let captured = rule.captures(name).into_iter().enumerate().skip(1).map(group).collect();
    Why::Wins { captured, drops: rule.action == Action::Drop }
}

/// Why a pattern does not match a name.
fn misses(rule: &Compiled, name: &str) -> Option<String> {
    match &rule.pattern {
        Pattern::Regex(_) => {
            (!rule.matches(name)).then(|| "the regular expression finds nothing in it".to_owned())
        }
        Pattern::Glob(glob) => Some(match mismatch(glob, name)? {
            Mismatch::Length { wanted, found } => format!("it has {}, the name {found}", components(wanted)),
            Mismatch::Component { place, wanted, found } => {
                format!("component {place} is {found:?}, not {wanted:?}")
            }
        }),
    }
}

fn components(count: usize) -> String {
    format!("{count} component{}", if count == 1 { "" } else { "s" })
}
