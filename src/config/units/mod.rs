//! Values with a unit, as types: durations, sizes and addresses, each with precise errors.
//!
//! They read what Heka's files hold (integers) and what people write (`"250ms"`, `"8 MiB"`), and print back what
//! reads as the same value. Whether a value makes sense for a key is left to the struct that has it.

mod address;
mod duration;
mod list;
mod listening;
mod permissions;
mod size;
mod target;

pub use address::{Address, AddressError};
pub use duration::{DurationError, Millis, Seconds};
pub use list::{OneOrMany, PercentText};
pub use listening::{Descriptor, DescriptorError, ListenAddress};
pub use permissions::permissions;
pub use size::{Bytes, SizeError};
pub use target::{Target, flaw_of_socket};

pub(super) use address::ADDRESS;
pub(super) use duration::{MILLIS, SECONDS};
pub(super) use list::ONE_OR_MANY;
pub(super) use listening::LISTEN_ADDRESS;
pub(super) use size::BYTES;
