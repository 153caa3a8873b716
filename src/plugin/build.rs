//! What plugins are built with.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{Declared, StateStore};
use crate::flow::{Ledger, OwnMetrics};
use crate::metric::Registry;
use crate::time::{Clock, Stamp};

/// What a plugin is built with: the daemon's facts and its shared things.
#[derive(Clone)]
pub struct BuildContext {
    /// Name of the section.
    pub name: Arc<str>,
    /// How often it ticks, if it does.
    pub ticker_interval: Option<Duration>,
    /// The longest interval between flushes of an aggregator of the configuration; none if there is no aggregator.
    pub longest_flush: Option<Duration>,
    /// Which lane of an input this is, from 0.
    pub lane: u32,
    /// Bytes of the longest message in Heka's wire form.
    pub max_message_size: usize,
    /// The parts that its configuration names, in that order.
    pub parts: Vec<Declared>,
    /// Host name of the daemon, or what `[hekad] hostname` says.
    pub hostname: Arc<str>,
    /// Where state lives.
    pub base_dir: PathBuf,
    /// The series registry.
    pub names: Arc<Registry>,
    /// The books.
    pub ledger: Ledger,
    /// Things that plugins share: http servers, the outside world.
    pub shared: Shared,
    /// What the same sections left in the former run, and leave to the next.
    pub state: StateStore,
    /// When the daemon started.
    pub started: Stamp,
    /// The clock; for runners and things that outlive a call, never for a plugin's own decisions.
    pub clock: Arc<dyn Clock>,
    /// Random per process: seeds hashes of names that come from the network.
    pub seed: u64,
}

impl BuildContext {
    /// The daemon's own metrics.
    pub fn own(&self) -> &OwnMetrics {
        self.ledger.own()
    }
}

/// One value of each type, made when first asked for. Clones share them.
#[derive(Clone, Default)]
pub struct Shared {
    things: Arc<Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>>,
}

impl Shared {
    /// The one `T`.
    ///
    /// # Panics
    /// If a `Default` of another shared type panicked before.
    pub fn the<T: Default + Send + Sync + 'static>(&self) -> Arc<T> {
        let mut things = self.things.lock().expect("no default of a shared thing panics");
        let thing = things.entry(TypeId::of::<T>()).or_insert_with(|| Arc::new(T::default()));
        Arc::clone(thing).downcast().expect("things are kept by their type")
    }

    /// Puts `thing` where `the` finds it, before anybody asked.
    pub fn put<T: Send + Sync + 'static>(&self, thing: T) {
        let mut things = self.things.lock().expect("no default of a shared thing panics");
        things.insert(TypeId::of::<T>(), Arc::new(thing));
    }
}

/// A plugin could not be built from a configuration that is right as text: a socket is taken, a file is missing.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct BuildError {
    /// What is wrong, lower case.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

impl BuildError {
    /// An error without advice.
    pub fn new(message: impl Into<String>) -> BuildError {
        BuildError { message: message.into(), help: None }
    }
}
