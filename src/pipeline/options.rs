//! Options that are not a plugin's: `[hekad]`, and those every plugin of a class has.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::{Bytes, Check, Seconds, Violation};
use crate::message::framing::MAX_MESSAGE_SIZE;
use crate::metric::{Limits, NewSeries};
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
    /// The same for each prefix of names, so that one service cannot take the room of all. Default: no limit.
    pub max_series_per_prefix: Option<u32>,
    /// How many components of a name, between its dots, are its prefix: with 1 (default) `api.search.hits` counts for
    /// `api`, with 2 for `api.search`. The last component is never part of it: names without a dot have the empty
    /// prefix, all of them one.
    pub prefix_depth: u32,
    /// Limits of single prefixes, whole components with or without dots: `{ "api" = 10000, "api.search" = 500 }`. A name
    /// counts for the longest of them that it is below of, and for no other prefix then. 0 names none of them; "" is
    /// the prefix of names without a dot. Default: none.
    pub max_series_of: BTreeMap<String, u32>,
    /// Most series that may be new in a second in the long run; samples of others go to the overflow series until their
    /// turn has come. Default: no limit.
    pub max_new_series: Option<u32>,
    /// Series that may be new at once, such as at the start, when all are. Default: those of ten seconds.
    pub max_new_series_burst: Option<u32>,
    /// Most tags of a series, those of the listener included; samples of series with more go to the overflow series.
    /// From 0 to 10000, default 64.
    pub max_tags: u32,
    /// Most bytes of a name and its tags, written as `name;key=value`; samples of longer ones go to the overflow series.
    /// From 16 bytes to 1 MiB, default 64 KiB. What is longer than its listener takes as it was sent (4 KiB, in dialect
    /// "statsd" 64 KiB) is a bad line (too_long) in any case.
    pub max_name: Bytes,
    /// Bytes of the longest message in Heka's wire form. A record of a stream, such as a line, has to fit it as the payload
    /// beside the headers of its input, some 100 bytes: what is longer is counted and dropped, or cut (keep_truncated). From 1 KiB to 256 MiB, default 64 KiB.
    pub max_message_size: Bytes,
    /// Packs in front of a filter or output at which whoever can wait (files, TCP, unix sockets) is made to. Default 30. Those
    /// who cannot (UDP, filters) have all of `queue_size`.
    pub plugin_chansize: u32,
    /// Bytes that wait in front of each filter and output at most, from 1 KiB to 16 GiB; a pack takes 256 and what is in it.
    /// Default 16 MiB. Whoever can wait is made to at 70 % of it.
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
            max_series_per_prefix: None,
            prefix_depth: 1,
            max_series_of: BTreeMap::new(),
            max_new_series: None,
            max_new_series_burst: None,
            max_tags: 64,
            max_name: Bytes(64 << 10),
            max_message_size: Bytes(MAX_MESSAGE_SIZE as u64),
            plugin_chansize: 30,
            queue_size: Bytes(16 << 20),
            stop_timeout: Seconds(Duration::from_secs(20)),
        }
    }
}

impl Hekad {
    /// The bounds of the registry.
    pub(super) fn limits(&self) -> Limits {
        let series_of = self.max_series_of.iter();
        Limits {
            max_series: self.max_series as usize,
            max_series_per_prefix: self.max_series_per_prefix.map(|most| most as usize),
            prefix_depth: self.prefix_depth as usize,
            series_of: series_of.map(|(prefix, &most)| (prefix.as_str().into(), most as usize)).collect(),
            new_series: self.max_new_series.map(|a_second| NewSeries {
                a_second,
                burst: self.max_new_series_burst.unwrap_or(a_second.saturating_mul(BURST_SECONDS)),
            }),
            max_tags: self.max_tags as usize,
            max_name: self.max_name.length(),
        }
    }

    fn check_limits(&self, refuse: &mut dyn FnMut(&str, &str)) {
        if self.max_series_per_prefix.is_some_and(|most| most == 0 || most > 1 << 28) {
            refuse("max_series_per_prefix", "must be a number from 1 to 268435456");
        }
        if !(1..=16).contains(&self.prefix_depth) {
            refuse("prefix_depth", "must be a number from 1 to 16");
        }
        if self.max_new_series.is_some_and(|most| most == 0 || most > 1 << 28) {
            refuse("max_new_series", "must be a number from 1 to 268435456");
        }
        if self.max_new_series_burst == Some(0) {
            refuse("max_new_series_burst", "must be at least 1");
        }
        if self.max_new_series_burst.is_some() && self.max_new_series.is_none() {
            refuse("max_new_series_burst", "needs max_new_series");
        }
        if self.max_tags > 10_000 {
            refuse("max_tags", "must be a number from 0 to 10000");
        }
        if !(16..=1 << 20).contains(&self.max_name.0) {
            refuse("max_name", "must be a size from 16 bytes to 1 MiB");
        }
    }
}

/// Seconds whose new series may come at once.
const BURST_SECONDS: u32 = 10;

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
        self.check_limits(&mut refuse);
        if !(1025..=256 << 20).contains(&self.max_message_size.0) {
            refuse("max_message_size", "must be a size above 1 KiB, up to 256 MiB");
        }
        if !(1..=100_000).contains(&self.plugin_chansize) {
            refuse("plugin_chansize", "must be a number from 1 to 100000");
        }
        if !(1 << 10..=1 << 34).contains(&self.queue_size.0) {
            refuse("queue_size", "must be a size from 1 KiB to 16 GiB");
        }
        for (prefix, &most) in &self.max_series_of {
            let message = match most {
                _ if prefix.starts_with('.') || prefix.ends_with('.') => {
                    "names a prefix with a dot at an end"
                }
                0..=0x1000_0000 => continue,
                _ => "must be numbers from 0 to 268435456",
            };
            violations.push(Violation::new("max_series_of", message).of_element(prefix));
        }
        violations
    }
}

/// What every input has.
#[derive(Debug, Clone, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct InputOptions {
    /// Section or type of the decoder. "" is none, for inputs that take records as the payloads of messages. Default: the
    /// input's own, or none.
    pub decoder: Option<String>,
    /// Section or type of the splitter. Default: the input's own.
    pub splitter: Option<String>,
    /// Whether a record that its decoder refuses goes on as a message of that payload, with the fields decode_failure
    /// (true) and decode_error. Default false: it is dropped. It is counted in any case.
    pub send_decode_failures: bool,
    /// Whether such a record is logged, once a second at most. Default true.
    pub log_decode_failures: bool,
    /// Whether the daemon goes on without it when it ends. Default false.
    pub can_exit: bool,
    /// Attempts after a fault.
    pub retries: Retries,
}

impl Default for InputOptions {
    fn default() -> InputOptions {
        InputOptions {
            decoder: None,
            splitter: None,
            send_decode_failures: false,
            log_decode_failures: true,
            can_exit: false,
            retries: Retries::default(),
        }
    }
}

/// What every splitter has.
#[derive(Debug, Clone, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct SplitterOptions {
    /// Whether the beginning of a record that is longer than max_message_size allows is a record: as much of it as fits a
    /// message with the headers of the input, so that it can be sent to another hekad. It is counted in any case. Default
    /// false: it is dropped.
    pub keep_truncated: bool,
    /// Whether records are whole messages in Heka's protobuf form, for ProtobufDecoder, rather than payloads, for any other
    /// decoder. Default: false, but for HekaFramingSplitter.
    pub use_message_bytes: Option<bool>,
    /// Bytes that the memory for unfinished records begins with; not more than the longest record. Default 8 KiB.
    pub min_buffer_size: Bytes,
    /// Whether what is left when a stream ends is a record, although it is unfinished. Of datagrams it always is. A file
    /// ends where it is truncated or lost, not at a stop: what is unfinished then is read again. Default false.
    pub deliver_incomplete_final: bool,
}

impl Default for SplitterOptions {
    fn default() -> SplitterOptions {
        SplitterOptions {
            keep_truncated: false,
            use_message_bytes: None,
            min_buffer_size: Bytes(8 << 10),
            deliver_incomplete_final: false,
        }
    }
}

/// What every filter and output has.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConsumerOptions {
    /// Which records it gets, in the matcher language. Default: the type's own, if it has one.
    pub message_matcher: Option<String>,
    /// Gets only messages that this signer has signed, as verified by a HekaFramingSplitter that has a key of the signer.
    /// Default: signatures are not asked for.
    pub message_signer: Option<String>,
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
    /// Whether what the encoder writes goes into Heka's framing, record by record. Default: true with ProtobufEncoder where
    /// a stream or file is written, else false.
    pub use_framing: Option<bool>,
}
