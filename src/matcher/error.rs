//! What can be wrong with the text of a matcher, and where.

use std::ops::Range;

use crate::regexp::PatternError;

/// Why a matcher was refused, and which bytes of its text are to blame.
///
/// The message leaves the place out: whoever shows it puts carets under `span`.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{kind}")]
pub struct MatcherError {
    /// What is wrong.
    pub kind: MatcherErrorKind,
    /// Byte range of the text, on character boundaries; empty where something is missing.
    pub span: Range<usize>,
}

/// What is wrong with a matcher.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MatcherErrorKind {
    /// There is no test in it.
    #[error("the matcher is empty; `TRUE` takes every message")]
    Empty,
    /// The text is longer than the limit, in bytes.
    #[error("the matcher is {length} bytes long, the limit is {limit}")]
    TooLong {
        /// Bytes of the text.
        length: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// Parentheses are nested too deeply.
    #[error("parentheses are nested deeper than {limit}")]
    TooDeep {
        /// Open parentheses allowed.
        limit: usize,
    },
    /// There are too many tests.
    #[error("the matcher has more than {limit} tests")]
    TooManyTests {
        /// Tests allowed.
        limit: usize,
    },
    /// There are too many regular expressions; plain prefixes and suffixes do not count.
    #[error("the matcher has more than {limit} regular expressions; `/^text/` and `/text$/` do not count")]
    TooManyPatterns {
        /// Regular expressions allowed.
        limit: usize,
    },
    /// A line ends inside of the expression.
    #[error(
        "a newline would end the matcher here and the rest would be ignored; put it on one line (in a TOML \
         \"\"\" string, end the line with a backslash)"
    )]
    Newline,
    /// The expression is complete, yet there is more.
    #[error("text after a complete expression; tests are joined with `&&` or `||`")]
    TrailingText,
    /// A closing parenthesis has no partner.
    #[error("`)` without its `(`")]
    StrayParenthesis,
    /// An opening parenthesis has no partner.
    #[error("`(` without its `)`")]
    UnclosedParenthesis,
    /// A string does not end.
    #[error("the string has no closing {quote}")]
    UnclosedString {
        /// The quote it began with.
        quote: char,
    },
    /// A regular expression does not end.
    #[error("the regular expression has no closing /; a slash inside is written \\/")]
    UnclosedPattern,
    /// A character that begins nothing.
    #[error("unexpected `{}`{}", .character.escape_debug(), hint(.instead))]
    UnexpectedCharacter {
        /// The character.
        character: char,
        /// What was probably meant.
        instead: Option<&'static str>,
    },
    /// A word that is no variable.
    #[error("there is no variable `{word}`{}", hint(.instead))]
    UnknownWord {
        /// The word.
        word: Box<str>,
        /// What was probably meant.
        instead: Option<&'static str>,
    },
    /// Something other than a test stands where one must begin.
    #[error("expected a test: a variable, `Fields[name]`, `TRUE`, `FALSE` or `(`")]
    ExpectedTest,
    /// NIL stands alone.
    #[error("`NIL` is no test of its own; write `Fields[name] == NIL`")]
    LoneNil,
    /// A variable is not followed by an operator it takes.
    #[error("{variable} takes {takes}")]
    ExpectedOperator {
        /// The variable.
        variable: &'static str,
        /// The operators it takes.
        takes: &'static str,
    },
    /// The operator is not followed by a value of the right form.
    #[error("{variable} {operator} wants {wants}")]
    ExpectedValue {
        /// The variable.
        variable: &'static str,
        /// The operator.
        operator: &'static str,
        /// Forms of value it can be followed by.
        wants: &'static str,
    },
    /// TRUE or FALSE after another operator than `==`.
    #[error("`TRUE` and `FALSE` are compared with `==` only")]
    TruthOperator,
    /// NIL after another operator than `==` and `!=`.
    #[error("`NIL` is compared with `==` and `!=` only")]
    NilOperator,
    /// A header is compared with NIL.
    #[error("{variable} is never NIL, only a field can be; a header that was not set is {unset}")]
    NilHeader {
        /// The header.
        variable: &'static str,
        /// What it is when nobody set it.
        unset: &'static str,
    },
    /// `Fields` is not followed by a bracket.
    #[error("`Fields` is followed by a name in brackets: `Fields[name]`")]
    FieldWithoutName,
    /// The brackets are empty.
    #[error("the brackets want a field's name: `Fields[name]`")]
    EmptyFieldName,
    /// A bracket does not end.
    #[error("`[` without its `]`")]
    UnclosedBracket,
    /// An index is not a whole number, or too large.
    #[error("an index is a whole number counted from 0: `Fields[name][instance][item]`")]
    FieldIndex,
    /// A third index.
    #[error("a field has two indexes at most: `Fields[name][instance][item]`")]
    ThirdIndex,
    /// Not a number, or too large for a double.
    #[error("`{text}` is not a number; one is written `6`, `0.5` or `1e9`, without a sign")]
    Number {
        /// What was written.
        text: Box<str>,
    },
    /// The regular expression does not compile.
    #[error("{0}{instead}", instead = instead_of(.0))]
    Pattern(#[from] PatternError),
}

fn hint(instead: &Option<&'static str>) -> String {
    instead.map(|instead| format!("; did you mean `{instead}`?")).unwrap_or_default()
}

fn instead_of(error: &PatternError) -> &'static str {
    match error {
        PatternError::LookAround => "; test what must not be there with `!~`",
        _ => "",
    }
}
