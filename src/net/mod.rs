//! Sockets: datagrams in, lines in, the HTTP server, and connections out.
//!
//! What arrives is handed on as bytes; splitting, decoding and retrying belong to others. Every bind error names the
//! process that holds the port.

pub mod accept;
pub mod bind;
pub mod datagram;
pub mod http;
pub mod lines;
pub mod owner;
pub mod pace;
#[cfg(any(test, not(target_os = "linux")))]
pub mod plain;
#[cfg(target_os = "linux")]
pub mod receive;

pub mod tcp;

use std::future::Future;
use std::pin::Pin;

pub use bind::BindError;
pub use datagram::{Batch, BindOptions, Bound, Datagram, Granted, Received};
#[cfg(not(target_os = "linux"))]
pub use plain::{UdpReceiver, Waker};
#[cfg(target_os = "linux")]
pub use receive::{UdpReceiver, Waker};

/// A future on the heap that may move between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
