//! Stops and starts at any moment: no sample is lost, counted twice, or written over in Graphite.

use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use crate::carbon::Carbon;
use crate::harness::{pause, wait_until};
use crate::hekad::{Hekad, Stopped};

/// As long as carbon keeps a point for: several stops fall into one slot.
const INTERVAL: u32 = 10;

/// The counter that is sent all the time.
const COUNTER: &str = "stats.counters.restarts.load.count";

#[test]
fn what_whisper_has_is_what_the_ledgers_say_however_often_it_is_stopped_under_load() {
    let Some(carbon) = Carbon::start(INTERVAL) else { return };
    let mut hekad = Hekad::start(INTERVAL, Some(carbon.port));
    let load = Load::default();
    let mut aggregated = 0;
    thread::scope(|scope| {
        let (port, load) = (hekad.udp, &load);
        // The load goes on while nobody listens: what is sent then is nobody's.
        scope.spawn(move || load.send(port));
        for turn in 0..restarts() {
            pause(moment(turn));
            aggregated += books(&hekad.pause()).aggregated;
            hekad.start_again();
        }
        load.stop();
    });
    aggregated += last_slot(hekad);
    carbon.wait_for_sum(COUNTER, aggregated as f64);
    assert!(aggregated > 0);
}

#[test]
fn what_is_sent_while_it_listens_arrives_however_often_it_is_stopped() {
    let Some(carbon) = Carbon::start(INTERVAL) else { return };
    let mut hekad = Hekad::start(INTERVAL, Some(carbon.port));
    hekad.send(["restarts.gauge:40|g"]);
    let load = Load::default();
    let mut turns = 0;
    thread::scope(|scope| {
        let (port, load) = (hekad.udp, &load);
        scope.spawn(move || load.send(port));
        for turn in 0..restarts() {
            pause(moment(turn));
            load.hold(true);
            pause(Duration::from_millis(100));
            hekad.send(["restarts.gauge:+1|g", "restarts.total:2|c"]);
            turns += 1;
            books(&hekad.pause());
            hekad.start_again();
            // Both are there before anything comes.
            for line in [format!("restarts_gauge {}", 40 + turns), format!("restarts_total {}", 2 * turns)] {
                wait_until(Duration::from_secs(3), || {
                    let page = hekad.page();
                    page.lines()
                        .any(|found| found == line)
                        .then_some(())
                        .ok_or(format!("no {line:?} in\n{page}"))
                });
            }
            load.hold(false);
        }
        load.stop();
    });
    last_slot(hekad);
    carbon.wait_for_sum(COUNTER, load.sent.load(Ordering::SeqCst) as f64);
    carbon.wait_for_sum("stats.counters.restarts.total.count", f64::from(2 * turns));
    let gauge = "stats.gauges.restarts.gauge";
    carbon.wait_for(&[gauge], |written| written.expect_last(gauge, f64::from(40 + turns)));
}

/// Sends one sample a datagram, about two thousand a second.
#[derive(Default)]
struct Load {
    sent: AtomicU64,
    held: AtomicBool,
    stopped: AtomicBool,
}

impl Load {
    fn send(&self, port: u16) {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("there is a port");
        while !self.stopped.load(Ordering::SeqCst) {
            // A refusal of the datagram before, while nobody listened, is not one of this.
            if !self.held.load(Ordering::SeqCst)
                && socket.send_to(b"restarts.load:1|c", ("127.0.0.1", port)).is_ok()
            {
                self.sent.fetch_add(1, Ordering::SeqCst);
            }
            pause(Duration::from_micros(500));
        }
    }

    fn hold(&self, held: bool) {
        self.held.store(held, Ordering::SeqCst);
    }

    fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
    }
}

/// What the exit ledger of one run says of its tables.
struct Books {
    aggregated: u64,
    kept: u64,
}

fn books(stopped: &Stopped) -> Books {
    assert_eq!(stopped.code, Some(0), "hekad printed:\n{}", stopped.printed);
    let line = stopped.printed.lines().find(|line| line.contains("ledger: tables of StatAccumFilter"));
    let line = line.unwrap_or_else(|| panic!("no tables in the ledger:\n{}", stopped.printed));
    let number = |word: &str| -> u64 {
        let after = line.split(&format!("{word} ")).nth(1).unwrap_or_else(|| panic!("no {word} in {line:?}"));
        after.split(',').next().and_then(|text| text.trim().parse().ok()).expect("a number follows the word")
    };
    assert_eq!(number("lost"), 0, "{line}");
    assert_eq!(number("restored") + number("poured"), number("aggregated") + number("kept"), "{line}");
    Books { aggregated: number("aggregated"), kept: number("kept") }
}

/// Lets the open slot end, stops, and gives what the last run aggregated; nothing is left over.
fn last_slot(hekad: Hekad) -> u64 {
    pause(Duration::from_secs(u64::from(INTERVAL) + 1));
    let books = books(&hekad.stop());
    assert_eq!(books.kept, 0);
    books.aggregated
}

/// Another pause before every stop, from a twentieth of a second to one and a half.
fn moment(turn: u64) -> Duration {
    let spread = (turn + u64::from(std::process::id())).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    Duration::from_millis(50 + (spread >> 32) % 1450)
}

fn restarts() -> u64 {
    std::env::var("HEKA_RESTARTS").ok().and_then(|times| times.parse().ok()).unwrap_or(12)
}
