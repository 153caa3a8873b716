//! Runs a scenario in one wiring, and compares what came of it in three.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use heka::flow::{Ledger, LossReason, Wiring};
use heka::pipeline::Trial;
use heka::plugin::Plugins;
use heka::time::Stamp;

use super::case::{Case, Place, Scraper, Step, Url};
use super::probe::{self, Seen};

/// What a scenario came to.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ran {
    /// In the order of what is expected.
    pub(super) found: Vec<String>,
    pub(super) ledger: String,
    /// What does not add up, or was not wired as it should have been.
    pub(super) faults: Vec<String>,
    ways: BTreeMap<Pair, BTreeSet<&'static str>>,
    seen: Seen,
}

/// A producer and a consumer.
type Pair = (Arc<str>, Arc<str>);

/// The three wirings, as configured first.
pub(super) const WIRINGS: [Wiring; 3] = [Wiring::AsConfigured, Wiring::Queues, Wiring::Messages];

/// When every scenario starts: a multiple of ten seconds.
pub(super) const START: Stamp = Stamp::from_seconds(1_700_000_000);

/// Runs `case` in the three wirings: what came of it as configured, and everything that is wrong.
pub(super) fn run_all(case: &Case, plugins: &Plugins) -> Result<(Ran, Vec<String>), String> {
    let inlets = probe::inlets(&case.config, plugins)?;
    let mut runs = Vec::new();
    for wiring in WIRINGS {
        runs.push(run(case, plugins, wiring)?);
    }
    let seats: BTreeSet<(&str, usize)> = case.steps.iter().filter_map(seat).collect();
    let tolerant = seats.len() > 1;
    let mut wrong = Vec::new();
    for (wiring, ran) in WIRINGS.into_iter().zip(&runs) {
        wrong.extend(ran.faults.iter().map(|fault| format!("{wiring:?}: {fault}")));
        for ((place, _), (found, first)) in case.expected.iter().zip(ran.found.iter().zip(&runs[0].found)) {
            if !agree(found, first, tolerant) {
                let place = place.render();
                wrong.push(format!("{wiring:?} gives at {place}\n{found}\nand as configured\n{first}"));
            }
        }
        if ran.ledger != runs[0].ledger {
            wrong.push(format!("{wiring:?} books\n{}\nand as configured\n{}", ran.ledger, runs[0].ledger));
        }
        wrong.extend(wired_wrongly(wiring, ran, &inlets).map(|fault| format!("{wiring:?}: {fault}")));
    }
    let [_, queued, expanded] = &runs[..] else { unreachable!("there are three wirings") };
    let sent = queued.seen.samples + queued.seen.messages;
    if queued.seen.messages > 0 && expanded.seen.samples == 0 && queued.seen.samples == 0 {
        // Inputs and filters that send messages themselves: nothing to expand.
    } else if expanded.seen != (Seen { samples: 0, messages: sent }) {
        wrong.push(format!("queued {:?}, expanded {:?}", queued.seen, expanded.seen));
    }
    Ok((runs.swap_remove(0), wrong))
}

fn seat(step: &Step) -> Option<(&str, usize)> {
    match step {
        Step::Send { input, lane, .. } => Some((input, *lane)),
        _ => None,
    }
}

/// Joints that are not what the wiring says.
fn wired_wrongly<'a>(
    wiring: Wiring,
    ran: &'a Ran,
    inlets: &'a [Arc<str>],
) -> impl Iterator<Item = String> + 'a {
    ran.ways.iter().filter_map(move |((producer, consumer), ways)| {
        let lane = wiring == Wiring::AsConfigured && inlets.contains(consumer);
        let expected = BTreeSet::from([if lane { "lane" } else { "queue" }]);
        (*ways != expected).then(|| format!("{producer} -> {consumer} goes by {ways:?}, not {expected:?}"))
    })
}

/// Runs `case` in one wiring.
pub(super) fn run(case: &Case, plugins: &Plugins, wiring: Wiring) -> Result<Ran, String> {
    // As configured nothing may be added: a queue would have lines kept that nobody asks for.
    let (config, plugins) = match wiring {
        Wiring::AsConfigured => (case.config.clone(), plugins.clone()),
        _ => (case.config.clone() + probe::SECTION, probe::with_probe(plugins)),
    };
    let mut trial = Trial::new(&config, &plugins, wiring, START)?;
    let (mut scraped, mut faults) = (BTreeMap::new(), Vec::new());
    let mut stopped = false;
    for step in &case.steps {
        stopped |= *step == Step::Stop;
        if let Step::Restart(after) = step {
            let ledger = trial.ledger().clone();
            trial = trial.restart(*after)?;
            faults.extend(unsettled(&ledger));
            continue;
        }
        take(step, &mut trial, &mut scraped)?;
    }
    if !stopped {
        trial.stop();
    }
    let mut found = Vec::new();
    for (place, _) in &case.expected {
        found.push(match place {
            Place::Written(address) => trial.written(address),
            Place::Datagrams(address) => datagrams(&trial, address),
            Place::Requests(address) => requests(&trial, address),
            Place::Get(url) => get(&trial, url, None)?,
            Place::Scraped(name) => scraped.remove(name).ok_or_else(|| format!("no step scrapes {name}"))?,
        });
    }
    faults.extend(unsettled(trial.ledger()));
    Ok(Ran {
        found,
        ledger: books(trial.ledger()),
        faults,
        ways: ways(trial.ledger()),
        seen: probe::seen(trial.ledger()),
    })
}

fn take(step: &Step, trial: &mut Trial, scraped: &mut BTreeMap<String, String>) -> Result<(), String> {
    match step {
        Step::Send { input, lane, bytes } => return trial.send_to_lane(input, *lane, bytes),
        Step::Advance(by) => trial.advance(*by),
        Step::Clock { by, back } => {
            let by = i64::try_from(by.as_nanos()).map_err(|error| error.to_string())?;
            trial.set_clock(Stamp(trial.now().0 + if *back { -by } else { by }));
        }
        Step::RefuseConnects { address, times } => trial.tape().refuse_connects(address, *times),
        Step::RefuseWrites { address, times } => trial.tape().refuse_writes(address, *times),
        Step::BreakAfter { address, bytes } => trial.tape().break_after(address, *bytes),
        Step::Reply { address, bytes } => trial.tape().reply(address, bytes),
        Step::Answer { address, bytes } => trial.tape().answer(address, bytes),
        Step::Scrape { name, url, scraper } => {
            let page = get(trial, url, scraper.as_ref())?;
            scraped.insert(name.clone(), page);
        }
        Step::Stop => trial.stop(),
        Step::Restart(_) => return Err("a restart makes another trial".to_owned()),
    }
    Ok(())
}

fn requests(trial: &Trial, address: &str) -> String {
    let written = trial.written(address).replace('\r', "");
    format!("connections: {}\n{written}", trial.tape().connects(address))
}

fn datagrams(trial: &Trial, address: &str) -> String {
    let datagrams = trial.tape().datagrams(address);
    datagrams.iter().map(|datagram| format!("--\n{}", String::from_utf8_lossy(datagram))).collect()
}

/// The lines of the families that are asked for.
fn get(trial: &Trial, url: &Url, scraper: Option<&Scraper>) -> Result<String, String> {
    let address = url.address.parse().map_err(|_| format!("no address: {:?}", url.address))?;
    let (headers, connection) = match scraper {
        None => (Vec::new(), 0),
        Some(Scraper { connection, accept }) => {
            let is_scraper = ("X-Prometheus-Scrape-Timeout-Seconds", "10");
            (vec![is_scraper, ("Accept", accept.as_str())], *connection)
        }
    };
    let answer = trial.ask(address, &url.path, &headers, connection);
    let answer = answer.ok_or_else(|| format!("nothing is served at {url:?}"))?;
    let page = String::from_utf8(answer.body).map_err(|error| error.to_string())?;
    if url.prefixes.is_empty() {
        return Ok(page);
    }
    let asked = |line: &&str| {
        let comment =
            ["# HELP ", "# TYPE ", "# UNIT "].into_iter().find_map(|begin| line.strip_prefix(begin));
        let name = comment.unwrap_or(line);
        url.prefixes.iter().any(|prefix| name.starts_with(prefix.as_str()))
    };
    Ok(page.lines().filter(asked).flat_map(|line| [line, "\n"]).collect())
}

/// The books without the probe and without ways, in which wirings differ.
fn books(ledger: &Ledger) -> String {
    let mut text = String::new();
    let mut counts: BTreeMap<Pair, (u64, u64, [u64; LossReason::ALL.len()])> = BTreeMap::new();
    for joint in ledger.joints().into_iter().filter(|joint| &*joint.consumer != probe::NAME) {
        let key = (Arc::clone(&joint.producer), Arc::clone(&joint.consumer));
        let (offered, taken, lost) = counts.entry(key).or_default();
        *offered += joint.offered();
        *taken += joint.taken();
        LossReason::ALL.iter().zip(lost).for_each(|(&reason, lost)| *lost += joint.lost(reason));
    }
    for ((producer, consumer), (offered, taken, lost)) in counts {
        text.push_str(&format!("{producer} -> {consumer} offered {offered} taken {taken}"));
        for (reason, lost) in LossReason::ALL.iter().zip(lost).filter(|(_, lost)| *lost > 0) {
            text.push_str(&format!(" lost {} {lost}", reason.label()));
        }
        text.push('\n');
    }
    let rest = |line: &&str| line.starts_with("tables of ") || line.contains(": lost ");
    let mut tables: Vec<String> = ledger.report().lines().filter(rest).map(str::to_owned).collect();
    tables.dedup();
    tables.iter().for_each(|table| text.push_str(&format!("{table}\n")));
    text
}

/// Every line of the books that does not add up now that everything has stopped.
pub(super) fn unsettled(ledger: &Ledger) -> Vec<String> {
    let mut faults = Vec::new();
    if let Err(errors) = ledger.check_settled() {
        faults.extend(errors.iter().map(ToString::to_string));
    }
    // Said apart from `check_settled`, which it must not depend on.
    for joint in ledger.joints().iter().filter(|joint| joint.offered() != joint.taken() + joint.lost_total())
    {
        faults.push(format!("{} -> {} is not settled", joint.producer, joint.consumer));
    }
    faults
}

fn ways(ledger: &Ledger) -> BTreeMap<Pair, BTreeSet<&'static str>> {
    let mut ways: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for joint in ledger.joints() {
        let key = (Arc::clone(&joint.producer), Arc::clone(&joint.consumer));
        ways.entry(key).or_default().insert(joint.way);
    }
    ways
}

/// Whether two texts say the same; across seats numbers may differ by their last bits.
pub(super) fn agree(found: &str, expected: &str, tolerant: bool) -> bool {
    if found == expected || !tolerant {
        return found == expected;
    }
    let words = |text: &str| -> Vec<String> { text.split([' ', '\n']).map(str::to_owned).collect() };
    let (found, expected) = (words(found), words(expected));
    let close = |(found, expected): (&String, &String)| {
        let numbers = found.parse::<f64>().ok().zip(expected.parse::<f64>().ok());
        let near = |(a, b): (f64, f64)| (a - b).abs() <= 1e-12 * a.abs().max(b.abs());
        found == expected || numbers.is_some_and(near)
    };
    found.len() == expected.len() && found.iter().zip(&expected).all(close)
}

#[test]
fn numbers_of_several_seats_may_differ_in_their_last_bits_only() {
    assert!(agree("a 0.30000000000000004 1\n", "a 0.3 1\n", true));
    assert!(!agree("a 0.30000000000000004 1\n", "a 0.3 1\n", false));
    assert!(!agree("a 0.3000000001 1\n", "a 0.3 1\n", true));
    assert!(!agree("b 0.3 1\n", "a 0.3 1\n", true));
}
