//! Reads the JavaScript that configuration files are written in: one object literal, with the constants around it.
//!
//! Nothing is run. Understood are object and array literals, all kinds of quotes, numbers, `true`, `false`, `null`,
//! `undefined`, comments, trailing commas, `+` between texts or numbers, the other arithmetic operators between
//! numbers, `||` and `??`, `process.env.NAME`, `require('os').hostname()`, `.split(text)[number]`, `.replace(text, text)`,
//! `parseInt(…)` and `Number(…)`; in front of the object parentheses, `module.exports =` or `exports.NAME =`. The grammar is a
//! part of <https://tc39.es/ecma262/#sec-expressions>.

use super::SyntaxError;

/// A value and the line it begins in.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    /// The value.
    pub(super) value: Js,
    /// From 1.
    pub(super) line: usize,
}

/// A value of JavaScript.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Js {
    /// `undefined`, and variables of the environment that are not set.
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
    /// `{…}`: keys with their lines, in order; of equal keys the last counts.
    Object(Vec<Member>),
}

/// A member of an object.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Member {
    /// The key, quotes aside.
    pub(super) key: String,
    /// Line of the key, from 1.
    pub(super) line: usize,
    /// Its value.
    pub(super) node: Node,
}

/// What a file may ask about the machine.
#[derive(Clone, Copy)]
pub(super) struct Machine<'a> {
    /// `require('os').hostname()`
    pub(super) hostname: &'a str,
    /// `process.env`
    pub(super) environment: &'a dyn Fn(&str) -> Option<String>,
}

impl Js {
    /// Whether it counts as true in a condition.
    pub(super) fn is_truthy(&self) -> bool {
        match self {
            Js::Undefined | Js::Null => false,
            Js::Bool(value) => *value,
            Js::Number(number) => *number != 0.0 && !number.is_nan(),
            Js::Text(text) => !text.is_empty(),
            Js::List(_) | Js::Object(_) => true,
        }
    }

    /// As JavaScript writes it in a text.
    pub(super) fn text(&self) -> String {
        match self {
            Js::Undefined => "undefined".to_owned(),
            Js::Null => "null".to_owned(),
            Js::Bool(value) => value.to_string(),
            Js::Number(number) => number_text(*number),
            Js::Text(text) => text.clone(),
            Js::List(nodes) => nodes.iter().map(|node| node.value.text()).collect::<Vec<_>>().join(","),
            Js::Object(_) => "[object Object]".to_owned(),
        }
    }

    /// As a number, if it can be read as one: numbers, texts of numbers, booleans.
    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Js::Number(number) => Some(*number),
            Js::Bool(value) => Some(f64::from(u8::from(*value))),
            Js::Text(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
            _ => None,
        }
    }
}

/// Reads the one object of a file.
///
/// # Errors
/// With the place, where the file is anything but an object of constants.
pub(super) fn read_object(text: &str, machine: Machine<'_>) -> Result<Vec<Member>, SyntaxError> {
    let mut reader = Reader { text, at: 0, depth: 0, machine };
    reader.shebang();
    reader.assignment()?;
    let start = reader.at;
    let node = reader.expression()?;
    reader.blanks()?;
    while reader.take(";") {
        reader.blanks()?;
    }
    if reader.at < text.len() {
        return Err(reader.error("only one object can stand here; statements are not run"));
    }
    match node.value {
        Js::Object(members) => Ok(members),
        _ => Err(SyntaxError::at(text, start, "the file must be one object: { port: 8125, … }")),
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    machine: Machine<'a>,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn error(&self, message: impl Into<String>) -> SyntaxError {
        SyntaxError::at(self.text, self.at, message)
    }

    fn line(&self) -> usize {
        self.text[..self.at].bytes().filter(|&byte| byte == b'\n').count() + 1
    }

    fn shebang(&mut self) {
        if self.rest().starts_with("#!") {
            self.at = self.text.find('\n').unwrap_or(self.text.len());
        }
    }

    /// Passes blanks and comments.
    fn blanks(&mut self) -> Result<(), SyntaxError> {
        loop {
            let rest = self.rest();
            let blank = rest.len()
                - rest
                    .trim_start_matches(|letter: char| letter.is_whitespace() || letter == '\u{feff}')
                    .len();
            if blank > 0 {
                self.at += blank;
            } else if rest.starts_with("//") {
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else if let Some(comment) = rest.strip_prefix("/*") {
                match comment.find("*/") {
                    Some(end) => self.at += end + 4,
                    None => return Err(self.error("this comment has no end: */ is missing")),
                }
            } else {
                return Ok(());
            }
        }
    }

    /// Takes `token` if it is next.
    fn take(&mut self, token: &str) -> bool {
        let is_next = self.rest().starts_with(token);
        if is_next {
            self.at += token.len();
        }
        is_next
    }

    fn expect(&mut self, token: &str, after: &str) -> Result<(), SyntaxError> {
        self.blanks()?;
        match self.take(token) {
            true => Ok(()),
            false => Err(self.error(format!("{after} `{token}` is expected"))),
        }
    }

    /// `module.exports =`, `exports.config =`, `'use strict';`
    fn assignment(&mut self) -> Result<(), SyntaxError> {
        self.blanks()?;
        for strict in ["'use strict'", "\"use strict\""] {
            if self.take(strict) {
                self.blanks()?;
                self.take(";");
                self.blanks()?;
            }
        }
        let start = self.at;
        if self.take("module.exports") || self.take("exports.") {
            self.identifier();
            self.blanks()?;
            if !self.take("=") {
                self.at = start;
            }
        }
        Ok(())
    }

    fn identifier(&mut self) -> Option<String> {
        let rest = self.rest();
        let is_part = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == '$';
        if rest.starts_with(|letter: char| letter.is_ascii_digit()) {
            return None;
        }
        let length = rest.find(|letter: char| !is_part(letter)).unwrap_or(rest.len());
        let name = rest[..length].to_owned();
        self.at += length;
        (length > 0).then_some(name)
    }

    /// An expression, one level deeper.
    fn expression(&mut self) -> Result<Node, SyntaxError> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.error(format!("nested more than {DEEPEST} deep")));
        }
        let node = self.either();
        self.depth -= 1;
        node
    }

    /// `a || b`, `a ?? b`
    fn either(&mut self) -> Result<Node, SyntaxError> {
        let mut left = self.sum()?;
        loop {
            self.blanks()?;
            let nullish = match () {
                () if self.take("||") => false,
                () if self.take("??") => true,
                () => return Ok(left),
            };
            let right = self.sum()?;
            let keep = match nullish {
                true => !matches!(left.value, Js::Null | Js::Undefined),
                false => left.value.is_truthy(),
            };
            if !keep {
                left = right;
            }
        }
    }

    /// `a + b - c`
    fn sum(&mut self) -> Result<Node, SyntaxError> {
        let mut left = self.product()?;
        loop {
            self.blanks()?;
            let at = self.at;
            let minus = match () {
                () if self.take("+") => false,
                () if self.take("-") => true,
                () => return Ok(left),
            };
            let right = self.product()?;
            left.value = match (&left.value, &right.value) {
                (Js::Number(left), Js::Number(right)) => {
                    Js::Number(if minus { left - right } else { left + right })
                }
                (Js::Text(_), other) | (other, Js::Text(_)) if !minus && is_plain(other) => {
                    Js::Text(self.bounded(left.value.text() + &right.value.text())?)
                }
                _ => return Err(SyntaxError::at(self.text, at, "texts and numbers alone can be joined")),
            };
        }
    }

    /// `a * b / c`
    fn product(&mut self) -> Result<Node, SyntaxError> {
        let mut left = self.unary()?;
        loop {
            self.blanks()?;
            let at = self.at;
            let divide = match () {
                () if self.take("*") => false,
                () if self.take("/") => true,
                () => return Ok(left),
            };
            let right = self.unary()?;
            let (Some(one), Some(other)) = (left.value.number(), right.value.number()) else {
                return Err(SyntaxError::at(self.text, at, "only numbers can be multiplied"));
            };
            left.value = Js::Number(if divide { one / other } else { one * other });
        }
    }

    fn unary(&mut self) -> Result<Node, SyntaxError> {
        self.blanks()?;
        let (at, line) = (self.at, self.line());
        let sign = match () {
            () if self.take("-") => '-',
            () if self.take("+") => '+',
            () if self.take("!") => '!',
            () => return self.member(),
        };
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.error(format!("nested more than {DEEPEST} deep")));
        }
        let node = self.unary()?;
        self.depth -= 1;
        let value = match (sign, node.value.number()) {
            ('!', _) => Js::Bool(!node.value.is_truthy()),
            (sign, Some(number)) => Js::Number(if sign == '-' { -number } else { number }),
            _ => return Err(SyntaxError::at(self.text, at, "a sign stands before numbers alone")),
        };
        Ok(Node { value, line })
    }

    /// A value and what is asked of it: `x.split('.')[0]`.
    fn member(&mut self) -> Result<Node, SyntaxError> {
        let mut node = self.primary()?;
        loop {
            self.blanks()?;
            if self.take("[") {
                let index = self.expression()?;
                self.expect("]", "after the index a")?;
                node.value = element(&node.value, &index.value);
                continue;
            }
            if !self.take(".") {
                return Ok(node);
            }
            let at = self.at;
            let name = self.identifier().unwrap_or_default();
            let arguments = self.arguments()?;
            let value = method(&node.value, &name, &arguments).ok_or_else(|| {
                SyntaxError::at(self.text, at, format!("`{name}` is not understood here; write its result"))
            })?;
            node.value = match value {
                Js::Text(text) => Js::Text(self.bounded(text)?),
                value => value,
            };
        }
    }

    /// A text that was put together, unless it is too long: a few of these steps could make gigabytes of a line.
    fn bounded(&self, text: String) -> Result<String, SyntaxError> {
        match text.len() <= LONGEST_TEXT {
            true => Ok(text),
            false => Err(self.error(format!("this text becomes longer than {LONGEST_TEXT} bytes"))),
        }
    }

    /// `(a, b)`
    fn arguments(&mut self) -> Result<Vec<Js>, SyntaxError> {
        self.expect("(", "a")?;
        let mut arguments = Vec::new();
        loop {
            self.blanks()?;
            if self.take(")") {
                return Ok(arguments);
            }
            arguments.push(match self.regular_expression() {
                Some(text) => Js::Text(text),
                None => self.expression()?.value,
            });
            self.blanks()?;
            if !self.take(",") {
                self.expect(")", "after the arguments a")?;
                return Ok(arguments);
            }
        }
    }

    /// `/\./g`, which means the text `.`: the one form that is needed to change the dots of a name.
    fn regular_expression(&mut self) -> Option<String> {
        ["/\\./g", "/[.]/g"].iter().any(|known| self.take(known)).then(|| ALL_DOTS.to_owned())
    }

    fn primary(&mut self) -> Result<Node, SyntaxError> {
        self.blanks()?;
        let line = self.line();
        let first = self.rest().chars().next();
        let value = match first {
            None => return Err(self.error("the file ends where a value is expected")),
            Some('{') => self.object()?,
            Some('[') => self.list()?,
            Some('(') => {
                self.at += 1;
                let node = self.expression()?;
                self.expect(")", "after the expression a")?;
                node.value
            }
            Some('"' | '\'' | '`') => Js::Text(self.quoted()?),
            Some(letter) if letter.is_ascii_digit() || letter == '.' => self.number()?,
            Some(_) => self.word()?,
        };
        Ok(Node { value, line })
    }

    fn object(&mut self) -> Result<Js, SyntaxError> {
        self.at += 1;
        let mut members = Vec::new();
        loop {
            self.blanks()?;
            if self.take("}") {
                return Ok(Js::Object(members));
            }
            let line = self.line();
            let key = self.key()?;
            self.expect(":", &format!("after the key {key} a"))?;
            let node = self.expression()?;
            // Of equal keys the last counts.
            members.retain(|member: &Member| member.key != key);
            members.push(Member { key, line, node });
            self.blanks()?;
            if !self.take(",") {
                self.expect("}", "after the value a `,` or")?;
                return Ok(Js::Object(members));
            }
        }
    }

    fn key(&mut self) -> Result<String, SyntaxError> {
        match self.rest().chars().next() {
            Some('"' | '\'' | '`') => self.quoted(),
            Some(letter) if letter.is_ascii_digit() || letter == '.' => Ok(self.number()?.text()),
            _ => self.identifier().ok_or_else(|| self.error("a key is expected here, such as port")),
        }
    }

    fn list(&mut self) -> Result<Js, SyntaxError> {
        self.at += 1;
        let mut nodes = Vec::new();
        loop {
            self.blanks()?;
            if self.take("]") {
                return Ok(Js::List(nodes));
            }
            nodes.push(self.expression()?);
            self.blanks()?;
            if !self.take(",") {
                self.expect("]", "after the value a `,` or")?;
                return Ok(Js::List(nodes));
            }
        }
    }

    /// A text in any quotes, escapes resolved.
    fn quoted(&mut self) -> Result<String, SyntaxError> {
        let start = self.at;
        let quote = self.rest().chars().next().unwrap_or('"');
        let mut out = String::new();
        self.at += 1;
        loop {
            let Some(letter) = self.rest().chars().next() else {
                return Err(SyntaxError::at(self.text, start, "this text has no closing quote"));
            };
            self.at += letter.len_utf8();
            match letter {
                _ if letter == quote => return Ok(out),
                '\n' if quote != '`' => {
                    return Err(SyntaxError::at(
                        self.text,
                        start,
                        "this text has no closing quote in its line",
                    ));
                }
                '$' if quote == '`' && self.rest().starts_with('{') => {
                    self.at += 1;
                    let node = self.expression()?;
                    self.expect("}", "after the expression a")?;
                    out.push_str(&node.value.text());
                    out = self.bounded(out)?;
                }
                '\\' => self.escape(&mut out)?,
                letter => out.push(letter),
            }
        }
    }

    /// What follows a backslash.
    fn escape(&mut self, out: &mut String) -> Result<(), SyntaxError> {
        let Some(letter) = self.rest().chars().next() else { return Ok(()) };
        self.at += letter.len_utf8();
        match letter {
            'n' => out.push('\n'),
            't' => out.push('\t'),
            'r' => out.push('\r'),
            'b' => out.push('\u{8}'),
            'f' => out.push('\u{c}'),
            'v' => out.push('\u{b}'),
            '0' => out.push('\0'),
            '\n' => {}
            '\r' => {
                self.take("\n");
            }
            'x' => {
                let unit = self.hexadecimal(2)?;
                out.push(char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            'u' => {
                let character = self.unicode()?;
                out.push(character);
            }
            letter => out.push(letter),
        }
        Ok(())
    }

    /// `\u{1f600}`, `\u00e9`, and pairs of surrogates.
    fn unicode(&mut self) -> Result<char, SyntaxError> {
        if self.take("{") {
            let digits = self.rest().find('}').unwrap_or(0);
            let unit = self.hexadecimal(digits.min(6))?;
            self.expect("}", "after the digits a")?;
            return Ok(char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        let unit = self.hexadecimal(4)?;
        if !(0xd800..0xdc00).contains(&unit) || !self.rest().starts_with("\\u") {
            return Ok(char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        let before = self.at;
        self.at += 2;
        let low = self.hexadecimal(4)?;
        if !(0xdc00..0xe000).contains(&low) {
            self.at = before;
            return Ok(char::REPLACEMENT_CHARACTER);
        }
        let both = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
        Ok(char::from_u32(both).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn hexadecimal(&mut self, digits: usize) -> Result<u32, SyntaxError> {
        let text = self.rest().get(..digits).filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let number = text.and_then(|text| u32::from_str_radix(text, 16).ok());
        let number = number.ok_or_else(|| self.error("hexadecimal digits are expected here"))?;
        self.at += digits;
        Ok(number)
    }

    fn number(&mut self) -> Result<Js, SyntaxError> {
        let rest = self.rest();
        let prefixed = [("0x", 16), ("0o", 8), ("0b", 2)]
            .into_iter()
            .find(|(prefix, _)| rest.get(..2).is_some_and(|start| start.eq_ignore_ascii_case(prefix)));
        if let Some((_, radix)) = prefixed {
            let digits = &rest[2..];
            let length = digits.find(|letter: char| !letter.is_digit(radix)).unwrap_or(digits.len());
            let number = u64::from_str_radix(&digits[..length], radix);
            let number = number.map_err(|_| self.error("this is no number"))?;
            self.at += 2 + length;
            return Ok(Js::Number(number as f64));
        }
        let mut length = 0;
        let bytes = rest.as_bytes();
        while let Some(&byte) = bytes.get(length) {
            let exponent_sign = matches!(byte, b'+' | b'-') && matches!(bytes[length - 1], b'e' | b'E');
            if !(byte.is_ascii_digit()
                || matches!(byte, b'.' | b'e' | b'E' | b'_')
                || length > 0 && exponent_sign)
            {
                break;
            }
            length += 1;
        }
        let number = rest[..length].replace('_', "").parse::<f64>();
        let number = number.map_err(|_| self.error("this is no number"))?;
        self.at += length;
        Ok(Js::Number(number))
    }

    /// Words: constants, and what may be asked about the machine.
    fn word(&mut self) -> Result<Js, SyntaxError> {
        let start = self.at;
        let Some(word) = self.identifier() else {
            return Err(self.error("a value is expected here"));
        };
        match word.as_str() {
            "true" => Ok(Js::Bool(true)),
            "false" => Ok(Js::Bool(false)),
            "null" => Ok(Js::Null),
            "undefined" => Ok(Js::Undefined),
            "Infinity" => Ok(Js::Number(f64::INFINITY)),
            "process" if self.take(".env") => self.environment(),
            "require" => self.required(start),
            "os" if self.take(".hostname()") => Ok(Js::Text(self.machine.hostname.to_owned())),
            "parseInt" | "parseFloat" | "Number" => {
                let arguments = self.arguments()?;
                let number = arguments.first().and_then(Js::number);
                let whole = |number: f64| if word == "parseInt" { number.trunc() } else { number };
                Ok(number.map_or(Js::Undefined, |number| Js::Number(whole(number))))
            }
            "String" => Ok(Js::Text(self.arguments()?.first().map(Js::text).unwrap_or_default())),
            _ => Err(SyntaxError::at(
                self.text,
                start,
                format!("`{word}` would have to be run, which is not done; write its value in its place"),
            )),
        }
    }

    /// `process.env.NAME`, `process.env['NAME']`
    fn environment(&mut self) -> Result<Js, SyntaxError> {
        self.blanks()?;
        let name = match () {
            () if self.take(".") => self.identifier().unwrap_or_default(),
            () if self.take("[") => {
                let name = self.expression()?.value.text();
                self.expect("]", "after the name a")?;
                name
            }
            () => return Err(self.error("the name of a variable is expected: process.env.NAME")),
        };
        Ok((self.machine.environment)(&name).map_or(Js::Undefined, Js::Text))
    }

    /// `require('os').hostname()`
    fn required(&mut self, start: usize) -> Result<Js, SyntaxError> {
        let arguments = self.arguments()?;
        self.blanks()?;
        let is_os = matches!(&arguments[..], [Js::Text(module)] if module == "os" || module == "node:os");
        if is_os && self.take(".hostname") {
            self.arguments()?;
            return Ok(Js::Text(self.machine.hostname.to_owned()));
        }
        let message = "only require('os').hostname() is understood; write the value in its place";
        Err(SyntaxError::at(self.text, start, message))
    }
}

fn is_plain(value: &Js) -> bool {
    !matches!(value, Js::List(_) | Js::Object(_))
}

/// `value[index]`
fn element(value: &Js, index: &Js) -> Js {
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
fn method(value: &Js, name: &str, arguments: &[Js]) -> Option<Js> {
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
const ALL_DOTS: &str = "\u{0}every dot\u{0}";

/// Bytes of the longest text that is put together.
const LONGEST_TEXT: usize = 64 << 10;

/// Bytes one step may make before that is seen.
const MOST_AT_A_STEP: usize = 16 << 20;

/// Deepest nesting.
const DEEPEST: usize = 64;

#[cfg(test)]
mod tests;
