//! What a flood sent, in sums: read off the bytes that went out, so that they hold wherever it ended.

use std::collections::{HashMap, HashSet};

use serde::Serialize;

use super::messages::Made;
use super::packets::Sent;
use super::workload::Kind;

/// The sums of one kind of records.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub(super) enum Sums {
    Samples(Samples),
    Messages(Messages),
    Lines(Lines),
}

/// Sums of statsd samples.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct Samples {
    /// Samples of all kinds.
    pub(super) samples: u64,
    pub(super) counters: u64,
    /// Sum of the values of counters.
    pub(super) counter_sum: u64,
    pub(super) timers: u64,
    /// Sum of the values of timers, in milliseconds.
    pub(super) timer_sum: f64,
    pub(super) gauges: u64,
    /// Gauges by name.
    pub(super) gauge_series: u64,
    /// Sum of the last value of each gauge.
    pub(super) gauge_sum: u64,
    pub(super) sets: u64,
    /// Sets by name.
    pub(super) set_series: u64,
    /// Sum of the different members of each set.
    pub(super) set_members: u64,
}

/// Sums of framed messages.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct Messages {
    pub(super) messages: u64,
    /// Of them, those that are signed.
    pub(super) signed: u64,
    /// Of them, those with a frame that is none.
    pub(super) corrupt: u64,
    /// Of them, those longer than a receiver takes.
    pub(super) oversized: u64,
}

/// Sums of lines of an access log.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct Lines {
    pub(super) lines: u64,
    pub(super) status_2xx: u64,
    pub(super) status_3xx: u64,
    pub(super) status_4xx: u64,
    pub(super) status_5xx: u64,
    /// Sum of the bytes of the answers.
    pub(super) body_bytes: u64,
}

impl Samples {
    /// Adds up lines as a flood writes them.
    pub(super) fn of<'a>(sent: impl Iterator<Item = Sent<'a>>) -> Samples {
        let mut sums = Samples::default();
        let mut timer_thousandths: u128 = 0;
        let mut gauges: HashMap<&[u8], u64> = HashMap::new();
        let mut sets: HashSet<&[u8]> = HashSet::new();
        let mut members: HashSet<(&[u8], &[u8])> = HashSet::new();
        for Sent { bytes, times, .. } in sent {
            for (name, value, kind) in bytes.split(|&byte| byte == b'\n').filter_map(parts) {
                sums.samples += times;
                match kind {
                    Kind::Counter => {
                        sums.counters += times;
                        sums.counter_sum += times * whole(value);
                    }
                    Kind::Timer => {
                        sums.timers += times;
                        timer_thousandths += u128::from(times) * u128::from(thousandths(value));
                    }
                    Kind::Gauge => {
                        sums.gauges += times;
                        gauges.insert(name, whole(value));
                    }
                    Kind::Set => {
                        sums.sets += times;
                        sets.insert(name);
                        members.insert((name, value));
                    }
                }
            }
        }
        sums.timer_sum = timer_thousandths as f64 / 1e3;
        sums.gauge_series = gauges.len() as u64;
        sums.gauge_sum = gauges.values().sum();
        sums.set_series = sets.len() as u64;
        sums.set_members = members.len() as u64;
        sums
    }
}

/// Name, value and kind of a line.
fn parts(line: &[u8]) -> Option<(&[u8], &[u8], Kind)> {
    let colon = memchr::memchr(b':', line)?;
    let value = &line[colon + 1..];
    let bar = memchr::memchr(b'|', value)?;
    let type_ = value[bar + 1..].split(|&byte| byte == b'|').next()?;
    Some((&line[..colon], &value[..bar], Kind::of(type_)?))
}

fn whole(digits: &[u8]) -> u64 {
    digits.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'))
}

/// A number with three decimals or none, a thousand times.
fn thousandths(value: &[u8]) -> u64 {
    match memchr::memchr(b'.', value) {
        Some(point) => whole(&value[..point]) * 1_000 + whole(&value[point + 1..]),
        None => whole(value) * 1_000,
    }
}

impl Messages {
    /// Adds up messages by what each packet, which is one message, was made as.
    pub(super) fn of<'a>(sent: impl Iterator<Item = Sent<'a>>, made: &[Made]) -> Messages {
        let mut sums = Messages::default();
        sent.for_each(|part| sums.add(made[part.index], part.times));
        sums
    }

    /// Adds a message that was made so, so many times.
    pub(super) fn add(&mut self, made: Made, times: u64) {
        self.messages += times;
        self.signed += times * u64::from(made.is_signed);
        self.corrupt += times * u64::from(made.is_corrupt);
        self.oversized += times * u64::from(made.is_oversized);
    }
}

impl Lines {
    /// Adds up lines of an access log as a flood writes them.
    pub(super) fn of<'a>(sent: impl Iterator<Item = Sent<'a>>) -> Lines {
        let mut sums = Lines::default();
        for Sent { bytes, times, .. } in sent {
            for (status, body) in bytes.split(|&byte| byte == b'\n').filter_map(answer) {
                sums.lines += times;
                sums.body_bytes += times * body;
                *match status {
                    b'2' => &mut sums.status_2xx,
                    b'3' => &mut sums.status_3xx,
                    b'4' => &mut sums.status_4xx,
                    _ => &mut sums.status_5xx,
                } += times;
            }
        }
        sums
    }
}

/// The first digit of the status of a line, and the bytes of the body: what stands behind the request.
fn answer(line: &[u8]) -> Option<(u8, u64)> {
    let rest = line.split(|&byte| byte == b'"').nth(2)?;
    let mut words = rest.split(|&byte| byte == b' ').filter(|word| !word.is_empty());
    let (status, body) = (words.next()?, words.next()?);
    Some((*status.first()?, whole(body)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_sums_and_the_last_value_of_a_gauge_counts() {
        let first = b"a:3|c\nb:10.250|ms|#k:v\ng:7|g\ns:u1|s";
        let second = b"a:4|c\nb:2|ms\ng:9|g\nh:1|g\ns:u1|s\ns:u2|s\nt:u1|s";
        let sent = [Sent { index: 0, bytes: first, times: 3 }, Sent { index: 1, bytes: second, times: 2 }];
        let expected = Samples {
            samples: 26,
            counters: 5,
            counter_sum: 17,
            timers: 5,
            timer_sum: 34.75,
            gauges: 7,
            gauge_series: 2,
            gauge_sum: 10,
            sets: 9,
            set_series: 2,
            set_members: 3,
        };
        assert_eq!(Samples::of(sent.into_iter()), expected);
        let turned = Samples::of(sent.into_iter().rev());
        assert_eq!(turned, Samples { gauge_sum: 8, ..expected });
    }

    #[test]
    fn lines_of_a_log_are_summed_by_status() {
        let text = b"h - - [t] \"GET / HTTP/1.1\" 200 12 \"-\" \"a\"\nh - - [t] \"GET / HTTP/1.1\" 503 3 \"-\" \"a\"\n";
        let sums = Lines::of([Sent { index: 0, bytes: text, times: 2 }].into_iter());
        let expected = Lines { lines: 4, status_2xx: 2, status_5xx: 2, body_bytes: 30, ..Lines::default() };
        assert_eq!(sums, expected);
    }

    #[test]
    fn messages_are_summed_by_what_they_were_made_as() {
        let plain = Made::default();
        let made = [
            plain,
            Made { is_signed: true, is_corrupt: true, ..plain },
            Made { is_oversized: true, ..plain },
        ];
        let sent = [(0, 5), (1, 4), (2, 1)].map(|(index, times)| Sent { index, bytes: b"", times });
        let expected = Messages { messages: 10, signed: 4, corrupt: 4, oversized: 1 };
        assert_eq!(Messages::of(sent.into_iter(), &made), expected);
    }
}
