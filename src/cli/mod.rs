//! The command line of `hekad`.
//!
//! Data goes to standard output, talk to standard error; colours only on a terminal. Exit codes: 0 all delivered or
//! kept, 1 runtime, 2 usage, 3 something was given up at the stop, 78 configuration.

mod cat;
mod check;
mod docs;
mod flood;
mod health;
mod import;
mod inject;
mod interrupt;
mod logstreamer;
mod matching;
mod request;
mod send;
mod shown;
mod target;
mod top_series;

pub use docs::{list, manual, own_metrics};

use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::environment;
use crate::daemon::{Choice, DaemonError, run};
use crate::plugin::Plugins;

/// Takes statsd samples in, aggregates and routes them, and sends them on.
///
/// Without a configuration it listens on 127.0.0.1:8125 (UDP and TCP) and serves http://127.0.0.1:4352/metrics.
#[derive(Debug, Parser)]
#[command(name = "hekad", version, args_conflicts_with_subcommands = true)]
struct Command {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    source: Source,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Runs the daemon (also without this word).
    Run(Named),
    /// Checks a configuration without opening anything.
    Check {
        #[command(flatten)]
        named: Named,
        /// Prints who sends to whom: PRODUCER -> CONSUMER  yes|series|maybe  queue|lane  what a full queue does.
        #[arg(long)]
        routes: bool,
        /// Prints what carbon's storage-schemas.conf must say for the intervals of flushes.
        #[arg(long, conflicts_with = "routes")]
        graphite: bool,
    },
    /// Sends statsd lines, such as 'hello.world:1|c'.
    Send(send::Send),
    /// Sends a load of statsd lines, messages or log lines, and says in sums what it sent.
    Flood(flood::Flood),
    /// Sends one framed message.
    Inject(inject::Inject),
    /// Prints the messages of framed files, those that match.
    Cat(cat::Cat),
    /// Translates the configuration of another program; what became of its keys is said on standard error.
    Import(import::Import),
    /// Tells which rule of a mapping counts for a name, and why, and the series it gives.
    Match(matching::Match),
    /// Prints the streams of log files: their files in the order they are read, and where reading is.
    Logstreamer(Named),
    /// Prints the manual of the plugins, of one, or of the daemon's own metrics.
    Docs(docs::Docs),
    /// Tells whether a running daemon is well: exit code 0, or 1 and what is wrong.
    Health(health::Health),
    /// Shows which prefixes of a running daemon have the most series, and its newest names.
    TopSeries(top_series::TopSeries),
    /// Prints the version.
    Version,
}

/// Which configuration.
#[derive(Debug, Args)]
struct Source {
    /// A file, or a directory whose *.toml are read in alphabetical order. Default: /etc/hekad.toml, /etc/hekad/, else
    /// the embedded default.
    #[arg(long, value_name = "PATH")]
    config: Option<PathBuf>,
    /// Runs the embedded default with statsd on this address. Also HEKAD_LISTEN.
    #[arg(long, value_name = "ADDRESS", conflicts_with = "config")]
    listen: Option<String>,
}

impl Source {
    fn choice(self) -> Choice {
        let listen = self.listen.or_else(|| environment("HEKAD_LISTEN").filter(|_| self.config.is_none()));
        Choice { path: self.config, listen }
    }
}

/// Which configuration, behind a word that says what to do with it.
#[derive(Debug, Args)]
struct Named {
    #[command(flatten)]
    source: Source,
    /// The same as --config.
    #[arg(value_name = "PATH", conflicts_with_all = ["config", "listen"])]
    path: Option<PathBuf>,
}

impl Named {
    fn source(self) -> Source {
        let Named { source, path } = self;
        Source { config: source.config.or(path), ..source }
    }
}

/// Runs the program with these plugin types and says how it ended.
pub fn main(plugins: Plugins) -> ExitCode {
    let command = match Command::try_parse_from(arguments(std::env::args_os())) {
        Ok(command) => command,
        Err(error) => {
            // Nothing can be done about a terminal that is gone.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { USAGE } else { 0 });
        }
    };
    let code = match command.verb {
        None => daemon(command.source, &plugins),
        Some(Verb::Run(named)) => daemon(named.source(), &plugins),
        Some(Verb::Check { named, routes, graphite }) => {
            let shown = match (routes, graphite) {
                (true, _) => check::Shown::Routes,
                (_, true) => check::Shown::Graphite,
                _ => check::Shown::Counts,
            };
            check::check(&named.source().choice(), shown, &plugins)
        }
        Some(Verb::Send(send)) => send.send(),
        Some(Verb::Flood(flood)) => flood.flood(),
        Some(Verb::Inject(inject)) => inject.inject(),
        Some(Verb::Cat(cat)) => cat.cat(),
        Some(Verb::Import(import)) => import.import(&plugins),
        Some(Verb::Match(matching)) => matching.tell(&plugins),
        Some(Verb::Logstreamer(named)) => logstreamer::tell(&named.source().choice(), &plugins),
        Some(Verb::Docs(docs)) => docs.print(&plugins),
        Some(Verb::Health(health)) => health.ask(),
        Some(Verb::TopSeries(top)) => top.show(),
        Some(Verb::Version) => {
            anstream::println!("hekad {}", env!("CARGO_PKG_VERSION"));
            0
        }
    };
    ExitCode::from(code)
}

fn daemon(source: Source, plugins: &Plugins) -> u8 {
    let colour = std::io::stderr().is_terminal();
    // A log that nobody takes any more is no reason to stop: an error of writing it must not be written either.
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(colour)
        .with_target(false)
        .log_internal_errors(false)
        .init();
    match run(&source.choice(), plugins, colour) {
        Ok(outcome) if outcome.failed => RUNTIME,
        Ok(outcome) if outcome.given_up > 0 => GIVEN_UP,
        Ok(_) => 0,
        Err(DaemonError::Configuration(problems)) => {
            anstream::eprint!("{problems}");
            CONFIGURATION
        }
        Err(error) => {
            if let DaemonError::Start(start) = &error
                && let Some(help) = &start.source.help
            {
                tracing::error!("{error}; {help}");
            } else {
                tracing::error!("{error}");
            }
            RUNTIME
        }
    }
}

/// Heka's spelling with one dash is taken too: `-config PATH`, `-config=PATH`, `-version`, and the options of its tools.
fn arguments(given: impl Iterator<Item = OsString>) -> impl Iterator<Item = OsString> {
    // What stands behind `--` is no option.
    let mut is_over = false;
    given.map(move |argument| {
        is_over |= argument == "--";
        match argument.to_str().filter(|_| !is_over).and_then(|text| text.strip_prefix('-')) {
            Some(text) if OF_HEKA.contains(&text.split('=').next().unwrap_or(text)) => {
                format!("--{text}").into()
            }
            _ => argument,
        }
    })
}

/// Options of Heka's programs that have a name of their own here too.
const OF_HEKA: [&str; 16] = [
    "config",
    "version",
    "test",
    "match",
    "format",
    "output",
    "tail",
    "offset",
    "max-message-size",
    "heka",
    "type",
    "logger",
    "severity",
    "payload",
    "pid",
    "hostname",
];

const RUNTIME: u8 = 1;
const USAGE: u8 = 2;
const GIVEN_UP: u8 = 3;
const CONFIGURATION: u8 = 78;

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(words: &[&str]) -> Command {
        let words = std::iter::once("hekad").chain(words.iter().copied()).map(OsString::from);
        Command::try_parse_from(arguments(words)).expect("the words are a command")
    }

    #[test]
    fn the_spelling_of_heka_is_understood() {
        assert_eq!(parsed(&["-config", "a.toml"]).source.config, Some(PathBuf::from("a.toml")));
        assert_eq!(parsed(&["-config=a.toml"]).source.config, Some(PathBuf::from("a.toml")));
        let words =
            ["cat", "-match", "-x", "-tail", "-max-message-size=5", "--", "-match"].map(OsString::from);
        let words: Vec<OsString> = arguments(words.into_iter()).collect();
        assert_eq!(words, ["cat", "--match", "-x", "--tail", "--max-message-size=5", "--", "-match"]);
        let words = ["hekad", "-version"].map(OsString::from).into_iter();
        let error = Command::try_parse_from(arguments(words)).expect_err("a version is shown as an error");
        assert_eq!(error.kind(), clap::error::ErrorKind::DisplayVersion);
    }

    #[test]
    fn a_path_may_stand_behind_the_word_alone() {
        let checked = |words: &[&str]| match parsed(words).verb {
            Some(Verb::Check { named, .. }) => named.source().config,
            _ => None,
        };
        let path = Some(PathBuf::from("a.toml"));
        assert_eq!(
            (checked(&["check", "a.toml"]), checked(&["check", "-config", "a.toml"])),
            (path.clone(), path)
        );
        let words = ["hekad", "check", "a.toml", "--config", "b.toml"].map(OsString::from);
        let error = Command::try_parse_from(arguments(words.into_iter())).expect_err("they are two");
        assert_eq!(error.kind(), clap::error::ErrorKind::ArgumentConflict);
    }

    #[test]
    fn the_command_is_well_formed() {
        use clap::CommandFactory;
        Command::command().debug_assert();
    }
}
