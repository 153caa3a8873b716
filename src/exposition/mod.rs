//! The text form Prometheus scrapes, version 0.0.4: names, escapes, and the store behind an endpoint.
//!
//! It holds what clients' series are called, keeps the last value of each, and renders them. Who updates it, who
//! scrapes it and when a series is too old is decided above. One illegal line makes Prometheus refuse a whole scrape,
//! so legality is settled when a series is registered:
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>.

mod escape;
mod families;
#[cfg(test)]
mod lint;
mod names;
mod slot;
mod text;

pub use families::{Claim, Claimed, Conflicts, Cursor, Families};
pub use names::{Exposed, FamilyType, Naming, label_name, metric_name};
pub use slot::{Reading, SlotId};
pub use text::{CONTENT_TYPE, FamilyWriter, TextWriter, push_labels, write_value};
