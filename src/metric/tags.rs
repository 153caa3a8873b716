//! The tags of a series in one piece of text, so that a million of them are a million pieces and not some dozen millions.
//!
//! Each key and each value stands behind its length. A length is written in ASCII, six bits a character, lowest first;
//! 64 is added to each that another follows. So all of it is text, whatever is in keys and values.

use std::fmt;

/// Tags in the order that is their identity: sorted by key, or as sent in dialect `statsd`.
///
/// A tag without a value has the empty text as its value.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Tags(Box<str>);

/// The same, borrowed.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct TagsRef<'a>(&'a str);

impl Tags {
    /// The same, borrowed.
    pub fn borrowed(&self) -> TagsRef<'_> {
        TagsRef(&self.0)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Keys and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.borrowed().iter()
    }
}

impl<'a> TagsRef<'a> {
    /// What `text` says, which is the rest of a text that tags were written to.
    pub(super) fn read(text: &'a str) -> TagsRef<'a> {
        TagsRef(text)
    }

    pub(super) fn as_written(self) -> &'a str {
        self.0
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// Keys and values.
    pub fn iter(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let (key, after) = take_piece(rest)?;
            let (value, after) = take_piece(after)?;
            rest = after;
            Some((key, value))
        })
    }

    /// The tags as something to keep.
    pub fn to_owned(self) -> Tags {
        Tags(self.0.into())
    }
}

impl<K: AsRef<str>, V: AsRef<str>> FromIterator<(K, V)> for Tags {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Tags {
        let mut text = String::new();
        for (key, value) in pairs {
            push_piece(&mut text, key.as_ref());
            push_piece(&mut text, value.as_ref());
        }
        Tags(text.into())
    }
}

impl<K: AsRef<str>, V: AsRef<str>, const N: usize> From<[(K, V); N]> for Tags {
    fn from(pairs: [(K, V); N]) -> Tags {
        pairs.into_iter().collect()
    }
}

impl fmt::Debug for Tags {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.borrowed().fmt(out)
    }
}

impl fmt::Debug for TagsRef<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_list().entries(self.iter()).finish()
    }
}

/// Appends a piece behind its length.
pub(super) fn push_piece(out: &mut String, piece: &str) {
    let mut length = piece.len();
    while length > LOW {
        out.push(char::from((length & LOW | MORE) as u8));
        length >>= BITS;
    }
    out.push(char::from(length as u8));
    out.push_str(piece);
}

/// The first piece, and what follows it; none at the end.
pub(super) fn take_piece(text: &str) -> Option<(&str, &str)> {
    let (mut length, mut shift) = (0, 0);
    for (at, &byte) in text.as_bytes().iter().enumerate() {
        length |= (usize::from(byte) & LOW) << shift;
        shift += BITS;
        if usize::from(byte) & MORE == 0 {
            return text[at + 1..].split_at_checked(length);
        }
    }
    None
}

/// What one character says of a length.
const BITS: u32 = 6;

const LOW: usize = (1 << BITS) - 1;

const MORE: usize = 1 << BITS;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn tags_come_out_as_they_went_in(pairs in prop::collection::vec((".{0,90}", ".{0,5000}"), 0..6)) {
            let tags: Tags = pairs.iter().map(|(key, value)| (key, value)).collect();
            let found: Vec<(String, String)> =
                tags.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
            prop_assert_eq!(tags.is_empty(), pairs.is_empty());
            prop_assert_eq!(found, pairs);
        }
    }

    #[test]
    fn text_that_ends_within_a_piece_has_no_further_tag() {
        let tags = Tags::from([("key", "value")]);
        for length in 0..tags.0.len() {
            assert_eq!(TagsRef::read(&tags.0[..length]).iter().count(), 0, "{length}");
        }
    }
}
