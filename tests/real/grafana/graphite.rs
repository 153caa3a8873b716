//! Every query for Graphite by a graphite-web over a carbon that has the shipped configuration.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;

use super::boards::{Board, filled, folder};
use super::{ANSWERED, LOAD, Values, chosen, values_of};
use crate::carbon::Carbon;
use crate::graphite_web::GraphiteWeb;
use crate::harness::{free_port, wait_until};
use crate::hekad::Hekad;

#[test]
fn every_query_for_graphite_has_an_answer_under_all_names() {
    if !GraphiteWeb::is_there() {
        return;
    }
    let port = free_port();
    let Some(carbon) = Carbon::start_shipped(&folder().join("graphite"), port) else { return };
    let web = GraphiteWeb::start(port, &carbon);
    let hekads =
        NAMES.map(|(more, ..)| Hekad::start_with(1, Some(carbon.port), &format!("{OPTIONS}{more}\n{OWN}")));
    let load = || hekads.iter().for_each(|hekad| hekad.send(LOAD));
    let mut count = 0;
    for board in Board::all().iter().filter(|board| board.is_for("graphite")) {
        for (_, namespace, suffix) in NAMES {
            let values = values_of(board, |variable, values| {
                let query = variable["query"].as_str().expect("it is a text");
                match (variable["type"].as_str(), variable["name"].as_str()) {
                    (Some("custom"), _) => option(query, namespace),
                    (_, Some("suffix")) => suffix.to_owned(),
                    (Some("query"), _) => wait_until(ANSWERED, || {
                        load();
                        let found = web.list(&put_in(query, values))?;
                        let some = &found[..found.len().min(10)];
                        chosen(variable, &found).ok_or(format!("{query}: {} like {some:?}", found.len()))
                    }),
                    _ => query.to_owned(),
                }
            });
            for query in board.queries() {
                let target = put_in(&query.text, &values);
                wait_until(ANSWERED, || match web.render(&target) {
                    Ok(found) if !found.is_empty() => Ok(()),
                    other => {
                        load();
                        Err(format!("{}: {target}: {other:?}", query.place))
                    }
                });
                count += 1;
            }
        }
    }
    assert!(count > 100, "{count} targets: they are not read any more");
    assert_only_rates_and_means_are_averaged(&carbon);
}

/// The value of a variable with options, one of which is `value`.
fn option(query: &str, value: &str) -> String {
    let options = query.split(", ").filter_map(|option| option.rsplit_once(" : "));
    let mut values = options.map(|(_, value)| value);
    assert!(values.any(|option| option == value), "{value} is none of {query}");
    value.to_owned()
}

fn put_in(text: &str, values: &Values) -> String {
    filled(text, |name| values.get(name).unwrap_or_else(|| panic!("no variable {name}")).clone())
}

/// Asks the log of carbon by which method it rolls up what hekad sent.
fn assert_only_rates_and_means_are_averaged(carbon: &Carbon) {
    let mean = Regex::new(
        r"\.(rate|count_ps|median|std|mean(_\d+)?)(\.web1\.example\.com)?(;|$)|^stats\.(dropped|heka|shop|statsd)\.",
    )
    .expect("it is right");
    let log = carbon.printed();
    let made =
        log.lines().filter_map(|line| line.split_once("creating database metric ")?.1.split_once(" ("));
    let mut methods = BTreeMap::<&str, BTreeSet<&str>>::new();
    for (name, rest) in made.filter(|(name, _)| name.starts_with("stats")) {
        assert!(rest.contains("archive=[(10, 8640), (60, 10080), (600, 52560)] xff=0.0 "), "{name} {rest}");
        let method = rest.rsplit_once("agg=").map_or("", |(_, method)| method.trim_end_matches(')'));
        methods.entry(method).or_default().insert(name);
        assert!(method != "average" || mean.is_match(name), "{name} is averaged");
    }
    let found: Vec<&str> = methods.keys().copied().collect();
    assert_eq!(found, ["average", "last", "max", "min", "sum"], "{methods:#?}");
}

/// Options of aggregators, where their counters are, and what their names end with.
const NAMES: [(&str, &str, &str); 3] = [
    ("", "stats.counters.**.count", ""),
    ("legacy_namespaces = true", "stats_counts.**", ""),
    ("global_suffix = \"web1.example.com\"", "stats.counters.**.count", ".web1.example.com"),
];

/// Behind the options of the accumulator.
const OWN: &str = "[OwnMetricsInput]\nticker_interval = 1\n";

const OPTIONS: &str = r#"own_stats = true
percent_threshold = [50, 90]
histogram = [{ metric = "", bins = [10, "inf"] }]
"#;
