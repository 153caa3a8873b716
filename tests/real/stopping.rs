//! What is delivered when the daemon is told to stop.

use crate::carbon::Carbon;
use crate::hekad::Hekad;

/// An interval long enough that the daemon is stopped inside of one.
const INTERVAL: u32 = 10;

#[test]
fn sigterm_delivers_the_last_interval() {
    let Some(carbon) = Carbon::start(INTERVAL) else { return };
    let hekad = Hekad::start(INTERVAL, Some(carbon.port));
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
    let hekad = Hekad::start(INTERVAL, Some(carbon.port));
    hekad.send(vec!["socket.requests:1|c"; 100]);
    hekad.stop_cleanly();
    carbon.wait_for_sum("stats.counters.socket.requests.count", 100.0);
}

#[test]
fn what_tcp_connections_hold_at_sigterm_is_delivered() {
    const CONNECTIONS: usize = 30;
    const LINES: usize = 2_000;
    let Some(carbon) = Carbon::start(INTERVAL) else { return };
    let hekad = Hekad::start(INTERVAL, Some(carbon.port));
    let lines = "stream.requests:1|c\n".repeat(LINES);
    for _ in 0..CONNECTIONS {
        hekad.send_stream(&lines);
    }
    hekad.stop_cleanly();
    carbon.wait_for_sum("stats.counters.stream.requests.count", (CONNECTIONS * LINES) as f64);
}
