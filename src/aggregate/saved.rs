//! What an accumulator leaves to its successor: the open interval, gauges, totals, and who is idle.
//!
//! Series go by name, since ids are those of one process. The bytes are postcard's
//! (<https://postcard.jamesmunns.com/wire-format>), begun by a version; who keeps them protects them with a checksum.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::accumulator::{Accumulator, AccumulatorRules, Handing, RESTORED, State};
use super::births::{Birth, Births};
use super::cells::{Cells, CounterCell, lengthen};
use super::distribution::{DistributionCell, SavedDistribution};
use super::gauge::SavedGauge;
use super::kept::{Age, DISTRIBUTIONS, KeptCounter, KeptDistribution, KeptGauge, KeptSet};
use super::set::{SavedMembers, SetCell};
use crate::metric::{Kind, Registry, Resolved, Series, SeriesId, SeriesRef, Tally};
use crate::time::{Slot, Stamp};

/// What a former run left.
#[derive(Debug, Serialize, Deserialize)]
pub struct Saved {
    /// The interval that was open at the stop.
    pub open: SavedSlot,
    /// The last interval that was flushed, if one was.
    pub last: Option<SavedSlot>,
    /// Samples in the open interval.
    pub samples: u64,
    /// What members of sets were hashed with.
    seed: u64,
    tally: SavedTally,
    series: Vec<SavedSeries>,
}

/// A slot, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedSlot {
    end: i64,
    interval: u64,
}

/// Why what a former run left cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SavedError {
    /// Another version of the program wrote it.
    #[error("it has version {found}, this program reads {VERSION}")]
    Version {
        /// Its version.
        found: u8,
    },
    /// It is not what this program writes.
    #[error("it is malformed: {0}")]
    Malformed(#[from] postcard::Error),
    /// A slot without a length.
    #[error("its interval is zero")]
    NoInterval,
}

#[derive(Debug, Serialize, Deserialize)]
struct SavedTally {
    datagrams: u64,
    lines: u64,
    bad: Vec<u64>,
    dropped: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct SavedSeries {
    name: String,
    tags: Vec<(String, String)>,
    age: u32,
    state: SavedState,
}

#[derive(Debug, Serialize, Deserialize)]
enum SavedState {
    Counter { total: f64, created: i64, sum: f64, samples: u64, negative: (f64, u64) },
    Gauge { value: f64, open: SavedGauge },
    Distribution { which: u8, weight: f64, sum: f64, created: i64, open: SavedDistribution },
    Set { closed: u64, open: SavedMembers },
}

impl Saved {
    /// Reads what `Accumulator::save` wrote.
    ///
    /// # Errors
    /// If another version wrote it, or if it is malformed.
    pub fn read(bytes: &[u8]) -> Result<Saved, SavedError> {
        match bytes.split_first() {
            Some((&VERSION, rest)) => {
                let saved: Saved = postcard::from_bytes(rest)?;
                let slots = [Some(saved.open), saved.last];
                match slots.into_iter().flatten().any(|slot| slot.interval == 0) {
                    true => Err(SavedError::NoInterval),
                    false => Ok(saved),
                }
            }
            Some((&found, _)) => Err(SavedError::Version { found }),
            None => Err(SavedError::Malformed(postcard::Error::DeserializeUnexpectedEnd)),
        }
    }
}

impl Accumulator {
    /// An accumulator that goes on where a former one stopped. Series find their names, or room for them, in `names`.
    pub fn restored(
        rules: AccumulatorRules,
        names: Arc<Registry>,
        start: Stamp,
        saved: Saved,
    ) -> Accumulator {
        // Estimates of sets can only be united under one hash.
        let rules = AccumulatorRules { seed: saved.seed, ..rules };
        let mut state = State::starting(start);
        let counters = saved.series.iter().filter_map(|series| match series.state {
            SavedState::Counter { created, .. } => Some(Stamp(created)),
            _ => None,
        });
        state.kept.births = Births::of_all(counters);
        for series in saved.series {
            series.restore(&mut state, &names, &rules);
        }
        state.open.tally = saved.tally.into();
        state.open.samples = saved.samples;
        state.restored = saved.samples;
        Accumulator::with(rules, names, state)
    }

    /// Everything a successor needs, `open` being the interval that is open and `last` the last one flushed, and the
    /// number of samples that are in it instead of in a snapshot. Nothing must be poured after it.
    pub fn save(&self, open: Slot, last: Option<Slot>) -> (Vec<u8>, u64) {
        let mut state = self.lock();
        let bounds = self.bounds();
        let mut flipped = self.flip(&mut state.spares);
        state.collect(&mut flipped, Handing::Give, &bounds);
        let mut sums = std::mem::take(&mut state.open);
        for cells in &flipped {
            sums.absorb_sums(cells);
            sums.samples += cells.samples;
        }
        let saved = Saved {
            open: open.into(),
            last: last.map(SavedSlot::from),
            samples: sums.samples,
            seed: self.rules().seed,
            tally: (&sums.tally).into(),
            series: self.saved_series(&state, &sums),
        };
        let bytes = postcard::to_extend(&saved, vec![VERSION]).expect("a vector takes everything");
        (bytes, saved.samples)
    }

    fn saved_series(&self, state: &State, open: &Cells) -> Vec<SavedSeries> {
        let mut all = Vec::new();
        let kept = &state.kept;
        self.each_name(Kind::Counter, |index, series| {
            let (kept, cell) = (at(&kept.counters, index), at(&open.counters, index));
            let negative = open.negatives.get(&index).map_or((0.0, 0), |cell| (cell.sum, cell.samples));
            let created = match kept.birth == Birth::default() {
                true => state.since,
                false => state.kept.births.at(kept.birth),
            };
            let state = SavedState::Counter {
                total: kept.total,
                created: created.0,
                sum: cell.sum,
                samples: cell.samples,
                negative,
            };
            all.extend(saved(series, kept.age, cell.samples, state));
        });
        self.each_name(Kind::Gauge, |index, series| {
            let (kept, gauge) = (at(&kept.gauges, index), open.gauges.save(index));
            let before = kept.before(self.rules().idle.gauges);
            let value = if gauge.samples > 0 { before } else { kept.value };
            let state = SavedState::Gauge { value, open: gauge };
            all.extend(saved(series, kept.age, gauge.samples, state));
        });
        for (which, kind) in DISTRIBUTIONS.into_iter().enumerate() {
            self.each_name(kind, |index, series| {
                let kept = at(&kept.distributions[which], index);
                let none = DistributionCell::default();
                let cell = open.distributions[which].get(index).unwrap_or(&none);
                let state = SavedState::Distribution {
                    which: which as u8,
                    weight: kept.total_weight,
                    sum: kept.total_sum,
                    created: kept.created.0,
                    open: cell.save(),
                };
                all.extend(saved(series, kept.age, cell.samples(), state));
            });
        }
        self.each_name(Kind::Set, |index, series| {
            let kept = at(&kept.sets, index);
            let none = SetCell::default();
            let cell = open.sets.get(index).unwrap_or(&none);
            let state = SavedState::Set { closed: kept.closed, open: cell.save() };
            all.extend(saved(series, kept.age, cell.samples, state));
        });
        all
    }

    fn each_name(&self, kind: Kind, mut visit: impl FnMut(usize, SeriesRef<'_>)) {
        self.names().with_names(kind, |names| {
            names.iter().enumerate().for_each(|(index, series)| visit(index, series));
        });
    }
}

impl SavedSeries {
    fn restore(self, state: &mut State, names: &Registry, rules: &AccumulatorRules) {
        let tags = self.tags.into_iter().collect();
        let kind = match self.state {
            SavedState::Counter { .. } => Kind::Counter,
            SavedState::Gauge { .. } => Kind::Gauge,
            SavedState::Distribution { which, .. } => DISTRIBUTIONS[usize::from(which).min(2)],
            SavedState::Set { .. } => Kind::Set,
        };
        let series = Series { name: self.name.into(), tags, kind };
        // Without room its numbers join those of the overflow series.
        let (Resolved::Known(id) | Resolved::Overflow(id)) = names.resolve(series);
        let index = id.index();
        match self.state {
            SavedState::Counter { total, created, sum, samples, negative } => {
                let birth = state.kept.births.of(Stamp(created));
                let kept = entry(&mut state.kept.counters, index);
                *kept = KeptCounter { total: kept.total + total, birth, age: Age(self.age) };
                entry(&mut state.open.counters, index).absorb(&CounterCell { sum, samples });
                if negative.1 > 0 {
                    let cell = CounterCell { sum: negative.0, samples: negative.1 };
                    state.open.negatives.entry(index).or_default().absorb(&cell);
                }
            }
            SavedState::Gauge { value, open } => {
                *entry(&mut state.kept.gauges, index) =
                    KeptGauge { value, age: Age(self.age), ..KeptGauge::default() };
                state.open.gauges.restore(index, open, RESTORED);
            }
            SavedState::Distribution { which, weight, sum, created, open } => {
                let which = usize::from(which).min(2);
                let kept = entry(&mut state.kept.distributions[which], index);
                let (total_weight, total_sum) = (kept.total_weight + weight, kept.total_sum + sum);
                *kept =
                    KeptDistribution { total_weight, total_sum, created: Stamp(created), age: Age(self.age) };
                let cell = DistributionCell::restored(open);
                let series = SeriesId::new(DISTRIBUTIONS[which], index);
                entry(&mut state.open.distributions[which], index).absorb(&cell, series, &rules.bounds());
            }
            SavedState::Set { closed, open } => {
                *entry(&mut state.kept.sets, index) =
                    KeptSet { closed, age: Age(self.age), ..KeptSet::default() };
                let cell = SetCell::restored(open, &rules.bounds());
                entry(&mut state.open.sets, index).absorb(&cell, &rules.bounds());
            }
        }
    }
}

/// A series, unless there is nothing to say of it.
fn saved(series: SeriesRef<'_>, age: Age, samples: u64, state: SavedState) -> Option<SavedSeries> {
    let total = match &state {
        SavedState::Counter { total, .. } => *total,
        SavedState::Distribution { weight, .. } => *weight,
        SavedState::Gauge { .. } | SavedState::Set { .. } => 0.0,
    };
    (age != Age::ABSENT || samples > 0 || total != 0.0).then(|| SavedSeries {
        name: series.name.to_string(),
        tags: series.tags.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect(),
        // What has samples in the open interval is there for the first view, even if no flush has had it yet.
        age: if samples > 0 { 0 } else { age.0 },
        state,
    })
}

/// What stands at `index`, or what is there before anything is.
fn at<T: Clone + Default>(all: &[T], index: usize) -> T {
    all.get(index).cloned().unwrap_or_default()
}

fn entry<T: Default>(all: &mut Vec<T>, index: usize) -> &mut T {
    lengthen(all, index + 1);
    &mut all[index]
}

impl From<Slot> for SavedSlot {
    fn from(slot: Slot) -> SavedSlot {
        SavedSlot { end: slot.end.0, interval: u64::try_from(slot.interval.as_nanos()).unwrap_or(u64::MAX) }
    }
}

impl From<SavedSlot> for Slot {
    fn from(saved: SavedSlot) -> Slot {
        Slot { end: Stamp(saved.end), interval: std::time::Duration::from_nanos(saved.interval) }
    }
}

impl From<&Tally> for SavedTally {
    fn from(tally: &Tally) -> SavedTally {
        // What went to overflow series, or was late, is no number of the aggregator's own.
        let &Tally { datagrams, lines, bad, dropped, .. } = tally;
        SavedTally { datagrams, lines, bad: bad.to_vec(), dropped }
    }
}

impl From<SavedTally> for Tally {
    fn from(saved: SavedTally) -> Tally {
        let SavedTally { datagrams, lines, bad: counts, dropped } = saved;
        let mut tally = Tally { datagrams, lines, dropped, ..Tally::default() };
        tally.bad.iter_mut().zip(counts).for_each(|(bad, count)| *bad = count);
        tally
    }
}

/// The form of what is written. A change of any struct here is another version.
const VERSION: u8 = 3;
