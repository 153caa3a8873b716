//! The sections that DogStatsD's events and service checks share: when, where, by whom, and tags.

use crate::metric::BadReason;

/// What a sender may say of an event or a service check. Of a section that comes twice the last counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Attributes<'a> {
    /// `d:`: when, in seconds since 1970.
    pub timestamp: Option<i64>,
    /// `h:`: on which host.
    pub hostname: Option<&'a [u8]>,
    /// `#`: tags as sent, parted by commas.
    pub tags: &'a [u8],
    /// `c:`: in which container.
    pub container: Option<&'a [u8]>,
    /// `e:`: data by which the agent of a cluster finds the container.
    pub external_data: Option<&'a [u8]>,
    /// `card:`: how many tags of the container the sender asks for.
    pub cardinality: Option<&'a [u8]>,
}

impl<'a> Attributes<'a> {
    /// Takes `section` if it is one of these; otherwise it is left to the caller.
    ///
    /// # Errors
    /// `BadTimestamp` if its date is no whole number of seconds.
    pub(super) fn take(&mut self, section: &'a [u8]) -> Result<bool, BadReason> {
        match section {
            [b'd', b':', text @ ..] => self.timestamp = Some(seconds(text)?),
            [b'h', b':', host @ ..] => self.hostname = Some(host),
            [b'#', tags @ ..] => self.tags = tags,
            [b'c', b':', container @ ..] => self.container = Some(container),
            [b'e', b':', external @ ..] => self.external_data = Some(external),
            [b'c', b'a', b'r', b'd', b':', cardinality @ ..] => self.cardinality = Some(cardinality),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Whether `section` is one of these.
    pub(super) fn knows(section: &[u8]) -> bool {
        let marks: [&[u8]; 6] = [b"d:", b"h:", b"#", b"c:", b"e:", b"card:"];
        marks.iter().any(|mark| section.starts_with(mark))
    }
}

/// A time in whole seconds since 1970, digits alone.
///
/// # Errors
/// `BadTimestamp` if it is none, or later than an `i64` of nanoseconds can say (the year 2262).
pub(super) fn seconds(text: &[u8]) -> Result<i64, BadReason> {
    let seconds = digits(text).and_then(|seconds| i64::try_from(seconds).ok());
    seconds.filter(|&seconds| seconds <= LATEST).ok_or(BadReason::BadTimestamp)
}

/// The number that decimal digits are, none if there are no digits, something else, or too many.
pub(super) fn digits(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0u64, |number, byte| {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 { None } else { number.checked_mul(10)?.checked_add(digit.into()) }
    })
}

/// `text` with every `\n` of two characters as a newline, which no line can hold.
pub(super) fn with_newlines(text: &[u8]) -> Vec<u8> {
    replaced(text, b"\\n", b"\n")
}

/// `text` with `to` for every `from`.
pub(super) fn replaced(text: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut made = Vec::with_capacity(text.len());
    let mut start = 0;
    for at in memchr::memmem::find_iter(text, from) {
        made.extend_from_slice(&text[start..at]);
        made.extend_from_slice(to);
        start = at + from.len();
    }
    made.extend_from_slice(&text[start..]);
    made
}

const LATEST: i64 = i64::MAX / 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_digits_that_fit() {
        assert_eq!(digits(b"0"), Some(0));
        assert_eq!(digits(b"00018446744073709551615"), Some(u64::MAX));
        for text in
            ["", "-1", "+1", " 1", "1 ", "1.0", "0x1", "18446744073709551616", "999999999999999999999999"]
        {
            assert_eq!(digits(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(seconds(b"9223372036"), Ok(9_223_372_036));
        assert_eq!(seconds(b"9223372037"), Err(BadReason::BadTimestamp));
        assert_eq!(seconds(b"18446744073709551615"), Err(BadReason::BadTimestamp));
    }

    #[test]
    fn newlines_are_put_back() {
        assert_eq!(with_newlines(b"a\\nb\\\\n\\"), b"a\nb\\\n\\");
        assert_eq!(replaced(b"m\\:m\\:", b"m\\:", b"m:"), b"m:m:");
    }

    #[test]
    fn what_is_known_is_taken_and_nothing_else() {
        for section in ["d:1", "h:x", "#a", "c:ci-1", "e:x", "card:low", "m:x", "x:y", "", "cards"] {
            let mut attributes = Attributes::default();
            let taken = attributes.take(section.as_bytes());
            assert_eq!(taken, Ok(Attributes::knows(section.as_bytes())), "{section:?}");
            assert_eq!(
                attributes != Attributes::default(),
                Attributes::knows(section.as_bytes()),
                "{section:?}"
            );
        }
    }
}
