//! Time on a processor: what else the machine does meanwhile is not in it.

use std::time::Duration;

use nix::time::ClockId;

/// What `work` costs this thread.
pub(crate) fn cost_of<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let began = spent();
    let done = work();
    (spent() - began, done)
}

/// The one in the middle of some figures, which must be at least one.
pub(crate) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

fn spent() -> Duration {
    ClockId::CLOCK_THREAD_CPUTIME_ID.now().expect("every thread has this clock").into()
}
