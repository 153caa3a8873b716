//! `hekad match`: which rule of an output's mapping counts for a name, why, and the series it gives.

use std::fmt::Write;
use std::io::IsTerminal;
use std::sync::Arc;

use super::{CONFIGURATION, Source, USAGE};
use crate::config::{Sources, render};
use crate::daemon::load;
use crate::metric::{BadReason, Kind, Registry, Sample, SampleBatch, Series};
use crate::pipeline::{Plan, PlannedConsumer};
use crate::plugin::{Asked, Explained, Fate, Plugins, RuleOutcome, ToldRule};
use crate::statsd::{Parser, Rules};

/// Names, and whose rules.
#[derive(Debug, clap::Args)]
pub(super) struct Match {
    #[command(flatten)]
    source: Source,
    /// Names as an output gets them, with the prefix of their input; or statsd lines with a type, a value and tags, such
    /// as 'api.users.get:1|ms|#env:prod'.
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    /// Tells of all rules, also of those behind the one that counts.
    #[arg(long)]
    all: bool,
}

impl Match {
    /// Tells of each name at each output that names series; the exit code.
    pub(super) fn tell(self, plugins: &Plugins) -> u8 {
        let asked = match self.names.iter().map(|name| Question::parse(name)).collect::<Result<Vec<_>, _>>() {
            Ok(asked) => asked,
            Err(message) => {
                anstream::eprintln!("{message}");
                return USAGE;
            }
        };
        let loaded = load(&self.source.choice(), plugins);
        let Some(plan) = loaded.plan else {
            let colour = std::io::stderr().is_terminal();
            anstream::eprint!("{}", render(&loaded.problems, &loaded.sources, colour));
            return CONFIGURATION;
        };
        for question in asked {
            anstream::print!("{}", told(&question, &plan, &loaded.sources, self.all));
        }
        0
    }
}

/// What is asked: a name or line, and what series it is.
struct Question {
    text: String,
    series: Vec<Series>,
    /// Value and rate, if it is a line.
    sample: Option<(f64, f64)>,
}

impl Question {
    /// A name may be of any type, a line is of one.
    fn parse(text: &str) -> Result<Question, String> {
        let is_line = text.contains('|');
        let lines = match is_line {
            true => vec![text.to_owned()],
            false => TYPES.iter().map(|kind| format!("{text}:0|{}", kind.letter())).collect(),
        };
        let mut found = Vec::new();
        for line in &lines {
            found.push(parsed(line).map_err(|reason| refused(text, reason))?);
        }
        let sample = found.first().filter(|_| is_line).map(|(_, sample)| (sample.value, sample.rate));
        let series = found.into_iter().map(|(series, _)| series).collect();
        Ok(Question { text: text.to_owned(), series, sample })
    }

    fn asked<'a>(&self, series: &'a Series) -> Asked<'a> {
        Asked {
            series,
            value: self.sample.map(|(value, _)| value),
            rate: self.sample.map_or(1.0, |(_, rate)| rate),
        }
    }
}

/// The only sample of a line.
fn parsed(line: &str) -> Result<(Series, Sample), Option<BadReason>> {
    let names = Arc::new(Registry::new(16));
    let mut batch = SampleBatch::new(Arc::clone(&names));
    Parser::new(Rules::default(), Arc::clone(&names), 0).parse(line.as_bytes(), false, &mut batch);
    match (&batch.samples[..], line.contains('\n')) {
        ([sample], false) => Ok((names.series(sample.series), *sample)),
        _ => Err(BadReason::ALL.into_iter().find(|&reason| batch.tally.bad[reason as usize] > 0)),
    }
}

fn refused(text: &str, reason: Option<BadReason>) -> String {
    let reason = reason.map_or("it is not one sample", |reason| reason.label());
    format!(
        "{text:?} is no name and no statsd line ({reason}); they look like this: api.users.get, api.users.get:1|ms|#env:prod"
    )
}

fn told(question: &Question, plan: &Plan, sources: &Sources, all: bool) -> String {
    let mut out = format!("{BOLD}{}{PLAIN}\n", shown_text(&question.text));
    let mut any = false;
    for output in &plan.outputs {
        let explained: Vec<(Kind, Explained)> = question
            .series
            .iter()
            .filter_map(|series| Some((series.kind, output.declared.explain(question.asked(series))?)))
            .collect();
        if !explained.is_empty() {
            any = true;
            at_output(&mut out, output, &explained, sources, all);
        }
    }
    if !any {
        out.push_str("  no output of this configuration names series in a way of its own\n");
    }
    out
}

/// What one output makes of a name: the rules once for all types of which they say the same.
fn at_output(
    out: &mut String,
    output: &PlannedConsumer,
    explained: &[(Kind, Explained)],
    sources: &Sources,
    all: bool,
) {
    let plain =
        |out: &mut String, text: std::fmt::Arguments<'_>| out.write_fmt(text).expect("text takes text");
    plain(out, format_args!("  at {}:\n", output.name));
    for group in explained.chunk_by(|(_, one), (_, other)| one.rules == other.rules) {
        if let Some((_, first)) = group.first().filter(|(_, first)| !first.rules.is_empty()) {
            rules(out, &first.rules, output, sources, all);
        }
        for (kind, Explained { fate, shown, .. }) in group {
            let fate = match fate {
                Fate::Mapped => format!("{GREEN}mapped{PLAIN}"),
                Fate::Unmapped => format!("{YELLOW}no rule matches{PLAIN}, it keeps its name"),
                Fate::Hidden(why) => format!("{RED}not shown{PLAIN}: {why}"),
            };
            plain(out, format_args!("    as a {}: {fate}\n", kind.word()));
            for line in shown {
                match line.starts_with('#') {
                    true => plain(out, format_args!("      {DIM}{}{PLAIN}\n", shown_text(line))),
                    false => plain(out, format_args!("      {}\n", shown_text(line))),
                }
            }
        }
    }
}

/// The rules up to the one that counts, or all of them.
fn rules(out: &mut String, rules: &[ToldRule], output: &PlannedConsumer, sources: &Sources, all: bool) {
    let winner = rules.iter().position(|rule| rule.outcome == RuleOutcome::Wins);
    let asked = &rules[..winner.filter(|_| !all).map_or(rules.len(), |winner| winner + 1)];
    let is_told = |rule: &&ToldRule| all || rule.outcome != RuleOutcome::NotAsked;
    let told: Vec<&ToldRule> = asked.iter().filter(is_told).collect();
    let skipped = if all { 0 } else { told.len().saturating_sub(MOST_RULES) };
    if skipped > 0 {
        let more =
            format!("    {DIM}{skipped} rules before these do not count; --all tells of them{PLAIN}\n");
        out.push_str(&more);
    }
    for rule in &told[skipped..] {
        let place = sources.place(&output.section.nested_at(&rule.key));
        let (colour, word) = match rule.outcome {
            RuleOutcome::Wins => (GREEN, "counts"),
            RuleOutcome::Beaten => (YELLOW, "matches too"),
            RuleOutcome::Misses => (DIM, "misses"),
            RuleOutcome::NotAsked => (DIM, "is not asked"),
        };
        let why = if rule.why.is_empty() { String::new() } else { format!(": {}", shown_text(&rule.why)) };
        let line = format!("    {place}: {} {colour}{word}{PLAIN}{why}\n", shown_text(&rule.pattern));
        out.push_str(&line);
    }
}

/// Text of a file or a command line, with nothing in it that a terminal obeys.
fn shown_text(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect()
}

/// Types that are asked about where a name has none.
const TYPES: [Kind; 3] = [Kind::Counter, Kind::Gauge, Kind::Timer];

/// Rules that are told of unless all are asked for.
const MOST_RULES: usize = 20;

// Where standard output is no terminal, anstream takes these out.
const BOLD: &str = "\x1b[1m";
const DIM: &str = "\x1b[2m";
const GREEN: &str = "\x1b[32m";
const YELLOW: &str = "\x1b[33m";
const RED: &str = "\x1b[31m";
const PLAIN: &str = "\x1b[0m";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Problems;
    use crate::pipeline::{builtin, plan};

    const CONFIG: &str = r#"[StatsdInput]
[StatAccumFilter]
[p]
type = "PrometheusOutput"
[[p.mapping]]
match = "api.*.get"
match_metric_type = "gauge"
name = "api_level"
[[p.mapping]]
match = "api.users.*"
name = "api_total"
labels = { method = "$1" }
scale = 10
[[p.mapping]]
match = "^debug"
match_type = "regex"
action = "drop"
[[p.mapping]]
match = "api.*.*"
name = "too_late"
"#;

    /// What is told, without colours.
    fn told_of(config: &str, names: &[&str], all: bool) -> String {
        let sources = Sources::embedded("h.toml", config);
        let mut problems = Problems::new();
        let plan = plan(&sources, &builtin(), &|_| None, "host", &mut problems).expect("it is right");
        let one = |name: &&str| told(&Question::parse(name).unwrap(), &plan, &sources, all);
        let text: String = names.iter().map(one).collect();
        [BOLD, DIM, GREEN, YELLOW, RED, PLAIN].iter().fold(text, |text, colour| text.replace(colour, ""))
    }

    #[test]
    fn a_line_has_its_rule_and_what_is_scraped() {
        let expected = r##"api.users.get:2|ms|@0.5|#env:x
  at p:
    h.toml:6:9: api.*.get misses: it is for match_metric_type = "gauge" alone, this is a timer
    h.toml:10:9: api.users.* counts: $1 = "get"
    as a timer: mapped
      # HELP api_total statsd timer api.users.*
      # TYPE api_total summary
      api_total{env="x",method="get",quantile="0.5"} 0.02
      api_total{env="x",method="get",quantile="0.9"} 0.02
      api_total{env="x",method="get",quantile="0.99"} 0.02
      api_total_sum{env="x",method="get"} 0.04
      api_total_count{env="x",method="get"} 2
"##;
        assert_eq!(told_of(CONFIG, &["api.users.get:2|ms|@0.5|#env:x"], false), expected);
    }

    #[test]
    fn a_name_is_asked_about_as_each_type_and_rules_are_told_once_where_they_say_the_same() {
        let expected = r##"api.q.get
  at p:
    h.toml:6:9: api.*.get misses: it is for match_metric_type = "gauge" alone, this is a counter
    h.toml:10:9: api.users.* misses: component 2 is "q", not "users"
    h.toml:19:9: api.*.* counts: $1 = "q", $2 = "get"
    as a counter: mapped
      # HELP too_late statsd counter api.*.*
      # TYPE too_late counter
      too_late
    h.toml:6:9: api.*.get counts: $1 = "q"
    as a gauge: mapped
      # HELP api_level statsd gauge api.*.get
      # TYPE api_level gauge
      api_level
    h.toml:6:9: api.*.get misses: it is for match_metric_type = "gauge" alone, this is a timer
    h.toml:10:9: api.users.* misses: component 2 is "q", not "users"
    h.toml:19:9: api.*.* counts: $1 = "q", $2 = "get"
    as a timer: mapped
      # HELP too_late statsd timer api.*.*, in seconds
      # TYPE too_late summary
      too_late{quantile="0.5"}
      too_late{quantile="0.9"}
      too_late{quantile="0.99"}
      too_late_sum
      too_late_count
"##;
        assert_eq!(told_of(CONFIG, &["api.q.get"], false), expected);
    }

    #[test]
    fn what_is_dropped_or_unmapped_is_said_and_all_rules_where_all_are_asked_for() {
        let expected = r##"debug.x:1|c
  at p:
    h.toml:6:9: api.*.get misses: it has 3 components, the name 2
    h.toml:10:9: api.users.* misses: it has 3 components, the name 2
    h.toml:15:9: ^debug counts: action = "drop"
    h.toml:19:9: api.*.* misses: it has 3 components, the name 2
    as a counter: not shown: the rule drops it
x:-1.5|g
  at p:
    h.toml:6:9: api.*.get misses: it has 3 components, the name 1
    h.toml:10:9: api.users.* misses: it has 3 components, the name 1
    h.toml:15:9: ^debug misses: the regular expression finds nothing in it
    h.toml:19:9: api.*.* misses: it has 3 components, the name 1
    as a gauge: no rule matches, it keeps its name
      # HELP x statsd gauge x
      # TYPE x gauge
      x -1.5
"##;
        assert_eq!(told_of(CONFIG, &["debug.x:1|c", "x:-1.5|g"], true), expected);
    }

    #[test]
    fn of_many_rules_the_last_ones_are_told() {
        let rules: String = (0..30)
            .map(|at| format!("[[PrometheusOutput.mapping]]\nmatch = \"a.{at}\"\nname = \"x\"\n"))
            .collect();
        let text = told_of(&format!("[StatsdInput]\n[PrometheusOutput]\n{rules}"), &["a.25:1|c"], false);
        let lines: Vec<&str> = text.lines().skip(2).take(2).collect();
        assert_eq!(lines[0], "    6 rules before these do not count; --all tells of them");
        assert_eq!(lines[1], "    h.toml:22:9: a.6 misses: component 2 is \"25\", not \"6\"");
    }

    #[test]
    fn where_no_output_names_series_that_is_said() {
        let text = told_of("[StatsdInput]\n[StatAccumFilter]\n", &["a:1|c"], false);
        assert_eq!(text, "a:1|c\n  no output of this configuration names series in a way of its own\n");
    }

    #[test]
    fn what_is_neither_a_name_nor_a_line_is_refused_with_its_reason() {
        let refused = |text: &str| Question::parse(text).err().unwrap();
        let like = "they look like this: api.users.get, api.users.get:1|ms|#env:prod";
        let message =
            |text: &str, reason: &str| format!("{text:?} is no name and no statsd line ({reason}); {like}");
        assert_eq!(refused("a:x|c"), message("a:x|c", "bad_number"));
        assert_eq!(refused("a:1:2|ms"), message("a:1:2|ms", "it is not one sample"));
        assert_eq!(refused("%"), message("%", "empty_name"));
        assert_eq!(refused("a:1|c\nb:1|c"), message("a:1|c\nb:1|c", "it is not one sample"));
    }
}
