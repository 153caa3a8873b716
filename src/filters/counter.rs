//! `CounterFilter`: says how many records come, and how fast.
//!
//! Records are counted on their producers' threads, a batch at a time. Every tick a message says the number so far and
//! the rate since the last tick; every tenth tick another one sums up the rates of those ten. The texts are those of
//! Heka's filter (<https://hekad.readthedocs.io/en/v0.10.0/config/filters/counter.html>).

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::Check;
use crate::flow::{Body, Delivery, Inlet, Lane, MessageMaker, Pack, Poured, Seat, Selection};
use crate::matcher::Facts;
use crate::message::Message;
use crate::plugin::{BuildContext, BuildError, Declare, Emit, Fault, Filter, Ticker};
use crate::time::Stamp;

/// It has no options of its own; `ticker_interval` is how often it speaks: default 5 seconds.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {}

impl Check for Config {}

impl Declare<dyn Filter> for Config {
    const TYPE: &'static str = "CounterFilter";
    const SUMMARY: &'static str =
        "Counts the records it is given and says how many there were and how fast they came.";

    fn emits(&self, name: &str, hostname: &str) -> Vec<Facts> {
        vec![MessageMaker::facts(MESSAGE_TYPE, name, hostname)]
    }

    fn offers_inlet(&self) -> bool {
        true
    }

    fn ticker(&self) -> Ticker {
        Ticker::Every(DEFAULT_INTERVAL)
    }

    fn default_matcher(&self) -> Option<&'static str> {
        Some("Type != 'heka.counter-output'")
    }

    fn build(&self, context: &BuildContext) -> Result<Box<dyn Filter>, BuildError> {
        Ok(Box::new(CounterFilter {
            counted: Arc::default(),
            said: 0,
            since: context.clock.now(),
            rates: Vec::with_capacity(RATES),
            maker: MessageMaker::new(MESSAGE_TYPE, &context.name, &context.hostname, context.seed),
        }))
    }
}

struct CounterFilter {
    /// Records so far, from all lanes and the queue.
    counted: Arc<AtomicU64>,
    /// How many there were at the last tick, and when that was.
    said: u64,
    since: Stamp,
    /// Of the last ticks, fewer than `RATES`.
    rates: Vec<f64>,
    maker: MessageMaker,
}

/// Counts on the producers' threads, as long as there is a filter.
#[derive(Clone)]
struct Counting(Weak<AtomicU64>);

impl Inlet for Counting {
    fn lane(&self, _: Seat) -> Arc<dyn Lane> {
        Arc::new(self.clone())
    }
}

impl Lane for Counting {
    fn pour(&self, pack: &Pack, chosen: &Selection) -> Poured {
        let Some(counted) = self.0.upgrade() else { return Poured::Closed };
        counted.fetch_add(chosen.len_of(pack.body.len()) as u64, Ordering::Relaxed);
        Poured::Taken
    }
}

impl Filter for CounterFilter {
    fn process(&mut self, delivery: &Delivery, _: &mut Emit<'_>) -> Result<(), Fault> {
        self.counted.fetch_add(delivery.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    fn tick(&mut self, now: Stamp, emit: &mut Emit<'_>) -> Result<(), Fault> {
        let messages = self.say(now);
        emit.send(0, Body::Messages(messages));
        Ok(())
    }

    fn finish(&mut self, now: Stamp, emit: &mut Emit<'_>) -> Result<(), Fault> {
        // What came since the last tick is said too.
        if self.counted.load(Ordering::Relaxed) > self.said {
            self.tick(now, emit)?;
        }
        Ok(())
    }

    fn inlet(&self) -> Option<Arc<dyn Inlet>> {
        Some(Arc::new(Counting(Arc::downgrade(&self.counted))))
    }
}

impl CounterFilter {
    fn say(&mut self, now: Stamp) -> Vec<Message> {
        let count = self.counted.load(Ordering::Relaxed);
        let elapsed = now.since(self.since).as_secs_f64();
        let rate = if elapsed > 0.0 { (count - self.said) as f64 / elapsed } else { 0.0 };
        (self.said, self.since) = (count, now);
        self.rates.push(rate);
        let mut messages = vec![self.maker.make(now, format!("Got {count} messages. {rate:.2} msg/sec"))];
        if self.rates.len() == RATES {
            let least = self.rates.iter().copied().fold(f64::INFINITY, f64::min);
            let most = self.rates.iter().copied().fold(0.0, f64::max);
            let mean = self.rates.iter().sum::<f64>() / RATES as f64;
            self.rates.clear();
            let text = format!("AGG Sum. Min: {least:.2}    Max: {most:.2}    Mean: {mean:.2}");
            messages.push(self.maker.make(now, text));
        }
        messages
    }
}

const MESSAGE_TYPE: &str = "heka.counter-output";

const DEFAULT_INTERVAL: Duration = Duration::from_secs(5);

/// Rates that are summed up at once.
const RATES: usize = 10;
