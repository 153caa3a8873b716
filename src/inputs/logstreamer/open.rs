//! Opens files below a directory, and nowhere else: no link is followed out of it, not even one that is put there
//! between a look and the opening, and nothing but a file is opened.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};

use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::Mode;

/// Opens `path`, which is below `root`, for reading. Links are followed only into `roots`.
///
/// # Errors
/// What the system says; `InvalidInput` for what is no file or is elsewhere.
pub(super) fn open_file(root: &Path, path: &Path, roots: &[PathBuf]) -> io::Result<File> {
    let below = path.strip_prefix(root).map_err(|_| elsewhere())?;
    match open_below(root, below) {
        Err(error) if is_link(&error) && !roots.is_empty() => {
            let real = path.canonicalize()?;
            let below = |root: &PathBuf| {
                let root = root.canonicalize().ok()?;
                Some((root.clone(), real.strip_prefix(&root).ok()?.to_owned()))
            };
            let (root, below) = roots.iter().find_map(below).ok_or_else(elsewhere)?;
            open_below(&root, &below)
        }
        opened => opened,
    }
}

/// Where `path` leads if links may be followed into `roots`, and into `root` itself.
pub(super) fn followed(root: &Path, path: &Path, roots: &[PathBuf]) -> Option<PathBuf> {
    let real = path.canonicalize().ok()?;
    let is_below = |root: &Path| root.canonicalize().is_ok_and(|root| real.starts_with(root));
    (is_below(root) || roots.iter().any(|root| is_below(root))).then_some(real)
}

/// Step by step, so that no step is a link.
fn open_below(root: &Path, below: &Path) -> io::Result<File> {
    let directory = OFlag::O_DIRECTORY | OFlag::O_CLOEXEC | OFlag::O_RDONLY;
    let mut at: OwnedFd = open(root, directory, Mode::empty())?;
    let mut steps = below.components().peekable();
    while let Some(step) = steps.next() {
        let Component::Normal(name) = step else { return Err(elsewhere()) };
        if steps.peek().is_some() {
            at = openat(&at, name, directory | OFlag::O_NOFOLLOW, Mode::empty())?;
            continue;
        }
        // A pipe would block, a terminal become ours.
        let file =
            OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
        let file = File::from(openat(&at, name, file, Mode::empty())?);
        return match file.metadata()?.is_file() {
            true => Ok(file),
            false => Err(io::Error::new(ErrorKind::InvalidInput, "it is no file")),
        };
    }
    Err(elsewhere())
}

fn is_link(error: &io::Error) -> bool {
    // Of a directory that is a link, the system says that it is none.
    matches!(error.raw_os_error(), Some(nix::libc::ELOOP | nix::libc::ENOTDIR))
}

fn elsewhere() -> io::Error {
    io::Error::new(ErrorKind::InvalidInput, "it is not below log_directory or a directory of follow_links")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn no_link_is_followed_but_into_the_roots() {
        let directory = tempfile::TempDir::new().unwrap();
        let base = directory.path().canonicalize().unwrap();
        let (logs, other, secret) = (base.join("logs"), base.join("other"), base.join("secret"));
        for directory in [&logs, &other, &secret] {
            std::fs::create_dir(directory).unwrap();
            std::fs::write(directory.join("a.log"), b"x").unwrap();
        }
        symlink(other.join("a.log"), logs.join("to-other")).unwrap();
        symlink(secret.join("a.log"), logs.join("to-secret")).unwrap();
        symlink(&other, logs.join("directory")).unwrap();
        let opens = |name: &str, roots: &[PathBuf]| open_file(&logs, &logs.join(name), roots).is_ok();
        assert!(opens("a.log", &[]));
        for name in ["to-other", "directory/a.log"] {
            assert!(!opens(name, &[]) && opens(name, std::slice::from_ref(&other)), "{name}");
        }
        assert!(!opens("to-secret", std::slice::from_ref(&other)));
        assert!(!opens("../secret/a.log", &[]));
        assert!(open_file(&logs, &secret.join("a.log"), &[]).is_err());
        assert_eq!(followed(&logs, &logs.join("to-secret"), std::slice::from_ref(&other)), None);
    }

    #[test]
    fn a_pipe_or_a_directory_is_no_file_and_holds_nobody_up() {
        let directory = tempfile::TempDir::new().unwrap();
        let base = directory.path().canonicalize().unwrap();
        nix::unistd::mkfifo(&base.join("pipe"), Mode::S_IRWXU).unwrap();
        std::fs::create_dir(base.join("directory")).unwrap();
        for name in ["pipe", "directory"] {
            assert_eq!(open_file(&base, &base.join(name), &[]).unwrap_err().kind(), ErrorKind::InvalidInput);
        }
    }
}
