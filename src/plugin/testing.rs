//! What plugins are built with in tests.

use std::sync::Arc;

use super::{BuildContext, Draft, Shared, StateStore, Uuids};
use crate::flow::Ledger;
use crate::message::Message;
use crate::message::framing::MAX_MESSAGE_SIZE;
use crate::metric::Registry;
use crate::time::{ManualClock, Stamp};

/// A context of nothing in particular.
pub(crate) fn context() -> BuildContext {
    BuildContext {
        name: "test".into(),
        ticker_interval: None,
        longest_flush: None,
        lane: 0,
        max_message_size: MAX_MESSAGE_SIZE,
        parts: Vec::new(),
        hostname: "host".into(),
        base_dir: "/nonexistent".into(),
        names: Arc::new(Registry::new(1000)),
        ledger: Ledger::default(),
        shared: Shared::default(),
        state: StateStore::default(),
        started: NOW,
        clock: Arc::new(ManualClock::at(NOW)),
        seed: 1,
    }
}

/// An empty draft of messages received at [`NOW`].
pub(crate) fn draft() -> Draft {
    let base = Message {
        type_: "test".into(),
        logger: "test".into(),
        hostname: "host".into(),
        timestamp: NOW,
        ..Message::default()
    };
    Draft::new(base, Arc::new(Registry::new(1000)), Uuids::of_seat("test", 0, 1))
}

/// When everything is received.
pub(crate) const NOW: Stamp = Stamp::from_seconds(1_700_000_000);
