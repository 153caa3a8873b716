//! What a byte costs in names with six tags that are not in order, against names without tags.

use std::time::Duration;

use crate::cpu::{cost_of, median};
use crate::lane::{Lane, Load};

/// Prints the cost of a sample and of a byte either way, and the ratio of the bytes; the two take turns.
pub(crate) fn print_ratio() {
    let loads = [Load::PLAIN, Load { tagged: 1, tags: SIX, ..Load::PLAIN }];
    let mut sides = loads.map(|load| Side { lane: Lane::new(ONE), datagrams: load.every_name(1) });
    let (mut costs, mut ratios) = ([Vec::new(), Vec::new()], Vec::new());
    for round in 0..WARM + ROUNDS {
        let [plain, tagged] = [sides[0].round(), sides[1].round()];
        if round >= WARM {
            ratios.push(tagged / plain);
            costs[0].push(plain);
            costs[1].push(tagged);
        }
    }
    let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
    let most = ratios.iter().copied().fold(0.0, f64::max);
    for (side, (name, costs)) in sides.iter().zip(["without tags", "with six tags"].into_iter().zip(costs)) {
        let byte = median(costs);
        let sample = byte * side.bytes() as f64 / Load::PLAIN.names as f64;
        println!("tags: {name:<13} {sample:>6.1} ns a sample, {byte:.3} ns a byte");
    }
    println!("tags: a byte costs {:.2} times as much (from {least:.2} to {most:.2})", median(ratios));
}

struct Side {
    lane: Lane,
    datagrams: Vec<Vec<u8>>,
}

impl Side {
    /// Nanoseconds of a byte over every name some times.
    fn round(&mut self) -> f64 {
        let mut took = Duration::ZERO;
        for batch in (0..PASSES).flat_map(|_| self.datagrams.chunks(BATCH)) {
            took += cost_of(|| self.lane.push(batch)).0;
        }
        self.lane.end_interval(Duration::from_secs(10));
        took.as_secs_f64() * 1e9 / (PASSES * self.bytes()) as f64
    }

    fn bytes(&self) -> usize {
        self.datagrams.iter().map(Vec::len).sum()
    }
}

const ONE: &str = "[StatsdInput]\n[StatAccumFilter]\n";
const SIX: &str = "|#version:3.1.4,env:prod,service:api,region:eu-1,az:b,host:web-017";

const PASSES: usize = 20;
/// Datagrams that a lane takes at once.
const BATCH: usize = 27;
const WARM: usize = 3;
const ROUNDS: usize = 21;
