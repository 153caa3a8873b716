//! A sketch over a restart.

use serde::{Deserialize, Serialize};

use super::{Magnitudes, Sketch};

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
            buckets: self.buckets().collect(),
        }
    }

    /// The sketch that was saved.
    pub(in crate::aggregate) fn restored(saved: SavedSketch) -> Sketch {
        let mut sketch = Sketch::of(&[], saved.digits);
        let (smallest, largest) = saved.magnitudes;
        sketch.fit(Magnitudes { smallest, largest });
        saved.buckets.iter().for_each(|&(value, count)| sketch.count_value(value, count));
        (sketch.min, sketch.max) = saved.bounds;
        Sketch {
            count: saved.count,
            sum: saved.sum,
            sum_squares: saved.sum_squares,
            mean: saved.mean,
            spread: saved.spread,
            ..sketch
        }
    }
}
