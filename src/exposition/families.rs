//! The store behind a scrape endpoint: families with the last value of each series, and what is in the way of what.
//!
//! Pure: the owner puts it behind a lock, hands stamps in, and lets go of the lock between the parts of a scrape.

mod expiring;
mod family;
mod index;
mod order;
mod placing;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::births::Births;
use super::conflicts::{Conflicts, Parties};
use super::exposing::{Exposing, Hidden, Profile};
use super::kept::Kept;
use super::mapping::{Mapping, Told};
use super::moments::Moments;
use super::names::{FamilyType, Naming};
use super::shapes::Shapes;
use super::sharing::Shared;
use super::slot::{Circumstances, Mark, Reading, Slot, SlotId, Updated, Value};
use super::window::WindowRules;
use crate::metric::{Registry, Series, SeriesId, reference_text};
use crate::time::Stamp;

use expiring::Asleep;
use family::{Called, recorded};
pub(super) use family::{Family, FamilyId, with_name};
pub(super) use index::Index;
pub(super) use order::Position;

/// Families by name, each with its series.
///
/// A name has one type: that of the family that was first. A series of another type, or of another kind with the same
/// labels, is *diverted*: its name gets its kind appended (`x_gauge`). If that is taken too it is *refused*, as is a
/// second series of one kind whose name and labels became the same (`a.b` and `a_b`): two totals must never alternate
/// in one series. Where a rule of the mapping gave both their name, or names are made as statsd_exporter makes them, the
/// two *share* a series instead: totals and distributions are added up, of gauges the one that moved last counts. Sets
/// cannot be added up. A summary `x` takes `x_sum`, `x_count` and `x_created` as well, a histogram also `x_bucket`.
///
/// Most series are alone in a family that is called as they are. Of those no name is kept: it is made of that in the
/// registry whenever it is compared or written.
#[derive(Debug)]
pub struct Families {
    /// Which series there are, and their names.
    pub(super) names: Arc<Registry>,
    pub(super) without_created: bool,
    pub(super) exposing: Exposing,
    /// What slots have of their rules, by number; the first is of those without one.
    pub(super) profiles: Vec<Profile>,
    pub(super) index: Index,
    /// The families that have a record, by number.
    pub(super) recorded: Vec<Option<Family>>,
    free_records: Vec<u32>,
    records_born: u64,
    pub(super) slots: Vec<Slot>,
    free: Vec<u32>,
    /// Of slots whose series are several or were.
    shared: HashMap<u32, Shared>,
    pub(super) moments: Moments,
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

/// What a series was given.
#[derive(Debug, Clone, PartialEq)]
pub enum Claim {
    /// It is exposed.
    Exposed(Claimed),
    /// It is not: another series has its name.
    Refused {
        /// The family in the way.
        with: Arc<str>,
        /// The series of both.
        between: Parties,
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
    /// An empty store of series that `names` has.
    pub fn new(rules: StoreRules, names: Arc<Registry>) -> Families {
        let StoreRules { naming, shapes, window, quantiles, without_created, mapping, ttl } = rules;
        let exposing = Exposing::new(naming, shapes, mapping);
        let profiles = exposing.profiles(quantiles, window, ttl);
        Families {
            names,
            without_created,
            exposing,
            profiles,
            index: Index::default(),
            recorded: Vec::new(),
            free_records: Vec::new(),
            records_born: 0,
            slots: Vec::new(),
            free: Vec::new(),
            shared: HashMap::new(),
            moments: Moments::default(),
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
    ///
    /// # Panics
    /// If the registry of the store did not give the id out.
    pub fn claim(&mut self, id: SeriesId, at: Stamp, new: bool) -> Claim {
        self.claim_as(id, at, new, true)
    }

    /// The same for a series that was refused, after something has gone: it is not counted once more.
    ///
    /// # Panics
    /// If the registry of the store did not give the id out.
    pub fn claim_again(&mut self, id: SeriesId, at: Stamp) -> Claim {
        self.claim_as(id, at, false, false)
    }

    fn claim_as(&mut self, id: SeriesId, at: Stamp, new: bool, counts: bool) -> Claim {
        let series = self.names.series(id);
        let wanted = match self.exposing.expose(&series) {
            Ok(wanted) => wanted,
            Err(hidden) => return Claim::Hidden(hidden),
        };
        let (renamed, mapped) = (wanted.exposed.renamed, wanted.mapped);
        let claimed = |slot, new, diverted| Claim::Exposed(Claimed { slot, new, diverted, renamed, mapped });
        let (first, second) = (wanted.exposed.name.as_str(), self.exposing.diverted(&wanted, id.kind()));
        let (of_first, of_second) = (self.find(first), self.find(&second));
        for (family, diverted) in [(of_first, false), (of_second, true)] {
            if let Some(slot) = family.and_then(|family| self.place_of(family, &wanted.labels, id)) {
                return claimed(slot, false, diverted);
            }
        }
        let in_the_way = match self.give((first, of_first), &wanted, id, at, new) {
            Ok(slot) => return claimed(slot, true, false),
            Err(in_the_way) => in_the_way,
        };
        let given = match in_the_way.same_kind {
            true => None,
            false => self.give((&second, of_second), &wanted, id, at, new).ok(),
        };
        let text = |series: &Series| reference_text(&series.name, series.tags.borrowed()).into();
        let between = Parties {
            wants: text(&series),
            has: self
                .holder(&in_the_way.family, &wanted.labels)
                .map(|id| text(&self.names.series(id)))
                .unwrap_or_default(),
        };
        if counts {
            self.conflicts.count(first, &in_the_way.family, between.clone(), given.is_none());
        }
        match given {
            Some(slot) => claimed(slot, true, true),
            None => Claim::Refused { with: in_the_way.family, between },
        }
    }

    /// Sets the value of a series; `touched` says whether it had samples, from which its age counts.
    ///
    /// # Panics
    /// If the reading is not of the series' type.
    pub fn update(&mut self, place: SlotId, reading: Reading<'_>, at: Stamp, touched: bool) -> Updated {
        let Families { slots, shared, moments, profiles, .. } = self;
        let Some(slot) = slots.get_mut(place.index as usize).filter(|slot| slot.is_used()) else {
            return Updated::Gone;
        };
        let member = match slot.marks.has(Mark::Shared) {
            true => shared.get_mut(&place.index).and_then(|shared| shared.member(place.series)),
            false => None,
        };
        if member.is_none() && (slot.marks.has(Mark::Shared) || slot.series != place.series) {
            return Updated::Gone;
        }
        if touched {
            slot.touched = moments.number(at);
        }
        let profile = &profiles[slot.marks.profile()];
        let age = match slot.value {
            Value::Distribution(_) => profile.window.age_at(at),
            _ => 0,
        };
        let unit = profile.unit(slot.series.kind());
        slot.set(reading, member, Circumstances { unit, age, touched, moments })
    }

    /// Has histograms go on where those of a former run stopped.
    pub fn restore(&mut self, kept: Kept) {
        self.kept = kept;
    }

    /// Drops what was counted here of a distribution: it is to come once more.
    pub fn restart(&mut self, place: SlotId, at: Stamp) {
        if self.is_alive(place)
            && let Value::Distribution(kept) = &mut self.slots[place.index as usize].value
        {
            kept.restart(at);
        }
    }

    /// Says what time it is, about every second: windows slide, and births grow old.
    pub fn pass(&mut self, now: Stamp) {
        self.births.pass(now);
        self.sweep_moments();
        let begun: Vec<Option<i64>> = self.profiles.iter_mut().map(|profile| profile.pass(now)).collect();
        if begun.iter().all(Option::is_none) {
            return;
        }
        for slot in &mut self.slots {
            let profile = slot.marks.profile();
            if let Value::Distribution(kept) = &mut slot.value
                && let Some(window) = &mut kept.window
                && let Some(age) = begun[profile]
            {
                kept.stale |= window.forget(age, &self.profiles[profile].window);
            }
        }
    }

    /// Whether the series is still kept there.
    pub fn is_alive(&self, place: SlotId) -> bool {
        let Some(slot) = self.slots.get(place.index as usize).filter(|slot| slot.is_used()) else {
            return false;
        };
        match slot.marks.has(Mark::Shared) {
            true => self.shared.get(&place.index).is_some_and(|shared| shared.has(place.series)),
            false => slot.series == place.series,
        }
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
        self.index.len()
    }

    /// The family of that name.
    pub(super) fn find(&self, name: &str) -> Option<FamilyId> {
        self.index.find(name, self.called())
    }

    /// The name of the family whose samples have that name or may have.
    pub(super) fn taker<'n>(&self, name: &'n str) -> Option<&'n str> {
        match self.find(name) {
            Some(_) => Some(name),
            None => self.taker_with_suffix(name),
        }
    }

    /// The name of the family that has samples of that name, which is not its own.
    pub(super) fn taker_with_suffix<'n>(&self, name: &'n str) -> Option<&'n str> {
        // A family of samples with suffixes has no other entry than that of its own name.
        FamilyType::Histogram.suffixes().iter().filter(|suffix| !suffix.is_empty()).find_map(|suffix| {
            let of = name.strip_suffix(suffix)?;
            let family = self.find(of)?;
            self.type_of(family).suffixes().contains(suffix).then_some(of)
        })
    }

    /// The type of a family.
    pub(super) fn type_of(&self, family: FamilyId) -> FamilyType {
        match family {
            FamilyId::Lone(slot) => self.slots[slot as usize].family_type(),
            FamilyId::Recorded(number) => recorded(&self.recorded, number).family_type,
        }
    }

    /// The first series of a family, of which its help tells, and the profile of that.
    pub(super) fn first_of(&self, family: FamilyId) -> (SeriesId, u32) {
        match family {
            // Only what no rule names is alone.
            FamilyId::Lone(slot) => (self.slots[slot as usize].series, 0),
            FamilyId::Recorded(number) => {
                let family = recorded(&self.recorded, number);
                (family.first, family.profile)
            }
        }
    }

    /// Calls `visit` with the name of the family, the labels and the slot of each series, in the order of a scrape.
    pub(super) fn each(&self, mut visit: impl FnMut(&str, &str, u32)) {
        let mut name = String::new();
        for family in self.index.order.iter().map(FamilyId::unpack) {
            match family {
                FamilyId::Lone(slot) => {
                    self.called().name(family, &mut name);
                    visit(&name, "", slot);
                }
                FamilyId::Recorded(number) => {
                    let family = recorded(&self.recorded, number);
                    family.series.iter().for_each(|(labels, &slot)| visit(&family.name, labels, slot));
                }
            }
        }
    }

    /// What families are called.
    pub(super) fn called(&self) -> Called<'_> {
        let Families { names, exposing, slots, recorded: families, .. } = self;
        Called { names, exposing, slots, families }
    }

    /// The index, and what families are called meanwhile.
    fn index_to_change(&mut self) -> (&mut Index, Called<'_>) {
        let Families { index, names, exposing, slots, recorded: families, .. } = self;
        (index, Called { names, exposing, slots, families })
    }
}

#[cfg(test)]
mod tests;
