//! A log that grows all the time, rotated in every way, read by a daemon that is killed: every line comes.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempDir;

use crate::harness::{Process, pause, wait_until};
use crate::hekad::binary;

/// Lines a second.
const RATE: u64 = 20_000;

/// What is written at once.
const BATCH: u64 = 100;

/// How often positions are committed.
const COMMIT: Duration = Duration::from_millis(200);

#[test]
fn every_line_of_a_log_comes_through_rotations_and_kills() {
    let directory = TempDir::new().expect("a directory can be made");
    let log = Log::new(directory.path());
    let mut daemon = Some(start(directory.path()));
    let mut kills = 0;
    thread::scope(|scope| {
        let writer = scope.spawn(|| log.write());
        let deadline = Instant::now() + lasting();
        let mut turn = 0;
        while Instant::now() < deadline {
            pause(Duration::from_millis(400));
            match turn % 7 {
                0 | 3 => log.rotate(),
                1 => {
                    log.rotate();
                    log.compress(2);
                }
                2 | 6 => {
                    // While it reads, and while it waits for the last writer of a renamed file.
                    pause(Duration::from_millis(turn % 4 * 500));
                    // It is dropped by SIGKILL.
                    drop(daemon.take());
                    daemon = Some(start(directory.path()));
                    kills += 1;
                }
                4 => log.copy_truncate(directory.path(), 0),
                _ => log.copy_truncate(directory.path(), 2 * log.size()),
            }
            turn += 1;
        }
        log.ended.store(true, Ordering::SeqCst);
        writer.join().expect("the writer does not panic");
    });
    let written = log.written.load(Ordering::SeqCst);
    let came = wait_until(Duration::from_secs(60), || {
        let came = came(directory.path());
        if came.len() as u64 == written {
            return Ok(came);
        }
        Err(format!("{} of {written} lines came; {}", came.len(), missing(&came, written)))
    });
    let mut daemon = daemon.expect("it runs");
    daemon.ask_to_stop();
    daemon.wait(Duration::from_secs(20));
    let repeated: u64 = came.values().map(|times| times - 1).sum();
    // Read and delivered in about one interval, and a moment for what is under way.
    let most = kills * RATE * (2 * COMMIT.as_millis() as u64 + 600) / 1000;
    assert!(repeated <= most, "{repeated} lines came again after {kills} kills, more than {most}");
    assert!(!daemon.printed().contains("are lost"), "{}", tail_of(&daemon.printed()));
    eprintln!("{written} lines, {kills} kills, {repeated} came again");
}

fn lasting() -> Duration {
    let seconds = std::env::var("HEKA_TAIL").ok().and_then(|seconds| seconds.parse().ok());
    Duration::from_secs(seconds.unwrap_or(15))
}

fn start(directory: &Path) -> Process {
    let config = format!(
        "[hekad]\nbase_dir = \"{base}/state\"\n[app]\ntype = \"LogstreamerInput\"\nlog_directory = \"{base}/logs\"\n\
         file_match = 'app\\.log(\\.(?P<Seq>\\d+))?(\\.gz)?'\npriority = [\"^Seq\"]\nrotate_wait = \"1s\"\ncommit_interval = \"{commit}ms\"\n\
         [LogOutput]\nmessage_matcher = \"TRUE\"\nencoder = \"plain\"\n[plain]\ntype = \"PayloadEncoder\"\nappend_newlines = false\n",
        base = directory.display(),
        commit = COMMIT.as_millis(),
    );
    let file = directory.join("hekad.toml");
    fs::write(&file, config).expect("the configuration can be written");
    let mut command = Command::new(binary());
    command.arg("-config").arg(file).env_remove("HEKA_BASE_DIR").env_remove("HEKAD_LISTEN");
    Process::start(&mut command, &directory.join("out"))
}

/// How often each line came. One that a kill cut in two does not count.
fn came(directory: &Path) -> HashMap<u64, u64> {
    let out = fs::read(directory.join("out")).unwrap_or_default();
    let mut came = HashMap::new();
    for line in out.split(|&byte| byte == b'\n') {
        let number = std::str::from_utf8(line).ok().and_then(|line| {
            let (number, filler) = line.strip_prefix("n=")?.split_once(' ')?;
            let number: u64 = number.parse().ok()?;
            (filler == FILLER).then_some(number)
        });
        if let Some(number) = number {
            *came.entry(number).or_default() += 1;
        }
    }
    came
}

fn missing(came: &HashMap<u64, u64>, written: u64) -> String {
    let missing: Vec<u64> = (0..written).filter(|number| !came.contains_key(number)).collect();
    format!("{} are missing, from {:?} to {:?}", missing.len(), missing.first(), missing.last())
}

fn tail_of(text: &str) -> &str {
    &text[text.len().saturating_sub(4000)..]
}

/// A log and the program that writes it.
struct Log {
    path: PathBuf,
    /// The file the program writes to.
    file: Mutex<File>,
    written: AtomicU64,
    held: AtomicBool,
    ended: AtomicBool,
}

impl Log {
    fn new(directory: &Path) -> Log {
        fs::create_dir(directory.join("logs")).expect("it can be made");
        let path = directory.join("logs/app.log");
        let file = Mutex::new(opened(&path));
        Log {
            path,
            file,
            written: AtomicU64::new(0),
            held: AtomicBool::new(false),
            ended: AtomicBool::new(false),
        }
    }

    /// Writes at the rate until it is ended.
    fn write(&self) {
        let began = Instant::now();
        let mut due = Duration::ZERO;
        while !self.ended.load(Ordering::SeqCst) {
            if !self.held.load(Ordering::SeqCst) {
                self.batch(BATCH);
            }
            due += Duration::from_micros(1_000_000 * BATCH / RATE);
            pause(due.saturating_sub(began.elapsed()));
        }
    }

    fn batch(&self, lines: u64) {
        let mut file = self.file.lock().expect("nobody panics with it");
        let first = self.written.load(Ordering::SeqCst);
        let text: String = (first..first + lines).map(|number| format!("n={number} {FILLER}\n")).collect();
        // Cut anywhere, as a buffer that is full is.
        let cut = text.len() * 2 / 3;
        file.write_all(&text.as_bytes()[..cut]).expect("it can be written");
        file.write_all(&text.as_bytes()[cut..]).expect("it can be written");
        self.written.store(first + lines, Ordering::SeqCst);
    }

    fn name(&self, number: u32, suffix: &str) -> PathBuf {
        self.path.with_file_name(format!("app.log.{number}{suffix}"))
    }

    fn size(&self) -> u64 {
        fs::metadata(&self.path).map_or(0, |metadata| metadata.len())
    }

    fn shift(&self) {
        for number in (1..40).rev() {
            for suffix in ["", ".gz"] {
                // Those that are not there need not be renamed.
                let _ = fs::rename(self.name(number, suffix), self.name(number + 1, suffix));
            }
        }
    }

    /// Renames and creates; the program writes to the renamed file for a while.
    fn rotate(&self) {
        self.shift();
        fs::rename(&self.path, self.name(1, "")).expect("it can be renamed");
        let fresh = opened(&self.path);
        pause(Duration::from_millis(60));
        *self.file.lock().expect("nobody panics with it") = fresh;
    }

    fn compress(&self, number: u32) {
        let Ok(content) = fs::read(self.name(number, "")) else { return };
        let packed = File::create(self.name(number, ".gz")).expect("it can be made");
        let mut encoder = GzEncoder::new(packed, Compression::fast());
        for chunk in content.chunks(1 << 20) {
            encoder.write_all(chunk).expect("it can be written");
        }
        encoder.finish().expect("it can be written");
        let modified = fs::metadata(self.name(number, "")).and_then(|metadata| metadata.modified());
        let packed = File::options().append(true).open(self.name(number, ".gz"));
        // As gzip does it.
        packed.and_then(|file| file.set_modified(modified?)).expect("it can be set");
        fs::remove_file(self.name(number, "")).expect("it can be removed");
    }

    /// Copies and truncates while the program rests and everything has come; it goes on with so many bytes at once.
    fn copy_truncate(&self, directory: &Path, regrown: u64) {
        self.held.store(true, Ordering::SeqCst);
        pause(Duration::from_millis(20));
        wait_until(Duration::from_secs(30), || {
            let (came, written) = (came(directory), self.written.load(Ordering::SeqCst));
            if came.len() as u64 == written { Ok(()) } else { Err(missing(&came, written)) }
        });
        self.shift();
        fs::copy(&self.path, self.name(1, "")).expect("it can be copied");
        self.file.lock().expect("nobody panics with it").set_len(0).expect("it can be truncated");
        self.batch((regrown / FILLER.len() as u64).max(1));
        self.held.store(false, Ordering::SeqCst);
    }
}

fn opened(path: &Path) -> File {
    File::options().create(true).append(true).open(path).expect("the log can be opened")
}

const FILLER: &str =
    "a line of a log as they are, with some words and a number or two, 200 1234 0.123 and an end";
