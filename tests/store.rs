//! Holds the store behind a scrape endpoint to the bytes a series may take there.

use std::sync::Arc;

use heka::exposition::{Claim, Cursor, Families, Format, Reader, Reading, StoreRules, Updated};
use heka::metric::{Kind, Registry, Resolved, Series, SeriesId, Tags};
use heka::time::Stamp;

use crate::allocations::held;

/// What a store holds for each of these series, in bytes, after a scrape.
fn bytes_a_series(names: &Arc<Registry>, series: &[SeriesId]) -> f64 {
    let before = held();
    let mut store = Families::new(StoreRules::default(), Arc::clone(names));
    for (second, chunk) in (1..).zip(series.chunks(1000)) {
        let (at, created) = (Stamp::from_seconds(second), Stamp::from_seconds(second - 1));
        for &series in chunk {
            let Claim::Exposed(claimed) = store.claim(series, at, true) else { panic!("there is room") };
            let updated = store.update(claimed.slot, Reading::Counter { total: 1.0, created }, at, true);
            assert_eq!(updated, Updated::Taken);
        }
        store.pass(at);
    }
    let mut page = Vec::new();
    store.render(&Cursor::default(), &Reader::plain(Format::Text), &mut page, usize::MAX);
    let lines = page.split(|&byte| byte == b'\n').filter(|line| !line.is_empty() && line[0] != b'#');
    assert_eq!(lines.count(), series.len());
    drop(page);
    let bytes = (held() - before) as f64 / series.len() as f64;
    println!("{bytes:.1} bytes a series");
    bytes
}

fn named(names: &Registry, name: &str, tags: Tags) -> SeriesId {
    let (Resolved::Known(id) | Resolved::Overflow(id)) =
        names.resolve(Series { name: name.into(), tags, kind: Kind::Counter });
    id
}

#[test]
fn a_counter_without_tags_takes_the_store_less_than_64_bytes() {
    let names = Arc::new(Registry::new(SERIES));
    let name = |number: usize| format!("service.web.requests.{:09}", number * 7919 % 1_000_000);
    let series: Vec<_> = (0..SERIES).map(|number| named(&names, &name(number), Tags::default())).collect();
    let bytes = bytes_a_series(&names, &series);
    assert!(bytes < 64.0, "{bytes} bytes a series");
}

#[test]
fn a_counter_with_tags_takes_the_store_less_than_192_bytes() {
    let names = Arc::new(Registry::new(SERIES));
    let tags = |number: usize| {
        Tags::from([
            ("host", format!("web-{:04}", number % 500)),
            ("route", format!("/api/{:04}", number / 500)),
        ])
    };
    let series: Vec<_> = (0..SERIES).map(|number| named(&names, "web.requests", tags(number))).collect();
    let bytes = bytes_a_series(&names, &series);
    assert!(bytes < 192.0, "{bytes} bytes a series");
}

const SERIES: usize = 100_000;
