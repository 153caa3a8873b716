//! The store behind a scrape endpoint: families with the last value of each series, and what is in the way of what.
//!
//! Pure: the owner puts it behind a lock, hands stamps in, and lets go of the lock between the parts of a scrape.

mod placing;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::births::Births;
use super::conflicts::Conflicts;
use super::exposing::{Exposing, Hidden, Profile};
use super::kept::Kept;
use super::mapping::{Mapping, Told};
use super::names::{FamilyType, Naming};
use super::shapes::Shapes;
use super::slot::{Reading, Slot, SlotId, Updated, Value};
use super::window::WindowRules;
use crate::metric::Series;
use crate::time::Stamp;

use placing::Asleep;

/// Families by name, each with its series.
///
/// A name has one type: that of the family that was first. A series of another type, or of another kind with the same
/// labels, is *diverted*: its name gets its kind appended (`x_gauge`). If that is taken too it is *refused*, as is a
/// second series of one kind whose name and labels became the same (`a.b` and `a_b`): two totals must never alternate
/// in one series. Where a rule of the mapping gave both their name, or names are made as statsd_exporter makes them, the
/// two *share* a series instead: totals and distributions are added up, of gauges the one that moved last counts. Sets
/// cannot be added up. A summary `x` takes `x_sum`, `x_count` and `x_created` as well, a histogram also `x_bucket`.
#[derive(Debug)]
pub struct Families {
    pub(super) without_created: bool,
    exposing: Exposing,
    /// What slots have of their rules, by number; the first is of those without one.
    pub(super) profiles: Vec<Profile>,
    pub(super) families: BTreeMap<Arc<str>, Family>,
    /// Which family has samples of this name.
    pub(super) taken: HashMap<Box<str>, Arc<str>>,
    pub(super) slots: Vec<Slot>,
    free: Vec<u32>,
    families_born: u64,
    births: Births,
    /// What expired and was shared: its members go on from here, by the names of families, and labels.
    asleep: HashMap<(Arc<str>, Arc<str>), Asleep>,
    conflicts: Conflicts,
    /// Histograms of the former run whose series have not come yet.
    kept: Kept,
    pub(super) scratch: Vec<(f64, u32)>,
}

/// What a store is made by.
#[derive(Debug, Clone, Default)]
pub struct StoreRules {
    /// How series are named.
    pub naming: Naming,
    /// Which distributions are histograms.
    pub shapes: Shapes,
    /// Of which time quantiles are.
    pub window: WindowRules,
    /// Quantiles of summaries, in [0, 1].
    pub quantiles: Vec<f64>,
    /// Whether OpenMetrics has no `_created` lines.
    pub without_created: bool,
    /// Rules that name series.
    pub mapping: Mapping,
    /// How long a series is shown after its last sample, where no rule says otherwise; zero for ever.
    pub ttl: Duration,
}

#[derive(Debug)]
pub(super) struct Family {
    pub(super) family_type: FamilyType,
    pub(super) help: Box<str>,
    pub(super) in_seconds: bool,
    /// Tells it from an earlier family of the name.
    pub(super) born: u64,
    /// Slots by the text of their labels.
    pub(super) series: BTreeMap<Arc<str>, u32>,
}

/// What a series was given.
#[derive(Debug, Clone, PartialEq)]
pub enum Claim {
    /// It is exposed.
    Exposed(Claimed),
    /// It is not: another series has its name.
    Refused {
        /// The family in the way.
        with: Arc<str>,
    },
    /// It is not to be exposed.
    Hidden(Hidden),
}

/// How a series is exposed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claimed {
    /// Where to put its values.
    pub slot: SlotId,
    /// Whether it was not exposed before.
    pub new: bool,
    /// Whether its kind was appended to its name.
    pub diverted: bool,
    /// Whether `client_` was put before its name because the name was the daemon's own.
    pub renamed: bool,
    /// Whether a rule named it.
    pub mapped: bool,
}

impl Families {
    /// An empty store.
    pub fn new(rules: StoreRules) -> Families {
        let StoreRules { naming, shapes, window, quantiles, without_created, mapping, ttl } = rules;
        let exposing = Exposing::new(naming, shapes, mapping);
        let profiles = exposing.profiles(quantiles, window, ttl);
        Families {
            without_created,
            exposing,
            profiles,
            families: BTreeMap::new(),
            taken: HashMap::new(),
            slots: Vec::new(),
            free: Vec::new(),
            families_born: 0,
            births: Births::default(),
            asleep: HashMap::new(),
            conflicts: Conflicts::default(),
            kept: Kept::default(),
            scratch: Vec::new(),
        }
    }

    /// What every rule of the mapping has to do with a series, in their order.
    pub fn explain(&self, series: &Series) -> Vec<Told> {
        self.exposing.explain(series)
    }

    /// Whether there is a mapping.
    pub fn has_rules(&self) -> bool {
        self.exposing.has_rules()
    }

    /// Gives `series` a place, the one it has or another. It is shown after its first update. What is cumulative and
    /// `new` is shown at 0 first to who asks for that.
    ///
    /// Conflicts are counted when a series is first diverted and whenever one is refused, so remember the answer.
    pub fn claim(&mut self, series: &Arc<Series>, at: Stamp, new: bool) -> Claim {
        let wanted = match self.exposing.expose(series) {
            Ok(wanted) => wanted,
            Err(hidden) => return Claim::Hidden(hidden),
        };
        let (renamed, mapped) = (wanted.exposed.renamed, wanted.mapped);
        let claimed = |slot, new, diverted| Claim::Exposed(Claimed { slot, new, diverted, renamed, mapped });
        let (first, second) = (wanted.exposed.name.as_str(), self.exposing.diverted(&wanted, series.kind));
        for (name, diverted) in [(first, false), (&second, true)] {
            if let Some(slot) = self.place_of(name, &wanted.labels, series) {
                return claimed(slot, false, diverted);
            }
        }
        let in_the_way = match self.give(first, &wanted, series, at, new) {
            Ok(slot) => return claimed(slot, true, false),
            Err(in_the_way) => in_the_way,
        };
        let given = match in_the_way.same_kind {
            true => None,
            false => self.give(&second, &wanted, series, at, new).ok(),
        };
        self.conflicts.count(first, &in_the_way.family, given.is_none());
        match given {
            Some(slot) => claimed(slot, true, true),
            None => Claim::Refused { with: in_the_way.family },
        }
    }

    /// Sets the value of a series; `touched` says whether it had samples, from which its age counts.
    ///
    /// # Panics
    /// If the reading is not of the series' type.
    pub fn update(&mut self, place: SlotId, reading: Reading<'_>, at: Stamp, touched: bool) -> Updated {
        let Some(slot) =
            self.slots.get_mut(place.index as usize).filter(|found| found.generation == place.generation)
        else {
            return Updated::Gone;
        };
        if touched {
            slot.touched = at;
        }
        let age = self.profiles[slot.profile as usize].window.age_at(at);
        slot.set(place.member, reading, age, touched)
    }

    /// Has histograms go on where those of a former run stopped.
    pub fn restore(&mut self, kept: Kept) {
        self.kept = kept;
    }

    /// Drops what was counted here of a distribution: it is to come once more.
    pub fn restart(&mut self, slot: SlotId, at: Stamp) {
        if let Some(found) = self.slots.get_mut(slot.index as usize)
            && found.generation == slot.generation
            && let Value::Distribution(kept) = &mut found.value
        {
            kept.restart(at);
        }
    }

    /// Says what time it is, about every second: windows slide, and births grow old.
    pub fn pass(&mut self, now: Stamp) {
        self.births.pass(now);
        let begun: Vec<Option<i64>> = self.profiles.iter_mut().map(|profile| profile.pass(now)).collect();
        if begun.iter().all(Option::is_none) {
            return;
        }
        for slot in &mut self.slots {
            if let Value::Distribution(kept) = &mut slot.value
                && let Some(window) = &mut kept.window
                && let Some(age) = begun[slot.profile as usize]
            {
                kept.stale |= window.forget(age, &self.profiles[slot.profile as usize].window);
            }
        }
    }

    /// Whether the series is still kept there.
    pub fn is_alive(&self, slot: SlotId) -> bool {
        self.slots.get(slot.index as usize).is_some_and(|found| found.generation == slot.generation)
    }

    /// Removes what last had samples, or was first seen, longer ago than its ttl, and frees the names of families that
    /// become empty. Says how many series it removed.
    pub fn expire(&mut self, now: Stamp) -> usize {
        let oldest: Vec<Option<Stamp>> = self.profiles.iter().map(|profile| profile.oldest(now)).collect();
        if oldest.iter().all(Option::is_none) {
            return 0;
        }
        let Families { families, slots, free, taken, asleep, .. } = self;
        let before = free.len();
        families.retain(|name, family| {
            family.series.retain(|labels, index| {
                let slot = &mut slots[*index as usize];
                let stays = oldest[slot.profile as usize].is_none_or(|oldest| slot.touched >= oldest);
                if !stays {
                    slot.generation = slot.generation.wrapping_add(1);
                    slot.shown = false;
                    let value = std::mem::replace(&mut slot.value, Value::Nothing);
                    if let Some(shared) = slot.shared.take() {
                        let family_type = family.family_type;
                        asleep.insert(
                            (Arc::clone(name), Arc::clone(labels)),
                            Asleep { family_type, value, shared },
                        );
                    }
                    free.push(*index);
                }
                stays
            });
            if family.series.is_empty() {
                for suffix in family.family_type.suffixes() {
                    taken.remove([name, *suffix].concat().as_str());
                }
            }
            !family.series.is_empty()
        });
        free.len() - before
    }

    /// The births so far.
    pub fn births(&self) -> &Births {
        &self.births
    }

    /// Conflicts so far.
    pub fn conflicts(&self) -> &Conflicts {
        &self.conflicts
    }

    /// Number of series.
    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Whether there is no series.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of families.
    pub fn families(&self) -> usize {
        self.families.len()
    }
}

#[cfg(test)]
mod tests;
