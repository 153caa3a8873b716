//! Plugin types that are planned and never built: what the program's own types cannot show.

use heka::config::{Bytes, Check};
use heka::flow::Patience;
use heka::matcher::{Fact, Facts};
use heka::pipeline::builtin;
use heka::plugin::{BuildContext, BuildError, Declare, Filter, Input, Plugins, Ticker};
use schemars::JsonSchema;
use serde::Deserialize;

/// The program's types and these.
pub(super) fn all() -> Plugins {
    builtin().input::<Tail>().filter::<Relay>()
}

/// An input that can wait, with keys that must be given, and neither decoder nor splitter of its own.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "read from a configuration, never built")]
struct Tail {
    /// Which file.
    path: String,
    /// Where it begins.
    #[serde(default)]
    start: Option<Start>,
}

/// Where a file is read from.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "read from a configuration, never built")]
struct Start {
    /// From which byte on.
    offset: Bytes,
    /// Counted from which end.
    whence: String,
}

impl Check for Tail {}

impl Declare<dyn Input> for Tail {
    const TYPE: &'static str = "TailInput";
    const SUMMARY: &'static str = "Would read a file.";

    fn patience(&self) -> Patience {
        Patience::Waits
    }

    fn build(&self, _: &BuildContext) -> Result<Box<dyn Input>, BuildError> {
        Err(BuildError::new("it is only planned"))
    }
}

/// A filter that emits messages of one type.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Relay {
    /// Of which type.
    emits: String,
}

impl Check for Relay {}

impl Declare<dyn Filter> for Relay {
    const TYPE: &'static str = "RelayFilter";
    const SUMMARY: &'static str = "Would send on what it takes.";

    fn emits(&self, _: &str, _: &str) -> Vec<Facts> {
        vec![Facts { type_: Fact::Is(self.emits.as_str().into()), ..Facts::default() }]
    }

    fn ticker(&self) -> Ticker {
        Ticker::Optional
    }

    fn build(&self, _: &BuildContext) -> Result<Box<dyn Filter>, BuildError> {
        Err(BuildError::new("it is only planned"))
    }
}
