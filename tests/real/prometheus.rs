//! A real prometheus that scrapes the daemon each second, its query interface, and promtool.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::{Process, free_port, http_get, program, same, skip, wait_until};

/// A prometheus with one target.
pub(crate) struct Prometheus {
    port: u16,
    process: Process,
    _directory: TempDir,
}

/// One answer of a query: the labels with the name, and the value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    labels: BTreeMap<String, String>,
    /// The value.
    pub(crate) value: f64,
}

impl Prometheus {
    /// Starts one that scrapes the loopback port `target` each second, or skips the test where it is missing.
    pub(crate) fn start(target: u16) -> Option<Prometheus> {
        Prometheus::start_with(target, &[])
    }

    /// The same with further arguments.
    pub(crate) fn start_with(target: u16, arguments: &[&str]) -> Option<Prometheus> {
        Prometheus::configured(target, "", arguments)
    }

    /// Starts one that evaluates the rules of these files each second.
    pub(crate) fn start_ruled(target: u16, rules: &[PathBuf]) -> Option<Prometheus> {
        let files: String = rules.iter().map(|file| format!("- {}\n", file.display())).collect();
        Prometheus::configured(target, &format!("  evaluation_interval: 1s\nrule_files:\n{files}"), &[])
    }

    fn configured(target: u16, more: &str, arguments: &[&str]) -> Option<Prometheus> {
        let Some(binary) = program("prometheus") else {
            skip("prometheus is not installed");
            return None;
        };
        let directory = TempDir::new().expect("a directory can be made");
        let port = free_port();
        let file = directory.path().join("prometheus.yml");
        let config = format!(
            "global:\n  scrape_interval: 1s\n  scrape_timeout: 1s\n{more}scrape_configs:\n- job_name: hekad\n  \
             static_configs:\n  - targets: ['127.0.0.1:{target}']\n"
        );
        std::fs::write(&file, config).expect("the configuration can be written");
        let mut command = Command::new(binary);
        command.arg(format!("--config.file={}", file.display()));
        command.arg(format!("--storage.tsdb.path={}", directory.path().join("tsdb").display()));
        command.arg(format!("--web.listen-address=127.0.0.1:{port}"));
        command.arg("--log.level=warn").args(arguments);
        let mut process = Process::start(&mut command, &directory.path().join("printed"));
        wait_until(START, || {
            process.assert_alive();
            match http_get(port, "/-/ready")? {
                (200, _) => Ok(()),
                (status, _) => Err(format!("prometheus answers {status}")),
            }
        });
        Some(Prometheus { port, process, _directory: directory })
    }

    /// Asks for the present value of an expression.
    pub(crate) fn query(&self, expression: &str) -> Result<Vec<Answer>, String> {
        let body = self.ask(&format!("/api/v1/query?query={}", escaped(expression)));
        let answer = body.map_err(|error| format!("{expression}: {error}"))?;
        let found = answer["data"]["result"].as_array().ok_or(format!("no result in {answer}"))?;
        found.iter().map(|series| Answer::parse(series).ok_or(format!("not a sample: {series}"))).collect()
    }

    /// Gives the rules it evaluates, as its interface describes them.
    pub(crate) fn rules(&self) -> Result<Vec<Value>, String> {
        let answer = self.ask("/api/v1/rules")?;
        let groups = answer["data"]["groups"].as_array().ok_or(format!("no groups in {answer}"))?;
        Ok(groups.iter().filter_map(|group| group["rules"].as_array()).flatten().cloned().collect())
    }

    fn ask(&self, path: &str) -> Result<Value, String> {
        let (status, body) = http_get(self.port, path)?;
        let answer = serde_json::from_str(&body).map_err(|error| format!("{error} in {body}"))?;
        if status == 200 { Ok(answer) } else { Err(format!("{status} {body}")) }
    }

    /// Asks until `check` has no objection to the answers.
    #[track_caller]
    pub(crate) fn wait_for(&self, expression: &str, mut check: impl FnMut(&[Answer]) -> Result<(), String>) {
        wait_until(ANSWERED, || {
            check(&self.query(expression)?).map_err(|why| {
                let up = self.query("up").map(|up| up.first().map(|up| up.value));
                format!("{expression}: {why}\nup: {up:?}\nprometheus: {}", self.process.printed())
            })
        });
    }

    /// Waits until the expression has exactly one answer, and that is `value`.
    #[track_caller]
    pub(crate) fn wait_for_value(&self, expression: &str, value: f64) {
        self.wait_for(expression, |answers| match answers {
            [answer] if same(answer.value, value) => Ok(()),
            _ => Err(format!("{answers:?} and not {value}")),
        });
    }
}

impl Answer {
    /// Gives a label; the name of the metric is `__name__`. A label that is not there is empty.
    pub(crate) fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }

    fn parse(series: &Value) -> Option<Answer> {
        let labels = series["metric"].as_object()?.iter();
        let labels = labels.map(|(name, value)| Some((name.clone(), value.as_str()?.to_string())));
        Some(Answer {
            labels: labels.collect::<Option<_>>()?,
            value: series["value"][1].as_str()?.parse().ok()?,
        })
    }
}

/// What promtool says of a page: its exit code, 1 for a page it cannot read and 3 for one it has remarks on, and the
/// remarks.
pub(crate) struct Verdict {
    /// The exit code.
    pub(crate) code: Option<i32>,
    /// The remarks, one a line.
    pub(crate) remarks: String,
}

/// Lets promtool check a page, or skips the test where it is missing.
pub(crate) fn promtool(page: &str) -> Option<Verdict> {
    let Some(binary) = program("promtool") else {
        skip("promtool is not installed");
        return None;
    };
    let mut child = Command::new(binary)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool can be started");
    let mut input = child.stdin.take().expect("its input is a pipe");
    // It may stop reading at the first line that it cannot read; its exit code says so then.
    let _ = input.write_all(page.as_bytes());
    drop(input);
    let answer = child.wait_with_output().expect("promtool ends");
    let remarks =
        [answer.stdout, answer.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    Some(Verdict { code: answer.status.code(), remarks })
}

/// A text as it stands in a query of a URL.
pub(crate) fn escaped(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

const START: Duration = Duration::from_secs(20);
const ANSWERED: Duration = Duration::from_secs(30);
