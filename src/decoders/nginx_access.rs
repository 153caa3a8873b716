//! `NginxAccessDecoder`: access logs of nginx, by the `log_format` that wrote them.
//!
//! The options, names of fields and types are those of Heka's `nginx_access.lua`; the format is compiled once and read
//! without a pattern (`logs/nginx.rs`). A line that is not of the format is counted and given up.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::{Check, Violation};
use crate::logs::{AccessFormat, UserAgents};
use crate::matcher::{Fact, Facts};
use crate::message::Text;
use crate::plugin::{BuildContext, BuildError, Declare, DecodeError, Decoder, Draft};

/// Options; names and defaults are those of Heka's script.
#[derive(Debug, Clone, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The format as it stands in nginx's configuration, such as '$remote_addr - $remote_user [$time_local] "$request"
    /// $status $body_bytes_sent "$http_referer" "$http_user_agent"', in one line. Each variable becomes a field;
    /// $time_local, $time_iso8601 and $msec become the Timestamp. A `-` of a number, or nothing, as escape=json and
    /// escape=none write it, leaves its field out, but for those of an upstream (its times and its status), where it is 0. A text goes up to what follows it in the format. What
    /// follows the format in a line is not looked at.
    pub log_format: String,
    /// The Type of messages. Default: what the input gives them.
    #[serde(default)]
    pub message_type: Option<String>,
    /// Whether $http_user_agent becomes user_agent_browser, user_agent_version and user_agent_os, as far as it says.
    /// Default false.
    #[serde(default)]
    pub user_agent_transform: bool,
    /// With user_agent_transform: whether http_user_agent is a field all the same. Default false.
    #[serde(default)]
    pub user_agent_keep: bool,
    /// With user_agent_transform: whether it is one where no browser was found. Default false.
    #[serde(default)]
    pub user_agent_conditional: bool,
    /// Whether the line stays the payload of the message, which otherwise has none. Default false.
    #[serde(default)]
    pub payload_keep: bool,
}

impl Config {
    fn user_agents(&self) -> UserAgents {
        UserAgents {
            transform: self.user_agent_transform,
            keep: self.user_agent_keep,
            keep_unknown: self.user_agent_conditional,
        }
    }
}

impl Check for Config {
    fn check(&self) -> Vec<Violation> {
        let mut violations = Vec::new();
        if let Err(error) = AccessFormat::new(&self.log_format, self.user_agents()) {
            violations.push(Violation::new("log_format", error.to_string()));
        }
        for (key, given) in [
            ("user_agent_keep", self.user_agent_keep),
            ("user_agent_conditional", self.user_agent_conditional),
        ] {
            if given && !self.user_agent_transform {
                violations.push(Violation::new(key, "means nothing without user_agent_transform = true"));
            }
        }
        violations
    }
}

impl Declare<dyn Decoder> for Config {
    const TYPE: &'static str = "NginxAccessDecoder";
    const SUMMARY: &'static str = "Reads access logs of nginx by their log_format.";

    fn emits(&self, _: &str, _: &str) -> Vec<Facts> {
        let type_ = self.message_type.as_deref().map_or(Fact::Unknown, |type_| Fact::Is(type_.into()));
        vec![Facts { type_, ..Facts::default() }]
    }

    fn build(&self, _: &BuildContext) -> Result<Box<dyn Decoder>, BuildError> {
        let format = AccessFormat::new(&self.log_format, self.user_agents());
        let format = format.map_err(|error| BuildError::new(format!("the log_format {error}")))?;
        let type_ = self.message_type.as_deref().map(Text::new);
        Ok(Box::new(NginxAccessDecoder { format, type_, keep: self.payload_keep }))
    }
}

struct NginxAccessDecoder {
    format: AccessFormat,
    type_: Option<Text>,
    keep: bool,
}

impl Decoder for NginxAccessDecoder {
    fn decode(&mut self, record: &[u8], draft: &mut Draft) -> Result<(), DecodeError> {
        let mut message = draft.begun();
        self.format.read(record, &mut message).map_err(|error| DecodeError(error.to_string()))?;
        if let Some(type_) = &self.type_ {
            message.type_ = type_.clone();
        }
        if self.keep {
            message.payload.extend_from_slice(record);
        }
        draft.messages.push(message);
        Ok(())
    }
}
