//! The daemon under test: started on a configuration of its own, stopped by SIGTERM.

use std::io::Write;
use std::net::{Ipv4Addr, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::harness::{Process, free_port, http_get, wait_until};

/// A running `hekad` that listens for statsd on UDP and TCP and serves the scrape endpoint.
pub(crate) struct Hekad {
    process: Option<Process>,
    /// The UDP port of its statsd listener.
    pub(crate) udp: u16,
    /// The TCP port of its statsd listener.
    pub(crate) tcp: u16,
    /// The port of its scrape endpoint and of its page.
    pub(crate) scrape: u16,
    directory: TempDir,
}

/// How a daemon ended.
pub(crate) struct Stopped {
    /// The exit code; none where a signal ended it.
    pub(crate) code: Option<i32>,
    /// Everything it printed.
    pub(crate) printed: String,
}

impl Hekad {
    /// Starts it with a flush each `interval` seconds, sent to carbon on the port `carbon` if one is given, and
    /// waits until it is ready.
    pub(crate) fn start(interval: u32, carbon: Option<u16>) -> Hekad {
        Hekad::start_with(interval, carbon, "")
    }

    /// The same with further options of its accumulator.
    pub(crate) fn start_with(interval: u32, carbon: Option<u16>, options: &str) -> Hekad {
        Hekad::configured(interval, carbon, options, "", "")
    }

    /// The same with further options of its scrape endpoint.
    pub(crate) fn start_exposing(interval: u32, options: &str) -> Hekad {
        Hekad::configured(interval, None, "", options, "")
    }

    /// Sends its flushes to the pickle receiver at the port `carbon`.
    pub(crate) fn start_pickling(interval: u32, carbon: u16) -> Hekad {
        let output = format!("[CarbonOutput]\naddress = \"127.0.0.1:{carbon}\"\nformat = \"pickle\"\n");
        Hekad::configured(interval, None, "", "", &output)
    }

    /// Starts it with further options of its accumulator and further sections.
    pub(crate) fn start_beside(interval: u32, options: &str, sections: &str) -> Hekad {
        Hekad::configured(interval, None, options, "", sections)
    }

    fn configured(interval: u32, carbon: Option<u16>, options: &str, exposing: &str, more: &str) -> Hekad {
        let carbon =
            carbon.map_or(String::new(), |port| format!("[CarbonOutput]\naddress = \"127.0.0.1:{port}\"\n"));
        Hekad::start_on(|hekad| {
            let Hekad { udp, tcp, scrape, .. } = hekad;
            format!(
                r#"[StatsdInput]
address = "127.0.0.1:{udp}"
[statsd-tcp]
type = "StatsdInput"
net = "tcp"
address = "127.0.0.1:{tcp}"
[StatAccumFilter]
ticker_interval = {interval}
{options}
{carbon}[PrometheusOutput]
address = "127.0.0.1:{scrape}"
{exposing}
[DashboardOutput]
address = "127.0.0.1:{scrape}"
{more}"#
            )
        })
    }

    /// Starts it with these sections, of its ports and its directory; a scrape endpoint must be among them.
    pub(crate) fn start_on(sections: impl FnOnce(&Hekad) -> String) -> Hekad {
        let directory = TempDir::new().expect("a directory can be made");
        let (udp, tcp, scrape) = (free_port(), free_port(), free_port());
        let mut hekad = Hekad { process: None, udp, tcp, scrape, directory };
        let state = hekad.directory().join("state");
        let config = format!("[hekad]\nbase_dir = \"{}\"\n{}", state.display(), sections(&hekad));
        std::fs::write(hekad.directory().join("hekad.toml"), config)
            .expect("the configuration can be written");
        hekad.start_again();
        hekad
    }

    /// The directory of its configuration and state.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Starts it again with the same configuration and state, and waits until it is ready.
    pub(crate) fn start_again(&mut self) {
        let place = |name: &str| self.directory.path().join(name);
        let mut command = Command::new(binary());
        command
            .arg("-config")
            .arg(place("hekad.toml"))
            .env_remove("HEKA_BASE_DIR")
            .env_remove("HEKAD_LISTEN");
        // What the run before printed is read when that one stops.
        drop(std::fs::remove_file(place("log")));
        let mut process = Process::start(&mut command, &place("log"));
        wait_until(START, || {
            process.assert_alive();
            match http_get(self.scrape, "/-/ready")? {
                (200, _) => Ok(()),
                (status, _) => Err(format!("/-/ready answers {status}")),
            }
        });
        self.process = Some(process);
    }

    /// Sends each text as one datagram.
    pub(crate) fn send<'a>(&self, datagrams: impl IntoIterator<Item = &'a str>) {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port can be bound");
        socket.connect((Ipv4Addr::LOCALHOST, self.udp)).expect("the loopback can be reached");
        for datagram in datagrams {
            let sent = socket.send(datagram.as_bytes()).expect("the daemon listens");
            assert_eq!(sent, datagram.len());
        }
    }

    /// Sends `lines` over one TCP connection.
    pub(crate) fn send_stream(&self, lines: &str) {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.tcp)).expect("the daemon listens");
        stream.write_all(lines.as_bytes()).expect("the daemon reads");
    }

    /// Gives the page that a scraper is served.
    pub(crate) fn page(&self) -> String {
        let (status, body) = http_get(self.scrape, "/metrics").expect("the scrape endpoint answers");
        assert_eq!(status, 200, "{body}");
        body
    }

    /// Waits until the page that a scraper is served has this line.
    pub(crate) fn wait_for_line(&self, line: &str) {
        wait_until(SEEN, || {
            let page = self.page();
            page.lines()
                .any(|candidate| candidate == line)
                .then_some(())
                .ok_or(format!("no {line:?} in\n{page}"))
        });
    }

    /// Gives the datagrams that the kernel dropped because the daemon did not take them in time.
    pub(crate) fn datagrams_dropped(&self) -> u64 {
        let port = format!(":{:04X}", self.udp);
        let table = std::fs::read_to_string("/proc/net/udp").unwrap_or_default();
        let own = table
            .lines()
            .filter(|line| line.split_whitespace().nth(1).is_some_and(|local| local.ends_with(&port)));
        own.filter_map(|line| line.split_whitespace().last()?.parse::<u64>().ok()).sum()
    }

    /// Sends it a signal, such as `USR1`.
    pub(crate) fn signal(&self, name: &str) {
        self.process.as_ref().expect("it runs").signal(name);
    }

    /// Gives what it has printed so far.
    pub(crate) fn printed(&self) -> String {
        self.process.as_ref().expect("it runs").printed()
    }

    /// Kills it, so that it leaves everything as it is; it can be started again.
    pub(crate) fn kill(&mut self) {
        drop(self.process.take());
    }

    /// Stops it by SIGTERM and waits for its end.
    pub(crate) fn stop(mut self) -> Stopped {
        self.pause()
    }

    /// The same; it can be started again.
    pub(crate) fn pause(&mut self) -> Stopped {
        let mut process = self.process.take().expect("it runs");
        process.ask_to_stop();
        let status = process.wait(STOP);
        Stopped { code: status.code(), printed: process.printed() }
    }

    /// Stops it and asserts that it says everything was delivered.
    pub(crate) fn stop_cleanly(self) {
        let stopped = self.stop();
        assert_eq!(stopped.code, Some(0), "hekad printed:\n{}", stopped.printed);
    }
}

pub(crate) fn binary() -> PathBuf {
    std::env::var_os("HEKAD_BINARY").map_or(PathBuf::from(env!("CARGO_BIN_EXE_hekad")), PathBuf::from)
}

const START: Duration = Duration::from_secs(15);
const SEEN: Duration = Duration::from_secs(15);
const STOP: Duration = Duration::from_secs(25);
