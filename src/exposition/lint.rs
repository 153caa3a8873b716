//! A strict reader of the text form, for tests: what it takes, Prometheus takes.
//!
//! It refuses more than Prometheus does: every family needs its HELP and TYPE, in this order, before its samples.

use std::collections::HashSet;

use super::FamilyType;

/// One family as read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ReadFamily {
    pub(crate) name: String,
    pub(crate) help: String,
    pub(crate) family_type: FamilyType,
    pub(crate) samples: Vec<ReadSample>,
}

/// One sample as read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ReadSample {
    /// What follows the family's name.
    pub(crate) suffix: String,
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) value: f64,
}

/// Reads a whole scrape; the error says which line is wrong, and how.
pub(crate) fn read(text: &str) -> Result<Vec<ReadFamily>, String> {
    if !text.is_empty() && !text.ends_with('\n') {
        return Err("the last line has no end".into());
    }
    let mut families: Vec<ReadFamily> = Vec::new();
    let (mut names, mut series) = (HashSet::new(), HashSet::new());
    let mut lines = text.split_terminator('\n').peekable();
    while let Some(line) = lines.next() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let family = header(rest, lines.next().unwrap_or_default())?;
            for suffix in family.family_type.suffixes() {
                if !names.insert(format!("{}{suffix}", family.name)) {
                    return Err(format!("name used twice: {line}"));
                }
            }
            families.push(family);
            continue;
        }
        let (name, labels, value) = sample(line)?;
        let family = families.last_mut().ok_or_else(|| format!("no header: {line}"))?;
        let suffix =
            name.strip_prefix(&family.name).ok_or_else(|| format!("not of {}: {line}", family.name))?;
        let has = |name: &str| labels.iter().any(|(label, _)| label == name);
        let fits = match family.family_type {
            FamilyType::Counter | FamilyType::Gauge => suffix.is_empty(),
            FamilyType::Summary => ["", "_sum", "_count"].contains(&suffix),
            FamilyType::Histogram => ["_bucket", "_sum", "_count"].contains(&suffix),
        };
        let quantile = family.family_type == FamilyType::Summary && suffix.is_empty();
        if !fits || has("quantile") != quantile || has("le") != (suffix == "_bucket") {
            return Err(format!("no sample of a {}: {line}", family.family_type.word()));
        }
        let mut sorted = labels.clone();
        sorted.sort();
        if sorted.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return Err(format!("label used twice: {line}"));
        }
        if !series.insert((name.to_string(), sorted)) {
            return Err(format!("series comes twice: {line}"));
        }
        family.samples.push(ReadSample { suffix: suffix.to_string(), labels, value });
    }
    Ok(families)
}

fn header(help: &str, next: &str) -> Result<ReadFamily, String> {
    let (name, help) = help.split_once(' ').ok_or_else(|| format!("HELP without text: {help}"))?;
    let word = next
        .strip_prefix("# TYPE ")
        .and_then(|rest| rest.strip_prefix(name)?.strip_prefix(' '))
        .ok_or_else(|| format!("HELP {name} without TYPE: {next}"))?;
    let family_type = [FamilyType::Counter, FamilyType::Gauge, FamilyType::Summary, FamilyType::Histogram]
        .into_iter()
        .find(|family_type| family_type.word() == word)
        .ok_or_else(|| format!("unknown type: {next}"))?;
    if !is_name(name, true) {
        return Err(format!("illegal name: {name}"));
    }
    let help = unescape(help, false).ok_or_else(|| format!("illegal escape: {help}"))?;
    Ok(ReadFamily { name: name.into(), help, family_type, samples: Vec::new() })
}

type Parts<'a> = (&'a str, Vec<(String, String)>, f64);

fn sample(line: &str) -> Result<Parts<'_>, String> {
    let wrong = |what: &str| format!("{what}: {line}");
    let end = line.find(['{', ' ']).ok_or_else(|| wrong("no value"))?;
    let (name, mut rest) = line.split_at(end);
    if !is_name(name, true) {
        return Err(wrong("illegal name"));
    }
    let mut labels = Vec::new();
    if let Some(mut inside) = rest.strip_prefix('{') {
        loop {
            let (label, after) = inside.split_once("=\"").ok_or_else(|| wrong("no label"))?;
            if !is_name(label, false) || label.starts_with("__") {
                return Err(wrong("illegal label name"));
            }
            let quote = closing_quote(after).ok_or_else(|| wrong("label value never ends"))?;
            let value = unescape(&after[..quote], true).ok_or_else(|| wrong("illegal escape"))?;
            if value.is_empty() {
                return Err(wrong("empty label value"));
            }
            labels.push((label.to_string(), value));
            inside = &after[quote + 1..];
            match inside.strip_prefix(',') {
                Some(more) => inside = more,
                None => break,
            }
        }
        rest = inside.strip_prefix('}').ok_or_else(|| wrong("braces never close"))?;
    }
    let value = rest.strip_prefix(' ').ok_or_else(|| wrong("no value"))?;
    Ok((name, labels, value.parse().map_err(|_| wrong("the value is no number"))?))
}

fn is_name(text: &str, colon: bool) -> bool {
    !text.is_empty()
        && !text.starts_with(|first: char| first.is_ascii_digit())
        && text.chars().all(|piece| piece.is_ascii_alphanumeric() || piece == '_' || colon && piece == ':')
}

fn closing_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|byte| {
        let found = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        found
    })
}

fn unescape(text: &str, quotes: bool) -> Option<String> {
    let mut out = String::new();
    let mut pieces = text.chars();
    while let Some(piece) = pieces.next() {
        out.push(match piece {
            '\\' => match pieces.next()? {
                'n' => '\n',
                '\\' => '\\',
                '"' if quotes => '"',
                _ => return None,
            },
            piece => piece,
        });
    }
    Some(out)
}

#[test]
fn illegal_text_is_refused_with_its_reason() {
    let head = "# HELP a x\n# TYPE a gauge\n";
    let table = [
        ("a 1".to_string(), "the last line has no end"),
        ("a 1\n".to_string(), "no header: a 1"),
        ("# HELP a x\na 1\n".to_string(), "HELP a without TYPE: a 1"),
        (format!("{head}a 1\na 2\n"), "series comes twice: a 2"),
        (format!("{head}{head}"), "name used twice: # HELP a x"),
        (format!("{head}b 1\n"), "not of a: b 1"),
        (format!("{head}a_sum 1\n"), "no sample of a gauge: a_sum 1"),
        (format!("{head}a{{b=\"1\",b=\"2\"}} 1\n"), "label used twice: a{b=\"1\",b=\"2\"} 1"),
        (format!("{head}a{{b=\"\\x\"}} 1\n"), "illegal escape: a{b=\"\\x\"} 1"),
        (format!("{head}a x\n"), "the value is no number: a x"),
    ];
    for (text, error) in table {
        assert_eq!(read(&text), Err(error.to_string()));
    }
}
