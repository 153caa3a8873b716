//! YAML as JSON values whose scalars are all texts, as far as the manifests use it: no anchors.

use saphyr_parser::{Event, Parser, StrInput};
use serde_json::{Map, Value};

/// The documents of a text.
pub(super) fn documents(name: &str, text: &str) -> Vec<Value> {
    let mut reader = Reader { name, parser: Parser::new_from_str(text) };
    let mut documents = Vec::new();
    loop {
        match reader.next() {
            Event::StreamEnd => return documents,
            Event::DocumentStart(_) => {
                let event = reader.next();
                documents.push(reader.value(event));
            }
            _ => {}
        }
    }
}

struct Reader<'t> {
    name: &'t str,
    parser: Parser<'t, StrInput<'t>>,
}

impl<'t> Reader<'t> {
    fn next(&mut self) -> Event<'t> {
        let next = self.parser.next_event().expect("the stream has an end");
        next.unwrap_or_else(|error| panic!("{}: {error}", self.name)).0
    }

    fn value(&mut self, event: Event<'t>) -> Value {
        match event {
            Event::Scalar(text, ..) => Value::String(text.into_owned()),
            Event::SequenceStart(..) => {
                let mut list = Vec::new();
                loop {
                    match self.next() {
                        Event::SequenceEnd => return Value::Array(list),
                        event => list.push(self.value(event)),
                    }
                }
            }
            Event::MappingStart(..) => self.map(),
            event => panic!("{}: {event:?} where a value belongs", self.name),
        }
    }

    fn map(&mut self) -> Value {
        let mut map = Map::new();
        loop {
            let key = match self.next() {
                Event::MappingEnd => return Value::Object(map),
                event => self.value(event),
            };
            let key = key.as_str().expect("a key is a text").to_owned();
            let event = self.next();
            let value = self.value(event);
            assert!(map.insert(key.clone(), value).is_none(), "{}: {key} is repeated", self.name);
        }
    }
}
