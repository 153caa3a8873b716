//! The daemon's own metrics as the first part of a scrape.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::exposition::{FamilyType, FamilyWriter, Format, Header, Sample, push_labels, stem};
use crate::flow::{OWN_METRICS, OwnMetricKind, OwnMetrics};
use crate::metric::{PrefixCount, Registry, Tags};
use crate::plugin::BuildContext;
use crate::time::Stamp;

/// Renders the daemon's own metrics.
pub(super) struct OwnPage {
    own: OwnMetrics,
    names: Arc<Registry>,
    started: Stamp,
}

/// Values by the text of their labels.
type Samples = BTreeMap<String, f64>;

type Families = BTreeMap<String, (FamilyType, Samples)>;

impl OwnPage {
    pub(super) fn new(context: &BuildContext) -> OwnPage {
        let (own, names) = (context.own().clone(), Arc::clone(&context.names));
        let page = OwnPage { own, names, started: context.started };
        page.own.measure_names(&page.names);
        page
    }

    /// All families, by name; those of this program's plugins of other crates are among them.
    pub(super) fn render(&self, format: Format) -> Vec<u8> {
        let families = self.families();
        let names: BTreeSet<&str> = families.keys().map(String::as_str).collect();
        let mut page = Vec::new();
        for (name, (family_type, samples)) in &families {
            let help = OWN_METRICS.iter().find(|metric| metric.name == name).map(|metric| metric.help);
            let header = Header {
                name,
                help: help.unwrap_or("Of a plugin."),
                family_type: *family_type,
                in_seconds: true,
                open_counter: stem(name).is_some_and(|stem| !names.contains(stem)),
                without_created: false,
            };
            let mut family = FamilyWriter::begin(&mut page, format, header);
            for (labels, &value) in samples {
                let sample = match family_type {
                    FamilyType::Counter => Sample::Counter { value, created: self.started },
                    _ => Sample::Gauge(value),
                };
                family.write(labels, &sample);
            }
            family.end();
        }
        page
    }

    fn families(&self) -> Families {
        self.own.measure_names(&self.names);
        let mut families = Families::new();
        self.own.visit(|name, labels, kind, value| {
            let family_type = match kind {
                OwnMetricKind::Counter => FamilyType::Counter,
                OwnMetricKind::Gauge => FamilyType::Gauge,
            };
            let mut text = Vec::new();
            let tags: Tags = labels.iter().copied().collect();
            push_labels(&mut text, tags.borrowed());
            let (_, samples) = families.entry(name.to_owned()).or_insert((family_type, Samples::new()));
            samples.insert(String::from_utf8_lossy(&text).into_owned(), value);
        });
        families.insert(PREFIX_SERIES.to_owned(), (FamilyType::Gauge, self.heaviest()));
        families
    }

    /// Asked of the registry at each scrape: who is among the heaviest changes, and what is no longer must not stay.
    fn heaviest(&self) -> Samples {
        let heaviest = self.names.heaviest(HEAVIEST);
        let sample = |count: &PrefixCount| {
            let mut text = Vec::new();
            push_labels(&mut text, Tags::from([("prefix", count.shown())]).borrowed());
            (String::from_utf8_lossy(&text).into_owned(), count.series as f64)
        };
        heaviest.iter().map(sample).collect()
    }
}

const PREFIX_SERIES: &str = "hekad_prefix_series";

/// Prefixes that are shown.
const HEAVIEST: usize = 10;
