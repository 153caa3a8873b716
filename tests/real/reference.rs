//! The reference: statsd and its proxy, run by node.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::harness::{Process, free_port, program, skip, wait_until};

/// Where node and the reference are.
pub(crate) struct Reference {
    node: PathBuf,
    statsd: PathBuf,
}

/// A server of the reference that runs: statsd or its proxy.
pub(crate) struct Server {
    process: Process,
    /// Where it listens for statsd.
    pub(crate) port: u16,
    /// Where it takes commands.
    pub(crate) admin: u16,
    _directory: TempDir,
}

impl Reference {
    /// Finds them, or skips the test.
    pub(crate) fn find() -> Option<Reference> {
        let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache/heka-ci/node"));
        let folder = std::env::var_os("HEKA_NODE").map(PathBuf::from).or(home).unwrap_or_default();
        let modules = folder.join("node_modules");
        let is_there = modules.join("statsd/stats.js").is_file() && modules.join("hashring").is_dir();
        match program("node") {
            Some(node) if is_there => Some(Reference { node, statsd: modules.join("statsd") }),
            Some(_) => {
                skip(format!("statsd and hashring are not in {}", modules.display()));
                None
            }
            None => {
                skip("node is not installed");
                None
            }
        }
    }

    /// Starts statsd, which takes datagrams and lines; `options` are further keys, of which the last counts.
    pub(crate) fn statsd(&self, options: &str) -> Server {
        let keys = "backends: ['./backends/console'], flushInterval: 3600000, servers: [{server: './servers/udp', \
                    address: '127.0.0.1', port: PORT}, {server: './servers/tcp', address: '127.0.0.1', port: PORT}]";
        self.start("stats.js", &format!("{keys}, {options}"))
    }

    /// Starts its proxy over these nodes, checked once a second.
    pub(crate) fn proxy(&self, nodes: &[&Server]) -> Server {
        let node =
            |node: &&Server| format!("{{host: '127.0.0.1', port: {}, adminport: {}}}", node.port, node.admin);
        let nodes: Vec<String> = nodes.iter().map(node).collect();
        let nodes = nodes.join(", ");
        self.start("proxy.js", &format!("nodes: [{nodes}], address: '127.0.0.1', checkInterval: 1000"))
    }

    fn start(&self, script: &str, options: &str) -> Server {
        let (port, admin) = (free_port(), free_port());
        let directory = TempDir::new().expect("a directory can be made");
        let file = directory.path().join("config.js");
        let options = options.replace("PORT", &port.to_string());
        let config =
            format!("{{ port: {port}, mgmt_port: {admin}, mgmt_address: '127.0.0.1', {options} }}\n");
        std::fs::write(&file, config).expect("the configuration can be written");
        let mut command = Command::new(&self.node);
        command.arg(self.statsd.join(script)).arg(&file).current_dir(&self.statsd);
        let mut process = Process::start(&mut command, &directory.path().join("log"));
        wait_until(START, || {
            process.assert_alive();
            TcpStream::connect((Ipv4Addr::LOCALHOST, admin)).map(drop).map_err(|error| error.to_string())
        });
        Server { process, port, admin, _directory: directory }
    }
}

impl Server {
    /// What it answers to a command, up to `end`.
    pub(crate) fn ask(&self, command: &str, end: &str) -> Result<String, String> {
        let exchange = || -> std::io::Result<String> {
            let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.admin))?;
            stream.set_read_timeout(Some(PATIENCE))?;
            // In one piece: of a newline by itself it says that it is no command, behind the answer.
            stream.write_all(format!("{command}\n").as_bytes())?;
            let mut answer = Vec::new();
            let mut room = [0; 4096];
            while !answer.ends_with(end.as_bytes()) {
                match stream.read(&mut room)? {
                    0 => break,
                    read => answer.extend_from_slice(&room[..read]),
                }
            }
            Ok(String::from_utf8_lossy(&answer).into_owned())
        };
        exchange().map_err(|error| format!("{command}: {error}"))
    }

    /// What it holds of `counters` or `gauges`, but for its own.
    pub(crate) fn held(&self, what: &str) -> Result<BTreeMap<String, f64>, String> {
        let text = self.ask(what, "END\n\n")?;
        let pairs = text.split([',', '\n', '{', '}']).filter_map(|pair| pair.rsplit_once(": "));
        let named = pairs.map(|(name, value)| (name.trim().trim_matches('\''), value.trim()));
        named
            .filter(|(name, _)| !name.starts_with("statsd."))
            .map(|(name, value)| {
                let value = value.parse().map_err(|_| format!("{name} is {value:?}"))?;
                Ok((name.to_owned(), value))
            })
            .collect()
    }

    /// What it has printed so far.
    pub(crate) fn printed(&self) -> String {
        self.process.printed()
    }
}

const START: Duration = Duration::from_secs(20);
const PATIENCE: Duration = Duration::from_secs(5);
