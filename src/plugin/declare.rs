//! What `check` must know of a plugin before anything is built: it belongs to the configuration struct.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use super::{
    Asked, BuildContext, BuildError, Decoder, Encoder, Explained, Filter, Gathering, Input, Output,
    PluginClass, Splitter, Survey, Surveying,
};
use crate::config::{Address, Check, Descriptor};
use crate::flow::{BodyKind, Patience};
use crate::matcher::Facts;

/// A kind of plugin.
pub trait Kind {
    /// Its class.
    const CLASS: PluginClass;
}

macro_rules! kinds {
    ($($kind:ident),*) => { $(
        impl Kind for dyn $kind {
            const CLASS: PluginClass = PluginClass::$kind;
        }
    )* };
}

kinds!(Input, Splitter, Decoder, Filter, Encoder, Output);

/// The configuration of a plugin type, and everything the plan asks about it.
///
/// Fields of the struct are the options; their doc comments are the manual: unit, default, when to change it.
pub trait Declare<P: Kind + ?Sized>:
    DeserializeOwned + JsonSchema + Check + Clone + Send + Sync + 'static
{
    /// Name of the type: Heka's where Heka had it.
    const TYPE: &'static str;

    /// One sentence for `hekad docs`.
    const SUMMARY: &'static str;

    /// Other names it answers to.
    const ALIASES: &'static [&'static str] = &[];

    /// For an input: the type of its decoder if the section names none. That decoder reads its options from the input's
    /// own section.
    const DECODER: Option<&'static str> = None;

    /// For an input: whether its records are messages as they are without a decoder, which none is where it has no `DECODER`
    /// and "" is named in any case; its own `emits` are their facts then.
    const UNDECODED: bool = false;

    /// For an input: the type of its splitter if the section names none.
    const SPLITTER: Option<&'static str> = None;

    /// Told under which of its names it was configured, since an alias may change defaults.
    fn named(&mut self, type_name: &str) {
        let _ = type_name;
    }

    /// Facts of the streams it sends, one a feed; empty if it sends nothing. For an input its decoder answers, if it has
    /// one, which has a feed of samples and one of messages at most.
    fn emits(&self, name: &str, hostname: &str) -> Vec<Facts> {
        let _ = (name, hostname);
        Vec::new()
    }

    /// Whether what it sends are snapshots.
    fn emits_snapshots(&self) -> bool {
        false
    }

    /// Which records it can do something with; it refuses others whatever they hold.
    fn takes(&self) -> &'static [BodyKind] {
        &BodyKind::ALL
    }

    /// Whether what it sends can wait.
    fn patience(&self) -> Patience {
        Patience::Cannot
    }

    /// Number of lanes of an input.
    fn lanes(&self) -> u32 {
        1
    }

    /// Whether it offers to be poured into.
    fn offers_inlet(&self) -> bool {
        false
    }

    /// Ticker interval if the section names none; none if it cannot tick.
    fn ticker(&self) -> Ticker {
        Ticker::Never
    }

    /// Addresses it listens on.
    fn listens(&self) -> Vec<Endpoint> {
        Vec::new()
    }

    /// Files it adds to, which nobody else may: the option that names each, and its path as configured.
    fn writes(&self) -> Vec<(&'static str, PathBuf)> {
        Vec::new()
    }

    /// Addresses it sends to.
    fn sends_to(&self) -> Vec<Endpoint> {
        Vec::new()
    }

    /// The one filter that is meant by what it sends, if it names one (`stat_accum_name`): filters of that kind that
    /// have no matcher of their own leave it alone.
    fn directs_to(&self) -> Option<&str> {
        None
    }

    /// Whether it wants records at all. One that does not has no matcher and no queue to be full.
    fn takes_records(&self) -> bool {
        true
    }

    /// For an output: whether it is of use without any, because it tells of the daemon itself.
    fn tells_of_itself(&self) -> bool {
        false
    }

    /// For a filter: what it is good for where nothing takes what it sends.
    fn unheard(&self) -> Unheard {
        Unheard::Nothing
    }

    /// Whether it reads what counters came to since they began, and how many samples a point has: flushes say it only
    /// where somebody does.
    fn reads_totals(&self) -> bool {
        false
    }

    /// Whether a store keeps what it sends, and must know the interval of flushes for it.
    fn stored(&self) -> Stored {
        Stored::No
    }

    /// For an aggregator: a regular expression of the beginnings of all names it flushes.
    fn name_pattern(&self, hostname: &str) -> Option<String> {
        let _ = hostname;
        None
    }

    /// Matcher if the section names none.
    fn default_matcher(&self) -> Option<&'static str> {
        None
    }

    /// Encoder type or section if the section names none.
    fn default_encoder(&self) -> Option<&'static str> {
        None
    }

    /// Whether an `encoder` means anything to it.
    fn takes_encoder(&self) -> bool {
        false
    }

    /// For an output with an encoder: how many records it is to be given at once, whatever deliveries they came in.
    /// Default: those of one delivery.
    fn gathers(&self) -> Option<Gathering> {
        None
    }

    /// For an output that names series: what it makes of one. Nothing is opened for it.
    fn explain(&self, asked: Asked<'_>) -> Option<Explained> {
        let _ = asked;
        None
    }

    /// For an input that reads files: the streams there are. Directories and journals are read for it, and nothing else.
    fn survey(&self, asked: &Surveying<'_>) -> Option<Result<Survey, BuildError>> {
        let _ = asked;
        None
    }

    /// For a splitter: whether its records are whole messages in Heka's protobuf form, unless its section says otherwise.
    /// For a decoder: whether it reads such records, not payloads. For an encoder: whether it writes them.
    fn takes_messages(&self) -> bool {
        false
    }

    /// For an output: whether whole messages go into Heka's framing unless its section says otherwise: where a stream is
    /// all that holds them.
    fn frames_messages(&self) -> bool {
        false
    }

    /// For a decoder that is made of others: their sections or types, and the option that names them. They are in
    /// `BuildContext::parts` when it is built.
    fn parts(&self) -> Option<Parts> {
        None
    }

    /// Builds the plugin; opens sockets and files.
    ///
    /// # Errors
    /// When something outside is not as it should be.
    fn build(&self, context: &BuildContext) -> Result<Box<P>, BuildError>;
}

/// The decoders a decoder is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts {
    /// The option that names them.
    pub key: &'static str,
    /// Sections or types.
    pub names: Vec<String>,
}

/// Whether what an output sends is kept by a store like carbon, which keeps a point an interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// It is not.
    No,
    /// It is, under names that begin as the aggregator has them.
    Named,
    /// It is, under names that may begin with anything.
    Renamed,
}

/// What a filter is good for where nothing takes what it sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unheard {
    /// Nothing.
    Nothing,
    /// It does its work by itself, such as to write a file.
    Works,
    /// Its own metrics say what it found, where an output tells of the daemon.
    IsMeasured,
    /// What it holds can be looked at, where there is an output that takes no records and looks.
    IsLookedAt,
}

/// Whether and how often a plugin ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ticker {
    /// It has nothing to do with time: `ticker_interval` is an error.
    Never,
    /// It can, if the section says so.
    Optional,
    /// It does, every so often unless the section says otherwise.
    Every(Duration),
}

impl Ticker {
    /// The shortest and the longest interval between ticks.
    pub const RANGE: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(86_400);

    /// What is wrong with an interval beyond it.
    pub const OUT_OF_RANGE: &str = "must be between 100ms and 24h";
}

/// An address a plugin listens on or sends to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// How.
    pub protocol: Protocol,
    /// Where.
    pub address: Address,
    /// The option that says so, for error messages.
    pub key: &'static str,
    /// HTTP path, for those who share one server.
    pub path: Option<String>,
    /// The socket that is handed over, if it is one: where that is bound is not known before.
    pub handed: Option<Descriptor>,
}

/// Transport of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// Datagrams.
    Udp,
    /// Streams, HTTP too.
    Tcp,
    /// A unix socket, of datagrams or streams: the host of its address is the path.
    Unix,
}

impl Endpoint {
    /// A unix socket at `path`.
    pub fn socket(path: &std::path::Path, key: &'static str) -> Endpoint {
        Endpoint::new(Protocol::Unix, &Address::new(path.to_string_lossy(), 0), key)
    }

    /// A socket that is handed over.
    pub fn handed(protocol: Protocol, descriptor: &Descriptor, key: &'static str) -> Endpoint {
        let nowhere = Address::new("", 0);
        Endpoint { handed: Some(descriptor.clone()), ..Endpoint::new(protocol, &nowhere, key) }
    }

    /// Where it is, for people.
    pub fn shown(&self) -> String {
        match (&self.handed, self.protocol) {
            (Some(descriptor), _) => descriptor.to_string(),
            (None, Protocol::Unix) => self.address.host().to_owned(),
            (None, Protocol::Udp | Protocol::Tcp) => self.address.to_string(),
        }
    }

    /// An endpoint that is not an HTTP path.
    pub fn new(protocol: Protocol, address: &Address, key: &'static str) -> Endpoint {
        Endpoint { protocol, address: address.clone(), key, path: None, handed: None }
    }
}
