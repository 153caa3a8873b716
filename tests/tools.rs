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

#[test]
fn a_variable_that_must_be_set_need_not_be_set_to_import() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let file = directory.path().join("config.js");
    let config = "{ graphiteHost: process.env.NOBODY_SETS_THIS, mgmt_port: process.env.NOBODY_SETS_THIS }";
    std::fs::write(&file, config).expect("it can be written");
    let imported = hekad(&["import", "statsd", file.to_str().expect("its name is text")]);
    let told = stderr(&imported);
    assert_eq!(imported.status.code(), Some(0), "{told}");
    assert!(told.ends_with("set where hekad is started: NOBODY_SETS_THIS\n"), "{told}");
    assert!(
        stdout(&imported).contains("\naddress = \"${NOBODY_SETS_THIS}:2003\"\n"),
        "{}",
        stdout(&imported)
    );
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

const BINARY: &str = env!("CARGO_BIN_EXE_hekad");
