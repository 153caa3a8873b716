//! `heka` takes statsd samples and log records in, routes them, aggregates them and sends them on.
//!
//! The binary is `hekad`; this library is what it is made of, so that a crate of your own can add a plugin and call
//! the same `main`. Modules stand on floors and import only from lower ones: `docs/design.md` has the picture and
//! `tests/floors.rs` holds the code to it.

#![cfg(feature = "daemon")]

// Floor 0: vocabulary.
pub(crate) mod lock;
pub mod message;
pub mod metric;
pub mod regexp;
pub mod time;

// Floor 1: knowledge. Pure: no I/O, no thread, no clock.
pub mod aggregate;
pub mod exposition;
pub mod graphite;
pub mod import;
pub mod logs;
pub mod matcher;
pub mod statsd;
pub mod tail;

// Floor 2: contracts.
pub mod config;
pub mod flow;
pub mod plugin;

// Floor 3: machinery.
pub mod net;
pub mod router;
pub mod runner;

// Floor 4: plugins.
pub mod decoders;
pub mod encoders;
pub mod filters;
pub mod inputs;
pub mod outputs;
pub mod splitters;

// Floor 5: assembly.
pub mod daemon;
pub mod pipeline;

// Floor 6: surfaces.
pub mod cli;
