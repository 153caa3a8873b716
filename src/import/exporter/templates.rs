//! Templates of names and labels, from statsd_exporter's two ways of reading them to ours.

/// A template of ours, and what of it was no reference to a group.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Translated {
    pub(super) text: String,
    /// References that come out empty, as they were written.
    pub(super) empty: Vec<String>,
}

/// A template behind a glob with so many `*`: `$` and what follows it of letters, digits, `_` and `$`, or the same in
/// braces, is a reference; one that is no number up to `stars` comes out empty.
pub(super) fn of_glob(text: &str, stars: usize) -> Translated {
    let mut translated = Translated { text: String::new(), empty: Vec::new() };
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        translated.text.push_str(before);
        let brace = usize::from(after.starts_with('{'));
        let word = after[brace..].bytes().take_while(|&byte| is_word(byte) || byte == b'$').count();
        if word == 0 {
            translated.text.push_str("$$");
            rest = after;
            continue;
        }
        let end = brace + word + usize::from(after[brace + word..].starts_with('}'));
        let number = after[brace..brace + word].parse().ok().filter(|&number: &usize| number <= stars);
        translated.refer(number, &after[..end]);
        rest = &after[end..];
    }
    translated.text.push_str(rest);
    translated
}

/// A template behind a regular expression, as Go expands it; `number_of` says which group has a name, and whether there
/// is one of a number.
pub(super) fn of_regex(text: &str, number_of: &dyn Fn(&str) -> Option<usize>) -> Translated {
    let mut translated = Translated { text: String::new(), empty: Vec::new() };
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        translated.text.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            translated.text.push_str("$$");
            rest = after;
            continue;
        }
        let brace = usize::from(after.starts_with('{'));
        let ends = |letter: char| !letter.is_alphanumeric() && letter != '_';
        let word = after[brace..].find(ends).unwrap_or(after.len() - brace);
        let closed = brace == 0 || after[brace + word..].starts_with('}');
        if word == 0 || !closed {
            translated.text.push_str("$$");
            rest = after;
            continue;
        }
        let end = 2 * brace + word;
        translated.refer(number_of(&after[brace..brace + word]), &after[..end]);
        rest = &after[end..];
    }
    translated.text.push_str(rest);
    translated
}

impl Translated {
    fn refer(&mut self, number: Option<usize>, written: &str) {
        match number {
            Some(number) => self.text.push_str(&format!("${{{number}}}")),
            None => self.empty.push(format!("${written}")),
        }
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn translated(text: &str, empty: &[&str]) -> Translated {
        Translated { text: text.to_owned(), empty: empty.iter().map(|&text| text.to_owned()).collect() }
    }

    #[test]
    fn a_template_behind_a_glob_is_read_as_the_exporter_reads_it() {
        let table = [
            ("a_$1.$2", translated("a_${1}.${2}", &[])),
            ("${1}_total", translated("${1}_total", &[])),
            ("$1_total", translated("", &["$1_total"])),
            ("$1$2-${0}", translated("-${0}", &["$1$2"])),
            ("$3 5$ $", translated(" 5$$ $$", &["$3"])),
            ("$$1", translated("", &["$$1"])),
            ("${x}y", translated("y", &["${x}"])),
            ("${1", translated("${1}", &[])),
            ("é$1é", translated("é${1}é", &[])),
        ];
        for (text, expected) in table {
            assert_eq!(of_glob(text, 2), expected, "{text}");
        }
    }

    #[test]
    fn a_template_behind_a_regular_expression_is_read_as_go_reads_it() {
        let number_of = |name: &str| match name {
            "name" => Some(2),
            name => name.parse().ok().filter(|&number| number <= 2),
        };
        let table = [
            ("$1$2", translated("${1}${2}", &[])),
            ("$1_x", translated("", &["$1_x"])),
            ("${name}_$name-", translated("${2}_${2}-", &[])),
            ("$$1 ${1 $- $", translated("$$1 $${1 $$- $$", &[])),
            ("${3}$9$1é", translated("", &["${3}", "$9", "$1é"])),
        ];
        for (text, expected) in table {
            assert_eq!(of_regex(text, &number_of), expected, "{text}");
        }
    }
}
