//! Texts in which variables of the environment may stand: written as references, they are read at each start, as the
//! program that the file is of reads them.

use super::document;

/// A text with references to variables.
///
/// ```
/// use heka::import::{Document, Template};
///
/// let mut document = Document::default();
/// document.refer("address", &Template::variable("HOST").or("localhost").then(":2003"));
/// assert_eq!(document.into_text(), "address = \"${HOST:-localhost}:2003\"\n");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Variable { name: String, default: Option<String> },
}

impl Template {
    /// The value of a variable, without which the daemon does not start.
    pub fn variable(name: &str) -> Template {
        Template(vec![Part::Variable { name: name.to_owned(), default: None }])
    }

    /// Whether there can be a reference to a variable with this name.
    pub fn can_refer(name: &str) -> bool {
        let is_legal =
            |letter: char| !letter.is_whitespace() && !letter.is_control() && !"%$[]{}=\"':".contains(letter);
        !name.is_empty()
            && name.chars().all(is_legal)
            && !name.starts_with(|letter: char| letter.is_ascii_digit())
    }

    /// The same, with `default` for a variable that makes up all of it and is not set, or empty; unless it has one.
    pub fn or(mut self, default: &str) -> Template {
        if let [Part::Variable { default: none @ None, .. }] = &mut self.0[..] {
            // A reference ends at the first brace.
            *none = (!default.contains('}')).then(|| default.to_owned());
        }
        self
    }

    /// The same with `other` behind it.
    pub fn then(mut self, other: impl Into<Template>) -> Template {
        self.0.extend(other.into().0);
        self
    }

    /// Whether it has something in it whatever the variables are.
    pub fn is_never_empty(&self) -> bool {
        self.0.iter().any(|part| match part {
            Part::Text(text) => !text.is_empty(),
            Part::Variable { default, .. } => default.as_ref().is_some_and(|default| !default.is_empty()),
        })
    }

    /// Whether it is one variable alone that has no default.
    pub fn is_bare_variable(&self) -> bool {
        matches!(&self.0[..], [Part::Variable { default: None, .. }])
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.constant().is_some_and(|text| text.is_empty())
    }

    /// Whether it is one variable alone.
    pub fn is_one_variable(&self) -> bool {
        matches!(&self.0[..], [Part::Variable { .. }])
    }

    /// Whether no variable stands in it.
    pub fn is_constant(&self) -> bool {
        self.names().next().is_none()
    }

    /// The text, if no variable stands in it.
    pub fn constant(&self) -> Option<String> {
        self.is_constant().then(|| self.0.iter().map(Part::text).collect())
    }

    /// The names of the variables.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Variable { name, .. } => Some(name.as_str()),
        })
    }

    /// The references as they are written, with commas between them.
    pub fn references(&self) -> String {
        let all = self.0.iter().filter(|part| matches!(part, Part::Variable { .. }));
        all.map(Part::text).collect::<Vec<_>>().join(", ")
    }

    /// The names of those without a default, without which the daemon does not start.
    pub fn needed(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Variable { name, default: None } => Some(name.as_str()),
            _ => None,
        })
    }

    /// The text of the configuration, in which everything else that looks like a reference stays as it is.
    pub(super) fn written(&self) -> String {
        let written = |part: &Part| match part {
            Part::Text(text) => document::unreferenced(text),
            variable => variable.text(),
        };
        self.0.iter().map(written).collect()
    }
}

impl Part {
    fn text(&self) -> String {
        match self {
            Part::Text(text) => text.clone(),
            Part::Variable { name, default: None } => format!("${{{name}}}"),
            Part::Variable { name, default: Some(default) } => format!("${{{name}:-{default}}}"),
        }
    }
}

impl<T: Into<String>> From<T> for Template {
    fn from(text: T) -> Template {
        Template(vec![Part::Text(text.into())])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_takes_one_default_that_a_reference_can_hold() {
        let variable = || Template::variable("A");
        assert_eq!(variable().or("b").or("c").written(), "${A:-b}");
        assert_eq!(
            (variable().or("}").written(), variable().or("").written()),
            ("${A}".into(), "${A:-}".into())
        );
        assert_eq!(variable().then("x").or("b").written(), "${A}x");
        assert!(variable().is_bare_variable() && !variable().or("b").is_bare_variable());
    }

    #[test]
    fn texts_around_references_are_no_references() {
        let template =
            Template::from("${x}$").then(Template::variable("A").or("1")).then(Template::variable("B"));
        assert_eq!(template.written(), "${-:-$}{x}$${A:-1}${B}");
        assert_eq!((template.references(), template.needed().collect()), ("${A:-1}, ${B}".into(), vec!["B"]));
        assert_eq!((template.constant(), Template::from("${x}").constant()), (None, Some("${x}".to_owned())));
        assert_eq!(template.names().collect::<Vec<_>>(), ["A", "B"]);
    }

    #[test]
    fn names_that_a_reference_cannot_hold_are_known() {
        for name in ["", "1A", "A B", "A:-B", "A}", "A\u{7}", "A'"] {
            assert!(!Template::can_refer(name), "{name:?}");
        }
        assert!(Template::can_refer("A_1") && Template::can_refer("é"));
    }
}
