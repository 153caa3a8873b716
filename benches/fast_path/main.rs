//! What each step of the fast path costs, from a datagram to a Graphite line.
//!
//! `cargo bench` runs all of them, and what is asked for by name alone otherwise: `cargo bench --bench fast_path -- NAME`.
//! What a name is a part of is asked for too.
//!
//! | name | a step, measured by Criterion |
//! |---|---|
//! | `parse` | samples of datagrams whose names are known, without tags and with (`parse_tags`) |
//! | `intern` | the same of names that are new |
//! | `pour` | a batch of samples into a table |
//! | `flush` | a table with 10,000 series |
//! | `graphite_lines`, `exposition` | what a flush found as lines, and as a scrape |
//! | `lane` | all of it from the datagram to the table |
//! | `match` | a matcher of three tests asked of a record, and one of a header alone (`match_header`) |
//! | `encode` | a message to a frame of Heka's, and its payload to a line (`encode_payload`) |
//! | `tail` | 64 KiB of a file that is followed to lines |
//! | `decode` | a line of an access log to a message, and a message from Heka's form (`decode_protobuf`) |
//!
//! Criterion's own options shorten them: `-- encode --warm-up-time 0.2 --measurement-time 0.5`.
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
mod records;
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
use std::time::Duration;

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
        let criterion = Criterion::default().sample_size(20);
        let criterion = criterion.warm_up_time(WARM_UP).measurement_time(MEASURED);
        let mut criterion = criterion.configure_from_args();
        steps::all(&mut criterion);
        criterion.final_summary();
    }
}

/// How long Criterion takes for a step unless it is told.
const WARM_UP: Duration = Duration::from_millis(500);
const MEASURED: Duration = Duration::from_secs(2);
