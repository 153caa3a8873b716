//! Splitters: where a record ends.

pub mod heka_framing;
pub mod null;
pub mod pattern_grouping;
pub mod regex;
pub mod token;

#[cfg(test)]
mod tests;
