//! How the keys of a `config.js` are asked and entered.

use crate::import::Fate;
use crate::import::javascript::Js;

/// The keys of one object of the file.
pub(super) type Keys<'a> = crate::import::keys::Keys<'a, Js>;

impl<'a> Keys<'a> {
    /// What the value of a key is now, unless it is undefined; whatever becomes of it.
    pub(super) fn value(&self, key: &str) -> Option<&'a Js> {
        self.written(key).map(Js::now).filter(|value| **value != Js::Undefined)
    }

    /// Enters what became of a key, if it is there.
    pub(super) fn settle(&mut self, key: &str, fate: impl FnOnce(&'a Js) -> Fate) {
        if let Some(member) = self.take(key) {
            self.enter(member, fate(member.node.value.now()));
        }
    }

    /// Enters a key that became `to`, or that says what happens without it.
    pub(super) fn translate(&mut self, key: &str, is_default: bool, to: &str) {
        let fate = match is_default {
            true => Fate::Default,
            false => Fate::Translated(to.to_owned()),
        };
        self.settle(key, |_| fate);
    }

    /// The keys of the object `key`, none if there is no such object; their findings come back by `leave`.
    pub(super) fn within(&mut self, key: &str) -> Keys<'a> {
        match self.value(key) {
            Some(Js::Object(members)) => {
                self.take(key);
                self.inner(key, members)
            }
            _ => self.inner(key, &[]),
        }
    }
}
