//! What the JSON schema of an options struct says about its keys.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

/// The schema of an options struct, as one tree unless a struct holds itself.
pub(super) struct Schema {
    root: Value,
}

/// One place in a schema: a table, a list or a value.
#[derive(Clone, Copy)]
pub(super) struct Node<'a> {
    root: &'a Value,
    node: &'a Value,
}

impl Schema {
    pub(super) fn of<C: JsonSchema>() -> Schema {
        let mut settings = SchemaSettings::draft2020_12();
        settings.inline_subschemas = true;
        Schema { root: settings.into_generator().into_root_schema_for::<C>().to_value() }
    }

    pub(super) fn root(&self) -> Node<'_> {
        Node { root: &self.root, node: &self.root }.resolved()
    }
}

impl<'a> Node<'a> {
    /// The keys of a struct; `None` for anything else, also for a table of free keys.
    pub(super) fn properties(self) -> Option<&'a Map<String, Value>> {
        self.node.get("properties")?.as_object()
    }

    /// The property of this name, whatever the case, by its proper name.
    pub(super) fn property(self, key: &str) -> Option<(&'a str, Node<'a>)> {
        let (name, node) = self.properties()?.iter().find(|(name, node)| {
            name.eq_ignore_ascii_case(key) || aliases(node).any(|alias| alias.eq_ignore_ascii_case(key))
        })?;
        Some((name, self.at(node)))
    }

    /// The values of a table of free keys.
    pub(super) fn free_values(self) -> Option<Node<'a>> {
        self.node.get("additionalProperties").filter(|node| node.is_object()).map(|node| self.at(node))
    }

    /// The elements of a list.
    pub(super) fn items(self) -> Option<Node<'a>> {
        self.node.get("items").map(|node| self.at(node))
    }

    /// The keys that must be given.
    pub(super) fn required(self) -> impl Iterator<Item = &'a str> {
        self.node.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
    }

    /// A key of this struct, by its exact name.
    pub(super) fn child(self, key: &str) -> Option<Node<'a>> {
        self.properties()?.get(key).map(|node| self.at(node))
    }

    /// A text member of the schema, such as `description`.
    pub(super) fn member(self, name: &str) -> Option<&'a Value> {
        self.node.get(name)
    }

    /// The words allowed, if there are only few.
    pub(super) fn choices(self) -> Option<Vec<&'a str>> {
        if let Some(words) = self.node.get("enum").and_then(Value::as_array) {
            return Some(words.iter().filter_map(Value::as_str).collect());
        }
        let variants = self.node.get("oneOf")?.as_array()?;
        let words = variants.iter().flat_map(|variant| self.at(variant).words()).collect::<Vec<_>>();
        (!words.is_empty()).then_some(words)
    }

    fn words(self) -> Vec<&'a str> {
        match self.node.get("const").and_then(Value::as_str) {
            Some(word) => vec![word],
            None if self.node.get("enum").is_some() => self.choices().unwrap_or_default(),
            None => Vec::new(),
        }
    }

    fn at(self, node: &'a Value) -> Node<'a> {
        Node { root: self.root, node }.resolved()
    }

    /// Past references and past the wrapping of an optional value.
    fn resolved(self) -> Node<'a> {
        if let Some(path) = self.node.get("$ref").and_then(Value::as_str) {
            let target = path.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer));
            return target
                .filter(|target| !std::ptr::eq(*target, self.node))
                .map_or(self, |node| Node { node, ..self });
        }
        let Some(variants) = self.node.get("anyOf").and_then(Value::as_array) else { return self };
        let is_null = |node: &&Value| node.get("type").and_then(Value::as_str) == Some("null");
        match variants.iter().filter(|node| !is_null(node)).collect::<Vec<_>>()[..] {
            [only] => self.at(only),
            _ => self,
        }
    }
}

fn aliases(node: &Value) -> impl Iterator<Item = &str> {
    node.get("x-aliases").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

/// What to write for a key of this kind when nothing is known of what is wanted.
pub(super) fn example(key: &str, node: Node<'_>) -> String {
    if let Some(example) = node.member("x-example").and_then(Value::as_str) {
        return format!("{key} = {example}");
    }
    if let Some(example) = node.member("examples").and_then(|examples| examples.get(0)) {
        return format!("{key} = {example}");
    }
    if let Some(word) = node.choices().and_then(|words| words.first().copied()) {
        return format!("{key} = \"{word}\"");
    }
    let value = match type_of(node) {
        "integer" => "10",
        "number" => "1.5",
        "boolean" => "true",
        "array" => "[\"...\"]",
        "object" => "{ ... }",
        _ => "\"...\"",
    };
    format!("{key} = {value}")
}

/// The JSON type of a value, the first that is not null.
pub(super) fn type_of(node: Node<'_>) -> &str {
    match node.member("type") {
        Some(Value::String(name)) => name,
        Some(Value::Array(names)) => {
            names.iter().filter_map(Value::as_str).find(|name| *name != "null").unwrap_or("")
        }
        _ => "",
    }
}
