//! What is packed, as whoever installs it gets it: the package goes in, runs and goes out again by dpkg, below a root of its
//! own; the binary runs in a root that has nothing else, as it does in the image; the unit is judged by systemd; the
//! DaemonSet's configuration reads what a kubelet leaves.
//!
//! The scripts of the package run against that root too (DPKG_ROOT); what would start and stop the service of this machine
//! is taken out of their way.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use nix::unistd::Uid;
use tempfile::TempDir;

use crate::harness::{Process, free_port, http_get, program, skip, wait_until};
use crate::hekad::{Hekad, Stopped, binary};

#[test]
fn the_package_is_installed_runs_keeps_what_was_edited_and_leaves_nothing() {
    let Some((dpkg, cargo_deb)) = tools() else { return };
    let package = package(&cargo_deb);
    let root = Root::new();
    for directory in ["var/lib/dpkg/info", "var/lib/dpkg/updates", "var/lib/dpkg/triggers"] {
        fs::create_dir_all(root.path(directory)).expect("a directory can be made");
    }
    fs::write(root.path("var/lib/dpkg/status"), "").expect("a file can be written");
    let dpkg = |words: &[&str]| root.dpkg(&dpkg, words);
    let file = package.path().join("hekad.deb");
    let file = file.to_str().expect("it is text");

    dpkg(&["--install", file]);
    assert_eq!(fs::read(root.path("etc/hekad.toml")).expect("it is there"), DEFAULT.as_bytes());
    assert_eq!(root.hekad(&["check"]).said, "/etc/hekad.toml is right: 1 filter, 2 inputs, 2 outputs\n");
    let enabled = root.path("etc/systemd/system/multi-user.target.wants/hekad.service");
    assert!(enabled.is_symlink(), "the unit is not enabled");
    let directive = |key: &str| {
        let unit =
            fs::read_to_string(root.path("usr/lib/systemd/system/hekad.service")).expect("it is there");
        let mark = format!("{key}=");
        unit.lines().find_map(|line| line.strip_prefix(&mark).map(str::to_owned)).expect("the unit has it")
    };
    assert_eq!(directive("ExecStart"), "/usr/bin/hekad");
    // The socket is there for who wants it, and nobody else.
    assert!(root.path("usr/share/hekad/systemd/hekad-statsd.socket").is_file(), "the socket unit is missing");
    let unasked: Vec<PathBuf> =
        root.files().into_iter().filter(|path| path.to_string_lossy().contains(".socket")).collect();
    assert_eq!(unasked, [root.path("usr/share/hekad/systemd/hekad-statsd.socket")]);

    // As the unit starts it, on ports that are free.
    let (statsd, scrape) = (free_port(), free_port());
    let edited = DEFAULT.replace(":8125", &format!(":{statsd}")).replace(":4352", &format!(":{scrape}"));
    fs::write(root.path("etc/hekad.toml"), &edited).expect("it can be edited");
    root.own(Path::new("var/lib/private/hekad"));
    symlink("private/hekad", root.path("var/lib/hekad")).expect("a link can be made, as systemd makes it");
    root.runs_well(&[&directive("Environment")], "127.0.0.1", statsd, scrape);
    assert!(root.path("var/lib/hekad/state").is_file(), "no state is kept");

    dpkg(&["--install", file]);
    assert_eq!(fs::read_to_string(root.path("etc/hekad.toml")).expect("it is there"), edited);
    dpkg(&["--remove", "hekad"]);
    assert!(!root.path("usr").exists() && root.path("etc/hekad.toml").exists());
    dpkg(&["--purge", "hekad"]);
    assert_eq!(root.files(), BTreeSet::new());
}

#[test]
fn the_image_needs_nothing_but_the_binary_and_runs_as_nobody() {
    if !Uid::effective().is_root() {
        return skip("this is not root, who alone can change the root of a process");
    }
    let root = Root::new();
    for directory in ["usr/bin", "etc"] {
        fs::create_dir_all(root.path(directory)).expect("a directory can be made");
    }
    fs::copy(binary(), root.path("usr/bin/hekad")).expect("the binary can be copied");
    let configuration = include_str!("../../packaging/docker/hekad.toml");
    fs::write(root.path("etc/hekad.toml"), configuration).expect("it can be written");
    fs::write(root.path("etc/hosts"), "127.0.0.1 hekad.test\n").expect("it can be written");
    root.own(Path::new("var/cache/hekad"));
    let (statsd, scrape) = (free_port(), free_port());
    let (at, shown) = (format!("STATSD=127.0.0.1:{statsd}"), format!("SCRAPE=127.0.0.1:{scrape}"));
    // By a name: no library of the system is there to look it up.
    root.runs_well(&["HEKA_BASE_DIR=/var/cache/hekad", &at, &shown], "hekad.test", statsd, scrape);
}

#[test]
fn the_units_are_right_and_leave_little_exposed() {
    let Some(analyze) = program("systemd-analyze") else { return skip("systemd-analyze is missing") };
    let directory = TempDir::new().expect("a directory can be made");
    let unit = directory.path().join("hekad.service");
    let text = include_str!("../../packaging/systemd/hekad.service");
    // It is looked whether what it starts is there.
    let text = text.replace("ExecStart=/usr/bin/hekad", &format!("ExecStart={}", binary().display()));
    fs::write(&unit, text).expect("a file can be written");
    let socket = directory.path().join("hekad-statsd.socket");
    fs::write(&socket, include_str!("../../packaging/systemd/hekad-statsd.socket"))
        .expect("a file can be written");
    let verified = Command::new(&analyze).args(["verify", "--man=no"]).arg(&unit).arg(&socket).output();
    let verified = verified.expect("systemd-analyze can be started");
    let said = String::from_utf8_lossy(&verified.stderr).into_owned();
    // Units of others, which it depends on, are told of too.
    let own: Vec<&str> = said.lines().filter(|line| line.contains("hekad")).collect();
    assert!(verified.status.success() && own.is_empty(), "{said}");
    // Of 100; a service without any of it has 96.
    let judged =
        Command::new(&analyze).args(["security", "--offline=true", "--threshold=15"]).arg(&unit).output();
    let judged = judged.expect("systemd-analyze can be started");
    let said = String::from_utf8_lossy(&judged.stdout);
    assert!(judged.status.success(), "{said}{}", String::from_utf8_lossy(&judged.stderr));
    assert!(said.contains("Overall exposure level for hekad.service: "), "{said}");
}

#[test]
fn the_lines_of_containers_are_read_in_the_order_they_were_printed_and_counted() {
    let logs = TempDir::new().expect("a directory can be made");
    let container = logs.path().join("default_shop-7d9_0a1b-22/shop");
    fs::create_dir_all(&container).expect("a directory can be made");
    let now = jiff::Timestamp::now();
    // As a kubelet leaves them after a rotation and a restart of the container.
    for (name, lines) in [
        ("1.log", format!("{now} stdout F fourth:  a b\n{now} stdout F \n")),
        ("0.log", format!("{now} stderr P second\n{now} stderr F third\n")),
        ("0.log.20260102-150405", format!("{now} stdout F first\n")),
    ] {
        fs::write(container.join(name), lines).expect("a file can be written");
    }
    let hekad = Hekad::start_on(|hekad| {
        let text = configuration_of(include_str!("../../packaging/kubernetes/daemonset.yaml"));
        // What a test cannot have: the node's directories and ports, and a router.
        let (before, rest) = text.split_once("[router]").expect("there is a router");
        let (_, after) = rest.split_once("[PrometheusOutput]").expect("it is scraped");
        let shown = "[LogOutput]\nmessage_matcher = \"Type == 'kubernetes.log'\"\nencoder = \"RstEncoder\"\n";
        format!("{before}[RstEncoder]\n{shown}[PrometheusOutput]{after}")
            .replace("[hekad]\n", "")
            .replace("${NODE}", "node-1")
            .replace("\"/var/log/pods\"", &format!("\"{}\"", logs.path().display()))
            .replace("0.0.0.0:8125", &format!("127.0.0.1:{}", hekad.udp))
            .replace("0.0.0.0:4352", &format!("127.0.0.1:{}", hekad.scrape))
    });
    hekad.send(["web.hits:5|c"]);
    hekad.wait_for_line("web_hits_total 5");
    hekad.wait_for_line("logs_lines_total{source=\"default/shop-7d9/shop\",stream=\"stdout\"} 3");
    hekad.wait_for_line("logs_lines_total{source=\"default/shop-7d9/shop\",stream=\"stderr\"} 2");
    let Stopped { code, printed } = hekad.stop();
    assert_eq!(code, Some(0), "{printed}");
    let all =
        |mark: &str| -> Vec<&str> { printed.lines().filter_map(|line| line.strip_prefix(mark)).collect() };
    assert_eq!(all(":Payload: "), ["first", "second", "third", "fourth:  a b", ""], "{printed}");
    assert_eq!(all(":Logger: "), ["default/shop-7d9/shop"; 5]);
    assert_eq!(all(":Hostname: "), ["node-1"; 5]);
    let tags = all("    | name:\"Tag\" type:string value:");
    assert_eq!(tags, ["\"F\"", "\"P\"", "\"F\"", "\"F\"", "\"F\""]);
}

/// The hekad.toml of a ConfigMap.
fn configuration_of(manifest: &str) -> String {
    let (_, text) = manifest.split_once("  hekad.toml: |\n").expect("there is a configuration");
    let lines = text.lines().take_while(|line| line.is_empty() || line.starts_with("    "));
    lines.map(|line| format!("{}\n", line.trim_start())).collect()
}

/// dpkg and cargo-deb, if they are there and this is root.
fn tools() -> Option<(PathBuf, PathBuf)> {
    if !Uid::effective().is_root() {
        skip("this is not root, who alone can install");
        return None;
    }
    let cached = std::env::home_dir().map(|home| home.join(".cache/heka-ci/cargo/bin/cargo-deb"));
    let cargo_deb = cached.filter(|path| path.is_file()).or_else(|| program("cargo-deb"));
    let tools = program("dpkg").zip(cargo_deb).filter(|_| program("deb-systemd-helper").is_some());
    if tools.is_none() {
        skip("dpkg, deb-systemd-helper or cargo-deb is missing");
    }
    tools
}

/// The folder of a package of the binary under test, hekad.deb.
fn package(cargo_deb: &Path) -> TempDir {
    let folder = TempDir::new().expect("a directory can be made");
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let built = folder.path().join("target").join(&target).join("release");
    fs::create_dir_all(&built).expect("a directory can be made");
    fs::copy(binary(), built.join("hekad")).expect("the binary can be copied");
    let mut command = Command::new(cargo_deb);
    command.args(["deb", "--locked", "--offline", "--no-build", "--no-strip", "--fast", "--target", &target]);
    command.arg("--output").arg(folder.path().join("hekad.deb"));
    command.env("CARGO_TARGET_DIR", folder.path().join("target")).current_dir(env!("CARGO_MANIFEST_DIR"));
    done(command.output().expect("cargo-deb can be started"));
    folder
}

/// A directory that is the root of what is installed and run in it.
struct Root {
    directory: TempDir,
}

/// What the program said, on both of its outputs.
struct Said {
    code: Option<i32>,
    said: String,
}

impl Root {
    fn new() -> Root {
        let directory = TempDir::new().expect("a directory can be made");
        // Whoever runs in it has to get in.
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).expect("it is ours");
        Root { directory }
    }

    fn path(&self, below: &str) -> PathBuf {
        self.directory.path().join(below)
    }

    /// Makes a directory that belongs to nobody else than the user that runs, as systemd does it, and the image.
    fn own(&self, below: &Path) {
        let path = self.directory.path().join(below);
        fs::create_dir_all(&path).expect("a directory can be made");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).expect("it is ours");
        chown(&path, Some(NOBODY), Some(NOBODY)).expect("root may give it away");
    }

    fn dpkg(&self, dpkg: &Path, words: &[&str]) {
        let own = TempDir::new().expect("a directory can be made");
        for name in ["systemctl", "deb-systemd-invoke"] {
            let path = own.path().join(name);
            fs::write(&path, "#!/bin/sh\n").expect("a file can be written");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it is ours");
        }
        let places = std::env::var("PATH").expect("there is a search path");
        let mut command = Command::new(dpkg);
        command.arg("--root").arg(self.directory.path()).arg("--force-script-chrootless").args(words);
        command.env("PATH", format!("{}:{places}:/usr/sbin:/sbin", own.path().display()));
        done(command.output().expect("dpkg can be started"));
    }

    /// The installed program, in this root, as a user who may do nothing.
    fn command(&self) -> Command {
        let mut command = Command::new("chroot");
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command.arg(format!("--userspec={NOBODY}:{NOBODY}")).arg(self.directory.path()).arg("/usr/bin/hekad");
        command
    }

    fn hekad(&self, words: &[&str]) -> Said {
        let output = self.command().args(words).output().expect("chroot can be started");
        let both = [output.stdout, output.stderr].concat();
        Said { code: output.status.code(), said: String::from_utf8(both).expect("it prints text") }
    }

    /// Starts it with these variables, asks `host` for its health, sends a sample, scrapes it, and stops it.
    fn runs_well(&self, variables: &[&str], host: &str, statsd: u16, scrape: u16) {
        let log = TempDir::new().expect("a directory can be made");
        let mut command = self.command();
        command.envs(variables.iter().filter_map(|variable| variable.split_once('=')));
        let mut process = Process::start(&mut command, &log.path().join("log"));
        wait_until(START, || {
            process.assert_alive();
            match self.hekad(&["health", &format!("http://{host}:{scrape}/-/ready")]) {
                Said { code: Some(0), said } if said.is_empty() => Ok(()),
                Said { said, .. } => Err(said),
            }
        });
        let sent = self.hekad(&["send", "--to", &format!("{host}:{statsd}"), "hello.world:3|c"]);
        assert_eq!(sent.code, Some(0), "{}", sent.said);
        wait_until(START, || match http_get(scrape, "/metrics")? {
            (200, page) if page.lines().any(|line| line == "hello_world_total 3") => Ok(()),
            (_, page) => Err(page),
        });
        process.ask_to_stop();
        let status = process.wait(STOP);
        assert_eq!(status.code(), Some(0), "{}", process.printed());
        let asked = self.hekad(&["health", &format!("127.0.0.1:{scrape}")]);
        assert_eq!(asked.code, Some(1));
        assert!(
            asked.said.starts_with(&format!("nothing answers on 127.0.0.1:{scrape}: ")),
            "{}",
            asked.said
        );
    }

    /// All that is in it but directories and what dpkg knows.
    fn files(&self) -> BTreeSet<PathBuf> {
        let mut files = BTreeSet::new();
        let mut directories = vec![self.directory.path().to_owned()];
        while let Some(directory) = directories.pop() {
            for entry in directory.read_dir().expect("it can be listed") {
                let path = entry.expect("it can be listed").path();
                match path.is_dir() && !path.is_symlink() {
                    true if path.ends_with("var/lib/dpkg") => {}
                    true => directories.push(path),
                    false => drop(files.insert(path)),
                }
            }
        }
        files
    }
}

#[track_caller]
fn done(output: Output) {
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}:\n{}", output.status, String::from_utf8_lossy(&said));
}

/// The number of a user that no system names.
const NOBODY: u32 = 65532;

const DEFAULT: &str = include_str!("../../config/default.toml");
const START: Duration = Duration::from_secs(20);
const STOP: Duration = Duration::from_secs(30);
