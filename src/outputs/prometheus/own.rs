//! The daemon's own metrics as the first part of a scrape.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::exposition::{FamilyType, TextWriter, push_labels};
use crate::flow::{OWN_METRICS, OwnMetricKind, OwnMetrics};
use crate::metric::Registry;
use crate::plugin::BuildContext;

/// Renders the daemon's own metrics.
pub(super) struct OwnPage {
    own: OwnMetrics,
    names: Arc<Registry>,
}

type Samples = BTreeMap<Vec<u8>, f64>;

impl OwnPage {
    pub(super) fn new(context: &BuildContext) -> OwnPage {
        let page = OwnPage { own: context.own().clone(), names: Arc::clone(&context.names) };
        page.measure();
        page
    }

    /// What is counted by the registry.
    fn measure(&self) {
        self.own.level("hekad_series", &[]).set(self.names.len() as f64);
        self.own.level("hekad_series_limit", &[]).set(self.names.max_series() as f64);
        self.own.counter("hekad_series_overflow_total", &[]).raise_to(self.names.overflowed());
    }

    /// All families, by name; those of this program's plugins of other crates are among them.
    pub(super) fn render(&self) -> Vec<u8> {
        self.measure();
        let mut families: BTreeMap<String, (FamilyType, Samples)> = BTreeMap::new();
        self.own.visit(|name, labels, kind, value| {
            let family_type = match kind {
                OwnMetricKind::Counter => FamilyType::Counter,
                OwnMetricKind::Gauge => FamilyType::Gauge,
            };
            let mut text = Vec::new();
            let tags: Vec<(Box<str>, Box<str>)> =
                labels.iter().map(|&(key, value)| (key.into(), value.into())).collect();
            push_labels(&mut text, &tags);
            let (_, samples) = families.entry(name.to_owned()).or_insert((family_type, Samples::new()));
            samples.insert(text, value);
        });
        let mut page = Vec::new();
        let mut writer = TextWriter::new(&mut page);
        for (name, (family_type, samples)) in &families {
            let help =
                OWN_METRICS.iter().find(|metric| metric.name == name).map_or("Of a plugin.", |m| m.help);
            let mut family = writer.family(name, help, *family_type);
            for (labels, value) in samples {
                family.sample("", &String::from_utf8_lossy(labels), *value);
            }
        }
        page
    }
}
