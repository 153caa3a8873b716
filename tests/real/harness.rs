//! What every real server needs: a process that ends with its test, a free port, an HTTP question, and patience.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A child process that is killed when it is dropped. What it prints goes to one file.
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command` with both of its outputs appended to the file `log`.
    pub(crate) fn start(command: &mut Command, log: &Path) -> Process {
        Process::start_with(command, log, Stdio::null())
    }

    /// The same with an input that stays open, and silent, for programs that end with it.
    pub(crate) fn start_waiting(command: &mut Command, log: &Path) -> Process {
        Process::start_with(command, log, Stdio::piped())
    }

    fn start_with(command: &mut Command, log: &Path, input: Stdio) -> Process {
        let out =
            std::fs::File::options().create(true).append(true).open(log).expect("the log can be opened");
        let err = out.try_clone().expect("the log can be opened twice");
        let child = command.stdin(input).stdout(out).stderr(err).spawn();
        Process { child: child.expect("the server can be started"), log: log.to_path_buf() }
    }

    /// Gives what the process has printed so far.
    pub(crate) fn printed(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Fails with what the process printed, if it has ended.
    pub(crate) fn assert_alive(&mut self) {
        if let Some(status) = self.child.try_wait().expect("the child can be asked") {
            panic!("the server ended early, {status}:\n{}", self.printed());
        }
    }

    /// Sends a signal, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status();
        assert!(sent.expect("kill can be started").success(), "SIG{name} could not be sent");
    }

    /// Sends SIGTERM.
    pub(crate) fn ask_to_stop(&self) {
        self.signal("TERM");
    }

    /// Waits until the process has ended, and fails with what it printed if that takes longer than `limit`.
    pub(crate) fn wait(&mut self, limit: Duration) -> ExitStatus {
        let log = self.log.clone();
        wait_until(limit, || match self.child.try_wait() {
            Ok(Some(status)) => Ok(status),
            _ => Err(format!(
                "still running; it printed:\n{}",
                std::fs::read_to_string(&log).unwrap_or_default()
            )),
        })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only when the child has ended already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Says that a test is skipped because `missing` is not there; fails instead where `HEKA_REAL=1` is set.
pub(crate) fn skip(missing: impl Display) {
    assert!(std::env::var("HEKA_REAL").as_deref() != Ok("1"), "HEKA_REAL=1, and {missing}: run .ci/install");
    let test = std::thread::current().name().unwrap_or("a test").to_string();
    // Not `println!`, whose lines are swallowed for a test that passes.
    writeln!(std::io::stderr(), "skipped: {test}: {missing}").expect("stderr can be written");
}

/// Finds a program on the search path.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places =
        std::env::split_paths(&path).chain(["/usr/bin", "/usr/sbin", "/opt/graphite/bin"].map(PathBuf::from));
    places.map(|place| place.join(name)).find(|candidate| candidate.is_file())
}

/// Gives a loopback port that is free for UDP and TCP and that no other test of this process was given.
pub(crate) fn free_port() -> u16 {
    loop {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port can be bound");
        let port = listener.local_addr().expect("a bound socket has an address").port();
        let fresh = GIVEN.lock().unwrap_or_else(PoisonError::into_inner).insert(port);
        if fresh && UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}

/// Asks `attempt` again and again, and fails with its last objection once `limit` has passed.
///
/// It rests twice as long as an attempt takes, so that asking does not starve those who are asked.
#[track_caller]
pub(crate) fn wait_until<T>(limit: Duration, mut attempt: impl FnMut() -> Result<T, String>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        let began = Instant::now();
        match attempt() {
            Ok(value) => return value,
            Err(objection) if Instant::now() >= deadline => panic!("gave up after {limit:?}: {objection}"),
            Err(_) => std::thread::sleep((began.elapsed() * 2).max(Duration::from_millis(50))),
        }
    }
}

/// Waits for wall-clock time to pass, where the time itself is what is tested.
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// Gives the seconds since 1970.
pub(crate) fn unix_seconds() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970").as_secs_f64()
}

/// Asks a server on the loopback for `path`; gives the status and the body.
pub(crate) fn http_get(port: u16, path: &str) -> Result<(u16, String), String> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let exchange = || -> std::io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        // HTTP/1.0, so that the body comes in one piece and ends with the connection.
        write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(answer)
    };
    let answer = exchange().map_err(|error| format!("GET {address}{path}: {error}"))?;
    let answer = String::from_utf8(answer).map_err(|error| format!("GET {address}{path}: {error}"))?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or(format!("no answer but {answer:?}"))?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Ok((status.ok_or(format!("no status in {head:?}"))?, body.to_string()))
}

/// Compares two values to within the rounding of a sum.
pub(crate) fn same(left: f64, right: f64) -> bool {
    (left - right).abs() <= 1e-9 * left.abs().max(right.abs()).max(1.0)
}

const PATIENCE: Duration = Duration::from_secs(10);

static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
