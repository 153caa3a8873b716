//! A section as lines for people: `section > key: value`, and nothing that is secret.

use super::sections::Section;
use super::value::{Kind, Value};

impl Section {
    /// A line for every value that was given, variables replaced; those of keys that look secret are hidden.
    pub fn told(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if self.has_type {
            lines.push(format!("{} > type: {}", self.name, self.type_name));
        }
        for entry in &self.table.entries {
            tell(&format!("{} > {}", self.name, entry.key), &entry.key, &entry.value, &mut lines);
        }
        lines
    }
}

fn tell(path: &str, key: &str, value: &Value, lines: &mut Vec<String>) {
    let text = match &value.kind {
        Kind::Array(values) => {
            let values = values.iter().enumerate();
            return values.for_each(|(place, value)| tell(&format!("{path} > {place}"), key, value, lines));
        }
        Kind::Table(table) => {
            let entries = table.entries.iter();
            return entries.for_each(|entry| {
                tell(&format!("{path} > {}", entry.key), &entry.key, &entry.value, lines);
            });
        }
        _ if is_secret(key) => "(hidden)".to_owned(),
        Kind::String(text, _) if text.contains("://") && text.contains('@') => "(hidden)".to_owned(),
        Kind::String(text, _) => text.escape_debug().to_string().replace("\\\"", "\"").replace("\\'", "'"),
        Kind::Integer(digits, 10) => digits.clone(),
        Kind::Integer(digits, radix) => {
            i128::from_str_radix(digits, *radix).map_or(digits.clone(), |n| n.to_string())
        }
        Kind::Float(number) => number.to_string(),
        Kind::Boolean(value) => value.to_string(),
        Kind::Datetime | Kind::Damaged => return,
    };
    lines.push(format!("{path}: {text}"));
}

fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    ["password", "passphrase", "secret", "token", "key", "credential", "authorization", "cookie"]
        .iter()
        .any(|word| key.contains(word))
}

#[cfg(test)]
mod tests {
    use crate::config::{Problems, Sources, sections};

    #[test]
    fn what_was_given_is_told_and_secrets_are_not() {
        let text = "[a]\ntype = 'X'\nlist = [1, 0x10]\npassword = 'p'\nheaders.Authorization = ['Bearer x']\nurl = 'http://u:p@h/'\n\
                    [a.inner]\nhmac_keys = ['k']\nyes = true\ntext = \"a\\nb 'c'\"\n";
        let mut problems = Problems::new();
        let read = sections(&Sources::embedded("told.toml", text), &|_| None, &mut problems);
        let expected = [
            "a > type: X",
            "a > list > 0: 1",
            "a > list > 1: 16",
            "a > password: (hidden)",
            "a > headers > Authorization > 0: (hidden)",
            "a > url: (hidden)",
            "a > inner > hmac_keys > 0: (hidden)",
            "a > inner > yes: true",
            "a > inner > text: a\\nb 'c'",
        ];
        assert_eq!(read.plugins[0].told(), expected);
    }
}
