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

#[test]
fn docs_print_the_page_of_the_daemon_as_that_of_a_plugin() {
    let page = hekad(&["docs", "hekad"]);
    assert!(page.status.success(), "{}", stderr(&page));
    let text = stdout(&page);
    assert!(text.starts_with("\n## [hekad]\n\nThe daemon itself.\n\n* `"), "{text}");
    assert_eq!((text.matches("## ").count(), stdout(&hekad(&["docs", "[Hekad]"]))), (1, text.clone()));
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

const BINARY: &str = env!("CARGO_BIN_EXE_hekad");
