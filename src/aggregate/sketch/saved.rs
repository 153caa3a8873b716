//! A sketch over a restart.

use serde::{Deserialize, Serialize};

use super::{Leveled, Magnitudes, Sketch};

/// A sketch as it is kept over a restart: its moments, and how often each bucket was counted.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::aggregate) struct SavedSketch {
    count: u64,
    sum: f64,
    sum_squares: f64,
    mean: f64,
    spread: f64,
    bounds: (f64, f64),
    magnitudes: (f64, f64),
    digits: u8,
    buckets: Vec<(f64, u32)>,
    /// Levels and what was counted between them; empty for none.
    levels: Vec<f64>,
    leveled: Vec<u64>,
}

impl Sketch {
    pub(in crate::aggregate) fn save(&self) -> SavedSketch {
        SavedSketch {
            count: self.count,
            sum: self.sum,
            sum_squares: self.sum_squares,
            mean: self.mean,
            spread: self.spread,
            bounds: (self.min, self.max),
            magnitudes: (self.magnitudes.smallest, self.magnitudes.largest),
            digits: self.digits,
            buckets: self.counted().collect(),
            levels: self.leveled.as_ref().map_or(Vec::new(), |leveled| leveled.levels.to_vec()),
            leveled: self.leveled.as_ref().map_or(Vec::new(), |leveled| leveled.counts.to_vec()),
        }
    }

    /// The sketch that was saved.
    pub(in crate::aggregate) fn restored(saved: SavedSketch) -> Sketch {
        let mut sketch = Sketch::of(&[], saved.digits);
        let (smallest, largest) = saved.magnitudes;
        sketch.fit(Magnitudes { smallest, largest });
        saved.buckets.iter().for_each(|&(value, count)| sketch.count_value(value, count));
        (sketch.min, sketch.max) = saved.bounds;
        let whole = saved.leveled.iter().sum::<u64>() == saved.count;
        let is_right = whole && saved.leveled.len() == saved.levels.len() + 1 && saved.levels.is_sorted();
        let leveled = (is_right && !saved.levels.is_empty())
            .then(|| Leveled { levels: saved.levels.into(), counts: saved.leveled.into() });
        Sketch {
            count: saved.count,
            sum: saved.sum,
            sum_squares: saved.sum_squares,
            mean: saved.mean,
            spread: saved.spread,
            leveled,
            ..sketch
        }
    }
}
