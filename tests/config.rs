//! Right and wrong configurations for the whole program: `good/` is planned, `bad/` is refused with every mistake named.
//!
//! A file begins with a comment line `# LINE:COLUMN: message` for each problem that it has, by place; a text beside it
//! (`NAME.txt`) is what a person would see.

mod coverage;
mod files;
mod manual;
mod plugins;

use std::path::{Path, PathBuf};

use heka::config::{Problem, Problems, Severity, Sources, one_line, render};
use heka::pipeline::Plan;

/// A text that was planned.
struct Planned {
    sources: Sources,
    problems: Problems,
    plan: Option<Plan>,
}

impl Planned {
    fn of(sources: Sources, mut problems: Problems) -> Planned {
        let plan = heka::pipeline::plan(&sources, &plugins::all(), &environment, HOSTNAME, &mut problems);
        // As a person sees them: by place.
        problems.sort_by_key(|problem| problem.at.as_ref().map(|at| (at.source, at.span.start, at.span.end)));
        Planned { sources, problems, plan }
    }

    fn of_text(name: &str, text: &str) -> Planned {
        Planned::of(Sources::embedded(name, text), Problems::new())
    }

    fn lines(&self) -> Vec<String> {
        self.problems.iter().map(|problem| one_line(problem, &self.sources)).collect()
    }

    fn routes(&self) -> Vec<String> {
        let plan = self.plan.as_ref().expect("the configuration is right");
        plan.joints.iter().map(ToString::to_string).collect()
    }
}

/// A file of the corpus, by its name without the ending.
struct Case {
    name: String,
    path: PathBuf,
    text: String,
}

impl Case {
    /// The problems that its first lines announce.
    fn announced(&self) -> Vec<&str> {
        let comments = self.text.lines().map_while(|line| line.strip_prefix("# "));
        comments
            .take_while(|line| line.starts_with(|first: char| first.is_ascii_digit() || first == '!'))
            .map(unplaced)
            .collect()
    }

    fn planned(&self) -> Planned {
        Planned::of_text(&format!("{}.toml", self.name), &self.text)
    }
}

/// A problem of no place is announced behind a `!`.
fn unplaced(line: &str) -> &str {
    line.strip_prefix("! ").unwrap_or(line)
}

fn cases(folder: &str) -> Vec<Case> {
    let folder = root().join("tests/config").join(folder);
    let mut cases = Vec::new();
    for entry in std::fs::read_dir(&folder).expect("the folder is there") {
        let path = entry.expect("the folder can be read").path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let name = path.file_stem().expect("a file has a name").to_string_lossy().into_owned();
            let text = std::fs::read_to_string(&path).expect("the file can be read");
            cases.push(Case { name, path, text });
        }
    }
    assert!(!cases.is_empty(), "no *.toml in {}", folder.display());
    cases.sort_by(|one, other| one.name.cmp(&other.name));
    cases
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What is set; everything else is not.
fn environment(name: &str) -> Option<String> {
    let value = match name {
        "STATSD_PORT" => "8125",
        "SERIES" => "50_000",
        "TEAM" => "web",
        "MATCHER" => "Type == ",
        _ => return None,
    };
    Some(value.to_owned())
}

const HOSTNAME: &str = "host.example";

fn is_error(problem: &Problem) -> bool {
    problem.severity() == Severity::Error
}

/// All cases whose problems are not those announced, with what they are.
fn differing(cases: &[Case]) -> String {
    let mut text = String::new();
    for case in cases {
        let found = case.planned().lines();
        if found != case.announced() {
            text.push_str(&format!("{}\n", case.path.display()));
            found.iter().for_each(|line| text.push_str(&format!("# {line}\n")));
        }
    }
    text
}

#[test]
fn right_configurations_are_planned() {
    let cases = cases("good");
    let differing = differing(&cases);
    assert!(differing.is_empty(), "these have other problems than they announce:\n{differing}");
    for case in cases {
        let planned = case.planned();
        assert!(planned.plan.is_some(), "{} is refused", case.name);
        assert!(!planned.problems.iter().any(is_error), "{} has an error", case.name);
    }
}

#[test]
fn wrong_configurations_are_refused_with_every_mistake_in_its_place() {
    let cases = cases("bad");
    let differing = differing(&cases);
    assert!(differing.is_empty(), "these have other problems than they announce:\n{differing}");
    for case in cases {
        let planned = case.planned();
        assert!(planned.plan.is_none(), "{} is planned", case.name);
        assert!(planned.problems.iter().any(is_error), "{} has no error", case.name);
    }
}

#[test]
fn problems_are_rendered_for_people_with_lines_carets_and_ways_out() {
    let mut compared = 0;
    for case in cases("bad").into_iter().chain(cases("good")) {
        let Ok(expected) = std::fs::read_to_string(case.path.with_extension("txt")) else { continue };
        let planned = case.planned();
        assert_eq!(render(&planned.problems, &planned.sources, false), expected, "{}", case.name);
        compared += 1;
    }
    assert_eq!(compared, RENDERED, "texts beside the configurations");
}

/// How many configurations have a text beside them.
const RENDERED: usize = 5;
