//! The options of `ThresholdFilter`, and the rules they come to.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::alert::Conditions;
use super::severity::{self, SeverityText};
use super::statistic::Statistic;
use crate::config::{Check, Seconds, Violation};
use crate::metric::SeriesGlob;

/// Options of `ThresholdFilter`.
#[derive(Debug, Clone, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// What is watched: a table [SECTION.rule.ANY_NAME] for every alert.
    pub rule: BTreeMap<String, Rule>,
    /// Most series that are watched, each counted once for every rule and accumulator; further ones are not, and are
    /// counted. One that no flush knows any more gives its room back after gives_up_after flushes, unless its rule has
    /// absent_after. Default 10000.
    pub max_series: u32,
}

/// One rule. Each series it names has alerts of its own.
#[derive(Debug, Clone, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The series: a name as the accumulator knows it, without its prefixes and statistics ("api.latency"), or a glob of
    /// names: `*` (passes dots), `?`, `[a-z]`, `{a,b}`. With a `#` in it, it is held against
    /// `name#key:value,key2:value2`; without one it takes all tags.
    pub series: String,
    /// The number of each series: of gauges "value"; of counters "rate" (a second) and "count"; of sets "count"; of timers
    /// "count", "count_ps", "mean", "median", "lower", "upper", "sum", "std", of any percentile P "upper_P", "mean_P" and
    /// "sum_P" as Graphite has them, and "pP", the smallest sample that P percent do not exceed. Series of other kinds are
    /// left alone. What counts is 0 in a flush where nothing came, anything else is missing there; so is what is no
    /// number.
    pub statistic: String,
    /// It is too high above this. Default: never.
    #[serde(default)]
    pub above: Option<f64>,
    /// It is too low below this. Default: never.
    #[serde(default)]
    pub below: Option<f64>,
    /// Where an alert of `above` or `below` ends: at this value or farther on the right side. Default: at the threshold.
    #[serde(default)]
    pub clears_at: Option<f64>,
    /// It rises too fast by more than so many percent of the value `over` flushes before (100 is twice as much). Nothing
    /// is said of a value that was 0 or missing then. Default: never.
    #[serde(default)]
    pub rises_by: Option<f64>,
    /// The same for a fall. Default: never.
    #[serde(default)]
    pub falls_by: Option<f64>,
    /// How many flushes `rises_by` and `falls_by` look back. Default: 1.
    #[serde(default)]
    pub over: Option<u32>,
    /// How many flushes in a row it must be so; one without a value begins anew. Default: 1.
    #[serde(default, rename = "for")]
    pub for_flushes: Option<u32>,
    /// Alert when no sample came for so many flushes in a row. A series that a glob names must have been there before; one
    /// that is named as it stands is missed from the start. Where there are several accumulators, each is looked at by
    /// itself: have message_matcher name the one that is meant. Default: never.
    #[serde(default)]
    pub absent_after: Option<u32>,
    /// How often an alert that goes on is told of again, by the stamps of flushes; and one that begins again sooner is not
    /// told of before, and counted. Default: it is told of when it begins and when it is over.
    #[serde(default)]
    pub repeat_every: Option<Seconds>,
    /// How many flushes in a row an alert goes on without a value that would say it does; then it is taken as over, which
    /// it says. Alerts of `absent_after` go on. Without an alert, a series that flushes do not name any more is not watched
    /// after as many, until it is there again. Default: 60.
    #[serde(default)]
    pub gives_up_after: Option<u32>,
    /// Severity of the alert: a number from 0 to 7 or a word of syslog: "emerg", "alert", "crit", "err", "warning",
    /// "notice", "info", "debug". One that is over has 6. Default: "err".
    #[serde(default)]
    pub severity: Option<SeverityText>,
}

impl Default for Config {
    fn default() -> Config {
        Config { rule: BTreeMap::new(), max_series: 10_000 }
    }
}

/// A rule that was checked.
#[derive(Debug, Clone)]
pub(super) struct Watching {
    pub(super) name: String,
    pub(super) glob: SeriesGlob,
    /// The series itself, if it is named as it stands.
    pub(super) literal: Option<String>,
    pub(super) statistic: Statistic,
    /// The word for it.
    pub(super) word: String,
    pub(super) conditions: Conditions,
    pub(super) severity: i32,
}

impl Config {
    /// The rules, in the order of their names.
    ///
    /// # Errors
    /// What `check` says.
    pub(super) fn rules(&self) -> Result<Vec<Watching>, String> {
        self.rule.iter().map(|(name, rule)| rule.watching(name)).collect()
    }
}

impl Rule {
    fn watching(&self, name: &str) -> Result<Watching, String> {
        let is_glob = self.series.contains(['*', '?', '[', ']', '{', '}', '\\', '#']);
        Ok(Watching {
            name: name.to_owned(),
            glob: SeriesGlob::new(&self.series)?,
            literal: Some(self.series.clone()).filter(|_| !is_glob),
            statistic: Statistic::parse(&self.statistic).map_err(|(message, _)| message)?,
            word: self.statistic.clone(),
            conditions: self.conditions(),
            severity: self.severity.as_ref().map_or(Ok(severity::ERROR), severity::number)?,
        })
    }

    fn conditions(&self) -> Conditions {
        Conditions {
            above: self.above,
            below: self.below,
            clears_at: self.clears_at,
            rises_by: self.rises_by,
            falls_by: self.falls_by,
            over: self.over.unwrap_or(1) as usize,
            for_flushes: self.for_flushes.unwrap_or(1),
            absent_after: self.absent_after,
            repeat_every: self.repeat_every.map(Duration::from),
            gives_up_after: self.gives_up_after.unwrap_or(USUALLY_GIVES_UP),
        }
    }

    /// Whether it looks at the number.
    fn looks(&self) -> bool {
        [self.above, self.below, self.rises_by, self.falls_by].iter().any(Option::is_some)
    }

    /// What is wrong with it; `path` leads to its table.
    fn check(&self, path: &str) -> Vec<Violation> {
        let mut violations = Vec::new();
        let mut refuse = |key: &str, message: String, help: Option<String>| {
            violations.push(Violation { help, ..Violation::new(format!("{path}.{key}"), message) });
        };
        if self.series.is_empty() {
            refuse("series", "must not be empty".to_owned(), Some("\"*\" is every series".to_owned()));
        }
        if let Err(error) = SeriesGlob::new(&self.series) {
            refuse("series", error, None);
        }
        if let Err((message, help)) = Statistic::parse(&self.statistic) {
            refuse("statistic", message, Some(help));
        }
        if !self.looks() && self.absent_after.is_none() {
            let help = "give above, below, rises_by, falls_by or absent_after".to_owned();
            refuse("series", "has no condition that could be met".to_owned(), Some(help));
        }
        if let Some(Err(message)) = self.severity.as_ref().map(severity::number) {
            refuse("severity", message, None);
        }
        self.check_numbers(&mut refuse);
        self.check_counts(&mut refuse);
        violations
    }

    fn check_numbers(&self, refuse: &mut Refuse<'_>) {
        for (key, number) in [("above", self.above), ("below", self.below), ("clears_at", self.clears_at)] {
            if number.is_some_and(|number| !number.is_finite()) {
                refuse(key, "must be a finite number".to_owned(), None);
            }
        }
        if self.rises_by.is_some_and(|percent| !(percent > 0.0 && percent.is_finite())) {
            refuse("rises_by", "must be a number of percent above 0".to_owned(), None);
        }
        if self.falls_by.is_some_and(|percent| !(percent > 0.0 && percent.is_finite())) {
            refuse("falls_by", "must be a number of percent above 0".to_owned(), None);
        }
        if let (Some(above), Some(below)) = (self.above, self.below)
            && below > above
        {
            refuse("below", format!("is more than above = {above}: every value would be wrong"), None);
        }
        let Some(end) = self.clears_at else { return };
        match (self.above, self.below) {
            (Some(above), None) if end > above => {
                let message = format!("is more than above = {above}: an alert would be over as it begins");
                refuse("clears_at", message, None);
            }
            (None, Some(below)) if end < below => {
                let message = format!("is less than below = {below}: an alert would be over as it begins");
                refuse("clears_at", message, None);
            }
            (Some(_), None) | (None, Some(_)) => {}
            _ => {
                let help = Some("make a rule of each".to_owned()).filter(|_| self.above.is_some());
                refuse("clears_at", "needs either `above` or `below`".to_owned(), help);
            }
        }
    }

    fn check_counts(&self, refuse: &mut Refuse<'_>) {
        let counts = [
            ("over", self.over, MOST_LOOKED_BACK),
            ("for", self.for_flushes, MOST_FLUSHES),
            ("absent_after", self.absent_after, MOST_FLUSHES),
            ("gives_up_after", self.gives_up_after, MOST_FLUSHES),
        ];
        for (key, count, most) in counts {
            if count.is_some_and(|count| !(1..=most).contains(&count)) {
                refuse(key, format!("must be a number of flushes from 1 to {most}"), None);
            }
        }
        if self.over.is_some() && self.rises_by.is_none() && self.falls_by.is_none() {
            refuse("over", "needs `rises_by` or `falls_by`".to_owned(), None);
        }
        for (key, given) in [("for", self.for_flushes), ("gives_up_after", self.gives_up_after)] {
            if given.is_some() && !self.looks() {
                refuse(key, "needs `above`, `below`, `rises_by` or `falls_by`".to_owned(), None);
            }
        }
        if self.repeat_every.is_some_and(|pause| pause.0.is_zero()) {
            let help = "leave it out to be told when an alert begins and when it is over".to_owned();
            refuse("repeat_every", "must be longer than 0".to_owned(), Some(help));
        }
    }
}

/// Takes the key of a rule, what is wrong with it and what would be right.
type Refuse<'a> = dyn FnMut(&str, String, Option<String>) + 'a;

impl Check for Config {
    fn check(&self) -> Vec<Violation> {
        let mut violations = Vec::new();
        if self.rule.is_empty() {
            let help = "[SECTION.rule.ANY_NAME] with its series, statistic and condition".to_owned();
            let violation = Violation::new("rule", "must have a table for an alert at least");
            violations.push(Violation { help: Some(help), ..violation });
        }
        for (id, rule) in &self.rule {
            violations.extend(rule.check(&format!("rule.{id}")));
        }
        if !(1..=1_000_000).contains(&self.max_series) {
            violations.push(Violation::new("max_series", "must be a number from 1 to 1000000"));
        }
        violations
    }
}

/// As many values are kept of each series.
const MOST_LOOKED_BACK: u32 = 1440;

const MOST_FLUSHES: u32 = 1_000_000;

const USUALLY_GIVES_UP: u32 = 60;
