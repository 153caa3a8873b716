//! Unix sockets: DogStatsD's client, `hekad send`, files that a killed daemon left, and who may send.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::clients::Python;
use crate::hekad::{Hekad, binary};

/// Sections beside those that every daemon of these tests has.
fn sections(directory: &Path) -> String {
    let place = |name: &str| directory.join(name).display().to_string();
    format!(
        "[datagrams]\ntype = \"StatsdInput\"\nnet = \"unixgram\"\nsocket = \"{}\"\nsocket_mode = \"0622\"\n\
         container_tag = \"container\"\n\
         [packets]\ntype = \"StatsdInput\"\nnet = \"unix\"\nframing = \"length\"\nsocket = \"{}\"\n\
         [lines]\ntype = \"StatsdInput\"\nnet = \"unix\"\nsocket = \"{}\"\n",
        place("datagrams.sock"),
        place("packets.sock"),
        place("lines.sock"),
    )
}

#[test]
fn the_datadog_client_sends_over_both_kinds_of_socket() {
    let Some(python) = Python::with("datadog") else { return };
    let directory = TempDir::new().expect("a directory can be made");
    let hekad = Hekad::start_with(10, None, &sections(directory.path()));
    let place = |name: &str| directory.path().join(name).display().to_string();
    python.run_with(
        DATADOG,
        &[
            format!("unixgram://{}", place("datagrams.sock")),
            format!("unixstream://{}", place("packets.sock")),
        ],
    );
    for line in [
        "unix_datagrams_total{container=\"ci-42\",env=\"test\"} 1000",
        "unix_packets_total{env=\"test\"} 1000",
        "hekad_connections_total{input=\"packets\"} 1",
    ] {
        hekad.wait_for_line(line);
    }
    hekad.stop_cleanly();
    assert_eq!(std::fs::read_dir(directory.path()).expect("it is there").count(), 0, "files are left");
}

#[test]
fn sockets_have_their_mode_and_what_a_killed_daemon_left_is_in_nobodys_way() {
    let directory = TempDir::new().expect("a directory can be made");
    let mut hekad = Hekad::start_with(10, None, &sections(directory.path()));
    let mode = |name: &str| {
        let found = std::fs::symlink_metadata(directory.path().join(name)).expect("the socket is there");
        found.permissions().mode() & 0o777
    };
    assert_eq!((mode("datagrams.sock"), mode("packets.sock")), (0o622, 0o660));
    hekad.kill();
    assert!(directory.path().join("datagrams.sock").exists());
    hekad.start_again();
    let send = |arguments: &[&str]| {
        let sent = Command::new(binary()).arg("send").args(arguments).output().expect("it can be started");
        assert!(sent.status.success(), "{}", String::from_utf8_lossy(&sent.stderr));
    };
    let place = |name: &str| directory.path().join(name).display().to_string();
    send(&["--to", &place("datagrams.sock"), "unix.sent:2|c"]);
    send(&["--to", &place("lines.sock"), "--stream", "unix.sent:3|c"]);
    hekad.wait_for_line("unix_sent_total 5");
    hekad.stop_cleanly();
}

#[test]
fn a_daemon_forwards_to_the_socket_of_another_and_again_when_that_one_is_back() {
    let directory = TempDir::new().expect("a directory can be made");
    let mut other = Hekad::start_with(10, None, &sections(directory.path()));
    let place = directory.path().join("datagrams.sock");
    let forwarding = format!("[StatsdOutput]\nupstreams = [\"unixgram://{}\"]\n", place.display());
    let hekad = Hekad::start_beside(10, "", &forwarding);
    hekad.send(["unix.forwarded:2|c"]);
    other.wait_for_line("unix_forwarded_total 2");
    assert_eq!(other.pause().code, Some(0));
    // It waits for the only one it has.
    hekad.send(["unix.forwarded:3|c"]);
    other.start_again();
    other.wait_for_line("unix_forwarded_total 5");
    hekad.stop_cleanly();
    other.stop_cleanly();
}

/// Five hundred datagrams are far more than the queue of a unix socket holds: the client is made to wait.
const DATADOG: &str = r#"
import sys
import datadog.dogstatsd.base as base
for name, path in (("datagrams", sys.argv[1]), ("packets", sys.argv[2])):
    client = base.DogStatsd(
        socket_path=path, namespace="unix", constant_tags=["env:test"], disable_telemetry=True,
        disable_buffering=True, origin_detection_enabled=False, socket_timeout=5,
    )
    if name == "datagrams":
        client._container_id = "ci-42"
    for _ in range(500):
        client.increment(name, 2)
    client.flush()
    client.close_socket()
"#;
