//! Reads YAML into a tree with lines, bounded in size, depth and what aliases make of it.
//!
//! Scalars are read as go-yaml reads them (YAML 1.1: `yes` is true), since that is what wrote the rules for the files that
//! are imported: <https://github.com/yaml/go-yaml>. The grammar is saphyr-parser's. Of several documents the first counts.

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError};

use super::SyntaxError;
use super::keys::{self, Value};

/// A value and where it begins.
pub(super) type Node = keys::Node<Yaml>;

/// A member of a mapping.
pub(super) type Member = keys::Member<Yaml>;

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Yaml {
    /// A text without quotes, which may mean something else than text.
    Plain(String),
    /// A text in quotes or in a block.
    Text(String),
    List(Vec<Node>),
    Map(Vec<Member>),
}

impl Value for Yaml {
    fn is_absent(&self) -> bool {
        self.is_null()
    }
}

impl Yaml {
    /// Whether there is no value.
    pub(super) fn is_null(&self) -> bool {
        matches!(self, Yaml::Plain(text) if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// Any scalar that is a value, as text.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Yaml::Plain(text) | Yaml::Text(text) if !self.is_null() => Some(text),
            _ => None,
        }
    }

    pub(super) fn boolean(&self) -> Option<bool> {
        let Yaml::Plain(text) = self else { return None };
        match text.as_str() {
            "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Some(true),
            "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
                Some(false)
            }
            _ => None,
        }
    }

    /// A number; it may be infinite or none.
    pub(super) fn number(&self) -> Option<f64> {
        let Yaml::Plain(text) = self else { return None };
        let digits = text.replace('_', "");
        let (sign, bare) = match digits.strip_prefix('-') {
            Some(bare) => (-1.0, bare),
            None => (1.0, digits.strip_prefix('+').unwrap_or(&digits)),
        };
        let radix = |prefix: &str, radix| u64::from_str_radix(bare.strip_prefix(prefix)?, radix).ok();
        let whole = radix("0x", 16).or_else(|| radix("0o", 8)).or_else(|| radix("0b", 2));
        match bare {
            ".inf" | ".Inf" | ".INF" => Some(sign * f64::INFINITY),
            ".nan" | ".NaN" | ".NAN" => Some(f64::NAN),
            _ if bare.starts_with(|first: char| first.is_ascii_digit() || first == '.') => {
                whole.map(|whole| whole as f64).or_else(|| bare.parse().ok()).map(|number: f64| sign * number)
            }
            _ => None,
        }
    }

    /// What it is, with its article.
    pub(super) fn described(&self) -> &'static str {
        match self {
            Yaml::List(_) => "a list",
            Yaml::Map(_) => "a mapping",
            value if value.is_null() => "nothing",
            Yaml::Text(_) => "a text",
            value if value.boolean().is_some() => "true or false",
            value if value.number().is_some() => "a number",
            Yaml::Plain(_) => "a text",
        }
    }
}

/// Reads the first document; none if there is none. With it, the line of a second one.
///
/// # Errors
/// Where the text is no YAML, repeats a key, or exceeds the bounds.
pub(super) fn read(text: &str) -> Result<(Option<Node>, Option<usize>), SyntaxError> {
    if text.len() > LONGEST {
        return Err(SyntaxError::at(text, 0, format!("the file is longer than {} MiB", LONGEST >> 20)));
    }
    let mut reader =
        Reader { parser: Parser::new_from_str(text), anchors: HashMap::new(), nodes: 0, depth: 0 };
    let (mut first, mut second) = (None, None);
    loop {
        match reader.next()? {
            (Event::DocumentStart(_), at) if first.is_some() => {
                second = Some(at.line());
                break;
            }
            (Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd | Event::Nothing, _) => {}
            (Event::StreamEnd, _) => break,
            (event, at) => first = Some(reader.node(event, at)?),
        }
    }
    Ok((first, second))
}

struct Reader<'t> {
    parser: Parser<'t, saphyr_parser::StrInput<'t>>,
    /// What aliases refer to, with the number of its nodes; all of them are counted.
    anchors: HashMap<usize, (Node, usize)>,
    /// Nodes so far, those of aliases too.
    nodes: usize,
    depth: usize,
}

impl<'t> Reader<'t> {
    fn next(&mut self) -> Result<(Event<'t>, Marker), SyntaxError> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => Ok((event, span.start)),
            Some(Err(error)) => Err(scan_error(&error)),
            None => Ok((Event::StreamEnd, Marker::default())),
        }
    }

    fn node(&mut self, event: Event<'t>, at: Marker) -> Result<Node, SyntaxError> {
        let before = self.nodes;
        self.count(1, at)?;
        let line = at.line();
        let (anchor, value) = match event {
            Event::Alias(anchor) => return self.alias(anchor, at),
            Event::Scalar(text, style, anchor, tag) => {
                let is_text = style != ScalarStyle::Plain || tag.is_some_and(|tag| tag.suffix == "str");
                let text = text.into_owned();
                (anchor, if is_text { Yaml::Text(text) } else { Yaml::Plain(text) })
            }
            Event::SequenceStart(anchor, _) => (anchor, self.deeper(at, Self::list)?),
            Event::MappingStart(anchor, _) => (anchor, self.deeper(at, Self::map)?),
            event => return Err(error(at, format!("{event:?} where a value belongs"))),
        };
        let node = Node { value, line };
        if anchor > 0 {
            let nodes = self.nodes - before;
            self.count(nodes, at)?;
            self.anchors.insert(anchor, (node.clone(), nodes));
        }
        Ok(node)
    }

    fn deeper(
        &mut self,
        at: Marker,
        read: impl FnOnce(&mut Self) -> Result<Yaml, SyntaxError>,
    ) -> Result<Yaml, SyntaxError> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(error(at, format!("nested deeper than {DEEPEST}")));
        }
        let read = read(self);
        self.depth -= 1;
        read
    }

    fn list(&mut self) -> Result<Yaml, SyntaxError> {
        let mut list = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(Yaml::List(list)),
                (event, at) => list.push(self.node(event, at)?),
            }
        }
    }

    fn map(&mut self) -> Result<Yaml, SyntaxError> {
        let mut members: Vec<Member> = Vec::new();
        let mut merged = Vec::new();
        let mut known = HashMap::new();
        loop {
            let (event, at) = match self.next()? {
                (Event::MappingEnd, _) => break,
                next => next,
            };
            let key = match self.node(event, at)?.value {
                Yaml::Plain(text) | Yaml::Text(text) => text,
                _ => return Err(error(at, "a key must be a text".to_owned())),
            };
            let (event, value_at) = self.next()?;
            let node = self.node(event, value_at)?;
            if key == "<<" {
                merged.push((node, at));
                continue;
            }
            if let Some(first) = known.insert(key.clone(), at.line()) {
                return Err(error(at, format!("`{key}` is repeated; it is in line {first} too")));
            }
            members.push(Member { key, line: at.line(), node });
        }
        for (node, at) in merged {
            merge(node, at, &mut members)?;
        }
        Ok(Yaml::Map(members))
    }

    fn alias(&mut self, anchor: usize, at: Marker) -> Result<Node, SyntaxError> {
        let (node, nodes) = match self.anchors.get(&anchor) {
            Some((node, nodes)) => (node.clone(), *nodes),
            None => return Err(error(at, "an alias cannot stand within what it refers to".to_owned())),
        };
        self.count(nodes, at)?;
        Ok(node)
    }

    /// Counts nodes, before they are made of an alias more than once.
    fn count(&mut self, nodes: usize, at: Marker) -> Result<(), SyntaxError> {
        self.nodes += nodes;
        match self.nodes > MOST_NODES {
            true => Err(error(at, format!("more than {MOST_NODES} values, those of aliases included"))),
            false => Ok(()),
        }
    }
}

/// Adds the members of what `<<` names that are not there yet.
fn merge(node: Node, at: Marker, members: &mut Vec<Member>) -> Result<(), SyntaxError> {
    match node.value {
        Yaml::Map(more) => {
            for member in more {
                if members.iter().all(|there| there.key != member.key) {
                    members.push(member);
                }
            }
            Ok(())
        }
        Yaml::List(list) => list.into_iter().try_for_each(|node| merge(node, at, members)),
        _ => Err(error(at, "`<<` takes a mapping or a list of them".to_owned())),
    }
}

fn error(at: Marker, message: String) -> SyntaxError {
    SyntaxError { line: at.line(), column: at.col() + 1, message }
}

fn scan_error(found: &ScanError) -> SyntaxError {
    error(*found.marker(), found.info().to_owned())
}

/// Bytes of a file.
const LONGEST: usize = 8 << 20;

/// Values of a file, those that anchors keep and aliases make included.
const MOST_NODES: usize = 500_000;

/// Lists and mappings within each other.
const DEEPEST: usize = 50;

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Yaml {
        read(text).unwrap().0.unwrap().value
    }

    fn refused(text: &str) -> String {
        read(text).unwrap_err().to_string()
    }

    /// The value as JSON would have it, near enough.
    fn shown(value: &Yaml) -> String {
        match value {
            Yaml::Plain(text) => text.clone(),
            Yaml::Text(text) => format!("{text:?}"),
            Yaml::List(list) => {
                format!("[{}]", list.iter().map(|node| shown(&node.value)).collect::<Vec<_>>().join(","))
            }
            Yaml::Map(members) => {
                let pairs =
                    members.iter().map(|member| format!("{}:{}", member.key, shown(&member.node.value)));
                format!("{{{}}}", pairs.collect::<Vec<_>>().join(","))
            }
        }
    }

    #[test]
    fn values_have_their_lines_and_quotes() {
        let (node, second) = read("# c\na:\n  - x: 1\n    y: \"2\"\n  - z\n---\nb: 1\n").unwrap();
        let node = node.unwrap();
        assert_eq!(shown(&node.value), "{a:[{x:1,y:\"2\"},z]}");
        assert_eq!(second, Some(6));
        let Yaml::Map(members) = &node.value else { panic!("it is a mapping") };
        let Yaml::List(list) = &members[0].node.value else { panic!("it is a list") };
        let Yaml::Map(inner) = &list[0].value else { panic!("it is a mapping") };
        assert_eq!((members[0].line, inner[1].line, list[1].line), (2, 4, 5));
        assert_eq!(read("# nothing\n").unwrap(), (None, None));
    }

    #[test]
    fn scalars_mean_what_go_yaml_takes_them_for() {
        let numbers = ["12", "1_000", "-0x1F", "0b11", "1e3", ".5", "-.inf", "x", "\"1\"", "1x"];
        let numbers = numbers.map(|text| value(text).number());
        let expected = [12.0, 1000.0, -31.0, 3.0, 1000.0, 0.5, f64::NEG_INFINITY];
        assert_eq!(numbers[..7], expected.map(Some));
        assert_eq!(numbers[7..], [None; 3]);
        assert_eq!(
            ["yes", "Off", "'yes'", "1"].map(|text| value(text).boolean()),
            [Some(true), Some(false), None, None]
        );
        assert_eq!(["~", "null", "''", "0"].map(|text| value(text).is_null()), [true, true, false, false]);
        assert_eq!(value("!!str 1"), Yaml::Text("1".to_owned()));
    }

    #[test]
    fn aliases_and_merges_are_filled_in() {
        let text = "base: &b {x: 1, y: 2}\nuse: *b\nmore:\n  <<: *b\n  y: 3\nlist:\n  <<: [*b, {z: 4}]\n";
        let expected = "{base:{x:1,y:2},use:{x:1,y:2},more:{y:3,x:1},list:{x:1,y:2,z:4}}";
        assert_eq!(shown(&value(text)), expected);
    }

    #[test]
    fn what_is_no_yaml_or_too_much_is_refused_with_its_place() {
        assert_eq!(refused("a: 1\nb: 2\na: 3\n"), "3:1: `a` is repeated; it is in line 1 too");
        assert_eq!(refused("a: &x [*x]\n"), "1:8: an alias cannot stand within what it refers to");
        assert_eq!(refused("? [a]\n: b\n"), "1:3: a key must be a text");
        assert_eq!(refused("<<: 1\n"), "1:1: `<<` takes a mapping or a list of them");
        assert!(refused("a: [1\nb: 2\n").starts_with("2:"), "{}", refused("a: [1\nb: 2\n"));
        assert_eq!(refused(&"[".repeat(60)), "1:51: nested deeper than 50");
        let bomb: String =
            (1..9).map(|at| format!("x{at}: &a{at} [{}]\n", format!("*a{},", at - 1).repeat(9))).collect();
        let bomb = format!("x0: &a0 [1,1,1,1,1,1,1,1,1]\n{bomb}");
        assert!(
            refused(&bomb).ends_with("more than 500000 values, those of aliases included"),
            "{}",
            refused(&bomb)
        );
        assert_eq!(refused(&" ".repeat(LONGEST + 1)), "1:1: the file is longer than 8 MiB");
    }
}
