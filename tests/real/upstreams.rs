//! `StatsdOutput` in front of the reference, and beside its proxy.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, UdpSocket};
use std::time::Duration;

use crate::harness::wait_until;
use crate::hekad::Hekad;
use crate::reference::{Reference, Server};

#[test]
fn statsd_behind_it_comes_to_the_same_sums() {
    let Some(reference) = Reference::find() else { return };
    let upstreams = [reference.statsd(""), reference.statsd("")];
    let places: Vec<String> =
        upstreams.iter().map(|server| format!("\"127.0.0.1:{}\"", server.port)).collect();
    let options = format!("[StatsdOutput]\nupstreams = [{}]\nprotocol = \"tcp\"\n", places.join(", "));
    let hekad = Hekad::start_beside(10, "", &options);
    let lines: String = (0..10_000)
        .map(|number| match number % 4 {
            0 => "up.hits:1|c\n".to_owned(),
            1 => "up.sampled:2|c|@0.5\n".to_owned(),
            2 => "up.mixed:1|c:2|c\n".to_owned(),
            _ => format!("up.load:{number}|g\nup.env:1|c|#env:prod\n"),
        })
        .collect();
    hekad.send_stream(&lines);
    let counters =
        [("up.env;env=prod", 2_500.0), ("up.hits", 2_500.0), ("up.mixed", 7_500.0), ("up.sampled", 10_000.0)];
    let counters: BTreeMap<String, f64> =
        counters.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    for upstream in &upstreams {
        wait_until(ARRIVED, || expect(&upstream.held("counters")?, &counters));
        let gauges = upstream.held("gauges").expect("it answers");
        assert_eq!(gauges.get("up.load"), Some(&9_999.0), "{}", upstream.printed());
    }
    hekad.stop_cleanly();
}

#[test]
fn its_proxy_and_the_reference_send_a_name_to_the_same_node() {
    let Some(reference) = Reference::find() else { return };
    let mut nodes = vec![reference.statsd(""), reference.statsd(""), reference.statsd("")];
    let proxy = reference.proxy(&nodes.iter().collect::<Vec<_>>());
    let listed =
        |of: fn(&Server) -> u16| nodes.iter().map(of).map(|port| port.to_string()).collect::<Vec<_>>();
    let upstreams =
        listed(|node| node.port).iter().map(|port| format!("\"127.0.0.1:{port}\"")).collect::<Vec<_>>();
    let options = format!(
        "[StatsdOutput]\nupstreams = [{}]\nroute = \"hash\"\nadmin_port = [{}]\nticker_interval = 1\n",
        upstreams.join(", "),
        listed(|node| node.admin).join(", ")
    );
    let hekad = Hekad::start_beside(10, "", &options);
    send_both(&hekad, &proxy, "three");
    let held = held_by_both(&nodes, "three");
    assert!(held.iter().all(|names| names.len() > NAMES / 10), "{held:?}");

    // One of them goes: both notice, and its names go the same ways.
    drop(nodes.remove(1));
    wait_until(NOTICED, || match hekad.page() {
        page if page.contains("hekad_upstreams_down{output=\"StatsdOutput\"} 1\n") => Ok(()),
        _ => Err("hekad counts no member that is down".to_owned()),
    });
    wait_until(NOTICED, || match proxy.ask("status", " \n")? {
        status if status.contains(upstreams[1].trim_matches('"')) => Err(status),
        _ => Ok(()),
    });
    send_both(&hekad, &proxy, "two");
    held_by_both(&nodes, "two");
    hekad.stop_cleanly();
}

#[test]
fn a_flush_that_is_sent_as_lines_comes_to_the_same_sums() {
    let Some(reference) = Reference::find() else { return };
    let upstream = reference.statsd("");
    let options = format!(
        "[StatsdOutput]\nupstreams = [\"127.0.0.1:{}\"]\nmessage_matcher = \"Type == 'heka.statmetric'\"\n",
        upstream.port
    );
    let hekad = Hekad::start_beside(1, "delete_idle_stats = true\n", &options);
    let lines: String =
        (0..1_000).map(|number| format!("fl.hits:1|c\nfl.part:2|c|@0.5\nfl.load:{number}|g\n")).collect();
    hekad.send_stream(&lines);
    hekad.send_stream("fl.cold:3|g\nfl.cold:-10|g\n");
    let counters = [("fl.hits", 1_000.0), ("fl.part", 4_000.0)];
    let counters: BTreeMap<String, f64> =
        counters.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    wait_until(ARRIVED, || expect(&upstream.held("counters")?, &counters));
    wait_until(ARRIVED, || {
        let gauges = upstream.held("gauges")?;
        let found = [gauges.get("fl.load"), gauges.get("fl.cold")];
        if found == [Some(&999.0), Some(&-7.0)] { Ok(()) } else { Err(format!("{found:?}")) }
    });
    assert!(!upstream.printed().contains("Bad line"), "{}", upstream.printed());
    hekad.stop_cleanly();
}

/// Sends every name through both: 1 by the reference's proxy, 1000 by hekad.
fn send_both(hekad: &Hekad, proxy: &Server, word: &str) {
    // Ten lines a datagram: as many datagrams as there are names fill a queue on a busy machine, and what finds no room
    // is lost, and counted.
    let names: Vec<String> = (0..NAMES).map(|number| format!("{word}.name.{number}")).collect();
    let packed = |value: u32| {
        let lines =
            |chunk: &[String]| chunk.iter().map(|name| format!("{name}:{value}|c")).collect::<Vec<_>>();
        names.chunks(10).map(|chunk| lines(chunk).join("\n")).collect::<Vec<_>>()
    };
    hekad.send(packed(1000).iter().map(String::as_str));
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port can be bound");
    for datagram in packed(1) {
        socket.send_to(datagram.as_bytes(), (Ipv4Addr::LOCALHOST, proxy.port)).expect("it is sent");
    }
}

/// The names of each node, once all have come there by both ways.
fn held_by_both(nodes: &[Server], word: &str) -> Vec<Vec<String>> {
    wait_until(ARRIVED, || {
        let mut all = Vec::new();
        for node in nodes {
            let mut held = node.held("counters")?;
            held.retain(|name, _| name.starts_with(word));
            if let Some((name, value)) = held.iter().find(|(_, value)| **value != 1001.0) {
                return Err(format!("{name} is {value}"));
            }
            all.push(held.into_keys().collect::<Vec<_>>());
        }
        match all.iter().map(Vec::len).sum::<usize>() {
            NAMES => Ok(all),
            count => Err(format!("{count} names have come")),
        }
    })
}

fn expect(found: &BTreeMap<String, f64>, expected: &BTreeMap<String, f64>) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("{found:?} is not {expected:?}")) }
}

const NAMES: usize = 200;
const ARRIVED: Duration = Duration::from_secs(20);
const NOTICED: Duration = Duration::from_secs(20);
