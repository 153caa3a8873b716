//! What each step of the fast path costs, from a datagram to a Graphite line.
//!
//! `cargo bench` runs all of them; `cargo bench -- split` also prints what it costs to share one stream between two
//! aggregators instead of giving it to one, `cargo bench -- lanes` what a second lane brings, `cargo bench -- hold` how
//! long a flush keeps a lane waiting, and `cargo bench -- scrape` what scrapes take.

#[path = "../../tests/lane.rs"]
mod lane;
#[expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a measurement reads the clock, spawns and prints"
)]
mod lanes;
#[expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a measurement reads the clock and prints"
)]
mod scrape;
#[expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]
mod split;
mod steps;

use criterion::Criterion;

fn main() {
    let wanted: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let is_wanted =
        |name: &str| wanted.is_empty() || wanted.iter().any(|filter| name.contains(filter.as_str()));
    if is_wanted("split") {
        split::print_ratio();
    }
    if is_wanted("lanes") {
        lanes::print_ratio();
    }
    if is_wanted("hold") {
        lanes::print_hold();
    }
    if is_wanted("scrape") {
        scrape::print();
    }
    let mut criterion = Criterion::default().configure_from_args();
    steps::all(&mut criterion);
    criterion.final_summary();
}
