//! `NullSplitter`: whatever was read at once is one record.
//!
//! Right for datagrams, and for streams whose reader hands over whole lines to a decoder that splits them itself.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::Check;
use crate::plugin::{BuildContext, BuildError, Declare, Split, Splitter};

/// It has no options.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {}

impl Check for Config {}

impl Declare<dyn Splitter> for Config {
    const TYPE: &'static str = "NullSplitter";
    const SUMMARY: &'static str = "Takes whatever was read at once as one record.";

    fn build(&self, _: &BuildContext) -> Result<Box<dyn Splitter>, BuildError> {
        Ok(Box::new(NullSplitter))
    }
}

/// See the module.
#[derive(Debug, Clone, Copy)]
pub struct NullSplitter;

impl Splitter for NullSplitter {
    fn split<'a>(&mut self, buffer: &'a [u8]) -> Split<'a> {
        // A datagram may be empty, and is one all the same.
        Split::record(buffer, buffer.len())
    }

    fn is_bounded(&self) -> bool {
        false
    }
}
