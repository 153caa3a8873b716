//! The picture of the page in the README: a small shop that does not exist, watched for as long as a chart is wide.
//!
//! It takes minutes and writes into the clone, so it is made when somebody asks for it:
//! `cargo test --test real picture -- --ignored`.

use std::f64::consts::TAU;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::hekad::Hekad;
use crate::webdriver::Browser;

#[test]
#[ignore = "takes minutes and writes docs/page.png"]
fn the_picture_of_the_readme_is_made() {
    let hekad = Hekad::start(10, None);
    let Some(browser) = Browser::start() else { return };
    browser.resize(1280, 1040);
    browser.open(&format!("http://127.0.0.1:{}/", hekad.scrape));
    browser.wait_for("document.getElementById('state').textContent", "live");
    let mut shop = Shop { random: fastrand::Rng::with_seed(1), connections: 105.0, depth: 20.0 };
    let began = Instant::now();
    let mut turns = 0;
    while began.elapsed() < WATCHED {
        let lines = shop.lines(began.elapsed().as_secs_f64());
        let datagrams: Vec<String> = lines.chunks(11).map(|lines| lines.join("\n")).collect();
        hekad.send(datagrams.iter().map(String::as_str));
        turns += 1;
        std::thread::sleep((TURN * turns).saturating_sub(began.elapsed()));
    }
    browser.wait_for("document.querySelectorAll('#newest li').length > 0", true);
    browser.wait_for("document.querySelectorAll('#prefixes tbody tr').length > 0", true);
    assert_eq!(browser.console(), [""; 0]);
    browser.picture(&Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/page.png"));
    hekad.stop_cleanly();
}

/// What the shop's programs send.
struct Shop {
    random: fastrand::Rng,
    connections: f64,
    depth: f64,
}

impl Shop {
    /// The lines of one turn, `seconds` after the start.
    fn lines(&mut self, seconds: f64) -> Vec<String> {
        let tide = 1.0 + 0.45 * (TAU * seconds / 100.0).sin() + 0.15 * (TAU * seconds / 37.0).sin();
        let mut lines = Vec::new();
        for (name, tags, rate) in COUNTERS {
            let expected = rate * tide * TURN.as_secs_f64();
            for _ in 0..self.times(expected) {
                lines.push(format!("{name}:1|c{tags}"));
            }
        }
        for (name, tags, rate, typical) in TIMERS {
            for _ in 0..self.times(rate * tide * TURN.as_secs_f64()) {
                let value = typical * (0.45 * self.normal()).exp() * (0.8 + 0.2 * tide);
                lines.push(format!("{name}:{value:.1}|ms{tags}"));
            }
        }
        self.connections += 3.0 * self.normal() + 0.1 * (80.0 * tide - self.connections);
        self.depth = (self.depth + 4.0 * self.normal() + 3.0 * (tide - 1.0)).clamp(0.0, 90.0);
        lines.push(format!("db.connections:{:.0}|g", self.connections));
        lines.push(format!("queue.depth:{:.0}|g|#queue:mail", self.depth));
        for (host, idle) in [("web-1", 28.0), ("web-2", 19.0)] {
            lines
                .push(format!("host.cpu:{:.1}|g|#zone:eu-1,host:{host}", idle + 14.0 * tide + self.normal()));
        }
        lines.push(format!("users.online:user{}|s", self.random.u32(0..400)));
        // A program that is new, and one that cannot write numbers.
        if seconds > 0.8 * WATCHED.as_secs_f64() {
            for _ in 0..self.times(0.5 * tide) {
                lines.push("checkout.retries:1|c|#zone:eu-1".to_owned());
            }
        }
        if self.random.f64() < 0.01 {
            lines.push("payload.size:NaN bytes|h".to_owned());
        }
        lines
    }

    /// A whole number that is `expected` on average.
    fn times(&mut self, expected: f64) -> usize {
        (expected * (0.7 + 0.6 * self.random.f64()) + self.random.f64()) as usize
    }

    /// About normally distributed, with a deviation of 1.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.random.f64()).sum::<f64>() - 6.0
    }
}

/// Name, tags and how often a second.
const COUNTERS: [(&str, &str, f64); 5] = [
    ("api.requests", "|#zone:eu-1,status:200", 34.0),
    ("api.requests", "|#zone:eu-1,status:500", 0.6),
    ("cache.hits", "", 52.0),
    ("cache.misses", "", 5.0),
    ("checkout.requests", "|#zone:eu-1,status:200", 8.0),
];

/// Name, tags, how often a second, and a usual value in milliseconds.
const TIMERS: [(&str, &str, f64, f64); 3] = [
    ("api.latency", "", 34.0, 22.0),
    ("checkout.latency", "", 8.0, 110.0),
    ("db.query", "|#pool:main", 60.0, 3.2),
];

/// Longer than a chart is wide.
const WATCHED: Duration = Duration::from_secs(200);
const TURN: Duration = Duration::from_millis(100);
