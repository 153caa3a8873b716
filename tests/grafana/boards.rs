//! What stands in the folder `grafana/`: the dashboards with their queries, and the names of metrics in a text.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// One dashboard.
pub(crate) struct Board {
    /// The name of its file, without its end.
    pub(crate) name: String,
    /// All of it.
    pub(crate) whole: Value,
}

/// One query of a dashboard.
#[derive(Debug)]
pub(crate) struct Query {
    /// The dashboard and the panel, annotation or variable.
    pub(crate) place: String,
    /// The query, with its variables.
    pub(crate) text: String,
}

impl Board {
    /// Reads all dashboards, in the order of their names.
    pub(crate) fn all() -> Vec<Board> {
        let folder = folder().join("dashboards");
        let entries = std::fs::read_dir(&folder).expect("there are dashboards");
        let paths: BTreeSet<PathBuf> = entries.map(|entry| entry.expect("it can be listed").path()).collect();
        let read = |path: PathBuf| {
            let name = path.file_stem().expect("a file has a name").to_string_lossy().into_owned();
            let text = std::fs::read_to_string(&path).expect("a dashboard can be read");
            let whole = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
            Board { name, whole }
        };
        paths.into_iter().map(read).collect()
    }

    /// Whether it is for data sources of this type.
    pub(crate) fn is_for(&self, kind: &str) -> bool {
        self.variables().any(|variable| variable["type"] == "datasource" && variable["query"] == kind)
    }

    /// Its panels, those of collapsed rows too, without the headings of rows.
    pub(crate) fn panels(&self) -> impl Iterator<Item = &Value> {
        self.with_rows().filter(|panel| panel["type"] != "row")
    }

    /// Its panels and the headings of rows, each before its panels.
    pub(crate) fn with_rows(&self) -> impl Iterator<Item = &Value> {
        list(&self.whole["panels"]).flat_map(|panel| std::iter::once(panel).chain(list(&panel["panels"])))
    }

    /// Its variables.
    pub(crate) fn variables(&self) -> impl Iterator<Item = &Value> {
        list(&self.whole["templating"]["list"])
    }

    /// The queries of its panels and annotations.
    pub(crate) fn queries(&self) -> Vec<Query> {
        let mut queries = self.queries_of(self.panels());
        let notes = list(&self.whole["annotations"]["list"]);
        queries.extend(notes.map(|note| self.query(&note["name"], &note["target"])));
        queries
    }

    /// The queries of these panels.
    pub(crate) fn queries_of<'a>(&self, panels: impl Iterator<Item = &'a Value>) -> Vec<Query> {
        let of = |panel: &'a Value| list(&panel["targets"]).map(|target| self.query(&panel["title"], target));
        panels.flat_map(of).collect()
    }

    fn query(&self, what: &Value, query: &Value) -> Query {
        let key = if query["target"].is_string() { "target" } else { "expr" };
        let text = query[key].as_str().unwrap_or_else(|| panic!("{}: no query in {query}", self.name));
        Query { place: format!("{}, {what}", self.name), text: text.to_owned() }
    }
}

/// The folder `grafana/`.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("grafana")
}

/// The elements of a list; none where there is no list.
pub(crate) fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// Puts values in the place of Grafana's variables, `$name` and `${name}`. What is Grafana's own has a name of two `_`;
/// `$1` and a lone `$` are none and stay.
pub(crate) fn filled(text: &str, mut value: impl FnMut(&str) -> String) -> String {
    let mut pieces = text.split('$');
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let bare = piece.strip_prefix('{');
        let rest = bare.unwrap_or(piece);
        let end =
            rest.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        if name.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '_') {
            out += &value(name);
            out += if bare.is_some() { after.strip_prefix('}').unwrap_or(after) } else { after };
        } else {
            out += "$";
            out += piece;
        }
    }
    out
}

/// The names in a text that hekad's own metrics could have, and those that a rule records, which hold a colon.
pub(crate) fn metrics_in(text: &str) -> BTreeSet<String> {
    let part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == ':';
    let words = text.split(|letter: char| !part(letter)).map(|word| word.trim_matches(':'));
    let named = words.filter(|word| word.starts_with("hekad_") || (word.contains(":hekad_")));
    named.filter(|word| *word != "hekad_").map(str::to_owned).collect()
}
