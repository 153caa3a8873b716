//! A file of a running daemon that is moved away under it, as logrotate does.

use std::fs;
use std::time::Duration;

use tempfile::TempDir;

use crate::harness::wait_until;
use crate::hekad::Hekad;

#[test]
fn a_file_that_is_moved_away_while_records_come_loses_none_of_them() {
    const LINES: usize = 20_000;
    const MOVES: usize = 10;
    let directory = TempDir::new().expect("a directory can be made");
    let place = |name: &str| directory.path().join(name);
    let hekad = started(&directory);
    for part in 0..MOVES {
        let lines: String = (0..LINES).map(|line| format!("part{part}.line{line}:1|c\n")).collect();
        hekad.send_stream(&lines);
        fs::rename(place("samples.log"), place(&format!("samples.log.{part}"))).expect("it is there");
        // Without the signal it is there again as well; with it nothing ends.
        if part % 2 == 0 {
            hekad.signal("HUP");
        }
        wait_until(PATIENCE, || {
            fs::metadata(place("samples.log")).map(drop).map_err(|error| error.to_string())
        });
    }
    hekad.stop_cleanly();
    let mut found = Vec::new();
    for entry in fs::read_dir(directory.path()).expect("it is readable") {
        let text = fs::read_to_string(entry.expect("it is readable").path()).expect("it is text");
        assert!(text.is_empty() || text.ends_with('\n'), "half a record is left");
        found.extend(text.lines().map(str::to_owned));
    }
    found.sort();
    let mut sent: Vec<String> = (0..MOVES)
        .flat_map(|part| (0..LINES).map(move |line| format!("part{part}.line{line}:1|c")))
        .collect();
    sent.sort();
    assert_eq!(found.len(), sent.len());
    assert!(found == sent, "other lines were found than were sent");
}

#[test]
fn a_hang_up_says_that_it_is_not_needed() {
    let directory = TempDir::new().expect("a directory can be made");
    let hekad = started(&directory);
    hekad.signal("HUP");
    wait_until(PATIENCE, || {
        let printed = hekad.printed();
        printed.contains("SIGHUP is not needed: files that were moved").then_some(()).ok_or(printed)
    });
    hekad.stop_cleanly();
}

fn started(directory: &TempDir) -> Hekad {
    let section = format!(
        "[FileOutput]\nmessage_matcher = \"Type == 'heka.statsample'\"\npath = \"{}\"\nflush_interval = 100\n",
        directory.path().join("samples.log").display()
    );
    Hekad::start_beside(10, "", &section)
}

const PATIENCE: Duration = Duration::from_secs(15);
