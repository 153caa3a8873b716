//! A program of its own with one more output than `hekad`: `AppendOutput`, which appends what its encoder writes to a
//! file. Everything of `hekad` is there as well: `check`, `docs`, `send`, signals, the state file.
//!
//! ```text
//! cargo run --example custom_output -- docs AppendOutput
//! cargo run --example custom_output -- -config append.toml
//! ```
//!
//! with `append.toml`:
//!
//! ```toml
//! [statsd]
//! type = "StatsdInput"
//!
//! [AppendOutput]
//! message_matcher = "Type == 'heka.statsample' && Fields[kind] == 'ms' && Fields[value] > 500"
//! path = "/tmp/slow.log"
//! ```
//!
//! The crate of such a program needs `heka`, `schemars` and `serde`.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use heka::config::{Check, Violation};
use heka::plugin::{BuildContext, BuildError, Declare, Fault, LocalFuture, Outcome, Outgoing, Output};
use schemars::JsonSchema;
use serde::Deserialize;

fn main() -> ExitCode {
    heka::cli::main(heka::pipeline::builtin().output::<AppendConfig>())
}

/// Options of `AppendOutput`: this text is its manual.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AppendConfig {
    /// The file that is appended to; made where it is missing.
    pub path: PathBuf,
}

impl Check for AppendConfig {
    fn check(&self) -> Vec<Violation> {
        match self.path.is_absolute() {
            true => Vec::new(),
            false => {
                vec![Violation::new("path", "must begin with a slash: a daemon has no place of its own")]
            }
        }
    }
}

impl Declare<dyn Output> for AppendConfig {
    const TYPE: &'static str = "AppendOutput";
    const SUMMARY: &'static str = "Appends what its encoder writes to a file.";

    fn takes_encoder(&self) -> bool {
        true
    }

    fn default_encoder(&self) -> Option<&'static str> {
        Some("PayloadEncoder")
    }

    fn build(&self, _: &BuildContext) -> Result<Box<dyn Output>, BuildError> {
        let file = File::options().create(true).append(true).open(&self.path);
        let file = file.map_err(|error| BuildError {
            message: format!("{} cannot be opened: {error}", self.path.display()),
            help: Some("make its directory, or give another `path`".to_owned()),
        })?;
        Ok(Box::new(AppendOutput { file }))
    }
}

struct AppendOutput {
    file: File,
}

impl Output for AppendOutput {
    /// The runner counts, retries and logs; an output says what happened.
    fn send<'a>(&'a mut self, out: &'a Outgoing<'a>) -> LocalFuture<'a, Outcome> {
        Box::pin(async move {
            match self.file.write_all(&out.frames.bytes) {
                Ok(()) => Outcome::Delivered,
                // The disk may have room again: the same records come once more.
                Err(error) => Outcome::Retry(Fault::caused("cannot write", error)),
            }
        })
    }
}
