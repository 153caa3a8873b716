//! Configurations of other programs, and what becomes of them: `tests/import/PROGRAM/NAME.*` is imported, `NAME.toml` is
//! the configuration it must give, `NAME.findings` what becomes of its keys, or the error.
//!
//! Run with `HEKA_BLESS=1` to have both written; read what was written before you keep it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use heka::config::{Problems, Sources, render};
use heka::import::{Fate, Imported, SyntaxError, statsd, statsd_exporter, statsd_proxy};
use heka::pipeline::{builtin, plan};

#[test]
fn configurations_of_statsd_become_what_they_mean() {
    hold("statsd", &|text| {
        statsd(text, "web1.example.com", &|name| (name == "PORT").then(|| "9125".to_owned()))
    });
}

#[test]
fn configurations_of_its_proxy_become_what_they_mean() {
    hold("statsd-proxy", &|text| {
        statsd_proxy(text, "web1.example.com", &|name| (name == "PORT").then(|| "9125".to_owned()))
    });
}

#[test]
fn mapping_files_of_statsd_exporter_become_what_they_mean() {
    hold("statsd-exporter", &statsd_exporter);
}

type Importer<'a> = &'a dyn Fn(&str) -> Result<Imported, SyntaxError>;

/// Holds every file of a program to what is written beside it.
fn hold(program: &str, importer: Importer<'_>) {
    let mut wrong = Vec::new();
    let files = given(program);
    assert!(!files.is_empty(), "there are no configurations of {program}");
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a configuration is readable text");
        let (toml, findings) = match importer(&text) {
            Ok(imported) => {
                wrong.extend(unplanned(&file, &imported));
                let findings = imported.findings.iter().map(described).collect::<String>();
                (Some(imported.text), findings)
            }
            Err(error) => (None, format!("{error}\n")),
        };
        wrong.extend(compare(&file.with_extension("findings"), Some(&findings)));
        wrong.extend(compare(&file.with_extension("toml"), toml.as_deref()));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn given(program: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/import").join(program);
    let entries = std::fs::read_dir(folder).expect("the folder is there");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry is readable").path()).collect();
    files.retain(|file| file.extension().is_some_and(|end| end != "toml" && end != "findings"));
    files.sort();
    files
}

/// What `check` would say against it.
fn unplanned(file: &Path, imported: &Imported) -> Option<String> {
    let text = &imported.text_to_check(|_| false);
    let sources = Sources::embedded("imported", text);
    let mut problems = Problems::new();
    plan(&sources, &builtin(), &|_| None, "host", &mut problems);
    let message = || format!("{}:\n{}\n{text}", file.display(), render(&problems, &sources, false));
    (!problems.is_empty()).then(message)
}

fn described(finding: &heka::import::Finding) -> String {
    let fate = match &finding.fate {
        Fate::Translated(to) => format!("translated to {to}"),
        Fate::Default => "the same".to_owned(),
        Fate::Approximated(how) => format!("approximated: {how}"),
        Fate::Refused(why) => format!("refused: {why}"),
    };
    format!("{} {}: {fate}\n", finding.line, finding.key)
}

/// Compares with a file, or writes it where it is asked for.
fn compare(file: &Path, text: Option<&str>) -> Option<String> {
    let expected = std::fs::read_to_string(file).ok();
    if expected.as_deref() == text {
        return None;
    }
    if super::cases::is_blessing() {
        match text {
            Some(text) => std::fs::write(file, text).expect("the file can be written"),
            None => std::fs::remove_file(file).expect("the file can be removed"),
        }
    }
    Some(format!("{}:\n{}\nis not\n{expected:?}", file.display(), text.unwrap_or("(nothing)")))
}

#[test]
fn every_fate_is_shown() {
    let mut shown = BTreeMap::new();
    for program in ["statsd", "statsd-proxy", "statsd-exporter"] {
        for file in given(program) {
            let findings = std::fs::read_to_string(file.with_extension("findings")).unwrap_or_default();
            for fate in [": translated", ": the same", ": approximated", ": refused"] {
                *shown.entry((program, fate)).or_insert(0) += findings.matches(fate).count();
            }
        }
    }
    assert!(shown.values().all(|count| *count > 0), "{shown:?}");
}
