//! Producers that nothing hears: what they send goes nowhere, which is seldom meant.

use std::collections::BTreeSet;

use super::matchers::quoted;
use super::plan::{Plan, Producer};
use super::read::with_defaults;
use crate::config::{Problem, ProblemKind, Problems, Severity};
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
    for producer in plan.producers().filter(|producer| !producer.emits.is_empty()) {
        if !heard.contains(&**producer.name) && !is_of_use(producer.declared.unheard(), plan) {
            problems.push(nothing_takes(&producer, plugins));
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

fn nothing_takes(producer: &Producer<'_>, plugins: &Plugins) -> Problem {
    let matcher = producer.emits.first().map(asking_for).unwrap_or_default();
    let (section, takers) = (producer.name.to_string(), takers(producer, plugins));
    let kind = ProblemKind::NothingTakes { section, takers, matcher };
    Problem::at(producer.section.name_at.clone(), kind)
}

/// The types of filters and outputs that ask for some of it by themselves; those that ask for everything are left out.
fn takers(producer: &Producer<'_>, plugins: &Plugins) -> Vec<String> {
    let anything = Facts { type_: Fact::Is("".into()), ..Facts::default() };
    let all = plugins.all().into_iter();
    all.filter(|plugin| [PluginClass::Filter, PluginClass::Output].contains(&plugin.class))
        .filter(|plugin| {
            // One that needs options, or a matcher, is more than a line to add.
            let Some(declared) = with_defaults(plugin) else { return false };
            let matcher = declared.default_matcher().and_then(|text| Matcher::parse(text).ok());
            let asks = |facts: &Facts| {
                matcher.as_ref().is_some_and(|matcher| matcher.plan(facts, SERIES_FIELDS) == Asked::Yes)
            };
            let takes = |facts| declared.takes().contains(&producer.declared.body_of(facts));
            producer.emits.iter().any(|facts| asks(facts) && takes(facts)) && !asks(&anything)
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
