//! Who was named: how many of each prefix, who came last, and how fast they come. Asked when a series is new alone.

use std::collections::{HashMap, VecDeque};

use super::SeriesId;
use super::limits::{Limit, Limits, NewSeries};
use crate::time::Stamp;

/// The counts behind the limits of a registry.
#[derive(Debug, Default)]
pub(super) struct Census {
    /// Series by prefix; bounded by the number of series.
    prefixes: HashMap<Box<str>, usize>,
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
        let count = self.prefixes.get(prefix).copied().unwrap_or(0);
        if limits.limit_of(prefix).is_some_and(|most| count >= most) {
            return Err(Limit::Prefix);
        }
        if let (Some(bucket), Some(at)) = (&mut self.bucket, at)
            && !bucket.take(at)
        {
            return Err(Limit::Rate);
        }
        match self.prefixes.get_mut(prefix) {
            Some(count) => *count += 1,
            None => drop(self.prefixes.insert(prefix.into(), 1)),
        }
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

    /// The prefixes with the most series, the heaviest first, equal ones by name.
    pub(super) fn heaviest(&self, count: usize, limits: &Limits) -> Vec<PrefixCount> {
        let mut all: Vec<(&str, usize)> =
            self.prefixes.iter().map(|(prefix, &series)| (&**prefix, series)).collect();
        let order = |one: &(&str, usize), other: &(&str, usize)| other.1.cmp(&one.1).then(one.0.cmp(other.0));
        if count < all.len() {
            all.select_nth_unstable_by(count, order);
            all.truncate(count);
        }
        all.sort_unstable_by(order);
        let count = |(prefix, series): (&str, usize)| PrefixCount {
            prefix: prefix.into(),
            series,
            limit: limits.limit_of(prefix),
        };
        all.into_iter().map(count).collect()
    }

    /// How many prefixes there are.
    pub(super) fn prefixes(&self) -> usize {
        self.prefixes.len()
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

/// How many of the last names are remembered.
const NEWEST: usize = 256;

/// Seconds by which stamps of seats do not differ.
const FAR_BACK: u64 = 10;

#[cfg(test)]
mod tests {
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
}
