//! Two lanes on two threads against one, and how long a flush of a million series keeps a lane waiting.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use heka::plugin::Intake;

use crate::lane::{Lane, Load};

/// Prints how much more two lanes take than one in the same time, the median of some rounds and their range.
pub(crate) fn print_ratio() {
    let lane = Lane::new(TWO);
    let mut intakes = lane.intakes();
    let datagrams = LOAD.datagrams(1, DATAGRAMS);
    let mut ratios: Vec<f64> = Vec::new();
    for round in 0..WARM + ROUNDS {
        let one = took(&mut intakes[..1], &datagrams);
        let two = took(&mut intakes, &datagrams);
        if round >= WARM {
            ratios.push(2.0 * one / two);
        }
    }
    ratios.sort_by(f64::total_cmp);
    let (least, median, most) = (ratios[0], ratios[ROUNDS / 2], ratios[ROUNDS - 1]);
    println!("lanes: two take {median:.2} times what one takes (from {least:.2} to {most:.2})");
}

/// Prints the longest time that a push of one line took, while nothing else ran and while flushes of a million counters
/// did.
pub(crate) fn print_hold() {
    let mut lane = Lane::new(ONE);
    for chunk in (0..SERIES).collect::<Vec<_>>().chunks(30) {
        let lines: Vec<String> = chunk.iter().map(|number| format!("counter.{number:07}:1|c")).collect();
        lane.push(&[lines.join("\n").into_bytes()]);
    }
    lane.end_interval(INTERVAL);
    let mut intake = lane.intakes().remove(0);
    let mut watched = |flushes: usize| {
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let pusher = scope.spawn(|| longest_push(&mut *intake, &done));
            for _ in 0..flushes {
                lane.end_interval(INTERVAL);
            }
            if flushes == 0 {
                std::thread::sleep(Duration::from_secs(1));
            }
            done.store(true, Ordering::Relaxed);
            pusher.join().expect("a push does not panic")
        })
    };
    let (alone, flushed) = (watched(0), watched(5));
    println!("hold: the longest push took {alone:?} alone, {flushed:?} beside flushes of {SERIES} counters");
}

/// Seconds that the intakes take for the datagrams, each for all of them, on a thread each.
fn took(intakes: &mut [Box<dyn Intake>], datagrams: &[Vec<u8>]) -> f64 {
    let ready = Barrier::new(intakes.len() + 1);
    std::thread::scope(|scope| {
        let threads: Vec<_> = intakes
            .iter_mut()
            .map(|intake| {
                let ready = &ready;
                scope.spawn(move || {
                    ready.wait();
                    for datagram in datagrams {
                        assert!(intake.push(datagram, None), "a feed of datagrams never waits");
                    }
                    assert!(intake.flush(), "a feed of datagrams never waits");
                })
            })
            .collect();
        ready.wait();
        let began = Instant::now();
        for thread in threads {
            thread.join().expect("a lane does not panic");
        }
        began.elapsed().as_secs_f64()
    })
}

fn longest_push(intake: &mut dyn Intake, done: &AtomicBool) -> Duration {
    let mut longest = Duration::ZERO;
    while !done.load(Ordering::Relaxed) {
        let began = Instant::now();
        assert!(
            intake.push(b"counter.0000001:1|c", None) && intake.flush(),
            "a feed of datagrams never waits"
        );
        longest = longest.max(began.elapsed());
    }
    longest
}

const ONE: &str =
    "[StatsdInput]\n[StatAccumFilter]\n[NullOutput]\nmessage_matcher = \"Type == 'heka.statmetric'\"\n";

const TWO: &str = "[StatsdInput]\nlanes = 2\n[StatAccumFilter]\n";

const LOAD: Load = Load::PLAIN;
const DATAGRAMS: usize = 20_000;
const WARM: usize = 2;
const ROUNDS: usize = 9;
const SERIES: usize = 1_000_000;
const INTERVAL: Duration = Duration::from_secs(10);
