//! What is left to do when every input, filter and output has ended.

use std::sync::Mutex;

use crate::lock::locked;

/// Work of inputs whose receipts come back after they ended; shared by type, see `Shared`.
#[derive(Default)]
pub struct AfterStop(Mutex<Vec<Box<dyn FnOnce() + Send>>>);

impl AfterStop {
    /// Leaves `work` to do.
    pub fn leave(&self, work: impl FnOnce() + Send + 'static) {
        locked(&self.0).push(Box::new(work));
    }

    /// Does it. To be called once, when everything has ended and what it left is on disk.
    pub fn run(&self) {
        let works = std::mem::take(&mut *locked(&self.0));
        works.into_iter().for_each(|work| work());
    }
}
