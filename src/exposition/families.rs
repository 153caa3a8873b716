//! The store behind a scrape endpoint: families with the last value of each series, and what is in the way of what.
//!
//! Pure: the owner puts it behind a lock, hands stamps in, and lets go of the lock between the parts of a scrape.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::births::Births;
use super::conflicts::Conflicts;
use super::kept::Kept;
use super::names::{Exposed, FamilyType, Naming};
use super::page::Quantile;
use super::shapes::{Shape, Shapes};
use super::slot::{Reading, Slot, SlotId, Updated, Value};
use super::text::push_labels;
use super::window::WindowRules;
use crate::metric::{Kind, Series};
use crate::time::Stamp;

/// Families by name, each with its series.
///
/// A name has one type: that of the family that was first. A series of another type, or of another kind with the same
/// labels, is *diverted*: its name gets its kind appended (`x_gauge`). If that is taken too it is *refused*, as is a
/// second series of one kind whose name and labels became the same (`a.b` and `a_b`): two totals must never alternate
/// in one series. A summary `x` takes `x_sum`, `x_count` and `x_created` as well, a histogram also `x_bucket`.
#[derive(Debug, Default)]
pub struct Families {
    pub(super) without_created: bool,
    naming: Naming,
    shapes: Shapes,
    window: WindowRules,
    pub(super) quantiles: Box<[Quantile]>,
    /// Their values.
    pub(super) levels: Box<[f64]>,
    pub(super) families: BTreeMap<Arc<str>, Family>,
    /// Which family has samples of this name.
    pub(super) taken: HashMap<Box<str>, Arc<str>>,
    pub(super) slots: Vec<Slot>,
    free: Vec<u32>,
    families_born: u64,
    births: Births,
    /// The age of windows that has begun.
    age: i64,
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
}

impl Families {
    /// An empty store.
    pub fn new(rules: StoreRules) -> Families {
        let StoreRules { naming, shapes, window, quantiles: mut levels, without_created } = rules;
        levels.sort_by(f64::total_cmp);
        levels.dedup();
        let quantiles = levels.iter().map(|&quantile| Quantile::new(quantile)).collect();
        Families {
            naming,
            shapes,
            window,
            quantiles,
            levels: levels.into(),
            without_created,
            ..Families::default()
        }
    }

    /// Gives `series` a place, the one it has or another. It is shown after its first update. What is cumulative and
    /// `new` is shown at 0 first to who asks for that.
    ///
    /// Conflicts are counted when a series is first diverted and whenever one is refused, so remember the answer.
    pub fn claim(&mut self, series: &Arc<Series>, at: Stamp, new: bool) -> Claim {
        let mut exposed = self.naming.expose(series);
        let shape = match series.kind.is_distribution() {
            true => self.shapes.of(&series.name),
            false => Shape::default(),
        };
        if shape.buckets.is_some() {
            exposed.family_type = FamilyType::Histogram;
        }
        let second = self.naming.diverted(&exposed, series.kind);
        let labels = labels_of(series);
        let claimed =
            |slot, new, diverted| Claim::Exposed(Claimed { slot, new, diverted, renamed: exposed.renamed });
        for (name, diverted) in [(&exposed.name, false), (&second, true)] {
            if let Some(slot) = self.place_of(name, &labels).filter(|slot| self.series_at(*slot) == series) {
                return claimed(slot, false, diverted);
            }
        }
        let Err(in_the_way) = self.room(&exposed.name, &exposed, &labels, series.kind) else {
            let slot = self.new_slot(&exposed, &shape, series, at, new);
            self.place(&exposed.name, &exposed, labels, series, slot);
            return claimed(slot, true, false);
        };
        let refused = in_the_way.same_kind || self.room(&second, &exposed, &labels, series.kind).is_err();
        self.conflicts.count(&exposed.name, &in_the_way.family, refused);
        if refused {
            return Claim::Refused { with: in_the_way.family };
        }
        let slot = self.new_slot(&exposed, &shape, series, at, new);
        self.place(&second, &exposed, labels, series, slot);
        claimed(slot, true, true)
    }

    /// Sets the value of a series; `touched` says whether it had samples, from which its age counts.
    ///
    /// # Panics
    /// If the reading is not of the series' type.
    pub fn update(&mut self, slot: SlotId, reading: Reading<'_>, at: Stamp, touched: bool) -> Updated {
        let Some(slot) =
            self.slots.get_mut(slot.index as usize).filter(|found| found.generation == slot.generation)
        else {
            return Updated::Gone;
        };
        if touched {
            slot.touched = at;
        }
        slot.set(reading, self.window.age_at(at))
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
        let age = self.window.age_at(now);
        if std::mem::replace(&mut self.age, age) == age {
            return;
        }
        for slot in &mut self.slots {
            if let Value::Distribution(kept) = &mut slot.value
                && let Some(window) = &mut kept.window
            {
                kept.stale |= window.forget(age, &self.window);
            }
        }
    }

    /// Whether the series is still kept there.
    pub fn is_alive(&self, slot: SlotId) -> bool {
        self.slots.get(slot.index as usize).is_some_and(|found| found.generation == slot.generation)
    }

    /// Removes what last had samples, or was first seen, before `older_than`, and frees the names of families that
    /// become empty. Says how many series it removed.
    pub fn expire(&mut self, older_than: Stamp) -> usize {
        let Families { families, slots, free, taken, .. } = self;
        let before = free.len();
        families.retain(|name, family| {
            family.series.retain(|_, index| {
                let slot = &mut slots[*index as usize];
                let stays = slot.touched >= older_than;
                if !stays {
                    slot.generation = slot.generation.wrapping_add(1);
                    (slot.value, slot.shown) = (Value::Nothing, false);
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

/// Why a series cannot have a name.
struct InTheWay {
    family: Arc<str>,
    /// A series of the same kind has the very name and labels.
    same_kind: bool,
}

impl Families {
    fn place_of(&self, name: &str, labels: &str) -> Option<SlotId> {
        let index = *self.families.get(name)?.series.get(labels)?;
        Some(SlotId { index, generation: self.slots[index as usize].generation })
    }

    fn series_at(&self, slot: SlotId) -> &Arc<Series> {
        &self.slots[slot.index as usize].series
    }

    /// Whether a series of this type can be `name{labels}`, or what is in the way.
    fn room(&self, name: &str, exposed: &Exposed, labels: &str, kind: Kind) -> Result<(), InTheWay> {
        let wanted = exposed.family_type;
        if let Some((found, family)) = self.families.get_key_value(name) {
            let in_the_way = |same_kind| InTheWay { family: Arc::clone(found), same_kind };
            if family.family_type != wanted {
                return Err(in_the_way(false));
            }
            return match family.series.get(labels) {
                Some(&index) => Err(in_the_way(self.slots[index as usize].series.kind == kind)),
                None => Ok(()),
            };
        }
        for suffix in wanted.suffixes() {
            if let Some(family) = self.taken.get([name, suffix].concat().as_str()) {
                return Err(InTheWay { family: Arc::clone(family), same_kind: false });
            }
        }
        Ok(())
    }

    /// Puts a series where `room` found room.
    fn place(&mut self, name: &str, exposed: &Exposed, labels: Arc<str>, series: &Series, slot: SlotId) {
        if !self.families.contains_key(name) {
            self.new_family(name, exposed.family_type, series);
        }
        let family = self.families.get_mut(name).expect("it is there or was just made");
        family.series.insert(labels, slot.index);
    }

    fn new_family(&mut self, name: &str, family_type: FamilyType, series: &Series) {
        let name: Arc<str> = name.into();
        for suffix in family_type.suffixes() {
            self.taken.insert([&name, *suffix].concat().into(), Arc::clone(&name));
        }
        self.families_born += 1;
        let family = Family {
            family_type,
            help: help_of(series).into(),
            in_seconds: series.kind == Kind::Timer,
            born: self.families_born,
            series: BTreeMap::new(),
        };
        self.families.insert(name, family);
    }

    fn new_slot(
        &mut self,
        exposed: &Exposed,
        shape: &Shape,
        series: &Arc<Series>,
        at: Stamp,
        new: bool,
    ) -> SlotId {
        let cumulative = exposed.family_type != FamilyType::Gauge;
        let mut slot = Slot {
            generation: 0,
            born: if new && cumulative { self.births.next() } else { 0 },
            series: Arc::clone(series),
            touched: at,
            divisor: exposed.divisor,
            shown: false,
            value: Value::new(exposed.family_type, shape, at),
        };
        if let Value::Distribution(kept) = &mut slot.value
            && let Some(counted) = &mut kept.counted
        {
            self.kept.restore(series, counted);
        }
        let Some(index) = self.free.pop() else {
            self.slots.push(slot);
            let index = u32::try_from(self.slots.len() - 1).expect("a registry names fewer than 2^32 series");
            return SlotId { index, generation: 0 };
        };
        slot.generation = self.slots[index as usize].generation;
        let generation = slot.generation;
        self.slots[index as usize] = slot;
        SlotId { index, generation }
    }
}

fn labels_of(series: &Series) -> Arc<str> {
    let mut labels = Vec::new();
    push_labels(&mut labels, &series.tags);
    String::from_utf8(labels).expect("labels are made of text").into()
}

fn help_of(series: &Series) -> String {
    let unit = match series.kind {
        Kind::Timer => ", in seconds",
        Kind::Set => ", distinct members of the last interval",
        _ => "",
    };
    format!("statsd {} {}{unit}", series.kind.word(), series.name)
}

#[cfg(test)]
mod tests;
