//! DogStatsD's events: `_e{5,4}:title|text|t:warning|#k:v`.
//!
//! Source: <https://docs.datadoghq.com/developers/dogstatsd/datagram_shell/?tab=events>. The lengths are bytes and must
//! be exact: the title may hold a `|`, and so may the text.

use super::attributes::{Attributes, digits, with_newlines};
use crate::metric::BadReason;

/// One event, most of it borrowed from its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event<'a> {
    /// Not empty; `\n` of two characters is a newline.
    pub title: Vec<u8>,
    /// May be empty; `\n` of two characters is a newline.
    pub text: Vec<u8>,
    /// `p:`: `normal` or `low`, or another word as sent.
    pub priority: Option<&'a [u8]>,
    /// `t:`: `error`, `warning`, `info` or `success`, or another word as sent.
    pub alert_type: Option<&'a [u8]>,
    /// `k:`: events that share it belong together.
    pub aggregation_key: Option<&'a [u8]>,
    /// `s:`: what kind of program sent it.
    pub source_type: Option<&'a [u8]>,
    /// What it shares with service checks.
    pub attributes: Attributes<'a>,
}

impl<'a> Event<'a> {
    /// Reads a line without its end. Sections that nobody knows are skipped, so that newer clients are understood.
    ///
    /// # Errors
    /// `BadEvent` if it does not begin as an event does, `BadLength` if the lengths are not those of title and text,
    /// `EmptyName` if the title is empty, `BadTimestamp` if the date is no whole number of seconds.
    pub fn parse(line: &'a [u8]) -> Result<Event<'a>, BadReason> {
        let (title_length, text_length, rest) = header(line).ok_or(BadReason::BadEvent)?;
        let (title, rest) = cut(rest, title_length)?;
        let rest = rest.strip_prefix(b"|").ok_or(BadReason::BadLength)?;
        let (text, rest) = cut(rest, text_length)?;
        if title.is_empty() {
            return Err(BadReason::EmptyName);
        }
        let mut event = Event {
            title: with_newlines(title),
            text: with_newlines(text),
            priority: None,
            alert_type: None,
            aggregation_key: None,
            source_type: None,
            attributes: Attributes::default(),
        };
        match rest {
            [] => Ok(event),
            [b'|', sections @ ..] => {
                sections.split(|&byte| byte == b'|').try_for_each(|section| event.take(section))?;
                Ok(event)
            }
            _ => Err(BadReason::BadLength),
        }
    }

    fn take(&mut self, section: &'a [u8]) -> Result<(), BadReason> {
        match section {
            [b'p', b':', priority @ ..] => self.priority = Some(priority),
            [b't', b':', alert_type @ ..] => self.alert_type = Some(alert_type),
            [b'k', b':', key @ ..] => self.aggregation_key = Some(key),
            [b's', b':', source @ ..] => self.source_type = Some(source),
            other => return self.attributes.take(other).map(|_known| ()),
        }
        Ok(())
    }
}

/// `_e{5,4}:title|text`
/// `^^^^^^^^` the two lengths, and what follows.
fn header(line: &[u8]) -> Option<(u64, u64, &[u8])> {
    let rest = line.strip_prefix(b"_e{")?;
    let comma = rest.iter().position(|&byte| byte == b',')?;
    let brace = rest.iter().position(|&byte| byte == b'}')?;
    let (title, text) = (&rest[..comma], rest.get(comma + 1..brace)?);
    Some((digits(title)?, digits(text)?, rest[brace + 1..].strip_prefix(b":")?))
}

/// The first `length` bytes of `text`, and the rest.
fn cut(text: &[u8], length: u64) -> Result<(&[u8], &[u8]), BadReason> {
    let length = usize::try_from(length).map_err(|_| BadReason::BadLength)?;
    text.split_at_checked(length).ok_or(BadReason::BadLength)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(line: &str) -> Event<'_> {
        Event::parse(line.as_bytes()).unwrap_or_else(|reason| panic!("{line:?}: {reason:?}"))
    }

    #[test]
    fn all_sections_are_read_in_any_order_and_unknown_ones_skipped() {
        let line =
            "_e{5,4}:title|text|x:1|#k:v,b|t:error||p:low|k:key|s:src|d:12|h:web|c:ci-1|e:it-x|card:high|zz";
        let attributes = Attributes {
            timestamp: Some(12),
            hostname: Some(b"web"),
            tags: b"k:v,b",
            container: Some(b"ci-1"),
            external_data: Some(b"it-x"),
            cardinality: Some(b"high"),
        };
        let event = Event {
            title: b"title".to_vec(),
            text: b"text".to_vec(),
            priority: Some(b"low"),
            alert_type: Some(b"error"),
            aggregation_key: Some(b"key"),
            source_type: Some(b"src"),
            attributes,
        };
        assert_eq!(parsed(line), event);
    }

    #[test]
    fn lengths_are_bytes_and_bars_within_them_part_nothing() {
        let event = parsed("_e{5,8}:é|\u{e9}|a|b\\nc|d|t:info");
        assert_eq!((&event.title[..], &event.text[..]), ("é|é".as_bytes(), &b"a|b\nc|d"[..]));
        assert_eq!(event.alert_type, Some(&b"info"[..]));
        assert_eq!(parsed("_e{1,0}:a|").text, b"");
        assert_eq!(parsed("_e{01,1}:5|c").title, b"5");
    }

    #[test]
    fn what_is_no_event_says_why() {
        for (line, reason) in [
            ("_e{5,4}", BadReason::BadEvent),
            ("_e{5,4}title|text", BadReason::BadEvent),
            ("_e{5}:title|text", BadReason::BadEvent),
            ("_e{}:a|b", BadReason::BadEvent),
            ("_e{,1}:a|b", BadReason::BadEvent),
            ("_e{1,}:a|b", BadReason::BadEvent),
            ("_e{1}:a,b|2}", BadReason::BadEvent),
            ("_e1,1}:a|b", BadReason::BadEvent),
            ("_e{-1,1}:a|b", BadReason::BadEvent),
            ("_e{1,1 }:a|b", BadReason::BadEvent),
            ("_e{1,999999999999999999999999}:a|b", BadReason::BadEvent),
            ("_e{3,4294967292}:abc|x", BadReason::BadLength),
            ("_e{18446744073709551615,1}:a|b", BadReason::BadLength),
            ("_e{1,18446744073709551615}:a|b", BadReason::BadLength),
            ("_e{1,2}:a|b", BadReason::BadLength),
            ("_e{2,1}:a|b", BadReason::BadLength),
            ("_e{1,1}:ab", BadReason::BadLength),
            ("_e{1,1}:a|bc", BadReason::BadLength),
            ("_e{1,1}:a", BadReason::BadLength),
            ("_e{0,1}:|b", BadReason::EmptyName),
            ("_e{1,1}:a|b|d:", BadReason::BadTimestamp),
            ("_e{1,1}:a|b|d:-1", BadReason::BadTimestamp),
        ] {
            assert_eq!(Event::parse(line.as_bytes()), Err(reason), "{line:?}");
        }
    }

    proptest! {
        #[test]
        fn an_event_written_and_parsed_is_the_same(
            title in "[^\\\\\n]{1,12}", text in "[^\\\\\n]{0,20}", tags in "[a-z:,]{0,9}", date in 0..10_000_000_000_i64,
        ) {
            prop_assume!(date <= 9_223_372_036);
            let line = format!("_e{{{},{}}}:{title}|{text}|d:{date}|#{tags}", title.len(), text.len());
            let event = parsed(&line);
            prop_assert_eq!((&event.title[..], &event.text[..]), (title.as_bytes(), text.as_bytes()));
            prop_assert_eq!((event.attributes.timestamp, event.attributes.tags), (Some(date), tags.as_bytes()));
        }

        #[test]
        fn any_bytes_are_an_event_or_a_reason(
            head in "_e\\{[0-9]{0,3},[0-9]{0,3}\\}:", rest in proptest::collection::vec(any::<u8>(), 0..40)
        ) {
            let line = [head.as_bytes(), &rest[..]].concat();
            if let Ok(event) = Event::parse(&line) {
                prop_assert!(!event.title.is_empty() && event.title.len() + event.text.len() < line.len());
            }
        }
    }
}
