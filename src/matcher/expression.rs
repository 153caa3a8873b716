//! The compiled form of a matcher: how it is evaluated and how it is written.

use std::fmt::{self, Display, Formatter, Write};

use super::pattern::Pattern;
use super::subject::{FieldValue, Header, Known, Number, Subject};
use super::verdict::Verdict;

/// A tree as flat as it can be: no `All` directly in an `All`, no `Any` directly in an `Any`.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expression {
    Constant(bool),
    Test(Test),
    /// Joined with `&&`; two at least.
    All(Vec<Expression>),
    /// Joined with `||`; two at least.
    Any(Vec<Expression>),
}

impl Expression {
    /// Left to right, stopping where the answer is certain.
    pub(super) fn ask<S: Subject + ?Sized>(&self, subject: &S) -> Verdict {
        match self {
            Expression::Constant(truth) => Verdict::from(*truth),
            Expression::Test(test) => test.ask(subject),
            Expression::All(parts) => {
                let mut verdict = Verdict::Yes;
                for part in parts {
                    verdict = verdict.and(part.ask(subject));
                    if verdict == Verdict::No {
                        break;
                    }
                }
                verdict
            }
            Expression::Any(parts) => {
                let mut verdict = Verdict::No;
                for part in parts {
                    verdict = verdict.or(part.ask(subject));
                    if verdict == Verdict::Yes {
                        break;
                    }
                }
                verdict
            }
        }
    }

    /// True if `holds` is true of every test whose answer, were it known, could still turn the whole answer.
    ///
    /// A branch that is decided in spite of an unknown test leaves that test out.
    pub(super) fn open_tests_all<S: Subject + ?Sized>(
        &self,
        subject: &S,
        holds: &impl Fn(&Test) -> bool,
    ) -> bool {
        if self.ask(subject) != Verdict::Maybe {
            return true;
        }
        match self {
            Expression::Constant(_) => true,
            Expression::Test(test) => holds(test),
            Expression::All(parts) | Expression::Any(parts) => {
                parts.iter().all(|part| part.open_tests_all(subject, holds))
            }
        }
    }

    /// True if `holds` is true of some test.
    pub(super) fn any_test(&self, holds: &impl Fn(&Test) -> bool) -> bool {
        match self {
            Expression::Constant(_) => false,
            Expression::Test(test) => holds(test),
            Expression::All(parts) | Expression::Any(parts) => parts.iter().any(|part| part.any_test(holds)),
        }
    }
}

impl Display for Expression {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Expression::Constant(truth) => out.write_str(truth_text(*truth)),
            Expression::Test(test) => test.fmt(out),
            Expression::All(parts) => joined(out, parts, " && ", |part| matches!(part, Expression::Any(_))),
            Expression::Any(parts) => joined(out, parts, " || ", |_| false),
        }
    }
}

/// One variable and what is asked of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Test {
    pub(super) variable: Variable,
    pub(super) check: Check,
}

impl Test {
    fn ask<S: Subject + ?Sized>(&self, subject: &S) -> Verdict {
        match &self.variable {
            Variable::Header(header) => match subject.text(*header) {
                Known::Unknown => Verdict::Maybe,
                Known::Prefix(prefix) => self.check.of_prefix(prefix.as_bytes()),
                Known::Is(text) => self.check.of_text(&text).into(),
            },
            Variable::Number(number) => match subject.number(*number) {
                None => Verdict::Maybe,
                Some(number) => self.check.of_number(number).into(),
            },
            Variable::Field { name, instance, item } => match subject.field(name, *instance, *item) {
                FieldValue::Unknown => Verdict::Maybe,
                FieldValue::Nil => matches!(self.check, Check::Nil { negated: false }).into(),
                FieldValue::Text(text) => self.check.of_text(&text).into(),
                FieldValue::Number(number) => self.check.of_number(number).into(),
                FieldValue::Bool(truth) => self.check.of_bool(truth).into(),
            },
        }
    }
}

impl Display for Test {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        write!(out, "{} {}", self.variable, self.check)
    }
}

/// What a test reads.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Variable {
    Header(Header),
    Number(Number),
    Field { name: Box<str>, instance: usize, item: usize },
}

impl Variable {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Variable::Header(header) => header.name(),
            Variable::Number(number) => number.name(),
            Variable::Field { .. } => "a field",
        }
    }
}

impl Display for Variable {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let Variable::Field { name, instance, item } = self else { return out.write_str(self.name()) };
        write!(out, "Fields[{name}]")?;
        if (*instance, *item) != (0, 0) {
            write!(out, "[{instance}]")?;
        }
        if *item != 0 {
            write!(out, "[{item}]")?;
        }
        Ok(())
    }
}

/// What is asked of a value that is there. A value of another type than the literal's answers false, `!=` and
/// `!~` included.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Check {
    Text(Relation, Quoted),
    Number(Relation, f64),
    /// `== TRUE` or `== FALSE`.
    Truth(bool),
    Pattern {
        negated: bool,
        pattern: Pattern,
    },
    /// `== NIL`, or `!= NIL` if negated.
    Nil {
        negated: bool,
    },
}

impl Check {
    fn of_text(&self, text: &[u8]) -> bool {
        match self {
            Check::Text(relation, literal) => relation.holds(text, literal.value.as_bytes()),
            Check::Number(..) => false,
            Check::Truth(truth) => text == truth_text(*truth).as_bytes(),
            Check::Pattern { negated, pattern } => pattern.matches(text) != *negated,
            Check::Nil { negated } => *negated,
        }
    }

    fn of_number(&self, number: f64) -> bool {
        match self {
            Check::Number(relation, literal) => relation.holds(&number, literal),
            Check::Nil { negated } => *negated,
            Check::Text(..) | Check::Truth(_) | Check::Pattern { .. } => false,
        }
    }

    /// Heka answers `value == FALSE` for a literal of any other type; that is a slip and not copied.
    fn of_bool(&self, value: bool) -> bool {
        match self {
            Check::Truth(truth) => value == *truth,
            Check::Nil { negated } => *negated,
            Check::Text(..) | Check::Number(..) | Check::Pattern { .. } => false,
        }
    }

    /// Asked of a text that begins with `prefix`.
    fn of_prefix(&self, prefix: &[u8]) -> Verdict {
        let equal = |literal: &Quoted| match literal.value.as_bytes().starts_with(prefix) {
            true => Verdict::Maybe,
            false => Verdict::No,
        };
        match self {
            Check::Text(Relation::Equal, literal) => equal(literal),
            Check::Text(Relation::NotEqual, literal) => !equal(literal),
            Check::Pattern { negated: false, pattern } => pattern.matches_beginning(prefix),
            Check::Pattern { negated: true, pattern } => !pattern.matches_beginning(prefix),
            Check::Text(..) | Check::Number(..) | Check::Truth(_) | Check::Nil { .. } => Verdict::Maybe,
        }
    }
}

impl Display for Check {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Check::Text(relation, literal) => write!(out, "{} {literal}", relation.symbol()),
            Check::Number(relation, literal) => write!(out, "{} {literal}", relation.symbol()),
            Check::Truth(truth) => write!(out, "== {}", truth_text(*truth)),
            Check::Pattern { negated, pattern } => write!(out, "{} {pattern}", match_symbol(*negated)),
            Check::Nil { negated } => out.write_str(if *negated { "!= NIL" } else { "== NIL" }),
        }
    }
}

/// The six comparisons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation {
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

impl Relation {
    pub(super) const fn symbol(self) -> &'static str {
        match self {
            Relation::Equal => "==",
            Relation::NotEqual => "!=",
            Relation::Greater => ">",
            Relation::GreaterOrEqual => ">=",
            Relation::Less => "<",
            Relation::LessOrEqual => "<=",
        }
    }

    fn holds<T: PartialOrd + ?Sized>(self, left: &T, right: &T) -> bool {
        match self {
            Relation::Equal => left == right,
            Relation::NotEqual => left != right,
            Relation::Greater => left > right,
            Relation::GreaterOrEqual => left >= right,
            Relation::Less => left < right,
            Relation::LessOrEqual => left <= right,
        }
    }
}

/// A string literal. The quote is kept because a backslash escapes only it, so that not every text can be written
/// with either.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Quoted {
    pub(super) value: Box<str>,
    pub(super) quote: char,
}

impl Display for Quoted {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        out.write_char(self.quote)?;
        let mut characters = self.value.chars();
        while let Some(character) = characters.next() {
            if character == self.quote {
                out.write_char('\\')?;
            }
            out.write_char(character)?;
            // A backslash was read together with the character after it, so the two are written as a pair too:
            // the second of `\\` must not escape a quote that follows.
            if character == '\\' {
                characters.next().map_or(Ok(()), |second| out.write_char(second))?;
            }
        }
        out.write_char(self.quote)
    }
}

pub(super) const fn match_symbol(negated: bool) -> &'static str {
    if negated { "!~" } else { "=~" }
}

const fn truth_text(truth: bool) -> &'static str {
    if truth { "TRUE" } else { "FALSE" }
}

fn joined(
    out: &mut Formatter<'_>,
    parts: &[Expression],
    connective: &str,
    in_parentheses: impl Fn(&Expression) -> bool,
) -> fmt::Result {
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            out.write_str(connective)?;
        }
        if in_parentheses(part) {
            write!(out, "({part})")?;
        } else {
            write!(out, "{part}")?;
        }
    }
    Ok(())
}
