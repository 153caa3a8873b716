//! Unix sockets to listen on: bound under a path, with mode and owner, and removed with their last user.
//!
//! A socket file is never open to more than its mode says, not for a moment: the kernel takes the mode of the file from
//! the unbound socket, which is set to nothing first. A file nobody listens on is left from a process that was killed,
//! and removed. Anything else that stands at the path is not touched. Whoever may write to the directory can put
//! something else there: it should be the daemon's.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, lchown};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, Socket, Type};

use crate::plugin::BuildError;

/// Who may use a socket.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access {
    /// Mode of the file; to write is to send.
    pub mode: u32,
    /// Owner of the file, if it is not the process.
    pub user: Option<u32>,
    /// Group of the file, if it is not that of the process.
    pub group: Option<u32>,
}

impl Access {
    /// That of a socket with these options, the names of `owner` (USER, USER:GROUP or :GROUP) looked up.
    ///
    /// # Errors
    /// If there is no such user or group.
    pub fn of(mode: u32, owner: Option<&str>) -> Result<Access, BuildError> {
        let owner = owner.unwrap_or("");
        let (user, group) = owner.split_once(':').unwrap_or((owner, ""));
        let user = number_of(user, "/etc/passwd").map_err(|()| unknown("user", user))?;
        let group = number_of(group, "/etc/group").map_err(|()| unknown("group", group))?;
        Ok(Access { mode, user, group })
    }
}

fn unknown(what: &str, name: &str) -> BuildError {
    BuildError {
        message: format!("socket_owner: there is no {what} {name}"),
        help: Some("name one that this system has, or give its number".to_owned()),
    }
}

/// The number of a user or group, read here because a static binary cannot load what the system's look-up may ask for:
/// itself, or what the third field of its line in `file` says. None for no name.
fn number_of(name: &str, file: &str) -> Result<Option<u32>, ()> {
    if name.is_empty() {
        return Ok(None);
    }
    if let Ok(number) = name.parse() {
        return Ok(Some(number));
    }
    // A file that cannot be read has no such name.
    let lines = std::fs::read_to_string(file).unwrap_or_default();
    let fields = lines.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let number = fields.filter(|fields| fields[0] == name).find_map(|fields| fields.get(2)?.parse().ok());
    number.map(Some).ok_or(())
}

/// Why a path could not be bound.
#[derive(Debug, thiserror::Error)]
pub enum UnixBindError {
    /// Somebody listens there.
    #[error("{path} is held by another process")]
    Taken {
        /// Where.
        path: PathBuf,
    },
    /// Something else than a socket stands there.
    #[error("{path} exists and is no socket")]
    NoSocket {
        /// Where.
        path: PathBuf,
    },
    /// Anything the system refused.
    #[error("{path} cannot be bound: {source}")]
    Refused {
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl UnixBindError {
    /// The same with the way out, for a section whose option `key` says where the socket is.
    pub fn told(self, key: &str) -> BuildError {
        let help = match &self {
            UnixBindError::Taken { .. } => format!("stop that process, or give this section another `{key}`"),
            UnixBindError::NoSocket { .. } => format!("move it away, or give this section another `{key}`"),
            UnixBindError::Refused { .. } => "make the directory, and let this user write to it".to_owned(),
        };
        BuildError { message: self.to_string(), help: Some(help) }
    }
}

/// The file of a bound socket; removed when this is dropped, if it is still the same.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    /// Device and inode.
    identity: (u64, u64),
}

impl SocketFile {
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if fs::symlink_metadata(&self.path).is_ok_and(|found| identity(&found) == self.identity) {
            // If it is gone meanwhile, it is as it should be.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Listens for datagrams at `path`.
///
/// # Errors
/// [`UnixBindError`].
pub fn unix_datagrams(path: &Path, access: &Access) -> Result<(UnixDatagram, SocketFile), UnixBindError> {
    let (socket, file) = bind(path, Type::DGRAM, access)?;
    Ok((OwnedFd::from(socket).into(), file))
}

/// Listens for streams at `path`, without blocking: ready for tokio.
///
/// # Errors
/// [`UnixBindError`].
pub fn unix_listener(path: &Path, access: &Access) -> Result<(UnixListener, SocketFile), UnixBindError> {
    let (socket, file) = bind(path, Type::STREAM, access)?;
    let refused = |source| UnixBindError::Refused { path: path.to_owned(), source };
    socket.listen(BACKLOG).and_then(|()| socket.set_nonblocking(true)).map_err(refused)?;
    Ok((OwnedFd::from(socket).into(), file))
}

fn bind(path: &Path, kind: Type, access: &Access) -> Result<(Socket, SocketFile), UnixBindError> {
    let refused = |source| UnixBindError::Refused { path: path.to_owned(), source };
    make_way(path, kind)?;
    let socket = Socket::new(Domain::UNIX, kind, None).map_err(refused)?;
    // Systems that know no mode of an unbound socket say so; there the umask decides until the mode is set below.
    let _ = nix::sys::stat::fchmod(&socket, nix::sys::stat::Mode::empty());
    let address = SockAddr::unix(path).map_err(refused)?;
    socket.bind(&address).map_err(refused)?;
    let identity = identity(&fs::symlink_metadata(path).map_err(refused)?);
    // From here on whatever fails removes the file.
    let file = SocketFile { path: path.to_owned(), identity };
    if access.user.is_some() || access.group.is_some() {
        lchown(path, access.user, access.group).map_err(refused)?;
    }
    fs::set_permissions(path, fs::Permissions::from_mode(access.mode)).map_err(refused)?;
    Ok((socket, file))
}

/// Removes a socket file that nobody listens on.
fn make_way(path: &Path, kind: Type) -> Result<(), UnixBindError> {
    let refused = |source| UnixBindError::Refused { path: path.to_owned(), source };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(refused(error)),
        Ok(found) if !found.file_type().is_socket() => {
            return Err(UnixBindError::NoSocket { path: path.to_owned() });
        }
        Ok(_) => {}
    }
    let probe = Socket::new(Domain::UNIX, kind, None).map_err(refused)?;
    let address = SockAddr::unix(path).map_err(refused)?;
    match probe.connect(&address) {
        // Nobody is behind it.
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path).map_err(refused),
        // Somebody is, or, as a socket of another type, may be.
        _ => Err(UnixBindError::Taken { path: path.to_owned() }),
    }
}

fn identity(found: &fs::Metadata) -> (u64, u64) {
    (found.dev(), found.ino())
}

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1024;

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    const ACCESS: Access = Access { mode: 0o620, user: None, group: None };

    fn place() -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::TempDir::new().unwrap();
        let path = directory.path().join("statsd.sock");
        (directory, path)
    }

    #[test]
    fn a_socket_has_its_mode_and_goes_with_its_file() {
        let (_directory, path) = place();
        let (socket, file) = unix_datagrams(&path, &ACCESS).unwrap();
        assert_eq!(fs::symlink_metadata(&path).unwrap().permissions().mode() & 0o777, 0o620);
        let client = UnixDatagram::unbound().unwrap();
        client.send_to(b"a:1|c", &path).unwrap();
        let mut buffer = [0; 16];
        assert_eq!(socket.recv(&mut buffer).unwrap(), 5);
        drop(file);
        assert!(!path.exists());
    }

    #[test]
    fn what_a_killed_process_left_is_removed_and_what_another_holds_is_not() {
        let (_directory, path) = place();
        drop(UnixListener::bind(&path).unwrap());
        let (_listener, file) = unix_listener(&path, &ACCESS).unwrap();
        assert!(UnixStream::connect(&path).is_ok());
        let taken = format!("{} is held by another process", path.display());
        assert_eq!(unix_listener(&path, &ACCESS).unwrap_err().to_string(), taken);
        assert_eq!(unix_datagrams(&path, &ACCESS).unwrap_err().to_string(), taken);
        assert_eq!(file.path(), path);
    }

    #[test]
    fn what_is_no_socket_is_never_removed() {
        let (directory, path) = place();
        fs::write(&path, b"precious").unwrap();
        let expected = format!("{} exists and is no socket", path.display());
        assert_eq!(unix_datagrams(&path, &ACCESS).unwrap_err().to_string(), expected);
        assert_eq!(fs::read(&path).unwrap(), b"precious");
        let link = directory.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(matches!(unix_listener(&link, &ACCESS).unwrap_err(), UnixBindError::NoSocket { .. }));
    }

    #[test]
    fn a_file_that_took_the_place_of_ours_stays() {
        let (_directory, path) = place();
        let (_socket, file) = unix_datagrams(&path, &ACCESS).unwrap();
        fs::remove_file(&path).unwrap();
        let _other = UnixDatagram::bind(&path).unwrap();
        drop(file);
        assert!(path.exists());
    }

    #[test]
    fn a_directory_that_is_missing_is_said() {
        let error = unix_datagrams(Path::new("/nonexistent/a.sock"), &ACCESS).unwrap_err();
        let text = "/nonexistent/a.sock cannot be bound: No such file or directory (os error 2)";
        assert_eq!(error.to_string(), text);
    }
}
