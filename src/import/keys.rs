//! What files consist of whatever they are written in, and the account of their keys: each is taken once and has a
//! finding.

use std::collections::BTreeSet;

use super::{Fate, Finding};

/// A value and the line it begins in.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node<V> {
    /// The value.
    pub(super) value: V,
    /// From 1.
    pub(super) line: usize,
}

/// A member of an object or mapping.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Member<V> {
    /// The key, quotes aside.
    pub(super) key: String,
    /// Line of the key, from 1.
    pub(super) line: usize,
    /// Its value.
    pub(super) node: Node<V>,
}

/// Values of one language.
pub(super) trait Value {
    /// Whether a key with this value is as if it were not there.
    fn is_absent(&self) -> bool;
}

/// The keys of one object, each taken once and entered as a finding.
pub(super) struct Keys<'a, V> {
    members: &'a [Member<V>],
    /// Names of the parents, with a dot.
    pub(super) prefix: String,
    /// Said of keys that nobody takes.
    unknown: &'static str,
    taken: BTreeSet<&'a str>,
    /// What became of the keys so far.
    pub(super) findings: Vec<Finding>,
}

impl<'a, V: Value> Keys<'a, V> {
    /// The keys of a whole file; `unknown` is said of those that nobody takes.
    pub(super) fn new(members: &'a [Member<V>], unknown: &'static str) -> Keys<'a, V> {
        Keys { members, prefix: String::new(), unknown, taken: BTreeSet::new(), findings: Vec::new() }
    }

    /// The keys of an object inside, called `name` here; their findings come back by `leave`.
    pub(super) fn inner(&self, name: &str, members: &'a [Member<V>]) -> Keys<'a, V> {
        Keys { prefix: format!("{}{name}.", self.prefix), ..Keys::new(members, self.unknown) }
    }

    /// Takes over the findings of `inner`, those of keys nobody knows too.
    pub(super) fn leave(&mut self, mut inner: Keys<'_, V>) {
        inner.rest();
        self.findings.append(&mut inner.findings);
    }

    /// All members, in their order.
    pub(super) fn members(&self) -> &'a [Member<V>] {
        self.members
    }

    /// A key, whatever becomes of it.
    pub(super) fn get(&self, key: &str) -> Option<&'a Member<V>> {
        self.members.iter().find(|member| member.key == key)
    }

    /// A key that has a value; whoever takes it enters it. One without a value is entered here.
    pub(super) fn take(&mut self, key: &str) -> Option<&'a Member<V>> {
        let member = self.claim(key)?;
        if member.node.value.is_absent() {
            self.enter(member, Fate::Default);
            return None;
        }
        Some(member)
    }

    /// A key, with a value or not; whoever takes it enters it.
    pub(super) fn claim(&mut self, key: &str) -> Option<&'a Member<V>> {
        let member = self.get(key)?;
        self.taken.insert(&member.key);
        Some(member)
    }

    /// Enters what became of a key.
    pub(super) fn enter(&mut self, member: &Member<V>, fate: Fate) {
        self.enter_as(&member.key, member.line, fate);
    }

    /// Enters what became of something that is named `name` here.
    pub(super) fn enter_as(&mut self, name: &str, line: usize, fate: Fate) {
        self.findings.push(Finding::new(format!("{}{name}", self.prefix), line, fate));
    }

    /// Refuses every key with a value that nobody took, and enters those that were taken and have nothing inside.
    pub(super) fn rest(&mut self) {
        for member in self.members {
            if !self.taken.contains(member.key.as_str()) && !member.node.value.is_absent() {
                self.enter(member, Fate::Refused(self.unknown.to_owned()));
            } else if !self.is_entered(&member.key) {
                self.enter(member, Fate::Default);
            }
        }
    }

    /// Whether a key, or one inside of it, has a finding.
    fn is_entered(&self, key: &str) -> bool {
        let name = format!("{}{key}", self.prefix);
        let inside = |finding: &Finding| {
            let rest = finding.key.strip_prefix(&name);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        name.is_empty() || self.findings.iter().any(inside)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Value for Option<u8> {
        fn is_absent(&self) -> bool {
            self.is_none()
        }
    }

    fn member(key: &str, value: Option<u8>, line: usize) -> Member<Option<u8>> {
        Member { key: key.to_owned(), line, node: Node { value, line } }
    }

    #[test]
    fn every_key_has_one_finding() {
        let members =
            [member("a", Some(1), 1), member("b", None, 2), member("c", Some(3), 3), member("d", Some(4), 4)];
        let inside = [member("x", Some(5), 5)];
        let mut keys = Keys::new(&members, "unknown");
        let taken = keys.take("a").unwrap();
        keys.enter(taken, Fate::Translated("A".to_owned()));
        assert_eq!(keys.take("b"), None);
        assert!(keys.take("c").is_some());
        keys.leave(keys.inner("c", &inside));
        keys.rest();
        let found: Vec<(&str, &Fate)> =
            keys.findings.iter().map(|finding| (finding.key.as_str(), &finding.fate)).collect();
        let (refused, translated) = (Fate::Refused("unknown".to_owned()), Fate::Translated("A".to_owned()));
        assert_eq!(found, [("a", &translated), ("b", &Fate::Default), ("c.x", &refused), ("d", &refused)]);
    }

    #[test]
    fn a_key_without_anything_inside_says_what_happens_without_it() {
        let members = [member("a", Some(1), 1)];
        let mut keys = Keys::new(&members, "unknown");
        keys.take("a");
        keys.leave(keys.inner("a", &[]));
        keys.rest();
        assert_eq!(keys.findings, [Finding::new("a", 1, Fate::Default)]);
    }
}
