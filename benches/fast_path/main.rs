//! What each step of the fast path costs, from a datagram to a Graphite line.
//!
//! `cargo bench` runs all of them, and what is asked for by name alone otherwise: `cargo bench --bench fast_path -- NAME`.
//!
//! | name | prints |
//! |---|---|
//! | `split` | what it costs to share one stream between two aggregators instead of giving it to one |
//! | `lanes` | what a second lane brings |
//! | `hold` | how long a flush keeps a lane waiting |
//! | `scrape` | what scrapes take |
//! | `logs` | what lines of logs cost |
//! | `tags` | what a byte costs in tagged names against plain ones |
//! | `view` | what the live view takes of a core |
//! | `scale` | what a sample and a flush cost from ten thousand series to a million |
//!
//! `-- scale --svg FILE` also draws what `scale` measured.

mod cpu;
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
mod logs;
mod plot;
#[expect(clippy::print_stdout, reason = "a measurement prints")]
mod scale;
#[expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a measurement reads the clock and prints"
)]
mod scrape;
#[expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]
mod split;
mod steps;
#[expect(clippy::print_stdout, reason = "a measurement prints")]
mod tags;
#[expect(clippy::print_stdout, reason = "a measurement prints")]
mod view;

use std::path::PathBuf;

use criterion::Criterion;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let (mut wanted, mut picture) = (Vec::new(), None);
    while let Some(argument) = arguments.next() {
        if argument == "--svg" {
            picture = Some(PathBuf::from(arguments.next().expect("--svg needs the name of a file")));
        } else if !argument.starts_with('-') {
            wanted.push(argument);
        }
    }
    let is_wanted =
        |name: &str| wanted.is_empty() || wanted.iter().any(|filter| name.contains(filter.as_str()));
    let printed: [(&str, &dyn Fn()); 8] = [
        ("split", &split::print_ratio),
        ("lanes", &lanes::print_ratio),
        ("hold", &lanes::print_hold),
        ("scrape", &scrape::print),
        ("logs", &logs::print),
        ("tags", &tags::print_ratio),
        ("view", &view::print_share),
        ("scale", &|| scale::print(picture.as_deref())),
    ];
    printed.iter().filter(|(name, _)| is_wanted(name)).for_each(|(_, print)| print());
    // Criterion refuses arguments it does not know.
    if picture.is_none() {
        let mut criterion = Criterion::default().configure_from_args();
        steps::all(&mut criterion);
        criterion.final_summary();
    }
}
