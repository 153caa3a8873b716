//! Which series are drawn: those a glob names, the most often moving of them.
//!
//! A glob is held against each series once, when the series is new; after that a series costs a look at one byte a view.
//! What is drawn changes little from view to view: a place is filled at once, but taken away only by a series that moves
//! twice as much, and not more often than every few seconds.

use crate::aggregate::Snapshot;
use crate::metric::{Kind, Registry, SeriesGlob, SeriesId};

/// Most series drawn at once.
pub(super) const CHARTS: usize = 24;

/// Most names listed.
pub(super) const LISTED: usize = 200;

/// The points of a view: which series, and samples since the last view.
pub(super) fn points(found: &Snapshot) -> impl Iterator<Item = (SeriesId, u64)> {
    let counters = found.counters.iter().zip(&found.totals);
    let counters = counters.map(|(point, total)| (point.series, total.samples.into()));
    let gauges = found.gauges.iter().zip(&found.gauge_samples);
    let gauges = gauges.map(|(point, &samples)| (point.series, samples.into()));
    let timers = found.timers.iter().map(|point| (point.series, point.samples));
    let sets = found.sets.iter().map(|point| (point.series, point.samples));
    counters.chain(gauges).chain(timers).chain(sets)
}

/// How much each series moved of late, and whose it is.
#[derive(Debug, Default)]
pub(super) struct Activity {
    marks: [Vec<Mark>; Kind::ALL.len()],
}

#[derive(Debug, Clone, Copy, Default)]
struct Mark {
    score: f32,
    /// Second of the score; it has decayed since.
    at: u32,
    /// Number of the aggregator that showed it first, from 1 on.
    owner: u16,
}

impl Activity {
    /// Takes note of the samples of a view that the aggregator `owner` made. Allocates nothing for a series it knows.
    pub(super) fn note(&mut self, found: &Snapshot, owner: u16) {
        let now = second(found);
        for (id, samples) in points(found) {
            let marks = &mut self.marks[id.kind() as usize];
            if marks.len() <= id.index() {
                marks.resize(found.names.len_of(id.kind()).max(id.index() + 1), Mark::default());
            }
            let mark = &mut marks[id.index()];
            if mark.owner == 0 {
                mark.owner = owner;
            }
            if samples > 0 && mark.owner == owner {
                // One that moves every second is more of a sight than one burst: the number counts by its magnitude.
                let moved = 1.0 + samples.ilog2() as f32 / 4.0;
                *mark = Mark { score: mark.score_at(now) + moved, at: now, owner };
            }
        }
    }

    fn score(&self, id: SeriesId, now: u32) -> f32 {
        self.mark(id).score_at(now)
    }

    /// The aggregator that showed the series first, 0 if none did: two of them have no common totals.
    pub(super) fn owner(&self, id: SeriesId) -> u16 {
        self.mark(id).owner
    }

    fn mark(&self, id: SeriesId) -> Mark {
        self.marks[id.kind() as usize].get(id.index()).copied().unwrap_or_default()
    }
}

impl Mark {
    fn score_at(self, now: u32) -> f32 {
        match now.saturating_sub(self.at) {
            0 => self.score,
            1 => self.score * DECAY,
            seconds => self.score * DECAY.powi(seconds.min(1000) as i32),
        }
    }
}

/// What one glob chose.
#[derive(Debug)]
pub(super) struct Choice {
    glob: SeriesGlob,
    /// What is known of each series, by kind and index; shorter than the registry while some wait to be matched.
    verdicts: [Vec<u8>; Kind::ALL.len()],
    /// Number of series that match.
    pub(super) matching: usize,
    /// The first of them, `LISTED` at most.
    pub(super) names: Vec<SeriesId>,
    /// Those that are drawn, in no order.
    pub(super) drawn: Vec<SeriesId>,
    /// Series that moved in the last view.
    pub(super) moving: usize,
    /// Best of those that are not drawn, best first.
    rivals: Vec<(f32, SeriesId)>,
    /// Second in which a drawn series was last put out for another.
    exchanged: u32,
}

impl Choice {
    /// Nothing chosen yet.
    pub(super) fn new(glob: SeriesGlob) -> Choice {
        Choice {
            glob,
            verdicts: Default::default(),
            matching: 0,
            names: Vec::new(),
            drawn: Vec::with_capacity(CHARTS),
            moving: 0,
            rivals: Vec::with_capacity(CHARTS + 1),
            exchanged: 0,
        }
    }

    /// Matches series that are new; at most so many that a view is not held up by a million of them.
    pub(super) fn resolve(&mut self, names: &Registry) {
        let mut left = AT_ONCE;
        for kind in Kind::ALL {
            let verdicts = &mut self.verdicts[kind as usize];
            while left > 0 && verdicts.len() < names.len_of(kind) {
                // Locked for some hundred names at a time: who names a new series waits for no more.
                let until = (verdicts.len() + left.min(LOCKED_FOR)).min(names.len_of(kind));
                names.with_names(kind, |named| {
                    for index in verdicts.len()..until {
                        let matches = self.glob.matches(named.get(index));
                        if matches && self.names.len() < LISTED {
                            self.names.push(SeriesId::new(kind, verdicts.len()));
                        }
                        self.matching += usize::from(matches);
                        verdicts.push(if matches { MATCHES } else { 0 });
                        left -= 1;
                    }
                });
            }
        }
    }

    /// Chooses what is drawn after a view of `owner`, whose samples are noted in `activity`.
    pub(super) fn pick(&mut self, found: &Snapshot, activity: &Activity, owner: u16) {
        let now = second(found);
        self.moving = 0;
        self.rivals.clear();
        for (id, samples) in points(found) {
            let verdict = self.verdicts[id.kind() as usize].get(id.index()).copied().unwrap_or(0);
            if verdict == 0 || activity.owner(id) != owner {
                continue;
            }
            self.moving += usize::from(samples > 0);
            if verdict == MATCHES {
                let score = activity.score(id, now);
                // Few get further than this comparison.
                if self.rivals.len() < CHARTS || score > self.rivals[CHARTS - 1].0 {
                    self.enter(score, id);
                }
            }
        }
        self.seat(activity, now);
    }

    fn enter(&mut self, score: f32, id: SeriesId) {
        let place = self.rivals.partition_point(|(other, _)| *other >= score);
        self.rivals.insert(place, (score, id));
        self.rivals.truncate(CHARTS);
    }

    fn seat(&mut self, activity: &Activity, now: u32) {
        let rivals = std::mem::take(&mut self.rivals);
        let may_exchange = now.abs_diff(self.exchanged) >= PATIENCE;
        for &(score, id) in &rivals {
            if self.drawn.len() >= CHARTS {
                let weakest = (0..CHARTS)
                    .map(|place| (activity.score(self.drawn[place], now), place))
                    .min_by(|(one, _), (other, _)| one.total_cmp(other));
                let Some((_, place)) = weakest.filter(|(least, _)| may_exchange && score > 2.0 * least)
                else {
                    break;
                };
                let out = self.drawn.swap_remove(place);
                self.verdicts[out.kind() as usize][out.index()] = MATCHES;
                self.exchanged = now;
            }
            self.drawn.push(id);
            self.verdicts[id.kind() as usize][id.index()] = DRAWN;
        }
        self.rivals = rivals;
    }
}

fn second(found: &Snapshot) -> u32 {
    u32::try_from(found.slot.end.seconds()).unwrap_or(0)
}

/// What is left of a score after a second.
const DECAY: f32 = 0.9;

/// Seconds between exchanges of what is drawn.
const PATIENCE: u32 = 5;

/// The series matches and is not drawn.
const MATCHES: u8 = 1;

/// The series matches and is drawn.
const DRAWN: u8 = 2;

/// New series matched for one view.
const AT_ONCE: usize = 20_000;

/// Names looked at under one lock.
const LOCKED_FOR: usize = 512;

#[cfg(test)]
mod tests;
