//! `HekaFramingSplitter`: Heka's framing, with signatures verified.
//!
//! The frame is stripped; who signed a message is a fact of it from here on, which nobody can forge who lacks the key.
//! Messages that nobody signed pass, and have no signer. A frame with a signature that is wrong, or whose signer or version
//! of a key is not configured, is dropped and counted, and so is one whose message is longer than any may be. After bytes
//! that are no frame the next frame is found; they are counted. The framing itself: `message/framing.rs`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::{Check, Violation};
use crate::message::Text;
use crate::message::framing::{Found, Frame, find};
use crate::plugin::{BuildContext, BuildError, Declare, Split, SplitFault, Splitter};

/// Options; names and defaults are Heka's.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Keys of those who may sign, each in a table [SECTION.signer.NAME_VERSION]: the name of the signer, `_` and the version
    /// of its key, which is a number.
    pub signer: BTreeMap<String, Signer>,
    /// Whether signatures are not looked at; messages have no signer then. Default false.
    pub skip_authentication: bool,
}

/// Who may sign.
#[derive(Debug, Clone, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Signer {
    /// Its key.
    pub hmac_key: String,
}

impl Config {
    /// Name and version of a signer, if that is what the name of its table says.
    fn named(table: &str) -> Option<(Text, u32)> {
        let (name, version) = table.rsplit_once('_')?;
        // As the header has it: a number has one spelling.
        let number: u32 = version.parse().ok()?;
        (number.to_string() == version).then(|| (name.into(), number))
    }
}

impl Check for Config {
    fn check(&self) -> Vec<Violation> {
        let unnamed = self.signer.keys().filter(|table| Config::named(table).is_none());
        let refuse = |table: &String| {
            let message = "the table of a signer is named NAME_VERSION, with a number behind the last `_`";
            let help = format!("[SECTION.signer.{table}_0], if that is the first version of its key");
            Violation { help: Some(help), ..Violation::new("signer", message).of_element(table) }
        };
        unnamed.map(refuse).collect()
    }
}

impl Declare<dyn Splitter> for Config {
    const TYPE: &'static str = "HekaFramingSplitter";
    const SUMMARY: &'static str = "Takes messages out of Heka's framing, and verifies their signatures.";

    fn takes_messages(&self) -> bool {
        true
    }

    fn build(&self, context: &BuildContext) -> Result<Box<dyn Splitter>, BuildError> {
        let mut signers = Vec::new();
        for (table, signer) in &self.signer {
            let (name, version) = Config::named(table)
                .ok_or_else(|| BuildError::new(format!("no signer and version: {table}")))?;
            signers.push(Key { name, version, key: signer.hmac_key.clone().into_bytes() });
        }
        let (skip, limit) = (self.skip_authentication, context.max_message_size);
        Ok(Box::new(HekaFramingSplitter { signers, skip, limit }))
    }
}

struct HekaFramingSplitter {
    signers: Vec<Key>,
    skip: bool,
    /// Bytes of the longest message.
    limit: usize,
}

struct Key {
    name: Text,
    version: u32,
    key: Vec<u8>,
}

impl HekaFramingSplitter {
    /// Who signed the message, if it is signed.
    fn signer(&self, frame: &Frame<'_>) -> Result<Option<Text>, SplitFault> {
        if self.skip || !frame.is_signed() {
            return Ok(None);
        }
        let header = &frame.header;
        let is_its =
            |key: &&Key| header.signer == Some(key.name.as_bytes()) && header.key_version == key.version;
        let key = self.signers.iter().find(is_its).ok_or(SplitFault::UnknownSigner)?;
        match frame.is_signed_with(&key.key) {
            true => Ok(Some(key.name.clone())),
            false => Err(SplitFault::BadSignature),
        }
    }
}

impl Splitter for HekaFramingSplitter {
    fn split<'a>(&mut self, buffer: &'a [u8]) -> Split<'a> {
        let frame = match find(buffer, self.limit) {
            Found::Nothing { garbage: 0 } => return Split::nothing(0),
            Found::Nothing { garbage } => return Split::nothing(garbage).for_fault(SplitFault::Garbage),
            // One fault at a time.
            Found::TooLong { garbage, .. } if garbage > 0 => {
                return Split::nothing(garbage).for_fault(SplitFault::Garbage);
            }
            Found::TooLong { length, .. } => return Split::nothing(length).for_fault(SplitFault::TooLong),
            Found::Frame(frame) => frame,
        };
        let consumed = frame.garbage + frame.length;
        let garbage = (frame.garbage > 0).then_some(SplitFault::Garbage);
        match self.signer(&frame) {
            Ok(signer) => {
                Split { consumed, record: Some(Cow::Borrowed(frame.message)), signer, fault: garbage }
            }
            // One fault at a time.
            Err(_) if frame.garbage > 0 => Split::nothing(frame.garbage).for_fault(SplitFault::Garbage),
            Err(fault) => Split::nothing(consumed).for_fault(fault),
        }
    }

    /// A frame that ends before its message does is none.
    fn takes_rest(&self) -> bool {
        false
    }
}
