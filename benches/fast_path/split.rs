//! One stream to one aggregator, against the same stream split between two by a regex on the name.
//!
//! The two take turns, interval by interval, and every batch is judged by the median of what it took in all of them:
//! whatever else the machine does meanwhile befalls both, and most of it drops out.

use std::time::{Duration, Instant};

use crate::lane::{Lane, Load};

/// Prints what a sample costs either way, the ratio, and the ratio of either half of the rounds as its spread.
pub(crate) fn print_ratio() {
    let datagrams = LOAD.datagrams(1, BATCHES * DATAGRAMS);
    let (mut one, mut two) = (Lane::new(ONE), Lane::new(TWO));
    let (mut of_one, mut of_two) = (Vec::new(), Vec::new());
    for number in 0..WARM + ROUNDS {
        let (first, second) = (round(&mut one, &datagrams), round(&mut two, &datagrams));
        if number >= WARM {
            of_one.push(first);
            of_two.push(second);
        }
    }
    let lines = |datagram: &Vec<u8>| datagram.iter().filter(|&&byte| byte == b'\n').count();
    let samples: usize = datagrams.iter().map(lines).sum();
    let ratio = |rounds: std::ops::Range<usize>| typical(&of_two[rounds.clone()]) / typical(&of_one[rounds]);
    println!(
        "split: {:.1} ns a sample with one aggregator, {:.1} with two, ratio {:.3} (halves {:.3} and {:.3})",
        typical(&of_one) / samples as f64 * 1e9,
        typical(&of_two) / samples as f64 * 1e9,
        ratio(0..ROUNDS),
        ratio(0..ROUNDS / 2),
        ratio(ROUNDS / 2..ROUNDS),
    );
}

/// Seconds that each push of one interval takes; the flush is not counted.
fn round(lane: &mut Lane, datagrams: &[Vec<u8>]) -> Vec<f64> {
    let push = |batch| {
        let began = Instant::now();
        lane.push(batch);
        began.elapsed().as_secs_f64()
    };
    let took = datagrams.chunks(DATAGRAMS).map(push).collect();
    lane.end_interval(Duration::from_secs(10));
    took
}

/// Seconds of an interval whose every batch takes its median.
fn typical(rounds: &[Vec<f64>]) -> f64 {
    let median = |batch: usize| {
        let mut took: Vec<f64> = rounds.iter().map(|round| round[batch]).collect();
        took.sort_by(f64::total_cmp);
        took[took.len() / 2]
    };
    (0..BATCHES).map(median).sum()
}

const ONE: &str = r#"
[StatsdInput]
[everything]
type = "StatAccumFilter"
"#;

const TWO: &str = r#"
[StatsdInput]
[some]
type = "StatAccumFilter"
message_matcher = "Type == 'heka.statsample' && Fields[name] =~ /^bench.c.web-0/"
[rest]
type = "StatAccumFilter"
message_matcher = "Type == 'heka.statsample' && Fields[name] !~ /^bench.c.web-0/"
"#;

const LOAD: Load = Load::PLAIN;
const BATCHES: usize = 200;
const DATAGRAMS: usize = 27;
const WARM: usize = 3;
const ROUNDS: usize = 41;
