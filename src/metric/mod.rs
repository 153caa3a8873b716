//! Samples, series and the registry that names them: the words of everything that is counted or measured.

mod bad;
mod batch;
mod census;
mod clean;
mod glob;
mod identity;
mod limits;
mod names;
mod registry;
mod series;
mod tags;

pub use bad::{BadReason, Tally};
pub use batch::{Sample, SampleBatch, SampleKind, Span, unbounded};
pub use census::PrefixCount;
pub use clean::{cleaned, is_blank};
pub use glob::SeriesGlob;
pub(crate) use identity::spread;
pub use limits::{Limit, Limits, NewSeries};
pub use names::{NameList, Names};
pub(crate) use registry::OVERFLOW;
pub use registry::{NewName, Registry, Resolved};
pub use series::{Kind, Series, SeriesId, SeriesRef};
pub(crate) use series::{reference_text, tags_text};
pub use tags::{Tags, TagsRef};
