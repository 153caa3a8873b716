//! Options that are not a plugin's: `[hekad]`, and those every plugin of a class has.

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::{Bytes, Check, Seconds, Violation};
use crate::router::WhenFull;
use crate::runner::Retries;

/// The section `[hekad]`.
#[derive(Debug, Clone, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Hekad {
    /// Where state is kept; one daemon at a time. Default: HEKA_BASE_DIR, else /var/cache/hekad for root and the state
    /// directory of the user (XDG_STATE_HOME/hekad) for others.
    pub base_dir: Option<PathBuf>,
    /// Name of this host in messages and for %HOSTNAME%. Default: what the system says.
    pub hostname: Option<String>,
    /// Filters a record may pass before it is lost. Default 4.
    pub max_message_loops: u8,
    /// Most series that are named; samples of further ones go to an overflow series of their kind. Default 1000000.
    pub max_series: u32,
    /// Packs that wait in front of each filter and output at most. Default 30.
    pub plugin_chansize: u32,
    /// Bytes that wait in front of each filter and output at most. Default 16 MiB.
    pub queue_size: Bytes,
    /// How long a stop may take before what is still held is given up, and counted. Default 20s.
    pub stop_timeout: Seconds,
}

impl Default for Hekad {
    fn default() -> Hekad {
        Hekad {
            base_dir: None,
            hostname: None,
            max_message_loops: 4,
            max_series: 1_000_000,
            plugin_chansize: 30,
            queue_size: Bytes(16 << 20),
            stop_timeout: Seconds(Duration::from_secs(20)),
        }
    }
}

impl Check for Hekad {
    fn check(&self) -> Vec<Violation> {
        let mut violations = Vec::new();
        let mut refuse = |key: &str, message: &str| violations.push(Violation::new(key, message));
        if !(1..=254).contains(&self.max_message_loops) {
            refuse("max_message_loops", "must be from 1 to 254");
        }
        if self.hostname.as_ref().is_some_and(String::is_empty) {
            refuse("hostname", "must not be empty");
        }
        if self.max_series == 0 || self.max_series > 1 << 28 {
            refuse("max_series", "must be a number from 1 to 268435456");
        }
        if !(2..=100_000).contains(&self.plugin_chansize) {
            refuse("plugin_chansize", "must be a number from 2 to 100000");
        }
        if !(1 << 16..=1 << 34).contains(&self.queue_size.0) {
            refuse("queue_size", "must be a size from 64 KiB to 16 GiB");
        }
        violations
    }
}

/// What every input has.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct InputOptions {
    /// Section or type of the decoder. Default: the input's own.
    pub decoder: Option<String>,
    /// Section or type of the splitter. Default: the input's own.
    pub splitter: Option<String>,
    /// Whether the daemon goes on without it when it ends. Default false.
    pub can_exit: bool,
    /// Attempts after a fault.
    pub retries: Retries,
}

/// What every filter and output has.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConsumerOptions {
    /// Which records it gets, in the matcher language. Default: the type's own, if it has one.
    pub message_matcher: Option<String>,
    /// How often it ticks: whole seconds, or text such as "100ms". Default: the type's own.
    pub ticker_interval: Option<Seconds>,
    /// What happens when its queue is full: "auto" (default) makes producers wait that can and drops, counted, what
    /// others send; "block", "drop", "shutdown".
    pub on_full: WhenFull,
    /// Whether the daemon goes on without it when it ends by a fault. Default false.
    pub can_exit: bool,
    /// Attempts after a failure.
    pub retries: Retries,
}

/// What outputs have beside what every consumer has.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct OutputOptions {
    /// Section or type of the encoder. Default: the type's own, if it has one.
    pub encoder: Option<String>,
}

/// The shortest and the longest interval between ticks.
pub(super) const TICKER_RANGE: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(100)..=Duration::from_secs(86_400);
