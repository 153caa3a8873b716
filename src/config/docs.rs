//! The documentation of an options struct, read from its JSON schema: the struct is the manual.

use schemars::JsonSchema;
use serde_json::Value;

use super::schema::{Node, Schema, type_of};

/// One key as the manual shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentedOption {
    /// The key; dotted for keys of tables below, with `<name>` for free keys and `[]` for elements of a list.
    pub key: String,
    /// What its values are, in words.
    pub kind: String,
    /// The default as it would be written; `None` if there is none.
    pub default: Option<String>,
    /// Whether the key must be given.
    pub required: bool,
    /// The doc comment of the field.
    pub description: String,
}

/// The doc comment of the struct itself.
pub fn description<C: JsonSchema>() -> String {
    text(Schema::of::<C>().root(), "description")
}

/// Every key of the struct in alphabetical order, those of tables below after the table's own.
pub fn options<C: JsonSchema>() -> Vec<DocumentedOption> {
    let schema = Schema::of::<C>();
    let mut options = Vec::new();
    collect(schema.root(), "", DEEPEST, &mut options);
    options
}

fn collect(node: Node<'_>, path: &str, depth: usize, options: &mut Vec<DocumentedOption>) {
    let Some(properties) = node.properties().filter(|_| depth > 0) else { return };
    let required: Vec<&str> = node.required().collect();
    for name in properties.keys() {
        let Some(child) = node.child(name) else { continue };
        let key = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let written = properties.get(name).unwrap_or(&Value::Null);
        options.push(DocumentedOption {
            key: key.clone(),
            kind: kind_of(child),
            default: written.get("default").or(child.member("default")).and_then(written_default),
            required: required.contains(&name.as_str()),
            description: described(written, child),
        });
        match (child.free_values(), child.items()) {
            (Some(values), _) => collect(values, &format!("{key}.<name>"), depth - 1, options),
            (None, Some(items)) => collect(items, &format!("{key}[]"), depth - 1, options),
            (None, None) => collect(child, &key, depth - 1, options),
        }
    }
}

/// What the values of a key are, in words.
fn kind_of(node: Node<'_>) -> String {
    if let Some(name) = node.member("x-type").and_then(Value::as_str) {
        return name.to_owned();
    }
    if let Some(words) = node.choices() {
        let words: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
        return words.join(" | ");
    }
    match type_of(node) {
        "integer" => "integer".to_owned(),
        "number" => "number".to_owned(),
        "boolean" => "true | false".to_owned(),
        "string" => "text".to_owned(),
        "array" => node.items().map_or("list".to_owned(), |items| format!("list of {}", kind_of(items))),
        "object" => match node.free_values() {
            Some(values) => format!("table of {}", kind_of(values)),
            None => "table".to_owned(),
        },
        _ => "value".to_owned(),
    }
}

/// The default as TOML; a table's default is that of its keys, and no value at all is no default.
fn written_default(value: &Value) -> Option<String> {
    match value {
        Value::Null | Value::Object(_) => None,
        Value::Array(values) => {
            let values: Vec<String> = values.iter().filter_map(written_default).collect();
            Some(format!("[{}]", values.join(", ")))
        }
        other => Some(other.to_string()),
    }
}

fn described(written: &Value, node: Node<'_>) -> String {
    match written.get("description").and_then(Value::as_str) {
        Some(text) => text.to_owned(),
        None => text(node, "description"),
    }
}

fn text(node: Node<'_>, member: &str) -> String {
    node.member(member).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// A struct that holds itself is shown to this depth.
const DEEPEST: usize = 6;
