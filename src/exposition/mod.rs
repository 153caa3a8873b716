//! What a scrape endpoint shows: names, formats, and the store behind it.
//!
//! It holds what clients' series are called, by themselves or by rules (`mapping`), keeps the last value of each, windows and buckets of distributions, and
//! renders them as text 0.0.4, OpenMetrics or protobuf. Who updates it, who scrapes it and when a series is too old is
//! decided above. One illegal line makes Prometheus refuse a whole scrape, so legality is settled when a series is
//! registered: <https://prometheus.io/docs/instrumenting/exposition_formats/>.

mod births;
mod conflicts;
mod dense;
mod distribution;
mod escape;
mod exponential;
mod exposing;
mod families;
mod format;
mod kept;
mod levels;
#[cfg(test)]
mod lint;
pub mod mapping;
mod moments;
mod names;
mod native;
mod number;
mod page;
mod protobuf;
mod render;
mod shapes;
mod sharing;
mod slot;
mod text;
mod window;

pub use births::Births;
pub use conflicts::{Conflicts, Parties, Wanted};
pub use distribution::{Observed, Samples};
pub use exposing::Hidden;
pub use families::{Claim, Claimed, Families, StoreRules};
pub use format::{Format, accepts_gzip};
pub use kept::{Kept, KeptError};
pub use levels::BucketLevels;
pub use names::{Exposed, FamilyType, Naming, Style, Unit, label_name, metric_name};
pub use number::{go_number, write_value};
pub use page::{FamilyWriter, Header, Sample, stem};
pub use render::{Cursor, Reader};
pub use shapes::{NativeRules, ShapeError, Shapes};
pub use slot::{Reading, SlotId, Updated};
pub use text::push_labels;
pub use window::WindowRules;
