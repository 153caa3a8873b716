//! `hekad top-series` against a running daemon.

use std::process::{Command, Output};

use crate::harness::free_port;
use crate::hekad::{Hekad, binary};

fn top(arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(binary());
    let Output { status, stdout, stderr } =
        command.arg("top-series").args(arguments).output().expect("the binary can be started");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it prints text");
    (status.code(), text(stdout), text(stderr))
}

#[test]
fn the_heaviest_prefixes_and_the_newest_names_are_shown_in_a_pipe_and_as_json() {
    let hekad = Hekad::start(10, None);
    let address = format!("127.0.0.1:{}", hekad.scrape);
    let series: Vec<String> = (0..30).map(|number| format!("api.r{number}:1|c")).collect();
    hekad.send(series.iter().map(String::as_str));
    hekad.send(["web.load:3|g|#zone:b"]);
    hekad.wait_for_line("web_load{zone=\"b\"} 3");
    let (code, shown, said) = top(&["--address", &address, "--count", "2"]);
    assert_eq!((code, said.as_str()), (Some(0), ""));
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines[..2], ["31 of 1,000,000 series, 2 prefixes", ""]);
    assert_eq!(lines[3].split_whitespace().collect::<Vec<_>>(), ["api", "30", "-"]);
    assert!(lines[7].ends_with("gauge         web.load#zone:b"), "{shown}");
    assert_eq!(lines.len(), 9);
    assert!(!shown.contains('\u{1b}') && !shown.contains('█'), "{shown}");
    let (code, json, _) = top(&["--address", &address, "--count", "1", "--json"]);
    assert_eq!(code, Some(0));
    assert!(json.contains(r#""heaviest":[{"prefix":"api","series":30,"limit":null}]"#), "{json}");
    hekad.stop_cleanly();
}

#[test]
fn where_no_daemon_answers_it_says_so() {
    let address = format!("127.0.0.1:{}", free_port());
    let (code, shown, said) = top(&["--address", &address]);
    assert_eq!((code, shown.as_str()), (Some(1), ""));
    assert!(said.starts_with(&format!("nothing answers on {address}: ")), "{said}");
    assert!(said.ends_with("is hekad running there, with a [DashboardOutput]?\n"), "{said}");
}
