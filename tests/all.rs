//! Everything that crosses modules and needs nothing but a Rust toolchain: one binary, one file a subject.
//!
//! What needs a real server or a foreign client is in `tests/real/`.

mod admin;
mod allocations;
mod bounds;
mod cases;
mod config;
mod example;
mod faults;
mod file_output;
mod flood;
mod floors;
mod forwarding;
mod grafana;
mod heka_clients;
mod import;
mod key_flush;
mod lane;
mod logstreamer;
mod metrics;
mod network;
mod packaging;
mod readme;
mod reference;
mod seeds;
mod senders;
mod store;
#[cfg(unix)]
mod tools;
mod vectors;
