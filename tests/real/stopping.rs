//! What is delivered when the daemon is told to stop.

use std::net::UdpSocket;
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::carbon::Carbon;
use crate::harness::{free_port, http_get, wait_until};
use crate::hekad::{Hekad, binary};

/// An interval long enough that the daemon is stopped inside of one.
const INTERVAL: u32 = 10;

/// Nobody starts these daemons again.
const FLUSH: &str = "at_stop = \"flush\"";

#[test]
fn sigterm_delivers_the_last_interval_where_it_is_to_be_flushed() {
    let Some(carbon) = Carbon::start(INTERVAL) else { return };
    let hekad = Hekad::start_with(INTERVAL, Some(carbon.port), FLUSH);
    hekad
        .send(["stop.requests:7|c\nstop.load:3|g\nstop.latency:20|ms\nstop.latency:30|ms\nstop.users:ann|s"]);
    hekad.wait_for_line("stop_requests_total 7");
    carbon.wait_for_sum("stats.counters.stop.requests.count", 7.0);
    // Right after a flush: the next one is most of an interval away, and only the stop can deliver these.
    hekad.send(["stop.requests:5|c\nstop.late:1|c", "stop.late:1|c"]);
    hekad.stop_cleanly();
    carbon.wait_for_sum("stats.counters.stop.requests.count", 12.0);
    carbon.wait_for_sum("stats.counters.stop.late.count", 2.0);
    carbon.wait_for_sum("stats.timers.stop.latency.count", 2.0);
    carbon.wait_for_sum("stats.timers.stop.latency.sum", 50.0);
    carbon.wait_for_sum("stats.sets.stop.users.count", 1.0);
    carbon
        .wait_for(&["stats.gauges.stop.load"], |written| written.expect_last("stats.gauges.stop.load", 3.0));
}

#[test]
fn what_the_socket_holds_at_sigterm_is_delivered() {
    let Some(carbon) = Carbon::start(INTERVAL) else { return };
    let hekad = Hekad::start_with(INTERVAL, Some(carbon.port), FLUSH);
    hekad.send(vec!["socket.requests:1|c"; 100]);
    hekad.stop_cleanly();
    carbon.wait_for_sum("stats.counters.socket.requests.count", 100.0);
}

#[test]
fn what_tcp_connections_hold_at_sigterm_is_delivered() {
    const CONNECTIONS: usize = 30;
    const LINES: usize = 2_000;
    let Some(carbon) = Carbon::start(INTERVAL) else { return };
    let hekad = Hekad::start_with(INTERVAL, Some(carbon.port), FLUSH);
    let lines = "stream.requests:1|c\n".repeat(LINES);
    for _ in 0..CONNECTIONS {
        hekad.send_stream(&lines);
    }
    hekad.stop_cleanly();
    carbon.wait_for_sum("stats.counters.stream.requests.count", (CONNECTIONS * LINES) as f64);
}

#[test]
fn sigusr1_prints_the_ledger_and_what_was_counted_and_disturbs_nothing() {
    let hekad = Hekad::start(INTERVAL, None);
    hekad.send(["report.requests:1|c"]);
    hekad.wait_for_line("report_requests_total 1");
    hekad.signal("USR1");
    wait_until(PATIENCE, || {
        let printed = hekad.printed();
        let all = [
            "ledger: StatsdInput -> StatAccumFilter (lane): offered 1, taken 1, held 0",
            "metric: hekad_lines_total 1 input=StatsdInput",
        ];
        all.iter().all(|line| printed.contains(line)).then_some(()).ok_or(printed)
    });
    hekad.send(["report.requests:1|c"]);
    hekad.wait_for_line("report_requests_total 2");
    hekad.stop_cleanly();
}

#[test]
fn a_log_that_nobody_reads_any_more_ends_nothing() {
    let directory = TempDir::new().expect("a directory can be made");
    let (udp, scrape) = (free_port(), free_port());
    let config = format!(
        "[hekad]\nbase_dir = \"{}\"\n[StatsdInput]\naddress = \"127.0.0.1:{udp}\"\n[StatAccumFilter]\n\
         ticker_interval = 1\n[PrometheusOutput]\naddress = \"127.0.0.1:{scrape}\"\n",
        directory.path().join("state").display(),
    );
    let file = directory.path().join("hekad.toml");
    std::fs::write(&file, config).expect("the configuration can be written");
    let mut command = Command::new(binary());
    let mut hekad = command.arg("-config").arg(&file).stderr(Stdio::piped()).spawn().expect("hekad starts");
    wait_until(PATIENCE, || http_get(scrape, "/-/ready").map(drop));
    drop(hekad.stderr.take());
    let client = UdpSocket::bind("127.0.0.1:0").expect("there is a port");
    let send = |line: &str| {
        client.send_to(line.as_bytes(), ("127.0.0.1", udp)).expect("it can be sent");
    };
    // The first must be logged, and cannot be.
    send("bad");
    send("unread.log:1|c");
    wait_until(PATIENCE, || match http_get(scrape, "/metrics")? {
        (_, page) if page.contains("unread_log_total 1") => Ok(()),
        (status, _) => Err(format!("{status}, without the sample")),
    });
    let told = Command::new("kill").args(["-TERM", &hekad.id().to_string()]).status();
    assert!(told.expect("there is a kill").success());
    wait_until(PATIENCE, || match hekad.try_wait() {
        Ok(Some(status)) if status.code() == Some(0) => Ok(()),
        other => Err(format!("{other:?}")),
    });
}

const PATIENCE: Duration = Duration::from_secs(20);
