//! Where flushes, lines and the log of keys go.

use super::{Keys, address, became, number_or, port_of, text_of, text_or, value_of, written_of};
use crate::import::javascript::Js;
use crate::import::{Document, Fate, Template};

/// Writes an output for each backend, and the log of keys.
pub(super) fn write(keys: &mut Keys<'_>, document: &mut Document) {
    let names = match keys.value("backends") {
        Some(Js::List(nodes)) => nodes.iter().map(|node| node.value.text()).collect(),
        _ => vec!["./backends/graphite".to_owned()],
    };
    let has = |known: &str| names.iter().any(|name| backend(name) == known);
    graphite(keys, document, has("graphite"));
    console(keys, document, has("console"));
    repeater(keys, document, has("repeater"));
    key_flush(keys, document);
    let others: Vec<&str> =
        names.iter().map(String::as_str).filter(|name| !KNOWN.contains(&backend(name))).collect();
    keys.settle("backends", |_| match others.is_empty() {
        true => Fate::Translated("an output each".to_owned()),
        false => Fate::Refused(format!(
            "{} is third-party: send to what it fed by an output of another kind, or through statsd as an upstream",
            others.join(", ")
        )),
    });
}

/// `./backends/graphite`, `/opt/statsd/backends/graphite.js`
fn backend(name: &str) -> &str {
    let name = name.strip_suffix(".js").unwrap_or(name);
    match name.rsplit_once('/') {
        Some((folder, name)) if folder.ends_with("backends") => name,
        _ => "",
    }
}

fn graphite(keys: &mut Keys<'_>, document: &mut Document, wanted: bool) {
    // One that is not set now may be set where it is started.
    let host =
        keys.written("graphiteHost").filter(|value| matches!(value, Js::Asked(_)) || value.is_truthy());
    let host = host.map(|host| text_of(Some(host), ""));
    let pickle = keys.value("graphiteProtocol").is_some_and(|value| value.text() == "pickle");
    let (port, default) = if pickle { ("graphitePicklePort", 2004) } else { ("graphitePort", 2003) };
    let all = ["graphiteHost", "graphitePort", "graphitePicklePort", "graphiteProtocol"];
    let Some(host) = host.filter(|_| wanted) else {
        for key in all {
            keys.settle(key, |_| {
                Fate::Approximated(
                    "statsd sends nothing to Graphite without both a host and the backend".to_owned(),
                )
            });
        }
        return;
    };
    let to = "address of [CarbonOutput]";
    keys.refer("graphiteHost", to, &host);
    let number = keys.port(port, to, default);
    document.section("CarbonOutput").refer("address", &address(&host, &number));
    if pickle {
        document.set("format", "pickle");
    }
    document.comment(
        "A tag without a value stays bare, though carbon refuses it: \"graphite\" would write `;key=true`.",
    );
    document.set("tags", "statsd");
    if !pickle {
        document.comment(
            "Lines are sent however long they are. Carbon ends a connection at one of more than 16 KiB, and what is behind it\n\
             is lost: without this it is left out instead, and counted.",
        );
        document.set("max_line_length", "1 MiB");
    }
    keys.translate("graphiteProtocol", !pickle, "format of [CarbonOutput]");
    let other = if pickle { "graphitePort" } else { "graphitePicklePort" };
    keys.settle(other, |_| {
        Fate::Approximated("statsd does not look at it with this graphiteProtocol".to_owned())
    });
}

fn console(keys: &mut Keys<'_>, document: &mut Document, wanted: bool) {
    let pretty = keys.value("console").and_then(|value| value_of(value, "prettyprint"));
    let pretty = pretty.is_none_or(Js::is_truthy);
    if wanted {
        document.section("ConsoleOutput").set("pretty", pretty);
    }
    let fate = |wanted: bool| {
        match wanted {
        true => Fate::Approximated(
            "became pretty of [ConsoleOutput], which prints JSON; statsd prints what node shows of its objects, in colours and \
             deeper with prettyprint"
                .to_owned(),
        ),
        false => Fate::Approximated("statsd does not look at it without the console backend".to_owned()),
    }
    };
    let mut inner = keys.within("console");
    inner.settle("prettyprint", |_| fate(wanted));
    keys.leave(inner);
    keys.settle("console", |_| fate(wanted));
}

/// `repeater: [{ host: '10.8.3.214', port: 8125 }]`
fn repeater(keys: &mut Keys<'_>, document: &mut Document, wanted: bool) {
    let targets = match keys.value("repeater") {
        Some(Js::List(nodes)) => nodes.iter().map(|node| node.value.now()).collect(),
        _ => Vec::new(),
    };
    let (mut addresses, mut wrong): (Vec<Template>, Vec<String>) = (Vec::new(), Vec::new());
    for (number, target) in targets.into_iter().enumerate() {
        let host =
            written_of(target, "host").map(|host| text_of(Some(host), "")).filter(|host| !host.is_empty());
        match (host, written_of(target, "port").map(|port| port_of(Some(port), 8125))) {
            (Some(host), Some(Ok(port))) => addresses.push(address(&host, &port)),
            _ => wrong.push(number.to_string()),
        }
    }
    let protocol = text_or(keys.value("repeaterProtocol"), "udp4");
    if !wanted || addresses.is_empty() {
        let why = match () {
            () if !wanted => "statsd does not look at it without the repeater backend".to_owned(),
            () if !wrong.is_empty() => {
                format!("nothing is repeated: without a host and a port {} is left out", wrong.join(", "))
            }
            () => "nothing is repeated, by statsd neither: it needs a list, repeater: [{ host: '10.0.0.1', port: 8125 }]"
                .to_owned(),
        };
        keys.settle("repeater", |_| match wrong.is_empty() || !wanted {
            true => Fate::Approximated(why.clone()),
            false => Fate::Refused(why.clone()),
        });
        keys.settle("repeaterProtocol", |_| {
            Fate::Approximated(match wanted {
                true => "there is nothing to repeat to".to_owned(),
                false => why,
            })
        });
        return;
    }
    document.section("StatsdOutput");
    document.comment("Lines that are good, as they came; statsd repeats bad ones too.");
    document.refer_all("upstreams", &addresses);
    document.set("route", "all");
    if protocol == "tcp" {
        document.set("protocol", "tcp");
    }
    let all = addresses.into_iter().reduce(Template::then).unwrap_or_default();
    let how = match became("upstreams of [StatsdOutput]", &all) {
        Fate::Translated(to) => format!("became {to}; bad lines are not repeated"),
        Fate::Approximated(how) => format!("{how}; bad lines are not repeated"),
        Fate::Default | Fate::Refused(_) => unreachable!("it became something"),
    };
    keys.settle("repeater", |_| match wrong.is_empty() {
        true => Fate::Approximated(how),
        false => Fate::Refused(format!("{how}; without a host and a port {} is left out", wrong.join(", "))),
    });
    keys.settle("repeaterProtocol", |_| match protocol.as_str() {
        "tcp" => Fate::Translated("protocol of [StatsdOutput]".to_owned()),
        _ => Fate::Default,
    });
}

/// `keyFlush: { interval: 10000, percent: 10, log: '/var/log/statsd/keys.log' }`
fn key_flush(keys: &mut Keys<'_>, document: &mut Document) {
    let settings = keys.value("keyFlush");
    let of = |key: &str| settings.and_then(|value| value_of(value, key));
    let interval = number_or(of("interval"), 0.0);
    let percent = number_or(of("percent"), 100.0);
    let log = text_or(of("log"), "");
    let on = interval > 0.0;
    let (kept, part) = (interval.round().clamp(100.0, 86_400_000.0), percent.clamp(0.001, 100.0));
    if on {
        document.section("KeyFlushFilter").set("ticker_interval", format!("{kept}ms")).set("percent", part);
        match log.starts_with('/') {
            true => drop(document.set("log", log.as_str())),
            false => key_log(document),
        }
    }
    let fate = |key: &str, is_kept: bool| match (on, is_kept) {
        (false, _) => Fate::Default,
        (true, true) => Fate::Translated(format!("{key} of [KeyFlushFilter]")),
        (true, false) => Fate::Approximated(format!("{key} of [KeyFlushFilter], within its range")),
    };
    let mut inner = keys.within("keyFlush");
    inner.settle("interval", |_| fate("ticker_interval", kept == interval));
    inner.settle("percent", |_| fate("percent", part == percent));
    inner.settle("log", |_| match on && !log.is_empty() && !log.starts_with('/') {
        true => {
            Fate::Refused("the path must be absolute; the keys are printed on standard output".to_owned())
        }
        false => fate("log", true),
    });
    keys.leave(inner);
    keys.settle("keyFlush", |_| match on {
        true => Fate::Approximated(
            "became [KeyFlushFilter]: samples are counted, of all types of a key together, and bad lines are not"
                .to_owned(),
        ),
        false => Fate::Default,
    });
}

/// Prints the log of keys, as statsd does without a file.
fn key_log(document: &mut Document) {
    document.section("key_log").set("type", "LogOutput");
    document.set("message_matcher", "Type == 'heka.keyflush'").set("encoder", "key_lines");
    document.section("key_lines").set("type", "PayloadEncoder").set("append_newlines", false);
}

/// The backends statsd brings along.
const KNOWN: [&str; 3] = ["graphite", "console", "repeater"];
