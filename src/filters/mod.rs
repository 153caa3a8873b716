//! Filters: records in, other records out.

pub mod counter;
pub mod stat_accum;
