//! Samples over two hops: an agent, a router that hashes names over its upstreams, and who aggregates them.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::Duration;

use crate::books::{Books, books};
use crate::carbon::Carbon;
use crate::harness::{pause, same, wait_until};
use crate::hekad::Hekad;
use crate::load::{Load, NAMES, expect_sum};
use crate::reference::{Reference, Server};
use crate::sink::Sink;

#[test]
fn what_is_relayed_comes_to_exact_sums_on_one_aggregator_each() {
    let (Some(carbon), Some(reference)) = (Carbon::start(1), Reference::find()) else { return };
    let aggregators = [aggregator(carbon.port), aggregator(carbon.port)];
    let statsd = reference.statsd("");
    let router = relay("tcp", &[aggregators[0].tcp, aggregators[1].tcp, statsd.port]);
    let agent = relay("tcp", &[router.tcp]);
    // Every round comes to each name once; its set has a new member, told twice in a line.
    let round = |round: u64| {
        (0..NAMES).map(move |name| {
            format!(
                "relay.n{name}:{round}|c\nrelay.n{name}:1|c|@0.1\nrelay.n{name}:{round}|ms|@0.5\nrelay.n{name}:{}|g\n\
                 relay.n{name}:+0.5|g\nrelay.n{name}:m{round}|s:m{round}|s\nrelay.n{name}:2|c|#env:prod\n",
                100 * name + round,
            )
        })
    };
    agent.send_stream(&(1..=ROUNDS).flat_map(round).collect::<String>());
    let count = (ROUNDS * (ROUNDS + 1) / 2 + 10 * ROUNDS) as f64;

    let homes =
        [names_on(&aggregators[0], count), names_on(&aggregators[1], count), names_at(&statsd, count)];
    for (place, home) in homes.iter().enumerate() {
        assert!(home.len() as u64 > NAMES / 10, "few names are at {place}: {homes:?}");
        assert!(homes[place + 1..].iter().all(|other| other.is_disjoint(home)), "{homes:?}");
    }
    assert_eq!(homes.iter().map(BTreeSet::len).sum::<usize>() as u64, NAMES, "{homes:?}");

    let (rounds, timed) = (ROUNDS as f64, (ROUNDS * (ROUNDS + 1) / 2) as f64);
    let of_carbon = |name: u64| {
        [
            (format!("stats.counters.relay.n{name}.count"), count),
            (format!("stats.counters.relay.n{name}.count;env=prod"), 2.0 * rounds),
            (format!("stats.timers.relay.n{name}.count"), 2.0 * rounds),
            (format!("stats.timers.relay.n{name}.sum"), timed),
            (format!("stats.sets.relay.n{name}.count"), rounds),
        ]
    };
    let gauge = |name: u64| (100 * name + ROUNDS) as f64 + 0.5;
    let sums: Vec<(String, f64)> = (0..NAMES).flat_map(of_carbon).collect();
    let gauges: Vec<String> = (0..NAMES).map(|name| format!("stats.gauges.relay.n{name}")).collect();
    let names: Vec<&str> = sums.iter().map(|(name, _)| name).chain(&gauges).map(String::as_str).collect();
    carbon.wait_for(&names, |written| {
        for ((name, sum), place) in sums.iter().zip((0..NAMES).flat_map(|name| [name; 5])) {
            written.expect_sum(name, if homes[2].contains(&place) { 0.0 } else { *sum })?;
        }
        for (name, place) in gauges.iter().zip(0..NAMES).filter(|(_, place)| !homes[2].contains(place)) {
            written.expect_last(name, gauge(place))?;
        }
        Ok(())
    });
    let gauges = wait_until(ARRIVED, || statsd.held("gauges"));
    let timers = wait_until(ARRIVED, || statsd.ask("timers", "END\n\n"));
    for name in &homes[2] {
        assert_eq!(gauges.get(&format!("relay.n{name}")), Some(&gauge(*name)));
        let values =
            timers.split_once(&format!("'relay.n{name}': [")).and_then(|(_, rest)| rest.split_once(']'));
        let values = values.unwrap_or_else(|| panic!("no timer relay.n{name} in {timers}")).0;
        let values: Vec<f64> = values.split(',').filter_map(|value| value.trim().parse().ok()).collect();
        assert_eq!((values.len() as u64, values.iter().sum()), (ROUNDS, timed), "{timers}");
    }
    for hop in [agent, router].into_iter().chain(aggregators) {
        hop.stop_cleanly();
    }
}

#[test]
fn over_tcp_no_stop_of_a_hop_loses_a_sample() {
    let sinks = [Sink::start(), Sink::start()];
    let mut aggregators = [aggregator(sinks[0].port), aggregator(sinks[1].port)];
    let mut router = relay("tcp", &aggregators.each_ref().map(|aggregator| aggregator.tcp));
    let mut agent = relay("tcp", &[router.tcp]);
    let (load, mut lost) = (Load::default(), 0);
    thread::scope(|scope| {
        let (port, load) = (agent.tcp, &load);
        scope.spawn(move || load.stream(port));
        for turn in 0..restarts() {
            pause(Duration::from_millis(300 + 71 * (turn % 5)));
            match turn % 3 {
                0 => lost += restart(&mut router, "StatsdOutput").lost,
                1 => {
                    assert_eq!(restart(&mut agent, "StatsdOutput").lost, 0, "the agent waits for its router")
                }
                _ => {
                    restart(&mut aggregators[(turn / 3 % 2) as usize], "StatAccumFilter");
                }
            }
        }
        load.end();
    });
    // In the order of the hops each has taken everything before it is told to stop.
    assert_eq!(books(&agent.stop(), "StatsdOutput").lost, 0);
    lost += books(&router.stop(), "StatsdOutput").lost;
    let sent = load.sent();
    wait_until(ARRIVED, || expect_sum(&sinks, sent - lost));
    for aggregator in aggregators {
        aggregator.stop_cleanly();
    }
    eprintln!("{sent} samples, {lost} of them lost by the books of the router while an aggregator was away");
}

#[test]
fn over_udp_every_sample_that_is_lost_at_a_stop_is_accounted_for() {
    let sinks = [Sink::start(), Sink::start()];
    let mut aggregators = [aggregator(sinks[0].port), aggregator(sinks[1].port)];
    // One line a datagram: what is refused is told datagram by datagram.
    let mut router = relay("udp", &aggregators.each_ref().map(|aggregator| aggregator.udp));
    let mut agent = relay("udp", &[router.udp]);
    let load = Load::default();
    let [mut by_agent, mut by_router, mut aggregated] = [(); 3].map(|()| Books::default());
    thread::scope(|scope| {
        let (port, load) = (agent.udp, &load);
        scope.spawn(move || load.datagrams(port));
        for turn in 0..restarts() {
            pause(Duration::from_millis(300 + 71 * (turn % 5)));
            match turn % 3 {
                0 => by_router += restart(&mut router, "StatsdOutput"),
                1 => by_agent += restart(&mut agent, "StatsdOutput"),
                _ => aggregated += restart(&mut aggregators[(turn / 3 % 2) as usize], "StatAccumFilter"),
            }
        }
        load.end();
    });
    by_agent += end(agent, "StatsdOutput");
    by_router += end(router, "StatsdOutput");
    // What the tables have is flushed before they stop.
    pause(Duration::from_millis(1_500));
    for aggregator in aggregators {
        aggregated += end(aggregator, "StatAccumFilter");
    }
    wait_until(ARRIVED, || expect_sum(&sinks, aggregated.taken));
    // Datagrams that were refused are of lines that counted as sent. No other is missing.
    let silent = |sent: &Books, came: &Books| sent.taken as i64 - sent.refused as i64 - came.offered as i64;
    let lost = [silent(&by_agent, &by_router), silent(&by_router, &aggregated)];
    assert_eq!(lost, [0, 0], "{by_agent:?} {by_router:?} {aggregated:?}");
    let sent = load.sent();
    assert!(by_agent.offered <= sent && aggregated.taken > sent / 4, "{sent}: {by_agent:?} {aggregated:?}");
    eprintln!("{sent} sent, {by_agent:?}, {by_router:?}, {aggregated:?}");
}

/// Sends samples on to `upstreams`, to each its own names.
fn relay(protocol: &str, upstreams: &[u16]) -> Hekad {
    let upstreams: Vec<String> = upstreams.iter().map(|port| format!("\"127.0.0.1:{port}\"")).collect();
    Hekad::start_on(|hekad| {
        listening(hekad)
            + &format!(
                "[StatsdOutput]\nupstreams = [{}]\nroute = \"hash\"\nprotocol = \"{protocol}\"\npacking = \"line\"\n",
                upstreams.join(", ")
            )
    })
}

/// Aggregates each second, for whoever listens at `carbon`.
fn aggregator(carbon: u16) -> Hekad {
    Hekad::start_on(|hekad| {
        listening(hekad)
            + &format!(
                "[StatAccumFilter]\nticker_interval = 1\ndelete_idle_stats = true\n[CarbonOutput]\naddress = \"127.0.0.1:{carbon}\"\n"
            )
    })
}

fn listening(hekad: &Hekad) -> String {
    let Hekad { udp, tcp, scrape, .. } = hekad;
    format!(
        "[udp]\ntype = \"StatsdInput\"\naddress = \"127.0.0.1:{udp}\"\n[tcp]\ntype = \"StatsdInput\"\nnet = \"tcp\"\n\
         address = \"127.0.0.1:{tcp}\"\n[PrometheusOutput]\naddress = \"127.0.0.1:{scrape}\"\n"
    )
}

/// The names whose counter is whole on the page of an aggregator; none may be there in part.
fn names_on(aggregator: &Hekad, whole: f64) -> BTreeSet<u64> {
    wait_until(ARRIVED, || {
        let page = aggregator.page();
        let counters = page.lines().filter_map(|line| line.strip_prefix("relay_n")?.split_once("_total "));
        whole_names(counters.filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?))), whole)
    })
}

/// The same of a server of the reference.
fn names_at(statsd: &Server, whole: f64) -> BTreeSet<u64> {
    wait_until(ARRIVED, || {
        let held = statsd.held("counters")?;
        let counters = held.iter().filter_map(|(name, value)| Some((name.strip_prefix("relay.n")?, *value)));
        let plain = counters.filter(|(name, _)| !name.contains(';'));
        whole_names(plain.map(|(name, value)| (name.to_owned(), value)), whole)
    })
}

fn whole_names(counters: impl Iterator<Item = (String, f64)>, whole: f64) -> Result<BTreeSet<u64>, String> {
    let counters: BTreeMap<String, f64> = counters.collect();
    match counters.iter().find(|(_, value)| !same(**value, whole)) {
        Some((name, value)) => Err(format!("relay.n{name} is {value} and not {whole}")),
        None if counters.is_empty() => Err("nothing has come".to_owned()),
        None => Ok(counters.keys().filter_map(|name| name.parse().ok()).collect()),
    }
}

/// Stops it under load and starts it again; what its ledger says.
fn restart(hop: &mut Hekad, consumer: &str) -> Books {
    let refused = refused(hop);
    let books = Books { refused, ..books(&hop.pause(), consumer) };
    hop.start_again();
    books
}

/// Stops it for good.
fn end(hop: Hekad, consumer: &str) -> Books {
    let refused = refused(&hop);
    Books { refused, ..books(&hop.stop(), consumer) }
}

fn refused(hop: &Hekad) -> u64 {
    let page = hop.page();
    let lines = page.lines().filter(|line| line.starts_with("hekad_upstream_datagrams_refused_total"));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
}

fn restarts() -> u64 {
    std::env::var("HEKA_RESTARTS").ok().and_then(|times| times.parse().ok()).unwrap_or(9)
}

/// How often each name is sent.
const ROUNDS: u64 = 20;

const ARRIVED: Duration = Duration::from_secs(20);
