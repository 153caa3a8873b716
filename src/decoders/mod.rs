//! Decoders: what a record says.

pub mod json;
pub mod multi;
pub mod nginx_access;
pub mod payload_regex;
pub mod protobuf;
pub mod stats_to_fields;
pub mod statsd;

#[cfg(test)]
mod tests;
