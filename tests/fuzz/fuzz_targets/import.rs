//! `import` under libFuzzer; what is checked is in `bodies/import.rs`.
#![no_main]

#[path = "../bodies/mod.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| bodies::import::run(bytes));
