//! `wire` under libFuzzer; what is checked is in `bodies/wire.rs`.
#![no_main]

#[path = "../bodies/mod.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| bodies::wire::run(bytes));
