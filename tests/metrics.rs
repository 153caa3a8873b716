//! The table of the daemon's own metrics holds what a running daemon counts, and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use heka::config::{Problems, Sources};
use heka::flow::{OWN_METRICS, Wiring};
use heka::net::{Handed, World};
use heka::pipeline::{Machines, Running, Setting, builtin, plan};
use heka::plugin::{StateStore, Stop};
use heka::time::{Clock, ManualClock, Stamp};

/// One of every input, filter and output that counts something.
const EVERYTHING: &str = r#"
[statsd]
type = "StatsdInput"
address = "127.0.0.1:0"

[OwnMetricsInput]

[LogstreamerInput]
log_directory = "/nonexistent"
file_match = "none"

[StatAccumFilter]

[CounterFilter]

[StatFilter]
message_matcher = "Type == 'line'"
Metric.a = { type = "Counter", name = "a", value = "1" }

[ThresholdFilter]
rule.a = { series = "a", statistic = "value", above = 1 }

[HttpOutput]
message_matcher = "FALSE"
encoder = "PayloadEncoder"
address = "http://127.0.0.1:9/"

[PrometheusOutput]
address = "127.0.0.1:0"
[[PrometheusOutput.mapping]]
match = "*"
action = "drop"

[DashboardOutput]
address = "127.0.0.1:0"

[StatsdOutput]
upstreams = ["127.0.0.1:9"]
[StatsdAdminOutput]
address = "127.0.0.1:0"

[TcpOutput]
message_matcher = "Type == 'none'"
[UdpOutput]
message_matcher = "Type == 'none'"
address = "127.0.0.1:9"
encoder = "PayloadEncoder"

[CarbonOutput]
address = "127.0.0.1:9"

[NullOutput]
message_matcher = "TRUE"
"#;

/// Counted by the process around the pipeline, once it is known what it is.
const OF_THE_PROCESS: [&str; 2] = ["hekad_build_info", "hekad_start_time_seconds"];

/// Asked for when somebody scrapes, and kept nowhere.
const OF_A_SCRAPE: [&str; 1] = ["hekad_prefix_series"];

#[test]
fn every_metric_of_the_table_is_counted_with_its_labels_and_no_other() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.expect("there are threads");
    let directory = tempfile::TempDir::new().expect("a directory can be made");
    let file = directory.path().join("messages.log");
    let log = directory.path().join("keys.log");
    let text = format!(
        "{EVERYTHING}\n[FileOutput]\nmessage_matcher = \"TRUE\"\npath = \"{}\"\n[KeyFlushFilter]\nlog = \"{}\"\n",
        file.display(),
        log.display()
    );
    let sources = Sources::embedded("everything.toml", &text);
    let mut problems = Problems::new();
    let planned = plan(&sources, &builtin(), &|_| None, "host", &mut problems).expect("it is right");
    let setting = Setting {
        clock: Arc::new(ManualClock::at(Stamp::from_seconds(1_700_000_000))) as Arc<dyn Clock>,
        runtime: runtime.handle().clone(),
        wiring: Wiring::AsConfigured,
        world: World::Real,
        handed: Handed::default(),
        base_dir: directory.path().to_owned(),
        state: StateStore::default(),
        seed: 1,
    };
    let running = Running::start(Machines::build(planned, setting).expect("it is built")).expect("it starts");
    let own = running.ledger.own().clone();
    let asked = Stop::default();
    asked.set();
    running.run(&asked);
    let mut counted: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    own.visit(|name, labels, _, _| {
        let labels = labels.iter().map(|(label, _)| (*label).to_owned()).collect();
        let before = counted.insert(name.to_owned(), labels);
        assert!(before.is_none_or(|before| before == counted[name]), "{name} has other labels elsewhere");
    });
    let told: BTreeMap<String, BTreeSet<String>> = OWN_METRICS
        .iter()
        .filter(|metric| !OF_THE_PROCESS.contains(&metric.name) && !OF_A_SCRAPE.contains(&metric.name))
        .map(|metric| (metric.name.to_owned(), metric.labels.iter().map(|&label| label.to_owned()).collect()))
        .collect();
    let only = |these: &BTreeMap<String, BTreeSet<String>>, those: &BTreeMap<String, BTreeSet<String>>| {
        these
            .iter()
            .filter(|(name, labels)| those.get(*name) != Some(labels))
            .map(|(name, _)| name.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!((only(&told, &counted), only(&counted, &told)), (Vec::new(), Vec::new()));
    runtime.shutdown_timeout(Duration::from_secs(1));
}
