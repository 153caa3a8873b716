//! The state file: what a clean stop leaves to the next start, in the state directory.
//!
//! It is written beside and renamed, so that it is there whole or not at all. It is removed once its reader runs: a state
//! that is older than the process it describes would count twice what that one had counted.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::plugin::{StateStore, replace_file};

/// The state could not be kept.
#[derive(Debug, thiserror::Error)]
#[error("the state cannot be written to {path}: {source}")]
pub(super) struct StateNotKept {
    path: PathBuf,
    source: io::Error,
}

/// What the former run left. What cannot be read is set aside and said.
pub(super) fn read(base_dir: &Path) -> StateStore {
    let path = base_dir.join(NAME);
    let file = match fs::read(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return StateStore::default(),
        Err(error) => {
            tracing::error!("{} cannot be read: {error}; gauges and totals begin anew", path.display());
            return StateStore::default();
        }
    };
    match StateStore::read(&file) {
        Ok(store) => {
            tracing::info!("going on with what the last stop left in {}", path.display());
            store
        }
        Err(error) => {
            tracing::error!("{}: {error}; gauges and totals begin anew", path.display());
            set_aside(&path, &file);
            StateStore::default()
        }
    }
}

/// Everything has started: the file is used up. What plugins could not use of it is set aside and said.
pub(super) fn taken(base_dir: &Path, store: &StateStore) {
    let path = base_dir.join(NAME);
    if let Err(error) = fs::remove_file(&path)
        && error.kind() != ErrorKind::NotFound
    {
        tracing::error!(
            "{} cannot be removed: {error}; a start after a crash would count it again",
            path.display()
        );
    }
    let refused = store.refused();
    for (section, refused) in &refused {
        tracing::error!("what {section} left cannot be used: {}; it begins anew", refused.why);
    }
    if !refused.is_empty() {
        set_aside(&path, &store.refused_bytes());
    }
    for section in store.unclaimed() {
        tracing::warn!("there is state of {section}, and no such section; it is kept until there is one");
    }
}

/// Writes what this run leaves.
///
/// # Errors
/// If the file cannot be written, or not for certain.
pub(super) fn write(base_dir: &Path, store: &StateStore) -> Result<(), StateNotKept> {
    let path = base_dir.join(NAME);
    replace_file(&path, &store.bytes()).map_err(|source| StateNotKept { path, source })
}

fn set_aside(path: &Path, bytes: &[u8]) {
    let aside = path.with_extension("unreadable");
    match replace_file(&aside, bytes) {
        Ok(()) => tracing::warn!("it is set aside as {}", aside.display()),
        Err(error) => tracing::error!("it cannot be set aside as {}: {error}", aside.display()),
    }
}

const NAME: &str = "state";

#[cfg(test)]
mod tests {
    use super::*;

    fn left(parts: &[(&str, &[u8])]) -> StateStore {
        let store = StateStore::default();
        parts.iter().for_each(|(section, bytes)| store.put(section, bytes.to_vec()));
        store
    }

    #[test]
    fn what_is_written_is_read_once_and_gone_when_it_was_taken() {
        let directory = tempfile::TempDir::new().unwrap();
        write(directory.path(), &left(&[("a", b"1")])).unwrap();
        write(directory.path(), &left(&[("a", b"2")])).unwrap();
        let next = read(directory.path());
        assert_eq!(next.take("a"), Some(b"2".to_vec()));
        taken(directory.path(), &next);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
        assert_eq!(read(directory.path()).take("a"), None);
    }

    #[test]
    fn what_cannot_be_read_is_set_aside_and_the_next_stop_writes_again() {
        let directory = tempfile::TempDir::new().unwrap();
        fs::write(directory.path().join("state"), b"something else").unwrap();
        let store = read(directory.path());
        taken(directory.path(), &store);
        assert_eq!(fs::read(directory.path().join("state.unreadable")).unwrap(), b"something else");
        assert!(!directory.path().join("state").exists());
        write(directory.path(), &left(&[("a", b"1")])).unwrap();
        assert_eq!(read(directory.path()).take("a"), Some(b"1".to_vec()));
    }

    #[test]
    fn what_a_plugin_refuses_is_set_aside() {
        let directory = tempfile::TempDir::new().unwrap();
        write(directory.path(), &left(&[("a", b"1")])).unwrap();
        let store = read(directory.path());
        let bytes = store.take("a").unwrap();
        store.refuse("a", bytes, "it is of tomorrow");
        taken(directory.path(), &store);
        let aside = fs::read(directory.path().join("state.unreadable")).unwrap();
        assert_eq!(StateStore::read(&aside).unwrap().take("a"), Some(b"1".to_vec()));
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_may_read_it_and_no_link_is_followed() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let directory = tempfile::TempDir::new().unwrap();
        let elsewhere = directory.path().join("elsewhere");
        symlink(&elsewhere, directory.path().join("state.new")).unwrap();
        write(directory.path(), &left(&[])).unwrap();
        assert!(!elsewhere.exists());
        let mode = fs::metadata(directory.path().join("state")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
