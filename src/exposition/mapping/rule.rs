//! One rule: as it is written, and compiled.

use std::time::Duration;

use regex::bytes::Regex;

use super::super::shapes::{Bounds, NativeRules};
use super::error::RuleFault;
use super::glob::{Component, Glob};
use super::template::Template;
use crate::metric::Kind;
use crate::regexp;

/// A rule as it is written.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// The pattern.
    pub pattern: String,
    /// What kind of pattern it is.
    pub match_type: MatchType,
    /// Only series of these kinds match.
    pub metric_type: Option<MetricType>,
    /// What becomes of what matches.
    pub action: Action,
    /// Template of the family's name; empty only where it drops.
    pub name: String,
    /// Names of labels with the templates of their values.
    pub labels: Vec<(String, String)>,
    /// Whether a tag of the sender counts more than a label of the rule.
    pub honor_labels: bool,
    /// What stands in the HELP line.
    pub help: Option<String>,
    /// How long a series is shown after its last sample; zero for ever, `None` as those without a rule.
    pub ttl: Option<Duration>,
    /// What values are multiplied by.
    pub scale: f64,
    /// How distributions are shown.
    pub observer: ObserverRule,
}

/// The default maps nothing yet: it lacks a pattern and a name.
impl Default for Rule {
    fn default() -> Rule {
        Rule {
            pattern: String::new(),
            match_type: MatchType::Glob,
            metric_type: None,
            action: Action::Map,
            name: String::new(),
            labels: Vec::new(),
            honor_labels: false,
            help: None,
            ttl: None,
            scale: 1.0,
            observer: ObserverRule::AsConfigured,
        }
    }
}

/// What kind of pattern a rule has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MatchType {
    /// A glob of components.
    Glob,
    /// A regular expression, which may match anywhere in the name.
    Regex,
}

/// Which series a rule is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricType {
    /// Counters.
    Counter,
    /// Gauges.
    Gauge,
    /// Timers, histograms and distributions.
    Observer,
    /// Sets.
    Set,
}

/// What becomes of a series that matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// It is named by the rule.
    Map,
    /// It is not shown.
    Drop,
}

/// How a rule has distributions shown.
#[derive(Debug, Clone, PartialEq)]
pub enum ObserverRule {
    /// As those without a rule.
    AsConfigured,
    /// As a summary; what is `None` is as without a rule.
    Summary {
        /// Quantiles in [0, 1].
        quantiles: Option<Vec<f64>>,
        /// Of which time they are.
        max_age: Option<Duration>,
        /// In how many ages that time is divided.
        ages: Option<u32>,
    },
    /// As a histogram.
    Histogram {
        /// Upper bounds of its buckets; `None` as without a rule, or the usual ones.
        buckets: Option<Vec<f64>>,
        /// As a native histogram too; `None` as without a rule.
        native: Option<NativeRules>,
    },
}

impl MetricType {
    /// The word that a mapping has for it.
    pub const fn word(self) -> &'static str {
        match self {
            MetricType::Counter => "counter",
            MetricType::Gauge => "gauge",
            MetricType::Observer => "observer",
            MetricType::Set => "set",
        }
    }

    /// The type of series of a kind.
    pub const fn of(kind: Kind) -> MetricType {
        match kind {
            Kind::Counter => MetricType::Counter,
            Kind::Gauge => MetricType::Gauge,
            Kind::Timer | Kind::Histogram | Kind::Distribution => MetricType::Observer,
            Kind::Set => MetricType::Set,
        }
    }
}

/// A rule that was compiled.
#[derive(Debug, Clone)]
pub(in super::super) struct Compiled {
    pub(super) source: Box<str>,
    pub(super) pattern: Pattern,
    pub(super) metric_type: Option<MetricType>,
    pub(super) action: Action,
    name: Template,
    labels: Vec<(Box<str>, Template)>,
    pub(in super::super) honor_labels: bool,
    pub(in super::super) help: Option<Box<str>>,
    pub(in super::super) ttl: Option<Duration>,
    pub(in super::super) scale: f64,
    pub(in super::super) observer: ObserverRule,
}

#[derive(Debug, Clone)]
pub(super) enum Pattern {
    Glob(Glob),
    Regex(Regex),
}

/// What is wrong with a rule, each with the key it stands at.
type Faults = Vec<(String, RuleFault)>;

impl Compiled {
    /// Compiles a rule.
    pub(super) fn new(rule: &Rule) -> Result<Compiled, Faults> {
        let mut faults = Faults::new();
        let pattern = Pattern::new(rule).map_err(|fault| faults.push(("match".to_owned(), fault))).ok();
        let (groups, what) = pattern.as_ref().map_or((MANY, "group"), Pattern::groups);
        let name = template("name", &rule.name, (groups, what), &mut faults);
        if let Some(name) = &name {
            faults.extend(name_fault(name, rule.action).map(|fault| ("name".to_owned(), fault)));
        }
        let labels = labels(&rule.labels, (groups, what), &mut faults);
        if !rule.scale.is_finite() || rule.scale == 0.0 {
            faults.push(("scale".to_owned(), RuleFault::Scale));
        } else if rule.scale < 0.0 && rule.metric_type != Some(MetricType::Gauge) {
            faults.push(("scale".to_owned(), RuleFault::NegativeScale));
        }
        faults.extend(observer_fault(&rule.observer));
        match (pattern, name) {
            (Some(pattern), Some(name)) if faults.is_empty() => Ok(Compiled {
                source: rule.pattern.as_str().into(),
                pattern,
                metric_type: rule.metric_type,
                action: rule.action,
                name,
                labels,
                honor_labels: rule.honor_labels,
                help: rule.help.as_deref().map(Into::into),
                ttl: rule.ttl,
                scale: rule.scale,
                observer: rule.observer.clone(),
            }),
            _ => Err(faults),
        }
    }

    /// The pattern as it was written.
    pub(in super::super) fn source(&self) -> &str {
        &self.source
    }

    pub(super) fn glob(&self) -> Option<&Glob> {
        match &self.pattern {
            Pattern::Glob(glob) => Some(glob),
            Pattern::Regex(_) => None,
        }
    }

    /// Whether it is for series of this kind.
    pub(super) fn admits(&self, kind: Kind) -> bool {
        self.metric_type.is_none_or(|only| only == MetricType::of(kind))
    }

    pub(super) fn matches(&self, name: &str) -> bool {
        match &self.pattern {
            Pattern::Regex(regex) => regex.is_match(name.as_bytes()),
            Pattern::Glob(glob) => mismatch(glob, name).is_none(),
        }
    }

    /// What is captured of a name that matches: all that was matched, then each group, empty if it took no part.
    pub(super) fn captures(&self, name: &str) -> Vec<String> {
        // A boundary of ASCII words may stand within a character.
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match &self.pattern {
            Pattern::Glob(glob) => glob.captures(name).into_iter().map(str::to_owned).collect(),
            Pattern::Regex(regex) => {
                let found = regex.captures(name.as_bytes());
                let groups = found.iter().flat_map(|found| found.iter());
                groups.map(|group| group.map(|group| text(group.as_bytes())).unwrap_or_default()).collect()
            }
        }
    }

    /// Name and labels for a name that matches.
    pub(super) fn expand(&self, name: &str) -> (String, Vec<(Box<str>, String)>) {
        let captures = self.captures(name);
        let labels = self.labels.iter().map(|(key, value)| (key.clone(), value.expand(&captures)));
        (self.name.expand(&captures), labels.collect())
    }
}

impl Pattern {
    fn new(rule: &Rule) -> Result<Pattern, RuleFault> {
        if rule.pattern.is_empty() {
            return Err(RuleFault::NoPattern);
        }
        match rule.match_type {
            MatchType::Glob => Ok(Pattern::Glob(Glob::parse(&rule.pattern)?)),
            MatchType::Regex => match regexp::compile(&rule.pattern) {
                Ok(compiled) => Ok(Pattern::Regex(compiled.regex)),
                Err((error, _)) => Err(error.into()),
            },
        }
    }

    /// How many groups it has, and what they are called.
    fn groups(&self) -> (usize, &'static str) {
        match self {
            Pattern::Glob(glob) => (glob.stars(), "`*`"),
            Pattern::Regex(regex) => (regex.captures_len() - 1, "group"),
        }
    }
}

/// Where a name is not what a glob wants.
pub(super) enum Mismatch<'a> {
    /// It has another number of components.
    Length { wanted: usize, found: usize },
    /// A component, counted from 1, is another.
    Component { place: usize, wanted: &'a str, found: &'a str },
}

/// The first reason why `name` does not match.
pub(super) fn mismatch<'a>(glob: &'a Glob, name: &'a str) -> Option<Mismatch<'a>> {
    let (wanted, found) = (glob.components().len(), name.split('.').count());
    if wanted != found {
        return Some(Mismatch::Length { wanted, found });
    }
    let mut pairs = glob.components().iter().zip(name.split('.')).enumerate();
    pairs.find_map(|(at, (component, found))| match component {
        Component::Text(wanted) if **wanted != *found => {
            Some(Mismatch::Component { place: at + 1, wanted, found })
        }
        _ => None,
    })
}

fn template(key: &str, text: &str, groups: (usize, &str), faults: &mut Faults) -> Option<Template> {
    let parsed = Template::parse(text, groups.0, groups.1);
    parsed.map_err(|error| faults.push((key.to_owned(), error.into()))).ok()
}

fn labels(
    labels: &[(String, String)],
    groups: (usize, &str),
    faults: &mut Faults,
) -> Vec<(Box<str>, Template)> {
    let mut compiled = Vec::new();
    for (name, value) in labels {
        let key = format!("labels.{name}");
        faults.extend(label_fault(name).map(|fault| (key.clone(), fault)));
        let value = template(&key, value, groups, faults);
        compiled.extend(value.map(|value| (name.as_str().into(), value)));
    }
    compiled
}

fn name_fault(name: &Template, action: Action) -> Option<RuleFault> {
    if name.is_empty() {
        return (action == Action::Map).then_some(RuleFault::NoName);
    }
    let legal = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == ':';
    name.texts().find_map(|(first, text)| {
        let digit = text.chars().next().filter(|letter| first && letter.is_ascii_digit());
        let character = digit.or_else(|| text.chars().find(|&letter| !legal(letter)))?;
        Some(RuleFault::Name { character })
    })
}

fn label_fault(name: &str) -> Option<RuleFault> {
    let legal = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    if name == "le" || name == "quantile" || name.starts_with("__") {
        return Some(RuleFault::ReservedLabel);
    }
    let illegal = name.is_empty()
        || name.starts_with(|letter: char| letter.is_ascii_digit())
        || !name.chars().all(legal);
    illegal.then_some(RuleFault::Label)
}

fn observer_fault(observer: &ObserverRule) -> Option<(String, RuleFault)> {
    let ObserverRule::Histogram { buckets: Some(buckets), .. } = observer else { return None };
    let fault = Bounds::new(buckets).err()?;
    Some(("histogram_options.buckets".to_owned(), fault.into()))
}

/// Groups of a pattern that is not known.
const MANY: usize = usize::MAX;
