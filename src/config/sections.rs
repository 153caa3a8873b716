//! From sources to sections: the global `[hekad]` and one section for each plugin.
//!
//! Decides which section a plugin's options come from and what its type is called; which types there are and what
//! they want is left to the plan.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use toml::de::DeTable;

use super::problem::{Problem, ProblemKind, Problems};
use super::sources::{Location, Source, Sources};
use super::substitution::{Environment, is_reference, mask};
use super::text_map::TextMap;
use super::value::{Converter, Entry, Kind, Table};

/// All sections of a configuration, those of later sources in place of earlier ones of the same name.
#[derive(Debug, Clone, Default)]
pub struct Sections {
    /// `[hekad]`, if it is there.
    pub global: Option<Section>,
    /// The plugins, in the order of their first appearance.
    pub plugins: Vec<Section>,
}

/// One section with its entries; see [`Section::typed`] for reading them.
#[derive(Debug, Clone)]
pub struct Section {
    /// The name in the header.
    pub name: String,
    /// The value of `type`, or the name if there is none.
    pub type_name: String,
    /// Whether `type` was given, rather than taken from the name.
    pub has_type: bool,
    /// The name in the header.
    pub name_at: Location,
    /// The value of `type`, or the name in the header.
    pub type_at: Location,
    pub(super) table: Table,
    pub(super) damaged: bool,
    text: Arc<str>,
}

impl Sections {
    /// The plugin section of this name.
    pub fn plugin(&self, name: &str) -> Option<&Section> {
        self.plugins.iter().find(|section| section.name == name)
    }
}

impl Section {
    /// Whether something in it could not be read, so that what follows from its keys is not to be reported again.
    pub fn is_damaged(&self) -> bool {
        self.damaged
    }

    /// Whether it is `[hekad]` rather than a plugin.
    pub fn is_global(&self) -> bool {
        is_global(&self.name)
    }

    /// Whether the key is given, whatever the case.
    pub fn has(&self, key: &str) -> bool {
        self.table.entry(key).is_some()
    }

    /// The keys given, as written, in the order of the file.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.table.entries.iter().map(|entry| entry.key.as_str())
    }

    /// The text of a key that holds a string; for what must be known before the section is read as a whole.
    pub fn text(&self, key: &str) -> Option<&str> {
        match &self.lookup(key)?.value.kind {
            Kind::String(text, _) => Some(text),
            _ => None,
        }
    }

    /// Where the name of a key stands (a dotted path for nested ones), or the header if it is not given.
    pub fn key_at(&self, key: &str) -> Location {
        self.lookup(key).map_or_else(|| self.name_at.clone(), |entry| self.location(entry.key_span.clone()))
    }

    /// Where the value of a key stands (a dotted path for nested ones), or the header if it is not given.
    pub fn value_at(&self, key: &str) -> Location {
        self.lookup(key).map_or_else(|| self.name_at.clone(), |entry| self.location(entry.value.span.clone()))
    }

    /// Where an element of the list under `key` stands, by its number from 0, or an entry of the table, by its name; the
    /// whole value if there is no such element.
    pub fn element_at(&self, key: &str, element: &str) -> Location {
        let value = self.lookup(key).map(|entry| &entry.value);
        let span = value.and_then(|value| match &value.kind {
            Kind::Array(values) => Some(values.get(element.parse::<usize>().ok()?)?.span.clone()),
            Kind::Table(table) => {
                Some(table.entries.iter().find(|entry| entry.key == element)?.value.span.clone())
            }
            _ => None,
        });
        span.map_or_else(|| self.value_at(key), |span| self.location(span))
    }

    /// Where a value in a list of tables stands, by a path such as `mapping[2].labels.method`; as far as there is
    /// something.
    pub fn nested_at(&self, path: &str) -> Location {
        let (mut table, mut span) = (&self.table, None);
        for step in path.split('.') {
            let (key, place) = match step.strip_suffix(']').and_then(|step| step.split_once('[')) {
                Some((key, place)) => (key, place.parse::<usize>().ok()),
                None => (step, None),
            };
            let Some(entry) = table.entry(key) else { break };
            let element = match (&entry.value.kind, place) {
                (Kind::Array(values), Some(place)) => values.get(place),
                _ => None,
            };
            let value = element.unwrap_or(&entry.value);
            span = Some(value.span.clone());
            let Kind::Table(inner) = &value.kind else { break };
            table = inner;
        }
        span.map_or_else(|| self.name_at.clone(), |span| self.location(span))
    }

    /// Where the bytes `range` of the string value of `key` were written, past quotes, escapes and variables.
    ///
    /// The whole value if it is not a string, the header if the key is not given.
    pub fn inner_span(&self, key: &str, range: Range<usize>) -> Location {
        self.find_inner(key, range).unwrap_or_else(|| self.value_at(key))
    }

    /// A problem at the value of `key`.
    pub fn problem_at(&self, key: &str, kind: ProblemKind) -> Problem {
        Problem::at(self.value_at(key), kind)
    }

    pub(super) fn location(&self, span: Range<usize>) -> Location {
        Location { source: self.name_at.source, span }
    }

    fn find_inner(&self, key: &str, range: Range<usize>) -> Option<Location> {
        let value = &self.lookup(key)?.value;
        let Kind::String(text, before) = &value.kind else { return None };
        let token = self.text.get(value.span.clone())?;
        let (written, map) = TextMap::of_string(token, value.span.start);
        let (read, range) = match before {
            Some(before) => (&before.text, before.map.locate(range)?),
            None => (text, range),
        };
        // A bare reference was never written here, and a string with mistakes may be read as another than it is.
        if written != *read {
            return None;
        }
        map.locate(range).map(|span| self.location(span))
    }

    /// The entry at a dotted path.
    fn lookup(&self, path: &str) -> Option<&Entry> {
        let mut table = &self.table;
        let mut steps = path.split('.').peekable();
        loop {
            let entry = table.entry(steps.next()?)?;
            match (&entry.value.kind, steps.peek()) {
                (_, None) => return Some(entry),
                (Kind::Table(inner), Some(_)) => table = inner,
                _ => return None,
            }
        }
    }
}

/// Reads the sections of all sources, with the variables in their values replaced by what `environment` knows.
pub fn sections(sources: &Sources, environment: Environment<'_>, problems: &mut Problems) -> Sections {
    let mut sections = Sections::default();
    let mut places = HashMap::new();
    for (index, source) in sources.iter().enumerate().filter(|(_, source)| source.is_readable()) {
        for section in read_source(index, source, environment, problems) {
            if section.is_global() {
                sections.global = Some(section);
                continue;
            }
            let place = *places.entry(section.name.clone()).or_insert(sections.plugins.len());
            match sections.plugins.get_mut(place) {
                Some(earlier) => *earlier = section,
                None => sections.plugins.push(section),
            }
        }
    }
    sections
}

fn read_source(
    index: usize,
    source: &Source,
    environment: Environment<'_>,
    problems: &mut Problems,
) -> Vec<Section> {
    let text: Arc<str> = source.text().into();
    let masked = mask(&text);
    let (tree, errors) = DeTable::parse_recoverable(&masked);
    let root =
        Converter { source: index, text: &text, environment, problems: &mut *problems }.table(tree.get_ref());
    let broken = report_syntax(index, source, &root, &errors, problems);
    let mut found: Vec<Section> = Vec::new();
    for (at, entry) in root.entries.iter().enumerate() {
        let next = root.entries.get(at + 1).map_or(usize::MAX, |next| next.key_span.start);
        // What is broken before the first section may be its header.
        let start = if at == 0 { 0 } else { entry.key_span.start };
        let is_variable = text.get(entry.key_span.clone()).is_some_and(is_reference);
        let damaged = is_variable || broken.iter().any(|at| (start..next).contains(at));
        let Some(section) = section(index, &text, entry.clone(), damaged, problems) else { continue };
        let same = |first: &&Section| first.is_global() && section.is_global();
        if let Some(first) = found.iter().find(same) {
            problems.push(repeated_section(section.name_at.clone(), &section.name, first.name_at.clone()));
        }
        found.push(section);
    }
    found
}

/// Reports what the parser stumbled over, one problem a line, and returns the places of what is not there therefore.
fn report_syntax(
    index: usize,
    source: &Source,
    root: &Table,
    errors: &[toml::de::Error],
    problems: &mut Problems,
) -> Vec<usize> {
    let mut broken = Vec::new();
    let mut last_line = 0;
    let mut repeated_header = 0;
    for error in errors {
        let span = clamped(source.text(), error.span().unwrap_or(0..0));
        if let Some(problem) = repetition(index, source.text(), root, &span) {
            if matches!(problem.kind, ProblemKind::RepeatedSection { .. }) {
                repeated_header = span.start;
            } else if problem.notes.iter().any(|first| first.at.span.start < repeated_header) {
                // The key is repeated because its section is.
                continue;
            }
            problems.push(problem);
            continue;
        }
        broken.push(span.start);
        let line = source.line_column(span.start).0;
        // After a mistake the parser stumbles on: what else is in the line is rarely another one.
        if line != last_line {
            let rest = source.text()[span.start..].lines().next().unwrap_or_default().trim_start();
            let reason = match rest.is_empty() || rest.starts_with('#') {
                // The parser takes what is not there for a string without quotes.
                true if error.message().contains("must be quoted") => "a value is missing".to_owned(),
                _ => error.message().to_owned(),
            };
            let kind = ProblemKind::Syntax { reason };
            problems.push(Problem::at(Location { source: index, span }, kind));
        }
        last_line = line;
    }
    broken
}

/// The problem if what the parser refuses at `span` is a name that it has seen before.
fn repetition(index: usize, text: &str, root: &Table, span: &Range<usize>) -> Option<Problem> {
    let name = text.get(span.clone()).filter(|name| !name.is_empty())?.trim_matches(['"', '\'']);
    let before = text[..span.start].rsplit('\n').next().unwrap_or_default().trim();
    let after = text[span.end..].trim_start_matches([' ', '\t']);
    let at = Location { source: index, span: span.clone() };
    let earlier = |span: &Range<usize>| Location { source: index, span: span.clone() };
    if before == "[" && after.starts_with(']') {
        return header_before(text, name, span.start)
            .map(|first| repeated_section(at, name, earlier(&first)));
    }
    if !before.is_empty() || !after.starts_with('=') {
        return None;
    }
    let section = root.entries.iter().rfind(|entry| entry.key_span.start < span.start)?;
    let first = first_of_name(section, name, span.start)?;
    let kind = ProblemKind::RepeatedKey { key: name.to_owned(), section: section.key.clone() };
    Some(Problem::at(at, kind).with_note(earlier(&first), "first given here"))
}

/// The name in the first header `[name]` before `limit`; the parser keeps the place of the last one only.
fn header_before(text: &str, name: &str, limit: usize) -> Option<Range<usize>> {
    let mut start = 0;
    for line in text[..limit].split_inclusive('\n') {
        let inside = line.trim_start().strip_prefix('[').map(|rest| rest.trim_start());
        if let Some(rest) = inside
            && let Some((written, _)) = rest.split_once(']')
            && written.trim().trim_matches(['"', '\'']) == name
        {
            let at = start + (line.len() - rest.len());
            return Some(at..at + written.trim_end().len());
        }
        start += line.len();
    }
    None
}

/// The last place before `limit` where a key of this name is given at or below `entry`.
fn first_of_name(entry: &Entry, name: &str, limit: usize) -> Option<Range<usize>> {
    let own = (entry.key == name && entry.key_span.start < limit).then(|| entry.key_span.clone());
    let Kind::Table(table) = &entry.value.kind else { return own };
    let below = table.entries.iter().filter_map(|entry| first_of_name(entry, name, limit));
    below.chain(own).max_by_key(|span| span.start)
}

fn section(
    index: usize,
    text: &Arc<str>,
    entry: Entry,
    damaged: bool,
    problems: &mut Problems,
) -> Option<Section> {
    let name_at = Location { source: index, span: entry.key_span };
    let table = match entry.value.kind {
        Kind::Table(table) => table,
        Kind::Array(values) if values.iter().any(|value| matches!(value.kind, Kind::Table(_))) => {
            problems.push(Problem::at(name_at, ProblemKind::SectionIsList { section: entry.key }));
            return None;
        }
        _ => {
            problems.push(Problem::at(name_at, ProblemKind::KeyOutsideSection { key: entry.key }));
            return None;
        }
    };
    let (name, type_name) = (entry.key.clone(), entry.key);
    let text = Arc::clone(text);
    let type_at = name_at.clone();
    let mut section = Section { name, type_name, has_type: false, name_at, type_at, table, damaged, text };
    section.report_repeated_keys(problems);
    if !section.is_global() {
        section.take_type(problems);
    }
    Some(section)
}

impl Section {
    fn report_repeated_keys(&mut self, problems: &mut Problems) {
        let mut kept: Vec<Entry> = Vec::new();
        for entry in std::mem::take(&mut self.table.entries) {
            match kept.iter().find(|first| first.key.eq_ignore_ascii_case(&entry.key)) {
                Some(first) => {
                    let kind =
                        ProblemKind::RepeatedKey { key: entry.key.clone(), section: self.name.clone() };
                    let problem = Problem::at(self.location(entry.key_span), kind);
                    problems
                        .push(problem.with_note(self.location(first.key_span.clone()), "first given here"));
                }
                None => kept.push(entry),
            }
        }
        self.table.entries = kept;
    }

    fn take_type(&mut self, problems: &mut Problems) {
        let Some(entry) = self.table.take("type") else { return };
        self.has_type = true;
        self.type_at = self.location(entry.value.span);
        match entry.value.kind {
            Kind::String(text, _) => self.type_name = text,
            Kind::Damaged => self.damaged = true,
            other => {
                let (key, expected) = (entry.key, "a string".to_owned());
                let kind = ProblemKind::WrongType { key, expected, found: other.described().to_owned() };
                problems.push(Problem::at(self.type_at.clone(), kind));
                self.damaged = true;
            }
        }
    }
}

fn repeated_section(at: Location, name: &str, first: Location) -> Problem {
    Problem::at(at, ProblemKind::RepeatedSection { section: name.to_owned() })
        .with_note(first, "first given here")
}

fn is_global(name: &str) -> bool {
    name.eq_ignore_ascii_case(GLOBAL)
}

fn clamped(text: &str, span: Range<usize>) -> Range<usize> {
    let start = text.floor_char_boundary(span.start);
    start..text.ceil_char_boundary(span.end.min(text.len())).max(start)
}

/// The name of the section that is no plugin.
const GLOBAL: &str = "hekad";
