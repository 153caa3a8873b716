//! What is answered to a command.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use super::inspect::{Object, Shown, order};
use super::network::Network;
use crate::aggregate::Accumulator;
use crate::flow::{Count, OwnMetrics};
use crate::lock::locked;
use crate::metric::{Registry, SeriesId, Tally};
use crate::net::{Console, Said};
use crate::plugin::{Accumulators, Backends, BuildContext, Configured, OfferedAccumulator};
use crate::time::{Clock, Stamp};

/// Answers commands.
pub(super) struct Desk {
    names: Arc<Registry>,
    accumulators: Arc<Accumulators>,
    backends: Arc<Backends>,
    configured: Arc<Configured>,
    own: OwnMetrics,
    clock: Arc<dyn Clock>,
    started: Stamp,
    is_up: AtomicBool,
    writers: Vec<Network>,
    max_answer: usize,
    /// Held while a list of all series is made, which takes more memory than their names: one at a time.
    turn: Mutex<()>,
    commands: Count,
    unknown: Count,
    refused: Count,
    cut: Count,
}

/// What the kinds of series are called in commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Group {
    Counters,
    Timers,
    Gauges,
    Sets,
}

impl Console for Desk {
    fn answer(&self, line: &[u8], peer: IpAddr) -> Said {
        let line = String::from_utf8_lossy(line);
        if line.contains(" HTTP/1.") {
            // A site made somebody's browser ask here: what it posts would be commands.
            self.refused.add(1);
            return Said::Farewell(ERROR.to_vec());
        }
        self.commands.add(1);
        let mut words = line.trim().split(' ');
        let command = words.next().unwrap_or_default();
        let words: Vec<&str> = words.collect();
        let text = match command {
            "help" => HELP.to_owned(),
            "stats" => self.stats(),
            "counters" => self.group(Group::Counters),
            "timers" => self.group(Group::Timers),
            "gauges" => self.group(Group::Gauges),
            "sets" => self.group(Group::Sets),
            "delcounters" => self.delete(Group::Counters, &words, peer),
            "deltimers" => self.delete(Group::Timers, &words, peer),
            "delgauges" => self.delete(Group::Gauges, &words, peer),
            "health" => self.health(words.first().copied(), peer),
            "config" => self.config(),
            "top" => self.top(words.first().copied()),
            "quit" => return Said::Farewell(Vec::new()),
            _ => {
                self.unknown.add(1);
                return Said::Answer(ERROR.to_vec());
            }
        };
        Said::Answer(text.into_bytes())
    }

    fn too_long(&self) -> Vec<u8> {
        ERROR.to_vec()
    }
}

impl Desk {
    pub(super) fn new(context: &BuildContext, writers: Vec<Network>, max_answer: usize) -> Desk {
        let own = context.own();
        let counter = |metric| own.counter(metric, &[("output", &*context.name)]);
        Desk {
            names: Arc::clone(&context.names),
            accumulators: context.shared.the(),
            backends: context.shared.the(),
            configured: context.shared.the(),
            own: own.clone(),
            clock: Arc::clone(&context.clock),
            started: context.started,
            is_up: AtomicBool::new(true),
            writers,
            max_answer,
            turn: Mutex::default(),
            commands: counter("hekad_admin_commands_total"),
            unknown: counter("hekad_admin_commands_unknown_total"),
            refused: counter("hekad_admin_commands_refused_total"),
            cut: counter("hekad_admin_answers_cut_total"),
        }
    }

    fn stats(&self) -> String {
        let now = rounded(self.clock.now());
        let mut bad = 0.0;
        self.own.visit(|name, _, _, value| {
            if name == "hekad_bad_lines_total" {
                bad += value;
            }
        });
        let last = self.running().iter().filter_map(|accumulator| accumulator.last_poured()).max();
        let last = now - rounded(last.unwrap_or(self.started));
        let mut text = format!("uptime: {}\n", now - rounded(self.started));
        text.push_str(&format!("messages.last_msg_seen: {last}\nmessages.bad_lines_seen: {bad}\n"));
        let backends = self.backends.all();
        for (name, status) in &backends {
            // With one there is no doubt which is meant, and scripts know it by this name.
            let name = if backends.len() == 1 { "graphite" } else { &**name };
            let (flush, exception) = (now - rounded(status.last_flush), now - rounded(status.last_exception));
            text.push_str(&format!("{name}.last_flush: {flush}\n{name}.last_exception: {exception}\n"));
            let (time, length) = (status.flush_time, status.flush_length);
            text.push_str(&format!("{name}.flush_time: {time}\n{name}.flush_length: {length}\n"));
        }
        text.push_str(END);
        text
    }

    /// What the open interval has of a group, as an object.
    fn group(&self, group: Group) -> String {
        let _turn = locked(&self.turn);
        let mut shown = self.shown(group);
        order(&mut shown);
        let mut object = Object::new(self.max_answer);
        shown.iter().for_each(|(key, value)| object.push(key, value));
        if object.left_out() > 0 {
            self.cut.add(1);
        }
        format!("{}\n{END}", object.render())
    }

    /// Keys and values of a group, as they came. A series that two accumulators have is shown from the first.
    fn shown(&self, group: Group) -> Vec<(String, Shown)> {
        let mut shown: Vec<(String, Shown)> = Vec::new();
        let mut places: HashMap<String, (usize, Arc<str>)> = HashMap::new();
        if group == Group::Counters {
            shown.extend(self.own_counters());
            let own = shown.iter().enumerate();
            places.extend(own.map(|(place, (key, _))| (key.clone(), (place, "".into()))));
        }
        let lags = if group == Group::Gauges { self.own_gauges() } else { BTreeMap::new() };
        for (name, offered) in self.accumulators.all() {
            let Some(accumulator) = offered.get() else { continue };
            for (id, value) in values(&accumulator, group) {
                let key = self.names.series(id).reference_text().into_owned();
                if lags.contains_key(&key) {
                    continue;
                }
                match places.get(&key) {
                    // Of several kinds, or sent by a client under one of our own names.
                    Some((place, owner)) if *owner == name || owner.is_empty() => shown[*place].1.add(value),
                    Some(_) => {}
                    None => {
                        places.insert(key.clone(), (shown.len(), Arc::clone(&name)));
                        shown.push((key, value));
                    }
                }
            }
        }
        shown.extend(lags);
        shown
    }

    /// The counters the reference has of itself.
    fn own_counters(&self) -> Vec<(String, Shown)> {
        let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
        for (_, offered) in self.accumulators.all() {
            let Some(accumulator) = offered.get() else { continue };
            tallies.entry(offered.own().prefix.clone()).or_default().add(&accumulator.open_tally());
        }
        if tallies.is_empty() {
            tallies.insert("statsd".to_owned(), Tally::default());
        }
        let counters = |(prefix, tally): (String, Tally)| {
            [
                ("bad_lines_seen", tally.bad_total()),
                ("packets_received", tally.datagrams),
                ("metrics_received", tally.lines),
            ]
            .map(|(key, value)| (format!("{prefix}.{key}"), Shown::Number(value as f64)))
        };
        tallies.into_iter().flat_map(counters).collect()
    }

    /// The gauge the reference has of itself, once there was a flush to say it of.
    fn own_gauges(&self) -> BTreeMap<String, Shown> {
        let all = self.accumulators.all();
        let lags = all.iter().filter_map(|(_, offered)| Some((&offered.own().prefix, offered.own().lag()?)));
        lags.map(|(prefix, lag)| (format!("{prefix}.timestamp_lag"), Shown::Number(lag as f64))).collect()
    }

    fn delete(&self, group: Group, wanted: &[&str], peer: IpAddr) -> String {
        if !self.may_write(peer) {
            return self.refuse(peer);
        }
        let _turn = locked(&self.turn);
        let mut there = self.there(group);
        let mut text = String::new();
        let mut series = Vec::new();
        for &wanted in wanted {
            let folder = wanted.strip_suffix('*').filter(|folder| folder.ends_with('.'));
            let is_meant = |key: &str| key == wanted || folder.is_some_and(|folder| key.starts_with(folder));
            let before = series.len();
            there.retain(|(key, ids)| {
                let meant = is_meant(key);
                if meant {
                    self.say(&mut text, &format!("deleted: {key}\n"));
                    series.extend(ids);
                }
                !meant
            });
            if series.len() == before {
                self.say(&mut text, &format!("metric {wanted} not found\n"));
            }
        }
        self.accumulators
            .all()
            .iter()
            .for_each(|(_, offered): &(_, OfferedAccumulator)| offered.forget(&series));
        text.push_str(END);
        text
    }

    /// The keys of a group with the series they are of, in the order in which they are shown.
    fn there(&self, group: Group) -> Vec<(String, Vec<SeriesId>)> {
        let mut there: BTreeMap<SeriesId, String> = BTreeMap::new();
        for accumulator in self.running() {
            for (id, _) in values(&accumulator, group) {
                there.entry(id).or_insert_with(|| self.names.series(id).reference_text().into_owned());
            }
        }
        let mut keys: Vec<(String, Vec<SeriesId>)> = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        for (id, key) in there {
            match places.get(&key) {
                Some(&place) => keys[place].1.push(id),
                None => {
                    places.insert(key.clone(), keys.len());
                    keys.push((key, vec![id]));
                }
            }
        }
        order(&mut keys);
        keys
    }

    fn health(&self, wanted: Option<&str>, peer: IpAddr) -> String {
        let wanted = wanted.map(str::to_ascii_lowercase);
        if let Some(switch @ ("up" | "down")) = wanted.as_deref() {
            if !self.may_write(peer) {
                return self.refuse(peer);
            }
            self.is_up.store(switch == "up", Ordering::Relaxed);
        }
        format!("health: {}\n", if self.is_up.load(Ordering::Relaxed) { "up" } else { "down" })
    }

    fn config(&self) -> String {
        let mut text = String::from("\n");
        self.configured.0.iter().for_each(|line| self.say(&mut text, &format!("{line}\n")));
        text
    }

    /// The heaviest prefixes and the newest names, `count` of each.
    fn top(&self, count: Option<&str>) -> String {
        let count = count.and_then(|count| count.parse().ok()).unwrap_or(10).clamp(1, MOST_TOP);
        let mut text = format!("series: {} of {}\n", self.names.len(), self.names.max_series());
        for prefix in self.names.heaviest(count) {
            let limit = prefix.limit.map(|limit| format!(" of {limit}")).unwrap_or_default();
            self.say(&mut text, &format!("prefix {}: {}{limit}\n", prefix.shown(), prefix.series));
        }
        let now = self.clock.now();
        for new in self.names.newest(count) {
            let age = new.at.map_or("restored".to_owned(), |at| format!("{} s ago", now.since(at).as_secs()));
            let (kind, key) = (new.series.kind.word(), new.series.reference_text());
            self.say(&mut text, &format!("newest {kind} {key}: {age}\n"));
        }
        text.push_str(END);
        text
    }

    /// Appends a line, unless the answer is long enough; the first that is left out says so.
    fn say(&self, text: &mut String, line: &str) {
        if text.len() < self.max_answer {
            text.push_str(line);
            if text.len() >= self.max_answer {
                self.cut.add(1);
                text.push_str("... and more\n");
            }
        }
    }

    fn may_write(&self, peer: IpAddr) -> bool {
        peer.is_loopback() || self.writers.iter().any(|network| network.contains(peer))
    }

    fn refuse(&self, peer: IpAddr) -> String {
        self.refused.add(1);
        format!("ERROR: {peer} may only look; add it to allow_writes_from\n")
    }

    fn running(&self) -> Vec<Arc<Accumulator>> {
        self.accumulators.all().iter().filter_map(|(_, offered)| offered.get()).collect()
    }
}

impl Shown {
    /// Adds what else is shown under the same key.
    fn add(&mut self, other: Shown) {
        match (self, other) {
            (Shown::Number(value), Shown::Number(other)) => *value += other,
            (Shown::List(values, more), Shown::List(others, other_more)) => {
                let room = LISTED.saturating_sub(values.len()).min(others.len());
                values.extend(&others[..room]);
                *more += other_more + (others.len() - room) as u64;
            }
            (Shown::Number(_), Shown::List(..)) | (Shown::List(..), Shown::Number(_)) => {
                unreachable!("a group has values of one kind")
            }
        }
    }
}

/// What an accumulator has of a group, by series.
fn values(accumulator: &Accumulator, group: Group) -> Vec<(SeriesId, Shown)> {
    let numbers = |found: Vec<(SeriesId, f64)>| {
        found.into_iter().map(|(id, value)| (id, Shown::Number(value))).collect::<Vec<_>>()
    };
    match group {
        Group::Counters => numbers(accumulator.open_counters()),
        Group::Gauges => numbers(accumulator.open_gauges()),
        Group::Sets => {
            let found = accumulator.open_sets().into_iter();
            found.map(|(id, members)| (id, Shown::Number(members as f64))).collect()
        }
        Group::Timers => {
            let found = accumulator.open_timers(LISTED).into_iter();
            found.map(|(id, timer)| (id, Shown::List(timer.values, timer.more))).collect()
        }
    }
}

/// Whole seconds, rounded as `Math.round` does.
fn rounded(at: Stamp) -> i64 {
    Stamp(at.0.saturating_add(500_000_000)).seconds()
}

const HELP: &str = "Commands: stats, counters, timers, gauges, delcounters, deltimers, delgauges, health, config, quit, sets, top\n\n";

const END: &str = "END\n\n";

const ERROR: &[u8] = b"ERROR\n";

/// Samples of a timer that are told one by one, as node does.
const LISTED: usize = 100;

/// Prefixes and names that `top` shows at most.
const MOST_TOP: usize = 200;
