//! Messages that a filter makes of its own: texts of one type under its name.

use crate::matcher::{Fact, Facts, FieldNames};
use crate::message::{DEFAULT_SEVERITY, Message, Text, made_uuid, maker_number};
use crate::time::Stamp;

/// Makes the messages of one filter, whose facts are [`MessageMaker::facts`].
#[derive(Debug)]
pub struct MessageMaker {
    type_: &'static str,
    logger: Text,
    hostname: Text,
    number: u64,
    made: u64,
}

impl MessageMaker {
    /// Makes messages of type `type_` in the name of the section `name`. `seed` is that of the process: with the name it
    /// tells their uuids from all others.
    pub fn new(type_: &'static str, name: &str, hostname: &str, seed: u64) -> MessageMaker {
        let number = maker_number(seed, name);
        MessageMaker { type_, logger: Text::new(name), hostname: Text::new(hostname), number, made: 0 }
    }

    /// What is true of every message that a maker of these makes.
    pub fn facts(type_: &'static str, name: &str, hostname: &str) -> Facts {
        Facts {
            type_: Fact::Is(type_.into()),
            logger: Fact::Is(name.into()),
            hostname: Fact::Is(hostname.into()),
            env_version: Fact::Is("".into()),
            signer: Fact::Is("".into()),
            severity: Some(DEFAULT_SEVERITY),
            pid: Some(0),
            fields: FieldNames::Only(&[]),
        }
    }

    /// The next message, which says `text`.
    pub fn make(&mut self, now: Stamp, text: String) -> Message {
        self.made += 1;
        Message {
            uuid: made_uuid(self.number, self.made),
            timestamp: now,
            type_: Text::new_static(self.type_),
            logger: self.logger.clone(),
            hostname: self.hostname.clone(),
            payload: text.into_bytes(),
            ..Message::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::RecordRef;
    use crate::matcher::{Matcher, Verdict};

    #[test]
    fn what_facts_say_is_true_of_every_message() {
        let (mut maker, facts) = (
            MessageMaker::new("heka.said", "speaker", "host", 7),
            MessageMaker::facts("heka.said", "speaker", "host"),
        );
        let matcher = Matcher::parse(
            "Type == 'heka.said' && Logger == 'speaker' && Hostname == 'host' && Severity == 7 && Pid == 0 \
             && EnvVersion == '' && Fields[any] == NIL",
        )
        .unwrap();
        assert_eq!(matcher.ask(&facts), Verdict::Yes);
        let [first, second] = ["one", "two"].map(|text| maker.make(Stamp::from_seconds(1), text.to_owned()));
        assert!([&first, &second].map(|message| matcher.matches(&RecordRef::Message(message))) == [true; 2]);
        assert_eq!((&first.payload[..], &second.payload[..]), (&b"one"[..], &b"two"[..]));
        let other = MessageMaker::new("heka.said", "other", "host", 7).make(Stamp(0), String::new());
        assert!(first.uuid != second.uuid && first.uuid != other.uuid);
    }
}
