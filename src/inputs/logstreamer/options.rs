//! The options of `LogstreamerInput`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::{Check, OneOrMany, Seconds, Violation, suggest};
use crate::tail::{NamesError, Rules, RulesSpec};

/// Options of `LogstreamerInput`.
#[derive(Debug, Clone, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The directory below which files are looked for, its own directories included. Default /var/log.
    pub log_directory: PathBuf,
    /// Which files, as a regular expression of RE2 that the whole path below `log_directory` must match. Named groups,
    /// `(?P<Seq>\d+)`, are for `priority` and `differentiator`. Compressed files that match (gzip) are read too:
    /// `access\.log(\.(?P<Seq>\d+))?(\.gz)?`. It must be given.
    pub file_match: String,
    /// Groups by which the files of a stream are sorted, from the oldest to the newest, the weightiest first: their
    /// numbers, `MonthName` and `DayName` in English, or what `translation` says. With `^` before it, the largest number
    /// is the oldest file, as in `access.log.3`. A missing group is -1. Default: none, for one file a stream.
    pub priority: Vec<String>,
    /// What names a stream, put together: names of groups, which stand for their text, and other text. Each stream is read
    /// on its own, and is the Logger of its messages. Default: the name of the section.
    pub differentiator: Vec<String>,
    /// Numbers for texts of a group, whatever their case: `{ Kind = { old = 1, new = 2 } }`. The entry `missing` is for
    /// files without the group; alone it leaves the others as they are. Default: none.
    pub translation: BTreeMap<String, BTreeMap<String, i64>>,
    /// Files that were last written to longer ago are not begun. 0 begins all. Default 30d.
    pub oldest_duration: Seconds,
    /// Whether a stream without a journal that is there at the start begins behind the last line of its newest file, not at
    /// its oldest one. Default false.
    pub initial_tail: bool,
    /// How long nobody has written to a file when it is left for a newer one: a writer may hold a renamed file open for a
    /// while. It is left at once where there are two newer ones. Default 5s.
    pub rotate_wait: Seconds,
    /// How often the directory is looked through for new files. Where the system tells (inotify), that is done at once as
    /// well. Default 1m.
    pub rescan_interval: Seconds,
    /// How often a file that was read to its end is looked at again; growth that the system tells of is read at once.
    /// Default "250ms".
    pub check_data_interval: Seconds,
    /// Where positions are kept, a file for each stream in a directory of the section's name. Relative paths are below
    /// `base_dir`. Journals that Heka left there are gone on with. Default: logstreamer.
    pub journal_directory: PathBuf,
    /// How often positions are committed at most. A kill repeats what was read since, and what was not delivered.
    /// Default 1s.
    pub commit_interval: Seconds,
    /// Directories into which symbolic links may lead, one or a list; others are not followed, and never out of these.
    /// Default: none.
    pub follow_links: OneOrMany<PathBuf>,
    /// Files that are open at once at most; of further ones, those that were read to their end are closed in turn.
    /// Default 256.
    pub max_open_files: u32,
    /// Host of the messages. Default: that of the daemon.
    pub hostname: Option<String>,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            log_directory: "/var/log".into(),
            file_match: String::new(),
            priority: Vec::new(),
            differentiator: Vec::new(),
            translation: BTreeMap::new(),
            oldest_duration: Seconds(Duration::from_secs(720 * 3600)),
            initial_tail: false,
            rotate_wait: Seconds(Duration::from_secs(5)),
            rescan_interval: Seconds(Duration::from_secs(60)),
            check_data_interval: Seconds(Duration::from_millis(250)),
            journal_directory: "logstreamer".into(),
            commit_interval: Seconds(Duration::from_secs(1)),
            follow_links: OneOrMany(Vec::new()),
            max_open_files: 256,
            hostname: None,
        }
    }
}

impl Config {
    /// The rules of names, for the section `section`.
    pub(super) fn rules(&self, section: &str) -> Result<Rules, Vec<NamesError>> {
        let spec = RulesSpec {
            file_match: self.file_match.clone(),
            priority: self.priority.clone(),
            differentiator: self.differentiator.clone(),
            translation: self.translation.clone(),
        };
        Rules::new(&spec, section)
    }

    fn check_names(&self, violations: &mut Vec<Violation>) {
        if self.file_match.is_empty() {
            let violation = Violation::new("file_match", "must be given");
            let help = "for one file: file_match = 'access\\.log'".to_owned();
            violations.push(Violation { help: Some(help), ..violation });
            return;
        }
        match self.rules("") {
            Ok(rules) => self.check_differentiator(rules.groups(), violations),
            Err(errors) => {
                violations.extend(errors.iter().map(|error| violation_of(error, &self.file_match)));
            }
        }
    }

    /// Any text may stand in a differentiator, but not one that is nearly the name of a group.
    fn check_differentiator(&self, groups: &[String], violations: &mut Vec<Violation>) {
        for (place, part) in self.differentiator.iter().enumerate() {
            let near = suggest(part, groups.iter().map(String::as_str)).filter(|_| part.len() > 2);
            if let Some(near) = near.filter(|near| near != part) {
                let groups: Vec<String> = groups.iter().map(|group| format!("`{group}`")).collect();
                let message = format!(
                    "names `{part}`, which is no group of file_match; its groups are {}",
                    groups.join(", ")
                );
                let help =
                    format!("did you mean `{near}`? Text that is to stand in the name may be cut in two");
                let violation = Violation::new("differentiator", message).of_element(place);
                violations.push(Violation { help: Some(help), ..violation });
            }
        }
    }
}

fn violation_of(error: &NamesError, file_match: &str) -> Violation {
    let message = error.to_string();
    match error {
        NamesError::Pattern { at, .. } => match file_match.get(at.clone()).filter(|part| *part != file_match)
        {
            Some(part) if !part.is_empty() => Violation::new("file_match", format!("{message}, at `{part}`")),
            _ => Violation::new("file_match", message),
        },
        NamesError::Absolute => Violation::new("file_match", message),
        NamesError::UnknownPriority { place, .. } => Violation::new("priority", message).of_element(place),
        NamesError::UnknownTranslation { name, .. } | NamesError::LoneTranslation { name } => {
            Violation::new("translation", message).of_element(name)
        }
    }
}

impl Check for Config {
    fn check(&self) -> Vec<Violation> {
        let mut violations = Vec::new();
        self.check_names(&mut violations);
        let mut refuse = |key: &str, message: &str| violations.push(Violation::new(key, message));
        if !self.log_directory.is_absolute() {
            refuse("log_directory", "must begin with a slash");
        }
        if self.journal_directory.as_os_str().is_empty() {
            refuse("journal_directory", "must not be empty");
        }
        if self.hostname.as_ref().is_some_and(String::is_empty) {
            refuse("hostname", "must not be empty");
        }
        let hour = Duration::from_secs(3600);
        if self.rotate_wait.0 > hour {
            refuse("rotate_wait", "must be at most 1h");
        }
        if !(Duration::from_millis(100)..=24 * hour).contains(&self.rescan_interval.0) {
            refuse("rescan_interval", "must be between 100ms and 24h");
        }
        if !(Duration::from_millis(10)..=hour).contains(&self.check_data_interval.0) {
            refuse("check_data_interval", "must be between 10ms and 1h");
        }
        if !(Duration::from_millis(10)..=hour).contains(&self.commit_interval.0) {
            refuse("commit_interval", "must be between 10ms and 1h");
        }
        if !(1..=1 << 20).contains(&self.max_open_files) {
            refuse("max_open_files", "must be a number from 1 to 1048576");
        }
        for (place, root) in self.follow_links.0.iter().enumerate().filter(|(_, root)| !root.is_absolute()) {
            let message = format!("must begin with a slash, unlike {}", root.display());
            violations.push(Violation::new("follow_links", message).of_element(place));
        }
        violations
    }
}
