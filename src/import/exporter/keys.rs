//! What the keys of a mapping file may be: texts, numbers, durations, words of a few.

use crate::import::yaml::{Member, Yaml};
use crate::import::{Fate, Finding};

/// The keys of one mapping of the file.
pub(super) type Keys<'a> = crate::import::keys::Keys<'a, Yaml>;

impl<'a> Keys<'a> {
    /// Enters that a value is not what it must be.
    pub(super) fn mistyped(&mut self, member: &Member, expected: &str) {
        let found = member.node.value.described();
        self.enter(member, Fate::Refused(format!("{expected} belongs here, not {found}; it is left out")));
    }

    /// Enters another fate for a key, unless it was refused; whether it has been entered at all.
    pub(super) fn amend(&mut self, key: &str, fate: Fate) -> bool {
        let name = format!("{}{key}", self.prefix);
        let within = format!("{name}.");
        let is_own = |finding: &&mut Finding| finding.key == name || finding.key.starts_with(&within);
        let mut any = false;
        for finding in self.findings.iter_mut().filter(is_own) {
            any = true;
            if !matches!(finding.fate, Fate::Refused(_)) {
                finding.fate = fate.clone();
            }
        }
        any
    }

    /// A text.
    pub(super) fn text(&mut self, key: &str) -> Option<(&'a str, &'a Member)> {
        let member = self.take(key)?;
        match member.node.value.text() {
            Some(text) => Some((text, member)),
            None => {
                self.mistyped(member, "a text");
                None
            }
        }
    }

    /// True or false.
    pub(super) fn boolean(&mut self, key: &str) -> Option<(bool, &'a Member)> {
        let member = self.take(key)?;
        match member.node.value.boolean() {
            Some(value) => Some((value, member)),
            None => {
                self.mistyped(member, "true or false");
                None
            }
        }
    }

    /// A number.
    pub(super) fn number(&mut self, key: &str) -> Option<(f64, &'a Member)> {
        let member = self.take(key)?;
        match member.node.value.number() {
            Some(number) => Some((number, member)),
            None => {
                self.mistyped(member, "a number");
                None
            }
        }
    }

    /// A word of a few; the empty text says nothing.
    pub(super) fn choice<T: Copy>(&mut self, key: &str, words: &[(&str, T)]) -> Option<(T, &'a Member)> {
        let (text, member) = self.text(key)?;
        if text.is_empty() {
            self.enter(member, Fate::Default);
            return None;
        }
        match words.iter().find(|(word, _)| *word == text) {
            Some((_, meant)) => Some((*meant, member)),
            None => {
                let words: Vec<String> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
                let why = format!("{text:?} is none of {}; it is left out", words.join(", "));
                self.enter(member, Fate::Refused(why));
                None
            }
        }
    }

    /// The ttl in nanoseconds, unless it is 0; it becomes `to`.
    pub(super) fn ttl(&mut self, to: &str) -> Option<u64> {
        let (ttl, member) = self.duration("ttl")?;
        match ttl {
            0 => self.enter(member, Fate::Default),
            _ => self.enter(member, Fate::Translated(to.to_owned())),
        }
        Some(ttl).filter(|ttl| *ttl > 0)
    }

    /// A duration as Go writes it, in nanoseconds. A bare number is nanoseconds too, which nobody means.
    pub(super) fn duration(&mut self, key: &str) -> Option<(u64, &'a Member)> {
        let member = self.take(key)?;
        let why = match (member.node.value.number(), member.node.value.text()) {
            (Some(0.0), _) => return Some((0, member)),
            (Some(number), _) => {
                let seconds = format!("{number}s");
                format!("a number is nanoseconds to statsd_exporter, which nobody means; write {seconds:?}")
            }
            (None, Some(text)) => match nanoseconds(text) {
                Some(nanoseconds) => return Some((nanoseconds, member)),
                None => format!("{text:?} is no duration such as 1m20s; it is left out"),
            },
            (None, None) => {
                self.mistyped(member, "a duration");
                return None;
            }
        };
        self.enter(member, Fate::Refused(why));
        None
    }

    /// Enters of all that was translated, but for these keys, that it says nothing where it stands.
    pub(super) fn idle_but(&mut self, keys: &[&str]) {
        for finding in &mut self.findings {
            let key = finding.key.strip_prefix(&self.prefix).unwrap_or_default();
            if matches!(finding.fate, Fate::Translated(_)) && !keys.contains(&key) {
                finding.fate = Fate::Default;
            }
        }
    }

    /// The members of the mapping `key`; their findings come back by `leave`.
    pub(super) fn within(&mut self, key: &str) -> Option<Keys<'a>> {
        let member = self.take(key)?;
        match &member.node.value {
            Yaml::Map(members) => Some(self.inner(key, members)),
            _ => {
                self.mistyped(member, "a mapping");
                None
            }
        }
    }
}

/// The fate of a key by a name that statsd_exporter takes no longer.
pub(super) fn renamed(key: &str, now: &str, fate: Fate) -> Fate {
    match fate {
        _ if key == now => fate,
        Fate::Translated(to) => {
            Fate::Approximated(format!("translated to {to}; statsd_exporter takes {now} alone since 0.31"))
        }
        Fate::Default => Fate::Approximated(format!(
            "the same as without it; statsd_exporter takes {now} alone since 0.31"
        )),
        other => other,
    }
}

/// Reads `1h2m3.5s`, as Go does; nothing below 0.
fn nanoseconds(text: &str) -> Option<u64> {
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    let mut sum = 0.0;
    if rest == "0" {
        return Some(0);
    }
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        let unit = rest[digits..].find(|letter: char| letter.is_ascii_digit() || letter == '.');
        let (unit, after) = rest[digits..].split_at(unit.unwrap_or(rest.len() - digits));
        let (_, scale) = UNITS.iter().find(|(name, _)| *name == unit)?;
        sum += number * scale;
        rest = after;
    }
    (!text.is_empty() && sum < LONGEST).then_some(sum.round() as u64)
}

/// The shortest way to write it with one unit.
pub(super) fn duration_text(nanoseconds: u64) -> String {
    let units = [
        ("h", 3_600_000_000_000),
        ("m", 60_000_000_000),
        ("s", 1_000_000_000),
        ("ms", 1_000_000),
        ("us", 1000),
    ];
    let whole = units.iter().find(|(_, scale)| nanoseconds.is_multiple_of(*scale));
    whole.map_or_else(|| format!("{nanoseconds}ns"), |(unit, scale)| format!("{}{unit}", nanoseconds / scale))
}

const UNITS: [(&str, f64); 8] =
    [("ns", 1.0), ("us", 1e3), ("µs", 1e3), ("μs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 60e9), ("h", 3600e9)];

/// What Go's durations reach to.
const LONGEST: f64 = 9.2e18;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_reads_them_and_written_with_one_unit() {
        let table = [
            ("1m20s", Some("80s")),
            ("2h", Some("2h")),
            ("1.5h", Some("90m")),
            ("250ms", Some("250ms")),
            ("3µs", Some("3us")),
            ("7ns", Some("7ns")),
            ("0", Some("0h")),
            ("", None),
            ("5", None),
            ("-1s", None),
            ("1d", None),
            ("1s ", None),
            ("999999999h", None),
        ];
        for (text, expected) in table {
            assert_eq!(nanoseconds(text).map(duration_text).as_deref(), expected, "{text:?}");
        }
    }
}
