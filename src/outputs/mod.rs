//! Outputs: where records leave.

pub mod carbon;
pub mod log;
pub mod null;
pub mod prometheus;
