//! Templates of names and labels: text with references to what a pattern captured.

use thiserror::Error;

/// A text with references to groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(Box<str>),
    Group(usize),
}

/// Why a text is no template.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TemplateError {
    /// A dollar without a number.
    #[error("`{reference}` refers to nothing; write $1 or ${{1}} for what was matched, $$ for a dollar")]
    NoNumber {
        /// The dollar and what follows it.
        reference: String,
    },
    /// A number that a word goes on after.
    #[error("`{reference}` is one word; write ${{{number}}} in front of {rest:?}")]
    Word {
        /// All of it.
        reference: String,
        /// The number.
        number: String,
        /// What follows it.
        rest: String,
    },
    /// A number that the pattern has no group for.
    #[error("`{reference}` does not exist: the pattern has {groups}")]
    NoGroup {
        /// The reference.
        reference: String,
        /// How many there are, in words.
        groups: String,
    },
}

impl Template {
    /// Reads `text`: `$1` and `${1}` are what the first group captured, `$0` is all of it, `$$` a dollar. The pattern
    /// has `groups` groups, called `what`.
    ///
    /// # Errors
    /// The first reference that cannot be meant so.
    pub(super) fn parse(text: &str, groups: usize, what: &str) -> Result<Template, TemplateError> {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('$') {
            plain.push_str(before);
            if let Some(after) = after.strip_prefix('$') {
                plain.push('$');
                rest = after;
                continue;
            }
            let (number, length) = reference(after)?;
            let group = number.parse().ok().filter(|&group: &usize| group <= groups);
            let Some(group) = group else {
                let reference = format!("${}", &after[..length]);
                return Err(TemplateError::NoGroup { reference, groups: counted(groups, what) });
            };
            push_text(&mut pieces, &mut plain);
            pieces.push(Piece::Group(group));
            rest = &after[length..];
        }
        plain.push_str(rest);
        push_text(&mut pieces, &mut plain);
        Ok(Template(pieces))
    }

    /// The text with the groups in it; the first of `captures` is all of what was matched.
    pub(super) fn expand(&self, captures: &[String]) -> String {
        let piece = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone().into_string(),
            Piece::Group(group) => captures.get(*group).cloned().unwrap_or_default(),
        };
        self.0.iter().map(piece).collect()
    }

    /// The parts that are text, each with whether it is the beginning.
    pub(super) fn texts(&self) -> impl Iterator<Item = (bool, &str)> {
        self.0.iter().enumerate().filter_map(|(at, piece)| match piece {
            Piece::Text(text) => Some((at == 0, &**text)),
            Piece::Group(_) => None,
        })
    }

    /// Whether it is the empty text.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn push_text(pieces: &mut Vec<Piece>, plain: &mut String) {
    if !plain.is_empty() {
        pieces.push(Piece::Text(std::mem::take(plain).into()));
    }
}

/// The number that a reference names, and the bytes it takes: `1` and 1, or `{1}` and 3.
fn reference(after: &str) -> Result<(&str, usize), TemplateError> {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let nothing = |length| Err(TemplateError::NoNumber { reference: format!("${}", &after[..length]) });
    if let Some(inside) = after.strip_prefix('{') {
        return match inside.split_once('}') {
            Some((number, _)) if !number.is_empty() && digits(number) == number.len() => {
                Ok((number, number.len() + 2))
            }
            Some((name, _)) => nothing(name.len() + 2),
            None => nothing(1),
        };
    }
    let word = after.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    let word = &after[..word.unwrap_or(after.len())];
    match digits(word) {
        0 => nothing(word.len()),
        length if length < word.len() => Err(TemplateError::Word {
            reference: format!("${word}"),
            number: word[..length].to_owned(),
            rest: word[length..].to_owned(),
        }),
        length => Ok((word, length)),
    }
}

fn counted(groups: usize, what: &str) -> String {
    match groups {
        0 => format!("no {what}"),
        1 => format!("one {what}"),
        groups => format!("{groups} {what}s"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn expanded(text: &str) -> Result<String, String> {
        let template = Template::parse(text, 2, "`*`").map_err(|error| error.to_string())?;
        Ok(template.expand(&["a.b", "a", "b"].map(str::to_owned)))
    }

    #[test]
    fn references_are_replaced_and_the_rest_is_kept() {
        let table = [
            ("", ""),
            ("plain", "plain"),
            ("$1", "a"),
            ("${2}_total", "b_total"),
            ("x_$1.$2-$1", "x_a.b-a"),
            ("$1$2${1}", "aba"),
            ("$0", "a.b"),
            ("5$$ $$1 100%", "5$ $1 100%"),
            ("é$1é", "éaé"),
        ];
        for (text, expected) in table {
            assert_eq!(expanded(text), Ok(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_refers_to_nothing_is_refused_with_the_way_out() {
        let refused = |text: &str| expanded(text).unwrap_err();
        assert_eq!(refused("$1_total"), "`$1_total` is one word; write ${1} in front of \"_total\"");
        assert_eq!(refused("a$3"), "`$3` does not exist: the pattern has 2 `*`s");
        assert_eq!(
            refused("${99999999999999999999}"),
            "`${99999999999999999999}` does not exist: the pattern has 2 `*`s"
        );
        let nothing = "refers to nothing; write $1 or ${1} for what was matched, $$ for a dollar";
        assert_eq!(refused("a$"), format!("`$` {nothing}"));
        assert_eq!(refused("$name-"), format!("`$name` {nothing}"));
        assert_eq!(refused("${name}"), format!("`${{name}}` {nothing}"));
        assert_eq!(refused("${1"), format!("`${{` {nothing}"));
        let none = Template::parse("$1", 0, "group").unwrap_err().to_string();
        assert_eq!(none, "`$1` does not exist: the pattern has no group");
    }

    proptest! {
        #[test]
        fn any_text_is_a_template_or_an_error(text in "[$${}0-9a_é]{0,12}") {
            let _either = Template::parse(&text, 1, "group").map(|template| template.expand(&["x".to_owned()]));
        }
    }
}
