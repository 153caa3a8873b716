//! From a section to the structs that its framework and its plugin want, with all mistakes at once.
//!
//! Which keys there are is read from a struct's JSON schema, so that unknown and missing keys are all found; what
//! the values must be is left to `serde`, which is asked again without a value it refused.

use std::collections::HashSet;
use std::ops::Range;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use super::deserialize::{Fault, FaultKind, Step, deserialize};
use super::foreign::{known_elsewhere, known_here};
use super::problem::{Problem, ProblemKind, Problems};
use super::schema::{Node, Schema, example};
use super::sections::Section;
use super::suggestion::suggest;
use super::value::{Entry, Kind, Table, Value};

/// A section being read into one struct after another; what none of them knows is reported at the end.
///
/// ```text
/// let mut reading = section.reading();
/// let common = reading.take::<Common>();
/// let own = reading.take::<C>();
/// reading.finish(&mut problems);
/// ```
pub struct Reading<'a> {
    section: &'a Section,
    problems: Problems,
    known: HashSet<String>,
    allowed: Vec<String>,
    /// Keys of tables below, as `table.key`.
    nested: Vec<String>,
    elsewhere: Vec<(String, String)>,
}

/// A struct that knows more about its values than their types say.
pub trait Check {
    /// What is wrong with the values, each with its key; nothing by default.
    fn check(&self) -> Vec<Violation> {
        Vec::new()
    }
}

/// A value that a struct's own check refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The key, dotted if it is in a table below, with the place in a list of tables from 0: `mapping[2].match`. Places
    /// are left out where it is shown.
    pub key: String,
    /// What is wrong, without the key: `must be at least 1s`.
    pub message: String,
    /// What would be right, if that is not plain from the message.
    pub help: Option<String>,
    /// The element of a list, by its number from 0, or the entry of a table, by its name, if it is one alone.
    pub element: Option<String>,
}

impl Violation {
    /// A violation without further help.
    pub fn new(key: impl Into<String>, message: impl Into<String>) -> Violation {
        Violation { key: key.into(), message: message.into(), help: None, element: None }
    }

    /// This violation, of one element of a list (its number from 0) or entry of a table (its name) alone.
    #[must_use]
    pub fn of_element(mut self, element: impl ToString) -> Violation {
        self.element = Some(element.to_string());
        self
    }
}

impl Section {
    /// Begins to read the section into several structs.
    pub fn reading(&self) -> Reading<'_> {
        let allowed = if self.is_global() { Vec::new() } else { vec!["type".to_owned()] };
        let known = HashSet::new();
        let section = self;
        Reading { section, problems: Vec::new(), known, allowed, nested: Vec::new(), elsewhere: Vec::new() }
    }

    /// Reads the whole section into one struct; every key it does not know is a problem.
    ///
    /// `None` if anything was wrong; nothing is reported for a section that is damaged already.
    pub fn typed<C: DeserializeOwned + JsonSchema>(&self, problems: &mut Problems) -> Option<C> {
        self.typed_with(&[], problems)
    }

    /// The same, but the keys of `others` are left to somebody else.
    pub fn typed_with<C: DeserializeOwned + JsonSchema>(
        &self,
        others: &[&str],
        problems: &mut Problems,
    ) -> Option<C> {
        let mut reading = self.reading();
        reading.leave(others);
        let read = reading.take::<C>();
        if reading.finish(problems) { read } else { None }
    }

    /// Reads the section into two structs; a key that neither knows is a problem, one both know goes to both.
    pub fn split_typed<A, B>(&self, problems: &mut Problems) -> Option<(A, B)>
    where
        A: DeserializeOwned + JsonSchema,
        B: DeserializeOwned + JsonSchema,
    {
        let mut reading = self.reading();
        let read = (reading.take::<A>(), reading.take::<B>());
        if !reading.finish(problems) {
            return None;
        }
        Some((read.0?, read.1?))
    }

    /// [`Section::typed`], and then what the struct itself says about its values.
    pub fn checked<C: DeserializeOwned + JsonSchema + Check>(&self, problems: &mut Problems) -> Option<C> {
        let read = self.typed::<C>(problems)?;
        if self.report_violations(read.check(), problems) { None } else { Some(read) }
    }

    /// Reports what a struct's own check found, at the values of the keys; whether there was anything.
    pub fn report_violations(&self, violations: Vec<Violation>, problems: &mut Problems) -> bool {
        let any = !violations.is_empty();
        for violation in violations {
            let at = match &violation.element {
                Some(element) if violation.key.contains('[') => {
                    self.nested_at(&format!("{}[{element}]", violation.key))
                }
                None if violation.key.contains('[') => self.nested_at(&violation.key),
                Some(element) => self.element_at(&violation.key, element),
                None => self.value_at(&violation.key),
            };
            let key =
                violation.key.split('[').map(|part| part.split_once(']').map_or(part, |(_, rest)| rest));
            let kind = ProblemKind::OutOfRange { key: key.collect(), message: violation.message };
            let mut problem = Problem::at(at, kind);
            problem.help.extend(violation.help);
            problems.push(problem);
        }
        any
    }
}

impl Reading<'_> {
    /// Leaves these keys to somebody else: they are known, but not read.
    pub fn leave(&mut self, keys: &[&str]) {
        for key in keys {
            self.known.insert(key.to_lowercase());
            self.allowed.push((*key).to_owned());
        }
    }

    /// Says that these keys, if nobody knows them, belong in `belongs`: `[hekad]`, or `a filter or output`.
    pub fn elsewhere(&mut self, keys: &[&str], belongs: &str) {
        self.elsewhere.extend(keys.iter().map(|key| (key.to_lowercase(), belongs.to_owned())));
    }

    /// Reads the keys this struct has; `None` if one of them is missing or wrong.
    pub fn take<C: DeserializeOwned + JsonSchema>(&mut self) -> Option<C> {
        let schema = Schema::of::<C>();
        let root = schema.root();
        self.learn(root);
        let mut fitting = Fitting { section: self.section, problems: Vec::new(), absent: HashSet::new() };
        let own = self.section.table.entries.iter().filter(|entry| root.property(&entry.key).is_some());
        let table = fitting.table(&Table { entries: own.cloned().collect() }, root, "");
        fitting.missing(&table, root, "", &self.section.name_at.span);
        let read = fitting.read::<C>(table);
        let whole = fitting.problems.is_empty() && fitting.absent.is_empty();
        self.problems.append(&mut fitting.problems);
        read.filter(|_| whole)
    }

    /// Reports everything found, and the keys nobody took; whether all was well.
    ///
    /// In a section with a syntax error nothing more is reported: what is missing may be what could not be read.
    pub fn finish(mut self, problems: &mut Problems) -> bool {
        if self.section.is_damaged() {
            return false;
        }
        for entry in &self.section.table.entries {
            if !self.known.contains(&entry.key.to_lowercase()) {
                let problem = self.unknown(entry);
                self.problems.push(problem);
            }
        }
        // A section of several structs may have found the same key wrong twice.
        let mut well = true;
        for problem in self.problems {
            well = false;
            if !problems.contains(&problem) {
                problems.push(problem);
            }
        }
        well
    }

    fn learn(&mut self, root: Node<'_>) {
        for entry in &self.section.table.entries {
            if root.property(&entry.key).is_some() {
                self.known.insert(entry.key.to_lowercase());
            }
        }
        for name in root.properties().into_iter().flat_map(|properties| properties.keys()) {
            if !self.allowed.contains(name) {
                self.allowed.push(name.clone());
            }
            let below = root.child(name).and_then(Node::properties);
            self.nested
                .extend(below.into_iter().flat_map(|keys| keys.keys()).map(|key| format!("{name}.{key}")));
        }
    }

    fn unknown(&self, entry: &Entry) -> Problem {
        let at = self.section.location(entry.key_span.clone());
        let (key, section) = (entry.key.clone(), self.section.name.clone());
        if let Some((_, belongs)) = self.elsewhere.iter().find(|(other, _)| other.eq_ignore_ascii_case(&key))
        {
            return Problem::at(at, ProblemKind::MisplacedKey { key, section, belongs: belongs.clone() });
        }
        let below =
            |path: &&String| path.split('.').next_back().is_some_and(|last| last.eq_ignore_ascii_case(&key));
        let allowed = || self.allowed.iter().map(String::as_str);
        let own = known_here(&key, &self.section.type_name, allowed()).or_else(|| suggest(&key, allowed()));
        let suggestion = own.map(str::to_owned);
        let suggestion = suggestion.or_else(|| self.nested.iter().find(below).cloned());
        let suggestion = suggestion.or_else(|| known_elsewhere(&key));
        let mut allowed = self.allowed.clone();
        allowed.sort();
        Problem::at(at, ProblemKind::UnknownKey { key, section, suggestion, allowed })
    }
}

/// One struct being read: its part of the tree in the schema's spelling, and what was wrong with it.
struct Fitting<'a> {
    section: &'a Section,
    problems: Problems,
    /// Paths of keys that are missing or were taken out, and need no second report.
    absent: HashSet<String>,
}

impl Fitting<'_> {
    /// The table with the keys spelt as in the schema; reports unknown keys below the top, repeated and missing ones.
    fn table(&mut self, table: &Table, node: Node<'_>, path: &str) -> Table {
        let mut fitted = Table::default();
        for entry in &table.entries {
            let Some((name, child)) = node.property(&entry.key) else {
                self.unknown(entry, node, path);
                continue;
            };
            let path = joined(path, name);
            if let Some(first) = fitted.entries.iter().find(|first| first.key == name) {
                self.repeated(entry, first);
                continue;
            }
            let key = name.to_owned();
            match self.value(&entry.value, child, &path) {
                Some(value) => fitted.entries.push(Entry { key, key_span: entry.key_span.clone(), value }),
                None => drop(self.absent.insert(path)),
            }
        }
        fitted
    }

    /// `None` if a variable is missing somewhere in it.
    fn value(&mut self, value: &Value, node: Node<'_>, path: &str) -> Option<Value> {
        let kind = match &value.kind {
            Kind::Damaged => return None,
            Kind::Table(table) if node.properties().is_some() => {
                let fitted = self.table(table, node, path);
                self.missing(&fitted, node, path, &value.span);
                Kind::Table(fitted)
            }
            Kind::Table(table) => {
                let child = node.free_values().unwrap_or(node);
                let entry = |fitting: &mut Self, entry: &Entry| {
                    let value = fitting.value(&entry.value, child, &joined(path, &entry.key))?;
                    Some(Entry { value, ..entry.clone() })
                };
                let entries = table.entries.iter().map(|each| entry(self, each)).collect::<Option<_>>()?;
                Kind::Table(Table { entries })
            }
            Kind::Array(values) => {
                let child = node.items().unwrap_or(node);
                Kind::Array(values.iter().map(|value| self.value(value, child, path)).collect::<Option<_>>()?)
            }
            other => other.clone(),
        };
        Some(Value { kind, span: value.span.clone() })
    }

    fn missing(&mut self, table: &Table, node: Node<'_>, path: &str, span: &Range<usize>) {
        for key in node.required() {
            let full = joined(path, key);
            if table.entries.iter().any(|entry| entry.key == key) || !self.absent.insert(full.clone()) {
                continue;
            }
            let example = node.child(key).map_or_else(|| format!("{key} = ..."), |child| example(key, child));
            let section = joined(&self.section.name, path);
            let kind = ProblemKind::MissingKey { key: key.to_owned(), section, example };
            self.problems.push(Problem::at(self.section.location(span.clone()), kind));
        }
    }

    fn unknown(&mut self, entry: &Entry, node: Node<'_>, path: &str) {
        let mut allowed: Vec<String> =
            node.properties().into_iter().flat_map(|keys| keys.keys()).cloned().collect();
        allowed.sort();
        let suggestion = suggest(&entry.key, allowed.iter().map(String::as_str)).map(str::to_owned);
        let (key, section) = (entry.key.clone(), joined(&self.section.name, path));
        let kind = ProblemKind::UnknownKey { key, section, suggestion, allowed };
        self.problems.push(Problem::at(self.section.location(entry.key_span.clone()), kind));
    }

    fn repeated(&mut self, entry: &Entry, first: &Entry) {
        let kind = ProblemKind::RepeatedKey { key: entry.key.clone(), section: self.section.name.clone() };
        let problem = Problem::at(self.section.location(entry.key_span.clone()), kind);
        let first = self.section.location(first.key_span.clone());
        self.problems.push(problem.with_note(first, "first given here"));
    }

    /// Asks `serde`, and asks again without the value it refused, until it is content or something is missing.
    fn read<C: DeserializeOwned>(&mut self, mut table: Table) -> Option<C> {
        loop {
            let fault = match deserialize::<C>(&table) {
                Ok(read) => return Some(read),
                Err(fault) => fault,
            };
            let path = fault.path.clone();
            self.report(fault);
            self.absent.insert(keys_of(&path));
            if !remove(&mut table, &path) {
                return None;
            }
        }
    }

    fn report(&mut self, fault: Fault) {
        let path = keys_of(&fault.path);
        let at = fault.span.map_or_else(|| self.section.name_at.clone(), |span| self.section.location(span));
        let kind = match fault.kind {
            FaultKind::Missing(key) if !self.absent.insert(joined(&path, key)) => return,
            FaultKind::Missing(key) => {
                let (section, example) = (joined(&self.section.name, &path), format!("{key} = ..."));
                ProblemKind::MissingKey { key: key.to_owned(), section, example }
            }
            other => other.at_key(path),
        };
        self.problems.push(Problem::at(at, kind));
    }
}

/// Takes the value at `path` out; false if there is nothing to take.
fn remove(table: &mut Table, path: &[Step]) -> bool {
    let (Some(Step::Key(key)), rest) = (path.first(), path.get(1..).unwrap_or_default()) else {
        return false;
    };
    let Some(at) = table.entries.iter().position(|entry| entry.key == *key) else { return false };
    if rest.is_empty() || !remove_below(&mut table.entries[at].value, rest) {
        table.entries.remove(at);
    }
    true
}

fn remove_below(value: &mut Value, path: &[Step]) -> bool {
    match (&mut value.kind, path) {
        (Kind::Table(table), path) => remove(table, path),
        (Kind::Array(values), [Step::Index(at), rest @ ..]) if *at < values.len() => {
            if rest.is_empty() || !remove_below(&mut values[*at], rest) {
                values.remove(*at);
            }
            true
        }
        _ => false,
    }
}

fn joined(path: &str, key: &str) -> String {
    match (path, key) {
        ("", key) => key.to_owned(),
        (path, "") => path.to_owned(),
        (path, key) => format!("{path}.{key}"),
    }
}

/// The keys of a path, dotted; places in lists are left out, since the caret shows them.
fn keys_of(path: &[Step]) -> String {
    path.iter().fold(String::new(), |path, step| match step {
        Step::Key(key) => joined(&path, key),
        Step::Index(_) => path,
    })
}
