//! What views have shown, so that the next one shows the rest.

/// Of counters, by index; nothing before the first view, so that it takes no memory where nobody looks.
#[derive(Debug, Default)]
pub(super) struct Shown {
    /// The total as the last view had it, that of the open interval included.
    totals: Vec<f64>,
    samples: Vec<Seen>,
    /// Whether there was a view.
    begun: bool,
}

/// Samples of the open interval that views have shown. Counted round the end of the range: after a flush it stands as
/// far below zero as samples were not shown before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Seen(u32);

impl Seen {
    /// Samples not shown yet, if the open interval has `samples` by now; from now on they are.
    pub(super) fn show(&mut self, samples: u64) -> u64 {
        let fresh = (samples as u32).wrapping_sub(self.0);
        self.0 = samples as u32;
        fresh.into()
    }

    /// Says that the interval was closed with `samples`.
    pub(super) fn close(&mut self, samples: u64) {
        self.0 = self.0.wrapping_sub(samples as u32);
    }
}

impl Shown {
    /// Says that a view begins, and makes room for so many counters.
    pub(super) fn begin(&mut self, length: usize) {
        self.begun = true;
        self.lengthen(length);
    }

    fn lengthen(&mut self, length: usize) {
        super::cells::lengthen(&mut self.totals, length);
        super::cells::lengthen(&mut self.samples, length);
    }

    /// The total that was shown last.
    pub(super) fn total(&self, index: usize) -> f64 {
        self.totals.get(index).copied().unwrap_or(0.0)
    }

    /// Says which total is shown. There must be room.
    pub(super) fn set_total(&mut self, index: usize, total: f64) {
        self.totals[index] = total;
    }

    /// See `Seen::show`. There must be room.
    pub(super) fn show(&mut self, index: usize, samples: u64) -> u64 {
        self.samples[index].show(samples)
    }

    /// See `Seen::close`.
    pub(super) fn close(&mut self, index: usize, samples: u64) {
        if self.begun {
            // What is new since the last view was not shown either.
            self.lengthen(index + 1);
            self.samples[index].close(samples);
        }
    }
}
