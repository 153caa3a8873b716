//! The mapping file of statsd_exporter.
//!
//! Keys and defaults are those of <https://github.com/prometheus/statsd_exporter#metric-mapping-and-configuration> and of
//! the code that reads them (0.31), with the spellings it no longer takes. What the file does not say is written as the
//! exporter has it: its ports, no suffix of counters, its way of making names.

mod keys;
mod observers;
mod rules;
mod templates;

use super::yaml::{self, Yaml};
use super::{Document, Fate, Finding, Imported, SyntaxError};

use keys::Keys;
use observers::{Histogram, Observer, Summary};
use rules::Draft;

/// Translates a mapping file.
///
/// # Errors
/// Where the file is no YAML, or no mapping.
pub fn statsd_exporter(text: &str) -> Result<Imported, SyntaxError> {
    let (root, second) = yaml::read(text)?;
    let members = match &root {
        None => &[][..],
        Some(root) => match &root.value {
            Yaml::Map(members) => &members[..],
            value if value.is_null() => &[],
            value => {
                let message =
                    format!("the file must have `defaults` and `mappings`, here is {}", value.described());
                return Err(SyntaxError { line: root.line, column: 1, message });
            }
        },
    };
    let mut keys = Keys::new(members, "no key of statsd_exporter; it is left out");
    let defaults = Defaults::read(&mut keys);
    let drafts = rules::read(&mut keys, &defaults);
    keys.rest();
    if let Some(line) = second {
        let why = "statsd_exporter reads the first document alone";
        keys.findings.push(Finding::new("---", line, Fate::Refused(why.to_owned())));
    }
    keys.findings.push(Finding::new("(tags)", 1, Fate::Approximated(STYLES.to_owned())));
    // The parser places what ends the file behind it.
    let last = text.split(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']).count();
    keys.findings.iter_mut().for_each(|finding| finding.line = finding.line.clamp(1, last));
    keys.findings.sort_by_key(|finding| finding.line);
    Ok(Imported { text: document(&defaults, &drafts), findings: keys.findings, needed: Vec::new() })
}

/// What rules have that do not say otherwise, and series without a rule.
#[derive(Debug, Default)]
struct Defaults {
    observer: Observer,
    regex: bool,
    unordered: bool,
    /// Nanoseconds.
    ttl: Option<u64>,
    summary: Summary,
    histogram: Histogram,
}

impl Defaults {
    fn read(keys: &mut Keys<'_>) -> Defaults {
        let mut defaults = Defaults::default();
        let Some(mut own) = keys.within("defaults") else { return defaults };
        for key in ["timer_type", "observer_type"] {
            let observer =
                own.choice(key, &[("summary", Observer::Summary), ("histogram", Observer::Histogram)]);
            if let Some((observer, member)) = observer {
                defaults.observer = observer;
                let fate = match observer {
                    Observer::Summary => Fate::Default,
                    Observer::Histogram => Fate::Translated(format!("buckets {TO}")),
                };
                own.enter(member, keys::renamed(key, "observer_type", fate));
            }
        }
        if let Some((regex, member)) = own.choice("match_type", &[("glob", false), ("regex", true)]) {
            defaults.regex = regex;
            let fate =
                if regex { Fate::Translated("match_type of the rules".to_owned()) } else { Fate::Default };
            own.enter(member, fate);
        }
        if let Some((unordered, member)) = own.boolean("glob_disable_ordering") {
            defaults.unordered = unordered;
            let fate = if unordered { Fate::Translated(format!("glob_order {TO}")) } else { Fate::Default };
            own.enter(member, fate);
        }
        defaults.ttl = own.ttl(&format!("ttl {TO}"));
        defaults.summary = Summary::read(&mut own, TO);
        defaults.histogram =
            Histogram::read(&mut own, "buckets and native histograms of the output or its rules");
        keys.leave(own);
        defaults
    }
}

fn document(defaults: &Defaults, drafts: &[Draft]) -> String {
    let mut document = Document::new(HEADER);
    for (name, net) in [("statsd_udp", "udp"), ("statsd_tcp", "tcp")] {
        document.section(name).set("type", "StatsdInput");
        if net == "udp" {
            document.comment(
                "Takes tags as DogStatsD writes them. A listener has one style: for clients of Influx, Librato or SignalFx add\n\
                 one with dialect = \"influx\", \"librato\" or \"signalfx\".",
            );
        } else {
            document.set("net", net);
        }
        document.comment(BOTH);
        document.set("address", "[::]:9125").set("container_tag", "container_id");
        document.set("sanitize_names", false);
    }
    document.section("StatAccumFilter");
    document
        .comment("A sample with a rate is there as often as it stands for, in quantiles and buckets too.");
    document.set("sample_rate_weighting", true);
    let output = document.section(OUTPUT).comment(BOTH).set("address", "[::]:9102");
    output.comment("Names as statsd_exporter makes them.");
    output.set("naming", "statsd_exporter").set("counter_suffix", "");
    if defaults.unordered {
        output.set("glob_order", "specific");
    }
    if let Some(ttl) = defaults.ttl {
        output.set("ttl", keys::duration_text(ttl));
    }
    defaults.summary.write_defaults(output);
    if defaults.observer == Observer::Histogram {
        defaults.histogram.write_defaults(output);
    }
    for draft in drafts {
        draft.write(document.element(&format!("{OUTPUT}.mapping")), defaults);
    }
    document.into_text()
}

/// Said of addresses.
const BOTH: &str = "IPv6 and IPv4, as there; on a host without IPv6 write 0.0.0.0 in the place of [::].";

/// The section that the mapping belongs to.
const OUTPUT: &str = "PrometheusOutput";

/// What keys of `defaults` become a part of.
const TO: &str = "of [PrometheusOutput]";

const HEADER: &str = "Made from a mapping file of statsd_exporter by `hekad import statsd-exporter`.

It listens and is scraped where statsd_exporter does by default; what its command line said is not known here. What
differs on purpose: two types under one name are both shown, the second with its kind appended, a gauge that several
names share has no common value for `+1` and `-1`, quantiles need no error allowed, totals outlast a restart, and what a
ttl took away comes back with the value that it had. A sample rate that is no number above 0 and up to 1 makes a bad line,
where statsd_exporter passes it by or divides by it, and a timer with one of which 1 is no multiple counts 1 / rate times,
where that is cut to a whole number. A timer below 0 (`|ms`, not `|h` or `|d`) is a bad line, where statsd_exporter
observes it. `;` begins a tag, as carbon has them. Try rules with `hekad match`.

What statsd_exporter tells of itself is not there. For alerts and panels take, on the same page, hekad_ in the place of
statsd_exporter_:
  lines_total               hekad_lines_total
  sample_errors_total       hekad_bad_lines_total, by reasons of its own
  samples_total             hekad_table_poured_total
  events_conflict_total     hekad_name_conflicts_total, which counts series once, not their samples
  events_unmapped_total     hekad_mapped_series_total{result=\"unmapped\"}, series as well
  udp_packets_total         hekad_datagrams_total{input=\"statsd_udp\"}
  tcp_connections_total     hekad_connections_total
  tcp_too_long_lines_total  hekad_long_lines_total
  tag_errors_total          none: a tag without a value is one with an empty value";

/// Said of tags, which the exporter takes in four styles on one port.
const STYLES: &str = "those of DogStatsD are taken; for clients that write tags as Influx, Librato or SignalFx do, add a \
                      StatsdInput with dialect = \"influx\", \"librato\" or \"signalfx\", each at a port of its own";
