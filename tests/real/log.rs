//! A log that grows, and the program and the rotations that make it so.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::harness::{pause, wait_until};

/// Lines a second.
pub(crate) const RATE: u64 = 20_000;

/// What is written at once.
const BATCH: u64 = 100;

/// A log and the program that writes it.
pub(crate) struct Log {
    path: PathBuf,
    /// The file the program writes to.
    file: Mutex<File>,
    /// The line of a number, from 0 on.
    line: fn(u64) -> String,
    written: AtomicU64,
    held: AtomicBool,
    ended: AtomicBool,
}

impl Log {
    /// Makes `logs/app.log` below the directory.
    pub(crate) fn new(directory: &Path, line: fn(u64) -> String) -> Log {
        fs::create_dir(directory.join("logs")).expect("it can be made");
        let path = directory.join("logs/app.log");
        let file = Mutex::new(opened(&path));
        Log {
            path,
            file,
            line,
            written: AtomicU64::new(0),
            held: AtomicBool::new(false),
            ended: AtomicBool::new(false),
        }
    }

    /// Writes at the rate until it is ended.
    pub(crate) fn write(&self) {
        let began = Instant::now();
        let mut due = Duration::ZERO;
        while !self.ended.load(Ordering::SeqCst) {
            let mut file = self.file.lock().expect("nobody panics with it");
            if !self.held.load(Ordering::SeqCst) {
                self.batch(&mut file, BATCH);
            }
            drop(file);
            due += Duration::from_micros(1_000_000 * BATCH / RATE);
            pause(due.saturating_sub(began.elapsed()));
        }
    }

    /// Ends the program after what it writes now.
    pub(crate) fn end(&self) {
        self.ended.store(true, Ordering::SeqCst);
    }

    /// Lines that were written.
    pub(crate) fn written(&self) -> u64 {
        self.written.load(Ordering::SeqCst)
    }

    /// Bytes of the file.
    pub(crate) fn size(&self) -> u64 {
        fs::metadata(&self.path).map_or(0, |metadata| metadata.len())
    }

    fn batch(&self, file: &mut File, lines: u64) {
        let first = self.written();
        let text: String = (first..first + lines).map(self.line).collect();
        // Cut anywhere, as a buffer that is full is.
        let cut = text.len() * 2 / 3;
        file.write_all(&text.as_bytes()[..cut]).expect("it can be written");
        file.write_all(&text.as_bytes()[cut..]).expect("it can be written");
        self.written.store(first + lines, Ordering::SeqCst);
    }

    fn name(&self, number: u32, suffix: &str) -> PathBuf {
        self.path.with_file_name(format!("app.log.{number}{suffix}"))
    }

    fn shift(&self) {
        for number in (1..KEPT).rev() {
            for suffix in ["", ".gz"] {
                // Those that are not there need not be renamed.
                let _ = fs::rename(self.name(number, suffix), self.name(number + 1, suffix));
            }
        }
    }

    /// Renames and creates; the program writes to the renamed file for a while.
    pub(crate) fn rotate(&self) {
        self.shift();
        fs::rename(&self.path, self.name(1, "")).expect("it can be renamed");
        let fresh = opened(&self.path);
        pause(Duration::from_millis(60));
        *self.file.lock().expect("nobody panics with it") = fresh;
    }

    /// Compresses the file of that number, if it is there and is not yet.
    pub(crate) fn compress(&self, number: u32) {
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

    /// Copies and truncates while the program rests and `all_came` of what was written; it goes on with so many bytes
    /// at once, a line at least.
    pub(crate) fn copy_truncate<T>(&self, mut all_came: impl FnMut(u64) -> Result<T, String>, regrown: u64) {
        self.held.store(true, Ordering::SeqCst);
        // Who holds the file was not held yet.
        drop(self.file.lock());
        wait_until(Duration::from_secs(30), || all_came(self.written()));
        self.shift();
        fs::copy(&self.path, self.name(1, "")).expect("it can be copied");
        let mut file = self.file.lock().expect("nobody panics with it");
        file.set_len(0).expect("it can be truncated");
        let length = (self.line)(self.written()).len() as u64;
        self.batch(&mut file, (regrown / length).max(1));
        drop(file);
        self.held.store(false, Ordering::SeqCst);
    }
}

fn opened(path: &Path) -> File {
    File::options().create(true).append(true).open(path).expect("the log can be opened")
}

/// Rotated files that are kept at most.
const KEPT: u32 = 40;
