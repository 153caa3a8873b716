//! `PrometheusOutput`: running totals, last values and quantiles of the last minutes, for a scraper to fetch.
//!
//! It shows what live views of the aggregator bring each second; where a matcher gives it closed ones alone, these.
//! Counters are cumulative and never reset by a flush or a scrape. What a series is called depends on configuration and
//! its own name alone; two types under one name are resolved series by series and counted, so that no sample can break
//! a scrape. Format: <https://prometheus.io/docs/instrumenting/exposition_formats/>.

mod explain;
mod mapping;
mod options;
mod own;
mod places;
mod scrape;
mod scrapers;
mod showing;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::aggregate::WantedLevels;
use crate::exposition::{BucketLevels, Families, Kept};
use crate::flow::BodyKind;
use crate::lock::locked;
use crate::net::http::{Request, Response, StatusCode};
use crate::net::{Handler, HttpServers};
use crate::plugin::{
    Asked, BuildContext, BuildError, Declare, Endpoint, Explained, Fault, LocalFuture, Outcome, Outgoing,
    Output, Protocol, Readiness, StateStore, Ticker,
};
use crate::time::Stamp;

pub use mapping::{
    ActionOption, HistogramOptions, MappingRule, MatchOption, MetricOption, ObserverOption, OrderOption,
    SummaryOptions,
};
pub use options::{BucketTable, Config, NamingOption};

impl Declare<dyn Output> for Config {
    const TYPE: &'static str = "PrometheusOutput";
    const SUMMARY: &'static str = "Serves what was aggregated to Prometheus, with the daemon's own metrics.";

    fn listens(&self) -> Vec<Endpoint> {
        let path = Some(METRICS_PATH.to_owned());
        vec![Endpoint { path, ..Endpoint::new(Protocol::Tcp, &self.address, "address") }]
    }

    fn tells_of_itself(&self) -> bool {
        true
    }

    fn takes(&self) -> &'static [BodyKind] {
        &[BodyKind::Snapshots]
    }

    fn default_matcher(&self) -> Option<&'static str> {
        Some("Type == 'heka.statlive'")
    }

    fn reads_totals(&self) -> bool {
        true
    }

    fn ticker(&self) -> Ticker {
        Ticker::Every(Duration::from_secs(1))
    }

    fn explain(&self, asked: Asked<'_>) -> Option<Explained> {
        self.rules().ok().map(|rules| explain::explain(rules, asked))
    }

    fn build(&self, context: &BuildContext) -> Result<Box<dyn Output>, BuildError> {
        let address = crate::net::resolve(self.address.host(), self.address.port())
            .map_err(|error| BuildError::new(format!("{} cannot be resolved: {error}", self.address)))?;
        let rules = self.rules().map_err(|error| BuildError::new(error.to_string()))?;
        let levels = BucketLevels::new(&rules);
        let wanted = context.shared.the::<WantedLevels>();
        wanted.put(&context.name, Arc::new(move |series| levels.of(series)));
        let mut store = Families::new(rules, Arc::clone(&context.names));
        if let Some(bytes) = context.state.take(&context.name) {
            match Kept::read(&bytes) {
                Ok(kept) => store.restore(kept),
                Err(error) => context.state.refuse(&context.name, bytes, error),
            }
        }
        let store = Arc::new(Mutex::new(store));
        let scrape = scrape::Scrape::new(context, Arc::clone(&store), self);
        // Built again after a fault it is handed series that scrapers have seen since long.
        let since = match mount(context, address, scrape, Arc::clone(&store))? {
            true => context.clock.now(),
            false => context.started,
        };
        Ok(Box::new(PrometheusOutput {
            showing: showing::Showing::new(context, Arc::clone(&store), since),
            store,
            state: context.state.clone(),
            name: Arc::clone(&context.name),
        }))
    }
}

struct PrometheusOutput {
    showing: showing::Showing,
    store: Arc<Mutex<Families>>,
    state: StateStore,
    name: Arc<str>,
}

impl Output for PrometheusOutput {
    fn send<'a>(&'a mut self, out: &'a Outgoing<'a>) -> LocalFuture<'a, Outcome> {
        Box::pin(async move {
            match out.delivery.each_snapshot(|found, aggregator| self.showing.show(found, aggregator)) {
                0 => Outcome::Delivered,
                refused => Outcome::Partly {
                    refused,
                    why: Fault::new("only flushes can be shown; narrow message_matcher"),
                },
            }
        })
    }

    fn tick(&mut self, now: Stamp) -> Result<(), Fault> {
        let mut store = locked(&self.store);
        store.pass(now);
        self.showing.expire(&mut store, now);
        Ok(())
    }

    fn finish(&mut self, _: Stamp) -> Result<(), Fault> {
        self.state.put(&self.name, locked(&self.store).kept());
        Ok(())
    }
}

/// Mounts the paths; whether they were mounted before.
fn mount(
    context: &BuildContext,
    address: SocketAddr,
    scrape: scrape::Scrape,
    store: Arc<Mutex<Families>>,
) -> Result<bool, BuildError> {
    let servers = context.shared.the::<HttpServers>();
    let ready = context.shared.the::<Readiness>();
    let healthy = |_: &Request| Response::text(StatusCode::OK, "healthy\n");
    let is_ready = move |_: &Request| match ready.is_ready() {
        true => Response::text(StatusCode::OK, "ready\n"),
        false => Response::text(StatusCode::SERVICE_UNAVAILABLE, "not ready\n"),
    };
    let conflicts = move |_: &Request| Response::text(StatusCode::OK, locked(&store).conflicts().page());
    let mounts: [(&'static str, Arc<dyn Handler>); 4] = [
        (METRICS_PATH, Arc::new(scrape)),
        ("/-/conflicts", Arc::new(conflicts)),
        ("/-/healthy", Arc::new(healthy)),
        ("/-/ready", Arc::new(is_ready)),
    ];
    servers.mount_again(address, mounts).map_err(|error| BuildError::new(error.to_string()))
}

const METRICS_PATH: &str = "/metrics";
