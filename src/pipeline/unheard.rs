//! Producers that nothing hears: what they send goes nowhere, which is seldom meant.

use std::collections::BTreeSet;

use super::matchers::quoted;
use super::plan::Plan;
use super::read::with_defaults;
use crate::config::{Problem, ProblemKind, Problems, Section, Severity};
use crate::flow::SERIES_FIELDS;
use crate::matcher::{Fact, Facts, Matcher, Plan as Asked};
use crate::plugin::{PluginClass, Plugins, Unheard};

/// Reports inputs and filters that no consumer joins, unless they are of use all the same.
///
/// Where something is refused nothing is said: who would take it may be what could not be read.
pub(super) fn check(plan: &Plan, plugins: &Plugins, problems: &mut Problems) {
    if problems.iter().any(|problem| problem.severity() == Severity::Error) {
        return;
    }
    let heard: BTreeSet<&str> = plan.joints.iter().map(|joint| &*joint.producer).collect();
    let inputs = plan.inputs.iter().map(|input| (&input.section, &input.emits));
    let filters = plan.filters.iter().filter(|filter| !is_of_use(filter.declared.unheard(), plan));
    let filters = filters.map(|filter| (&filter.section, &filter.emits));
    for (section, emits) in inputs.chain(filters) {
        if !emits.is_empty() && !heard.contains(section.name.as_str()) {
            problems.push(nothing_takes(section, emits, plugins));
        }
    }
}

/// Whether a filter that nothing hears is good for something beside the outputs there are.
fn is_of_use(unheard: Unheard, plan: &Plan) -> bool {
    let mut outputs = plan.outputs.iter().map(|output| &output.declared);
    match unheard {
        Unheard::Nothing => false,
        Unheard::Works => true,
        Unheard::IsMeasured => outputs.any(|output| output.tells_of_itself()),
        Unheard::IsLookedAt => outputs.any(|output| !output.takes_records()),
    }
}

fn nothing_takes(section: &Section, emits: &[Facts], plugins: &Plugins) -> Problem {
    let (takers, matcher) = (takers(emits, plugins), emits.first().map(asking_for).unwrap_or_default());
    let kind = ProblemKind::NothingTakes { section: section.name.clone(), takers, matcher };
    Problem::at(section.name_at.clone(), kind)
}

/// The types of filters and outputs that ask for some of it by themselves; those that ask for everything are left out.
fn takers(emits: &[Facts], plugins: &Plugins) -> Vec<String> {
    let anything = Facts { type_: Fact::Is("".into()), ..Facts::default() };
    let all = plugins.all().into_iter();
    all.filter(|plugin| [PluginClass::Filter, PluginClass::Output].contains(&plugin.class))
        .filter(|plugin| {
            // One that needs options, or a matcher, is more than a line to add.
            let matcher = with_defaults(plugin).and_then(|declared| declared.default_matcher());
            matcher.and_then(|text| Matcher::parse(text).ok()).is_some_and(|matcher| {
                let takes = |facts: &Facts| matcher.plan(facts, SERIES_FIELDS) == Asked::Yes;
                emits.iter().any(takes) && !takes(&anything)
            })
        })
        .map(|plugin| plugin.type_name.to_owned())
        .collect()
}

/// A matcher that takes all of a stream, and as little else as its facts allow.
fn asking_for(facts: &Facts) -> String {
    match (&facts.type_, &facts.logger) {
        (Fact::Is(type_), _) => format!("Type == {}", quoted(type_)),
        (_, Fact::Is(logger)) => format!("Logger == {}", quoted(logger)),
        _ => "TRUE".to_owned(),
    }
}
