//! A real carbon-cache in a directory of its own, and what it has written, read by the whisper module of Python.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use tempfile::TempDir;

use crate::harness::{Process, free_port, program, same, skip, wait_until};

/// A carbon-cache that listens for lines on the loopback.
pub(crate) struct Carbon {
    directory: TempDir,
    process: Option<Process>,
    /// The port of its line receiver; the same after a restart.
    pub(crate) port: u16,
    /// The port of its pickle receiver.
    pub(crate) pickle_port: u16,
}

/// The points of one metric: the stamp in seconds, the value; oldest first.
pub(crate) type Points = Vec<(u64, f64)>;

/// What carbon has written, by metric name.
pub(crate) struct Written(BTreeMap<String, Points>);

impl Carbon {
    /// Starts one that keeps a point each `interval` seconds, or skips the test where carbon is missing.
    pub(crate) fn start(interval: u32) -> Option<Carbon> {
        if let Err(missing) = tools() {
            skip(missing);
            return None;
        }
        Some(Carbon::started(|directory, port, pickle_port| {
            write_configuration(directory, port, pickle_port, interval);
        }))
    }

    /// Starts one with the configuration of the folder `shipped`, as far as ports and places go; the index of tags is
    /// that of a graphite-web at the port `web`. Skips the test where carbon is missing.
    pub(crate) fn start_shipped(shipped: &Path, web: u16) -> Option<Carbon> {
        if let Err(missing) = tools() {
            skip(missing);
            return None;
        }
        Some(Carbon::started(|directory, port, pickle_port| {
            copy_configuration(shipped, directory, port, pickle_port, web);
        }))
    }

    fn started(configure: impl FnOnce(&Path, u16, u16)) -> Carbon {
        let directory = TempDir::new().expect("a directory can be made");
        let (port, pickle_port) = (free_port(), free_port());
        configure(directory.path(), port, pickle_port);
        let mut carbon = Carbon { directory, process: None, port, pickle_port };
        carbon.start_again();
        carbon
    }

    /// The folder of its files.
    pub(crate) fn root(&self) -> &Path {
        self.directory.path()
    }

    /// Starts it again on the same port and the same files.
    pub(crate) fn start_again(&mut self) {
        let Ok(tools) = tools() else { panic!("carbon was there when it was first started") };
        let place = |name: &str| self.directory.path().join(name);
        let mut command = Command::new(&tools.carbon_cache);
        command.arg("--nodaemon").arg("--config").arg(place("carbon.conf"));
        command.arg("--pidfile").arg(place("carbon.pid")).arg("--logdir").arg(place("log")).arg("start");
        command
            .current_dir(self.directory.path())
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("PYTHONWARNINGS", "ignore");
        let mut process = Process::start(&mut command, &place("printed"));
        wait_until(START, || {
            process.assert_alive();
            TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).map(drop).map_err(|error| error.to_string())
        });
        self.process = Some(process);
    }

    /// Stops it and waits for its end. What it has not written yet may be lost: carbon looks once a second.
    pub(crate) fn stop(&mut self) {
        let mut process = self.process.take().expect("carbon is running");
        process.ask_to_stop();
        process.wait(STOP);
    }

    /// Reads what it has written of `names` until `check` has no objection.
    #[track_caller]
    pub(crate) fn wait_for(&self, names: &[&str], check: impl FnMut(&Written) -> Result<(), String>) {
        self.wait_for_within(WRITTEN, names, check);
    }

    /// Does the same with a limit of its own.
    #[track_caller]
    pub(crate) fn wait_for_within(
        &self,
        limit: Duration,
        names: &[&str],
        mut check: impl FnMut(&Written) -> Result<(), String>,
    ) {
        wait_until(limit, || check(&self.written(names)));
    }

    /// Waits until the points of `name` sum up to `sum`.
    #[track_caller]
    pub(crate) fn wait_for_sum(&self, name: &str, sum: f64) {
        self.wait_for(&[name], |written| written.expect_sum(name, sum));
    }

    /// Reads what it has written of `names`; a name without a file has no points.
    pub(crate) fn written(&self, names: &[&str]) -> Written {
        let Ok(tools) = tools() else { panic!("carbon was there when it was first started") };
        let mut reader = Command::new(&tools.python)
            .args(["-W", "ignore", "-c", READER])
            .arg(self.directory.path().join("whisper"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python can be started");
        // All of it is written before anything is read: the reader answers only after the last name.
        let mut names_out = reader.stdin.take().expect("its input is a pipe");
        names_out.write_all(names.join("\n").as_bytes()).expect("the reader reads");
        drop(names_out);
        let answer = reader.wait_with_output().expect("the reader ends");
        assert!(answer.status.success(), "the whisper reader failed, {}", answer.status);
        Written::parse(&String::from_utf8(answer.stdout).expect("the reader prints text"))
    }

    /// Lists the names of every metric that carbon made a file for, as carbon spells them, sorted.
    pub(crate) fn created(&self) -> Vec<String> {
        let log = self.printed();
        let made =
            log.lines().filter_map(|line| line.split_once("creating database metric ")?.1.split_once(" ("));
        let mut names: Vec<String> = made.map(|(name, _)| name.to_string()).collect();
        names.sort();
        names
    }

    /// Gives what carbon has printed; it names the lines that it refused.
    pub(crate) fn printed(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("printed")).unwrap_or_default()
    }
}

impl Written {
    /// Gives the points of a metric.
    pub(crate) fn points(&self, name: &str) -> &[(u64, f64)] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }

    /// Gives the sum of a metric's points.
    pub(crate) fn sum(&self, name: &str) -> f64 {
        self.points(name).iter().fold(0.0, |sum, (_, value)| sum + value)
    }

    /// Gives the newest value of a metric.
    pub(crate) fn last(&self, name: &str) -> Option<f64> {
        self.points(name).last().map(|(_, value)| *value)
    }

    /// Gives the points that are not zero: what was sent, without the idle flushes around it.
    pub(crate) fn moved(&self, name: &str) -> Points {
        self.points(name).iter().copied().filter(|(_, value)| *value != 0.0).collect()
    }

    /// Objects where a metric's points do not sum up to `sum`.
    pub(crate) fn expect_sum(&self, name: &str, sum: f64) -> Result<(), String> {
        let found = self.sum(name);
        let met = same(found, sum);
        if met {
            Ok(())
        } else {
            Err(format!("{name}: the sum is {found} and not {sum}: {:?}", self.moved(name)))
        }
    }

    /// Objects where a metric's newest value is not `value`.
    pub(crate) fn expect_last(&self, name: &str, value: f64) -> Result<(), String> {
        let found = self.last(name);
        let met = found.is_some_and(|found| same(found, value));
        if met { Ok(()) } else { Err(format!("{name}: the newest value is {found:?} and not {value}")) }
    }

    /// Objects where the points that are not zero are not `values`.
    pub(crate) fn expect_moved(&self, name: &str, values: &[f64]) -> Result<(), String> {
        let moved = self.moved(name);
        let met = moved.len() == values.len()
            && moved.iter().zip(values).all(|((_, found), value)| same(*found, *value));
        if met { Ok(()) } else { Err(format!("{name}: the values are {moved:?} and not {values:?}")) }
    }

    fn parse(text: &str) -> Written {
        let mut found: BTreeMap<String, Points> = BTreeMap::new();
        for line in text.lines() {
            let mut parts = line.split('\t');
            let point = (|| {
                let name = parts.next()?.to_string();
                let stamp = parts.next()?.parse().ok()?;
                Some((name, stamp, parts.next()?.parse().ok()?))
            })();
            let (name, stamp, value) = point.expect("the reader prints a name, a stamp and a value a line");
            found.entry(name).or_default().push((stamp, value));
        }
        Written(found)
    }
}

/// The programs that carbon and its reader need.
pub(crate) struct Tools {
    carbon_cache: PathBuf,
    /// A python that has the modules carbon and whisper.
    pub(crate) python: PathBuf,
}

/// Finds carbon-cache and a python that has its modules, once.
pub(crate) fn tools() -> Result<&'static Tools, String> {
    static FOUND: OnceLock<Result<Tools, String>> = OnceLock::new();
    let find = || {
        let carbon_cache = program("carbon-cache").ok_or("carbon-cache is not installed")?;
        // The distribution's modules belong to its own python, which may stand behind another one on the path.
        let candidates = [Some(PathBuf::from("/usr/bin/python3")), program("python3")];
        let knows = |python: &PathBuf| {
            let asked = Command::new(python).args(["-W", "ignore", "-c", "import whisper, carbon"]).output();
            asked.is_ok_and(|output| output.status.success())
        };
        let python =
            candidates.into_iter().flatten().find(knows).ok_or("no python3 has whisper and carbon")?;
        Ok(Tools { carbon_cache, python })
    };
    FOUND.get_or_init(find).as_ref().map_err(Clone::clone)
}

fn write_configuration(directory: &Path, port: u16, pickle_port: u16, interval: u32) {
    let root = directory.display();
    let write =
        |name: &str, text: String| std::fs::write(directory.join(name), text).expect("it can be written");
    // The cache query port cannot be switched off; 0 lets the kernel choose.
    write(
        "carbon.conf",
        format!(
            "[cache]\nSTORAGE_DIR = {root}\nLOCAL_DATA_DIR = {root}/whisper/\nCONF_DIR = {root}\n\
             LOG_DIR = {root}/log\nPID_DIR = {root}\nENABLE_LOGROTATION = False\nMAX_CREATES_PER_MINUTE = inf\n\
             MAX_UPDATES_PER_SECOND = inf\nLINE_RECEIVER_INTERFACE = 127.0.0.1\nLINE_RECEIVER_PORT = {port}\n\
             PICKLE_RECEIVER_INTERFACE = 127.0.0.1\nPICKLE_RECEIVER_PORT = {pickle_port}\nCACHE_QUERY_INTERFACE = 127.0.0.1\nCACHE_QUERY_PORT = 0\n\
             CACHE_WRITE_STRATEGY = naive\nUSE_FLOW_CONTROL = True\nLOG_UPDATES = False\nLOG_CREATES = True\n\
             ENABLE_TAGS = False\nCARBON_METRIC_INTERVAL = 0\nWHISPER_AUTOFLUSH = False\n"
        ),
    );
    write("storage-schemas.conf", format!("[all]\npattern = .*\nretentions = {interval}s:15m\n"));
    write(
        "storage-aggregation.conf",
        "[all]\npattern = .*\nxFilesFactor = 0\naggregationMethod = last\n".to_string(),
    );
}

/// The shipped configuration with other ports and places. Carbon's own numbers come each second.
fn copy_configuration(shipped: &Path, directory: &Path, port: u16, pickle_port: u16, web: u16) {
    let root = directory.display();
    let text = std::fs::read_to_string(shipped.join("carbon.conf")).expect("carbon.conf is shipped");
    let own = [
        format!(
            "STORAGE_DIR = {root}\nLOCAL_DATA_DIR = {root}/whisper/\nCONF_DIR = {root}\nLOG_DIR = {root}/log"
        ),
        format!(
            "PID_DIR = {root}\nENABLE_LOGROTATION = False\nLOG_CREATES = True\nCARBON_METRIC_INTERVAL = 1"
        ),
        "LINE_RECEIVER_INTERFACE = 127.0.0.1\nPICKLE_RECEIVER_INTERFACE = 127.0.0.1".to_owned(),
        format!("LINE_RECEIVER_PORT = {port}\nPICKLE_RECEIVER_PORT = {pickle_port}\nCACHE_QUERY_PORT = 0"),
        format!("GRAPHITE_URL = http://127.0.0.1:{web}"),
    ];
    let own = own.join("\n");
    let is_own = |line: &&str| own.lines().any(|mine| mine.split(" = ").next() == line.split(" = ").next());
    let kept: Vec<&str> = text.lines().filter(|line| !is_own(line)).collect();
    std::fs::write(directory.join("carbon.conf"), format!("{}\n{own}\n", kept.join("\n")))
        .expect("it can be written");
    for name in ["storage-schemas.conf", "storage-aggregation.conf"] {
        std::fs::copy(shipped.join(name), directory.join(name)).expect("it can be copied");
    }
}

/// Prints `name TAB stamp TAB value` for every point of every name on its input.
const READER: &str = r#"
import os, sys, whisper
root = sys.argv[1]
names = sys.stdin.read().split("\n")
if any(";" in name for name in names):
    from carbon.util import TaggedSeries
def places(name):
    if ";" not in name:
        return [name.replace(".", os.sep)]
    name = TaggedSeries.parse(name).path
    return [TaggedSeries.encode(name, os.sep, hash_only=hashed) for hashed in (True, False)]
for name in names:
    for place in places(name):
        path = os.path.join(root, place + ".wsp")
        # Carbon makes a file and fills it in two steps; a file in between has no points yet.
        if not os.path.exists(path) or os.path.getsize(path) < 28:
            continue
        try:
            found = whisper.fetch(path, 0)
        except whisper.CorruptWhisperFile:
            continue
        (start, _, step), values = found
        for index, value in enumerate(values):
            if value is not None:
                print(name, start + index * step, repr(value), sep="\t")
"#;

const START: Duration = Duration::from_secs(20);
const STOP: Duration = Duration::from_secs(30);
const WRITTEN: Duration = Duration::from_secs(60);
