//! From the name of a file to its stream and to its place in the order of the stream.
//!
//! `file_match` is matched against the whole path below the directory. Its named groups are read as numbers for
//! `priority` and as text for `differentiator`.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::regexp::{Compiled, PatternError, compile};

/// The options that name streams, as they are given.
#[derive(Debug, Clone, Default)]
pub struct RulesSpec {
    /// The regular expression of paths.
    pub file_match: String,
    /// Names of groups, oldest file first; `^` before one turns it around.
    pub priority: Vec<String>,
    /// Names of groups, and other text, which make the name of a stream.
    pub differentiator: Vec<String>,
    /// Numbers of the texts of a group.
    pub translation: BTreeMap<String, BTreeMap<String, i64>>,
}

/// What is wrong with them.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum NamesError {
    /// The pattern does not compile.
    #[error("{error}")]
    Pattern {
        /// Why.
        error: PatternError,
        /// Bytes of the pattern that are to blame.
        at: Range<usize>,
    },
    /// The pattern begins with a slash, and what it is matched with never does.
    #[error("begins with a slash, and paths are matched below the directory")]
    Absolute,
    /// `priority` names what is no group.
    #[error("names `{name}`, which is no group of file_match; its groups are {}", listed(groups))]
    UnknownPriority {
        /// Its place in the list.
        place: usize,
        /// The name.
        name: String,
        /// The groups.
        groups: Vec<String>,
    },
    /// `translation` names what is no group.
    #[error("names `{name}`, which is no group of file_match; its groups are {}", listed(groups))]
    UnknownTranslation {
        /// The name.
        name: String,
        /// The groups.
        groups: Vec<String>,
    },
    /// A table that makes every file but one unreadable.
    #[error("must have two entries at least, or `missing` alone")]
    LoneTranslation {
        /// The group.
        name: String,
    },
}

/// The rules, compiled.
#[derive(Debug, Clone)]
pub struct Rules {
    pattern: Compiled,
    groups: Vec<String>,
    priority: Vec<Key>,
    differentiator: Vec<Part>,
}

/// Where a file belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// Name of its stream.
    pub stream: String,
    /// Its place in the order: older files have smaller ones.
    pub keys: Vec<i64>,
    /// What in its name has no number, though it should.
    pub odd: Option<Odd>,
}

/// A text that has no number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Odd {
    /// It is no month.
    #[error("`{text}` is not the English name of a month")]
    Month {
        /// The text.
        text: String,
    },
    /// It is no day of the week.
    #[error("`{text}` is not the English name of a day")]
    Day {
        /// The text.
        text: String,
    },
    /// The table of the group does not have it.
    #[error("`{text}` is not in the translation of {group}")]
    Untranslated {
        /// The group.
        group: String,
        /// The text.
        text: String,
    },
}

/// A group by which files are sorted.
#[derive(Debug, Clone)]
struct Key {
    group: String,
    index: usize,
    descending: bool,
    numbers: Numbers,
}

/// How the text of a group becomes a number.
#[derive(Debug, Clone)]
enum Numbers {
    /// It is one; or this, if the group is missing.
    Digits {
        missing: i64,
    },
    Months,
    Days,
    /// By a table whose keys are in lower case.
    Table(BTreeMap<String, i64>),
}

#[derive(Debug, Clone)]
enum Part {
    Literal(String),
    Group(usize),
}

impl Rules {
    /// Compiles the rules of the section `section`, which names the stream where `differentiator` is empty.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn new(spec: &RulesSpec, section: &str) -> Result<Rules, Vec<NamesError>> {
        // Anchored at both ends, and a top-level `|` is one pattern.
        let whole = format!("^(?:{})$", spec.file_match);
        let pattern = match compile(&spec.file_match).and_then(|_| compile(&whole)) {
            Ok(compiled) => compiled,
            Err((error, at)) => return Err(vec![NamesError::Pattern { error, at: within(at, spec) }]),
        };
        let groups: Vec<String> = pattern.regex.capture_names().flatten().map(str::to_owned).collect();
        let index = |name: &str| pattern.regex.capture_names().position(|group| group == Some(name));
        let mut errors = Vec::new();
        if spec.file_match.starts_with('/') || spec.file_match.starts_with("^/") {
            errors.push(NamesError::Absolute);
        }
        check_translation(spec, &groups, &mut errors);
        let mut priority = Vec::new();
        for (place, given) in spec.priority.iter().enumerate() {
            let name = given.strip_prefix('^').unwrap_or(given);
            let Some(index) = index(name) else {
                let (name, groups) = (name.to_owned(), groups.clone());
                errors.push(NamesError::UnknownPriority { place, name, groups });
                continue;
            };
            let numbers = Numbers::of(name, spec);
            priority.push(Key { group: name.to_owned(), index, descending: name != given, numbers });
        }
        let part = |given: &String| match index(given) {
            Some(index) => Part::Group(index),
            None => Part::Literal(given.clone()),
        };
        let mut differentiator: Vec<Part> = spec.differentiator.iter().map(part).collect();
        if differentiator.is_empty() {
            differentiator.push(Part::Literal(section.to_owned()));
        }
        if errors.is_empty() { Ok(Rules { pattern, groups, priority, differentiator }) } else { Err(errors) }
    }

    /// The names of the groups, in the order of the pattern.
    pub fn groups(&self) -> &[String] {
        &self.groups
    }

    /// Whether files of one stream can be told apart in time.
    pub fn sorts(&self) -> bool {
        !self.priority.is_empty()
    }

    /// The text every stream's name begins with, and whether it is all of the name.
    pub fn stream_prefix(&self) -> (String, bool) {
        let mut prefix = String::new();
        for part in &self.differentiator {
            match part {
                Part::Literal(text) => prefix.push_str(text),
                Part::Group(_) => return (prefix, false),
            }
        }
        (prefix, true)
    }

    /// Where the file at `path`, below the directory and with `/` between names, belongs; none if it does not match.
    pub fn place(&self, path: &[u8]) -> Option<Placed> {
        let mut captures = self.pattern.captures();
        if !self.pattern.find(path, &mut captures) {
            return None;
        }
        let text_of = |group: usize| {
            let text = captures.get(group).map_or(&[][..], |captured| &path[captured]);
            String::from_utf8_lossy(text).into_owned()
        };
        let mut odd = None;
        let mut keys = Vec::with_capacity(self.priority.len());
        for key in &self.priority {
            let number = key.number(text_of(key.index)).unwrap_or_else(|why| {
                odd.get_or_insert(why);
                UNKNOWN
            });
            keys.push(if key.descending { number.saturating_neg() } else { number });
        }
        let mut stream = String::new();
        for part in &self.differentiator {
            match part {
                Part::Literal(text) => stream.push_str(text),
                Part::Group(index) => stream.push_str(&text_of(*index)),
            }
        }
        Some(Placed { stream, keys, odd })
    }
}

impl Key {
    /// The number of what its group captured.
    fn number(&self, text: String) -> Result<i64, Odd> {
        let lower = text.to_lowercase();
        let at = |names: &[&str]| names.iter().position(|name| *name == lower).map(|place| place as i64);
        match &self.numbers {
            Numbers::Digits { missing } if text.is_empty() => Ok(*missing),
            Numbers::Digits { .. } => Ok(text.parse().unwrap_or(UNKNOWN)),
            Numbers::Months if text.is_empty() => Ok(UNKNOWN),
            Numbers::Months => at(&MONTHS).map(|month| month % 12 + 1).ok_or(Odd::Month { text }),
            Numbers::Days if text.is_empty() => Ok(UNKNOWN),
            Numbers::Days => at(&DAYS).map(|day| day % 7).ok_or(Odd::Day { text }),
            Numbers::Table(table) if text.is_empty() => Ok(table.get(MISSING).copied().unwrap_or(UNKNOWN)),
            Numbers::Table(table) => {
                let untranslated = || Odd::Untranslated { group: self.group.clone(), text };
                table.get(&lower).copied().ok_or_else(untranslated)
            }
        }
    }
}

impl Numbers {
    /// A table that is given wins over the built-in names: logs may speak another language.
    fn of(group: &str, spec: &RulesSpec) -> Numbers {
        let table = spec.translation.get(group);
        let lower = |table: &BTreeMap<String, i64>| {
            table.iter().map(|(text, &number)| (text.to_lowercase(), number)).collect::<BTreeMap<_, _>>()
        };
        match (table.map(lower), group) {
            (Some(table), _) if table.len() == 1 && table.contains_key(MISSING) => {
                Numbers::Digits { missing: table[MISSING] }
            }
            (Some(table), _) => Numbers::Table(table),
            (None, "MonthName") => Numbers::Months,
            (None, "DayName") => Numbers::Days,
            (None, _) => Numbers::Digits { missing: UNKNOWN },
        }
    }
}

fn check_translation(spec: &RulesSpec, groups: &[String], errors: &mut Vec<NamesError>) {
    for (name, table) in &spec.translation {
        if !groups.contains(name) {
            errors.push(NamesError::UnknownTranslation { name: name.clone(), groups: groups.to_vec() });
        } else if table.len() < 2 && !table.keys().any(|key| key.eq_ignore_ascii_case(MISSING)) {
            errors.push(NamesError::LoneTranslation { name: name.clone() });
        }
    }
}

/// A range of the pattern with its anchors, as one of the pattern.
fn within(at: Range<usize>, spec: &RulesSpec) -> Range<usize> {
    let end = spec.file_match.len();
    at.start.min(end)..at.end.min(end)
}

fn listed(groups: &[String]) -> String {
    match groups {
        [] => "none: name one as in (?P<Seq>\\d+)".to_owned(),
        groups => groups.iter().map(|group| format!("`{group}`")).collect::<Vec<_>>().join(", "),
    }
}

/// The number of what is missing or is none.
const UNKNOWN: i64 = -1;

/// The entry of a table for a group that took no part.
const MISSING: &str = "missing";

/// Whole and short, January 1.
const MONTHS: [&str; 24] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
    "jan",
    "feb",
    "mar",
    "apr",
    "may",
    "jun",
    "jul",
    "aug",
    "sep",
    "oct",
    "nov",
    "dec",
];

/// Whole and short, Monday 0.
const DAYS: [&str; 14] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
    "mon",
    "tue",
    "wed",
    "thu",
    "fri",
    "sat",
    "sun",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(file_match: &str, priority: &[&str], differentiator: &[&str]) -> RulesSpec {
        let owned = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect();
        RulesSpec {
            file_match: file_match.to_owned(),
            priority: owned(priority),
            differentiator: owned(differentiator),
            translation: BTreeMap::new(),
        }
    }

    fn table(entries: &[(&str, i64)]) -> BTreeMap<String, i64> {
        entries.iter().map(|&(text, number)| (text.to_owned(), number)).collect()
    }

    fn keys(rules: &Rules, path: &str) -> Vec<i64> {
        rules.place(path.as_bytes()).expect("it matches").keys
    }

    #[test]
    fn the_whole_path_must_match_and_an_alternative_is_one_pattern() {
        let rules = Rules::new(&spec("a|b", &[], &[]), "logs").unwrap();
        let stream = |path: &str| rules.place(path.as_bytes()).map(|placed| placed.stream);
        assert_eq!(stream("a").as_deref(), Some("logs"));
        assert_eq!((stream("ab"), stream("x/a"), stream("a\n")), (None, None, None));
        assert_eq!(rules.stream_prefix(), ("logs".to_owned(), true));
    }

    #[test]
    fn a_byte_that_is_no_text_is_one_character() {
        let rules = Rules::new(&spec(r"(?P<Name>[^/]*)\.(?P<Seq>\d)", &["Seq"], &["Name"]), "logs").unwrap();
        let placed = rules.place(b"caf\xe9.3").unwrap();
        assert_eq!((&*placed.stream, &*placed.keys), ("caf\u{fffd}", &[3][..]));
    }

    #[test]
    fn groups_sort_and_a_caret_turns_them_around() {
        let spec = spec(r"app\.(?P<Year>\d+)(\.(?P<Seq>\d+))?", &["Year", "^Seq"], &["app-", "Year"]);
        let rules = Rules::new(&spec, "logs").unwrap();
        assert_eq!(keys(&rules, "app.2014.3"), [2014, -3]);
        assert_eq!(keys(&rules, "app.2014"), [2014, 1]);
        assert_eq!(rules.place(b"app.2014").unwrap().stream, "app-2014");
        assert_eq!(rules.stream_prefix(), ("app-".to_owned(), false));
    }

    #[test]
    fn names_of_months_and_days_are_numbers_in_any_case() {
        let rules =
            Rules::new(&spec("(?P<MonthName>.*)-(?P<DayName>.*)", &["MonthName", "DayName"], &[]), "");
        let rules = rules.unwrap();
        assert_eq!(keys(&rules, "OCTOBER-sunday"), [10, 6]);
        assert_eq!(keys(&rules, "may-Mon"), [5, 0]);
        assert_eq!(keys(&rules, "dec-Sat"), [12, 5]);
        let placed = rules.place(b"Octoberrr-monday").unwrap();
        assert_eq!(placed.keys, [-1, 0]);
        assert_eq!(placed.odd, Some(Odd::Month { text: "Octoberrr".to_owned() }));
    }

    #[test]
    fn a_table_translates_and_missing_alone_leaves_digits_as_they_are() {
        let mut given = spec(r"app(\.(?P<Kind>\w+))?", &["Kind"], &[]);
        given.translation.insert("Kind".to_owned(), table(&[("Old", 1), ("new", 2), ("missing", 3)]));
        let rules = Rules::new(&given, "").unwrap();
        assert_eq!((keys(&rules, "app.OLD"), keys(&rules, "app")), (vec![1], vec![3]));
        let odd = rules.place(b"app.other").unwrap().odd;
        assert_eq!(odd, Some(Odd::Untranslated { group: "Kind".to_owned(), text: "other".to_owned() }));
        given.translation.insert("Kind".to_owned(), table(&[("missing", 9)]));
        let rules = Rules::new(&given, "").unwrap();
        assert_eq!((keys(&rules, "app.7"), keys(&rules, "app")), (vec![7], vec![9]));
    }

    #[test]
    fn everything_wrong_is_said_with_the_groups_there_are() {
        let mut given = spec("/x(?P<Seq>a)", &["Seq", "^Sqe"], &[]);
        given.translation.insert("Nope".to_owned(), table(&[("a", 1)]));
        given.translation.insert("Seq".to_owned(), table(&[("a", 1)]));
        let errors = Rules::new(&given, "").unwrap_err();
        let said: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "begins with a slash, and paths are matched below the directory",
                "names `Nope`, which is no group of file_match; its groups are `Seq`",
                "must have two entries at least, or `missing` alone",
                "names `Sqe`, which is no group of file_match; its groups are `Seq`",
            ]
        );
        let errors = Rules::new(&spec("a(", &[], &[]), "").unwrap_err();
        assert!(matches!(&errors[..], [NamesError::Pattern { at, .. }] if *at == (0..2)), "{errors:?}");
        let errors = Rules::new(&spec("a", &["Seq"], &[]), "").unwrap_err();
        assert!(errors[0].to_string().ends_with(r"its groups are none: name one as in (?P<Seq>\d+)"));
    }
}
