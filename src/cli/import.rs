//! `hekad import`: the configuration of another program to standard output, what became of its keys to standard error.

use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};

use super::{CONFIGURATION, RUNTIME};
use crate::config::{Problems, Sources, environment, render};
use crate::import::{Fate, Finding, Imported, SyntaxError};
use crate::pipeline::plan;
use crate::plugin::Plugins;

/// What to import.
#[derive(Debug, clap::Args)]
pub(super) struct Import {
    #[command(subcommand)]
    from: From,
}

/// Whose configuration it is.
#[derive(Debug, clap::Subcommand)]
enum From {
    /// config.js of statsd. It is read, not run: calls other than require('os').hostname() are refused.
    Statsd(File),
    /// proxyConfig.js of statsd's proxy, read as config.js is.
    StatsdProxy(File),
    /// The mapping file of statsd_exporter.
    StatsdExporter(File),
}

/// Where it is.
#[derive(Debug, clap::Args)]
struct File {
    /// The file; - for standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

impl Import {
    /// Prints the configuration and the findings; the exit code.
    pub(super) fn import(self, plugins: &Plugins) -> u8 {
        let hostname = crate::daemon::hostname();
        let importer = |text: &str| match &self.from {
            From::Statsd(_) => crate::import::statsd(text, &hostname, &environment),
            From::StatsdProxy(_) => crate::import::statsd_proxy(text, &hostname, &environment),
            From::StatsdExporter(_) => crate::import::statsd_exporter(text),
        };
        let (From::Statsd(File { file })
        | From::StatsdProxy(File { file })
        | From::StatsdExporter(File { file })) = &self.from;
        let text = match read(file) {
            Ok(text) => text,
            Err(error) => {
                anstream::eprintln!("cannot read {}: {error}", file.display());
                return RUNTIME;
            }
        };
        match importer(&text) {
            Ok(imported) => show(&imported, file, plugins, &hostname),
            Err(SyntaxError { line, column, message }) => {
                anstream::eprintln!("{}:{line}:{column}: {message}", file.display());
                CONFIGURATION
            }
        }
    }
}

fn read(file: &Path) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    match file.as_os_str() == "-" {
        true => std::io::stdin().read_to_end(&mut bytes)?,
        false => std::fs::File::open(file)?.read_to_end(&mut bytes)?,
    };
    // A byte order mark is no part of the text.
    let text = String::from_utf8_lossy(&bytes);
    Ok(text.trim_start_matches('\u{feff}').to_owned())
}

fn show(imported: &Imported, file: &Path, plugins: &Plugins, hostname: &str) -> u8 {
    anstream::print!("{}", imported.text);
    for finding in &imported.findings {
        anstream::eprintln!("{}", line_of(finding, file));
    }
    anstream::eprintln!("{}", summary(&imported.findings));
    if !imported.needed.is_empty() {
        anstream::eprintln!("set where hekad is started: {}", imported.needed.join(", "));
    }
    // What must be set where it is started need not be set here.
    let text = imported.text_to_check(|name| environment(name).is_some());
    let sources = Sources::embedded("what was imported", &text);
    let mut problems = Problems::new();
    plan(&sources, plugins, &environment, hostname, &mut problems);
    if !problems.is_empty() {
        anstream::eprint!("{}", render(&problems, &sources, std::io::stderr().is_terminal()));
        return CONFIGURATION;
    }
    let refused = imported.findings.iter().any(|finding| matches!(finding.fate, Fate::Refused(_)));
    if refused { REFUSED } else { 0 }
}

/// `config.js:3: flushInterval: became ticker_interval of [statsd_flush]`
fn line_of(finding: &Finding, file: &Path) -> String {
    let (colour, verb, text) = match &finding.fate {
        Fate::Translated(to) => (GREEN, "translated", format!(" to {to}")),
        Fate::Default => (GREEN, "the same", " as without it".to_owned()),
        Fate::Approximated(how) => (YELLOW, "approximated", format!(": {how}")),
        Fate::Refused(why) => (RED, "refused", format!(": {why}")),
    };
    format!("{}:{}: {} {colour}{verb}{PLAIN}{text}", file.display(), finding.line, finding.key)
}

fn summary(findings: &[Finding]) -> String {
    let count = |is: fn(&Fate) -> bool| findings.iter().filter(|finding| is(&finding.fate)).count();
    format!(
        "{} keys: {} translated, {} the same as the default, {} approximated, {} refused",
        findings.len(),
        count(|fate| matches!(fate, Fate::Translated(_))),
        count(|fate| matches!(fate, Fate::Default)),
        count(|fate| matches!(fate, Fate::Approximated(_))),
        count(|fate| matches!(fate, Fate::Refused(_)))
    )
}

/// The exit code where a key has no counterpart.
const REFUSED: u8 = 4;

// Where standard error is no terminal, anstream takes these out.
const GREEN: &str = "\x1b[32m";
const YELLOW: &str = "\x1b[33m";
const RED: &str = "\x1b[31m";
const PLAIN: &str = "\x1b[0m";
