//! The options of `hekad flood`, and the job they come to.

use std::path::PathBuf;
use std::time::Duration;

use super::heka_config::{self, heka_test};
use super::messages::{MessageLoad, Size};
use super::sending::Limit;
use super::workload::{Mix, Named, Workload};
use crate::cli::target::{Bare, Target};
use crate::config::{Bytes, Seconds};

/// What to send, where to, and how much of it.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Flood {
    /// Where to: udp://HOST:PORT, tcp://HOST:PORT, unixgram:PATH or unix:PATH. Without a scheme it is UDP, or TCP for
    /// messages. Default: 127.0.0.1:8125, or 127.0.0.1:5565 for messages.
    target: Option<String>,
    /// A load of statsd lines with a name; the options below change it.
    #[arg(long, default_value = "W2", ignore_case = true, value_name = "NAME")]
    workload: Named,
    /// Samples of a datagram, or 0 to fill it.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(..=65_535))]
    samples: Option<u32>,
    /// Bytes to which a datagram is filled.
    #[arg(long, value_name = "SIZE", value_parser = Bytes::parse)]
    datagram_bytes: Option<Bytes>,
    /// Different names.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    names: Option<u64>,
    /// Bytes of each name.
    #[arg(long, value_name = "BYTES")]
    name_length: Option<usize>,
    /// What begins each name.
    #[arg(long, value_name = "TEXT")]
    prefix: Option<String>,
    /// Kinds of samples with their shares of the names, such as c:70,ms:20,g:9,s:1.
    #[arg(long, value_name = "MIX")]
    mix: Option<Mix>,
    /// Tags of each sample.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u8).range(..=100))]
    tags: Option<u8>,
    /// Takes names in order, so that each comes once before one comes twice.
    #[arg(long)]
    sweep: bool,
    /// Sends framed messages, as Heka's heka-flood does, instead of lines.
    #[arg(long, conflicts_with_all = LINES)]
    messages: bool,
    /// Bytes of a payload of messages, behind its beginning. Default: 1000.
    #[arg(long, value_name = "SIZE", requires = "messages", value_parser = Bytes::parse)]
    message_bytes: Option<Bytes>,
    /// Appends lines of an access log (combined format) to this file instead.
    #[arg(long, value_name = "FILE", conflicts_with_all = LINES, conflicts_with_all = ["messages", "target"])]
    log: Option<PathBuf>,
    /// A flood.toml of Heka, whose test says what is sent and where to. Default with --test: flood.toml.
    #[arg(long, value_name = "FILE", conflicts_with_all = LINES)]
    #[arg(conflicts_with_all = ["messages", "log", "target", "rate"])]
    config: Option<PathBuf>,
    /// The test of that file. Default: default.
    #[arg(long, value_name = "NAME", conflicts_with_all = LINES)]
    #[arg(conflicts_with_all = ["messages", "log", "target", "rate"])]
    test: Option<String>,
    /// Samples, messages or lines a second; 0 is as fast as it goes. Default: that of the workload, 0 for messages, 1000
    /// for lines of a log.
    #[arg(long, value_name = "RATE")]
    rate: Option<f64>,
    /// Ends after so many samples, messages or lines.
    #[arg(long, value_name = "COUNT", conflicts_with = "duration", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Ends after so long, or at Ctrl-C alone if it is 0. Default, without --count: 10s.
    #[arg(long, value_name = "TIME", value_parser = Seconds::parse)]
    duration: Option<Seconds>,
    /// Another seed makes other values.
    #[arg(long, default_value_t = 1, value_name = "NUMBER")]
    seed: u64,
    /// Says what was sent as one JSON object.
    #[arg(long)]
    pub(super) json: bool,
}

/// What only lines of statsd have.
const LINES: [&str; 9] =
    ["workload", "samples", "datagram_bytes", "names", "name_length", "prefix", "mix", "tags", "sweep"];

/// What is to be done.
#[derive(Debug, PartialEq)]
pub(super) struct Job {
    /// What is sent, for people.
    pub(super) name: String,
    pub(super) target: Target,
    pub(super) load: Load,
    pub(super) limit: Limit,
    pub(super) seed: u64,
}

/// What is sent.
#[derive(Debug, PartialEq)]
pub(super) enum Load {
    Samples(Workload),
    Messages(MessageLoad),
    AccessLog {
        /// Lines a second.
        rate: f64,
    },
}

impl Load {
    /// Records a second.
    pub(super) fn rate(&self) -> f64 {
        match self {
            Load::Samples(workload) => workload.rate,
            Load::Messages(load) => load.rate,
            Load::AccessLog { rate } => *rate,
        }
    }
}

impl Flood {
    /// What these options come to; a file of Heka is read.
    ///
    /// # Errors
    /// What is wrong, with the way out.
    pub(super) fn job(self) -> Result<Job, String> {
        if self.rate.is_some_and(|rate| !rate.is_finite() || rate < 0.0) {
            return Err("a rate is 0, for as fast as it goes, or more".to_owned());
        }
        if self.samples.is_some_and(|samples| samples > 0) && self.datagram_bytes.is_some() {
            return Err("--samples and --datagram-bytes both say how long a datagram is; take one".to_owned());
        }
        let seed = self.seed;
        let limit = self.limit();
        if self.config.is_some() || self.test.is_some() {
            return self.job_of_heka();
        }
        if let Some(file) = self.log {
            let load = Load::AccessLog { rate: self.rate.unwrap_or(1000.0) };
            return Ok(Job { name: "access log".to_owned(), target: Target::File(file), load, limit, seed });
        }
        if self.messages {
            let size = self.message_bytes.map_or(1000, Bytes::length);
            if size > heka_config::LARGEST {
                let most = Bytes(heka_config::LARGEST as u64);
                return Err(format!("{size} bytes are too much for a payload; {most} is the most"));
            }
            let target = Target::parse(self.target.as_deref().unwrap_or("127.0.0.1:5565"), Bare::Tcp)?;
            let load = MessageLoad {
                size: Size::Same(size),
                rate: self.rate.unwrap_or(0.0),
                ..MessageLoad::default()
            };
            return Ok(Job { name: "messages".to_owned(), target, load: Load::Messages(load), limit, seed });
        }
        let target = Target::parse(self.target.as_deref().unwrap_or("127.0.0.1:8125"), Bare::Udp)?;
        let name = format!("{:?}", self.workload);
        Ok(Job { name, target, load: Load::Samples(self.workload()), limit, seed })
    }

    fn job_of_heka(self) -> Result<Job, String> {
        let file = self.config.clone().unwrap_or_else(|| "flood.toml".into());
        let name = self.test.as_deref().unwrap_or("default");
        let text = std::fs::read_to_string(&file)
            .map_err(|error| format!("cannot read {}: {error}", file.display()))?;
        let test = heka_test(&text, name).map_err(|error| format!("{}: {error}", file.display()))?;
        let asked = self.count.is_some() || self.duration.is_some();
        let limit = match test.count {
            _ if asked => self.limit(),
            Some(count) => Limit::Records(count),
            None => Limit::Never,
        };
        let load = Load::Messages(test.load);
        Ok(Job { name: "messages".to_owned(), target: test.target, load, limit, seed: self.seed })
    }

    fn workload(self) -> Workload {
        let named = self.workload.workload();
        Workload {
            // Who says how long a datagram is wants it filled.
            samples: self.samples.map_or_else(
                || if self.datagram_bytes.is_some() { 0 } else { named.samples },
                |samples| samples as usize,
            ),
            bytes: self.datagram_bytes.map_or(named.bytes, Bytes::length),
            names: self.names.unwrap_or(named.names),
            name_length: self.name_length,
            prefix: self.prefix.unwrap_or(named.prefix),
            mix: self.mix.unwrap_or(named.mix),
            tags: self.tags.map_or(named.tags, usize::from),
            rate: self.rate.unwrap_or(named.rate),
            sweep: self.sweep || named.sweep,
        }
    }

    fn limit(&self) -> Limit {
        match (self.count, self.duration) {
            (Some(count), _) => Limit::Records(count),
            (None, None) => Limit::Time(USUAL),
            (None, Some(time)) if time.is_zero() => Limit::Never,
            (None, Some(time)) => Limit::Time(time.duration()),
        }
    }
}

/// How long a flood goes on if nobody says so.
const USUAL: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        flood: Flood,
    }

    fn job(words: &str) -> Result<Job, String> {
        let words = std::iter::once("flood").chain(words.split_whitespace());
        Command::try_parse_from(words).map_err(|error| error.to_string())?.flood.job()
    }

    #[test]
    fn without_a_word_it_is_w2_for_ten_seconds() {
        let expected = Job {
            name: "W2".to_owned(),
            target: Target::parse("udp://127.0.0.1:8125", Bare::Udp).unwrap(),
            load: Load::Samples(Named::W2.workload()),
            limit: Limit::Time(Duration::from_secs(10)),
            seed: 1,
        };
        assert_eq!(job("").unwrap(), expected);
    }

    #[test]
    fn every_option_of_a_workload_can_be_changed() {
        let words = "tcp://h:1 --workload w1 --samples 3 --names 7 --name-length 50 --prefix p --mix ms:1 --tags 2 \
                     --sweep --rate 5 --count 9 --seed 4";
        let workload = Workload {
            samples: 3,
            bytes: 1432,
            names: 7,
            name_length: Some(50),
            prefix: "p".to_owned(),
            mix: "ms".parse().unwrap(),
            tags: 2,
            rate: 5.0,
            sweep: true,
        };
        let job_ = job(words).unwrap();
        assert_eq!((job_.load, job_.limit, job_.seed), (Load::Samples(workload), Limit::Records(9), 4));
        assert_eq!((job_.name.as_str(), job_.target.to_string().as_str()), ("W1", "tcp://h:1"));
        let Load::Samples(filled) = job("--workload W1 --datagram-bytes 1KiB").unwrap().load else {
            panic!()
        };
        assert_eq!((filled.samples, filled.bytes), (0, 1024));
    }

    #[test]
    fn messages_and_logs_have_their_own_defaults() {
        let messages = job("--messages --duration 0").unwrap();
        assert_eq!(
            (messages.target.to_string().as_str(), messages.limit),
            ("tcp://127.0.0.1:5565", Limit::Never)
        );
        assert_eq!(messages.load, Load::Messages(MessageLoad::default()));
        let log = job("--log a.log --duration 1m").unwrap();
        assert_eq!(log.limit, Limit::Time(Duration::from_secs(60)));
        assert_eq!((log.target, log.load), (Target::File("a.log".into()), Load::AccessLog { rate: 1000.0 }));
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        let wrong = |words| job(words).unwrap_err();
        assert_eq!(wrong("--rate=-1"), "a rate is 0, for as fast as it goes, or more");
        assert_eq!(
            wrong("--messages --message-bytes 2MiB"),
            "2097152 bytes are too much for a payload; 1 MiB is the most"
        );
        assert_eq!(
            wrong("--samples 3 --datagram-bytes 100"),
            "--samples and --datagram-bytes both say how long a datagram is; take one"
        );
        assert!(job("--samples 0 --datagram-bytes 100").is_ok());
        assert!(wrong("--messages --workload W1").contains("cannot be used with"));
        assert!(wrong("--messages --mix c:1").contains("cannot be used with"));
        assert!(wrong("--log a --tags 1").contains("cannot be used with"));
        assert!(wrong("--count 1 --duration 1").contains("cannot be used with"));
        assert!(wrong("--mix q:1").contains("`q:1` is no kind with its share"));
        assert!(wrong("--test a --rate 1").contains("cannot be used with"));
    }

    #[test]
    fn a_test_of_heka_is_read_from_its_file() {
        let directory = tempfile::TempDir::new().unwrap();
        let file = directory.path().join("flood.toml");
        let text = "[default]\nip_address = \"a:1\"\nsender = \"tcp\"\nnum_messages = 7\n";
        std::fs::write(&file, text).unwrap();
        let path = file.display();
        assert_eq!(job(&format!("--config {path}")).unwrap().limit, Limit::Records(7));
        let asked = job(&format!("--config {path} --count 3")).unwrap();
        assert_eq!((asked.limit, asked.target.to_string().as_str()), (Limit::Records(3), "tcp://a:1"));
        let error = job(&format!("--config {path} --test b")).unwrap_err();
        assert_eq!(error, format!("{path}: there is no test [b]; there are: default"));
        assert!(job("--config /nowhere.toml").unwrap_err().starts_with("cannot read /nowhere.toml: "));
    }
}
