//! `LogstreamerInput`: follows log files, rotated ones from the oldest to the newest.
//!
//! At least once: a position is committed when everything before it was delivered, through filters and tables, so that
//! a kill costs no line, and repeats those of the last `commit_interval` and what was under way. What is read next is
//! decided in `tail/`; here are the directory, the open files, the journals and the thread.
//!
//! Options and journals are Heka's: <https://hekad.readthedocs.io/en/latest/config/inputs/logstreamer.html>.

#[cfg(unix)]
mod counts;
#[cfg(unix)]
mod files;
#[cfg(unix)]
mod input;
#[cfg(unix)]
mod journals;
#[cfg(unix)]
mod open;
mod options;
#[cfg(unix)]
mod packed;
#[cfg(unix)]
mod scan;
#[cfg(unix)]
mod stream;
#[cfg(unix)]
mod survey;
#[cfg(unix)]
mod watch;

use crate::flow::Patience;
use crate::matcher::{Fact, Facts, FieldNames};
use crate::message::DEFAULT_SEVERITY;
use crate::plugin::{BuildContext, BuildError, Declare, Input, Survey, Surveying};

pub use options::Config;

impl Declare<dyn Input> for Config {
    const TYPE: &'static str = "LogstreamerInput";
    const SUMMARY: &'static str = "Follows log files through rotations. Without a decoder a line is the payload of a message of type \"logfile\" whose logger is the stream.";
    const UNDECODED: bool = true;
    const SPLITTER: Option<&'static str> = Some("TokenSplitter");

    fn emits(&self, name: &str, hostname: &str) -> Vec<Facts> {
        let logger = match self.rules(name).map(|rules| rules.stream_prefix()) {
            Ok((stream, true)) => Fact::Is(stream.into()),
            Ok((prefix, false)) if !prefix.is_empty() => Fact::Prefix(prefix.into()),
            _ => Fact::Unknown,
        };
        vec![Facts {
            type_: Fact::Is(TYPE.into()),
            logger,
            hostname: Fact::Is(self.hostname.as_deref().unwrap_or(hostname).into()),
            env_version: Fact::Is("".into()),
            signer: Fact::Unknown,
            severity: Some(DEFAULT_SEVERITY),
            pid: Some(0),
            fields: FieldNames::Only(&[]),
        }]
    }

    fn patience(&self) -> Patience {
        Patience::Waits
    }

    #[cfg(unix)]
    fn survey(&self, asked: &Surveying<'_>) -> Option<Result<Survey, BuildError>> {
        Some(survey::survey(self, asked))
    }

    #[cfg(unix)]
    fn build(&self, context: &BuildContext) -> Result<Box<dyn Input>, BuildError> {
        Ok(Box::new(input::Logstreamer::new(self, context)?))
    }

    #[cfg(not(unix))]
    fn build(&self, _: &BuildContext) -> Result<Box<dyn Input>, BuildError> {
        Err(BuildError::new("files are told apart by inodes, which this system does not have"))
    }
}

/// Type of its messages.
const TYPE: &str = "logfile";
