//! `LogOutput`: prints what its encoder writes on standard output.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::Check;
use crate::net::World;
use crate::plugin::{BuildContext, BuildError, Declare, LocalFuture, Outcome, Outgoing, Output};

/// It has no options of its own.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {}

impl Check for Config {}

impl Declare<dyn Output> for Config {
    const TYPE: &'static str = "LogOutput";
    const SUMMARY: &'static str = "Prints what its encoder writes on standard output.";

    fn takes_encoder(&self) -> bool {
        true
    }

    fn default_encoder(&self) -> Option<&'static str> {
        Some("PayloadEncoder")
    }

    fn build(&self, context: &BuildContext) -> Result<Box<dyn Output>, BuildError> {
        Ok(Box::new(LogOutput { world: context.shared.the() }))
    }
}

struct LogOutput {
    world: Arc<World>,
}

impl Output for LogOutput {
    fn send<'a>(&'a mut self, out: &'a Outgoing<'a>) -> LocalFuture<'a, Outcome> {
        Box::pin(async move { Outcome::of_printing(self.world.print(&out.frames.bytes)) })
    }
}
