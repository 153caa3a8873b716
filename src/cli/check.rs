//! `hekad check`: everything wrong with a configuration at once, and the routes it comes to.

use std::io::IsTerminal;

use super::CONFIGURATION;
use crate::config::render;
use crate::daemon::{Choice, load};
use crate::pipeline::{Plan, storage_conflicts, storage_schemas};
use crate::plugin::Plugins;

/// What is printed of a configuration that is right.
pub(super) enum Shown {
    /// How many plugins there are.
    Counts,
    /// Who sends to whom.
    Routes,
    /// What carbon must be told.
    Graphite,
}

/// Checks a configuration; the exit code.
pub(super) fn check(choice: &Choice, shown: Shown, plugins: &Plugins) -> u8 {
    let loaded = load(choice, plugins);
    let colour = std::io::stderr().is_terminal();
    if !loaded.problems.is_empty() {
        anstream::eprint!("{}", render(&loaded.problems, &loaded.sources, colour));
    }
    let Some(plan) = loaded.plan else { return CONFIGURATION };
    match shown {
        Shown::Routes => plan.joints.iter().for_each(|joint| anstream::println!("{joint}")),
        Shown::Graphite => show_schemas(&plan),
        Shown::Counts => show_counts(&loaded.from, &plan),
    }
    0
}

fn show_schemas(plan: &Plan) {
    let schemas = storage_schemas(plan);
    if schemas.is_empty() {
        anstream::eprintln!(
            "nothing is flushed to carbon: there is no CarbonOutput that an aggregator sends to"
        );
    }
    for conflict in storage_conflicts(plan) {
        anstream::eprintln!("warning: {conflict}");
    }
    anstream::print!("{schemas}");
}

fn show_counts(from: &impl std::fmt::Display, plan: &Plan) {
    let plural =
        |(what, count): (&&str, &usize)| format!("{count} {what}{}", if *count == 1 { "" } else { "s" });
    let counts: Vec<String> = plan.counts().iter().map(plural).collect();
    anstream::println!("{from} is right: {}", counts.join(", "));
}
