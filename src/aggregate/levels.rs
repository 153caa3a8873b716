//! Values at which the samples of a distribution are counted one by one, however many there are: bounds of histograms.
//!
//! Whoever shows histograms says which levels a series has. They are asked for when a cell gets its sketch, not before, so
//! that series with few samples cost nothing.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use crate::lock::locked;
use crate::metric::{Registry, Series, SeriesId};

/// The levels that somebody wants of a series, in any order; one is counted with the samples that do not exceed it.
pub type LevelsOf = Arc<dyn Fn(&Series) -> Vec<f64> + Send + Sync>;

/// The levels that the plugins of a daemon want.
#[derive(Default)]
pub struct WantedLevels(Mutex<Wanted>);

#[derive(Default)]
struct Wanted {
    by_plugin: Vec<(Arc<str>, LevelsOf)>,
    /// How often that changed.
    changes: u64,
}

/// The levels of the series of one accumulator.
pub struct Levels {
    wanted: Arc<WantedLevels>,
    own: LevelsOf,
    names: Arc<Registry>,
    known: Mutex<Known>,
}

/// What was asked for before.
#[derive(Default)]
struct Known {
    changes: u64,
    by_series: HashMap<SeriesId, Option<Arc<[f64]>>>,
}

impl WantedLevels {
    /// Takes what `plugin` wants, in the place of what it wanted before.
    pub fn put(&self, plugin: &Arc<str>, levels: LevelsOf) {
        let mut wanted = locked(&self.0);
        wanted.by_plugin.retain(|(name, _)| name != plugin);
        wanted.by_plugin.push((Arc::clone(plugin), levels));
        wanted.changes += 1;
    }
}

impl Levels {
    /// Those that plugins want, and those of the accumulator's own names.
    pub fn new(wanted: Arc<WantedLevels>, own: LevelsOf, names: Arc<Registry>) -> Levels {
        Levels { wanted, own, names, known: Mutex::default() }
    }

    /// The levels of a series, ascending; none if nobody wants any.
    pub(super) fn of(&self, id: SeriesId) -> Option<Arc<[f64]>> {
        let wanted = locked(&self.wanted.0);
        let mut known = locked(&self.known);
        if known.changes != wanted.changes {
            *known = Known { changes: wanted.changes, ..Known::default() };
        }
        let found = known.by_series.entry(id).or_insert_with(|| {
            let series = self.names.series(id);
            let all = wanted.by_plugin.iter().map(|(_, levels)| levels).chain([&self.own]);
            let mut levels: Vec<f64> = all.flat_map(|levels| levels(&series)).collect();
            levels.retain(|level| level.is_finite());
            levels.sort_by(f64::total_cmp);
            levels.dedup();
            levels.truncate(MOST);
            (!levels.is_empty()).then(|| levels.into())
        });
        found.clone()
    }
}

impl fmt::Debug for Levels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Levels").finish_non_exhaustive()
    }
}

/// Levels of a series, those of all plugins together.
const MOST: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::{Kind, Resolved};

    #[test]
    fn levels_are_those_of_all_who_want_some_of_the_series() {
        let names = Arc::new(Registry::new(10));
        let id = |name: &str| match names.resolve(Series::plain(name, Kind::Timer)) {
            Resolved::Known(id) | Resolved::Overflow(id) => id,
        };
        let (first, second) = (id("first"), id("second"));
        let wanted = Arc::<WantedLevels>::default();
        let of = |name: &'static str, levels: &'static [f64]| -> LevelsOf {
            Arc::new(move |series| if *series.name == *name { levels.to_vec() } else { Vec::new() })
        };
        let levels = Levels::new(Arc::clone(&wanted), of("first", &[5.0, f64::INFINITY]), Arc::clone(&names));
        let found = |id| levels.of(id).map(|levels| levels.to_vec());
        assert_eq!((found(first), found(second)), (Some(vec![5.0]), None));
        wanted.put(&"output".into(), of("first", &[7.0, 5.0, 1.0]));
        assert_eq!((found(first), found(second)), (Some(vec![1.0, 5.0, 7.0]), None));
        wanted.put(&"output".into(), of("second", &[2.0]));
        assert_eq!((found(first), found(second)), (Some(vec![5.0]), Some(vec![2.0])));
    }
}
