//! How distributions are shown: quantiles, buckets and native histograms.

use super::keys::{Keys, duration_text, renamed};
use crate::import::yaml::{Member, Node, Yaml};
use crate::import::{Document, Fate};

/// What distributions are shown as.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Observer {
    #[default]
    Summary,
    Histogram,
}

/// How summaries are shown; what is `None` is not said.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Summary {
    quantiles: Option<Vec<f64>>,
    /// Nanoseconds.
    max_age: Option<u64>,
    ages: Option<u32>,
}

/// How histograms are shown; what is `None` is not said.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Histogram {
    pub(super) buckets: Option<Vec<f64>>,
    factor: Option<f64>,
    most: Option<u32>,
}

impl Summary {
    /// Reads `summary_options`, and `quantiles` beside it, where they stood once.
    pub(super) fn read(keys: &mut Keys<'_>, of: &str) -> Summary {
        let once = quantiles(keys, of, Some("summary_options.quantiles"));
        let mut summary = Summary { quantiles: once, ..Summary::default() };
        let Some(mut own) = keys.within("summary_options") else { return summary };
        summary.quantiles = quantiles(&mut own, of, None).or(summary.quantiles);
        summary.max_age = max_age(&mut own, of);
        summary.ages = ages(&mut own, of);
        if let Some((_, member)) = own.number("buf_cap") {
            own.enter(member, Fate::Approximated("samples need no buffer here".to_owned()));
        }
        keys.leave(own);
        summary
    }

    /// Whether nothing is said.
    pub(super) fn is_empty(&self) -> bool {
        *self == Summary::default()
    }

    /// Writes them as the output's own.
    pub(super) fn write_defaults(&self, output: &mut Document) {
        for (key, value) in self.options() {
            output.set(key, value);
        }
    }

    /// The options with their values.
    pub(super) fn options(&self) -> Vec<(&'static str, toml::Value)> {
        let mut options = Vec::new();
        options.extend(self.quantiles.clone().map(|quantiles| ("quantiles", quantiles.into())));
        options.extend(self.max_age.map(|age| ("max_age", duration_text(age).into())));
        options.extend(self.ages.map(|ages| ("age_buckets", i64::from(ages).into())));
        options
    }
}

impl Histogram {
    /// Reads `histogram_options`, and `buckets` beside it, where they stood once.
    pub(super) fn read(keys: &mut Keys<'_>, to: &str) -> Histogram {
        let once = buckets(keys, to, Some("histogram_options.buckets"));
        let mut histogram = Histogram { buckets: once, ..Histogram::default() };
        let Some(mut own) = keys.within("histogram_options") else { return histogram };
        histogram.buckets = buckets(&mut own, to, None).or(histogram.buckets);
        histogram.factor = factor(&mut own, to);
        histogram.most = most(&mut own, to);
        keys.leave(own);
        histogram
    }

    /// Whether nothing is said.
    pub(super) fn is_empty(&self) -> bool {
        *self == Histogram::default()
    }

    /// Writes them as those of every distribution that no rule says otherwise of.
    pub(super) fn write_defaults(&self, output: &mut Document) {
        let bounds = self.buckets.clone().unwrap_or_else(|| USUAL.to_vec());
        output.set("buckets", toml::Table::from_iter([("*".to_owned(), bounds.into())]));
        if let Some(factor) = self.native_factor() {
            output.set("native_histograms", vec!["*"]);
            output.set("native_histogram_bucket_factor", factor);
            output.set("native_histogram_max_buckets", i64::from(self.most.unwrap_or(MOST)));
        }
    }

    /// The options of a rule, where `defaults` says what it does not.
    pub(super) fn options(&self, defaults: &Histogram) -> Vec<(&'static str, toml::Value)> {
        let merged = Histogram {
            buckets: self.buckets.clone().or_else(|| defaults.buckets.clone()),
            factor: self.factor.or(defaults.factor),
            most: self.most.or(defaults.most),
        };
        let mut options = Vec::new();
        options.extend(merged.buckets.clone().map(|bounds| ("buckets", bounds.into())));
        if let Some(factor) = merged.native_factor() {
            options.push(("native_histogram_bucket_factor", factor.into()));
            let most = i64::from(merged.most.unwrap_or(MOST));
            options.push(("native_histogram_max_buckets", most.into()));
        }
        options
    }

    /// The factor of native histograms, if there are some.
    fn native_factor(&self) -> Option<f64> {
        Some(self.factor.unwrap_or(1.1)).filter(|factor| *factor > 1.0)
    }
}

/// `[{ quantile: 0.5, error: 0.05 }, …]`; where it stood once, they are called `now`.
fn quantiles(keys: &mut Keys<'_>, of: &str, now: Option<&str>) -> Option<Vec<f64>> {
    let member = keys.take("quantiles")?;
    let (list, with_errors) = match &member.node.value {
        Yaml::List(list) => (list, list.iter().any(|node| field(node, "error").is_some())),
        _ => {
            keys.mistyped(member, "a list");
            return None;
        }
    };
    let quantile =
        |node: &Node| field(node, "quantile")?.number().filter(|found| (0.0..=1.0).contains(found));
    let quantiles: Option<Vec<f64>> = list.iter().map(quantile).collect();
    match quantiles {
        Some(quantiles) if quantiles.is_empty() => {
            keys.enter(member, Fate::Default);
            None
        }
        Some(quantiles) if quantiles.len() <= 100 => {
            let errors =
                if with_errors { "; an `error` means nothing here, they are within 1.1 %" } else { "" };
            let fate = Fate::Translated(format!("quantiles {of}{errors}"));
            keys.enter(member, moved("quantiles", now, fate));
            Some(quantiles)
        }
        _ => {
            let why = "100 elements at most, each with a `quantile` from 0 to 1, belong here; it is left out";
            keys.enter(member, Fate::Refused(why.to_owned()));
            None
        }
    }
}

fn field<'n>(node: &'n Node, key: &str) -> Option<&'n Yaml> {
    let Yaml::Map(members) = &node.value else { return None };
    members.iter().find(|member| member.key == key).map(|member| &member.node.value)
}

fn max_age(keys: &mut Keys<'_>, of: &str) -> Option<u64> {
    let (age, member) = keys.duration("max_age")?;
    if age == 0 {
        keys.enter(member, Fate::Default);
        return None;
    }
    let within = age.clamp(1_000_000_000, 86_400_000_000_000);
    keys.enter(member, clamped(within == age, &format!("max_age {of}"), "1s to 1d", &duration_text(within)));
    Some(within)
}

fn ages(keys: &mut Keys<'_>, of: &str) -> Option<u32> {
    let (ages, member) = keys.number("age_buckets")?;
    whole(keys, member, ages, (1, 60), &format!("age_buckets {of}"))
}

fn most(keys: &mut Keys<'_>, to: &str) -> Option<u32> {
    let (most, member) = keys.number("native_histogram_max_buckets")?;
    whole(keys, member, most, (4, 1000), to)
}

/// A whole number, as near as the bounds allow; 0 says nothing.
fn whole(keys: &mut Keys<'_>, member: &Member, number: f64, bounds: (u32, u32), to: &str) -> Option<u32> {
    if number == 0.0 {
        keys.enter(member, Fate::Default);
        return None;
    }
    if number.fract() != 0.0 || number < 0.0 {
        keys.enter(member, Fate::Refused("a whole number belongs here; it is left out".to_owned()));
        return None;
    }
    let within = number.clamp(bounds.0.into(), bounds.1.into());
    let range = format!("{} to {}", bounds.0, bounds.1);
    keys.enter(member, clamped(within == number, to, &range, &within.to_string()));
    Some(within as u32)
}

fn factor(keys: &mut Keys<'_>, to: &str) -> Option<f64> {
    let (factor, member) = keys.number("native_histogram_bucket_factor")?;
    if factor == 0.0 {
        keys.enter(member, Fate::Default);
        return None;
    }
    if factor.is_nan() || factor < 0.0 {
        keys.enter(member, Fate::Refused("a number above 1 belongs here; it is left out".to_owned()));
        return None;
    }
    if factor <= 1.0 {
        keys.enter(member, Fate::Translated("no native histogram".to_owned()));
        return Some(factor);
    }
    let within = factor.clamp(1.022, 65_536.0);
    keys.enter(member, clamped(within == factor, to, "1.022 to 65536", &within.to_string()));
    Some(within)
}

fn clamped(is_within: bool, to: &str, range: &str, nearest: &str) -> Fate {
    match is_within {
        true => Fate::Translated(to.to_owned()),
        false => Fate::Approximated(format!("{range} is possible here; {nearest} was taken")),
    }
}

/// `[0.1, 1, 10]`, where an infinite bucket at the end says nothing.
fn buckets(keys: &mut Keys<'_>, to: &str, now: Option<&str>) -> Option<Vec<f64>> {
    let member = keys.take("buckets")?;
    let Yaml::List(list) = &member.node.value else {
        keys.mistyped(member, "a list");
        return None;
    };
    let bounds: Option<Vec<f64>> = list.iter().map(|node| node.value.number()).collect();
    let mut bounds = bounds.unwrap_or_else(|| vec![f64::NAN]);
    bounds.truncate(bounds.len() - usize::from(bounds.last() == Some(&f64::INFINITY)));
    if list.is_empty() {
        keys.enter(member, Fate::Default);
        return None;
    }
    let ascend =
        bounds.windows(2).all(|pair| pair[0] < pair[1]) && bounds.iter().all(|bound| bound.is_finite());
    if !ascend || bounds.is_empty() || bounds.len() > 200 {
        let why = "1 to 200 numbers that ascend belong here; it is left out";
        keys.enter(member, Fate::Refused(why.to_owned()));
        return None;
    }
    let fate = Fate::Translated(to.to_owned());
    keys.enter(member, moved("buckets", now, fate));
    Some(bounds)
}

fn moved(key: &str, now: Option<&str>, fate: Fate) -> Fate {
    now.map_or(fate.clone(), |now| renamed(key, now, fate))
}

/// Most native buckets where nothing is said.
const MOST: u32 = 256;

/// Bounds where nothing is said.
const USUAL: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
