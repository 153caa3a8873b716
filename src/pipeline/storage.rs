//! What carbon must know of the flushes that it is sent: for `hekad check --graphite`.

use super::plan::Plan;
use crate::graphite::schema_stanza;
use crate::plugin::Stored;

/// The stanzas of `storage-schemas.conf` for everything that flushes to carbon, by name; empty if nothing does.
pub fn storage_schemas(plan: &Plan) -> String {
    let mut text = String::new();
    let mut filters: Vec<_> = plan.filters.iter().collect();
    filters.sort_by_key(|filter| &filter.name);
    for filter in filters {
        let names = filter.declared.name_pattern(&plan.hostname);
        let (Some(names), Some(interval)) = (names, filter.ticker) else { continue };
        let is_joined = |output: &str| {
            plan.joints.iter().any(|joint| joint.producer == filter.name && *joint.consumer == *output)
        };
        let stored = plan.outputs.iter().filter(|output| is_joined(&output.name));
        let stored: Vec<_> = stored
            .map(|output| (&output.name, output.declared.stored()))
            .filter(|(_, stored)| *stored != Stored::No)
            .collect();
        if stored.is_empty() {
            continue;
        }
        let renamed = stored.iter().any(|(_, stored)| *stored == Stored::Renamed);
        let pattern = if renamed { ".*" } else { names.as_str() };
        let outputs: Vec<&str> = stored.iter().map(|(name, _)| &***name).collect();
        let stanza = schema_stanza(&format!("hekad-{}", filter.name), pattern, interval);
        let gap = if text.is_empty() { "" } else { "\n" };
        let outputs = outputs.join(", ");
        text += &format!("{gap}# {} flushes every {interval:?} to {outputs}.\n{stanza}", filter.name);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::storage_schemas;
    use crate::config::{Problems, Sources};
    use crate::pipeline::{builtin, plan};

    fn told(text: &str) -> String {
        let sources = Sources::embedded("test.toml", text);
        let planned = plan(&sources, &builtin(), &|_| None, "host", &mut Problems::new());
        storage_schemas(&planned.expect("it is right"))
    }

    #[test]
    fn the_stanza_follows_the_interval_and_the_names() {
        let inputs = "[StatsdInput]\n[CarbonOutput]\n[PrometheusOutput]\n";
        assert_eq!(
            told(&format!("{inputs}[StatAccumFilter]\n")),
            "# StatAccumFilter flushes every 10s to CarbonOutput.\n[hekad-StatAccumFilter]\n\
             pattern = ^stats\\.\nretentions = 10s:1d,1m:7d,10m:1y\n"
        );
        assert_eq!(
            told(&format!(
                "{inputs}[fast]\ntype = \"StatAccumFilter\"\nticker_interval = 1\nlegacy_namespaces = true\n"
            )),
            "# fast flushes every 1s to CarbonOutput.\n[hekad-fast]\n\
             pattern = ^(stats|stats_counts|statsd)\\.\nretentions = 1s:1d,1m:7d,10m:1y\n"
        );
    }

    #[test]
    fn who_flushes_to_no_carbon_has_no_stanza_and_each_of_two_has_one() {
        assert_eq!(told("[StatsdInput]\n[StatAccumFilter]\n[PrometheusOutput]\n"), "");
        let two = "[StatsdInput]\n[CarbonOutput]\n[CarbonOutput2]\ntype = \"CarbonOutput\"\n\
                   [a]\ntype = \"StatAccumFilter\"\nglobal_prefix = \"x\"\n\
                   [b]\ntype = \"StatAccumFilter\"\nticker_interval = 60\n";
        assert_eq!(
            told(two),
            "# a flushes every 10s to CarbonOutput, CarbonOutput2.\n[hekad-a]\npattern = ^x\\.\n\
             retentions = 10s:1d,1m:7d,10m:1y\n\n\
             # b flushes every 60s to CarbonOutput, CarbonOutput2.\n[hekad-b]\npattern = ^stats\\.\n\
             retentions = 1m:7d,10m:1y\n"
        );
    }

    #[test]
    fn a_template_that_puts_tags_first_may_begin_a_name_with_anything() {
        let of = |template: &str| {
            told(&format!(
                "[StatsdInput]\n[StatAccumFilter]\n[CarbonOutput]\ntags = \"path\"\ntag_template = \"{template}\"\n"
            ))
        };
        assert!(of("{env}.{name}").contains("\npattern = .*\n"), "{}", of("{env}.{name}"));
        assert!(of("{name}.{env}").contains("\npattern = ^stats\\.\n"), "{}", of("{name}.{env}"));
    }
}
