//! What carbon must know of the flushes that it is sent: for `hekad check --graphite`.

use std::time::Duration;

use super::plan::Plan;
use crate::graphite::schema_stanza;
use crate::plugin::Stored;

/// What one aggregator sends to carbon.
struct Flushed<'a> {
    filter: &'a str,
    interval: Duration,
    /// A regular expression of the beginnings of its names.
    pattern: String,
    /// Outputs that store it.
    outputs: Vec<&'a str>,
}

/// The stanzas of `storage-schemas.conf` for everything that flushes to carbon, by name; empty if nothing does.
pub fn storage_schemas(plan: &Plan) -> String {
    let stanza = |flushed: &Flushed<'_>| {
        let Flushed { filter, interval, pattern, outputs } = flushed;
        let stanza = schema_stanza(&format!("hekad-{filter}"), pattern, *interval);
        format!("# {filter} flushes every {interval:?} to {}.\n{stanza}", outputs.join(", "))
    };
    flushed(plan).iter().map(stanza).collect::<Vec<_>>().join("\n")
}

/// Aggregators that flush at other intervals than one before them, under the same names and to the same store, which takes
/// the first stanza for all of them: a sentence for each.
pub fn storage_conflicts(plan: &Plan) -> Vec<String> {
    let all = flushed(plan);
    let conflict = |(place, later): (usize, &Flushed<'_>)| {
        let before = all[..place].iter().find(|before| {
            let joined = before.outputs.iter().any(|output| later.outputs.contains(output));
            joined && before.pattern == later.pattern && before.interval != later.interval
        })?;
        Some(format!(
            "{} flushes every {:?} under the names of {}, which flushes every {:?}: carbon keeps both as the first stanza says. \
             Give one of them another global_prefix, or both one ticker_interval",
            later.filter, later.interval, before.filter, before.interval
        ))
    };
    all.iter().enumerate().filter_map(conflict).collect()
}

fn flushed(plan: &Plan) -> Vec<Flushed<'_>> {
    let mut filters: Vec<_> = plan.filters.iter().collect();
    filters.sort_by_key(|filter| &filter.name);
    let of_filters = filters.into_iter().filter_map(|filter| {
        let (pattern, interval) = (filter.declared.name_pattern(&plan.hostname)?, filter.ticker?);
        let is_joined = |output: &str| {
            plan.joints.iter().any(|joint| joint.producer == filter.name && *joint.consumer == *output)
        };
        let joined = plan.outputs.iter().filter(|output| is_joined(&output.name));
        let stored = joined.map(|output| (&*output.name, output.declared.stored()));
        let stored: Vec<_> = stored.filter(|(_, stored)| *stored != Stored::No).collect();
        let renamed = stored.iter().any(|(_, stored)| *stored == Stored::Renamed);
        let pattern = if renamed { ".*".to_owned() } else { pattern };
        let outputs: Vec<&str> = stored.into_iter().map(|(output, _)| output).collect();
        let flushed = Flushed { filter: &filter.name, interval, pattern, outputs };
        (!flushed.outputs.is_empty()).then_some(flushed)
    });
    of_filters.collect()
}

#[cfg(test)]
mod tests {
    use super::{storage_conflicts, storage_schemas};
    use crate::config::{Problems, Sources};
    use crate::pipeline::{Plan, builtin, plan};

    fn told(text: &str) -> String {
        storage_schemas(&planned(text))
    }

    fn planned(text: &str) -> Plan {
        let sources = Sources::embedded("test.toml", text);
        plan(&sources, &builtin(), &|_| None, "host", &mut Problems::new()).expect("it is right")
    }

    #[test]
    fn who_flushes_at_another_interval_under_the_same_names_is_told() {
        let two = |more: &str| {
            storage_conflicts(&planned(&format!(
                "[StatsdInput]\n[CarbonOutput]\n[fast]\ntype = \"StatAccumFilter\"\n\
                 [slow]\ntype = \"StatAccumFilter\"\n{more}"
            )))
        };
        let told = two("ticker_interval = 60\n");
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(
            told[0].starts_with("slow flushes every 60s under the names of fast, which flushes every 10s")
        );
        assert!(two("").is_empty());
        assert!(two("ticker_interval = 60\nglobal_prefix = \"slow\"\n").is_empty());
        let apart = "ticker_interval = 60\n[other]\ntype = \"CarbonOutput\"\nmessage_matcher = \"Logger == 'slow'\"\n\
                     [CarbonOutput]\nmessage_matcher = \"Logger == 'fast'\"\n";
        assert!(storage_conflicts(&planned(&format!(
            "[StatsdInput]\n[fast]\ntype = \"StatAccumFilter\"\n[slow]\ntype = \"StatAccumFilter\"\n{apart}"
        )))
        .is_empty());
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
