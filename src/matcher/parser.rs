//! Reads the text of a matcher.
//!
//! The grammar is Heka's (`message/message_matcher_parser.y` of mozilla-services/heka), `&&` before `||`. What Heka
//! took without a word and ignored (text after a complete expression, a second line, a number that is none) is an
//! error here.

use std::ops::Range;

use super::error::{MatcherError, MatcherErrorKind as Kind};
use super::expression::{Check, Expression, Relation, Test, Variable, match_symbol};
use super::lexer::{Lexer, Token};
use super::subject::{Header, Number};

/// Reads `text` as one expression.
///
/// # Errors
/// The first thing that is wrong.
pub(super) fn parse(text: &str) -> Result<Expression, MatcherError> {
    if text.len() > TEXT_LIMIT {
        let kind = Kind::TooLong { length: text.len(), limit: TEXT_LIMIT };
        return Err(MatcherError { kind, span: text.floor_char_boundary(TEXT_LIMIT)..text.len() });
    }
    let mut lexer = Lexer::new(text);
    let (token, span) = lexer.next()?;
    if token == Token::End {
        return Err(MatcherError { kind: Kind::Empty, span: 0..text.len() });
    }
    let mut parser = Parser { lexer, token, span, depth: 0, tests: 0, patterns: 0 };
    let expression = parser.any()?;
    match parser.token {
        Token::End => Ok(expression),
        Token::Close => Err(parser.fault(Kind::StrayParenthesis)),
        Token::Word(word) if spelling(word).is_some_and(|instead| matches!(instead, "&&" | "||")) => {
            Err(parser.fault(Kind::UnknownWord { word: word.into(), instead: spelling(word) }))
        }
        _ => Err(parser.fault(Kind::TrailingText)),
    }
}

struct Parser<'t> {
    lexer: Lexer<'t>,
    /// The token that is looked at, and its bytes.
    token: Token<'t>,
    span: Range<usize>,
    depth: usize,
    tests: usize,
    patterns: usize,
}

impl<'t> Parser<'t> {
    fn advance(&mut self) -> Result<Token<'t>, MatcherError> {
        let (token, span) = self.lexer.next()?;
        self.span = span;
        Ok(std::mem::replace(&mut self.token, token))
    }

    /// Blames the token that is looked at.
    fn fault(&self, kind: Kind) -> MatcherError {
        MatcherError { kind, span: self.span.clone() }
    }

    /// `all || all …`
    fn any(&mut self) -> Result<Expression, MatcherError> {
        let mut parts = Vec::new();
        loop {
            match self.all()? {
                Expression::Any(inner) => parts.extend(inner),
                part => parts.push(part),
            }
            if self.token != Token::Or {
                return Ok(single_or(parts, Expression::Any));
            }
            self.advance()?;
        }
    }

    /// `primary && primary …`
    fn all(&mut self) -> Result<Expression, MatcherError> {
        let mut parts = Vec::new();
        loop {
            match self.primary()? {
                Expression::All(inner) => parts.extend(inner),
                part => parts.push(part),
            }
            if self.token != Token::And {
                return Ok(single_or(parts, Expression::All));
            }
            self.advance()?;
        }
    }

    /// `( any )`, `TRUE`, `FALSE` or a test.
    fn primary(&mut self) -> Result<Expression, MatcherError> {
        if self.token == Token::Open {
            return self.parenthesised();
        }
        self.tests += 1;
        if self.tests > TEST_LIMIT {
            return Err(self.fault(Kind::TooManyTests { limit: TEST_LIMIT }));
        }
        let variable = match &self.token {
            Token::Word("TRUE") | Token::Word("FALSE") => {
                return Ok(Expression::Constant(self.advance()? == Token::Word("TRUE")));
            }
            Token::Word("NIL") => return Err(self.fault(Kind::LoneNil)),
            Token::Word(word) => header(word).ok_or_else(|| {
                self.fault(Kind::UnknownWord { word: (*word).into(), instead: spelling(word) })
            })?,
            Token::Field(variable) => variable.clone(),
            _ => return Err(self.fault(Kind::ExpectedTest)),
        };
        self.advance()?;
        let check = self.check(&variable)?;
        Ok(Expression::Test(Test { variable, check }))
    }

    fn parenthesised(&mut self) -> Result<Expression, MatcherError> {
        let open = self.fault(Kind::UnclosedParenthesis);
        self.depth += 1;
        if self.depth > DEPTH_LIMIT {
            return Err(self.fault(Kind::TooDeep { limit: DEPTH_LIMIT }));
        }
        self.advance()?;
        let inside = self.any()?;
        match self.token {
            Token::Close => self.advance()?,
            Token::End => return Err(open),
            _ => return Err(self.fault(Kind::TrailingText)),
        };
        self.depth -= 1;
        Ok(inside)
    }

    /// The operator and the value after a variable.
    fn check(&mut self, variable: &Variable) -> Result<Check, MatcherError> {
        match self.token {
            Token::Relation(relation) => {
                let operator = self.span.clone();
                self.advance()?;
                self.compared(variable, relation, operator)
            }
            Token::Match { negated } if !matches!(variable, Variable::Number(_)) => {
                self.advance()?;
                self.matched(variable, negated)
            }
            _ => {
                let takes = match variable {
                    Variable::Number(_) => "==, !=, >, >=, < and <=",
                    Variable::Header(_) | Variable::Field { .. } => "==, !=, >, >=, <, <=, =~ and !~",
                };
                Err(self.fault(Kind::ExpectedOperator { variable: variable.name(), takes }))
            }
        }
    }

    fn compared(
        &mut self,
        variable: &Variable,
        relation: Relation,
        operator: Range<usize>,
    ) -> Result<Check, MatcherError> {
        let equal = relation == Relation::Equal;
        let check = match (variable, &self.token) {
            (Variable::Header(_) | Variable::Field { .. }, Token::Text(literal)) => {
                Check::Text(relation, literal.clone())
            }
            (Variable::Number(_) | Variable::Field { .. }, Token::Number(number)) => {
                Check::Number(relation, *number)
            }
            (Variable::Field { .. }, Token::Word(truth @ ("TRUE" | "FALSE"))) if equal => {
                Check::Truth(*truth == "TRUE")
            }
            (Variable::Field { .. }, Token::Word("TRUE" | "FALSE")) => {
                return Err(MatcherError { kind: Kind::TruthOperator, span: operator });
            }
            (Variable::Field { .. }, Token::Word("NIL")) if equal || relation == Relation::NotEqual => {
                Check::Nil { negated: !equal }
            }
            (Variable::Field { .. }, Token::Word("NIL")) => {
                return Err(MatcherError { kind: Kind::NilOperator, span: operator });
            }
            (_, Token::Word("NIL")) => {
                return Err(self.fault(Kind::NilHeader { variable: variable.name(), unset: unset(variable) }));
            }
            _ => return Err(self.fault(expected(variable, relation.symbol(), wanted(variable, relation)))),
        };
        self.advance()?;
        Ok(check)
    }

    fn matched(&mut self, variable: &Variable, negated: bool) -> Result<Check, MatcherError> {
        let Token::Pattern(pattern) = &self.token else {
            let wants = "a regular expression between slashes: /text/";
            return Err(self.fault(expected(variable, match_symbol(negated), wants)));
        };
        let pattern = pattern.clone();
        self.patterns += usize::from(pattern.is_regex());
        if self.patterns > PATTERN_LIMIT {
            return Err(self.fault(Kind::TooManyPatterns { limit: PATTERN_LIMIT }));
        }
        self.advance()?;
        Ok(Check::Pattern { negated, pattern })
    }
}

fn single_or(mut parts: Vec<Expression>, join: fn(Vec<Expression>) -> Expression) -> Expression {
    match parts.len() {
        1 => parts.remove(0),
        _ => join(parts),
    }
}

fn header(word: &str) -> Option<Variable> {
    let text = Header::ALL.into_iter().find(|header| header.name() == word).map(Variable::Header);
    text.or_else(|| Number::ALL.into_iter().find(|number| number.name() == word).map(Variable::Number))
}

fn expected(variable: &Variable, operator: &'static str, wants: &'static str) -> Kind {
    Kind::ExpectedValue { variable: variable.name(), operator, wants }
}

fn wanted(variable: &Variable, relation: Relation) -> &'static str {
    match (variable, relation) {
        (Variable::Header(_), _) => "a string in quotes (a regular expression goes with =~ or !~)",
        (Variable::Number(_), _) => "a number without quotes",
        (Variable::Field { .. }, Relation::Equal) => "a string in quotes, a number, TRUE, FALSE or NIL",
        (Variable::Field { .. }, Relation::NotEqual) => "a string in quotes, a number or NIL",
        (Variable::Field { .. }, _) => "a string in quotes or a number",
    }
}

fn unset(variable: &Variable) -> &'static str {
    match variable {
        Variable::Number(Number::Severity) => "7",
        Variable::Number(_) => "0",
        Variable::Header(_) | Variable::Field { .. } => "''",
    }
}

/// How the word nearest to `word` is spelled, if one is near.
fn spelling(word: &str) -> Option<&'static str> {
    match word.to_ascii_lowercase().as_str() {
        "and" => return Some("&&"),
        "or" => return Some("||"),
        "message" => return Some("Payload"),
        "null" | "none" => return Some("NIL"),
        _ => {}
    }
    let names =
        Header::ALL.iter().map(|header| header.name()).chain(Number::ALL.iter().map(|number| number.name()));
    names
        .chain(["Fields", "TRUE", "FALSE", "NIL"])
        .map(|name| (strsim::osa_distance(&name.to_ascii_lowercase(), &word.to_ascii_lowercase()), name))
        .filter(|(distance, name)| *distance <= name.len() / 3)
        .min()
        .map(|(_, name)| name)
}

/// Bytes of a matcher.
const TEXT_LIMIT: usize = 64 << 10;

/// Parentheses open at a time; bounds the stack that reading, asking and dropping take.
const DEPTH_LIMIT: usize = 200;

/// Tests in a matcher.
const TEST_LIMIT: usize = 1_000;

/// Regular expressions in a matcher; each may take a megabyte.
const PATTERN_LIMIT: usize = 100;
