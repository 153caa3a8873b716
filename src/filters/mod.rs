//! Filters: records in, other records out.

pub mod stat_accum;
