//! Variables of the environment and the name of the host: what became references, and what is told of what could not.

use super::Keys;
use crate::import::javascript::{HOSTNAME, Js, Member, Taken, joined};
use crate::import::{Fate, Finding, Template};

/// A text as it is written where the code says `x || default`; without a default, which is empty, it must be set.
pub(super) fn text_of(value: Option<&Js>, default: &str) -> Template {
    match value {
        Some(Js::Asked(asked)) if default.is_empty() => asked.template.clone(),
        Some(Js::Asked(asked)) => asked.template.clone().or(default),
        value => super::text_or(value, default).into(),
    }
}

/// The same of a port; what is none, if it is none.
pub(super) fn port_of(value: Option<&Js>, default: u16) -> Result<Template, String> {
    match value.filter(|value| matches!(value, Js::Asked(_)) || value.is_truthy()) {
        None => Ok(default.to_string().into()),
        Some(Js::Asked(asked)) => Ok(asked.template.clone().or(&default.to_string())),
        Some(value) => {
            match value.number().filter(|port| port.fract() == 0.0 && (1.0..=65_535.0).contains(port)) {
                Some(port) => Ok(port.to_string().into()),
                None => Err(value.text()),
            }
        }
    }
}

/// `host:port`, an IPv6 address in brackets.
pub(super) fn address(host: &Template, port: &Template) -> Template {
    match host.constant().filter(|host| host.contains(':') && !host.starts_with('[')) {
        Some(host) => Template::from(format!("[{host}]:")).then(port.clone()),
        None => host.clone().then(":").then(port.clone()),
    }
}

/// The fate of what became `to` by this text.
pub(super) fn became(to: &str, template: &Template) -> Fate {
    let references = template.references();
    let needed: Vec<&str> = template.needed().collect();
    match template.is_constant() {
        true => Fate::Translated(to.to_owned()),
        false if needed.is_empty() => Fate::Translated(format!("{to}, read from {references} at each start")),
        false => Fate::Approximated(format!(
            "became {to}, read from {references} at each start; where {} is not set hekad does not start, and statsd \
             goes on without it",
            needed.join(" or ")
        )),
    }
}

impl<'a> Keys<'a> {
    /// The value of a key as it is written: with what the environment is asked for.
    pub(super) fn written(&self, key: &str) -> Option<&'a Js> {
        self.get(key).map(|member| &member.node.value).filter(|value| **value != Js::Undefined)
    }

    /// Enters what became of a key, if it is there, whose references were written whatever they are now.
    pub(super) fn refer(&mut self, key: &str, to: &str, template: &Template) {
        match self.written(key) {
            Some(Js::Asked(_)) => {
                if let Some(member) = self.claim(key) {
                    self.enter(member, became(to, template));
                }
            }
            _ => self.settle(key, |_| became(to, template)),
        }
    }

    /// The port that a key is, and enters what became of it.
    pub(super) fn port(&mut self, key: &str, to: &str, default: u16) -> Template {
        match port_of(self.written(key), default) {
            Ok(port) => {
                self.refer(key, to, &port);
                port
            }
            Err(text) => {
                self.settle(key, |_| Fate::Refused(format!("{text} is no port; {default} is written")));
                default.to_string().into()
            }
        }
    }
}

/// Says of every variable that became no reference what it was, and of the name of the host.
pub(super) fn report(members: &[Member], mut taken: Vec<Taken>, findings: &mut Vec<Finding>) {
    visit(members, &mut Vec::new(), &mut |path, line, value| {
        let Js::Asked(asked) = value else { return };
        let key = joined(path);
        let (place, refers) = (place_of(&key, findings), |name: &str, finding: &Finding| {
            let (Fate::Translated(text) | Fate::Approximated(text)) = &finding.fate else { return false };
            [format!("${{{name}}}"), format!("${{{name}:-")].iter().any(|reference| text.contains(reference))
        });
        for (name, value) in &asked.variables {
            if !place.is_some_and(|place| refers(name, &findings[place])) {
                taken.push(Taken { key: key.clone(), line, name: name.clone(), value: value.clone() });
            }
        }
    });
    for Taken { key, line, name, value } in taken {
        let value = value.map_or_else(|| "not set".to_owned(), |value| format!("{value:?}"));
        let note = match name.as_str() {
            HOSTNAME => {
                format!("{value} is the name of this machine, where statsd asks each one at its start")
            }
            name => format!("{name} was {value} when this was imported"),
        };
        let Some(place) = place_of(&key, findings) else {
            findings.push(Finding::new(key, line, Fate::Approximated(note)));
            continue;
        };
        let fate = &mut findings[place].fate;
        if name == HOSTNAME && asks_each_host(fate) {
            continue;
        }
        *fate = match std::mem::replace(fate, Fate::Default) {
            Fate::Translated(to) => Fate::Approximated(format!("became {to}; {note}")),
            Fate::Default => Fate::Approximated(format!("the same as without it; {note}")),
            Fate::Approximated(how) if !how.contains(&note) => Fate::Approximated(format!("{how}; {note}")),
            // Nothing was made of its value.
            fate => fate,
        };
    }
}

/// Whether every host puts its own name in.
fn asks_each_host(fate: &Fate) -> bool {
    matches!(fate, Fate::Translated(text) | Fate::Approximated(text) if text.contains(OWN_NAME))
}

/// What stands for the name of a host in a suffix of ours, with `_` for its dots.
pub(super) const OWN_NAME: &str = "%HOSTNAME%";

/// The finding about a key, or about what it is in.
fn place_of(key: &str, findings: &[Finding]) -> Option<usize> {
    let mut key = key;
    loop {
        if let Some(place) = findings.iter().position(|finding| finding.key == key) {
            return Some(place);
        }
        key = &key[..key.rfind(['.', '['])?];
    }
}

fn visit(members: &[Member], path: &mut Vec<String>, see: &mut dyn FnMut(&[String], usize, &Js)) {
    for member in members {
        path.push(member.key.clone());
        visit_value(&member.node.value, member.line, path, see);
        path.pop();
    }
}

fn visit_value(value: &Js, line: usize, path: &mut Vec<String>, see: &mut dyn FnMut(&[String], usize, &Js)) {
    match value {
        Js::Object(members) => visit(members, path, see),
        Js::List(nodes) => {
            for (number, node) in nodes.iter().enumerate() {
                path.push(format!("[{number}]"));
                visit_value(&node.value, line, path, see);
                path.pop();
            }
        }
        value => see(path, line, value),
    }
}
