//! Rules that name series for the exposition: patterns of statsd names, each with a name and labels.
//!
//! They are those of statsd_exporter (<https://github.com/prometheus/statsd_exporter#metric-mapping-and-configuration>).
//! All globs are asked before any regular expression; of the globs the first that matches counts, or the most
//! specific, of the regular expressions the first. A rule is asked once a series, when the series is first exposed.
//! What is done with name and labels is left to whoever asks.

mod error;
mod explain;
mod glob;
mod rule;
mod template;
#[cfg(test)]
mod tests;

use crate::metric::{Kind, Series};

pub use error::{RuleError, RuleFault};
pub use explain::{Told, Why};
pub use glob::{GlobError, GlobOrder};
pub use rule::{Action, MatchType, MetricType, ObserverRule, Rule};
pub use template::TemplateError;

use glob::Tree;
pub(super) use rule::Compiled;

/// Compiled rules; the default has none.
#[derive(Debug, Clone, Default)]
pub struct Mapping {
    rules: Vec<Compiled>,
    order: GlobOrder,
    globs: Tree,
    /// The rules that are regular expressions.
    expressions: Vec<usize>,
}

/// What the rules say of a series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// No rule matches.
    Unmapped,
    /// The rule of that number drops it.
    Dropped(usize),
    /// A rule names it.
    Mapped(Mapped),
}

/// A series as a rule names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mapped {
    /// The number of the rule, from 0.
    pub(super) rule: usize,
    /// As the template has it: illegal characters and all, maybe empty.
    pub(super) name: String,
    /// Names that are legal, and values that may be empty.
    pub(super) labels: Vec<(Box<str>, String)>,
}

impl Mapping {
    /// Compiles rules.
    ///
    /// # Errors
    /// All that is wrong with any of them, in their order.
    pub fn new(rules: &[Rule], order: GlobOrder) -> Result<Mapping, Vec<RuleError>> {
        let mut mapping = Mapping { order, ..Mapping::default() };
        let mut errors = Vec::new();
        for (number, rule) in rules.iter().enumerate() {
            match Compiled::new(rule) {
                Ok(rule) => mapping.add(rule, number),
                Err(faults) => {
                    errors.extend(faults.into_iter().map(|(key, fault)| RuleError {
                        rule: number,
                        key,
                        fault,
                    }));
                }
            }
        }
        if errors.is_empty() { Ok(mapping) } else { Err(errors) }
    }

    fn add(&mut self, rule: Compiled, number: usize) {
        match rule.glob() {
            Some(glob) => self.globs.add(glob, number),
            None => self.expressions.push(number),
        }
        self.rules.push(rule);
    }

    /// Whether there is no rule.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The compiled rules, by their numbers.
    pub(super) fn rules(&self) -> &[Compiled] {
        &self.rules
    }

    /// What the rules say of a series.
    pub(super) fn verdict(&self, series: &Series) -> Verdict {
        let Some(number) = self.winner(&series.name, series.kind) else { return Verdict::Unmapped };
        let rule = &self.rules[number];
        match rule.action {
            Action::Drop => Verdict::Dropped(number),
            Action::Map => {
                let (name, labels) = rule.expand(&series.name);
                Verdict::Mapped(Mapped { rule: number, name, labels })
            }
        }
    }

    /// The rule that counts for a name.
    fn winner(&self, name: &str, kind: Kind) -> Option<usize> {
        let admits = |number: usize| self.rules[number].admits(kind);
        let glob = self.globs.find(name, self.order, &admits);
        glob.or_else(|| {
            self.expressions
                .iter()
                .copied()
                .find(|&number| admits(number) && self.rules[number].matches(name))
        })
    }
}
