//! What a plugin is: one contract for each kind, the declaration of its configuration, and the registry of types.
//!
//! A plugin does not spawn, sleep, read the clock, count, log per record, retry, or know its queue. It returns what
//! happened; the runner does the rest.

mod after_stop;
mod appending;
mod build;
mod declare;
mod explain;
mod file;
mod filter;
mod input;
mod offered;
mod output;
mod registry;
mod state;
mod stop;
#[cfg(test)]
pub(crate) mod testing;
mod throttle;

pub use after_stop::AfterStop;
pub use appending::{Appended, Left, append};
pub use build::{BuildContext, BuildError, Shared};
pub use declare::{Declare, Endpoint, Kind, Parts, Protocol, Stored, Ticker, Unheard};
pub use explain::{Asked, Explained, Fate, RuleOutcome, Survey, SurveyedStream, Surveying, ToldRule};
pub use file::{replace_file, replace_files};
pub use filter::{Emit, Filter};
pub use input::{
    Complaint, DecodeError, Decoder, Draft, Input, Intake, Intakes, Io, Note, Notes, Split, SplitFault,
    Splitter, StreamBase, Uuids,
};
pub use offered::{
    Accumulators, BackendStatus, Backends, Configured, OfferedAccumulator, OwnNumbers, StreamStatus, Streams,
};
pub use output::{Attempted, EncodeError, Encoder, Frames, Gathering, More, Outcome, Outgoing, Output};
pub use registry::{Declared, Plugin, PluginClass, Plugins};
pub use state::{Refused, StateError, StateStore};
pub use stop::{Readiness, Stop};
pub use throttle::{Quiet, Throttle, escaped};

use std::pin::Pin;

/// A future that may borrow, on any thread.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A future driven on its runner's own thread: it may block and need not be `Send`.
pub type LocalFuture<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// What ended a plugin's work: the peer is gone, a bind failed, a limit of its own was passed.
///
/// The runner counts it, logs it when the state changes, and restarts the plugin with back-off or stops.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    message: String,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Fault {
    /// A fault described in words, lower case, without the plugin's name.
    pub fn new(message: impl Into<String>) -> Fault {
        Fault { message: message.into(), source: None }
    }

    /// The same, caused by `source`.
    pub fn caused(
        message: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Fault {
        let source = source.into();
        Fault { message: format!("{}: {source}", message.into()), source: Some(source) }
    }
}
