//! Encoders: records as bytes.

pub mod payload;
