//! TCP keep-alive as Heka's options `keep_alive` and `keep_alive_period` say it.

use std::time::Duration;

use crate::config::{Seconds, Violation};

/// How long a connection is quiet before the system asks whether its peer is there, if it does.
pub fn keep_alive_after(asked: bool, period: Option<Seconds>) -> Option<Duration> {
    asked.then(|| period.map_or(USUAL, |period| period.0))
}

/// What is wrong with the two options.
pub fn flaws_of_keep_alive(asked: bool, period: Option<Seconds>) -> Vec<Violation> {
    let flaw = |message| Violation::new("keep_alive_period", message);
    let alone = (period.is_some() && !asked).then(|| flaw("needs keep_alive = true"));
    let beyond = period.is_some_and(|period| !TAKEN.contains(&period.0.as_secs()));
    alone.into_iter().chain(beyond.then(|| flaw("must be from 1s to 32767s"))).collect()
}

const USUAL: Duration = Duration::from_secs(30);

/// Seconds that Linux takes.
const TAKEN: std::ops::RangeInclusive<u64> = 1..=32_767;
