//! The word to stop, as a flag for threads and a future for tasks; and whether the daemon is ready.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// Says when to stop. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    shared: Arc<(AtomicBool, Notify)>,
}

impl Stop {
    /// Says stop, once and for all.
    pub fn set(&self) {
        self.shared.0.store(true, Ordering::Release);
        self.shared.1.notify_waiters();
    }

    /// Whether it was said.
    pub fn is_set(&self) -> bool {
        self.shared.0.load(Ordering::Acquire)
    }

    /// Ready when it is said.
    pub async fn wait(&self) {
        let said = self.shared.1.notified();
        tokio::pin!(said);
        // Registered before the flag is read, so that no word falls between the two.
        said.as_mut().enable();
        if !self.is_set() {
            said.await;
        }
    }
}

/// Whether everything listens and nothing stops.
#[derive(Debug, Default)]
pub struct Readiness(AtomicBool);

impl Readiness {
    /// Says whether it is so.
    pub fn set(&self, ready: bool) {
        self.0.store(ready, Ordering::Release);
    }

    /// Whether it is so.
    pub fn is_ready(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}
