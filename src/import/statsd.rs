//! The reference statsd's `config.js`.
//!
//! Every section that is written carries the reference's quirks, so that graphs go on as they were: its dialect, its
//! names, its own statistics. Keys and defaults are those of
//! <https://github.com/statsd/statsd/blob/master/exampleConfig.js> and of the code that reads them.

mod aggregation;
mod backends;
mod environment;
mod keys;
mod listeners;
mod proxy;

pub use proxy::statsd_proxy;

use super::javascript::{HOSTNAME, Js, Machine, Read, Taken, read_object};
use super::{Document, Fate, Imported, SyntaxError};
use environment::{address, became, port_of, text_of};
use keys::Keys;

/// Translates a `config.js`.
///
/// `hostname` and `environment` answer what the file asks about the machine. A variable becomes a reference where it can,
/// and what it is now is told where it cannot; so does the name of the host, which a suffix alone can ask for.
///
/// # Errors
/// Where the file is no object of constants.
pub fn statsd(
    text: &str,
    hostname: &str,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Imported, SyntaxError> {
    translated(text, Machine { hostname, environment }, (HEADER, UNKNOWN), |keys, document, taken| {
        listeners::write(keys, document);
        let names_host = |taken: &Taken| taken.name == HOSTNAME && taken.key == "graphite.globalSuffix";
        aggregation::write(keys, document, taken.iter().any(names_host).then_some(hostname));
        backends::write(keys, document);
        process(keys);
    })
}

/// What `write` makes of the keys of a file, and of what was taken to read them, below a header; `unknown` is said of
/// those it does not take.
fn translated(
    text: &str,
    machine: Machine<'_>,
    (header, unknown): (&str, &'static str),
    write: impl FnOnce(&mut Keys<'_>, &mut Document, &[Taken]),
) -> Result<Imported, SyntaxError> {
    let Read { members, taken } = read_object(text, machine)?;
    let mut keys = Keys::new(&members, unknown);
    let mut document = Document::new(header);
    write(&mut keys, &mut document, &taken);
    keys.rest();
    environment::report(&members, taken, &mut keys.findings);
    keys.findings.sort_by_key(|finding| finding.line);
    let needed = document.needed();
    Ok(Imported { text: document.into_text(), findings: keys.findings, needed })
}

/// Keys of the process itself.
fn process(keys: &mut Keys<'_>) {
    keys.settle("title", |_| Fate::Approximated("the process keeps the name hekad".to_owned()));
    keys.settle("debug", |value| match value.is_truthy() {
        false => Fate::Default,
        true => {
            Fate::Approximated("bad lines are logged in any case, once a second for each reason".to_owned())
        }
    });
    keys.settle("dumpMessages", |value| match value.is_truthy() {
        false => Fate::Default,
        true => Fate::Refused(
            "lines are not logged; add a [LogOutput] with message_matcher = \"Type == 'heka.statsample'\" to see them"
                .to_owned(),
        ),
    });
    keys.settle("healthStatus", |_| {
        Fate::Approximated("the daemon begins as up; nothing read this key in statsd either".to_owned())
    });
    keys.settle("automaticConfigReload", |value| match value.is_truthy() {
        true => Fate::Approximated(
            "a change of the file needs a restart, over which gauges and the open interval are kept"
                .to_owned(),
        ),
        false => Fate::Default,
    });
    keys.settle("log", |value| {
        let backend = value_of(value, "backend").map(Js::text);
        match backend.as_deref() {
            None | Some("stdout") => {
                Fate::Approximated("the log goes to standard error, at one level".to_owned())
            }
            Some(_) => Fate::Approximated(
                "the log goes to standard error, which systemd or `logger` hands to syslog".to_owned(),
            ),
        }
    });
}

/// The member `key` of an object.
fn value_of<'a>(value: &'a Js, key: &str) -> Option<&'a Js> {
    let Js::Object(members) = value else { return None };
    members.iter().find(|member| member.key == key).map(|member| member.node.value.now())
}

/// The same as it is written: with what the environment is asked for.
fn written_of<'a>(value: &'a Js, key: &str) -> Option<&'a Js> {
    let Js::Object(members) = value else { return None };
    members.iter().find(|member| member.key == key).map(|member| &member.node.value)
}

/// What JavaScript takes for a number here, where the code says `x || default`.
fn number_or(value: Option<&Js>, default: f64) -> f64 {
    value.filter(|value| value.is_truthy()).and_then(Js::number).unwrap_or(default)
}

/// The same for a text.
fn text_or(value: Option<&Js>, default: &str) -> String {
    value.filter(|value| value.is_truthy()).map_or_else(|| default.to_owned(), Js::text)
}

const UNKNOWN: &str = "no key of statsd; if a third-party backend reads it, see `backends`";

const HEADER: &str = "Made from a config.js of statsd by `hekad import statsd`.

It behaves as statsd does, quirks included: dialect and names are the reference's, and so are numbers, but for last
digits of sums and for long lists: percentiles and medians of a timer with more than exact_samples samples in an
interval, and the size of a set with more than exact_members members, are estimated to 1 %. Both are options of
[StatAccumFilter], 1024 by default and 1048576 at most, at 8 bytes a sample and more a member. What differs on purpose:
flushes are aligned to the wall clock, a flush that Graphite could not take is sent again, gauges and the open interval
outlast a restart, what crashes statsd is a bad line, and counters whose names hold bad_lines_seen, packets_received or
metrics_received are deleted when idle like others. Errors of its code are not copied: statistics of a percentile below 0
that takes in all samples (mean_top95, sum_top100) are numbers where statsd sends NaN; a `\\r` before the newline is no part of
the line, with which `u:foo|s` is bad there and `t:-5|ms` good; `@0` is a bad rate and `@1e-1` a tenth; a rate behind the
tags counts; `constructor` and `__proto__` are names like others.";
