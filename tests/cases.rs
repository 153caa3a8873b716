//! Scenarios on a manual clock: `cases/**/*.case`, each in three wirings that must agree.
//!
//! Run with `HEKA_BLESS=1` to have what came of a scenario written into its file; read what it wrote before you keep it.

mod case;
mod options;
mod probe;
mod random;
mod run;
mod seeded;

use std::path::{Path, PathBuf};

use case::Case;
use heka::pipeline::builtin;

#[test]
fn cases_of_statsd_give_what_they_say_in_three_wirings() {
    hold("statsd");
}

#[test]
fn cases_of_aggregation_give_what_they_say_in_three_wirings() {
    hold("aggregation");
}

#[test]
fn cases_of_carbon_give_what_they_say_in_three_wirings() {
    hold("carbon");
}

#[test]
fn cases_of_prometheus_give_what_they_say_in_three_wirings() {
    hold("prometheus");
}

#[test]
fn cases_of_the_page_give_what_they_say_in_three_wirings() {
    hold("dashboard");
}

#[test]
fn cases_of_routing_give_what_they_say_in_three_wirings() {
    hold("routing");
}

#[test]
fn cases_of_restarts_give_what_they_say_in_three_wirings() {
    hold("restart");
}

#[test]
fn cases_of_counters_give_what_they_say_in_three_wirings() {
    hold("counter");
}

#[test]
fn cases_of_faults_give_what_they_say_in_three_wirings() {
    hold("faults");
}

#[test]
fn cases_of_forwarding_give_what_they_say_in_three_wirings() {
    hold("forward");
}

#[test]
fn cases_of_the_console_give_what_they_say_in_three_wirings() {
    hold("console");
}

#[test]
fn cases_of_key_flushes_give_what_they_say_in_three_wirings() {
    hold("key_flush");
}

#[test]
fn cases_of_messages_give_what_they_say_in_three_wirings() {
    hold("messages");
}

#[test]
fn cases_of_thresholds_give_what_they_say_in_three_wirings() {
    hold("threshold");
}

#[test]
fn cases_of_http_give_what_they_say_in_three_wirings() {
    hold("http");
}

#[test]
fn every_case_is_in_a_folder_that_is_held() {
    let held = [
        "statsd",
        "aggregation",
        "carbon",
        "prometheus",
        "dashboard",
        "routing",
        "restart",
        "counter",
        "faults",
        "forward",
        "console",
        "key_flush",
        "messages",
        "threshold",
        "http",
    ];
    let all = case_files(&root());
    let found: usize = held.iter().map(|folder| case_files(&root().join(folder)).len()).sum();
    assert_eq!(all.len(), found);
}

/// Holds every case of a folder; all failures are reported together.
fn hold(folder: &str) {
    let files = case_files(&root().join(folder));
    assert!(!files.is_empty(), "no cases in {folder}");
    let mut failures = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a case is readable text");
        let name = file.strip_prefix(root()).expect("it was found there").display().to_string();
        match check(&text) {
            Ok(blessed) if blessed == text => {}
            Ok(blessed) if is_blessing() => std::fs::write(&file, blessed).expect("the case can be written"),
            Ok(blessed) => {
                failures.push(format!("{name} gives other than it says:\n{}", difference(&text, &blessed)))
            }
            Err(error) => failures.push(format!("{name}: {error}")),
        }
    }
    assert!(failures.is_empty(), "{} cases fail:\n{}", failures.len(), failures.join("\n"));
}

/// Runs a case; its text with what came of it in the place of what was expected.
fn check(text: &str) -> Result<String, String> {
    let mut case = Case::parse(text)?;
    let (ran, wrong) = run::run_all(&case, &builtin())?;
    if !wrong.is_empty() {
        return Err(wrong.join("\n"));
    }
    for ((_, expected), found) in case.expected.iter_mut().zip(ran.found) {
        *expected = found;
    }
    case.ledger = ran.ledger;
    Ok(case.render())
}

/// Lines that only one of two texts has.
fn difference(expected: &str, found: &str) -> String {
    let (expected, found): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), found.lines().collect());
    let missing = expected.iter().filter(|line| !found.contains(line)).map(|line| format!("  - {line}\n"));
    let more = found.iter().filter(|line| !expected.contains(line)).map(|line| format!("  + {line}\n"));
    let text: String = missing.chain(more).collect();
    if text.is_empty() { "  lines in another order or number\n".to_owned() } else { text }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases")
}

/// All `.case` files below `folder`, sorted.
fn case_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the folder of cases is there");
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.expect("a folder can be listed").path();
        if path.is_dir() {
            files.extend(case_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "case") {
            files.push(path);
        }
    }
    files.sort();
    files
}

#[expect(clippy::disallowed_methods, reason = "asked by who runs the tests, not by the daemon")]
pub(crate) fn is_blessing() -> bool {
    std::env::var("HEKA_BLESS").is_ok_and(|value| value == "1")
}
