//! The text of a `.case` file: a comment, `[config]`, `[steps]`, blocks of what is expected, `[ledger]`.
//!
//! A block's text ends before the empty line in front of the next block. Expected text whose last line ends in a
//! backslash has no newline there.

use std::time::Duration;

/// One scenario.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Case {
    /// What is shown; the lines of the comment.
    pub(super) comment: String,
    /// The configuration.
    pub(super) config: String,
    /// The text of the steps, and what they are.
    pub(super) steps_text: String,
    pub(super) steps: Vec<Step>,
    /// What is to be found in the end, in the order of the file.
    pub(super) expected: Vec<(Place, String)>,
    /// The books, a line for every joint and table.
    pub(super) ledger: String,
}

/// What a scenario does.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Step {
    Send {
        input: String,
        lane: usize,
        bytes: Vec<u8>,
    },
    Advance(Duration),
    /// Sets the clock on or back, at once.
    Clock {
        by: Duration,
        back: bool,
    },
    RefuseConnects {
        address: String,
        times: u32,
    },
    RefuseWrites {
        address: String,
        times: u32,
    },
    BreakAfter {
        address: String,
        bytes: usize,
    },
    /// Has an address say something to whoever reads from it next.
    Reply {
        address: String,
        bytes: Vec<u8>,
    },
    /// Has an address say something after what is written to it next.
    Answer {
        address: String,
        bytes: Vec<u8>,
    },
    Scrape {
        name: String,
        url: Url,
        scraper: Option<Scraper>,
    },
    Stop,
    /// Stops and starts again so much later, with what was left.
    Restart(Duration),
}

/// Who scrapes as Prometheus does: on a connection of that number, and what it accepts.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scraper {
    pub(super) connection: u64,
    pub(super) accept: String,
}

/// Where expected text is found.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Place {
    /// Written to `host:port`, or `stdout`.
    Written(String),
    /// The same, a line `--` before every datagram.
    Datagrams(String),
    /// The same over all connections, whose number goes first, without carriage returns.
    Requests(String),
    /// Served in the end.
    Get(Url),
    /// Served when a step of that name looked.
    Scraped(String),
}

/// What is served at a path: the families whose names begin with one of the prefixes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Url {
    pub(super) address: String,
    pub(super) path: String,
    pub(super) prefixes: Vec<String>,
}

impl Case {
    /// Reads a file; the error says which line is wrong.
    pub(super) fn parse(text: &str) -> Result<Case, String> {
        let mut blocks: Vec<(&str, Vec<&str>)> = vec![("", Vec::new())];
        for line in text.lines() {
            match header(line) {
                Some(header) => blocks.push((header, Vec::new())),
                None => blocks.last_mut().expect("there is one from the start").1.push(line),
            }
        }
        let last = blocks.len() - 1;
        let mut case = Case {
            comment: String::new(),
            config: String::new(),
            steps_text: String::new(),
            steps: Vec::new(),
            expected: Vec::new(),
            ledger: String::new(),
        };
        for (index, (header, mut lines)) in blocks.into_iter().enumerate() {
            if index != last && lines.last().is_some_and(|line| line.is_empty()) {
                lines.pop();
            }
            let text: String = lines.iter().flat_map(|line| [line, "\n"]).collect();
            match header {
                "" => case.comment = text,
                "config" => case.config = text,
                "steps" => {
                    case.steps = steps(&lines)?;
                    case.steps_text = text;
                }
                "ledger" => case.ledger = text,
                place => case.expected.push((Place::parse(place)?, unescaped_end(text))),
            }
        }
        if !case.comment.starts_with("# ") || case.config.is_empty() || case.steps.is_empty() {
            return Err("a case has a comment, [config] and [steps]".to_owned());
        }
        Ok(case)
    }

    /// Writes the file.
    pub(super) fn render(&self) -> String {
        let mut blocks = vec![
            self.comment.trim_end().to_owned() + "\n",
            format!("[config]\n{}", self.config),
            format!("[steps]\n{}", self.steps_text),
        ];
        for (place, text) in &self.expected {
            let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\\\n" };
            blocks.push(format!("[expect {}]\n{text}{end}", place.render()));
        }
        blocks.push(format!("[ledger]\n{}", self.ledger));
        blocks.join("\n")
    }
}

fn header(line: &str) -> Option<&str> {
    let inner = line.strip_prefix('[')?.strip_suffix(']')?;
    match inner {
        "config" | "steps" | "ledger" => Some(inner),
        _ => inner.strip_prefix("expect "),
    }
}

fn unescaped_end(text: String) -> String {
    match text.strip_suffix("\\\n") {
        Some(rest) => rest.to_owned(),
        None => text,
    }
}

impl Place {
    fn parse(text: &str) -> Result<Place, String> {
        let words: Vec<&str> = text.split(' ').collect();
        match words[..] {
            ["GET", url, "MATCHING", ..] => Ok(Place::Get(Url::parse(url, &words[3..])?)),
            ["GET", url] => Ok(Place::Get(Url::parse(url, &[])?)),
            ["scrape", name] => Ok(Place::Scraped(name.to_owned())),
            ["requests", address] => Ok(Place::Requests(address.to_owned())),
            ["datagrams", address] => Ok(Place::Datagrams(address.to_owned())),
            [address] => Ok(Place::Written(address.to_owned())),
            _ => Err(format!("nothing is expected at {text:?}")),
        }
    }

    /// As it stands in the file, and in what a failure prints.
    pub(super) fn render(&self) -> String {
        match self {
            Place::Written(address) => address.clone(),
            Place::Datagrams(address) => format!("datagrams {address}"),
            Place::Requests(address) => format!("requests {address}"),
            Place::Scraped(name) => format!("scrape {name}"),
            Place::Get(Url { address, path, prefixes }) if prefixes.is_empty() => {
                format!("GET {address}{path}")
            }
            Place::Get(Url { address, path, prefixes }) => {
                format!("GET {address}{path} MATCHING {}", prefixes.join(" "))
            }
        }
    }
}

impl Url {
    fn parse(url: &str, prefixes: &[&str]) -> Result<Url, String> {
        let slash = url.find('/').ok_or_else(|| format!("no path in {url:?}"))?;
        let (address, path) = (url[..slash].to_owned(), url[slash..].to_owned());
        Ok(Url { address, path, prefixes: prefixes.iter().map(|&prefix| prefix.to_owned()).collect() })
    }
}

fn steps(lines: &[&str]) -> Result<Vec<Step>, String> {
    let mut steps = Vec::new();
    for line in lines.iter().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match line.strip_prefix("repeat ").and_then(|rest| rest.split_once(' ')) {
            Some((times, step)) => {
                for turn in 1..=number::<u32>(times)? {
                    steps.push(one_step(&step.replace("{n}", &turn.to_string()))?);
                }
            }
            None => steps.push(one_step(line)?),
        }
    }
    Ok(steps)
}

fn one_step(line: &str) -> Result<Step, String> {
    if let Some(rest) = line.strip_prefix("send ") {
        let (input, text) = rest.split_once(' ').ok_or_else(|| format!("nothing is sent: {line:?}"))?;
        let (input, lane) = match input.split_once('#') {
            Some((input, lane)) => (input, number(lane)?),
            None => (input, 0),
        };
        return Ok(Step::Send { input: input.to_owned(), lane, bytes: unescaped(text)? });
    }
    if let Some((address, text)) = line.strip_prefix("reply ").and_then(|rest| rest.split_once(' ')) {
        return Ok(Step::Reply { address: address.to_owned(), bytes: unescaped(text)? });
    }
    if let Some((address, text)) = line.strip_prefix("answer ").and_then(|rest| rest.split_once(' ')) {
        return Ok(Step::Answer { address: address.to_owned(), bytes: unescaped(text)? });
    }
    let words: Vec<&str> = line.split(' ').collect();
    match words[..] {
        ["advance", by] => Ok(Step::Advance(duration(by)?)),
        ["clock", by] => {
            let back = by.starts_with('-');
            Ok(Step::Clock { by: duration(by.trim_start_matches(['+', '-']))?, back })
        }
        ["refuse", "connects", address, times] => {
            Ok(Step::RefuseConnects { address: address.to_owned(), times: number(times)? })
        }
        ["refuse", "writes", address, times] => {
            Ok(Step::RefuseWrites { address: address.to_owned(), times: number(times)? })
        }
        ["break", address, "after", bytes, "bytes"] => {
            Ok(Step::BreakAfter { address: address.to_owned(), bytes: number(bytes)? })
        }
        ["scrape", name, url, ..] => {
            Ok(Step::Scrape { name: name.to_owned(), url: Url::parse(url, &words[3..])?, scraper: None })
        }
        ["prometheus", connection, "scrapes", name, accept, url, ..] => {
            let scraper = Scraper { connection: number(connection)?, accept: accept.to_owned() };
            let url = Url::parse(url, &words[6..])?;
            Ok(Step::Scrape { name: name.to_owned(), url, scraper: Some(scraper) })
        }
        ["stop"] => Ok(Step::Stop),
        ["restart", after] => Ok(Step::Restart(duration(after)?)),
        _ => Err(format!("no step is {line:?}")),
    }
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("no number: {text:?}"))
}

fn duration(text: &str) -> Result<Duration, String> {
    match (text.strip_suffix("ms"), text.strip_suffix('s')) {
        (Some(milliseconds), _) => Ok(Duration::from_millis(number(milliseconds)?)),
        (None, Some(seconds)) => Ok(Duration::from_secs(number(seconds)?)),
        (None, None) => Err(format!("no duration: {text:?}")),
    }
}

/// `\n`, `\\` and `\xNN` as the bytes they stand for.
fn unescaped(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        match rest {
            [b'n', after @ ..] => (bytes.push(b'\n'), rest = after).1,
            [b'\\', after @ ..] => (bytes.push(b'\\'), rest = after).1,
            [b'x', high, low, after @ ..] => {
                let digits = [*high, *low];
                let digits = std::str::from_utf8(&digits).map_err(|error| error.to_string())?;
                bytes.push(u8::from_str_radix(digits, 16).map_err(|error| error.to_string())?);
                rest = after;
            }
            _ => return Err(format!("no escape in {text:?}")),
        }
    }
    Ok(bytes)
}

#[test]
fn a_case_read_and_written_is_the_same() {
    let text = "# Shows.\n\n[config]\n[statsd]\na = 1\n\n[b]\n\n[steps]\nsend statsd#1 a\\x00\\n\nrepeat 2 advance {n}00ms\n\n\
                [expect stdout]\nx\n\n\n[expect GET 127.0.0.1:1/m MATCHING a b]\n\n[expect h:1]\nx\\\n\n[ledger]\na\n";
    let case = Case::parse(text).expect("it is a case");
    assert_eq!(case.render(), text);
    assert_eq!(case.config, "[statsd]\na = 1\n\n[b]\n");
    let texts: Vec<&str> = case.expected.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(texts, ["x\n\n", "", "x"]);
    let waits = [100, 200].map(|ms| Step::Advance(Duration::from_millis(ms)));
    assert_eq!(case.steps[1..], waits);
    assert_eq!(case.steps[0], Step::Send { input: "statsd".to_owned(), lane: 1, bytes: b"a\0\n".to_vec() });
}
