//! The one place where series have names: canonical identity to id, and back.
//!
//! Seats ask when a spelling is first seen; afterwards everybody holds ids. Bounded by `max_series`: beyond it a
//! new identity is given the overflow series of its kind and counted.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, RwLock};

use dashmap::DashMap;

use super::{Kind, Series, SeriesId};

/// Names every series and numbers them.
#[derive(Debug)]
pub struct Registry {
    ids: DashMap<Arc<Series>, SeriesId>,
    named: [RwLock<Vec<Arc<Series>>>; Kind::ALL.len()],
    count: AtomicUsize,
    max_series: usize,
    overflowed: AtomicU64,
}

/// What the registry answers for an identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolved {
    /// The series has this id, now or since long.
    Known(SeriesId),
    /// The registry is full; this is the overflow series of the kind. The spelling must not be remembered.
    Overflow(SeriesId),
}

impl Registry {
    /// An empty registry that names at most `max_series` series, overflow series aside.
    pub fn new(max_series: usize) -> Registry {
        Registry {
            ids: DashMap::new(),
            named: Default::default(),
            count: AtomicUsize::new(0),
            max_series,
            overflowed: AtomicU64::new(0),
        }
    }

    /// The id of `series`, a new one if it was never seen.
    pub fn resolve(&self, series: Series) -> Resolved {
        if let Some(id) = self.ids.get(&series) {
            return Resolved::Known(*id);
        }
        if self.count.fetch_add(1, Ordering::Relaxed) >= self.max_series {
            self.count.fetch_sub(1, Ordering::Relaxed);
            self.overflowed.fetch_add(1, Ordering::Relaxed);
            return Resolved::Overflow(self.name(Series::plain(OVERFLOW, series.kind)).0);
        }
        let (id, new) = self.name(series);
        if !new {
            self.count.fetch_sub(1, Ordering::Relaxed);
        }
        Resolved::Known(id)
    }

    /// The id of `series` if it was ever seen.
    pub fn find(&self, series: &Series) -> Option<SeriesId> {
        self.ids.get(series).map(|id| *id)
    }

    /// The series of `id`.
    ///
    /// # Panics
    /// If this registry did not give the id out.
    pub fn series(&self, id: SeriesId) -> Arc<Series> {
        let named = self.named[id.kind() as usize].read().expect("no writer of names panics");
        Arc::clone(&named[id.index()])
    }

    /// Calls `visit` with the names of one kind, by index; the list is locked for new names meanwhile.
    pub fn with_names<T>(&self, kind: Kind, visit: impl FnOnce(&[Arc<Series>]) -> T) -> T {
        visit(&self.named[kind as usize].read().expect("no writer of names panics"))
    }

    /// Number of series of a kind, overflow series included; ids of the kind have smaller indexes.
    pub fn len_of(&self, kind: Kind) -> usize {
        self.named[kind as usize].read().expect("no writer of names panics").len()
    }

    /// Number of series named, overflow series aside.
    pub fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Whether nothing was named yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Most series it names.
    pub fn max_series(&self) -> usize {
        self.max_series
    }

    /// How often an identity found no room and was given the overflow series.
    pub fn overflowed(&self) -> u64 {
        self.overflowed.load(Ordering::Relaxed)
    }

    fn name(&self, series: Series) -> (SeriesId, bool) {
        let series = Arc::new(series);
        let mut new = false;
        let id = *self.ids.entry(Arc::clone(&series)).or_insert_with(|| {
            new = true;
            let mut named = self.named[series.kind as usize].write().expect("no writer of names panics");
            named.push(Arc::clone(&series));
            SeriesId::new(series.kind, named.len() - 1)
        });
        (id, new)
    }
}

/// Name of the series that takes what found no room; one of every kind.
pub(crate) const OVERFLOW: &str = "__overflow__";

#[cfg(test)]
mod tests {
    use super::*;

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
}
