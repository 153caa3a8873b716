//! The daemon as a process: which configuration, the clock, the state directory, the log, signals.

mod memory;
mod state;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::config::{Problems, Severity, Sources, environment, render};
use crate::flow::{Ledger, Wiring};
use crate::net::{Handed, World};
use crate::pipeline::{Machines, Outcome, Plan, Running, Setting, StartError, plan};
use crate::plugin::{AfterStop, Endpoint, Plugins, Stop};
use crate::time::{Clock, Stamp};

/// Where the configuration comes from.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    /// The file or directory named on the command line.
    pub path: Option<PathBuf>,
    /// Where the embedded default listens for statsd instead of on loopback, from `--listen` or HEKAD_LISTEN.
    pub listen: Option<String>,
}

/// A configuration that was read, right or not.
pub struct Loaded {
    /// What was read.
    pub sources: Sources,
    /// What is wrong with it, and what looks wrong.
    pub problems: Problems,
    /// What it comes to, unless something is wrong.
    pub plan: Option<Plan>,
    /// Its name for the log.
    pub from: String,
}

/// Why a daemon did not run, or how it ended.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// The configuration is wrong; the text has been rendered for the user.
    #[error("{0}")]
    Configuration(String),
    /// Something outside is not as it should be.
    #[error("{0}")]
    Start(#[from] StartError),
    /// The state directory cannot be used.
    #[error(
        "the state directory {path} cannot be used: {reason}; set `base_dir` in [hekad], or HEKA_BASE_DIR"
    )]
    BaseDir {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// Nothing says where state is to be kept.
    #[error("there is no home for a state directory; set `base_dir` in [hekad], or HEKA_BASE_DIR")]
    NoBaseDir,
    /// The runtime could not be started.
    #[error("the runtime cannot be started")]
    Runtime(#[source] std::io::Error),
}

/// Reads and plans the chosen configuration: the path named, else /etc/hekad.toml or /etc/hekad/, else the default.
pub fn load(choice: &Choice, plugins: &Plugins) -> Loaded {
    let mut problems = Problems::new();
    let found = choice.path.clone().or_else(|| installed().filter(|_| choice.listen.is_none()));
    let (sources, from) = match found {
        Some(path) => (Sources::read(&path, &mut problems), path.display().to_string()),
        None => (
            Sources::embedded("the embedded default", &default_text(choice)),
            "the embedded default".to_owned(),
        ),
    };
    let plan = plan(&sources, plugins, &environment, &hostname(), &mut problems);
    Loaded { sources, problems, plan, from }
}

/// Runs the chosen configuration until a signal or a fault ends it.
///
/// # Errors
/// If it could not be started.
pub fn run(choice: &Choice, plugins: &Plugins, colour: bool) -> Result<Outcome, DaemonError> {
    let loaded = load(choice, plugins);
    let Some(plan) = loaded.plan else {
        return Err(DaemonError::Configuration(render(&loaded.problems, &loaded.sources, colour)));
    };
    tracing::info!("hekad {} runs {}", env!("CARGO_PKG_VERSION"), loaded.from);
    let warnings: Problems =
        loaded.problems.into_iter().filter(|problem| problem.severity() == Severity::Warning).collect();
    if !warnings.is_empty() {
        tracing::warn!("{}", render(&warnings, &loaded.sources, false).trim_end());
    }
    let base_dir = base_dir(&plan).ok_or(DaemonError::NoBaseDir)?;
    let _lock = lock(&base_dir)?;
    tracing::info!("state is kept in {}", base_dir.display());
    memory::give_back_large_blocks();
    // Before the runtime has threads: it takes variables out of the environment.
    let handed = Handed::take(&environment);
    let endpoints: Vec<Endpoint> = plan.inputs.iter().flat_map(|input| input.declared.listens()).collect();
    handed.idle(&endpoints).for_each(|idle| tracing::warn!("{idle}"));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(RUNTIME_THREADS)
        .thread_name("runtime")
        .enable_all()
        .build()
        .map_err(DaemonError::Runtime)?;
    let clock = Arc::new(SystemClock);
    let seed = fastrand::u64(..);
    let store = state::read(&base_dir);
    let setting = Setting {
        clock: Arc::clone(&clock) as Arc<dyn Clock>,
        runtime: runtime.handle().clone(),
        wiring: Wiring::AsConfigured,
        world: World::Real,
        handed,
        base_dir: base_dir.clone(),
        state: store.clone(),
        seed,
    };
    let machines = Machines::build(plan, setting)?;
    let own = machines.ledger.own().clone();
    own.level("hekad_build_info", &[("version", env!("CARGO_PKG_VERSION"))]).set(1.0);
    own.level("hekad_start_time_seconds", &[]).set(clock.now().0 as f64 / 1e9);
    // A second daemon in one process (tests) keeps the recorder of the first for what plugins of other crates count.
    let _ = metrics::set_global_recorder(own);
    let asked = Stop::default();
    runtime.spawn(signals(asked.clone(), machines.ledger.clone()));
    let shared = machines.shared.clone();
    let running = Running::start(machines)?;
    state::taken(&base_dir, &store);
    let ledger = running.ledger.clone();
    let mut outcome = running.run(&asked);
    match state::write(&base_dir, &store) {
        // What was read is delivered or in the state: from now on it need not be read again.
        Ok(()) => shared.the::<AfterStop>().run(),
        Err(error) => {
            // What the next run would have had is gone.
            outcome.given_up += ledger.kept_total();
            tracing::error!(
                "{error}; {} samples of the open interval, gauges and totals are lost",
                ledger.kept_total()
            );
        }
    }
    report(&ledger, outcome);
    runtime.shutdown_background();
    Ok(outcome)
}

/// Where the state of a plan is kept, if there is a place.
pub(crate) fn base_dir(plan: &Plan) -> Option<PathBuf> {
    plan.hekad.base_dir.clone().or_else(default_base_dir)
}

/// What time it is.
pub(crate) fn now() -> Stamp {
    SystemClock.now()
}

/// The clock of the machine.
struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place where the clock is read")]
    fn now(&self) -> Stamp {
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => Stamp(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)),
            Err(before) => Stamp(-i64::try_from(before.duration().as_nanos()).unwrap_or(i64::MAX)),
        }
    }
}

async fn signals(asked: Stop, ledger: Ledger) {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let signals = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
        if let (Ok(mut terminate), Ok(mut interrupt)) = signals {
            // Nothing waits for it: outputs see by themselves that a file was moved. The default of ending without a flush
            // would be worse.
            let hangups = signal(SignalKind::hangup());
            tokio::spawn(async move {
                let Ok(mut hangups) = hangups else { return };
                while hangups.recv().await.is_some() {
                    tracing::info!(
                        "SIGHUP is not needed: files that were moved are opened anew within a second; a changed \
                         configuration needs a restart"
                    );
                }
            });
            let reports = signal(SignalKind::user_defined1());
            tokio::spawn(async move {
                let Ok(mut reports) = reports else { return };
                while reports.recv().await.is_some() {
                    report_now(&ledger);
                }
            });
            tokio::select! {
                _ = terminate.recv() => tracing::info!("told to stop (SIGTERM)"),
                _ = interrupt.recv() => tracing::info!("told to stop (SIGINT)"),
            }
            return asked.set();
        }
        tracing::error!("signals cannot be listened to; only a kill ends this daemon");
    }
    #[cfg(not(unix))]
    if tokio::signal::ctrl_c().await.is_ok() {
        asked.set();
    }
}

/// The books and whatever was counted, asked for while it runs.
fn report_now(ledger: &Ledger) {
    report_books(ledger);
    let mut counted = Vec::new();
    ledger.own().visit(|name, labels, _, value| {
        if value != 0.0 {
            let labels: Vec<String> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
            counted.push(format!("{name} {value} {}", labels.join(" ")));
        }
    });
    counted.sort();
    counted.iter().for_each(|line| tracing::info!("metric: {}", line.trim_end()));
}

fn report_books(ledger: &Ledger) {
    ledger.report().lines().for_each(|line| tracing::info!("ledger: {line}"));
}

fn report(ledger: &Ledger, outcome: Outcome) {
    report_books(ledger);
    if let Err(errors) = ledger.check_settled() {
        errors.iter().for_each(|error| tracing::error!("the ledger does not add up: {error}"));
    }
    if ledger.kept_total() > 0 && outcome.given_up == 0 {
        tracing::info!("{} samples of the open interval are kept for the next start", ledger.kept_total());
    }
    let (is_whole, said) = last_words(outcome.given_up, ledger.lost_total(), ledger.lost_lines());
    match outcome.given_up {
        0 if is_whole => tracing::info!("stopped; {said}"),
        0 => tracing::warn!("stopped; {said}"),
        _ => tracing::error!("stopped; {said}"),
    }
}

/// Whether nothing was lost, and what is said of it: records that were given up, records that were lost, and lines that
/// did not get to one of the peers that they were for.
fn last_words(given_up: u64, records: u64, lines: u64) -> (bool, String) {
    let lost = match (given_up, records, lines) {
        (0, 0, 0) => return (true, "everything was delivered or kept".to_owned()),
        (0, 0, lines) => format!("{lines} lines to upstreams were lost while it ran"),
        (0, records, 0) => format!("{records} records were lost while it ran"),
        (0, records, lines) => {
            format!("{records} records and {lines} lines to upstreams were lost while it ran")
        }
        (given_up, ..) => format!("{given_up} records were given up"),
    };
    (false, lost + ", see the ledger above")
}

fn installed() -> Option<PathBuf> {
    ["/etc/hekad.toml", "/etc/hekad"].map(PathBuf::from).into_iter().find(|path| path.exists())
}

/// The embedded default, listening where asked, and not on IPv6 where there is none.
fn default_text(choice: &Choice) -> String {
    const LISTENS: &str = r#"address = ["127.0.0.1:8125", "[::1]:8125"]"#;
    let listens = match &choice.listen {
        Some(address) => format!("address = \"{}\"", address.escape_default()),
        None if std::net::UdpSocket::bind("[::1]:0").is_err() => r#"address = "127.0.0.1:8125""#.to_owned(),
        None => LISTENS.to_owned(),
    };
    DEFAULT.replace(LISTENS, &listens)
}

/// The name of this host, as the system says.
pub(crate) fn hostname() -> String {
    #[cfg(unix)]
    let name = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    #[cfg(not(unix))]
    let name = environment("COMPUTERNAME");
    name.unwrap_or_else(|| "localhost".to_owned())
}

fn default_base_dir() -> Option<PathBuf> {
    if let Some(path) = environment("HEKA_BASE_DIR") {
        return Some(path.into());
    }
    #[cfg(unix)]
    if nix::unistd::geteuid().is_root() {
        return Some("/var/cache/hekad".into());
    }
    let state = environment("XDG_STATE_HOME").map(PathBuf::from);
    let home = environment("HOME").map(|home| Path::new(&home).join(".local/state"));
    // Never a directory that others can write to: the lock would be theirs to set.
    Some(state.or(home)?.join("hekad"))
}

/// Makes the state directory and locks it: two daemons must not share one.
fn lock(base_dir: &Path) -> Result<File, DaemonError> {
    let failed = |reason: String| DaemonError::BaseDir { path: base_dir.to_owned(), reason };
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(base_dir).map_err(|error| failed(error.to_string()))?;
    let mut options = File::options();
    options.create(true).write(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, nix::libc::O_NOFOLLOW);
    let file = options.open(base_dir.join("lock")).map_err(|error| failed(error.to_string()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(failed("another hekad uses it".to_owned())),
        Err(std::fs::TryLockError::Error(error)) => Err(failed(error.to_string())),
    }
}

/// The configuration that is run when none is given.
pub const DEFAULT: &str = include_str!("../config/default.toml");

/// Threads of the runtime: listeners, connections, timers and the HTTP server; data has threads of its own.
const RUNTIME_THREADS: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_says_that_everything_was_delivered_only_if_nothing_was_lost() {
        let said = |given_up, records, lines| last_words(given_up, records, lines).1;
        assert_eq!(last_words(0, 0, 0), (true, "everything was delivered or kept".to_owned()));
        assert!(!last_words(0, 0, 1).0);
        assert_eq!(said(0, 0, 5000), "5000 lines to upstreams were lost while it ran, see the ledger above");
        assert_eq!(said(0, 3, 0), "3 records were lost while it ran, see the ledger above");
        assert_eq!(
            said(0, 3, 4),
            "3 records and 4 lines to upstreams were lost while it ran, see the ledger above"
        );
        assert_eq!(said(2, 3, 4), "2 records were given up, see the ledger above");
    }
}
