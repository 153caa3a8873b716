//! The series of one accumulator that rules name, and where each stands.
//!
//! A glob is held against a series once, when the series is new. In a flush the watched ones are looked up by their ids:
//! what nobody watches costs nothing. What has gone gives its room back and is noted, as is what found none: it is held
//! against the globs again when a flush knows it.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use super::alert::{Event, Outcome, Standing};
use super::options::Watching;
use super::room::{Noted, Room};
use super::statistic::Reading;
use crate::aggregate::Snapshot;
use crate::graphite::Namespace;
use crate::metric::{Kind, Registry, SeriesId};
use crate::time::Stamp;

/// What is watched in the flushes of one accumulator.
pub(super) struct Watch {
    /// Series of each kind that globs were held against.
    looked_at: [usize; Kind::ALL.len()],
    watched: Vec<Watched>,
    /// Series that rules name and that have gone.
    gone: Noted,
    /// Series that rules name and that found no room.
    refused: Noted,
    /// Series that are named as they stand and have not been there yet, by the number of their rule.
    missing: Vec<(usize, Standing)>,
}

struct Watched {
    /// By number.
    rule: usize,
    series: SeriesId,
    standing: Standing,
}

/// An event, whose it is.
pub(super) struct Told<'a> {
    pub(super) rule: &'a Watching,
    pub(super) series: Cow<'a, str>,
    pub(super) unit: &'static str,
    pub(super) event: Event,
}

impl Watch {
    /// Nothing is watched yet but what `rules` miss from the start.
    pub(super) fn new(rules: &[Watching]) -> Watch {
        let missed =
            |(_, rule): &(usize, &Watching)| rule.literal.is_some() && rule.conditions.absent_after.is_some();
        let missing = rules.iter().enumerate().filter(missed);
        Watch {
            looked_at: Default::default(),
            watched: Vec::new(),
            gone: Noted::default(),
            refused: Noted::default(),
            missing: missing.map(|(number, _)| (number, Standing::default())).collect(),
        }
    }

    /// Looks at a flush; calls `tell` for each event. Alerts that were held back.
    pub(super) fn look(
        &mut self,
        rules: &[Watching],
        found: &Snapshot,
        naming: &Namespace,
        room: &mut Room,
        mut tell: impl FnMut(Told<'_>),
    ) -> u64 {
        let (at, mut outcome) = (found.slot.end, Outcome::default());
        let mut take = |watched: &mut [Watched], outcome: &mut Outcome| {
            for Watched { rule, series, standing } in watched {
                let rule = &rules[*rule];
                standing.take(&rule.conditions, rule.statistic.read(found, naming, *series), at, outcome);
                for event in outcome.events.drain(..) {
                    let name = found.names.series(*series).reference_text().into_owned();
                    let unit = rule.statistic.unit(series.kind());
                    tell(Told { rule, series: Cow::Owned(name), unit, event });
                }
            }
        };
        // What has gone leaves its room to what comes with the same flush.
        take(&mut self.watched, &mut outcome);
        self.leave(rules, at, room);
        let known = self.watched.len();
        self.resolve(rules, &found.names, room);
        self.return_to(rules, found, room);
        take(&mut self.watched[known..], &mut outcome);
        for (rule, standing) in &mut self.missing {
            let rule = &rules[*rule];
            standing.take(&rule.conditions, NOTHING, at, &mut outcome);
            let name = rule.literal.as_deref().unwrap_or_default();
            for event in outcome.events.drain(..) {
                tell(Told { rule, series: Cow::Borrowed(name), unit: "", event });
            }
        }
        outcome.held_back
    }

    /// Number of alerts that are there.
    pub(super) fn firing(&self) -> usize {
        let standings = self.watched.iter().map(|watched| &watched.standing);
        standings.chain(self.missing.iter().map(|(_, standing)| standing)).map(Standing::firing).sum()
    }

    /// Gives the room of what has gone back.
    fn leave(&mut self, rules: &[Watching], at: Stamp, room: &mut Room) {
        let Watch { watched, gone, .. } = self;
        watched.retain(|Watched { rule, series, standing }| {
            let leaves = standing.has_gone(&rules[*rule].conditions, at);
            if leaves {
                room.taken -= 1;
                gone.note(*series);
            }
            !leaves
        });
    }

    /// Watches what is back, and what found no room before and finds some now.
    fn return_to(&mut self, rules: &[Watching], found: &Snapshot, room: &mut Room) {
        let may_enter = !self.refused.is_empty() && room.has_some();
        if self.gone.is_empty() && !may_enter {
            return;
        }
        let noted = |series: &SeriesId| self.gone.has(*series) || may_enter && self.refused.has(*series);
        let series: Vec<SeriesId> = known(found).filter(noted).collect();
        if series.is_empty() {
            return;
        }
        let watched: HashSet<(usize, SeriesId)> =
            self.watched.iter().map(|watched| (watched.rule, watched.series)).collect();
        for series in series {
            let was_refused = self.refused.has(series);
            if was_refused && !room.has_some() {
                continue;
            }
            self.gone.forget(series);
            self.refused.forget(series);
            let name = found.names.series(series);
            let meant = |(number, rule): &(usize, &Watching)| {
                rule.statistic.is_of(series.kind())
                    && !watched.contains(&(*number, series))
                    && rule.glob.matches(name.borrowed())
            };
            for (rule, _) in rules.iter().enumerate().filter(meant) {
                self.enter(rule, series, room);
            }
        }
    }

    /// Holds the globs against series that are new.
    fn resolve(&mut self, rules: &[Watching], names: &Arc<Registry>, room: &mut Room) {
        for kind in Kind::ALL {
            let asking: Vec<(usize, &Watching)> =
                rules.iter().enumerate().filter(|(_, rule)| rule.statistic.is_of(kind)).collect();
            let (from, to) = (self.looked_at[kind as usize], names.len_of(kind));
            self.looked_at[kind as usize] = to;
            if asking.is_empty() {
                continue;
            }
            for begin in (from..to).step_by(LOCKED_FOR) {
                // Locked for some hundred names at a time: who names a new series waits for no more.
                names.with_names(kind, |named| {
                    for index in begin..to.min(begin + LOCKED_FOR) {
                        let series = named.get(index);
                        let meant = asking.iter().filter(|(_, rule)| rule.glob.matches(series));
                        meant.for_each(|(rule, _)| self.enter(*rule, SeriesId::new(kind, index), room));
                    }
                });
            }
        }
    }

    fn enter(&mut self, rule: usize, series: SeriesId, room: &mut Room) {
        if !room.take() {
            self.refused.note(series);
            return;
        }
        // One that was missed goes on from there.
        let missed = self.missing.iter().position(|(of, _)| *of == rule);
        let standing = missed.map(|place| self.missing.swap_remove(place).1).unwrap_or_default();
        self.watched.push(Watched { rule, series, standing });
    }
}

/// The series that a flush knows.
fn known(found: &Snapshot) -> impl Iterator<Item = SeriesId> {
    let counters = found.counters.iter().map(|point| point.series);
    let gauges = found.gauges.iter().map(|point| point.series);
    let timers = found.timers.iter().map(|point| point.series);
    let sets = found.sets.iter().map(|point| point.series);
    counters.chain(gauges).chain(timers).chain(sets)
}

/// What a flush says of a series that it does not know.
const NOTHING: Reading = Reading { value: None, sampled: false, present: false };

/// Names looked at under one lock.
const LOCKED_FOR: usize = 512;
