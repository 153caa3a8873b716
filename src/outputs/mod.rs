//! Outputs: where records leave.

pub mod carbon;
pub mod console;
pub mod dashboard;
pub mod file;
pub mod http;
pub mod log;
pub mod null;
pub mod prometheus;
pub mod statsd;
pub mod statsd_admin;
pub mod tcp;
pub mod udp;
