//! What a flood of statsd lines is made of, and the workloads that have a name.

use std::str::FromStr;

/// A flood of statsd lines.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Workload {
    /// Samples of a datagram; 0 fills it.
    pub(super) samples: usize,
    /// Bytes of a datagram that is filled, at most.
    pub(super) bytes: usize,
    /// Different names.
    pub(super) names: u64,
    /// Bytes of each name; none leaves them as they are.
    pub(super) name_length: Option<usize>,
    /// What begins each name.
    pub(super) prefix: String,
    /// Which kinds of samples.
    pub(super) mix: Mix,
    /// Tags of each sample.
    pub(super) tags: usize,
    /// Samples a second; 0 is as fast as it goes.
    pub(super) rate: f64,
    /// Whether names come in order instead of by chance, so that each comes before one comes twice.
    pub(super) sweep: bool,
}

/// The workloads with a name: those that the figures of this project are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "verbatim")]
pub(super) enum Named {
    /// One counter a datagram, 1,000 names, 50,000 samples a second.
    W1,
    /// Datagrams of 1,432 bytes, 10,000 names, 70 % counters, 20 % timers, 9 % gauges, 1 % sets, 250,000 samples a second.
    W2,
    /// W2 with three tags a sample, 150,000 a second.
    W2T,
    /// W2 with datagrams of 8,000 bytes and 100,000 names.
    W3,
    /// Datagrams of 1,432 bytes, a million counters in order, 250,000 samples a second.
    W4,
    /// Datagrams of 1,432 bytes, 1,000 timers, 250,000 samples a second.
    W5,
}

impl Named {
    /// What it stands for.
    pub(super) fn workload(self) -> Workload {
        let w2 = Workload {
            samples: 0,
            bytes: 1432,
            names: 10_000,
            name_length: None,
            prefix: "bench".to_owned(),
            mix: Mix(vec![(Kind::Counter, 70), (Kind::Timer, 20), (Kind::Gauge, 9), (Kind::Set, 1)]),
            tags: 0,
            rate: 250_000.0,
            sweep: false,
        };
        let only = |kind| Mix(vec![(kind, 1)]);
        match self {
            Named::W1 => {
                Workload { samples: 1, names: 1_000, mix: only(Kind::Counter), rate: 50_000.0, ..w2 }
            }
            Named::W2 => w2,
            Named::W2T => Workload { tags: 3, rate: 150_000.0, ..w2 },
            Named::W3 => Workload { bytes: 8_000, names: 100_000, ..w2 },
            Named::W4 => Workload { names: 1_000_000, mix: only(Kind::Counter), sweep: true, ..w2 },
            Named::W5 => Workload { names: 1_000, mix: only(Kind::Timer), ..w2 },
        }
    }
}

/// A kind of samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Timer,
    Gauge,
    Set,
}

impl Kind {
    /// The type at the end of its lines.
    pub(super) fn type_(self) -> &'static str {
        match self {
            Kind::Counter => "c",
            Kind::Timer => "ms",
            Kind::Gauge => "g",
            Kind::Set => "s",
        }
    }

    /// What stands for it in names: a name is of one kind.
    pub(super) fn letter(self) -> char {
        match self {
            Kind::Counter => 'c',
            Kind::Timer => 't',
            Kind::Gauge => 'g',
            Kind::Set => 's',
        }
    }

    /// The kind of a type.
    pub(super) fn of(type_: &[u8]) -> Option<Kind> {
        [Kind::Counter, Kind::Timer, Kind::Gauge, Kind::Set]
            .into_iter()
            .find(|kind| kind.type_().as_bytes() == type_)
    }
}

/// Kinds with their shares: `c:70,ms:20,g:9,s:1`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Mix(Vec<(Kind, u64)>);

impl Mix {
    /// The kind of a name: its number, divided by the sum of the shares, leaves what falls into the share of one kind.
    pub(super) fn kind(&self, name: u64) -> Kind {
        let mut rest = name % self.0.iter().map(|(_, share)| share).sum::<u64>();
        for &(kind, share) in &self.0 {
            if rest < share {
                return kind;
            }
            rest -= share;
        }
        unreachable!("the rest is less than the sum of the shares")
    }
}

impl FromStr for Mix {
    type Err = String;

    fn from_str(text: &str) -> Result<Mix, String> {
        let wrong = |part: &str| {
            format!(
                "`{part}` is no kind with its share; a mix looks like this: c:70,ms:20,g:9,s:1 (counters, timers, \
                 gauges, sets)"
            )
        };
        let mut shares: Vec<(Kind, u64)> = Vec::new();
        for part in text.split(',') {
            let (type_, share) = part.split_once(':').unwrap_or((part, "1"));
            let kind = Kind::of(type_.as_bytes()).ok_or_else(|| wrong(part))?;
            let share: u64 =
                share.parse().ok().filter(|&share| share <= MOST_SHARES).ok_or_else(|| wrong(part))?;
            if shares.iter().any(|(other, _)| *other == kind) {
                return Err(format!("`{type_}` stands twice in the mix"));
            }
            shares.push((kind, share));
        }
        match shares.iter().any(|(_, share)| *share > 0) {
            true => Ok(Mix(shares)),
            false => Err("a mix needs a share that is not 0".to_owned()),
        }
    }
}

const MOST_SHARES: u64 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mix_gives_each_kind_its_share_of_the_names() {
        let mix: Mix = "c:70,ms:20,g:9,s:1".parse().unwrap();
        assert_eq!(mix, Named::W2.workload().mix);
        let count = |kind| (0..1_000).filter(|&name| mix.kind(name) == kind).count();
        assert_eq!([Kind::Counter, Kind::Timer, Kind::Gauge, Kind::Set].map(count), [700, 200, 90, 10]);
        assert_eq!("ms".parse::<Mix>().unwrap().kind(7), Kind::Timer);
    }

    #[test]
    fn what_is_no_mix_is_refused() {
        let wrong = |text: &str| text.parse::<Mix>().unwrap_err();
        let like = "a mix looks like this: c:70,ms:20,g:9,s:1 (counters, timers, gauges, sets)";
        for part in ["x:1", "c:-1", "c:", "", "c:1000001"] {
            assert_eq!(wrong(part), format!("`{part}` is no kind with its share; {like}"));
        }
        assert_eq!(wrong("c:1,c:2"), "`c` stands twice in the mix");
        assert_eq!(wrong("c:0,g:0"), "a mix needs a share that is not 0");
    }
}
