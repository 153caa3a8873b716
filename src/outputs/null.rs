//! `NullOutput`: takes everything and keeps nothing. For measuring, and for saying that a stream is not wanted.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::Check;
use crate::plugin::{BuildContext, BuildError, Declare, LocalFuture, Outcome, Outgoing, Output};

/// It has no options of its own.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {}

impl Check for Config {}

impl Declare<dyn Output> for Config {
    const TYPE: &'static str = "NullOutput";
    const SUMMARY: &'static str = "Takes everything and keeps nothing.";

    fn build(&self, _: &BuildContext) -> Result<Box<dyn Output>, BuildError> {
        Ok(Box::new(NullOutput))
    }
}

struct NullOutput;

impl Output for NullOutput {
    fn send<'a>(&'a mut self, _: &'a Outgoing<'a>) -> LocalFuture<'a, Outcome> {
        Box::pin(async { Outcome::Delivered })
    }
}
