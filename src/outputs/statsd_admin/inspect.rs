//! Objects as node's `util.inspect` prints them, with its defaults: the text the reference answers with.
//!
//! Only what the reference shows: an object of numbers, or of lists of numbers. What it fits into a line and how lists
//! are laid out is told by <https://nodejs.org/docs/latest-v20.x/api/util.html#utilinspectobject-options> and by what
//! node prints: lines to 72 characters between the brackets, lists of more than six numbers in columns.

use crate::graphite::write_number;

/// The value of a key.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Shown {
    /// A number.
    Number(f64),
    /// A list: the first numbers, and how many more there are.
    List(Vec<f64>, u64),
}

/// An object that is being written, up to a number of bytes.
#[derive(Debug)]
pub(super) struct Object {
    entries: Vec<String>,
    bytes: usize,
    most: usize,
    left_out: usize,
}

impl Object {
    /// An empty one that takes about `most` bytes.
    pub(super) fn new(most: usize) -> Object {
        Object { entries: Vec::new(), bytes: 0, most, left_out: 0 }
    }

    /// Adds a key that is not in it yet.
    pub(super) fn push(&mut self, key: &str, value: &Shown) {
        if self.bytes >= self.most {
            self.left_out += 1;
            return;
        }
        let value = match value {
            Shown::Number(value) => number(*value),
            Shown::List(values, more) => list(values, *more),
        };
        let entry = format!("{}: {value}", quoted(key));
        self.bytes += entry.len() + BETWEEN;
        self.entries.push(entry);
    }

    /// How many keys found no room.
    pub(super) fn left_out(&self) -> usize {
        self.left_out
    }

    /// The text of it.
    pub(super) fn render(mut self) -> String {
        if self.left_out > 0 {
            self.entries.push(format!("... {} more keys", self.left_out));
        }
        bracketed("{", &self.entries, "}", 0)
    }
}

/// Brings keys into the order in which JavaScript goes through an object: indexes by number, all others as they came.
pub(super) fn order<T>(keys: &mut [(String, T)]) {
    keys.sort_by_key(|(key, _)| index(key).map_or(u64::MAX, u64::from));
}

/// The number of a key that is the index of an array.
fn index(key: &str) -> Option<u32> {
    let canonical = key == "0" || !key.starts_with('0');
    let digits = key.bytes().all(|byte| byte.is_ascii_digit());
    key.parse().ok().filter(|&index| canonical && digits && index < u32::MAX)
}

fn number(value: f64) -> String {
    if value == 0.0 && value.is_sign_negative() {
        return "-0".to_owned();
    }
    let mut text = Vec::new();
    write_number(&mut text, value);
    String::from_utf8(text).expect("numbers are written in ASCII")
}

/// A key: bare where it is an identifier, else in quotes that are not in it.
fn quoted(key: &str) -> String {
    let letter = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    let is_identifier = key.bytes().next().is_some_and(letter)
        && key.bytes().all(|byte| letter(byte) || byte.is_ascii_digit());
    if is_identifier {
        return key.to_owned();
    }
    let has = |quote: char| key.contains(quote);
    let quote = match () {
        () if !has('\'') => '\'',
        () if !has('"') => '"',
        () if !has('`') && !key.contains("${") => '`',
        () => '\'',
    };
    let mut text = String::from(quote);
    for letter in key.chars() {
        match letter {
            '\\' => text.push_str("\\\\"),
            '\'' if quote == '\'' => text.push_str("\\'"),
            '\u{7f}'..='\u{9f}' | '\0'..='\u{1f}' => text.push_str(&format!("\\x{:02X}", letter as u32)),
            letter => text.push(letter),
        }
    }
    text.push(quote);
    text
}

/// A list as the value of a key.
fn list(values: &[f64], more: u64) -> String {
    let mut items: Vec<String> = values.iter().map(|&value| number(value)).collect();
    let rest = (more > 0).then(|| format!("... {more} more item{}", if more > 1 { "s" } else { "" }));
    let count = items.len() + usize::from(rest.is_some());
    let lines = if count > UNGROUPED { columns(&items, count) } else { None };
    let is_laid_out = lines.is_some();
    if let Some(lines) = lines {
        items = lines;
    }
    items.extend(rest);
    if is_laid_out {
        return broken("[", &items, "]", LIST_INDENT);
    }
    bracketed("[", &items, "]", LIST_INDENT)
}

/// Numbers in columns, a text a line; none where they do not lend themselves to it. `count` has what follows them.
fn columns(items: &[String], count: usize) -> Option<Vec<String>> {
    let widest = items.iter().map(String::len).max()?;
    let width = widest + BETWEEN;
    let total: usize = items.iter().map(|item| item.len() + BETWEEN).sum();
    let fits = width * 3 + LIST_INDENT < LINE;
    let are_alike = total as f64 / width as f64 > 5.0 || widest <= 6;
    if !fits || !are_alike {
        return None;
    }
    // As many as make a square of characters that are two and a half times as high as wide, more of short ones.
    let spread = (width as f64 - total as f64 / count as f64).sqrt();
    let biased = (width as f64 - 3.0 - spread).max(1.0);
    let square = ((2.5 * biased * items.len() as f64).sqrt() / biased + 0.5).floor() as usize;
    let columns = square.min((LINE - LIST_INDENT) / width).min(MOST_COLUMNS);
    if columns <= 1 {
        return None;
    }
    let widths: Vec<usize> = (0..columns)
        .map(|column| items.iter().skip(column).step_by(columns).map(String::len).max().unwrap_or(0))
        .collect();
    let line = |row: &[String]| {
        let cells = row.iter().zip(&widths).enumerate();
        let cells = cells.map(|(place, (item, &width))| {
            // The comma stands by its number, so that numbers stand under each other.
            let item = if place + 1 < row.len() { format!("{item}, ") } else { item.clone() };
            let width = if place + 1 < row.len() { width + BETWEEN } else { width };
            format!("{item:>width$}")
        });
        cells.collect::<String>()
    };
    Some(items.chunks(columns).map(line).collect())
}

/// On one line if it is short enough, else each on its own.
fn bracketed(open: &str, entries: &[String], close: &str, indent: usize) -> String {
    if entries.is_empty() {
        return format!("{open}{close}");
    }
    let letters: usize = entries.iter().map(|entry| entry.chars().count()).sum();
    let length = letters + 2 * entries.len() + indent + open.len() + 10;
    if length <= LINE && entries.iter().all(|entry| !entry.contains('\n')) {
        return format!("{open} {} {close}", entries.join(", "));
    }
    broken(open, entries, close, indent)
}

fn broken(open: &str, entries: &[String], close: &str, indent: usize) -> String {
    let (inner, outer) = (" ".repeat(indent + 2), " ".repeat(indent));
    format!("{open}\n{inner}{}\n{outer}{close}", entries.join(&format!(",\n{inner}")))
}

/// Characters of a line.
const LINE: usize = 80;

/// Entries of a list that are never put in columns.
const UNGROUPED: usize = 6;

/// Columns at most.
const MOST_COLUMNS: usize = 12;

/// Where a list stands that is the value of a key.
const LIST_INDENT: usize = 2;

/// A comma and a blank.
const BETWEEN: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    fn object(entries: &[(&str, Shown)]) -> String {
        let mut object = Object::new(1 << 20);
        entries.iter().for_each(|(key, value)| object.push(key, value));
        object.render()
    }

    /// What node 20 printed for `{ a: [0, 1 * step, 2 * step, ...] }`.
    fn list_of(count: u32, step: f64, more: u64) -> String {
        object(&[("a", Shown::List((0..count).map(|at| f64::from(at) * step).collect(), more))])
    }

    #[test]
    fn a_line_has_seventy_two_characters_at_most() {
        let one = |letters| object(&[(&"a".repeat(letters), Shown::Number(1.0))]);
        assert_eq!(one(64), format!("{{ {}: 1 }}", "a".repeat(64)));
        assert_eq!(one(65), format!("{{\n  {}: 1\n}}", "a".repeat(65)));
        assert_eq!(object(&[]), "{}");
    }

    #[test]
    fn keys_are_quoted_where_they_are_no_identifiers_and_indexes_come_first() {
        let mut keys: Vec<(String, ())> =
            ["b", "10", "2", "01", "a'b", "-", "4294967295"].map(|key| (key.to_owned(), ())).into();
        order(&mut keys);
        let keys: Vec<String> = keys.iter().map(|(key, ())| quoted(key)).collect();
        assert_eq!(keys, ["'2'", "'10'", "b", "'01'", "\"a'b\"", "'-'", "'4294967295'"]);
        assert_eq!([quoted("'\""), quoted("'\"`"), quoted("\\\u{7f}")], ["`'\"`", "'\\'\"`'", "'\\\\\\x7F'"]);
    }

    #[test]
    fn numbers_are_javascripts() {
        let values = [-0.0, 1e21, 1e-7, f64::MAX, 0.1].map(Shown::Number);
        let keys = ["a", "b", "c", "d", "e"];
        let entries: Vec<(&str, Shown)> = keys.into_iter().zip(values).collect();
        let expected = "{ a: -0, b: 1e+21, c: 1e-7, d: 1.7976931348623157e+308, e: 0.1 }";
        assert_eq!(object(&entries), expected);
    }

    #[test]
    fn lists_are_laid_out_as_node_does() {
        assert_eq!(list_of(0, 1.0, 0), "{ a: [] }");
        assert_eq!(list_of(3, 1.0, 0), "{ a: [ 0, 1, 2 ] }");
        assert_eq!(list_of(0, 1.0, 1), "{ a: [ ... 1 more item ] }");
        let seven = "{ a: [ 0, 1.37, 2.74, 4.11, 5.48, 6.8500000000000005, 8.22 ] }";
        assert_eq!(list_of(7, 1.37, 0), seven);
        let thirty = "{
  a: [
       0,  137.5,  275,  412.5,
     550,  687.5,  825,  962.5,
    1100, 1237.5, 1375, 1512.5,
    1650, 1787.5, 1925, 2062.5,
    2200, 2337.5, 2475, 2612.5,
    2750, 2887.5, 3025, 3162.5,
    3300, 3437.5, 3575, 3712.5,
    3850, 3987.5
  ]
}";
        assert_eq!(list_of(30, 137.5, 0), thirty);
        let hundred = list_of(100, 1.0, 20);
        assert!(
            hundred.starts_with("{\n  a: [\n     0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11,\n    12,")
        );
        assert!(hundred.ends_with("\n    96, 97, 98, 99,\n    ... 20 more items\n  ]\n}"));
    }

    #[test]
    fn what_finds_no_room_is_counted() {
        let mut object = Object::new(20);
        ["a.a", "b.b", "c.c", "d.d"].iter().for_each(|key| object.push(key, &Shown::Number(1.0)));
        assert_eq!(object.left_out(), 2);
        assert_eq!(object.render(), "{ 'a.a': 1, 'b.b': 1, ... 2 more keys }");
    }
}
