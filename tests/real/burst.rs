//! A burst of samples of all types over UDP, counted while it is sent and held against carbon and prometheus.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, UdpSocket};
use std::time::{Duration, Instant};

use crate::carbon::{Carbon, Written};
use crate::harness::{pause, same};
use crate::hekad::Hekad;
use crate::prometheus::{Answer, Prometheus};

/// `HEKA_BURST=5000000,200000` sends five million samples, two hundred thousand a second.
#[test]
fn a_burst_over_udp_is_counted_to_the_sample() {
    let Some(carbon) = Carbon::start(1) else { return };
    let hekad = Hekad::start(1, Some(carbon.port));
    let Some(prometheus) = Prometheus::start(hekad.scrape) else { return };
    let Size { samples, rate } = Size::of_this_run();
    let dropped_before = hekad.datagrams_dropped();
    let began = Instant::now();
    let mut burst = Burst::new();
    burst.send(hekad.udp, samples, rate);
    let took = began.elapsed();
    let dropped = hekad.datagrams_dropped() - dropped_before;
    let sent = format!("{} samples in {} datagrams in {took:.1?}", burst.samples, burst.datagrams);
    assert_eq!(dropped, 0, "the kernel dropped datagrams that hekad did not take in time, of {sent}");
    for (expression, kind) in [
        ("{__name__=~'burst_k[0-9]+_total'}", Kind::Counter),
        ("{__name__=~'burst_k[0-9]+'}", Kind::Gauge),
        ("{__name__=~'burst_k[0-9]+_seconds_count'}", Kind::Timer),
    ] {
        prometheus.wait_for(expression, |answers| burst.check_answers(kind, answers));
    }
    prometheus.wait_for("{__name__=~'burst_k[0-9]+_seconds_sum'}", |answers| burst.check_timer_sums(answers));
    let scraped = began.elapsed();
    hekad.stop_cleanly();
    let names: Vec<String> =
        burst.expected.iter().flat_map(|(index, series)| series.carbon_names(*index)).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    carbon.wait_for_within(WRITTEN, &names, |written| burst.check_written(written));
    eprintln!(
        "{sent}, {} series; right in prometheus after {scraped:.1?}, in carbon after {:.1?}",
        burst.expected.len(),
        began.elapsed()
    );
}

/// How many samples are sent, and how many a second.
struct Size {
    samples: u64,
    rate: u64,
}

impl Size {
    fn of_this_run() -> Size {
        let Ok(text) = std::env::var("HEKA_BURST") else { return Size { samples: 200_000, rate: 100_000 } };
        let numbers: Vec<u64> = text.split(',').filter_map(|number| number.trim().parse().ok()).collect();
        let [samples, rate] = numbers[..] else { panic!("HEKA_BURST is {text:?} and not samples,rate") };
        Size { samples, rate }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Counter,
    Gauge,
    Timer,
    Set,
}

/// What has been sent of one series.
struct Series {
    kind: Kind,
    tagged: bool,
    /// Sum of a counter, value of a gauge, number of a timer's samples, number of a set's members.
    value: f64,
    /// Sum of a timer's samples, in milliseconds.
    sum: f64,
    /// Largest of a timer's samples, in milliseconds.
    upper: f64,
}

/// A sender that knows what it has sent.
struct Burst {
    expected: BTreeMap<usize, Series>,
    samples: u64,
    datagrams: u64,
    random: u64,
}

impl Burst {
    fn new() -> Burst {
        Burst { expected: BTreeMap::new(), samples: 0, datagrams: 0, random: 88_172_645_463_325_252 }
    }

    /// Sends about `samples` samples, never more than a millisecond ahead of `rate` a second.
    fn send(&mut self, port: u16, samples: u64, rate: u64) {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port can be bound");
        socket.connect((Ipv4Addr::LOCALHOST, port)).expect("the loopback can be reached");
        let began = Instant::now();
        let mut datagram = String::new();
        while self.samples < samples {
            let lines = LINES[usize::try_from(self.datagrams).unwrap_or(0) % LINES.len()];
            datagram.clear();
            for _ in 0..lines {
                self.add_lines(&mut datagram);
                if datagram.len() > FULL {
                    break;
                }
            }
            let sent = socket.send(datagram.trim_end().as_bytes()).expect("the daemon listens");
            assert_eq!(sent, datagram.trim_end().len());
            self.datagrams += 1;
            let due = Duration::from_secs_f64(self.samples as f64 / rate as f64);
            let ahead = due.saturating_sub(began.elapsed());
            if ahead > Duration::from_millis(1) {
                pause(ahead);
            }
        }
    }

    /// Adds the next sample; of a set the same member twice, which is one datagram and so one interval.
    fn add_lines(&mut self, datagram: &mut String) {
        let number = self.samples;
        let index = usize::try_from(self.next_random() % NAMES).unwrap_or(0);
        let known = self.expected.contains_key(&index);
        let series = self.expected.entry(index).or_insert_with(|| Series::new(index));
        let tags = series.tags(index);
        let line = match series.kind {
            Kind::Counter => {
                let value = 1 + number % 5;
                let (rate, weight) = if number.is_multiple_of(4) { ("|@0.5", 2) } else { ("", 1) };
                series.value += (value * weight) as f64;
                format!("burst.k{index}:{value}|c{rate}{tags}\n")
            }
            Kind::Gauge => {
                let step = (number % 9) as f64 - 4.0;
                let relative = known && number.is_multiple_of(3);
                series.value = if relative { series.value + step } else { (number % 1_000) as f64 };
                let text = if relative { format!("{step:+}") } else { series.value.to_string() };
                format!("burst.k{index}:{text}|g{tags}\n")
            }
            Kind::Timer => {
                let value = 1.0 + (number % 997) as f64;
                series.value += 1.0;
                series.sum += value;
                series.upper = series.upper.max(value);
                format!("burst.k{index}:{value}|ms{tags}\n")
            }
            Kind::Set => {
                series.value += 1.0;
                self.samples += 1;
                // A member is new to its series for good, so that the sizes of all intervals add up.
                format!("burst.k{index}:m{number}|s{tags}\n").repeat(2)
            }
        };
        self.samples += 1;
        datagram.write_str(&line).expect("a string can be written");
    }

    /// Holds what prometheus answers for one type against what was sent.
    fn check_answers(&self, kind: Kind, answers: &[Answer]) -> Result<(), String> {
        self.compare(answers, |series| (series.kind == kind).then_some(series.value))
    }

    fn check_timer_sums(&self, answers: &[Answer]) -> Result<(), String> {
        self.compare(answers, |series| (series.kind == Kind::Timer).then_some(series.sum / 1_000.0))
    }

    fn compare(&self, answers: &[Answer], expected: impl Fn(&Series) -> Option<f64>) -> Result<(), String> {
        let index_of = |answer: &Answer| {
            let digits = answer.label("__name__").trim_start_matches("burst_k").split('_').next()?;
            digits.parse::<usize>().ok()
        };
        let found: BTreeMap<usize, &Answer> =
            answers.iter().filter_map(|answer| Some((index_of(answer)?, answer))).collect();
        let objections = self.expected.iter().filter_map(|(index, series)| {
            let value = expected(series)?;
            let Some(answer) = found.get(index) else { return Some(format!("k{index} is missing")) };
            let labels = answer.label("shard") == series.label(*index, "shard")
                && answer.label("zone") == series.label(*index, "zone");
            let met = labels && same(answer.value, value);
            (!met).then(|| format!("k{index}: {answer:?} and not {value}"))
        });
        none_of(objections.collect())
    }

    /// Holds what carbon has written against what was sent.
    fn check_written(&self, written: &Written) -> Result<(), String> {
        let objections = self.expected.iter().flat_map(|(index, series)| {
            let names = series.carbon_names(*index);
            let first = match series.kind {
                Kind::Gauge => written.expect_last(&names[0], series.value),
                _ => written.expect_sum(&names[0], series.value),
            };
            let upper = names.get(1).map_or(Ok(()), |name| {
                let found = written.points(name).iter().fold(0.0_f64, |most, (_, value)| most.max(*value));
                let met = same(found, series.upper);
                if met {
                    Ok(())
                } else {
                    Err(format!("{name}: the largest is {found} and not {}", series.upper))
                }
            });
            [first, upper].into_iter().filter_map(Result::err)
        });
        none_of(objections.collect())
    }

    /// Gives the next number of an xorshift generator: the same burst in every run.
    fn next_random(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }
}

impl Series {
    fn new(index: usize) -> Series {
        let kind = match index % 20 {
            0..12 => Kind::Counter,
            12..15 => Kind::Gauge,
            15..18 => Kind::Timer,
            _ => Kind::Set,
        };
        Series { kind, tagged: index.is_multiple_of(3), value: 0.0, sum: 0.0, upper: 0.0 }
    }

    fn label(&self, index: usize, name: &str) -> String {
        match name {
            _ if !self.tagged => String::new(),
            "shard" => (index % 7).to_string(),
            _ => format!("z{}", index % 5),
        }
    }

    fn tags(&self, index: usize) -> String {
        let tags = || format!("|#zone:{},shard:{}", self.label(index, "zone"), self.label(index, "shard"));
        if self.tagged { tags() } else { String::new() }
    }

    /// The metrics that are read back from carbon; of a timer the number and the largest.
    fn carbon_names(&self, index: usize) -> Vec<String> {
        let tags = || format!(";shard={};zone={}", self.label(index, "shard"), self.label(index, "zone"));
        let tags = if self.tagged { tags() } else { String::new() };
        match self.kind {
            Kind::Counter => vec![format!("stats.counters.burst.k{index}.count{tags}")],
            Kind::Gauge => vec![format!("stats.gauges.burst.k{index}{tags}")],
            Kind::Timer => {
                ["count", "upper"].map(|what| format!("stats.timers.burst.k{index}.{what}{tags}")).to_vec()
            }
            Kind::Set => vec![format!("stats.sets.burst.k{index}.count{tags}")],
        }
    }
}

/// Objects with the number of objections and the first ten of them.
fn none_of(objections: Vec<String>) -> Result<(), String> {
    if objections.is_empty() {
        return Ok(());
    }
    let first: Vec<&str> = objections.iter().take(10).map(String::as_str).collect();
    Err(format!("{} series are not as sent:\n{}", objections.len(), first.join("\n")))
}

/// Series of the burst.
const NAMES: u64 = 2_000;

/// Samples a datagram, in turn.
const LINES: [usize; 3] = [1, 8, 30];

/// Bytes after which a datagram is sent as it is.
const FULL: usize = 1_300;

/// How long carbon may take to write it all: it is slower than what feeds it.
const WRITTEN: Duration = Duration::from_secs(240);
