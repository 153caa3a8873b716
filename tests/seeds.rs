//! Replays the seeds of the fuzz targets, and with them every input that once was a finding, without a fuzzer.

use std::path::Path;

#[path = "fuzz/bodies/mod.rs"]
mod bodies;

#[test]
fn every_seed_of_the_datagrams_holds() {
    replay("datagram", bodies::datagram::run);
}

#[test]
fn every_seed_of_the_events_and_service_checks_holds() {
    replay("aside", bodies::aside::run);
}

#[test]
fn every_seed_of_the_matchers_holds() {
    replay("matcher", bodies::matcher::run);
}

#[test]
fn every_seed_of_the_configurations_holds() {
    replay("config", bodies::config::run);
}

#[test]
fn every_seed_of_the_imports_holds() {
    replay("import", bodies::import::run);
}

#[test]
fn every_seed_of_the_mapping_files_holds() {
    replay("exporter", bodies::exporter::run);
}

#[test]
fn every_seed_of_the_messages_holds() {
    replay("wire", bodies::wire::run);
}

#[test]
fn every_seed_of_the_frames_holds() {
    replay("framing", bodies::framing::run);
}

fn replay(target: &str, run: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/seeds").join(target);
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("the folder can be read to its end").path())
        .collect();
    files.sort();
    assert!(files.len() >= 20, "{} has {} seeds", folder.display(), files.len());
    for file in files {
        // The name of the file that fails is the last one printed.
        println!("{}", file.display());
        run(&std::fs::read(&file).expect("a seed can be read"));
    }
}
