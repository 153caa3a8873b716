//! Inputs: where data comes in.

pub mod logstreamer;
pub mod statsd;
pub mod tcp;
pub mod udp;
