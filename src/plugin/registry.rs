//! Plugin types by name, with their configuration erased to what the plan asks.

use std::any::Any;
use std::path::PathBuf;
use std::sync::Arc;

use super::declare::{Parts, Stored, Ticker, Unheard};
use super::{
    Asked, BuildContext, BuildError, Declare, Decoder, Encoder, Endpoint, Explained, Filter, Gathering,
    Input, Kind, Output, Splitter, Survey, Surveying,
};
use crate::config::docs::{DocumentedOption, options};
use crate::config::{Problems, Section};
use crate::flow::{BodyKind, Patience, are_samples};
use crate::matcher::Facts;

/// The six kinds of plugins, by the suffix of their types' names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PluginClass {
    /// Takes bytes in.
    Input,
    /// Finds records.
    Splitter,
    /// Decodes records.
    Decoder,
    /// Consumes and emits.
    Filter,
    /// Writes records.
    Encoder,
    /// Brings records out.
    Output,
}

impl PluginClass {
    /// All classes, in the order data passes them.
    pub const ALL: [PluginClass; 6] = [
        PluginClass::Input,
        PluginClass::Splitter,
        PluginClass::Decoder,
        PluginClass::Filter,
        PluginClass::Encoder,
        PluginClass::Output,
    ];

    /// The suffix of type names.
    pub const fn suffix(self) -> &'static str {
        match self {
            PluginClass::Input => "Input",
            PluginClass::Splitter => "Splitter",
            PluginClass::Decoder => "Decoder",
            PluginClass::Filter => "Filter",
            PluginClass::Encoder => "Encoder",
            PluginClass::Output => "Output",
        }
    }
}

/// A plugin type.
#[derive(Clone)]
pub struct Plugin {
    /// Its name.
    pub type_name: &'static str,
    /// Other names.
    pub aliases: &'static [&'static str],
    /// One sentence.
    pub summary: &'static str,
    /// Its class.
    pub class: PluginClass,
    /// For an input: the type of the decoder that reads its options from the input's section.
    pub decoder: Option<&'static str>,
    /// For an input: whether it can do without a decoder.
    pub undecoded: bool,
    /// For an input: the type of its splitter.
    pub splitter: Option<&'static str>,
    /// Its options.
    pub options: fn() -> Vec<DocumentedOption>,
    /// Reads its section; `known` are the keys the framework has read.
    pub read: fn(&Section, known: &[&str], &mut Problems) -> Option<Declared>,
}

/// A read configuration with its type erased, and those of the parts it names.
#[derive(Clone)]
pub struct Declared {
    config: Arc<dyn Erased>,
    parts: Vec<Declared>,
}

trait Erased: Send + Sync {
    fn ask(&self, question: Question<'_>) -> Answer;
}

enum Question<'a> {
    Emits { name: &'a str, hostname: &'a str },
    EmitsSnapshots,
    Takes,
    Patience,
    Lanes,
    OffersInlet,
    Ticker,
    Listens,
    Writes,
    SendsTo,
    DirectsTo,
    TakesRecords,
    TellsOfItself,
    Unheard,
    ReadsTotals,
    Stored,
    NamePattern { hostname: &'a str },
    DefaultMatcher,
    DefaultEncoder,
    TakesEncoder,
    TakesMessages,
    FramesMessages,
    Gathers,
    Parts,
    Explain(Asked<'a>),
    Survey(&'a Surveying<'a>),
    Build(&'a BuildContext),
}

enum Answer {
    Facts(Vec<Facts>),
    Bodies(&'static [BodyKind]),
    Patience(Patience),
    Lanes(u32),
    Yes(bool),
    Ticker(Ticker),
    Endpoints(Vec<Endpoint>),
    Files(Vec<(&'static str, PathBuf)>),
    Text(Option<&'static str>),
    Section(Option<String>),
    Stored(Stored),
    Unheard(Unheard),
    Pattern(Option<String>),
    Parts(Option<Parts>),
    Gathering(Option<Gathering>),
    Explained(Option<Explained>),
    Surveyed(Option<Result<Survey, BuildError>>),
    // A Box<P> in a box, whose P the asker knows by the class.
    Built(Result<Box<dyn Any>, BuildError>),
}

struct Of<C, P: ?Sized>(C, std::marker::PhantomData<fn() -> Box<P>>);

impl<P: Kind + ?Sized + 'static, C: Declare<P>> Erased for Of<C, P> {
    fn ask(&self, question: Question<'_>) -> Answer {
        let config = &self.0;
        match question {
            Question::Emits { name, hostname } => Answer::Facts(config.emits(name, hostname)),
            Question::EmitsSnapshots => Answer::Yes(config.emits_snapshots()),
            Question::Takes => Answer::Bodies(config.takes()),
            Question::Patience => Answer::Patience(config.patience()),
            Question::Lanes => Answer::Lanes(config.lanes()),
            Question::OffersInlet => Answer::Yes(config.offers_inlet()),
            Question::Ticker => Answer::Ticker(config.ticker()),
            Question::Listens => Answer::Endpoints(config.listens()),
            Question::Writes => Answer::Files(config.writes()),
            Question::SendsTo => Answer::Endpoints(config.sends_to()),
            Question::DirectsTo => Answer::Section(config.directs_to().map(str::to_owned)),
            Question::TakesRecords => Answer::Yes(config.takes_records()),
            Question::TellsOfItself => Answer::Yes(config.tells_of_itself()),
            Question::Unheard => Answer::Unheard(config.unheard()),
            Question::ReadsTotals => Answer::Yes(config.reads_totals()),
            Question::Stored => Answer::Stored(config.stored()),
            Question::NamePattern { hostname } => Answer::Pattern(config.name_pattern(hostname)),
            Question::DefaultMatcher => Answer::Text(config.default_matcher()),
            Question::DefaultEncoder => Answer::Text(config.default_encoder()),
            Question::TakesEncoder => Answer::Yes(config.takes_encoder()),
            Question::TakesMessages => Answer::Yes(config.takes_messages()),
            Question::FramesMessages => Answer::Yes(config.frames_messages()),
            Question::Gathers => Answer::Gathering(config.gathers()),
            Question::Parts => Answer::Parts(config.parts()),
            Question::Explain(asked) => Answer::Explained(config.explain(asked)),
            Question::Survey(asked) => Answer::Surveyed(config.survey(asked)),
            Question::Build(context) => {
                Answer::Built(config.build(context).map(|built| Box::new(built) as Box<dyn Any>))
            }
        }
    }
}

macro_rules! ask {
    ($self:ident, $question:expr, $answer:ident) => {
        match $self.config.ask($question) {
            Answer::$answer(answer) => answer,
            _ => unreachable!("every question has its one kind of answer"),
        }
    };
}

impl Declared {
    fn new<P: Kind + ?Sized + 'static, C: Declare<P>>(config: C) -> Declared {
        Declared { config: Arc::new(Of::<C, P>(config, std::marker::PhantomData)), parts: Vec::new() }
    }

    /// See `Declare::emits`.
    ///
    /// What is made of parts emits what they emit: where two differ, nothing is known of either but that samples are.
    pub fn emits(&self, name: &str, hostname: &str) -> Vec<Facts> {
        if self.parts.is_empty() {
            return ask!(self, Question::Emits { name, hostname }, Facts);
        }
        let mut all: Vec<Facts> = Vec::new();
        for facts in self.parts.iter().flat_map(|part| part.emits(name, hostname)) {
            let same = |other: &&mut Facts| are_samples(&facts) == are_samples(other);
            match all.iter_mut().find(same) {
                Some(other) if *other != facts && !are_samples(&facts) => *other = Facts::default(),
                Some(_) => {}
                None => all.push(facts),
            }
        }
        all
    }

    /// This configuration with those of its parts, in the order it names them.
    #[must_use]
    pub fn with_parts(mut self, parts: Vec<Declared>) -> Declared {
        self.parts = parts;
        self
    }

    /// See `Declare::parts`.
    pub fn named_parts(&self) -> Option<Parts> {
        ask!(self, Question::Parts, Parts)
    }

    /// See `Declare::gathers`.
    pub fn gathers(&self) -> Option<Gathering> {
        ask!(self, Question::Gathers, Gathering)
    }

    /// See `Declare::frames_messages`.
    pub fn frames_messages(&self) -> bool {
        ask!(self, Question::FramesMessages, Yes)
    }

    /// See `Declare::takes_messages`; of a decoder made of others, the first one reads the records.
    pub fn takes_messages(&self) -> bool {
        match self.parts.first() {
            Some(first) => first.takes_messages(),
            None => ask!(self, Question::TakesMessages, Yes),
        }
    }

    /// Which kind of records a stream of it has that these facts are true of.
    pub fn body_of(&self, facts: &Facts) -> BodyKind {
        match ask!(self, Question::EmitsSnapshots, Yes) {
            true => BodyKind::Snapshots,
            false if are_samples(facts) => BodyKind::Samples,
            false => BodyKind::Messages,
        }
    }

    /// See `Declare::takes`.
    pub fn takes(&self) -> &'static [BodyKind] {
        ask!(self, Question::Takes, Bodies)
    }

    /// See `Declare::patience`.
    pub fn patience(&self) -> Patience {
        ask!(self, Question::Patience, Patience)
    }

    /// See `Declare::lanes`.
    pub fn lanes(&self) -> u32 {
        ask!(self, Question::Lanes, Lanes)
    }

    /// See `Declare::offers_inlet`.
    pub fn offers_inlet(&self) -> bool {
        ask!(self, Question::OffersInlet, Yes)
    }

    /// See `Declare::reads_totals`.
    pub fn reads_totals(&self) -> bool {
        ask!(self, Question::ReadsTotals, Yes)
    }

    /// See `Declare::stored`.
    pub fn stored(&self) -> Stored {
        ask!(self, Question::Stored, Stored)
    }

    /// See `Declare::name_pattern`.
    pub fn name_pattern(&self, hostname: &str) -> Option<String> {
        ask!(self, Question::NamePattern { hostname }, Pattern)
    }

    /// See `Declare::ticker`.
    pub fn ticker(&self) -> Ticker {
        ask!(self, Question::Ticker, Ticker)
    }

    /// See `Declare::listens`.
    pub fn listens(&self) -> Vec<Endpoint> {
        ask!(self, Question::Listens, Endpoints)
    }

    /// See `Declare::writes`.
    pub fn writes(&self) -> Vec<(&'static str, PathBuf)> {
        ask!(self, Question::Writes, Files)
    }

    /// See `Declare::sends_to`.
    pub fn sends_to(&self) -> Vec<Endpoint> {
        ask!(self, Question::SendsTo, Endpoints)
    }

    /// See `Declare::directs_to`.
    pub fn directs_to(&self) -> Option<String> {
        ask!(self, Question::DirectsTo, Section)
    }

    /// See `Declare::takes_records`.
    pub fn takes_records(&self) -> bool {
        ask!(self, Question::TakesRecords, Yes)
    }

    /// See `Declare::tells_of_itself`.
    pub fn tells_of_itself(&self) -> bool {
        ask!(self, Question::TellsOfItself, Yes)
    }

    /// See `Declare::unheard`.
    pub fn unheard(&self) -> Unheard {
        ask!(self, Question::Unheard, Unheard)
    }

    /// See `Declare::explain`.
    pub fn explain(&self, asked: Asked<'_>) -> Option<Explained> {
        ask!(self, Question::Explain(asked), Explained)
    }

    /// See `Declare::survey`.
    pub fn survey(&self, asked: &Surveying<'_>) -> Option<Result<Survey, BuildError>> {
        ask!(self, Question::Survey(asked), Surveyed)
    }

    /// See `Declare::default_matcher`.
    pub fn default_matcher(&self) -> Option<&'static str> {
        ask!(self, Question::DefaultMatcher, Text)
    }

    /// See `Declare::default_encoder`.
    pub fn default_encoder(&self) -> Option<&'static str> {
        ask!(self, Question::DefaultEncoder, Text)
    }

    /// See `Declare::takes_encoder`.
    pub fn takes_encoder(&self) -> bool {
        ask!(self, Question::TakesEncoder, Yes)
    }

    /// Builds the plugin. See `Declare::build`.
    ///
    /// # Errors
    /// As there.
    ///
    /// # Panics
    /// If `P` is not the kind the type was registered as.
    pub fn build<P: Kind + ?Sized + 'static>(&self, context: &BuildContext) -> Result<Box<P>, BuildError> {
        let context = &BuildContext { parts: self.parts.clone(), ..context.clone() };
        let built = ask!(self, Question::Build(context), Built)?;
        Ok(*built.downcast::<Box<P>>().expect("a plugin is built as the kind it was registered as"))
    }
}

impl Plugin {
    /// The plugin type that `C` configures.
    pub fn of<P: Kind + ?Sized + 'static, C: Declare<P>>() -> Plugin {
        Plugin {
            type_name: C::TYPE,
            aliases: C::ALIASES,
            summary: C::SUMMARY,
            class: P::CLASS,
            decoder: C::DECODER,
            undecoded: C::UNDECODED,
            splitter: C::SPLITTER,
            options: options::<C>,
            read: |section, known, problems| {
                let mut config = section.typed_with::<C>(known, problems)?;
                if section.report_violations(config.check(), problems) {
                    return None;
                }
                config.named(&section.type_name);
                Some(Declared::new::<P, C>(config))
            },
        }
    }

    /// Whether it is known as `name`.
    pub fn is_called(&self, name: &str) -> bool {
        self.type_name == name || self.aliases.contains(&name)
    }
}

/// All plugin types of a program.
#[derive(Clone, Default)]
pub struct Plugins {
    all: Vec<Plugin>,
}

impl Plugins {
    /// No plugin types.
    pub fn none() -> Plugins {
        Plugins::default()
    }

    /// These and one more.
    #[must_use]
    pub fn with(mut self, plugin: Plugin) -> Plugins {
        self.all.retain(|known| known.type_name != plugin.type_name);
        self.all.push(plugin);
        self
    }

    /// These and an input type.
    #[must_use]
    pub fn input<C: Declare<dyn Input>>(self) -> Plugins {
        self.with(Plugin::of::<dyn Input, C>())
    }

    /// These and a splitter type.
    #[must_use]
    pub fn splitter<C: Declare<dyn Splitter>>(self) -> Plugins {
        self.with(Plugin::of::<dyn Splitter, C>())
    }

    /// These and a decoder type.
    #[must_use]
    pub fn decoder<C: Declare<dyn Decoder>>(self) -> Plugins {
        self.with(Plugin::of::<dyn Decoder, C>())
    }

    /// These and a filter type.
    #[must_use]
    pub fn filter<C: Declare<dyn Filter>>(self) -> Plugins {
        self.with(Plugin::of::<dyn Filter, C>())
    }

    /// These and an encoder type.
    #[must_use]
    pub fn encoder<C: Declare<dyn Encoder>>(self) -> Plugins {
        self.with(Plugin::of::<dyn Encoder, C>())
    }

    /// These and an output type.
    #[must_use]
    pub fn output<C: Declare<dyn Output>>(self) -> Plugins {
        self.with(Plugin::of::<dyn Output, C>())
    }

    /// The type known as `name`.
    pub fn find(&self, name: &str) -> Option<&Plugin> {
        self.all.iter().find(|plugin| plugin.is_called(name))
    }

    /// All types, by class and name.
    pub fn all(&self) -> Vec<&Plugin> {
        let mut all: Vec<&Plugin> = self.all.iter().collect();
        all.sort_by_key(|plugin| (plugin.class, plugin.type_name));
        all
    }
}
