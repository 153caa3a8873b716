//! Encoders: records as bytes.

pub mod payload;
pub mod protobuf;
pub mod rst;
