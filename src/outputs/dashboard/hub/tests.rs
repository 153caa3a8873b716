//! Tests of what clients are sent, byte by byte.

use std::time::Duration;

use super::*;
use crate::aggregate::{CounterPoint, CounterTotal, Distribution, GaugePoint, SetPoint, TimerPoint, View};
use crate::flow::OwnMetrics;
use crate::metric::{Kind, Resolved, Series, SeriesId};
use crate::time::{Slot, Stamp};

fn hub(names: &Arc<Registry>, max_clients: usize) -> Arc<Hub> {
    let own = OwnMetrics::default();
    let counts = Counts {
        clients: own.level("clients", &[]),
        refused: own.counter("refused", &[]),
        skipped: own.counter("skipped", &[]),
    };
    Arc::new(Hub::new(Arc::clone(names), max_clients, counts))
}

fn join(hub: &Arc<Hub>, glob: &str) -> Option<Subscription> {
    hub.join(glob, SeriesGlob::new(glob).unwrap(), b"event:status\ndata:{}\n\n")
}

/// What waits for a client, and whether the stream has ended.
fn taken(client: &mut Subscription) -> (String, bool) {
    let mut text = String::new();
    loop {
        match client.poll_next(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Some(piece)) => text.push_str(std::str::from_utf8(&piece).unwrap()),
            Poll::Ready(None) => return (text, true),
            Poll::Pending => return (text, false),
        }
    }
}

fn named(names: &Registry, kind: Kind, name: &str, tags: &[(&str, &str)]) -> SeriesId {
    let tags = tags.iter().copied().collect();
    match names.resolve(Series { tags, ..Series::plain(name, kind) }) {
        Resolved::Known(id) | Resolved::Overflow(id) => id,
    }
}

/// A view of one of each kind, two seconds long.
fn view(names: &Arc<Registry>) -> Snapshot {
    let hostile = [("k", "</script>\"\n")];
    let counter = named(names, Kind::Counter, "a.count", &hostile);
    let created = Stamp(0);
    Snapshot {
        view: View::Live,
        slot: Slot { end: Stamp::from_seconds(1_700_000_000), interval: Duration::from_secs(2) },
        names: Arc::clone(names),
        counters: vec![CounterPoint { series: counter, sum: 5.0 }],
        totals: vec![CounterTotal { samples: 3, total: 50.0, created }],
        gauges: vec![GaugePoint { series: named(names, Kind::Gauge, "b.level", &[]), value: -1.5 }],
        gauge_samples: vec![1],
        timers: vec![TimerPoint {
            series: named(names, Kind::Timer, "c.time", &[]),
            samples: 4,
            weight: 8.0,
            distribution: Distribution::Exact(0..4),
            total_weight: 8.0,
            total_sum: 20.0,
            created,
        }],
        sets: vec![SetPoint {
            series: named(names, Kind::Set, "d.users", &[]),
            samples: 2,
            cardinality: 7,
            members: None,
        }],
        values: vec![1.0, 2.0, 3.0, 4.0],
        samples: 10,
        own: None,
    }
}

#[test]
fn a_client_is_greeted_with_names_and_sent_what_it_chose() {
    let names = Arc::new(Registry::new(10));
    let (hub, found) = (hub(&names, 4), view(&names));
    let mut all = join(&hub, "*").unwrap();
    let mut some = join(&hub, "b.*").unwrap();
    let greeting = concat!(
        "retry:2000\n\n",
        "event:names\ndata:{\"matching\":4,\"series\":[[\"counter\",\"a.count\",\"k:</script>\\\"\\n\"],",
        "[\"gauge\",\"b.level\",\"\"],[\"timer\",\"c.time\",\"\"],[\"set\",\"d.users\",\"\"]]}\n\n",
        "event:status\ndata:{}\n\n",
    );
    assert_eq!(taken(&mut all), (greeting.to_owned(), false));
    taken(&mut some);
    hub.show(&found, "StatAccumFilter");
    let (text, _) = taken(&mut all);
    let head = "event:view\ndata:{\"t\":1700000000.0,\"dt\":2.0,\"matching\":4,\"moving\":4,\"series\":[";
    assert!(text.starts_with(head), "{text}");
    let points = [
        r#"["counter","a.count","k:</script>\"\n",2.5]"#,
        r#"["gauge","b.level","",-1.5]"#,
        r#"["timer","c.time","",[1.0,2.0,4.0,4.0,4.0,4.0]]"#,
        r#"["set","d.users","",7.0]"#,
    ];
    assert!(points.iter().all(|point| text.contains(point)), "{text}");
    let alone = concat!(
        "event:view\ndata:{\"t\":1700000000.0,\"dt\":2.0,\"matching\":1,\"moving\":1,",
        "\"series\":[[\"gauge\",\"b.level\",\"\",-1.5]]}\n\n"
    );
    assert_eq!(taken(&mut some), (alone.to_owned(), false));
}

#[test]
fn what_rests_is_null_and_what_is_anothers_has_no_value() {
    let names = Arc::new(Registry::new(10));
    let (hub, found) = (hub(&names, 4), view(&names));
    let mut client = join(&hub, "b.level").unwrap();
    hub.show(&found, "one");
    taken(&mut client);
    let empty = Snapshot { gauges: Vec::new(), ..view(&names) };
    hub.show(&empty, "one");
    assert!(
        taken(&mut client).0.ends_with("\"moving\":0,\"series\":[[\"gauge\",\"b.level\",\"\",null]]}\n\n")
    );
    hub.show(&found, "two");
    assert!(taken(&mut client).0.ends_with("\"moving\":0,\"series\":[[\"gauge\",\"b.level\",\"\"]]}\n\n"));
}

#[test]
fn a_slow_client_misses_events_and_is_told_the_names_again() {
    let names = Arc::new(Registry::new(10));
    let (hub, found) = (hub(&names, 4), view(&names));
    let mut client = join(&hub, "*").unwrap();
    for _ in 0..WAITING {
        hub.show(&found, "one");
    }
    assert!(hub.counts.skipped.value() >= 3, "{}", hub.counts.skipped.value());
    let (text, _) = taken(&mut client);
    assert_eq!(text.matches("event:").count(), WAITING);
    hub.tell(b"event:status\ndata:{}\n\n".as_slice().into());
    assert!(taken(&mut client).0.starts_with("event:names\n"));
    hub.tell(b"event:status\ndata:{}\n\n".as_slice().into());
    assert_eq!(taken(&mut client).0, "event:status\ndata:{}\n\n");
}

#[test]
fn clients_beyond_the_limit_are_refused_and_counted_until_one_leaves() {
    let names = Arc::new(Registry::new(10));
    let hub = hub(&names, 1);
    let first = join(&hub, "*").unwrap();
    assert!(join(&hub, "*").is_none());
    assert_eq!((hub.counts.refused.value(), hub.counts.clients.value()), (1, 1.0));
    drop(first);
    assert!(!hub.is_watched());
    assert!(locked(&hub.inside).choices.is_empty());
    assert!(join(&hub, "*").is_some());
}

#[test]
fn a_closed_hub_ends_its_streams_and_lets_nobody_in() {
    let names = Arc::new(Registry::new(10));
    let hub = hub(&names, 4);
    let mut client = join(&hub, "*").unwrap();
    taken(&mut client);
    hub.close();
    assert_eq!(taken(&mut client), (String::new(), true));
    assert!(join(&hub, "*").is_none());
}
