//! What must hold of any bytes from outside. Each `run` panics if it does not.
//!
//! Shared by the fuzz targets, which look for new inputs, and `tests/seeds.rs`, which replays the known ones.
#![allow(dead_code, reason = "each fuzz target uses one of these")]

pub(crate) mod aside;
pub(crate) mod config;
pub(crate) mod datagram;
pub(crate) mod exporter;
mod exposition;
pub(crate) mod framing;
pub(crate) mod import;
pub(crate) mod matcher;
pub(crate) mod wire;
