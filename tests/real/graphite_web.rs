//! A real graphite-web over the files of a carbon: its render interface, and what fills Grafana's lists.

use std::process::Command;

use serde_json::Value;

use crate::carbon::{Carbon, tools};
use crate::harness::{Process, http_get, skip, wait_until};
use crate::prometheus::escaped;

/// A graphite-web that listens on the loopback.
pub(crate) struct GraphiteWeb {
    port: u16,
    _process: Process,
}

impl GraphiteWeb {
    /// Tells whether it can be started; skips the test where it is missing.
    pub(crate) fn is_there() -> bool {
        let asked = tools().map(|tools| {
            let mut command = Command::new(&tools.python);
            command.args(["-W", "ignore", "-c", "import django, graphite, tagging"]).output()
        });
        let missing = match asked {
            Err(missing) => missing,
            Ok(Ok(output)) if output.status.success() => return true,
            Ok(_) => "graphite-web is not installed".to_owned(),
        };
        skip(missing);
        false
    }

    /// Starts it at `port` over the files of `carbon`.
    pub(crate) fn start(port: u16, carbon: &Carbon) -> GraphiteWeb {
        let Ok(tools) = tools() else { panic!("its python was there when it was asked for") };
        let mut command = Command::new(&tools.python);
        command.args(["-W", "ignore", "-c", SERVER]).arg(carbon.root()).arg(port.to_string());
        let mut process = Process::start(&mut command, &carbon.root().join("web"));
        let web = wait_until(std::time::Duration::from_secs(60), || {
            process.assert_alive();
            http_get(port, "/metrics/expand?query=x")
        });
        assert_eq!(web.0, 200, "{}", web.1);
        GraphiteWeb { port, _process: process }
    }

    /// The values that the points of a target have, of all its series.
    pub(crate) fn render(&self, target: &str) -> Result<Vec<f64>, String> {
        let query = format!(
            "target={}&from=-10min&until=now&format=json&maxDataPoints=200&noCache=1",
            escaped(target)
        );
        let series = self.ask(&format!("/render?{query}"))?;
        let series = series.as_array().ok_or(format!("{target}: no series but {series}"))?;
        let points = series.iter().filter_map(|series| series["datapoints"].as_array()).flatten();
        Ok(points.filter_map(|point| point[0].as_f64()).collect())
    }

    /// What a variable of Grafana has to choose from: `expand(PATTERN)`, `tag_values(TAG,EXPRESSION…)`,
    /// `tags(EXPRESSION…)`, as many as Grafana asks for.
    pub(crate) fn list(&self, query: &str) -> Result<Vec<String>, String> {
        let (function, argument) =
            query.trim_end_matches(')').split_once('(').ok_or(format!("{query} is no query"))?;
        let found = match function {
            "expand" => self.ask(&format!("/metrics/expand?query={}", escaped(argument)))?["results"].clone(),
            "tag_values" => {
                let (tag, expression) = argument.split_once(',').unwrap_or((argument, ""));
                let asked = format!("tag={}&{}", escaped(tag), expressions(expression));
                self.ask(&format!("/tags/autoComplete/values?{asked}&limit=10000"))?
            }
            "tags" => self.ask(&format!("/tags/autoComplete/tags?{}&limit=10000", expressions(argument)))?,
            _ => return Err(format!("{query}: {function} is not known")),
        };
        let found = found.as_array().ok_or(format!("{query}: no list but {found}"))?;
        Ok(found.iter().filter_map(Value::as_str).map(str::to_owned).collect())
    }

    fn ask(&self, path: &str) -> Result<Value, String> {
        let (status, body) = http_get(self.port, path)?;
        let tail = &body[body.char_indices().rev().nth(600).map_or(0, |(at, _)| at)..];
        match status {
            200 => serde_json::from_str(&body).map_err(|error| format!("{path}: {error} in {tail}")),
            _ => Err(format!("{path}: {status} {tail}")),
        }
    }
}

/// The part of a request for tags that has the expressions of a query, as Grafana sends them.
fn expressions(text: &str) -> String {
    let some = text.split(',').filter(|expression| !expression.is_empty());
    some.map(|expression| format!("expr={}", escaped(expression))).collect::<Vec<_>>().join("&")
}

const SERVER: &str = include_str!("grafana/graphite_web.py");
