//! Reads sections by their types: options, parts by name, matchers; whatever is wrong with one of them.

use std::collections::BTreeSet;
use std::time::Duration;

use super::matchers::{self, Directed};
use super::options::{ConsumerOptions, Hekad, InputOptions, OutputOptions, SplitterOptions};
use super::plan::{PlannedConsumer, PlannedInput};
use crate::config::docs::{DocumentedOption, options};
use crate::config::{Problem, ProblemKind, Problems, Section, Sections, Sources, sections, suggest};
use crate::flow::are_samples;
use crate::matcher::{Fact, Facts};
use crate::plugin::{Declared, Parts, Plugin, PluginClass, Plugins, Ticker};

/// A section and the plugin type it configures.
type Typed<'a> = (&'a Section, &'a Plugin);

/// The sections whose type is known; the others are reported.
pub(super) fn find_types<'a>(
    sections: &'a Sections,
    plugins: &'a Plugins,
    problems: &mut Problems,
) -> Vec<Typed<'a>> {
    let mut typed = Vec::new();
    for section in &sections.plugins {
        match plugins.find(&section.type_name) {
            Some(plugin) => typed.push((section, plugin)),
            // Its type is no text, or its header or type may be what could not be read; both have been reported.
            None if section.is_damaged() && section.type_name == section.name => {}
            None => problems.push(unknown_type(section, plugins)),
        }
    }
    typed
}

fn unknown_type(section: &Section, plugins: &Plugins) -> Problem {
    let type_name = section.type_name.clone();
    let Some(class) = PluginClass::ALL.into_iter().find(|class| type_name.ends_with(class.suffix())) else {
        let nearest = suggest(&type_name, plugins.all().iter().map(|plugin| plugin.type_name));
        let help = nearest.map(|nearest| format!("did you mean `{nearest}`?"));
        let kind = match section.has_type {
            true => ProblemKind::TypeWithoutClass { type_name: type_name.clone() },
            false => ProblemKind::MissingType { section: section.name.clone() },
        };
        let mut problem = Problem::at(section.type_at.clone(), kind);
        problem.help.extend(help);
        return problem;
    };
    let all = plugins.all();
    let names = |class: Option<PluginClass>| -> Vec<&str> {
        let of_class = all.iter().filter(|plugin| class.is_none_or(|class| plugin.class == class));
        of_class
            .flat_map(|plugin| std::iter::once(&plugin.type_name).chain(plugin.aliases))
            .copied()
            .collect()
    };
    let suggestion = suggest(&type_name, names(None)).map(str::to_owned);
    let allowed = names(Some(class)).into_iter().map(str::to_owned).collect();
    Problem::at(section.type_at.clone(), ProblemKind::UnknownType { type_name, suggestion, allowed })
}

/// Reads the sections whose types are known.
pub(super) struct Reader<'a> {
    pub(super) sections: &'a Sections,
    pub(super) typed: &'a [Typed<'a>],
    pub(super) plugins: &'a Plugins,
    pub(super) hostname: &'a str,
    /// Bytes of the longest record.
    pub(super) longest: usize,
}

impl Reader<'_> {
    fn of(&self, class: PluginClass) -> impl Iterator<Item = Typed<'_>> {
        self.typed.iter().copied().filter(move |(_, plugin)| plugin.class == class)
    }

    pub(super) fn inputs(&self, problems: &mut Problems) -> Vec<PlannedInput> {
        self.of(PluginClass::Input)
            .filter_map(|(section, plugin)| self.input(section, plugin, problems))
            .collect()
    }

    fn input(&self, section: &Section, plugin: &Plugin, problems: &mut Problems) -> Option<PlannedInput> {
        let mut reading = section.reading();
        let options = reading.take::<InputOptions>();
        // Its own decoder has its options in this section.
        let own_decoder = plugin.decoder.and_then(|type_name| self.plugins.find(type_name));
        let decoder_keys = own_decoder.map(own_keys).unwrap_or_default();
        reading.leave(&decoder_keys.iter().map(String::as_str).collect::<Vec<_>>());
        reading.elsewhere(CONSUMER_KEYS, "a filter or output");
        let declared = finish(section, plugin, reading, problems);
        let named = section.text("decoder");
        let decoder = match (named, own_decoder) {
            (None, Some(own)) if !section.has("decoder") => read_own(section, own, problems).map(Some),
            (None, None) if plugin.undecoded && !section.has("decoder") => Some(None),
            (Some(""), _) if plugin.undecoded => Some(None),
            (named, _) => self.needed(section, "decoder", named, PluginClass::Decoder, problems).map(Some),
        };
        if named.is_some() {
            for key in decoder_keys.into_iter().filter(|key| section.has(key)) {
                let (at, other) = (section.key_at(&key), "decoder".to_owned());
                let problem = Problem::at(at, ProblemKind::ExclusiveKeys { key, other });
                problems.push(problem.with_note(section.key_at("decoder"), "given here"));
            }
        }
        let named = section.text("splitter").or(plugin.splitter);
        let splitter = self.needed(section, "splitter", named, PluginClass::Splitter, problems);
        if let Some(options) = &options {
            check_retries(section, &options.retries, problems);
        }
        if let Some(declared) = &declared {
            self.check_directs_to(section, declared, problems);
        }
        let (options, declared) = (options?, declared?);
        let (decoder, splitter) = (decoder?, splitter?);
        let splitting = named.map(|name| self.splitting(name)).unwrap_or_default();
        self.check_records(section, plugin, decoder.as_ref(), &splitter, &splitting, problems);
        let mut emits = self.emits(section, &declared, decoder.as_ref());
        if options.send_decode_failures {
            // They are messages like no other.
            emits.retain(are_samples);
            emits.push(Facts::default());
        }
        let (section, name) = (section.clone(), section.name.as_str().into());
        Some(PlannedInput { section, name, declared, options, decoder, splitter, splitting, emits })
    }

    /// Facts of what an input sends. A decoder knows the section alone: the logger and the host of its messages are what
    /// the input says, unless the decoder knows nothing of them.
    fn emits(&self, section: &Section, declared: &Declared, decoder: Option<&Declared>) -> Vec<Facts> {
        let own = declared.emits(&section.name, self.hostname);
        let Some(decoder) = decoder else { return own };
        let mut emits = decoder.emits(&section.name, self.hostname);
        let Some(own) = own.first() else { return emits };
        for facts in emits.iter_mut().filter(|facts| !are_samples(facts)) {
            for (fact, own) in [(&mut facts.logger, &own.logger), (&mut facts.hostname, &own.hostname)] {
                if *fact != Fact::Unknown {
                    *fact = own.clone();
                }
            }
        }
        emits
    }

    /// The options of the splitter `name` that every one has.
    fn splitting(&self, name: &str) -> SplitterOptions {
        let section = self.of(PluginClass::Splitter).find(|(section, _)| section.name == name);
        section.and_then(|(section, _)| section.reading().take()).unwrap_or_default()
    }

    /// Whole messages are for decoders that read them, payloads for the others, and where there is none.
    fn check_records(
        &self,
        section: &Section,
        plugin: &Plugin,
        decoder: Option<&Declared>,
        splitter: &Declared,
        splitting: &SplitterOptions,
        problems: &mut Problems,
    ) {
        let messages = splitting.use_message_bytes.unwrap_or(splitter.takes_messages());
        if messages != decoder.is_some_and(Declared::takes_messages) {
            let section_name = section.name.clone();
            let kind = match messages {
                true => ProblemKind::MessagesForPayloads { section: section_name },
                false => {
                    ProblemKind::PayloadsForMessages { section: section_name, undecoded: plugin.undecoded }
                }
            };
            let key = if section.has("splitter") { "splitter" } else { "decoder" };
            problems.push(section.problem_at(key, kind));
        }
    }

    fn check_directs_to(&self, section: &Section, declared: &Declared, problems: &mut Problems) {
        let Some(name) = declared.directs_to() else { return };
        let filters = self.of(PluginClass::Filter).map(|(section, _)| section.name.as_str());
        let filters: Vec<&str> = filters.filter(|filter| *filter != section.name).collect();
        if !filters.contains(&name.as_str()) && !self.is_of_unknown_type(&name) {
            let suggestion = suggest(&name, filters.iter().copied()).map(str::to_owned);
            let allowed = filters.into_iter().map(str::to_owned).collect();
            let kind =
                ProblemKind::UnknownFilter { section: section.name.clone(), name, suggestion, allowed };
            problems.push(section.problem_at("stat_accum_name", kind));
        }
    }

    /// The inputs and filters whose samples are meant for one filter.
    pub(super) fn directed(&self, inputs: &[PlannedInput]) -> Vec<Directed> {
        let of = |name: &str, declared: &Declared| {
            Some(Directed { producer: name.to_owned(), to: declared.directs_to()? })
        };
        let of_filter = |(section, plugin): Typed<'_>| {
            // Its mistakes are reported where it is read for itself.
            of(&section.name, &read_own(section, plugin, &mut Problems::new())?)
        };
        let inputs = inputs.iter().filter_map(|input| of(&input.name, &input.declared));
        inputs.chain(self.of(PluginClass::Filter).filter_map(of_filter)).collect()
    }

    pub(super) fn consumers(
        &self,
        class: PluginClass,
        directed: &[Directed],
        problems: &mut Problems,
    ) -> Vec<PlannedConsumer> {
        self.of(class)
            .filter_map(|(section, plugin)| self.consumer(section, plugin, directed, problems))
            .collect()
    }

    fn consumer(
        &self,
        section: &Section,
        plugin: &Plugin,
        directed: &[Directed],
        problems: &mut Problems,
    ) -> Option<PlannedConsumer> {
        let mut reading = section.reading();
        let options = reading.take::<ConsumerOptions>();
        let of_output = match plugin.class {
            PluginClass::Output => reading.take::<OutputOptions>(),
            _ => {
                reading.elsewhere(&["encoder", "use_framing"], "an output");
                None
            }
        };
        reading.elsewhere(INPUT_KEYS, "an input");
        let declared = finish(section, plugin, reading, problems);
        if let Some(options) = &options {
            check_retries(section, &options.retries, problems);
        }
        let Some(declared) = declared else {
            // What can be said without the options of its own.
            if let Some(text) = section.text("message_matcher") {
                matchers::compile(section, text, problems);
            }
            if let Some(name) = section.text("encoder").filter(|_| plugin.class == PluginClass::Output) {
                self.part(section, "encoder", Some(name), PluginClass::Encoder, problems);
            }
            return None;
        };
        self.check_directs_to(section, &declared, problems);
        let named = options.as_ref().and_then(|options| options.ticker_interval);
        let ticker = ticker(section, plugin, &declared, named.map(|every| every.0), problems);
        let matcher = matchers::of(section, plugin, &declared, directed, problems);
        let encoder = self.encoder(section, plugin, &declared, problems);
        let options = options?;
        let is_usual = |encoder: &Declared| encoder.takes_messages() && declared.frames_messages();
        let framed = of_output.and_then(|options| options.use_framing);
        let framed = framed.unwrap_or_else(|| encoder.as_ref().is_some_and(is_usual));
        let mut emits = declared.emits(&section.name, self.hostname);
        // What a filter makes is signed by nobody.
        emits.iter_mut().for_each(|facts| facts.signer = Fact::Is("".into()));
        let name = section.name.as_str().into();
        let (section, loops) = (section.clone(), BTreeSet::new());
        Some(PlannedConsumer {
            section,
            name,
            declared,
            options,
            matcher: matcher?,
            ticker,
            encoder,
            framed,
            emits,
            loops,
        })
    }

    fn encoder(
        &self,
        section: &Section,
        plugin: &Plugin,
        declared: &Declared,
        problems: &mut Problems,
    ) -> Option<Declared> {
        if !declared.takes_encoder() {
            let of_encoders = ["encoder", "use_framing"].into_iter().filter(|key| section.has(key));
            for key in of_encoders.filter(|_| plugin.class == PluginClass::Output) {
                let type_name = plugin.type_name.to_owned();
                let kind = ProblemKind::UnsupportedKey { key: key.to_owned(), type_name };
                problems.push(Problem::at(section.key_at(key), kind));
            }
            return None;
        }
        let named = section.text("encoder").or(declared.default_encoder());
        self.needed(section, "encoder", named, PluginClass::Encoder, problems)
    }

    /// [`Reader::part`] where there must be one; that `key` is no text has been reported.
    fn needed(
        &self,
        section: &Section,
        key: &str,
        name: Option<&str>,
        class: PluginClass,
        problems: &mut Problems,
    ) -> Option<Declared> {
        if name.is_none() && !section.has(key) && !section.is_damaged() {
            let all = self.plugins.all();
            let first = all.iter().find(|plugin| plugin.class == class);
            let example = first.map_or_else(|| "...".to_owned(), |plugin| plugin.type_name.to_owned());
            let (key, section_name) = (key.to_owned(), section.name.clone());
            let example = format!("{key} = \"{example}\"");
            let kind = ProblemKind::MissingKey { key, section: section_name, example };
            problems.push(Problem::at(section.name_at.clone(), kind));
        }
        self.part(section, key, name, class, problems)
    }

    /// Whether there is a section of this name whose type is unknown, which has been reported.
    fn is_of_unknown_type(&self, name: &str) -> bool {
        self.sections.plugin(name).is_some_and(|section| self.plugins.find(&section.type_name).is_none())
    }

    /// The splitter, decoder or encoder that `key` names: a section, or a type with its defaults.
    fn part(
        &self,
        section: &Section,
        key: &str,
        name: Option<&str>,
        class: PluginClass,
        problems: &mut Problems,
    ) -> Option<Declared> {
        self.part_below(section, key, name, class, &mut Vec::new(), problems)
    }

    /// The same for a part of the decoders in `above`, which are parts of each other.
    fn part_below(
        &self,
        section: &Section,
        key: &str,
        name: Option<&str>,
        class: PluginClass,
        above: &mut Vec<String>,
        problems: &mut Problems,
    ) -> Option<Declared> {
        let name = name?;
        if let Some((part, plugin)) = self.typed.iter().find(|(section, _)| section.name == name) {
            if plugin.class == class {
                // Its own mistakes are reported once, by `read_rest`.
                let declared = read_part(part, plugin, &mut Problems::new())?;
                let mut found = Problems::new();
                let whole = self.with_parts(part, declared, above, &mut found);
                // But where a circle closes in which it is one of several: each of them says so.
                let closes = |problem: &Problem| match &problem.kind {
                    ProblemKind::PartOfItself { path } => path.first() == path.last(),
                    _ => false,
                };
                problems.extend(found.into_iter().filter(|problem| !above.is_empty() && closes(problem)));
                return whole;
            }
            let problem = section.problem_at(key, wrong_class(name, class, plugin.class));
            problems.push(problem.with_note(part.name_at.clone(), "it is defined here"));
            return None;
        }
        if self.is_of_unknown_type(name) {
            return None;
        }
        match self.plugins.find(name) {
            Some(plugin) if plugin.class == class => {
                let declared = with_defaults(plugin);
                if declared.is_none() {
                    let type_name = plugin.type_name.to_owned();
                    problems.push(section.problem_at(key, ProblemKind::NeedsSection { type_name }));
                }
                declared
            }
            Some(plugin) => {
                problems.push(section.problem_at(key, wrong_class(name, class, plugin.class)));
                None
            }
            None => {
                problems.push(section.problem_at(key, self.unknown_part(section, name, class)));
                None
            }
        }
    }

    /// `declared`, which `section` configures, with the parts it names.
    fn with_parts(
        &self,
        section: &Section,
        declared: Declared,
        above: &mut Vec<String>,
        problems: &mut Problems,
    ) -> Option<Declared> {
        let Some(Parts { key, names }) = declared.named_parts() else { return Some(declared) };
        above.push(section.name.clone());
        let mut parts = Vec::new();
        for (place, name) in names.iter().enumerate() {
            let mut found = Problems::new();
            if above.contains(name) {
                let path = above.iter().cloned().chain([name.clone()]).collect();
                found.push(section.problem_at(key, ProblemKind::PartOfItself { path }));
            } else {
                let part = self.part_below(section, key, Some(name), PluginClass::Decoder, above, &mut found);
                parts.extend(part);
            }
            // At the name, not at the list of them.
            found
                .iter_mut()
                .for_each(|problem| problem.at = Some(section.element_at(key, &place.to_string())));
            problems.append(&mut found);
        }
        above.pop();
        (parts.len() == names.len()).then(|| declared.with_parts(parts))
    }

    fn unknown_part(&self, section: &Section, name: &str, class: PluginClass) -> ProblemKind {
        let sections = self.of(class).map(|(section, _)| section.name.as_str());
        let types = self.plugins.all().into_iter().filter(|plugin| plugin.class == class);
        let names: BTreeSet<&str> = sections.chain(types.map(|plugin| plugin.type_name)).collect();
        let suggestion = suggest(name, names.iter().copied()).map(str::to_owned);
        let allowed = names.into_iter().map(str::to_owned).collect();
        let (section, name) = (section.name.clone(), name.to_owned());
        match class {
            PluginClass::Decoder => ProblemKind::UnknownDecoder { section, name, suggestion, allowed },
            PluginClass::Splitter => ProblemKind::UnknownSplitter { section, name, suggestion, allowed },
            _ => ProblemKind::UnknownEncoder { section, name, suggestion, allowed },
        }
    }

    /// Reads the sections of parts, used or not, for their mistakes.
    pub(super) fn read_rest(&self, problems: &mut Problems) {
        for class in [PluginClass::Splitter, PluginClass::Decoder, PluginClass::Encoder] {
            for (section, plugin) in self.of(class) {
                let declared = read_part(section, plugin, problems);
                if let Some(declared) = declared {
                    self.with_parts(section, declared, &mut Vec::new(), problems);
                }
                if class == PluginClass::Splitter {
                    self.check_buffer(section, problems);
                }
            }
        }
    }

    fn check_buffer(&self, section: &Section, problems: &mut Problems) {
        let buffer = self.splitting(&section.name).min_buffer_size;
        if section.has("min_buffer_size") && buffer.0 > self.longest as u64 {
            let (key, longest) = ("min_buffer_size".to_owned(), self.longest);
            let message = format!("must not be more than the longest record, {longest} bytes");
            problems.push(section.problem_at(&key.clone(), ProblemKind::OutOfRange { key, message }));
        }
    }
}

fn wrong_class(name: &str, expected: PluginClass, found: PluginClass) -> ProblemKind {
    let with_article = |class: PluginClass| match class {
        PluginClass::Input | PluginClass::Encoder | PluginClass::Output => {
            format!("an {}", class.suffix().to_lowercase())
        }
        PluginClass::Splitter | PluginClass::Decoder | PluginClass::Filter => {
            format!("a {}", class.suffix().to_lowercase())
        }
    };
    let (expected, found) = (with_article(expected), with_article(found));
    ProblemKind::WrongClass { name: name.to_owned(), expected, found }
}

/// Reads the plugin's own options and reports what nobody knows.
fn finish(
    section: &Section,
    plugin: &Plugin,
    mut reading: crate::config::Reading<'_>,
    problems: &mut Problems,
) -> Option<Declared> {
    let own = own_keys(plugin);
    reading.leave(&own.iter().map(String::as_str).collect::<Vec<_>>());
    let of_hekad = keys_of(options::<Hekad>());
    reading.elsewhere(&of_hekad.iter().map(String::as_str).collect::<Vec<_>>(), "[hekad]");
    let well = reading.finish(problems);
    let declared = read_own(section, plugin, problems);
    declared.filter(|_| well)
}

/// Reads the options a plugin has in a section, whatever else is there.
fn read_own(section: &Section, plugin: &Plugin, problems: &mut Problems) -> Option<Declared> {
    let own = own_keys(plugin);
    let others: Vec<&str> =
        section.keys().filter(|key| !own.iter().any(|own| own.eq_ignore_ascii_case(key))).collect();
    (plugin.read)(section, &others, problems)
}

fn own_keys(plugin: &Plugin) -> Vec<String> {
    keys_of((plugin.options)())
}

/// The keys that stand in a section itself, not in a table of it.
fn keys_of(options: Vec<DocumentedOption>) -> Vec<String> {
    options.into_iter().map(|option| option.key).filter(|key| !key.contains('.')).collect()
}

fn read_part(section: &Section, plugin: &Plugin, problems: &mut Problems) -> Option<Declared> {
    let mut reading = section.reading();
    reading.elsewhere(CONSUMER_KEYS, "a filter or output");
    reading.elsewhere(INPUT_KEYS, "an input");
    match plugin.class {
        PluginClass::Splitter => {
            reading.take::<SplitterOptions>();
        }
        _ => {
            let of_splitters = keys_of(options::<SplitterOptions>());
            reading.elsewhere(&of_splitters.iter().map(String::as_str).collect::<Vec<_>>(), "a splitter");
        }
    }
    finish(section, plugin, reading, problems)
}

/// A plugin type with nothing configured.
pub(super) fn with_defaults(plugin: &Plugin) -> Option<Declared> {
    let text = format!("[{}]", plugin.type_name);
    let mut problems = Problems::new();
    let read = sections(&Sources::embedded("the defaults", &text), &|_| None, &mut problems);
    read_part(read.plugins.first()?, plugin, &mut problems)
}

fn check_retries(section: &Section, retries: &crate::runner::Retries, problems: &mut Problems) {
    let mut violations = crate::config::Check::check(retries);
    violations.iter_mut().for_each(|violation| violation.key = format!("retries.{}", violation.key));
    section.report_violations(violations, problems);
}

fn ticker(
    section: &Section,
    plugin: &Plugin,
    declared: &Declared,
    named: Option<Duration>,
    problems: &mut Problems,
) -> Option<Duration> {
    let key = "ticker_interval".to_owned();
    match (declared.ticker(), named) {
        (Ticker::Never, Some(_)) => {
            let type_name = plugin.type_name.to_owned();
            let kind = ProblemKind::UnsupportedKey { key, type_name };
            problems.push(Problem::at(section.key_at("ticker_interval"), kind));
            None
        }
        (Ticker::Never, None) | (Ticker::Optional, None) => None,
        (Ticker::Every(interval), None) => Some(interval),
        (_, Some(interval)) if Ticker::RANGE.contains(&interval) => Some(interval),
        (_, Some(_)) => {
            let message = Ticker::OUT_OF_RANGE.to_owned();
            problems.push(section.problem_at("ticker_interval", ProblemKind::OutOfRange { key, message }));
            None
        }
    }
}

/// Keys of filters and outputs that are easily put elsewhere.
const CONSUMER_KEYS: &[&str] =
    &["message_matcher", "message_signer", "ticker_interval", "on_full", "encoder", "use_framing"];

/// Keys of inputs that are easily put elsewhere.
const INPUT_KEYS: &[&str] = &["decoder", "splitter"];
