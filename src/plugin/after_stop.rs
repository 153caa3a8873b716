//! What is left to do when every input, filter and output has ended.

use std::sync::{Mutex, PoisonError};

/// Work of inputs whose receipts come back after they ended; shared by type, see `Shared`.
#[derive(Default)]
pub struct AfterStop(Mutex<Vec<Box<dyn FnOnce() + Send>>>);

impl AfterStop {
    /// Leaves `work` to do.
    pub fn leave(&self, work: impl FnOnce() + Send + 'static) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(work));
    }

    /// Does it. To be called once, when everything has ended and what it left is on disk.
    pub fn run(&self) {
        let works = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        works.into_iter().for_each(|work| work());
    }
}
