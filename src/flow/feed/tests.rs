//! Tests of whom a loss is charged to.

use std::sync::Mutex;

use super::*;
use crate::flow::{Health, Ledger};
use crate::matcher::Matcher;
use crate::message::Message;

/// Legs that are asked for once.
struct Fixed(Mutex<Vec<Leg>>);

impl Routes for Fixed {
    fn generation(&self) -> u64 {
        1
    }

    fn legs(&self, _: &Arc<str>, _: Seat, _: &Facts, _: Patience) -> (u64, Vec<Leg>) {
        (1, std::mem::take(&mut *self.0.lock().unwrap()))
    }
}

#[test]
fn what_cannot_be_sent_any_more_is_lost_for_those_who_would_have_got_it() {
    let ledger = Ledger::default();
    let consumers = [("all", "TRUE"), ("some", "Logger == 'b'"), ("never", "Logger == 'zzz'")];
    let leg = |(name, matcher): (&str, &str)| Leg {
        test: Test::Record(Matcher::parse(matcher).unwrap()),
        way: Way::Queue(Arc::new(Queue::new(9, 1 << 20))),
        on_full: OnFull::Drop,
        counts: ledger.joint(&"input".into(), &name.into(), "queue"),
        health: Arc::new(Health::default()),
        reads_totals: false,
    };
    let spec = FeedSpec {
        producer: "input".into(),
        seat: Seat(0),
        number: 1,
        facts: Arc::default(),
        patience: Patience::Waits,
        max_hops: 4,
        wiring: Wiring::AsConfigured,
        counts: ledger.feed("input"),
        shutdown: Arc::default(),
    };
    let mut feed = Feed::open(spec, Arc::new(Fixed(Mutex::new(consumers.map(leg).into()))));
    let of = |logger: &str| Message { logger: logger.into(), ..Message::default() };
    feed.lose(Body::Messages(vec![of("a"), of("b"), of("b")]), Trace::default());
    let lost: Vec<(String, u64, u64)> = ledger
        .joints()
        .iter()
        .map(|joint| (joint.consumer.to_string(), joint.offered(), joint.lost(LossReason::StopDeadline)))
        .collect();
    let expected = [("all", 3, 3), ("never", 0, 0), ("some", 2, 2)];
    assert_eq!(lost, expected.map(|(name, offered, lost)| (name.to_owned(), offered, lost)));
    assert_eq!(ledger.check_settled(), Ok(()));
}
