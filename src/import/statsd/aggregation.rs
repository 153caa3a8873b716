//! Flushes: their interval, names, percentiles, bins, and what becomes of idle series.

use super::environment::OWN_NAME;
use super::{Keys, number_or, text_of};
use crate::graphite::{TIMER_METRICS, clean};
use crate::import::javascript::Js;
use crate::import::{Document, Fate, Template};

/// Writes the accumulator; `suffix_host` is the name of the host if globalSuffix is made of it.
pub(super) fn write(keys: &mut Keys<'_>, document: &mut Document, suffix_host: Option<&str>) {
    document.section(SECTION);
    interval(keys, document);
    document.comment("Names and numbers as statsd has them, its own statistics too.");
    document.set("rules", "statsd").set("own_stats", true).set("send_non_finite", true);
    if keys.value("keyNameSanitize").is_some_and(|value| !value.is_truthy()) {
        document.set("clean_names", true);
    }
    names(keys, document, suffix_host);
    percentiles(keys, document);
    histogram(keys, document);
    timer_metrics(keys, document);
    idle(keys, document);
}

/// `flushInterval`, in milliseconds.
fn interval(keys: &mut Keys<'_>, document: &mut Document) {
    if let Some(Js::Asked(asked)) = keys.written("flushInterval")
        && asked.template.is_one_variable()
    {
        let interval = asked.template.clone().or("10000").then("ms");
        document.refer("ticker_interval", &interval);
        keys.refer("flushInterval", &format!("ticker_interval of [{SECTION}]"), &interval);
        return;
    }
    let milliseconds = number_or(keys.value("flushInterval"), 10_000.0);
    let kept = milliseconds.round().clamp(100.0, 86_400_000.0);
    document.set("ticker_interval", format!("{kept}ms"));
    keys.settle("flushInterval", |_| match kept == milliseconds {
        true => Fate::Translated(format!("ticker_interval of [{SECTION}]")),
        false => Fate::Approximated(format!("became {kept} ms: whole ones from 100 ms to a day")),
    });
}

fn names(keys: &mut Keys<'_>, document: &mut Document, suffix_host: Option<&str>) {
    let mut graphite = keys.within("graphite");
    let namespace = graphite.value("legacyNamespace").map_or(LegacyNamespace::On, LegacyNamespace::of);
    document.set("legacy_namespaces", namespace == LegacyNamespace::On);
    if namespace == LegacyNamespace::Neither {
        document.set("counter_prefix", "");
    }
    graphite.settle("legacyNamespace", |value| namespace.fate(value));
    let prefixes = [
        ("globalPrefix", "global_prefix", "stats"),
        ("prefixCounter", "counter_prefix", "counters"),
        ("prefixTimer", "timer_prefix", "timers"),
        ("prefixGauge", "gauge_prefix", "gauges"),
        ("prefixSet", "set_prefix", "sets"),
    ];
    for (key, ours, default) in prefixes {
        let Some(value) = graphite.written(key) else { continue };
        if namespace != LegacyNamespace::Off {
            let why = "statsd does not look at it unless legacyNamespace is false".to_owned();
            graphite.settle(key, |_| Fate::Approximated(why));
            continue;
        }
        prefix(&mut graphite, document, (key, ours, default), value);
    }
    suffix(&mut graphite, document, suffix_host);
    keys.leave(graphite);
    if let Some(value) = keys.written("prefixStats") {
        prefix(keys, document, ("prefixStats", "statsd_prefix", "statsd"), value);
    }
    let counts = keys.value("flush_counts").is_none_or(Js::is_truthy);
    if !counts {
        document.set("flush_counts", false);
    }
    keys.translate("flush_counts", counts, &format!("flush_counts of [{SECTION}]"));
}

/// `legacyNamespace`: its parts are true of `true`, and of what is not `false`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LegacyNamespace {
    On,
    Off,
    /// Prefixes as with `true`, ends of names as with `false`.
    Neither,
}

impl LegacyNamespace {
    fn of(value: &Js) -> LegacyNamespace {
        match value {
            Js::Bool(true) => LegacyNamespace::On,
            Js::Bool(false) => LegacyNamespace::Off,
            _ => LegacyNamespace::Neither,
        }
    }

    fn fate(self, value: &Js) -> Fate {
        match (self, value) {
            (LegacyNamespace::Neither, value) => {
                let shown =
                    if matches!(value, Js::Text(_)) { format!("{:?}", value.text()) } else { value.text() };
                Fate::Approximated(format!(
                    "{shown} is neither true nor false: counters are stats.NAME.rate and stats.NAME.count, as statsd has it \
                     then, and prefixes mean nothing; write false for stats.counters.NAME.rate"
                ))
            }
            _ => Fate::Translated("legacy_namespaces".to_owned()),
        }
    }
}

/// `globalSuffix`, which may be made of the name of the host.
fn suffix(graphite: &mut Keys<'_>, document: &mut Document, host: Option<&str>) {
    let to = format!("global_suffix of [{SECTION}]");
    // A variable that is not set adds nothing.
    let Some(text) = graphite.written("globalSuffix").map(|value| text_of(Some(value), "").or("")) else {
        return;
    };
    if text.is_empty() {
        return graphite.settle("globalSuffix", |_| {
            Fate::Approximated("nothing is added, where statsd adds a dot to every name".to_owned())
        });
    }
    let own = host.zip(text.constant()).and_then(|(host, text)| Some((host, with_own_name(&text, host)?)));
    let Some((host, own)) = own else {
        document.refer("global_suffix", &text);
        return match text.constant().and_then(|text| sent_otherwise(&text, &to)) {
            Some(fate) => graphite.settle("globalSuffix", |_| fate),
            None => graphite.refer("globalSuffix", &to, &text),
        };
    };
    document.set("global_suffix", own);
    graphite.settle("globalSuffix", |_| match host.contains('.') {
        true => Fate::Translated(format!("{to}, with {OWN_NAME} for the name of each host")),
        false => Fate::Approximated(format!(
            "became {to}, with {OWN_NAME} for the name of each host; in a name with dots they become `_`"
        )),
    });
}

/// The text with `%HOSTNAME%` for the name of the host, which stands there with `_` for its dots; none if it does not,
/// or more than once.
fn with_own_name(text: &str, host: &str) -> Option<String> {
    let name = host.replace('.', "_");
    let is_there = !name.is_empty() && text.matches(&name).count() == 1;
    is_there.then(|| text.replace(&name, OWN_NAME))
}

/// A part of names, which may be empty.
fn prefix(
    keys: &mut Keys<'_>,
    document: &mut Document,
    (key, ours, default): (&str, &str, &str),
    value: &Js,
) {
    let to = format!("{ours} of [{SECTION}]");
    match value {
        Js::Asked(asked) => {
            let text = asked.template.clone().or(default);
            document.refer(ours, &text);
            keys.refer(key, &to, &text);
        }
        Js::Null if key != "prefixStats" => {
            document.set(ours, "");
            keys.settle(key, |_| {
                Fate::Approximated(
                    "nothing is added, where statsd takes null for an empty part and adds a dot".to_owned(),
                )
            });
        }
        value => {
            let text = value.text();
            document.set(ours, text.as_str());
            match sent_otherwise(&text, &to) {
                Some(fate) => keys.settle(key, |_| fate),
                None => keys.translate(key, text == default, &to),
            }
        }
    }
}

/// The fate of a part of names that became `to` and holds what no line can bear; none if it holds nothing like it.
fn sent_otherwise(text: &str, to: &str) -> Option<Fate> {
    let sent = clean(text);
    let is_other = !text.is_empty() && sent != text;
    is_other.then(|| {
        Fate::Approximated(format!(
            "became {to} and is sent as {sent:?}; statsd sends it as it is, which carbon takes for no name"
        ))
    })
}

/// `percentThreshold`: a number, or a list; what is falsy is 90.
fn percentiles(keys: &mut Keys<'_>, document: &mut Document) {
    let is_given = |value: &&Js| matches!(value, Js::Asked(_)) || value.is_truthy();
    let given = match keys.written("percentThreshold").filter(is_given) {
        Some(Js::List(nodes)) => nodes.iter().map(|node| &node.value).collect(),
        Some(value) => vec![value],
        None => vec![&NINETY],
    };
    let (mut kept, mut left): (Vec<Template>, Vec<String>) = (Vec::new(), Vec::new());
    for value in given {
        let is_percent = |number: &f64| (-100.0..=100.0).contains(number);
        match value {
            Js::Asked(asked) => kept.push(asked.template.clone().or("90")),
            Js::Number(_) | Js::Text(_) if value.number().is_some_and(|number| is_percent(&number)) => {
                kept.push(value.text().into());
            }
            _ => left.push(value.text()),
        }
    }
    document.refer_all("percent_threshold", &kept);
    let is_default = kept == [Template::from("90")];
    let all = kept.into_iter().reduce(Template::then).unwrap_or_default();
    if left.is_empty() && !is_default {
        keys.refer("percentThreshold", &format!("percent_threshold of [{SECTION}]"), &all);
        return;
    }
    keys.settle("percentThreshold", |_| match left.is_empty() {
        true => Fate::Default,
        false => {
            let references = all.references();
            let read = if references.is_empty() {
                references
            } else {
                format!(", read from {references} at each start")
            };
            Fate::Approximated(format!("without {}: no percentiles from -100 to 100{read}", left.join(", ")))
        }
    });
}

/// `histogram: [{ metric: 'api', bins: [10, 100, 'inf'] }]`
fn histogram(keys: &mut Keys<'_>, document: &mut Document) {
    let Some(Js::List(rules)) = keys.value("histogram") else {
        keys.settle("histogram", |_| Fate::Refused("must be a list of { metric, bins }".to_owned()));
        return;
    };
    let (mut tables, mut changed) = (Vec::new(), false);
    for rule in rules {
        let metric = super::value_of(rule.value.now(), "metric").map(Js::text).unwrap_or_default();
        let mut bounds: Vec<f64> = match super::value_of(rule.value.now(), "bins") {
            Some(Js::List(nodes)) => nodes.iter().filter_map(|node| bound(&node.value)).collect(),
            _ => Vec::new(),
        };
        changed |= !bounds.is_sorted();
        bounds.sort_by(f64::total_cmp);
        let bins: Vec<toml::Value> = bounds.into_iter().map(written).collect();
        tables.push(toml::Value::Table(toml::Table::from_iter([
            ("metric".to_owned(), metric.into()),
            ("bins".to_owned(), bins.into()),
        ])));
    }
    let none = tables.is_empty();
    if !none {
        document.set("histogram", tables);
    }
    keys.settle("histogram", |_| match changed {
        _ if none => Fate::Default,
        false => Fate::Translated(format!("histogram of [{SECTION}]")),
        true => Fate::Approximated("with its bounds in ascending order".to_owned()),
    });
}

fn bound(value: &Js) -> Option<f64> {
    match value.now() {
        Js::Text(text) if text == "inf" => Some(f64::INFINITY),
        value => value.number().filter(|number| number.is_finite()),
    }
}

fn written(bound: f64) -> toml::Value {
    match bound {
        bound if bound.is_infinite() => "inf".into(),
        bound if bound.fract() == 0.0 && bound.abs() < 1e15 => (bound as i64).into(),
        bound => bound.into(),
    }
}

/// `calculatedTimerMetrics: ['count', 'upper_percent']`
fn timer_metrics(keys: &mut Keys<'_>, document: &mut Document) {
    let Some(value) = keys.value("calculatedTimerMetrics") else { return };
    let listed: Vec<String> = match value {
        Js::List(nodes) => nodes.iter().map(|node| node.value.text()).collect(),
        _ => Vec::new(),
    };
    let (known, unknown): (Vec<_>, Vec<_>) =
        listed.into_iter().partition(|name| TIMER_METRICS.contains(&name.as_str()));
    let fate = match (known.is_empty(), unknown.is_empty()) {
        (true, true) => Fate::Default,
        // Everything was filtered out there; an empty list would send everything here.
        (true, false) => {
            Fate::Refused(format!("none of {} is a statistic: all are sent", unknown.join(", ")))
        }
        (false, true) if has_decimals(keys) && known.iter().any(|name| name.ends_with("_percent")) => {
            Fate::Approximated("of percentiles with decimals too, which the reference leaves out".to_owned())
        }
        (false, true) => Fate::Translated(format!("timer_metrics of [{SECTION}]")),
        (false, false) => Fate::Approximated(format!(
            "without {}, which name nothing that is sent (percentiles end in _percent)",
            unknown.join(", ")
        )),
    };
    if !known.is_empty() {
        document.set("timer_metrics", known);
    }
    keys.settle("calculatedTimerMetrics", |_| fate);
}

/// Whether there is a percentile with decimals, as `upper_99_9`.
fn has_decimals(keys: &Keys<'_>) -> bool {
    let is_one = |value: &Js| value.number().is_some_and(|number| number.fract() != 0.0);
    match keys.value("percentThreshold") {
        Some(Js::List(nodes)) => nodes.iter().any(|node| is_one(&node.value)),
        Some(value) => is_one(value),
        None => false,
    }
}

fn idle(keys: &mut Keys<'_>, document: &mut Document) {
    let switches = [
        ("deleteIdleStats", "delete_idle_stats"),
        ("deleteCounters", "delete_counters"),
        ("deleteTimers", "delete_timers"),
        ("deleteGauges", "delete_gauges"),
        ("deleteSets", "delete_sets"),
    ];
    for (key, ours) in switches {
        let Some(on) = keys.value(key).map(Js::is_truthy) else { continue };
        document.set(ours, on);
        keys.translate(key, false, &format!("{ours} of [{SECTION}]"));
    }
    let is_on = |key: &str| keys.value(key).map(Js::is_truthy);
    if is_on("deleteGauges").or(is_on("deleteIdleStats")).unwrap_or(false) {
        document.set("gauges_end", "flush");
    }
    let Some(value) = keys.value("gaugesMaxTTL") else { return };
    // Whatever is no whole number above 1 is 1, a text with one in it too.
    let most = match value {
        Js::Number(most) if most.fract() == 0.0 && (1.0..=4e9).contains(most) => *most,
        _ => 1.0,
    };
    document.set("gauges_max_ttl", most as i64);
    keys.settle("gaugesMaxTTL", |value| match value {
        Js::Number(number) if *number != most => {
            Fate::Approximated("became 1, which statsd takes for what is no whole number above 1".to_owned())
        }
        Js::Number(_) if most == 1.0 => Fate::Default,
        Js::Number(_) => Fate::Translated(format!("gauges_max_ttl of [{SECTION}]")),
        _ => Fate::Approximated("became 1, which statsd takes for what is no number, a text too".to_owned()),
    });
}

const SECTION: &str = "StatAccumFilter";

const NINETY: Js = Js::Number(90.0);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::statsd;

    /// What a file asks of the host `name` for its suffix: the line that is written, and what is said of it.
    fn suffix_on(name: &str, text: &str) -> (String, Fate) {
        let imported =
            statsd(&format!("{{ graphite: {{ globalSuffix: {text} }} }}"), name, &|_| None).unwrap();
        let line = imported.text.lines().find_map(|line| line.strip_prefix("global_suffix = "));
        (line.unwrap_or_default().to_owned(), imported.findings[0].fate.clone())
    }

    #[test]
    fn a_suffix_asks_each_host_for_its_name_where_that_comes_to_the_same() {
        let to = "global_suffix of [StatAccumFilter]";
        let dashed = "require('os').hostname().replace(/\\./g, '_')";
        let each = "with %HOSTNAME% for the name of each host";
        assert_eq!(
            suffix_on("web1.example.com", dashed),
            ("\"%HOSTNAME%\"".to_owned(), Fate::Translated(format!("{to}, {each}")))
        );
        let dots = "in a name with dots they become `_`";
        assert_eq!(
            suffix_on("vm", "'at.' + os.hostname()"),
            ("\"at.%HOSTNAME%\"".to_owned(), Fate::Approximated(format!("became {to}, {each}; {dots}")))
        );
        let taken = |value: &str, name: &str| {
            let why = "is the name of this machine, where statsd asks each one at its start";
            (format!("{value:?}"), Fate::Approximated(format!("became {to}; {name:?} {why}")))
        };
        for (name, text, value) in [
            ("web1.example.com", "require('os').hostname()", "web1.example.com"),
            ("web1.example.com", "require('os').hostname().split('.')[0]", "web1"),
            ("a", "'data.' + require('os').hostname()", "data.a"),
            ("VM", "require('os').hostname().toLowerCase()", "vm"),
        ] {
            assert_eq!(suffix_on(name, text), taken(value, name), "{text}");
        }
        assert_eq!(suffix_on("vm", "'vm'"), ("\"vm\"".to_owned(), Fate::Translated(to.to_owned())));
    }
}
