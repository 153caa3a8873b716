//! Which messages of a pack are of one kind: alike in Type and Logger, which is all that most matchers ask.

use crate::message::Message;

/// The kinds of the messages of one pack, found when somebody asks.
#[derive(Default)]
pub(super) struct Kinds {
    /// The first message of each kind.
    firsts: Vec<usize>,
    /// The kind of each message; none if there are too many.
    of: Vec<u8>,
    found: bool,
}

/// Messages by the kinds that an answer takes.
pub(super) enum Taken<'a> {
    None,
    All,
    /// Those whose kind has its bit.
    Some {
        of: &'a [u8],
        kinds: u32,
    },
    /// There are too many kinds: each message is to be asked.
    Unknown,
}

impl Kinds {
    /// Another pack is next.
    pub(super) fn forget(&mut self) {
        self.found = false;
    }

    /// Asks once for each kind, by the index of a message of it.
    pub(super) fn ask(&mut self, messages: &[Message], ask: impl Fn(usize) -> bool) -> Taken<'_> {
        if !self.found {
            self.find(messages);
        }
        if self.of.len() < messages.len() {
            return Taken::Unknown;
        }
        let mut kinds = 0;
        for (kind, &first) in self.firsts.iter().enumerate() {
            kinds |= u32::from(ask(first)) << kind;
        }
        match kinds.count_ones() as usize {
            0 => Taken::None,
            count if count == self.firsts.len() => Taken::All,
            _ => Taken::Some { of: &self.of, kinds },
        }
    }

    fn find(&mut self, messages: &[Message]) {
        self.found = true;
        self.firsts.clear();
        self.of.clear();
        let mut last = 0;
        for (index, message) in messages.iter().enumerate() {
            let alike = |first: &usize| {
                let first = &messages[*first];
                first.type_ == message.type_ && first.logger == message.logger
            };
            // Most are as the one before.
            if !self.firsts.get(last).is_some_and(alike) {
                last = self.firsts.iter().position(alike).unwrap_or(self.firsts.len());
                if last == MOST {
                    self.of.clear();
                    return;
                }
                if last == self.firsts.len() {
                    self.firsts.push(index);
                }
            }
            self.of.push(last as u8);
        }
    }
}

/// Kinds told apart: each is looked for among those before it.
const MOST: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_asked_once_and_all_messages_of_it_are_taken() {
        let messages = messages(&["a", "b", "a", "c", "b", "b"]);
        let mut kinds = Kinds::default();
        let asked = std::cell::RefCell::new(Vec::new());
        let taken = kinds.ask(&messages, |index| {
            asked.borrow_mut().push(index);
            index == 1
        });
        let Taken::Some { of, kinds: yes } = taken else { panic!("some are taken") };
        let chosen: Vec<bool> = of.iter().map(|kind| yes >> kind & 1 == 1).collect();
        assert_eq!(chosen, [false, true, false, false, true, true]);
        assert_eq!(*asked.borrow(), [0, 1, 3]);
        assert!(matches!(kinds.ask(&messages, |_| true), Taken::All));
        assert!(matches!(kinds.ask(&messages, |_| false), Taken::None));
    }

    #[test]
    fn another_pack_has_kinds_of_its_own() {
        let mut kinds = Kinds::default();
        assert!(matches!(kinds.ask(&messages(&["a", "b"]), |index| index == 0), Taken::Some { .. }));
        kinds.forget();
        assert!(matches!(kinds.ask(&messages(&["b", "b"]), |index| index == 0), Taken::All));
    }

    #[test]
    fn too_many_kinds_are_not_told_apart() {
        let loggers: Vec<String> = (0..=MOST).map(|number| number.to_string()).collect();
        let loggers: Vec<&str> = loggers.iter().map(String::as_str).collect();
        let mut kinds = Kinds::default();
        assert!(matches!(kinds.ask(&messages(&loggers), |_| true), Taken::Unknown));
        kinds.forget();
        assert!(matches!(kinds.ask(&messages(&loggers[1..]), |_| true), Taken::All));
    }

    fn messages(loggers: &[&str]) -> Vec<Message> {
        let message = |logger: &&str| Message { logger: (*logger).into(), ..Message::default() };
        loggers.iter().map(message).collect()
    }
}
