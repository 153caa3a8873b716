//! Answers scrapes: in the format and coding that is asked for, part by part, a few at once.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::own::OwnPage;
use super::scrapers::{Scraper, Scrapers};
use crate::exposition::{Cursor, Families, Format, Reader, Style, accepts_gzip};
use crate::flow::Count;
use crate::lock::locked;
use crate::net::Handler;
use crate::net::http::{Body, Method, Request, Response, StatusCode};
use crate::plugin::BuildContext;

/// Answers scrapes of one store.
pub(super) struct Scrape {
    store: Arc<Mutex<Families>>,
    own: Arc<OwnPage>,
    /// Those who are shown 0 first; none if nobody is.
    scrapers: Option<Arc<Mutex<Scrapers>>>,
    under_way: Arc<AtomicU32>,
    most: u32,
    style: Style,
    scrapes: Count,
    refused: Count,
}

impl Scrape {
    pub(super) fn new(context: &BuildContext, store: Arc<Mutex<Families>>, config: &super::Config) -> Scrape {
        let (own, output) = (context.own(), [("output", &*context.name)]);
        let forgotten = own.counter("hekad_scrapers_forgotten_total", &output);
        Scrape {
            store,
            own: Arc::new(OwnPage::new(context)),
            scrapers: config.start_at_zero.then(|| Arc::new(Mutex::new(Scrapers::new(forgotten)))),
            under_way: Arc::default(),
            most: config.max_scrapes,
            style: config.style(),
            scrapes: own.counter("hekad_scrapes_total", &output),
            refused: own.counter("hekad_scrapes_refused_total", &output),
        }
    }

    /// For whom the page is, and who is to have seen it in the end.
    fn reader(&self, request: &Request, format: Format) -> (Reader, Option<Witness>) {
        let (Some(scrapers), Some(_)) = (&self.scrapers, request.header(SCRAPER_FIELD)) else {
            return (Reader::plain(format), None);
        };
        let store = locked(&self.store);
        let (through, old) = (store.births().last(), store.births().old());
        drop(store);
        let known = locked(scrapers);
        let scraper = known.who(request);
        let has_seen = known.has_seen(scraper).unwrap_or(old);
        drop(known);
        let witness = Witness { scrapers: Arc::clone(scrapers), scraper, through };
        (Reader { format, has_seen, through }, Some(witness))
    }
}

impl Handler for Scrape {
    fn respond(&self, request: &Request) -> Response {
        let format = Format::accepted(request.header_list("accept").as_deref(), self.style);
        let gzip = accepts_gzip(request.header_list("accept-encoding").as_deref());
        let mut headers = vec![("vary".to_owned(), "Accept, Accept-Encoding".to_owned())];
        if gzip {
            headers.push(("content-encoding".to_owned(), "gzip".to_owned()));
        }
        let body: Body = if request.method == Method::HEAD {
            Body::Chunks(Box::new(|| None))
        } else {
            let Some(turn) = Turn::take(&self.under_way, self.most) else {
                self.refused.add(1);
                return busy();
            };
            self.scrapes.add(1);
            let (reader, witness) = self.reader(request, format);
            let mut page = Page {
                store: Arc::clone(&self.store),
                own: Some(Arc::clone(&self.own)),
                cursor: Some(Cursor::default()),
                reader,
                witness,
                gzip: gzip.then(|| GzEncoder::new(Vec::new(), Compression::fast())),
                _turn: turn,
            };
            Body::Chunks(Box::new(move || page.next()))
        };
        Response { status: StatusCode::OK, content_type: format.content_type().to_owned(), headers, body }
    }
}

/// A page under way. Rendered part by part, so that a flush waits for one part at most and memory stays small.
struct Page {
    store: Arc<Mutex<Families>>,
    /// The daemon's own metrics, which come first.
    own: Option<Arc<OwnPage>>,
    cursor: Option<Cursor>,
    reader: Reader,
    witness: Option<Witness>,
    gzip: Option<GzEncoder<Vec<u8>>>,
    _turn: Turn,
}

/// Who is to have seen the page once it is whole.
struct Witness {
    scrapers: Arc<Mutex<Scrapers>>,
    scraper: Scraper,
    through: u64,
}

impl Page {
    fn next(&mut self) -> Option<Vec<u8>> {
        let part = self.part()?;
        let Some(gzip) = &mut self.gzip else { return Some(part) };
        let packed = std::io::Write::write_all(gzip, &part);
        let ended = if self.cursor.is_none() { gzip.try_finish() } else { Ok(()) };
        packed.and(ended).expect("writing to memory does not fail");
        Some(std::mem::take(gzip.get_mut()))
    }

    /// The next part, as it is before it is packed.
    fn part(&mut self) -> Option<Vec<u8>> {
        if let Some(own) = self.own.take() {
            return Some(own.render(self.reader.format));
        }
        let from = self.cursor.take()?;
        let mut part = Vec::with_capacity(PART + PART / 4);
        self.cursor = locked(&self.store).render(&from, &self.reader, &mut part, PART);
        if self.cursor.is_none() {
            part.extend_from_slice(self.reader.format.end());
            if let Some(Witness { scrapers, scraper, through }) = self.witness.take() {
                locked(&scrapers).saw(scraper, through);
            }
        }
        Some(part)
    }
}

/// The right to be answered, until it is dropped.
struct Turn(Arc<AtomicU32>);

impl Turn {
    fn take(under_way: &Arc<AtomicU32>, most: u32) -> Option<Turn> {
        let more = |now: u32| (now < most).then_some(now + 1);
        let taken = under_way.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        taken.ok().map(|_| Turn(Arc::clone(under_way)))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn busy() -> Response {
    let mut response =
        Response::text(StatusCode::SERVICE_UNAVAILABLE, "as many scrapes as allowed are under way\n");
    response.headers.push(("retry-after".to_owned(), "1".to_owned()));
    response
}

/// What Prometheus says and people do not.
const SCRAPER_FIELD: &str = "x-prometheus-scrape-timeout-seconds";

/// Bytes rendered at once.
const PART: usize = 256 << 10;
