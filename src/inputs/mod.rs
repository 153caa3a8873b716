//! Inputs: where data comes in.

pub mod logstreamer;
pub mod own_metrics;
pub mod statsd;
pub mod tcp;
pub mod udp;
