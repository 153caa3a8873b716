//! Graphite's plain text protocol: numbers as text, the names of statistics, tags, and lines out and in.
//!
//! It turns names and numbers into lines and knows nothing of where they come from: whoever walks a snapshot hands
//! them over. Legal lines are those of carbon 1.1:
//! <https://graphite.readthedocs.io/en/latest/feeding-carbon.html>,
//! <https://graphite.readthedocs.io/en/latest/tags.html>. Names are those of statsd and of Heka's StatAccumInput.

mod histogram;
mod lines;
mod namespace;
mod number;
mod parse;
mod pickle;
mod schema;
mod tags;
mod template;

pub use histogram::{Bins, HistogramRule};
pub use lines::{LineWriter, PercentNumbers, TimerNumbers};
pub use namespace::{Affix, Namespace, NamespaceOptions, Percent, PercentError, Rules, TIMER_METRICS, clean};
pub use number::{write_integer, write_number, write_six_decimals};
pub use parse::{Line, LineError, parse_line};
pub use pickle::write_pickles;
pub use schema::schema_stanza;
pub use tags::TagMode;
pub use template::{PathTemplate, TemplateError};
