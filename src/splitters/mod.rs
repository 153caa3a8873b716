//! Splitters: where a record ends.

pub mod null;
