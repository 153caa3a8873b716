//! `DashboardOutput`: the page at `/`, which draws what moves second by second.
//!
//! It takes live views of aggregators and sends to each open page what its glob chooses: the most often moving series,
//! 24 at most. A series that two aggregators show is drawn from the one that showed it first. With no page open a view
//! costs nearly nothing. Everything is served by GET, to no other site:
//!
//! * `/`: the page. `?glob=G` is its filter.
//! * `/api/live?glob=G`: server-sent events. `G` is a glob of names (default `*`); with a `#` in it, of
//!   `name#key:value,key2:value2`. A bad glob is answered 400, a client too many 503.
//! * `/-/series?count=N`: the heaviest prefixes and the newest names as text, or with `format=json` as JSON: `series`,
//!   `limit`, `prefixes` (how many), `heaviest` (of `prefix`, `series`, `limit`), `newest` (of `kind`, `name`, `tags`,
//!   `age`), `refused` (of `limit`, `times`).
//!
//! A series is a list: kind, name, tags (`key:value,...`), and in a view a fourth element. Events are JSON:
//!
//! * `names`: `matching`, the number of series of the glob, and `series`, the first 200 of them; when there are new ones.
//! * `view`: `t`, its time in Unix seconds; `dt`, its length in seconds; `matching`; `moving`, those of them that had
//!   samples; `series`, all that are drawn. Their fourth element is a counter's rate a second, a gauge's value, a set's
//!   size, or of a timer, histogram or distribution `[minimum, median, 90th, 99th percentile, maximum, samples a
//!   second]`; `null` if the series is not in this view; left out if another aggregator shows it.
//! * `status`: every second, running totals: `now`, `version`, `uptime`, `series`, `series_limit`, `datagrams`, `lines`,
//!   `samples`, `delivered`, `losses` (what, why, how many), `routes` (`from`, `to`, `way`, `taken`, `lost`, `held`),
//!   `streams` of files, 100 at most (`input`, `stream`, `path`, `offset`, `behind` in bytes, `trouble` in words),
//!   `more_streams`, and `registry`, which is what `/-/series` has.
//!
//! Events stand for themselves: a client that does not take them misses some. Streams end when the daemon stops.

mod events;
mod guard;
mod hub;
mod page;
mod pick;
mod series;
mod status;

use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::guard::{Guard, Purpose};
use self::hub::{Counts, Hub};
use self::page::{Page, harden};
use self::series::SeriesSite;
use self::status::Source;
use crate::config::{Address, Check, Violation};
use crate::flow::BodyKind;
use crate::metric::SeriesGlob;
use crate::net::http::{Body, Request, Response, StatusCode};
use crate::net::{Handler, HttpServers};
use crate::plugin::{
    BuildContext, BuildError, Declare, Endpoint, Fault, LocalFuture, Outcome, Outgoing, Output, Protocol,
    Ticker,
};
use crate::time::{Clock, Stamp};

/// Options of `DashboardOutput`.
#[derive(Debug, Clone, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where to serve the page, at `/`. On a loopback address it answers requests for localhost, 127.0.0.1 and the like
    /// alone: a proxy in front of it has to say so in `Host`. Any other address needs a `password`. Default
    /// "127.0.0.1:4352", beside PrometheusOutput.
    pub address: Address,
    /// Name that has to be given with the password. Default "hekad".
    pub user: String,
    /// Password that browsers ask for (HTTP Basic); it and all that is shown go over the net as plain HTTP, so let a proxy
    /// with TLS stand before it where the net is not your own. Take it from the environment: "%ENV[NAME]". Empty,
    /// nobody is asked, which only a loopback address allows. Default "".
    pub password: String,
    /// Pages that may be open at once; the next is answered 503 and counted. From 1 to 200, default 16.
    pub max_clients: u32,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            address: Address::new("127.0.0.1", 4352),
            user: "hekad".to_owned(),
            password: String::new(),
            max_clients: 16,
        }
    }
}

impl Check for Config {
    fn check(&self) -> Vec<Violation> {
        let mut violations = Vec::new();
        if self.password.is_empty() && !self.address.is_loopback() {
            let mut violation = Violation::new("address", "is open to others, who would need no password");
            violation.help = Some("set `password`, or serve the page on 127.0.0.1".to_owned());
            violations.push(violation);
        }
        if self.user.contains(':') {
            violations.push(Violation::new("user", "may not hold a `:`"));
        }
        if !(1..=200).contains(&self.max_clients) {
            violations.push(Violation::new("max_clients", "must be from 1 to 200"));
        }
        violations
    }
}

impl Declare<dyn Output> for Config {
    const TYPE: &'static str = "DashboardOutput";
    const SUMMARY: &'static str =
        "Serves a page that shows what moves, second by second, and how the daemon is.";

    fn listens(&self) -> Vec<Endpoint> {
        let endpoint = |path: &str| Endpoint {
            path: Some(path.to_owned()),
            ..Endpoint::new(Protocol::Tcp, &self.address, "address")
        };
        [PAGE_PATH, LIVE_PATH, SERIES_PATH].map(endpoint).into()
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

    fn ticker(&self) -> Ticker {
        Ticker::Every(Duration::from_secs(1))
    }

    fn build(&self, context: &BuildContext) -> Result<Box<dyn Output>, BuildError> {
        let output = [("output", &*context.name)];
        let own = context.own();
        let counts = Counts {
            clients: own.level("hekad_dashboard_clients", &output),
            refused: own.counter("hekad_dashboard_clients_refused_total", &output),
            skipped: own.counter("hekad_dashboard_events_skipped_total", &output),
        };
        let hub = Arc::new(Hub::new(Arc::clone(&context.names), self.max_clients as usize, counts));
        let source = Arc::new(Source {
            ledger: context.ledger.clone(),
            names: Arc::clone(&context.names),
            streams: context.shared.the(),
            started: context.started,
        });
        let guard = Guard::new(&self.address, &self.user, &self.password, own, &context.name);
        let site = Site {
            page: Page::new(),
            guard,
            hub: Arc::clone(&hub),
            source: Arc::clone(&source),
            series: SeriesSite { names: Arc::clone(&context.names), clock: Arc::clone(&context.clock) },
            clock: Arc::clone(&context.clock),
        };
        self.mount(context, Arc::new(site))?;
        Ok(Box::new(DashboardOutput { hub, source }))
    }
}

impl Config {
    fn mount(&self, context: &BuildContext, site: Arc<Site>) -> Result<(), BuildError> {
        let address = crate::net::resolve(self.address.host(), self.address.port())
            .map_err(|error| BuildError::new(format!("{} cannot be resolved: {error}", self.address)))?;
        let servers = context.shared.the::<HttpServers>();
        let (live, series) = (Arc::clone(&site), Arc::clone(&site));
        let mounts: [(&'static str, Arc<dyn Handler>); 3] = [
            (PAGE_PATH, Arc::new(move |request: &Request| site.page(request))),
            (LIVE_PATH, Arc::new(move |request: &Request| live.data(request, Site::stream))),
            (
                SERIES_PATH,
                Arc::new(move |request: &Request| {
                    series.data(request, |site, asked| site.series.respond(asked))
                }),
            ),
        ];
        let mounted = servers.mount_again(address, mounts);
        mounted.map(drop).map_err(|error| BuildError::new(error.to_string()))
    }
}

struct DashboardOutput {
    hub: Arc<Hub>,
    source: Arc<Source>,
}

impl Output for DashboardOutput {
    fn send<'a>(&'a mut self, out: &'a Outgoing<'a>) -> LocalFuture<'a, Outcome> {
        Box::pin(async move {
            match out.delivery.each_snapshot(|found, aggregator| self.hub.show(found, aggregator)) {
                0 => Outcome::Delivered,
                refused => Outcome::Partly {
                    refused,
                    why: Fault::new("only live views can be shown; narrow message_matcher"),
                },
            }
        })
    }

    fn tick(&mut self, now: Stamp) -> Result<(), Fault> {
        if self.hub.is_watched() {
            self.hub.tell(self.source.event(now));
        }
        Ok(())
    }
}

impl Drop for DashboardOutput {
    fn drop(&mut self) {
        // Pages come again by themselves, to the plugin that was built in its place.
        self.hub.close();
    }
}

/// What answers requests.
struct Site {
    page: Page,
    guard: Guard,
    hub: Arc<Hub>,
    source: Arc<Source>,
    series: SeriesSite,
    /// Stamps the status a new client is greeted with.
    clock: Arc<dyn Clock>,
}

impl Site {
    fn page(&self, request: &Request) -> Response {
        self.guard.refuse(request, Purpose::Page).unwrap_or_else(|| self.page.response())
    }

    /// What only the page and this machine's programs may ask for.
    fn data(&self, request: &Request, answer: impl Fn(&Site, &Request) -> Response) -> Response {
        let refused = self.guard.refuse(request, Purpose::Data);
        let mut response = refused.unwrap_or_else(|| answer(self, request));
        harden(&mut response);
        response.headers.push(("cache-control".to_owned(), "no-store".to_owned()));
        response
    }

    fn stream(&self, request: &Request) -> Response {
        let glob =
            request.parameter("glob").filter(|glob| !glob.is_empty()).unwrap_or_else(|| "*".to_owned());
        let pattern = match SeriesGlob::new(&glob) {
            Ok(pattern) => pattern,
            Err(why) => return Response::text(StatusCode::BAD_REQUEST, format!("{why}\n")),
        };
        let greeting = self.source.event(self.clock.now());
        match self.hub.join(&glob, pattern, &greeting) {
            Some(subscription) => Response {
                status: StatusCode::OK,
                content_type: "text/event-stream".to_owned(),
                headers: Vec::new(),
                body: Body::Events(Box::new(subscription)),
            },
            None => {
                let mut response =
                    Response::text(StatusCode::SERVICE_UNAVAILABLE, "too many pages are open\n");
                response.headers.push(("retry-after".to_owned(), "5".to_owned()));
                response
            }
        }
    }
}

const PAGE_PATH: &str = "/";

const LIVE_PATH: &str = "/api/live";

const SERIES_PATH: &str = "/-/series";

#[cfg(test)]
mod tests;
