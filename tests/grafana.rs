//! Holds the folder `grafana/` to the program and to itself, as far as that needs no server; `tests/real/grafana.rs`
//! asks the servers.

mod boards;

use std::collections::BTreeSet;
use std::path::Path;

use heka::config::{Problems, Sources, render};
use heka::flow::OWN_METRICS;
use heka::pipeline::{Plan, builtin, plan, storage_schemas};
use serde_json::Value;

use boards::{Board, filled, folder, list, metrics_in};

#[test]
fn every_dashboard_can_be_imported_and_every_panel_says_what_it_means() {
    let boards = Board::all();
    assert_eq!(boards.len(), 5);
    for Board { name, whole } in &boards {
        assert_eq!(whole["uid"], format!("hekad-{name}"), "{name}: the uid follows the file");
        assert_eq!((&whole["id"], &whole["schemaVersion"]), (&Value::Null, &Value::from(39)), "{name}");
        assert!(whole["title"].as_str().is_some_and(|title| title.starts_with("hekad: ")), "{name}");
    }
    for board in &boards {
        let mut ids = BTreeSet::new();
        for panel in board.with_rows() {
            assert!(ids.insert(panel["id"].as_u64()), "{}: two panels {}", board.name, panel["id"]);
        }
        for panel in board.panels() {
            let place = format!("{}, {}", board.name, panel["title"]);
            let told = panel["description"].as_str().expect("a panel has a description");
            assert!(told.len() > 20 && told.ends_with('.'), "{place}: {told:?} is no description");
            assert!(list(&panel["targets"]).count() > 0, "{place}: nothing is asked");
        }
    }
}

#[test]
fn no_data_source_is_wired_in() {
    for board in Board::all() {
        let kinds = ["prometheus", "graphite"].map(|kind| board.is_for(kind));
        assert_eq!(kinds.iter().filter(|is| **is).count(), 1, "{}: one data source", board.name);
        let kind = if kinds[0] { "prometheus" } else { "graphite" };
        let mut seen = 0;
        each_datasource(&board.whole, &mut |source| {
            assert_eq!(*source, serde_json::json!({"type": kind, "uid": "${datasource}"}), "{}", board.name);
            seen += 1;
        });
        assert!(seen >= board.panels().count(), "{}: {seen} data sources", board.name);
    }
}

#[test]
fn panels_lie_beside_each_other_and_not_over() {
    for board in Board::all() {
        assert_beside(&board.name, list(&board.whole["panels"]));
        for row in list(&board.whole["panels"]).filter(|panel| panel["type"] == "row") {
            let within = list(&row["panels"]).count();
            assert_eq!(row["collapsed"] == true, within > 0, "{}, {}", board.name, row["title"]);
            // They are below its heading, where others are until somebody opens it.
            let all = std::iter::once(row).chain(list(&row["panels"]));
            assert_beside(&board.name, all);
        }
    }
}

fn assert_beside<'a>(board: &str, panels: impl Iterator<Item = &'a Value>) {
    let mut taken = BTreeSet::new();
    for panel in panels {
        let place = format!("{board}, {}", panel["title"]);
        let side = |key: &str| panel["gridPos"][key].as_u64().expect("a panel has its place");
        assert!(side("x") + side("w") <= 24, "{place} is beyond the right edge");
        for x in side("x")..side("x") + side("w") {
            for y in side("y")..side("y") + side("h") {
                assert!(taken.insert((x, y)), "{place} lies over another one at {x}, {y}");
            }
        }
    }
}

#[test]
fn every_variable_of_a_query_is_there() {
    for board in Board::all() {
        let known: BTreeSet<&str> =
            board.variables().map(|variable| variable["name"].as_str().expect("it has a name")).collect();
        let mut asked: Vec<(String, String)> =
            board.queries().into_iter().map(|query| (query.place, query.text)).collect();
        asked.extend(board.variables().map(|variable| (board.name.clone(), variable["query"].to_string())));
        for (place, text) in asked {
            filled(&text, |name| {
                assert!(
                    name.starts_with("__") || known.contains(name),
                    "{place}: no variable {name} for {text}"
                );
                String::new()
            });
        }
    }
}

#[test]
fn every_metric_that_is_asked_for_exists() {
    let own: BTreeSet<&str> = OWN_METRICS.iter().map(|metric| metric.name).collect();
    let rules = text_of("prometheus/rules.yml");
    let recorded: BTreeSet<&str> = after_each(&rules, "- record: ").collect();
    let mut seen = BTreeSet::new();
    let mut check = |place: &str, text: &str| {
        for name in metrics_in(text) {
            let known = own.contains(name.as_str()) || recorded.contains(name.as_str());
            assert!(known, "{place}: there is no metric {name}");
            seen.insert(name);
        }
    };
    for board in Board::all().iter().filter(|board| board.is_for("prometheus")) {
        board.queries().iter().for_each(|query| check(&query.place, &query.text));
        board.variables().for_each(|variable| check(&board.name, &variable["query"].to_string()));
    }
    check("rules.yml", &rules);
    check("alerts.yml", &text_of("prometheus/alerts.yml"));
    tests_of_rules().iter().for_each(|(name, text)| check(name, text));
    assert!(seen.len() > 100, "{} metrics: they are not read any more", seen.len());
}

#[test]
fn every_metric_is_in_a_dashboard_or_a_rule() {
    let mut seen = metrics_in(&text_of("prometheus/rules.yml"));
    seen.extend(metrics_in(&text_of("prometheus/alerts.yml")));
    let boards = Board::all();
    seen.extend(boards.iter().flat_map(Board::queries).flat_map(|query| metrics_in(&query.text)));
    let unseen = OWN_METRICS.iter().map(|metric| metric.name).filter(|name| !seen.contains(*name));
    assert_eq!(unseen.collect::<Vec<_>>(), [""; 0], "nobody would look at them");
}

#[test]
fn every_label_that_is_summed_by_is_one_of_a_metric() {
    let own = OWN_METRICS.iter().flat_map(|metric| metric.labels).copied();
    let known: BTreeSet<&str> = own.chain(["job", "instance", "le", "quantile", "$by"]).collect();
    let mut texts = vec![text_of("prometheus/rules.yml"), text_of("prometheus/alerts.yml")];
    let boards = Board::all();
    let queries = boards.iter().filter(|board| board.is_for("prometheus")).flat_map(Board::queries);
    texts.extend(queries.map(|query| query.text));
    let mut seen = 0;
    for text in texts {
        for labels in text.split(" by (").skip(1).filter_map(|rest| rest.split(')').next()) {
            for label in labels.split(',').map(str::trim) {
                assert!(known.contains(label), "there is no label {label} for {text}");
                seen += 1;
            }
        }
    }
    assert!(seen > 150, "{seen} labels: they are not read any more");
}

#[test]
fn every_alert_has_a_test_in_which_it_fires_and_one_in_which_it_does_not() {
    let alerts = text_of("prometheus/alerts.yml");
    let names: BTreeSet<&str> = after_each(&alerts, "- alert: ").collect();
    assert!(names.len() >= 16, "{names:?}");
    let (mut fired, mut quiet) = (BTreeSet::new(), BTreeSet::new());
    let tests = tests_of_rules();
    for (_, text) in &tests {
        for case in text.split("- alertname: ").skip(1) {
            let name = case.lines().next().expect("a text has a first line").trim();
            if case.contains("exp_alerts: []") {
                quiet.insert(name)
            } else {
                fired.insert(name)
            };
        }
    }
    assert_eq!((&fired, &quiet), (&names, &names));
}

#[test]
fn the_schemas_are_those_that_check_prints_for_the_shipped_interval() {
    let shipped = text_of("graphite/storage-schemas.conf");
    let legacy = "[StatsdInput]\n[StatAccumFilter]\nlegacy_namespaces = true\n[CarbonOutput]\n";
    let stanza = storage_schemas(&planned("legacy", legacy));
    let lines: Vec<&str> = stanza.lines().filter(|line| line.contains(" = ")).collect();
    assert_eq!(lines.len(), 2);
    assert!(shipped.contains(&lines.join("\n")), "{lines:?} are not in\n{shipped}");
    let composed = storage_schemas(&planned("hekad.toml", &text_of("hekad.toml")));
    assert!(composed.contains(lines[1]), "{composed}");
}

#[test]
fn what_the_composition_mounts_is_there() {
    let compose = text_of("compose.yaml");
    let mounts: Vec<(&str, &str)> = after_each(&compose, "- ./")
        .filter_map(|mount| mount.trim_end_matches(":ro").split_once(':'))
        .collect();
    assert!(mounts.len() >= 8, "{mounts:?}");
    for (from, _) in &mounts {
        assert!(folder().join(from).exists(), "there is no grafana/{from}");
    }
    let dashboards = mounts.iter().find(|(from, _)| *from == "dashboards").expect("dashboards are mounted").1;
    let provider = text_of("provisioning/dashboards/hekad.yaml");
    assert_eq!(after_each(&provider, "path: ").collect::<Vec<_>>(), [dashboards]);
    let home = after_each(&compose, "HOME_DASHBOARD_PATH: ").next().expect("there is a first dashboard");
    let home = Path::new(home).strip_prefix(dashboards).expect("it is one of them");
    assert!(folder().join("dashboards").join(home).exists(), "there is no dashboard {}", home.display());
}

fn planned(name: &str, text: &str) -> Plan {
    let sources = Sources::embedded(name, text);
    let mut problems = Problems::new();
    let planned = plan(&sources, &builtin(), &|_| None, "host", &mut problems);
    assert!(problems.is_empty(), "{}", render(&problems, &sources, false));
    planned.expect("it is right")
}

fn text_of(path: &str) -> String {
    std::fs::read_to_string(folder().join(path)).unwrap_or_else(|error| panic!("grafana/{path}: {error}"))
}

/// The tests of promtool, by their names.
fn tests_of_rules() -> Vec<(String, String)> {
    let entries = std::fs::read_dir(folder().join("prometheus/tests")).expect("there are tests of rules");
    let names =
        entries.map(|entry| entry.expect("it can be listed").file_name().to_string_lossy().into_owned());
    names.map(|name| (name.clone(), text_of(&format!("prometheus/tests/{name}")))).collect()
}

/// What follows on a line after each `mark`.
fn after_each<'a>(text: &'a str, mark: &'a str) -> impl Iterator<Item = &'a str> {
    text.lines().filter_map(move |line| Some(line.split_once(mark)?.1.trim()))
}

fn each_datasource(value: &Value, found: &mut impl FnMut(&Value)) {
    match value {
        Value::Object(entries) => entries.iter().for_each(|(key, value)| {
            if key == "datasource" { found(value) } else { each_datasource(value, found) }
        }),
        Value::Array(values) => values.iter().for_each(|value| each_datasource(value, found)),
        _ => {}
    }
}
