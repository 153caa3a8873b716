//! Runners: thread, queue, timer, retries and counters of one plugin.
//!
//! A runner is a machine with `step`: threads loop around it, a trial steps all of them in order on one thread.

mod attempts;
mod backoff;
mod beats;
mod filter;
mod framed;
mod held;
mod input;
mod intake;
mod output;
mod splitting;
mod ticks;
mod undecoded;

pub use attempts::Attempts;
pub use backoff::{Backoff, Retries};
pub use filter::{Begun, FilterRunner, RebuildFilter};
pub use framed::Framed;
pub use held::HeldDeliveries;
pub use input::{InputEnd, InputLane, InputNotes, run_input};
pub use intake::{DecodeFailures, InputCounts, SeatDecoding, SeatFeeds, SeatIntakes};
pub use output::{OutputRunner, RebuildOutput};
pub use splitting::SplitRules;
pub use ticks::Ticks;
pub use undecoded::Undecoded;

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::plugin::{BuildError, Fault};
use crate::time::Stamp;

/// What a step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Something was done; step again at once.
    Worked,
    /// Nothing to do before a delivery comes or this time has come.
    Idle {
        /// When to look again at the latest.
        until: Stamp,
    },
    /// Nothing to do before this time, whatever comes: it waits for its next attempt.
    Pause {
        /// When the attempt is due.
        until: Stamp,
    },
    /// What it emitted waits for room at a consumer.
    Blocked,
    /// It has ended; `Ended` says how.
    Done(Ended),
}

/// How a plugin ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// As it should, after its producers.
    Finished,
    /// By a fault it may end by (`can_exit`).
    Exited,
    /// By a fault that ends the daemon.
    Failed,
}

/// Does something of a plugin's; a panic is a fault.
fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, Fault> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| Fault::new(filter::panic_text(&*panic)))
}

/// Drops a plugin, which may panic as well.
fn let_go<T>(name: &str, plugin: Option<T>) {
    if let Err(fault) = guarded(|| drop(plugin)) {
        tracing::error!("{name}: {fault} when it was let go");
    }
}

/// Builds a plugin again; a panic is a reason not to be built.
fn built<T>(build: impl FnOnce() -> Result<T, BuildError>) -> Result<T, Fault> {
    guarded(build)?.map_err(|error| Fault::new(error.message))
}

/// How far away `Idle` looks when nothing is due.
const FAR: std::time::Duration = std::time::Duration::from_secs(1);
