//! Who was named: how many of each prefix, who came last, and how fast they come. Asked when a series is new alone.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::SeriesId;
use super::limits::{Limit, Limits, NewSeries};
use crate::time::Stamp;

/// The counts behind the limits of a registry.
#[derive(Debug, Default)]
pub(super) struct Census {
    /// Prefixes with their places in `counts`; bounded by the number of series.
    places: HashMap<Arc<str>, usize>,
    /// How many series each has.
    counts: Vec<(Arc<str>, usize)>,
    /// The places of the heaviest, in no order: counts only grow, so that who is among them is known at each step.
    heaviest: Vec<usize>,
    /// The smallest count among them, once there are as many as are kept.
    least: usize,
    /// The last ones named, the newest in front.
    newest: VecDeque<Named>,
    bucket: Option<Bucket>,
}

/// A series and when it was named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) id: SeriesId,
    /// By the batch it came in; none of one that a former run left.
    pub(super) at: Option<Stamp>,
}

/// A prefix and how many series it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrefixCount {
    /// The first components of a name, joined by dots; empty: of names without a dot.
    pub prefix: Box<str>,
    /// Series named.
    pub series: usize,
    /// Most that will be, if there is a limit of the prefix.
    pub limit: Option<usize>,
}

impl PrefixCount {
    /// The prefix for people: no name can hold what stands for the empty one.
    pub fn shown(&self) -> &str {
        if self.prefix.is_empty() { "(none)" } else { &self.prefix }
    }
}

impl Census {
    pub(super) fn new(limits: &Limits) -> Census {
        Census { bucket: limits.new_series.map(Bucket::full), ..Census::default() }
    }

    /// Takes the room for one more series of `prefix`, new at `at`; what a former run left is new at no time.
    ///
    /// # Errors
    /// `Prefix` or `Rate`; then nothing was taken.
    pub(super) fn admit(&mut self, prefix: &str, limits: &Limits, at: Option<Stamp>) -> Result<(), Limit> {
        let place = self.places.get(prefix).copied();
        let count = place.map_or(0, |place| self.counts[place].1);
        if limits.limit_of(prefix).is_some_and(|most| count >= most) {
            return Err(Limit::Prefix);
        }
        if let (Some(bucket), Some(at)) = (&mut self.bucket, at)
            && !bucket.take(at)
        {
            return Err(Limit::Rate);
        }
        let place = place.unwrap_or_else(|| self.begin(prefix));
        self.counts[place].1 += 1;
        self.rank(place);
        Ok(())
    }

    /// Says which series the room was taken for.
    pub(super) fn note(&mut self, named: Named) {
        self.newest.truncate(NEWEST - 1);
        self.newest.push_front(named);
    }

    /// The last ones named, the newest first.
    pub(super) fn newest(&self) -> impl Iterator<Item = Named> {
        self.newest.iter().copied()
    }

    /// The prefixes with the most series, the heaviest first, equal ones by name; `HEAVIEST` at most.
    pub(super) fn heaviest(&self, count: usize, limits: &Limits) -> Vec<PrefixCount> {
        let mut all: Vec<&(Arc<str>, usize)> =
            self.heaviest.iter().map(|&place| &self.counts[place]).collect();
        all.sort_unstable_by(|one, other| other.1.cmp(&one.1).then(one.0.cmp(&other.0)));
        let count_of = |(prefix, series): &(Arc<str>, usize)| PrefixCount {
            prefix: (&**prefix).into(),
            series: *series,
            limit: limits.limit_of(prefix),
        };
        all.into_iter().take(count).map(count_of).collect()
    }

    /// Makes room for a prefix that has no series yet.
    fn begin(&mut self, prefix: &str) -> usize {
        let prefix: Arc<str> = prefix.into();
        self.places.insert(Arc::clone(&prefix), self.counts.len());
        self.counts.push((prefix, 0));
        self.counts.len() - 1
    }

    /// Puts a prefix that has one more series among the heaviest, if it belongs there now.
    fn rank(&mut self, place: usize) {
        let count = self.counts[place].1;
        // Of a flood of prefixes none gets beyond this.
        if self.heaviest.len() == HEAVIEST && count <= self.least {
            return;
        }
        if !self.heaviest.contains(&place) {
            match self.lightest() {
                Some(lightest) if self.heaviest.len() == HEAVIEST => self.heaviest[lightest] = place,
                _ => self.heaviest.push(place),
            }
        }
        let lightest = self.lightest().expect("there is one at least");
        self.least = self.counts[self.heaviest[lightest]].1;
    }

    /// Which of the heaviest has the fewest series.
    fn lightest(&self) -> Option<usize> {
        let counts = self.heaviest.iter().map(|&place| self.counts[place].1).enumerate();
        counts.min_by_key(|&(_, count)| count).map(|(place, _)| place)
    }

    /// How many prefixes there are.
    pub(super) fn prefixes(&self) -> usize {
        self.counts.len()
    }
}

/// A token bucket that is refilled by the stamps of those who take.
#[derive(Debug)]
struct Bucket {
    rule: NewSeries,
    tokens: f64,
    last: Stamp,
}

impl Bucket {
    fn full(rule: NewSeries) -> Bucket {
        Bucket { rule, tokens: f64::from(rule.burst), last: Stamp(i64::MIN) }
    }

    /// Takes a token, if there is one. Stamps of several seats may come a little out of order; a clock that was set far
    /// back begins anew.
    fn take(&mut self, now: Stamp) -> bool {
        let refill = now.since(self.last).as_secs_f64() * f64::from(self.rule.a_second);
        self.tokens = (self.tokens + refill).min(f64::from(self.rule.burst));
        if now > self.last || self.last.since(now).as_secs() > FAR_BACK {
            self.last = now;
        }
        let is_there = self.tokens >= 1.0;
        self.tokens -= f64::from(u8::from(is_there));
        is_there
    }
}

/// How many of the heaviest prefixes are known.
const HEAVIEST: usize = 200;

/// How many of the last names are remembered.
const NEWEST: usize = 256;

/// Seconds by which stamps of seats do not differ.
const FAR_BACK: u64 = 10;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::metric::Kind;

    fn at(milliseconds: i64) -> Stamp {
        Stamp(1_700_000_000_000_000_000 + milliseconds * 1_000_000)
    }

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let mut bucket = Bucket::full(NewSeries { a_second: 10, burst: 3 });
        let mut taken = |when| (0..10).filter(|_| bucket.take(at(when))).count();
        assert_eq!([taken(0), taken(99), taken(100), taken(350), taken(60_000)], [3, 0, 1, 2, 3]);
    }

    #[test]
    fn stamps_out_of_order_refill_nothing_twice_and_a_clock_set_back_goes_on() {
        let mut bucket = Bucket::full(NewSeries { a_second: 1, burst: 1 });
        assert!(bucket.take(at(10_000)));
        assert!(!bucket.take(at(9_000)) && !bucket.take(at(10_000)) && !bucket.take(at(10_999)));
        assert!(bucket.take(at(11_000)));
        assert!(!bucket.take(at(-100_000)));
        assert!(bucket.take(at(-99_000)));
    }

    #[test]
    fn what_is_refused_by_its_prefix_takes_no_token() {
        let new_series = Some(NewSeries { a_second: 1, burst: 2 });
        let limits = Limits { max_series_per_prefix: Some(1), new_series, ..Limits::default() };
        let mut census = Census::new(&limits);
        let now = Some(at(0));
        assert_eq!(census.admit("a", &limits, now), Ok(()));
        assert_eq!(census.admit("a", &limits, now), Err(Limit::Prefix));
        assert_eq!(census.admit("b", &limits, now), Ok(()));
        assert_eq!(census.admit("c", &limits, now), Err(Limit::Rate));
        assert_eq!(census.admit("c", &limits, None), Ok(()));
        assert_eq!(census.prefixes(), 3);
    }

    #[test]
    fn the_heaviest_come_first_and_the_newest_are_bounded() {
        let limits = Limits { series_of: [("b".into(), 2)].into(), ..Limits::default() };
        let mut census = Census::new(&limits);
        for prefix in ["a", "b", "c", "b", "d", "c"] {
            census.admit(prefix, &limits, None).expect("there is room");
        }
        let count = |prefix: &str, series, limit| PrefixCount { prefix: prefix.into(), series, limit };
        let heaviest = [count("b", 2, Some(2)), count("c", 2, None), count("a", 1, None)];
        assert_eq!(census.heaviest(3, &limits), heaviest);
        assert_eq!(census.heaviest(100, &limits).len(), 4);
        for index in 0..1000 {
            census.note(Named { id: SeriesId::new(Kind::Set, index), at: None });
        }
        let newest: Vec<usize> = census.newest().map(|named| named.id.index()).collect();
        assert_eq!((newest.len(), newest[0], newest[NEWEST - 1]), (NEWEST, 999, 1000 - NEWEST));
    }

    proptest! {
        #[test]
        fn the_heaviest_are_those_of_a_full_count(
            // Few are heavy, many are light, and more than are kept.
            named in proptest::collection::vec((0_u32..30, 0_u32..30), 0..2000),
        ) {
            let limits = Limits::default();
            let (mut census, mut full) = (Census::default(), HashMap::new());
            for (one, other) in named {
                let prefix = format!("p{}", one * other);
                census.admit(&prefix, &limits, None).expect("there is room");
                *full.entry(prefix).or_insert(0) += 1;
            }
            let mut counts: Vec<usize> = full.values().copied().collect();
            counts.sort_unstable_by(|one, other| other.cmp(one));
            counts.truncate(HEAVIEST);
            let found = census.heaviest(usize::MAX, &limits);
            prop_assert!(found.iter().all(|count| full[&*count.prefix] == count.series));
            prop_assert_eq!(found.iter().map(|count| count.series).collect::<Vec<_>>(), counts);
            prop_assert_eq!(census.prefixes(), full.len());
        }
    }
}
