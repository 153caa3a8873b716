//! Who may see the page.
//!
//! On loopback everybody of this machine may, but not another site through the browser of somebody on it: a request whose
//! `Host` is not this machine was sent by a name that was bound to it afterwards (DNS rebinding), and a request for data
//! that another site makes is told apart by `Sec-Fetch-Site`. Elsewhere a password is needed
//! (<https://www.rfc-editor.org/rfc/rfc7617>), which no other site can make a browser send.

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::config::Address;
use crate::flow::{Count, OwnMetrics};
use crate::net::http::{Request, Response, StatusCode};

/// Decides about requests.
pub(super) struct Guard {
    /// The configured host, where only this machine can reach it.
    host: Option<String>,
    /// What a client has to send: base64 of user and password.
    credentials: Option<String>,
    refused: [Count; 3],
}

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// The page, which any site may have a link to.
    Page,
    /// What only the page asks for.
    Data,
}

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Refusal {
    Host,
    Site,
    Password,
}

impl Guard {
    /// The rules for `address`; an empty password asks for none.
    pub(super) fn new(
        address: &Address,
        user: &str,
        password: &str,
        own: &OwnMetrics,
        output: &str,
    ) -> Guard {
        let refused = ["host", "site", "password"].map(|reason| {
            own.counter("hekad_dashboard_requests_refused_total", &[("output", output), ("reason", reason)])
        });
        Guard {
            host: address.is_loopback().then(|| address.host().to_owned()),
            credentials: (!password.is_empty()).then(|| STANDARD.encode(format!("{user}:{password}"))),
            refused,
        }
    }

    /// What is answered to a request that is refused; nothing to one that is not.
    pub(super) fn refuse(&self, request: &Request, purpose: Purpose) -> Option<Response> {
        let refusal = self.refusal(request, purpose)?;
        self.refused[refusal as usize].add(1);
        Some(match refusal {
            Refusal::Host => Response::text(
                StatusCode::FORBIDDEN,
                "this is served to localhost alone; ask for http://localhost or http://127.0.0.1\n",
            ),
            Refusal::Site => Response::text(StatusCode::FORBIDDEN, "this is not for other sites\n"),
            Refusal::Password => {
                let mut response = Response::text(StatusCode::UNAUTHORIZED, "user and password are needed\n");
                let challenge = r#"Basic realm="hekad", charset="UTF-8""#;
                response.headers.push(("www-authenticate".to_owned(), challenge.to_owned()));
                response
            }
        })
    }

    fn refusal(&self, request: &Request, purpose: Purpose) -> Option<Refusal> {
        if !self.host.as_deref().is_none_or(|own| hosts_are_ours(request, own)) {
            return Some(Refusal::Host);
        }
        let site = request.header("sec-fetch-site").unwrap_or("none");
        if purpose == Purpose::Data && !matches!(site, "none" | "same-origin") {
            return Some(Refusal::Site);
        }
        let known = self.credentials.as_deref().is_none_or(|credentials| {
            let sent = request.header("authorization").and_then(|sent| sent.split_once(' '));
            sent.is_some_and(|(scheme, sent)| {
                scheme.eq_ignore_ascii_case("basic") && same(sent.trim().as_bytes(), credentials.as_bytes())
            })
        });
        (!known).then_some(Refusal::Password)
    }
}

/// Whether every `Host` of the request is this machine. Browsers always send one; without one it is no browser.
fn hosts_are_ours(request: &Request, own: &str) -> bool {
    request.headers.get_all("host").iter().all(|host| {
        let host = host.to_str().map_or("", bare);
        host.eq_ignore_ascii_case("localhost")
            || host.eq_ignore_ascii_case(own)
            || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
    })
}

/// A `Host` without port and brackets.
fn bare(host: &str) -> &str {
    match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or("", |(ip, _)| ip),
        None => host.split_once(':').map_or(host, |(name, _)| name),
    }
}

/// Compares in a time that tells nothing but the length of what was sent.
fn same(sent: &[u8], known: &[u8]) -> bool {
    let mut differ = u8::from(sent.len() != known.len());
    for (place, byte) in sent.iter().enumerate() {
        differ |= byte ^ known[place % known.len()];
    }
    std::hint::black_box(differ) == 0
}

#[cfg(test)]
mod tests;
