//! The rules, each checked by the engine that will have them.

use super::Defaults;
use super::keys::{Keys, duration_text, renamed};
use super::observers::{Histogram, Observer, Summary};
use super::templates::{Translated, of_glob, of_regex};
use crate::exposition::mapping::{Action, GlobOrder, Mapping, MatchType, MetricType, ObserverRule, Rule};
use crate::import::yaml::Yaml;
use crate::import::{Document, Fate, Finding};
use crate::regexp;

/// A rule that can be written.
pub(super) struct Draft {
    rule: Rule,
    /// Nanoseconds.
    ttl: Option<u64>,
    /// What the rule says distributions are shown as.
    observer: Option<Observer>,
    summary: Summary,
    histogram: Histogram,
}

/// Reads `mappings`.
pub(super) fn read(keys: &mut Keys<'_>, defaults: &Defaults) -> Vec<Draft> {
    let Some(member) = keys.take("mappings") else { return Vec::new() };
    let Yaml::List(list) = &member.node.value else {
        keys.mistyped(member, "a list");
        return Vec::new();
    };
    let mut drafts: Vec<Draft> = Vec::new();
    for (number, node) in list.iter().enumerate() {
        let name = format!("mappings[{number}]");
        let Yaml::Map(members) = &node.value else {
            let why = format!("a mapping belongs here, not {}; it is left out", node.value.described());
            keys.findings.push(Finding::new(name, node.line, Fate::Refused(why)));
            continue;
        };
        let mut own = keys.inner(&name, members);
        let draft = Draft::read(&mut own, defaults);
        if !refuse(&draft.rule, &mut own, (&name, node.line)) {
            told_apart(&draft, &drafts, &mut own);
            drafts.push(draft);
        }
        keys.leave(own);
    }
    keys.enter(member, Fate::Translated("[[PrometheusOutput.mapping]]".to_owned()));
    drafts
}

impl Draft {
    fn read(keys: &mut Keys<'_>, defaults: &Defaults) -> Draft {
        let mut rule = Rule::default();
        let matching = keys.choice("match_type", &[("glob", MatchType::Glob), ("regex", MatchType::Regex)]);
        let usual = if defaults.regex { MatchType::Regex } else { MatchType::Glob };
        rule.match_type = matching.map_or(usual, |(matching, _)| matching);
        if let Some((matching, member)) = matching {
            let fate = match matching {
                MatchType::Glob if !defaults.regex => Fate::Default,
                _ => Fate::Translated("match_type".to_owned()),
            };
            keys.enter(member, fate);
        }
        if let Some((pattern, member)) = keys.text("match") {
            rule.pattern = pattern.to_owned();
            keys.enter(member, Fate::Translated("match".to_owned()));
        }
        rule.metric_type = metric_type(keys);
        rule.action = action(keys);
        let groups = Groups::of(&rule);
        rule.name = name(keys, &groups, &mut rule.action);
        rule.labels = labels(keys, &groups);
        rule.honor_labels = honor_labels(keys);
        rule.help = help(keys);
        let ttl = keys.ttl("ttl");
        (rule.scale, rule.metric_type) = scale(keys, rule.metric_type);
        let mut draft = Draft {
            rule,
            ttl,
            observer: observer(keys),
            summary: Summary::read(keys, "of the rule"),
            histogram: Histogram::read(keys, "histogram_options of the rule"),
        };
        draft.agree(keys, defaults);
        draft
    }

    /// Leaves out options that statsd_exporter does not look at, and what means nothing where series are dropped.
    fn agree(&mut self, keys: &mut Keys<'_>, defaults: &Defaults) {
        let observer = self.observer.unwrap_or(defaults.observer);
        let (idle, wrong) = match observer {
            Observer::Summary => ("histogram_options", !self.histogram.is_empty()),
            Observer::Histogram => ("summary_options", !self.summary.is_empty()),
        };
        if wrong {
            let why = "it is for the other observer_type, and left out";
            keys.amend(idle, Fate::Approximated(why.to_owned()));
            match observer {
                Observer::Summary => self.histogram = Histogram::default(),
                Observer::Histogram => self.summary = Summary::default(),
            }
        }
        if self.rule.action == Action::Drop {
            keys.idle_but(&["match", "match_type", "match_metric_type", "action"]);
            let Rule { pattern, match_type, metric_type, .. } = std::mem::take(&mut self.rule);
            self.rule = Rule { pattern, match_type, metric_type, action: Action::Drop, ..Rule::default() };
            (self.ttl, self.observer) = (None, None);
            (self.summary, self.histogram) = Default::default();
        }
    }

    /// Writes it into its table.
    pub(super) fn write(&self, table: &mut Document, defaults: &Defaults) {
        let rule = &self.rule;
        table.set("match", rule.pattern.as_str());
        if rule.match_type == MatchType::Regex {
            table.set("match_type", "regex");
        }
        if let Some(only) = rule.metric_type {
            table.set("match_metric_type", only.word());
        }
        if rule.action == Action::Drop {
            table.set("action", "drop");
            return;
        }
        table.set("name", rule.name.as_str());
        if !rule.labels.is_empty() {
            let labels = rule.labels.iter().map(|(name, value)| (name.clone(), value.as_str().into()));
            table.set("labels", labels.collect::<toml::Table>());
        }
        if rule.honor_labels {
            table.set("honor_labels", true);
        }
        if let Some(help) = &rule.help {
            table.set("help", help.as_str());
        }
        if let Some(ttl) = self.ttl {
            table.set("ttl", duration_text(ttl));
        }
        if rule.scale != 1.0 {
            table.set("scale", rule.scale);
        }
        self.write_observer(table, defaults);
    }

    fn write_observer(&self, table: &mut Document, defaults: &Defaults) {
        let observer = self.observer.unwrap_or(defaults.observer);
        let says = self.observer.is_some_and(|own| own != defaults.observer);
        let options = match observer {
            Observer::Summary => self.summary.options(),
            Observer::Histogram if says || !self.histogram.is_empty() => {
                self.histogram.options(&defaults.histogram)
            }
            Observer::Histogram => Vec::new(),
        };
        if !says && options.is_empty() {
            return;
        }
        let (word, key) = match observer {
            Observer::Summary => ("summary", "summary_options"),
            Observer::Histogram => ("histogram", "histogram_options"),
        };
        table.set("observer_type", word);
        if !options.is_empty() {
            let options = options.into_iter().map(|(key, value)| (key.to_owned(), value));
            table.set(key, options.collect::<toml::Table>());
        }
    }
}

/// Asks the engine about a rule; whether it was refused, and with it left out.
fn refuse(rule: &Rule, keys: &mut Keys<'_>, (name, line): (&str, usize)) -> bool {
    let observer = ObserverRule::AsConfigured;
    let Err(errors) = Mapping::new(&[Rule { observer, ..rule.clone() }], GlobOrder::File) else {
        return false;
    };
    for error in errors {
        let fate = Fate::Refused(error.fault.to_string());
        if !keys.amend(&error.key, fate.clone()) {
            keys.findings.push(Finding::new(format!("{name}.{}", error.key), line, fate));
        }
    }
    let why = "the rule is left out, for what is wrong with its keys";
    keys.findings.push(Finding::new(name, line, Fate::Refused(why.to_owned())));
    true
}

/// Says where statsd_exporter lets rules count otherwise than it documents.
fn told_apart(draft: &Draft, before: &[Draft], keys: &mut Keys<'_>) {
    if draft.rule.match_type != MatchType::Glob {
        return;
    }
    let globs = before.iter().filter(|other| other.rule.match_type == MatchType::Glob);
    let overlaps =
        |one: Option<MetricType>, other: Option<MetricType>| one.is_none() || other.is_none() || one == other;
    for other in globs.filter(|other| overlaps(other.rule.metric_type, draft.rule.metric_type)) {
        let (own, earlier) = (&draft.rule.pattern, &other.rule.pattern);
        if own == earlier {
            let why = "repeats an earlier rule, and never counts; in statsd_exporter it also moves that rule to this place";
            keys.amend("match", Fate::Approximated(why.to_owned()));
            return;
        }
        if earlier.strip_prefix(own.as_str()).is_some_and(|rest| rest.starts_with('.')) {
            let why = format!(
                "counts as it is meant; statsd_exporter never uses it, since the longer {earlier:?} stands before it"
            );
            keys.amend("match", Fate::Approximated(why));
            return;
        }
    }
}

/// What references of a template may refer to.
enum Groups {
    Stars(usize),
    /// Names of groups, the first that of the whole match.
    Regex(Vec<Option<String>>),
}

impl Groups {
    fn of(rule: &Rule) -> Groups {
        match rule.match_type {
            MatchType::Glob => {
                Groups::Stars(rule.pattern.split('.').filter(|component| *component == "*").count())
            }
            MatchType::Regex => {
                let compiled = regexp::compile(&rule.pattern);
                let names = |regex: &regex::bytes::Regex| {
                    regex.capture_names().map(|name| name.map(str::to_owned)).collect()
                };
                Groups::Regex(compiled.as_ref().map(|compiled| names(&compiled.regex)).unwrap_or_default())
            }
        }
    }

    fn translate(&self, template: &str) -> Translated {
        match self {
            Groups::Stars(stars) => of_glob(template, *stars),
            Groups::Regex(names) => of_regex(template, &|name| {
                let number = name.parse().ok().filter(|&number: &usize| number < names.len());
                number.or_else(|| names.iter().position(|other| other.as_deref() == Some(name)))
            }),
        }
    }
}

fn metric_type(keys: &mut Keys<'_>) -> Option<MetricType> {
    let words = [
        ("counter", MetricType::Counter),
        ("gauge", MetricType::Gauge),
        ("observer", MetricType::Observer),
        ("timer", MetricType::Observer),
    ];
    let (only, member) = keys.choice("match_metric_type", &words)?;
    let fate = Fate::Translated("match_metric_type".to_owned());
    let is_old = member.node.value.text() == Some("timer");
    keys.enter(member, if is_old { renamed("timer", "observer", fate) } else { fate });
    Some(only)
}

fn action(keys: &mut Keys<'_>) -> Action {
    let Some((action, member)) = keys.choice("action", &[("map", Action::Map), ("drop", Action::Drop)])
    else {
        return Action::Map;
    };
    let fate = match action {
        Action::Map => Fate::Default,
        Action::Drop => Fate::Translated("action".to_owned()),
    };
    keys.enter(member, fate);
    action
}

fn name(keys: &mut Keys<'_>, groups: &Groups, action: &mut Action) -> String {
    let Some((template, member)) = keys.text("name") else { return String::new() };
    let translated = groups.translate(template);
    if translated.text.is_empty() && !template.is_empty() {
        let why = format!("{template:?} always comes out empty, so that nothing is shown: the rule drops");
        *action = Action::Drop;
        keys.enter(member, Fate::Approximated(why));
    } else {
        keys.enter(member, fate_of(&translated, "name"));
    }
    translated.text
}

fn labels(keys: &mut Keys<'_>, groups: &Groups) -> Vec<(String, String)> {
    let Some(mut own) = keys.within("labels") else { return Vec::new() };
    let mut labels = Vec::new();
    for member in own.members() {
        let Some((template, member)) = own.text(&member.key) else { continue };
        let translated = groups.translate(template);
        own.enter(member, fate_of(&translated, &format!("labels.{}", member.key)));
        labels.push((member.key.clone(), translated.text));
    }
    keys.leave(own);
    labels
}

fn fate_of(translated: &Translated, to: &str) -> Fate {
    match &translated.empty[..] {
        [] => Fate::Translated(to.to_owned()),
        empty => Fate::Approximated(format!("{} comes out empty there, and is left out", empty.join(", "))),
    }
}

fn honor_labels(keys: &mut Keys<'_>) -> bool {
    let Some((honor, member)) = keys.boolean("honor_labels") else { return false };
    let fate = if honor { Fate::Translated("honor_labels".to_owned()) } else { Fate::Default };
    keys.enter(member, fate);
    honor
}

fn help(keys: &mut Keys<'_>) -> Option<String> {
    let (help, member) = keys.text("help")?;
    let fate = if help.is_empty() { Fate::Default } else { Fate::Translated("help".to_owned()) };
    keys.enter(member, fate);
    Some(help.to_owned()).filter(|help| !help.is_empty())
}

/// The scale, and what the rule is for: one below 0 is for gauges alone, since counters refuse it.
fn scale(keys: &mut Keys<'_>, only: Option<MetricType>) -> (f64, Option<MetricType>) {
    let Some((scale, member)) = keys.number("scale") else { return (1.0, only) };
    let fate = match (scale, only) {
        (1.0, _) => Fate::Default,
        (scale, None) if scale < 0.0 && scale.is_finite() => {
            let why =
                "below 0, so that the rule is for gauges alone: statsd_exporter refuses counters that fall";
            keys.enter(member, Fate::Approximated(why.to_owned()));
            return (scale, Some(MetricType::Gauge));
        }
        _ => Fate::Translated("scale".to_owned()),
    };
    keys.enter(member, fate);
    (scale, only)
}

fn observer(keys: &mut Keys<'_>) -> Option<Observer> {
    let mut observer = None;
    for key in ["timer_type", "observer_type"] {
        let words = [("summary", Observer::Summary), ("histogram", Observer::Histogram)];
        if let Some((found, member)) = keys.choice(key, &words) {
            observer = Some(found);
            keys.enter(member, renamed(key, "observer_type", Fate::Translated("observer_type".to_owned())));
        }
    }
    observer
}
