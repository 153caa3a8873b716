//! A log that grows all the time, rotated in every way, read by a daemon that is killed: every line comes.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::harness::{Process, pause, wait_until};
use crate::hekad::binary;
use crate::log::{Log, RATE};

/// How often positions are committed.
const COMMIT: Duration = Duration::from_millis(200);

#[test]
fn every_line_of_a_log_comes_through_rotations_and_kills() {
    let directory = TempDir::new().expect("a directory can be made");
    let log = Log::new(directory.path(), |number| format!("n={number} {FILLER}\n"));
    let mut daemon = Some(start(directory.path()));
    let mut kills = 0;
    thread::scope(|scope| {
        let writer = scope.spawn(|| log.write());
        let deadline = Instant::now() + lasting();
        let mut turn = 0;
        while Instant::now() < deadline {
            pause(Duration::from_millis(400));
            match turn % 7 {
                0 | 3 => log.rotate(),
                1 => {
                    log.rotate();
                    log.compress(2);
                }
                2 | 6 => {
                    // While it reads, and while it waits for the last writer of a renamed file.
                    pause(Duration::from_millis(turn % 4 * 500));
                    // It is dropped by SIGKILL.
                    drop(daemon.take());
                    daemon = Some(start(directory.path()));
                    kills += 1;
                }
                4 => log.copy_truncate(|written| all_came(directory.path(), written), 1),
                _ => log.copy_truncate(|written| all_came(directory.path(), written), 2 * log.size()),
            }
            turn += 1;
        }
        log.end();
        writer.join().expect("the writer does not panic");
    });
    let written = log.written();
    let came = wait_until(Duration::from_secs(60), || all_came(directory.path(), written));
    let mut daemon = daemon.expect("it runs");
    daemon.ask_to_stop();
    daemon.wait(Duration::from_secs(20));
    let repeated: u64 = came.values().map(|times| times - 1).sum();
    // Read and delivered in about one interval, and a moment for what is under way.
    let most = kills * RATE * (2 * COMMIT.as_millis() as u64 + 600) / 1000;
    assert!(repeated <= most, "{repeated} lines came again after {kills} kills, more than {most}");
    assert!(!daemon.printed().contains("are lost"), "{}", tail_of(&daemon.printed()));
    eprintln!("{written} lines, {kills} kills, {repeated} came again");
}

fn lasting() -> Duration {
    let seconds = std::env::var("HEKA_TAIL").ok().and_then(|seconds| seconds.parse().ok());
    Duration::from_secs(seconds.unwrap_or(15))
}

fn start(directory: &Path) -> Process {
    let config = format!(
        "[hekad]\nbase_dir = \"{base}/state\"\n[app]\ntype = \"LogstreamerInput\"\nlog_directory = \"{base}/logs\"\n\
         file_match = 'app\\.log(\\.(?P<Seq>\\d+))?(\\.gz)?'\npriority = [\"^Seq\"]\nrotate_wait = \"1s\"\ncommit_interval = \"{commit}ms\"\n\
         [LogOutput]\nmessage_matcher = \"TRUE\"\nencoder = \"plain\"\n[plain]\ntype = \"PayloadEncoder\"\nappend_newlines = false\n",
        base = directory.display(),
        commit = COMMIT.as_millis(),
    );
    let file = directory.join("hekad.toml");
    fs::write(&file, config).expect("the configuration can be written");
    let mut command = Command::new(binary());
    command.arg("-config").arg(file).env_remove("HEKA_BASE_DIR").env_remove("HEKAD_LISTEN");
    Process::start(&mut command, &directory.join("out"))
}

/// How often each line came. One that a kill cut in two does not count.
fn came(directory: &Path) -> HashMap<u64, u64> {
    let out = fs::read(directory.join("out")).unwrap_or_default();
    let mut came = HashMap::new();
    for line in out.split(|&byte| byte == b'\n') {
        let number = std::str::from_utf8(line).ok().and_then(|line| {
            let (number, filler) = line.strip_prefix("n=")?.split_once(' ')?;
            let number: u64 = number.parse().ok()?;
            (filler == FILLER).then_some(number)
        });
        if let Some(number) = number {
            *came.entry(number).or_default() += 1;
        }
    }
    came
}

/// The same, once all have come.
fn all_came(directory: &Path, written: u64) -> Result<HashMap<u64, u64>, String> {
    let came = came(directory);
    if came.len() as u64 == written {
        return Ok(came);
    }
    Err(format!("{} of {written} lines came; {}", came.len(), missing(&came, written)))
}

fn missing(came: &HashMap<u64, u64>, written: u64) -> String {
    let missing: Vec<u64> = (0..written).filter(|number| !came.contains_key(number)).collect();
    format!("{} are missing, from {:?} to {:?}", missing.len(), missing.first(), missing.last())
}

fn tail_of(text: &str) -> &str {
    &text[text.len().saturating_sub(4000)..]
}

const FILLER: &str =
    "a line of a log as they are, with some words and a number or two, 200 1234 0.123 and an end";
