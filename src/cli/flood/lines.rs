//! The statsd lines of a flood: the same bytes for the same workload and seed.
//!
//! A name is `PREFIX.KIND.web-NNN.requests.endpoint_NNNNNNN`, with a kind of its own. Values: counters 1 to 10, timers
//! exponential with a mean of 120 ms, half of them with three decimals, gauges 0 to 99,999, members of sets u0 to u9999.

use std::io::Write;

use super::packets::Packets;
use super::workload::{Kind, Workload};

/// Prepares the packets of a workload. `count` is how many samples will be sent at most, if that is known.
///
/// # Errors
/// If there cannot be such names or lines.
pub(super) fn lines(
    workload: &Workload,
    seed: u64,
    count: Option<u64>,
    ending: Ending,
) -> Result<Packets, String> {
    let names = Names::new(workload)?;
    let pool = if workload.sweep { POOL.max(workload.names) } else { POOL };
    let pool = count.map_or(pool, |count| pool.min(count));
    let mut random = fastrand::Rng::with_seed(seed);
    let mut packets = Packets::default();
    let (mut packet, mut line) = (Vec::new(), Vec::new());
    let mut samples = 0;
    for number in 0..pool {
        line.clear();
        let name = if workload.sweep { number % workload.names } else { random.u64(..workload.names) };
        let kind = workload.mix.kind(name);
        names.write(kind, name, &mut line);
        write_value(kind, &mut random, &mut line);
        write_tags(workload.tags, name, &mut line);
        let full = match workload.samples {
            0 => packet.len() + 1 + line.len() > workload.bytes,
            most => samples == most,
        };
        if samples > 0 && full {
            push(&mut packets, &mut packet, samples, ending)?;
            samples = 0;
        }
        if samples > 0 {
            packet.push(b'\n');
        }
        packet.extend_from_slice(&line);
        samples += 1;
    }
    push(&mut packets, &mut packet, samples, ending)?;
    Ok(packets)
}

fn push(packets: &mut Packets, packet: &mut Vec<u8>, samples: usize, ending: Ending) -> Result<(), String> {
    match ending {
        Ending::Datagram if packet.len() > LONGEST_DATAGRAM => {
            return Err(format!(
                "{samples} of these samples are {} bytes, and a datagram has {LONGEST_DATAGRAM} at most; take a smaller \
                 --samples or --datagram-bytes",
                packet.len()
            ));
        }
        Ending::Datagram => {}
        Ending::Line => packet.push(b'\n'),
    }
    packets.push(packet, samples as u64);
    packet.clear();
    Ok(())
}

/// How a packet ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// As the datagram it is.
    Datagram,
    /// With the end of its last line.
    Line,
}

/// How names are written.
struct Names {
    prefix: String,
    /// Digits of the number at the end of each name.
    digits: usize,
    /// Whether a name says that it is about an endpoint; short ones do not.
    is_long: bool,
}

impl Names {
    fn new(workload: &Workload) -> Result<Names, String> {
        let prefix = workload.prefix.clone();
        if prefix.is_empty() || prefix.bytes().any(|byte| byte.is_ascii_control() || b" :|@#".contains(&byte))
        {
            return Err(format!("{prefix:?} is no beginning of a name; `bench` is one"));
        }
        let short = prefix.len() + ".c.".len();
        let needed = (workload.names - 1).max(1).ilog10() as usize + 1;
        let Some(length) = workload.name_length else {
            return Ok(Names { prefix, digits: needed.max(7), is_long: true });
        };
        let long = short + LONG.len();
        let (is_long, digits) = match length.checked_sub(long) {
            Some(digits) if digits >= needed => (true, digits),
            _ => (false, length.saturating_sub(short)),
        };
        if digits < needed || length > LONGEST_NAME {
            return Err(format!(
                "{} names that begin with `{prefix}` have from {} to {LONGEST_NAME} bytes, not {length}",
                workload.names,
                short + needed
            ));
        }
        Ok(Names { prefix, digits, is_long })
    }

    fn write(&self, kind: Kind, number: u64, line: &mut Vec<u8>) {
        let Names { prefix, digits, is_long } = self;
        let letter = kind.letter();
        let written = match is_long {
            true => {
                write!(line, "{prefix}.{letter}.web-{:03}.requests.endpoint_{number:0digits$}", number % 257)
            }
            false => write!(line, "{prefix}.{letter}.{number:0digits$}"),
        };
        written.expect(TAKES_BYTES);
    }
}

fn write_value(kind: Kind, random: &mut fastrand::Rng, line: &mut Vec<u8>) {
    let type_ = kind.type_();
    let written = match kind {
        Kind::Counter => write!(line, ":{}|{type_}", random.u64(1..=10)),
        Kind::Timer => {
            let value = (-(1.0 - random.f64()).ln() * 120.0).max(0.001);
            match random.bool() {
                true => write!(line, ":{}|{type_}", value as u64 + 1),
                false => write!(line, ":{value:.3}|{type_}"),
            }
        }
        Kind::Gauge => write!(line, ":{}|{type_}", random.u64(..100_000)),
        Kind::Set => write!(line, ":u{}|{type_}", random.u64(..10_000)),
    };
    written.expect(TAKES_BYTES);
}

/// The tags of a name are always the same, so that they make no series more.
fn write_tags(count: usize, name: u64, line: &mut Vec<u8>) {
    for tag in 0..count {
        let before = if tag == 0 { "|#" } else { "," };
        write!(line, "{before}tag{tag}:value{}", (name + tag as u64) % 7).expect(TAKES_BYTES);
    }
}

/// The middle of a long name.
const LONG: &str = "web-000.requests.endpoint_";

/// Samples that are prepared; those after them are the same again.
const POOL: u64 = 400_000;

/// Bytes of the longest datagram over IPv4.
pub(super) const LONGEST_DATAGRAM: usize = 65_507;

const LONGEST_NAME: usize = 1_000;
const TAKES_BYTES: &str = "memory takes bytes";

#[cfg(test)]
mod tests {
    use super::super::workload::Named;
    use super::*;

    fn text(packets: &Packets, index: usize) -> &str {
        std::str::from_utf8(packets.packet(index)).unwrap()
    }

    fn of(workload: &Workload, count: u64) -> Packets {
        lines(workload, 7, Some(count), Ending::Datagram).unwrap()
    }

    #[test]
    fn datagrams_are_filled_and_no_longer_than_allowed() {
        for named in [Named::W2, Named::W2T, Named::W3, Named::W5] {
            let workload = named.workload();
            let packets = of(&workload, 10_000);
            assert_eq!(packets.records_of(packets.len() as u64), 10_000);
            for index in 0..packets.len() - 1 {
                let length = packets.packet(index).len();
                assert!(length <= workload.bytes && length + 100 > workload.bytes, "{named:?}: {length}");
            }
        }
        let packets = of(&Named::W1.workload(), 100);
        assert_eq!(packets.len(), 100);
        assert_eq!(text(&packets, 0).matches(':').count(), 1);
    }

    #[test]
    fn a_seed_gives_the_same_bytes_and_another_seed_others() {
        let workload = Named::W2.workload();
        let first = of(&workload, 1_000);
        assert_eq!(first.packet(3), of(&workload, 1_000).packet(3));
        let other = lines(&workload, 8, Some(1_000), Ending::Datagram).unwrap();
        assert_ne!(first.packet(3), other.packet(3));
    }

    #[test]
    fn a_sweep_names_each_once_in_order() {
        let workload = Workload { names: 5, samples: 3, ..Named::W4.workload() };
        let packets = of(&workload, 7);
        let numbers: Vec<u64> = (0..packets.len())
            .flat_map(|index| text(&packets, index).lines())
            .map(|line| line.split([':', '_']).nth(1).unwrap().parse().unwrap())
            .collect();
        assert_eq!(numbers, [0, 1, 2, 3, 4, 0, 1]);
        // All of a million, although fewer samples are prepared otherwise.
        let packets = lines(&Named::W4.workload(), 1, None, Ending::Datagram).unwrap();
        assert_eq!(packets.records_of(packets.len() as u64), 1_000_000);
    }

    #[test]
    fn names_have_the_length_asked_for() {
        for length in [10, 14, 39, 40, 41, 200] {
            let workload = Workload { name_length: Some(length), names: 100, ..Named::W2.workload() };
            let packets = of(&workload, 50);
            assert!(text(&packets, 0).lines().all(|line| line.split(':').next().unwrap().len() == length));
        }
        let refused = |workload| lines(&workload, 1, Some(1), Ending::Datagram).unwrap_err();
        let short = Workload { name_length: Some(9), names: 101, ..Named::W2.workload() };
        assert_eq!(refused(short), "101 names that begin with `bench` have from 11 to 1000 bytes, not 9");
        let strange = Workload { prefix: "a:b".to_owned(), ..Named::W2.workload() };
        assert_eq!(refused(strange), "\"a:b\" is no beginning of a name; `bench` is one");
    }

    #[test]
    fn a_stream_gets_ended_lines_and_a_datagram_may_be_too_long() {
        let packets = lines(&Named::W2.workload(), 1, Some(100), Ending::Line).unwrap();
        assert!((0..packets.len()).all(|index| text(&packets, index).ends_with('\n')));
        let long = Workload { samples: 2_000, ..Named::W2.workload() };
        let refused = lines(&long, 1, Some(2_000), Ending::Datagram).unwrap_err();
        assert!(refused.ends_with("take a smaller --samples or --datagram-bytes"), "{refused}");
        assert!(lines(&long, 1, Some(2_000), Ending::Line).is_ok());
    }

    #[test]
    fn tags_belong_to_the_name() {
        let workload = Workload { names: 1, samples: 1, tags: 3, ..Named::W2.workload() };
        assert!(text(&of(&workload, 1), 0).ends_with("|c|#tag0:value0,tag1:value1,tag2:value2"));
    }
}
