//! `hekad cat`: the messages of framed files, as `FileOutput` writes them with `ProtobufEncoder`: printed, or those that
//! match as they are.
//!
//! Options are those of Heka's heka-cat; signatures are not verified, and nobody has signed for the matcher. What is no
//! frame is passed over, counted and told of with its offset.

mod scan;
mod shown;

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::interrupt::interrupted;
use super::{RUNTIME, USAGE};
use crate::config::Bytes;
use crate::matcher::Matcher;
use crate::message::{Message, wire};
use crate::net::pause;
use crate::plugin::Stop;
use scan::{Next, Scanner};

/// Which messages of which files, and how they are printed.
#[derive(Debug, clap::Args)]
pub(super) struct Cat {
    /// Files of framed messages; - for standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Prints the messages that match: a message_matcher.
    #[arg(long = "match", default_value = "TRUE", value_name = "MATCHER", allow_hyphen_values = true)]
    matcher: String,
    /// txt prints every header and field, json one object a line, heka the frames as they are, count nothing.
    #[arg(long, value_enum, default_value = "txt")]
    format: Format,
    /// Writes to this file, from its beginning on, instead of standard output.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Goes on at the end of the file as it grows, until Ctrl-C.
    #[arg(long)]
    tail: bool,
    /// Begins so many bytes behind the begin of the file.
    #[arg(long, default_value_t = 0, value_name = "BYTES")]
    offset: u64,
    /// A frame whose message is longer is taken for none.
    #[arg(long, default_value = "4MiB", value_name = "SIZE", value_parser = Bytes::parse)]
    max_message_size: Bytes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Txt,
    Json,
    Heka,
    Count,
}

/// What was found.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Counts {
    processed: u64,
    matched: u64,
    /// Frames whose message is none.
    undecoded: u64,
    /// Bytes of no frame.
    garbage: u64,
    /// Times that something was told of.
    told: u64,
}

/// Why it ended early.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("cannot read {0}: {1}")]
    Reading(String, #[source] io::Error),
    #[error("cannot write: {0}")]
    Writing(#[source] io::Error),
}

impl Cat {
    /// Prints; the exit code.
    pub(super) fn cat(self) -> u8 {
        let matcher = match self.checked() {
            Ok(matcher) => matcher,
            Err(message) => {
                anstream::eprintln!("{message}");
                return USAGE;
            }
        };
        let out: Box<dyn Write> = match &self.output {
            None => Box::new(io::stdout()),
            Some(path) => match File::create(path) {
                Ok(file) => Box::new(file),
                Err(error) => {
                    anstream::eprintln!("cannot write to {}: {error}", path.display());
                    return RUNTIME;
                }
            },
        };
        let has_colour = anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never;
        let for_terminal = self.output.is_none() && io::stdout().is_terminal();
        let mut printing = Printing {
            matcher,
            format: self.format,
            is_coloured: for_terminal && has_colour,
            out: BufWriter::new(out),
            record: Vec::new(),
            counts: Counts::default(),
        };
        let done = self.files.iter().try_for_each(|path| self.file(path, &mut printing));
        let done = done.and_then(|()| printing.out.flush().map_err(Trouble::Writing));
        match done {
            // Who closed the pipe has seen enough.
            Err(Trouble::Writing(error)) if error.kind() == io::ErrorKind::BrokenPipe => return 0,
            Err(trouble) => {
                anstream::eprintln!("{trouble}");
                printing.counts.tell();
                return RUNTIME;
            }
            Ok(()) => printing.counts.tell(),
        }
        0
    }

    /// The matcher, if the options fit together.
    fn checked(&self) -> Result<Matcher, String> {
        let several = self.files.len() > 1;
        let is_input = |path: &PathBuf| path.as_os_str() == "-";
        if self.tail && (several || self.files.iter().any(is_input)) {
            return Err("--tail follows one file".to_owned());
        }
        if self.offset > 0 && (several || self.files.iter().any(is_input)) {
            return Err("--offset is a place in one file".to_owned());
        }
        if self.max_message_size.0 > LARGEST {
            return Err(format!("--max-message-size is at most {}", Bytes(LARGEST)));
        }
        if self.format == Format::Heka && self.output.is_none() && io::stdout().is_terminal() {
            return Err("frames are nothing for a terminal; name an --output, or > a file".to_owned());
        }
        if let Some(output) = self.output.as_ref().and_then(|output| output.canonicalize().ok())
            && self.files.iter().any(|file| file.canonicalize().is_ok_and(|file| file == output))
        {
            return Err(format!("{} is read, and cannot be written to meanwhile", output.display()));
        }
        Matcher::parse(&self.matcher).map_err(|error| format!("--match: {error}"))
    }

    fn file(&self, path: &Path, printing: &mut Printing) -> Result<(), Trouble> {
        let name =
            if path.as_os_str() == "-" { "standard input".to_owned() } else { path.display().to_string() };
        let wrong = |error| Trouble::Reading(name.clone(), error);
        let mut input: Box<dyn Read> = match path.as_os_str() == "-" {
            true => Box::new(io::stdin().lock()),
            false => {
                let mut file = File::open(path).map_err(wrong)?;
                if self.offset > 0 {
                    file.seek(SeekFrom::Start(self.offset)).map_err(wrong)?;
                }
                Box::new(file)
            }
        };
        let stop = Stop::default();
        // A read of anything but a file may wait, and nothing but a signal's own way ends it then.
        let is_followed = self.tail && path.is_file();
        let _listening = is_followed.then(|| interrupted(&stop)).transpose().map_err(wrong)?;
        let mut scanner = Scanner::new(self.offset, self.max_message_size.length());
        let mut room = vec![0; scanner.room()];
        while !stop.is_set() {
            let read = match input.read(&mut room) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read.map_err(wrong)?,
            };
            match read {
                0 if is_followed => {
                    printing.out.flush().map_err(Trouble::Writing)?;
                    pause(LOOK_EVERY);
                }
                0 => {
                    scanner.end();
                    return printing.all(&name, &mut scanner);
                }
                _ => scanner.push(&room[..read]),
            }
            printing.all(&name, &mut scanner)?;
        }
        Ok(())
    }
}

/// Prints what matches.
struct Printing {
    matcher: Matcher,
    format: Format,
    is_coloured: bool,
    out: BufWriter<Box<dyn Write>>,
    /// A message as it is printed.
    record: Vec<u8>,
    counts: Counts,
}

impl Printing {
    /// All frames that were read.
    fn all(&mut self, name: &str, scanner: &mut Scanner) -> Result<(), Trouble> {
        loop {
            match scanner.next() {
                Next::Nothing => return Ok(()),
                Next::Garbage { offset, bytes } => {
                    self.counts.garbage += bytes;
                    self.counts.say(format_args!("{name}: {bytes} bytes at offset {offset} are no frame"));
                }
                Next::Frame { offset, frame, message } => {
                    self.counts.processed += 1;
                    match wire::decode(message) {
                        Ok(message) if self.matcher.matches(&message) => {
                            self.counts.matched += 1;
                            self.print(&message, frame)?;
                        }
                        Ok(_) => {}
                        Err(error) => {
                            self.counts.undecoded += 1;
                            self.counts.say(format_args!(
                                "{name}: the frame at offset {offset} has no message: {error}"
                            ));
                        }
                    }
                }
            }
        }
    }

    fn print(&mut self, message: &Message, frame: &[u8]) -> Result<(), Trouble> {
        self.record.clear();
        let record = match self.format {
            Format::Count => return Ok(()),
            Format::Heka => frame,
            Format::Json => {
                shown::write_json(message, &mut self.record);
                &self.record
            }
            Format::Txt => {
                if let Err(error) = shown::write_text(message, self.is_coloured, &mut self.record) {
                    self.counts.say(format_args!("a message cannot be printed: {error}"));
                }
                &self.record
            }
        };
        self.out.write_all(record).map_err(Trouble::Writing)
    }
}

impl Counts {
    /// Says something of the input, unless much was said already: the sums say the rest.
    fn say(&mut self, what: std::fmt::Arguments<'_>) {
        self.told += 1;
        match self.told {
            0..MOST_TOLD => anstream::eprintln!("{what}"),
            MOST_TOLD => anstream::eprintln!("{what}; no more of this is told of one by one"),
            _ => {}
        }
    }

    fn tell(&self) {
        if self.garbage > 0 || self.undecoded > 0 {
            let (garbage, undecoded) = (self.garbage, self.undecoded);
            anstream::eprintln!("Skipped: {garbage} bytes of no frame, {undecoded} frames without a message");
        }
        anstream::eprintln!("Processed: {}, matched: {} messages", self.processed, self.matched);
    }
}

/// Lines about what is wrong with the input.
const MOST_TOLD: u64 = 20;

/// Bytes of the longest message one may ask for: one is held in memory, and a header can claim any length.
const LARGEST: u64 = 1 << 30;

/// How often a file that does not grow is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);
