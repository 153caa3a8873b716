//! Writes a configuration section by section, so that importers do not each spell TOML.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::Template;

/// A configuration being written.
///
/// ```
/// use heka::import::Document;
///
/// let mut document = Document::new("Made from config.js.");
/// document.section("statsd");
/// document.set("type", "StatsdInput").comment("Only from this host.").set("address", "127.0.0.1:8125");
/// assert_eq!(
///     document.into_text(),
///     "# Made from config.js.\n\n[statsd]\ntype = \"StatsdInput\"\n# Only from this host.\naddress = \"127.0.0.1:8125\"\n"
/// );
/// ```
#[derive(Debug, Clone, Default)]
pub struct Document {
    text: String,
    needed: BTreeSet<String>,
}

impl Document {
    /// A document that begins with a comment.
    pub fn new(header: &str) -> Document {
        let mut document = Document::default();
        document.comment(header);
        document
    }

    /// Opens the section `[name]`; a name with dots is one within another.
    pub fn section(&mut self, name: &str) -> &mut Document {
        self.open(&format!("[{}]", path(name)))
    }

    /// Opens the next table of a list, `[[name]]`.
    pub fn element(&mut self, name: &str) -> &mut Document {
        self.open(&format!("[[{}]]", path(name)))
    }

    /// Writes a comment, a line for each line of `text`.
    pub fn comment(&mut self, text: &str) -> &mut Document {
        for line in text.lines() {
            self.text.push('#');
            if !line.is_empty() {
                self.text.push(' ');
            }
            // What is quoted from a file may hold anything.
            self.text.extend(line.chars().map(|letter| if letter.is_control() { ' ' } else { letter }));
            self.text.push('\n');
        }
        self
    }

    /// Writes `key = value`. What looks like a reference to a variable in a text is written so that it stays as it is.
    pub fn set(&mut self, key: &str, value: impl Into<toml::Value>) -> &mut Document {
        self.write(key, &inline(&value.into()))
    }

    /// Writes `key = "…"` with the references of `template`.
    pub fn refer(&mut self, key: &str, template: &Template) -> &mut Document {
        self.needed.extend(template.needed().map(str::to_owned));
        self.write(key, &toml::Value::String(template.written()).to_string())
    }

    /// Writes `key = ["…", "…"]` with the references of `templates`.
    pub fn refer_all(&mut self, key: &str, templates: &[Template]) -> &mut Document {
        self.needed.extend(templates.iter().flat_map(Template::needed).map(str::to_owned));
        let written = templates.iter().map(|template| template.written().into());
        self.write(key, &toml::Value::Array(written.collect()).to_string())
    }

    /// The variables it refers to without a default so far.
    pub fn needed(&self) -> Vec<String> {
        self.needed.iter().cloned().collect()
    }

    /// The configuration.
    pub fn into_text(self) -> String {
        self.text
    }

    fn write(&mut self, key: &str, value: &str) -> &mut Document {
        writeln!(self.text, "{} = {value}", quoted(key)).expect("a string takes every write");
        self
    }

    fn open(&mut self, header: &str) -> &mut Document {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text.push_str(header);
        self.text.push('\n');
        self
    }
}

fn path(name: &str) -> String {
    name.split('.').map(quoted).collect::<Vec<_>>().join(".")
}

/// A key as it is where it may be, else in quotes.
fn quoted(key: &str) -> String {
    let bare = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    match !key.is_empty() && key.bytes().all(bare) {
        true => key.to_owned(),
        false => toml::Value::from(key).to_string(),
    }
}

/// A value on one line: tables in braces.
fn inline(value: &toml::Value) -> String {
    match value {
        toml::Value::Table(table) => {
            let pairs: Vec<_> =
                table.iter().map(|(key, value)| format!("{} = {}", quoted(key), inline(value))).collect();
            format!("{{ {} }}", pairs.join(", "))
        }
        toml::Value::Array(values) => {
            format!("[{}]", values.iter().map(inline).collect::<Vec<_>>().join(", "))
        }
        toml::Value::String(text) => toml::Value::String(unreferenced(text)).to_string(),
        value => value.to_string(),
    }
}

/// A text that comes out as `text` when references to variables are replaced in it: a variable that nobody can set has
/// the first character as its default.
pub(super) fn unreferenced(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    for (at, letter) in text.char_indices() {
        let rest = &text[at..];
        let is_number = rest.as_bytes().get(2).is_some_and(u8::is_ascii_digit);
        match letter {
            '$' if rest.starts_with("${") && !is_number => written.push_str("${-:-$}"),
            '%' if rest.starts_with("%ENV[") => written.push_str("${-:-%}"),
            letter => written.push(letter),
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_as_what_was_set() {
        let mut document = Document::new("a \u{7}b\n\nc");
        document.section("a b.c").set("k.l", "x\"\n\\").set("list", vec![1, 2]).set("f", 1.0);
        document.element("m.n").set("t", toml::Table::from_iter([("x y".to_owned(), "z".into())]));
        document.set("v", "${A} ${1} %ENV[B] $C");
        let text = document.into_text();
        assert!(text.ends_with("v = \"${-:-$}{A} ${1} ${-:-%}ENV[B] $C\"\n"), "{text}");
        let read: toml::Table = text.parse().unwrap();
        assert_eq!(read["a b"]["c"]["k.l"].as_str(), Some("x\"\n\\"));
        assert_eq!(read["a b"]["c"]["list"].as_array().unwrap().len(), 2);
        assert_eq!(read["a b"]["c"]["f"].as_float(), Some(1.0));
        assert_eq!(read["m"]["n"][0]["t"]["x y"].as_str(), Some("z"));
        assert!(text.starts_with("# a  b\n#\n# c\n"));
    }
}
