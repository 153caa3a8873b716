//! The page, put together of its parts, and the headers under which a browser gets it.
//!
//! Everything is in one document: nothing is fetched but events. The policy
//! (<https://www.w3.org/TR/CSP3/>) names each part by its hash, so that nothing else can run, whatever a name holds.
//! Charts are drawn by uPlot 1.6.32 (<https://github.com/leeoniya/uPlot>), as its package ships it.

use crate::net::http::{Body, Response, StatusCode};

/// A part of the page.
struct Part {
    /// What stands for it in `page.html`.
    mark: &'static str,
    text: &'static str,
    /// SHA-256 of the text, in base64: a test says what it has to be.
    hash: &'static str,
}

const STYLES: [Part; 2] = [
    Part {
        mark: "{uPlot.min.css}",
        text: include_str!("web/uPlot.min.css"),
        hash: "32MMao1vjur/JktQ9zzlsRT2Rv/ZoLt08EmwoAE1+gQ=",
    },
    Part {
        mark: "{style.css}",
        text: include_str!("web/style.css"),
        hash: "rnLfJIc7Y5+S4UHCXM4vGFIYX6gyUCB7FyVzBeAhkQo=",
    },
];

const SCRIPTS: [Part; 4] = [
    Part {
        mark: "{uPlot.iife.min.js}",
        text: include_str!("web/uPlot.iife.min.js"),
        hash: "GcjUxq2Ikpp59K5J1vcWFWbf0Lo9FcxJXpdPeH63jx8=",
    },
    Part {
        mark: "{chart.js}",
        text: include_str!("web/chart.js"),
        hash: "3mAE2TYrvxE2ppuGjhuWAJYvdXN05A190p4GRcGT3GU=",
    },
    Part {
        mark: "{status.js}",
        text: include_str!("web/status.js"),
        hash: "MSYELkx2gpnuEj61uv29WYT6p2iCVpYuVDmLh0hNxaQ=",
    },
    Part {
        mark: "{app.js}",
        text: include_str!("web/app.js"),
        hash: "guyYVCY1OnT4/Rs2kg9m5NuCZyCR3equcapMQD3NGek=",
    },
];

const FRAME: &str = include_str!("web/page.html");

/// The page as it is served.
pub(super) struct Page {
    text: String,
    policy: String,
}

impl Page {
    /// Puts it together; `statsd` is what the hints name as the address to send to.
    pub(super) fn new() -> Page {
        let mut text = FRAME.to_owned();
        for part in STYLES.iter().chain(&SCRIPTS) {
            text = text.replace(part.mark, part.text);
        }
        Page { text, policy: policy() }
    }

    /// The answer to who asks for it.
    pub(super) fn response(&self) -> Response {
        let headers = [
            ("content-security-policy", self.policy.as_str()),
            ("cross-origin-opener-policy", "same-origin"),
            ("cache-control", "no-cache"),
        ];
        let mut response = Response {
            status: StatusCode::OK,
            content_type: "text/html; charset=utf-8".to_owned(),
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            body: Body::Whole(self.text.clone().into_bytes()),
        };
        harden(&mut response);
        response
    }
}

/// Adds what every answer of the page has to say to a browser.
pub(super) fn harden(response: &mut Response) {
    let headers = [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-resource-policy", "same-origin"),
    ];
    response.headers.extend(headers.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

fn policy() -> String {
    let hashes =
        |parts: &[Part]| -> String { parts.iter().map(|part| format!(" 'sha256-{}'", part.hash)).collect() };
    format!(
        "default-src 'none'; script-src{}; style-src{}; img-src data:; connect-src 'self'; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
        hashes(&SCRIPTS),
        hashes(&STYLES)
    )
}

#[cfg(test)]
mod tests;
