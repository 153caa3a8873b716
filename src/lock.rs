//! Locks that a panic elsewhere does not close.
//!
//! A plugin's panic is caught and told of; whoever shares something with it goes on. What is behind such a lock is put in and
//! taken out whole, or is right after every step. Where a half-made change could be seen, `expect` says why none is.

use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// What is in `shared`, whoever panicked while holding it.
pub(crate) fn locked<T: ?Sized>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The same to read alone, beside others who do.
pub(crate) fn locked_to_read<T: ?Sized>(shared: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    shared.read().unwrap_or_else(PoisonError::into_inner)
}

/// The same to write.
pub(crate) fn locked_to_write<T: ?Sized>(shared: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    shared.write().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_left_by_a_panic_is_still_there() {
        let (mutex, shared) = (Mutex::new(1), RwLock::new(2));
        let panicked = std::panic::catch_unwind(|| {
            let (_held, _written) = (mutex.lock().unwrap(), shared.write().unwrap());
            panic!("while both are held");
        });
        assert!(panicked.is_err() && mutex.is_poisoned() && shared.is_poisoned());
        *locked(&mutex) += 10;
        *locked_to_write(&shared) += 10;
        assert_eq!((*locked(&mutex), *locked_to_read(&shared)), (11, 12));
    }
}
