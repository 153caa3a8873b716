//! `FileOutput`: adds what its encoder writes to a file.
//!
//! A delivery is written at once, in one piece of up to 1 MiB, and has arrived when it is written: what is in the kernel
//! outlives this process. Heka's flush rules say when it is brought to the disk as well. A write that fails is taken
//! back, so that its repetition leaves nothing twice. Before every write and at every tick the file is looked up by its
//! path: where another one is there, or none, the path is opened anew, so that logrotate needs no signal.

mod flushing;
mod naming;

use std::fs::{self, DirBuilder, File, Metadata};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::{Check, Millis, Violation, permissions};
use crate::flow::Count;
use crate::plugin::{
    BuildContext, BuildError, Declare, Fault, Left, LocalFuture, Outcome, Outgoing, Output, Ticker, append,
};
use crate::time::Stamp;
use flushing::Flushing;
pub use flushing::Operator;
use naming::Naming;

/// Options of `FileOutput`; names and defaults are Heka's.
#[derive(Debug, Clone, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The file that is added to. It and its folders are made where they are missing. With a rotation_interval the
    /// directives of strftime in it are replaced by the beginning of the interval in the system's time zone:
    /// "/var/log/heka/%Y-%m-%d.log". Where the file is moved or removed, as logrotate does, it is made anew without a signal.
    pub path: String,
    /// Permissions of a file that is made, in octal, less the umask. Default "644".
    #[serde(default = "perm")]
    pub perm: String,
    /// Permissions of folders that are made, in octal, less the umask. Default "700".
    #[serde(default = "folder_perm")]
    pub folder_perm: String,
    /// Hours after which the next file is begun, counted from midnight: 1, 4, 12 or 24, or 0 for never. Default 0.
    #[serde(default)]
    pub rotation_interval: u32,
    /// How often what was written is brought to the disk, so that it outlives a failure of power; a bare number is in
    /// milliseconds. 0 leaves it to flush_count. Records are in the file at once, whatever it says. Default 1s.
    #[serde(default = "flush_interval")]
    pub flush_interval: Millis,
    /// Records after which what was written is brought to the disk. Default 1.
    #[serde(default = "flush_count")]
    pub flush_count: u64,
    /// Whether both flush_interval and flush_count must have been reached ("AND"), or one of them ("OR"). Default "AND".
    #[serde(default)]
    pub flush_operator: Operator,
}

fn perm() -> String {
    "644".to_owned()
}

fn folder_perm() -> String {
    "700".to_owned()
}

fn flush_interval() -> Millis {
    Millis::new(1000)
}

fn flush_count() -> u64 {
    1
}

impl Check for Config {
    fn check(&self) -> Vec<Violation> {
        let mut violations = Vec::new();
        let mut add = |key: &str, message: String, help: &str| {
            violations.push(Violation { help: Some(help.to_owned()), ..Violation::new(key, message) });
        };
        if self.path.is_empty() || self.path.ends_with('/') {
            add("path", "is no file".to_owned(), "name a file, such as \"/var/log/heka/messages.log\"");
        } else if !Path::new(&self.path).is_absolute() {
            add("path", "must begin with a slash".to_owned(), "a daemon has no place of its own");
        } else if let Some(wrong) = self.name_that_does_not_rotate() {
            add("path", wrong, "write directives such as %Y-%m-%d-%H, and %% for a percent sign");
        }
        for (key, text) in [("perm", &self.perm), ("folder_perm", &self.folder_perm)] {
            if mode(text).is_none() {
                let help = "write three octal digits as chmod takes them, such as \"640\"";
                add(key, "must be permissions in octal, up to \"777\"".to_owned(), help);
            }
        }
        if !ROTATIONS.contains(&self.rotation_interval) {
            let help = "0 never begins another file";
            add("rotation_interval", "must be 0, 1, 4, 12 or 24 hours".to_owned(), help);
        }
        if self.flush_interval.0 > LONGEST_INTERVAL {
            add("flush_interval", "must be at most 24h".to_owned(), "0 leaves it to flush_count");
        }
        if self.flush_count == 0 {
            let help = "1 has no say, or flushes every write if flush_interval is 0";
            add("flush_count", "must be at least 1".to_owned(), help);
        }
        violations
    }
}

impl Config {
    /// What is wrong with a path that is to rotate.
    fn name_that_does_not_rotate(&self) -> Option<String> {
        if self.rotation_interval == 0 || !ROTATIONS.contains(&self.rotation_interval) {
            return None;
        }
        let mut naming = Naming::new(&self.path, self.rotation_interval, TimeZone::UTC);
        match naming.at(Stamp(0)).map(|name| name == Path::new(&self.path)) {
            Ok(false) => None,
            Ok(true) => {
                Some("has no directive of strftime, and so no other name after an interval".to_owned())
            }
            Err(error) => Some(format!("does not parse: {error}")),
        }
    }
}

impl Declare<dyn Output> for Config {
    const TYPE: &'static str = "FileOutput";
    const SUMMARY: &'static str = "Adds what its encoder writes to a file.";

    fn takes_encoder(&self) -> bool {
        true
    }

    fn default_encoder(&self) -> Option<&'static str> {
        Some("PayloadEncoder")
    }

    fn frames_messages(&self) -> bool {
        true
    }

    fn writes(&self) -> Vec<(&'static str, PathBuf)> {
        vec![("path", PathBuf::from(&self.path))]
    }

    /// As often as it flushes, within reason: a file that was moved is missed by others.
    fn ticker(&self) -> Ticker {
        let interval = Some(self.flush_interval.0).filter(|interval| !interval.is_zero());
        Ticker::Every(interval.unwrap_or(SLOWEST_TICK).clamp(FASTEST_TICK, SLOWEST_TICK))
    }

    fn build(&self, context: &BuildContext) -> Result<Box<dyn Output>, BuildError> {
        let mut output = FileOutput::new(self, context, TimeZone::system());
        // Now rather than with the first record, so that a place that cannot be written to refuses the start.
        match output.open(context.clock.now()) {
            Ok(_) => Ok(Box::new(output)),
            Err(fault) => Err(BuildError::new(fault.to_string())),
        }
    }
}

struct FileOutput {
    naming: Naming,
    /// Permissions of folders, and of the file.
    modes: [u32; 2],
    flushing: Flushing,
    open: Option<Open>,
    bytes: Count,
    opened: Count,
    flushes: Count,
    taken_back: Count,
}

/// The file that is open.
struct Open {
    path: PathBuf,
    file: File,
    identity: (u64, u64),
}

impl Output for FileOutput {
    fn send<'a>(&'a mut self, out: &'a Outgoing<'a>) -> LocalFuture<'a, Outcome> {
        Box::pin(async move {
            match self.write(&out.frames.bytes, out.frames.ends.len() as u64, out.now) {
                Ok(()) => Outcome::Delivered,
                Err(fault) => Outcome::Retry(fault),
            }
        })
    }

    fn tick(&mut self, now: Stamp) -> Result<(), Fault> {
        if self.flushing.is_due(now) {
            self.flush(now)?;
        }
        if self.length(now)?.is_none() {
            self.close(now)?;
            // Losing the error is right: there may be nothing to write for long. The next delivery is told, and repeated.
            drop(self.open(now));
        }
        Ok(())
    }

    fn finish(&mut self, now: Stamp) -> Result<(), Fault> {
        self.flush(now)
    }
}

impl FileOutput {
    fn new(config: &Config, context: &BuildContext, zone: TimeZone) -> FileOutput {
        let label = [("output", &*context.name)];
        let (interval, count) = (config.flush_interval.0, config.flush_count);
        FileOutput {
            naming: Naming::new(&config.path, config.rotation_interval, zone),
            modes: [&config.folder_perm, &config.perm].map(|text| mode(text).expect("it was checked")),
            flushing: Flushing::new(interval, count, config.flush_operator, context.started),
            open: None,
            bytes: context.own().counter("hekad_file_bytes_total", &label),
            opened: context.own().counter("hekad_file_opened_total", &label),
            flushes: context.own().counter("hekad_file_flushes_total", &label),
            taken_back: context.own().counter("hekad_file_taken_back_total", &label),
        }
    }

    /// Adds all of `bytes`, or nothing of them.
    fn write(&mut self, bytes: &[u8], records: u64, now: Stamp) -> Result<(), Fault> {
        let length = match self.length(now)? {
            Some(length) => length,
            None => {
                self.close(now)?;
                self.open(now)?
            }
        };
        let mut flushing = self.flushing.clone();
        flushing.wrote(records);
        let is_due = flushing.is_due(now);
        let open = self.open.as_mut().expect("it was just opened");
        if let Err((error, left)) = append(&mut open.file, length, bytes, is_due) {
            let after = match left {
                Left::Nothing => "",
                Left::TakenBack => {
                    self.taken_back.add(1);
                    ""
                }
                Left::Part => "; a part of it could not be taken back and will be there twice",
            };
            let fault = failed("write to", &open.path, &error);
            return Err(Fault::new(format!("{fault}{after}")));
        }
        if is_due {
            flushing.flushed(now);
            self.flushes.add(1);
        }
        self.flushing = flushing;
        self.bytes.add(bytes.len() as u64);
        Ok(())
    }

    /// The length of the file that is open; none if the one to be written to at `now` is another, or is gone.
    fn length(&mut self, now: Stamp) -> Result<Option<u64>, Fault> {
        let path = self.naming.at(now).map_err(unnamed)?;
        let open = self.open.as_ref().filter(|open| open.path == *path);
        // A path that cannot be looked up is opened again, which says why it cannot.
        let found = open.and_then(|_| fs::metadata(path).ok());
        Ok(open
            .zip(found)
            .filter(|(open, found)| open.identity == identity(found))
            .map(|(_, found)| found.len()))
    }

    /// Opens the file of `now`; its length.
    fn open(&mut self, now: Stamp) -> Result<u64, Fault> {
        let path = self.naming.at(now).map_err(unnamed)?.clone();
        let (file, found) = opened(&path, self.modes).map_err(|error| failed("open", &path, &error))?;
        self.opened.add(1);
        self.open = Some(Open { path, file, identity: identity(&found) });
        Ok(found.len())
    }

    /// Lets go of the file that is open, after what it still owes.
    fn close(&mut self, now: Stamp) -> Result<(), Fault> {
        let paid = self.flush(now);
        self.open = None;
        paid
    }

    /// Brings what was written to the disk.
    fn flush(&mut self, now: Stamp) -> Result<(), Fault> {
        let owed = self.flushing.is_owed();
        // Once only: after a failure nobody knows what of it is on the disk, and asking again does not tell.
        self.flushing.flushed(now);
        if let Some(open) = self.open.as_ref().filter(|_| owed) {
            open.file.sync_data().map_err(|error| failed("flush", &open.path, &error))?;
            self.flushes.add(1);
        }
        Ok(())
    }
}

/// Opens the file at `path` to add to it, makes it and its folders where they are missing.
fn opened(path: &Path, [folder_mode, file_mode]: [u32; 2]) -> io::Result<(File, Metadata)> {
    let mut folders = DirBuilder::new();
    let mut options = File::options();
    options.create(true).append(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
        folders.mode(folder_mode);
        // A pipe that nobody reads must not hold this thread.
        options.mode(file_mode).custom_flags(nix::libc::O_NONBLOCK);
    }
    #[cfg(not(unix))]
    let _ = (folder_mode, file_mode);
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        folders.recursive(true).create(folder)?;
    }
    let file = options.open(path)?;
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "it is no regular file"));
    }
    Ok((file, found))
}

/// What tells a file from another one that has its name.
#[cfg(unix)]
fn identity(found: &Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;
    (found.dev(), found.ino())
}

/// Here an open file cannot be moved away.
#[cfg(not(unix))]
fn identity(_: &Metadata) -> (u64, u64) {
    (0, 0)
}

fn unnamed(error: jiff::Error) -> Fault {
    Fault::caused("the file of this time has no name", error)
}

/// What failed, where, why, and what there is to do.
fn failed(what: &str, path: &Path, error: &io::Error) -> Fault {
    let way_out = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            "free space there, or set `path` to another disk"
        }
        ErrorKind::PermissionDenied => "give hekad's user the right to write there, or set another `path`",
        ErrorKind::ReadOnlyFilesystem => "mount it writable, or set another `path`",
        ErrorKind::IsADirectory | ErrorKind::NotADirectory | ErrorKind::InvalidInput => {
            "set `path` to a file in a folder"
        }
        _ => "see to that disk, or set another `path`",
    };
    Fault::new(format!("cannot {what} {}: {error}; {way_out}", path.display()))
}

/// Permissions as chmod takes them.
fn mode(text: &str) -> Option<u32> {
    permissions(text).filter(|_| text.len() <= 4)
}

const ROTATIONS: [u32; 5] = [0, 1, 4, 12, 24];

const LONGEST_INTERVAL: Duration = Duration::from_secs(86_400);

const FASTEST_TICK: Duration = Duration::from_millis(100);

const SLOWEST_TICK: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
