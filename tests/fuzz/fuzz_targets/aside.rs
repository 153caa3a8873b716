//! `aside` under libFuzzer; what is checked is in `bodies/aside.rs`.
#![no_main]

#[path = "../bodies/mod.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| bodies::aside::run(bytes));
