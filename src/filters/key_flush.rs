//! `KeyFlushFilter`: says which keys come most often, in the lines of the reference's `keyFlush`.
//!
//! Samples are counted on their producers' threads, by series, in a table of each seat: no line is kept for it and no
//! queue crossed. Every tick the counts of all types of a name are added up, sorted and emptied. The reference
//! (<https://github.com/statsd/statsd/blob/master/stats.js>) counts lines, bad ones too; here a line of several values
//! counts each of them. A file that cannot be written to is no fault: its lines wait for the next tick (`log`).

mod log;
mod table;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, Weak};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::{Check, Violation};
use crate::flow::{Body, Count, Delivery, Inlet, Lane, MessageMaker, Pack, Poured, Seat, Selection};
use crate::matcher::Facts;
use crate::metric::Registry;
use crate::plugin::{BuildContext, BuildError, Declare, Emit, Fault, Filter, Ticker, Unheard};
use crate::time::Stamp;
use log::{KeyLog, News};
use table::{Table, ranked};

/// Options of `KeyFlushFilter`; `ticker_interval` is how often it speaks: default 10 seconds.
#[derive(Debug, Clone, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Which part of the keys is named, those that came most often, in percent of all that came. Default 100.0.
    pub percent: f64,
    /// Most keys that are named at a time, whatever `percent` says; the rest is counted. Default 10000.
    pub max_keys: u32,
    /// A file the lines are added to; an absolute path. Where it cannot be written to, up to 4 MiB of lines are kept and
    /// tried again at every tick; what is beyond, or still there at the stop, is lost and counted. Without it they are sent on alone: print them with a LogOutput
    /// whose message_matcher is "Type == 'heka.keyflush'". Default: none.
    pub log: Option<PathBuf>,
}

impl Default for Config {
    fn default() -> Config {
        Config { percent: 100.0, max_keys: 10_000, log: None }
    }
}

impl Check for Config {
    fn check(&self) -> Vec<Violation> {
        let mut violations = Vec::new();
        if !(self.percent > 0.0 && self.percent <= 100.0) {
            violations.push(Violation::new("percent", "must be above 0 and at most 100"));
        }
        if !(1..=1_000_000).contains(&self.max_keys) {
            violations.push(Violation::new("max_keys", "must be from 1 to 1000000"));
        }
        if self.log.as_ref().is_some_and(|log| !log.is_absolute()) {
            violations
                .push(Violation::new("log", "must begin with a slash: a daemon has no place of its own"));
        }
        violations
    }
}

impl Declare<dyn Filter> for Config {
    const TYPE: &'static str = "KeyFlushFilter";
    const SUMMARY: &'static str = "Says which keys come most often, to a file or as messages.";

    fn emits(&self, name: &str, hostname: &str) -> Vec<Facts> {
        vec![MessageMaker::facts(MESSAGE_TYPE, name, hostname)]
    }

    fn offers_inlet(&self) -> bool {
        true
    }

    fn ticker(&self) -> Ticker {
        Ticker::Every(std::time::Duration::from_secs(10))
    }

    fn default_matcher(&self) -> Option<&'static str> {
        Some("Type == 'heka.statsample'")
    }

    fn unheard(&self) -> Unheard {
        if self.log.is_some() { Unheard::Works } else { Unheard::Nothing }
    }

    fn writes(&self) -> Vec<(&'static str, PathBuf)> {
        self.log.iter().map(|log| ("log", log.clone())).collect()
    }

    fn build(&self, context: &BuildContext) -> Result<Box<dyn Filter>, BuildError> {
        let log = self.log.as_deref().map(|log| {
            KeyLog::open(log, context.own(), &context.name)
                .map_err(|error| BuildError::new(format!("{} cannot be opened: {error}", log.display())))
        });
        let label = [("filter", &*context.name)];
        Ok(Box::new(KeyFlushFilter {
            config: self.clone(),
            log: log.transpose()?,
            name: Arc::clone(&context.name),
            lanes: Arc::default(),
            names: Arc::clone(&context.names),
            left_out: context.own().counter("hekad_key_flush_left_out_total", &label),
            maker: MessageMaker::new(MESSAGE_TYPE, &context.name, &context.hostname, context.seed),
        }))
    }
}

struct KeyFlushFilter {
    config: Config,
    log: Option<KeyLog>,
    name: Arc<str>,
    lanes: Arc<Lanes>,
    names: Arc<Registry>,
    left_out: Count,
    maker: MessageMaker,
}

/// The tables of all seats.
#[derive(Default)]
struct Lanes(Mutex<HashMap<Seat, Arc<Mutex<Table>>>>);

/// Counts on the producers' threads, as long as there is a filter.
struct Counting(Weak<Lanes>);

struct SeatLane {
    table: Weak<Mutex<Table>>,
}

impl Inlet for Counting {
    fn lane(&self, seat: Seat) -> Arc<dyn Lane> {
        let table = self.0.upgrade().map(|lanes| Arc::downgrade(&lanes.table(seat)));
        Arc::new(SeatLane { table: table.unwrap_or_default() })
    }
}

impl Lane for SeatLane {
    fn pour(&self, pack: &Pack, chosen: &Selection) -> Poured {
        let Some(table) = self.table.upgrade() else { return Poured::Closed };
        table.lock().expect(NEVER_POISONED).count(pack, chosen);
        Poured::Taken
    }
}

impl Lanes {
    fn table(&self, seat: Seat) -> Arc<Mutex<Table>> {
        Arc::clone(self.0.lock().expect(NEVER_POISONED).entry(seat).or_default())
    }

    /// What was counted since the last call, of all seats.
    fn take(&self) -> Table {
        let tables: Vec<_> = self.0.lock().expect(NEVER_POISONED).values().cloned().collect();
        let mut all = Table::default();
        tables.into_iter().for_each(|table| all.add(table.lock().expect(NEVER_POISONED).take()));
        all
    }
}

impl Filter for KeyFlushFilter {
    fn process(&mut self, delivery: &Delivery, _: &mut Emit<'_>) -> Result<(), Fault> {
        let table = self.lanes.table(OWN_SEAT);
        table.lock().expect(NEVER_POISONED).count(&delivery.pack, &delivery.chosen);
        Ok(())
    }

    fn tick(&mut self, now: Stamp, emit: &mut Emit<'_>) -> Result<(), Fault> {
        let text = self.lines(now)?;
        match self.log.as_mut().and_then(|log| log.write(&text)) {
            Some(News::Fails(why)) => {
                tracing::warn!("{}: {why}; its lines are kept, and tried again at every tick", self.name);
            }
            Some(News::Recovers) => tracing::info!("{}: its log is written to again", self.name),
            None => {}
        }
        if !text.is_empty() && emit.is_wanted(0) {
            let message = self.maker.make(now, text);
            emit.send(0, Body::Messages(vec![message]));
        }
        Ok(())
    }

    fn finish(&mut self, now: Stamp, emit: &mut Emit<'_>) -> Result<(), Fault> {
        // What came since the last tick is said too.
        self.tick(now, emit)?;
        match self.log.as_mut().map_or(0, KeyLog::give_up) {
            0 => Ok(()),
            lost => Err(Fault::new(format!("its log cannot be written to: {lost} lines are lost"))),
        }
    }

    fn inlet(&self) -> Option<Arc<dyn Inlet>> {
        Some(Arc::new(Counting(Arc::downgrade(&self.lanes))))
    }
}

impl KeyFlushFilter {
    /// The lines of the keys that came most often since the last call; empty if none came.
    fn lines(&mut self, now: Stamp) -> Result<String, Fault> {
        let keys = ranked(self.lanes.take(), &self.names);
        // As the reference counts: a part of a key is a key.
        let wanted = (keys.len() as f64 * self.config.percent / 100.0).ceil() as usize;
        let named = wanted.min(self.config.max_keys as usize);
        self.left_out.add((wanted - named) as u64);
        let at = dated(now).map_err(|error| Fault::caused("its stamp cannot be written", error))?;
        let lines = keys[..named].iter().map(|(key, count)| format!("{at} count={count} key={key}\n"));
        Ok(lines.collect())
    }
}

/// The stamp as JavaScript writes a `Date`, in UTC.
fn dated(now: Stamp) -> Result<String, jiff::Error> {
    let at = jiff::Timestamp::from_nanosecond(now.0.into())?.to_zoned(jiff::tz::TimeZone::UTC);
    jiff::fmt::strtime::format("%a %b %d %Y %H:%M:%S GMT+0000 (Coordinated Universal Time)", &at)
}

const MESSAGE_TYPE: &str = "heka.keyflush";

/// Of what comes through the queue; seats are numbered from 0.
const OWN_SEAT: Seat = Seat(u32::MAX);

const NEVER_POISONED: &str = "no code panics while it holds a table";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_are_those_of_javascript() {
        let text = dated(Stamp::from_seconds(1_700_000_000)).unwrap();
        assert_eq!(text, "Tue Nov 14 2023 22:13:20 GMT+0000 (Coordinated Universal Time)");
    }

    #[test]
    fn mistakes_name_their_key() {
        let config = Config { percent: f64::NAN, max_keys: 0, log: Some("keys.log".into()) };
        let keys: Vec<String> = config.check().into_iter().map(|violation| violation.key).collect();
        assert_eq!(keys, ["percent", "max_keys", "log"]);
    }
}
