//! Decoders: what a record says.

pub mod statsd;
