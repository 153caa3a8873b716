//! What there is to know about following log files: which names make a stream and in which order, where reading goes
//! on, and what a journal says.
//!
//! Pure: files are behind the trait `Files`, so that the rules of rotation are tried against a file system that is a
//! table. Heka's own tailer set the options and the journal's keys:
//! <https://hekad.readthedocs.io/en/latest/config/inputs/logstreamer.html>.

mod fingerprint;
mod follow;
mod journal;
mod listing;
mod names;
mod receipts;

pub use fingerprint::{Fingerprint, Head, Window};
pub use follow::{
    Closing, Files, Follower, Happened, Look, Named, OpenError, Reading, Settings, Start, Turn,
};
pub use journal::{JournalError, Position};
pub use listing::{FileId, Found, Order, Slot, order};
pub use names::{NamesError, Odd, Placed, Rules, RulesSpec};
pub use receipts::{Receipt, Receipts};
