//! The output against a real directory.

use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;

use super::*;
use crate::plugin::testing::{NOW, context};

struct Written {
    directory: TempDir,
    context: BuildContext,
    output: FileOutput,
}

impl Written {
    /// An output to `path` in a directory of its own, with these changes to the defaults.
    fn to(path: &str, change: impl FnOnce(&mut Config)) -> Written {
        let directory = TempDir::new().unwrap();
        let mut config = config(directory.path().join(path).to_str().unwrap());
        change(&mut config);
        assert_eq!(config.check(), []);
        let context = context();
        let output = FileOutput::new(&config, &context, TimeZone::UTC);
        Written { directory, context, output }
    }

    fn write(&mut self, text: &str, seconds: u64) -> Result<(), String> {
        let written = self.output.write(text.as_bytes(), 1, after(seconds));
        written.map_err(|fault| fault.to_string())
    }

    fn place(&self, path: &str) -> PathBuf {
        self.directory.path().join(path)
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.place(path)).unwrap()
    }

    fn counted(&self, metric: &str) -> u64 {
        let mut found = None;
        self.context.own().visit(|name, labels, _, value| {
            if name == metric {
                assert_eq!(labels, [("output", "test")]);
                found = Some(value as u64);
            }
        });
        found.unwrap()
    }
}

fn config(path: &str) -> Config {
    Config {
        path: path.to_owned(),
        perm: perm(),
        folder_perm: folder_perm(),
        rotation_interval: 0,
        flush_interval: flush_interval(),
        flush_count: 1,
        flush_operator: Operator::And,
    }
}

fn after(seconds: u64) -> Stamp {
    NOW.plus(Duration::from_secs(seconds))
}

#[test]
fn what_is_written_is_added_to_what_is_there() {
    let mut written = Written::to("a.log", |_| ());
    fs::write(written.place("a.log"), "before\n").unwrap();
    written.write("one\n", 0).unwrap();
    written.write("two\nthree\n", 0).unwrap();
    assert_eq!(written.read("a.log"), "before\none\ntwo\nthree\n");
    assert_eq!(
        (written.counted("hekad_file_bytes_total"), written.counted("hekad_file_opened_total")),
        (14, 1)
    );
}

#[test]
fn folders_and_file_are_made_with_their_permissions() {
    let mut written = Written::to("logs/of/a.log", |config| {
        config.perm = "600".to_owned();
        config.folder_perm = "750".to_owned();
    });
    written.write("one\n", 0).unwrap();
    let mode = |path: &str| fs::metadata(written.place(path)).unwrap().permissions().mode() & 0o777;
    // A umask may take from the group's; it is 022 or 077 where this runs.
    assert_eq!(mode("logs/of/a.log"), 0o600);
    assert!([0o750, 0o700].contains(&mode("logs/of")), "{:o}", mode("logs/of"));
}

#[test]
fn a_file_that_was_moved_or_removed_is_made_anew_before_the_next_write() {
    let mut written = Written::to("logs/a.log", |_| ());
    written.write("one\n", 0).unwrap();
    fs::rename(written.place("logs/a.log"), written.place("logs/a.log.1")).unwrap();
    written.write("two\n", 0).unwrap();
    assert_eq!((written.read("logs/a.log.1"), written.read("logs/a.log")), ("one\n".into(), "two\n".into()));
    fs::remove_dir_all(written.place("logs")).unwrap();
    written.write("three\n", 0).unwrap();
    assert_eq!(written.read("logs/a.log"), "three\n");
    assert_eq!(written.counted("hekad_file_opened_total"), 3);
}

#[test]
fn a_file_that_another_one_took_the_place_of_is_left() {
    let mut written = Written::to("a.log", |_| ());
    written.write("one\n", 0).unwrap();
    fs::write(written.place("new"), "theirs\n").unwrap();
    fs::rename(written.place("new"), written.place("a.log")).unwrap();
    written.write("two\n", 0).unwrap();
    assert_eq!(written.read("a.log"), "theirs\ntwo\n");
}

#[test]
fn a_file_that_was_moved_is_made_anew_at_the_next_tick() {
    let mut written = Written::to("a.log", |_| ());
    written.write("one\n", 0).unwrap();
    fs::rename(written.place("a.log"), written.place("a.log.1")).unwrap();
    written.output.tick(after(1)).unwrap();
    assert_eq!(written.read("a.log"), "");
    // What was written to the one before was brought to the disk.
    assert_eq!(written.counted("hekad_file_flushes_total"), 1);
}

#[test]
fn a_file_that_was_cut_is_added_to_at_its_new_end() {
    let mut written = Written::to("a.log", |_| ());
    written.write("one\n", 0).unwrap();
    File::options().write(true).open(written.place("a.log")).unwrap().set_len(0).unwrap();
    written.write("two\n", 0).unwrap();
    assert_eq!(written.read("a.log"), "two\n");
}

#[test]
fn an_interval_begins_a_file_of_its_own() {
    let mut written = Written::to("%Y/a-%m-%d-%H.log", |config| config.rotation_interval = 4);
    // 22:13:20; the interval that is open began at 20:00.
    written.write("one\n", 0).unwrap();
    written.write("two\n", 6399).unwrap();
    written.write("three\n", 6400).unwrap();
    assert_eq!(written.read("2023/a-11-14-20.log"), "one\ntwo\n");
    assert_eq!(written.read("2023/a-11-15-00.log"), "three\n");
}

#[test]
fn it_flushes_by_its_rules_and_at_the_end() {
    let mut written = Written::to("a.log", |config| config.flush_count = 3);
    let flushes = |written: &Written| written.counted("hekad_file_flushes_total");
    written.write("one\n", 0).unwrap();
    written.output.tick(after(1)).unwrap();
    written.write("two\n", 1).unwrap();
    assert_eq!(flushes(&written), 0);
    written.write("three\n", 1).unwrap();
    assert_eq!(flushes(&written), 1);
    written.write("four\n", 1).unwrap();
    written.output.tick(after(2)).unwrap();
    assert_eq!(flushes(&written), 1);
    written.output.finish(after(2)).unwrap();
    assert_eq!(flushes(&written), 2);
}

#[test]
fn a_folder_that_is_none_is_an_error_until_it_is_one() {
    let mut written = Written::to("logs/a.log", |_| ());
    fs::write(written.place("logs"), "").unwrap();
    let path = written.place("logs/a.log").display().to_string();
    let error = written.write("one\n", 0).unwrap_err();
    assert!(error.starts_with(&format!("cannot open {path}: ")), "{error}");
    assert!(
        error.ends_with("set another `path`") || error.ends_with("set `path` to a file in a folder"),
        "{error}"
    );
    written.output.tick(after(1)).unwrap();
    fs::remove_file(written.place("logs")).unwrap();
    written.write("one\n", 1).unwrap();
    assert_eq!(written.read("logs/a.log"), "one\n");
}

#[test]
fn what_is_no_file_refuses_the_start() {
    let directory = TempDir::new().unwrap();
    let refused = |path: &Path| {
        let config = config(path.to_str().unwrap());
        config.build(&context()).err().expect("it is refused").message
    };
    let (folder, pipe) = (directory.path(), directory.path().join("pipe"));
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let way_out = "set `path` to a file in a folder";
    assert_eq!(
        refused(folder),
        format!("cannot open {}: Is a directory (os error 21); {way_out}", folder.display())
    );
    // Nobody reads it; the start does not wait for one.
    assert!(refused(&pipe).starts_with(&format!("cannot open {}: ", pipe.display())));
    assert_eq!(
        refused(Path::new("/dev/null")),
        format!("cannot open /dev/null: it is no regular file; {way_out}")
    );
}

#[test]
fn every_failure_names_the_path_and_a_way_out() {
    let said = |kind: ErrorKind| failed("write to", Path::new("/a"), &kind.into()).to_string();
    assert_eq!(
        said(ErrorKind::StorageFull),
        "cannot write to /a: no storage space; free space there, or set `path` to another disk"
    );
    assert!(said(ErrorKind::PermissionDenied).ends_with("the right to write there, or set another `path`"));
    assert!(said(ErrorKind::Other).ends_with("see to that disk, or set another `path`"));
}

#[test]
fn mistakes_name_their_key() {
    let keys = |change: fn(&mut Config)| -> Vec<String> {
        let mut config = config("/var/log/a.log");
        change(&mut config);
        config
            .check()
            .into_iter()
            .map(|violation| format!("{}: {}", violation.key, violation.message))
            .collect()
    };
    assert_eq!(keys(|_| ()), [""; 0]);
    assert_eq!(keys(|config| config.path = "/var/log/".into()), ["path: is no file"]);
    assert_eq!(keys(|config| config.path = "a.log".into()), ["path: must begin with a slash"]);
    assert_eq!(
        keys(|config| config.rotation_interval = 24),
        ["path: has no directive of strftime, and so no other name after an interval"]
    );
    assert_eq!(
        keys(|config| config.perm = "0o644".into()),
        ["perm: must be permissions in octal, up to \"777\""]
    );
    assert_eq!(
        keys(|config| {
            config.folder_perm = "1777".into();
            config.rotation_interval = 2;
            config.flush_interval = Millis::new(86_400_001);
            config.flush_count = 0;
        }),
        [
            "folder_perm: must be permissions in octal, up to \"777\"",
            "rotation_interval: must be 0, 1, 4, 12 or 24 hours",
            "flush_interval: must be at most 24h",
            "flush_count: must be at least 1"
        ]
    );
}
