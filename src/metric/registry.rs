//! The one place where series have names: canonical identity to id, and back.
//!
//! Seats ask when a spelling is first seen; afterwards everybody holds ids. Bounded by `Limits`: an identity beyond them
//! has the overflow series of its kind, and is counted by the limit that refused it.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, RwLock, RwLockReadGuard};

use dashmap::{DashMap, SharedValue};

use super::census::{Census, Named, PrefixCount};
use super::identity::{Entry, HandOn, SeriesHasher, spread};
use super::{Kind, Limit, Limits, Names, Series, SeriesId, SeriesRef};
use crate::lock::locked;
use crate::time::Stamp;

/// Names every series and numbers them.
#[derive(Debug)]
pub struct Registry {
    /// Entries by hash, compared with what is in `named`: whoever wants both locks the shard first.
    ids: DashMap<Entry, (), HandOn>,
    hasher: SeriesHasher,
    named: [RwLock<Names>; Kind::ALL.len()],
    /// The overflow series, once there are such.
    overflows: [OnceLock<SeriesId>; Kind::ALL.len()],
    limits: Limits,
    /// Locked by whoever names a series, so that nobody is refused for the room of one who is refused himself.
    census: Mutex<Census>,
    count: AtomicUsize,
    refused: [AtomicU64; Limit::ALL.len()],
}

/// What the registry answers for an identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolved {
    /// The series has this id, now or since long.
    Known(SeriesId),
    /// A limit refuses it; this is the overflow series of the kind.
    Overflow(SeriesId),
}

/// A series and when it was named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewName {
    /// Which.
    pub series: Series,
    /// When the batch it came in was received; none of what a former run left.
    pub at: Option<Stamp>,
}

impl Registry {
    /// An empty registry that names at most `max_series` series, overflow series aside.
    pub fn new(max_series: usize) -> Registry {
        Registry::limited(Limits { max_series, ..Limits::default() })
    }

    /// An empty registry with these limits.
    pub fn limited(limits: Limits) -> Registry {
        Registry {
            ids: DashMap::with_hasher(HandOn::default()),
            hasher: SeriesHasher::random(),
            named: Kind::ALL.map(|kind| RwLock::new(Names::new(kind))),
            overflows: Default::default(),
            census: Mutex::new(Census::new(&limits)),
            limits,
            count: AtomicUsize::new(0),
            refused: Default::default(),
        }
    }

    /// The id of `series`, which came in a batch of `at`: a new one if it was never seen.
    ///
    /// # Errors
    /// The limit that refuses to name it. Its samples belong to the `overflow` series of its kind.
    pub fn admit(&self, series: Series, at: Stamp) -> Result<SeriesId, Limit> {
        self.find_or_name(series, Some(at))
    }

    /// The same for a series that a former run knew, which is new at no time: it is refused by any limit but the rate.
    pub fn resolve(&self, series: Series) -> Resolved {
        let kind = series.kind;
        match self.find_or_name(series, None) {
            Ok(id) => Resolved::Known(id),
            Err(_) => Resolved::Overflow(self.overflow(kind)),
        }
    }

    /// The series that has the samples of what was refused.
    pub fn overflow(&self, kind: Kind) -> SeriesId {
        *self.overflows[kind as usize].get_or_init(|| {
            let series = Series::plain(OVERFLOW, kind);
            let hash = self.hasher.hash(series.borrowed());
            self.name(series.borrowed(), hash)
        })
    }

    /// The id of `series` if it was ever seen.
    pub fn find(&self, series: &Series) -> Option<SeriesId> {
        self.found(series.borrowed(), self.hasher.hash(series.borrowed()))
    }

    /// The series of `id`.
    ///
    /// # Panics
    /// If this registry did not give the id out.
    pub fn series(&self, id: SeriesId) -> Series {
        self.names(id.kind()).get(id.index()).to_owned()
    }

    /// Calls `visit` with the names of one kind, by index; the list is locked for new names meanwhile.
    pub fn with_names<T>(&self, kind: Kind, visit: impl FnOnce(&Names) -> T) -> T {
        visit(&self.names(kind))
    }

    /// Number of series of a kind, overflow series included; ids of the kind have smaller indexes.
    pub fn len_of(&self, kind: Kind) -> usize {
        self.names(kind).len()
    }

    /// Number of series named, overflow series aside.
    pub fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Whether nothing was named yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What bounds it.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Most series it names.
    pub fn max_series(&self) -> usize {
        self.limits.max_series
    }

    /// How often an identity was refused and given the overflow series.
    pub fn overflowed(&self) -> u64 {
        Limit::ALL.iter().map(|&limit| self.refused(limit)).sum()
    }

    /// How often this limit refused an identity.
    pub fn refused(&self, limit: Limit) -> u64 {
        self.refused[limit as usize].load(Ordering::Relaxed)
    }

    /// The prefixes with the most series, the heaviest first; some hundred are known, whatever there are.
    pub fn heaviest(&self, count: usize) -> Vec<PrefixCount> {
        self.census().heaviest(count, &self.limits)
    }

    /// The series named last, the newest first; some hundred are remembered.
    pub fn newest(&self, count: usize) -> Vec<NewName> {
        let newest: Vec<Named> = self.census().newest().take(count).collect();
        newest.into_iter().map(|Named { id, at }| NewName { series: self.series(id), at }).collect()
    }

    /// Number of prefixes.
    pub fn prefixes(&self) -> usize {
        self.census().prefixes()
    }

    fn find_or_name(&self, series: Series, at: Option<Stamp>) -> Result<SeriesId, Limit> {
        let series = series.borrowed();
        let hash = self.hasher.hash(series);
        if let Some(id) = self.found(series, hash) {
            return Ok(id);
        }
        if series.name == OVERFLOW && series.tags.is_empty() {
            return Ok(self.overflow(series.kind));
        }
        let named = self.limits.fits(series).and_then(|()| self.name_new(series, hash, at));
        if let Err(limit) = named {
            self.refused[limit as usize].fetch_add(1, Ordering::Relaxed);
        }
        named
    }

    fn name_new(&self, series: SeriesRef<'_>, hash: u32, at: Option<Stamp>) -> Result<SeriesId, Limit> {
        // Room is never given back, so that a flood of names finds it out without the lock.
        if self.len() >= self.limits.max_series {
            return Err(Limit::Series);
        }
        let mut census = self.census();
        if let Some(id) = self.found(series, hash) {
            return Ok(id);
        }
        if self.len() >= self.limits.max_series {
            return Err(Limit::Series);
        }
        census.admit(self.limits.prefix_of(series.name), &self.limits, at)?;
        self.count.fetch_add(1, Ordering::Relaxed);
        let id = self.name(series, hash);
        census.note(Named { id, at });
        Ok(id)
    }

    /// Names a series that nobody else names at the same time.
    fn name(&self, series: SeriesRef<'_>, hash: u32) -> SeriesId {
        let index = self.named[series.kind as usize].write().expect("no writer of names panics").push(series);
        let entry = Entry { hash, id: SeriesId::new(series.kind, index) };
        let mut shard = self.ids.shards()[self.shard_of(hash)].write();
        shard.insert(entry.spread(), (entry, SharedValue::new(())), |(entry, _)| entry.spread());
        entry.id
    }

    fn found(&self, series: SeriesRef<'_>, hash: u32) -> Option<SeriesId> {
        let shard = self.ids.shards()[self.shard_of(hash)].read();
        let is_it = |(entry, _): &(Entry, _)| {
            entry.hash == hash
                && entry.id.kind() == series.kind
                && self.names(series.kind).get(entry.id.index()) == series
        };
        shard.get(spread(hash), is_it).map(|(entry, _)| entry.id)
    }

    fn shard_of(&self, hash: u32) -> usize {
        self.ids.determine_shard(spread(hash) as usize)
    }

    fn names(&self, kind: Kind) -> RwLockReadGuard<'_, Names> {
        self.named[kind as usize].read().expect("no writer of names panics")
    }

    fn census(&self) -> MutexGuard<'_, Census> {
        locked(&self.census)
    }
}

/// Name of the series that takes what found no room; one of every kind.
pub(crate) const OVERFLOW: &str = "__overflow__";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::{NewSeries, Tags};

    #[test]
    fn an_identity_keeps_its_id_and_kinds_are_apart() {
        let registry = Registry::new(10);
        let first = registry.resolve(Series::plain("a", Kind::Counter));
        assert_eq!(first, Resolved::Known(SeriesId::new(Kind::Counter, 0)));
        assert_eq!(registry.resolve(Series::plain("a", Kind::Counter)), first);
        assert_eq!(
            registry.resolve(Series::plain("a", Kind::Gauge)),
            Resolved::Known(SeriesId::new(Kind::Gauge, 0))
        );
        assert_eq!(&*registry.series(SeriesId::new(Kind::Gauge, 0)).name, "a");
        assert_eq!(registry.len(), 2);
    }

    #[test]
    fn beyond_the_limit_an_identity_gets_the_overflow_series_and_is_counted() {
        let registry = Registry::new(1);
        registry.resolve(Series::plain("a", Kind::Counter));
        let id = SeriesId::new(Kind::Counter, 1);
        assert_eq!(registry.resolve(Series::plain("b", Kind::Counter)), Resolved::Overflow(id));
        assert_eq!(registry.resolve(Series::plain("c", Kind::Counter)), Resolved::Overflow(id));
        assert_eq!((&*registry.series(id).name, registry.overflowed(), registry.len()), (OVERFLOW, 2, 1));
        assert_eq!(registry.find(&Series::plain("b", Kind::Counter)), None);
    }

    #[test]
    fn a_refusal_is_counted_by_its_limit_and_known_series_are_never_refused() {
        let new_series = Some(NewSeries { a_second: 1, burst: 2 });
        let limits = Limits { max_series_per_prefix: Some(1), new_series, max_tags: 0, ..Limits::default() };
        let registry = Registry::limited(limits);
        let at = Stamp::from_seconds(100);
        let admit = |name: &str| registry.admit(Series::plain(name, Kind::Counter), at);
        let id = |index| SeriesId::new(Kind::Counter, index);
        assert_eq!([admit("a.x"), admit("a.y"), admit("a.x")], [Ok(id(0)), Err(Limit::Prefix), Ok(id(0))]);
        assert_eq!([admit("b.x"), admit("c.x"), admit("b.x")], [Ok(id(1)), Err(Limit::Rate), Ok(id(1))]);
        let tagged = Series { tags: Tags::from([("k", "v")]), ..Series::plain("d", Kind::Counter) };
        assert_eq!(registry.admit(tagged, at), Err(Limit::Tags));
        // What a former run left was new then.
        assert_eq!(registry.resolve(Series::plain("c.x", Kind::Counter)), Resolved::Known(id(2)));
        assert_eq!(Limit::ALL.map(|limit| registry.refused(limit)), [0, 1, 1, 1, 0]);
        assert_eq!((registry.overflowed(), registry.len(), registry.prefixes()), (3, 3, 3));
        let newest: Vec<_> =
            registry.newest(2).into_iter().map(|new| (new.series.name.clone(), new.at)).collect();
        assert_eq!(newest, [("c.x".into(), None), ("b.x".into(), Some(at))]);
    }

    #[test]
    fn the_overflow_series_takes_no_room_of_others() {
        let registry = Registry::new(1);
        let overflow = registry.overflow(Kind::Gauge);
        assert_eq!(registry.resolve(Series::plain(OVERFLOW, Kind::Gauge)), Resolved::Known(overflow));
        assert_eq!((registry.len(), registry.prefixes()), (0, 0));
        assert_eq!(
            registry.resolve(Series::plain("a", Kind::Gauge)),
            Resolved::Known(SeriesId::new(Kind::Gauge, 1))
        );
    }

    #[test]
    fn many_seats_that_name_the_same_series_name_each_once_and_refuse_none_too_many() {
        let registry = Registry::limited(Limits { max_series_per_prefix: Some(500), ..Limits::default() });
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for number in 0..600 {
                        let series = Series::plain(&format!("a.{number}"), Kind::Counter);
                        // Refusals are checked in sum below.
                        let _ = registry.admit(series, Stamp(0));
                    }
                });
            }
        });
        assert_eq!((registry.len(), registry.heaviest(1)[0].series), (500, 500));
        assert_eq!((registry.len_of(Kind::Counter), registry.refused(Limit::Prefix)), (500, 400));
    }
}
