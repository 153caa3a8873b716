//! Templates that make tags into components of a path: `{name}.{env}.{tags}`.

use std::ops::Range;
use std::str::FromStr;

use super::tags::{COMPONENT, NAME, push_clean};
use crate::metric::TagsRef;

/// How name and tags make one dotted path.
///
/// `{name}` is the series' name, `{KEY}` the value of the tag KEY, `{tags}` all tags the template does not name, as
/// `key.value.key.value`. A component whose placeholders find nothing is left out with its dot. Dots in tags and what
/// a line cannot bear become `_`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathTemplate {
    components: Vec<Vec<Piece>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(Box<str>),
    Name,
    Tag(Box<str>),
    Rest,
}

/// What is wrong with a template; spans are bytes of its text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// A `{` without its `}`.
    #[error("the brace is never closed")]
    Unclosed {
        /// From the brace to the end of the component.
        span: Range<usize>,
    },
    /// A `}` without its `{`.
    #[error("the brace was never opened")]
    Unopened {
        /// The brace.
        span: Range<usize>,
    },
    /// `{}`.
    #[error("the placeholder names nothing")]
    EmptyPlaceholder {
        /// Both braces.
        span: Range<usize>,
    },
    /// A character that cannot stand in a path.
    #[error("{found:?} cannot stand in a path")]
    Illegal {
        /// The character.
        found: char,
        /// Where it stands.
        span: Range<usize>,
    },
    /// Nothing between two dots, or before the first or after the last.
    #[error("a component is empty")]
    EmptyComponent {
        /// Where it should be; an empty span.
        span: Range<usize>,
    },
    /// `{name}` is not in it, so that all series would share a path.
    #[error("{{name}} is missing")]
    NoName,
}

impl PathTemplate {
    /// Appends the path of a series.
    pub(super) fn write(&self, out: &mut Vec<u8>, name: &str, tags: TagsRef<'_>) {
        let begin = out.len();
        for component in &self.components {
            let before = out.len();
            if before > begin {
                out.push(b'.');
            }
            let empty = out.len();
            let mut found = component.iter().all(|piece| matches!(piece, Piece::Text(_)));
            for piece in component {
                let start = out.len();
                match piece {
                    Piece::Text(text) => out.extend_from_slice(text.as_bytes()),
                    Piece::Name => push_clean(out, name, NAME),
                    Piece::Tag(key) => {
                        if let Some((_, value)) = tags.iter().find(|&(tag, _)| tag == &**key) {
                            push_value(out, value);
                        }
                    }
                    Piece::Rest => self.push_rest(out, tags),
                }
                found |= !matches!(piece, Piece::Text(_)) && out.len() > start;
            }
            if !found || out.len() == empty {
                out.truncate(before);
            }
        }
    }

    fn push_rest(&self, out: &mut Vec<u8>, tags: TagsRef<'_>) {
        let mut dot = false;
        for (key, value) in tags.iter().filter(|(key, _)| !self.names(key)) {
            if std::mem::replace(&mut dot, true) {
                out.push(b'.');
            }
            push_clean(out, key, COMPONENT);
            if !value.is_empty() {
                out.push(b'.');
                push_clean(out, value, COMPONENT);
            }
        }
    }

    fn names(&self, key: &str) -> bool {
        self.components.iter().flatten().any(|piece| matches!(piece, Piece::Tag(named) if **named == *key))
    }
}

/// A tag that is there without a value is `true`, as in carbon's own form.
fn push_value(out: &mut Vec<u8>, value: &str) {
    push_clean(out, if value.is_empty() { "true" } else { value }, COMPONENT);
}

impl FromStr for PathTemplate {
    type Err = TemplateError;

    fn from_str(text: &str) -> Result<PathTemplate, TemplateError> {
        let (mut components, mut at) = (Vec::new(), 0);
        loop {
            let (component, end) = component_at(text, at)?;
            components.push(component);
            if end == text.len() {
                break;
            }
            at = end + 1;
        }
        if !components.iter().flatten().any(|piece| *piece == Piece::Name) {
            return Err(TemplateError::NoName);
        }
        Ok(PathTemplate { components })
    }
}

/// Reads the component that begins at byte `start` and says where its dot, or the end, is.
fn component_at(text: &str, start: usize) -> Result<(Vec<Piece>, usize), TemplateError> {
    // {name}.web-{env}.{tags}
    //        ^------->
    let (mut pieces, mut at) = (Vec::new(), start);
    while at < text.len() && !text[at..].starts_with('.') {
        let rest = &text[at..];
        if rest.starts_with('{') {
            let length = rest.find('}').ok_or(TemplateError::Unclosed { span: at..text.len() })? + 1;
            pieces.push(match &rest[1..length - 1] {
                "" => return Err(TemplateError::EmptyPlaceholder { span: at..at + length }),
                "name" => Piece::Name,
                "tags" => Piece::Rest,
                key => Piece::Tag(key.into()),
            });
            at += length;
        } else {
            let length = rest.find(['{', '.']).unwrap_or(rest.len());
            check_text(&rest[..length], at)?;
            pieces.push(Piece::Text(rest[..length].into()));
            at += length;
        }
    }
    match at == start {
        true => Err(TemplateError::EmptyComponent { span: start..start }),
        false => Ok((pieces, at)),
    }
}

fn check_text(text: &str, start: usize) -> Result<(), TemplateError> {
    for (at, found) in text.char_indices() {
        let span = start + at..start + at + found.len_utf8();
        match found {
            '}' => return Err(TemplateError::Unopened { span }),
            ';' | '"' | '~' => return Err(TemplateError::Illegal { found, span }),
            _ if found.is_whitespace() || found.is_control() => {
                return Err(TemplateError::Illegal { found, span });
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tags::tests::pairs;
    use super::*;
    use proptest::prelude::*;

    fn path(template: &str, tags: &[(&str, &str)]) -> String {
        let mut out = Vec::new();
        template.parse::<PathTemplate>().unwrap().write(&mut out, "a.b", pairs(tags).borrowed());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn placeholders_become_components_and_missing_ones_vanish() {
        let tags = [("dc", "eu.1"), ("env", "prod"), ("up", "")];
        assert_eq!(path("{name}", &tags), "a.b");
        assert_eq!(path("{env}.{name}.{tags}", &tags), "prod.a.b.dc.eu_1.up");
        assert_eq!(path("{env}.{name}.{tags}", &[]), "a.b");
        assert_eq!(path("x.host-{host}.{env}-{dc}.{name}", &tags), "x.prod-eu_1.a.b");
        assert_eq!(path("{name}.{up}", &tags), "a.b.true");
        assert_eq!(path("{tags}.{name}", &[("k y", "v;\n")]), "k_y.v__.a.b");
    }

    #[test]
    fn a_bad_template_says_where_it_is_bad() {
        let bad = |text: &str| text.parse::<PathTemplate>().unwrap_err();
        assert_eq!(bad("{name}.{env"), TemplateError::Unclosed { span: 7..11 });
        assert_eq!(bad("{name}.env}"), TemplateError::Unopened { span: 10..11 });
        assert_eq!(bad("{name}.{}"), TemplateError::EmptyPlaceholder { span: 7..9 });
        assert_eq!(bad("{name}.a b"), TemplateError::Illegal { found: ' ', span: 8..9 });
        assert_eq!(bad("{name}..{tags}"), TemplateError::EmptyComponent { span: 7..7 });
        assert_eq!(bad("{name}."), TemplateError::EmptyComponent { span: 7..7 });
        assert_eq!(bad(""), TemplateError::EmptyComponent { span: 0..0 });
        assert_eq!(bad("a.{tags}"), TemplateError::NoName);
    }

    proptest! {
        #[test]
        fn any_text_is_a_template_or_an_error(text in "[{}a-z. ;é]{0,20}|\\PC{0,20}") {
            let _ = text.parse::<PathTemplate>();
        }
    }
}
