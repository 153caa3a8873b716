//! At most one log line in a while for the same thing, with what was left out.

use std::collections::HashMap;
use std::time::Duration;

use crate::time::Stamp;

/// How often a thing was not said since it was last said; prints nothing if it always was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quiet(pub u64);

impl std::fmt::Display for Quiet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            0 => Ok(()),
            count => write!(f, " ({count} more like it since)"),
        }
    }
}

/// Lets one of many lines through: by default one a second.
#[derive(Debug)]
pub struct Throttle {
    pause: Duration,
    sites: HashMap<&'static str, (Stamp, u64)>,
}

impl Default for Throttle {
    fn default() -> Throttle {
        Throttle::every(PAUSE)
    }
}

impl Throttle {
    /// One that lets a line through, and the next like it after `pause`.
    pub fn every(pause: Duration) -> Throttle {
        Throttle { pause, sites: HashMap::new() }
    }

    /// Asks to say something about `site` at `now`: the number of times it was not said since, or none to be quiet.
    pub fn allow(&mut self, site: &'static str, now: Stamp) -> Option<Quiet> {
        match self.sites.get_mut(site) {
            Some((last, quiet)) if now.since(*last) < self.pause && now >= *last => {
                *quiet += 1;
                None
            }
            Some((last, quiet)) => {
                *last = now;
                Some(Quiet(std::mem::take(quiet)))
            }
            None => {
                self.sites.insert(site, (now, 0));
                Some(Quiet(0))
            }
        }
    }
}

/// Bytes from outside as text for a log line: printable ASCII as it is, the rest escaped, cut at 128 bytes.
pub fn escaped(bytes: &[u8]) -> String {
    let shown = &bytes[..bytes.len().min(128)];
    let mut text = shown.escape_ascii().to_string();
    if shown.len() < bytes.len() {
        text.push('…');
    }
    text
}

const PAUSE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_a_second_a_site_and_the_rest_is_counted() {
        let mut throttle = Throttle::default();
        let at = |milliseconds: i64| Stamp(milliseconds * 1_000_000);
        assert_eq!(throttle.allow("a", at(0)), Some(Quiet(0)));
        assert_eq!(throttle.allow("a", at(1)), None);
        assert_eq!(throttle.allow("a", at(999)), None);
        assert_eq!(throttle.allow("b", at(999)), Some(Quiet(0)));
        assert_eq!(throttle.allow("a", at(1000)), Some(Quiet(2)));
    }

    #[test]
    fn bytes_are_escaped_and_cut() {
        assert_eq!(escaped(b"a\n\x1b[1m"), "a\\n\\x1b[1m");
        assert_eq!(escaped(&[b'x'; 200]).chars().count(), 129);
    }
}
