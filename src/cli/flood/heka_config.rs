//! Heka's flood.toml: tests of heka-flood, each a table. What is not taken is refused by name.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use super::messages::{MessageLoad, Size};
use crate::cli::target::{Bare, Target};
use crate::config::{Bytes, Seconds, suggest};
use crate::message::framing::{HashFunction, Signing};

/// A test of the file, read.
#[derive(Debug, PartialEq)]
pub(super) struct HekaTest {
    pub(super) target: Target,
    pub(super) load: MessageLoad,
    /// Messages; none for an endless flood.
    pub(super) count: Option<u64>,
}

/// Reads the test `name` of a file with this text.
///
/// # Errors
/// What is wrong, with the key and the way out.
pub(super) fn heka_test(text: &str, name: &str) -> Result<HekaTest, String> {
    let tests: BTreeMap<String, toml::Value> =
        toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())?;
    let Some(test) = tests.get(name) else {
        let names: Vec<&str> = tests.keys().map(String::as_str).collect();
        let near = suggest(name, names.iter().copied()).map(|near| format!("; did you mean {near}?"));
        return Err(format!(
            "there is no test [{name}]{}; there are: {}",
            near.unwrap_or_default(),
            names.join(", ")
        ));
    };
    for (key, why) in REFUSED {
        if test.get(key).is_some_and(|value| *value != toml::Value::Boolean(false)) {
            return Err(format!("[{name}]: {key} is not taken: {why}"));
        }
    }
    let options: Options =
        test.clone().try_into().map_err(|error| format!("[{name}]: {}", error.to_string().trim_end()))?;
    options.test().map_err(|error| format!("[{name}]: {error}"))
}

/// Keys that are known and not taken, unless they are false.
const REFUSED: [(&str, &str); 5] = [
    ("use_tls", "the flood goes over plain TCP or UDP; take it out, or set it to false"),
    ("tls", "the flood goes over plain TCP or UDP; take the table out"),
    ("pprof_file", "there is no such profiler; take it out, and use perf"),
    ("reconnect_on_error", "a flood ends where its connection ends; take it out"),
    ("reconnect_interval", "a flood ends where its connection ends; take it out"),
];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    ip_address: String,
    sender: String,
    #[serde(default)]
    num_messages: u64,
    #[serde(default)]
    static_message_size: usize,
    #[serde(default)]
    variable_size_messages: bool,
    #[serde(default)]
    message_interval: Option<String>,
    #[serde(default)]
    encoder: Option<String>,
    #[serde(default)]
    ascii_only: bool,
    #[serde(default)]
    corrupt_percentage: f64,
    #[serde(default)]
    signed_percentage: f64,
    #[serde(default)]
    oversized_percentage: f64,
    #[serde(default)]
    max_message_size: Option<usize>,
    #[serde(default)]
    signer: Option<Signer>,
    // Only `false` comes so far.
    #[serde(default, rename = "use_tls")]
    _use_tls: bool,
    #[serde(default, rename = "reconnect_on_error")]
    _reconnect_on_error: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Signer {
    name: String,
    #[serde(default)]
    hmac_hash: String,
    hmac_key: String,
    #[serde(default)]
    version: u32,
}

impl Options {
    fn test(self) -> Result<HekaTest, String> {
        let target = match self.sender.as_str() {
            "tcp" => format!("tcp://{}", self.ip_address),
            "udp" => format!("udp://{}", self.ip_address),
            other => return Err(format!("sender = \"{other}\" is none; it is \"tcp\" or \"udp\"")),
        };
        if let Some(other) = self.encoder.filter(|encoder| !matches!(encoder.as_str(), "protobuf" | "")) {
            return Err(format!("encoder = \"{other}\" is none; \"protobuf\" is the only one"));
        }
        let shares = [
            ("corrupt_percentage", self.corrupt_percentage),
            ("signed_percentage", self.signed_percentage),
            ("oversized_percentage", self.oversized_percentage),
        ];
        if let Some((key, share)) = shares.into_iter().find(|(_, share)| !(0.0..=100.0).contains(share)) {
            return Err(format!("{key} = {share} is none; it is from 0 to 100"));
        }
        if self.signed_percentage > 0.0 && self.signer.is_none() {
            return Err("signed_percentage needs a table `signer` with a name and a hmac_key".to_owned());
        }
        let size = match (self.variable_size_messages, self.static_message_size) {
            (true, _) => Size::Variable,
            (false, 0) => Size::Same(1000),
            (false, size) if size <= LARGEST => Size::Same(size),
            (false, size) => {
                let most = Bytes(LARGEST as u64);
                return Err(format!("static_message_size = {size} is too much; {most} is the most"));
            }
        };
        let defaults = MessageLoad::default();
        let load = MessageLoad {
            size,
            ascii_only: self.ascii_only,
            signed: self.signed_percentage,
            corrupt: self.corrupt_percentage,
            oversized: self.oversized_percentage,
            max_message_size: self.max_message_size.unwrap_or(defaults.max_message_size).min(LARGEST),
            signing: self.signer.map(Signer::signing).transpose()?,
            rate: rate(self.message_interval.as_deref())?,
        };
        let count = Some(self.num_messages).filter(|&count| count > 0);
        Ok(HekaTest { target: Target::parse(&target, Bare::Tcp)?, load, count })
    }
}

impl Signer {
    fn signing(self) -> Result<Signing, String> {
        let hash = match self.hmac_hash.as_str() {
            "" | "md5" => HashFunction::Md5,
            "sha1" => HashFunction::Sha1,
            other => return Err(format!("hmac_hash = \"{other}\" is none; it is \"md5\" or \"sha1\"")),
        };
        Ok(Signing { name: self.name, version: self.version, key: self.hmac_key.into_bytes(), hash })
    }
}

/// Messages a second, of the time between two of them.
fn rate(interval: Option<&str>) -> Result<f64, String> {
    let Some(text) = interval.filter(|text| !text.is_empty()) else { return Ok(0.0) };
    match Seconds::parse(text) {
        Ok(interval) if interval.duration() == Duration::ZERO => Ok(0.0),
        Ok(interval) => Ok(1.0 / interval.duration().as_secs_f64()),
        Err(error) => Err(format!("message_interval = \"{text}\": {error}")),
    }
}

/// Bytes of the largest payload: what a thousand of them take is memory.
pub(super) const LARGEST: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    const FLOOD: &str = r#"
[default]
ip_address = "127.0.0.1:5565"
sender = "tcp"
encoder = "protobuf"
num_messages = 0
static_message_size = 0
use_tls = false

[all]
ip_address = "127.0.0.1:5565"
sender = "udp"
num_messages = 5000
static_message_size = 200
message_interval = "1m1ms"
corrupt_percentage = 0.5
signed_percentage = 50.0
oversized_percentage = 1.0
ascii_only = true
max_message_size = 70000
[all.signer]
name = "test"
hmac_hash = "sha1"
hmac_key = "key"
version = 3

[varied]
ip_address = "127.0.0.1:5565"
sender = "tcp"
variable_size_messages = true
"#;

    fn wrong(lines: &str) -> String {
        let text = format!("[t]\nip_address = \"a:1\"\nsender = \"tcp\"\n{lines}\n");
        heka_test(&text, "t").unwrap_err()
    }

    #[test]
    fn tests_of_heka_are_understood() {
        let default = heka_test(FLOOD, "default").unwrap();
        let load = MessageLoad { ascii_only: false, ..MessageLoad::default() };
        assert_eq!((default.load, default.count), (load, None));
        let all = heka_test(FLOOD, "all").unwrap();
        assert_eq!((all.target.to_string().as_str(), all.count), ("udp://127.0.0.1:5565", Some(5000)));
        let signing =
            Signing { name: "test".to_owned(), version: 3, key: b"key".to_vec(), hash: HashFunction::Sha1 };
        let expected = MessageLoad {
            size: Size::Same(200),
            ascii_only: true,
            signed: 50.0,
            corrupt: 0.5,
            oversized: 1.0,
            max_message_size: 70_000,
            signing: Some(signing),
            rate: 1.0 / 60.001,
        };
        assert_eq!(all.load, expected);
        assert_eq!(heka_test(FLOOD, "varied").unwrap().load.size, Size::Variable);
    }

    #[test]
    fn what_is_not_taken_is_refused_by_name() {
        assert_eq!(
            heka_test(FLOOD, "defualt").unwrap_err(),
            "there is no test [defualt]; did you mean default?; there are: all, default, varied"
        );
        assert_eq!(
            wrong("use_tls = true"),
            "[t]: use_tls is not taken: the flood goes over plain TCP or UDP; take it out, or set it to false"
        );
        assert_eq!(
            wrong("pprof_file = \"a\""),
            "[t]: pprof_file is not taken: there is no such profiler; take it out, and use perf"
        );
        assert_eq!(
            wrong("encoder = \"json\""),
            "[t]: encoder = \"json\" is none; \"protobuf\" is the only one"
        );
        assert_eq!(
            wrong("corrupt_percentage = 101.0"),
            "[t]: corrupt_percentage = 101 is none; it is from 0 to 100"
        );
        assert_eq!(
            wrong("signed_percentage = 1.0"),
            "[t]: signed_percentage needs a table `signer` with a name and a hmac_key"
        );
        assert_eq!(
            wrong("[t.signer]\nname = \"a\"\nhmac_key = \"b\"\nhmac_hash = \"sha2\""),
            "[t]: hmac_hash = \"sha2\" is none; it is \"md5\" or \"sha1\""
        );
        assert!(wrong("num_mesages = 1").starts_with("[t]: unknown field `num_mesages`, expected one of "));
        assert!(wrong("message_interval = \"soon\"").starts_with("[t]: message_interval = \"soon\": "));
        assert_eq!(
            wrong("static_message_size = 1048577"),
            "[t]: static_message_size = 1048577 is too much; 1 MiB is the most"
        );
        let text = "[t]\nip_address = \"a:1\"\nsender = \"http\"\n";
        assert_eq!(
            heka_test(text, "t").unwrap_err(),
            "[t]: sender = \"http\" is none; it is \"tcp\" or \"udp\""
        );
    }
}
