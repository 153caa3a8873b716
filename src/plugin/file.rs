//! Files that are there whole or not at all.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Writes `bytes` to a file beside `path` and renames it: whoever reads finds the old content or the new one, after a
/// crash too.
///
/// # Errors
/// If the file cannot be written, or not for certain.
pub fn replace_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_beside(path, bytes)?.sync_all()?;
    fs::rename(beside(path), path)?;
    sync_directory(path)
}

/// Does the same with several files of one directory. Of many, what is to be on disk is brought there all at once: one
/// by one each would wait for the disk twice.
pub fn replace_files(files: &[(&Path, Vec<u8>)]) -> Vec<io::Result<()>> {
    match files.first() {
        Some((first, _)) if files.len() > FEW => replace_many(first, files),
        _ => files.iter().map(|(path, bytes)| replace_file(path, bytes)).collect(),
    }
}

fn replace_many(first: &Path, files: &[(&Path, Vec<u8>)]) -> Vec<io::Result<()>> {
    // None stays open: there may be more of them than descriptors.
    let written = files.iter().map(|(path, bytes)| write_beside(path, bytes).and_then(leave));
    let written: Vec<io::Result<()>> = written.collect();
    let synced = sync_all_beside(first);
    let replaced = written.into_iter().zip(files).map(|(written, (path, _))| {
        written?;
        again(&synced)?;
        fs::rename(beside(path), path)
    });
    let replaced: Vec<io::Result<()>> = replaced.collect();
    let certain = sync_directory(first);
    replaced.into_iter().map(|replaced| replaced.and_then(|()| again(&certain))).collect()
}

/// Leaves a file that `sync_all_beside` brings to the disk.
#[cfg(target_os = "linux")]
fn leave(_: File) -> io::Result<()> {
    Ok(())
}

/// Brings what was written to the disk, with whatever else waits there.
#[cfg(target_os = "linux")]
fn sync_all_beside(path: &Path) -> io::Result<()> {
    Ok(nix::unistd::syncfs(File::open(parent(path))?)?)
}

#[cfg(not(target_os = "linux"))]
fn leave(file: File) -> io::Result<()> {
    file.sync_all()
}

#[cfg(not(target_os = "linux"))]
fn sync_all_beside(_: &Path) -> io::Result<()> {
    Ok(())
}

/// The same result once more.
fn again(result: &io::Result<()>) -> io::Result<()> {
    result.as_ref().copied().map_err(|error| io::Error::new(error.kind(), error.to_string()))
}

/// A rename is on disk when its directory is.
fn sync_directory(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    File::open(parent(path))?.sync_all()?;
    Ok(())
}

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("."))
}

fn write_beside(path: &Path, bytes: &[u8]) -> io::Result<File> {
    let beside = beside(path);
    // Left by a write that was cut short, or by somebody who wants it written elsewhere: never followed.
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&beside)?;
    file.write_all(bytes)?;
    Ok(file)
}

/// The whole name with a suffix: names that differ only in theirs must not meet.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    name.into()
}

/// Files that are brought to the disk one by one.
const FEW: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_files_are_replaced_and_one_that_cannot_be_is_said_alone() {
        for count in [FEW, 3 * FEW] {
            let directory = tempfile::TempDir::new().unwrap();
            let paths: Vec<PathBuf> =
                (0..count).map(|number| directory.path().join(number.to_string())).collect();
            // Nothing can be written beside it.
            fs::create_dir(beside(&paths[1])).unwrap();
            for turn in ["old", "new"] {
                let files: Vec<(&Path, Vec<u8>)> =
                    paths.iter().map(|path| (path.as_path(), turn.as_bytes().to_vec())).collect();
                let replaced = replace_files(&files);
                for (number, (path, replaced)) in paths.iter().zip(replaced).enumerate() {
                    assert_eq!(replaced.is_ok(), number != 1, "{count}: {replaced:?}");
                    assert_eq!(fs::read_to_string(path).ok().as_deref(), (number != 1).then_some(turn));
                }
            }
            assert_eq!(fs::read_dir(directory.path()).unwrap().count(), count);
        }
    }
}
