//! `hekad docs`: the manual of the plugins, written from their configuration structs.

use std::fmt::Write;

use super::USAGE;
use crate::config::docs::{DocumentedOption, options};
use crate::config::suggest;
use crate::flow::{LossReason, OWN_METRICS, OwnMetricKind};
use crate::metric::BadReason;
use crate::pipeline::{ConsumerOptions, Hekad, InputOptions, OutputOptions, SplitterOptions};
use crate::plugin::{Plugin, PluginClass, Plugins};

/// Which plugin.
#[derive(Debug, clap::Args)]
pub(super) struct Docs {
    /// A plugin type, such as StatsdInput, or hekad for the daemon itself; all of them if none is named.
    plugin: Option<String>,
    /// Prints the metrics that the daemon has of itself instead.
    #[arg(long, conflicts_with = "plugin")]
    metrics: bool,
    /// Prints the plugin types instead, each with what it does in a line.
    #[arg(long, conflicts_with_all = ["plugin", "metrics"])]
    list: bool,
}

impl Docs {
    /// Prints Markdown; the exit code.
    pub(super) fn print(self, plugins: &Plugins) -> u8 {
        if self.metrics {
            anstream::print!("{}", own_metrics());
            return 0;
        }
        if self.list {
            anstream::print!("{}", list(plugins));
            return 0;
        }
        let Some(name) = self.plugin else {
            anstream::print!("{}", manual(plugins));
            return 0;
        };
        if ["hekad", "[hekad]"].iter().any(|own| name.eq_ignore_ascii_case(own)) {
            anstream::print!("{}", own_page());
            return 0;
        }
        let all = plugins.all();
        let same = |plugin: &&&Plugin| plugin.type_name.eq_ignore_ascii_case(&name);
        let Some(plugin) = plugins.find(&name).or_else(|| all.iter().find(same).copied()) else {
            let names: Vec<&str> = all.iter().map(|plugin| plugin.type_name).collect();
            let nearest = suggest(&name, names.iter().copied());
            let nearest = nearest.map(|nearest| format!(" did you mean {nearest}?")).unwrap_or_default();
            anstream::eprintln!("there is no plugin type {name};{nearest} there are: {}", names.join(", "));
            return USAGE;
        };
        anstream::print!("{}", page(plugin));
        0
    }
}

/// The manual of everything; `docs/plugins.md` is this text.
pub fn manual(plugins: &Plugins) -> String {
    let mut text = String::from("# Plugins and their options\n\nWritten by `hekad docs`; do not edit.\n");
    text.push_str(&own_page());
    section(&mut text, "Every input", "", &options::<InputOptions>());
    section(&mut text, "Every filter and output", "", &options::<ConsumerOptions>());
    section(&mut text, "Every splitter", "", &options::<SplitterOptions>());
    section(&mut text, "Every output that writes bytes", "", &options::<OutputOptions>());
    let all = plugins.all();
    for class in PluginClass::ALL {
        for plugin in all.iter().filter(|plugin| plugin.class == class) {
            text.push_str(&page(plugin));
        }
    }
    text
}

/// The plugin types, a line each: its name, and the first clause of what it does.
pub fn list(plugins: &Plugins) -> String {
    let all = plugins.all();
    let width = all.iter().map(|plugin| plugin.type_name.len()).max().unwrap_or_default();
    let line = |plugin: &&Plugin| {
        let clause = [". ", ": "].iter().filter_map(|end| plugin.summary.find(end)).min();
        let clause = &plugin.summary[..clause.unwrap_or(plugin.summary.len())];
        format!("{:width$}  {}\n", plugin.type_name, clause.trim_end_matches('.'))
    };
    all.iter().map(line).collect()
}

/// The page of the daemon's own metrics; `docs/metrics.md` is this text.
pub fn own_metrics() -> String {
    let mut text = String::from(
        "# Metrics of the daemon\n\nWritten by `hekad docs --metrics`; do not edit. All of them are on `/metrics` of \
         `PrometheusOutput`.\n\n| metric | type | labels | meaning |\n|---|---|---|---|\n",
    );
    for metric in OWN_METRICS {
        let kind = match metric.kind {
            OwnMetricKind::Counter => "counter",
            OwnMetricKind::Gauge => "gauge",
        };
        let labels = metric.labels.join(", ");
        text.push_str(&format!("| `{}` | {kind} | {labels} | {} |\n", metric.name, metric.help));
    }
    text.push_str("\nReasons of lost records: ");
    text.push_str(&LossReason::ALL.map(|reason| format!("`{}`", reason.label())).join(", "));
    text.push_str(".\nReasons of bad lines: ");
    text.push_str(&BadReason::ALL.map(|reason| format!("`{}`", reason.label())).join(", "));
    text.push_str(".\n");
    text
}

/// The section of the daemon itself.
fn own_page() -> String {
    let mut text = String::new();
    section(&mut text, "[hekad]", "The daemon itself.", &options::<Hekad>());
    text
}

fn page(plugin: &Plugin) -> String {
    let mut text = String::new();
    let title = match plugin.aliases {
        [] => plugin.type_name.to_owned(),
        aliases => format!("{} (also {})", plugin.type_name, aliases.join(", ")),
    };
    section(&mut text, &title, plugin.summary, &(plugin.options)());
    text
}

fn section(text: &mut String, title: &str, summary: &str, options: &[DocumentedOption]) {
    let mut line = |arguments: std::fmt::Arguments<'_>| text.write_fmt(arguments).expect("text takes text");
    line(format_args!("\n## {title}\n\n"));
    if !summary.is_empty() {
        line(format_args!("{summary}\n\n"));
    }
    if options.is_empty() {
        line(format_args!("It has no options of its own.\n"));
    }
    for option in options {
        let required = if option.required { ", required" } else { "" };
        // Most comments say more of the default than its value.
        let told = option.description.contains("efault");
        let default = option.default.as_ref().filter(|_| !told);
        let default = default.map(|default| format!(", default `{default}`")).unwrap_or_default();
        line(format_args!(
            "* `{}` ({}{required}{default}): {}\n",
            option.key,
            option.kind,
            option.description.replace('\n', " ")
        ));
    }
}
