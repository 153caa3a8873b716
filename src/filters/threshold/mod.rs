//! `ThresholdFilter`: sends an alert when a number of a series crosses a threshold, changes too fast, or stops coming.
//!
//! It reads the flushes of accumulators as they are, not as the lines they are printed as, and keeps for every rule, series
//! and accumulator how many flushes in a row were wrong (`alert`). Time is that of the flushes: a late one changes nothing.
//! What stands where is forgotten at a stop: an alert that goes on is told of anew after it. Who hears of alerts, and how,
//! is left to the outputs whose matchers take `Type == 'heka.alert'`.

mod alert;
mod options;
mod room;
mod severity;
mod statistic;
mod watch;
mod wording;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use options::{Config, Rule};
pub use severity::SeverityText;

use crate::aggregate::{Snapshot, View};
use crate::flow::{Body, BodyKind, Count, Delivery, Level, MessageMaker, RecordRef};
use crate::graphite::Namespace;
use crate::matcher::{Fact, Facts};
use crate::message::Message;
use crate::plugin::{BuildContext, BuildError, Declare, Emit, Fault, Filter, Unheard};
use options::Watching;
use room::Room;
use watch::Watch;

impl Declare<dyn Filter> for Config {
    const TYPE: &'static str = "ThresholdFilter";
    const SUMMARY: &'static str =
        "Sends an alert when a number of a series crosses a threshold, changes too fast, or stops coming.";

    fn emits(&self, name: &str, hostname: &str) -> Vec<Facts> {
        vec![wording::facts(name, hostname)]
    }

    fn takes(&self) -> &'static [BodyKind] {
        &[BodyKind::Snapshots]
    }

    fn default_matcher(&self) -> Option<&'static str> {
        Some("Type == 'heka.statmetric'")
    }

    fn unheard(&self) -> Unheard {
        Unheard::IsMeasured
    }

    /// Whether a sample came is told beside the totals.
    fn reads_totals(&self) -> bool {
        self.rule.values().any(|rule| rule.absent_after.is_some())
    }

    fn build(&self, context: &BuildContext) -> Result<Box<dyn Filter>, BuildError> {
        let label = [("filter", &*context.name)];
        let own = context.own();
        Ok(Box::new(ThresholdFilter {
            rules: self.rules().map_err(BuildError::new)?,
            watches: BTreeMap::new(),
            name: Arc::clone(&context.name),
            room: Room::new(self.max_series as usize),
            maker: wording::maker(context),
            watched: own.level("hekad_threshold_series", &label),
            firing: own.level("hekad_threshold_firing", &label),
            told: own.counter("hekad_threshold_alerts_total", &label),
            held_back: own.counter("hekad_threshold_held_back_total", &label),
            refused: own.counter("hekad_threshold_refused_total", &label),
            unread: own.counter("hekad_threshold_unread_total", &label),
        }))
    }
}

struct ThresholdFilter {
    rules: Vec<Watching>,
    /// By the name of the accumulator.
    watches: BTreeMap<Box<str>, Watch>,
    name: Arc<str>,
    room: Room,
    maker: MessageMaker,
    watched: Level,
    firing: Level,
    told: Count,
    held_back: Count,
    refused: Count,
    unread: Count,
}

impl Filter for ThresholdFilter {
    fn process(&mut self, delivery: &Delivery, emit: &mut Emit<'_>) -> Result<(), Fault> {
        let accumulator = match &delivery.pack.facts.logger {
            Fact::Is(logger) => logger,
            Fact::Prefix(_) | Fact::Unknown => "",
        };
        let (mut messages, mut unread) = (Vec::new(), 0);
        for (_, record) in delivery.records() {
            match record {
                RecordRef::Snapshot { found, naming, .. } if found.view == View::Closed => {
                    self.look(accumulator, found, naming, &mut messages);
                }
                _ => unread += 1,
            }
        }
        self.unread.add(unread);
        if !messages.is_empty() {
            self.told.add(messages.len() as u64);
            emit.send(0, Body::Messages(messages));
        }
        Ok(())
    }
}

impl ThresholdFilter {
    fn look(&mut self, accumulator: &str, found: &Snapshot, naming: &Namespace, messages: &mut Vec<Message>) {
        let ThresholdFilter { rules, watches, room, maker, .. } = self;
        let watch = watches.entry(accumulator.into()).or_insert_with(|| Watch::new(rules));
        let held_back = watch.look(rules, found, naming, room, |told| {
            messages.push(wording::message(maker, &told, found.slot.end));
        });
        self.held_back.add(held_back);
        self.refused.add(self.room.take_refused());
        if let Some(complaint) = self.room.complaint(found.slot.end) {
            tracing::warn!("{}: {complaint}", self.name);
        }
        self.watched.set(self.room.taken as f64);
        self.firing.set(self.watches.values().map(Watch::firing).sum::<usize>() as f64);
    }
}

#[cfg(test)]
mod tests;
