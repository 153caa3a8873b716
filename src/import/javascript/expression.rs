//! Expressions: operators, what is asked of values, objects and lists.

use std::collections::HashSet;

use super::reader::Reader;
use super::value::{ALL_DOTS, Js, Member, Node, element, is_plain, method};
use crate::import::SyntaxError;

impl Reader<'_> {
    /// An expression, one level deeper.
    pub(super) fn expression(&mut self) -> Result<Node, SyntaxError> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.error(format!("nested more than {DEEPEST} deep")));
        }
        let node = self.either()?;
        self.depth -= 1;
        self.blanks()?;
        match OPERATORS.iter().find(|operator| self.rest().starts_with(**operator)) {
            Some(operator) => Err(self
                .error(format!("the operator `{operator}` is not supported; write its result in its place"))),
            None => Ok(node),
        }
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
            if let Js::Asked(asked) = &left.value
                && let Some(either) = asked.or(&right.value)
            {
                left.value = Js::Asked(Box::new(either));
                continue;
            }
            left.value = self.now(left.value);
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
            if !minus
                && let (Some(one), Some(other)) = (left.value.joinable(), right.value.joinable())
                && (!one.variables.is_empty() || !other.variables.is_empty())
            {
                left.value = self.joined(one, other)?;
                continue;
            }
            let right = Node { value: self.now(right.value), ..right };
            left.value = self.now(left.value);
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
            let right = self.unary()?.value;
            let right = self.now(right);
            left.value = self.now(left.value);
            let (Some(one), Some(other)) = (left.value.number(), right.number()) else {
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
        if let (Js::Asked(asked), '+') = (&node.value, sign)
            && let Some(number) = asked.number()
        {
            return Ok(Node { value: Js::Asked(Box::new(number)), line });
        }
        let value = self.now(node.value);
        let value = match (sign, value.number()) {
            ('!', _) => Js::Bool(!value.is_truthy()),
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
                let index = self.expression()?.value;
                let index = self.now(index);
                self.expect("]", "after the index a")?;
                node.value = self.now(node.value);
                node.value = element(&node.value, &index);
                continue;
            }
            if !self.take(".") {
                return Ok(node);
            }
            let at = self.at;
            let name = self.identifier().unwrap_or_default();
            let arguments = self.arguments()?;
            let arguments = self.all_now(arguments);
            node.value = self.now(node.value);
            let value = method(&node.value, &name, &arguments).ok_or_else(|| {
                SyntaxError::at(self.text, at, format!("`{name}` is not understood here; write its result"))
            })?;
            node.value = match value {
                Js::Text(text) => Js::Text(self.bounded(text)?),
                value => value,
            };
        }
    }

    /// `(a, b)`
    pub(super) fn arguments(&mut self) -> Result<Vec<Js>, SyntaxError> {
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
            Some('"' | '\'' | '`') => self.quoted()?,
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
                return Ok(Js::Object(last_of_each(members)));
            }
            let line = self.line();
            let key = self.key()?;
            self.expect(":", &format!("after the key {key} a"))?;
            self.path.push(key.clone());
            let node = self.expression()?;
            self.path.pop();
            members.push(Member { key, line, node });
            self.blanks()?;
            if !self.take(",") {
                self.expect("}", "after the value a `,` or")?;
                return Ok(Js::Object(last_of_each(members)));
            }
        }
    }

    fn key(&mut self) -> Result<String, SyntaxError> {
        match self.rest().chars().next() {
            Some('"' | '\'' | '`') => {
                let key = self.quoted()?;
                Ok(self.now(key).text())
            }
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
            self.path.push(format!("[{}]", nodes.len()));
            nodes.push(self.expression()?);
            self.path.pop();
            self.blanks()?;
            if !self.take(",") {
                self.expect("]", "after the value a `,` or")?;
                return Ok(Js::List(nodes));
            }
        }
    }
}

/// Of equal keys the last counts.
fn last_of_each(mut members: Vec<Member>) -> Vec<Member> {
    let mut is_last: Vec<bool> = {
        let mut seen = HashSet::new();
        members.iter().rev().map(|member| seen.insert(member.key.as_str())).collect()
    };
    members.retain(|_| is_last.pop().expect("there is one for each member"));
    members
}

/// What may stand behind a value in JavaScript and means something else than an end.
const OPERATORS: [&str; 10] = ["?", "===", "!==", "==", "!=", "<", ">", "&", "%", "=>"];

/// Deepest nesting.
const DEEPEST: usize = 64;
