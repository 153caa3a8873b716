//! More than a day of points in whisper files of the shipped retentions and methods.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use regex::Regex;
use tempfile::TempDir;

use super::boards::folder;
use crate::carbon::tools;
use crate::harness::skip;
use crate::hekad::binary;

#[test]
fn more_than_a_day_is_rolled_up_to_sums_bounds_means_and_last_values() {
    let names: Vec<&str> = ROLLED_UP.iter().flat_map(|(_, names)| *names).copied().collect();
    let Some(told) = rolled_up(&folder().join("graphite"), &names) else { return };
    let mut expected = String::new();
    for (method, names) in ROLLED_UP {
        // What comes of 1 to 6 in a minute, of a 7 that is alone in it, and of ten such minutes.
        let numbers = match method {
            "sum" => "21.0\t7.0\t210.0",
            "min" => "1.0\t7.0\t1.0",
            "max" | "last" => "6.0\t7.0\t6.0",
            _ => "3.5\t7.0\t3.5",
        };
        for name in names {
            writeln!(expected, "{name}\t10:8640,60:10080,600:52560\t{method}\t{numbers}")
                .expect("it is a String");
        }
    }
    assert_eq!(told, expected);
}

#[test]
fn hosts_called_like_a_statistic_are_put_in_by_their_names() {
    let directory = TempDir::new().expect("a directory can be made");
    let [schemas, aggregation] = ["storage-schemas.conf", "storage-aggregation.conf"]
        .map(|name| std::fs::read_to_string(folder().join("graphite").join(name)).expect("it is there"));
    let any_host = Regex::new(r"\(\\\.\(\?!.*?\)\[\^\.;\]\+\)\*").expect("it is right");
    assert_eq!(any_host.find_iter(&aggregation).filter(|found| !found.as_str().contains("...")).count(), 4);
    let named = any_host.replace_all(&aggregation, r"(\.upper\.example\.com|\.web-1)?");
    assert_eq!(named.lines().filter(|line| line.contains("(?!")).count(), 1, "{named}");
    for (name, text) in [("storage-schemas.conf", &*schemas), ("storage-aggregation.conf", &*named)] {
        std::fs::write(directory.path().join(name), text).expect("it can be written");
    }
    let expected = [
        ("stats.counters.orders.count.upper.example.com", "sum"),
        ("stats.timers.checkout.sum_90.upper.example.com;env=a", "sum"),
        ("stats.timers.checkout.lower.upper.example.com", "min"),
        ("stats.timers.checkout.upper.web-1", "max"),
        ("stats.timers.checkout.upper", "max"),
        ("stats.timers.upper.mean.upper.example.com", "average"),
    ];
    let Some(told) = rolled_up(directory.path(), &expected.map(|(name, _)| name)) else { return };
    let fields = told.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    assert_eq!(fields.map(|fields| (fields[0], fields[2])).collect::<Vec<_>>(), expected);
}

#[test]
fn carbon_reads_the_stanza_that_check_prints() {
    let directory = TempDir::new().expect("a directory can be made");
    let config = directory.path().join("hekad.toml");
    let check = |text: &str| {
        std::fs::write(&config, text).expect("a configuration can be written");
        let mut command = Command::new(binary());
        let output =
            command.args(["check", "--graphite", "--config"]).arg(&config).env_remove("HEKAD_LISTEN");
        let output = output.output().expect("hekad can be started");
        assert_eq!(output.status.code(), Some(0));
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned())
    };
    let [stanza, remarks] = check(
        "[StatsdInput]\n[StatAccumFilter]\nticker_interval = 5\nglobal_prefix = \"shop\"\n[CarbonOutput]\n",
    );
    assert_eq!(remarks, "");
    std::fs::write(directory.path().join("storage-schemas.conf"), stanza).expect("it can be written");
    std::fs::write(
        directory.path().join("storage-aggregation.conf"),
        "[all]\npattern = .*\nxFilesFactor = 0\naggregationMethod = sum\n",
    )
    .expect("it can be written");
    let Some(told) = rolled_up(directory.path(), &["shop.counters.orders.count"]) else { return };
    assert_eq!(told, "shop.counters.orders.count\t5:17280,60:10080,600:52560\tsum\t21.0\t7.0\t210.0\n");
    let [stanza, remarks] = check("[StatsdInput]\n[StatAccumFilter]\n[PrometheusOutput]\n");
    assert_eq!(stanza, "");
    let told = "nothing is flushed to carbon: there is no CarbonOutput that an aggregator sends to\n";
    assert_eq!(remarks, told);
}

/// What `roll_up.py` prints for names under the configuration of this folder; skips the test where carbon is missing.
fn rolled_up(configuration: &Path, names: &[&str]) -> Option<String> {
    let tools = match tools() {
        Ok(tools) => tools,
        Err(missing) => {
            skip(missing);
            return None;
        }
    };
    let files = TempDir::new().expect("a directory can be made");
    let mut python = Command::new(&tools.python);
    python.args(["-W", "ignore", "-c", ROLL_UP]).arg(configuration).arg(files.path());
    let mut child =
        python.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("python can be started");
    let mut input = child.stdin.take().expect("its input is a pipe");
    input.write_all(names.join("\n").as_bytes()).expect("python reads");
    drop(input);
    let output = child.wait_with_output().expect("python ends");
    assert!(output.status.success(), "roll_up.py failed, {}", output.status);
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Names of every statistic, with tags and hosts and of both namespaces, by how they are rolled up.
const ROLLED_UP: [(&str, &[&str]); 5] = [
    (
        "sum",
        &[
            "stats.counters.shop.orders.count",
            "stats.counters.shop.orders.count;env=a",
            "stats.counters.shop.orders.count.web-1",
            "stats.counters.shop.orders.count.web-1;env=a",
            "stats.counters.shop.orders.count.web1.example.com",
            "stats.counters.shop.rate.count.web1.example.com;env=a",
            "stats.counters.shop.orders.count.mean.example.com",
            "stats_counts.shop.orders",
            "stats_counts.shop.upper;env=a",
            "stats.timers.shop.checkout.count",
            "stats.timers.shop.checkout.count_99_9",
            "stats.timers.shop.checkout.sum",
            "stats.timers.shop.checkout.sum_90",
            "stats.timers.shop.checkout.sum_squares_top10",
            "stats.timers.shop.checkout.histogram.bin_10",
            "stats.timers.shop.mean.count",
            "stats.timers.shop.mean.count;host=upper.lower",
            "stats.timers.shop.checkout.sum_squares_90.web1.example.com",
            "stats.timers.shop.upper.count.web1.example.com;env=a",
            "stats.timers.shop.checkout.histogram.bin_0_5.web1.example.com",
        ],
    ),
    (
        "min",
        &[
            "stats.timers.shop.checkout.lower",
            "stats.timers.shop.checkout.lower_top10;env=a",
            "stats.timers.shop.checkout.lower.web-1",
            "stats.timers.shop.checkout.lower_90.web1.example.com",
            "stats.timers.count.upper.lower.web1.example.com;env=a",
        ],
    ),
    (
        "max",
        &[
            "stats.timers.shop.checkout.upper",
            "stats.timers.shop.checkout.upper_90;env=a",
            "stats.timers.shop.checkout.upper_99_9.web-1",
            "stats.timers.shop.checkout.upper.web1.example.com",
            "stats.timers.shop.count.upper_top10.web1.prod.example.com;env=a",
            "stats.sets.shop.visitors.count",
            "stats.sets.shop.visitors.count.web-1;env=a",
            "stats.statsd.processing_time",
        ],
    ),
    (
        "last",
        &[
            "stats.gauges.shop.stock",
            "stats.gauges.shop.count;env=a",
            "stats.gauges.shop.stock.web-1",
            "stats.statsd.numStats",
            "statsd.numStats",
            "stats.statsd.graphiteStats.last_flush",
        ],
    ),
    (
        "average",
        &[
            "stats.counters.shop.orders.rate",
            "stats.counters.shop.orders.rate.web-1;env=a",
            "stats.shop.orders",
            "stats.timers.shop.checkout.mean",
            "stats.timers.shop.checkout.mean_90.web-1",
            "stats.timers.shop.checkout.median",
            "stats.timers.shop.checkout.std",
            "stats.timers.shop.checkout.count_ps",
            "stats.timers.shop.count.mean",
            "stats.timers.shop.count.mean;of=shop.count",
            "stats.timers.shop.count.mean.web1.example.com",
            "stats.timers.shop.upper.mean_90.web1.example.com;env=a",
            "stats.timers.shop.lower.median.web1.example.com",
            "stats.timers.shop.sum.std.web1.example.com",
            "stats.timers.shop.count.count_ps.web1.example.com",
            "stats.counters.shop.count.rate.web1.example.com",
        ],
    ),
];

const ROLL_UP: &str = include_str!("roll_up.py");
