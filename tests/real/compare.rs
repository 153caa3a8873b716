//! `benches/compare`: hekad beside the reference in one short run, whose sums agree.

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
    let Some(python) = program("python3") else {
        skip("python3 is not installed");
        return;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/compare/run.py");
    let directory = tempfile::tempdir().expect("a directory can be made");
    let picture = directory.path().join("compare.svg");
    let mut command = Command::new(python);
    command.arg(script).args(["--quick", "--peers", "hekad,statsd-node", "--svg"]).arg(&picture);
    let output = command
        .env("HEKAD_BINARY", binary())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .expect("it can be started");
    let (said, complaints) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{complaints}");
    let picture = std::fs::read_to_string(picture).expect("it drew a picture");
    for server in ["hekad", "statsd-node"] {
        let rows = said.lines().filter_map(|line| line.strip_prefix(&format!("| {server} | ")));
        let rows: Vec<&str> = rows.collect();
        let [row] = rows[..] else { panic!("{server} has no row or several:\n{said}\n{complaints}") };
        let cells: Vec<&str> = row.trim_end_matches(" |").split(" | ").collect();
        // So short a run may take less than one tick of the clock that CPU time is counted by.
        let [cpu, _ratio, highest, memory, flush, lost] = cells[..] else { panic!("{row}") };
        assert_eq!((highest, lost), ("-", "nothing"), "{row}");
        let figure = |cell: &str| cell.parse::<f64>().unwrap_or_else(|_| panic!("{cell} of {row}"));
        assert!(figure(cpu) >= 0.0 && figure(flush) >= 0.0 && figure(memory) > 1.0, "{row}");
        assert!(picture.contains(&format!(">{server}</text>")), "{server} is not in the picture");
    }
}
