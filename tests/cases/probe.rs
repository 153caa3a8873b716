//! A consumer of everything that counts what kind of body records came in, so that a wiring can be held to its word.

use std::sync::Arc;

use heka::config::Check;
use heka::flow::{Body, Count, Ledger};
use heka::plugin::{BuildContext, BuildError, Declare, LocalFuture, Outcome, Outgoing, Output};
use schemars::JsonSchema;
use serde::Deserialize;

/// Name of the probe's section, and what is appended to a configuration to have it.
pub(super) const NAME: &str = "wiring-probe";
pub(super) const SECTION: &str = "\n[wiring-probe]\ntype = \"ProbeOutput\"\nmessage_matcher = \"TRUE\"\n";

/// Records of inputs by the body they came in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) samples: u64,
    pub(super) messages: u64,
}

/// It has no options.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Config {}

impl Check for Config {}

impl Declare<dyn Output> for Config {
    const TYPE: &'static str = "ProbeOutput";
    const SUMMARY: &'static str = "Counts records by the body they came in.";

    fn build(&self, context: &BuildContext) -> Result<Box<dyn Output>, BuildError> {
        let (samples, messages) = counts(&context.ledger);
        Ok(Box::new(Probe { samples, messages }))
    }
}

struct Probe {
    samples: Count,
    messages: Count,
}

impl Output for Probe {
    fn send<'a>(&'a mut self, out: &'a Outgoing<'a>) -> LocalFuture<'a, Outcome> {
        Box::pin(async move {
            let records = out.delivery.len() as u64;
            match &out.delivery.pack.body {
                Body::Samples(_) => self.samples.add(records),
                Body::Messages(_) => self.messages.add(records),
                Body::Snapshot { .. } => {}
            }
            Outcome::Delivered
        })
    }
}

/// What the probe of this ledger's pipeline has seen.
pub(super) fn seen(ledger: &Ledger) -> Seen {
    let (samples, messages) = counts(ledger);
    Seen { samples: samples.value(), messages: messages.value() }
}

fn counts(ledger: &Ledger) -> (Count, Count) {
    let of = |body| ledger.own().counter("probe_records_total", &[("body", body)]);
    (of("samples"), of("messages"))
}

/// The plugin types `plugins` and the probe.
pub(super) fn with_probe(plugins: &heka::plugin::Plugins) -> heka::plugin::Plugins {
    plugins.clone().output::<Config>()
}

/// The consumers of a configuration that offer to be poured into.
pub(super) fn inlets(text: &str, plugins: &heka::plugin::Plugins) -> Result<Vec<Arc<str>>, String> {
    let sources = heka::config::Sources::embedded("case.toml", text);
    let mut problems = heka::config::Problems::new();
    let plan = heka::pipeline::plan(&sources, plugins, &|_| None, "trial.host", &mut problems);
    let plan = plan.ok_or_else(|| heka::config::render(&problems, &sources, false))?;
    let offering = plan.consumers().filter(|consumer| consumer.declared.offers_inlet());
    Ok(offering.map(|consumer| Arc::clone(&consumer.name)).collect())
}
