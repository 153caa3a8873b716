//! Files: nobody adds to one where another does, since a write that is taken back would cut what the other wrote.

use std::path::PathBuf;

use super::plan::Plan;
use crate::config::{Location, Problem, ProblemKind, Problems, Section};

/// Reports files that two consumers write. Paths are compared as they are written, directives of time included.
pub(super) fn check(plan: &Plan, problems: &mut Problems) {
    let mut written: Vec<(&Section, PathBuf, Location)> = Vec::new();
    for consumer in plan.consumers() {
        let section = &consumer.section;
        for (key, path) in consumer.declared.writes() {
            let at = section.value_at(key);
            if let Some((other, _, first)) = written.iter().find(|(_, taken, _)| *taken == path) {
                let (section, other) = (section.name.clone(), other.name.clone());
                let kind = ProblemKind::FileTaken { section, other, path: path.display().to_string() };
                problems
                    .push(Problem::at(at.clone(), kind).with_note(first.clone(), "the first to write it"));
            }
            written.push((section, path, at));
        }
    }
}
