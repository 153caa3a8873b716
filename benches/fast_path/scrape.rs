//! What a scrape of 200,000 series takes in each format, what a point costs, and what windows of timers weigh.
//!
//! One scrape each, over the whole way from the request to the last byte, without a socket.

use std::sync::Arc;
use std::time::{Duration, Instant};

use heka::exposition::{Claim, Families, Observed, Reading, Samples, SlotId, StoreRules};
use heka::flow::Wiring;
use heka::metric::{Kind, Registry, Resolved, Series, Tags};
use heka::pipeline::{Trial, builtin};
use heka::time::Stamp;

/// Prints all of it.
pub(crate) fn print() {
    // First, while no freed memory lies about that they would use again.
    windows();
    scrapes();
    points();
}

fn scrapes() {
    let config = "[hekad]\nmax_series = 1000000\n[StatsdInput]\n[StatAccumFilter]\n[PrometheusOutput]\n";
    let mut trial =
        Trial::new(config, &builtin(), Wiring::AsConfigured, START).expect("it is a configuration");
    for series in 0..SERIES {
        let tags = format!("|#env:production,host:web-{},route:/api/{}", series % 500, series / 500);
        let line = match series % 10 {
            0..7 => format!("shop.checkout.requests:{series}|c{tags}"),
            _ => format!("shop.checkout.latency:{series}.5:17:{}|ms{tags}", series % 777),
        };
        trial.send("StatsdInput", line.as_bytes()).expect("there is room");
    }
    trial.advance(Duration::from_secs(2));
    let address = "127.0.0.1:4352".parse().expect("it is an address");
    for accept in ["text/plain", "application/openmetrics-text", PROTOBUF] {
        for coding in ["identity", "gzip"] {
            let headers = [("Accept", accept), ("Accept-Encoding", coding)];
            let began = Instant::now();
            let answer = trial.ask(address, "/metrics", &headers, 0).expect("it is served");
            let (took, length) = (began.elapsed(), answer.body.len());
            println!("scrape of {SERIES} series, {accept:.30}, {coding}: {took:.1?}, {length} bytes");
        }
    }
}

/// What a point costs, of a counter and of a timer with one sample.
fn points() {
    for kind in [Kind::Counter, Kind::Timer] {
        let (names, mut store) = store();
        let slots: Vec<_> = (0..10_000).map(|index| claim(&mut store, &names, kind, index)).collect();
        let began = Instant::now();
        for second in 0..100 {
            let at = Stamp::from_seconds(second);
            store.pass(at);
            for (place, &slot) in slots.iter().enumerate() {
                let value = [(place as u32 ^ (second as u32).wrapping_mul(7919)) as f64];
                let reading = match kind {
                    Kind::Counter => Reading::Counter { total: second as f64, created: START },
                    _ => Reading::Distribution(observed(&value, second)),
                };
                store.update(slot, reading, at, true);
            }
        }
        println!("update of a {}: {:.1?}", kind.word(), began.elapsed() / 1_000_000);
    }
}

/// What the windows of busy timers weigh: as few samples an age as are kept exactly, and more.
fn windows() {
    let before = resident();
    for a_second in [1, 20] {
        let (names, mut store) = store();
        let slots: Vec<_> = (0..10_000).map(|index| claim(&mut store, &names, Kind::Timer, index)).collect();
        let mut random = fastrand::Rng::with_seed(1);
        for second in 0..600 {
            store.pass(Stamp::from_seconds(second));
            for &slot in &slots {
                // Log-normal, about: the median is 100 ms, one of a hundred more than half a second.
                let normal = |random: &mut fastrand::Rng| (0..12).map(|_| random.f64()).sum::<f64>() - 6.0;
                let mut values: Vec<f64> =
                    (0..a_second).map(|_| 100.0 * (0.7 * normal(&mut random)).exp()).collect();
                values.sort_by(f64::total_cmp);
                let reading = Reading::Distribution(observed(&values, second));
                store.update(slot, reading, Stamp::from_seconds(second), true);
            }
        }
        let bytes = resident().saturating_sub(before);
        println!("10000 timers of {a_second} samples a second: {bytes} bytes resident");
        drop(store);
    }
}

fn store() -> (Arc<Registry>, Families) {
    let names = Arc::new(Registry::new(10_000));
    (Arc::clone(&names), Families::new(StoreRules::default(), names))
}

fn claim(store: &mut Families, names: &Registry, kind: Kind, index: usize) -> SlotId {
    let tags = Tags::from([("index", index.to_string())]);
    let (Resolved::Known(series) | Resolved::Overflow(series)) =
        names.resolve(Series { name: "a.b".into(), tags, kind });
    match store.claim(series, START, true) {
        Claim::Exposed(claimed) => claimed.slot,
        Claim::Refused { .. } | Claim::Hidden(_) => unreachable!("every series has labels of its own"),
    }
}

fn observed(values: &[f64], second: i64) -> Observed<'_> {
    Observed {
        samples: Samples::Exact(values),
        weight: values.len() as f64,
        since: START,
        total_sum: second as f64,
        total_weight: second as f64,
        created: START,
    }
}

/// Memory of this process.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or(0) * 4096
}

const SERIES: usize = 200_000;
const START: Stamp = Stamp::from_seconds(0);
const PROTOBUF: &str =
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";
