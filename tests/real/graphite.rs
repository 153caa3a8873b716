//! What a real carbon keeps of what was sent.

use std::net::{Ipv4Addr, UdpSocket};
use std::time::Duration;

use crate::carbon::Carbon;
use crate::harness::{free_port, pause, same, unix_seconds};
use crate::hekad::Hekad;

#[test]
fn counters_gauges_timers_and_sets_arrive_in_carbon_exactly() {
    let Some(carbon) = Carbon::start(1) else { return };
    let hekad = Hekad::start(1, Some(carbon.port));
    // One datagram each, so that no flush comes between the values.
    let latencies: Vec<String> = (1..=100).map(|value| format!("exact.latency:{value}|ms")).collect();
    let began = unix_seconds();
    hekad.send([
        "exact.requests:3|c\nexact.requests:2|c|@0.1\nexact.requests:-1|c",
        "exact.load:40|g\nexact.load:+8|g\nexact.load:-0.75|g",
        "exact.users:ann|s\nexact.users:bob|s\nexact.users:ann|s\nexact.users:eve|s",
        &latencies.join("\n"),
    ]);
    hekad.send_stream("exact.stream:5|c\nexact.stream:6|c\n");
    let moved: [(&str, f64); 11] = [
        ("stats.counters.exact.requests.count", 22.0),
        ("stats.counters.exact.requests.rate", 22.0),
        ("stats.sets.exact.users.count", 3.0),
        ("stats.timers.exact.latency.count", 100.0),
        ("stats.timers.exact.latency.lower", 1.0),
        ("stats.timers.exact.latency.upper", 100.0),
        ("stats.timers.exact.latency.mean", 50.5),
        ("stats.timers.exact.latency.sum", 5050.0),
        ("stats.timers.exact.latency.upper_90", 90.0),
        ("stats.timers.exact.latency.mean_90", 45.5),
        ("stats.timers.exact.latency.median", 50.5),
    ];
    let names: Vec<&str> = moved.iter().map(|(name, _)| *name).collect();
    carbon.wait_for(&names, |written| {
        moved.iter().try_for_each(|(name, value)| written.expect_moved(name, &[*value]))?;
        let (stamp, _) = written.moved("stats.counters.exact.requests.count")[0];
        let late = stamp as f64 - began;
        if (0.0..=2.5).contains(&late) {
            Ok(())
        } else {
            Err(format!("the flush is stamped {late} s after the send"))
        }
    });
    carbon.wait_for_sum("stats.counters.exact.stream.count", 11.0);
    carbon.wait_for(&["stats.gauges.exact.load"], |written| {
        written.expect_last("stats.gauges.exact.load", 47.25)
    });
    hekad.stop_cleanly();
}

#[test]
fn carbon_restarted_in_between_loses_no_flush() {
    let Some(mut carbon) = Carbon::start(1) else { return };
    let hekad = Hekad::start(1, Some(carbon.port));
    let name = "stats.counters.restart.requests.count";
    hekad.send(["restart.requests:1|c"]);
    // Carbon loses at its end what it has not written, which is not what this test is about.
    carbon.wait_for_sum(name, 1.0);
    carbon.stop();
    let mut sent = Vec::new();
    for value in [10_u16, 20, 30] {
        hekad.send([format!("restart.requests:{value}|c").as_str()]);
        sent.push((unix_seconds(), f64::from(value)));
        // Further apart than an interval, so that each has a slot of its own.
        pause(Duration::from_millis(1_500));
    }
    carbon.start_again();
    carbon.wait_for_sum(name, 61.0);
    hekad.send(["restart.requests:5|c"]);
    carbon.wait_for(&[name], |written| written.expect_moved(name, &[1.0, 10.0, 20.0, 30.0, 5.0]));
    let kept = carbon.written(&[name]).moved(name);
    for ((stamp, value), (at, expected)) in kept[1..].iter().zip(sent) {
        let late = *stamp as f64 - at;
        assert!(
            same(*value, expected) && (0.0..=1.4).contains(&late),
            "{value} is stamped {late} s after its send"
        );
    }
    hekad.stop_cleanly();
}

#[test]
fn a_name_longer_than_carbon_takes_is_left_out_and_keeps_nothing_else_from_it() {
    let Some(carbon) = Carbon::start(1) else { return };
    // The dialect of the reference takes names of any length.
    let reference = free_port();
    let hekad = Hekad::start_beside(
        1,
        "",
        &format!(
            "[reference]\ntype = \"StatsdInput\"\ndialect = \"statsd\"\naddress = \"127.0.0.1:{reference}\"\n\
             [CarbonOutput]\naddress = \"127.0.0.1:{}\"\n",
            carbon.port
        ),
    );
    hekad.send(["early:1|c"]);
    let client = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket can be bound");
    let line = format!("{}:1|c", "x".repeat(20_000));
    client.send_to(line.as_bytes(), (Ipv4Addr::LOCALHOST, reference)).expect("the daemon listens");
    carbon.wait_for_sum("stats.counters.early.count", 1.0);
    // Counters are sent in the order of their first sample: this one stands behind the long name.
    hekad.send(["later:2|c\nlast:3|g"]);
    carbon.wait_for_sum("stats.counters.later.count", 2.0);
    carbon.wait_for(&["stats.gauges.last"], |written| written.expect_last("stats.gauges.last", 3.0));
    assert!(!hekad.page().contains("hekad_flush_lines_too_long_total{output=\"CarbonOutput\"} 0\n"));
    hekad.stop_cleanly();
}

#[test]
fn tagged_series_are_accepted_by_carbon() {
    let Some(carbon) = Carbon::start(1) else { return };
    let hekad = Hekad::start(1, Some(carbon.port));
    hekad.send([
        "tagged.requests:3|c|#zone:b,env:a",
        "tagged.requests:4|c|#env:a,zone:b",
        "tagged.requests:5|c|#env:other",
        "tagged.requests:6|c",
        "tagged.load:7|g|#env:a",
        "tagged.latency:8|ms|#env:a",
        "tagged.users:ann|s|#env:a",
    ]);
    let sums = [
        ("stats.counters.tagged.requests.count;env=a;zone=b", 7.0),
        ("stats.counters.tagged.requests.count;env=other", 5.0),
        ("stats.counters.tagged.requests.count", 6.0),
        ("stats.timers.tagged.latency.count;env=a", 1.0),
        ("stats.timers.tagged.latency.sum;env=a", 8.0),
        ("stats.sets.tagged.users.count;env=a", 1.0),
    ];
    for (name, sum) in sums {
        carbon.wait_for_sum(name, sum);
    }
    let gauge = "stats.gauges.tagged.load;env=a";
    carbon.wait_for(&[gauge], |written| written.expect_last(gauge, 7.0));
    let created = carbon.created();
    let counts: Vec<&str> = created
        .iter()
        .map(String::as_str)
        .filter(|name| name.starts_with("stats.counters.tagged.requests.count"))
        .collect();
    assert_eq!(counts, [sums[2].0, sums[0].0, sums[1].0]);
    assert_no_refusals(&carbon);
    hekad.stop_cleanly();
}

#[test]
fn odd_names_and_tags_never_make_a_line_that_carbon_refuses() {
    let Some(carbon) = Carbon::start(1) else { return };
    let hekad = Hekad::start(1, Some(carbon.port));
    hekad.send(ODD);
    hekad.send(["odd.last:1|c"]);
    carbon.wait_for_sum("stats.counters.odd.last.count", 1.0);
    assert_no_refusals(&carbon);
    hekad.stop_cleanly();
}

fn assert_no_refusals(carbon: &Carbon) {
    let printed = carbon.printed();
    let refusals: Vec<&str> =
        printed.lines().filter(|line| REFUSALS.iter().any(|refusal| line.contains(refusal))).collect();
    assert!(refusals.is_empty(), "carbon refused:\n{}", refusals.join("\n"));
}

/// Names and tags on which careless encoders break a line, a path or a tag.
pub(crate) const ODD: [&str; 16] = [
    "odd.bare:1|c|#bare",
    "odd.empty:1|c|#",
    "odd.novalue:1|c|#k:",
    "odd.nokey:1|c|#:v",
    "odd.twice:1|c|#k:1,k:2",
    "odd.space in name:1|c|#k:a b",
    "odd.semicolon;k=v:1|c",
    "odd.signs:1|c|#a!b:1,c^d:2,e=f:3,g:h=i,tilde:~x",
    "odd.quote\"s\\:1|c|#k:\"\\",
    "odd.slash/es/../..:1|c|#path:/a/../b",
    "..odd..dots..:1|c",
    "odd.\u{fc}mlaut:1|c|#st\u{e4}dte:k\u{f6}ln",
    "odd.name:1|c|#name:x,__name__:y,le:1,quantile:2,job:z,instance:w",
    "9odd:1|c|#9:9",
    "odd.long:1|c|#k:xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "odd.control\u{1}\u{7f}:1|c|#k:\u{1}\t",
];

const REFUSALS: [&str; 5] =
    ["invalid line", "Error parsing metric", "Error creating", "Error writing", "Traceback"];

#[test]
fn pickles_arrive_in_carbon_as_lines_do() {
    let Some(carbon) = Carbon::start(1) else { return };
    let hekad = Hekad::start_pickling(1, carbon.pickle_port);
    let many: Vec<String> = (0..3000).map(|number| format!("pickled.counter{number}:{number}.5|c")).collect();
    for lines in many.chunks(100) {
        hekad.send([lines.join("\n").as_str()]);
    }
    for number in [0, 1, 1500, 2999] {
        let name = format!("stats.counters.pickled.counter{number}.count");
        carbon.wait_for_sum(&name, f64::from(number) + 0.5);
    }
}
