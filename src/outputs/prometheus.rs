//! `PrometheusOutput`: the last flush and the running totals, for a scraper to fetch.
//!
//! Counters are cumulative and never reset by a flush or a scrape. Quantiles are those of the last closed interval of
//! the aggregator. What a series is called depends on configuration and its own name alone; two types under one name
//! are resolved series by series and counted, so that no sample can break a scrape.
//! Format: <https://prometheus.io/docs/instrumenting/exposition_formats/>.

mod own;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::aggregate::Snapshot;
use crate::config::{Address, Check, Seconds, Violation};
use crate::exposition::{CONTENT_TYPE, Claim, Cursor, Families, Naming, Reading, SlotId};
use crate::flow::{Count, Level, RecordRef};
use crate::metric::{Kind, Series, SeriesId};
use crate::net::http::{Body, Request, Response, StatusCode};
use crate::net::{Handler, HttpServers};
use crate::plugin::{
    BuildContext, BuildError, Declare, Endpoint, Fault, LocalFuture, Outcome, Outgoing, Output, Protocol,
    Readiness, Ticker,
};
use crate::time::Stamp;

/// Options of `PrometheusOutput`.
#[derive(Debug, Clone, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where to serve /metrics, /-/healthy and /-/ready. Default "127.0.0.1:4352".
    pub address: Address,
    /// What the names of counters end in; a name that ends in it already is left as it is. Default "_total".
    pub counter_suffix: String,
    /// Quantiles of timers, histograms and distributions, of the last closed interval. Default [0.5, 0.9, 0.99].
    pub quantiles: Vec<f64>,
    /// A series that no flush brought for so long is no longer shown; 0 (default) shows it for ever. Series are brought
    /// by every flush as long as the aggregator keeps them: see its `delete_idle_stats`.
    pub ttl: Seconds,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            address: Address::new("127.0.0.1", 4352),
            counter_suffix: "_total".to_owned(),
            quantiles: vec![0.5, 0.9, 0.99],
            ttl: Seconds(std::time::Duration::ZERO),
        }
    }
}

impl Check for Config {
    fn check(&self) -> Vec<Violation> {
        let mut violations = Vec::new();
        let outside = |(_, quantile): &(usize, &f64)| !(0.0..=1.0).contains(*quantile);
        for (place, quantile) in self.quantiles.iter().enumerate().filter(outside) {
            let message = format!("{quantile} is not between 0 and 1");
            violations.push(Violation::new("quantiles", message).of_element(place));
        }
        if self.quantiles.len() > 100 {
            violations.push(Violation::new("quantiles", "must be 100 or fewer"));
        }
        let legal = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        if !self.counter_suffix.chars().all(legal) {
            violations.push(Violation::new("counter_suffix", "may hold only letters, digits and `_`"));
        }
        violations
    }
}

impl Declare<dyn Output> for Config {
    const TYPE: &'static str = "PrometheusOutput";
    const SUMMARY: &'static str = "Serves what was aggregated to Prometheus, with the daemon's own metrics.";

    fn listens(&self) -> Vec<Endpoint> {
        let path = Some(METRICS_PATH.to_owned());
        vec![Endpoint { path, ..Endpoint::new(Protocol::Tcp, &self.address, "address") }]
    }

    fn default_matcher(&self) -> Option<&'static str> {
        Some("Type == 'heka.statlive'")
    }

    fn ticker(&self) -> Ticker {
        Ticker::Every(std::time::Duration::from_secs(1))
    }

    fn build(&self, context: &BuildContext) -> Result<Box<dyn Output>, BuildError> {
        let address = crate::net::resolve(self.address.host(), self.address.port())
            .map_err(|error| BuildError::new(format!("{} cannot be resolved: {error}", self.address)))?;
        let naming = Naming { counter_suffix: self.counter_suffix.clone(), ..Naming::default() };
        let mut quantiles = self.quantiles.clone();
        quantiles.sort_by(f64::total_cmp);
        quantiles.dedup();
        let store = Arc::new(Mutex::new(Families::new(naming)));
        let output = [("output", &*context.name)];
        let own = context.own();
        mount(context, address, Arc::clone(&store))?;
        Ok(Box::new(PrometheusOutput {
            store,
            quantiles,
            ttl: self.ttl,
            places: Kind::ALL.map(|_| Vec::new()),
            loggers: HashMap::new(),
            conflicts: own.counter("hekad_name_conflicts_total", &output),
            reserved: own.counter("hekad_names_reserved_total", &output),
            doubled: own.counter("hekad_doubled_series_total", &output),
            exposed: own.level("hekad_exposed_series", &output),
        }))
    }
}

struct PrometheusOutput {
    store: Arc<Mutex<Families>>,
    quantiles: Vec<f64>,
    ttl: Seconds,
    /// Where each series is kept, by kind and index.
    places: [Vec<Place>; Kind::ALL.len()],
    /// Aggregators by number.
    loggers: HashMap<Box<str>, u16>,
    conflicts: Count,
    reserved: Count,
    doubled: Count,
    exposed: Level,
}

/// What became of a series.
#[derive(Debug, Clone, Copy, Default)]
enum Place {
    /// It never came.
    #[default]
    New,
    /// It is kept there and belongs to the aggregator of this number: totals of another one would move it back.
    At(SlotId, u16),
    /// Its name is another's.
    Refused,
}

impl Output for PrometheusOutput {
    fn send<'a>(&'a mut self, out: &'a Outgoing<'a>) -> LocalFuture<'a, Outcome> {
        Box::pin(async move {
            let mut refused = 0;
            for (_, record) in out.delivery.records() {
                let RecordRef::Snapshot { pack, found, .. } = record else {
                    refused += 1;
                    continue;
                };
                let logger = match &pack.facts.logger {
                    crate::matcher::Fact::Is(logger) => logger.clone(),
                    _ => Box::default(),
                };
                self.show(found, logger);
            }
            match refused {
                0 => Outcome::Delivered,
                _ => Outcome::Partly {
                    refused,
                    why: Fault::new("only flushes can be shown; narrow message_matcher"),
                },
            }
        })
    }

    fn tick(&mut self, now: Stamp) -> Result<(), Fault> {
        if !self.ttl.0.is_zero() {
            let mut store = lock(&self.store);
            store.expire(Stamp(
                now.0.saturating_sub(i64::try_from(self.ttl.0.as_nanos()).unwrap_or(i64::MAX)),
            ));
            self.exposed.set(store.len() as f64);
        }
        Ok(())
    }
}

impl PrometheusOutput {
    fn show(&mut self, found: &Snapshot, logger: Box<str>) {
        let next = u16::try_from(self.loggers.len()).unwrap_or(u16::MAX);
        let logger = *self.loggers.entry(logger).or_insert(next);
        let store = Arc::clone(&self.store);
        let mut store = lock(&store);
        let at = found.slot.end;
        for point in &found.counters {
            self.update(&mut store, found, point.series, logger, Reading::Counter(point.total), at);
        }
        for point in &found.gauges {
            self.update(&mut store, found, point.series, logger, Reading::Gauge(point.value), at);
        }
        let mut quantiles = Vec::new();
        for point in &found.timers {
            quantiles.clear();
            // Nothing came in the interval: NaN, as everywhere in the field, so that the series goes on.
            quantiles
                .extend(self.quantiles.iter().map(|&q| (q, found.quantile(point, q).unwrap_or(f64::NAN))));
            let reading =
                Reading::Summary { quantiles: &quantiles, sum: point.total_sum, count: point.total_weight };
            self.update(&mut store, found, point.series, logger, reading, at);
        }
        for point in &found.sets {
            self.update(
                &mut store,
                found,
                point.series,
                logger,
                Reading::Gauge(point.cardinality as f64),
                at,
            );
        }
        self.exposed.set(store.len() as f64);
    }

    fn update(
        &mut self,
        store: &mut Families,
        found: &Snapshot,
        id: SeriesId,
        logger: u16,
        reading: Reading<'_>,
        at: Stamp,
    ) {
        let places = &mut self.places[id.kind() as usize];
        if places.len() <= id.index() {
            places.resize(found.names.len_of(id.kind()).max(id.index() + 1), Place::New);
        }
        match places[id.index()] {
            Place::Refused => return,
            Place::At(slot, owner) if owner != logger && store.is_alive(slot) => {
                // The totals of another aggregator would move it back.
                self.doubled.add(1);
                return;
            }
            Place::At(slot, _) if store.update(slot, reading, at) => return,
            Place::At(..) | Place::New => {}
        }
        let place = self.claim(store, &found.names.series(id), logger, at);
        self.places[id.kind() as usize][id.index()] = place;
        if let Place::At(slot, _) = place {
            store.update(slot, reading, at);
        }
    }

    fn claim(&mut self, store: &mut Families, series: &Arc<Series>, logger: u16, at: Stamp) -> Place {
        match store.claim(series, at) {
            Claim::Refused { .. } => {
                self.conflicts.add(1);
                Place::Refused
            }
            Claim::Exposed(claimed) => {
                self.conflicts.add((claimed.new && claimed.diverted).into());
                self.reserved.add((claimed.new && claimed.renamed).into());
                Place::At(claimed.slot, logger)
            }
        }
    }
}

/// Answers scrapes.
struct Scrape {
    store: Arc<Mutex<Families>>,
    own: own::OwnPage,
    scrapes: Count,
}

impl Handler for Scrape {
    fn respond(&self, _: &Request) -> Response {
        self.scrapes.add(1);
        let store = Arc::clone(&self.store);
        let mut own = Some(self.own.render());
        let mut cursor = Some(Cursor::default());
        // Rendered part by part, so that a flush waits for one part at most and memory stays small.
        let chunks = move || {
            if let Some(own) = own.take() {
                return Some(own);
            }
            let from = cursor.take()?;
            let mut part = Vec::with_capacity(PART + PART / 4);
            cursor = lock(&store).render(&from, &mut part, PART);
            Some(part)
        };
        Response {
            status: StatusCode::OK,
            content_type: CONTENT_TYPE.to_owned(),
            headers: Vec::new(),
            body: Body::Chunks(Box::new(chunks)),
        }
    }
}

fn mount(context: &BuildContext, address: SocketAddr, store: Arc<Mutex<Families>>) -> Result<(), BuildError> {
    let servers = context.shared.the::<HttpServers>();
    let ready = context.shared.the::<Readiness>();
    let scrape = Scrape {
        store,
        own: own::OwnPage::new(context),
        scrapes: context.own().counter("hekad_scrapes_total", &[("output", &*context.name)]),
    };
    let healthy = |_: &Request| Response::text(StatusCode::OK, "healthy\n");
    let is_ready = move |_: &Request| match ready.is_ready() {
        true => Response::text(StatusCode::OK, "ready\n"),
        false => Response::text(StatusCode::SERVICE_UNAVAILABLE, "not ready\n"),
    };
    let mounts: [(&str, Arc<dyn Handler>); 3] = [
        (METRICS_PATH, Arc::new(scrape)),
        ("/-/healthy", Arc::new(healthy)),
        ("/-/ready", Arc::new(is_ready)),
    ];
    for (path, handler) in mounts {
        // After a fault the plugin is built again and takes its own place.
        servers.unmount(address, path);
        servers.mount(address, path, handler).map_err(|error| BuildError::new(error.to_string()))?;
    }
    Ok(())
}

fn lock(store: &Mutex<Families>) -> MutexGuard<'_, Families> {
    store.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

const METRICS_PATH: &str = "/metrics";

/// Bytes rendered at once.
const PART: usize = 256 << 10;
