//! What takes the room of the registry: the heaviest prefixes and the newest names, for the page, for scripts and for
//! `hekad top-series`.

use std::fmt::Write;
use std::sync::Arc;

use serde::Serialize;

use crate::metric::{Limit, Registry};
use crate::net::http::{Body, Request, Response, StatusCode};
use crate::time::{Clock, Stamp};

/// Answers for `/-/series`.
pub(super) struct SeriesSite {
    pub(super) names: Arc<Registry>,
    pub(super) clock: Arc<dyn Clock>,
}

/// The room there is, and who has it.
#[derive(Debug, Serialize)]
pub(super) struct Heaviest {
    /// Series named.
    series: usize,
    /// Most that will be.
    limit: usize,
    /// How many prefixes there are.
    prefixes: usize,
    /// Those with the most series.
    heaviest: Vec<Prefix>,
    /// The series named last, the newest first.
    newest: Vec<Newest>,
    /// How often names were refused, by limit, where it was so.
    refused: Vec<Refused>,
}

#[derive(Debug, Serialize)]
struct Prefix {
    prefix: String,
    series: usize,
    limit: Option<usize>,
}

#[derive(Debug, Serialize)]
struct Newest {
    kind: &'static str,
    name: String,
    /// `k:v,k2:v2`.
    tags: String,
    /// Seconds since it was named; none if a former run left it.
    age: Option<f64>,
}

#[derive(Debug, Serialize)]
struct Refused {
    limit: &'static str,
    times: u64,
}

impl Heaviest {
    /// As of `now`, with `count` prefixes and names at most.
    pub(super) fn new(names: &Registry, count: usize, now: Stamp) -> Heaviest {
        let heaviest = names.heaviest(count).into_iter().map(|prefix| Prefix {
            prefix: prefix.shown().to_owned(),
            series: prefix.series,
            limit: prefix.limit,
        });
        let newest = names.newest(count).into_iter().map(|new| Newest {
            kind: new.series.kind.word(),
            name: new.series.name.to_string(),
            tags: new.series.tags_text(),
            age: new.at.map(|at| now.since(at).as_secs_f64()),
        });
        let refused = Limit::ALL.into_iter().map(|limit| (limit, names.refused(limit)));
        Heaviest {
            series: names.len(),
            limit: names.max_series(),
            prefixes: names.prefixes(),
            heaviest: heaviest.collect(),
            newest: newest.collect(),
            refused: refused
                .filter(|(_, times)| *times > 0)
                .map(|(limit, times)| Refused { limit: limit.label(), times })
                .collect(),
        }
    }

    /// For people and for `cut`: words between single blanks.
    fn text(&self) -> String {
        let mut text = String::new();
        let mut line = |words: std::fmt::Arguments<'_>| writeln!(text, "{words}").expect("text takes text");
        line(format_args!("series {} of {}", self.series, self.limit));
        line(format_args!("prefixes {}", self.prefixes));
        for Refused { limit, times } in &self.refused {
            line(format_args!("refused {limit} {times}"));
        }
        for Prefix { prefix, series, limit } in &self.heaviest {
            match limit {
                Some(limit) => line(format_args!("prefix {prefix} {series} of {limit}")),
                None => line(format_args!("prefix {prefix} {series}")),
            }
        }
        for Newest { kind, name, tags, age } in &self.newest {
            let age = age.map_or("restored".to_owned(), |age| format!("{age:.0}s"));
            let tags = if tags.is_empty() { String::new() } else { format!("#{tags}") };
            line(format_args!("newest {age} {kind} {name}{tags}"));
        }
        text
    }
}

impl SeriesSite {
    /// JSON for who asks for it by `format=json` or accepts it, else text; `count` of each, 10 if it says nothing.
    pub(super) fn respond(&self, request: &Request) -> Response {
        let count = match request.parameter("count").map(|count| count.parse::<usize>()) {
            None => USUAL,
            Some(Ok(count)) if (1..=MOST).contains(&count) => count,
            Some(_) => {
                return Response::text(
                    StatusCode::BAD_REQUEST,
                    format!("count is a number from 1 to {MOST}\n"),
                );
            }
        };
        let heaviest = Heaviest::new(&self.names, count, self.clock.now());
        let accepts = request.header_list("accept").is_some_and(|list| list.contains("application/json"));
        match request.parameter("format").as_deref() {
            Some("json") => json(&heaviest),
            None if accepts => json(&heaviest),
            None | Some("text") => Response::text(StatusCode::OK, heaviest.text()),
            Some(_) => Response::text(StatusCode::BAD_REQUEST, "format is json or text\n"),
        }
    }
}

fn json(heaviest: &Heaviest) -> Response {
    let mut body = serde_json::to_vec(heaviest).expect("texts and numbers can be written");
    body.push(b'\n');
    Response {
        status: StatusCode::OK,
        content_type: "application/json".to_owned(),
        headers: Vec::new(),
        body: Body::Whole(body),
    }
}

/// Prefixes and names if nobody says how many; also those of the page.
pub(super) const USUAL: usize = 10;

/// Prefixes and names at most.
const MOST: usize = 200;
