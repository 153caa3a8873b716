//! Searches in bytes that need not be UTF-8: each byte that is not counts as one character, U+FFFD, as in Go.
//!
//! The engine stops at such bytes, so it is shown a text where U+FFFD stands in for each of them, and what it finds there
//! is told as places in the bytes. Text that is UTF-8 is searched as it is, and so is any text where no part of the
//! pattern can match U+FFFD.

use std::ops::Range;

use regex::bytes::CaptureLocations;

use super::Compiled;

/// What the groups of a pattern captured; one serves any number of searches with that pattern.
#[derive(Debug, Clone)]
pub struct Captures {
    locations: CaptureLocations,
    shown: Shown,
}

/// The text that was searched in place of bytes that are not all UTF-8.
#[derive(Debug, Clone, Default)]
struct Shown {
    text: Vec<u8>,
    /// Where in it U+FFFD stands for a byte, in ascending order.
    stand_ins: Vec<usize>,
    /// Where in the bytes it begins.
    from: usize,
}

impl Compiled {
    /// Memory for what the groups capture.
    pub fn captures(&self) -> Captures {
        Captures { locations: self.regex.capture_locations(), shown: Shown::default() }
    }

    /// True if the pattern matches somewhere in `text`.
    pub fn is_match(&self, text: &[u8]) -> bool {
        // What matches among the valid characters still does among their stand-ins, so the common case is one search
        // and the text is looked at closely only after a miss.
        self.regex.is_match(text)
            || self.wide && std::str::from_utf8(text).is_err() && {
                let mut shown = Shown::default();
                shown.fill(text, 0);
                self.regex.is_match(&shown.text)
            }
    }

    /// Finds the first match in `text`; false, and nothing captured, if there is none.
    pub fn find(&self, text: &[u8], captures: &mut Captures) -> bool {
        // A match among the valid characters alone may be another one, and captures other text.
        if !self.wide || std::str::from_utf8(text).is_ok() {
            return self.find_valid(text, 0, captures);
        }
        captures.shown.fill(text, 0);
        self.regex.captures_read(&mut captures.locations, &captures.shown.text).is_some()
    }

    /// Finds the first match at or behind `start` in what has come of a stream; false if there is none yet.
    ///
    /// A character whose last bytes have not come is no part of a match. Of a buffer that is not all UTF-8 no more than is
    /// needed is looked at, so that a splitter may ask record by record.
    pub fn find_in_stream(&self, buffer: &[u8], start: usize, captures: &mut Captures) -> bool {
        if !self.wide {
            return self.find_valid(buffer, start, captures);
        }
        let mut length = NEAR;
        if is_text(&buffer[start..buffer.len().min(start + length)]) {
            let is_match = self.find_valid(buffer, start, captures);
            let end = captures.get(0).map_or(buffer.len(), |whole| whole.end);
            if is_text(&buffer[start..end]) {
                return is_match;
            }
        }
        // The character before says whether a line or a word begins.
        let from = start.saturating_sub(1);
        loop {
            let end = buffer.len().min(start.saturating_add(length));
            let Captures { locations, shown } = &mut *captures;
            shown.fill(&buffer[from..end - unfinished(&buffer[start..end])], from);
            let at = shown.place_of(start);
            let found = self.regex.captures_read_at(locations, &shown.text, at);
            // What ends where the text does might go on.
            if end == buffer.len() || found.is_some_and(|found| found.end() < shown.text.len()) {
                return found.is_some();
            }
            length = length.saturating_mul(4);
        }
    }

    fn find_valid(&self, text: &[u8], start: usize, captures: &mut Captures) -> bool {
        captures.shown.clear();
        self.regex.captures_read_at(&mut captures.locations, text, start).is_some()
    }
}

impl Captures {
    /// Where group `group` matched, which is the whole match for 0; none if it took no part.
    pub fn get(&self, group: usize) -> Option<Range<usize>> {
        let (start, end) = self.locations.get(group)?;
        Some(self.shown.byte_of(start)..self.shown.byte_of(end))
    }
}

impl Shown {
    fn clear(&mut self) {
        self.text.clear();
        self.stand_ins.clear();
        self.from = 0;
    }

    /// Shows `bytes`, which begin at `from`.
    fn fill(&mut self, bytes: &[u8], from: usize) {
        self.clear();
        self.from = from;
        for chunk in bytes.utf8_chunks() {
            self.text.extend_from_slice(chunk.valid().as_bytes());
            for _ in chunk.invalid() {
                self.stand_ins.push(self.text.len());
                self.text.extend_from_slice(STAND_IN.as_bytes());
            }
        }
    }

    /// The byte that is shown at `place`.
    fn byte_of(&self, place: usize) -> usize {
        let before = self.stand_ins.partition_point(|stand_in| stand_in + STAND_IN.len() <= place);
        // An empty match may lie within a stand-in, which is one byte.
        let place = self.stand_ins.get(before).map_or(place, |&stand_in| place.min(stand_in));
        self.from + place - before * (STAND_IN.len() - 1)
    }

    /// Where `byte`, which is the first one or the second, is shown.
    fn place_of(&self, byte: usize) -> usize {
        let is_stand_in = self.stand_ins.first() == Some(&0);
        (byte - self.from) * if is_stand_in { STAND_IN.len() } else { 1 }
    }
}

/// Whether it is UTF-8, but for a last character that is not whole.
fn is_text(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).map_or_else(|error| error.error_len().is_none(), |_| true)
}

/// Bytes at the end that begin a character and do not end it.
fn unfinished(bytes: &[u8]) -> usize {
    let begins = |length: &usize| {
        let end = &bytes[bytes.len() - length..];
        std::str::from_utf8(end).is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
    };
    (1..=bytes.len().min(3)).find(begins).unwrap_or(0)
}

const STAND_IN: &str = "\u{FFFD}";

/// Bytes of a stream that are looked at first.
const NEAR: usize = 4 << 10;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::compile;
    use super::*;

    fn captured(source: &str, text: &[u8]) -> Option<Vec<Option<Range<usize>>>> {
        let pattern = compile(source).unwrap();
        let mut captures = pattern.captures();
        let found = pattern.find(text, &mut captures);
        assert_eq!(found, pattern.is_match(text), "{source}");
        found.then(|| (0..pattern.regex.captures_len()).map(|group| captures.get(group)).collect())
    }

    #[test]
    fn a_byte_that_is_no_text_is_one_character() {
        let whole = |source: &str, text: &[u8]| captured(source, text).map(|groups| groups[0].clone());
        assert_eq!(
            captured(r"(.*) user (\d)", b"caf\xe9 user 1"),
            Some(vec![Some(0..11), Some(0..4), Some(10..11)])
        );
        assert_eq!(whole("\"[^\"]*\"", b"a \"\xe2\x82\" \"b\""), Some(Some(2..6)));
        assert_eq!(whole("^caf.$", b"caf\xe9\xe9"), None);
        assert_eq!(whole(r"\x{fffd}$", b"a\xff"), Some(Some(1..2)));
        assert_eq!(captured("a(x)?.", b"\xff\xffa\xff"), Some(vec![Some(2..4), None]));
        assert_eq!(whole("b", b"\xffb"), Some(Some(1..2)));
    }

    #[test]
    fn characters_stay_characters_beside_such_bytes() {
        let whole = |source: &str, text: &[u8]| captured(source, text).map(|groups| groups[0].clone());
        assert_eq!(whole("^.$", "é".as_bytes()), Some(Some(0..2)));
        assert_eq!(whole("[é]+.", "\u{e9}é\u{e9}x".as_bytes()), Some(Some(0..7)));
        assert_eq!(whole(r"\p{L}+.", b"\xff\xc3\xa9\xff"), Some(Some(1..4)));
        assert_eq!(whole("^..$", b"\xc3\xa9\xff"), Some(Some(0..3)));
    }

    fn in_stream(source: &str, buffer: &[u8], start: usize) -> Option<Range<usize>> {
        let pattern = compile(source).unwrap();
        let mut captures = pattern.captures();
        pattern.find_in_stream(buffer, start, &mut captures).then(|| captures.get(0).unwrap())
    }

    #[test]
    fn a_stream_is_searched_from_a_place_and_up_to_its_last_whole_character() {
        assert_eq!(in_stream("-.-", b"a-\xe9-b-\xe9-", 0), Some(1..4));
        assert_eq!(in_stream("-.-", b"a-\xe9-b-\xe9-", 4), Some(5..8));
        assert_eq!(in_stream("-.-", b"\xe9\xe9-\xc3\xa9-", 2), Some(2..6));
        assert_eq!((in_stream("-.", b"\xff-\xc3", 0), in_stream("-.", b"-\xc3", 0)), (None, None));
        assert_eq!(in_stream("(?m)^.", b"\n\xff", 1), Some(1..2));
        assert_eq!((in_stream("(?m)^.", b"\xff\xff", 1), in_stream("^.", b"\n\xff", 1)), (None, None));
        let far = [&b"\xe9"[..], &[b'x'; 3 * NEAR], b"-\xe9-", &[b'x'; NEAR], b"-a-"].concat();
        assert_eq!(in_stream("-.-", &far, 0), Some(3 * NEAR + 1..3 * NEAR + 4));
        assert_eq!(in_stream("-.-", &far[1..], 0), Some(3 * NEAR..3 * NEAR + 3));
    }

    proptest! {
        #[test]
        fn places_are_those_of_the_text_with_one_letter_for_each_such_byte(
            text in proptest::collection::vec(prop_oneof![Just(b'a'), Just(b'b'), Just(0xff)], 0..12),
            source in r"(a|b|\.|\[\^a\]|\(\.\)|\.\*|a\+|\^|\$){1,4}",
            start in 0..12usize,
        ) {
            let letters: Vec<u8> = text.iter().map(|&byte| if byte == 0xff { b'!' } else { byte }).collect();
            prop_assert_eq!(captured(&source, &text), captured(&source, &letters));
            let start = start.min(text.len());
            prop_assert_eq!(in_stream(&source, &text, start), in_stream(&source, &letters, start));
        }
    }
}
