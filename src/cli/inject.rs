//! `hekad inject`: one framed message to a listener, for trying one. Names and defaults are those of Heka's heka-inject.

use std::io::IoSlice;
use std::str::FromStr;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::target::{Bare, Target};
use super::{RUNTIME, USAGE};
use crate::message::framing::{MAX_MESSAGE_SIZE, frame};
use crate::message::{Field, Message, Value, Values, wire};
use crate::net::{Stopwatch, Trouble};

/// A message and where to send it.
#[derive(Debug, clap::Args)]
pub(super) struct Inject {
    /// Where to: HOST:PORT or tcp://HOST:PORT, udp://HOST:PORT, unix:PATH, unixgram:PATH.
    #[arg(long, default_value = "127.0.0.1:5565", value_name = "TARGET")]
    heka: String,
    /// Its Type.
    #[arg(long = "type", default_value = "inject.message", value_name = "TEXT", allow_hyphen_values = true)]
    type_: String,
    /// Its Logger.
    #[arg(long, default_value = "Inject Client", value_name = "TEXT", allow_hyphen_values = true)]
    logger: String,
    /// Its Severity.
    #[arg(long, default_value_t = 7, value_name = "NUMBER", allow_negative_numbers = true)]
    severity: i32,
    /// Its Payload.
    #[arg(long, default_value = "", value_name = "TEXT", allow_hyphen_values = true)]
    payload: String,
    /// Its EnvVersion.
    #[arg(long, default_value = "", value_name = "TEXT", allow_hyphen_values = true)]
    env_version: String,
    /// Its Pid. Default: that of this process.
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    pid: Option<i32>,
    /// Its Hostname. Default: that of this host.
    #[arg(long, value_name = "TEXT")]
    hostname: Option<String>,
    /// A field: NAME=TEXT, or NAME:TYPE=VALUE with the type string, bytes (base64), integer, double or bool. May be given
    /// more than once.
    #[arg(long = "field", value_name = "FIELD")]
    fields: Vec<TypedField>,
}

/// A field as it is written on the command line.
#[derive(Debug, Clone, PartialEq)]
struct TypedField(Field);

impl FromStr for TypedField {
    type Err = String;

    fn from_str(text: &str) -> Result<TypedField, String> {
        let (name, value) = text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or_else(|| {
            "a field looks like this: NAME=TEXT or NAME:TYPE=VALUE, such as status:integer=200".to_owned()
        })?;
        let (name, type_) = match name.rsplit_once(':') {
            Some((name, type_)) if TYPES.contains(&type_) && !name.is_empty() => (name, type_),
            _ => (name, "string"),
        };
        let wrong = |what: &str| format!("`{value}` is no {what}");
        let value: Value = match type_ {
            "integer" => value.parse::<i64>().map_err(|_| wrong("integer of 64 bits"))?.into(),
            "double" => value.parse::<f64>().map_err(|_| wrong("number"))?.into(),
            "bool" => value.parse::<bool>().map_err(|_| wrong("bool, which is true or false"))?.into(),
            "bytes" => {
                let bytes =
                    STANDARD.decode(value).map_err(|error| format!("{}: {error}", wrong("base64")))?;
                Value::Bytes(Values::One(bytes))
            }
            _ => value.into(),
        };
        Ok(TypedField(Field::new(name, value)))
    }
}

impl Inject {
    /// Sends it; the exit code.
    pub(super) fn inject(self) -> u8 {
        let framed = Target::parse(&self.heka, Bare::Tcp).and_then(|target| Ok((target, self.framed()?)));
        let (target, framed) = match framed {
            Ok(framed) => framed,
            Err(message) => {
                anstream::eprintln!("{message}");
                return USAGE;
            }
        };
        match send(&target, &framed) {
            Ok(()) => {
                anstream::eprintln!("sent {} bytes to {target}", framed.len());
                0
            }
            Err(error) => {
                anstream::eprintln!(
                    "cannot send to {target}: {error}; is hekad running there, with an input?"
                );
                RUNTIME
            }
        }
    }

    fn framed(self) -> Result<Vec<u8>, String> {
        let message = Message {
            uuid: random_uuid(),
            timestamp: crate::daemon::now(),
            type_: self.type_.into(),
            logger: self.logger.into(),
            severity: self.severity,
            payload: self.payload.into_bytes(),
            env_version: self.env_version.into(),
            pid: self.pid.unwrap_or_else(|| i32::try_from(std::process::id()).unwrap_or(0)),
            hostname: self.hostname.unwrap_or_else(crate::daemon::hostname).into(),
            fields: self.fields.into_iter().map(|field| field.0).collect(),
            signer: None,
        };
        let (mut bytes, mut framed) = (Vec::new(), Vec::new());
        wire::encode(&message, &mut bytes);
        frame(&bytes, None, MAX_MESSAGE_SIZE, &mut framed).map_err(|error| error.to_string())?;
        Ok(framed)
    }
}

/// A version 4 uuid, as Heka gives a message.
fn random_uuid() -> [u8; 16] {
    let mut uuid = fastrand::u128(..).to_be_bytes();
    uuid[6] = uuid[6] & 0x0f | 0x40;
    uuid[8] = uuid[8] & 0x3f | 0x80;
    uuid
}

fn send(target: &Target, framed: &[u8]) -> std::io::Result<()> {
    let mut flooding = target.open()?;
    let clock = Stopwatch::start();
    while flooding.send(&[[IoSlice::new(framed)]])?.packets == 0 {
        if clock.elapsed() > PATIENCE {
            return Err(std::io::ErrorKind::TimedOut.into());
        }
    }
    // On one machine the refusal of a closed port is here by now.
    match flooding.last_trouble() {
        Some(Trouble::Refused) => Err(std::io::ErrorKind::ConnectionRefused.into()),
        _ => Ok(()),
    }
}

const TYPES: [&str; 5] = ["string", "bytes", "integer", "double", "bool"];

/// How long a listener may take for one message.
const PATIENCE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    fn field(text: &str) -> Result<Field, String> {
        text.parse::<TypedField>().map(|field| field.0)
    }

    #[test]
    fn fields_have_the_type_that_is_written_before_their_value() {
        assert_eq!(field("a=b=c"), Ok(Field::new("a", "b=c")));
        assert_eq!(field("status:integer=-200"), Ok(Field::new("status", -200_i64)));
        assert_eq!(field("t:double=0.5"), Ok(Field::new("t", 0.5)));
        assert_eq!(field("ok:bool=true"), Ok(Field::new("ok", true)));
        assert_eq!(field("raw:bytes=AAE="), Ok(Field::new("raw", Value::Bytes(Values::One(vec![0, 1])))));
        assert_eq!(field("a:b=1"), Ok(Field::new("a:b", "1")));
        assert_eq!(field("a:b:string=1"), Ok(Field::new("a:b", "1")));
    }

    #[test]
    fn what_is_no_field_is_refused() {
        let like = "a field looks like this: NAME=TEXT or NAME:TYPE=VALUE, such as status:integer=200";
        assert_eq!(field("abc"), Err(like.to_owned()));
        assert_eq!(field("=abc"), Err(like.to_owned()));
        assert_eq!(field("a:integer=1.5"), Err("`1.5` is no integer of 64 bits".to_owned()));
        assert_eq!(field("a:double=x"), Err("`x` is no number".to_owned()));
        assert_eq!(field("a:bool=yes"), Err("`yes` is no bool, which is true or false".to_owned()));
        assert!(field("a:bytes=%").unwrap_err().starts_with("`%` is no base64: "));
    }

    #[test]
    fn nobody_there_is_an_error_over_both_protocols() {
        let port = {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            listener.local_addr().unwrap().port()
        };
        for scheme in ["tcp", "udp"] {
            let target = Target::parse(&format!("{scheme}://127.0.0.1:{port}"), Bare::Tcp).unwrap();
            let error = send(&target, b"abc").unwrap_err();
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused, "{scheme}");
        }
    }
}
