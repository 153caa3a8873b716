//! What an answer means for the request: taken, to be sent again, or lost.
//!
//! Statuses are those of RFC 9110 (<https://www.rfc-editor.org/rfc/rfc9110#section-15>).

use std::time::Duration;

use http::header::{LOCATION, RETRY_AFTER};
use jiff::fmt::rfc2822::DateTimeParser;

use crate::net::HttpAnswer;
use crate::plugin::Fault;
use crate::time::Stamp;

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It has arrived.
    Taken,
    /// It may arrive when it is sent again.
    Later {
        /// For how long the server asks not to be asked.
        pause: Option<Duration>,
    },
    /// It will never arrive.
    Never,
}

impl Verdict {
    /// What `answer` means at `now`.
    pub(super) fn of(answer: &HttpAnswer, now: Stamp) -> Verdict {
        match answer.status.as_u16() {
            200..=299 => Verdict::Taken,
            408 | 425 | 429 | 500..=599 => Verdict::Later { pause: pause(answer, now) },
            _ => Verdict::Never,
        }
    }
}

/// Why a request was not taken, with the beginning of what the server says.
pub(super) fn fault(answer: &HttpAnswer) -> Fault {
    let status = answer.status;
    let field = |name| answer.headers.get(name).map(|value| shown(value.as_bytes()));
    if let Some(location) = field(LOCATION).filter(|_| status.is_redirection()) {
        return Fault::new(format!(
            "the server answers {status} and sends on to {location}; set `address` to that"
        ));
    }
    match shown(&answer.body).as_str() {
        "" => Fault::new(format!("the server answers {status}")),
        said => Fault::new(format!("the server answers {status}: {said}")),
    }
}

/// Seconds, or a date; a date that is over is now.
fn pause(answer: &HttpAnswer, now: Stamp) -> Option<Duration> {
    let text = answer.headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u32>() {
        return Some(Duration::from_secs(seconds.into()));
    }
    let at = DateTimeParser::new().relaxed_weekday(true).parse_timestamp(text).ok()?;
    let at = Stamp(i64::try_from(at.as_nanosecond()).ok()?);
    Some(at.since(now))
}

/// The beginning of a text from outside, on one line.
fn shown(bytes: &[u8]) -> String {
    let bytes = bytes.trim_ascii();
    let cut = &bytes[..bytes.len().min(MOST_SHOWN)];
    let text: String = String::from_utf8_lossy(cut)
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect();
    if cut.len() < bytes.len() { format!("{}…", text.trim_end()) } else { text }
}

/// Bytes of an answer that are logged.
const MOST_SHOWN: usize = 200;

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, StatusCode};

    use super::*;

    fn answer(status: u16, header: &[(http::HeaderName, &str)], body: &str) -> HttpAnswer {
        let field =
            |(name, value): &(http::HeaderName, &str)| (name.clone(), HeaderValue::from_str(value).unwrap());
        HttpAnswer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: header.iter().map(field).collect::<HeaderMap>(),
            body: body.into(),
        }
    }

    #[test]
    fn each_status_has_its_verdict() {
        let of = |status| Verdict::of(&answer(status, &[], ""), Stamp(0));
        for status in [200, 202, 204, 299] {
            assert_eq!(of(status), Verdict::Taken, "{status}");
        }
        for status in [408, 425, 429, 500, 502, 503, 504, 599] {
            assert_eq!(of(status), Verdict::Later { pause: None }, "{status}");
        }
        for status in [301, 304, 400, 401, 403, 404, 413, 422, 600] {
            assert_eq!(of(status), Verdict::Never, "{status}");
        }
    }

    #[test]
    fn a_pause_is_asked_for_in_seconds_or_by_a_date() {
        let now = Stamp::from_seconds(1_700_000_000);
        let of = |text: &str| Verdict::of(&answer(429, &[(RETRY_AFTER, text)], ""), now);
        let later = |pause| Verdict::Later { pause };
        let seconds = |seconds| later(Some(Duration::from_secs(seconds)));
        assert_eq!(of("120"), seconds(120));
        assert_eq!(of("Tue, 14 Nov 2023 22:13:50 GMT"), seconds(30));
        assert_eq!(of("Tue, 14 Nov 2023 22:00:00 GMT"), seconds(0));
        for text in ["soon", "-1", "1.5", "", "99999999999"] {
            assert_eq!(of(text), later(None), "{text}");
        }
    }

    #[test]
    fn a_fault_says_what_the_server_said_and_where_it_sends_on() {
        let said = |answer: HttpAnswer| fault(&answer).to_string();
        assert_eq!(said(answer(503, &[], "")), "the server answers 503 Service Unavailable");
        assert_eq!(
            said(answer(400, &[], " no\nsuch\u{1b}[1m field\n")),
            "the server answers 400 Bad Request: no such [1m field"
        );
        assert_eq!(
            said(answer(301, &[(LOCATION, "https://h/new")], "moved")),
            "the server answers 301 Moved Permanently and sends on to https://h/new; set `address` to that"
        );
        let long = said(answer(400, &[], &"x".repeat(300)));
        assert_eq!(long, format!("the server answers 400 Bad Request: {}…", "x".repeat(200)));
    }
}
