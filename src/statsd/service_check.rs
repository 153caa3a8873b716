//! DogStatsD's service checks: `_sc|name|1|#k:v|m:message`.
//!
//! Source: <https://docs.datadoghq.com/developers/dogstatsd/datagram_shell/?tab=servicechecks>.

use super::attributes::{Attributes, replaced, with_newlines};
use crate::metric::BadReason;

/// One service check, most of it borrowed from its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceCheck<'a> {
    /// Not empty.
    pub name: &'a [u8],
    /// What was found.
    pub status: Status,
    /// `m:`, with its escapes undone.
    pub message: Option<Vec<u8>>,
    /// What it shares with events.
    pub attributes: Attributes<'a>,
}

/// What a service check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// 0.
    Ok,
    /// 1.
    Warning,
    /// 2.
    Critical,
    /// 3.
    Unknown,
}

impl Status {
    /// The field's word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Status::Ok => "ok",
            Status::Warning => "warning",
            Status::Critical => "critical",
            Status::Unknown => "unknown",
        }
    }
}

impl<'a> ServiceCheck<'a> {
    /// Reads a line without its end. Sections that nobody knows are skipped.
    ///
    /// The message should be last and some clients put others behind it. So it ends at a `|` that one of the sections
    /// known here follows; any other `|` is part of it.
    ///
    /// # Errors
    /// `BadCheck` if it is not `_sc|name|status` with a status from 0 to 3, `EmptyName` if the name is empty,
    /// `BadTimestamp` if the date is no whole number of seconds.
    pub fn parse(line: &'a [u8]) -> Result<ServiceCheck<'a>, BadReason> {
        let rest = line.strip_prefix(b"_sc|").ok_or(BadReason::BadCheck)?;
        let mut fields = rest.split(|&byte| byte == b'|');
        let name = fields.next().unwrap_or_default();
        let status = match fields.next() {
            Some(b"0") => Status::Ok,
            Some(b"1") => Status::Warning,
            Some(b"2") => Status::Critical,
            Some(b"3") => Status::Unknown,
            _ => return Err(BadReason::BadCheck),
        };
        if name.is_empty() {
            return Err(BadReason::EmptyName);
        }
        let mut check = ServiceCheck { name, status, message: None, attributes: Attributes::default() };
        let mut message: Option<Vec<u8>> = None;
        for section in fields {
            match (section, &mut message) {
                ([b'm', b':', text @ ..], None) => message = Some(text.to_vec()),
                (section, Some(message)) if !Attributes::knows(section) => {
                    message.push(b'|');
                    message.extend_from_slice(section);
                }
                (section, _) => {
                    check.attributes.take(section)?;
                }
            }
        }
        check.message = message.map(|text| replaced(&with_newlines(&text), b"m\\:", b"m:"));
        Ok(check)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(line: &str) -> ServiceCheck<'_> {
        ServiceCheck::parse(line.as_bytes()).unwrap_or_else(|reason| panic!("{line:?}: {reason:?}"))
    }

    #[test]
    fn all_sections_are_read_and_unknown_ones_before_the_message_skipped() {
        let line = "_sc|db.up|2|x:1|d:12|h:web|#k:v,b|m:no m\\: it\\nfailed | twice|c:ci-1|card:low";
        let attributes = Attributes {
            timestamp: Some(12),
            hostname: Some(b"web"),
            tags: b"k:v,b",
            container: Some(b"ci-1"),
            external_data: None,
            cardinality: Some(b"low"),
        };
        let message = Some(b"no m: it\nfailed | twice".to_vec());
        let check = ServiceCheck { name: b"db.up", status: Status::Critical, message, attributes };
        assert_eq!(parsed(line), check);
        assert_eq!(parsed("_sc|a|3").message, None);
        assert_eq!(parsed("_sc|a|3|m:").message, Some(Vec::new()));
    }

    #[test]
    fn what_is_no_service_check_says_why() {
        for (line, reason) in [
            ("_sc", BadReason::BadCheck),
            ("_sc|", BadReason::BadCheck),
            ("_sc|a", BadReason::BadCheck),
            ("_sc|a|", BadReason::BadCheck),
            ("_sc|a|4", BadReason::BadCheck),
            ("_sc|a|00", BadReason::BadCheck),
            ("_sc||0", BadReason::EmptyName),
            ("_sc|a|0|d:1.5", BadReason::BadTimestamp),
            ("_sc|a|0|m:x|d:y", BadReason::BadTimestamp),
        ] {
            assert_eq!(ServiceCheck::parse(line.as_bytes()), Err(reason), "{line:?}");
        }
    }

    proptest! {
        #[test]
        fn a_check_written_and_parsed_is_the_same(
            name in "[^|\n]{1,12}", status in 0..4_usize, message in "[^|\\\\\n]{0,20}", tags in "[a-z:,]{0,9}",
        ) {
            let line = format!("_sc|{name}|{status}|#{tags}|m:{message}");
            let check = parsed(&line);
            let words = ["ok", "warning", "critical", "unknown"];
            prop_assert_eq!((check.name, check.status.word()), (name.as_bytes(), words[status]));
            prop_assert_eq!((check.message, check.attributes.tags), (Some(message.into_bytes()), tags.as_bytes()));
        }
    }
}
