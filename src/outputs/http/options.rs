//! The options of `HttpOutput`, and the request they come to.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, HOST, HeaderName, HeaderValue, USER_AGENT};
use http::{HeaderMap, Uri};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::{Address, Bytes, Check, Millis, OneOrMany, Seconds, Violation};
use crate::net::{Tls, TlsSide};

/// Options of `HttpOutput`; names of those that Heka had are Heka's.
#[derive(Debug, Clone, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where requests go: "http://host:port/path?query", or "https://". The name is looked up at every connect.
    pub address: String,
    /// "POST" (default), "PUT", or "GET", which sends no body.
    #[serde(default)]
    pub method: Method,
    /// Header fields of every request: each a text, or a list where it is to be there several times. Default: none but
    /// `Host`, `User-Agent`, `Content-Length`, and `Authorization` if there is a username.
    #[serde(default)]
    pub headers: BTreeMap<String, OneOrMany<String>>,
    /// Name for basic authentication. Default: none.
    #[serde(default)]
    pub username: String,
    /// Password for it. Default: none.
    #[serde(default)]
    pub password: String,
    /// How long an answer may take from the request on; a bare number is in milliseconds. 0 for as long as it takes.
    /// Default 30s.
    #[serde(default = "http_timeout")]
    pub http_timeout: Millis,
    /// How long connecting may take, the look-up of the name included. Default 10s.
    #[serde(default = "connect_timeout")]
    pub connect_timeout: Seconds,
    /// Options of TLS, for an address with https.
    #[serde(default)]
    pub tls: Tls,
    /// Records of one request at most; with 1 each record is a request of its own, and nothing waits. Default 1.
    #[serde(default = "batch_count")]
    pub batch_count: u32,
    /// Bytes of records from which on a request takes no more of them. From 1 KiB to 64 MiB, default 1 MiB.
    #[serde(default = "batch_bytes")]
    pub batch_bytes: Bytes,
    /// How long a request that has room waits for more records. 0: it takes what is there. Default 1s.
    #[serde(default = "flush_interval")]
    pub flush_interval: Seconds,
    /// How the records of a request are put together: "lines" (default), with a newline between two where the encoder wrote
    /// none; "concatenated", just as the encoder wrote them; "json_array", `[a,b]`, of an encoder that writes JSON.
    #[serde(default)]
    pub batch_as: Joining,
}

/// How a request is made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// With a body.
    #[default]
    Post,
    /// With a body, in the place of what is there.
    Put,
    /// Without a body.
    Get,
}

/// How records become one body.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Joining {
    /// A newline between two.
    #[default]
    Lines,
    /// As they are.
    Concatenated,
    /// Elements of an array.
    JsonArray,
}

impl Method {
    /// As HTTP has it.
    pub(super) fn http(self) -> http::Method {
        match self {
            Method::Post => http::Method::POST,
            Method::Put => http::Method::PUT,
            Method::Get => http::Method::GET,
        }
    }
}

fn http_timeout() -> Millis {
    Millis::new(30_000)
}

fn connect_timeout() -> Seconds {
    Seconds(Duration::from_secs(10))
}

fn batch_count() -> u32 {
    1
}

fn batch_bytes() -> Bytes {
    Bytes(1 << 20)
}

fn flush_interval() -> Seconds {
    Seconds(Duration::from_secs(1))
}

/// An address that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// What is connected to.
    pub(super) address: Address,
    /// As the field `Host` has it.
    host: String,
    /// Path and query.
    pub(super) path: String,
    /// Whether it is reached over TLS.
    pub(super) is_secure: bool,
}

impl Config {
    /// Where requests go.
    ///
    /// # Errors
    /// What is wrong with the address, and what would be right.
    pub(super) fn place(&self) -> Result<Place, (String, &'static str)> {
        let whole = "write it as \"http://host:port/path\" or with https://";
        let uri: Uri = self.address.parse().map_err(|error| (format!("is no URL: {error}"), whole))?;
        let (is_secure, default_port) = match uri.scheme_str() {
            Some("http") => (false, 80),
            Some("https") => (true, 443),
            Some(other) => return Err((format!("`{other}` is not spoken"), whole)),
            None => return Err(("does not begin with http:// or https://".to_owned(), whole)),
        };
        let authority = uri.authority().ok_or_else(|| ("names no host".to_owned(), whole))?;
        if authority.as_str().contains('@') {
            return Err(("names a user".to_owned(), "set `username` and `password`"));
        }
        let (host, port) = (uri.host().unwrap_or_default(), uri.port_u16().unwrap_or(default_port));
        if host.is_empty() || port == 0 || (uri.port_u16().is_none() && authority.as_str() != host) {
            return Err(("names no host, or no port that could be connected to".to_owned(), whole));
        }
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(Place { address: Address::new(bare, port), host: authority.to_string(), path, is_secure })
    }

    /// The header of every request, without what is made of its body.
    ///
    /// # Errors
    /// The name of a field that cannot be one, and what is wrong.
    pub(super) fn header(&self, place: &Place) -> Result<HeaderMap, (String, &'static str)> {
        let mut header = HeaderMap::new();
        for (name, values) in &self.headers {
            let wrong = |message| (name.clone(), message);
            let field: HeaderName = name.parse().map_err(|_| wrong("is no name of a header field"))?;
            if MADE.contains(&field.as_str()) {
                return Err(wrong("is made of the request"));
            }
            if field == AUTHORIZATION && !self.username.is_empty() {
                return Err(wrong("is made of `username` and `password`"));
            }
            for value in &values.0 {
                let value =
                    HeaderValue::from_str(value).map_err(|_| wrong("has a value that is not plain ASCII"))?;
                header.append(field.clone(), value);
            }
        }
        let host = HeaderValue::from_str(&place.host);
        header
            .entry(HOST)
            .or_insert(host.map_err(|_| ("host".to_owned(), "has a value that is not plain ASCII"))?);
        header.entry(USER_AGENT).or_insert(HeaderValue::from_static("hekad"));
        if !self.username.is_empty() {
            let credentials = STANDARD.encode(format!("{}:{}", self.username, self.password));
            let mut value =
                HeaderValue::from_str(&format!("Basic {credentials}")).expect("base64 is text of ASCII");
            value.set_sensitive(true);
            header.insert(AUTHORIZATION, value);
        }
        Ok(header)
    }
}

impl Check for Config {
    fn check(&self) -> Vec<Violation> {
        let mut violations = Vec::new();
        let mut add = |key: &str, message: String, help: &str| {
            let help = Some(help.to_owned()).filter(|help| !help.is_empty());
            violations.push(Violation { help, ..Violation::new(key, message) });
        };
        let place = self.place();
        match &place {
            Err((message, help)) => add("address", message.clone(), help),
            Ok(place) => {
                if !place.is_secure && self.tls != Tls::default() {
                    add("tls", "means nothing without https:// in `address`".to_owned(), "");
                }
            }
        }
        if self.username.contains(':') {
            add("username", "must not hold a colon: it ends there".to_owned(), "");
        }
        if self.username.is_empty() && !self.password.is_empty() {
            // Not at the password, whose line would be shown.
            add("address", "has a `password` and no `username`".to_owned(), "set `username` as well");
        }
        if self.connect_timeout.0.is_zero() {
            add("connect_timeout", "must be longer than 0".to_owned(), "");
        }
        if !(1..=1_000_000).contains(&self.batch_count) {
            add("batch_count", "must be a number from 1 to 1000000".to_owned(), "");
        }
        if self.batch_count > 1 && self.method == Method::Get {
            add("batch_count", "means nothing to GET, which sends no records".to_owned(), "use POST or PUT");
        }
        if !(1 << 10..=64 << 20).contains(&self.batch_bytes.0) {
            add("batch_bytes", "must be a size from 1 KiB to 64 MiB".to_owned(), "");
        }
        if self.flush_interval.0 > LONGEST_WAIT {
            add("flush_interval", "must be at most 1h".to_owned(), "");
        }
        if let Ok(place) = &place {
            if let Err((name, message)) = self.header(place) {
                violations.push(Violation::new("headers", format!("`{name}` {message}")).of_element(name));
            }
            if place.is_secure {
                violations.extend(self.tls.check(true, TlsSide::Connecting));
            }
        }
        violations
    }
}

/// Fields that are made of the request, by their names in small letters.
const MADE: [&str; 3] = ["content-length", "transfer-encoding", "connection"];

const LONGEST_WAIT: Duration = Duration::from_secs(3600);
