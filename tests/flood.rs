//! Ever new names, two million of them: memory stops growing at the limits, and the series that were there stay exact.

use std::fmt::Write;
use std::time::Duration;

use heka::flow::Wiring;
use heka::pipeline::{Trial, builtin};
use heka::time::Stamp;

use crate::allocations::held;

const CONFIG: &str = r#"
[hekad]
max_series = 50000
max_series_per_prefix = 20000
[StatsdInput]
[StatAccumFilter]
live_interval = 0
[CarbonOutput]
address = "127.0.0.1:2003"
"#;

/// Of each of two kinds of flood: below one prefix, and each name with a prefix of its own.
const FLOOD: u64 = 1_000_000;

/// Series that were there before.
const KNOWN: u64 = 100;

/// Names in a datagram, and samples of known series between them.
const NAMES: u64 = 50;

#[test]
fn a_flood_of_names_leaves_known_series_exact_and_memory_bounded() {
    let mut trial = Trial::new(CONFIG, &builtin(), Wiring::AsConfigured, Stamp::from_seconds(1_700_000_000))
        .expect("it is right");
    let mut send = |text: &str| trial.send("StatsdInput", text.as_bytes()).expect("there is such an input");
    (0..KNOWN).for_each(|series| send(&format!("known.{series}:1|c")));
    let start = held();
    let mut grown = Vec::new();
    let mut text = String::new();
    for datagram in 0..FLOOD / NAMES {
        text.clear();
        for name in datagram * NAMES..(datagram + 1) * NAMES {
            let known = name % KNOWN;
            writeln!(text, "flood.{name}:1|c\nz{name}.y:1|c\nknown.{known}:3|c").expect("text takes text");
        }
        send(&text);
        if (datagram + 1) % (FLOOD / NAMES / 4) == 0 {
            grown.push((held() - start) >> 20);
        }
    }
    // The spellings refused for their prefix are remembered to a bound; from then on nothing grows.
    assert!(grown[3] < 64, "{grown:?} MiB");
    assert_eq!(grown[3], grown[2], "{grown:?} MiB");
    trial.advance(Duration::from_secs(10));
    let written = trial.written("127.0.0.1:2003");
    let count = |name: &str| {
        let start = format!("stats.counters.{name}.count ");
        let line = written.lines().find(|line| line.starts_with(&start)).unwrap_or_default();
        line.split(' ').nth(1).and_then(|value| value.parse::<u64>().ok())
    };
    for known in 0..KNOWN {
        assert_eq!(count(&format!("known.{known}")), Some(1 + 3 * (FLOOD / KNOWN)), "known.{known}");
    }
    let named = 50_000 - KNOWN;
    assert_eq!(count("__overflow__"), Some(2 * FLOOD - named));
    let mut refused = Vec::new();
    trial.ledger().own().visit(|name, labels, _, value| {
        if name == "hekad_overflow_samples_total" && value > 0.0 {
            let limit = labels.iter().find(|(label, _)| *label == "limit").map_or("", |(_, limit)| limit);
            refused.push((limit.to_owned(), value as u64));
        }
    });
    refused.sort();
    let by_prefix = refused[0].1;
    assert_eq!(
        refused,
        [("prefix".to_owned(), by_prefix), ("series".to_owned(), 2 * FLOOD - named - by_prefix)]
    );
    trial.stop();
}
