//! The configuration of the reference's `proxy.js`: one listener, and the ring of nodes behind it.
//!
//! Keys and defaults are those of <https://github.com/statsd/statsd/blob/master/exampleProxyConfig.js> and of the code
//! that reads them, which are not always the same.

use super::listeners::{Server, bounds, dual_stack};
use super::{Document, Fate, Imported, Js, Keys, Machine, SyntaxError};
use super::{address, became, number_or, port_of, process, text_of, translated, value_of, written_of};
use crate::import::Template;

/// Translates a `proxyConfig.js`; `hostname` and `environment` as for [`super::statsd`].
///
/// # Errors
/// Where the file is no object of constants.
pub fn statsd_proxy(
    text: &str,
    hostname: &str,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Imported, SyntaxError> {
    translated(text, Machine { hostname, environment }, (HEADER, UNKNOWN), |keys, document, _| {
        listener(keys, document);
        ring(keys, document);
        management(keys);
        process(keys);
    })
}

/// `host`, `port`, `server`, `udp_version`, `forkCount`
fn listener(keys: &mut Keys<'_>, document: &mut Document) {
    let server = Server::of(keys);
    let ipv6 = keys.value("address_ipv6").is_some_and(Js::is_truthy)
        || keys.value("udp_version").is_some_and(|version| version.text() == "udp6");
    document.section("statsd").set("type", "StatsdInput");
    document.comment("The reference's grammar: what its nodes take for a sample goes on to them.");
    document.set("dialect", "statsd");
    if server.is_tcp {
        document.set("net", "tcp");
    }
    let named = ["address", "host"].into_iter().find(|key| keys.written(key).is_some_and(is_given));
    let host = text_of(named.and_then(|key| keys.written(key)), server.everywhere(ipv6));
    let to = "address of [statsd]";
    let port = keys.port("port", to, 8125);
    dual_stack(document, &host);
    document.refer("address", &address(&host, &port));
    if server.is_tcp {
        bounds(document);
    }
    lanes(keys, document, server.is_tcp);
    keys.refer("address", to, &host);
    match named {
        Some("host") if !host.is_constant() => keys.refer("host", to, &host),
        Some("address") => keys.settle("host", |_| {
            Fate::Approximated("the proxy does not look at it: `address` counts".to_owned())
        }),
        _ => keys.settle("host", |_| {
            Fate::Approximated(
                "became address of [statsd]; the proxy does not look at it and listens everywhere".to_owned(),
            )
        }),
    }
    for key in ["udp_version", "address_ipv6"] {
        keys.settle(key, |_| match ipv6 {
            false => Fate::Default,
            true => Fate::Translated(
                "address of [statsd]; an upstream's address says itself what it is".to_owned(),
            ),
        });
    }
    server.settle(keys, "[statsd]");
}

/// `forkCount`: processes that share the socket.
fn lanes(keys: &mut Keys<'_>, document: &mut Document, tcp: bool) {
    let forks = number_or(keys.value("forkCount"), 0.0);
    let lanes = forks.clamp(1.0, 64.0) as i64;
    let is_auto = keys.value("forkCount").is_some_and(|value| value.text() == "auto");
    if lanes > 1 && !tcp {
        document.set("lanes", lanes);
    }
    keys.settle("forkCount", |_| match lanes {
        _ if is_auto => Fate::Approximated(
            "one thread receives, and takes what several processes did; raise lanes of [statsd] if it is short of CPU"
                .to_owned(),
        ),
        1 => Fate::Default,
        _ if tcp => Fate::Approximated("connections are spread over threads in any case".to_owned()),
        _ => Fate::Translated("lanes of [statsd]".to_owned()),
    });
}

/// `nodes`, `checkInterval`, `cacheSize`, `resetStats`
fn ring(keys: &mut Keys<'_>, document: &mut Document) {
    let nodes = nodes(keys);
    document.section("StatsdOutput").set("route", "hash");
    let addresses: Vec<Template> = nodes.iter().map(|(address, _)| address.clone()).collect();
    document.refer_all("upstreams", &addresses);
    document
        .comment("As many lines in a datagram as fit; \"line\" sends them one by one, as the proxy does.");
    document.set("packing", "full");
    let checked = nodes.iter().any(|(_, port)| port.is_some());
    if checked {
        let ports: Vec<i64> =
            nodes.iter().map(|(_, port)| port.unwrap_or(DEFAULT_ADMIN_PORT).into()).collect();
        document.comment("A node is in the ring while it answers \"up\" here.");
        document.set("admin_port", ports);
    }
    let interval = number_or(keys.value("checkInterval"), 10_000.0);
    let kept = interval.round().clamp(100.0, 86_400_000.0);
    if checked {
        document.set("ticker_interval", format!("{kept}ms")).set("health_timeout", format!("{kept}ms"));
    }
    keys.settle("checkInterval", |_| match () {
        () if !checked => Fate::Approximated("no node has an adminport, so that none is checked".to_owned()),
        () if kept == interval => {
            Fate::Translated("ticker_interval and health_timeout of [StatsdOutput]".to_owned())
        }
        () => Fate::Approximated(format!("became {kept} ms: whole ones from 100 ms to a day")),
    });
    keys.settle("cacheSize", |_| {
        Fate::Approximated("names are hashed each time, which needs no cache".to_owned())
    });
    keys.settle("resetStats", |value| match value.is_truthy() {
        false => Fate::Default,
        true => Fate::Refused(
            "nodes keep their series when the ring changes; have them delete what is idle (deleteIdleStats)"
                .to_owned(),
        ),
    });
}

/// Address and admin port of every node that can be one; what became of each.
fn nodes(keys: &mut Keys<'_>) -> Vec<(Template, Option<u16>)> {
    let Some(Js::List(list)) = keys.value("nodes") else {
        let why = "a list of nodes is needed: nodes: [{ host: '10.0.0.1', port: 8125, adminport: 8126 }]";
        keys.settle("nodes", |_| Fate::Refused(why.to_owned()));
        return Vec::new();
    };
    let some_are_checked = list.iter().any(|node| value_of(&node.value, "adminport").is_some());
    let mut nodes: Vec<(Template, Option<u16>)> = Vec::new();
    for (number, node) in list.iter().enumerate() {
        let key = format!("nodes[{number}]");
        let host = written_of(&node.value, "host").map(|host| text_of(Some(host), ""));
        let port = written_of(&node.value, "port").filter(|port| is_given(port));
        let (Some(host), Some(Ok(at))) =
            (host.filter(|host| !host.is_empty()), port.map(|port| port_of(Some(port), 8125)))
        else {
            keys.enter_as(&key, node.line, Fate::Refused("a node needs a host and a port".to_owned()));
            continue;
        };
        let at = address(&host, &at);
        let shown = at.constant().unwrap_or_else(|| at.references());
        if nodes.iter().any(|(known, _)| *known == at) {
            keys.enter_as(&key, node.line, Fate::Approximated(format!("{shown} is in the ring once")));
            continue;
        }
        let admin = value_of(&node.value, "adminport").and_then(Js::number).filter(|port| is_port(*port));
        let admin = admin.map(|port| port as u16);
        let fate = match admin {
            Some(_) => became("upstreams and admin_port of [StatsdOutput]", &at),
            None if !some_are_checked => became("upstreams of [StatsdOutput]", &at),
            None if !at.is_constant() => became("upstreams of [StatsdOutput]", &at),
            None => Fate::Approximated(format!("without an adminport it is asked on {DEFAULT_ADMIN_PORT}")),
        };
        keys.enter_as(&key, node.line, fate);
        others(keys, &key, &node.value);
        nodes.push((at, admin));
    }
    keys.settle("nodes", |_| Fate::Translated("upstreams of [StatsdOutput]".to_owned()));
    nodes
}

/// Keys of a node that mean nothing.
fn others(keys: &mut Keys<'_>, node: &str, value: &Js) {
    let Js::Object(members) = value else { return };
    for member in
        members.iter().filter(|member| !["host", "port", "adminport"].contains(&member.key.as_str()))
    {
        let why = "a node has host, port and adminport; all weigh the same".to_owned();
        keys.enter_as(&format!("{node}.{}", member.key), member.line, Fate::Refused(why));
    }
}

/// `mgmt_address`, `mgmt_port`
fn management(keys: &mut Keys<'_>) {
    for key in ["mgmt_address", "mgmt_port"] {
        keys.settle(key, |_| {
            Fate::Refused(
                "the proxy's commands have no counterpart: hekad_upstreams_down of a PrometheusOutput tells of the ring"
                    .to_owned(),
            )
        });
    }
}

/// Whether there is something, or may be where the environment is asked.
fn is_given(value: &Js) -> bool {
    matches!(value, Js::Asked(_)) || value.is_truthy()
}

fn is_port(number: f64) -> bool {
    number.fract() == 0.0 && (1.0..=65_535.0).contains(&number)
}

/// Where statsd takes commands unless it is told.
const DEFAULT_ADMIN_PORT: u16 = 8126;

const UNKNOWN: &str = "no key of statsd's proxy";

const HEADER: &str = "Made from a proxyConfig.js of statsd by `hekad import statsd-proxy`.

Each name goes to the node it went to before. What differs on purpose: bad lines stay here, counted by reason, and
names of nodes are looked up anew once a minute, not for every line.";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::Finding;

    fn imported(text: &str) -> Imported {
        statsd_proxy(text, "host", &|_| None).unwrap()
    }

    fn fates(imported: &Imported) -> Vec<String> {
        let shown = |finding: &Finding| {
            let fate = match &finding.fate {
                Fate::Translated(to) => format!("-> {to}"),
                Fate::Default => "default".to_owned(),
                Fate::Approximated(how) => format!("~ {how}"),
                Fate::Refused(why) => format!("! {why}"),
            };
            format!("{} {} {fate}", finding.line, finding.key)
        };
        imported.findings.iter().map(shown).collect()
    }

    #[test]
    fn the_example_of_the_reference_is_translated() {
        let imported = imported(
            "/* as shipped */\n{\nnodes: [\n{host: '127.0.0.1', port: 8127, adminport: 8128},\n\
             {host: '127.0.0.1', port: 8129, adminport: 8130},\n],\nserver: './servers/udp',\nhost:  '0.0.0.0',\n\
             port: 8125,\nudp_version:'udp4',\nmgmt_port: 8126,\nforkCount: 4,\ncheckInterval: 1000,\n\
             cacheSize: 10000\n}\n",
        );
        let body = imported.text.split_once("\n\n[statsd]\n").unwrap().1;
        let expected = r#"type = "StatsdInput"
# The reference's grammar: what its nodes take for a sample goes on to them.
dialect = "statsd"
address = "0.0.0.0:8125"
lanes = 4

[StatsdOutput]
route = "hash"
upstreams = ["127.0.0.1:8127", "127.0.0.1:8129"]
# As many lines in a datagram as fit; "line" sends them one by one, as the proxy does.
packing = "full"
# A node is in the ring while it answers "up" here.
admin_port = [8128, 8130]
ticker_interval = "1000ms"
health_timeout = "1000ms"
"#;
        assert_eq!(body, expected);
        assert_eq!(
            fates(&imported),
            [
                "3 nodes -> upstreams of [StatsdOutput]",
                "4 nodes[0] -> upstreams and admin_port of [StatsdOutput]",
                "5 nodes[1] -> upstreams and admin_port of [StatsdOutput]",
                "7 server -> net of [statsd]",
                "8 host ~ became address of [statsd]; the proxy does not look at it and listens everywhere",
                "9 port -> address of [statsd]",
                "10 udp_version default",
                "11 mgmt_port ! the proxy's commands have no counterpart: hekad_upstreams_down of a PrometheusOutput \
                 tells of the ring",
                "12 forkCount -> lanes of [statsd]",
                "13 checkInterval -> ticker_interval and health_timeout of [StatsdOutput]",
                "14 cacheSize ~ names are hashed each time, which needs no cache",
            ]
        );
    }

    #[test]
    fn what_is_no_node_and_no_key_is_refused_by_name() {
        let imported = imported(
            "{ nodes: [{host: 'a', port: 1}, {port: 2},\n{host: 'a', port: '1', adminport: 9}, {host: 'b', port: 70000},\n\
             {host: 'b', port: 3, adminport: 4, weight: 2}],\nserver: './servers/tcp', forkCount: 'auto', \
             checkInterval: 50, wat: 1 }",
        );
        let listener = "net = \"tcp\"\n# IPv6 and IPv4, as there; on a host without IPv6 write 0.0.0.0 in the place of \
                        [::].\naddress = \"[::]:8125\"\n";
        assert!(imported.text.contains(listener), "{}", imported.text);
        assert!(imported.text.contains("upstreams = [\"a:1\", \"b:3\"]\n"), "{}", imported.text);
        assert!(imported.text.contains("admin_port = [8126, 4]\n"), "{}", imported.text);
        assert_eq!(
            fates(&imported),
            [
                "1 nodes[0] ~ without an adminport it is asked on 8126",
                "1 nodes[1] ! a node needs a host and a port",
                "1 nodes -> upstreams of [StatsdOutput]",
                "2 nodes[2] ~ a:1 is in the ring once",
                "2 nodes[3] ! a node needs a host and a port",
                "3 nodes[4] -> upstreams and admin_port of [StatsdOutput]",
                "3 nodes[4].weight ! a node has host, port and adminport; all weigh the same",
                "4 forkCount ~ one thread receives, and takes what several processes did; raise lanes of [statsd] if \
                 it is short of CPU",
                "4 server -> net of [statsd]",
                "4 checkInterval ~ became 100 ms: whole ones from 100 ms to a day",
                "4 wat ! no key of statsd's proxy",
            ]
        );
    }

    #[test]
    fn a_file_without_nodes_says_what_is_needed() {
        let imported = imported("{ nodes: 'a:1', address: '::1', address_ipv6: true }");
        assert!(imported.text.contains("address = \"[::1]:8125\"\n"), "{}", imported.text);
        assert_eq!(
            fates(&imported)[2],
            "1 nodes ! a list of nodes is needed: nodes: [{ host: '10.0.0.1', port: 8125, adminport: 8126 }]"
        );
        let error = statsd_proxy("{ nodes: lookup() }", "host", &|_| None).unwrap_err();
        assert_eq!((error.line, error.column), (1, 10));
    }
}
