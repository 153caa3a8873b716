//! Placeholder.

/// A distribution past the exact bound.
#[derive(Debug, Clone)]
pub struct Sketch;
