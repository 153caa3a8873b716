//! `framing` under libFuzzer; what is checked is in `bodies/framing.rs`.
#![no_main]

#[path = "../bodies/mod.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| bodies::framing::run(bytes));
