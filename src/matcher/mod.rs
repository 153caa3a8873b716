//! Heka's matcher language, asked about records or about all records of a stream at once.
//!
//! A matcher answers *yes*, *no* or *maybe*; of a whole message it never answers *maybe*. What is done with the
//! answer (who gets which record) is the router's business. The language is Heka's:
//! <https://hekad.readthedocs.io/en/latest/message_matcher.html>. It differs where Heka was silently wrong: text
//! after a complete expression is an error, and a BOOL field compared with a text or a number does not match.
//!
//! ```
//! use heka::matcher::{Fact, Facts, Matcher, Verdict};
//!
//! let matcher = Matcher::parse("Type == 'nginx' && Fields[status] >= 500")?;
//! let facts = Facts { type_: Fact::Is("syslog".into()), ..Facts::default() };
//! assert_eq!(matcher.ask(&facts), Verdict::No);
//! # Ok::<(), heka::matcher::MatcherError>(())
//! ```

mod error;
mod expression;
mod facts;
mod lexer;
mod parser;
mod pattern;
#[cfg(test)]
mod properties;
mod subject;
#[cfg(test)]
mod tests;
mod verdict;

use std::fmt::{self, Debug, Display, Formatter};
use std::sync::Arc;

pub use crate::regexp::PatternError;
pub use error::{MatcherError, MatcherErrorKind};
pub use facts::{Fact, Facts, FieldNames};
pub use subject::{FieldValue, Header, Known, Number, Subject};
pub use verdict::Verdict;

use expression::{Check, Expression, Quoted, Relation, Test, Variable};

/// A compiled matcher. Cloning shares it.
#[derive(Clone)]
pub struct Matcher {
    compiled: Arc<Compiled>,
}

struct Compiled {
    text: Box<str>,
    expression: Expression,
}

impl Matcher {
    /// Compiles `text`.
    ///
    /// Regular expressions are compiled too, each within a megabyte. A matcher is at most 64 KiB of text, 1,000
    /// tests, 100 regular expressions and 200 parentheses deep.
    ///
    /// # Errors
    /// The first thing that is wrong, with the bytes of `text` to blame.
    pub fn parse(text: &str) -> Result<Matcher, MatcherError> {
        let expression = parser::parse(text)?;
        Ok(Matcher { compiled: Arc::new(Compiled { text: text.into(), expression }) })
    }

    /// The same of messages alone whose signature was verified to be that of `signer`.
    pub fn signed_by(&self, signer: &str) -> Matcher {
        let check = Check::Text(Relation::Equal, Quoted { value: signer.into(), quote: '\'' });
        let signed = Expression::Test(Test { variable: Variable::Header(Header::Signer), check });
        let expression = match self.compiled.expression.clone() {
            Expression::Constant(true) => signed,
            Expression::All(parts) => Expression::All(std::iter::once(signed).chain(parts).collect()),
            asked => Expression::All(vec![signed, asked]),
        };
        Matcher { compiled: Arc::new(Compiled { text: expression.to_string().into(), expression }) }
    }

    /// What it says of `subject`: a record, or facts about many.
    ///
    /// Sound: *yes* or *no* stays the answer whatever the unknown turns out to be. Not complete: where tests
    /// depend on each other (`Type == 'a' || Type != 'a'`) it may be *maybe* although the answer is fixed.
    pub fn ask(&self, subject: &(impl Subject + ?Sized)) -> Verdict {
        self.compiled.expression.ask(subject)
    }

    /// True if it certainly matches.
    pub fn matches(&self, subject: &(impl Subject + ?Sized)) -> bool {
        self.ask(subject) == Verdict::Yes
    }

    /// How a stream of which `facts` are true is to be asked.
    ///
    /// `series_fields` names the fields that every record of one series shares.
    pub fn plan(&self, facts: &Facts, series_fields: &[&str]) -> Plan {
        let of_series = |test: &Test| match &test.variable {
            Variable::Field { name, .. } => series_fields.contains(&&**name),
            Variable::Header(_) | Variable::Number(_) => false,
        };
        match self.ask(facts) {
            Verdict::No => Plan::No,
            Verdict::Yes => Plan::Yes,
            Verdict::Maybe if self.compiled.expression.open_tests_all(facts, &of_series) => Plan::Series,
            Verdict::Maybe => Plan::Maybe,
        }
    }

    /// True if all that is open in a stream of which `facts` are true asks Type and Logger.
    pub fn asks_kind(&self, facts: &Facts) -> bool {
        let of_kind = |test: &Test| matches!(test.variable, Variable::Header(Header::Type | Header::Logger));
        self.compiled.expression.open_tests_all(facts, &of_kind)
    }

    /// True if some test reads the payload, so that a view which can make one had better be able to.
    pub fn reads_payload(&self) -> bool {
        self.compiled.expression.any_test(&|test| test.variable == Variable::Header(Header::Payload))
    }

    /// The text it was compiled from.
    pub fn text(&self) -> &str {
        &self.compiled.text
    }
}

/// The same expression, however it was spaced and parenthesised.
impl PartialEq for Matcher {
    fn eq(&self, other: &Matcher) -> bool {
        self.compiled.expression == other.compiled.expression
    }
}

/// The expression with single spaces and no parentheses that change nothing; compiles to an equal matcher.
impl Display for Matcher {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(&self.compiled.expression, out)
    }
}

impl Debug for Matcher {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Matcher").field(&self.text()).finish()
    }
}

/// How the records of a stream are to be asked, decided before one of them is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Plan {
    /// Not at all: none matches.
    No,
    /// Not at all: every one matches.
    Yes,
    /// Once a series: everything still open reads only what a series' records share.
    Series,
    /// Each for itself.
    Maybe,
}
