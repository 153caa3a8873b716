//! Where there are no unix sockets.

use std::path::Path;

use super::Config;
use crate::net::HandedSocket;
use crate::plugin::{BuildError, Input};

/// There is nothing to listen on.
pub(super) fn listen(path: &Path, _: &Config) -> Result<Box<dyn Input>, BuildError> {
    Err(BuildError {
        message: format!("{}: this system has no unix sockets", path.display()),
        help: Some("listen on an `address` by UDP or TCP".to_owned()),
    })
}

/// There is none to be handed over.
pub(super) fn over_handed(handed: HandedSocket, config: &Config) -> Result<Box<dyn Input>, BuildError> {
    listen(Path::new(&handed.place), config)
}
