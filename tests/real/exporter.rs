//! A real statsd_exporter beside a hekad with the configuration that was imported from its mapping file: the same samples
//! to both, and the same values from both.
//!
//! `exporter/NAME.yml` is the mapping file, `exporter/NAME.txt` the samples. Quantiles are compared too, since samples are
//! few. The text of HELP is ours.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::harness::{Process, free_port, http_get, program, same, skip, wait_until};
use crate::hekad::binary;

#[test]
fn rules_give_the_values_that_statsd_exporter_gives() {
    compare("mapping");
}

#[test]
fn defaults_and_the_most_specific_globs_give_the_values_that_statsd_exporter_gives() {
    compare("defaults");
}

/// Types by the names of families, and values by names with sorted labels.
#[derive(Debug, Default)]
struct Page {
    types: BTreeMap<String, String>,
    values: BTreeMap<String, f64>,
}

fn compare(name: &str) {
    let Some(exporter) = exporter() else { return };
    let directory = TempDir::new().expect("a directory can be made");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real/exporter");
    let mapping = folder.join(format!("{name}.yml"));
    let samples = std::fs::read_to_string(folder.join(format!("{name}.txt"))).expect("there are samples");
    let (mut theirs, their_statsd, their_page) = start_exporter(&exporter, &mapping, directory.path());
    let (mut ours, our_statsd, our_page) = start_hekad(&mapping, directory.path());
    for (process, page) in [(&mut theirs, their_page), (&mut ours, our_page)] {
        wait_until(START, || {
            process.assert_alive();
            http_get(page, "/metrics").map(drop)
        });
    }
    for port in [their_statsd, our_statsd] {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("both listen");
        stream.write_all(samples.as_bytes()).expect("both read");
    }
    wait_until(SEEN, || {
        let (theirs, ours) = (page_of(their_page, is_of_the_exporter)?, page_of(our_page, is_of_hekad)?);
        let differing = differences(&ours, &theirs);
        match differing.is_empty() && theirs.types.len() > 5 {
            true => Ok(()),
            false => Err(format!("{} families differ in\n{}", theirs.types.len(), differing.join("\n"))),
        }
    });
}

/// The exporter, where `.ci/install` puts it. It is built of a module of Go: without Go nothing can be compared.
fn exporter() -> Option<PathBuf> {
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let built = home.join(".cache/heka-ci/go/bin/statsd_exporter");
    let found = Some(built).filter(|path| path.is_file()).or_else(|| program("statsd_exporter"));
    if found.is_none() {
        match program("go")
            .or_else(|| Some(PathBuf::from("/usr/local/go/bin/go")).filter(|path| path.is_file()))
        {
            Some(_) => skip("there is no statsd_exporter"),
            None => println!("skipped: there is neither statsd_exporter nor Go to build it"),
        }
    }
    found
}

fn start_exporter(exporter: &Path, mapping: &Path, directory: &Path) -> (Process, u16, u16) {
    let (statsd, page) = (free_port(), free_port());
    let mut command = Command::new(exporter);
    command.arg(format!("--statsd.mapping-config={}", mapping.display()));
    command.arg(format!("--web.listen-address=127.0.0.1:{page}"));
    command.arg(format!("--statsd.listen-udp=127.0.0.1:{statsd}"));
    command.arg(format!("--statsd.listen-tcp=127.0.0.1:{statsd}"));
    (Process::start(&mut command, &directory.join("exporter.log")), statsd, page)
}

/// Starts it with what it imports itself, on other ports.
fn start_hekad(mapping: &Path, directory: &Path) -> (Process, u16, u16) {
    let imported = Command::new(binary()).args(["import", "statsd-exporter"]).arg(mapping).output();
    let imported = imported.expect("hekad can be started");
    let findings = String::from_utf8_lossy(&imported.stderr).into_owned();
    assert!(imported.status.success(), "{findings}");
    let config = String::from_utf8(imported.stdout).expect("a configuration is text");
    let (statsd, page) = (free_port(), free_port());
    let config = config.replace("[::]:9125", &format!("127.0.0.1:{statsd}"));
    let config = config.replace("[::]:9102", &format!("127.0.0.1:{page}"));
    let base = directory.join("state");
    let file = directory.join("hekad.toml");
    std::fs::write(&file, format!("[hekad]\nbase_dir = \"{}\"\n{config}", base.display()))
        .expect("the configuration can be written");
    let mut command = Command::new(binary());
    command.arg("--config").arg(file).env_remove("HEKA_BASE_DIR").env_remove("HEKAD_LISTEN");
    (Process::start(&mut command, &directory.join("hekad.log")), statsd, page)
}

fn page_of(port: u16, is_own: fn(&str) -> bool) -> Result<Page, String> {
    let (_, text) = http_get(port, "/metrics")?;
    let mut page = Page::default();
    for line in text.lines() {
        if let Some((name, word)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            if !is_own(name) {
                page.types.insert(name.to_owned(), word.to_owned());
            }
        } else if !line.starts_with('#') && !line.is_empty() {
            let (series, value) = line.rsplit_once(' ').ok_or(format!("no value: {line}"))?;
            let value = value.parse().map_err(|error| format!("{line}: {error}"))?;
            if !is_own(series) {
                page.values.insert(normal(series), value);
            }
        }
    }
    Ok(page)
}

/// A series with its labels sorted, and empty ones left out.
fn normal(series: &str) -> String {
    let Some((name, labels)) = series.strip_suffix('}').and_then(|rest| rest.split_once('{')) else {
        return series.to_owned();
    };
    let mut sorted: Vec<String> = Vec::new();
    // No value in the samples has a quote in it.
    for pair in labels.split_inclusive("\",").map(|pair| pair.trim_end_matches(',')) {
        let (label, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = value.trim_matches('"');
        if !value.is_empty() {
            sorted.push(format!("{label}={value}"));
        }
    }
    sorted.sort();
    if sorted.is_empty() { name.to_owned() } else { format!("{name}{{{}}}", sorted.join(",")) }
}

fn differences(ours: &Page, theirs: &Page) -> Vec<String> {
    let mut differing = Vec::new();
    let names = ours.types.keys().chain(theirs.types.keys());
    for name in names.collect::<std::collections::BTreeSet<_>>() {
        let (own, other) = (ours.types.get(name), theirs.types.get(name));
        if own != other {
            differing.push(format!("{name} is a {own:?}, there a {other:?}"));
        }
    }
    let series = ours.values.keys().chain(theirs.values.keys());
    for series in series.collect::<std::collections::BTreeSet<_>>() {
        let (own, other) = (ours.values.get(series), theirs.values.get(series));
        let is_same =
            own.zip(other).is_some_and(|(own, other)| same(*own, *other) || own.is_nan() && other.is_nan());
        if !is_same {
            differing.push(format!("{series} is {own:?}, there {other:?}"));
        }
    }
    differing
}

fn is_of_hekad(name: &str) -> bool {
    name.starts_with("hekad_")
}

fn is_of_the_exporter(name: &str) -> bool {
    ["go_", "process_", "promhttp_", "statsd_exporter_", "statsd_metric_mapper_"]
        .iter()
        .any(|own| name.starts_with(own))
}

const START: Duration = Duration::from_secs(20);
const SEEN: Duration = Duration::from_secs(20);
