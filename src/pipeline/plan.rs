//! From sections to a plan: types found, options read, names resolved, matchers compiled, routes and addresses checked.
//!
//! Nothing is opened. Everything wrong is reported, not the first thing alone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::options::{ConsumerOptions, Hekad, InputOptions, SplitterOptions};
use super::read::{Reader, find_types};
use super::routes::PlannedJoint;
use super::{addresses, files, routes, unheard};
use crate::config::{Problem, ProblemKind, Problems, Section, Sources, sections};
use crate::flow::Patience;
use crate::matcher::{Facts, Matcher};
use crate::message::framing::max_record_size;
use crate::plugin::{Declared, Endpoint, PluginClass, Plugins};

/// Everything there is to build.
pub struct Plan {
    /// The daemon's own options.
    pub hekad: Hekad,
    /// Name of this host.
    pub hostname: Arc<str>,
    /// Inputs, in the order of the file.
    pub inputs: Vec<PlannedInput>,
    /// Filters, each after those it gets records from.
    pub filters: Vec<PlannedConsumer>,
    /// Outputs, in the order of the file.
    pub outputs: Vec<PlannedConsumer>,
    /// Who meets whom, sorted.
    pub joints: Vec<PlannedJoint>,
}

/// An input to build.
pub struct PlannedInput {
    /// Its section.
    pub section: Section,
    /// Its name, shared.
    pub name: Arc<str>,
    /// Its configuration.
    pub declared: Declared,
    /// Options every input has.
    pub options: InputOptions,
    /// Its decoder; without one its records are messages.
    pub decoder: Option<Declared>,
    /// Its splitter.
    pub splitter: Declared,
    /// Options every splitter has.
    pub splitting: SplitterOptions,
    /// Facts of its feeds.
    pub emits: Vec<Facts>,
}

/// A filter or output to build.
pub struct PlannedConsumer {
    /// Its section.
    pub section: Section,
    /// Its name, shared.
    pub name: Arc<str>,
    /// Its configuration.
    pub declared: Declared,
    /// Options every consumer has.
    pub options: ConsumerOptions,
    /// What it asks for.
    pub matcher: Matcher,
    /// How often it ticks.
    pub ticker: Option<Duration>,
    /// Its encoder.
    pub encoder: Option<Declared>,
    /// Whether what it writes is framed.
    pub framed: bool,
    /// Facts of its feeds.
    pub emits: Vec<Facts>,
    /// Producers that must not wait for it.
    pub loops: BTreeSet<Arc<str>>,
}

/// An input or filter as consumers see it.
pub(super) struct Producer<'a> {
    /// Its section.
    pub(super) section: &'a Section,
    /// Its name.
    pub(super) name: &'a Arc<str>,
    /// Its configuration.
    pub(super) declared: &'a Declared,
    /// Facts of its feeds.
    pub(super) emits: &'a [Facts],
    /// Whether what it sends can wait.
    pub(super) patience: Patience,
}

/// Reads all sections of `sources` and plans them.
///
/// None if there was an error; warnings may be reported with a plan too.
pub fn plan(
    sources: &Sources,
    plugins: &Plugins,
    environment: &dyn Fn(&str) -> Option<String>,
    system_hostname: &str,
    problems: &mut Problems,
) -> Option<Plan> {
    let sections = sections(sources, environment, problems);
    let hekad = match &sections.global {
        Some(section) => section.checked::<Hekad>(problems),
        None => Some(Hekad::default()),
    };
    let hekad = hekad.unwrap_or_default();
    let hostname: Arc<str> = hekad.hostname.as_deref().unwrap_or(system_hostname).into();
    let longest = max_record_size(hekad.max_message_size.length());
    let typed = find_types(&sections, plugins, problems);
    let reader = Reader { sections: &sections, typed: &typed, plugins, hostname: &hostname, longest };
    let inputs = reader.inputs(problems);
    let directed = reader.directed(&inputs);
    let mut filters = reader.consumers(PluginClass::Filter, &directed, problems);
    let outputs = reader.consumers(PluginClass::Output, &directed, problems);
    reader.read_rest(problems);
    if typed.iter().all(|(_, plugin)| plugin.class != PluginClass::Input) && problems.is_empty() {
        problems.push(Problem::nowhere(ProblemKind::EmptyConfiguration));
    }
    routes::order(&mut filters, problems);
    let mut plan = Plan { hekad, hostname, inputs, filters, outputs, joints: Vec::new() };
    plan.joints = routes::joints(&plan, problems);
    addresses::check(&plan, problems);
    files::check(&plan, problems);
    unheard::check(&plan, plugins, problems);
    let failed = problems.iter().any(|problem| problem.severity() == crate::config::Severity::Error);
    (!failed).then_some(plan)
}

impl Plan {
    /// Inputs, then filters.
    pub(super) fn producers(&self) -> impl Iterator<Item = Producer<'_>> {
        let inputs = self.inputs.iter().map(|PlannedInput { section, name, declared, emits, .. }| Producer {
            section,
            name,
            declared,
            emits,
            patience: declared.patience(),
        });
        let filters =
            self.filters.iter().map(|PlannedConsumer { section, name, declared, emits, .. }| Producer {
                section,
                name,
                declared,
                emits,
                patience: Patience::Cannot,
            });
        inputs.chain(filters)
    }

    /// Filters, then outputs.
    pub fn consumers(&self) -> impl Iterator<Item = &PlannedConsumer> {
        self.filters.iter().chain(&self.outputs)
    }

    /// The sections that listen, each with where.
    pub(super) fn listens(&self) -> Vec<(Arc<str>, Endpoint)> {
        let inputs = self.inputs.iter().map(|input| (&input.name, &input.declared));
        let consumers = self.consumers().map(|consumer| (&consumer.name, &consumer.declared));
        let of = |(name, declared): (&Arc<str>, &Declared)| {
            let name = Arc::clone(name);
            declared.listens().into_iter().map(move |endpoint| (Arc::clone(&name), endpoint))
        };
        inputs.chain(consumers).flat_map(of).collect()
    }

    /// The longest interval between flushes of an aggregator, if there is one.
    pub(super) fn longest_flush(&self) -> Option<Duration> {
        let aggregators =
            self.filters.iter().filter(|filter| filter.declared.name_pattern(&self.hostname).is_some());
        aggregators.filter_map(|filter| filter.ticker).max()
    }

    /// The configuration as lines: the daemon's own options, then what was given to inputs, filters and outputs.
    pub(super) fn told(&self) -> Vec<String> {
        let hekad = serde_json::to_value(&self.hekad).expect("options are numbers, texts and tables of them");
        let mut lines = Vec::new();
        tell("hekad", &hekad, &mut lines);
        lines.extend(self.inputs.iter().flat_map(|input| input.section.told()));
        lines.extend(self.consumers().flat_map(|consumer| consumer.section.told()));
        lines
    }

    /// What there is, by class: for a line at the start.
    pub fn counts(&self) -> BTreeMap<&'static str, usize> {
        BTreeMap::from([
            ("input", self.inputs.len()),
            ("filter", self.filters.len()),
            ("output", self.outputs.len()),
        ])
    }
}

fn tell(path: &str, value: &serde_json::Value, lines: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(entries) => {
            entries.iter().for_each(|(key, value)| tell(&format!("{path} > {key}"), value, lines));
        }
        serde_json::Value::Null => {}
        serde_json::Value::String(text) => lines.push(format!("{path}: {text}")),
        other => lines.push(format!("{path}: {other}")),
    }
}
