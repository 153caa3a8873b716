//! Filters: records in, other records out.

pub mod counter;
pub mod key_flush;
mod names;
pub mod stat;
pub mod stat_accum;
pub mod threshold;
