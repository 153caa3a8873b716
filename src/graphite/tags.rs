//! Where the tags of a series go in its Graphite names, and which bytes a line can bear.
//!
//! What carbon 1.1 refuses is mended, so that any series gives a line it takes: see `TaggedSeries` of
//! <https://github.com/graphite-project/carbon/blob/1.1.x/lib/carbon/util.py>.

use super::template::PathTemplate;
use crate::metric::{TagsRef, cleaned};

/// What becomes of tags.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum TagMode {
    /// Carbon's own form, `name;key=value`, in the order that is the series' identity. A tag without a value is `true`.
    #[default]
    Graphite,
    /// The same, but a tag without a value stays bare, `name;key`, as statsd writes it. Carbon refuses such a line.
    Reference,
    /// Components of the path, as the template says.
    Path(PathTemplate),
    /// They are left out; series that differ in nothing else then share a name.
    Drop,
}

/// The text of one series in all its lines: what replaces the name, and what follows the affix.
#[derive(Debug, Default)]
pub(super) struct Spelling {
    head: Vec<u8>,
    tail: Vec<u8>,
}

impl Spelling {
    /// Spells a series and returns its head and tail; either may borrow from `name`.
    pub(super) fn of<'a>(
        &'a mut self,
        mode: &TagMode,
        name: &'a str,
        tags: TagsRef<'_>,
        clean_names: bool,
    ) -> (&'a [u8], &'a [u8]) {
        self.tail.clear();
        let head = match mode {
            _ if clean_names => {
                self.head.clear();
                // As the reference's Graphite backend does it.
                self.head.extend_from_slice(cleaned(name, &['=']).as_bytes());
                &self.head
            }
            TagMode::Reference if name.is_empty() => &[][..],
            TagMode::Path(template) => {
                self.head.clear();
                template.write(&mut self.head, name, tags);
                &self.head
            }
            _ if is_clean(name) => name.as_bytes(),
            _ => {
                self.head.clear();
                push_clean(&mut self.head, name, NAME);
                &self.head
            }
        };
        match mode {
            TagMode::Graphite => push_tags(&mut self.tail, tags, b"=true"),
            TagMode::Reference => push_tags(&mut self.tail, tags, b""),
            TagMode::Path(_) | TagMode::Drop => {}
        }
        (head, &self.tail)
    }
}

fn push_tags(out: &mut Vec<u8>, tags: TagsRef<'_>, without_value: &[u8]) {
    for (key, value) in tags.iter() {
        out.push(b';');
        push_clean(out, key, KEY);
        if value.is_empty() {
            out.extend_from_slice(without_value);
        } else {
            out.push(b'=');
            push_clean(out, value, VALUE);
        }
    }
}

/// Whether `text` goes into a line as it is, as a name at least.
fn is_clean(text: &str) -> bool {
    // Without a branch per byte, so that the compiler takes sixteen at a time.
    let dirty = text
        .bytes()
        .fold(false, |dirty, byte| dirty | (byte <= b' ') | (byte >= 0x7f) | (byte == b';') | (byte == b'"'));
    !dirty && !text.is_empty() && !text.starts_with('~')
}

/// Appends `text` with every character that may not stand there turned to `_`; an empty text is `_`.
///
/// Never in a line: white space and control characters of any script, since carbon splits decoded text; `;`, which
/// begins a tag; `"`, since a path that ends in `"}` is read as another format; `~` in front. `also` adds to these.
pub(super) fn push_clean(out: &mut Vec<u8>, text: &str, also: &[u8]) {
    if is_clean(text) && !also.iter().any(|byte| text.as_bytes().contains(byte)) {
        return out.extend_from_slice(text.as_bytes());
    }
    let start = out.len();
    for piece in text.chars() {
        let refused = match piece {
            ';' | '"' => true,
            '~' => out.len() == start,
            _ if piece.is_ascii() => piece <= ' ' || piece == '\x7f' || also.contains(&(piece as u8)),
            _ => piece.is_whitespace() || piece.is_control(),
        };
        if refused {
            out.push(b'_');
        } else {
            out.extend_from_slice(piece.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
    if out.len() == start {
        out.push(b'_');
    }
}

/// Refused in names, beside what never stands in a line.
pub(super) const NAME: &[u8] = b"";
/// Refused in tag keys.
pub(super) const KEY: &[u8] = b"!^=";
/// Refused in tag values.
pub(super) const VALUE: &[u8] = b"";
/// Refused in a component of a path.
pub(super) const COMPONENT: &[u8] = b".";

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::graphite) fn pairs(tags: &[(&str, &str)]) -> crate::metric::Tags {
        tags.iter().copied().collect()
    }

    fn spelled(mode: &TagMode, name: &str, tags: &[(&str, &str)]) -> String {
        let mut spelling = Spelling::default();
        let (head, tail) = spelling.of(mode, name, pairs(tags).borrowed(), false);
        format!("{}|{}", std::str::from_utf8(head).unwrap(), std::str::from_utf8(tail).unwrap())
    }

    #[test]
    fn tags_follow_in_the_order_of_the_identity() {
        let tags = [("env", "prod"), ("dc", "eu"), ("bare", "")];
        assert_eq!(spelled(&TagMode::Graphite, "a.b", &tags), "a.b|;env=prod;dc=eu;bare=true");
        assert_eq!(spelled(&TagMode::Reference, "a.b", &tags), "a.b|;env=prod;dc=eu;bare");
        assert_eq!(spelled(&TagMode::Drop, "a.b", &tags), "a.b|");
        let template = TagMode::Path("{name}.{dc}.{tags}".parse().unwrap());
        assert_eq!(spelled(&template, "a.b", &tags), "a.b.eu.env.prod.bare|");
    }

    #[test]
    fn names_are_cleaned_as_the_reference_does_it_and_may_be_empty_there() {
        let mut spelling = Spelling::default();
        assert_eq!(spelling.of(&TagMode::Reference, " \ta/b%c=é", TagsRef::default(), true).0, b"_a-bc=");
        assert_eq!(spelled(&TagMode::Reference, "", &[("k", "v")]), "|;k=v");
    }

    #[test]
    fn what_carbon_refuses_becomes_an_underscore() {
        assert_eq!(
            spelled(&TagMode::Graphite, "~a b;c\"}", &[("k=!^;", "~v =;\u{2003}\n"), ("", "x")]),
            "_a_b_c_}|;k____=_v_=___;_=x"
        );
        assert_eq!(spelled(&TagMode::Graphite, "é\u{85}", &[]), "é_|");
        assert_eq!(spelled(&TagMode::Graphite, "", &[]), "_|");
    }
}
