//! `exporter` under libFuzzer; what is checked is in `bodies/exporter.rs`.
#![no_main]

#[path = "../bodies/mod.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| bodies::exporter::run(bytes));
