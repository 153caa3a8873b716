//! What carbon must be told of flushes: a stanza of its `storage-schemas.conf`.
//!
//! The finest retention is the interval of flushes, and each coarser one a multiple of the finer, as whisper demands
//! (<https://graphite.readthedocs.io/en/latest/config-carbon.html>). How long they are kept is a proposal.

use std::collections::BTreeSet;
use std::time::Duration;

use super::namespace::Namespace;

impl Namespace {
    /// A regular expression of the beginnings of all names; `.*` where they can begin with anything.
    pub fn pattern(&self) -> String {
        let whole = self.number_of_stats();
        let own = self.own_number("");
        let counter_count = self.counter_count().map(|affix| &*affix.before);
        let timer = self.timer("").before;
        let before = [&*self.counter_rate().before, &*timer, &*self.gauge().before, &*self.set().before];
        let starts = before.into_iter().chain(counter_count).chain(own.as_deref()).chain([whole.as_str()]);
        let first =
            |start: &str| start.split_once('.').map_or_else(String::new, |(first, _)| first.to_owned());
        let firsts: BTreeSet<String> = starts.map(first).collect();
        if firsts.iter().any(String::is_empty) {
            return ".*".to_owned();
        }
        let firsts: Vec<String> = firsts.iter().map(|first| regex::escape(first)).collect();
        match firsts.as_slice() {
            [only] => format!(r"^{only}\."),
            several => format!(r"^({})\.", several.join("|")),
        }
    }
}

/// The stanza for names of this pattern that are flushed each `interval`; `section` may be any text.
///
/// Carbon keeps a point a second at most: a shorter interval is taken for a second, a broken one rounded up.
pub fn schema_stanza(section: &str, pattern: &str, interval: Duration) -> String {
    let plain = |letter: char| if letter.is_ascii_alphanumeric() || letter == '-' { letter } else { '_' };
    let section: String = section.chars().map(plain).collect();
    format!("[{section}]\npattern = {pattern}\nretentions = {}\n", retentions(interval))
}

fn retentions(interval: Duration) -> String {
    let seconds = (interval.as_secs() + u64::from(interval.subsec_nanos() > 0)).max(1);
    let minute = seconds * MINUTE.div_ceil(seconds);
    match seconds {
        ..MINUTE => {
            format!("{}:1d,{}:7d,{}:1y", shown(seconds), shown(minute), shown(minute * 10))
        }
        MINUTE..=HOUR => format!("{}:7d,{}:1y", shown(seconds), shown(seconds * 10)),
        _ => format!("{}:1y", shown(seconds)),
    }
}

fn shown(seconds: u64) -> String {
    if seconds.is_multiple_of(MINUTE) { format!("{}m", seconds / MINUTE) } else { format!("{seconds}s") }
}

const MINUTE: u64 = 60;
const HOUR: u64 = 3600;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graphite::{NamespaceOptions, Rules};

    #[test]
    fn retentions_begin_with_the_interval_and_each_is_a_multiple_of_the_finer() {
        let told = |millis| retentions(Duration::from_millis(millis));
        assert_eq!(told(10_000), "10s:1d,1m:7d,10m:1y");
        assert_eq!(told(100), "1s:1d,1m:7d,10m:1y");
        assert_eq!(told(1_500), "2s:1d,1m:7d,10m:1y");
        assert_eq!(told(7_000), "7s:1d,63s:7d,630s:1y");
        assert_eq!(told(60_000), "1m:7d,10m:1y");
        assert_eq!(told(90_000), "90s:7d,15m:1y");
        assert_eq!(told(7_200_000), "120m:1y");
    }

    #[test]
    fn the_pattern_has_the_beginnings_of_all_names() {
        let of = |options: NamespaceOptions| Namespace::new(options).pattern();
        let statsd = NamespaceOptions { legacy: false, ..NamespaceOptions::default() };
        assert_eq!(of(statsd.clone()), r"^stats\.");
        assert_eq!(of(NamespaceOptions::default()), r"^(stats|stats_counts|statsd)\.");
        let bare = NamespaceOptions { global_prefix: String::new(), ..statsd.clone() };
        assert_eq!(of(bare.clone()), r"^(counters|gauges|sets|statsd|timers)\.");
        assert_eq!(of(NamespaceOptions { prefix_gauge: String::new(), ..bare.clone() }), ".*");
        let heka = NamespaceOptions { rules: Rules::Heka, ..bare };
        assert_eq!(of(heka), r"^(counters|gauges|sets|statsd|timers)\.");
        let odd = NamespaceOptions { global_prefix: "a+b.c".into(), ..statsd };
        assert_eq!(of(odd), r"^a\+b\.");
    }

    #[test]
    fn the_name_of_a_stanza_has_no_letter_that_would_end_it() {
        let stanza = schema_stanza("hekad a]b", r"^stats\.", Duration::from_secs(10));
        assert_eq!(stanza, "[hekad_a_b]\npattern = ^stats\\.\nretentions = 10s:1d,1m:7d,10m:1y\n");
    }
}
