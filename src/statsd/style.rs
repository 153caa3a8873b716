//! Where each dialect has tags in a name, and how it writes names.
//!
//! Names are as the reference cleans them, so that a metric has one name however its tags are sent; those of dialect
//! `dogstatsd` are as Datadog shows them
//! (<https://docs.datadoghq.com/metrics/custom_metrics/#naming-custom-metrics>).

use std::borrow::Cow;

use super::name::{pair, sanitise};
use super::{Dialect, Rules};

/// A name without the tags that were in it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Parts {
    /// Cleaned, if the rules say so; empty if nothing was left of it.
    pub(super) own: String,
    /// Keys and values in the order they were sent in.
    pub(super) tags: Vec<(String, String)>,
}

/// Parts a name as sent. Dialect `statsd` has rules of its own.
pub(super) fn parts(name: &[u8], rules: &Rules) -> Parts {
    let (own, tags) = match rules.dialect {
        Dialect::Auto | Dialect::Statsd => listed(name, b';', b';'),
        Dialect::Dogstatsd => return Parts { own: of_datadog(name), tags: Vec::new() },
        Dialect::Influx => listed(name, b',', b','),
        Dialect::Librato => listed(name, b'#', b','),
        Dialect::Signalfx => in_brackets(name),
    };
    let own = if rules.sanitise { sanitise(&own) } else { String::from_utf8_lossy(&own).into_owned() };
    Parts { own, tags }
}

/// A name and its tags.
type Parted<'a> = (Cow<'a, [u8]>, Vec<(String, String)>);

/// `name;k=v;k2=v2`
/// `    ^   ^` what is `first`, and what stands `between` tags.
fn listed(name: &[u8], first: u8, between: u8) -> Parted<'_> {
    let end = memchr::memchr(first, name).unwrap_or(name.len());
    let tags = name.get(end + 1..).map(|tags| pairs(tags, between)).unwrap_or_default();
    (Cow::Borrowed(&name[..end]), tags)
}

/// `na[k=v,k2=v2]me`
/// `  ^         ^` the text around is the name; a name with one bracket alone has no tags.
fn in_brackets(name: &[u8]) -> Parted<'_> {
    let open = memchr::memchr(b'[', name);
    let close = open.and_then(|open| Some(open + memchr::memchr(b']', &name[open..])?));
    match open.zip(close) {
        Some((open, close)) => {
            let own = [&name[..open], &name[close + 1..]].concat();
            (Cow::Owned(own), pairs(&name[open + 1..close], b','))
        }
        None => (Cow::Borrowed(name), Vec::new()),
    }
}

fn pairs(tags: &[u8], between: u8) -> Vec<(String, String)> {
    tags.split(|&byte| byte == between).map(|tag| pair(tag, b'=')).collect()
}

/// The name as Datadog writes it: it begins with the first letter; what is no letter, digit or `.` becomes one `_`, and
/// none beside a `.` or at the end.
fn of_datadog(name: &[u8]) -> String {
    let mut own = String::with_capacity(name.len());
    let letters = name.iter().skip_while(|byte| !byte.is_ascii_alphabetic());
    for &byte in letters {
        match byte {
            b'.' => {
                if own.ends_with('_') {
                    own.pop();
                }
                own.push('.');
            }
            byte if byte.is_ascii_alphanumeric() => own.push(byte.into()),
            _ if own.ends_with(['.', '_']) => {}
            _ => own.push('_'),
        }
    }
    if own.ends_with('_') {
        own.pop();
    }
    own
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(name: &str, dialect: Dialect) -> String {
        shown_by(name, &Rules { dialect, ..Rules::default() })
    }

    fn shown_by(name: &str, rules: &Rules) -> String {
        let Parts { own, tags } = parts(name.as_bytes(), rules);
        let tags: Vec<String> = tags.into_iter().map(|(key, value)| format!("{key}:{value}")).collect();
        format!("{own} {}", tags.join(","))
    }

    #[test]
    fn every_dialect_has_its_tags_in_its_own_place() {
        let table = [
            (Dialect::Auto, "a.b;k=v;k2=v:w;b", "a.b k:v,k2:v:w,b:"),
            (Dialect::Auto, "a,k=v", "akv "),
            (Dialect::Influx, "a.b,k=v,k2=v;w,b", "a.b k:v,k2:v_w,b:"),
            (Dialect::Influx, "a;k=v", "akv "),
            (Dialect::Influx, ",k=v", " k:v"),
            (Dialect::Librato, "a.b#k=v,k2=#,b", "a.b k:v,k2:#,b:"),
            (Dialect::Librato, "a#", "a :"),
            (Dialect::Signalfx, "a.[k=v,k2=v2]b", "a.b k:v,k2:v2"),
            (Dialect::Signalfx, "[k=v]a b", "a_b k:v"),
            (Dialect::Signalfx, "a[k=v]", "a k:v"),
            (Dialect::Signalfx, "[k=va", "kva "),
            (Dialect::Signalfx, "k]a[b", "kab "),
            (Dialect::Dogstatsd, "a;k=v", "a_k_v "),
        ];
        for (dialect, name, expected) in table {
            assert_eq!(shown(name, dialect), expected, "{dialect:?} {name}");
        }
    }

    #[test]
    fn names_that_are_not_cleaned_are_as_they_came() {
        let shown =
            |name: &str, dialect| shown_by(name, &Rules { dialect, sanitise: false, ..Rules::default() });
        assert_eq!(shown("GET /api/é (x)%;k=v", Dialect::Auto), "GET /api/é (x)% k:v");
        assert_eq!(shown("a/b,k=v", Dialect::Influx), "a/b k:v");
        assert_eq!(shown("a/[k=v]b", Dialect::Signalfx), "a/b k:v");
    }

    #[test]
    fn names_of_dogstatsd_are_as_datadog_shows_them() {
        for (name, expected) in [
            ("codeheap 'non-nmethods'.usage", "codeheap_non_nmethods.usage"),
            ("page/views", "page_views"),
            ("_1.a--b__c.", "a_b_c."),
            ("a._b_", "a.b"),
            ("é1é", ""),
            ("Ab9é.c", "Ab9.c"),
        ] {
            assert_eq!(of_datadog(name.as_bytes()), expected, "{name}");
        }
    }

    proptest! {
        #[test]
        fn a_name_of_datadog_is_legal_and_named_again_the_same(name in any::<Vec<u8>>()) {
            let own = of_datadog(&name);
            prop_assert_eq!(&sanitise(own.as_bytes()), &own);
            prop_assert_eq!(&of_datadog(own.as_bytes()), &own);
        }
    }
}
