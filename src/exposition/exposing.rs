//! How a series is exposed: by the rule that counts for it, or by its own name.

use std::sync::Arc;
use std::time::Duration;

use super::mapping::{Compiled, Mapped, Mapping, ObserverRule, Told, Verdict};
use super::names::{Exposed, FamilyType, Naming, Style, Unit};
use super::page::Quantile;
use super::shapes::{Bounds, Shape, Shapes};
use super::text::{escaped_labels, labels_of_tags};
use super::window::WindowRules;
use crate::metric::{Kind, Series};
use crate::time::Stamp;

/// Decides how series are exposed.
#[derive(Debug, Default)]
pub(super) struct Exposing {
    naming: Naming,
    shapes: Shapes,
    mapping: Mapping,
    /// The buckets that each rule names.
    bounds: Vec<Option<Arc<Bounds>>>,
}

/// How a series is exposed, conflicts aside.
#[derive(Debug)]
pub(super) struct Exposure {
    pub(super) exposed: Exposed,
    pub(super) labels: Arc<str>,
    pub(super) shape: Shape,
    /// The number of its profile.
    pub(super) profile: u32,
    /// Whether a rule named it.
    pub(super) mapped: bool,
}

/// Why a series is not exposed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Hidden {
    /// A rule drops it.
    Dropped,
    /// The name that a rule gives it is empty.
    Nameless,
}

impl Exposing {
    pub(super) fn new(naming: Naming, shapes: Shapes, mapping: Mapping) -> Exposing {
        let bounds = |observer: &ObserverRule| match observer {
            ObserverRule::Histogram { buckets: Some(buckets), .. } => {
                Some(Arc::new(Bounds::new(buckets).expect("a rule was compiled with its buckets")))
            }
            _ => None,
        };
        let bounds = mapping.rules().iter().map(|rule| bounds(&rule.observer)).collect();
        Exposing { naming, shapes, mapping, bounds }
    }

    /// The profiles of slots: of those without a rule, then of each rule.
    pub(super) fn profiles(&self, levels: Vec<f64>, window: WindowRules, ttl: Duration) -> Vec<Profile> {
        let merges = self.naming.style == Style::Exporter;
        let usual = Profile::new(levels.clone(), window, ttl);
        let of_rules = self.mapping.rules().iter().map(|rule| {
            let ttl = rule.ttl.unwrap_or(ttl);
            let profile = match &rule.observer {
                ObserverRule::Summary { quantiles, max_age, ages } => {
                    let window = WindowRules {
                        max_age: max_age.unwrap_or(window.max_age),
                        ages: ages.unwrap_or(window.ages),
                    };
                    Profile::new(quantiles.as_ref().unwrap_or(&levels).clone(), window, ttl)
                }
                _ => Profile::new(levels.clone(), window, ttl),
            };
            Profile { scale: rule.scale, merges: true, ..profile }
        });
        std::iter::once(Profile { merges, ..usual }).chain(of_rules).collect()
    }

    /// How a series is exposed.
    pub(super) fn expose(&self, series: &Series) -> Result<Exposure, Hidden> {
        match self.mapping.verdict(series) {
            Verdict::Dropped(_) => Err(Hidden::Dropped),
            Verdict::Mapped(mapped) if mapped.name.is_empty() => Err(Hidden::Nameless),
            Verdict::Mapped(mapped) => Ok(self.by_rule(series, mapped)),
            Verdict::Unmapped => Ok(self.by_name(series)),
        }
    }

    /// Puts into `into` how the family of a series is called that no rule names, as `expose` says.
    pub(super) fn name(&self, name: &str, kind: Kind, into: &mut String) {
        self.naming.name(name, kind, into);
    }

    /// Appends what stands in the HELP line of a family whose first series has that name, kind and profile.
    pub(super) fn help(&self, name: &str, kind: Kind, profile: u32, into: &mut String) {
        let rule = profile.checked_sub(1).map(|rule| &self.mapping.rules()[rule as usize]);
        match rule {
            None => help(name, kind, self.in_seconds(kind, profile), into),
            Some(Compiled { help: Some(help), .. }) => into.push_str(help),
            Some(rule) => help(rule.source(), kind, self.in_seconds(kind, profile), into),
        }
    }

    /// Whether values of a series of that kind and profile are seconds, for all we know.
    pub(super) fn in_seconds(&self, kind: Kind, profile: u32) -> bool {
        let rule = profile.checked_sub(1).map(|rule| &self.mapping.rules()[rule as usize]);
        kind == Kind::Timer && rule.is_none_or(|rule| rule.scale == 1.0)
    }

    /// The name for the series whose first name another type or kind has.
    pub(super) fn diverted(&self, exposure: &Exposure, kind: Kind) -> String {
        self.naming.diverted(&exposure.exposed, kind)
    }

    /// What every rule has to do with a series.
    pub(super) fn explain(&self, series: &Series) -> Vec<Told> {
        self.mapping.explain(series)
    }

    /// Whether there are rules at all.
    pub(super) fn has_rules(&self) -> bool {
        !self.mapping.is_empty()
    }

    fn by_name(&self, series: &Series) -> Exposure {
        let exposed = self.naming.expose(series);
        let shape = match series.kind.is_distribution() {
            true => self.shapes.of(&series.name),
            false => Shape::default(),
        };
        Exposure {
            exposed: typed(exposed, &shape),
            labels: escaped_labels(&labels_of_tags(series.tags.borrowed(), self.naming.style)).into(),
            shape,
            profile: 0,
            mapped: false,
        }
    }

    fn by_rule(&self, series: &Series, mapped: Mapped) -> Exposure {
        let rule = &self.mapping.rules()[mapped.rule];
        let (name, renamed) = self.naming.mapped(&mapped.name);
        let unit = Unit { scale: rule.scale, ..Unit::of(series.kind) };
        let exposed = Exposed { name, family_type: FamilyType::of(series.kind), unit, renamed };
        let shape = match series.kind.is_distribution() {
            true => self.shape(series, mapped.rule),
            false => Shape::default(),
        };
        Exposure {
            exposed: typed(exposed, &shape),
            labels: self.labels(series, mapped.labels, rule.honor_labels),
            shape,
            profile: mapped.rule as u32 + 1,
            mapped: true,
        }
    }

    fn shape(&self, series: &Series, rule: usize) -> Shape {
        match &self.mapping.rules()[rule].observer {
            ObserverRule::AsConfigured => self.shapes.of(&series.name),
            ObserverRule::Summary { .. } => Shape::default(),
            ObserverRule::Histogram { native, .. } => {
                let usual = self.shapes.of(&series.name);
                let own = self.bounds[rule].as_ref().map(Arc::clone);
                let buckets = own.or(usual.buckets).unwrap_or_else(Bounds::usual);
                Shape { buckets: Some(buckets), native: native.or(usual.native) }
            }
        }
    }

    /// The labels of the tags with those of the rule. One that comes out empty is none: Prometheus does not tell the two
    /// apart.
    fn labels(&self, series: &Series, of_rule: Vec<(Box<str>, String)>, honor: bool) -> Arc<str> {
        let mut labels = labels_of_tags(series.tags.borrowed(), self.naming.style);
        for (name, value) in of_rule {
            let of_tag = labels.iter().position(|(other, _)| **other == *name);
            match of_tag {
                Some(_) if honor => continue,
                Some(at) => drop(labels.remove(at)),
                None => {}
            }
            if !value.is_empty() {
                let at = labels.partition_point(|(other, _)| **other < *name);
                labels.insert(at, (name.into_string(), value));
            }
        }
        escaped_labels(&labels).into()
    }
}

/// What a slot has from its rule.
#[derive(Debug)]
pub(super) struct Profile {
    /// Ascending.
    pub(super) quantiles: Box<[Quantile]>,
    /// Their values.
    pub(super) levels: Box<[f64]>,
    pub(super) window: WindowRules,
    /// What the rule scales by.
    scale: f64,
    /// Whether series are one with others that merge and have the same name and labels.
    merges: bool,
    /// Zero for ever.
    ttl: Duration,
    /// The age of its windows that has begun.
    age: i64,
}

impl Profile {
    fn new(mut levels: Vec<f64>, window: WindowRules, ttl: Duration) -> Profile {
        levels.sort_by(f64::total_cmp);
        levels.dedup();
        let quantiles = levels.iter().map(|&quantile| Quantile::new(quantile)).collect();
        Profile { quantiles, levels: levels.into(), window, scale: 1.0, merges: false, ttl, age: 0 }
    }

    /// What becomes of the values of a series of that kind.
    pub(super) fn unit(&self, kind: Kind) -> Unit {
        Unit { scale: self.scale, ..Unit::of(kind) }
    }

    /// Whether a series of that kind is one with another that merges and has the same name and labels.
    pub(super) fn merges(&self, kind: Kind) -> bool {
        self.merges && kind != Kind::Set
    }

    /// Says what time it is: the age that has begun, if it is another than before.
    pub(super) fn pass(&mut self, now: Stamp) -> Option<i64> {
        let age = self.window.age_at(now);
        (std::mem::replace(&mut self.age, age) != age).then_some(age)
    }

    /// What had no sample since then is no longer shown.
    pub(super) fn oldest(&self, now: Stamp) -> Option<Stamp> {
        let ttl = i64::try_from(self.ttl.as_nanos()).unwrap_or(i64::MAX);
        (ttl > 0).then(|| Stamp(now.0.saturating_sub(ttl)))
    }
}

fn typed(exposed: Exposed, shape: &Shape) -> Exposed {
    match shape.buckets {
        Some(_) => Exposed { family_type: FamilyType::Histogram, ..exposed },
        None => exposed,
    }
}

fn help(of: &str, kind: Kind, in_seconds: bool, into: &mut String) {
    let unit = match kind {
        _ if in_seconds => ", in seconds",
        Kind::Set => ", distinct members of the last interval",
        _ => "",
    };
    ["statsd ", kind.word(), " ", of, unit].into_iter().for_each(|piece| into.push_str(piece));
}
