//! `hekad top-series`: which prefixes have the most series in a running daemon, and which names came last.
//!
//! Asked of the server of its page (`/-/series`). A table with bars on a terminal, the same words without them in a
//! pipe, JSON as it came with `--json`.

use std::fmt::Write as _;
use std::io::IsTerminal;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::RUNTIME;
use super::request::get;
use super::shown::{grouped, printable};
use crate::config::environment;

/// Whom to ask, and how much to show.
#[derive(Debug, clap::Args)]
pub(super) struct TopSeries {
    /// Where the daemon serves its page: the address of its DashboardOutput.
    #[arg(long, default_value = "127.0.0.1:4352", value_name = "ADDRESS")]
    address: String,
    /// How many prefixes and names to show, from 1 to 200.
    #[arg(long, default_value_t = 10, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=200))]
    count: u16,
    /// Prints JSON instead of a table.
    #[arg(long)]
    json: bool,
    /// The user the page asks for; the password is taken from HEKAD_PASSWORD.
    #[arg(long, default_value = "hekad", value_name = "NAME")]
    user: String,
}

/// What the daemon says.
#[derive(Debug, Deserialize)]
struct Found {
    series: u64,
    limit: u64,
    prefixes: u64,
    heaviest: Vec<Prefix>,
    newest: Vec<Newest>,
    refused: Vec<Refused>,
}

#[derive(Debug, Deserialize)]
struct Prefix {
    prefix: String,
    series: u64,
    limit: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct Newest {
    kind: String,
    name: String,
    tags: String,
    age: Option<f64>,
}

#[derive(Debug, Deserialize)]
struct Refused {
    limit: String,
    times: u64,
}

/// Why there is nothing to show.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("nothing answers on {address}: {source}; is hekad running there, with a [DashboardOutput]?")]
    Silent { address: String, source: std::io::Error },
    #[error("{address} has no /-/series; a daemon with a [DashboardOutput] at that address has")]
    NotThere { address: String },
    #[error("the page on {address} asks for a password: set HEKAD_PASSWORD, and --user if it is not `hekad`")]
    Password { address: String },
    #[error("{address} answers {status}: {text}")]
    Refused { address: String, status: u16, text: String },
    #[error("what {address} answers is not what hekad says: {reason}")]
    Strange { address: String, reason: String },
}

impl TopSeries {
    /// Asks and prints; the exit code.
    pub(super) fn show(self) -> u8 {
        let asked = self.ask().and_then(|body| match self.json {
            true => Ok(body),
            false => self.read(&body).map(|found| table(&found, std::io::stdout().is_terminal())),
        });
        match asked {
            Ok(text) => {
                anstream::print!("{text}");
                0
            }
            Err(trouble) => {
                anstream::eprintln!("{trouble}");
                RUNTIME
            }
        }
    }

    fn read(&self, body: &str) -> Result<Found, Trouble> {
        serde_json::from_str(body).map_err(|error| self.strange(error.to_string()))
    }

    /// The body of the answer.
    fn ask(&self) -> Result<String, Trouble> {
        let path = format!("/-/series?format=json&count={}", self.count);
        let answer = get(&self.address, &path, &self.credentials())
            .map_err(|source| Trouble::Silent { address: self.address.clone(), source })?
            .ok_or_else(|| self.strange("no HTTP".to_owned()))?;
        let address = self.address.clone();
        match answer.status {
            200 => Ok(answer.body),
            401 => Err(Trouble::Password { address }),
            404 => Err(Trouble::NotThere { address }),
            status => Err(Trouble::Refused { address, status, text: printable(answer.body.trim()) }),
        }
    }

    /// The header with the password, if there is one.
    fn credentials(&self) -> String {
        environment("HEKAD_PASSWORD").map_or(String::new(), |password| {
            format!("Authorization: Basic {}\r\n", STANDARD.encode(format!("{}:{password}", self.user)))
        })
    }

    fn strange(&self, reason: String) -> Trouble {
        Trouble::Strange { address: self.address.clone(), reason }
    }
}

/// The table, with bars and colours for a terminal.
fn table(found: &Found, for_terminal: bool) -> String {
    let mut text = String::new();
    let mut line = |words: String| writeln!(text, "{}", words.trim_end()).expect("text takes text");
    let (series, limit, prefixes) = (grouped(found.series), grouped(found.limit), grouped(found.prefixes));
    line(format!("{} of {limit} series, {prefixes} prefixes", bold(&series, for_terminal)));
    for refused in &found.refused {
        line(format!(
            "refused {} times by the limit of {}",
            grouped(refused.times),
            printable(&refused.limit)
        ));
    }
    let width = found.heaviest.iter().map(|prefix| prefix.prefix.chars().count()).max().unwrap_or(0).max(6);
    line(String::new());
    line(format!("{:width$}  {:>11}  {:>11}", "prefix", "series", "limit"));
    let most = found.heaviest.iter().map(|prefix| prefix.series).max().unwrap_or(0);
    for prefix in &found.heaviest {
        let limit = prefix.limit.map_or("-".to_owned(), grouped);
        let name = printable(&prefix.prefix);
        let bar = if for_terminal { bar(prefix, most) } else { String::new() };
        line(format!("{name:width$}  {:>11}  {limit:>11}  {bar}", grouped(prefix.series)));
    }
    line(String::new());
    line("newest".to_owned());
    for newest in &found.newest {
        let tags = if newest.tags.is_empty() { String::new() } else { format!("#{}", newest.tags) };
        let (kind, name) = (printable(&newest.kind), printable(&format!("{}{tags}", newest.name)));
        line(format!("{:>8}  {kind:12}  {name}", newest.age.map_or("restored".to_owned(), lasting)));
    }
    text
}

/// How much of its limit a prefix has, or of the heaviest if it has none.
fn bar(prefix: &Prefix, most: u64) -> String {
    let of = prefix.limit.unwrap_or(most).max(1);
    let share = (prefix.series as f64 / of as f64).min(1.0);
    let colour = match prefix.limit {
        Some(_) if share >= 1.0 => "\u{1b}[31m",
        Some(_) if share >= 0.8 => "\u{1b}[33m",
        _ => "\u{1b}[36m",
    };
    let full = (share * BAR as f64).round() as usize;
    format!("{colour}{}\u{1b}[2m{}\u{1b}[0m", "█".repeat(full), "░".repeat(BAR - full))
}

fn bold(text: &str, for_terminal: bool) -> String {
    if for_terminal { format!("\u{1b}[1m{text}\u{1b}[0m") } else { text.to_owned() }
}

/// `12s`, `3min`, `5h`, `2d`.
fn lasting(seconds: f64) -> String {
    match seconds {
        0.0..60.0 => format!("{seconds:.0}s"),
        60.0..3600.0 => format!("{:.0}min", seconds / 60.0),
        3600.0..86_400.0 => format!("{:.0}h", seconds / 3600.0),
        _ => format!("{:.0}d", seconds / 86_400.0),
    }
}

/// Letters of a bar.
const BAR: usize = 24;

#[cfg(test)]
mod tests {
    use super::*;

    const FOUND: &str = r#"{"series":1234567,"limit":2000000,"prefixes":2,
        "heaviest":[{"prefix":"api","series":90,"limit":100},{"prefix":"(none)","series":45,"limit":null}],
        "newest":[{"kind":"counter","name":"a.b","tags":"k:v","age":12.4},
                  {"kind":"timer","name":"c","tags":"","age":null}],
        "refused":[{"limit":"prefix","times":1000}]}"#;

    fn found() -> Found {
        serde_json::from_str(FOUND).expect("it is what the daemon says")
    }

    #[test]
    fn a_pipe_gets_words_alone() {
        let expected = "1,234,567 of 2,000,000 series, 2 prefixes
refused 1,000 times by the limit of prefix

prefix       series        limit
api              90          100
(none)           45            -

newest
     12s  counter       a.b#k:v
restored  timer         c
";
        assert_eq!(table(&found(), false), expected);
    }

    #[test]
    fn a_terminal_gets_bars_that_warn_before_a_limit() {
        let text = table(&found(), true);
        let bars: Vec<&str> = text.lines().filter(|line| line.contains('█')).collect();
        let bar = |line: &str, letter| line.chars().filter(|&found| found == letter).count();
        assert_eq!((bar(bars[0], '█'), bar(bars[0], '░')), (22, 2));
        assert_eq!((bar(bars[1], '█'), bar(bars[1], '░')), (12, 12));
        assert!(bars[0].contains("\u{1b}[33m") && bars[1].contains("\u{1b}[36m"), "{text}");
    }

    #[test]
    fn times_are_short() {
        assert_eq!([0.4, 59.0, 60.0, 7200.0, 200_000.0].map(lasting), ["0s", "59s", "1min", "2h", "2d"]);
    }

    #[test]
    fn no_daemon_is_said_with_the_way_out() {
        // Nobody listens on a port that was just given back.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it is bound").to_string();
        drop(listener);
        let top = TopSeries { address: address.clone(), count: 10, json: false, user: "hekad".to_owned() };
        let trouble = top.ask().expect_err("nobody answers").to_string();
        assert!(trouble.starts_with(&format!("nothing answers on {address}: ")), "{trouble}");
        assert!(trouble.ends_with("; is hekad running there, with a [DashboardOutput]?"), "{trouble}");
    }
}
