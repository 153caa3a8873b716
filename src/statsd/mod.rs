//! Reads statsd datagrams into samples whose names are already series ids.
//!
//! This is the path every sample takes: marks of the structural bytes, the number, a hash, one look-up of the raw
//! spelling, a push. Sanitising, sorting tags and refusing are paid when a spelling is first seen. Sockets, splitting
//! of streams and the life of a batch are left to the caller; what is done with samples is left to `aggregate`.
//!
//! The grammar of the default dialect:
//!
//! ```text
//! datagram := line *( "\n" line )                        one "\r" at the end of a line is stripped
//! line     := name 1*( ":" values "|" type *( "|" section ) ) [ "|#" tags *( "|" section ) ]
//! values   := value *( ":" value )                       the value of a set is taken whole, ":" included
//! type     := "c" | "m" | "g" | "ms" | "h" | "d" | "s"
//! section  := "@" rate | "#" tags | "T" seconds | anything else, which is skipped
//! rate     := a number from 1e-9 to 1
//! ```
//!
//! Blanks around a number or a type are stripped.
//!
//! A line that begins with `_e{` or `_sc|` is an event or a service check of DogStatsD and becomes a message (`asides`).
//! Other dialects: `reference`, `dogstatsd`, and those of `style`, which differ in where a name holds tags.
//!
//! It follows <https://github.com/statsd/statsd/blob/master/docs/metric_types.md> and
//! <https://docs.datadoghq.com/developers/dogstatsd/datagram_shell/>, and refuses what the reference only accepts by
//! accident: unknown types, rates outside of [1e-9, 1], words and hexadecimals as numbers.

mod asides;
mod attributes;
mod dogstatsd;
mod event;
mod intern;
mod line;
mod name;
mod number;
mod origin;
mod parse;
mod reference;
mod ring;
mod rules;
mod scan;
mod service_check;
mod shape;
mod sink;
mod style;
#[cfg(test)]
mod tests;
mod timing;
mod written;

pub use asides::{EVENT_TYPE, MESSAGE_FIELDS, MESSAGE_TYPES, SERVICE_CHECK_TYPE};
pub use attributes::Attributes;
pub use event::Event;
pub use intern::Outcome;
pub use line::{LEAST_RATE, used_rate};
pub use number::number;
pub use parse::Parser;
pub use ring::{Ring, routed_name};
pub use rules::{Dialect, Rules, RulesError};
pub use service_check::{ServiceCheck, Status};
pub use written::{Datum, TagStyle, member_text, write_line};
