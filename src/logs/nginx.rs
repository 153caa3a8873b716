//! Access logs of nginx, read by the `log_format` that wrote them.
//!
//! A format becomes a list of variables with the text between them; a line is read in one pass over it. Variables have
//! the types that Heka's `nginx_access.lua` gives them: numbers are doubles, sizes and times have a unit, addresses say
//! whether they are ones. `$time_local`, `$time_iso8601` and `$msec` are the stamp of the message. A text goes up to
//! where the text behind it in the format begins; in quotes a `\"` does not end it. What follows the format in a line is
//! not looked at. A number that nginx had none for is no field: it is `-`, or nothing at all with escape=json and escape=none.
//!
//! Source: <https://nginx.org/en/docs/http/ngx_http_log_module.html#log_format>,
//! <https://nginx.org/en/docs/varindex.html>.

mod time_local;

use std::net::Ipv6Addr;

use jiff::tz::TimeZone;
use memchr::{memchr, memchr_iter};

use self::time_local::{TIME_LOCAL, time_local};
use super::{Layout, UserAgent, user_agent};
use crate::message::{Field, Message, Text, Value, Values};

/// A format, ready to read lines.
#[derive(Debug, Clone)]
pub struct AccessFormat {
    /// Text before the first variable.
    begin: Box<[u8]>,
    variables: Vec<Variable>,
    iso8601: Layout,
    user_agents: UserAgents,
}

/// What is done with user agents.
#[derive(Debug, Clone, Copy, Default)]
pub struct UserAgents {
    /// Whether they become browser, version and system.
    pub transform: bool,
    /// Whether they are fields all the same.
    pub keep: bool,
    /// Whether they are where no browser was found.
    pub keep_unknown: bool,
}

#[derive(Debug, Clone)]
struct Variable {
    name: Text,
    kind: Kind,
    representation: Text,
    /// Text behind it; it is empty behind the last one only, or where the kind ends by itself.
    after: Box<[u8]>,
}

/// What a variable is read as.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Text,
    UserAgent,
    Number,
    Address,
    /// Several servers asked in turn: addresses, numbers, or numbers of which `-` is 0, and so is nothing.
    Texts,
    Numbers,
    NumbersOrZero,
    TimeLocal,
    TimeIso8601,
    Msec,
}

/// Why a format was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// It has no variable.
    #[error("has no variable, such as $remote_addr")]
    NoVariable,
    /// A `$` without a name.
    #[error("has a `$` without the name of a variable")]
    NoName,
    /// Two variables with nothing between them.
    #[error("has nothing between ${0} and the variable behind it: where one ends cannot be told")]
    Adjacent(String),
    /// More than one line.
    #[error("must be one line, as nginx writes it")]
    Lines,
}

/// Where a line is not of the format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// The text before the first variable is another one.
    #[error("it does not begin as the log_format does")]
    Begin,
    /// A variable whose value is not of its type.
    #[error("${variable} is not at its byte {at}")]
    Value {
        /// The variable.
        variable: Text,
        /// Where it should begin.
        at: usize,
    },
    /// The text behind a variable is another one.
    #[error("the text behind ${variable} is not found from its byte {at} on")]
    After {
        /// The variable.
        variable: Text,
        /// Where it should be.
        at: usize,
    },
}

impl AccessFormat {
    /// Reads a `log_format`, as it stands in nginx's configuration, without the quotes.
    ///
    /// # Errors
    /// If lines of it cannot be read, or it is none.
    pub fn new(format: &str, user_agents: UserAgents) -> Result<AccessFormat, FormatError> {
        if format.contains(['\n', '\r']) {
            return Err(FormatError::Lines);
        }
        let (begin, mut rest) = format.split_at(format.find('$').ok_or(FormatError::NoVariable)?);
        let mut variables: Vec<Variable> = Vec::new();
        while !rest.is_empty() {
            let (name, behind) = variable_name(&rest[1..]).ok_or(FormatError::NoName)?;
            let (after, next) = behind.split_at(behind.find('$').unwrap_or(behind.len()));
            let (kind, representation) = kind_of(name);
            if after.is_empty() && !next.is_empty() && !kind.ends_by_itself() {
                return Err(FormatError::Adjacent(name.to_owned()));
            }
            let after = after.as_bytes().into();
            variables.push(Variable {
                name: name.into(),
                kind,
                representation: representation.into(),
                after,
            });
            rest = next;
        }
        let iso8601 = Layout::new("2006-01-02T15:04:05Z07:00");
        Ok(AccessFormat { begin: begin.as_bytes().into(), variables, iso8601, user_agents })
    }

    /// Reads a line into the fields and the timestamp of `message`.
    ///
    /// # Errors
    /// If the line is another one; some of its fields may have been added.
    pub fn read(&self, line: &[u8], message: &mut Message) -> Result<(), LineError> {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if !begins_with(line, &self.begin) {
            return Err(LineError::Begin);
        }
        let line = Line { bytes: line, text: std::str::from_utf8(line).ok() };
        let mut at = self.begin.len();
        // A user agent may become three.
        let more = if self.user_agents.transform { 3 } else { 0 };
        message.fields.reserve(self.variables.len() + more);
        for variable in &self.variables {
            let length = self
                .read_variable(variable, &line, at, message)
                .ok_or_else(|| LineError::Value { variable: variable.name.clone(), at })?;
            at += length;
            if !begins_with(&line.bytes[at..], &variable.after) {
                return Err(LineError::After { variable: variable.name.clone(), at });
            }
            at += variable.after.len();
        }
        Ok(())
    }

    /// Reads one variable, which begins at a byte of the line: its length.
    fn read_variable(
        &self,
        variable: &Variable,
        line: &Line<'_>,
        at: usize,
        message: &mut Message,
    ) -> Option<usize> {
        let rest = &line.bytes[at..];
        match variable.kind {
            Kind::Text => {
                let length = variable.text(rest)?.len();
                message.fields.push(variable.field(line.text(at, length)));
                Some(length)
            }
            Kind::UserAgent => {
                let text = variable.text(rest)?;
                self.push_user_agent(variable, text, || line.text(at, text.len()), message);
                Some(text.len())
            }
            Kind::Number => match number(rest) {
                Some((value, length)) => {
                    message.fields.push(variable.field(value));
                    Some(length)
                }
                None => variable.without_number(rest),
            },
            Kind::Address => {
                let text = variable.text(rest)?;
                let field = Field::new(variable.name.clone(), line.text(at, text.len()));
                message.fields.push(field.shown_as(Text::new_static(address_kind(text))));
                Some(text.len())
            }
            Kind::Texts => {
                let (values, length) =
                    variable.list(rest, |from, text| Some(line.text(at + from, text.len())))?;
                message.fields.push(variable.field(Value::Strings(values)));
                Some(length)
            }
            Kind::Numbers => {
                if let Some(length) = variable.without_number(rest) {
                    return Some(length);
                }
                let (values, length) = variable.list(rest, |_, text| whole_number(text))?;
                message.fields.push(variable.field(Value::Doubles(values)));
                Some(length)
            }
            Kind::NumbersOrZero => {
                let read =
                    |_, text: &[u8]| if matches!(text, b"-" | b"") { Some(0.0) } else { whole_number(text) };
                let (values, length) = variable.list(rest, read)?;
                message.fields.push(variable.field(Value::Doubles(values)));
                Some(length)
            }
            Kind::TimeLocal => {
                message.timestamp = time_local(rest)?;
                Some(TIME_LOCAL)
            }
            Kind::TimeIso8601 => {
                let text = variable.text(rest)?;
                message.timestamp = self.iso8601.parse(text, &TimeZone::UTC, message.timestamp).ok()?;
                Some(text.len())
            }
            Kind::Msec => {
                let (_, length) = number(rest)?;
                message.timestamp =
                    Layout::Epoch(NANOS).parse(&rest[..length], &TimeZone::UTC, message.timestamp).ok()?;
                Some(length)
            }
        }
    }

    fn push_user_agent(
        &self,
        variable: &Variable,
        text: &[u8],
        kept: impl FnOnce() -> Text,
        message: &mut Message,
    ) {
        let UserAgents { transform, keep, keep_unknown } = self.user_agents;
        let UserAgent { browser, version, os } =
            if transform { user_agent(text) } else { UserAgent::default() };
        if !transform || keep || keep_unknown && browser.is_none() {
            message.fields.push(variable.field(kept()));
        }
        let named = |name, text| Field::new(Text::new_static(name), Text::new_static(text));
        message.fields.extend(browser.map(|browser| named("user_agent_browser", browser)));
        let version = version.map(|version| Field::new(Text::new_static("user_agent_version"), version));
        message.fields.extend(version);
        message.fields.extend(os.map(|os| named("user_agent_os", os)));
    }
}

impl Variable {
    fn field(&self, value: impl Into<Value>) -> Field {
        Field { name: self.name.clone(), representation: self.representation.clone(), value: value.into() }
    }

    /// The length of what stands where nginx had no number: a `-`, or nothing; none if something else does.
    fn without_number(&self, rest: &[u8]) -> Option<usize> {
        let is_empty = match self.after.is_empty() {
            true => rest.is_empty(),
            false => begins_with(rest, &self.after),
        };
        if is_empty { Some(0) } else { rest.starts_with(b"-").then_some(1) }
    }

    /// The text up to where that behind it begins.
    fn text<'a>(&self, rest: &'a [u8]) -> Option<&'a [u8]> {
        let Some((&first, more)) = self.after.split_first() else { return Some(rest) };
        let ends = |at: usize| {
            let quoted = first == b'"' && at > 0 && rest[at - 1] == b'\\';
            !quoted && begins_with(&rest[at + 1..], more)
        };
        // The first one is nearly always it.
        let at = memchr(first, rest)?;
        let at = if ends(at) { at } else { memchr_iter(first, rest).skip(1).find(|at| ends(*at))? };
        Some(&rest[..at])
    }

    /// Values of several servers, `, ` between them, or ` : ` where a group of them was asked. Each is read from where it
    /// begins and its text.
    fn list<T>(&self, rest: &[u8], read: impl Fn(usize, &[u8]) -> Option<T>) -> Option<(Values<T>, usize)> {
        let mut values = Values::default();
        let mut at = 0;
        loop {
            let end = |byte: &u8| matches!(byte, b',' | b' ') || self.after.first() == Some(byte);
            let length = rest[at..].iter().position(end).unwrap_or(rest.len() - at);
            values.push(read(at, &rest[at..at + length])?);
            at += length;
            match &rest[at..] {
                [b',', b' ', ..] => at += 2,
                [b' ', b':', b' ', ..] => at += 3,
                _ => return Some((values, at)),
            }
        }
    }
}

impl Kind {
    fn ends_by_itself(self) -> bool {
        matches!(self, Kind::Number | Kind::Msec | Kind::TimeLocal)
    }
}

/// The name a text begins with, in braces or not, and what is behind it.
fn variable_name(text: &str) -> Option<(&str, &str)> {
    if let Some(text) = text.strip_prefix('{') {
        return text.split_once('}').filter(|(name, _)| !name.is_empty());
    }
    let end =
        text.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

fn kind_of(name: &str) -> (Kind, &'static str) {
    match name {
        "time_local" => (Kind::TimeLocal, ""),
        "time_iso8601" => (Kind::TimeIso8601, ""),
        "msec" => (Kind::Msec, ""),
        "http_user_agent" => (Kind::UserAgent, ""),
        "host" | "hostname" | "proxy_protocol_addr" | "remote_addr" | "server_addr" | "server_name" => {
            (Kind::Address, "")
        }
        "body_bytes_sent" | "bytes_sent" | "content_length" | "request_length" => (Kind::Number, "B"),
        "request_time" => (Kind::Number, "s"),
        "connection"
        | "connection_requests"
        | "pid"
        | "remote_port"
        | "server_port"
        | "status"
        | "tcpinfo_rtt"
        | "tcpinfo_rttvar"
        | "tcpinfo_snd_cwnd"
        | "tcpinfo_rcv_space" => (Kind::Number, ""),
        "upstream_addr" => (Kind::Texts, ""),
        "upstream_response_length" => (Kind::Numbers, "B"),
        "upstream_response_time" | "upstream_connect_time" | "upstream_header_time" => {
            (Kind::NumbersOrZero, "s")
        }
        "upstream_status" => (Kind::NumbersOrZero, ""),
        _ => (Kind::Text, ""),
    }
}

/// A line, looked through once for whether it is text.
struct Line<'a> {
    bytes: &'a [u8],
    text: Option<&'a str>,
}

impl Line<'_> {
    /// So many bytes from one on as text.
    fn text(&self, at: usize, length: usize) -> Text {
        match self.text.and_then(|text| text.get(at..at + length)) {
            Some(text) => Text::new(text),
            None => Text::new(String::from_utf8_lossy(&self.bytes[at..at + length])),
        }
    }
}

/// As `starts_with`, for a few bytes or none, of which a call would cost more than all.
fn begins_with(bytes: &[u8], few: &[u8]) -> bool {
    bytes.len() >= few.len() && bytes.iter().zip(few).all(|(byte, other)| byte == other)
}

/// The decimal number a text begins with, and its length.
fn number(text: &[u8]) -> Option<(f64, usize)> {
    let negative = text.first() == Some(&b'-');
    let mut at = usize::from(negative);
    let (mut digits, mut fraction) = (0u64, 0usize);
    let start = at;
    while let Some(digit) = text.get(at).filter(|byte| byte.is_ascii_digit()) {
        digits = digits.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
        at += 1;
    }
    if at == start {
        return None;
    }
    if text.get(at) == Some(&b'.') && text.get(at + 1).is_some_and(u8::is_ascii_digit) {
        at += 1;
        while let Some(digit) = text.get(at).filter(|byte| byte.is_ascii_digit()) {
            digits = digits.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
            fraction += 1;
            at += 1;
        }
    }
    // Both are exact below 2^53 and 10^22: so is the quotient, rounded once.
    let value = match digits < 1 << 53 && fraction < POWERS.len() {
        true => digits as f64 / POWERS[fraction],
        false => std::str::from_utf8(&text[start..at]).ok()?.parse().ok()?,
    };
    Some((if negative { -value } else { value }, at))
}

fn whole_number(text: &[u8]) -> Option<f64> {
    number(text).filter(|(_, length)| *length == text.len()).map(|(value, _)| value)
}

const POWERS: [f64; 10] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];

fn address_kind(text: &[u8]) -> &'static str {
    if is_ipv4(text) {
        return "ipv4";
    }
    if memchr(b':', text).is_none() {
        return "hostname";
    }
    let is_ipv6 = std::str::from_utf8(text).is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok());
    // A unix socket has no address.
    if is_ipv6 { "ipv6" } else { "" }
}

/// Four numbers up to 255, without zeros before them.
fn is_ipv4(text: &[u8]) -> bool {
    let mut parts = 0;
    for part in text.split(|byte| *byte == b'.') {
        parts += 1;
        let number = match part {
            [b'0'..=b'9'] => 0,
            [b'1'..=b'9', b'0'..=b'9'] => 0,
            [b'1'..=b'2', b'0'..=b'9', b'0'..=b'9'] => {
                part.iter().fold(0, |sum, byte| sum * 10 + u32::from(byte - b'0'))
            }
            _ => return false,
        };
        if number > 255 || parts > 4 {
            return false;
        }
    }
    parts == 4
}

const NANOS: i64 = 1_000_000_000;

#[cfg(test)]
mod tests;
