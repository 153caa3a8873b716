//! What the page shows of the daemon itself: what came in and went out, what was lost and why, the routes, and
//! where the readers of files are.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::events::event;
use super::series::{Heaviest, USUAL};
use crate::flow::{Ledger, OwnMetrics};
use crate::metric::Registry;
use crate::plugin::{StreamStatus, Streams};
use crate::time::Stamp;

/// Where the status comes from.
pub(super) struct Source {
    /// The books.
    pub(super) ledger: Ledger,
    /// The registry of series.
    pub(super) names: Arc<Registry>,
    /// The streams that inputs read.
    pub(super) streams: Arc<Streams>,
    /// When the daemon started.
    pub(super) started: Stamp,
}

/// Running totals; whoever reads two of them has rates.
#[derive(Debug, Default, Serialize)]
struct Status {
    now: f64,
    version: &'static str,
    uptime: f64,
    series: usize,
    series_limit: usize,
    datagrams: f64,
    lines: f64,
    samples: f64,
    delivered: f64,
    /// What was lost or refused: what, why, how much.
    losses: Vec<(&'static str, String, f64)>,
    routes: Vec<Route>,
    streams: Vec<Stream>,
    /// How many more there are.
    more_streams: usize,
    /// The heaviest prefixes and the newest names.
    registry: Option<Heaviest>,
}

#[derive(Debug, Serialize)]
struct Route {
    from: String,
    to: String,
    way: &'static str,
    taken: u64,
    lost: u64,
    held: i64,
}

/// A stream of files.
#[derive(Debug, Serialize)]
struct Stream {
    input: String,
    stream: String,
    path: String,
    offset: u64,
    behind: u64,
    trouble: String,
}

impl Source {
    /// The event `status` as of `now`.
    pub(super) fn event(&self, now: Stamp) -> Box<[u8]> {
        let mut status = Status {
            now: now.0 as f64 / 1e9,
            version: env!("CARGO_PKG_VERSION"),
            uptime: now.since(self.started).as_secs_f64(),
            series: self.names.len(),
            series_limit: self.names.max_series(),
            routes: self.routes(),
            registry: Some(Heaviest::new(&self.names, USUAL, now)),
            ..Status::default()
        };
        self.read_streams(&mut status);
        read(self.ledger.own(), &mut status);
        status.losses.sort_by(|one, other| (one.0, &one.1).cmp(&(other.0, &other.1)));
        event("status", &status)
    }

    /// Those in trouble come first, then those that are farthest behind.
    fn read_streams(&self, status: &mut Status) {
        let all = self.streams.all().into_iter().flat_map(|(input, streams)| {
            let stream = move |stream: StreamStatus| Stream {
                input: input.to_string(),
                stream: stream.stream,
                path: stream.path,
                offset: stream.offset,
                behind: stream.behind,
                trouble: stream.trouble,
            };
            streams.into_iter().map(stream)
        });
        let mut all: Vec<Stream> = all.collect();
        all.sort_by_key(|stream| (stream.trouble.is_empty(), std::cmp::Reverse(stream.behind)));
        status.more_streams = all.len().saturating_sub(MOST_STREAMS);
        all.truncate(MOST_STREAMS);
        status.streams = all;
    }

    fn routes(&self) -> Vec<Route> {
        let joints = self.ledger.joints();
        let route = |joint: &Arc<crate::flow::JointCounts>| Route {
            from: joint.producer.to_string(),
            to: joint.consumer.to_string(),
            way: joint.way,
            taken: joint.taken(),
            lost: joint.lost_total(),
            held: joint.held(),
        };
        joints.iter().map(route).collect()
    }
}

/// Adds up what inputs and outputs count, and every loss that is not zero.
fn read(own: &OwnMetrics, status: &mut Status) {
    let mut sent: BTreeMap<String, f64> = BTreeMap::new();
    let mut inputs: Vec<String> = Vec::new();
    let mut losses: BTreeMap<(&'static str, String), f64> = BTreeMap::new();
    own.visit(|name, labels, _, value| {
        let label = |wanted| labels.iter().find(|(key, _)| *key == wanted).map_or("", |(_, value)| value);
        match name {
            "hekad_datagrams_total" => status.datagrams += value,
            "hekad_lines_total" => {
                inputs.push(label("input").to_owned());
                status.lines += value;
            }
            "hekad_feed_records_total" => *sent.entry(label("producer").to_owned()).or_default() += value,
            "hekad_delivered_total" => status.delivered += value,
            _ => {}
        }
        if let Some((_, what, why)) =
            LOSSES.iter().find(|(counter, ..)| *counter == name).filter(|_| value > 0.0)
        {
            let said = [label("reason"), label("limit")].concat();
            let why = if why.is_empty() { said.replace('_', " ") } else { (*why).to_owned() };
            *losses.entry((what, why)).or_default() += value;
        }
    });
    status.samples = inputs.iter().filter_map(|input| sent.get(input)).sum();
    status.losses = losses.into_iter().map(|((what, why), total)| (what, why, total)).collect();
}

/// Streams that are shown.
const MOST_STREAMS: usize = 100;

/// Counters of what does not arrive: what was lost, and why where no label says so.
const LOSSES: [(&str, &str, &str); 17] = [
    ("hekad_records_lost_total", "records", ""),
    ("hekad_bad_lines_total", "values", ""),
    ("hekad_sample_messages_refused_total", "samples as messages", ""),
    ("hekad_kernel_drops_total", "datagrams", "dropped by the kernel"),
    ("hekad_truncated_datagrams_total", "datagrams", "too long"),
    ("hekad_long_lines_total", "lines", "too long"),
    ("hekad_unfinished_lines_total", "lines", "cut off"),
    ("hekad_connections_refused_total", "connections", "too many"),
    ("hekad_decode_errors_total", "records", "undecodable"),
    ("hekad_tail_gap_bytes_total", "bytes of files", "truncated or passed over"),
    ("hekad_tail_vanished_total", "files", "gone before they were read"),
    ("hekad_dropped_samples_total", "samples", "dropped as configured"),
    ("hekad_overflow_samples_total", "samples in overflow", ""),
    ("hekad_table_lost_total", "samples", "fault of a filter or deleted"),
    ("hekad_http_refused_total", "requests", "too many connections"),
    ("hekad_dashboard_clients_refused_total", "pages", "too many"),
    ("hekad_dashboard_events_skipped_total", "page events", "slow browser"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_in_trouble_come_first_and_then_those_that_are_behind() {
        let streams = Streams::default();
        let stream = |name: usize, behind, trouble: &str| StreamStatus {
            stream: format!("s{name}"),
            path: "/l/a.log".to_owned(),
            offset: 7,
            behind,
            trouble: trouble.to_owned(),
        };
        let mut all: Vec<StreamStatus> = (0..120).map(|name| stream(name, name as u64, "")).collect();
        all[5].trouble = "a.log cannot be read".to_owned();
        streams.tell(&"logs".into(), all);
        let (ledger, names) = (Ledger::default(), Arc::new(Registry::new(10)));
        let source = Source { ledger, names, streams: Arc::new(streams), started: Stamp(0) };
        let event = String::from_utf8(source.event(Stamp(1)).into_vec()).expect("events are text");
        let place = |text: &str| event.find(text).unwrap_or_else(|| panic!("no {text} in {event}"));
        assert!(place(r#""stream":"s5""#) < place(r#""stream":"s119""#));
        assert!(place(r#""stream":"s119""#) < place(r#""stream":"s118""#));
        place(r#""more_streams":20"#);
        place(
            r#"{"input":"logs","stream":"s5","path":"/l/a.log","offset":7,"behind":5,"trouble":"a.log cannot be read"}"#,
        );
    }
}
