//! From snapshots to the store: where each series is kept, and whose it is.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::places::{Place, Places};
use crate::aggregate::{CounterTotal, Distribution, Snapshot, TimerPoint, View};
use crate::exposition::{Claim, Families, Hidden, Observed, Parties, Reading, Samples, Updated};
use crate::flow::{Count, Level};
use crate::lock::locked;
use crate::metric::SeriesId;
use crate::plugin::{BuildContext, Throttle};
use crate::time::Stamp;

/// Shows snapshots.
pub(super) struct Showing {
    store: Arc<Mutex<Families>>,
    /// Where each series is kept.
    places: Places,
    aggregators: HashMap<Box<str>, Aggregator>,
    /// What began to be counted before is not new to scrapers.
    since: Stamp,
    name: Arc<str>,
    throttle: Throttle,
    /// The values of a sketch; kept for its memory.
    counted: Vec<(f64, u32)>,
    conflicts: Count,
    reserved: Count,
    doubled: Count,
    fallen: Count,
    exposed: Level,
    /// What the rules of the mapping made of series, if there are rules.
    mapped: Option<MappedCounts>,
}

/// Series by what the rules made of them.
struct MappedCounts {
    mapped: Count,
    unmapped: Count,
    dropped: Count,
    nameless: Count,
}

/// What is known of an aggregator.
#[derive(Debug, Clone, Copy)]
struct Aggregator {
    number: u16,
    /// Whether live views come of it: then closed ones bring nothing new.
    live: bool,
}

/// A point of any kind.
struct Point<'a> {
    series: SeriesId,
    samples: u64,
    /// When its totals were 0, if it has some.
    created: Stamp,
    reading: Reading<'a>,
}

impl Showing {
    /// Shows in `store`; what began to be counted before `since` has been shown before.
    pub(super) fn new(context: &BuildContext, store: Arc<Mutex<Families>>, since: Stamp) -> Showing {
        let (own, output) = (context.own(), [("output", &*context.name)]);
        let has_rules = locked(&store).has_rules();
        Showing {
            store,
            places: Places::default(),
            aggregators: HashMap::new(),
            since,
            counted: Vec::new(),
            name: Arc::clone(&context.name),
            throttle: Throttle::every(TOLD_AGAIN),
            conflicts: own.counter("hekad_name_conflicts_total", &output),
            reserved: own.counter("hekad_names_reserved_total", &output),
            doubled: own.counter("hekad_doubled_series_total", &output),
            fallen: own.counter("hekad_totals_fallen_total", &output),
            exposed: own.level("hekad_exposed_series", &output),
            mapped: has_rules.then(|| MappedCounts::new(context)),
        }
    }

    /// Shows what an aggregator found, named by the logger of its records.
    pub(super) fn show(&mut self, found: &Snapshot, logger: &str) {
        let next = u16::try_from(self.aggregators.len()).unwrap_or(u16::MAX);
        let store = Arc::clone(&self.store);
        let mut store = locked(&store);
        let known = self.aggregators.entry(logger.into()).or_insert(Aggregator { number: next, live: false });
        let Aggregator { number, live } = *known;
        match found.view {
            View::Closed if live => return,
            View::Closed => {}
            View::Live => {
                known.live = true;
                if !live {
                    // What closed views brought before comes once more.
                    self.restart(&mut store, number, found.slot.start());
                }
            }
        }
        self.update_all(&mut store, found, number);
        self.exposed.set(store.len() as f64);
    }

    /// Removes what had no sample for longer than its ttl.
    pub(super) fn expire(&mut self, store: &mut Families, now: Stamp) {
        if store.expire(now) > 0 {
            self.places.ask_again();
            self.exposed.set(store.len() as f64);
        }
    }

    fn restart(&self, store: &mut Families, aggregator: u16, at: Stamp) {
        let of_it = self.places.slots().filter(|&(_, owner)| owner == aggregator);
        of_it.for_each(|(slot, _)| store.restart(slot, at));
    }

    fn update_all(&mut self, store: &mut Families, found: &Snapshot, aggregator: u16) {
        for (point, &CounterTotal { samples, total, created }) in found.counters.iter().zip(&found.totals) {
            let (series, samples) = (point.series, samples.into());
            let reading = Reading::Counter { total, created };
            self.update(store, found, aggregator, &Point { series, samples, created, reading });
        }
        for (point, &samples) in found.gauges.iter().zip(&found.gauge_samples) {
            let (series, samples) = (point.series, samples.into());
            let reading = Reading::Gauge(point.value);
            self.update(store, found, aggregator, &Point { series, samples, created: self.since, reading });
        }
        let mut counted = std::mem::take(&mut self.counted);
        for point in &found.timers {
            let reading = Reading::Distribution(observed(found, point, &mut counted));
            let (series, samples, created) = (point.series, point.samples, point.created);
            self.update(store, found, aggregator, &Point { series, samples, created, reading });
        }
        self.counted = counted;
        for point in &found.sets {
            let (series, samples) = (point.series, point.samples);
            let reading = Reading::Gauge(point.cardinality as f64);
            self.update(store, found, aggregator, &Point { series, samples, created: self.since, reading });
        }
    }

    fn update(&mut self, store: &mut Families, found: &Snapshot, aggregator: u16, point: &Point<'_>) {
        let (id, at) = (point.series, found.slot.end);
        let touched = point.samples > 0;
        let place = self.places.of(id);
        let mut new = false;
        match place {
            Place::Hidden | Place::Refused => return,
            Place::Asks if !touched => return,
            Place::Asks => {}
            Place::At(slot, owner) if owner != aggregator && store.is_alive(slot) => {
                // The totals of another aggregator would move it back.
                self.doubled.add(1);
                return;
            }
            Place::At(slot, _) => match store.update(slot, point.reading, at, touched) {
                Updated::Taken => return,
                Updated::Fell => return self.fallen.add(1),
                // It expired, and that it is kept by the aggregator does not bring it back.
                Updated::Gone if !touched => return,
                Updated::Gone => {}
            },
            // What a former run counted is not new.
            Place::New => new = point.created >= self.since,
        }
        let claim = match place {
            Place::Asks => store.claim_again(id, at),
            _ => store.claim(id, at, new),
        };
        if let (Place::New, Some(counts)) = (place, &self.mapped) {
            counts.count(&claim);
        }
        let place = match (place, claim) {
            // It was counted and told of when it came.
            (Place::Asks, Claim::Refused { .. }) => Place::Refused,
            (_, claim) => self.placed(claim, aggregator, at),
        };
        self.places.set(id, place, found.names.len_of(id.kind()));
        if let Place::At(slot, _) = place
            && store.update(slot, point.reading, at, touched) == Updated::Fell
        {
            self.fallen.add(1);
        }
    }

    fn placed(&mut self, claim: Claim, aggregator: u16, at: Stamp) -> Place {
        match claim {
            Claim::Hidden(_) => Place::Hidden,
            Claim::Refused { with, between: Parties { wants, has } } => {
                self.conflicts.add(1);
                if self.throttle.allow("refused", at).is_some() {
                    tracing::warn!(
                        "{}: \"{wants}\" is not shown: \"{has}\" has its name, {with}; rename one of the two. More of \
                         them are at /-/conflicts",
                        self.name
                    );
                }
                Place::Refused
            }
            Claim::Exposed(claimed) => {
                self.conflicts.add((claimed.new && claimed.diverted).into());
                self.reserved.add((claimed.new && claimed.renamed).into());
                Place::At(claimed.slot, aggregator)
            }
        }
    }
}

/// How long it is not said again that a series is not shown.
const TOLD_AGAIN: Duration = Duration::from_secs(60);

impl MappedCounts {
    fn new(context: &BuildContext) -> MappedCounts {
        let of = |result| {
            let labels = [("output", &*context.name), ("result", result)];
            context.own().counter("hekad_mapped_series_total", &labels)
        };
        MappedCounts {
            mapped: of("mapped"),
            unmapped: of("unmapped"),
            dropped: of("dropped"),
            nameless: of("nameless"),
        }
    }

    /// Counts a series that came for the first time; one that was refused for its name is counted as a conflict.
    fn count(&self, claim: &Claim) {
        match claim {
            Claim::Exposed(claimed) if claimed.mapped => self.mapped.add(1),
            Claim::Exposed(_) => self.unmapped.add(1),
            Claim::Hidden(Hidden::Dropped) => self.dropped.add(1),
            Claim::Hidden(Hidden::Nameless) => self.nameless.add(1),
            Claim::Refused { .. } => {}
        }
    }
}

fn observed<'a>(
    found: &'a Snapshot,
    point: &'a TimerPoint,
    counted: &'a mut Vec<(f64, u32)>,
) -> Observed<'a> {
    let samples = match &point.distribution {
        Distribution::Exact(range) => Samples::Exact(&found.values[range.clone()]),
        Distribution::Sketch(sketch) => {
            counted.clear();
            counted.extend(sketch.buckets());
            Samples::Counted(counted, sketch.sum())
        }
    };
    Observed {
        samples,
        weight: point.weight,
        since: found.slot.start(),
        total_sum: point.total_sum,
        total_weight: point.total_weight,
        created: point.created,
    }
}
