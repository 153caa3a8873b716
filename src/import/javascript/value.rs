//! Values, and what can be asked of them.

use crate::import::Template;
use crate::import::keys::{self, Value};

/// A value and the line it begins in.
pub(in crate::import) type Node = keys::Node<Js>;

/// A member of an object.
pub(in crate::import) type Member = keys::Member<Js>;

/// A value of JavaScript.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::import) enum Js {
    /// `undefined`.
    Undefined,
    /// `null`.
    Null,
    /// `true`, `false`.
    Bool(bool),
    /// Any number.
    Number(f64),
    /// A text.
    Text(String),
    /// `[…]`
    List(Vec<Node>),
    /// What the environment is asked for.
    Asked(Box<Asked>),
    /// `{…}`: keys with their lines, in order; of equal keys the last counts.
    Object(Vec<Member>),
}

/// A text that variables of the environment are part of.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::import) struct Asked {
    /// The text with references to them.
    pub(in crate::import) template: Template,
    /// What it is now.
    pub(in crate::import) now: Js,
    /// The variables, and what they are now.
    pub(in crate::import) variables: Vec<(String, Option<String>)>,
}

impl Value for Js {
    fn is_absent(&self) -> bool {
        *self.now() == Js::Undefined
    }
}

impl Asked {
    /// The variable `name`, which is `now`.
    pub(super) fn variable(name: String, now: Option<String>) -> Asked {
        Asked {
            template: Template::variable(&name),
            now: now.clone().map_or(Js::Undefined, Js::Text),
            variables: vec![(name, now)],
        }
    }

    /// A constant, which can be joined.
    pub(super) fn constant(text: String) -> Asked {
        Asked { template: Template::from(text.as_str()), now: Js::Text(text), variables: Vec::new() }
    }

    /// This, with another behind it.
    pub(super) fn then(mut self, other: Asked) -> Asked {
        self.variables.extend(other.variables);
        Asked {
            template: self.template.then(other.template),
            now: Js::Text(self.now.text() + &other.now.text()),
            variables: self.variables,
        }
    }

    /// This, or a default where it is falsy; none where no reference can say so.
    pub(super) fn or(&self, default: &Js) -> Option<Asked> {
        match default {
            _ if self.template.is_never_empty() => Some(self.clone()),
            Js::Undefined | Js::Null => {
                let now = if self.now.is_truthy() { &self.now } else { default };
                Some(Asked { now: now.clone(), ..self.clone() })
            }
            Js::Text(_) | Js::Number(_)
                if self.template.is_bare_variable() && !default.text().contains('}') =>
            {
                let now = if self.now.is_truthy() { &self.now } else { default };
                let template = self.template.clone().or(&default.text());
                Some(Asked { template, now: now.clone(), variables: self.variables.clone() })
            }
            _ => None,
        }
    }

    /// This as a number, if it is one variable.
    pub(super) fn number(&self) -> Option<Asked> {
        let now = self.now.number().map_or(Js::Undefined, Js::Number);
        (self.variables.len() == 1 && self.template.is_one_variable()).then(|| Asked { now, ..self.clone() })
    }
}

impl Js {
    /// What it is now, whatever the environment is later.
    pub(in crate::import) fn now(&self) -> &Js {
        match self {
            Js::Asked(asked) => &asked.now,
            value => value,
        }
    }

    /// A text, or a text that variables are part of: what `+` joins without looking at it.
    pub(super) fn joinable(&self) -> Option<Asked> {
        match self {
            Js::Text(text) => Some(Asked::constant(text.clone())),
            Js::Asked(asked) if !matches!(asked.now, Js::Number(_)) => Some((**asked).clone()),
            _ => None,
        }
    }

    /// Whether it counts as true in a condition.
    pub(in crate::import) fn is_truthy(&self) -> bool {
        match self {
            Js::Undefined | Js::Null => false,
            Js::Bool(value) => *value,
            Js::Number(number) => *number != 0.0 && !number.is_nan(),
            Js::Text(text) => !text.is_empty(),
            Js::List(_) | Js::Object(_) => true,
            Js::Asked(asked) => asked.now.is_truthy(),
        }
    }

    /// As JavaScript writes it in a text.
    pub(in crate::import) fn text(&self) -> String {
        match self {
            Js::Undefined => "undefined".to_owned(),
            Js::Null => "null".to_owned(),
            Js::Bool(value) => value.to_string(),
            Js::Number(number) => number_text(*number),
            Js::Text(text) => text.clone(),
            Js::List(nodes) => nodes.iter().map(|node| node.value.text()).collect::<Vec<_>>().join(","),
            Js::Object(_) => "[object Object]".to_owned(),
            Js::Asked(asked) => asked.now.text(),
        }
    }

    /// As a number, if it can be read as one: numbers, texts of numbers, booleans.
    pub(in crate::import) fn number(&self) -> Option<f64> {
        match self {
            Js::Number(number) => Some(*number),
            Js::Bool(value) => Some(f64::from(u8::from(*value))),
            Js::Text(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
            Js::Asked(asked) => asked.now.number(),
            _ => None,
        }
    }
}

pub(super) fn is_plain(value: &Js) -> bool {
    !matches!(value, Js::List(_) | Js::Object(_))
}

/// `value[index]`
pub(super) fn element(value: &Js, index: &Js) -> Js {
    match (value, index) {
        (Js::List(nodes), Js::Number(number)) if *number >= 0.0 => {
            nodes.get(*number as usize).map_or(Js::Undefined, |node| node.value.clone())
        }
        (Js::Object(members), key) => {
            let key = key.text();
            let found = members.iter().find(|member| member.key == key);
            found.map_or(Js::Undefined, |member| member.node.value.clone())
        }
        _ => Js::Undefined,
    }
}

/// `value.name(arguments)`, of those that are understood.
pub(super) fn method(value: &Js, name: &str, arguments: &[Js]) -> Option<Js> {
    let listed = |texts: Vec<String>| {
        Js::List(texts.into_iter().map(|text| Node { value: Js::Text(text), line: 0 }).collect())
    };
    match (value, name, arguments) {
        (Js::Text(text), "split", [Js::Text(at)]) if !at.is_empty() => {
            Some(listed(text.split(at.as_str()).map(str::to_owned).collect()))
        }
        (Js::Text(text), "replace", [Js::Text(from), Js::Text(to)]) if is_small(text.len(), to) => {
            Some(Js::Text(match from.as_str() {
                ALL_DOTS => text.replace('.', to),
                from => text.replacen(from, to, 1),
            }))
        }
        (Js::Text(text), "toLowerCase", []) => Some(Js::Text(text.to_lowercase())),
        (Js::Text(text), "toUpperCase", []) => Some(Js::Text(text.to_uppercase())),
        (Js::Text(text), "trim", []) => Some(Js::Text(text.trim().to_owned())),
        (value, "toString", []) if is_plain(value) => Some(Js::Text(value.text())),
        (Js::List(nodes), "reverse", []) => Some(Js::List(nodes.iter().rev().cloned().collect())),
        (Js::List(nodes), "join", [Js::Text(between)]) if is_small(nodes.len(), between) => {
            let texts: Vec<_> = nodes.iter().map(|node| node.value.text()).collect();
            Some(Js::Text(texts.join(between)))
        }
        _ => None,
    }
}

/// Whether a step that may put a text in so many places makes no giant of it.
fn is_small(places: usize, text: &str) -> bool {
    places.saturating_mul(text.len()) <= MOST_AT_A_STEP
}

fn number_text(number: f64) -> String {
    match number {
        _ if number.is_nan() => "NaN".to_owned(),
        _ if number.is_infinite() => if number > 0.0 { "Infinity" } else { "-Infinity" }.to_owned(),
        number => number.to_string(),
    }
}

/// Stands for the regular expression that matches every dot; no text of a file has it.
pub(super) const ALL_DOTS: &str = "\u{0}every dot\u{0}";

/// Bytes one step may make before that is seen.
const MOST_AT_A_STEP: usize = 16 << 20;
