//! Everything that can be wrong with a configuration, each with its place and its way out.
//!
//! The templates of all messages are [`ProblemKind`]; how they look on a terminal is left to `render`.

use thiserror::Error;

use super::sources::Location;
use super::units::{AddressError, Descriptor, DurationError, SizeError};

/// Problems in the order they were found; `render` sorts them by place.
pub type Problems = Vec<Problem>;

/// Whether a problem keeps the program from starting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Nothing is started.
    Error,
    /// The program starts and says so.
    Warning,
}

/// One mistake, where it is, and what would be right.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// What is wrong.
    pub kind: ProblemKind,
    /// Where; `None` for what has no place in a text, such as a file that cannot be read.
    pub at: Option<Location>,
    /// Other places that belong to the problem, such as the first of two that exclude each other.
    pub notes: Vec<Note>,
    /// Ways out beside those that the kind knows itself.
    pub help: Vec<String>,
}

/// Another place that belongs to a problem, and what is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The place.
    pub at: Location,
    /// What is there, as a label under it.
    pub text: String,
}

impl Problem {
    /// A problem at a place.
    pub fn at(at: Location, kind: ProblemKind) -> Problem {
        Problem { kind, at: Some(at), notes: Vec::new(), help: Vec::new() }
    }

    /// A problem of no place in a text.
    pub fn nowhere(kind: ProblemKind) -> Problem {
        Problem { kind, at: None, notes: Vec::new(), help: Vec::new() }
    }

    /// This problem with a second place and its label.
    pub fn with_note(mut self, at: Location, text: impl Into<String>) -> Problem {
        self.notes.push(Note { at, text: text.into() });
        self
    }

    /// Whether it keeps the program from starting.
    pub fn severity(&self) -> Severity {
        self.kind.severity()
    }
}

/// Every message a configuration can cause, with what it speaks of.
///
/// Names and texts are as written in the file; renderers show them with control characters escaped.
#[derive(Debug, Clone, PartialEq, Error)]
#[expect(missing_docs, reason = "fields are named for the words of the message above them")]
pub enum ProblemKind {
    // Reading.
    /// A file or directory could not be opened or read.
    #[error("cannot read `{path}`: {reason}")]
    Unreadable { path: String, reason: String },
    /// The directory given holds no `*.toml`.
    #[error("no `*.toml` in the directory `{path}`")]
    EmptyDirectory { path: String },
    /// The file holds bytes that are not UTF-8.
    #[error("the file is not UTF-8 text")]
    NotUtf8,
    /// The text is not TOML.
    #[error("syntax error: {reason}")]
    Syntax { reason: String },

    // Variables.
    /// A variable without a default is not set.
    #[error("the environment variable `{name}` is not set")]
    UnsetVariable { name: String },
    /// A reference to a variable cannot be read.
    #[error("{error}")]
    BadReference { error: ReferenceError },
    /// A reference stands where a key or a section's name belongs.
    #[error("a variable cannot stand in a name, only in a value")]
    VariableInName,

    // Sections.
    /// A key before the first section header.
    #[error("`{key}` is outside of any section")]
    KeyOutsideSection { key: String },
    /// `[[name]]` where `[name]` was meant.
    #[error("section `{section}` is written as a list")]
    SectionIsList { section: String },
    /// Two sections of one name in one file.
    #[error("section `{section}` is repeated")]
    RepeatedSection { section: String },
    /// Two keys that are the same but for case.
    #[error("`{key}` is given twice in `{section}`")]
    RepeatedKey { key: String, section: String },
    /// Nothing but `[hekad]`, or nothing at all.
    #[error("there is no input")]
    EmptyConfiguration,

    // Types of plugins.
    /// The section has no `type` and its name is not a type either.
    #[error("section `{section}` has no `type`, and its name is not that of a plugin type")]
    MissingType { section: String },
    /// No such type.
    #[error("unknown plugin type `{type_name}`")]
    UnknownType { type_name: String, suggestion: Option<String>, allowed: Vec<String> },
    /// The type's name does not end in a class.
    #[error("plugin type `{type_name}` does not end in a class")]
    TypeWithoutClass { type_name: String },

    // Keys.
    /// Nobody knows this key.
    #[error("unknown option `{key}` in `{section}`")]
    UnknownKey { key: String, section: String, suggestion: Option<String>, allowed: Vec<String> },
    /// A key that belongs elsewhere, such as one of `[hekad]` in a plugin.
    #[error("`{key}` does not belong in `{section}`")]
    MisplacedKey { key: String, section: String, belongs: String },
    /// A key the plugin type cannot do anything with.
    #[error("`{type_name}` does not support `{key}`")]
    UnsupportedKey { key: String, type_name: String },
    /// A key that must be there is not.
    #[error("`{section}` lacks the required option `{key}`")]
    MissingKey { key: String, section: String, example: String },
    /// Two keys of which only one can be given.
    #[error("`{key}` and `{other}` exclude each other")]
    ExclusiveKeys { key: String, other: String },

    // Values.
    /// A value of another type.
    #[error("`{key}`: expected {expected}, found {found}")]
    WrongType { key: String, expected: String, found: String },
    /// An integer beyond what the key can hold.
    #[error("`{key}`: {found} is not {expected}")]
    IntegerOutOfRange { key: String, expected: String, found: String },
    /// A value beyond what makes sense.
    #[error("`{key}`: {message}")]
    OutOfRange { key: String, message: String },
    /// A word that is not one of the few allowed.
    #[error("`{key}`: `{found}` is not one of the choices")]
    UnknownChoice { key: String, found: String, suggestion: Option<String>, allowed: Vec<String> },
    /// A value that its reader refuses for a reason of its own.
    #[error("`{key}`: {message}")]
    InvalidValue { key: String, message: String },
    /// Not a duration.
    #[error("`{key}`: {error}")]
    BadDuration { key: String, error: DurationError },
    /// Not a size in bytes.
    #[error("`{key}`: {error}")]
    BadSize { key: String, error: SizeError },
    /// Not a network address.
    #[error("`{key}`: {error}")]
    BadAddress { key: String, error: AddressError },

    // References between sections.
    /// A decoder that is not there.
    #[error("`{section}` names a decoder `{name}` that does not exist")]
    UnknownDecoder { section: String, name: String, suggestion: Option<String>, allowed: Vec<String> },
    /// An encoder that is not there.
    #[error("`{section}` names an encoder `{name}` that does not exist")]
    UnknownEncoder { section: String, name: String, suggestion: Option<String>, allowed: Vec<String> },
    /// A splitter that is not there.
    #[error("`{section}` names a splitter `{name}` that does not exist")]
    UnknownSplitter { section: String, name: String, suggestion: Option<String>, allowed: Vec<String> },
    /// A filter that is not there.
    #[error("`{section}` names a filter `{name}` that does not exist")]
    UnknownFilter { section: String, name: String, suggestion: Option<String>, allowed: Vec<String> },
    /// A section named for a part that only another class can play.
    #[error("`{name}` is {found}, but {expected} is needed here")]
    WrongClass { name: String, expected: String, found: String },

    /// A type named for a part that cannot do without options.
    #[error("`{type_name}` has options that must be given")]
    NeedsSection { type_name: String },
    /// A decoder that is made of itself.
    #[error("a decoder cannot be made of itself: {}", .path.join(" -> "))]
    PartOfItself { path: Vec<String> },
    /// Whole messages for a decoder that reads payloads, or for none.
    #[error("the splitter of `{section}` gives whole messages, and it has no decoder that reads them")]
    MessagesForPayloads { section: String },
    /// Payloads for a decoder that reads whole messages.
    #[error("the splitter of `{section}` gives payloads, and its decoder reads whole messages")]
    PayloadsForMessages {
        section: String,
        /// Its input does without one.
        undecoded: bool,
    },

    // Matchers and routes.
    /// The matcher's text is not a matcher.
    #[error("the matcher of `{section}` does not parse: {reason}")]
    BadMatcher { section: String, reason: String },
    /// A filter or output without a matcher whose type has none of its own.
    #[error("`{section}` has no `message_matcher`, and `{type_name}` has none of its own")]
    MissingMatcher { section: String, type_name: String },
    /// The matcher is false for everything the configuration can produce.
    #[error("the matcher of `{section}` can never match")]
    NeverMatches { section: String },
    /// The matcher lets records through of a kind that the consumer always refuses; `matcher` is that of its type.
    #[error("`{section}` takes {takes} alone, and its matcher asks for {sent} of `{producer}`")]
    CannotTake {
        section: String,
        producer: String,
        sent: &'static str,
        takes: String,
        matcher: Option<&'static str>,
    },
    /// Nothing is configured that takes what a producer sends; `takers` are types that would as they are, `matcher` is
    /// what others can ask for it by.
    #[error("nothing takes what `{section}` sends")]
    NothingTakes { section: String, takers: Vec<String>, matcher: String },
    /// Filters that feed each other in a circle.
    #[error("messages would go round for ever: {}", .path.join(" -> "))]
    Cycle { path: Vec<String> },
    /// A full queue is to block a producer that must not wait.
    #[error("`{section}` cannot block: {producer} feeds it and cannot wait")]
    CannotBlock { section: String, producer: String },

    // Addresses.
    /// Two sections that listen on one address.
    #[error("{} {address}", listeners(section, other))]
    AddressTaken { section: String, other: String, address: String },
    /// An output that sends to a listener of the same program.
    #[error("`{section}` sends to {address}, where `{input}` of this program listens")]
    FeedsItself { section: String, input: String, address: String },
    /// Two sections that serve one path of HTTP.
    #[error("`{section}` and `{other}` both serve the path `{path}`")]
    PathTaken { section: String, other: String, path: String },
    /// Two sections that add to one file.
    #[error("`{section}` and `{other}` both write {path}")]
    FileTaken { section: String, other: String, path: String },
}

/// Why a reference to a variable cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReferenceError {
    /// No closing bracket before the end of the line, or of the string.
    #[error("the reference to a variable is not closed")]
    MissingDelimiter,
    /// The name is empty or holds blanks, brackets, quotes or other signs no name has.
    #[error("`{name}` cannot be the name of an environment variable")]
    IllegalCharacters {
        /// The name as written.
        name: String,
    },
}

impl ProblemKind {
    /// Whether this keeps the program from starting.
    pub fn severity(&self) -> Severity {
        match self {
            ProblemKind::NeverMatches { .. }
            | ProblemKind::CannotTake { .. }
            | ProblemKind::NothingTakes { .. } => Severity::Warning,
            _ => Severity::Error,
        }
    }

    /// What to do about it, as far as the kind alone can tell; one sentence an entry, no full stop.
    pub fn help(&self) -> Vec<String> {
        use ProblemKind as Kind;
        match self {
            Kind::UnknownKey { suggestion, allowed, .. } => choices(suggestion, "allowed", allowed),
            Kind::UnknownChoice { suggestion, allowed, .. } => choices(suggestion, "allowed", allowed),
            Kind::UnknownType { suggestion, allowed, .. } => choices(suggestion, "there are", allowed),
            Kind::UnknownDecoder { suggestion, allowed, .. }
            | Kind::UnknownEncoder { suggestion, allowed, .. }
            | Kind::UnknownFilter { suggestion, allowed, .. }
            | Kind::UnknownSplitter { suggestion, allowed, .. } => choices(suggestion, "there are", allowed),
            Kind::NothingTakes { takers, matcher, .. } => {
                let sections: Vec<String> = takers.iter().map(|type_name| format!("[{type_name}]")).collect();
                let add = (!sections.is_empty()).then(|| format!("these take it: {}", sections.join(", ")));
                let ask = format!("any filter or output can ask for it: message_matcher = {matcher:?}");
                add.into_iter().chain([ask]).collect()
            }
            other => other.way_out().into_iter().collect(),
        }
    }

    fn way_out(&self) -> Option<String> {
        use ProblemKind as Kind;
        let text = match self {
            Kind::EmptyDirectory { .. } => {
                "files of other names are ignored, and so are directories below".to_owned()
            }
            Kind::UnsetVariable { name } => format!("set it, or give a default: ${{{name}:-default}}"),
            Kind::BadReference { .. } => "write %ENV[NAME], ${NAME} or ${NAME:-default}".to_owned(),
            Kind::VariableInName => {
                "write the name out; only what follows `=` can come from a variable".to_owned()
            }
            Kind::KeyOutsideSection { .. } => {
                "put it below a header: [hekad] or the name of a plugin".to_owned()
            }
            Kind::SectionIsList { section } => {
                format!("write [{section}]; a second plugin needs another name")
            }
            Kind::RepeatedSection { section } if section.eq_ignore_ascii_case("hekad") => {
                "put the keys of both below one header".to_owned()
            }
            Kind::RepeatedSection { .. } => {
                "give one of them another name and both the same `type`".to_owned()
            }
            Kind::RepeatedKey { .. } => "keys are the same whatever their case; keep one".to_owned(),
            Kind::EmptyConfiguration => "add one, such as: [StatsdInput]".to_owned(),
            Kind::MissingType { .. } => "add one, such as: type = \"StatsdInput\"".to_owned(),
            Kind::TypeWithoutClass { .. } => format!("names of types end in {CLASSES}"),
            Kind::MisplacedKey { key, belongs, .. } => format!("move `{key}` to {belongs}"),
            Kind::UnsupportedKey { .. } => "remove it; the plugin would not look at it".to_owned(),
            Kind::MissingKey { example, .. } => format!("add it, such as: {example}"),
            Kind::ExclusiveKeys { .. } => "keep one of them".to_owned(),
            Kind::WrongType { found, expected, .. } if *found == "a string" && unquotable(expected) => {
                "write it without quotes".to_owned()
            }
            Kind::NeedsSection { type_name } => format!("add a section [{type_name}] with them"),
            Kind::PartOfItself { .. } => "take one of them out of the list".to_owned(),
            Kind::MessagesForPayloads { .. } => {
                "decoder = \"ProtobufDecoder\", or use_message_bytes = false in the splitter's section"
                    .to_owned()
            }
            Kind::PayloadsForMessages { undecoded: true, .. } => {
                "decoder = \"\", which makes each record the payload of a message, or another decoder; for whole messages \
                 splitter = \"HekaFramingSplitter\", or use_message_bytes = true in the splitter's section"
                    .to_owned()
            }
            Kind::PayloadsForMessages { .. } => {
                "splitter = \"HekaFramingSplitter\", or use_message_bytes = true in the splitter's section"
                    .to_owned()
            }
            Kind::MissingMatcher { .. } => "add one, such as: message_matcher = \"TRUE\"".to_owned(),
            Kind::Cycle { .. } => "make the matcher of one of them leave out what the others emit".to_owned(),
            Kind::CannotBlock { .. } => "leave `on_full` out, or write on_full = \"drop\"".to_owned(),
            Kind::AddressTaken { address, .. } if Descriptor::parse(address).is_some() => {
                "give one of them a socket of its own".to_owned()
            }
            Kind::AddressTaken { .. } => "give one of them another port".to_owned(),
            Kind::FeedsItself { .. } => "send elsewhere, or listen elsewhere".to_owned(),
            Kind::PathTaken { .. } => "give one of them another address".to_owned(),
            Kind::FileTaken { .. } => "give one of them another file".to_owned(),
            Kind::CannotTake { matcher: Some(matcher), .. } => {
                format!("narrow `message_matcher`; without one it asks for: {matcher}")
            }
            Kind::CannotTake { matcher: None, .. } => "narrow `message_matcher`".to_owned(),
            Kind::NeverMatches { .. } => "nothing configured here emits such messages".to_owned(),
            _ => return None,
        };
        Some(text)
    }
}

fn listeners(section: &str, other: &str) -> String {
    match section == other {
        true => format!("`{section}` listens twice on"),
        false => format!("`{section}` and `{other}` both listen on"),
    }
}

fn unquotable(expected: &str) -> bool {
    expected.starts_with("an integer")
        || expected.starts_with("a number")
        || expected.starts_with("true or false")
}

fn choices(suggestion: &Option<String>, introduction: &str, allowed: &[String]) -> Vec<String> {
    let mut help = Vec::new();
    if let Some(suggestion) = suggestion {
        help.push(format!("did you mean `{suggestion}`?"));
    }
    if !allowed.is_empty() {
        help.push(format!("{introduction}: {}", allowed.join(", ")));
    }
    help
}

const CLASSES: &str = "Input, Splitter, Decoder, Filter, Encoder or Output";

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(text: &str) -> String {
        text.to_owned()
    }

    #[test]
    fn templates_of_the_plan_name_both_ends_and_a_way_out() {
        let (section, other) = (owned("carbon"), owned("udp"));
        let taken =
            ProblemKind::AddressTaken { section: section.clone(), other, address: owned("[::1]:8125") };
        assert_eq!(taken.to_string(), "`carbon` and `udp` both listen on [::1]:8125");
        assert_eq!(taken.help(), ["give one of them another port"]);
        let (input, address) = (owned("udp"), owned("127.0.0.1:8125"));
        let feeds = ProblemKind::FeedsItself { section: section.clone(), input, address };
        let text = "`carbon` sends to 127.0.0.1:8125, where `udp` of this program listens";
        assert_eq!(feeds.to_string(), text);
        let cycle = ProblemKind::Cycle { path: vec![owned("a"), owned("b"), owned("a")] };
        assert_eq!(cycle.to_string(), "messages would go round for ever: a -> b -> a");
        let (name, suggestion) = (owned("Protobuff"), Some(owned("ProtobufEncoder")));
        let allowed = vec![owned("ProtobufEncoder")];
        let unknown = ProblemKind::UnknownEncoder { section, name, suggestion, allowed };
        assert_eq!(unknown.to_string(), "`carbon` names an encoder `Protobuff` that does not exist");
        assert_eq!(unknown.help(), ["did you mean `ProtobufEncoder`?", "there are: ProtobufEncoder"]);
    }

    #[test]
    fn only_what_goes_nowhere_lets_the_program_start() {
        let never = ProblemKind::NeverMatches { section: owned("carbon") };
        assert_eq!(never.to_string(), "the matcher of `carbon` can never match");
        assert_eq!(never.severity(), Severity::Warning);
        let (takers, matcher) = (vec![owned("CarbonOutput"), owned("ConsoleOutput")], owned("Logger == 'a'"));
        let nothing = ProblemKind::NothingTakes { section: owned("nginx"), takers, matcher };
        assert_eq!(nothing.to_string(), "nothing takes what `nginx` sends");
        assert_eq!(nothing.severity(), Severity::Warning);
        let ask = "any filter or output can ask for it: message_matcher = \"Logger == 'a'\"";
        assert_eq!(nothing.help(), ["these take it: [CarbonOutput], [ConsoleOutput]", ask]);
        assert_eq!(ProblemKind::EmptyConfiguration.severity(), Severity::Error);
        assert_eq!(ProblemKind::EmptyConfiguration.help(), ["add one, such as: [StatsdInput]"]);
    }
}
