//! Encoders: records as bytes.

pub mod payload;
pub mod rst;
