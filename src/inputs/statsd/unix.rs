//! Unix sockets: the datagrams of one, and the listener for streams of another.

use std::path::Path;

use super::stream::{Lines, Listener};
use super::{Config, Net};
use crate::net::{Access, HandedSocket, UnixLane, unix_listener};
use crate::plugin::{BuildError, Fault, Input, Io, LocalFuture};

/// Binds the socket at `path`.
pub(super) fn listen(path: &Path, config: &Config) -> Result<Box<dyn Input>, BuildError> {
    let mode = config.mode().ok_or_else(|| BuildError::new("socket_mode is no mode"))?;
    let access = Access::of(mode, config.socket_owner.as_deref())?;
    match config.net {
        Net::Unix => {
            let (listener, file) = unix_listener(path, &access).map_err(|error| error.told("socket"))?;
            let announcement = format!("listening on {}/unix", path.display());
            Ok(Box::new(Lines::over(Listener::Unix(listener, Some(file)), announcement, config)))
        }
        _ => Ok(Box::new(Datagrams(UnixLane::bind(path, &access).map_err(|error| error.told("socket"))?))),
    }
}

/// Over a socket that was handed over.
pub(super) fn over_handed(handed: HandedSocket, config: &Config) -> Result<Box<dyn Input>, BuildError> {
    match config.net {
        Net::Unix => {
            let (listener, place) = handed.unix_listener()?;
            let announcement = format!("listening on {place}/unix");
            Ok(Box::new(Lines::over(Listener::Unix(listener, None), announcement, config)))
        }
        _ => Ok(Box::new(Datagrams(UnixLane::handed(handed)?))),
    }
}

/// The datagrams of one socket.
struct Datagrams(UnixLane);

impl Input for Datagrams {
    fn run<'a>(&'a mut self, io: &'a Io) -> LocalFuture<'a, Result<(), Fault>> {
        Box::pin(async move { self.0.serve(io, &try_unixgram, super::without_cut) })
    }
}

fn try_unixgram(path: &str) -> String {
    format!("; try: hekad send --to {path} 'hello.world:1|c'")
}
