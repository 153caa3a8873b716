//! The reference statsd's `config.js`.
//!
//! Every section that is written carries the reference's quirks, so that graphs go on as they were: its dialect, its
//! names, its own statistics. Keys and defaults are those of
//! <https://github.com/statsd/statsd/blob/master/exampleConfig.js> and of the code that reads them.

mod aggregation;
mod backends;
mod listeners;
mod proxy;

pub use proxy::statsd_proxy;

use super::javascript::{Js, Machine, Member, Node, read_object};
use super::{Document, Fate, Finding, Imported, SyntaxError};

/// Translates a `config.js`.
///
/// `hostname` and `environment` answer what the file asks about the machine; their answers are written down.
///
/// # Errors
/// Where the file is no object of constants.
pub fn statsd(
    text: &str,
    hostname: &str,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Imported, SyntaxError> {
    translated(text, Machine { hostname, environment }, HEADER, |keys, document| {
        listeners::write(keys, document);
        aggregation::write(keys, document);
        backends::write(keys, document);
        process(keys);
        keys.rest();
    })
}

/// What `write` makes of the keys of a file, below a header.
fn translated(
    text: &str,
    machine: Machine<'_>,
    header: &str,
    write: impl FnOnce(&mut Keys<'_>, &mut Document),
) -> Result<Imported, SyntaxError> {
    let members = read_object(text, machine)?;
    let mut keys = Keys { members: &members, prefix: String::new(), findings: Vec::new() };
    let mut document = Document::new(header);
    write(&mut keys, &mut document);
    keys.findings.sort_by_key(|finding| finding.line);
    Ok(Imported { text: document.into_text(), findings: keys.findings })
}

/// Keys of the process itself.
fn process(keys: &mut Keys<'_>) {
    keys.take("title", |_| Fate::Approximated("the process keeps the name hekad".to_owned()));
    keys.take("debug", |value| match value.is_truthy() {
        false => Fate::Default,
        true => {
            Fate::Approximated("bad lines are logged in any case, once a second for each reason".to_owned())
        }
    });
    keys.take("dumpMessages", |value| match value.is_truthy() {
        false => Fate::Default,
        true => Fate::Refused(
            "lines are not logged; add a [LogOutput] with message_matcher = \"Type == 'heka.statsample'\" to see them"
                .to_owned(),
        ),
    });
    keys.take("healthStatus", |_| {
        Fate::Approximated("the daemon begins as up; nothing read this key in statsd either".to_owned())
    });
    keys.take("automaticConfigReload", |value| match value.is_truthy() {
        true => Fate::Approximated(
            "a change of the file needs a restart, over which gauges and the open interval are kept"
                .to_owned(),
        ),
        false => Fate::Default,
    });
    keys.take("log", |value| {
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

/// The keys of one object that were not looked at yet.
struct Keys<'a> {
    members: &'a [Member],
    /// Names of the parents, with a dot.
    prefix: String,
    findings: Vec<Finding>,
}

impl<'a> Keys<'a> {
    /// The value of a key, whatever becomes of it.
    fn get(&self, key: &str) -> Option<&'a Node> {
        self.members.iter().find(|member| member.key == key).map(|member| &member.node)
    }

    /// The value, unless it is undefined.
    fn value(&self, key: &str) -> Option<&'a Js> {
        self.get(key).map(|node| &node.value).filter(|value| **value != Js::Undefined)
    }

    /// Enters what became of a key, if it is there.
    fn take(&mut self, key: &str, fate: impl FnOnce(&'a Js) -> Fate) {
        if let Some(member) = self.members.iter().find(|member| member.key == key) {
            let fate = match member.node.value {
                Js::Undefined => Fate::Default,
                _ => fate(&member.node.value),
            };
            self.enter(key, member.line, fate);
        }
    }

    /// Enters a key that became `to`, or that says what happens without it.
    fn translate(&mut self, key: &str, is_default: bool, to: &str) {
        let fate = match is_default {
            true => Fate::Default,
            false => Fate::Translated(to.to_owned()),
        };
        self.take(key, |_| fate);
    }

    fn enter(&mut self, key: &str, line: usize, fate: Fate) {
        self.findings.push(Finding::new(format!("{}{key}", self.prefix), line, fate));
    }

    /// The keys of the object `key`, if there is one; their findings come back by `leave`.
    fn within(&mut self, key: &str) -> Keys<'a> {
        let members = match self.value(key) {
            Some(Js::Object(members)) => &members[..],
            _ => &[],
        };
        Keys { members, prefix: format!("{}{key}.", self.prefix), findings: Vec::new() }
    }

    /// Takes over the findings of `inner`, those of keys nobody knows too.
    fn leave(&mut self, mut inner: Keys<'_>) {
        inner.rest();
        self.findings.append(&mut inner.findings);
    }

    /// Refuses every key that nobody took.
    fn rest(&mut self) {
        for member in self.members {
            let name = format!("{}{}", self.prefix, member.key);
            if !self
                .findings
                .iter()
                .any(|finding| finding.key == name || finding.key.starts_with(&format!("{name}.")))
            {
                let why = "no key of statsd; if a third-party backend reads it, see `backends`";
                self.findings.push(Finding::new(name, member.line, Fate::Refused(why.to_owned())));
            }
        }
    }
}

/// The member `key` of an object.
fn value_of<'a>(value: &'a Js, key: &str) -> Option<&'a Js> {
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

/// `host:port`, an IPv6 address in brackets.
fn address(host: &str, port: f64) -> String {
    let port = if (0.0..=65_535.0).contains(&port) { port as u16 } else { 0 };
    match host.contains(':') && !host.starts_with('[') {
        true => format!("[{host}]:{port}"),
        false => format!("{host}:{port}"),
    }
}

const HEADER: &str = "Made from a config.js of statsd by `hekad import statsd`.

It behaves as statsd does, quirks included: dialect, names and numbers are the reference's. What differs on purpose:
flushes are aligned to the wall clock, a flush that Graphite could not take is sent again, gauges and the open
interval outlast a restart, and what crashes statsd is a bad line.";
