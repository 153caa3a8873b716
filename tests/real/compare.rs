//! `benches/compare`: hekad beside the reference in one short run, whose sums agree, and beside rsyslog, whose files do.

use std::path::Path;
use std::process::Command;

use crate::harness::{program, skip};
use crate::hekad::binary;
use crate::reference::Reference;

#[test]
fn a_short_comparison_loses_nothing_of_hekad_or_of_the_reference() {
    if Reference::find().is_none() {
        return;
    }
    let directory = tempfile::tempdir().expect("a directory can be made");
    let picture = directory.path().join("compare.svg");
    let path = picture.to_str().expect("its name is text");
    let Some(said) = compared(&["--peers", "hekad,statsd-node", "--svg", path]) else { return };
    let picture = std::fs::read_to_string(&picture).expect("it drew a picture");
    for server in ["hekad", "statsd-node"] {
        let row = row(&said, server);
        // So short a run may take less than one tick of the clock that CPU time is counted by.
        let [cpu, _ratio, highest, memory, flush, lost] = row[..] else { panic!("{row:?}") };
        assert_eq!((highest, lost), ("-", "nothing"), "{row:?}");
        assert!(figure(cpu) >= 0.0 && figure(flush) >= 0.0 && figure(memory) > 1.0, "{row:?}");
        assert!(picture.contains(&format!(">{server}</text>")), "{server} is not in the picture");
    }
}

#[test]
fn a_short_comparison_finds_the_same_lines_behind_hekad_and_behind_rsyslog() {
    if program("rsyslogd").is_none() {
        skip("rsyslog is not installed");
        return;
    }
    let Some(said) = compared(&["--peers", "hekad,rsyslog", "--workloads", "LOGS"]) else { return };
    for name in ["hekad", "rsyslog"] {
        let row = row(&said, name);
        let [cpu, _ratio, _rate, memory] = row[..] else { panic!("{row:?}") };
        assert!(figure(cpu) >= 0.0 && figure(memory) > 1.0, "{row:?}");
    }
}

/// What a quick comparison prints; none where there is no Python.
fn compared(arguments: &[&str]) -> Option<String> {
    let Some(python) = program("python3") else {
        skip("python3 is not installed");
        return None;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/compare/run.py");
    let mut command = Command::new(python);
    command.arg(script).arg("--quick").args(arguments);
    let output = command
        .env("HEKAD_BINARY", binary())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .expect("it can be started");
    let (said, complaints) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{complaints}");
    Some(format!("{said}\n{complaints}"))
}

/// The cells of the one row that begins with a name.
fn row<'a>(said: &'a str, name: &str) -> Vec<&'a str> {
    let rows = said.lines().filter_map(|line| line.strip_prefix(&format!("| {name} | ")));
    let rows: Vec<&str> = rows.collect();
    let [row] = rows[..] else { panic!("{name} has no row or several:\n{said}") };
    row.trim_end_matches(" |").split(" | ").collect()
}

fn figure(cell: &str) -> f64 {
    cell.parse().unwrap_or_else(|_| panic!("{cell} is no figure"))
}
