//! The dashboards, rules and files of the folder `grafana/`, asked of real servers.
//!
//! A query passes if it has an answer that is a number while the daemon has everything to tell. None may be empty; what
//! is 0 when all is well is asked for as 0, and the load makes most of it happen.

#[path = "../grafana/boards.rs"]
mod boards;
mod graphite;
mod prometheus;
mod roll_up;

use std::collections::BTreeMap;
use std::time::Duration;

use regex::Regex;
use serde_json::Value;

use self::boards::Board;

/// The values of a dashboard's variables, each after those before it.
fn values_of(board: &Board, mut value: impl FnMut(&Value, &Values) -> String) -> Values {
    let mut values = Values::new();
    for variable in board.variables().filter(|variable| variable["type"] != "datasource") {
        let name = variable["name"].as_str().expect("a variable has a name");
        values.insert(name.to_owned(), value(variable, &values));
    }
    values
}

/// The value of a variable: the one that the load is for, else the first. Grafana takes the first group of its
/// regular expression. Its "all but", `^(?!TEXT$)`, is none of Rust's.
fn chosen(variable: &Value, found: &[String]) -> Option<String> {
    let regex = variable["regex"].as_str().unwrap_or_default().trim_matches('/');
    let no_choice = regex.strip_prefix("^(?!").and_then(|rest| rest.strip_suffix("$)"));
    let regex = Regex::new(if no_choice.is_some() { "" } else { regex });
    let regex = regex.expect("it is an expression that Rust knows too");
    let values = found.iter().filter(|text| no_choice != Some(text.as_str())).filter_map(|text| {
        let captures = regex.captures(text)?;
        Some(captures.get(1).map_or(text.as_str(), |group| group.as_str()).to_owned())
    });
    let wanted = WANTED.iter().find(|(name, _)| variable["name"] == *name).map_or("", |(_, wanted)| wanted);
    values.filter(|value| !value.is_empty()).find(|value| value.replace('.', "_").contains(wanted))
}

/// Values of variables by name.
type Values = BTreeMap<String, String>;

/// What the programs of a shop send, some of it wrong.
const LOAD: [&str; 8] = [
    "shop.orders:1|c\nshop.orders:2|c|#env:a\nshop.orders:-1|c",
    "shop.checkout:12|ms\nshop.checkout:30|ms\nshop.checkout:9|ms|#env:a",
    "shop.bucketed:50|ms",
    "shop.stock:40|g",
    "shop.visitors:ann|s\nshop.visitors:bob|s",
    "dropped.noise:1|c",
    "no value",
    "shop.broken:x|c",
];

/// What the load sends for a variable to choose, dots as `_`.
const WANTED: [(&str, &str); 7] = [
    ("counter", "shop_orders"),
    ("timer", "shop_checkout"),
    ("histogram", "shop_bucketed"),
    ("gauge", "shop_stock"),
    ("set", "shop_visitors"),
    ("tagged", "counters_shop_orders_count"),
    ("tag", "env"),
];

const ANSWERED: Duration = Duration::from_secs(30);
