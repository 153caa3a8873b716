//! Decoders: what a record says.

pub mod protobuf;
pub mod statsd;
