//! Inputs: where data comes in.

pub mod statsd;
