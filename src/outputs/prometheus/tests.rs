//! Tests of the scrape endpoint with snapshots made by hand.

use std::io::Read;
use std::net::{IpAddr, Ipv4Addr};

use flate2::read::GzDecoder;

use super::scrape::Scrape;
use super::showing::Showing;
use super::*;
use crate::aggregate::{CounterPoint, CounterTotal, Distribution, GaugePoint, Snapshot, TimerPoint, View};
use crate::config::Seconds;
use crate::flow::Ledger;
use crate::metric::{Kind, Registry, Resolved, Series, SeriesId};
use crate::net::http::{Answer, Body, Caller, Method};
use crate::plugin::Shared;
use crate::time::{ManualClock, Slot};

/// An endpoint with one aggregator.
struct Endpoint {
    context: BuildContext,
    store: Arc<Mutex<Families>>,
    showing: Showing,
    scrape: Scrape,
}

const START: Stamp = Stamp::from_seconds(1000);

impl Endpoint {
    fn new(config: &Config) -> Endpoint {
        Endpoint::since(config, START)
    }

    fn since(config: &Config, since: Stamp) -> Endpoint {
        let ledger = Ledger::new(Default::default());
        let context = BuildContext {
            max_message_size: crate::message::framing::MAX_MESSAGE_SIZE,
            parts: Vec::new(),
            name: "prometheus".into(),
            ticker_interval: None,
            longest_flush: None,
            lane: 0,
            hostname: "host".into(),
            base_dir: "/nonexistent".into(),
            names: Arc::new(Registry::new(1000)),
            ledger,
            shared: Shared::default(),
            state: StateStore::default(),
            started: START,
            clock: Arc::new(ManualClock::at(START)),
            seed: 1,
        };
        let store = Arc::new(Mutex::new(Families::new(config.rules().unwrap(), Arc::clone(&context.names))));
        Endpoint {
            showing: Showing::new(&context, Arc::clone(&store), since),
            scrape: Scrape::new(&context, Arc::clone(&store), config),
            store,
            context,
        }
    }

    fn id(&self, name: &str, kind: Kind) -> SeriesId {
        match self.context.names.resolve(Series::plain(name, kind)) {
            Resolved::Known(id) | Resolved::Overflow(id) => id,
        }
    }

    fn snapshot(&self, view: View, second: i64) -> Snapshot {
        Snapshot {
            view,
            slot: Slot { end: Stamp::from_seconds(second), interval: Duration::from_secs(1) },
            names: Arc::clone(&self.context.names),
            counters: Vec::new(),
            totals: Vec::new(),
            gauges: Vec::new(),
            gauge_samples: Vec::new(),
            timers: Vec::new(),
            sets: Vec::new(),
            values: Vec::new(),
            samples: 0,
            own: None,
        }
    }

    /// One sample of a counter `c`, and samples of a timer `t` with totals.
    fn show(&mut self, view: View, second: i64, total: f64, times: &[f64]) {
        let (counter, timer) = (self.id("c", Kind::Counter), self.id("t", Kind::Timer));
        let mut found = self.snapshot(view, second);
        found.counters.push(CounterPoint { series: counter, sum: 1.0 });
        found.totals.push(CounterTotal { samples: 1, total, created: START });
        found.timers.push(TimerPoint {
            series: timer,
            samples: times.len() as u64,
            weight: times.len() as f64,
            distribution: Distribution::Exact(0..times.len()),
            total_weight: total,
            total_sum: total * 1000.0,
            created: START,
        });
        found.values.extend(times);
        self.showing.show(&found, "aggregator");
    }

    fn ask(&self, method: Method, headers: &[(&str, &str)], connection: u64) -> Response {
        let mut request = Request {
            method,
            path: METRICS_PATH.into(),
            query: String::new(),
            headers: Default::default(),
            caller: Caller { peer: IpAddr::V4(Ipv4Addr::LOCALHOST), connection },
        };
        for &(name, value) in headers {
            let name: http::HeaderName = name.parse().unwrap();
            request.headers.append(name, value.parse().unwrap());
        }
        self.scrape.respond(&request)
    }

    /// The samples of clients, as they are shown to a person.
    fn samples(&self) -> Vec<String> {
        samples(self.ask(Method::GET, &[], 0).collect())
    }

    /// The same as they are shown to Prometheus on that connection.
    fn scraped(&self, connection: u64) -> Vec<String> {
        samples(self.ask(Method::GET, &[SCRAPER], connection).collect())
    }

    fn count(&self, name: &'static str) -> u64 {
        self.context.own().counter(name, &[("output", "prometheus")]).value()
    }
}

const SCRAPER: (&str, &str) = ("X-Prometheus-Scrape-Timeout-Seconds", "10");

fn samples(answer: Answer) -> Vec<String> {
    let page = String::from_utf8(answer.body).unwrap();
    let samples = page.lines().filter(|line| !line.starts_with('#') && !line.starts_with("hekad_"));
    samples.map(str::to_owned).collect()
}

fn config() -> Config {
    let buckets = BucketTable(vec![("t".to_owned(), vec![1.0])]);
    Config { quantiles: vec![0.5], buckets, ..Config::default() }
}

fn shown(low: u32, all: u32, sum: u32, total: u32) -> Vec<String> {
    [
        format!("c_total {total}"),
        format!("t_seconds_bucket{{le=\"1.0\"}} {low}"),
        format!("t_seconds_bucket{{le=\"+Inf\"}} {all}"),
        format!("t_seconds_sum {sum}"),
        format!("t_seconds_count {all}"),
    ]
    .to_vec()
}

#[test]
fn closed_views_are_shown_where_there_are_no_others() {
    let mut endpoint = Endpoint::new(&config());
    endpoint.show(View::Closed, 1010, 1.0, &[1000.0, 2000.0]);
    endpoint.show(View::Closed, 1020, 2.0, &[3000.0]);
    assert_eq!(endpoint.samples(), shown(1, 3, 6, 2));
}

#[test]
fn of_live_and_closed_views_of_one_aggregator_the_live_ones_count() {
    let mut endpoint = Endpoint::new(&config());
    endpoint.show(View::Closed, 1001, 1.0, &[1000.0]);
    endpoint.show(View::Live, 1001, 1.0, &[1000.0]);
    endpoint.show(View::Live, 1002, 2.0, &[3000.0]);
    endpoint.show(View::Closed, 1010, 2.0, &[1000.0, 3000.0]);
    assert_eq!(endpoint.samples(), shown(1, 2, 4, 2));
    let stamp = |line: &str| line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap();
    let open = endpoint.ask(Method::GET, &[("Accept", "application/openmetrics-text")], 0).collect();
    let created = samples(open).into_iter().find(|line| line.starts_with("t_seconds_created")).unwrap();
    assert_eq!(stamp(&created), 1000.0, "counting began with the first live view");
}

#[test]
fn a_scraper_sees_what_is_new_at_zero_once_and_people_never_do() {
    let mut endpoint = Endpoint::new(&config());
    endpoint.show(View::Live, 1001, 5.0, &[500.0]);
    assert_eq!(
        endpoint.samples(),
        shown(1, 1, 0, 5).join("|").replace("sum 0", "sum 0.5").split('|').collect::<Vec<_>>()
    );
    assert_eq!(endpoint.scraped(1), shown(0, 0, 0, 0));
    assert_eq!(endpoint.scraped(1)[0], "c_total 5");
    // Another one of the same kind goes on where the first was; one of another kind has seen nothing.
    assert_eq!(endpoint.scraped(2)[0], "c_total 5");
    let other = [SCRAPER, ("User-Agent", "other")];
    assert_eq!(samples(endpoint.ask(Method::GET, &other, 3).collect())[0], "c_total 0");
    assert_eq!(samples(endpoint.ask(Method::GET, &other, 3).collect())[0], "c_total 5");
}

#[test]
fn a_scrape_that_was_not_rendered_to_the_end_has_shown_nothing() {
    let mut endpoint = Endpoint::new(&config());
    endpoint.show(View::Live, 1001, 5.0, &[]);
    let Body::Chunks(mut chunks) = endpoint.ask(Method::GET, &[SCRAPER], 1).body else {
        panic!("it has parts")
    };
    drop(chunks().unwrap());
    drop(chunks);
    assert_eq!(endpoint.scraped(1)[0], "c_total 0");
    assert_eq!(endpoint.scraped(1)[0], "c_total 5");
}

#[test]
fn what_is_old_is_not_at_zero_to_a_scraper_that_was_never_seen() {
    let mut endpoint = Endpoint::new(&config());
    endpoint.show(View::Live, 1001, 5.0, &[]);
    locked(&endpoint.store).pass(Stamp::from_seconds(1002));
    locked(&endpoint.store).pass(Stamp::from_seconds(1121));
    assert_eq!(endpoint.scraped(1)[0], "c_total 0");
    locked(&endpoint.store).pass(Stamp::from_seconds(1122));
    let other = [SCRAPER, ("User-Agent", "other")];
    assert_eq!(samples(endpoint.ask(Method::GET, &other, 3).collect())[0], "c_total 5");
}

#[test]
fn what_was_counted_before_the_endpoint_was_there_is_not_new() {
    let mut endpoint = Endpoint::since(&config(), START.plus(Duration::from_secs(1)));
    endpoint.show(View::Live, 1001, 5.0, &[]);
    assert_eq!(endpoint.scraped(1)[0], "c_total 5");
}

#[test]
fn nobody_sees_zero_first_where_it_is_switched_off() {
    let mut endpoint = Endpoint::new(&Config { start_at_zero: false, ..config() });
    endpoint.show(View::Live, 1001, 5.0, &[]);
    assert_eq!(endpoint.scraped(1)[0], "c_total 5");
}

#[test]
fn a_total_that_falls_is_counted_and_not_shown() {
    let mut endpoint = Endpoint::new(&config());
    endpoint.show(View::Live, 1001, 5.0, &[]);
    endpoint.show(View::Live, 1002, 4.0, &[]);
    assert_eq!(endpoint.samples()[0], "c_total 5");
    assert_eq!(endpoint.count("hekad_totals_fallen_total"), 2, "of the counter and of the timer");
}

#[test]
fn an_idle_point_does_not_bring_back_what_expired_and_a_sample_does() {
    let mut endpoint = Endpoint::new(&Config { ttl: Seconds(Duration::from_secs(5)), ..config() });
    let gauge = endpoint.id("g", Kind::Gauge);
    let mut show = |second, samples| {
        let mut found = endpoint.snapshot(View::Live, second);
        found.gauges.push(GaugePoint { series: gauge, value: 3.0 });
        found.gauge_samples.push(samples);
        endpoint.showing.show(&found, "aggregator");
        let mut store = locked(&endpoint.store);
        endpoint.showing.expire(&mut store, Stamp::from_seconds(second));
        store.len()
    };
    assert_eq!([show(1001, 0), show(1006, 0), show(1007, 0), show(1008, 0), show(1009, 1)], [1, 1, 0, 0, 1]);
}

#[test]
fn format_and_coding_are_those_that_are_asked_for() {
    let mut endpoint = Endpoint::new(&config());
    endpoint.show(View::Live, 1001, 5.0, &[500.0]);
    let open = ("Accept", "application/openmetrics-text;version=1.0.0,text/plain;q=0.5");
    let answer =
        endpoint.ask(Method::GET, &[open, ("Accept-Encoding", "deflate"), ("Accept-Encoding", "gzip")], 0);
    assert_eq!(answer.content_type, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    let headers = [("vary", "Accept, Accept-Encoding"), ("content-encoding", "gzip")];
    assert_eq!(answer.headers, headers.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let (packed, mut page) = (answer.collect().body, String::new());
    GzDecoder::new(&packed[..]).read_to_string(&mut page).unwrap();
    let plain = String::from_utf8(endpoint.ask(Method::GET, &[open], 0).collect().body).unwrap();
    let clients = |page: &str| page[page.find("# HELP c ").unwrap()..].to_owned();
    assert_eq!(clients(&page), clients(&plain));
    assert!(plain.ends_with("\nt_seconds_created 1000\n# EOF\n"), "{plain}");
    let head = endpoint.ask(Method::HEAD, &[open, ("Accept-Encoding", "gzip")], 0);
    assert_eq!(head.headers, headers.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let head = head.collect();
    assert_eq!(head.content_type, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert!(head.body.is_empty());
    assert_eq!(endpoint.count("hekad_scrapes_total"), 2);
}

#[test]
fn scrapes_beyond_those_allowed_are_told_to_come_again() {
    let endpoint = Endpoint::new(&Config { max_scrapes: 1, ..config() });
    let first = endpoint.ask(Method::GET, &[], 0);
    let second = endpoint.ask(Method::GET, &[], 0);
    assert_eq!(second.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(second.headers, [("retry-after".to_owned(), "1".to_owned())]);
    drop(first);
    assert_eq!(endpoint.ask(Method::GET, &[], 0).status, StatusCode::OK);
    assert_eq!(endpoint.count("hekad_scrapes_refused_total"), 1);
}
