//! From a name and a tag section as sent to the canonical identity of a series.
//!
//! Names are cleaned as the reference does it
//! (<https://github.com/statsd/statsd/blob/master/stats.js>, `sanitizeKeyName`): runs of white space become `_`, `/`
//! becomes `-`, everything else outside of `[a-zA-Z0-9_.-]` is deleted. Unlike there an empty name is refused, and
//! tags are sorted, so that their order does not make two series of one.

use crate::metric::{BadReason, Kind, OVERFLOW, Series, Tags, cleaned};

use super::{Dialect, Rules, style};

/// The series that samples of `kind`, sent with the name `name` and the tag section `tags`, belong to.
///
/// Tags come from three places: the name (`name;k=v`, or as the dialect writes it), `|#k:v` and the rules; of a key that
/// comes twice the last is kept.
///
/// # Errors
/// `EmptyName` if nothing legal is in the name; `UnknownType` for a DogStatsD event, whose title is no value.
pub(super) fn canonical(name: &[u8], tags: &[u8], kind: Kind, rules: &Rules) -> Result<Series, BadReason> {
    if name.starts_with(b"_e{") {
        return Err(BadReason::UnknownType);
    }
    if rules.dialect == Dialect::Statsd {
        return Ok(of_reference(name, tags, kind, rules));
    }
    let style::Parts { own, tags: pairs } = style::parts(name, rules);
    if own.is_empty() {
        return Err(BadReason::EmptyName);
    }
    let tags = with_sections(pairs, tags, &rules.tags);
    Ok(Series { name: reserved(prefixed(&rules.prefix, own)).into(), tags, kind })
}

/// Tags of a name, those of the section `tags`, and those of the listener, as one list.
pub(super) fn with_sections(
    mut pairs: Vec<(String, String)>,
    tags: &[u8],
    listener: &[(String, String)],
) -> Tags {
    if !tags.is_empty() {
        pairs.extend(tags.split(|&byte| byte == b',').map(|tag| pair(tag, b':')));
    }
    pairs.extend(listener.iter().cloned());
    sorted(pairs)
}

/// The series whose name and `Series::tags_text` these are.
pub(super) fn as_written(name: &[u8], tags: &[u8], kind: Kind) -> Series {
    let [name, tags] = [name, tags].map(String::from_utf8_lossy);
    let pairs = tags.split(',').filter(|tag| !tag.is_empty());
    let pairs = pairs.map(|tag| tag.split_once(':').unwrap_or((tag, "")));
    Series { name: (*name).into(), tags: pairs.collect(), kind }
}

/// The series in the dialect of the reference, where tags become a part of the key: their order is identity, a key may
/// come twice, and the name may be empty. An empty tag is left out.
fn of_reference(name: &[u8], tags: &[u8], kind: Kind, rules: &Rules) -> Series {
    let mut key = String::from_utf8_lossy(name).into_owned();
    for item in String::from_utf8_lossy(tags).split(',').filter(|_| !tags.is_empty()) {
        key.push(';');
        key.push_str(&item.replacen(';', "_", 1).replacen(':', "=", 1));
    }
    if rules.sanitise {
        key = cleaned(&key, &[';', '=']);
    }
    let mut parts = key.split(';');
    let own = parts.next().unwrap_or_default().to_owned();
    let ours = |key: &str| rules.tags.iter().any(|(our, _)| our == key);
    let theirs = parts.filter(|part| !part.is_empty());
    let theirs = theirs.map(|part| part.split_once('=').unwrap_or((part, ""))).filter(|(key, _)| !ours(key));
    let added = rules.tags.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    Series { name: reserved(prefixed(&rules.prefix, own)).into(), tags: theirs.chain(added).collect(), kind }
}

/// `text` as a name: what is illegal replaced or deleted.
pub(super) fn sanitise(text: &[u8]) -> String {
    // Most names are legal as they are.
    let legal = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    if let Ok(text) = std::str::from_utf8(text)
        && text.as_bytes().iter().all(legal)
    {
        return text.to_owned();
    }
    cleaned(&String::from_utf8_lossy(text), &[])
}

/// `text` as the key of a tag: as a value, and without `:` and `=`, which end a key.
pub(super) fn tag_key(text: &[u8]) -> String {
    tag_value(text).replace([':', '='], "_")
}

/// `text` as the value of a tag: without blanks at its ends, and with `_` for controls and for `;` and `,`, which
/// end a tag.
pub(super) fn tag_value(text: &[u8]) -> String {
    let illegal = |character: char| character.is_control() || matches!(character, ';' | ',');
    String::from_utf8_lossy(text.trim_ascii()).replace(illegal, "_")
}

/// `key:value`
/// `   ^` the first `between`; without one it is a bare tag, whose value is empty.
pub(super) fn pair(tag: &[u8], between: u8) -> (String, String) {
    let at = tag.iter().position(|&byte| byte == between);
    let (key, value) = at.map_or((tag, &[][..]), |at| (&tag[..at], &tag[at + 1..]));
    (tag_key(key), tag_value(value))
}

/// Sorted by key, the last of equal keys; empty keys are left out.
fn sorted(mut pairs: Vec<(String, String)>) -> Tags {
    pairs.retain(|(key, _)| !key.is_empty());
    pairs.reverse();
    pairs.sort_by(|one, other| one.0.cmp(&other.0));
    pairs.dedup_by(|later, kept| later.0 == kept.0);
    pairs.into_iter().collect()
}

fn prefixed(prefix: &str, name: String) -> String {
    if prefix.is_empty() {
        name
    } else if prefix.ends_with('.') {
        format!("{prefix}{name}")
    } else {
        format!("{prefix}.{name}")
    }
}

/// Takes one `_` from names that begin as the overflow series does, so that no client writes into it.
fn reserved(name: String) -> String {
    if name.starts_with(OVERFLOW) { name[1..].to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text_of(name: &str, tags: &str, rules: &Rules) -> String {
        let series = canonical(name.as_bytes(), tags.as_bytes(), Kind::Counter, rules).unwrap();
        format!("{} {}", series.name, series.tags_text())
    }

    #[test]
    fn the_tag_of_the_listener_replaces_the_tag_of_the_client() {
        let rules = Rules::new("", vec![("env".into(), "prod".into())], &[]).unwrap();
        assert_eq!(text_of("a;env=x;b=1", "env:y,a:2", &rules), "a a:2,b:1,env:prod");
    }

    #[test]
    fn a_prefix_is_joined_by_one_dot() {
        let with = |prefix| Rules::new(prefix, Vec::new(), &[]).unwrap();
        assert_eq!(text_of("b", "", &with("a")), "a.b ");
        assert_eq!(text_of("b", "", &with("a.")), "a.b ");
        assert_eq!(text_of("b", "", &with("")), "b ");
        assert_eq!(canonical(b"%", b"", Kind::Counter, &with("a")), Err(BadReason::EmptyName));
    }

    #[test]
    fn nobody_writes_into_the_overflow_series() {
        assert_eq!(text_of("__overflow__", "", &Rules::default()), "_overflow__ ");
        assert_eq!(text_of("__over%flow__.x", "", &Rules::default()), "_overflow__.x ");
        let rules = Rules::new("__overflow__", Vec::new(), &[]).unwrap();
        assert_eq!(text_of("a", "", &rules), "_overflow__.a ");
    }

    #[test]
    fn white_space_is_what_the_reference_takes_for_it() {
        assert_eq!(sanitise("a \t\u{a0}\u{feff}b".as_bytes()), "a_b");
        assert_eq!(sanitise("a\u{85}b \u{1}c".as_bytes()), "ab_c");
    }

    proptest! {
        #[test]
        fn a_canonical_series_written_and_read_again_is_the_same(
            name in proptest::collection::vec(any::<u8>(), 0..20),
            tags in prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..30),
                "[ab:=, ;\u{1}]{0,20}".prop_map(String::into_bytes),
            ],
            carbon in "[;ab:=, ]{0,12}",
        ) {
            let name = [&name[..], carbon.as_bytes()].concat();
            if let Ok(series) = canonical(&name, &tags, Kind::Set, &Rules::default()) {
                let text = series.tags_text();
                let again = canonical(series.name.as_bytes(), text.as_bytes(), Kind::Set, &Rules::default());
                prop_assert_eq!(again, Ok(series));
            }
        }
    }
}
