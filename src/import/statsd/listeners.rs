//! Where it listens, and the management interface.

use super::{Keys, address, text_of, text_or};
use crate::import::javascript::Js;
use crate::import::{Document, Fate, Template};

/// Writes a section for each server, and that of the management interface.
pub(super) fn write(keys: &mut Keys<'_>, document: &mut Document) {
    let sanitise = keys.value("keyNameSanitize").is_none_or(Js::is_truthy);
    match keys.value("servers").filter(|servers| servers.is_truthy()) {
        Some(Js::List(servers)) if !servers.is_empty() => {
            for (number, server) in servers.iter().enumerate() {
                let members = match &server.value {
                    Js::Object(members) => &members[..],
                    _ => &[],
                };
                let mut inner = keys.inner(&format!("servers[{number}]"), members);
                let name = if number == 0 { "statsd".to_owned() } else { format!("statsd_{}", number + 1) };
                server_section(&mut inner, document, &name, sanitise);
                keys.leave(inner);
            }
            keys.settle("servers", |_| Fate::Translated("a StatsdInput each".to_owned()));
            for key in ["address", "address_ipv6", "port", "socket", "socket_mod", "server"] {
                keys.settle(key, |_| {
                    Fate::Approximated("statsd does not look at it beside `servers`".to_owned())
                });
            }
        }
        other => {
            server_section(keys, document, "statsd", sanitise);
            keys.settle("servers", |_| match other {
                None => Fate::Default,
                Some(_) => Fate::Refused(
                    "must be a list with a server in it: without one statsd listens nowhere, and hekad needs an input; the \
                     keys beside it were taken"
                        .to_owned(),
                ),
            });
        }
    }
    keys.translate("keyNameSanitize", sanitise, "sanitize_names of every StatsdInput");
    management(keys, document);
}

/// `{ server: './servers/udp', address: '0.0.0.0', port: 8125 }`
fn server_section(keys: &mut Keys<'_>, document: &mut Document, name: &str, sanitise: bool) {
    let server = Server::of(keys);
    let has_socket = server.is_tcp && keys.value("socket").is_some_and(Js::is_truthy);
    let socket = has_socket.then(|| text_of(keys.written("socket"), ""));
    document.section(name).set("type", "StatsdInput");
    document.comment(
        "The reference's grammar: unknown types are counters, the order of tags tells series apart.",
    );
    document.set("dialect", "statsd");
    if !sanitise {
        document.set("sanitize_names", false);
    }
    let to = format!("[{name}]");
    if let Some(socket) = socket {
        document.set("net", "unix").refer("socket", &socket);
        mode(keys, document);
        keys.refer("socket", &format!("socket of {to}"), &socket);
        for key in ["address", "port", "address_ipv6"] {
            keys.settle(key, |_| Fate::Approximated("statsd does not look at it beside `socket`".to_owned()));
        }
    } else {
        if server.is_tcp {
            document.set("net", "tcp");
        }
        let host = text_of(keys.written("address"), server.everywhere(ipv6(keys)));
        let to = format!("address of {to}");
        let port = keys.port("port", &to, 8125);
        dual_stack(document, &host);
        document.refer("address", &address(&host, &port));
        keys.refer("address", &to, &host);
        keys.settle("address_ipv6", |value| match server.is_tcp {
            true => Fate::Approximated("statsd's TCP server does not look at it".to_owned()),
            false if value.is_truthy() => Fate::Translated(to),
            false => Fate::Default,
        });
        keys.settle("socket", |value| match value.is_truthy() {
            false => Fate::Default,
            true => Fate::Approximated(
                "statsd's UDP server does not look at it and listens on the port; net = \"unixgram\" of a StatsdInput of \
                 its own takes datagrams there"
                    .to_owned(),
            ),
        });
        keys.settle("socket_mod", |_| match server.is_tcp {
            true => Fate::Approximated("means nothing without `socket`".to_owned()),
            false => Fate::Approximated("statsd's UDP server does not look at it".to_owned()),
        });
    }
    if server.is_tcp {
        bounds(document);
    }
    server.settle(keys, &to);
}

/// What bounds a connection here, as wide as it goes, or as it is.
pub(super) fn bounds(document: &mut Document) {
    document.comment(
        "statsd knows no bounds of a connection. Here a longer line is dropped (hekad_long_lines_total), a connection without a\n\
         line for idle_timeout (5m) is closed, and so are more than max_connections (1024) at once.",
    );
    document.set("max_line", "1 MiB");
}

/// Which of statsd's servers listens.
pub(super) struct Server {
    path: String,
    /// Whether it takes streams.
    pub(super) is_tcp: bool,
}

impl Server {
    /// What `server` says: `./servers/udp` without it.
    pub(super) fn of(keys: &Keys<'_>) -> Server {
        let path = text_or(keys.value("server"), "./servers/udp");
        let is_tcp = path.trim_end_matches(".js").ends_with("tcp");
        Server { path, is_tcp }
    }

    /// Where it listens without an address: streams come over IPv6 and IPv4, datagrams over one of them.
    pub(super) fn everywhere(&self, ipv6: bool) -> &'static str {
        if self.is_tcp || ipv6 { BOTH } else { "0.0.0.0" }
    }

    /// Enters what became of `server`.
    pub(super) fn settle(&self, keys: &mut Keys<'_>, section: &str) {
        keys.settle("server", |_| match self.is_tcp || self.path.contains("udp") {
            true => Fate::Translated(format!("net of {section}")),
            false => {
                Fate::Refused(format!("{} is no server of statsd; it was taken for ./servers/udp", self.path))
            }
        });
    }
}

/// Says what an address for both families needs.
pub(super) fn dual_stack(document: &mut Document, host: &Template) {
    let is_both = host.constant().is_some_and(|host| host == BOTH || host == "::");
    if is_both || host.references().ends_with(&format!(":-{BOTH}}}")) {
        document
            .comment("IPv6 and IPv4, as there; on a host without IPv6 write 0.0.0.0 in the place of [::].");
    }
}

fn ipv6(keys: &Keys<'_>) -> bool {
    keys.value("address_ipv6").is_some_and(Js::is_truthy)
}

/// `socket_mod`, a number whose decimal digits or octal literal are the mode.
fn mode(keys: &mut Keys<'_>, document: &mut Document) {
    let mode = match keys.value("socket_mod") {
        Some(Js::Text(text)) => Some(text.trim_start_matches("0o").to_owned()),
        Some(Js::Number(number)) => Some(format!("{:o}", *number as u32)),
        _ => None,
    };
    let legal = |mode: &String| {
        mode.bytes().all(|byte| (b'0'..=b'7').contains(&byte))
            && u32::from_str_radix(mode, 8).is_ok_and(|mode| mode <= 0o777)
    };
    match mode.filter(legal) {
        Some(mode) => {
            document.set("socket_mode", mode);
            keys.settle("socket_mod", |_| Fate::Translated("socket_mode".to_owned()));
        }
        None => keys.settle("socket_mod", |_| Fate::Refused("no mode of a file, such as 0o666".to_owned())),
    }
}

/// The management interface, which statsd always has.
fn management(keys: &mut Keys<'_>, document: &mut Document) {
    let to = "address of [StatsdAdminOutput]";
    let host = text_of(keys.written("mgmt_address"), BOTH);
    keys.refer("mgmt_address", to, &host);
    let port = keys.port("mgmt_port", to, 8126);
    document.section("StatsdAdminOutput");
    document.comment(
        "statsd lets anybody who reaches it delete series; here only this machine and allow_writes_from may.",
    );
    dual_stack(document, &host);
    document.refer("address", &address(&host, &port));
}

/// Every address of the host, of both families, as it stands before a port.
const BOTH: &str = "[::]";
