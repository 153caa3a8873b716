//! The tools of the command line, as processes: what `flood` says it sent against what arrived, `cat` on frames of others,
//! `inject` to a listener.

mod cat;
mod flood;
mod inject;

use std::process::{Command, Output};

/// Runs `hekad` with these words to its end.
fn hekad(words: &[&str]) -> Output {
    Command::new(BINARY).args(words).output().expect("it can be started")
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

const BINARY: &str = env!("CARGO_BIN_EXE_hekad");
