//! `ConsoleOutput`: prints every flush on standard output as a JSON document, as the reference's console backend shows it.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::Check;
use crate::flow::{BodyKind, Layout, RecordRef, write_flush_json};
use crate::net::World;
use crate::plugin::{BuildContext, BuildError, Declare, Fault, LocalFuture, Outcome, Outgoing, Output};

/// Options of `ConsoleOutput`.
#[derive(Debug, Clone, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Whether a document has a line for every key (default), or is one line, for programs that read it.
    pub pretty: bool,
}

impl Default for Config {
    fn default() -> Config {
        Config { pretty: true }
    }
}

impl Check for Config {}

impl Declare<dyn Output> for Config {
    const TYPE: &'static str = "ConsoleOutput";
    const SUMMARY: &'static str = "Prints every flush on standard output as a JSON document.";

    fn takes(&self) -> &'static [BodyKind] {
        &[BodyKind::Snapshots]
    }

    fn default_matcher(&self) -> Option<&'static str> {
        Some("Type == 'heka.statmetric'")
    }

    fn build(&self, context: &BuildContext) -> Result<Box<dyn Output>, BuildError> {
        let layout = if self.pretty { Layout::Pretty } else { Layout::Compact };
        Ok(Box::new(ConsoleOutput { world: context.shared.the(), layout, text: Vec::new() }))
    }
}

struct ConsoleOutput {
    world: Arc<World>,
    layout: Layout,
    text: Vec<u8>,
}

impl Output for ConsoleOutput {
    fn send<'a>(&'a mut self, out: &'a Outgoing<'a>) -> LocalFuture<'a, Outcome> {
        Box::pin(async move {
            self.text.clear();
            let mut others = 0;
            for (_, record) in out.delivery.records() {
                match record {
                    RecordRef::Snapshot { found, naming, .. } => {
                        write_flush_json(found, naming, self.layout, &mut self.text);
                    }
                    _ => others += 1,
                }
            }
            match Outcome::of_printing(self.world.print(&self.text)) {
                Outcome::Delivered if others > 0 => {
                    Outcome::Partly { refused: others, why: Fault::new("a record is no flush") }
                }
                outcome => outcome,
            }
        })
    }
}
